/* Mappings inside of concepts (V245): of all concepts of a page by one statement. */
#include "mapping.h"

#include "ocl/array.h"
#include "ocl/concept/concept.h"
#include "ocl/content/members.h"
#include "ocl/version/version.h"

#define TABLE "mapping_version"

/* The concepts of a page, and what their lists hold so far. */
struct list {
    const struct nst_shown *shown;
    struct ocl_coded coded;
    struct nst_buf *out; /* one a concept */
    bool is_inverse;     /* with those that lead to it */
};

/* ---- Which mappings ---- */

static void put_codes(struct nst_sql *q, const char *side, const struct nst_shown *shown)
{
    size_t count = 0;
    nst_sql_add(q, "(TRUE");
    ocl_put_shown_repos(q, TABLE, shown);
    nst_sql_addf(q, " AND " TABLE ".%s_concept_code", side);
    for (size_t i = 0; i < shown->count; i++)
        nst_sql_in(q, &count, NST_TEXT(ocl_shown_at(shown, i)->id));
    nst_sql_in_end(q, count);
    nst_sql_add(q, ")");
}

/* What a parameter asks for: values between commas. */
static void put_values(struct nst_sql *q, struct nst_req *rq, const char *parameter,
                       const char *column)
{
    struct nst_str rest = nst_query_value(rq, parameter);
    size_t count = 0;
    if (rest.n == 0)
        return;
    nst_sql_addf(q, " AND " TABLE ".%s", column);
    while (rest.p != NULL) {
        struct nst_str word = nst_str_trim(nst_str_cut(&rest, ','));
        if (word.n > 0)
            nst_sql_in(q, &count, NST_TEXT(word));
    }
    nst_sql_in_end(q, count);
}

/* Those of the state that the concepts are shown in. */
static enum nst_err put_state(struct nst_sql *q, struct nst_req *rq)
{
    const struct nst_object *version = nst_ancestor(rq, "version");
    return version != NULL ? ocl_held_scope(q, rq, version, TABLE)
                           : ocl_present_scope(q, rq, nst_ancestor(rq, "source"), TABLE);
}

/* Those of the concepts: the conditions begin with what state they are in. */
static void put_ends(struct nst_sql *q, const struct list *l)
{
    nst_sql_add(q, " AND (");
    put_codes(q, "from", l->shown);
    if (l->is_inverse) {
        nst_sql_add(q, " OR ");
        put_codes(q, "to", l->shown);
    }
    nst_sql_add(q, ")");
}

/* ---- Whose they are ---- */

/* Only mappings of its own source are a concept's. */
static bool leads_home(const struct ocl_mapping *m, const struct ocl_end *end)
{
    struct nst_str url = end->source_url, home = m->content.owner_url;
    const struct nst_str word = NST_STR("sources/"), id = m->content.source;
    return url.n == home.n + word.n + id.n + 1 && nst_str_starts(url, home) &&
           nst_str_starts(nst_str_slice(url, home.n, url.n), word) &&
           nst_str_starts(nst_str_slice(url, home.n + word.n, url.n), id);
}

static void give(const struct list *l, const struct ocl_mapping *m, const struct ocl_end *end,
                 struct nst_str json)
{
    if (!leads_home(m, end))
        return;
    size_t place = ocl_place_of_code(&l->coded, m->content.repo_id, end->concept_code);
    if (place < l->shown->count)
        ocl_array_add(&l->out[place], json);
}

static void take(void *arg, const void *row, struct nst_str json)
{
    const struct list *l = arg;
    const struct ocl_mapping *m = row;
    give(l, m, &m->from, json);
    if (l->is_inverse)
        give(l, m, &m->to, json);
}

enum nst_err ocl_embed_mappings(struct nst_req *rq, const struct nst_shown *shown,
                                const struct ocl_embedding *how)
{
    struct list l = { .shown = shown,
                      .coded = ocl_code_rows(rq, shown),
                      .out = ocl_arrays_begin(rq, shown->count),
                      .is_inverse = how->is_inverse };
    const struct nst_inner inner = { .resource = &ocl_mapping,
                                     .set = how->set,
                                     .use = how->use,
                                     .conditions = how->state,
                                     .order = how->order,
                                     .limit = INT64_MAX,
                                     .take = take,
                                     .arg = &l };
    put_ends(how->state, &l);
    NST_TRY(nst_each_row(rq, &inner));
    ocl_arrays_end(shown, l.out);
    return NST_OK;
}

enum nst_err ocl_make_mappings(struct nst_req *rq, const struct nst_shown *shown)
{
    struct nst_sql q;
    bool is_held = nst_ancestor(rq, "version") != NULL;
    const struct ocl_embedding how = {
        .state = &q,
        .set = is_held ? &ocl_mapping.sets[OCL_PINNED] : NULL,
        .use = nst_query_is_true(rq, "mappingBrief") ? NST_BRIEF : NST_DETAIL,
        .is_inverse = nst_query_is_true(rq, "includeInverseMappings"),
    };
    nst_sql_init(&q, rq->arena);
    put_values(&q, rq, "mapTypes", "map_type");
    put_values(&q, rq, "targetRepoUrls", "to_source_url");
    NST_TRY(put_state(&q, rq));
    return ocl_embed_mappings(rq, shown, &how);
}
