/* What a source declares of its concepts (V236): their properties, filters over these, and the
 * ways to match terms. */
#ifndef OCL_DECLARED_H
#define OCL_DECLARED_H

#include "ocl/app.h"

/* Lists, kept as JSON. An item that is not right is told by its place and what it lacks. */
extern const struct nst_type ocl_properties, ocl_filters, ocl_match_algorithms;

/* The list of the source or version that the path names last: the action's argument is the
 * column, a C string. */
nst_view ocl_declared;

extern const struct nst_description ocl_properties_description, ocl_filters_description;

/* The two routes below a path. */
#define OCL_DECLARED(path) \
    { V2, path "properties/", \
      .get = { ocl_declared, ocl_any_caller, .arg = "properties", \
               .describe = &ocl_properties_description }, \
      .doc = "Properties that its concepts may have." }, \
    { \
        V2, path "filters/", .get = { ocl_declared, ocl_any_caller, .arg = "filters", \
                                      .describe = &ocl_filters_description }, \
                             .doc = "Filters over these properties." \
    }

#endif
