/* What changed in a source between two points: a version of it, a revision, or a time. The
 * intervals know it: only rows that came between are read, whatever the size of the source.
 * Rows of all kinds are numbered in one order, so that a walk goes through all of them. */
#include "ocl/concept/concept.h"
#include "ocl/content/tombstone.h"
#include "ocl/mapping/mapping.h"

#define ROWS_DEFAULT 100
#define ROWS_MAX     1000

/* A kind of content, and how the answer calls its list, which ends its addresses as well. */
struct list {
    const struct ocl_kind *kind;
    const char *name;
    void (*visible)(struct nst_sql *q, struct nst_req *rq); /* NULL: all of them */
};

/* The rows of a kind that came between: their numbers from `first` on, before `end`; and what
 * is written of them. */
struct part {
    const struct list *list;
    int64_t first, end;
    struct nst_buf out;
};

/* Two revisions of a source, and a page of what came between. */
struct difference {
    const struct ocl_source *source;
    int64_t from, to, limit, last;
    int64_t erased_first, erased_end; /* numbers of tombstones that came between */
    struct part part[OCL_COUNTED];
    size_t parts, count;
    bool has_more;
};

/* ---- The question ---- */

#define POINT_SCHEMA "{\"type\":\"string\",\"examples\":[\"HEAD\"]}"
#define POINT        "a version of the source, `latest`, a revision, a time, or HEAD"
#define NUMBER       "{\"type\":\"integer\",\"minimum\":0}"

static const struct nst_parameter parameter[] = {
    { "from", POINT_SCHEMA, "Required: " POINT "." },
    { "to", POINT_SCHEMA, "HEAD unless it is given: " POINT "." },
    { "limit", NUMBER, "Rows of all kinds at most: 100 unless it is given, up to 1000." },
    { "after", NULL, "Where the page before ended: part of `next`." },
    { 0 },
};

/* Nothing else is asked for here, and what is misspelt would be another question. */
static enum nst_err refuse_others(struct nst_req *rq)
{
    for (size_t i = 0; i < rq->queries; i++) {
        const struct nst_parameter *p = parameter;
        while (p->name != NULL && !nst_str_eq(nst_str_z(p->name), rq->query[i].name))
            p++;
        if (p->name == NULL)
            nst_add_problem(rq, rq->query[i].name,
                            NST_STR("No parameter of this: from, to, limit and after are."), true);
    }
    return rq->problem != NULL ? NST_E_INVALID : NST_OK;
}

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

/* The newest version that is released. */
static enum nst_err find_latest(int64_t *rev, bool *found, struct nst_req *rq,
                                const struct ocl_source *s)
{
    struct nst_sql q;
    nst_sql_init(&q, rq->arena);
    nst_sql_add(&q, "SELECT rev FROM repo_version WHERE is_active AND released AND repo_id = ");
    nst_sql_bind(&q, NST_INT(s->row.id));
    if (!ocl_face_of(rq)->shows_initial)
        nst_sql_add(&q, " AND mnemonic <> 'INITIAL'");
    nst_sql_add(&q, " ORDER BY id DESC LIMIT 1");
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
    bool is_latest = nst_str_eq(text, NST_STR("latest"));
    if (is_latest)
        NST_TRY(find_latest(rev, &found, rq, d->source));
    else
        NST_TRY(find_version(rev, &found, rq, d->source, text));
    if (is_latest && !found)
        return nst_fail(rq, NST_E_INVALID, p->name, NST_STR("No version is released."));
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

/* Where they begin and end among the rows of each kind. */
static enum nst_err find_parts(struct difference *d, struct nst_req *rq)
{
    for (const struct list *l = rq->action->arg; l->kind != NULL; l++) {
        struct part *p = &d->part[d->parts++];
        const char *t = l->kind->resource->table;
        p->list = l;
        nst_buf_init(&p->out, rq->arena, NST_HTTP_ANSWER_MAX);
        NST_TRY(ocl_first_after(&p->first, rq, d->source, t, d->from));
        NST_TRY(ocl_first_after(&p->end, rq, d->source, t, d->to));
        p->first = d->last >= p->first ? d->last + 1 : p->first;
    }
    NST_TRY(ocl_first_buried_after(&d->erased_first, rq, d->source->row.id, d->from));
    NST_TRY(ocl_first_buried_after(&d->erased_end, rq, d->source->row.id, d->to));
    d->erased_first = d->last >= d->erased_first ? d->last + 1 : d->erased_first;
    return NST_OK;
}

static enum nst_err read_question(struct difference *d, struct nst_req *rq)
{
    NST_TRY(refuse_others(rq));
    if (nst_query_value(rq, "from").n == 0)
        return nst_fail(rq, NST_E_INVALID, "from", nst_str_z(nst_texts_of(rq->face)->required));
    NST_TRY(read_point(&d->from, rq, d, &from));
    d->to = d->source->rev;
    if (nst_query_value(rq, "to").n > 0)
        NST_TRY(read_point(&d->to, rq, d, &to));
    NST_TRY(read_page(d, rq));
    if (d->from > d->to)
        return nst_fail(rq, NST_E_INVALID, "from", NST_STR("It comes after `to`."));
    return find_parts(d, rq);
}

/* ---- The answer ---- */

/* Those that were present at the end, and came after the beginning; beside them what was
 * present at the beginning, where there was something. */
static void put_present(struct nst_sql *q, struct nst_req *rq, const struct difference *d,
                        size_t at)
{
    const struct part *part = &d->part[at];
    const char *t = part->list->kind->resource->table, *object = part->list->kind->object;
    nst_sql_addf(
        q,
        "SELECT * FROM (SELECT %zu AS part, %s.id, %s.mnemonic, %s.retired, p.id AS former, "
        "p.retired AS was_retired, FALSE AS is_erased FROM %s LEFT JOIN %s p ON p.repo_id = "
        "%s.repo_id "
        "AND p.mnemonic = %s.mnemonic AND p.%s = %s.%s",
        at, t, t, t, t, t, t, t, object, t, object);
    ocl_put_moment(q, "p", d->from);
    nst_sql_addf(q, " WHERE %s.repo_id = ", t);
    nst_sql_bind(q, NST_INT(d->source->row.id));
    nst_sql_addf(q, " AND %s.id >= ", t);
    nst_sql_bind(q, NST_INT(part->first));
    nst_sql_addf(q, " AND %s.id < ", t);
    nst_sql_bind(q, NST_INT(part->end));
    nst_sql_addf(q, " AND %s.rev_to > ", t);
    nst_sql_bind(q, NST_INT(d->to));
    if (part->list->visible != NULL)
        part->list->visible(q, rq);
    nst_sql_addf(q, " ORDER BY %s.id LIMIT ", t);
    nst_sql_bind(q, NST_INT(d->limit + 1));
    nst_sql_addf(q, ") part%zu", at);
}

/* Those that were present at the beginning, and were erased until the end. */
static void put_erased(struct nst_sql *q, struct nst_req *rq, const struct difference *d, size_t at)
{
    nst_sql_addf(q,
                 " UNION ALL SELECT * FROM (SELECT %zu AS part, id, mnemonic, FALSE AS retired, "
                 "CAST(NULL AS bigint) AS former, FALSE AS was_retired, TRUE AS is_erased",
                 at);
    ocl_tombstones_from(q, rq, d->source->row.id, d->erased_first, d->erased_end);
    nst_sql_add(q, " AND made_rev <= ");
    nst_sql_bind(q, NST_INT(d->from));
    nst_sql_add(q, " AND kind = ");
    nst_sql_bind(q, NST_TEXT(nst_str_z(d->part[at].list->kind->word)));
    nst_sql_add(q, " ORDER BY id LIMIT ");
    nst_sql_bind(q, NST_INT(d->limit + 1));
    nst_sql_addf(q, ") erased%zu", at);
}

static void put_address(struct nst_buf *out, const struct difference *d, const char *kind,
                        struct nst_str code, int64_t version)
{
    nst_putf(out, "\"%.*ssources/%.*s/%s/", NST_FMT(d->source->owner_url), NST_FMT(d->source->id),
             kind);
    nst_put_percent(out, code, "");
    nst_put_char(out, '/');
    if (version > 0) {
        nst_put_int(out, version);
        nst_put_char(out, '/');
    }
    nst_put_char(out, '"');
}

/* Columns of put_present and put_erased. */
enum { PART, NUMBER_OF, CODE, RETIRED, FORMER, WAS_RETIRED, IS_ERASED };

static const char *change_of(struct nst_rows *rows)
{
    bool is_retired = nst_rows_bool(rows, RETIRED), was_retired = nst_rows_bool(rows, WAS_RETIRED);
    if (nst_rows_bool(rows, IS_ERASED))
        return "erased";
    if (nst_rows_is_null(rows, FORMER))
        return "created";
    if (is_retired == was_retired)
        return "changed";
    return is_retired ? "retired" : "reactivated";
}

/* The address of a version; null: of none. */
static void put_version(struct nst_buf *out, const struct difference *d, const char *kind,
                        struct nst_str code, int64_t version)
{
    if (version > 0)
        put_address(out, d, kind, code, version);
    else
        nst_put_lit(out, "null");
}

static void put_row(struct difference *d, struct nst_rows *rows)
{
    struct part *part = &d->part[nst_rows_int(rows, PART)];
    struct nst_buf *out = &part->out;
    const char *kind = part->list->name;
    struct nst_str code = nst_rows_text(rows, CODE);
    nst_put_z(out, out->n > 0 ? ",{\"id\":" : "{\"id\":");
    nst_json_put_str(out, code);
    nst_putf(out, ",\"change\":\"%s\",\"url\":", change_of(rows));
    put_address(out, d, kind, code, 0);
    nst_put_lit(out, ",\"version_url\":");
    put_version(out, d, kind, code,
                nst_rows_bool(rows, IS_ERASED) ? 0 : nst_rows_int(rows, NUMBER_OF));
    nst_put_lit(out, ",\"previous_version_url\":");
    put_version(out, d, kind, code, nst_rows_int(rows, FORMER));
    nst_put_char(out, '}');
}

static enum nst_err put_rows(struct difference *d, struct nst_req *rq)
{
    struct nst_sql q;
    struct nst_rows *rows;
    nst_sql_init(&q, rq->arena);
    for (size_t i = 0; i < d->parts; i++) {
        nst_sql_add(&q, i > 0 ? " UNION ALL " : "");
        put_present(&q, rq, d, i);
        put_erased(&q, rq, d, i);
    }
    nst_sql_add(&q, " ORDER BY 2 LIMIT ");
    nst_sql_bind(&q, NST_INT(d->limit + 1));
    NST_TRY(nst_sql_query(&rows, rq->db, &q));
    while (nst_rows_step(rows)) {
        d->has_more = (int64_t)d->count == d->limit;
        if (d->has_more)
            break;
        put_row(d, rows);
        d->last = nst_rows_int(rows, NUMBER_OF);
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
    struct difference d = { .source = nst_object(rq)->row };
    struct nst_buf *out = &rq->x->out;
    NST_TRY(read_question(&d, rq));
    NST_TRY(put_rows(&d, rq));
    nst_putf(out, "{\"from\":%lld,\"to\":%lld", (long long)d.from, (long long)d.to);
    for (size_t i = 0; i < d.parts; i++) {
        nst_putf(out, ",\"%s\":[", d.part[i].list->name);
        nst_put(out, nst_buf_str(&d.part[i].out));
        nst_put_char(out, ']');
    }
    put_next(out, rq, &d);
    nst_put_char(out, '}');
    return nst_answer_json(rq, 200);
}

/* ---- The route ---- */

#define TEXT "{\"type\":\"string\"}"
#define ROWS \
    "{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[" \
    "\"id\",\"change\",\"url\",\"version_url\",\"previous_version_url\"]," \
    "\"properties\":{\"id\":" TEXT ",\"url\":" TEXT "," \
    "\"version_url\":{\"type\":[\"string\",\"null\"]}," \
    "\"change\":{\"type\":\"string\",\"enum\":[\"created\",\"changed\",\"retired\"," \
    "\"reactivated\",\"erased\"]},\"previous_version_url\":{\"type\":[\"string\",\"null\"]}}}}"
static const struct nst_response response[] = {
    { 200,
      "What differs, in the order of its last change.",
      { .schema = "{\"type\":\"object\",\"required\":[\"from\",\"to\",\"concepts\",\"next\"],"
                  "\"properties\":{\"from\":" NUMBER ",\"to\":" NUMBER ","
                  "\"next\":{\"type\":[\"string\",\"null\"]},\"concepts\":" ROWS
                  ",\"mappings\":" ROWS "}}" } },
    { 0 },
};

static const struct nst_description description = { .parameter = parameter, .response = response };

/* The guide has no mappings. */
#define CONCEPTS \
    { \
        &ocl_concept_kind, "concepts", NULL \
    }
static const struct list of_guide[] = { CONCEPTS, { 0 } };
static const struct list of_v2[] = { CONCEPTS,
                                     { &ocl_mapping_kind, "mappings", ocl_ends_visible },
                                     { 0 } };

static const struct nst_route difference_route[] = {
    { V2, S "$difference/",
      .get = { difference_view, ocl_any_caller, NST_LISTS, .arg = of_v2,
               .describe = &description },
      .doc = "Which concepts and mappings of a source changed between two points." },
    { GUIDE, S "$difference/",
      .get = { difference_view, ocl_any_token, NST_LISTS, .arg = of_guide,
               .describe = &description },
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
