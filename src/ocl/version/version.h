/* The row of a repository version: a label on a revision. */
#ifndef OCL_VERSION_H
#define OCL_VERSION_H

#include "ocl/source/source.h"

struct ocl_version {
    struct nst_row row;
    struct nst_str id, description, name, canonical_url, external_id, extras;
    struct nst_str source, owner, owner_type, owner_url, full_name;
    bool released, retired, is_active;
    int64_t repo_id, rev, versions, previous_id, parent_id;
    struct ocl_count count[OCL_COUNTED];
    struct nst_str previous_version, former_version, parent_version, creator, updater, logo,
        public_access;
    struct nst_str source_type, website, default_locale, supported_locales, identifier, contact;
    struct nst_str custom_validation_schema, jurisdiction, meta, publisher, purpose, copyright;
    struct nst_str revision_date, text, content_type, collection_reference, hierarchy_meaning;
    struct nst_str version_needed, path, hierarchy_root;
    bool experimental, case_sensitive, compositional;
    struct nst_str properties, filters, match_algorithms;
    struct ocl_autoids autoid;
    int64_t created_at, updated_at, created_by, updated_by;
};

extern const struct nst_resource ocl_version;

/* Places in its sets: versions as v2 lists them, HEAD among them; as their exports have them. */
enum { OCL_LISTED, OCL_EXPORTED_VERSION };

/* Store the version INITIAL of a new repository (G110). */
NST_CHECKED enum nst_err ocl_version_make_initial(struct nst_req *rq,
                                                  const struct ocl_source *source);

#endif
