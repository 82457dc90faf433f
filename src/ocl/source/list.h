/* Lists of sources: of their versions besides, and by what they contain (V337). */
#ifndef OCL_SOURCE_LIST_H
#define OCL_SOURCE_LIST_H

#include "ocl/app.h"

/* As nst_list; with `allVersions` every source that is found, and its versions. */
nst_view ocl_source_list;
extern const struct nst_description ocl_source_listing;

/* For the hook visible: sources that the caller may see, and that contain what is asked for. */
enum nst_err ocl_source_visible(struct nst_sql *q, struct nst_req *rq);

/* Row of .asked. */
#define OCL_CONTAINS \
    { \
        "contains", NULL, "Only the source that has the concept or mapping with this address." \
    }

#endif
