/* The checksums of versions: how they are shown, and those of older databases. */
#include "content.h"

#include "nestor/base/log.h"

#include "ocl/concept/concept.h"
#include "ocl/mapping/mapping.h"

static void print(struct nst_buf *out, const struct nst_face *face, const struct nst_field *f,
                  const void *row)
{
    const struct ocl_content *c = row;
    (void)face;
    (void)f;
    nst_put_lit(out, "{\"standard\":");
    nst_json_put_str_or_null(out, c->standard_checksum);
    nst_put_lit(out, ",\"smart\":");
    nst_json_put_str_or_null(out, c->smart_checksum);
    nst_put_char(out, '}');
}

/* ---- What they are made of ---- */

const struct nst_json_limits ocl_stored_limits = { NST_JSON_DEPTH + 2, SIZE_MAX };

static void add(struct nst_json *object, const char *name, struct nst_json *v)
{
    v->name = nst_str_z(name);
    v->next = object->first;
    object->first = v;
    object->count++;
}

void ocl_add_text(struct nst_req *rq, struct nst_json *object, const char *name,
                  struct nst_str text)
{
    struct nst_json *v = NST_NEW(rq->arena, struct nst_json);
    *v =
        (struct nst_json){ .kind = text.p != NULL ? NST_JSON_STRING : NST_JSON_NULL, .text = text };
    add(object, name, v);
}

void ocl_add_json(struct nst_req *rq, struct nst_json *object, const char *name,
                  struct nst_str json)
{
    struct nst_json *v;
    if (json.p == NULL)
        return;
    if (nst_json_read(&v, NULL, rq->arena, json, &ocl_stored_limits) == NST_OK)
        add(object, name, v);
    else
        ocl_add_text(rq, object, name, json); /* damaged: its text counts, so that no two agree */
}

/* ---- How they are shown ---- */

const struct nst_type ocl_stored_checksums = {
    .name = "checksums", .rep = NST_REP_INT, .schema = "object", .print = print
};

/* ---- Of versions that have none ---- */

#define STEP 500 /* rows of one transaction */

struct fill {
    const struct ocl_kind *kind;
    struct nst_registry *registry;
    int64_t done, last; /* last: number of the last version that was looked at */
    bool is_over;
};

enum nst_err ocl_seal_again(struct nst_req *rq, const struct ocl_kind *kind, int64_t id)
{
    struct ocl_content *c;
    struct nst_sql q;
    NST_TRY(nst_load_id((void **)&c, rq, kind->resource, NST_LOAD_ALL, id));
    if (c == NULL)
        return NST_OK;
    const struct ocl_checksums sums = kind->sums(rq, c);
    nst_sql_init(&q, rq->arena);
    nst_sql_addf(&q, "UPDATE %s SET standard_checksum = ", kind->resource->table);
    nst_sql_bind(&q, NST_TEXT(sums.standard));
    nst_sql_add(&q, ", smart_checksum = ");
    nst_sql_bind(&q, NST_TEXT(sums.smart));
    nst_sql_add(&q, " WHERE repo_id = ");
    nst_sql_bind(&q, NST_INT(c->repo_id));
    nst_sql_add(&q, " AND id = ");
    nst_sql_bind(&q, NST_INT(id));
    return nst_sql_exec(NULL, rq->db, &q);
}

/* ---- Versions one by one ---- */

/* Numbers of versions; the last that was seen. */
struct some {
    int64_t id[STEP], last;
    size_t count;
};

/* The next ones. */
static enum nst_err find_some(struct some *s, struct nst_req *rq, const char *table,
                              const struct nst_sql *which)
{
    struct nst_rows *rows;
    struct nst_sql q;
    s->count = 0;
    nst_sql_init(&q, rq->arena);
    nst_sql_addf(&q, "SELECT %s.id FROM %s WHERE TRUE", table, table);
    nst_sql_add_str(&q, nst_buf_str(&which->text));
    nst_sql_push_all(&q, which);
    nst_sql_addf(&q, " AND %s.id > ", table);
    nst_sql_bind(&q, NST_INT(s->last));
    nst_sql_addf(&q, " ORDER BY %s.id LIMIT %d", table, STEP);
    NST_TRY(nst_sql_query(&rows, rq->db, &q));
    while (s->count < STEP && nst_rows_step(rows))
        s->last = s->id[s->count++] = nst_rows_int(rows, 0);
    return nst_rows_end(rows);
}

enum nst_err ocl_each_version(struct nst_req *rq, const struct ocl_kind *kind,
                              const struct nst_sql *which,
                              enum nst_err (*each)(struct nst_req *rq, int64_t id, void *arg),
                              void *arg)
{
    struct nst_arena *a = nst_arena_new(65536);
    struct nst_req own = { .arena = a, .registry = rq->registry, .db = rq->db, .face = rq->face };
    struct some *s = NST_NEW(rq->arena, struct some);
    enum nst_err e = NST_OK;
    for (s->count = STEP; e == NST_OK && s->count == STEP;) {
        e = find_some(s, rq, kind->resource->table, which);
        for (size_t i = 0; e == NST_OK && i < s->count; i++) {
            nst_arena_reset(a);
            e = each(&own, s->id[i], arg);
        }
    }
    nst_arena_free(a);
    return e;
}

/* ---- Filling ---- */

static enum nst_err find_rows(int64_t *ids, size_t *count, struct nst_req *rq, const struct fill *f)
{
    struct nst_sql q;
    struct nst_rows *rows;
    nst_sql_init(&q, rq->arena);
    nst_sql_addf(&q, "SELECT id FROM %s WHERE standard_checksum IS NULL AND id > ",
                 f->kind->resource->table);
    nst_sql_bind(&q, NST_INT(f->last));
    nst_sql_add(&q, " ORDER BY id LIMIT ");
    nst_sql_bind(&q, NST_INT(STEP));
    NST_TRY(nst_sql_query(&rows, rq->db, &q));
    for (*count = 0; *count < STEP && nst_rows_step(rows); (*count)++)
        ids[*count] = nst_rows_int(rows, 0);
    return nst_rows_end(rows);
}

/* Most starts have nothing to do, and need not write for that. */
static enum nst_err look(struct nst_db *db, void *arg)
{
    struct fill *f = arg;
    struct nst_arena *a = nst_arena_new(65536);
    struct nst_req rq = { .arena = a, .db = db };
    int64_t ids[STEP];
    size_t count = 0;
    enum nst_err e = find_rows(ids, &count, &rq, f);
    f->is_over = count == 0;
    nst_arena_free(a);
    return e;
}

static enum nst_err fill_some(struct nst_db *db, void *arg)
{
    struct fill *f = arg;
    struct nst_arena *a = nst_arena_new(65536);
    struct nst_req rq = { .arena = a, .registry = f->registry, .db = db };
    int64_t ids[STEP];
    size_t count = 0;
    enum nst_err e = find_rows(ids, &count, &rq, f);
    for (size_t i = 0; e == NST_OK && i < count; i++) {
        nst_arena_reset(a);
        e = ocl_seal_again(&rq, f->kind, ids[i]);
    }
    nst_arena_free(a);
    if (e != NST_OK)
        return e;
    f->done += (int64_t)count;
    f->last = count > 0 ? ids[count - 1] : f->last;
    f->is_over = count < STEP;
    return NST_OK;
}

static enum nst_err fill_kind(struct nst_store *store, struct nst_registry *registry,
                              const struct ocl_kind *kind)
{
    struct fill f = { .kind = kind, .registry = registry };
    NST_TRY(nst_store_run(store, NST_MODE_READ, look, &f));
    while (!f.is_over) {
        NST_TRY(nst_store_run(store, NST_MODE_WRITE, fill_some, &f));
        if (f.done > 0)
            nst_log(NST_LOG_INFO, "checksums", NST_LOG_STR("of", nst_str_z(kind->noun)),
                    NST_LOG_INT("versions", f.done));
    }
    return NST_OK;
}

enum nst_err ocl_fill_checksums(struct nst_store *store, struct nst_registry *registry)
{
    NST_TRY(fill_kind(store, registry, &ocl_concept_kind));
    return fill_kind(store, registry, &ocl_mapping_kind);
}
