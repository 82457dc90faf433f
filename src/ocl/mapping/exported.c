/* Mappings as the export of a version has them (V622): what was given, and what the version itself
 * holds. An end elsewhere is not looked up: what stands there may change, or be hidden from who
 * reads the export. Of its source the address says who owns it. */
#include "mapping.h"

#define TABLE "mapping_version"
#define PLACE "{owner_url}sources/{source}/mappings/{id}/"

/* ---- What the address of an end says of its source ---- */

struct said {
    struct nst_str owner, owner_type, source; /* null: the address is none of a source here */
};

/* "/orgs/WHO/sources/ICD/" */
static struct said read_said(struct nst_str url)
{
    struct nst_str rest = url;
    struct nst_str before = nst_str_cut(&rest, '/'), kind = nst_str_cut(&rest, '/');
    struct nst_str owner = nst_str_cut(&rest, '/'), word = nst_str_cut(&rest, '/');
    struct nst_str source = nst_str_cut(&rest, '/');
    bool is_org = nst_str_eq(kind, NST_STR("orgs")), is_user = nst_str_eq(kind, NST_STR("users"));
    if (before.n > 0 || !(is_org || is_user) || owner.n == 0 ||
        !nst_str_eq(word, NST_STR("sources")) || source.n == 0 || rest.p == NULL || rest.n > 0)
        return (struct said){ 0 };
    return (struct said){ owner, is_org ? NST_STR("Organization") : NST_STR("User"), source };
}

#define SAID(end, member) \
    static void print_##end##_##member(struct nst_buf *out, const struct nst_face *face, \
                                       const struct nst_field *f, const void *row) \
    { \
        const struct ocl_mapping *m = row; \
        (void)face; \
        (void)f; \
        nst_json_put_str_or_null(out, read_said(m->end.source_url).member); \
    } \
    static const struct nst_type end##_##member = { .name = #end "_" #member, \
                                                    .rep = NST_REP_INT, \
                                                    .schema = "string", \
                                                    .print = print_##end##_##member };

SAID(from, owner)
SAID(from, owner_type)
SAID(from, source)
SAID(to, owner)
SAID(to, owner_type)
SAID(to, source)

/* ---- Fields ---- */

#define GIVEN(n, m, type, sentence) NST_FIELD(n, ocl_mapping, m, type, .doc = sentence)
#define END_FIELDS(side, m) \
    GIVEN(side "_concept_url", m.concept_url, &nst_url, "Address of the concept, as given."), \
        GIVEN(side "_source_url", m.source_url, &nst_url, "Address of its source."), \
        GIVEN(side "_source_version", m.source_version, &nst_text, "Version of that source."), \
        GIVEN(side "_concept_code", m.concept_code, &nst_code, "Code of the concept."), \
        GIVEN(side "_concept_name", m.concept_name, &nst_text, "Its name, as given."), \
        NST_FIELD(side "_address_code", ocl_mapping, m.address_code, &nst_code, \
                  .column = "(CASE WHEN " TABLE "." side "_concept_url IS NOT NULL THEN " TABLE \
                            "." side "_concept_code ELSE " side "_held.mnemonic END)", \
                  .doc = "The code, where the address of the concept is known."), \
        NST_FIELD(side "_concept_name_resolved", ocl_mapping, m.concept_name_resolved, &nst_text, \
                  .column = side "_held.display_name", \
                  .doc = "The name of the concept of its own source that the version holds."), \
        NST_MADE(side "_source_owner", &m##_owner, "{" side "_source_url}", \
                 .doc = "Id of the owner of that source."), \
        NST_MADE(side "_source_owner_type", &m##_owner_type, "{" side "_source_url}", \
                 .doc = "Organization or User."), \
        NST_MADE(side "_source_name", &m##_source, "{" side "_source_url}", \
                 .doc = "Id of that source."), \
        NST_LINK(side "_address", "{" side "_source_url}concepts/{" side "_address_code}/", \
                 .doc = "Address of the concept, where it is known.")

static const struct nst_field exported_field[] = {
    NST_IDENTITY("version_uuid", ocl_mapping, content.version_created_at,
                 .doc = "Number of the version."),
    NST_FIELD("id", ocl_mapping, content.id, &nst_slug, .column = "mnemonic",
              .flags = NST_KEY | NST_CORE, .doc = "Code, unique in its source."),
    GIVEN("map_type", map_type, &nst_text, "What the first concept is to the second."),
    GIVEN("sort_weight", sort_weight, &nst_real, "Place among those of one concept and type."),
    END_FIELDS("from", from),
    END_FIELDS("to", to),
    OCL_CONTENT_FIELDS(ocl_mapping, TABLE, "mapping_id"),
    NST_FIELD("held_by", ocl_mapping, held_by, &nst_text, .column = "repo.held_by",
              .doc = "The version that the export is of."),
    NST_CONSTANT("was_latest", "true", .doc = "It was the newest when that version was made."),
    NST_CONSTANT("type", "\"Mapping\"", .doc = "Kind of resource."),
    NST_LINK("url", PLACE, .doc = "Address of the mapping."),
    NST_LINK("version_url", PLACE "{version}/", .doc = "Address of the version of it."),
};

/* ---- V622 ---- */

#define END_SHOWN(side) \
    side "_concept_code " side "_concept_name " side "_concept_url=" side "_address " side \
         "_concept_name_resolved " side "_source_owner " side "_source_owner_type " side \
         "_source_url " side "_source_name " side "_source_version "

static const struct nst_serializer exported_serializer[] = {
    { V2, NST_DETAIL,
      "external_id retired map_type source owner owner_type " END_SHOWN("from") END_SHOWN(
          "to") "url version=version_number id versioned_object_id=object_id "
                "versioned_object_url=url is_latest_version=was_latest update_comment version_url "
                "uuid=version_number version_created_on=version_created_at "
                "version_updated_on=version_created_at version_updated_by=version_created_by type "
                "sort_weight latest_source_version=held_by retire_reason checksums owner_url "
                "extras created_on=created_at updated_on=version_created_at "
                "updated_by=version_created_by created_by public_can_view" },
};

/* The concept of its own source that stands at an end, as the version holds it. */
#define HELD(side) \
    " LEFT JOIN concept_version " side "_held ON " side "_held.repo_id = " TABLE \
    ".repo_id AND " side "_held.mnemonic = " TABLE "." side "_concept_code AND " side \
    "_held.rev_from <= repo.held_rev AND " side "_held.rev_to > repo.held_rev AND " TABLE "." side \
    "_source_url = " OCL_ADDRESS("repo")

/* The source, as readable as it was then. */
#define FROM \
    TABLE " JOIN (SELECT r.id, r.mnemonic, r.owner, r.owner_type, r.owner_url, x.public_access, " \
          "x.id AS export_id, x.rev AS held_rev, CASE WHEN x.is_head THEN 'HEAD' ELSE v.mnemonic " \
          "END AS held_by FROM repo r JOIN repo_export x ON x.repo_id = r.id " \
          "JOIN repo_version v ON v.id = x.version_id) repo ON repo.id = " TABLE \
          ".repo_id" HELD("from") HELD("to")

const struct nst_resource ocl_exported_mapping = {
    .name = "exported_mapping",
    .table = TABLE,
    .from = FROM,
    .order = TABLE ".id DESC",
    .size = sizeof(struct ocl_mapping),
    NST_FIELDS(exported_field),
    NST_SERIALIZERS(exported_serializer),
    .doc = "A mapping as the export of a version has it.",
};
