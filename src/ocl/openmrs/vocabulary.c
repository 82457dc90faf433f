/* The vocabularies of OpenMRS, made as anybody would make them: lines of an import. */
#include "openmrs.h"

#include "nestor/base/log.h"

#include "ocl/import.h"

#define OWNER          "OCL"
#define LINE_MAX_BYTES 4096

/* ---- Lines ---- */

/* A line under the owner, up to further members. */
static void put_start(struct nst_buf *b, const char *type, const char *id)
{
    nst_putf(b, "{\"type\":\"%s\",\"owner\":\"" OWNER "\",\"owner_type\":\"Organization\",\"id\":",
             type);
    nst_json_put_str(b, nst_str_z(id));
}

static void put_source(struct nst_buf *b, const struct ocl_values *v)
{
    put_start(b, "Source", v->source);
    nst_putf(b,
             ",\"name\":\"%s\",\"full_name\":\"%s\",\"public_access\":\"View\","
             "\"default_locale\":\"en\",\"source_type\":\"Dictionary\"}",
             v->source, v->name);
}

static void put_concept(struct nst_buf *b, const struct ocl_values *v, const struct ocl_value *o)
{
    struct nst_str rest = nst_str_z(o->names != NULL ? o->names : o->id);
    const char *type = "\"Fully Specified\"", *preferred = "true";
    put_start(b, "Concept", o->id);
    nst_putf(b, ",\"source\":\"%s\",\"concept_class\":\"%s\",\"datatype\":\"N/A\",\"names\":[",
             v->source, v->concept_class);
    while (rest.p != NULL) {
        nst_put_lit(b, "{\"locale\":\"en\",\"name\":");
        nst_json_put_str(b, nst_str_cut(&rest, '|'));
        nst_putf(b, ",\"name_type\":%s,\"locale_preferred\":%s}%s", type, preferred,
                 rest.p != NULL ? "," : "]");
        type = "null";
        preferred = "false";
    }
    if (o->external_id != NULL)
        nst_putf(b, ",\"external_id\":\"%s\"", o->external_id);
    nst_put_char(b, '}');
}

/* What has been put becomes the next line. */
static enum nst_err add(struct ocl_batch *batch, struct nst_buf *b)
{
    struct ocl_line *line = &batch->line[batch->count++];
    struct nst_str text = nst_str_copy(batch->arena, nst_buf_str(b));
    b->n = 0;
    return nst_json_read(&line->tree, NULL, batch->arena, text, NULL);
}

/* ---- A database ---- */

static enum nst_err is_there(bool *out, struct nst_db *db, const char *source)
{
    return nst_exists_with(out, db,
                           "SELECT 1 FROM repo WHERE owner_type = 'Organization' AND owner = "
                           "'" OWNER "' AND mnemonic = $1 AND is_active",
                           NST_TEXT(nst_str_z(source)));
}

static enum nst_err add_vocabulary(struct ocl_batch *batch, struct nst_buf *b,
                                   const struct ocl_values *v)
{
    put_source(b, v);
    NST_TRY(add(batch, b));
    for (size_t i = 0; i < v->count; i++) {
        put_concept(b, v, &v->value[i]);
        NST_TRY(add(batch, b));
    }
    return NST_OK;
}

static enum nst_err add_all(struct ocl_batch *batch, struct nst_db *db)
{
    size_t most = 1;
    struct nst_buf b;
    for (size_t i = 0; i < OCL_VOCABULARIES; i++)
        most += 1 + ocl_vocabularies[i].count;
    batch->line = NST_NEW_ARRAY(batch->arena, struct ocl_line, most);
    nst_buf_init(&b, batch->arena, LINE_MAX_BYTES);
    nst_put_lit(&b, "{\"type\":\"Organization\",\"id\":\"" OWNER "\",\"name\":\"" OWNER "\"}");
    NST_TRY(add(batch, &b));
    for (size_t i = 0; i < OCL_VOCABULARIES; i++) {
        bool has_it;
        NST_TRY(is_there(&has_it, db, ocl_vocabularies[i].source));
        if (!has_it)
            NST_TRY(add_vocabulary(batch, &b, &ocl_vocabularies[i]));
    }
    return NST_OK;
}

static void log_refused(const struct ocl_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++)
        if (ocl_outcome_is_error(batch->line[i].outcome))
            nst_log(NST_LOG_WARN, "vocabulary_refused", NST_LOG_STR("why", batch->line[i].detail));
}

/* Line by line where one is refused: the others stand. */
static enum nst_err import(struct ocl_batch *batch, struct nst_db *db,
                           struct nst_registry *registry, const struct nst_caller *caller)
{
    struct ocl_importer *im = ocl_importer_new(registry, caller);
    enum nst_err e = nst_savepoint(db);
    if (e == NST_OK)
        e = ocl_import_lines(batch, im, db);
    if (e == NST_OK && batch->again) {
        e = nst_savepoint_rollback(db);
        e = e == NST_OK ? ocl_import_lines(batch, im, db) : e;
        log_refused(batch);
    } else if (e == NST_OK) {
        e = nst_savepoint_release(db);
    }
    ocl_importer_free(im);
    return e;
}

enum nst_err ocl_make_vocabularies(struct nst_db *db, struct nst_registry *registry,
                                   const struct nst_caller *caller, bool wanted)
{
    struct ocl_batch batch = { .arena = nst_arena_new(65536) };
    int64_t noted = 0;
    enum nst_err e = nst_exec_with(&noted, db,
                                   "INSERT INTO vocabularies_made (id) VALUES ($1) "
                                   "ON CONFLICT DO NOTHING",
                                   NST_INT(1));
    if (e == NST_OK && noted > 0 && wanted)
        e = add_all(&batch, db);
    if (e == NST_OK && batch.count > 0)
        e = import(&batch, db, registry, caller);
    nst_arena_free(batch.arena);
    return e;
}

/* ---- A database of before ---- */

struct fill {
    struct nst_registry *registry;
    int64_t superuser; /* number of the first; 0: there is none, or nothing is to be made */
};

static enum nst_err look(struct nst_db *db, void *arg)
{
    struct fill *f = arg;
    struct nst_rows *rows;
    NST_TRY(nst_query(&rows, db,
                      NST_STR("SELECT min(id) FROM account WHERE is_active AND is_superuser AND "
                              "NOT EXISTS (SELECT 1 FROM vocabularies_made)"),
                      NULL, 0));
    if (nst_rows_step(rows))
        f->superuser = nst_rows_int(rows, 0);
    return nst_rows_end(rows);
}

static enum nst_err make(struct nst_db *db, void *arg)
{
    const struct fill *f = arg;
    const struct nst_caller caller = { true, true, true, f->superuser, NST_STR("") };
    return ocl_make_vocabularies(db, f->registry, &caller, true);
}

enum nst_err ocl_fill_vocabularies(struct nst_store *store, struct nst_registry *registry)
{
    struct fill f = { .registry = registry };
    NST_TRY(nst_store_run(store, NST_MODE_READ, look, &f));
    return f.superuser == 0 ? NST_OK : nst_store_run(store, NST_MODE_WRITE, make, &f);
}
