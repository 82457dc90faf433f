/* What the detail of a source or a version of it has besides, where the query asks for it (V229). */
#ifndef OCL_SOURCE_OPTIONAL_H
#define OCL_SOURCE_OPTIONAL_H

#include "ocl/app.h"

/* The topmost concept that each names, in short, or null; references, which only collections have.
 * For struct nst_member.
 * Errors: those of nst_query. */
enum nst_err ocl_make_root(struct nst_req *rq, const struct nst_shown *shown);
enum nst_err ocl_make_references(struct nst_req *rq, const struct nst_shown *shown);

#define OCL_BRIEF(concept) "{\"$ref\":\"#/components/schemas/v2." concept ".Brief\"}"
#define OCL_OPTIONAL_MEMBERS \
    { V2, \
      1U << NST_DETAIL, \
      "hierarchy_root", \
      "includeHierarchyRoot", \
      ocl_make_root, \
      "{\"anyOf\":[" OCL_BRIEF("concept") "," OCL_BRIEF("pinned_concept") ",{\"type\":\"null\"}]}", \
      "The topmost concept, in short." }, \
    { \
        V2, 1U << NST_DETAIL, "references", "includeReferences", ocl_make_references, \
            "{\"type\":\"array\",\"maxItems\":0,\"items\":{}}", "None: only collections have some." \
    }
#define OCL_OPTIONAL_ASKED \
    { "includeHierarchyRoot", NST_SWITCH_SCHEMA, "With `hierarchy_root`: the topmost concept." }, \
    { \
        "includeReferences", NST_SWITCH_SCHEMA, "With `references`: sources have none." \
    }

#endif
