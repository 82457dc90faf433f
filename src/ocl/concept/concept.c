/* Concepts: the tables, and which version of the content a path means. */
#include "concept.h"

#include "ocl/app.h"
#include "ocl/version/version.h"

#define NAME_OF(column) "(SELECT a.username FROM account a WHERE a.id = concept_version." column ")"
#define CORE(n, m, type, c, sentence) \
    NST_FIELD(n, ocl_concept, m, type, .column = c, .flags = NST_NEVER_NULL | NST_CORE, \
              .doc = sentence)
#define CORE_FILTER(n, m, type, c, sentence) \
    NST_FIELD(n, ocl_concept, m, type, .column = c, \
              .flags = NST_NEVER_NULL | NST_CORE | NST_FILTER, .doc = sentence)
#define PLACE "{owner_url}sources/{source}/concepts/{id}/"

static const struct nst_field concept_field[] = {
    NST_IDENTITY("version_uuid", ocl_concept, version_created_at, .doc = "Number of the version."),
    NST_CONSTANT("type", "\"Concept\"", .doc = "Kind of resource."),
    NST_FIELD("id", ocl_concept, id, &nst_code, .column = "mnemonic", .flags = NST_KEY | NST_CORE,
              .max = 255, .doc = "Code, unique in its source."),
    NST_FIELD("concept_class", ocl_concept, concept_class, &nst_text,
              .flags = NST_NEVER_NULL | NST_NOT_EMPTY | NST_FILTER, .max = 255,
              .doc = "Kind of concept."),
    NST_FIELD("datatype", ocl_concept, datatype, &nst_text, .flags = NST_FILTER, .max = 255,
              .doc = "Kind of value that an observation of it has."),
    NST_FIELD("names", ocl_concept, names, &nst_child_list, .flags = NST_NOT_EMPTY,
              .children = &ocl_concept_name, .max = 500, .doc = "Names in several languages."),
    NST_FIELD("descriptions", ocl_concept, descriptions, &nst_child_list, .max = 500,
              .children = &ocl_concept_description, .doc = "Descriptions in several languages."),
    NST_FIELD("display_name", ocl_concept, display_name, &nst_text, .doc = "The name to show."),
    NST_FIELD("display_locale", ocl_concept, display_locale, &nst_text, .doc = "Its language."),
    NST_FIELD("retired", ocl_concept, retired, &nst_bool, .fallback = "false",
              .flags = NST_FILTER | NST_CORE, .doc = "Out of use."),
    NST_FIELD("external_id", ocl_concept, external_id, &nst_text, .flags = NST_FILTER, .max = 255,
              .doc = "Identifier in another system."),
    NST_FIELD("extras", ocl_concept, extras, &nst_json_object, .fallback = "{}",
              .doc = "Free JSON object."),
    NST_FIELD("update_comment", ocl_concept, update_comment, &nst_text, .doc = "Why it changed."),
    NST_FIELD("retire_reason", ocl_concept, retire_reason, &nst_text, .doc = "Why it retired."),
    CORE("repo_id", repo_id, &nst_int, NULL, "Number of the source."),
    CORE("concept_id", concept_id, &nst_int, NULL, "Number of the concept."),
    CORE("rev_from", rev_from, &nst_int, NULL, "Revision that it began with."),
    CORE("rev_to", rev_to, &nst_int, NULL, "Revision that ended it."),
    NST_FIELD("previous_id", ocl_concept, previous_id, &nst_int, .doc = "The former version."),
    NST_FIELD("created_at", ocl_concept, created_at, &nst_datetime, .flags = NST_NEVER_NULL,
              .doc = "When the concept came into being."),
    NST_FIELD("created_by_id", ocl_concept, created_by, &nst_int, .column = "created_by",
              .doc = "Number of its creator."),
    NST_FIELD("version_created_at", ocl_concept, version_created_at, &nst_datetime,
              .flags = NST_CORE, .fill = NST_AUTO_UPDATED,
              .doc = "When the version came into being."),
    NST_FIELD("version_created_by_id", ocl_concept, version_created_by, &nst_int,
              .column = "version_created_by", .doc = "Number of its author."),
    NST_FIELD("created_by", ocl_concept, creator, &nst_text,
              .column = OCL_NAME_OF("concept_version.created_by"), .flags = NST_LAZY,
              .doc = "Who created the concept."),
    NST_FIELD("version_created_by", ocl_concept, author, &nst_text,
              .column = OCL_NAME_OF("concept_version.version_created_by"), .flags = NST_LAZY,
              .doc = "Who made this version."),
    NST_FIELD("version", ocl_concept, number, &nst_int, .column = "concept_version.id",
              .flags = NST_NEVER_NULL | NST_CORE,
              .doc = "Number of the version, last part of its address."),
    NST_FIELD("previous_version", ocl_concept, previous_number, &nst_int,
              .column = "concept_version.previous_id", .doc = "Number of the former version."),
    NST_FIELD("uuid", ocl_concept, concept_number, &nst_text,
              .column = "CAST(concept_version.concept_id AS text)",
              .flags = NST_NEVER_NULL | NST_LAZY, .doc = "Number of the concept."),
    NST_FIELD("version_number", ocl_concept, version_number, &nst_text,
              .column = "CAST(concept_version.id AS text)", .flags = NST_LAZY,
              .doc = "Number of the version, as text."),
    NST_FIELD("is_latest_version", ocl_concept, is_latest, &nst_bool,
              .column = "(concept_version.rev_to = " OCL_OPEN_SQL ")", .flags = NST_NEVER_NULL,
              .doc = "It is the newest."),
    NST_FIELD("public_can_view", ocl_concept, public_can_view, &nst_bool,
              .column = "(repo.public_access <> 'None')", .flags = NST_NEVER_NULL,
              .doc = "Everybody may read it."),
    CORE_FILTER("source", source, &nst_slug, "repo.mnemonic", "Id of the source."),
    CORE_FILTER("owner", owner, &nst_slug, "repo.owner", "Id of the owner."),
    CORE_FILTER("owner_type", owner_type, &nst_text, "repo.owner_type", "Organization or User."),
    CORE("owner_url", owner_url, &nst_url, "repo.owner_url", "Address of the owner."),
    NST_CONSTANT("checksums", "{}", .doc = "Checksums of the fields."),
    NST_CONSTANT("property", "[]", .doc = "Properties of the source's kind."),
    NST_FIELD("latest_source_version", ocl_concept, latest_source_version, &nst_text,
              .column = "(SELECT v.mnemonic FROM repo_version v "
                        "WHERE v.repo_id = concept_version.repo_id AND v.is_active "
                        "AND v.mnemonic <> 'INITIAL' AND v.rev >= concept_version.rev_from "
                        "AND v.rev < concept_version.rev_to ORDER BY v.id DESC LIMIT 1)",
              .flags = NST_LAZY, .doc = "Newest version of the source that holds it."),
    NST_CONSTANT("parent_concept_urls", "[]", .doc = "Addresses of more general concepts."),
    NST_CONSTANT("child_concept_urls", "[]", .doc = "Addresses of more special concepts."),
    NST_CONSTANT("source_versions", "[]", .doc = "Releases that hold it."),
    NST_CONSTANT("collection_versions", "[]", .doc = "Collection versions that hold it."),
    NST_LINK("url", PLACE, .doc = "Address of the concept."),
    NST_LINK("version_url", PLACE "{version}/", .doc = "Address of the version."),
    NST_LINK("previous_version_url", PLACE "{previous_version}/",
             .doc = "Address of the former version."),
    NST_LINK("versions_url", PLACE "versions/", .doc = "All versions of the concept."),
    NST_LINK("source_url", "{owner_url}sources/{source}/", .doc = "Address of the source."),
};

static const struct nst_rule guide_rule[] = { { "id", .charset = "a-zA-Z0-9.-" }, { 0 } };

#define TAKEN \
    { \
        "mnemonic", "Concept with mnemonic {id} already exists for parent resource {source}." \
    }
#define GUIDE_ROW \
    "id concept_class datatype retired source owner owner_type display_name display_locale "
#define GUIDE_DETAIL \
    "id concept_class datatype display_name display_locale names descriptions retired source " \
    "owner owner_type "
#define V2_DETAIL \
    "id external_id concept_class datatype url retired source owner owner_type owner_url " \
    "display_name display_locale names descriptions created_on=created_at " \
    "updated_on=version_created_at versions_url "
#define V2_DETAIL_END \
    " extras type update_comment retire_reason version_url updated_by=version_created_by " \
    "created_by public_can_view checksums property versioned_object_id=concept_id " \
    "latest_source_version"
#define V2_ROW \
    "id external_id concept_class datatype url retired source owner owner_type owner_url " \
    "display_name display_locale versions_url "
#define V2_ROW_END \
    " type update_comment retire_reason version_url public_can_view checksums property " \
    "versioned_object_id=concept_id latest_source_version locale=display_locale " \
    "is_latest_version version_created_by version_created_on=version_created_at " \
    "version_updated_by=version_created_by version_updated_on=version_created_at"
#define V2_BRIEF "id type url version_url retired display_name checksums"
#define NOT_YET  "parent_concept_urls mappings" /* V238 */
#define IMPORT_SETTABLE \
    "datatype descriptions external_id extras retired update_comment retire_reason"

static const struct nst_serializer concept_serializer[] = {
    { GUIDE, NST_LIST, GUIDE_ROW "url" },                          /* G14, G129 */
    { GUIDE, NST_DETAIL, GUIDE_DETAIL "url ownerUrl=source_url" }, /* G127 */
    { GUIDE, NST_CREATE, "id* concept_class* names* datatype descriptions", .rules = guide_rule,
      .duplicate = TAKEN },
    { GUIDE, NST_UPDATE, "concept_class datatype names descriptions" }, /* G124 */
    { V2, NST_DETAIL, "uuid " V2_DETAIL "version=uuid" V2_DETAIL_END }, /* V241 */
    { V2, NST_LIST, "uuid " V2_ROW "version=uuid" V2_ROW_END },         /* V242 */
    { V2, NST_BRIEF, "uuid " V2_BRIEF },                                /* V243 */
    { IMPORT, NST_CREATE, "id* concept_class* names* " IMPORT_SETTABLE, .duplicate = TAKEN,
      .not_yet = NOT_YET }, /* V202 */
    { IMPORT, NST_UPDATE, "concept_class names " IMPORT_SETTABLE, .not_yet = NOT_YET },
};

/* A version of a concept, whatever path led to it (G128, G129, V244). */
#define HISTORY " previous_version_url source_versions collection_versions"
static const struct nst_serializer version_serializer[] = {
    { GUIDE, NST_LIST, GUIDE_ROW "url=version_url" },
    { GUIDE, NST_DETAIL,
      GUIDE_DETAIL "url=version_url versioned_object_url=url ownerUrl=source_url" },
    { V2, NST_DETAIL,
      "uuid=version_number " V2_DETAIL "version=version_number" V2_DETAIL_END HISTORY },
    { V2, NST_LIST, "uuid=version_number " V2_ROW "version=version_number" V2_ROW_END HISTORY },
    { V2, NST_BRIEF, "uuid=version_number " V2_BRIEF },
};

/* A concept as a version of its source holds it: the fields of its export, too (V621). */
#define EXPORTED " source_url owner_name=owner parent_concept_urls child_concept_urls"
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
    { V2, NST_BRIEF, "uuid=version_number " V2_BRIEF },
};

/* ---- Scope: which version of the content is meant ---- */

static void repo_scope(struct nst_sql *q, int64_t repo)
{
    nst_sql_add(q, " AND concept_version.repo_id = ");
    nst_sql_bind(q, NST_INT(repo));
}

static void revision_scope(struct nst_sql *q, int64_t rev)
{
    nst_sql_add(q, " AND concept_version.rev_from <= ");
    nst_sql_bind(q, NST_INT(rev));
    nst_sql_add(q, " AND concept_version.rev_to > ");
    nst_sql_bind(q, NST_INT(rev));
}

/* The present content of the source in the path, or of all sources (G58, G72). A walk
 * through the pages of a source stays in the revision that it began with. */
static enum nst_err concept_scope(struct nst_sql *q, struct nst_req *rq,
                                  const struct nst_object *parent)
{
    if (parent != NULL)
        repo_scope(q, ((struct nst_row *)parent->row)->id);
    if (parent != NULL && rq->as_of > 0)
        revision_scope(q, rq->as_of - 1);
    else
        nst_sql_add(q, " AND concept_version.rev_to = " OCL_OPEN_SQL);
    return NST_OK;
}

static int64_t concept_state(struct nst_req *rq)
{
    const struct nst_object *o = nst_object(rq);
    return nst_is(o, &ocl_source) ? ((struct ocl_source *)o->row)->rev + 1 : 0;
}

/* What a version of the source holds does not change any more. */
static int64_t pinned_state(struct nst_req *rq)
{
    return ((const struct ocl_version *)nst_object(rq)->row)->rev + 1;
}

/* The content of a version of the source (G20, G83). */
static enum nst_err pinned_scope(struct nst_sql *q, struct nst_req *rq,
                                 const struct nst_object *parent)
{
    (void)rq;
    const struct ocl_version *v = parent->row;
    repo_scope(q, v->repo_id);
    revision_scope(q, v->rev);
    return NST_OK;
}

/* The versions of the concept in the path; under a version of the source only
 * the one that it holds. */
static enum nst_err history_scope(struct nst_sql *q, struct nst_req *rq,
                                  const struct nst_object *parent)
{
    const struct ocl_concept *c = parent->row;
    const struct nst_object *version = nst_ancestor(rq, "version");
    nst_sql_add(q, " AND concept_version.repo_id = ");
    nst_sql_bind(q, NST_INT(c->repo_id));
    nst_sql_add(q, " AND concept_version.mnemonic = ");
    nst_sql_bind(q, NST_TEXT(c->id));
    nst_sql_add(q, " AND concept_version.concept_id = ");
    nst_sql_bind(q, NST_INT(c->concept_id));
    if (version != NULL)
        revision_scope(q, ((const struct ocl_version *)version->row)->rev);
    return NST_OK;
}

/* ---- Lists ---- */

static bool hides_retired(struct nst_req *rq)
{
    return !ocl_face_of(rq)->lists_retired && !nst_query_is_true(rq, "includeRetired") &&
           nst_query_value(rq, "retired").p == NULL;
}

static enum nst_err concept_visible(struct nst_sql *q, struct nst_req *rq)
{
    if (hides_retired(rq))
        nst_sql_add(q, " AND NOT concept_version.retired");
    if (rq->depth > 0)
        return NST_OK; /* the source in the path was checked on the way */
    nst_sql_add(q, " AND repo.is_active AND repo.owner_is_active");
    return ocl_visible_repos(q, rq);
}

/* Counts are kept per revision: no list counts rows. */
static enum nst_err concept_count(int64_t *out, bool *found, struct nst_req *rq)
{
    bool active = hides_retired(rq);
    const struct nst_object *o = nst_object(rq);
    *found = true;
    if (nst_is(o, &ocl_source)) {
        const struct ocl_source *s = o->row;
        *out = active ? s->active_concepts : s->concepts;
        return NST_OK;
    }
    if (nst_is(o, &ocl_version)) {
        const struct ocl_version *v = o->row;
        *out = active ? v->active_concepts : v->concepts;
        return NST_OK;
    }
    struct nst_sql q;
    nst_sql_init(&q, rq->arena);
    nst_sql_add(&q, active ? "SELECT CAST(coalesce(sum(repo.active_concepts), 0) AS bigint)"
                           : "SELECT CAST(coalesce(sum(repo.concepts), 0) AS bigint)");
    nst_sql_add(&q, " FROM repo WHERE repo.kind = 'source' AND repo.is_active "
                    "AND repo.owner_is_active");
    NST_TRY(ocl_visible_repos(&q, rq));
    return nst_sql_int(out, NULL, rq->db, &q);
}

/* Numbers of one repository grow with time; over all only the time tells. */
static const char *concept_order(struct nst_req *rq)
{
    return rq->depth > 0 ? "concept_version.id DESC"
                         : "concept_version.version_created_at DESC, concept_version.id DESC";
}

#define BRIEF "What names the concept, and no more."

static const struct nst_switch concept_switches[] = {
    { "brief", NST_LIST, NST_BRIEF, BRIEF },
    { "brief", NST_DETAIL, NST_BRIEF, BRIEF },
    OCL_VERBOSE,
    { 0 },
};

static const struct nst_parameter concept_asked[] = {
    { "includeRetired", NST_SWITCH_SCHEMA, "Retired ones as well." },
    { 0 },
};

/* ---- Routes ---- */

#define EDIT(view, like) \
    { \
        view, ocl_may_edit, NST_MAY_BE_ABSENT, .describe = &(const struct nst_description) \
        { \
            .as = (like) \
        } \
    }

static const struct nst_route concept_route[] = {
    /* G72, V308 */
    { GUIDE, "/concepts/", .get = { nst_list, ocl_any_token }, .doc = "Concepts of all sources." },
    { V2, "/concepts/", .get = { nst_list, ocl_any_caller }, .not_found = 1 << NST_POST,
      .doc = "Concepts of all sources." },
    /* G79, V315 */
    { GUIDE, S "concepts/", .get = { nst_list, ocl_any_token },
      .post = { nst_create, ocl_may_edit }, .doc = "Concepts of a source." },
    { V2, S "(HEAD/|)concepts/", .get = { nst_list, ocl_any_caller },
      .doc = "Concepts of a source." },
    /* G80, V316 */
    { GUIDE, S "concepts/:concept/", .get = { nst_retrieve, ocl_any_token },
      .put = EDIT(ocl_concept_update, nst_update), .delete = EDIT(ocl_concept_retire, nst_destroy),
      .doc = "One concept: its newest version." },
    { V2, S "(HEAD/|)concepts/:concept/", .get = { nst_retrieve, ocl_any_caller },
      .doc = "One concept: its newest version." },
    { IMPORT, S "concepts/", .post = { ocl_concept_import, ocl_may_edit },
      .doc = "Concept lines." },
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
    /* G83 */
    { GUIDE, PINNED "versions/", .get = { nst_list, ocl_any_token },
      .doc = "The version of a concept that a version of a source holds." },
    { V2, PINNED "versions/", .get = { nst_list, ocl_any_caller },
      .doc = "The version of a concept that a version of a source holds." },
    { GUIDE, PINNED ":concept_version/", .get = { nst_retrieve, ocl_any_token },
      .doc = "That version itself." },
    { V2, PINNED ":concept_version/", .get = { nst_retrieve, ocl_any_caller },
      .doc = "That version itself." },
};

static const struct nst_sort concept_sort[] = {
    { "name", "lower(concept_version.display_name)|concept_version.mnemonic" },
    { "id", "concept_version.mnemonic" },
    { "id_lowercase", "lower(concept_version.mnemonic)" },
    { "numeric_id", "length(concept_version.mnemonic)|concept_version.mnemonic" },
    { "last_update", "concept_version.version_created_at" },
    { "concept_class", "concept_version.concept_class" },
    { "datatype", "concept_version.datatype" },
    { "source", "repo.mnemonic" },
    { "owner", "repo.owner" },
    { 0 },
};

#define CONCEPT_TABLE \
    .table = "concept_version", \
    .from = "concept_version JOIN repo ON repo.id = concept_version.repo_id", \
    .size = sizeof(struct ocl_concept), NST_FIELDS(concept_field), .sort = concept_sort, \
    .switches = concept_switches, .asked = concept_asked

const struct nst_resource ocl_concept = {
    .name = "concept",
    CONCEPT_TABLE,
    NST_SERIALIZERS(concept_serializer),
    NST_ROUTES(concept_route),
    .hook = { .scope = concept_scope,
              .visible = concept_visible,
              .count = concept_count,
              .order = concept_order,
              .state = concept_state,
              .before_create = ocl_concept_open },
    .doc = "A meaning with names in several languages.",
};

const struct nst_resource ocl_pinned_concept = {
    .name = "pinned_concept",
    CONCEPT_TABLE,
    NST_SERIALIZERS(pinned_serializer),
    NST_ROUTES(pinned_route),
    .hook = { .scope = pinned_scope,
              .state = pinned_state,
              .visible = concept_visible,
              .count = concept_count,
              .order = concept_order },
    .doc = "A concept as a version of its source holds it.",
};

const struct nst_resource ocl_concept_version = {
    .name = "concept_version",
    .key = "version",
    CONCEPT_TABLE,
    NST_SERIALIZERS(version_serializer),
    NST_ROUTES(history_route),
    .hook = { .scope = history_scope, .order = concept_order },
    .doc = "One version of a concept.",
};
