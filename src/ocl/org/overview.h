/* The overview of an organisation, for its own detail (V219). */
#ifndef OCL_OVERVIEW_H
#define OCL_OVERVIEW_H

#include "ocl/app.h"

extern const struct nst_resource ocl_overview;

/* Of organisations their overview. For struct nst_member.
 * Errors: those of nst_load_id. */
enum nst_err ocl_make_overview(struct nst_req *rq, const struct nst_shown *shown);

#define OCL_OVERVIEW_MEMBER \
    { \
        V2, 1U << NST_DETAIL, "overview", "includeOverview", ocl_make_overview, \
            "{\"type\":\"object\"}", "What its page is made of." \
    }
#define OCL_OVERVIEW_ASKED \
    { \
        "includeOverview", NST_SWITCH_SCHEMA, "With `overview`: what its page is made of." \
    }

#endif
