/* Concepts: the tables, and which version of the content a path means. */
#include "family.h"
#include "property.h"
#include "target.h"

#include "ocl/app.h"
#include "ocl/content/members.h"
#include "ocl/extras.h"
#include "ocl/mapping/mapping.h"
#include "ocl/version/version.h"

#define TABLE "concept_version"
/* The source, and which properties it declares: now, or as one of its versions has them, which
 * ocl_put_said chooses. */
#define SOURCE(said) TABLE " JOIN (SELECT r.*, " said ") repo ON repo.id = " TABLE ".repo_id"
#define PRESENT      SOURCE("r.properties AS declared FROM repo r")
#define PAST \
    SOURCE("v.id AS said_id, v.properties AS declared FROM repo r JOIN repo_version v " \
           "ON v.repo_id = r.id")
#define PLACE "{owner_url}sources/{source}/concepts/{id}/"

static const struct nst_field concept_field[] = {
    NST_IDENTITY("version_uuid", ocl_concept, content.version_created_at,
                 .doc = "Number of the version."),
    NST_CONSTANT("type", "\"Concept\"", .doc = "Kind of resource."),
    NST_FIELD("id", ocl_concept, content.id, &nst_code, .column = "mnemonic",
              .flags = NST_KEY | NST_CORE, .max = 255, .doc = "Code, unique in its source."),
    NST_FIELD("concept_class", ocl_concept, concept_class, &nst_text,
              .flags = NST_NEVER_NULL | NST_NOT_EMPTY, .max = 255, .doc = "Kind of concept."),
    NST_FIELD("datatype", ocl_concept, datatype, &nst_text, .max = 255,
              .doc = "Kind of value that an observation of it has."),
    NST_FIELD("names", ocl_concept, names, &nst_child_list, .flags = NST_NOT_EMPTY,
              .children = &ocl_concept_name, .max = 500, .doc = "Names in several languages."),
    NST_FIELD("descriptions", ocl_concept, descriptions, &nst_child_list, .max = 500,
              .children = &ocl_concept_description, .doc = "Descriptions in several languages."),
    NST_FIELD("display_name", ocl_concept, display_name, &nst_text, .doc = "The name to show."),
    NST_FIELD("display_locale", ocl_concept, display_locale, &nst_text, .doc = "Its language."),
    NST_FIELD("preferred_name", ocl_concept, preferred_name, &nst_text,
              .doc = "The first preferred name, where that is another one."),
    NST_FIELD("preferred_locale", ocl_concept, preferred_locale, &nst_text, .doc = "Its language."),
    NST_FIELD("guide_name", ocl_concept, guide_name, &nst_text,
              .column = "coalesce(concept_version.preferred_name, concept_version.display_name)",
              .doc = "The first preferred name."),
    NST_FIELD("guide_locale", ocl_concept, guide_locale, &nst_text,
              .column = "coalesce(concept_version.preferred_locale, "
                        "concept_version.display_locale)",
              .doc = "Its language."),
    NST_FIELD("terms", ocl_concept, terms, &nst_text, .fallback = "",
              .doc = "Locales and types of its names and descriptions, for filters."),
    OCL_CONTENT_FIELDS(ocl_concept, TABLE, "concept_id"),
    NST_FIELD("declared", ocl_concept, declared, &nst_text, .column = "repo.declared",
              .flags = NST_LAZY, .doc = "Properties that its source declares."),
    NST_FIELD("declared_values", ocl_concept, declared_values, &nst_text,
              .column = "(CASE WHEN repo.declared <> '[]' THEN concept_version.extras END)",
              .flags = NST_LAZY, .doc = "Where it declares some, the free JSON object."),
    NST_MADE("property", &ocl_property, "{declared}{declared_values}",
             .doc = "What the free JSON object has under the codes that its source declares."),
    NST_FIELD("parent_concept_urls", ocl_concept, parents, &ocl_given_parents, .column = "parents",
              .max = 1 << 21, .doc = "Addresses of more general concepts of the source."),
    NST_FIELD("children", ocl_concept, children, &nst_text, .column = OCL_CHILDREN(TABLE),
              .doc = "Codes of its children."),
    NST_MADE("parent_urls", &ocl_parent_urls, "{parent_concept_urls}{owner_url}{source}",
             .doc = "Addresses of more general concepts."),
    NST_MADE("child_concept_urls", &ocl_child_urls, "{children}{owner_url}{source}",
             .doc = "Addresses of more special concepts."),
    NST_CONSTANT("collection_versions", "[]", .doc = "Collection versions that hold it."),
    NST_CONSTANT("was_latest", "true", .doc = "It was the newest when its release was made."),
    NST_LINK("url", PLACE, .doc = "Address of the concept."),
    NST_LINK("version_url", PLACE "{version}/", .doc = "Address of the version."),
    NST_LINK("previous_version_url", PLACE "{previous_version}/",
             .doc = "Address of the former version."),
    NST_LINK("versions_url", PLACE "versions/", .doc = "All versions of the concept."),
};

static const struct nst_rule guide_rule[] = { { "id", .charset = "a-zA-Z0-9.-" }, { 0 } };

/* V206, V253 */
static const struct nst_rule v2_rule[] = {
    { "datatype", .is_not_empty = true },
    { "names", .empty = OCL_NO_NAME },
    { 0 },
};

#define TAKEN \
    { \
        "mnemonic", "Concept with mnemonic {id} already exists for parent resource {source}." \
    }
/* V252 */
#define V2_TAKEN \
    { \
        "__all__", "Concept ID must be unique within a source.", .is_list = true \
    }
#define GUIDE_ROW \
    "id concept_class datatype retired source owner owner_type displayName=guide_name " \
    "displayLocale=guide_locale " /* G122 */
#define GUIDE_DETAIL \
    "id concept_class datatype displayName=guide_name displayLocale=guide_locale names " \
    "descriptions retired source owner owner_type "
#define V2_DETAIL \
    "id external_id concept_class datatype url retired source owner owner_type owner_url " \
    "display_name display_locale names descriptions created_on=created_at " \
    "updated_on=version_created_at versions_url "
#define V2_DETAIL_END \
    " extras type update_comment retire_reason version_url updated_by=version_created_by " \
    "created_by public_can_view checksums property versioned_object_id=object_id " \
    "latest_source_version"
#define V2_ROW \
    "id external_id concept_class datatype url retired source owner owner_type owner_url " \
    "display_name display_locale versions_url "
#define V2_ROW_END \
    " type update_comment retire_reason version_url public_can_view checksums property " \
    "versioned_object_id=object_id latest_source_version locale=display_locale " \
    "is_latest_version version_created_by version_created_on=version_created_at " \
    "version_updated_by=version_created_by version_updated_on=version_created_at"
#define V2_BRIEF "id type url version_url retired display_name checksums"
#define DIGEST   "id type url checksums"
/* V331 */
#define TABLE_ROW \
    "Owner=owner Source=source Concept_ID=id Name=display_name Locale=display_locale " \
    "Concept_Class=concept_class Datatype=datatype Retired=retired External_ID=external_id " \
    "Last_Updated=version_created_at Updated_By=version_created_by "
#define NOT_YET "mappings" /* V238 */
#define V2_SETTABLE \
    "descriptions external_id extras retired update_comment retire_reason " \
    "parent_concept_urls" /* V406 */
#define IMPORT_SETTABLE "datatype " V2_SETTABLE

static const struct nst_serializer concept_serializer[] = {
    { GUIDE, NST_LIST, GUIDE_ROW "url" },                          /* G14, G129 */
    { GUIDE, NST_DETAIL, GUIDE_DETAIL "url ownerUrl=source_url" }, /* G127 */
    { GUIDE, NST_CREATE, "id* concept_class* names* datatype descriptions", .rules = guide_rule,
      .duplicate = TAKEN },
    { GUIDE, NST_UPDATE, "concept_class datatype names descriptions" }, /* G124 */
    { V2, NST_DETAIL, "uuid " V2_DETAIL "version=uuid" V2_DETAIL_END }, /* V241 */
    { V2, NST_LIST, "uuid " V2_ROW "version=uuid" V2_ROW_END },         /* V242 */
    { V2, NST_TABLE, TABLE_ROW "URI=url" },
    { V2, NST_BRIEF, "uuid " V2_BRIEF }, /* V243 */
    { V2, NST_DIGEST, DIGEST },          /* V243 */
    { V2, NST_CREATE, "id concept_class* datatype* names* " V2_SETTABLE, .rules = v2_rule,
      .duplicate = V2_TAKEN }, /* V238 */
    { V2, NST_UPDATE, "concept_class datatype names " V2_SETTABLE, .rules = v2_rule,
      .not_yet = NOT_YET }, /* V247 */
    { IMPORT, NST_CREATE, "id* concept_class* names* " IMPORT_SETTABLE, .duplicate = TAKEN,
      .not_yet = NOT_YET }, /* V202 */
    { IMPORT, NST_UPDATE, "concept_class names " IMPORT_SETTABLE, .not_yet = NOT_YET },
};

/* A version of a concept, whatever path led to it (G128, G129, V244). */
#define HISTORY " previous_version_url collection_versions"
static const struct nst_serializer version_serializer[] = {
    { GUIDE, NST_LIST, GUIDE_ROW "url=version_url" },
    { GUIDE, NST_DETAIL,
      GUIDE_DETAIL "url=version_url versioned_object_url=url ownerUrl=source_url" },
    { V2, NST_DETAIL,
      "uuid=version_number " V2_DETAIL "version=version_number" V2_DETAIL_END HISTORY },
    { V2, NST_LIST, "uuid=version_number " V2_ROW "version=version_number" V2_ROW_END HISTORY },
    { V2, NST_TABLE, TABLE_ROW "URI=version_url" },
    { V2, NST_BRIEF, "uuid=version_number " V2_BRIEF },
    { V2, NST_DIGEST, DIGEST },
};

/* A concept as a version of its source holds it: the fields of its export, too (V621). */
#define EXPORTED " source_url owner_name=owner parent_concept_urls=parent_urls child_concept_urls"
#define EXPORTED_DETAIL \
    EXPORTED " locale=display_locale is_latest_version version_created_by " \
             "version_created_on=version_created_at version_updated_by=version_created_by " \
             "version_updated_on=version_created_at"
static const struct nst_serializer pinned_serializer[] = {
    { GUIDE, NST_LIST, GUIDE_ROW "url=version_url" },
    { GUIDE, NST_DETAIL,
      GUIDE_DETAIL "url=version_url versioned_object_url=url ownerUrl=source_url" },
    { V2, NST_DETAIL,
      "uuid=version_number " V2_DETAIL
      "version=version_number" V2_DETAIL_END HISTORY EXPORTED_DETAIL },
    { V2, NST_LIST,
      "uuid=version_number " V2_ROW "version=version_number" V2_ROW_END HISTORY EXPORTED },
    { V2, NST_TABLE, TABLE_ROW "URI=version_url" },
    { V2, NST_BRIEF, "uuid=version_number " V2_BRIEF },
    { V2, NST_DIGEST, DIGEST },
};

/* A concept as the export of a version has it (V621): nothing of what came after it. */
static const struct nst_serializer exported_serializer[] = {
    { V2, NST_DETAIL,
      "type uuid=version_number id external_id concept_class datatype display_name "
      "display_locale names descriptions extras retired source source_url owner owner_name=owner "
      "owner_url version=version_number created_on=created_at updated_on=version_created_at "
      "version_created_on=version_created_at version_created_by update_comment "
      "is_latest_version=was_latest locale=display_locale url owner_type version_url "
      "previous_version_url parent_concept_urls=parent_urls child_concept_urls "
      "version_updated_on=version_created_at version_updated_by=version_created_by checksums "
      "retire_reason" },
};

/* ---- Members that are asked for (V244, V245) ---- */

#define MAPPINGS(mapping) \
    "{\"type\":\"array\",\"items\":{\"anyOf\":[{\"$ref\":\"#/components/schemas/v2." mapping \
    ".Detail\"},{\"$ref\":\"#/components/schemas/v2." mapping ".Brief\"}]}}"
#define MEMBERS \
    OCL_EXTRAS_MEMBER, \
    { \
        V2, OCL_SHOWN, "summary", "includeSummary", ocl_make_concept_summary, OCL_CONCEPT_SUMMARY, \
            "How many names, descriptions and versions it has." \
    }
#define MAPPINGS_MEMBER(mapping) \
    { \
        V2, OCL_SHOWN, "mappings", "includeMappings|includeInverseMappings", ocl_make_mappings, \
            MAPPINGS(mapping), "Mappings of its source that lead from it, or to it." \
    }

#define CONCEPTS(kind) \
    "{\"type\":\"array\",\"items\":{\"$ref\":\"#/components/schemas/v2." kind ".Detail\"}}"
#define URLS "{\"type\":\"array\",\"items\":{\"type\":\"string\"}}"
#define RELATIVES(kind) \
    { V2, \
      OCL_SHOWN, \
      "parent_concepts", \
      "includeParentConcepts", \
      ocl_make_parents, \
      CONCEPTS(kind), \
      "The concepts above it." }, \
        { V2, \
          OCL_SHOWN, \
          "child_concepts", \
          "includeChildConcepts", \
          ocl_make_children, \
          CONCEPTS(kind), \
          "The concepts below it." }, \
    { \
        V2, OCL_SHOWN, "hierarchy_path", "includeHierarchyPath", ocl_make_path, URLS, \
            "Addresses from the topmost concept down to its parent." \
    }
#define RELATIVES_ASKED \
    { "includeParentConcepts", NST_SWITCH_SCHEMA, "With `parent_concepts`." }, \
        { "includeChildConcepts", NST_SWITCH_SCHEMA, "With `child_concepts`." }, \
        { "includeHierarchyPath", NST_SWITCH_SCHEMA, \
          "With `hierarchy_path`: the way from the topmost; of several parents by the first." }, \
        { "includeParentConceptURLs", NST_SWITCH_SCHEMA, "With `parent_concept_urls`." }, \
    { \
        "includeChildConceptURLs", NST_SWITCH_SCHEMA, "With `child_concept_urls`." \
    }

static const struct nst_parameter version_asked[] = {
    OCL_EXTRAS_ASKED,
    OCL_SOURCE_VERSIONS_ASKED,
    { "includeSummary", NST_SWITCH_SCHEMA, "With `summary`: what it counts." },
    { 0 },
};

static const struct nst_parameter concept_asked[] = {
    OCL_EXTRAS_ASKED,
    RELATIVES_ASKED,
    OCL_SOURCE_VERSIONS_ASKED,
    { "includeSummary", NST_SWITCH_SCHEMA, "With `summary`: what it counts." },
    { "includeMappings", NST_SWITCH_SCHEMA, "With `mappings`: those that lead from it." },
    { "includeInverseMappings", NST_SWITCH_SCHEMA,
      "With `mappings`: those that lead from it, and those that lead to it." },
    { "mappingBrief", NST_SWITCH_SCHEMA, "Of `mappings` what names them, and no more." },
    { "mapTypes", NULL, "Only `mappings` of these types, separated by commas." },
    { "targetRepoUrls", NULL,
      "Only `mappings` that lead to sources with these addresses, separated by commas." },
    { 0 },
};

static const struct nst_member concept_member[] = {
    MAPPINGS_MEMBER("mapping"),
    RELATIVES("concept"),
    { V2, OCL_SHOWN, "parent_concept_urls", "includeParentConceptURLs", ocl_make_parent_urls, URLS,
      "Addresses of the concepts above it." },
    { V2, OCL_SHOWN, "child_concept_urls", "includeChildConceptURLs", ocl_make_child_urls, URLS,
      "Addresses of the concepts below it." },
    MEMBERS,
    OCL_SOURCE_VERSIONS_MEMBER("includeSourceVersions"),
    { 0 },
};

static const struct nst_member pinned_member[] = {
    MAPPINGS_MEMBER("pinned_mapping"),
    RELATIVES("pinned_concept"),
    MEMBERS,
    OCL_SOURCE_VERSIONS_MEMBER(NULL),
    { 0 },
};

static const struct nst_member version_member[] = {
    MEMBERS,
    OCL_SOURCE_VERSIONS_MEMBER(NULL),
    { 0 },
};

/* ---- Hooks ---- */

/* .arg of the list of languages that are known here: concepts of one source, where it is (V276). */
static const char of_locales[] = "locales";

static bool asks_for_locales(const struct nst_req *rq)
{
    return rq->action != NULL && rq->action->arg == of_locales;
}

static enum nst_err concept_scope(struct nst_sql *q, struct nst_req *rq,
                                  const struct nst_object *parent)
{
    const struct nst_object *source = nst_ancestor(rq, "source");
    int64_t rev;
    if (asks_for_locales(rq))
        nst_sql_add(q, " AND " OCL_AT("repo") "'/orgs/OCL/sources/Locales/'");
    if (!nst_is(parent, &ocl_concept))
        return ocl_present_scope(q, rq, parent, TABLE);
    NST_TRY(ocl_moment(&rev, rq, source->row));
    ocl_relatives_scope(q, rq->action->arg, parent->row, rev);
    return ocl_present_scope(q, rq, source, TABLE);
}

void ocl_put_said(struct nst_sql *q, const struct nst_object *version)
{
    nst_sql_add(q, " AND repo.said_id = ");
    nst_sql_bind(q, NST_INT(((const struct nst_row *)version->row)->id));
}

static enum nst_err pinned_scope(struct nst_sql *q, struct nst_req *rq,
                                 const struct nst_object *parent)
{
    const struct nst_object *version = nst_ancestor(rq, "version");
    if (nst_is(parent, &ocl_concept))
        ocl_relatives_scope(q, rq->action->arg, parent->row,
                            ((const struct ocl_version *)version->row)->rev);
    ocl_put_said(q, version);
    return ocl_held_scope(q, rq, version, TABLE);
}

static enum nst_err history_scope(struct nst_sql *q, struct nst_req *rq,
                                  const struct nst_object *parent)
{
    return ocl_history_scope(q, rq, parent, TABLE, "concept_id");
}

static enum nst_err pinned_history_scope(struct nst_sql *q, struct nst_req *rq,
                                         const struct nst_object *parent)
{
    ocl_put_said(q, nst_ancestor(rq, "version"));
    return history_scope(q, rq, parent);
}

#define PARENT_LESS "onlyParentLess"
#define ROOT_ONLY   "onlyHierarchyRoot"

/* V245: a version of a source has the root that it was made with. */
static void put_root_only(struct nst_sql *q, struct nst_req *rq)
{
    const struct nst_object *version = nst_ancestor(rq, "version");
    nst_sql_add(q, " AND " TABLE ".mnemonic = ");
    if (version != NULL)
        nst_sql_bind(q, NST_TEXT(((const struct ocl_version *)version->row)->hierarchy_root));
    else
        nst_sql_add(q, "repo.hierarchy_root");
}

static enum nst_err concept_visible(struct nst_sql *q, struct nst_req *rq)
{
    if (nst_query_is_true(rq, PARENT_LESS))
        nst_sql_add(q, " AND " TABLE ".parents IS NULL");
    if (nst_query_is_true(rq, ROOT_ONLY))
        put_root_only(q, rq);
    NST_TRY(ocl_put_targets(q, rq));
    return ocl_content_visible(q, rq, TABLE);
}

static enum nst_err concept_count(int64_t *out, bool *found, struct nst_req *rq)
{
    const struct nst_object *o = nst_object(rq);
    *found = false;
    if (asks_for_locales(rq) || nst_is(o, &ocl_concept) || nst_query_is_true(rq, PARENT_LESS) ||
        nst_query_is_true(rq, ROOT_ONLY) || ocl_asks_for_targets(rq))
        return NST_OK;
    return ocl_content_count(out, found, rq, &ocl_concept_kind);
}

static enum nst_err concept_open(struct nst_req *rq, void *row)
{
    return ocl_content_open(rq, &ocl_concept_kind, row);
}

static enum nst_err concept_opened(struct nst_req *rq, void *row)
{
    return ocl_content_opened(rq, &ocl_concept_kind, row);
}

#define BY_TIME "concept_version.version_created_at DESC, concept_version.id DESC"

/* Numbers of one repository grow with time; over all only the time tells, and where a time is
 * asked for, its index finds the rows in this order. */
static const char *concept_order(struct nst_req *rq)
{
    bool asks_for_time =
        nst_query_value(rq, "updatedSince").n > 0 || nst_query_value(rq, "updated_since").n > 0;
    return rq->depth > 0 && !asks_for_time ? "concept_version.id DESC" : BY_TIME;
}

#define BRIEF "What names the concept, and no more."

static const struct nst_switch concept_switches[] = {
    OCL_DIGEST(BRIEF),
    { "brief", NST_LIST, NST_BRIEF, BRIEF },
    { "brief", NST_DETAIL, NST_BRIEF, BRIEF },
    OCL_VERBOSE,
    { 0 },
};

/* ---- Routes ---- */

#define EDIT(view, like) \
    { \
        view, ocl_may_edit, NST_MAY_BE_ABSENT, .arg = &ocl_concept_kind, \
                                               .describe = &(const struct nst_description) \
        { \
            .as = (like) \
        } \
    }

#define WRITE(view, description) \
    { \
        view, ocl_may_edit, .arg = &ocl_concept_kind, .describe = &description \
    }

static enum nst_err store_extras(struct nst_req *rq, void *row)
{
    return ocl_content_store_extras(rq, &ocl_concept_kind, row);
}

static const struct ocl_extras_store how = { store_extras };

/* Mappings inside of it are those of POST mappings/. */
static const struct nst_response creation_response[] = {
    { 400,
      "A field, or a mapping inside, is not right.",
      { .schema = "{\"anyOf\":[{\"$ref\":\"#/components/schemas/v2.Error\"},{\"type\":"
                  "\"object\",\"required\":[\"mappings\"],\"properties\":{\"mappings\":{"
                  "\"type\":\"array\",\"items\":{\"type\":\"object\"}}}}]}" } },
    { 0 },
};
static const struct nst_description creation = { .as = nst_create, .response = creation_response };

static const struct nst_route concept_route[] = {
    /* G72, V308 */
    { GUIDE, "/concepts/", .get = { nst_list, ocl_any_token }, .doc = "Concepts of all sources." },
    { V2, "/concepts/", .get = { nst_list, ocl_any_caller }, .not_found = 1 << NST_POST,
      .doc = "Concepts of all sources." },
    { V2, "/locales/", .get = { nst_list, ocl_any_caller, .arg = of_locales },
      .doc = "Languages that are known here." },
    /* G79, V315 */
    { GUIDE, S "concepts/", .get = { nst_list, ocl_any_token },
      .post = { nst_create, ocl_may_edit }, .doc = "Concepts of a source." },
    { V2, S "(HEAD/|)concepts/", .get = { nst_list, ocl_any_caller },
      .post = WRITE(ocl_concept_create, creation), .doc = "Concepts of a source." },
    /* G80, V316 */
    { GUIDE, S "concepts/:concept/",
      .get = { nst_retrieve, ocl_any_token, .describe = &ocl_content_detail },
      .put = EDIT(ocl_content_update, nst_update), .delete = EDIT(ocl_content_retire, nst_destroy),
      .doc = "One concept: its newest version." },
    { V2, S "(HEAD/|)concepts/:concept/",
      .get = { nst_retrieve, ocl_any_caller, .describe = &ocl_content_detail },
      .put = WRITE(ocl_content_update, ocl_content_updating),
      .patch = WRITE(ocl_content_update, ocl_content_updating),
      .delete = WRITE(ocl_content_remove, ocl_content_removal),
      .doc = "One concept: its newest version." },
    /* V248, V317 */
    { V2, S "(HEAD/|)concepts/:concept/reactivate/",
      .put = WRITE(ocl_content_reactivate, ocl_content_return),
      .doc = "Bring a retired concept back." },
    OCL_EXTRAS_AS(S "(HEAD/|)concepts/:concept/", ocl_any_caller, ocl_may_edit, &how,
                  ocl_content_extra_setting), /* V208 */
    { V2, S "(HEAD/|)concepts/:concept/summary/",
      .get = { ocl_concept_summary, ocl_any_caller, .describe = &ocl_concept_summary_description },
      .doc = "What a concept counts." }, /* V250 */
    /* V318 */
    { V2, S "(HEAD/|)concepts/:concept/children/",
      .get = { nst_list, ocl_any_caller, .arg = &ocl_children },
      .doc = "Concepts directly below a concept." },
    { V2, S "(HEAD/|)concepts/:concept/parents/",
      .get = { nst_list, ocl_any_caller, .arg = &ocl_parents },
      .doc = "Concepts directly above a concept." },
    /* V236, V313 */
    { V2, S "(HEAD/|)hierarchy/",
      .get = { ocl_hierarchy, ocl_any_caller, .describe = &ocl_hierarchy_description },
      .doc = "The topmost concepts of a source." },
    { IMPORT, S "concepts/", .post = { ocl_content_import, ocl_may_edit, .arg = &ocl_concept_kind },
      .doc = "Concept lines." },
    { IMPORT, S "concepts/:concept/",
      .put = { ocl_content_revert, ocl_may_edit, .arg = &ocl_concept_kind },
      .delete = { ocl_content_discard, ocl_may_edit, .arg = &ocl_concept_kind },
      .doc = "One concept." },
};

static const struct nst_route pinned_route[] = {
    /* G83 */
    { GUIDE, S_VERSION "concepts/", .get = { nst_list, ocl_any_token },
      .doc = "Concepts that a version of a source holds." },
    { V2, S_VERSION "concepts/", .get = { nst_list, ocl_any_caller },
      .doc = "Concepts that a version of a source holds." },
    { GUIDE, S_VERSION "concepts/:pinned_concept/", .get = { nst_retrieve, ocl_any_token },
      .doc = "A concept as a version of a source holds it." },
    { V2, S_VERSION "concepts/:pinned_concept/", .get = { nst_retrieve, ocl_any_caller },
      .doc = "A concept as a version of a source holds it." },
    { V2, S_VERSION "concepts/:pinned_concept/summary/",
      .get = { ocl_concept_summary, ocl_any_caller, .describe = &ocl_concept_summary_description },
      .doc = "What a concept counts." },
    { V2, S_VERSION "concepts/:pinned_concept/children/",
      .get = { nst_list, ocl_any_caller, .arg = &ocl_children },
      .doc = "Concepts that a version of a source holds directly below a concept." },
    { V2, S_VERSION "concepts/:pinned_concept/parents/",
      .get = { nst_list, ocl_any_caller, .arg = &ocl_parents },
      .doc = "Concepts that a version of a source holds directly above a concept." },
    { V2, S_VERSION "hierarchy/",
      .get = { ocl_hierarchy, ocl_any_caller, .describe = &ocl_hierarchy_description },
      .doc = "The topmost concepts of a version of a source." },
};

#define PINNED S_VERSION "concepts/:pinned_concept/"

static const struct nst_route history_route[] = {
    /* G81, G82, V318 */
    { GUIDE, S "concepts/:concept/versions/", .get = { nst_list, ocl_any_token },
      .doc = "Versions of a concept, newest first." },
    { V2, S "(HEAD/|)concepts/:concept/versions/", .get = { nst_list, ocl_any_caller },
      .doc = "Versions of a concept, newest first." },
    { GUIDE, S "concepts/:concept/:concept_version/", .get = { nst_retrieve, ocl_any_token },
      .doc = "One version of a concept." },
    { V2, S "(HEAD/|)concepts/:concept/:concept_version/", .get = { nst_retrieve, ocl_any_caller },
      .doc = "One version of a concept." },
};

static const struct nst_route pinned_history_route[] = {
    /* G83 */
    { GUIDE, PINNED "versions/", .get = { nst_list, ocl_any_token },
      .doc = "The version of a concept that a version of a source holds." },
    { V2, PINNED "versions/", .get = { nst_list, ocl_any_caller },
      .doc = "The version of a concept that a version of a source holds." },
    { GUIDE, PINNED ":pinned_concept_version/", .get = { nst_retrieve, ocl_any_token },
      .doc = "That version itself." },
    { V2, PINNED ":pinned_concept_version/", .get = { nst_retrieve, ocl_any_caller },
      .doc = "That version itself." },
};

/* The expressions of name, class and datatype are those of indexes; the beginning of a name is
 * what fits into one. */
#define OF_TERMS(n, mark_of, sentence) \
    { \
        n, NST_HOLDS, .column = TABLE ".terms", .few = true, .mark = OCL_TERM_MARK, \
                      .begins = mark_of, .doc = sentence \
    }

static const struct nst_filter concept_filter[] = {
    { "concept_class", .few = true, .doc = "Kind of concept." },
    { "datatype", .column = "coalesce(concept_version.datatype, '')", .few = true,
      .doc = "Kind of value." },
    OF_TERMS("locale", OCL_TERM_LOCALE, "Language of a name."),
    OF_TERMS("name_types", OCL_TERM_NAME, "Type of a name."),
    OF_TERMS("description_types", OCL_TERM_DESCRIPTION, "Type of a description."),
    { "properties", NST_KEYS, .column = TABLE ".extras", .joint = "__",
      .only = "replace(repo.declared, '{\"code\":' || ? || ',', '') <> repo.declared",
      .doc = "Only concepts whose property of that code, which their source declares, is this." },
    OCL_CONTENT_FILTERS(TABLE),
    { 0 },
};

static const struct nst_sort concept_sort[] = {
    { "name",
      "lower(substr(coalesce(concept_version.display_name, ''), 1, 250))|concept_version.mnemonic",
      .never_null = true },
    { "concept_class", "lower(concept_version.concept_class)", .never_null = true },
    { "datatype", "lower(concept_version.datatype)" },
    OCL_CONTENT_SORTS(TABLE),
    { 0 },
};

static const struct nst_parameter concept_list_asked[] = {
    OCL_CONTENT_ASKED,
    { PARENT_LESS, NST_SWITCH_SCHEMA, "Only concepts that are below none." },
    { ROOT_ONLY, NST_SWITCH_SCHEMA, "Only the topmost concept that the source names." },
    OCL_TARGET_ASKED,
    { 0 },
};

/* How one of them was is shown whatever it is, and there are few. */
static const struct nst_set concept_sets[] = {
    { "pinned_concept", .from = PAST, NST_SERIALIZERS(pinned_serializer), NST_ROUTES(pinned_route),
      .member = pinned_member, .hook = { .scope = pinned_scope, .state = ocl_held_state },
      .doc = "A concept as a version of its source holds it." },
    { "concept_version", .key = "version", .asked = ocl_content_asked,
      NST_SERIALIZERS(version_serializer), NST_ROUTES(history_route), .member = version_member,
      .member_asked = version_asked,
      .hook = { .scope = history_scope, .visible = nst_all_visible, .count = nst_no_tally },
      .doc = "One version of a concept." },
    { "pinned_concept_version", .from = PAST, .key = "version", .asked = ocl_content_asked,
      NST_SERIALIZERS(version_serializer), NST_ROUTES(pinned_history_route),
      .member = version_member, .member_asked = version_asked,
      .hook = { .scope = pinned_history_scope, .visible = nst_all_visible, .count = nst_no_tally },
      .doc = "The version of a concept that a version of its source holds." },
    [OCL_HELD] = { "held_concept", NST_SERIALIZERS(pinned_serializer), .member = pinned_member,
                   .doc = "A concept that something in a version of a source leads to." },
    [OCL_EXPORTED] = { "exported_concept", NST_SERIALIZERS(exported_serializer), NST_PLAIN,
                       .doc = "A concept as the export of a version has it." },
    [OCL_EXPORTED + 1] = { 0 },
};

const struct nst_resource ocl_concept = {
    .name = "concept",
    .table = TABLE,
    .from = PRESENT,
    .is_replaced = true,
    .size = sizeof(struct ocl_concept),
    NST_FIELDS(concept_field),
    NST_SERIALIZERS(concept_serializer),
    NST_ROUTES(concept_route),
    .sort = concept_sort,
    .filter = concept_filter,
    .switches = concept_switches,
    .asked = concept_list_asked,
    .member = concept_member,
    .member_asked = concept_asked,
    .sets = concept_sets,
    .hook = { .scope = concept_scope,
              .keep = ocl_content_keep,
              .visible = concept_visible,
              .count = concept_count,
              .order = concept_order,
              .state = ocl_present_state,
              .before_create = concept_open,
              .after_create = concept_opened },
    .doc = "A meaning with names in several languages.",
};
