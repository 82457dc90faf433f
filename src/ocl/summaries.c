/* Members of repositories and their versions that the query asks for (V229, V231): what each of
 * a page counts, and what is pending. */
#include "summary.h"

#include "ocl/mapping/mapping.h"
#include "ocl/source/source.h"
#include "ocl/version/version.h"

/* What a row counts, at which revision of which source. */
struct counted {
    int64_t repo, rev, versions, concepts, mappings;
    bool hides; /* mappings of its source may lead to what is hidden from the caller */
};

static struct counted counted_of(const struct nst_shown *shown, size_t i)
{
    if (shown->resource == &ocl_source) {
        const struct ocl_source *s = shown->row[i];
        return (struct counted){ s->row.id,
                                 s->rev,
                                 s->versions,
                                 s->count[OCL_CONCEPTS].active,
                                 s->count[OCL_MAPPINGS].active,
                                 false };
    }
    const struct ocl_version *v = shown->row[i];
    return (struct counted){ v->repo_id,
                             v->rev,
                             v->versions,
                             v->count[OCL_CONCEPTS].active,
                             v->count[OCL_MAPPINGS].active,
                             false };
}

/* ---- Mappings are counted where some may be hidden (V117) ---- */

static enum nst_err find_hiding(bool *any, struct nst_req *rq, struct counted *c, size_t n)
{
    struct nst_rows *rows;
    struct nst_sql q;
    size_t count = 0;
    *any = false;
    nst_sql_init(&q, rq->arena);
    nst_sql_add(&q, "SELECT id FROM repo WHERE id IN ");
    ocl_hiding_repos(&q, rq);
    nst_sql_add(&q, " AND id");
    for (size_t i = 0; i < n; i++)
        if (i == 0 || c[i].repo != c[i - 1].repo)
            nst_sql_in(&q, &count, NST_INT(c[i].repo));
    nst_sql_in_end(&q, count);
    NST_TRY(nst_sql_query(&rows, rq->db, &q));
    while (nst_rows_step(rows)) {
        *any = true;
        for (size_t i = 0; i < n; i++)
            c[i].hides |= c[i].repo == nst_rows_int(rows, 0);
    }
    return nst_rows_end(rows);
}

static enum nst_err count_visible(struct nst_req *rq, struct counted *c, size_t n)
{
    struct nst_rows *rows;
    struct nst_sql q;
    size_t count = 0;
    nst_sql_init(&q, rq->arena);
    nst_sql_add(&q, "SELECT k.column1, count(*) FROM (VALUES ");
    for (size_t i = 0; i < n; i++) {
        const struct nst_value key[] = { NST_INT((int64_t)i), NST_INT(c[i].repo),
                                         NST_INT(c[i].rev) };
        if (!c[i].hides)
            continue;
        nst_sql_row(&q, &count, key, NST_COUNT(key), "");
        c[i].mappings = 0;
    }
    nst_sql_add(&q, ") k CROSS JOIN mapping_version WHERE mapping_version.repo_id = k.column2 "
                    "AND mapping_version.rev_from <= k.column3 "
                    "AND mapping_version.rev_to > k.column3 AND NOT mapping_version.retired");
    ocl_ends_visible(&q, rq);
    nst_sql_add(&q, " GROUP BY k.column1");
    NST_TRY(nst_sql_query(&rows, rq->db, &q));
    while (nst_rows_step(rows))
        c[nst_rows_int(rows, 0)].mappings = nst_rows_int(rows, 1);
    return nst_rows_end(rows);
}

enum nst_err ocl_make_summary(struct nst_req *rq, const struct nst_shown *shown)
{
    struct counted *c = NST_NEW_ARRAY(rq->arena, struct counted, shown->count + 1);
    bool hides;
    for (size_t i = 0; i < shown->count; i++)
        c[i] = counted_of(shown, i);
    NST_TRY(find_hiding(&hides, rq, c, shown->count));
    if (hides)
        NST_TRY(count_visible(rq, c, shown->count));
    for (size_t i = 0; i < shown->count; i++)
        shown->value[i] =
            nst_strf(rq->arena,
                     "{\"active_concepts\":%lld,\"active_mappings\":%lld,\"versions\":%lld}",
                     (long long)c[i].concepts, (long long)c[i].mappings, (long long)c[i].versions);
    return NST_OK;
}

/* ---- Nothing is ever pending (V109) ---- */

static enum nst_err make_all(const struct nst_shown *shown, const char *json)
{
    for (size_t i = 0; i < shown->count; i++)
        shown->value[i] = nst_str_z(json);
    return NST_OK;
}

enum nst_err ocl_make_states(struct nst_req *rq, const struct nst_shown *shown)
{
    (void)rq;
    return make_all(shown, "{}");
}

enum nst_err ocl_make_tasks(struct nst_req *rq, const struct nst_shown *shown)
{
    (void)rq;
    return make_all(shown, "[]");
}
