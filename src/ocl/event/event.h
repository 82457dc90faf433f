/* What happened to organisations, sources and users (V269): a row for each act, written with it. */
#ifndef OCL_EVENT_H
#define OCL_EVENT_H

#include "ocl/thing.h"

/* Types of events. */
#define OCL_CREATED    "Created"
#define OCL_RELEASED   "Released"
#define OCL_DELETED    "Deleted"
#define OCL_FOLLOWED   "Followed"
#define OCL_UNFOLLOWED "Unfollowed"
#define OCL_JOINED     "Joined"

struct ocl_event {
    const char *type;
    int64_t user;           /* number of the user whose event it is; 0: the caller's */
    struct ocl_thing thing; /* what it is of, a version with its source; none: this server */
};

/* Write the event in the transaction of the act. It is the caller's doing; where nobody is known,
 * that of the user.
 * Errors: those of nst_query. */
NST_CHECKED enum nst_err ocl_record(struct nst_req *rq, const struct ocl_event *event);

#endif
