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
    struct nst_str concept_number, version_number, latest_source_version;
};

extern const struct nst_resource ocl_concept, ocl_concept_version, ocl_pinned_concept,
    ocl_concept_name, ocl_concept_description;

/* Complete a new concept: its first version opens at the next revision. */
enum nst_err ocl_concept_open(struct nst_req *rq, void *row);

/* PUT and DELETE (G124 to G126), and one line of an import (V611). */
nst_view ocl_concept_update, ocl_concept_retire, ocl_concept_import;

#endif
