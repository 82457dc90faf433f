/* What a repository or a version of it counts, and whether it is complete (V229, V235). */
#ifndef OCL_SUMMARY_H
#define OCL_SUMMARY_H

#include "ocl/embed.h"

/* Views on the source or the version that the path names last. */
nst_view ocl_summary, ocl_summary_renew, ocl_processing, ocl_processing_clear;

extern const struct nst_description ocl_summary_description, ocl_summary_renewal,
    ocl_processing_description, ocl_processing_clearing;

/* What the detail of a source or a version can have besides (V229). */
extern const struct ocl_embed ocl_repo_embeds[];

extern const struct nst_description ocl_source_detail, ocl_version_detail;

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
