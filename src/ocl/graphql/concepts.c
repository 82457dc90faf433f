/* The field `concepts` (V275): concepts by their ids, of a source, of a version of it, or of all
 * sources that the caller may see. A page takes as many statements whatever it holds: the source,
 * its version, the count, which rows, the rows, their mappings. */
#include "graphql.h"

#include "ocl/concept/concept.h"
#include "ocl/mapping/mapping.h"
#include "ocl/version/version.h"

#define TABLE    "concept_version"
#define IDS_MAX  500
#define PAGE_MAX 1000
#define WINDOW   10000

/* What is asked for. */
struct question {
    struct nst_str org, owner, source, version, query;
    const struct nst_str *id; /* each once */
    size_t ids;
    int64_t page, limit; /* 0: not given */
    const struct ocl_source *home;
    const struct ocl_version *held;
};

/* A page of answers. */
struct page {
    struct nst_req *rq;
    int64_t total;
    size_t count;
    struct ocl_concept *of; /* of each row its number, its code and its source */
    void **row;             /* the same, as struct nst_shown wants it */
    struct nst_str *locale, *json, *mappings;
};

/* Say what is wrong with the arguments. */
static bool refuse(struct ocl_graphql_fault *fault, struct nst_str message)
{
    fault->message = message;
    return false;
}

/* ---- The question ---- */

static const struct nst_json *given(const struct ocl_graphql_pick *pick,
                                    enum ocl_graphql_argument which)
{
    const struct nst_json *v = pick->argument[which];
    return v != NULL && v->kind != NST_JSON_NULL ? v : NULL;
}

/* Null where it is not given or empty. */
static struct nst_str text_of(const struct ocl_graphql_pick *pick, enum ocl_graphql_argument which)
{
    const struct nst_json *v = given(pick, which);
    struct nst_str text = v != NULL ? nst_str_trim(v->text) : (struct nst_str){ 0 };
    return text.n > 0 ? text : (struct nst_str){ 0 };
}

static bool has_id(const struct question *q, struct nst_str id)
{
    for (size_t i = 0; i < q->ids; i++)
        if (nst_str_eq(q->id[i], id))
            return true;
    return false;
}

static bool read_ids(struct question *q, struct ocl_graphql_fault *fault, struct nst_req *rq,
                     const struct nst_json *v)
{
    const struct nst_json *item = v->kind == NST_JSON_ARRAY ? v->first : v;
    struct nst_str *id = NST_NEW_ARRAY(rq->arena, struct nst_str, IDS_MAX);
    q->id = id;
    if (v->kind == NST_JSON_ARRAY && v->count > IDS_MAX)
        return refuse(fault,
                      NST_STR("conceptIds must have at most " NST_DIGITS(IDS_MAX) " values."));
    for (; item != NULL; item = item->next)
        if (item->text.n > 0 && !has_id(q, item->text))
            id[q->ids++] = item->text;
    return q->ids > 0 ||
           refuse(fault, NST_STR("conceptIds must include at least one value when provided."));
}

static bool read_page(struct question *q, struct ocl_graphql_fault *fault,
                      const struct ocl_graphql_pick *pick)
{
    const struct nst_json *page = given(pick, OCL_GRAPHQL_PAGE);
    const struct nst_json *limit = given(pick, OCL_GRAPHQL_LIMIT);
    if (page == NULL && limit == NULL)
        return true;
    if (page == NULL || limit == NULL)
        return refuse(fault, NST_STR("page and limit must be provided together."));
    if (!nst_str_int(&q->page, page->text) || !nst_str_int(&q->limit, limit->text) || q->page < 1 ||
        q->limit < 1)
        return refuse(fault, NST_STR("page and limit must be >= 1 when provided."));
    if (q->limit > PAGE_MAX)
        return refuse(fault, NST_STR("limit must be at most " NST_DIGITS(PAGE_MAX) "."));
    return q->page <= WINDOW / q->limit ||
           refuse(fault, NST_STR("page * limit must be at most " NST_DIGITS(WINDOW) "."));
}

static bool read_place(struct question *q, struct ocl_graphql_fault *fault,
                       const struct ocl_graphql_pick *pick)
{
    q->org = text_of(pick, OCL_GRAPHQL_ORG);
    q->owner = text_of(pick, OCL_GRAPHQL_OWNER);
    q->source = text_of(pick, OCL_GRAPHQL_SOURCE);
    q->version = text_of(pick, OCL_GRAPHQL_VERSION);
    if (q->org.n > 0 && q->owner.n > 0)
        return refuse(fault, NST_STR("org and owner must not be provided together."));
    if ((q->org.n > 0 || q->owner.n > 0) != (q->source.n > 0))
        return refuse(fault, NST_STR("source must be provided together with org or owner."));
    return q->version.n == 0 || q->source.n > 0 ||
           refuse(fault, NST_STR("version must be provided together with source."));
}

/* Null arguments are as good as none. */
static bool read_question(struct question *q, struct ocl_graphql_fault *fault, struct nst_req *rq,
                          const struct ocl_graphql_pick *pick)
{
    const struct nst_json *ids = given(pick, OCL_GRAPHQL_IDS);
    bool has_ids = ids != NULL && (ids->kind != NST_JSON_ARRAY || ids->count > 0);
    q->query = text_of(pick, OCL_GRAPHQL_QUERY);
    if (q->query.n > 0)
        return refuse(fault, NST_STR("Argument 'query' is not supported yet: use 'conceptIds'."));
    if (!has_ids)
        return refuse(fault, NST_STR("Either conceptIds or query must be provided."));
    return read_ids(q, fault, rq, ids) && read_page(q, fault, pick) && read_place(q, fault, pick);
}

/* ---- Who asks ---- */

/* Who has the group, and staff, who give it. */
static enum nst_err judge_caller(struct ocl_graphql_fault *fault, struct nst_req *rq)
{
    bool has_group = rq->caller.is_staff || rq->caller.is_superuser;
    if (!rq->caller.is_known) {
        refuse(fault, NST_STR("Authentication required"));
        return NST_OK;
    }
    if (!has_group)
        NST_TRY(nst_exists_with(&has_group, rq->db,
                                "SELECT 1 FROM account WHERE id = $1 AND auth_groups <> '[]'",
                                NST_INT(rq->caller.id)));
    if (!has_group)
        refuse(fault, NST_STR("Forbidden: this takes the group graphql_api."));
    return NST_OK;
}

/* ---- The source ---- */

static enum nst_err find_home(struct question *q, struct nst_req *rq)
{
    struct nst_sql which;
    struct nst_str owner = q->org.n > 0 ? nst_strf(rq->arena, "/orgs/%.*s/", NST_FMT(q->org))
                                        : nst_strf(rq->arena, "/users/%.*s/", NST_FMT(q->owner));
    nst_sql_init(&which, rq->arena);
    nst_sql_add(&which, " AND " OCL_AT("repo"));
    nst_sql_bind(&which, NST_TEXT(ocl_source_url(rq->arena, owner, q->source)));
    NST_TRY(ocl_visible_repos(&which, rq));
    return nst_load_where((void **)&q->home, rq, &ocl_source, NST_LOAD_CORE, &which);
}

static bool names_a_version(const struct question *q)
{
    return q->version.n > 0 && !nst_str_eq(q->version, NST_STR("HEAD"));
}

static enum nst_err find_version(struct question *q, struct nst_req *rq)
{
    struct nst_sql which;
    if (q->home == NULL || !names_a_version(q))
        return NST_OK;
    nst_sql_init(&which, rq->arena);
    nst_sql_add(&which, " AND repo_version.mnemonic <> 'INITIAL' AND repo_version.repo_id = ");
    nst_sql_bind(&which, NST_INT(q->home->row.id));
    nst_sql_add(&which, " AND repo_version.mnemonic = ");
    nst_sql_bind(&which, NST_TEXT(q->version));
    return nst_load_where((void **)&q->held, rq, &ocl_version, NST_LOAD_ALL, &which);
}

/* What is hidden is as if it were not there. */
static enum nst_err find_source(struct question *q, struct ocl_graphql_fault *fault,
                                struct nst_req *rq)
{
    if (q->source.n == 0)
        return NST_OK;
    NST_TRY(find_home(q, rq));
    NST_TRY(find_version(q, rq));
    if (q->home == NULL || (names_a_version(q) && q->held == NULL))
        refuse(fault,
               nst_strf(rq->arena, "Source '%.*s' with version '%.*s' was not found for %s '%.*s'.",
                        NST_FMT(q->source),
                        NST_FMT(q->version.n > 0 ? q->version : NST_STR("HEAD")),
                        q->org.n > 0 ? "org" : "owner", NST_FMT(q->org.n > 0 ? q->org : q->owner)));
    return NST_OK;
}

/* ---- Which rows ---- */

/* " FROM ... WHERE ...": the versions of concepts that are meant. */
static enum nst_err put_matches(struct nst_sql *sql, struct nst_req *rq, const struct question *q)
{
    size_t count = 0;
    nst_sql_add(sql, " FROM " TABLE " JOIN repo ON repo.id = " TABLE
                     ".repo_id WHERE " OCL_IS_SOURCE("repo") " AND NOT " TABLE ".retired");
    if (q->home != NULL) {
        nst_sql_add(sql, " AND " TABLE ".repo_id = ");
        nst_sql_bind(sql, NST_INT(q->home->row.id));
    }
    ocl_put_moment(sql, TABLE, q->held != NULL ? q->held->rev : -1);
    nst_sql_add(sql, " AND " TABLE ".mnemonic");
    for (size_t i = 0; i < q->ids; i++)
        nst_sql_in(sql, &count, NST_TEXT(q->id[i]));
    nst_sql_in_end(sql, count);
    return ocl_visible_repos(sql, rq);
}

static enum nst_err count_matches(struct page *p, const struct question *q)
{
    struct nst_sql sql;
    nst_sql_init(&sql, p->rq->arena);
    nst_sql_add(&sql, "SELECT count(*)");
    NST_TRY(put_matches(&sql, p->rq, q));
    return nst_sql_int(&p->total, NULL, p->rq->db, &sql);
}

/* In the order of the ids; of equal ones the oldest first. */
static void put_order(struct nst_sql *sql, const struct question *q)
{
    nst_sql_add(sql, " ORDER BY CASE " TABLE ".mnemonic");
    for (size_t i = 0; i < q->ids; i++) {
        nst_sql_add(sql, " WHEN ");
        nst_sql_bind(sql, NST_TEXT(q->id[i]));
        nst_sql_addf(sql, " THEN %zu", i);
    }
    nst_sql_add(sql, " END, " TABLE ".id LIMIT ");
    nst_sql_bind(sql, NST_INT(q->limit > 0 ? q->limit : PAGE_MAX));
    nst_sql_add(sql, " OFFSET ");
    nst_sql_bind(sql, NST_INT(q->limit > 0 ? (q->page - 1) * q->limit : 0));
}

static void keep_match(struct page *p, struct nst_rows *rows)
{
    struct nst_arena *a = p->rq->arena;
    struct ocl_concept *c = &p->of[p->count];
    c->content.row.id = nst_rows_int(rows, 0);
    c->content.repo_id = nst_rows_int(rows, 1);
    c->content.id = nst_str_copy(a, nst_rows_text(rows, 2));
    p->locale[p->count] = nst_str_copy(a, nst_rows_text(rows, 3));
    p->row[p->count++] = c;
}

static enum nst_err find_matches(struct page *p, const struct question *q)
{
    struct nst_arena *a = p->rq->arena;
    size_t room = q->limit > 0 ? (size_t)q->limit : PAGE_MAX;
    struct nst_rows *rows;
    struct nst_sql sql;
    p->of = NST_NEW_ARRAY(a, struct ocl_concept, room);
    p->row = NST_NEW_ARRAY(a, void *, room);
    p->locale = NST_NEW_ARRAY(a, struct nst_str, room);
    nst_sql_init(&sql, a);
    nst_sql_add(&sql,
                "SELECT " TABLE ".id, " TABLE ".repo_id, " TABLE ".mnemonic, repo.default_locale");
    NST_TRY(put_matches(&sql, p->rq, q));
    put_order(&sql, q);
    NST_TRY(nst_sql_query(&rows, p->rq->db, &sql));
    while (p->count < room && nst_rows_step(rows))
        keep_match(p, rows);
    return nst_rows_end(rows);
}

/* ---- The rows ---- */

static void take(void *arg, const void *row, struct nst_str json)
{
    const struct page *p = arg;
    for (size_t i = 0; i < p->count; i++)
        if (p->of[i].content.row.id == ((const struct nst_row *)row)->id)
            p->json[i] = nst_str_copy(p->rq->arena, json);
}

/* They were judged when they were found. */
static enum nst_err show_rows(struct page *p)
{
    struct nst_sql which;
    size_t count = 0;
    const struct nst_inner inner = { .resource = &ocl_concept,
                                     .use = NST_DETAIL,
                                     .conditions = &which,
                                     .limit = (int64_t)p->count,
                                     .is_judged = true,
                                     .take = take,
                                     .arg = p };
    p->json = NST_NEW_ARRAY(p->rq->arena, struct nst_str, p->count);
    nst_sql_init(&which, p->rq->arena);
    nst_sql_add(&which, " AND " TABLE ".id");
    for (size_t i = 0; i < p->count; i++)
        nst_sql_in(&which, &count, NST_INT(p->of[i].content.row.id));
    nst_sql_in_end(&which, count);
    return nst_each_row(p->rq, &inner);
}

static enum nst_err show_mappings(struct page *p, const struct question *q)
{
    struct nst_sql state;
    const struct nst_shown shown = { .resource = &ocl_concept,
                                     .use = NST_DETAIL,
                                     .row = p->row,
                                     .value = NST_NEW_ARRAY(p->rq->arena, struct nst_str, p->count),
                                     .count = p->count };
    const struct ocl_embedding how = {
        .state = &state,
        .use = NST_LIST,
        .order = "mapping_version.map_type, mapping_version.to_concept_code, mapping_version.id",
    };
    nst_sql_init(&state, p->rq->arena);
    ocl_put_moment(&state, "mapping_version", q->held != NULL ? q->held->rev : -1);
    p->mappings = shown.value;
    return ocl_embed_mappings(p->rq, &shown, &how);
}

/* ---- The answer ---- */

static void put_number_or_null(struct nst_buf *out, const char *name, int64_t n)
{
    nst_putf(out, ",\"%s\":", name);
    if (n > 0)
        nst_put_int(out, n);
    else
        nst_put_z(out, "null");
}

/* As far as they are there still: nothing holds them. */
static void put_rows(struct nst_buf *out, const struct page *p)
{
    bool has_any = false;
    for (size_t i = 0; i < p->count; i++) {
        if (p->json[i].n == 0)
            continue;
        nst_put_z(out, has_any ? "," : "");
        nst_put(out, nst_str_slice(p->json[i], 0, p->json[i].n - 1));
        nst_put_lit(out, ",\"default_locale\":");
        nst_json_put_str_or_null(out, p->locale[i]);
        if (p->mappings != NULL) {
            nst_put_lit(out, ",\"mappings\":");
            nst_put(out, p->mappings[i]);
        }
        nst_put_char(out, '}');
        has_any = true;
    }
}

static void put_answer(struct nst_buf *out, const struct page *p, const struct question *q)
{
    nst_put_lit(out, "{\"org\":");
    nst_json_put_str_or_null(out, q->org);
    nst_put_lit(out, ",\"source\":");
    nst_json_put_str_or_null(out, q->source);
    nst_put_lit(out, ",\"versionResolved\":");
    nst_json_put_str(out, q->held != NULL   ? q->held->id
                          : q->home != NULL ? NST_STR("HEAD")
                                            : NST_STR(""));
    put_number_or_null(out, "page", q->page);
    put_number_or_null(out, "limit", q->limit);
    nst_putf(out, ",\"totalCount\":%lld,\"hasNextPage\":", (long long)p->total);
    nst_json_put_bool(out, p->total > (q->limit > 0 ? q->page * q->limit : PAGE_MAX));
    nst_put_lit(out, ",\"results\":[");
    put_rows(out, p);
    nst_put_lit(out, "]}");
}

static size_t weigh(const struct nst_json *v)
{
    size_t nodes = 1;
    for (const struct nst_json *i = v->first; i != NULL; i = i->next)
        nodes += weigh(i);
    return nodes;
}

/* Have the answer as a tree, as long as the request may read on. */
static void read_answer(const struct nst_json **v, struct ocl_graphql_fault *fault,
                        const struct page *p, const struct question *q,
                        struct ocl_graphql_budget *left)
{
    const struct nst_json_limits limits = { NST_JSON_DEPTH + 8, left->nodes };
    struct nst_json *tree;
    struct nst_buf out;
    nst_buf_init(&out, p->rq->arena, left->bytes);
    put_answer(&out, p, q);
    if (out.is_full ||
        nst_json_read(&tree, NULL, p->rq->arena, nst_buf_str(&out), &limits) != NST_OK) {
        refuse(fault, NST_STR("The answer is too large: use page and a smaller limit."));
        return;
    }
    left->bytes -= out.n;
    left->nodes -= weigh(tree);
    *v = tree;
}

enum nst_err ocl_graphql_concepts(const struct nst_json **v, struct ocl_graphql_fault *fault,
                                  struct nst_req *rq, const struct ocl_graphql_pick *pick,
                                  struct ocl_graphql_budget *left)
{
    struct question q = { 0 };
    struct page p = { .rq = rq };
    NST_TRY(judge_caller(fault, rq));
    if (fault->message.p == NULL && left->lists-- == 0)
        refuse(fault, NST_STR("The document asks for more than " NST_DIGITS(
                          OCL_GRAPHQL_LISTS) " lists of concepts."));
    if (fault->message.p != NULL || !read_question(&q, fault, rq, pick))
        return NST_OK;
    NST_TRY(find_source(&q, fault, rq));
    if (fault->message.p != NULL)
        return NST_OK;
    NST_TRY(count_matches(&p, &q));
    if (ocl_graphql_asks(pick, "results"))
        NST_TRY(find_matches(&p, &q));
    if (p.count > 0)
        NST_TRY(show_rows(&p));
    if (p.count > 0 && ocl_graphql_asks(pick, "results.mappings"))
        NST_TRY(show_mappings(&p, &q));
    read_answer(v, fault, &p, &q, left);
    return NST_OK;
}
