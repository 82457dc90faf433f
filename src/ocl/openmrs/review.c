/* Everything in a source, held against the rules of OpenMRS: before the source gets them, and
 * for operators. Names that must be unique are compared in memory, 16 bytes a name. */
#include "openmrs.h"

#include "ocl/app.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define KEY_BYTES sizeof(((struct ocl_all_names *)0)->key[0])

/* ---- Names that must be unique ---- */

static void make_key(unsigned char *out, struct nst_arena *a, const struct ocl_label *n,
                     bool as_preferred)
{
    struct nst_str text = nst_strf(a, "%d %zu %.*s %.*s", as_preferred, n->locale.n,
                                   NST_FMT(n->locale), NST_FMT(n->text));
    crypto_generichash(out, KEY_BYTES, (const unsigned char *)text.p, text.n, NULL, 0);
}

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, KEY_BYTES);
}

bool ocl_is_name_shared(const struct ocl_all_names *all, struct nst_arena *a,
                        const struct ocl_label *name, bool as_preferred)
{
    unsigned char key[KEY_BYTES];
    make_key(key, a, name, as_preferred);
    const unsigned char *at = bsearch(key, all->key, all->count, KEY_BYTES, compare);
    if (at == NULL)
        return false;
    size_t i = (size_t)(at - all->key[0]) / KEY_BYTES;
    return (i > 0 && compare(all->key[i - 1], key) == 0) ||
           (i + 1 < all->count && compare(all->key[i + 1], key) == 0);
}

static void add_key(struct ocl_all_names *all, struct nst_buf *b, struct nst_arena *a,
                    const struct ocl_label *n, bool as_preferred)
{
    unsigned char key[KEY_BYTES];
    make_key(key, a, n, as_preferred);
    nst_put(b, (struct nst_str){ (const char *)key, KEY_BYTES });
    all->count++;
}

static enum nst_err collect(struct ocl_all_names *all, struct nst_buf *b, struct nst_req *rq,
                            const struct ocl_source *s)
{
    struct nst_rows *rows;
    NST_TRY(nst_query_with(&rows, rq->db,
                           "SELECT names FROM concept_version WHERE repo_id = $1 AND NOT retired "
                           "AND rev_to = " OCL_OPEN_SQL,
                           NST_INT(s->row.id)));
    while (nst_rows_step(rows)) {
        struct ocl_label *name;
        size_t count;
        const struct nst_mark mark = nst_arena_mark(rq->arena);
        ocl_read_labels(&name, &count, rq, nst_rows_text(rows, 0), "name");
        for (size_t i = 0; i < count; i++) {
            if (name[i].kind == OCL_FULL_NAME)
                add_key(all, b, rq->arena, &name[i], false);
            if (name[i].is_preferred)
                add_key(all, b, rq->arena, &name[i], true);
        }
        nst_arena_rewind(rq->arena, mark);
    }
    return nst_rows_end(rows);
}

/* ---- Walks ---- */

#define STEP 500 /* rows that are looked at with one statement */

struct walk {
    struct nst_req *rq;
    const struct ocl_source *source;
    const struct ocl_all_names *all;
    struct ocl_review *review;
};

/* Numbers of present rows behind `last`, in order. */
static enum nst_err next_ids(int64_t *ids, size_t *count, const struct walk *w,
                             const struct ocl_kind *kind, int64_t last)
{
    struct nst_req *rq = w->rq;
    struct nst_rows *rows;
    struct nst_sql q;
    nst_sql_init(&q, rq->arena);
    nst_sql_addf(&q, "SELECT id FROM %s WHERE repo_id = ", kind->resource->table);
    nst_sql_bind(&q, NST_INT(w->source->row.id));
    nst_sql_add(&q, " AND rev_to = " OCL_OPEN_SQL " AND NOT retired AND id > ");
    nst_sql_bind(&q, NST_INT(last));
    nst_sql_addf(&q, " ORDER BY id LIMIT %d", STEP);
    NST_TRY(nst_sql_query(&rows, rq->db, &q));
    for (*count = 0; nst_rows_step(rows); (*count)++)
        ids[*count] = nst_rows_int(rows, 0);
    return nst_rows_end(rows);
}

static enum nst_err found(const struct walk *w, const struct ocl_kind *kind,
                          const struct ocl_content *c, struct ocl_fault fault)
{
    return fault.text.p == NULL ? NST_OK : w->review->found(w->review, kind, c->id, &fault);
}

static enum nst_err look_at_ids(const struct walk *w, const struct ocl_kind *kind,
                                const struct ocl_content *c, struct nst_str names)
{
    struct ocl_label *name;
    size_t count = 0, without = 0;
    if (!w->review->asks_for_ids)
        return NST_OK;
    if (c->external_id.n == 0)
        NST_TRY(found(w, kind, c, (struct ocl_fault){ "external_id", NST_STR("no external_id") }));
    if (names.p != NULL)
        ocl_read_labels(&name, &count, w->rq, names, "name");
    for (size_t i = 0; i < count; i++)
        without += name[i].external_id.n == 0;
    return without == 0
               ? NST_OK
               : found(w, kind, c,
                       (struct ocl_fault){ "names", NST_STR("a name without external_id") });
}

static enum nst_err look_at(const struct walk *w, const struct ocl_kind *kind, int64_t id)
{
    struct ocl_content *c;
    struct ocl_fault fault = { 0 };
    bool is_concept = kind == &ocl_concept_kind;
    NST_TRY(nst_load_id((void **)&c, w->rq, kind->resource, NST_LOAD_ALL, id));
    if (c == NULL)
        return NST_OK;
    if (is_concept)
        NST_TRY(ocl_judge_concept(&fault, w->rq, w->source, (const void *)c, w->all));
    else
        NST_TRY(ocl_judge_mapping(&fault, w->rq, w->source, (const void *)c));
    NST_TRY(found(w, kind, c, fault));
    return look_at_ids(w, kind, c,
                       is_concept ? ((const struct ocl_concept *)(const void *)c)->names
                                  : (struct nst_str){ 0 });
}

static enum nst_err walk_kind(const struct walk *w, const struct ocl_kind *kind)
{
    int64_t ids[STEP], last = 0;
    size_t count = STEP;
    while (count == STEP) {
        const struct nst_mark mark = nst_arena_mark(w->rq->arena);
        NST_TRY(next_ids(ids, &count, w, kind, last));
        for (size_t i = 0; i < count; i++)
            NST_TRY(look_at(w, kind, ids[i]));
        last = count > 0 ? ids[count - 1] : last;
        nst_arena_rewind(w->rq->arena, mark);
    }
    return NST_OK;
}

enum nst_err ocl_review_source(struct nst_req *rq, const struct ocl_source *s, struct ocl_review *r)
{
    struct nst_arena *a = nst_arena_new(65536);
    struct nst_req inner = { .arena = nst_arena_new(65536),
                             .registry = rq->registry,
                             .db = rq->db };
    struct ocl_all_names all = { 0 };
    const struct walk w = { &inner, s, &all, r };
    struct nst_buf b;
    nst_buf_init(&b, a, SIZE_MAX);
    enum nst_err e = collect(&all, &b, &inner, s);
    all.key = (void *)b.p;
    if (e == NST_OK && all.count > 0)
        qsort(all.key, all.count, KEY_BYTES, compare);
    if (e == NST_OK)
        e = walk_kind(&w, &ocl_concept_kind);
    if (e == NST_OK && r->asks_for_ids)
        e = walk_kind(&w, &ocl_mapping_kind);
    nst_arena_free(inner.arena);
    nst_arena_free(a);
    return e;
}

/* ---- A source gets the rules ---- */

#define FAILURES_MAX 100 /* that are told at once */

struct refusal {
    struct nst_req *rq;
    const struct ocl_source *source;
    size_t count;
};

static enum nst_err put_failure(struct ocl_review *r, const struct ocl_kind *kind,
                                struct nst_str id, const struct ocl_fault *fault)
{
    struct refusal *f = r->arg;
    struct nst_buf *out = &f->rq->x->out;
    (void)kind;
    if (f->count++ >= FAILURES_MAX)
        return NST_OK;
    nst_put_z(out, f->count > 1 ? ",{\"mnemonic\":" : "{\"mnemonic\":");
    nst_json_put_str(out, id);
    nst_putf(out, ",\"url\":\"%.*ssources/%.*s/concepts/", NST_FMT(f->source->owner_url),
             NST_FMT(f->source->id));
    nst_put_percent(out, id, "");
    nst_putf(out, "/\",\"errors\":{\"%s\":[", fault->field);
    nst_json_put_str(out, fault->text);
    nst_put_lit(out, "]}}");
    return NST_OK;
}

static enum nst_err write_names(struct nst_req *rq, struct ocl_source *s)
{
    struct nst_arena *a = nst_arena_new(65536);
    struct nst_req inner = { .arena = a, .registry = rq->registry, .db = rq->db };
    struct nst_rows *rows;
    struct ocl_concept c = { 0 };
    s->custom_validation_schema = NST_STR("OpenMRS");
    enum nst_err e = nst_exec_with(NULL, rq->db, "DELETE FROM present_name WHERE repo_id = $1",
                                   NST_INT(s->row.id));
    if (e == NST_OK)
        e = nst_query_with(&rows, rq->db,
                           "SELECT mnemonic, names FROM concept_version WHERE repo_id = $1 AND "
                           "NOT retired AND rev_to = " OCL_OPEN_SQL,
                           NST_INT(s->row.id));
    while (e == NST_OK && nst_rows_step(rows)) {
        nst_arena_reset(a);
        c.content.id = nst_rows_text(rows, 0);
        c.names = nst_rows_text(rows, 1);
        nst_rows_fail(rows, ocl_keep_names(&inner, s, &c, true));
    }
    e = e == NST_OK ? nst_rows_end(rows) : e;
    nst_arena_free(a);
    return e;
}

static bool asks_for_rules(struct nst_req *rq)
{
    const struct nst_json *v =
        rq->body->kind == NST_JSON_OBJECT ? nst_body_member(rq, "custom_validation_schema") : NULL;
    return v != NULL && v->kind == NST_JSON_STRING && nst_str_eq(v->text, NST_STR("OpenMRS"));
}

enum nst_err ocl_source_update(struct nst_req *rq)
{
    const struct nst_row *row = nst_object(rq)->row;
    struct ocl_source *s;
    struct nst_buf *out = &rq->x->out;
    NST_TRY(nst_load_id((void **)&s, rq, &ocl_source, NST_LOAD_CORE, row->id));
    if (s == NULL || !asks_for_rules(rq) || ocl_is_openmrs(s))
        return nst_update(rq);
    struct refusal f = { rq, s, 0 };
    struct ocl_review review = { .found = put_failure, .arg = &f };
    nst_put_lit(out, "{\"failed_concept_validations\":[");
    if (!ocl_is_copying(rq)) /* a copy is what it is where it comes from */
        NST_TRY(ocl_review_source(rq, s, &review));
    nst_put_lit(out, "]}");
    if (f.count > 0)
        return nst_answer_json(rq, 400);
    out->n = 0;
    NST_TRY(write_names(rq, s));
    return nst_update(rq);
}

static const struct nst_response response[] = {
    { 400,
      "A field is not right, or concepts break the rules that the source is to get: the first "
      "hundred.",
      { .schema =
            "{\"anyOf\":[{\"$ref\":\"#/components/schemas/v2.Error\"},{\"type\":\"object\","
            "\"required\":[\"failed_concept_validations\"],\"properties\":{"
            "\"failed_concept_validations\":{\"type\":\"array\",\"items\":{\"type\":\"object\","
            "\"required\":[\"mnemonic\",\"url\",\"errors\"]}}}}]}" } },
    { 0 },
};
const struct nst_description ocl_source_updating = { .as = nst_update, .response = response };
