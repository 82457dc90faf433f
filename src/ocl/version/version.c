/* Repository versions: labels on revisions. Creating one is one row, whatever
 * the size of the repository, and complete at once (G114, V109). */
#include "version.h"

#include "ocl/app.h"
#include "ocl/checksum/repo.h"
#include "ocl/content/content.h"
#include "ocl/content/inside.h"
#include "ocl/event/event.h"
#include "ocl/export/export.h"
#include "ocl/extras.h"
#include "ocl/logo/logo.h"
#include "ocl/source/declared.h"
#include "ocl/source/optional.h"
#include "ocl/summary.h"

#define OTHER(column) \
    "(SELECT v.mnemonic FROM repo_version v WHERE v.is_active AND v.id = repo_version." column ")"
#define SOURCE_COLUMN(n, m, type, c, sentence) \
    NST_FIELD(n, ocl_version, m, type, .column = c, .flags = NST_NEVER_NULL | NST_CORE, \
              .doc = sentence)

/* What it says of itself: what its source said when it was made, until it is changed (V230). */
#define METADATA(n, type, sentence, ...) \
    NST_FIELD(#n, ocl_version, n, type, .doc = sentence, __VA_ARGS__)
#define TEXT(n, sentence)  METADATA(n, &nst_text, sentence, .max = 0)
#define SHORT(n, sentence) METADATA(n, &nst_text, sentence, .max = 255)
#define FLAG(n, sentence)  METADATA(n, &nst_bool, sentence, .max = 0)

/* V412 */
static void print_checksums(struct nst_buf *out, const struct nst_face *face,
                            const struct nst_field *f, const void *row)
{
    const struct ocl_version *v = row;
    (void)face;
    (void)f;
    ocl_put_repo_checksums(out, &(struct ocl_repo_says){
                                    .canonical_url = v->canonical_url,
                                    .custom_validation_schema = v->custom_validation_schema,
                                    .default_locale = v->default_locale,
                                    .hierarchy_meaning = v->hierarchy_meaning,
                                    .locales = v->supported_locales,
                                    .website = v->website,
                                    .extras = v->extras,
                                    .released = v->released,
                                    .retired = v->retired,
                                });
}

static const struct nst_type checksums = {
    .name = "checksums", .rep = NST_REP_INT, .schema = "object", .print = print_checksums
};

static void print_root(struct nst_buf *out, const struct nst_face *face, const struct nst_field *f,
                       const void *row)
{
    const struct ocl_version *v = row;
    (void)face;
    (void)f;
    ocl_put_root_url(out, v->owner_url, v->source, v->hierarchy_root);
}

/* As its source's; it cannot be set. */
static const struct nst_type root_url = { .name = "root_url",
                                          .rep = NST_REP_STR,
                                          .column = "text",
                                          .schema = "string",
                                          .print = print_root };

static const struct nst_field version_field[] = {
    NST_IDENTITY("uuid", ocl_version, created_at, .doc = "Number of the version."),
    NST_CONSTANT("type", "\"Version\"", .doc = "Kind of resource."),
    NST_FIELD("id", ocl_version, id, &nst_slug, .column = "mnemonic", .flags = NST_KEY | NST_CORE,
              .max = 255, .doc = "Name of the version, unique in its source."),
    NST_FIELD("description", ocl_version, description, &nst_text, .doc = "What changed."),
    NST_FIELD("released", ocl_version, released, &nst_bool, .fallback = "false",
              .flags = NST_FILTER | NST_CORE, .doc = "Meant for use."),
    NST_FIELD("retired", ocl_version, retired, &nst_bool, .fallback = "false",
              .doc = "No longer meant for use."),
    METADATA(name, &nst_text, "Name of the source at that time.",
             .flags = NST_NEVER_NULL | NST_NOT_EMPTY, .max = 1024),
    TEXT(canonical_url, "Canonical address of the source at that time."),
    SHORT(external_id, "Identifier in another system."),
    METADATA(extras, &nst_json_object, "Free JSON object.", .fallback = "{}"),
    NST_FIELD("repo_id", ocl_version, repo_id, &nst_int, .flags = NST_CORE,
              .doc = "Number of the source."),
    NST_FIELD("rev", ocl_version, rev, &nst_int, .fallback = "0", .flags = NST_CORE,
              .doc = "Revision that it labels."),
    NST_FIELD("concepts", ocl_version, count[OCL_CONCEPTS].all, &nst_int, .fallback = "0",
              .flags = NST_CORE, .doc = "Number of concepts in it."),
    NST_FIELD("active_concepts", ocl_version, count[OCL_CONCEPTS].active, &nst_int, .fallback = "0",
              .flags = NST_CORE, .doc = "Number of concepts in it that are not retired."),
    NST_FIELD("child_concepts", ocl_version, count[OCL_CONCEPTS].below, &nst_int, .fallback = "0",
              .flags = NST_CORE, .doc = "Number of concepts in it that have parents."),
    NST_FIELD("mappings", ocl_version, count[OCL_MAPPINGS].all, &nst_int, .fallback = "0",
              .flags = NST_CORE, .doc = "Number of mappings in it."),
    NST_FIELD("active_mappings", ocl_version, count[OCL_MAPPINGS].active, &nst_int, .fallback = "0",
              .flags = NST_CORE, .doc = "Number of mappings in it that are not retired."),
    NST_FIELD("hierarchy_root_url", ocl_version, hierarchy_root, &root_url,
              .column = "hierarchy_root", .flags = NST_CORE,
              .doc = "Address of the topmost concept."),
    NST_FIELD("previous_id", ocl_version, previous_id, &nst_int, .doc = "Number of the former."),
    NST_FIELD("parent_id", ocl_version, parent_id, &nst_int, .doc = "Number of the parent."),
    NST_FIELD("is_active", ocl_version, is_active, &nst_bool, .fallback = "true",
              .doc = "False once deleted."),
    OCL_STAMPS(ocl_version, "repo_version"),
    NST_FIELD("previous_version", ocl_version, previous_version, &nst_slug,
              .column = OTHER("previous_id"), .flags = NST_LAZY,
              .doc = "Id of the former version."),
    NST_FIELD("parent_version", ocl_version, parent_version, &nst_slug,
              .column = OTHER("parent_id"), .flags = NST_LAZY, .doc = "Id of the parent version."),
    NST_FIELD("former_version", ocl_version, former_version, &nst_slug,
              .column = "(SELECT v.mnemonic FROM repo_version v "
                        "WHERE v.id = repo_version.previous_id)",
              .flags = NST_LAZY, .doc = "Id of the former version, which may be gone."),
    SOURCE_COLUMN("versions", versions, &nst_int, "repo.versions", "Versions of the source."),
    SOURCE_COLUMN("source", source, &nst_slug, "repo.mnemonic", "Id of the source."),
    SOURCE_COLUMN("owner", owner, &nst_slug, "repo.owner", "Id of the owner."),
    SOURCE_COLUMN("owner_type", owner_type, &nst_text, "repo.owner_type", "Organization or User."),
    SOURCE_COLUMN("owner_url", owner_url, &nst_url, "repo.owner_url", "Address of the owner."),
    SOURCE_COLUMN("public_access", public_access, &nst_text, "repo.public_access",
                  "What others may do with the source."),
    SHORT(source_type, "Kind of source."),
    TEXT(full_name, "Name in full."),
    SHORT(website, "Page of the source."),
    METADATA(default_locale, &nst_text, "Language of names.", .fallback = "en", .max = 255),
    METADATA(supported_locales, &nst_string_list, "Its languages, the default one first.",
             .max = 0),
    SHORT(custom_validation_schema, "Rules for concepts."),
    TEXT(identifier, "Further identifiers."),
    TEXT(contact, "Whom to ask."),
    TEXT(jurisdiction, "Where it applies."),
    TEXT(meta, "Data about the document."),
    TEXT(publisher, "Who publishes it."),
    TEXT(purpose, "What it is for."),
    TEXT(copyright, "Terms of use."),
    TEXT(revision_date, "Date of the last revision."),
    TEXT(text, "A longer text."),
    SHORT(content_type, "How much of the original is here."),
    TEXT(collection_reference, "Collection of all its content."),
    SHORT(hierarchy_meaning, "What parent and child mean."),
    SHORT(version_needed, "References must name a version."),
    FLAG(experimental, "Not for real use."),
    FLAG(case_sensitive, "Codes differ by case."),
    FLAG(compositional, "Codes combine."),
    OCL_AUTOID_FIELDS(ocl_version),
    OCL_LOGO_FIELDS(ocl_version, "logo.repo_id = repo_version.repo_id",
                    "{owner_url}sources/{source}/"),
    NST_CONSTANT("no_logo", "null", .doc = "A picture is no part of a version."),
    NST_CONSTANT("none", "[]", .doc = "What is not built yet: exports elsewhere."),
    OCL_DECLARED_FIELDS(ocl_version),
    NST_FIELD("path", ocl_version, path, &nst_url,
              .column = "(CASE WHEN repo_version.mnemonic = 'HEAD' THEN '' "
                        "ELSE repo_version.mnemonic || '/' END)",
              .flags = NST_LAZY, .doc = "The version in addresses; HEAD has none."),
    NST_CONSTANT("is_processing", "false", .doc = "Nothing is ever pending."),
    NST_MADE("checksums", &checksums, OCL_REPO_SAYS "{supported_locales}{released}{retired}",
             .doc = "Checksums of the fields."),
    NST_LINK("url", "{owner_url}sources/{source}/{path}", .doc = "Address of the version."),
    NST_LINK("source_url", "{owner_url}sources/{source}/", .doc = "Address of the source."),
    NST_LINK("previous_version_url", "{owner_url}sources/{source}/{previous_version}/",
             .doc = "Address of the former version."),
    NST_LINK("former_version_url", "{owner_url}sources/{source}/{former_version}/",
             .doc = "Address of the former version, which may be gone."),
    NST_LINK("parent_version_url", "{owner_url}sources/{source}/{parent_version}/",
             .doc = "Address of the parent version."),
    NST_LINK("concepts_url", "{owner_url}sources/{source}/{path}concepts/", .doc = "Its concepts."),
    NST_LINK("mappings_url", "{owner_url}sources/{source}/{path}mappings/", .doc = "Its mappings."),
    NST_LINK("versions_url", "{owner_url}sources/{source}/versions/", .doc = "All versions."),
};

/* G61: what stands in a route, and the names of the two standing versions. */
#define RESERVED \
    "versions|latest|concepts|children|export|HEAD|INITIAL|mappings|references|summary|extras|" \
    "logo|processing|hierarchy|expansions|properties|filters|mapped-sources|atom|" \
    "resources-checksums"

static const struct nst_rule guide_rule[] = {
    { "id", .charset = "a-zA-Z0-9.-", .refused = RESERVED },
    { 0 },
};

static const struct nst_rule import_rule[] = {
    { "id", .charset = "a-zA-Z0-9._@-", .refused = RESERVED },
    { 0 },
};

/* V230: an id that is missing is told as a version that is null. */
static const struct nst_rule v2_rule[] = {
    { "id", .charset = "a-zA-Z0-9._@-", .refused = RESERVED, .told_as = "version",
      .missing = "This field may not be null." },
    OCL_METADATA_RULES,
    { 0 },
};

/* G112: the word source for collections, too. */
#define TAKEN \
    { \
        "mnemonic", "Version with mnemonic {id} already exists for source {source}.", \
            .is_list = true \
    }

/* V230 */
#define V2_TAKEN \
    { \
        "error|detail", "Source version '{id}' already exist.", .err = NST_E_CONFLICT \
    }

/* V231. */
#define V2_ROW \
    "type short_code=source name url=source_url canonical_url owner owner_type owner_url " \
    "version=id id created_at updated_at released retired version_url=url " \
    "previous_version_url checksums source_type match_algorithms external_exports=none"
#define V2_DETAIL_OF(former, logo) \
    "type uuid id short_code=source name full_name description source_type public_access " \
    "url=source_url canonical_url owner owner_type owner_url version=id created_on=created_at " \
    "updated_on=updated_at created_at updated_at created_by updated_by released retired " \
    "external_id extras version_url=url " former " concepts_url is_processing " \
    "checksums custom_validation_schema default_locale supported_locales website versions_url " \
    "mappings_url identifier publisher contact jurisdiction purpose copyright content_type " \
    "revision_date " logo " text experimental case_sensitive collection_reference " \
    "hierarchy_meaning compositional version_needed hierarchy_root_url meta " \
    "properties filters match_algorithms " OCL_AUTOIDS
#define V2_DETAIL V2_DETAIL_OF("previous_version_url", "logo_url")

/* V232; `public_access` is the source's (G118). */
#define V2_SETTABLE "name " OCL_METADATA
#define NOT_YET     "hierarchy_root_url hierarchy_root external_exports"

static const struct nst_serializer version_serializer[] = {
    { GUIDE, NST_LIST, "id released url" }, /* G12 */
    { GUIDE, NST_DETAIL,                    /* G12, G117 */
      "type id description released createdOn=created_at updatedOn=updated_at url source_url "
      "parent_version_url previous_version_url" },
    { GUIDE, NST_CREATE, "id* released description", .rules = guide_rule, .duplicate = TAKEN },
    { GUIDE, NST_UPDATE, "released description" },
    { V2, NST_LIST, V2_ROW, .type = "Source Version" },
    { V2, NST_DETAIL, V2_DETAIL, .type = "Source Version" },
    { V2, NST_UPDATE, "released retired " V2_SETTABLE, .rules = v2_rule, .not_yet = NOT_YET },
    { IMPORT, NST_CREATE, "id* released retired description external_id extras",
      .rules = import_rule, .duplicate = TAKEN },
};

/* ---- Hooks ---- */

/* Versions of the source in the path; with a version there, its children. */
static enum nst_err version_scope(struct nst_sql *q, struct nst_req *rq,
                                  const struct nst_object *parent)
{
    if (nst_is(parent, &ocl_version)) {
        nst_sql_add(q, " AND repo_version.parent_id = ");
        nst_sql_bind(q, NST_INT(((struct nst_row *)parent->row)->id));
    } else {
        nst_sql_add(q, " AND repo_version.repo_id = ");
        nst_sql_bind(q, NST_INT(((struct nst_row *)parent->row)->id));
    }
    if (!ocl_face_of(rq)->shows_initial)
        nst_sql_add(q, " AND repo_version.mnemonic <> 'INITIAL'");
    return NST_OK;
}

/* `latest`: the newest released one (G76, V232). */
static enum nst_err version_alias(struct nst_sql *q, struct nst_req *rq, struct nst_str word)
{
    (void)word;
    nst_sql_add(q, " AND repo_version.released AND repo_version.id = (SELECT max(v.id) "
                   "FROM repo_version v WHERE v.repo_id = repo_version.repo_id AND v.is_active "
                   "AND v.released");
    if (!ocl_face_of(rq)->shows_initial)
        nst_sql_add(q, " AND v.mnemonic <> 'INITIAL'");
    nst_sql_add(q, ")");
    return NST_OK;
}

static bool link_fails(struct nst_req *rq, const char *key, const char *format, struct nst_str id)
{
    struct nst_str text = nst_strf(rq->arena, format, NST_FMT(id));
    nst_add_problem(rq, nst_str_z(key), text, true);
    return true;
}

/* What a link member of the body says: text, null, or nothing. */
enum link_input { LINK_ABSENT, LINK_NULL, LINK_GIVEN, LINK_WRONG };

static enum link_input read_link(struct nst_str *id, struct nst_req *rq, const char *field)
{
    const struct nst_json *v = nst_body_member(rq, field);
    if (v == NULL)
        return LINK_ABSENT;
    if (v->kind == NST_JSON_NULL || (v->kind == NST_JSON_STRING && v->text.n == 0))
        return LINK_NULL;
    *id = v->text;
    bool is_text = v->kind == NST_JSON_STRING || v->kind == NST_JSON_NUMBER;
    return is_text && !v->has_surrogate && nst_str_find(v->text, '\0') == v->text.n ? LINK_GIVEN
                                                                                    : LINK_WRONG;
}

/* One of the two links: their words differ, their rules do not (G113). */
struct link {
    const char *field, *key, *missing, *itself;
    size_t offset; /* of the number in struct ocl_version */
    const char *column;
};

static const struct link links[] = {
    { "previous_version", "previousVersion", "Previous version %.*s does not exist.",
      "Previous version cannot be the same as current version.",
      offsetof(struct ocl_version, previous_id), "previous_id" },
    { "parent_version", "parentVersion", "Parent version %.*s does not exist.",
      "Parent version cannot be the same as current version.",
      offsetof(struct ocl_version, parent_id), "parent_id" },
};

static void set_link(struct ocl_version *v, const struct link *link, int64_t id)
{
    *(int64_t *)((char *)v + link->offset) = id;
    nst_mark_set(&ocl_version, v, link->column);
    nst_mark_null(&ocl_version, v, link->column); /* a zero stands for none */
}

static enum nst_err find_version(int64_t *out, struct nst_req *rq, int64_t repo, struct nst_str id)
{
    struct nst_sql q;
    nst_sql_init(&q, rq->arena);
    nst_sql_add(&q, "SELECT id FROM repo_version WHERE is_active AND repo_id = ");
    nst_sql_bind(&q, NST_INT(repo));
    nst_sql_add(&q, " AND mnemonic = ");
    nst_sql_bind(&q, NST_TEXT(id));
    return nst_sql_int(out, NULL, rq->db, &q);
}

static enum nst_err bind_link(bool *failed, struct nst_req *rq, struct ocl_version *v,
                              const struct link *link)
{
    struct nst_str id = { 0 };
    int64_t found = 0;
    enum link_input input = read_link(&id, rq, link->field);
    if (input == LINK_WRONG)
        *failed = link_fails(rq, link->key, nst_texts_of(rq->face)->invalid, id);
    if (input == LINK_GIVEN && nst_str_eq(id, v->id)) {
        *failed = link_fails(rq, link->key, link->itself, id);
    } else if (input == LINK_GIVEN) {
        NST_TRY(find_version(&found, rq, v->repo_id, id));
        if (found == 0)
            *failed = link_fails(rq, link->key, link->missing, id);
    }
    if (input == LINK_NULL || input == LINK_GIVEN)
        set_link(v, link, found);
    return NST_OK;
}

static enum nst_err bind_links(struct nst_req *rq, struct ocl_version *v)
{
    bool failed = false;
    for (size_t i = 0; i < NST_COUNT(links); i++)
        NST_TRY(bind_link(&failed, rq, v, &links[i]));
    return failed ? NST_E_INVALID : NST_OK;
}

/* G13: releasing one un-releases the former, in the same transaction; more than one is there where
 * the other face released them. Their exports say so, too. */
#define STEP ((size_t)100)

static enum nst_err unrelease_some(size_t *count, struct nst_req *rq, const struct ocl_version *v)
{
    struct nst_rows *rows;
    int64_t id[STEP];
    *count = 0;
    NST_TRY(nst_query_with(&rows, rq->db,
                           "UPDATE repo_version SET released = FALSE, "
                           "updated_at = " NST_SQL_LATER(
                               "updated_at",
                               "$1") " WHERE id IN (SELECT o.id FROM repo_version o WHERE "
                                     "o.repo_id = $2 AND o.released AND o.id <> $3 ORDER BY o.id "
                                     "LIMIT 100) RETURNING id",
                           NST_INT(rq->now), NST_INT(v->repo_id), NST_INT(v->row.id)));
    while (*count < STEP && nst_rows_step(rows))
        id[(*count)++] = nst_rows_int(rows, 0);
    NST_TRY(nst_rows_end(rows));
    for (size_t i = 0; i < *count; i++)
        NST_TRY(ocl_export_queue(rq, id[i]));
    return NST_OK;
}

static enum nst_err unrelease_others(struct nst_req *rq, const struct ocl_version *v)
{
    size_t count = v->released && ocl_face_of(rq)->releases_one ? STEP : 0;
    while (count == STEP)
        NST_TRY(unrelease_some(&count, rq, v));
    return NST_OK;
}

/* Freeze the content as it is now: the label takes the revision and its counts of the
 * source, which the request holds. What changes from here on has no earlier time than the
 * version: who has it asks for the rest from its time on (V901). */
static enum nst_err take_label(struct nst_req *rq, struct ocl_version *v)
{
    struct nst_rows *rows;
    NST_TRY(nst_query_with(
        &rows, rq->db,
        "UPDATE repo SET versions = versions + 1, labelled_rev = rev, "
        "content_at = " NST_SQL_LATER(
            "content_at",
            "$2") " "
                  "WHERE id = $1 "
                  "RETURNING rev, concepts, active_concepts, child_concepts, mappings, "
                  "active_mappings, 0",
        NST_INT(v->repo_id), NST_INT(rq->now)));
    if (nst_rows_step(rows)) {
        v->rev = nst_rows_int(rows, 0);
        for (unsigned i = 0; i < OCL_COUNTED; i++)
            v->count[i] =
                (struct ocl_count){ nst_rows_int(rows, 1 + 3 * i), nst_rows_int(rows, 2 + 3 * i),
                                    nst_rows_int(rows, 3 + 3 * i) };
    }
    return nst_rows_end(rows);
}

/* What the request does not say is as the source has it, the counts of V230 included. */
static void take_metadata(struct nst_req *rq, struct ocl_version *v, const struct ocl_source *s)
{
    struct nst_str rest = NST_STR("name hierarchy_root_url " OCL_METADATA);
    bool describes_itself = ocl_face_of(rq)->versions_describe_themselves;
    while (rest.p != NULL) {
        struct nst_str name = nst_str_cut(&rest, ' ');
        const char *field = nst_str_to_z(rq->arena, name);
        bool is_own = describes_itself && nst_str_eq(name, NST_STR("description"));
        if (!is_own && !nst_is_set(&ocl_version, v, field))
            nst_copy_field(&ocl_version, v, &ocl_source, s, field);
    }
}

/* Languages are kept as they are shown: the default one first (V224).
 *   others  separated by commas, or null */
static void put_default_first(struct nst_req *rq, struct ocl_version *v, struct nst_str others)
{
    v->supported_locales = v->default_locale;
    if (others.n > 0)
        v->supported_locales =
            nst_strf(rq->arena, "%.*s,%.*s", NST_FMT(v->default_locale), NST_FMT(others));
    nst_mark_set(&ocl_version, v, "supported_locales");
}

static enum nst_err version_before_create(struct nst_req *rq, void *row)
{
    struct ocl_version *v = row;
    struct ocl_source *s = nst_ancestor(rq, "source")->row;
    v->repo_id = s->row.id;
    v->source = s->id;
    NST_TRY(bind_links(rq, v));
    NST_TRY(nst_load_id((void **)&s, rq, &ocl_source, NST_LOAD_ALL, v->repo_id));
    take_metadata(rq, v, s);
    put_default_first(rq, v, v->supported_locales);
    NST_TRY(take_label(rq, v));
    NST_TRY(nst_next_id(&v->row.id, rq->db, "repo_version", 1));
    return unrelease_others(rq, v);
}

static enum nst_err record_release(struct nst_req *rq, const struct ocl_version *v)
{
    const struct ocl_event event = { .type = OCL_RELEASED,
                                     .thing = { .repo_id = v->repo_id, .version_id = v->row.id } };
    return v->released ? ocl_record(rq, &event) : NST_OK;
}

/* V618 */
static enum nst_err version_after_create(struct nst_req *rq, void *row)
{
    const struct ocl_version *v = row;
    NST_TRY(ocl_export_open(rq, v->row.id));
    NST_TRY(ocl_export_queue(rq, v->row.id));
    return record_release(rq, v);
}

/* Its export says what it says. */
static enum nst_err version_after_update(struct nst_req *rq, void *row)
{
    return ocl_export_queue(rq, ((const struct nst_row *)row)->id);
}

/* A new default takes the place of the one before it. */
static void change_locales(struct nst_req *rq, struct ocl_version *v)
{
    struct nst_str others = v->supported_locales;
    bool is_given = nst_is_set(&ocl_version, v, "supported_locales");
    if (!is_given && !nst_is_set(&ocl_version, v, "default_locale"))
        return;
    if (!is_given)
        nst_str_cut(&others, ',');
    put_default_first(rq, v, others);
}

static enum nst_err version_before_update(struct nst_req *rq, void *row)
{
    struct ocl_version *v = row;
    struct ocl_version *stored;
    const char *refusal = ocl_face_of(rq)->released_refusal;
    NST_TRY(bind_links(rq, v));
    change_locales(rq, v);
    NST_TRY(nst_load_id((void **)&stored, rq, &ocl_version, NST_LOAD_CORE, v->row.id));
    if (refusal != NULL && stored->released && !v->released)
        return nst_fail(rq, NST_E_INVALID, "released", nst_str_z(refusal));
    if (stored->released)
        return NST_OK;
    NST_TRY(record_release(rq, v));
    return unrelease_others(rq, v);
}

/* G116: the released version stays. */
static enum nst_err version_destroy(struct nst_req *rq)
{
    const struct ocl_version *v = nst_object(rq)->row;
    bool was_there;
    if (v->released && ocl_face_of(rq)->releases_one)
        return nst_fail(rq, NST_E_INVALID, "non_field_errors",
                        NST_STR("Cannot deactivate a version that is currently released.  Please "
                                "release another version before deactivating this one."));
    NST_TRY(nst_exec_with(NULL, rq->db, "UPDATE repo SET versions = versions - 1 WHERE id = $1",
                          NST_INT(v->repo_id)));
    NST_TRY(ocl_export_drop(&was_there, rq, &(struct ocl_export_key){ .version_id = v->row.id }));
    return nst_destroy(rq);
}

enum nst_err ocl_version_make_initial(struct nst_req *rq, const struct ocl_source *source)
{
    struct ocl_version *v = nst_row_new(rq, &ocl_version);
    v->id = NST_STR("INITIAL");
    v->released = true;
    v->repo_id = source->row.id;
    take_metadata(rq, v, source);
    put_default_first(rq, v, v->supported_locales);
    NST_TRY(nst_next_id(&v->row.id, rq->db, "repo_version", 1));
    NST_TRY(nst_insert(rq, &ocl_version, v));
    return ocl_export_open(rq, v->row.id);
}

#define PRIVATE(view) \
    { \
        view, ocl_has_private_access \
    }

static const struct nst_description removal = { .as = nst_destroy };

static const struct nst_route version_route[] = {
    /* G75, V311 */
    { GUIDE, S "versions/", .get = { nst_list, ocl_any_token }, .post = PRIVATE(nst_create),
      .doc = "Versions of a source, newest first." },
    /* G76, V312 */
    { GUIDE, S "latest~version/", .get = { nst_retrieve, ocl_any_token },
      .put = PRIVATE(nst_update), .doc = "The released version." },
    { V2, S "latest~version/",
      .get = { ocl_repo_retrieve, ocl_any_caller, .describe = &ocl_repo_detail },
      .put = PRIVATE(nst_update), .patch = PRIVATE(nst_update),
      .delete = { version_destroy, ocl_has_private_access, .describe = &removal },
      .doc = "The newest released version." },
    /* G77 */
    { GUIDE, S ":version/", .get = { nst_retrieve, ocl_any_token }, .put = PRIVATE(nst_update),
      .delete = { version_destroy, ocl_has_private_access, .describe = &ocl_removal },
      .doc = "One version." },
    { V2, S ":version/", .get = { ocl_repo_retrieve, ocl_any_caller, .describe = &ocl_repo_detail },
      .put = PRIVATE(nst_update), .patch = PRIVATE(nst_update),
      .delete = { version_destroy, ocl_has_private_access, .describe = &removal },
      .doc = "One version." },
    /* V208, V313; to change them is to change the version (V113) */
    OCL_EXTRAS(S_VERSION, ocl_any_caller, ocl_has_private_access),
    /* V235, V313 */
    OCL_SUMMARY(S_VERSION),
    /* V236 */
    OCL_DECLARED(S_VERSION),
    /* G78 */
    { GUIDE, S ":version/children/", .get = { nst_list, ocl_any_token },
      .doc = "Versions whose parent is this one." },
    { IMPORT, S "versions/", .post = PRIVATE(nst_create), .doc = "Source version lines." },
    { IMPORT, S ":version/", .get = { nst_retrieve, ocl_any_token },
      .delete = { version_destroy, ocl_has_private_access }, .doc = "One version." },
};

static const struct nst_member version_member[] = {
    OCL_SUMMARY_MEMBER,
    OCL_OPTIONAL_MEMBERS,
    { V2, 1U << NST_LIST | 1U << NST_DETAIL, "states", "includeStates", ocl_make_states,
      "{\"type\":\"object\"}", "How far each of its tasks is: none is pending." },
    { V2, 1U << NST_LIST | 1U << NST_DETAIL, "tasks", "includeTasks", ocl_make_tasks,
      "{\"type\":\"array\",\"items\":{}}", "Tasks that are pending: none ever is." },
    { 0 },
};
static const struct nst_parameter version_asked[] = {
    OCL_SUMMARY_ASKED,
    OCL_OPTIONAL_ASKED,
    { "includeStates", NST_SWITCH_SCHEMA, "With `states`." },
    { "includeTasks", NST_SWITCH_SCHEMA, "With `tasks`." },
    { 0 },
};

static const struct nst_filter version_filter[] = { OCL_FILTERS("repo_version"), { 0 } };

static const struct nst_sort version_sort[] = {
    OCL_RANKED,
    { "name", "lower(repo_version.name)|repo_version.mnemonic" },
    { "id", "repo_version.mnemonic", .never_null = true },
    { "id_lowercase", "lower(repo_version.mnemonic)", .never_null = true },
    { "numeric_id", "length(repo_version.mnemonic)|repo_version.mnemonic", .never_null = true },
    { "last_update", "repo_version.updated_at", .never_null = true },
    { "owner", "repo.owner", .never_null = true },
    { 0 },
};

/* ---- Versions as v2 lists them: HEAD is one of them (V231) ---- */

/* INITIAL is as old as its source: in its place stands the source as it is now.
 *   t  where the columns are taken from */
#define COLUMNS(t, a, b, c, d) "," t "." a "," t "." b "," t "." c "," t "." d
#define AUTOID(t, kind) \
    COLUMNS(t, "autoid_" kind "_mnemonic", "autoid_" kind "_external_id", \
            "autoid_" kind "_mnemonic_start_from", "autoid_" kind "_external_id_start_from")
#define SAID(t) \
    COLUMNS(t, "concepts", "active_concepts", "mappings", "active_mappings") \
    COLUMNS(t, "name", "full_name", "description", "canonical_url") \
    COLUMNS(t, "source_type", "content_type", "hierarchy_meaning", "meta") \
    COLUMNS(t, "website", "contact", "jurisdiction", "publisher") \
    COLUMNS(t, "purpose", "copyright", "revision_date", "text") \
    COLUMNS(t, "external_id", "extras", "identifier", "collection_reference") \
    COLUMNS(t, "default_locale", "version_needed", "case_sensitive", "compositional") \
    COLUMNS(t, "custom_validation_schema", "experimental", "updated_by", "updated_at") \
    COLUMNS(t, "child_concepts", "hierarchy_root", "properties", "filters") \
    COLUMNS(t, "rev", "match_algorithms", "autoid_concept_name_external_id", \
            "autoid_concept_description_external_id") \
    AUTOID(t, "concept") AUTOID(t, "mapping")
#define OF_THE_VERSION \
    "v.id, v.repo_id, v.previous_id, v.parent_id, v.is_active, v.created_at, v.created_by"
#define LISTED \
    "SELECT " OF_THE_VERSION ", v.mnemonic, v.released, v.retired, v.supported_locales" SAID( \
        "v") " FROM repo_version v WHERE v.mnemonic <> 'INITIAL' UNION ALL " \
             "SELECT " OF_THE_VERSION ", 'HEAD', FALSE, r.retired, " OCL_LOCALES("r") \
                 SAID("r") " FROM repo_version v JOIN repo r ON r.id = v.repo_id WHERE " \
                           "v.mnemonic = 'INITIAL'"

/* Few sources are named by number: a condition with a statement in it does not reach into the
 * union, and every version there is would be read. */
#define FEW 1000

/* Append their numbers.
 *   are_few  false where there are more */
static enum nst_err put_few_sources(struct nst_sql *q, bool *are_few, struct nst_req *rq,
                                    const struct nst_object *parent)
{
    struct nst_sql found;
    struct nst_rows *rows;
    size_t count = 0;
    nst_sql_init(&found, rq->arena);
    nst_sql_addf(&found, "SELECT repo.id FROM repo WHERE %s", ocl_source.where);
    NST_TRY(nst_put_found(&found, rq, &ocl_source, parent));
    nst_sql_add(&found, " LIMIT " NST_DIGITS(FEW));
    NST_TRY(nst_sql_query(&rows, rq->db, &found));
    while (nst_rows_step(rows))
        nst_sql_in(q, &count, NST_INT(nst_rows_int(rows, 0)));
    nst_sql_in_end(q, count);
    *are_few = count < FEW;
    return nst_rows_end(rows);
}

static enum nst_err put_found_sources(struct nst_sql *q, struct nst_req *rq,
                                      const struct nst_object *parent)
{
    bool are_few;
    nst_sql_add(q, " AND repo_version.repo_id");
    const size_t length = q->text.n;
    const unsigned bound = q->count;
    NST_TRY(put_few_sources(q, &are_few, rq, parent));
    if (are_few)
        return NST_OK;
    q->text.n = length;
    q->count = bound;
    nst_sql_addf(q, " IN (SELECT repo.id FROM repo WHERE %s", ocl_source.where);
    NST_TRY(nst_put_found(q, rq, &ocl_source, parent));
    nst_sql_add(q, ")");
    return NST_OK;
}

/* Those of the source in the path; else of every source that the list of these finds (V337). */
static enum nst_err listed_scope(struct nst_sql *q, struct nst_req *rq,
                                 const struct nst_object *parent)
{
    if (nst_is(parent, &ocl_source)) {
        nst_sql_add(q, " AND repo_version.repo_id = ");
        nst_sql_bind(q, NST_INT(((struct nst_row *)parent->row)->id));
    } else {
        NST_TRY(put_found_sources(q, rq, parent));
    }
    if (nst_query_is_true(rq, "processing")) /* V109: none ever is */
        nst_sql_add(q, " AND FALSE");
    return NST_OK;
}

static const struct nst_parameter listed_asked[] = {
    { "processing", NST_SWITCH_SCHEMA, "Only versions that are not complete yet." },
    { 0 },
};

static const struct nst_serializer listed_serializer[] = {
    { V2, NST_BRIEF, "id url=source_url type name description version=id version_url=url",
      .type = "Source Version" },
    { V2, NST_LIST, V2_ROW, .type = "Source Version" },
    { V2, NST_DETAIL, V2_DETAIL, .type = "Source Version" },
    { V2, NST_CREATE, "id* released retired " V2_SETTABLE, .rules = v2_rule, .duplicate = V2_TAKEN,
      .not_yet = NOT_YET },
};

static const struct nst_route listed_route[] = {
    { V2, S "versions/", .get = { nst_list, ocl_any_caller }, .post = PRIVATE(nst_create),
      .doc = "Versions of a source, newest first; the last is HEAD." },
};

static const struct nst_switch listed_switches[] = {
    { "brief", NST_LIST, NST_BRIEF, "Rows that name the version, and no more." },
    OCL_VERBOSE,
    { 0 },
};

/* ---- Versions as their exports show them (V619): nothing that changes behind them ---- */

#define EXPORTED \
    "repo_version JOIN (SELECT r.id, r.mnemonic, r.owner, r.owner_type, r.owner_url, r.versions, " \
    "x.version_id AS said_id, x.public_access FROM repo r " \
    "JOIN repo_export x ON x.repo_id = r.id WHERE NOT x.is_head) repo " \
    "ON repo.id = repo_version.repo_id AND repo.said_id = repo_version.id"

static const struct nst_serializer exported_serializer[] = {
    { V2, NST_DETAIL, V2_DETAIL_OF("previous_version_url=former_version_url", "logo_url=no_logo"),
      .type = "Source Version" },
};

static const struct nst_set version_sets[] = {
    [OCL_LISTED] = { "listed_version",
                     .from =
                         "(" LISTED ") repo_version JOIN repo ON repo.id = repo_version.repo_id",
                     NST_SERIALIZERS(listed_serializer), NST_ROUTES(listed_route),
                     .switches = listed_switches, .asked = listed_asked,
                     .hook = { .scope = listed_scope },
                     .doc = "A version of a source, or its present state." },
    [OCL_EXPORTED_VERSION] = { "exported_version", .from = EXPORTED,
                               NST_SERIALIZERS(exported_serializer), NST_PLAIN,
                               .doc = "A version of a source as its export has it." },
    [OCL_EXPORTED_VERSION + 1] = { 0 },
};

const struct nst_resource ocl_version = {
    .name = "version",
    .table = "repo_version",
    .from = "repo_version JOIN repo ON repo.id = repo_version.repo_id",
    .where = "repo_version.is_active",
    .order = "repo_version.id DESC",
    .size = sizeof(struct ocl_version),
    NST_FIELDS(version_field),
    NST_SERIALIZERS(version_serializer),
    NST_ROUTES(version_route),
    .sort = version_sort,
    .filter = version_filter,
    .member = version_member,
    .member_asked = version_asked,
    .sets = version_sets,
    .hook = { .scope = version_scope,
              .alias = version_alias,
              .before_create = version_before_create,
              .after_create = version_after_create,
              .before_update = version_before_update,
              .after_update = version_after_update },
    .doc = "A frozen state of a source.",
};
