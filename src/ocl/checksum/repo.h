/* The checksums that sources and their versions show. They are made of what is shown, when
 * it is shown: nothing that is stored could be out of step with it. */
#ifndef OCL_CHECKSUM_REPO_H
#define OCL_CHECKSUM_REPO_H

#include "nestor/rest.h"

/* What counts of a source (V412), for NST_MADE; its languages are a field of their own. */
#define OCL_REPO_SAYS \
    "{canonical_url}{custom_validation_schema}{default_locale}{hierarchy_meaning}{website}" \
    "{extras}"

/* The same as values; texts may be null, extras are JSON. */
struct ocl_repo_says {
    struct nst_str canonical_url, custom_validation_schema, default_locale, hierarchy_meaning;
    struct nst_str locales; /* as they are shown, separated by commas */
    struct nst_str website, extras;
    bool released, retired;
};

/* Append `{"standard":"...","smart":"..."}`, the checksums of what the source says. */
void ocl_put_repo_checksums(struct nst_buf *out, const struct ocl_repo_says *s);

#endif
