/* The row of a concept: one version of it. */
#ifndef OCL_CONCEPT_H
#define OCL_CONCEPT_H

#include "ocl/source/source.h"

struct ocl_concept {
    struct nst_row row; /* id: number of the version */
    struct nst_str id, concept_class, datatype, names, descriptions, display_name, display_locale;
    struct nst_str external_id, extras, update_comment, retire_reason;
    bool retired, is_latest, public_can_view;
    int64_t repo_id, concept_id, rev_from, rev_to, previous_id, number, previous_number;
    int64_t created_at, created_by, version_created_at, version_created_by;
    struct nst_str source, owner, owner_type, owner_url, creator, author;
    struct nst_str concept_number, version_number;
};

extern const struct nst_resource ocl_concept, ocl_concept_version, ocl_pinned_concept,
    ocl_concept_name, ocl_concept_description;

#endif
