/* Distributions, read from the tallies that are kept with every write: see content/tally.h. A list
 * ends with its thousandth share. */
#include "distribution.h"

#include "ocl/content/content.h"
#include "ocl/mapping/mapping.h"
#include "ocl/version/version.h"

#define SHARES_MAX "1000"

/* What is looked at: a revision of a source, for this caller. */
struct view {
    struct nst_req *rq;
    const struct ocl_source *source;
    const struct ocl_version *version; /* NULL: the source as it is */
};

static struct view view_of(struct nst_req *rq)
{
    const struct nst_object *o = nst_object(rq);
    return (struct view){ rq, nst_ancestor(rq, "source")->row,
                          nst_is(o, &ocl_version) ? o->row : NULL };
}

static const struct ocl_count *counts_of(const struct view *v)
{
    return v->version != NULL ? v->version->count : v->source->count;
}

/* ---- Tallies of a kind ---- */

/* The source at that end, as lists of mappings show it: see mapping.c. */
#define AT_END(id) \
    " JOIN repo AS at_end ON " OCL_AT( \
        "at_end") "tally.url AND (at_end.public_access <> 'None' OR " \
                  "at_end.id = " id ")"

/* A kind of share: its tallies and what is told of each. */
struct share {
    const char *kind, *join, *value; /* value: a column */
    bool is_of_mappings;
    bool has_retired;     /* retired mappings as well */
    bool leads_elsewhere; /* only where the source at the end is another one */
};

static const struct share concept_class = {
    OCL_TALLY_CLASS, "", "tally.value", false, false, false
};
static const struct share datatype = { OCL_TALLY_DATATYPE, "", "tally.value", false, false, false };
static const struct share locale = { OCL_TALLY_LOCALE, "", "tally.value", false, false, false };
static const struct share name_type = {
    OCL_TALLY_NAME_TYPE, "", "tally.value", false, false, false
};
static const struct share name_locale = {
    OCL_TALLY_NAME_LOCALE, "", "tally.value", false, false, false
};
static const struct share type_of = { OCL_TALLY_TYPE_OF, "", "tally.value", false, false, false };
static const struct share map_type = { OCL_TALLY_TO, "", "tally.value", true, false, false };

#define ACCOUNT " JOIN account ON CAST(account.id AS text) = tally.value"
static const struct share author = {
    OCL_TALLY_AUTHOR, ACCOUNT, "account.username", false, false, false
};
static const struct share map_author = {
    OCL_TALLY_MAP_AUTHOR, ACCOUNT, "account.username", true, false, false
};
static const struct share to_source = {
    OCL_TALLY_TO, AT_END("tally.to_id"), "at_end.mnemonic", true, false, true
};
static const struct share from_source = {
    OCL_TALLY_FROM, AT_END("tally.from_id"), "at_end.mnemonic", true, false, true
};

/* " FROM tally ... WHERE ...": the tallies at that revision, as far as the caller may know. */
static void put_tallies(struct nst_sql *q, const struct view *v, const struct share *s)
{
    static const struct ocl_end_columns ends = { "tally.repo_id", "tally.from_id", "tally.to_id" };
    int64_t rev = v->version != NULL ? v->version->rev : OCL_OPEN - 1;
    nst_sql_addf(q, " FROM tally%s WHERE tally.kind IN ('%s'", s->join, s->kind);
    if (s->has_retired)
        nst_sql_addf(q, ", '" OCL_TALLY_RETIRED "%s'", s->kind);
    nst_sql_add(q, ") AND tally.repo_id = ");
    nst_sql_bind(q, NST_INT(v->source->row.id));
    ocl_put_moment(q, "tally", rev);
    if (s->is_of_mappings)
        ocl_ends_visible_in(q, v->rq, &ends);
    if (s->leads_elsewhere) {
        nst_sql_add(q, " AND at_end.id <> ");
        nst_sql_bind(q, NST_INT(v->source->row.id));
    }
}

#define SUM "CAST(sum(tally.count) AS bigint)"

static void put_count(struct nst_buf *out, const char *name, int64_t count)
{
    nst_putf(out, "\"%s\":%lld", name, (long long)count);
}

/* Shares, the largest first.
 *   field  null: as pairs, without what has no value; else as objects with that member */
static enum nst_err put_shares(const struct view *v, const struct share *s, const char *field)
{
    struct nst_buf *out = &v->rq->x->out;
    struct nst_sql q;
    struct nst_rows *rows;
    nst_sql_init(&q, v->rq->arena);
    nst_sql_addf(&q, "SELECT %s, " SUM, s->value);
    put_tallies(&q, v, s);
    if (field == NULL)
        nst_sql_addf(&q, " AND %s IS NOT NULL", s->value);
    nst_sql_addf(&q,
                 " GROUP BY %s HAVING sum(tally.count) > 0 ORDER BY 2 DESC, 1 LIMIT " SHARES_MAX,
                 s->value);
    NST_TRY(nst_sql_query(&rows, v->rq->db, &q));
    nst_put_char(out, '[');
    for (const char *between = ""; nst_rows_step(rows); between = ",") {
        if (field != NULL)
            nst_putf(out, "%s{\"%s\":", between, field);
        else
            nst_putf(out, "%s[", between);
        nst_json_put_str_or_null(out, nst_rows_text(rows, 0));
        nst_putf(out, field != NULL ? ",\"count\":%lld}" : ",%lld]",
                 (long long)nst_rows_int(rows, 1));
    }
    nst_put_char(out, ']');
    return nst_rows_end(rows);
}

static enum nst_err sum_of(int64_t *out, const struct view *v, const char *kind)
{
    const struct share all = { kind, "", "", true, false, false };
    struct nst_sql q;
    nst_sql_init(&q, v->rq->arena);
    nst_sql_add(&q, "SELECT coalesce(" SUM ", 0)");
    put_tallies(&q, v, &all);
    return nst_sql_int(out, NULL, v->rq->db, &q);
}

/* ---- With `verbose` ---- */

/* A member of `concepts` or `mappings`. */
struct member {
    const char *name;
    const struct share *share;
    bool is_for_known; /* who wrote it is told to those who say who they are */
};

static const struct member concept_members[] = {
    { "concept_class", &concept_class, false },
    { "datatype", &datatype, false },
    { "locale", &locale, false },
    { "name_type", &name_type, false },
    { "contributors", &author, true },
};

static const struct member mapping_members[] = {
    { "map_type", &map_type, false },
    { "to_concept_source", &to_source, false },
    { "from_concept_source", &from_source, false },
    { "contributors", &map_author, true },
};

static enum nst_err put_members(const struct view *v, const struct member *member, size_t count,
                                const int64_t active_and_retired[2])
{
    struct nst_buf *out = &v->rq->x->out;
    nst_put_char(out, '{');
    put_count(out, "active", active_and_retired[0]);
    nst_put_char(out, ',');
    put_count(out, "retired", active_and_retired[1]);
    for (size_t i = 0; i < count; i++) {
        if (member[i].is_for_known && !v->rq->caller.is_known)
            continue;
        nst_putf(out, ",\"%s\":", member[i].name);
        NST_TRY(put_shares(v, member[i].share, NULL));
    }
    nst_put_char(out, '}');
    return NST_OK;
}

static enum nst_err put_content(const struct view *v)
{
    const struct ocl_count *concepts = &counts_of(v)[OCL_CONCEPTS];
    struct nst_buf *out = &v->rq->x->out;
    const int64_t of_concepts[2] = { concepts->active, concepts->all - concepts->active };
    int64_t of_mappings[2];
    nst_put_lit(out, ",\"concepts\":");
    NST_TRY(put_members(v, concept_members, NST_COUNT(concept_members), of_concepts));
    NST_TRY(sum_of(&of_mappings[0], v, OCL_TALLY_TO));
    NST_TRY(sum_of(&of_mappings[1], v, OCL_TALLY_RETIRED OCL_TALLY_TO));
    nst_put_lit(out, ",\"mappings\":");
    return put_members(v, mapping_members, NST_COUNT(mapping_members), of_mappings);
}

/* HEAD is one of them, and never released. */
static enum nst_err put_versions(const struct view *v)
{
    int64_t released = 0;
    struct nst_sql q;
    if (v->version != NULL)
        return NST_OK;
    nst_sql_init(&q, v->rq->arena);
    nst_sql_add(&q, "SELECT count(*) FROM repo_version WHERE is_active AND released "
                    "AND mnemonic <> 'INITIAL' AND repo_id = ");
    nst_sql_bind(&q, NST_INT(v->source->row.id));
    NST_TRY(nst_sql_int(&released, NULL, v->rq->db, &q));
    nst_putf(&v->rq->x->out, ",\"versions\":{\"total\":%lld,\"released\":%lld}",
             (long long)v->source->versions, (long long)released);
    return NST_OK;
}

/* The default language first, and once. */
static void put_languages(struct nst_buf *out, struct nst_str first, struct nst_str others)
{
    nst_put_lit(out, ",\"default_locale\":");
    nst_json_put_str(out, first);
    nst_put_lit(out, ",\"supported_locales\":[");
    nst_json_put_str(out, first);
    while (others.p != NULL) {
        struct nst_str one = nst_str_trim(nst_str_cut(&others, ','));
        if (one.n == 0 || nst_str_eq(one, first))
            continue;
        nst_put_char(out, ',');
        nst_json_put_str(out, one);
    }
    nst_put_char(out, ']');
}

static enum nst_err put_locales(const struct view *v)
{
    bool is_version = v->version != NULL;
    struct nst_sql q;
    struct nst_rows *rows;
    nst_sql_init(&q, v->rq->arena);
    nst_sql_addf(&q, "SELECT default_locale, supported_locales FROM %s WHERE id = ",
                 is_version ? "repo_version" : "repo");
    nst_sql_bind(&q, NST_INT(is_version ? v->version->row.id : v->source->row.id));
    NST_TRY(nst_sql_query(&rows, v->rq->db, &q));
    if (nst_rows_step(rows))
        put_languages(&v->rq->x->out, nst_rows_text(rows, 0), nst_rows_text(rows, 1));
    return nst_rows_end(rows);
}

/* ---- With `distribution` ---- */

/* One of them: a list of shares, or of the map types of each source at an end. */
struct choice {
    const char *name, *field; /* field: a member of each share; NULL: of sources */
    const struct share *share;
};

static const struct share to_sources = {
    OCL_TALLY_TO, AT_END("tally.to_id"), "", true, true, true
};
static const struct share from_sources = {
    OCL_TALLY_FROM, AT_END("tally.from_id"), "", true, true, true
};

static const struct choice choices[] = {
    { "concept_class", "concept_class", &concept_class },
    { "datatype", "datatype", &datatype },
    { "name_locale", "locale", &name_locale },
    { "name_type", "type", &type_of },
    { "map_type", "map_type", &map_type },
    { "to_sources_map_type", NULL, &to_sources },
    { "from_sources_map_type", NULL, &from_sources },
};

/* The sources that the query names, if it names any. */
static void put_wanted(struct nst_sql *q, struct nst_req *rq)
{
    struct nst_str rest = nst_query_value(rq, "sources");
    size_t count = 0;
    if (rest.n == 0)
        return;
    nst_sql_add(q, " AND at_end.mnemonic");
    while (rest.p != NULL)
        nst_sql_in(q, &count, NST_TEXT(nst_str_trim(nst_str_cut(&rest, ','))));
    nst_sql_in_end(q, count);
}

#define OVER(sum) ", CAST(sum(" sum ") OVER (PARTITION BY at_end.id) AS bigint)"

/* A row for each source and map type; those of a source follow one another. */
static enum nst_err find_ends(struct nst_rows **rows, const struct view *v, const struct share *s)
{
    struct nst_str active =
        nst_strf(v->rq->arena, "sum(CASE WHEN tally.kind = '%s' THEN tally.count ELSE 0 END)",
                 s->kind);
    struct nst_sql q;
    nst_sql_init(&q, v->rq->arena);
    nst_sql_addf(&q,
                 "SELECT at_end.id, at_end.owner_url, at_end.mnemonic, at_end.description, "
                 "at_end.name" OVER("%.*s") OVER("sum(tally.count)") ", tally.value, "
                                                                     "CAST(%.*s AS bigint), " SUM,
                 NST_FMT(active), NST_FMT(active));
    put_tallies(&q, v, s);
    put_wanted(&q, v->rq);
    nst_sql_add(&q, " GROUP BY at_end.id, at_end.owner_url, at_end.mnemonic, at_end.description, "
                    "at_end.name, tally.value HAVING sum(tally.count) > 0 "
                    "ORDER BY 7 DESC, 1, 10 DESC, 8 LIMIT " SHARES_MAX);
    return nst_sql_query(rows, v->rq->db, &q);
}

static void put_sums(struct nst_buf *out, int64_t active, int64_t total)
{
    put_count(out, "active", active);
    nst_put_char(out, ',');
    put_count(out, "retired", total - active);
    nst_put_char(out, ',');
    put_count(out, "total", total);
}

/* What is said of the source behind its map types, as of a version of it. */
static struct nst_str end_of(struct nst_arena *a, struct nst_rows *rows)
{
    struct nst_str owner = nst_rows_text(rows, 1), id = nst_rows_text(rows, 2);
    struct nst_buf b;
    nst_buf_init(&b, a, NST_HTTP_ANSWER_MAX);
    nst_put_lit(&b, "]},\"id\":\"HEAD\",\"version_url\":");
    nst_json_put_str(&b, ocl_source_url(a, owner, id));
    nst_put_lit(&b, ",\"type\":\"Source Version\",\"short_code\":");
    nst_json_put_str(&b, id);
    nst_put_lit(&b, ",\"released\":false,\"description\":");
    nst_json_put_str_or_null(&b, nst_rows_text(rows, 3));
    nst_put_lit(&b, ",\"name\":");
    nst_json_put_str(&b, nst_rows_text(rows, 4));
    nst_put_char(&b, '}');
    return nst_buf_str(&b);
}

static enum nst_err put_ends(const struct view *v, const struct share *s)
{
    struct nst_buf *out = &v->rq->x->out;
    struct nst_str end = { 0 };
    struct nst_rows *rows;
    int64_t last = 0;
    NST_TRY(find_ends(&rows, v, s));
    nst_put_char(out, '[');
    while (nst_rows_step(rows)) {
        bool is_next = nst_rows_int(rows, 0) != last;
        if (is_next) {
            nst_put(out, end);
            nst_put_z(out, end.n > 0 ? ",{\"distribution\":{" : "{\"distribution\":{");
            put_sums(out, nst_rows_int(rows, 5), nst_rows_int(rows, 6));
            nst_put_lit(out, ",\"map_types\":[");
            end = end_of(v->rq->arena, rows);
        }
        last = nst_rows_int(rows, 0);
        nst_put_z(out, is_next ? "{" : ",{");
        put_sums(out, nst_rows_int(rows, 8), nst_rows_int(rows, 9));
        nst_put_lit(out, ",\"map_type\":");
        nst_json_put_str(out, nst_rows_text(rows, 7));
        nst_put_char(out, '}');
    }
    nst_put(out, end);
    nst_put_char(out, ']');
    return nst_rows_end(rows);
}

static const struct choice *choice_of(struct nst_str name)
{
    for (size_t i = 0; i < NST_COUNT(choices); i++)
        if (nst_str_eq(nst_str_z(choices[i].name), name))
            return &choices[i];
    return NULL;
}

static enum nst_err put_choice(const struct view *v, struct nst_str name)
{
    const struct choice *c = choice_of(name);
    if (c == NULL)
        return nst_fail(v->rq, NST_E_INVALID, "distribution",
                        nst_strf(v->rq->arena, "\"%.*s\" is no distribution.", NST_FMT(name)));
    nst_putf(&v->rq->x->out, "\"%s\":", c->name);
    return c->field != NULL ? put_shares(v, c->share, c->field) : put_ends(v, c->share);
}

/* Each once, however often it is asked for. */
static enum nst_err put_chosen(const struct view *v, struct nst_str rest)
{
    struct nst_buf *out = &v->rq->x->out;
    bool is_first = true;
    bool done[NST_COUNT(choices)] = { false };
    nst_put_lit(out, ",\"distribution\":{");
    while (rest.p != NULL) {
        struct nst_str name = nst_str_trim(nst_str_cut(&rest, ','));
        const struct choice *c = choice_of(name);
        if (name.n == 0 || (c != NULL && done[c - choices]))
            continue;
        nst_put_z(out, is_first ? "" : ",");
        NST_TRY(put_choice(v, name));
        done[c - choices] = true;
        is_first = false;
    }
    nst_put_char(out, '}');
    return NST_OK;
}

/* ---- The view ---- */

bool ocl_wants_distribution(struct nst_req *rq)
{
    return nst_query_is_true(rq, "verbose") || nst_query_value(rq, "distribution").n > 0;
}

static enum nst_err put_all(const struct view *v)
{
    NST_TRY(put_content(v));
    NST_TRY(put_versions(v));
    return put_locales(v);
}

enum nst_err ocl_answer_distribution(struct nst_req *rq)
{
    const struct view v = view_of(rq);
    bool is_version = v.version != NULL;
    struct nst_str chosen = nst_query_value(rq, "distribution");
    struct nst_buf *out = &rq->x->out;
    nst_put_lit(out, "{\"id\":");
    nst_json_put_str(out, is_version ? v.version->id : v.source->id);
    nst_putf(out, ",\"uuid\":\"%lld\"",
             (long long)(is_version ? v.version->row.id : v.source->row.id));
    NST_TRY(chosen.n > 0 ? put_chosen(&v, chosen) : put_all(&v));
    nst_put_char(out, '}');
    return nst_answer_json(rq, 200);
}
