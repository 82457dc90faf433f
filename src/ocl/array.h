/* Arrays inside of documents. */
#ifndef OCL_ARRAY_H
#define OCL_ARRAY_H

#include "ocl/app.h"

/* The rows that `inner` means, as a JSON array in rq's arena; its `take` and `arg` are not looked
 * at.
 * Errors: those of nst_each_row. */
NST_CHECKED enum nst_err ocl_array_of(struct nst_str *value, struct nst_req *rq,
                                         const struct nst_inner *inner);

#endif
