/* Lists of concepts by what their mappings lead to (V335). */
#ifndef OCL_TARGET_H
#define OCL_TARGET_H

#include "ocl/app.h"

/* Rows of .asked. */
#define OCL_TARGET_ASKED \
    { "targetRepo", NULL, \
      "Only concepts with a mapping of their source that leads to a source with this short code." }, \
    { \
        "targetRepoMapType", NULL, "Only concepts with a mapping of this type; with targetRepo the " \
                                   "same mapping is of that type and leads there." \
    }

/* Append what the query asks for of the mappings; for the hook visible.
 * Errors: those of ocl_moment. */
NST_CHECKED enum nst_err ocl_put_targets(struct nst_sql *q, struct nst_req *rq);

/* Whether it asks for something. */
bool ocl_asks_for_targets(struct nst_req *rq);

#endif
