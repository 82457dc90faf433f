/* What users have put first, inside of their detail (V214). */
#ifndef OCL_PIN_H
#define OCL_PIN_H

#include "ocl/app.h"

/* Of users their pins, as far as the caller may see what is pinned. For struct nst_member.
 * Errors: those of nst_query. */
enum nst_err ocl_make_pins(struct nst_req *rq, const struct nst_shown *shown);

#endif
