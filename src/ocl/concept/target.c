/* Lists of concepts by what their mappings lead to. Mappings are not part of a concept, and are
 * looked up by an index over the short codes that they lead to: those of the state that the list
 * shows, of the concept's own source, not retired, as far as the caller may see them (V117). */
#include "target.h"

#include "ocl/mapping/mapping.h"
#include "ocl/version/version.h"

#define M "mapping_version"

/* What stands behind the last slash, up to one character more than a short code has: the expression
 * of the index mapping_target. */
#define PATH "rtrim(" M ".to_source_url, '/')"
#define SHORT_CODE \
    "substr(" PATH ", length(rtrim(" PATH ", replace(" M ".to_source_url, '/', ''))) + 1, 256)"

static const struct {
    const char *name, *column;
} parts[] = {
    { "targetRepo", SHORT_CODE },
    { "targetRepoMapType", M ".map_type" },
};

bool ocl_asks_for_targets(struct nst_req *rq)
{
    bool any = false;
    for (size_t i = 0; i < NST_COUNT(parts); i++)
        any |= nst_asks(rq, parts[i].name) != NST_ASKS_NOTHING;
    return any;
}

/* What the list shows: a version, or the source at a moment; below 0: the present. */
static enum nst_err state_of(int64_t *rev, struct nst_req *rq)
{
    const struct nst_object *source = nst_ancestor(rq, "source");
    const struct nst_object *version = nst_ancestor(rq, "version");
    *rev = -1;
    if (version != NULL)
        *rev = ((const struct ocl_version *)version->row)->rev;
    else if (source != NULL)
        NST_TRY(ocl_moment(rev, rq, source->row));
    return NST_OK;
}

/* Append mappings of the state, further conditions on which may follow.
 *   join  another table, or "" */
static void put_mappings(struct nst_sql *q, struct nst_req *rq, int64_t rev, const char *join)
{
    const struct nst_object *source = nst_ancestor(rq, "source");
    nst_sql_addf(q,
                 " FROM " M " JOIN repo AS home ON home.id = " M ".repo_id%s WHERE NOT " M
                 ".retired AND " M ".from_source_url = " OCL_ADDRESS("home"),
                 join);
    if (source != NULL) {
        nst_sql_add(q, " AND " M ".repo_id = ");
        nst_sql_bind(q, NST_INT(((const struct nst_row *)source->row)->id));
    }
    ocl_put_moment(q, M, rev);
    ocl_ends_visible(q, rq);
}

/* Of one mapping all that is asked for. */
static void put_wanted(struct nst_sql *q, struct nst_req *rq)
{
    for (size_t i = 0; i < NST_COUNT(parts); i++)
        if (nst_asks(rq, parts[i].name) == NST_ASKS_FOR)
            nst_put_asked(q, rq, parts[i].name, parts[i].column);
}

#define MAPPED \
    "(concept_version.repo_id, concept_version.mnemonic) IN (SELECT " M ".repo_id, " M \
    ".from_concept_code"

/* ---- Few concepts are found by their numbers ---- */

#define FEW 1000

/* Append their numbers, FEW at most.
 *   are_few  false where there are more */
static enum nst_err put_numbers(struct nst_sql *out, bool *are_few, struct nst_req *rq, int64_t rev)
{
    size_t count = 0;
    struct nst_rows *rows;
    struct nst_sql q;
    nst_sql_init(&q, rq->arena);
    nst_sql_add(&q, "SELECT DISTINCT concept_version.id");
    put_mappings(&q, rq, rev,
                 " JOIN concept_version ON concept_version.repo_id = " M
                 ".repo_id AND concept_version.mnemonic = " M ".from_concept_code");
    ocl_put_moment(&q, "concept_version", rev);
    put_wanted(&q, rq);
    nst_sql_add(&q, " LIMIT ");
    nst_sql_bind(&q, NST_INT(FEW + 1));
    NST_TRY(nst_sql_query(&rows, rq->db, &q));
    while (count < FEW && nst_rows_step(rows))
        nst_sql_in(out, &count, NST_INT(nst_rows_int(rows, 0)));
    nst_sql_in_end(out, count);
    *are_few = count < FEW || !nst_rows_step(rows);
    return nst_rows_end(rows);
}

/* Where many fit, the order of the list leads to some of them soon. */
static enum nst_err put_concepts(struct nst_sql *q, struct nst_req *rq, int64_t rev)
{
    size_t length = q->text.n;
    unsigned bound = q->count;
    bool are_few;
    nst_sql_add(q, " AND concept_version.id");
    NST_TRY(put_numbers(q, &are_few, rq, rev));
    if (are_few)
        return NST_OK;
    q->text.n = length;
    q->count = bound;
    nst_sql_add(q, " AND " MAPPED);
    put_mappings(q, rq, rev, "");
    put_wanted(q, rq);
    nst_sql_add(q, ")");
    return NST_OK;
}

/* ---- What is asked for ---- */

static void put_unwanted(struct nst_sql *q, struct nst_req *rq, int64_t rev)
{
    for (size_t i = 0; i < NST_COUNT(parts); i++) {
        if (nst_asks(rq, parts[i].name) != NST_ASKS_AGAINST)
            continue;
        nst_sql_add(q, " AND NOT " MAPPED);
        put_mappings(q, rq, rev, "");
        nst_put_asked(q, rq, parts[i].name, parts[i].column);
        nst_sql_add(q, ")");
    }
}

enum nst_err ocl_put_targets(struct nst_sql *q, struct nst_req *rq)
{
    bool wants = false;
    int64_t rev;
    if (!ocl_asks_for_targets(rq))
        return NST_OK;
    for (size_t i = 0; i < NST_COUNT(parts); i++)
        wants |= nst_asks(rq, parts[i].name) == NST_ASKS_FOR;
    if (rq->problem != NULL)
        return NST_E_INVALID;
    NST_TRY(state_of(&rev, rq));
    if (wants)
        NST_TRY(put_concepts(q, rq, rev));
    put_unwanted(q, rq, rev);
    return NST_OK;
}
