/* Content inside of the detail of its source, or of a version of that (V229, V902). */
#ifndef OCL_INSIDE_H
#define OCL_INSIDE_H

#include "ocl/app.h"

/* The source or version that the path names last, as nst_retrieve shows it; with `concepts` and
 * `mappings` where the query asks for them, of any number: what is not short leaves in pieces. */
nst_view ocl_repo_retrieve;

extern const struct nst_description ocl_repo_detail;

#endif
