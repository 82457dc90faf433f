/* Mappings: the tables, and which of them a path means. */
#include "mapping.h"

#include "ocl/app.h"
#include "ocl/concept/concept.h"
#include "ocl/content/members.h"
#include "ocl/extras.h"
#include "ocl/version/version.h"

#include <assert.h>

#define TABLE "mapping_version"
#define PLACE "{owner_url}sources/{source}/mappings/{id}/"

/* The source at an end, if it is public or the author could see it. */
#define END(side) \
    " LEFT JOIN repo " side "_repo ON " OCL_AT(side "_repo") TABLE \
        "." side "_source_url" \
        " AND (" side "_repo.public_access <> 'None' OR " side "_repo.id = " TABLE "." side \
        "_source_id)"

/* The present version of the concept with that code: a SELECT of `what`, for rows that are
 * shown. */
#define CONCEPT_AT(side, what) \
    "(SELECT " what " FROM concept_version c WHERE c.repo_id = " side \
    "_repo.id AND c.mnemonic = " TABLE "." side "_concept_code AND c.rev_to = " OCL_OPEN_SQL ")"

#define GIVEN(n, m, type, more, length, sentence) \
    NST_FIELD(n, ocl_mapping, m, type, .flags = more, .max = length, .doc = sentence)
#define FOUND(n, m, type, c, more, sentence) \
    NST_FIELD(n, ocl_mapping, m, type, .column = c, .flags = more, .doc = sentence)

/* Filters have the names of V336. */
#define END_FIELDS(side, m) \
    GIVEN(side "_concept_url", m.concept_url, &nst_url, 0, 0, "Address of the concept."), \
        GIVEN(side "_source_url", m.source_url, &nst_url, NST_NEVER_NULL | NST_CORE, 2048, \
              "Address of its source."), \
        GIVEN(side "_source_version", m.source_version, &nst_text, NST_CORE, 255, \
              "Version of that source."), \
        GIVEN(side "_concept_code", m.concept_code, &nst_code, NST_NEVER_NULL | NST_CORE, 255, \
              "Code of the concept."), \
        GIVEN(side "_concept_name", m.concept_name, &nst_text, 0, 0, "Its name, as given."), \
        NST_FIELD(side "_source_id", ocl_mapping, m.source_id, &nst_int, .fallback = "0", \
                  .flags = NST_CORE, .doc = "Number of the source that its author could see."), \
        FOUND(side "_address_code", m.address_code, &nst_code, \
              "(CASE WHEN " TABLE "." side "_concept_url IS NOT NULL THEN " TABLE "." side \
              "_concept_code ELSE " CONCEPT_AT(side, "c.mnemonic") " END)", \
              NST_LAZY, "The code, where the address of the concept is known."), \
        FOUND(side "_concept", m.code, &nst_code, TABLE "." side "_concept_code", \
              NST_LAZY | NST_FILTER, "The code, for filters."), \
        FOUND(side "_name", m.name, &nst_text, \
              "coalesce(" TABLE "." side "_concept_name, " CONCEPT_AT(side, "c.display_name") ")", \
              NST_LAZY, "The name as given, else that of the concept."), \
        FOUND(side "_concept_name_resolved", m.concept_name_resolved, &nst_text, \
              CONCEPT_AT(side, "c.display_name"), NST_LAZY, \
              "The name of the concept that stands there."), \
        FOUND(side "_concept_source", m.source, &nst_slug, side "_repo.mnemonic", \
              NST_LAZY | NST_FILTER, "Id of the source."), \
        FOUND(side "_concept_owner", m.owner, &nst_slug, side "_repo.owner", \
              NST_LAZY | NST_FILTER, "Id of its owner."), \
        FOUND(side "_concept_owner_type", m.owner_type, &nst_text, side "_repo.owner_type", \
              NST_LAZY | NST_FILTER, "Organization or User.")
#define END_LINK(side) \
    NST_LINK(side "_address", "{" side "_source_url}concepts/{" side "_address_code}/", \
             .doc = "Address of the concept, once it is known.")

static const struct nst_field mapping_field[] = {
    NST_IDENTITY("version_uuid", ocl_mapping, content.version_created_at,
                 .doc = "Number of the version."),
    NST_FIELD("id", ocl_mapping, content.id, &nst_slug, .column = "mnemonic",
              .flags = NST_KEY | NST_CORE, .max = 255, .doc = "Code, unique in its source."),
    NST_FIELD("map_type", ocl_mapping, map_type, &nst_text,
              .flags = NST_NEVER_NULL | NST_NOT_EMPTY | NST_FILTER, .max = 255,
              .doc = "What the first concept is to the second: SAME-AS, NARROWER-THAN, ..."),
    NST_FIELD("sort_weight", ocl_mapping, sort_weight, &nst_real,
              .doc = "Place among those of one concept and type."),
    NST_FIELD("natural_key", ocl_mapping, natural_key, &nst_text, .flags = NST_NEVER_NULL,
              .doc = "What no two mappings of a source may have in common."),
    END_FIELDS("from", from),
    END_FIELDS("to", to),
    OCL_CONTENT_FIELDS(ocl_mapping, TABLE, "mapping_id"),
    END_LINK("from"),
    END_LINK("to"),
    NST_CONSTANT("type", "\"Mapping\"", .doc = "Kind of resource."),
    NST_CONSTANT("collection_versions", "[]", .doc = "Collection versions that hold it."),
    NST_LINK("url", PLACE, .doc = "Address of the mapping."),
    NST_LINK("version_url", PLACE "{version}/", .doc = "Address of the version."),
    NST_LINK("previous_version_url", PLACE "{previous_version}/",
             .doc = "Address of the former version."),
    NST_LINK("versions_url", PLACE "versions/", .doc = "All versions of the mapping."),
};

/* ---- Serializers (V260, V261) ---- */

static const struct nst_rule id_rule[] = { { "id", .charset = "a-zA-Z0-9._@-" }, { 0 } };

#define TAKEN \
    { \
        "__all__", "Mapping ID must be unique within a source.", .is_list = true \
    }
#define END_SETTABLE(side) \
    side "_concept_url " side "_source_url " side "_source_version " side "_concept_code " side \
         "_concept_name "
#define SETTABLE \
    END_SETTABLE("from") \
    END_SETTABLE("to") \
    "external_id extras sort_weight retired " \
    "update_comment"
#define END_SHOWN(side, name) \
    side "_concept_code " side "_concept_name " side "_concept_url=" side "_address " name \
         " " side "_source_owner=" side "_concept_owner " side "_source_owner_type=" side \
         "_concept_owner_type " side "_source_url " side "_source_name=" side \
         "_concept_source " side "_source_version "
#define RESOLVED(side) side "_concept_name_resolved"
#define ROW(number, from_name, to_name) \
    "external_id retired map_type source owner owner_type " END_SHOWN("from", from_name) \
        END_SHOWN("to", to_name) "url version=" number \
                                 " id versioned_object_id=object_id versioned_object_url=url " \
                                 "is_latest_version update_comment version_url uuid=" number \
                                 " version_created_on=version_created_at " \
                                 "version_updated_on=version_created_at " \
                                 "version_updated_by=version_created_by type sort_weight " \
                                 "latest_source_version " \
                                 "retire_reason checksums"
#define DETAIL \
    " extras created_on=created_at updated_on=version_created_at " \
    "updated_by=version_created_by created_by public_can_view" /* V116 */
#define HISTORY " previous_version_url collection_versions"
/* What names the mapping, and where it leads (V338, V245). */
#define BRIEF(number) \
    "id type map_type url version_url to_concept_code to_concept_url=to_address " \
    "cascade_target_concept_code=to_concept_code cascade_target_concept_url=to_address " \
    "cascade_target_source_owner=to_concept_owner cascade_target_source_name=to_concept_source " \
    "cascade_target_concept_name=to_name retired sort_weight from_concept_code checksums " \
    "uuid=" number

/* Of today: the names that the concepts have. Versions have members for those that they had. */
#define TODAY(number) ROW(number, RESOLVED("from"), RESOLVED("to"))
#define THEN(number)  ROW(number, "", "")

/* V331 */
#define END_TABLE(Side, side, name) \
    Side "_Concept_Code=" side "_concept_code " Side "_Concept_Name=" name " " Side \
         "_Concept_URI=" side "_address " Side "_Source_Owner=" side "_concept_owner " Side \
         "_Source_Name=" side "_concept_source " Side "_Source_URI=" side "_source_url "
#define TABLE_ROW(from_name, to_name, url) \
    "Owner=owner Source=source Mapping_ID=id Map_Type=map_type " END_TABLE( \
        "From", "from", from_name) END_TABLE("To", "to", to_name) \
        "Retired=retired External_ID=external_id Last_Updated=version_created_at " \
        "Updated_By=version_created_by URI=" url

static const struct nst_serializer mapping_serializer[] = {
    { V2, NST_LIST, TODAY("uuid") },
    { V2, NST_TABLE, TABLE_ROW(RESOLVED("from"), RESOLVED("to"), "url") },
    { V2, NST_DETAIL, TODAY("uuid") DETAIL },
    { V2, NST_BRIEF, BRIEF("uuid") },
    { V2, NST_DIGEST, "id type url checksums" },
    { V2, NST_CREATE, "id map_type* " SETTABLE, .rules = id_rule, .duplicate = TAKEN },
    { V2, NST_UPDATE, "map_type " SETTABLE },
    { IMPORT, NST_CREATE, "id map_type* " SETTABLE " retire_reason", .rules = id_rule,
      .duplicate = TAKEN },
    { IMPORT, NST_UPDATE, "map_type " SETTABLE " retire_reason" },
};

static const struct nst_serializer version_serializer[] = {
    { V2, NST_LIST, THEN("version_number") HISTORY },
    { V2, NST_TABLE, TABLE_ROW("from_concept_name", "to_concept_name", "version_url") },
    { V2, NST_DETAIL, THEN("version_number") DETAIL HISTORY },
    { V2, NST_BRIEF, BRIEF("version_number") },
    { V2, NST_DIGEST, "id type url checksums" },
};

/* ---- Members that are asked for (V245, V262) ---- */

#define SHOWN_AS(resource) \
    "{\"anyOf\":[{\"$ref\":\"#/components/schemas/v2." resource \
    ".List\"},{\"$ref\":\"#/components/schemas/v2." resource \
    ".Detail\"},{\"$ref\":\"#/components/schemas/v2." resource ".Brief\"},{\"type\":\"null\"}]}"
#define LOOKUPS(concept) \
    { V2, \
      OCL_SHOWN, \
      "from_concept", \
      "lookupConcepts|lookupFromConcept", \
      ocl_make_from_concept, \
      SHOWN_AS(concept), \
      "The concept that it leads from." }, \
        { V2, \
          OCL_SHOWN, \
          "to_concept", \
          "lookupConcepts|lookupToConcept", \
          ocl_make_to_concept, \
          SHOWN_AS(concept), \
          "The concept that it leads to." }, \
        { V2, \
          OCL_SHOWN, \
          "from_source", \
          "lookupSources|lookupFromSource", \
          ocl_make_from_source, \
          SHOWN_AS("source"), \
          "The source that it leads from." }, \
    { \
        V2, OCL_SHOWN, "to_source", "lookupSources|lookupToSource", ocl_make_to_source, \
            SHOWN_AS("source"), "The source that it leads to." \
    }

static const struct nst_parameter mapping_asked[] = {
    OCL_EXTRAS_ASKED,
    OCL_SOURCE_VERSIONS_ASKED,
    { "lookupConcepts", NST_SWITCH_SCHEMA, "With the concepts at both ends." },
    { "lookupFromConcept", NST_SWITCH_SCHEMA, "With `from_concept`." },
    { "lookupToConcept", NST_SWITCH_SCHEMA, "With `to_concept`." },
    { "lookupSources", NST_SWITCH_SCHEMA, "With the sources at both ends." },
    { "lookupFromSource", NST_SWITCH_SCHEMA, "With `from_source`." },
    { "lookupToSource", NST_SWITCH_SCHEMA, "With `to_source`." },
    { 0 },
};

static const struct nst_member mapping_member[] = {
    OCL_EXTRAS_MEMBER,
    OCL_SOURCE_VERSIONS_MEMBER("includeSourceVersions"),
    LOOKUPS("concept"),
    { 0 },
};

#define NAME_SCHEMA "{\"type\":[\"string\",\"null\"]}"

static const struct nst_member version_member[] = {
    OCL_EXTRAS_MEMBER,
    OCL_SOURCE_VERSIONS_MEMBER(NULL),
    { V2, 1U << NST_LIST | 1U << NST_DETAIL, "from_concept_name_resolved", NULL, ocl_make_from_name,
      NAME_SCHEMA, "The name that the concept there had." },
    { V2, 1U << NST_LIST | 1U << NST_DETAIL, "to_concept_name_resolved", NULL, ocl_make_to_name,
      NAME_SCHEMA, "The name that the concept there had." },
    LOOKUPS("pinned_concept"),
    { 0 },
};

/* ---- Hooks ---- */

/* Those that lead from the concept that the path named last. */
static void from_concept(struct nst_sql *q, const struct nst_object *o)
{
    assert(o != NULL); /* the path names a concept */
    const struct ocl_content *c = o->row;
    nst_sql_add(q, " AND (mapping_version.repo_id = ");
    nst_sql_bind(q, NST_INT(c->repo_id));
    nst_sql_add(q, " AND mapping_version.from_concept_code = ");
    nst_sql_bind(q, NST_TEXT(c->id));
    nst_sql_add(q, " AND mapping_version.from_source_url = ");
    nst_sql_bind(q, NST_TEXT(ocl_source_url(q->text.arena, c->owner_url, c->source)));
    nst_sql_add(q, ")");
}

static enum nst_err mapping_scope(struct nst_sql *q, struct nst_req *rq,
                                  const struct nst_object *parent)
{
    if (!nst_is(parent, &ocl_concept))
        return ocl_present_scope(q, rq, parent, TABLE);
    from_concept(q, parent);
    return ocl_present_scope(q, rq, nst_ancestor(rq, "source"), TABLE);
}

static enum nst_err pinned_scope(struct nst_sql *q, struct nst_req *rq,
                                 const struct nst_object *parent)
{
    if (nst_is(parent, &ocl_concept))
        from_concept(q, parent);
    return ocl_held_scope(q, rq, nst_ancestor(rq, "version"), TABLE);
}

static enum nst_err history_scope(struct nst_sql *q, struct nst_req *rq,
                                  const struct nst_object *parent)
{
    return ocl_history_scope(q, rq, parent, TABLE, "mapping_id");
}

static enum nst_err mapping_visible(struct nst_sql *q, struct nst_req *rq)
{
    ocl_ends_visible(q, rq);
    return ocl_content_visible(q, rq, TABLE);
}

/* Former versions led elsewhere. */
static enum nst_err version_visible(struct nst_sql *q, struct nst_req *rq)
{
    ocl_ends_visible(q, rq);
    return NST_OK;
}

/* What is hidden is not there (V117). */
static enum nst_err mapping_may_view(struct nst_req *rq, const struct nst_object *o)
{
    bool is_hidden;
    NST_TRY(ocl_has_hidden_end(&is_hidden, rq, o->row));
    return is_hidden ? NST_E_NOT_FOUND : NST_OK;
}

/* ---- How many there are: what is kept holds where no end is hidden from the caller ---- */

static enum nst_err count_rows(int64_t *out, struct nst_req *rq, const struct nst_object *o)
{
    struct nst_sql q;
    nst_sql_init(&q, rq->arena);
    nst_sql_add(&q, "SELECT count(*) FROM " TABLE " WHERE TRUE");
    NST_TRY(nst_ancestor(rq, "version") != NULL ? pinned_scope(&q, rq, o)
                                                : mapping_scope(&q, rq, o));
    NST_TRY(mapping_visible(&q, rq));
    return nst_sql_int(out, NULL, rq->db, &q);
}

/* Of all sources: only those with such an end are counted. */
static enum nst_err take_off_hidden(int64_t *out, struct nst_req *rq)
{
    struct nst_sql q;
    int64_t hidden = 0;
    nst_sql_init(&q, rq->arena);
    nst_sql_add(&q, "SELECT count(*) FROM " TABLE " JOIN repo ON repo.id = " TABLE
                    ".repo_id WHERE " TABLE ".repo_id IN ");
    ocl_hiding_repos(&q, rq);
    NST_TRY(mapping_scope(&q, rq, NULL));
    NST_TRY(ocl_content_visible(&q, rq, TABLE));
    ocl_ends_hidden(&q, rq);
    NST_TRY(nst_sql_int(&hidden, NULL, rq->db, &q));
    *out -= hidden;
    return NST_OK;
}

static enum nst_err mapping_count(int64_t *out, bool *found, struct nst_req *rq)
{
    const struct nst_object *o = nst_object(rq), *source = nst_ancestor(rq, "source");
    bool is_kept = o == NULL || nst_is(o, &ocl_source) || nst_is(o, &ocl_version), hides = false;
    *found = true;
    if (is_kept)
        NST_TRY(ocl_has_hidden_ends(&hides, rq,
                                    source != NULL ? ((struct nst_row *)source->row)->id : 0));
    if (o != NULL && (hides || !is_kept))
        return count_rows(out, rq, o);
    NST_TRY(ocl_content_count(out, found, rq, &ocl_mapping_kind));
    return hides ? take_off_hidden(out, rq) : NST_OK;
}

static enum nst_err mapping_open(struct nst_req *rq, void *row)
{
    return ocl_content_open(rq, &ocl_mapping_kind, row);
}

/* As that of concepts. */
static const char *mapping_order(struct nst_req *rq)
{
    return rq->depth > 0 ? TABLE ".id DESC" : TABLE ".version_created_at DESC, " TABLE ".id DESC";
}

#define BRIEF_DOC "What names the mapping and where it leads, and no more."

static const struct nst_switch mapping_switches[] = {
    OCL_DIGEST(BRIEF_DOC),
    { "brief", NST_LIST, NST_BRIEF, BRIEF_DOC },
    { "brief", NST_DETAIL, NST_BRIEF, BRIEF_DOC },
    OCL_VERBOSE,
    { 0 },
};

static const struct nst_sort mapping_sort[] = {
    { "id", TABLE ".mnemonic" },
    { "id_lowercase", "lower(" TABLE ".mnemonic)" },
    { "numeric_id", "length(" TABLE ".mnemonic)|" TABLE ".mnemonic" },
    { "last_update", TABLE ".version_created_at" },
    { "map_type", TABLE ".map_type" },
    { "source", "repo.mnemonic" },
    { "owner", "repo.owner" },
    { 0 },
};

/* ---- Routes ---- */

#define WRITE(view, description) \
    { \
        view, ocl_may_edit, .arg = &ocl_mapping_kind, .describe = &description \
    }

static enum nst_err store_extras(struct nst_req *rq, void *row)
{
    return ocl_content_store_extras(rq, &ocl_mapping_kind, row);
}

static const struct ocl_extras_store how = { store_extras };

static const struct nst_route mapping_route[] = {
    /* V308, V315 */
    { V2, "/mappings/", .get = { nst_list, ocl_any_caller }, .not_found = 1 << NST_POST,
      .doc = "Mappings of all sources." },
    { V2, S "(HEAD/|)mappings/", .get = { nst_list, ocl_any_caller },
      .post = WRITE(ocl_content_create, ocl_content_creation), .doc = "Mappings of a source." },
    /* V265, V316, V317 */
    { V2, S "(HEAD/|)mappings/:mapping/",
      .get = { nst_retrieve, ocl_any_caller, .describe = &ocl_content_detail },
      .put = WRITE(ocl_content_update, ocl_content_updating),
      .patch = WRITE(ocl_content_update, ocl_content_updating),
      .delete = WRITE(ocl_content_remove, ocl_content_removal),
      .doc = "One mapping: its newest version." },
    { V2, S "(HEAD/|)mappings/:mapping/reactivate/",
      .put = WRITE(ocl_content_reactivate, ocl_content_return),
      .doc = "Bring a retired mapping back." },
    OCL_EXTRAS_AS(S "(HEAD/|)mappings/:mapping/", ocl_any_caller, ocl_may_edit, &how,
                  ocl_content_extra_setting), /* V208 */
    /* V318 */
    { V2, S "(HEAD/|)concepts/:concept/mappings/", .get = { nst_list, ocl_any_caller },
      .doc = "Mappings of its source that lead from a concept." },
    { IMPORT, S "mappings/", .post = { ocl_content_import, ocl_may_edit, .arg = &ocl_mapping_kind },
      .doc = "Mapping lines." },
    { IMPORT, S "mappings/:mapping/",
      .put = { ocl_content_revert, ocl_may_edit, .arg = &ocl_mapping_kind },
      .delete = { ocl_content_discard, ocl_may_edit, .arg = &ocl_mapping_kind },
      .doc = "One mapping." },
};

static const struct nst_route pinned_route[] = {
    { V2, S_VERSION "mappings/", .get = { nst_list, ocl_any_caller },
      .doc = "Mappings that a version of a source holds." },
    { V2, S_VERSION "mappings/:pinned_mapping/", .get = { nst_retrieve, ocl_any_caller },
      .doc = "A mapping as a version of a source holds it." },
    { V2, S_VERSION "concepts/:pinned_concept/mappings/", .get = { nst_list, ocl_any_caller },
      .doc = "Mappings from a concept that a version of a source holds." },
};

static const struct nst_route history_route[] = {
    { V2, S "(HEAD/|)mappings/:mapping/versions/", .get = { nst_list, ocl_any_caller },
      .doc = "Versions of a mapping, newest first." },
    { V2, S "(HEAD/|)mappings/:mapping/:mapping_version/", .get = { nst_retrieve, ocl_any_caller },
      .doc = "One version of a mapping." },
    { V2, S_VERSION "mappings/:pinned_mapping/versions/", .get = { nst_list, ocl_any_caller },
      .doc = "The version of a mapping that a version of a source holds." },
    { V2, S_VERSION "mappings/:pinned_mapping/:mapping_version/",
      .get = { nst_retrieve, ocl_any_caller }, .doc = "That version itself." },
};

/* V336, V338 */
static const struct nst_filter mapping_filter[] = {
    { "concept_source", .column = "from_repo.mnemonic", .or_column = "to_repo.mnemonic",
      .doc = "Id of the source at either end." },
    OCL_CONTENT_FILTERS(TABLE),
    { 0 },
};

static const struct nst_set mapping_sets[] = {
    { "pinned_mapping", NST_SERIALIZERS(version_serializer), NST_ROUTES(pinned_route),
      .member = version_member, .hook = { .scope = pinned_scope, .state = ocl_held_state },
      .doc = "A mapping as a version of its source holds it." },
    { "mapping_version", .key = "version", NST_SERIALIZERS(version_serializer),
      NST_ROUTES(history_route), .member = version_member,
      .hook = { .scope = history_scope, .visible = version_visible, .count = nst_no_tally },
      .doc = "One version of a mapping." },
    { 0 },
};

const struct nst_resource ocl_mapping = {
    .name = "mapping",
    .table = TABLE,
    .from = TABLE " JOIN repo ON repo.id = " TABLE ".repo_id" END("from") END("to"),
    .is_replaced = true,
    .size = sizeof(struct ocl_mapping),
    NST_FIELDS(mapping_field),
    NST_SERIALIZERS(mapping_serializer),
    NST_ROUTES(mapping_route),
    .sort = mapping_sort,
    .filter = mapping_filter,
    .switches = mapping_switches,
    .asked = ocl_content_asked,
    .member = mapping_member,
    .member_asked = mapping_asked,
    .sets = mapping_sets,
    .hook = { .scope = mapping_scope,
              .keep = ocl_content_keep,
              .visible = mapping_visible,
              .may_view = mapping_may_view,
              .count = mapping_count,
              .order = mapping_order,
              .state = ocl_present_state,
              .before_create = mapping_open },
    .doc = "A statement that a concept has some relation to another.",
};
