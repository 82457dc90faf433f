/* Arrays inside of documents. */
#ifndef OCL_ARRAY_H
#define OCL_ARRAY_H

#include "ocl/app.h"

/* An array for each of the rows of a page, empty, in rq's arena. */
struct nst_buf *ocl_arrays_begin(struct nst_req *rq, size_t count);

/* Append one more value, which is copied. */
void ocl_array_add(struct nst_buf *out, struct nst_str json);

/* Make each the value of its row. */
void ocl_arrays_end(const struct nst_shown *shown, struct nst_buf *out);

/* The rows that `inner` means, as a JSON array in rq's arena; its `take` and `arg` are not looked
 * at.
 *   total  its bytes are added: those of all arrays of a page
 * Errors: those of nst_each_row; NST_E_INVALID where the page takes more than a page may. */
NST_CHECKED enum nst_err ocl_array_of(struct nst_str *value, struct nst_req *rq,
                                      const struct nst_inner *inner, size_t *total);

#endif
