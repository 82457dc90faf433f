/* What a repository or a version of it counts, and whether it is complete (V229, V235). */
#ifndef OCL_SUMMARY_H
#define OCL_SUMMARY_H

#include "ocl/app.h"

/* Views on the source or the version that the path names last. */
nst_view ocl_summary, ocl_summary_renew, ocl_processing, ocl_processing_clear;

extern const struct nst_description ocl_summary_description, ocl_summary_renewal,
    ocl_processing_description, ocl_processing_clearing;

#define OCL_COUNT_SCHEMA "{\"type\":\"integer\",\"minimum\":0}"
#define OCL_SUMMARY_SCHEMA \
    "{\"type\":\"object\",\"properties\":{\"active_concepts\":" OCL_COUNT_SCHEMA \
    ",\"active_mappings\":" OCL_COUNT_SCHEMA ",\"versions\":" OCL_COUNT_SCHEMA "}," \
    "\"required\":[\"active_concepts\",\"active_mappings\",\"versions\"]}"

/* ---- Members that are asked for (summaries.c): of sources and versions ---- */

/* What each counts, of mappings those that the caller may see; what is pending. For struct
 * nst_member.
 * Errors: those of nst_query. */
enum nst_err ocl_make_summary(struct nst_req *rq, const struct nst_shown *shown);
enum nst_err ocl_make_states(struct nst_req *rq, const struct nst_shown *shown);
enum nst_err ocl_make_tasks(struct nst_req *rq, const struct nst_shown *shown);

#define OCL_SUMMARY_MEMBER \
    { \
        V2, 1U << NST_LIST | 1U << NST_DETAIL | 1U << NST_BRIEF, "summary", "includeSummary", \
            ocl_make_summary, OCL_SUMMARY_SCHEMA, "How many there are in it." \
    }
#define OCL_SUMMARY_ASKED \
    { \
        "includeSummary", NST_SWITCH_SCHEMA, "With `summary`: how many there are in it." \
    }

/* The two routes below a path (V313). */
#define OCL_SUMMARY(path) \
    { V2, path "summary/", \
      .get = { ocl_summary, ocl_any_caller, .describe = &ocl_summary_description }, \
      .put = { ocl_summary_renew, ocl_may_edit, .describe = &ocl_summary_renewal }, \
      .doc = "What it counts." }, \
    { \
        V2, path "processing/", \
            .get = { ocl_processing, ocl_any_caller, .describe = &ocl_processing_description }, \
            .post = { ocl_processing_clear, ocl_may_edit, .describe = &ocl_processing_clearing }, \
            .doc = "Whether something about it is pending." \
    }

#endif
