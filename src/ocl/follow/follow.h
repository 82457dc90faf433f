/* Whom and what users follow, inside of the detail of a user (V214). */
#ifndef OCL_FOLLOW_H
#define OCL_FOLLOW_H

#include "ocl/app.h"

extern const struct nst_resource ocl_follow;

/* Of users whom they follow, and who follows them: the newest 1000 of each, as far as the caller
 * may see them. For struct nst_member.
 * Errors: those of nst_each_row. */
enum nst_err ocl_make_following(struct nst_req *rq, const struct nst_shown *shown);
enum nst_err ocl_make_followers(struct nst_req *rq, const struct nst_shown *shown);

#endif
