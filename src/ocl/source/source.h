/* The row of a source, for the resources that lie in one. */
#ifndef OCL_SOURCE_H
#define OCL_SOURCE_H

#include "nestor/rest.h"

/* What a source counts, with its present revision and in each version. */
enum ocl_counted { OCL_CONCEPTS, OCL_MAPPINGS, OCL_COUNTED };

struct ocl_count {
    int64_t all, active; /* active: not retired */
    int64_t below;       /* those that have parents */
};

/* How content that comes without gets ids and external ids (V407): sequential or uuid, of names
 * and descriptions only the latter; null: none, or that of the database. */
struct ocl_autoids {
    struct nst_str concept_mnemonic, concept_external_id, mapping_mnemonic, mapping_external_id;
    struct nst_str concept_name_external_id, concept_description_external_id;
    int64_t concept_mnemonic_start_from, concept_external_id_start_from;
    int64_t mapping_mnemonic_start_from, mapping_external_id_start_from;
};

struct ocl_source {
    struct nst_row row;
    struct nst_str id, name, full_name, description, source_type, public_access;
    struct nst_str default_locale, supported_locales, locales, website;
    struct nst_str external_id, extras, custom_validation_schema, canonical_url, identifier;
    struct nst_str contact, jurisdiction, meta, publisher, purpose, copyright, revision_date, text;
    struct nst_str content_type, collection_reference, hierarchy_meaning, version_needed;
    struct nst_str hierarchy_root; /* its code */
    struct nst_str properties, filters, match_algorithms;
    bool experimental, case_sensitive, compositional;
    struct ocl_autoids autoid;
    struct nst_str owner, owner_type, owner_word, owner_url, kind;
    int64_t owner_id, versions, visible_versions;
    int64_t rev, next_number, content_at;
    struct ocl_count count[OCL_COUNTED];
    bool is_active, owner_is_active, retired;
    int64_t created_at, updated_at, created_by, updated_by;
    struct nst_str creator, updater, logo;
    struct nst_str copied_from; /* the address elsewhere that it is a copy of; null: it is none */
};

/* What a repository says of itself beside its name, and a version keeps as it was (V224, V230,
 * V236); the rules of V224, V227 and V236 for it. */
#define OCL_METADATA \
    "full_name description source_type default_locale supported_locales website external_id " \
    "extras custom_validation_schema canonical_url identifier contact jurisdiction meta " \
    "publisher purpose copyright revision_date text content_type collection_reference " \
    "hierarchy_meaning version_needed experimental case_sensitive compositional " \
    "properties filters match_algorithms " OCL_AUTOIDS

#define OCL_AUTOIDS \
    "autoid_concept_mnemonic autoid_concept_external_id autoid_concept_name_external_id " \
    "autoid_concept_description_external_id autoid_mapping_mnemonic autoid_mapping_external_id " \
    "autoid_concept_mnemonic_start_from autoid_concept_external_id_start_from " \
    "autoid_mapping_mnemonic_start_from autoid_mapping_external_id_start_from"

/* The fields of a struct that has a member `autoid`. */
#define OCL_AUTOID_MODE(s, m, sentence) \
    NST_FIELD("autoid_" #m, s, autoid.m, &nst_text, .max = 10, .flags = NST_CORE, .doc = sentence)
#define OCL_AUTOID_START(s, m) \
    NST_FIELD("autoid_" #m "_start_from", s, autoid.m##_start_from, &nst_int, .fallback = "1", \
              .flags = NST_CORE, .doc = "The first number of those.")
#define OCL_AUTOID_FIELDS(s) \
    OCL_AUTOID_MODE(s, concept_mnemonic, "How concepts get ids; null: by the database."), \
        OCL_AUTOID_MODE(s, concept_external_id, "How concepts get external ids; null: none."), \
        OCL_AUTOID_MODE(s, concept_name_external_id, "The same of names: uuid, or null."), \
        OCL_AUTOID_MODE(s, concept_description_external_id, "The same of descriptions."), \
        OCL_AUTOID_MODE(s, mapping_mnemonic, "How mappings get ids; null: by the database."), \
        OCL_AUTOID_MODE(s, mapping_external_id, "How mappings get external ids; null: none."), \
        OCL_AUTOID_START(s, concept_mnemonic), OCL_AUTOID_START(s, concept_external_id), \
        OCL_AUTOID_START(s, mapping_mnemonic), OCL_AUTOID_START(s, mapping_external_id)

#define OCL_METADATA_RULES \
    { "autoid_concept_mnemonic", .choices = "sequential|uuid" }, \
        { "autoid_concept_external_id", .choices = "sequential|uuid" }, \
        { "autoid_concept_name_external_id", .choices = "uuid" }, \
        { "autoid_concept_description_external_id", .choices = "uuid" }, \
        { "autoid_mapping_mnemonic", .choices = "sequential|uuid" }, \
        { "autoid_mapping_external_id", .choices = "sequential|uuid" }, \
        { "canonical_url", .fits = nst_str_is_uri, .unfit = "Enter a valid URI.", \
          .format = "uri" }, \
        { "custom_validation_schema", .choices = "None|OpenMRS" }, \
        { "content_type", .choices = "not-present|example|fragment|complete|supplement" }, \
    { \
        "hierarchy_meaning", .choices = "grouped-by|is-a|part-of|classified-with" \
    }

/* The languages of a repository, the default one first (V224). */
#define OCL_LOCALES(table) \
    "(" table ".default_locale || ',' || coalesce(" table ".supported_locales, ''))"

/* The fields of a struct that has members of these names. */
#define OCL_DECLARED_FIELD(s, m, type, sentence) \
    NST_FIELD(#m, s, m, type, .fallback = "[]", .doc = sentence)
#define OCL_DECLARED_FIELDS(s) \
    OCL_DECLARED_FIELD(s, properties, &ocl_properties, "Properties that concepts may have."), \
        OCL_DECLARED_FIELD(s, filters, &ocl_filters, "Filters over properties."), \
        OCL_DECLARED_FIELD(s, match_algorithms, &ocl_match_algorithms, "Ways to match terms.")

/* Of `repo` under any name: whether it is a source, its address, which has an index of sources,
 * and the condition that it is the one whose address follows. */
#define OCL_IS_SOURCE(repo) \
    repo ".kind = 'source' AND " repo ".is_active AND " repo ".owner_is_active"

/* repo.kind of a source that a purge has begun to erase: nobody finds it any more, and its content is
 * no measure of what is kept of it. */
#define OCL_KIND_PURGED "purged"
#define OCL_ADDRESS(repo) "(" repo ".owner_url || 'sources/' || " repo ".mnemonic || '/')"
#define OCL_AT(repo)      OCL_IS_SOURCE(repo) " AND " OCL_ADDRESS(repo) " = "

extern const struct nst_resource ocl_source;

/* Places in its sets: with those that are gone; a source as a version of it says that it was, for
 * its export: rows are chosen by repo.said_id, the number of the version. */
enum { OCL_ANY_SOURCE, OCL_EXPORTED_SOURCE };

#endif
