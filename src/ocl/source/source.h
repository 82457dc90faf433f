/* The row of a source, for the resources that lie in one. */
#ifndef OCL_SOURCE_H
#define OCL_SOURCE_H

#include "nestor/rest.h"

struct ocl_source {
    struct nst_row row;
    struct nst_str id, name, full_name, description, source_type, public_access;
    struct nst_str default_locale, supported_locales, locales, website;
    struct nst_str external_id, extras, custom_validation_schema, canonical_url, identifier;
    struct nst_str contact, jurisdiction, meta, publisher, purpose, copyright, revision_date, text;
    struct nst_str content_type, collection_reference, hierarchy_meaning, version_needed;
    bool experimental, case_sensitive, compositional;
    struct nst_str owner, owner_type, owner_word, owner_url, kind;
    int64_t owner_id, versions, visible_versions;
    int64_t rev, next_number, concepts, active_concepts;
    bool is_active, owner_is_active;
    int64_t created_at, updated_at, created_by, updated_by;
    struct nst_str creator, updater;
};

/* The languages of a repository, the default one first (V224). */
#define OCL_LOCALES "(repo.default_locale || ',' || coalesce(repo.supported_locales, ''))"

extern const struct nst_resource ocl_source;

/* What the next content write of a repository gets. */
struct ocl_change {
    int64_t rev;    /* the revision that the write makes */
    int64_t number; /* first of the numbers asked for, already with the owner's ordinal */
};

/* What a write adds: numbers that it needs, and to the two counts of concepts. */
struct ocl_delta {
    int64_t numbers, concepts, active;
};

/* A run of writes to one repository inside one transaction: revisions and numbers
 * are taken a thousand at a time, counts are added at its end. Zeroed before its
 * first use; handed over as rq->context. */
struct ocl_run {
    int64_t repo, rev, revs_left, number, numbers_left, concepts, active;
};

/* Write down what the run has counted and give back what it did not use; before its transaction
 * ends, and before anything else looks at the repository. */
NST_CHECKED enum nst_err ocl_run_flush(struct ocl_run *run, struct nst_db *db);

/* Open the next revision of the repository, which the request holds.
 * Errors: those of nst_query. */
NST_CHECKED enum nst_err ocl_source_advance(struct ocl_change *out, struct nst_req *rq,
                                            int64_t repo, struct ocl_delta delta);

/* Undo the last advance, with the delta that it had: its write did not happen. */
NST_CHECKED enum nst_err ocl_source_take_back(struct nst_req *rq, int64_t repo,
                                              struct ocl_delta delta);

/* Bits of a row number below the repository's ordinal. */
#define OCL_NUMBER_BITS 39

#endif
