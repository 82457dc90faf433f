/* The row of a concept: one version of it. */
#ifndef OCL_CONCEPT_H
#define OCL_CONCEPT_H

#include "ocl/content/content.h"

struct ocl_concept {
    struct ocl_content content;
    struct nst_str concept_class, datatype, names, descriptions, display_name, display_locale;
};

extern const struct nst_resource ocl_concept, ocl_concept_version, ocl_pinned_concept,
    ocl_concept_name, ocl_concept_description;

extern const struct ocl_kind ocl_concept_kind;

#endif
