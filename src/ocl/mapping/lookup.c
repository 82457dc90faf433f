/* What stands at the ends of mappings (V262), of all mappings of a page at once: their sources and
 * concepts, and in versions the names that the concepts had.
 *
 * What is shown is as the caller may see it, and as the author of the mapping could (V117). A
 * mapping of today leads to the concepts of today. A version of it does not change any more, so
 * it leads to what stood in its own source when it was the present one, or as the version in the
 * path holds it; elsewhere to what the version holds that the end names. An end elsewhere
 * without a version leads to today. */
#include "mapping.h"

#include "ocl/concept/concept.h"
#include "ocl/content/members.h"
#include "ocl/version/version.h"

#include <stdlib.h>

/* An end of one of the mappings. */
struct place {
    const struct ocl_end *end;
    int64_t repo;    /* the source that is seen there; 0: none */
    int64_t rev;     /* of it, as the concept is looked up at; the present is the last of all */
    int64_t version; /* of the concept; 0: none */
    struct nst_str name;
};

struct look {
    struct nst_req *rq;
    const struct nst_shown *shown;
    struct place *place; /* one a mapping */
};

#define PRESENT (OCL_OPEN - 1)

static struct look look_at(struct nst_req *rq, const struct nst_shown *shown, bool is_to)
{
    struct look l = { rq, shown, NST_NEW_ARRAY(rq->arena, struct place, shown->count + 1) };
    for (size_t i = 0; i < shown->count; i++) {
        const struct ocl_mapping *m = shown->row[i];
        l.place[i].end = is_to ? &m->to : &m->from;
    }
    return l;
}

/* ---- Sources ---- */

static void take_source(const struct look *l, struct nst_str url, int64_t id, bool is_public)
{
    for (size_t i = 0; i < l->shown->count; i++) {
        struct place *p = &l->place[i];
        if (nst_str_eq(p->end->source_url, url) && (is_public || p->end->source_id == id))
            p->repo = id;
    }
}

static enum nst_err find_sources(const struct look *l)
{
    struct nst_rows *rows;
    struct nst_sql q;
    size_t count = 0;
    nst_sql_init(&q, l->rq->arena);
    nst_sql_add(&q, "SELECT repo.id, " OCL_ADDRESS("repo") ", repo.public_access <> 'None' FROM "
                                                           "repo WHERE " OCL_IS_SOURCE(
                                                               "repo") " AND " OCL_ADDRESS("repo"));
    for (size_t i = 0; i < l->shown->count; i++) {
        struct nst_str url = l->place[i].end->source_url;
        if (i == 0 || !nst_str_eq(url, l->place[i - 1].end->source_url))
            nst_sql_in(&q, &count, NST_TEXT(url));
    }
    nst_sql_in_end(&q, count);
    NST_TRY(ocl_visible_repos(&q, l->rq));
    NST_TRY(nst_sql_query(&rows, l->rq->db, &q));
    while (nst_rows_step(rows))
        take_source(l, nst_rows_text(rows, 1), nst_rows_int(rows, 0), nst_rows_bool(rows, 2));
    return nst_rows_end(rows);
}

/* ---- Revisions ---- */

static bool is_of_today(const struct look *l)
{
    return l->shown->set == NULL;
}

/* The revision of the source in the path that is asked for; below 0: each of its own time. */
static enum nst_err asked_revision(int64_t *rev, const struct look *l)
{
    const struct nst_object *version = nst_ancestor(l->rq, "version");
    const struct nst_object *source = nst_ancestor(l->rq, "source");
    *rev = -1;
    if (version != NULL)
        *rev = ((const struct ocl_version *)version->row)->rev;
    else if (is_of_today(l) && source != NULL)
        return ocl_moment(rev, l->rq, source->row);
    return NST_OK;
}

static void take_version(const struct look *l, int64_t repo, struct nst_str id, int64_t rev)
{
    for (size_t i = 0; i < l->shown->count; i++) {
        struct place *p = &l->place[i];
        bool is_own = p->repo == ocl_shown_at(l->shown, i)->repo_id;
        if (p->repo == repo && !is_own && nst_str_eq(p->end->source_version, id))
            p->rev = rev;
    }
}

/* The versions that ends elsewhere name. */
static enum nst_err find_versions(const struct look *l)
{
    struct nst_rows *rows;
    struct nst_sql q;
    size_t repos = 0, ids = 0;
    nst_sql_init(&q, l->rq->arena);
    nst_sql_add(&q, "SELECT repo_id, mnemonic, rev FROM repo_version WHERE is_active "
                    "AND mnemonic <> 'INITIAL' AND repo_id");
    for (size_t i = 0; i < l->shown->count; i++)
        if (l->place[i].repo != 0 && l->place[i].end->source_version.n > 0)
            nst_sql_in(&q, &repos, NST_INT(l->place[i].repo));
    nst_sql_in_end(&q, repos);
    nst_sql_add(&q, " AND mnemonic");
    for (size_t i = 0; i < l->shown->count; i++)
        if (l->place[i].repo != 0 && l->place[i].end->source_version.n > 0)
            nst_sql_in(&q, &ids, NST_TEXT(l->place[i].end->source_version));
    nst_sql_in_end(&q, ids);
    if (repos == 0)
        return NST_OK;
    NST_TRY(nst_sql_query(&rows, l->rq->db, &q));
    while (nst_rows_step(rows))
        take_version(l, nst_rows_int(rows, 0), nst_rows_text(rows, 1), nst_rows_int(rows, 2));
    return nst_rows_end(rows);
}

static enum nst_err find_revisions(const struct look *l)
{
    int64_t asked;
    NST_TRY(asked_revision(&asked, l));
    for (size_t i = 0; i < l->shown->count; i++) {
        const struct ocl_content *m = ocl_shown_at(l->shown, i);
        int64_t own = asked >= 0 ? asked : m->rev_to - 1;
        l->place[i].rev = l->place[i].repo == m->repo_id ? own : PRESENT;
    }
    return is_of_today(l) ? NST_OK : find_versions(l);
}

/* ---- Concepts ---- */

/* The version of each concept, found by its key: the place, the source, the code, the revision. */
static enum nst_err find_concepts(const struct look *l)
{
    struct nst_rows *rows;
    struct nst_sql q;
    size_t count = 0;
    nst_sql_init(&q, l->rq->arena);
    nst_sql_add(&q, "SELECT k.column1, c.id, c.display_name FROM (VALUES ");
    for (size_t i = 0; i < l->shown->count; i++) {
        const struct place *p = &l->place[i];
        const struct nst_value key[] = { NST_INT((int64_t)i), NST_INT(p->repo),
                                         NST_TEXT(p->end->concept_code), NST_INT(p->rev) };
        if (p->repo != 0)
            nst_sql_row(&q, &count, key, NST_COUNT(key), "");
    }
    nst_sql_add(&q, ") k CROSS JOIN concept_version c WHERE c.repo_id = k.column2 "
                    "AND c.mnemonic = k.column3 AND c.rev_to > k.column4 "
                    "AND c.rev_from <= k.column4");
    if (count == 0)
        return NST_OK;
    NST_TRY(nst_sql_query(&rows, l->rq->db, &q));
    while (nst_rows_step(rows)) {
        struct place *p = &l->place[nst_rows_int(rows, 0)];
        p->version = nst_rows_int(rows, 1);
        p->name = nst_str_copy(l->rq->arena, nst_rows_text(rows, 2));
    }
    return nst_rows_end(rows);
}

static enum nst_err look_up(struct look *l)
{
    NST_TRY(find_sources(l));
    NST_TRY(find_revisions(l));
    return find_concepts(l);
}

/* ---- Documents ---- */

/* Rows with those numbers, as their JSON. */
struct documents {
    const struct look *l;
    bool are_sources;
};

static int64_t number_of(const struct documents *d, size_t i)
{
    return d->are_sources ? d->l->place[i].repo : d->l->place[i].version;
}

static void take_document(void *arg, const void *row, struct nst_str json)
{
    const struct documents *d = arg;
    struct nst_str kept = nst_str_copy(d->l->rq->arena, json);
    int64_t number = ((const struct nst_row *)row)->id;
    for (size_t i = 0; i < d->l->shown->count; i++)
        if (number_of(d, i) == number)
            d->l->shown->value[i] = kept;
}

static size_t put_numbers(struct nst_sql *q, const struct documents *d, const char *column,
                          bool are_repos)
{
    size_t count = 0;
    nst_sql_addf(q, " AND %s", column);
    for (size_t i = 0; i < d->l->shown->count; i++) {
        int64_t number = are_repos ? d->l->place[i].repo : number_of(d, i);
        if (number != 0 && number_of(d, i) != 0)
            nst_sql_in(q, &count, NST_INT(number));
    }
    nst_sql_in_end(q, count);
    return count;
}

/* As the mapping is shown itself, so is what stands at its end. */
static enum nst_err put_documents(struct documents *d)
{
    struct nst_sql q;
    const struct nst_inner inner = { .resource = d->are_sources ? &ocl_source : &ocl_concept,
                                     .set = d->are_sources || is_of_today(d->l)
                                                ? NULL
                                                : &ocl_concept.sets[OCL_HELD],
                                     .use = d->l->shown->use,
                                     .conditions = &q,
                                     .limit = INT64_MAX,
                                     .is_judged = true,
                                     .take = take_document,
                                     .arg = d };
    nst_sql_init(&q, d->l->rq->arena);
    size_t count = put_numbers(&q, d, d->are_sources ? "repo.id" : "concept_version.id", false);
    if (!d->are_sources)
        put_numbers(&q, d, "concept_version.repo_id", true);
    return count > 0 ? nst_each_row(d->l->rq, &inner) : NST_OK;
}

static enum nst_err make_source(struct nst_req *rq, const struct nst_shown *shown, bool is_to)
{
    struct look l = look_at(rq, shown, is_to);
    struct documents d = { &l, true };
    NST_TRY(find_sources(&l));
    return put_documents(&d);
}

static enum nst_err make_concept(struct nst_req *rq, const struct nst_shown *shown, bool is_to)
{
    struct look l = look_at(rq, shown, is_to);
    struct documents d = { &l, false };
    NST_TRY(look_up(&l));
    return put_documents(&d);
}

static enum nst_err make_name(struct nst_req *rq, const struct nst_shown *shown, bool is_to)
{
    struct look l = look_at(rq, shown, is_to);
    NST_TRY(look_up(&l));
    for (size_t i = 0; i < shown->count; i++) {
        struct nst_buf b;
        nst_buf_init(&b, rq->arena, NST_HTTP_ANSWER_MAX);
        nst_json_put_str_or_null(&b, l.place[i].name);
        shown->value[i] = nst_buf_str(&b);
    }
    return NST_OK;
}

#define BOTH(kind) \
    enum nst_err ocl_make_from_##kind(struct nst_req *rq, const struct nst_shown *shown) \
    { \
        return make_##kind(rq, shown, false); \
    } \
    enum nst_err ocl_make_to_##kind(struct nst_req *rq, const struct nst_shown *shown) \
    { \
        return make_##kind(rq, shown, true); \
    }

BOTH(source)
BOTH(concept)
BOTH(name)
