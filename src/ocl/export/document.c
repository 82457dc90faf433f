/* The document of an export (V619, V621, V622): what the version says, what its source said, its
 * concepts and mappings, newest first. Rows are shown by the serializers of sets that exist for
 * this: what they show is kept with the version. */
#include "export.h"

#include "ocl/concept/concept.h"
#include "ocl/mapping/mapping.h"
#include "ocl/version/version.h"

#define PIECE_ROWS  500
#define PIECE_BYTES ((size_t)1 << 20)  /* the row that passes them is the last of a piece */
#define PIECE_MAX   ((size_t)64 << 20) /* bytes: 500 rows of the largest size do not reach it */

/* ---- What stands once ---- */

/* A row, whose JSON is appended; with `open_end` without the brace at its end. */
struct single {
    struct nst_buf *out;
    bool open_end, is_there;
};

static void take_single(void *arg, const void *row, struct nst_str json)
{
    struct single *s = arg;
    (void)row;
    nst_put(s->out, nst_str_slice(json, 0, json.n - (s->open_end ? 1 : 0)));
    s->is_there = true;
}

/* Which row: the one whose column has the number. */
struct choice {
    const struct nst_resource *resource;
    const struct nst_set *set;
    const char *column;
    int64_t number;
};

static enum nst_err put_single(struct single *s, struct nst_req *rq, const struct choice *c)
{
    struct nst_sql q;
    nst_sql_init(&q, rq->arena);
    nst_sql_addf(&q, " AND %s = ", c->column);
    nst_sql_bind(&q, NST_INT(c->number));
    const struct nst_inner inner = { .resource = c->resource,
                                     .set = c->set,
                                     .use = NST_DETAIL,
                                     .conditions = &q,
                                     .limit = 1,
                                     .is_judged = true,
                                     .take = take_single,
                                     .arg = s };
    NST_TRY(nst_each_row(rq, &inner));
    return s->is_there ? NST_OK : NST_E_NOT_FOUND;
}

static enum nst_err put_version(struct nst_buf *out, struct nst_req *rq, const struct ocl_export *x)
{
    struct single s = { .out = out, .open_end = true };
    return put_single(&s, rq,
                      &(struct choice){
                          &ocl_version,
                          &ocl_version.sets[x->is_head ? OCL_LISTED : OCL_EXPORTED_VERSION],
                          "repo_version.id", x->version_id });
}

static enum nst_err put_source(struct nst_buf *out, struct nst_req *rq, const struct ocl_export *x)
{
    struct single s = { .out = out };
    const struct choice now = { &ocl_source, NULL, "repo.id", x->repo_id };
    const struct choice then = { &ocl_source, &ocl_source.sets[OCL_EXPORTED_SOURCE], "repo.said_id",
                                 x->version_id };
    nst_put_lit(out, ",\"source\":");
    return put_single(&s, rq, x->is_head ? &now : &then);
}

/* ---- Rows ---- */

static void choose_mappings(struct nst_sql *q, const struct ocl_export *x)
{
    static const char *const end[] = { "from_source_id", "to_source_id" };
    nst_sql_add(q, " AND repo.export_id = ");
    nst_sql_bind(q, NST_INT(x->id));
    for (size_t i = 0; i < NST_COUNT(end); i++) {
        nst_sql_addf(q,
                     " AND mapping_version.%s NOT IN (SELECT h.end_id FROM repo_export_hidden h "
                     "WHERE h.export_id = ",
                     end[i]);
        nst_sql_bind(q, NST_INT(x->id));
        nst_sql_add(q, ")");
    }
}

/* The lists of a document, in their order (V619). */
static const struct list {
    const char *name;
    const struct nst_resource *resource;
    int set; /* the place among its sets; -1: what it says itself */
    void (*choose)(struct nst_sql *q, const struct ocl_export *x); /* NULL: all */
} lists[] = {
    { "concepts", &ocl_concept, OCL_EXPORTED, NULL },
    { "mappings", &ocl_exported_mapping, -1, choose_mappings },
};

#define PARTS (1 + NST_COUNT(lists)) /* the first is what stands once */

struct rows {
    struct nst_buf *out;
    struct ocl_document *d;
    int64_t count;
};

static void take_row(void *arg, const void *row, struct nst_str json)
{
    struct rows *r = arg;
    nst_put_z(r->out, r->d->has_rows ? "," : "");
    nst_put(r->out, json);
    r->d->has_rows = true;
    r->d->behind = ((const struct nst_row *)row)->id;
    r->d->rows++;
    r->count++;
}

static void put_conditions(struct nst_sql *q, const struct ocl_document *d, const struct list *list)
{
    const char *t = list->resource->table;
    nst_sql_addf(q, " AND %s.repo_id = ", t);
    nst_sql_bind(q, NST_INT(d->of.repo_id));
    ocl_put_moment(q, t, d->of.rev);
    nst_sql_addf(q, " AND %s.id < ", t);
    nst_sql_bind(q, NST_INT(d->behind));
    if (list->choose != NULL)
        list->choose(q, &d->of);
}

static enum nst_err put_rows(bool *are_over, struct nst_buf *out, struct ocl_document *d,
                             struct nst_req *rq)
{
    const struct list *list = &lists[d->part - 1];
    struct rows rows = { .out = out, .d = d };
    struct nst_sql q;
    struct nst_str order = nst_strf(rq->arena, "%s.id DESC", list->resource->table);
    nst_sql_init(&q, rq->arena);
    put_conditions(&q, d, list);
    const struct nst_inner inner = { .resource = list->resource,
                                     .set = list->set < 0 ? NULL : &list->resource->sets[list->set],
                                     .use = NST_DETAIL,
                                     .conditions = &q,
                                     .order = order.p,
                                     .limit = PIECE_ROWS,
                                     .bytes = PIECE_BYTES,
                                     .is_judged = true,
                                     .take = take_row,
                                     .arg = &rows };
    NST_TRY(nst_each_row(rq, &inner));
    *are_over = rows.count == 0;
    return NST_OK;
}

/* ---- Pieces ---- */

static enum nst_err put_head(struct nst_buf *out, const struct ocl_document *d, struct nst_req *rq)
{
    NST_TRY(put_version(out, rq, &d->of));
    return put_source(out, rq, &d->of);
}

static void go_on(struct nst_buf *out, struct ocl_document *d)
{
    nst_put_z(out, d->part > 0 ? "]" : "");
    d->part++;
    d->behind = INT64_MAX;
    d->has_rows = false;
    d->is_over = d->part == PARTS;
    if (d->is_over)
        nst_put_lit(out, ",\"export_time\":\"0secs\"}");
    else
        nst_putf(out, ",\"%s\":[", lists[d->part - 1].name);
}

enum nst_err ocl_document_read(struct nst_buf *out, struct ocl_document *d, struct nst_arena *a,
                               struct nst_registry *registry, struct nst_db *db)
{
    struct nst_exchange x = { .arena = a };
    struct nst_req rq = { .arena = a,
                          .x = &x,
                          .registry = registry,
                          .db = db,
                          .now = nst_now(),
                          .face = V2,
                          .is_internal = true };
    bool is_over = true;
    nst_arena_reset(a);
    nst_buf_init(out, a, PIECE_MAX);
    NST_TRY(d->part == 0 ? put_head(out, d, &rq) : put_rows(&is_over, out, d, &rq));
    if (is_over)
        go_on(out, d);
    return out->is_full ? NST_E_INTERNAL : NST_OK;
}
