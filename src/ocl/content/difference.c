/* What changed in a source between two points: a version of it, a revision, or a time. The
 * intervals know it: only rows that came between are read, whatever the size of the source. */
#include "ocl/concept/concept.h"

#define ROWS_DEFAULT 100
#define ROWS_MAX     1000

/* Two revisions of a source, and the rows of one kind that came between: their numbers from
 * `first` on, before `end`. */
struct difference {
    const struct ocl_kind *kind;
    const struct ocl_source *source;
    int64_t from, to, first, end, limit, last;
    size_t count;
    bool has_more;
};

/* ---- The question ---- */

static enum nst_err find_version(int64_t *rev, bool *found, struct nst_req *rq,
                                 const struct ocl_source *s, struct nst_str id)
{
    struct nst_sql q;
    nst_sql_init(&q, rq->arena);
    nst_sql_add(&q, "SELECT rev FROM repo_version WHERE is_active AND repo_id = ");
    nst_sql_bind(&q, NST_INT(s->row.id));
    nst_sql_add(&q, " AND mnemonic = ");
    nst_sql_bind(&q, NST_TEXT(id));
    if (!ocl_face_of(rq)->shows_initial)
        nst_sql_add(&q, " AND mnemonic <> 'INITIAL'");
    return nst_sql_int(rev, found, rq->db, &q);
}

#define UNREADABLE "No version of the source, no revision, no time such as 2026-01-31T12:00:00Z."
static const struct ocl_moment_parameter from = { "from", UNREADABLE };
static const struct ocl_moment_parameter to = { "to", UNREADABLE };

/* The id of a version first, since it may look like a revision. */
static enum nst_err read_point(int64_t *rev, struct nst_req *rq, const struct difference *d,
                               const struct ocl_moment_parameter *p)
{
    struct nst_str text = nst_query_value(rq, p->name);
    bool found = false;
    *rev = d->source->rev;
    if (nst_str_eq(text, NST_STR("HEAD")))
        return NST_OK;
    NST_TRY(find_version(rev, &found, rq, d->source, text));
    return found ? NST_OK : ocl_read_moment(rev, rq, d->source, p);
}

static bool is_number(int64_t *out, struct nst_req *rq, struct nst_str text)
{
    const struct nst_json v = { .kind = NST_JSON_NUMBER, .text = text };
    return nst_int.parse(rq, NULL, &v, out) && *out >= 0;
}

/* `after` is the end of the walk and the row before the page: "12.549755813890". */
static enum nst_err read_page(struct difference *d, struct nst_req *rq)
{
    struct nst_str limit = nst_query_value(rq, "limit"), rest = nst_query_value(rq, "after");
    const struct nst_str invalid = nst_str_z(nst_texts_of(rq->face)->invalid);
    d->limit = ROWS_DEFAULT;
    if (limit.n > 0 && !is_number(&d->limit, rq, limit))
        return nst_fail(rq, NST_E_INVALID, "limit", invalid);
    if (d->limit < 1 || d->limit > ROWS_MAX)
        d->limit = ROWS_DEFAULT;
    if (rest.n == 0)
        return NST_OK;
    struct nst_str end = nst_str_cut(&rest, '.');
    if (!is_number(&d->to, rq, end) || !is_number(&d->last, rq, rest) || d->to > d->source->rev ||
        d->last == INT64_MAX)
        return nst_fail(rq, NST_E_INVALID, "after", invalid);
    return NST_OK;
}

static enum nst_err read_question(struct difference *d, struct nst_req *rq)
{
    const char *t = d->kind->resource->table;
    if (nst_query_value(rq, "from").n == 0)
        return nst_fail(rq, NST_E_INVALID, "from", nst_str_z(nst_texts_of(rq->face)->required));
    NST_TRY(read_point(&d->from, rq, d, &from));
    d->to = d->source->rev;
    if (nst_query_value(rq, "to").n > 0)
        NST_TRY(read_point(&d->to, rq, d, &to));
    NST_TRY(read_page(d, rq));
    if (d->from > d->to)
        return nst_fail(rq, NST_E_INVALID, "from", NST_STR("It comes after `to`."));
    NST_TRY(ocl_first_after(&d->first, rq, d->source, t, d->from));
    NST_TRY(ocl_first_after(&d->end, rq, d->source, t, d->to));
    d->first = d->last >= d->first ? d->last + 1 : d->first;
    return NST_OK;
}

/* ---- The answer ---- */

/* Those that were present at the end, and came after the beginning; beside them what was
 * present at the beginning, where there was something. */
static void put_select(struct nst_sql *q, const struct difference *d)
{
    const char *t = d->kind->resource->table, *object = d->kind->object;
    nst_sql_addf(q,
                 "SELECT v.id, v.mnemonic, v.retired, p.id, p.retired FROM %s v LEFT JOIN %s p "
                 "ON p.repo_id = v.repo_id AND p.mnemonic = v.mnemonic AND p.%s = v.%s "
                 "AND p.rev_to > ",
                 t, t, object, object);
    nst_sql_bind(q, NST_INT(d->from));
    nst_sql_add(q, " AND p.rev_from <= ");
    nst_sql_bind(q, NST_INT(d->from));
    nst_sql_add(q, " WHERE v.repo_id = ");
    nst_sql_bind(q, NST_INT(d->source->row.id));
    nst_sql_add(q, " AND v.id >= ");
    nst_sql_bind(q, NST_INT(d->first));
    nst_sql_add(q, " AND v.id < ");
    nst_sql_bind(q, NST_INT(d->end));
    nst_sql_add(q, " AND v.rev_to > ");
    nst_sql_bind(q, NST_INT(d->to));
    nst_sql_add(q, " ORDER BY v.id LIMIT ");
    nst_sql_bind(q, NST_INT(d->limit + 1));
}

static void put_address(struct nst_buf *out, const struct difference *d, struct nst_str code,
                        int64_t version)
{
    nst_putf(out, "\"%.*ssources/%.*s/concepts/", NST_FMT(d->source->owner_url),
             NST_FMT(d->source->id));
    nst_put_percent(out, code, "");
    nst_put_char(out, '/');
    if (version > 0) {
        nst_put_int(out, version);
        nst_put_char(out, '/');
    }
    nst_put_char(out, '"');
}

static const char *change_of(struct nst_rows *rows)
{
    bool is_retired = nst_rows_bool(rows, 2), was_retired = nst_rows_bool(rows, 4);
    if (nst_rows_is_null(rows, 3))
        return "created";
    if (is_retired == was_retired)
        return "changed";
    return is_retired ? "retired" : "reactivated";
}

static void put_row(struct nst_buf *out, const struct difference *d, struct nst_rows *rows)
{
    struct nst_str code = nst_rows_text(rows, 1);
    nst_put_z(out, d->count > 0 ? ",{\"id\":" : "{\"id\":");
    nst_json_put_str(out, code);
    nst_putf(out, ",\"change\":\"%s\",\"url\":", change_of(rows));
    put_address(out, d, code, 0);
    nst_put_lit(out, ",\"version_url\":");
    put_address(out, d, code, nst_rows_int(rows, 0));
    nst_put_lit(out, ",\"previous_version_url\":");
    if (nst_rows_is_null(rows, 3))
        nst_put_lit(out, "null");
    else
        put_address(out, d, code, nst_rows_int(rows, 3));
    nst_put_char(out, '}');
}

static enum nst_err put_rows(struct difference *d, struct nst_req *rq)
{
    struct nst_sql q;
    struct nst_rows *rows;
    nst_sql_init(&q, rq->arena);
    put_select(&q, d);
    NST_TRY(nst_sql_query(&rows, rq->db, &q));
    while (nst_rows_step(rows)) {
        d->has_more = (int64_t)d->count == d->limit;
        if (d->has_more)
            break;
        put_row(&rq->x->out, d, rows);
        d->last = nst_rows_int(rows, 0);
        d->count++;
    }
    return nst_rows_end(rows);
}

/* HEAD stays what it was when the walk began. */
static void put_next(struct nst_buf *out, struct nst_req *rq, const struct difference *d)
{
    struct nst_buf b;
    nst_put_lit(out, ",\"next\":");
    if (!d->has_more) {
        nst_put_lit(out, "null");
        return;
    }
    nst_buf_init(&b, rq->arena, 65536);
    nst_put_address(&b, rq, "after");
    nst_putf(&b, "after=%lld.%lld", (long long)d->to, (long long)d->last);
    nst_json_put_str(out, nst_buf_str(&b));
}

static enum nst_err difference_view(struct nst_req *rq)
{
    struct difference d = { .kind = rq->action->arg, .source = nst_object(rq)->row };
    struct nst_buf *out = &rq->x->out;
    NST_TRY(read_question(&d, rq));
    nst_putf(out, "{\"from\":%lld,\"to\":%lld,\"concepts\":[", (long long)d.from, (long long)d.to);
    NST_TRY(put_rows(&d, rq));
    nst_put_char(out, ']');
    put_next(out, rq, &d);
    nst_put_char(out, '}');
    return nst_answer_json(rq, 200);
}

/* ---- The route ---- */

#define POINT_SCHEMA "{\"type\":\"string\",\"examples\":[\"HEAD\"]}"
#define POINT        "a version of the source, a revision, a time, or HEAD"
#define NUMBER       "{\"type\":\"integer\",\"minimum\":0}"

static const struct nst_parameter parameter[] = {
    { "from", POINT_SCHEMA, "Required: " POINT "." },
    { "to", POINT_SCHEMA, "HEAD unless it is given: " POINT "." },
    { "limit", NUMBER, "Rows at most: 100 unless it is given, up to 1000." },
    { "after", NULL, "Where the page before ended: part of `next`." },
    { 0 },
};

#define TEXT "{\"type\":\"string\"}"
static const struct nst_response response[] = {
    { 200,
      "What differs, in the order of its last change.",
      { .schema = "{\"type\":\"object\",\"required\":[\"from\",\"to\",\"concepts\",\"next\"],"
                  "\"properties\":{\"from\":" NUMBER ",\"to\":" NUMBER ","
                  "\"next\":{\"type\":[\"string\",\"null\"]},"
                  "\"concepts\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":["
                  "\"id\",\"change\",\"url\",\"version_url\",\"previous_version_url\"],"
                  "\"properties\":{\"id\":" TEXT ",\"url\":" TEXT ",\"version_url\":" TEXT ","
                  "\"change\":{\"type\":\"string\",\"enum\":[\"created\",\"changed\",\"retired\","
                  "\"reactivated\"]},\"previous_version_url\":{\"type\":[\"string\",\"null\"]}}}}"
                  "}}" } },
    { 0 },
};

static const struct nst_description description = { .parameter = parameter, .response = response };

static const struct nst_route difference_route[] = {
    { V2, S "$difference/",
      .get = { difference_view, ocl_any_caller, .arg = &ocl_concept_kind,
               .describe = &description },
      .doc = "Which concepts of a source changed between two points." },
    { GUIDE, S "$difference/",
      .get = { difference_view, ocl_any_token, .arg = &ocl_concept_kind, .describe = &description },
      .doc = "Which concepts of a source changed between two points." },
};

static const struct nst_field difference_field[] = {
    NST_CHILD("concepts", &nst_json_value, .doc = "What differs."),
};

const struct nst_resource ocl_difference = {
    .name = "difference",
    NST_FIELDS(difference_field),
    NST_ROUTES(difference_route),
    .doc = "What changed in a source between two points.",
};
