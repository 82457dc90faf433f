/* Sources: versioned sets of concepts, owned by an organisation or a user. */
#include "source.h"

#include "ocl/app.h"
#include "ocl/checksum/repo.h"
#include "ocl/client_config/client_config.h"
#include "ocl/content/content.h"
#include "ocl/content/inside.h"
#include "ocl/content/tally.h"
#include "ocl/event/event.h"
#include "ocl/extras.h"
#include "ocl/logo/logo.h"
#include "ocl/mapping/mapping.h"
#include "ocl/openmrs/openmrs.h"
#include "ocl/org/org.h"
#include "ocl/source/declared.h"
#include "ocl/source/list.h"
#include "ocl/source/optional.h"
#include "ocl/summary.h"
#include "ocl/user/user.h"
#include "ocl/version/version.h"

#define TEXT(n, m, sentence)  NST_FIELD(n, ocl_source, m, &nst_text, .doc = sentence)
#define SHORT(n, m, sentence) NST_FIELD(n, ocl_source, m, &nst_text, .max = 255, .doc = sentence)
#define INTERNAL(n, m, type, zero, sentence) \
    NST_FIELD(n, ocl_source, m, type, .fallback = zero, .doc = sentence)

/* V412; what is worked on is never released. */
static void print_checksums(struct nst_buf *out, const struct nst_face *face,
                            const struct nst_field *f, const void *row)
{
    const struct ocl_source *s = row;
    (void)face;
    (void)f;
    ocl_put_repo_checksums(out, &(struct ocl_repo_says){
                                    .canonical_url = s->canonical_url,
                                    .custom_validation_schema = s->custom_validation_schema,
                                    .default_locale = s->default_locale,
                                    .hierarchy_meaning = s->hierarchy_meaning,
                                    .locales = s->locales,
                                    .website = s->website,
                                    .extras = s->extras,
                                    .retired = s->retired,
                                });
}

static const struct nst_type checksums = {
    .name = "checksums", .rep = NST_REP_INT, .schema = "object", .print = print_checksums
};

/* The address is given and shown, the code is kept. */
static void print_root(struct nst_buf *out, const struct nst_face *face, const struct nst_field *f,
                       const void *row)
{
    const struct ocl_source *s = row;
    (void)face;
    (void)f;
    ocl_put_root_url(out, s->owner_url, s->id, s->hierarchy_root);
}

static bool parse_root(struct nst_req *rq, const struct nst_field *f, const struct nst_json *v,
                       void *member)
{
    return v->kind == NST_JSON_STRING && nst_text.parse(rq, f, v, member);
}

static const struct nst_type root_url = { .name = "root_url",
                                          .rep = NST_REP_STR,
                                          .column = "text",
                                          .schema = "string",
                                          .parse = parse_root,
                                          .print = print_root };

static const struct nst_field source_field[] = {
    NST_IDENTITY("uuid", ocl_source, created_at, .doc = "Number of the source."),
    NST_CONSTANT("type", "\"Source\"", .doc = "Kind of resource."),
    NST_FIELD("id", ocl_source, id, &nst_slug, .column = "mnemonic", .flags = NST_KEY | NST_CORE,
              .max = 255, .doc = "Short code, unique in its owner."),
    NST_FIELD("name", ocl_source, name, &nst_text,
              .flags = NST_NEVER_NULL | NST_NOT_EMPTY | NST_CORE, .max = 1024,
              .doc = "Display name."),
    TEXT("full_name", full_name, "Name in full."),
    TEXT("description", description, "A few sentences."),
    NST_FIELD("source_type", ocl_source, source_type, &nst_text, .flags = NST_FILTER, .max = 255,
              .doc = "Kind of source."),
    NST_FIELD("public_access", ocl_source, public_access, &nst_text, .flags = NST_CORE,
              .fallback = "View", .doc = "What others may do: View, Edit or None."),
    NST_FIELD("default_locale", ocl_source, default_locale, &nst_text, .fallback = "en", .max = 255,
              .flags = NST_CORE, .doc = "Language of names, as a locale code."),
    NST_FIELD("supported_locales", ocl_source, supported_locales, &nst_string_list,
              .flags = NST_CORE, .doc = "Languages that names are given in."),
    NST_FIELD("locales", ocl_source, locales, &nst_string_list, .column = OCL_LOCALES("repo"),
              .flags = NST_LAZY, .doc = "The default language, then the supported ones."),
    SHORT("website", website, "Page of the source."),
    SHORT("external_id", external_id, "Identifier in another system."),
    NST_FIELD("extras", ocl_source, extras, &nst_json_object, .fallback = "{}",
              .doc = "Free JSON object."),
    NST_FIELD("custom_validation_schema", ocl_source, custom_validation_schema, &nst_text,
              .flags = NST_FILTER | NST_CORE, .max = 255,
              .doc = "Rules for concepts beyond the basic ones."),
    NST_FIELD("canonical_url", ocl_source, canonical_url, &nst_text, .flags = NST_FILTER | NST_CORE,
              .doc = "Address that names the source everywhere."),
    TEXT("identifier", identifier, "Further identifiers, a JSON value."),
    TEXT("contact", contact, "Whom to ask."),
    TEXT("jurisdiction", jurisdiction, "Where it applies."),
    TEXT("meta", meta, "Data about the document."),
    TEXT("publisher", publisher, "Who publishes it."),
    TEXT("purpose", purpose, "What it is for."),
    TEXT("copyright", copyright, "Terms of use."),
    TEXT("revision_date", revision_date, "Date of the last revision."),
    TEXT("text", text, "A longer text."),
    SHORT("content_type", content_type, "How much of the original is here."),
    TEXT("collection_reference", collection_reference, "Collection of all its content."),
    NST_FIELD("hierarchy_meaning", ocl_source, hierarchy_meaning, &nst_text, .flags = NST_FILTER,
              .max = 255, .doc = "What parent and child mean."),
    SHORT("version_needed", version_needed, "References must name a version."),
    NST_FIELD("experimental", ocl_source, experimental, &nst_bool, .doc = "Not for real use."),
    NST_FIELD("case_sensitive", ocl_source, case_sensitive, &nst_bool,
              .doc = "Codes differ by case."),
    NST_FIELD("compositional", ocl_source, compositional, &nst_bool, .doc = "Codes combine."),
    OCL_AUTOID_FIELDS(ocl_source),
    NST_FIELD("owner", ocl_source, owner, &nst_slug,
              .flags = NST_NEVER_NULL | NST_CORE | NST_FILTER, .doc = "Id of the owner."),
    NST_FIELD("owner_type", ocl_source, owner_type, &nst_text, .flags = NST_NEVER_NULL | NST_CORE,
              .doc = "Organization or User."),
    NST_FIELD("owner_word", ocl_source, owner_word, &nst_text,
              .column = "(CASE repo.owner_type WHEN 'User' THEN 'user' ELSE 'org' END)",
              .flags = NST_LAZY, .doc = "Kind of the owner, as names of constraints have it."),
    NST_FIELD("owner_url", ocl_source, owner_url, &nst_url, .flags = NST_NEVER_NULL | NST_CORE,
              .doc = "Address of the owner."),
    NST_FIELD("owner_id", ocl_source, owner_id, &nst_int, .flags = NST_CORE,
              .doc = "Number of the owner."),
    NST_FIELD("repo_type", ocl_source, kind, &nst_text, .column = "kind", .fallback = "source",
              .flags = NST_FILTER, .doc = "Source or collection."),
    NST_FIELD("versions", ocl_source, versions, &nst_int, .fallback = "1", .flags = NST_CORE,
              .doc = "Number of versions, INITIAL included."),
    NST_FIELD("rev", ocl_source, rev, &nst_int, .fallback = "0", .flags = NST_CORE,
              .doc = "Revision of the content."),
    NST_FIELD("content_at", ocl_source, content_at, &nst_int, .fallback = "0", .flags = NST_CORE,
              .doc = "Time of that revision."),
    NST_FIELD("next_number", ocl_source, next_number, &nst_int, .fallback = "1", .flags = NST_CORE,
              .doc = "Next free row number."),
    NST_FIELD("concepts", ocl_source, count[OCL_CONCEPTS].all, &nst_int, .fallback = "0",
              .flags = NST_CORE, .doc = "Number of concepts."),
    NST_FIELD("active_concepts", ocl_source, count[OCL_CONCEPTS].active, &nst_int, .fallback = "0",
              .flags = NST_CORE, .doc = "Number of concepts that are not retired."),
    NST_FIELD("child_concepts", ocl_source, count[OCL_CONCEPTS].below, &nst_int, .fallback = "0",
              .flags = NST_CORE, .doc = "Number of concepts that have parents."),
    NST_FIELD("mappings", ocl_source, count[OCL_MAPPINGS].all, &nst_int, .fallback = "0",
              .flags = NST_CORE, .doc = "Number of mappings."),
    NST_FIELD("active_mappings", ocl_source, count[OCL_MAPPINGS].active, &nst_int, .fallback = "0",
              .flags = NST_CORE, .doc = "Number of mappings that are not retired."),
    NST_FIELD("copied_from", ocl_source, copied_from, &nst_text, .flags = NST_CORE,
              .doc = "Address elsewhere that it is a copy of."),
    INTERNAL("is_active", is_active, &nst_bool, "true", "False once deleted."),
    INTERNAL("owner_is_active", owner_is_active, &nst_bool, "true", "False once the owner is."),
    OCL_STAMPS(ocl_source, "repo"),
    NST_CONSTANT("version", "\"HEAD\"", .doc = "Version of the content."),
    NST_CONSTANT("released", "false", .doc = "The working content is never released."),
    NST_FIELD("retired", ocl_source, retired, &nst_bool, .fallback = "false", .doc = "Out of use."),
    NST_MADE("checksums", &checksums, OCL_REPO_SAYS "{locales}{retired}",
             .doc = "Checksums of the fields."),
    NST_FIELD("hierarchy_root_url", ocl_source, hierarchy_root, &root_url,
              .column = "hierarchy_root", .flags = NST_CORE,
              .doc = "Address of the topmost concept."),
    OCL_DECLARED_FIELDS(ocl_source),
    OCL_LOGO_FIELDS(ocl_source, "logo.repo_id = repo.id", "{owner_url}sources/{id}/"),
    NST_CONSTANT("no_logo", "null", .doc = "A picture is no part of a version."),
    NST_LINK("url", "{owner_url}sources/{id}/", .doc = "Address of the source."),
    NST_LINK("versions_url", "{owner_url}sources/{id}/versions/", .doc = "Its versions."),
    NST_LINK("concepts_url", "{owner_url}sources/{id}/concepts/", .doc = "Its concepts."),
    NST_LINK("mappings_url", "{owner_url}sources/{id}/mappings/", .doc = "Its mappings."),
};

#define ACCESS "View|Edit|None"

static const struct nst_rule guide_rule[] = {
    { "id", .charset = "a-zA-Z0-9.-" },
    { "source_type", .choices = "dictionary|reference|externalDictionary",
      .fallback = "dictionary" },
    { "public_access", .choices = ACCESS },
    { 0 },
};

static const struct nst_rule import_rule[] = {
    { "id", .charset = "a-zA-Z0-9._@-" },
    { "public_access", .choices = ACCESS },
    { 0 },
};

/* V202, V204 */
static const struct nst_rule v2_rule[] = {
    { "id", .charset = "a-zA-Z0-9._@-" },
    { "public_access", .choices = ACCESS },
    { "default_locale", .is_not_empty = true }, /* V206 */
    OCL_METADATA_RULES,
    { 0 },
};

#define TAKEN \
    { \
        "mnemonic", "Source with mnemonic {id} already exists for parent resource {owner}." \
    }
/* V226 */
#define V2_TAKEN \
    { \
        "__all__", "Constraint “{owner_word}_source_unique” is violated.", .is_list = true \
    }
#define GUIDE_SETTABLE \
    "full_name description source_type public_access default_locale supported_locales website"
#define V2_SETTABLE "public_access retired " OCL_METADATA

/* V224, V236. */
#define NOT_YET "hierarchy_root"

#define V2_DETAIL_OF(logo) \
    "type uuid id short_code=id name full_name description source_type " \
    "custom_validation_schema public_access default_locale supported_locales=locales website " \
    "url owner owner_type owner_url created_on=created_at updated_on=updated_at created_by " \
    "updated_by extras external_id versions_url version concepts_url mappings_url " \
    "canonical_url identifier publisher contact jurisdiction purpose copyright content_type " \
    "revision_date " logo " text experimental case_sensitive collection_reference " \
    "hierarchy_meaning compositional version_needed hierarchy_root_url meta properties filters " \
    "match_algorithms released retired checksums created_at updated_at " OCL_AUTOIDS

static const struct nst_serializer source_serializer[] = {
    { GUIDE, NST_LIST, "shortCode=id name url" }, /* G11 */
    { GUIDE, NST_DETAIL,                          /* G9 */
      "type uuid id shortCode=id name full_name source_type public_access default_locale "
      "supported_locales website description owner owner_type versions createdOn=created_at "
      "updatedOn=updated_at url owner_url" },
    { GUIDE, NST_CREATE, "id* name* " GUIDE_SETTABLE, .rules = guide_rule, .duplicate = TAKEN },
    { GUIDE, NST_UPDATE, "name " GUIDE_SETTABLE, .rules = guide_rule },
    { V2, NST_BRIEF, "id url type name description" }, /* V228 */
    { V2, NST_LIST,
      "short_code=id name url owner owner_type owner_url version created_at id source_type "
      "updated_at canonical_url type checksums" },
    { V2, NST_TABLE, /* V331 */
      "Owner=owner Source_ID=id Source_Name=name Source_Full_Name=full_name "
      "Source_Type=source_type Description=description Default_Locale=default_locale "
      "Supported_Locales=locales Website=website External_ID=external_id Last_Updated=updated_at "
      "Updated_By=updated_by URI=url" },
    { V2, NST_DETAIL, V2_DETAIL_OF("logo_url") },
    { V2, NST_CREATE, "id* name* hierarchy_root_url " V2_SETTABLE, .rules = v2_rule,
      .duplicate = V2_TAKEN, .not_yet = NOT_YET " released" },
    { V2, NST_UPDATE, "name hierarchy_root_url " V2_SETTABLE, .rules = v2_rule,
      .not_yet = NOT_YET " released" },
    /* What keeps a copy (OCL_IMPORT_COPIES). */
    { IMPORT, NST_UPDATE, "name hierarchy_root_url " V2_SETTABLE, .rules = v2_rule,
      .not_yet = NOT_YET " released" },
    { IMPORT, NST_CREATE, "id* name* " V2_SETTABLE, .rules = import_rule, .duplicate = TAKEN,
      .not_yet = "hierarchy_root_url " NOT_YET }, /* its concepts come after it */
};

/* ---- Hooks ---- */

/* .arg of the lists that ask for sources of a user's organisations (V216). */
static const char of_orgs[] = "orgs";

static enum nst_err orgs_scope(struct nst_sql *q, struct nst_req *rq, int64_t user)
{
    nst_sql_add(q, " AND repo.owner_type = 'Organization'");
    return ocl_put_orgs_of(q, rq, "repo.owner_id", user);
}

/* Other sources that mappings of the source in the path lead to, in the version there or at
 * present, as far as the caller may know of these: by the tallies, not by the mappings. */
static enum nst_err mapped_scope(struct nst_sql *q, struct nst_req *rq)
{
    static const struct ocl_end_columns ends = { "tally.repo_id", "tally.from_id", "tally.to_id" };
    const struct nst_object *version = nst_ancestor(rq, "version");
    int64_t id = ((struct nst_row *)nst_ancestor(rq, "source")->row)->id;
    nst_sql_add(q, " AND repo.id <> ");
    nst_sql_bind(q, NST_INT(id));
    nst_sql_add(
        q,
        " AND repo.id IN (SELECT at_end.id FROM tally JOIN repo AS at_end ON " OCL_AT(
            "at_end") "tally.url WHERE tally.kind IN ('" OCL_TALLY_TO
                      "', '" OCL_TALLY_RETIRED OCL_TALLY_TO
                      "') AND tally.count > 0 AND (at_end.public_access <> 'None' OR at_end.id = "
                      "tally.to_id) AND tally.repo_id = ");
    nst_sql_bind(q, NST_INT(id));
    ocl_put_moment(q, "tally",
                   version != NULL ? ((const struct ocl_version *)version->row)->rev
                                   : OCL_OPEN - 1);
    ocl_ends_visible_in(q, rq, &ends);
    nst_sql_add(q, ")");
    return NST_OK;
}

/* Sources of the owner in the path. */
static enum nst_err source_scope(struct nst_sql *q, struct nst_req *rq,
                                 const struct nst_object *parent)
{
    if (parent == NULL)
        return NST_OK;
    if (nst_is(parent, &ocl_source) || nst_is(parent, &ocl_version))
        return mapped_scope(q, rq);
    if (rq->action != NULL && rq->action->arg == of_orgs)
        return orgs_scope(q, rq, ((struct nst_row *)parent->row)->id);
    nst_sql_add(q, " AND repo.owner_id = ");
    nst_sql_bind(q, NST_INT(((struct nst_row *)parent->row)->id));
    nst_sql_add(q, nst_is(parent, &ocl_org) ? " AND repo.owner_type = 'Organization'"
                                            : " AND repo.owner_type = 'User'");
    return NST_OK;
}

static const struct nst_switch source_switches[] = {
    { "brief", NST_LIST, NST_BRIEF, "Rows that name the source, and no more." },
    OCL_VERBOSE,
    { 0 },
};

/* V236: a concept that the source has. */
static enum nst_err foreign_root(struct nst_req *rq)
{
    return nst_fail(rq, NST_E_INVALID, "hierarchy_root",
                    NST_STR("Hierarchy Root must belong to the same Source."));
}

static enum nst_err take_root(struct nst_req *rq, struct ocl_source *s)
{
    struct ocl_address at;
    bool is_there = false;
    struct nst_str url = nst_str_trim(s->hierarchy_root);
    if (!nst_is_set(&ocl_source, s, "hierarchy_root_url"))
        return NST_OK;
    s->hierarchy_root = (struct nst_str){ 0 };
    if (url.n == 0)
        return NST_OK;
    if (!ocl_read_address(&at, rq, url) || at.code.p == NULL ||
        !nst_str_eq(at.source_url, ocl_source_url(rq->arena, s->owner_url, s->id)))
        return foreign_root(rq);
    NST_TRY(nst_exists_with(&is_there, rq->db,
                            "SELECT 1 FROM concept_version WHERE repo_id = $1 AND mnemonic = $2 "
                            "AND rev_to = " OCL_OPEN_SQL,
                            NST_INT(s->row.id), NST_TEXT(at.code)));
    s->hierarchy_root = at.code;
    return is_there ? NST_OK : foreign_root(rq);
}

/* ---- Numbers of automatic ids (V407) ---- */

#define START_MAX INT32_MAX

#define START(m, column) \
    { \
        "autoid_" #m "_start_from", offsetof(struct ocl_source, autoid.m##_start_from), column \
    }

static const struct start {
    const char *field;
    size_t offset;
    const char *counter;
} starts[] = {
    START(concept_mnemonic, "next_concept"),
    START(concept_external_id, "next_concept_external"),
    START(mapping_mnemonic, "next_mapping"),
    START(mapping_external_id, "next_mapping_external"),
};

static int64_t start_of(const struct ocl_source *s, const struct start *t)
{
    return *(const int64_t *)((const char *)s + t->offset);
}

static enum nst_err check_starts(struct nst_req *rq, const struct ocl_source *s)
{
    for (size_t i = 0; i < NST_COUNT(starts); i++) {
        int64_t start = start_of(s, &starts[i]);
        if (start < 0)
            nst_add_problem(rq, nst_str_z(starts[i].field),
                            NST_STR("Ensure this value is greater than or equal to 0."), true);
        else if (start > START_MAX)
            nst_add_problem(rq, nst_str_z(starts[i].field),
                            NST_STR("Ensure this value is less than or equal to 2147483647."),
                            true);
    }
    return rq->problem == NULL ? NST_OK : NST_E_INVALID;
}

/* Numbers go on where they are told to begin anew; what is taken is passed over then. Of a change
 * before the row is stored: it still says where they began. */
static enum nst_err restart_numbers(struct nst_req *rq, const struct ocl_source *s, bool is_new)
{
    for (size_t i = 0; i < NST_COUNT(starts); i++) {
        struct nst_sql q;
        nst_sql_init(&q, rq->arena);
        nst_sql_addf(&q, "UPDATE repo SET %s = ", starts[i].counter);
        nst_sql_bind(&q, NST_INT(start_of(s, &starts[i])));
        nst_sql_add(&q, " WHERE id = ");
        nst_sql_bind(&q, NST_INT(s->row.id));
        if (!is_new) {
            nst_sql_addf(&q, " AND %s <> ", starts[i].field);
            nst_sql_bind(&q, NST_INT(start_of(s, &starts[i])));
        }
        if (nst_is_set(&ocl_source, s, starts[i].field))
            NST_TRY(nst_sql_exec(NULL, rq->db, &q));
    }
    return NST_OK;
}

static enum nst_err source_before_create(struct nst_req *rq, void *row)
{
    struct ocl_source *s = row;
    if (nst_str_trim(s->hierarchy_root).n > 0) /* there is no concept yet */
        return foreign_root(rq);
    NST_TRY(check_starts(rq, s));
    if (!nst_is_set(&ocl_source, s, "autoid_mapping_mnemonic"))
        s->autoid.mapping_mnemonic = NST_STR("sequential");
    const struct nst_object *owner = nst_object(rq);
    s->owner_id = ((struct nst_row *)owner->row)->id;
    if (rq->face != GUIDE && s->full_name.p == NULL) /* V224 */
        s->full_name = s->name;
    s->owner_word = nst_is(owner, &ocl_org) ? NST_STR("org") : NST_STR("user");
    if (nst_is(owner, &ocl_org)) {
        s->owner_type = NST_STR("Organization");
        s->owner = ((struct ocl_org *)owner->row)->id;
        s->owner_url = nst_strf(rq->arena, "/orgs/%.*s/", NST_FMT(s->owner));
    } else {
        s->owner_type = NST_STR("User");
        s->owner = ((struct ocl_user *)owner->row)->username;
        s->owner_url = nst_strf(rq->arena, "/users/%.*s/", NST_FMT(s->owner));
    }
    return nst_next_id(&s->row.id, rq->db, "repo", 1);
}

static enum nst_err record(struct nst_req *rq, const char *type, const struct ocl_source *s)
{
    return ocl_record(rq, &(struct ocl_event){ .type = type, .thing.repo_id = s->row.id });
}

static struct nst_str address_of(struct nst_req *rq, const struct ocl_source *s)
{
    return nst_strf(rq->arena, "%.*ssources/%.*s/", NST_FMT(s->owner_url), NST_FMT(s->id));
}

/* G110: a released, empty version INITIAL from the start. */
static enum nst_err source_after_create(struct nst_req *rq, void *row)
{
    NST_TRY(restart_numbers(rq, row, true));
    NST_TRY(ocl_version_make_initial(rq, row));
    NST_TRY(ocl_audit_others(rq, "source.add", nst_object(rq), address_of(rq, row)));
    return record(rq, OCL_CREATED, row);
}

/* By its own address: it may have been named by the caller's (/user/sources/S/). */
static enum nst_err source_after_destroy(struct nst_req *rq, void *row)
{
    NST_TRY(nst_audit(rq, &(struct nst_act){ .name = "source.remove", .on = address_of(rq, row) }));
    return record(rq, OCL_DELETED, row);
}

/* The next language of the list that is not the default one; null behind the last. */
static struct nst_str next_locale(struct nst_str *rest, struct nst_str default_locale)
{
    while (rest->p != NULL) {
        struct nst_str word = nst_str_trim(nst_str_cut(rest, ','));
        if (word.n > 0 && !nst_str_eq(word, default_locale))
            return word;
    }
    return (struct nst_str){ 0 };
}

static bool has_same_locales(const struct ocl_source *a, const struct ocl_source *b)
{
    struct nst_str x = a->supported_locales, y = b->supported_locales, one, other;
    do {
        one = next_locale(&x, a->default_locale);
        other = next_locale(&y, b->default_locale);
    } while (one.p != NULL && nst_str_eq(one, other));
    return one.p == NULL && other.p == NULL;
}

/* What v2 shows begins with the default language (V224): sent back, it is no change. */
static enum nst_err source_before_update(struct nst_req *rq, void *row)
{
    struct ocl_source *s = row, *stored;
    NST_TRY(take_root(rq, s));
    NST_TRY(check_starts(rq, s));
    NST_TRY(restart_numbers(rq, s, false));
    if (rq->face == GUIDE || s->supported_locales.p == NULL)
        return NST_OK;
    NST_TRY(nst_load_id((void **)&stored, rq, &ocl_source, NST_LOAD_ALL, s->row.id));
    if (stored != NULL && has_same_locales(s, stored))
        s->supported_locales = stored->supported_locales;
    return NST_OK;
}

static enum nst_err source_destroy(struct nst_req *rq)
{
    if (!ocl_wants_purge(rq))
        return nst_destroy(rq);
    struct nst_sql q;
    nst_sql_init(&q, rq->arena);
    nst_sql_add(&q, "SELECT repo.id FROM repo WHERE repo.kind = 'source'");
    NST_TRY(source_scope(&q, rq, nst_parent(rq)));
    nst_sql_add(&q, " AND repo.mnemonic = ");
    nst_sql_bind(&q, NST_TEXT(rq->var[rq->vars - 1]));
    return ocl_purge_all(rq, &q, "repo");
}

/* V233: it is the only version that a source has by itself, whatever others were made. */
static enum nst_err keep_head(struct nst_req *rq)
{
    return nst_fail(rq, NST_E_INVALID, "detail", NST_STR("Cannot delete only version."));
}

static const struct nst_response head_response[] = {
    { 400, "HEAD stays.", { .schema = "{\"$ref\":\"#/components/schemas/v2.Error\"}" } },
    { 0 },
};
static const struct nst_description head_removal = { .response = head_response };

/* V225 */
static const struct nst_response addition_response[] = {
    { 403, "The caller is no member, and no staff." }, { 405, "There is no such owner." }, { 0 }
};
static const struct nst_description addition = { .as = nst_create, .response = addition_response };

static const struct nst_member source_member[] = {
    OCL_SUMMARY_MEMBER,
    OCL_CLIENT_CONFIGS_MEMBER,
    OCL_OPTIONAL_MEMBERS,
    { 0 },
};
static const struct nst_parameter source_asked[] = {
    OCL_SUMMARY_ASKED,
    OCL_CLIENT_CONFIGS_ASKED,
    OCL_OPTIONAL_ASKED,
    { 0 },
};

static const struct nst_route source_route[] = {
    /* G71, V307 */
    { GUIDE, "/sources/", .get = { nst_list, ocl_any_token }, .doc = "Sources of all owners." },
    { V2, "/sources/", .get = { ocl_source_list, ocl_any_caller, .describe = &ocl_source_listing },
      .not_found = 1 << NST_POST, .doc = "Sources of all owners." },
    /* V273: repositories of both kinds, of which sources are the only one yet */
    { V2, "/repos/", .get = { ocl_source_list, ocl_any_caller, .describe = &ocl_source_listing },
      .not_found = 1 << NST_POST, .doc = "Repositories of all owners." },
    { V2, O "repos/", .get = { ocl_source_list, ocl_any_caller, .describe = &ocl_source_listing },
      .doc = "Repositories of an owner." },
    /* G73, V225, V309 */
    { GUIDE, O "sources/", .get = { nst_list, ocl_any_token },
      .post = { nst_create, ocl_has_ownership }, .doc = "Sources of an owner." },
    { V2, O "sources/", .get = { ocl_source_list, ocl_any_caller, .describe = &ocl_source_listing },
      .post = { nst_create, ocl_may_add, NST_NEEDS_PARENT, .describe = &addition },
      .doc = "Sources of an owner." },
    /* V216 */
    { V2, "/(users/:user|user~user)/orgs/sources/",
      .get = { ocl_source_list, ocl_any_caller, .arg = of_orgs, .describe = &ocl_source_listing },
      .doc = "Sources of the organisations that a user is a member of." },
    { V2, "/(users/:user|user~user)/orgs/repos/",
      .get = { ocl_source_list, ocl_any_caller, .arg = of_orgs, .describe = &ocl_source_listing },
      .doc = "Repositories of the organisations that a user is a member of." },
    /* G74, V234, V310; the view right is checked on loading */
    { GUIDE, S, .get = { nst_retrieve, ocl_any_token }, .put = { nst_update, ocl_may_edit },
      .delete = { source_destroy, ocl_may_delete_source, NST_MAY_BE_ABSENT,
                  .describe = &ocl_removal },
      .doc = "One source." },
    { V2, S, .get = { ocl_repo_retrieve, ocl_any_caller, .describe = &ocl_repo_detail },
      .put = { ocl_source_update, ocl_may_edit, .describe = &ocl_source_updating },
      .patch = { ocl_source_update, ocl_may_edit, .describe = &ocl_source_updating },
      .delete = { source_destroy, ocl_may_delete_repo, NST_MAY_BE_ABSENT,
                  .describe = &ocl_v2_repo_removal },
      .doc = "One source." },
    /* V312: a version by its address, and the source by what it is */
    { V2, S "HEAD/", .get = { ocl_repo_retrieve, ocl_any_caller, .describe = &ocl_repo_detail },
      .put = { ocl_source_update, ocl_has_private_access, .describe = &ocl_source_updating },
      .patch = { ocl_source_update, ocl_has_private_access, .describe = &ocl_source_updating },
      .delete = { keep_head, ocl_has_private_access, .describe = &head_removal },
      .doc = "One source." },
    /* V208, V313 */
    OCL_EXTRAS(S, ocl_any_caller, ocl_may_edit),
    OCL_EXTRAS(S "HEAD/", ocl_any_caller, ocl_may_edit),
    /* V235, V313 */
    OCL_SUMMARY(S),
    OCL_SUMMARY(S "HEAD/"),
    /* V236 */
    OCL_DECLARED(S "(HEAD/|)"),
    { V2, S "(HEAD/|)mapped-sources/", .get = { nst_list, ocl_any_caller },
      .doc = "Other sources that mappings of a source lead to." },
    { V2, S_VERSION "mapped-sources/", .get = { nst_list, ocl_any_caller },
      .doc = "Other sources that mappings in a version of a source lead to." },
    { IMPORT, O "sources/", .post = { nst_create, ocl_has_ownership }, .doc = "Source lines." },
    { IMPORT, S, .get = { nst_retrieve, ocl_any_token },
      .patch = { ocl_source_update, ocl_may_edit, .describe = &ocl_source_updating },
      .delete = { source_destroy, ocl_may_delete_repo, NST_MAY_BE_ABSENT }, .doc = "One source." },
};

/* The expression of an index. */
#define LOCALES \
    "lower(repo.default_locale || ',' || replace(coalesce(repo.supported_locales, ''), ' ', ''))"

static const struct nst_filter source_filter[] = {
    { "locale", NST_HOLDS, .column = LOCALES, .few = true, .mark = ',', .doc = "Language of it." },
    OCL_FILTERS("repo"),
    { 0 },
};

static const struct nst_parameter source_list_asked[] = { OCL_CONTAINS, { 0 } };

static const struct nst_sort source_sort[] = {
    OCL_RANKED,
    { "name", "lower(repo.name)|repo.mnemonic" },
    { "id", "repo.mnemonic" },
    { "id_lowercase", "lower(repo.mnemonic)" },
    { "numeric_id", "length(repo.mnemonic)|repo.mnemonic" },
    { "last_update", "repo.updated_at" },
    { "owner", "repo.owner" },
    { 0 },
};

/* The first is with those that are gone (thing.c). */
/* ---- A source as a version of it says that it was (V619) ---- */

/* What a version keeps, what its export keeps besides, and what never changes or is about now.
 * A version keeps its languages with the default one first. */
#define EXPORTED \
    "(SELECT x.version_id AS said_id, r.id, r.kind, r.mnemonic, r.owner, r.owner_type, " \
    "r.owner_url, r.owner_id, r.versions, r.content_at, r.next_number, r.is_active, " \
    "r.copied_from, " \
    "r.owner_is_active, r.created_at, r.created_by, x.description, x.retired, x.public_access, " \
    "x.source_updated_at AS updated_at, x.source_updated_by AS updated_by, " \
    "v.rev, v.concepts, v.active_concepts, v.child_concepts, v.mappings, v.active_mappings, " \
    "v.name, v.full_name, v.source_type, v.default_locale, " \
    "CASE WHEN length(v.supported_locales) > length(v.default_locale) + 1 " \
    "THEN substr(v.supported_locales, length(v.default_locale) + 2) END AS supported_locales, " \
    "v.website, v.external_id, v.extras, v.custom_validation_schema, v.canonical_url, " \
    "v.identifier, v.contact, v.jurisdiction, v.meta, v.publisher, v.purpose, v.copyright, " \
    "v.revision_date, v.text, v.content_type, v.collection_reference, v.hierarchy_meaning, " \
    "v.version_needed, v.experimental, v.case_sensitive, v.compositional, v.hierarchy_root, " \
    "v.properties, v.filters, v.match_algorithms, " \
    "v.autoid_concept_mnemonic, v.autoid_concept_external_id, " \
    "v.autoid_concept_name_external_id, v.autoid_concept_description_external_id, " \
    "v.autoid_mapping_mnemonic, v.autoid_mapping_external_id, " \
    "v.autoid_concept_mnemonic_start_from, v.autoid_concept_external_id_start_from, " \
    "v.autoid_mapping_mnemonic_start_from, v.autoid_mapping_external_id_start_from " \
    "FROM repo r JOIN repo_export x ON x.repo_id = r.id AND NOT x.is_head " \
    "JOIN repo_version v ON v.id = x.version_id) repo"

static const struct nst_serializer exported_serializer[] = {
    { V2, NST_DETAIL, V2_DETAIL_OF("logo_url=no_logo") },
};

static const struct nst_set source_sets[] = {
    [OCL_ANY_SOURCE] = { "any_source", .where = "repo.kind = 'source' AND repo.owner_is_active",
                         .doc = "A source, or one that was deleted." },
    [OCL_EXPORTED_SOURCE] = { "exported_source", .from = EXPORTED,
                              NST_SERIALIZERS(exported_serializer), NST_PLAIN,
                              .doc = "A source as a version of it says that it was." },
    [OCL_EXPORTED_SOURCE + 1] = { 0 },
};

const struct nst_resource ocl_source = {
    .name = "source",
    .table = "repo",
    .where = "repo.kind = 'source' AND repo.is_active AND repo.owner_is_active",
    .order = "repo.updated_at DESC, repo.id DESC",
    .size = sizeof(struct ocl_source),
    NST_FIELDS(source_field),
    NST_SERIALIZERS(source_serializer),
    NST_ROUTES(source_route),
    .sort = source_sort,
    .filter = source_filter,
    .switches = source_switches,
    .member = source_member,
    .member_asked = source_asked,
    .sets = source_sets,
    .asked = source_list_asked,
    .hook = { .scope = source_scope,
              .visible = ocl_source_visible,
              .may_view = ocl_may_view,
              .before_create = source_before_create,
              .after_create = source_after_create,
              .before_update = source_before_update,
              .after_destroy = source_after_destroy },
    .doc = "A versioned set of concepts.",
};
