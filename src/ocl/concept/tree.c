/* S/[v/]hierarchy/: the concepts of a source that have no parent, each with the addresses of its
 * children, and the topmost one that the source names (V236). A page costs what it shows. */
#include "family.h"

#include "ocl/version/version.h"

#define ROWS_DEFAULT 100
#define ROWS_MAX     1000

/* The content that is asked for, and the page of it. */
struct tree {
    const struct ocl_source *source;
    int64_t rev; /* -1: the present */
    struct ocl_count count;
    bool is_counted; /* `count` is that of the revision */
    struct nst_str root;
    bool has_root; /* it is there */
    int64_t limit, offset;
    size_t shown;
};

/* ---- The question ---- */

static int64_t number_in(struct nst_req *rq, const char *name, int64_t low, int64_t high,
                         int64_t otherwise)
{
    int64_t n;
    struct nst_str text = nst_str_trim(nst_query_value(rq, name));
    return nst_str_int(&n, text) && n >= low && n <= high ? n : otherwise;
}

/* What a version holds does not change; of HEAD any moment can be asked for. */
static enum nst_err read_question(struct tree *t, struct nst_req *rq)
{
    const struct nst_object *o = nst_object(rq);
    t->source = nst_ancestor(rq, "source")->row;
    t->limit = number_in(rq, "limit", 1, ROWS_MAX, ROWS_DEFAULT);
    t->offset = number_in(rq, "offset", 0, INT64_MAX, 0);
    t->is_counted = true;
    if (nst_is(o, &ocl_version)) {
        const struct ocl_version *v = o->row;
        NST_TRY(ocl_refuse_moment(rq));
        t->rev = v->rev;
        t->count = v->count[OCL_CONCEPTS];
        t->root = v->hierarchy_root;
        return NST_OK;
    }
    NST_TRY(ocl_moment(&t->rev, rq, t->source));
    t->is_counted = t->rev < 0;
    t->count = t->source->count[OCL_CONCEPTS];
    t->root = t->source->hierarchy_root;
    return NST_OK;
}

/* " FROM ... WHERE ..." of the concepts of that revision. */
static void put_concepts(struct nst_sql *q, const struct tree *t)
{
    nst_sql_add(q, " FROM concept_version c WHERE c.repo_id = ");
    nst_sql_bind(q, NST_INT(t->source->row.id));
    ocl_put_moment(q, "c", t->rev);
}

/* Those without a parent, but for the root. */
static void put_topmost(struct nst_sql *q, const struct tree *t)
{
    put_concepts(q, t);
    nst_sql_add(q, " AND c.parents IS NULL");
    if (!t->has_root)
        return;
    nst_sql_add(q, " AND c.mnemonic <> ");
    nst_sql_bind(q, NST_TEXT(t->root));
}

/* ---- How many ---- */

static enum nst_err find_root(struct tree *t, bool *is_topmost, struct nst_req *rq)
{
    struct nst_sql q;
    struct nst_rows *rows;
    if (t->root.p == NULL)
        return NST_OK;
    nst_sql_init(&q, rq->arena);
    nst_sql_add(&q, "SELECT c.parents IS NULL");
    put_concepts(&q, t);
    nst_sql_add(&q, " AND c.mnemonic = ");
    nst_sql_bind(&q, NST_TEXT(t->root));
    NST_TRY(nst_sql_query(&rows, rq->db, &q));
    t->has_root = nst_rows_step(rows);
    *is_topmost = t->has_root && nst_rows_bool(rows, 0);
    return nst_rows_end(rows);
}

/* Concepts without parents and the root, which may have some. */
static enum nst_err count_rows(int64_t *out, const struct tree *t, struct nst_req *rq,
                               bool root_is_topmost)
{
    struct nst_sql q;
    *out = t->count.all - t->count.below + (t->has_root && !root_is_topmost);
    if (t->is_counted)
        return NST_OK;
    nst_sql_init(&q, rq->arena);
    nst_sql_add(&q, "SELECT count(*)");
    put_topmost(&q, t);
    NST_TRY(nst_sql_int(out, NULL, rq->db, &q));
    *out += t->has_root;
    return NST_OK;
}

/* ---- The page ---- */

static void put_row(struct nst_buf *out, struct tree *t, struct nst_str home, struct nst_rows *rows)
{
    struct nst_str code = nst_rows_text(rows, 1);
    nst_putf(out, "%s{\"uuid\":\"%lld\",\"id\":", t->shown++ > 0 ? "," : "",
             (long long)nst_rows_int(rows, 0));
    nst_json_put_str(out, code);
    nst_putf(out, ",\"url\":\"%.*sconcepts/", NST_FMT(home));
    nst_put_percent(out, code, "");
    nst_put_lit(out, "/\",\"name\":");
    nst_json_put_str_or_null(out, nst_rows_text(rows, 2));
    nst_put_lit(out, ",\"children\":");
    ocl_put_concept_urls(out, home, nst_rows_text(rows, 3));
}

#define COLUMNS "SELECT c.concept_id, c.mnemonic, c.display_name, " OCL_CHILDREN("c")

static enum nst_err put_others(struct tree *t, struct nst_req *rq, int64_t limit, int64_t offset)
{
    struct nst_sql q;
    struct nst_rows *rows;
    nst_sql_init(&q, rq->arena);
    nst_sql_add(&q, COLUMNS);
    put_topmost(&q, t);
    nst_sql_add(&q, " ORDER BY c.mnemonic LIMIT ");
    nst_sql_bind(&q, NST_INT(limit));
    nst_sql_add(&q, " OFFSET ");
    nst_sql_bind(&q, NST_INT(offset));
    NST_TRY(nst_sql_query(&rows, rq->db, &q));
    while (nst_rows_step(rows)) {
        put_row(&rq->x->out, t, ocl_home_url(rq), rows);
        nst_put_char(&rq->x->out, '}');
    }
    return nst_rows_end(rows);
}

static enum nst_err put_root(struct tree *t, struct nst_req *rq)
{
    struct nst_sql q;
    struct nst_rows *rows;
    nst_sql_init(&q, rq->arena);
    nst_sql_add(&q, COLUMNS);
    put_concepts(&q, t);
    nst_sql_add(&q, " AND c.mnemonic = ");
    nst_sql_bind(&q, NST_TEXT(t->root));
    NST_TRY(nst_sql_query(&rows, rq->db, &q));
    while (nst_rows_step(rows)) {
        put_row(&rq->x->out, t, ocl_home_url(rq), rows);
        nst_put_lit(&rq->x->out, ",\"root\":true}");
    }
    return nst_rows_end(rows);
}

/* The root is the last row of the first page. */
static enum nst_err put_page(struct tree *t, struct nst_req *rq)
{
    bool shows_root = t->has_root && t->offset == 0;
    int64_t limit = t->limit - shows_root, offset = t->offset - (t->has_root && t->offset > 0);
    NST_TRY(put_others(t, rq, limit, offset));
    return shows_root ? put_root(t, rq) : NST_OK;
}

enum nst_err ocl_hierarchy(struct nst_req *rq)
{
    struct tree t = { 0 };
    struct nst_buf *out = &rq->x->out;
    bool root_is_topmost = false;
    int64_t count = 0;
    NST_TRY(read_question(&t, rq));
    NST_TRY(find_root(&t, &root_is_topmost, rq));
    NST_TRY(count_rows(&count, &t, rq, root_is_topmost));
    nst_put_lit(out, "{\"id\":");
    nst_json_put_str(out, t.source->id);
    nst_put_lit(out, ",\"children\":[");
    NST_TRY(put_page(&t, rq));
    nst_putf(out, "],\"count\":%lld,\"offset\":%lld,\"limit\":%lld}", (long long)count,
             (long long)t.offset, (long long)t.limit);
    return nst_answer_json(rq, 200);
}

/* ---- What is said of it ---- */

static const struct nst_parameter parameter[] = {
    { "limit", "{\"type\":\"integer\"}", "Rows at most: 100 unless it is given, up to 1000." },
    { "offset", "{\"type\":\"integer\"}", "Rows before the page." },
    OCL_AS_OF,
    { 0 },
};

#define TEXT   "{\"type\":\"string\"}"
#define NUMBER "{\"type\":\"integer\",\"minimum\":0}"
static const struct nst_response response[] = {
    { 200,
      "Its concepts without parents, in the order of their ids.",
      { .schema =
            "{\"type\":\"object\",\"required\":[\"id\",\"children\",\"count\",\"offset\","
            "\"limit\"],\"properties\":{\"id\":" TEXT ",\"count\":" NUMBER ",\"offset\":" NUMBER
            ",\"limit\":" NUMBER ",\"children\":{\"type\":\"array\",\"items\":{\"type\":"
            "\"object\",\"required\":[\"uuid\",\"id\",\"url\",\"name\",\"children\"],"
            "\"properties\":{\"uuid\":" TEXT ",\"id\":" TEXT ",\"url\":" TEXT
            ",\"name\":{\"type\":[\"string\",\"null\"]},\"root\":{\"type\":\"boolean\"},"
            "\"children\":{\"type\":\"array\",\"items\":" TEXT "}}}}}}" } },
    { 0 },
};

const struct nst_description ocl_hierarchy_description = { .parameter = parameter,
                                                           .response = response };
