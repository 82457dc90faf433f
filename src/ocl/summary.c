/* What a repository or a version of it counts. The counts are kept with each revision, so that
 * nothing is walked here, and nothing is ever pending (V109). */
#include "summary.h"

#include "ocl/distribution.h"
#include "ocl/mapping/mapping.h"
#include "ocl/source/source.h"
#include "ocl/version/version.h"

/* Of mappings those that the caller may see (V117). HEAD is one of the versions, in the place of
 * INITIAL (V118, V231). */
static enum nst_err put_summary(struct nst_req *rq)
{
    const struct ocl_source *s = nst_ancestor(rq, "source")->row;
    const struct nst_object *o = nst_object(rq);
    const struct ocl_count *count = s->count;
    int64_t mappings;
    bool found;
    NST_TRY(ocl_mapping.hook.count(&mappings, &found, rq));
    if (nst_is(o, &ocl_version))
        count = ((const struct ocl_version *)o->row)->count;
    nst_putf(&rq->x->out, "{\"active_concepts\":%lld,\"active_mappings\":%lld,\"versions\":%lld}",
             (long long)count[OCL_CONCEPTS].active, (long long)mappings, (long long)s->versions);
    return NST_OK;
}

enum nst_err ocl_summary(struct nst_req *rq)
{
    if (ocl_wants_distribution(rq))
        return ocl_answer_distribution(rq);
    NST_TRY(put_summary(rq));
    return nst_answer_json(rq, 200);
}

/* The counts are right already. */
enum nst_err ocl_summary_renew(struct nst_req *rq)
{
    return nst_answer_empty(rq, 202);
}

enum nst_err ocl_processing(struct nst_req *rq)
{
    nst_put_lit(&rq->x->out, "False");
    rq->x->status = 200;
    rq->x->content_type = NST_STR("text/plain; charset=utf-8");
    return NST_OK;
}

enum nst_err ocl_processing_clear(struct nst_req *rq)
{
    return nst_answer_empty(rq, 200);
}

/* ---- Descriptions ---- */

static const struct nst_response summary_response[] = {
    { 200,
      "How many there are.",
      { .schema = "{\"anyOf\":[" OCL_SUMMARY_SCHEMA "," OCL_DISTRIBUTION_SCHEMA "]}" } },
    { 0 },
};

static const struct nst_response renewal_response[] = {
    { 202, "It is counted again, as it always is." },
    { 0 },
};

static const struct nst_response processing_response[] = {
    { 200,
      "Whether something is pending.",
      { .schema = "{\"type\":\"string\",\"enum\":[\"True\",\"False\"]}", .media = "text/plain" } },
    { 0 },
};

static const struct nst_response clearing_response[] = {
    { 200, "Nothing is pending." },
    { 0 },
};

static const struct nst_parameter summary_parameter[] = { OCL_DISTRIBUTION_PARAMETERS, { 0 } };
const struct nst_description ocl_summary_description = { .parameter = summary_parameter,
                                                         .response = summary_response };
const struct nst_description ocl_summary_renewal = { .response = renewal_response };
const struct nst_description ocl_processing_description = { .response = processing_response };
const struct nst_description ocl_processing_clearing = { .response = clearing_response };
