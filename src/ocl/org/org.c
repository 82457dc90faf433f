/* Organisations: owners that have members. */
#include "org.h"

#include "overview.h"

#include "ocl/app.h"
#include "ocl/client_config/client_config.h"
#include "ocl/event/event.h"
#include "ocl/extras.h"
#include "ocl/logo/logo.h"
#include "ocl/user/user.h"

#define COUNT_SOURCES \
    "(SELECT count(*) FROM repo WHERE repo.owner_type = 'Organization' AND " \
    "repo.owner_id = org.id AND repo.is_active AND repo.public_access <> 'None')"

static const struct nst_field org_field[] = {
    NST_IDENTITY("uuid", ocl_org, created_at, .doc = "Number of the organisation."),
    NST_CONSTANT("type", "\"Organization\"", .doc = "Kind of resource."),
    NST_FIELD("id", ocl_org, id, &nst_slug, .column = "mnemonic", .flags = NST_KEY | NST_CORE,
              .max = 255, .doc = "Short code, unique."),
    NST_FIELD("name", ocl_org, name, &nst_text, .flags = NST_NEVER_NULL | NST_NOT_EMPTY,
              .max = 1024, .doc = "Display name."),
    NST_FIELD("company", ocl_org, company, &nst_text, .max = 255, .doc = "Legal name."),
    NST_FIELD("website", ocl_org, website, &nst_text, .max = 255, .doc = "Own page."),
    NST_FIELD("location", ocl_org, location, &nst_text, .max = 255, .doc = "Seat."),
    NST_FIELD("public_access", ocl_org, public_access, &nst_text, .flags = NST_CORE,
              .fallback = "View", .doc = "What others may do: View, Edit or None."),
    NST_FIELD("description", ocl_org, description, &nst_text, .doc = "A few sentences."),
    NST_FIELD("text", ocl_org, text, &nst_text, .doc = "A longer text."),
    NST_FIELD("extras", ocl_org, extras, &nst_json_object, .fallback = "{}",
              .doc = "Free JSON object."),
    NST_FIELD("is_active", ocl_org, is_active, &nst_bool, .fallback = "true",
              .doc = "False once deleted."),
    OCL_STAMPS(ocl_org, "org"),
    NST_FIELD("members", ocl_org, members, &nst_int,
              .column = "(SELECT count(*) FROM member JOIN account ON account.id = member.user_id "
                        "WHERE member.org_id = org.id AND account.is_active)",
              .flags = NST_NEVER_NULL | NST_LAZY, .doc = "Number of members."),
    NST_FIELD("public_sources", ocl_org, public_sources, &nst_int, .column = COUNT_SOURCES,
              .flags = NST_NEVER_NULL | NST_LAZY, .doc = "Number of sources that others may view."),
    NST_CONSTANT("public_collections", "0", .doc = "Number of public collections."),
    OCL_LOGO_FIELDS(ocl_org, "logo.org_id = org.id", "/orgs/{id}/"),
    NST_LINK("url", "/orgs/{id}/", .doc = "Address of the organisation."),
    NST_LINK("members_url", "/orgs/{id}/members/", .doc = "Its members."),
    NST_LINK("sources_url", "/orgs/{id}/sources/", .doc = "Its sources."),
    NST_LINK("collections_url", "/orgs/{id}/collections/", .doc = "Its collections."),
};

static const struct nst_rule guide_rule[] = { { "id", .charset = "a-zA-Z0-9.-" }, { 0 } };
static const struct nst_rule v2_rule[] = {
    { "id", .charset = "a-zA-Z0-9._@-" },
    { "public_access", .choices = "View|Edit|None" },
    { 0 },
};

#define TAKEN \
    { \
        "mnemonic", "Organization with mnemonic {id} already exists." \
    }
#define V2_SETTABLE "company website location public_access description text extras"

static const struct nst_serializer org_serializer[] = {
    { GUIDE, NST_LIST, "id name url" }, /* G5 */
    { GUIDE, NST_DETAIL,                /* G4 */
      "type uuid id name company website members public_sources createdOn=created_at "
      "updatedOn=updated_at url" },
    { GUIDE, NST_CREATE, "id* name* company website", .rules = guide_rule, /* G2 */
      .duplicate = TAKEN },
    { GUIDE, NST_UPDATE, "name company website" },             /* G3 */
    { V2, NST_LIST, "id name url type logo_url description" }, /* V219 */
    { V2, NST_TABLE,                                           /* V331 */
      "Organization_ID=id Organization_Name=name Company=company Website=website "
      "Location=location Description=description URI=url" },
    { V2, NST_DETAIL,
      "type uuid id public_access name company website location members created_on=created_at "
      "updated_on=updated_at url extras members_url created_by updated_by sources_url "
      "public_sources collections_url public_collections logo_url description text" },
    { V2, NST_CREATE, "id* name* " V2_SETTABLE, .rules = v2_rule, .duplicate = TAKEN }, /* V218 */
    { V2, NST_UPDATE, "name " V2_SETTABLE, .rules = v2_rule },                          /* V220 */
    { IMPORT, NST_CREATE, "id* name* " V2_SETTABLE, .rules = v2_rule, .duplicate = TAKEN },
    { IMPORT, NST_UPDATE, "name " V2_SETTABLE, .rules = v2_rule },
};

/* ---- Hooks ---- */

/* Under a user: the organisations that the user is a member of (G70). */
static enum nst_err org_scope(struct nst_sql *q, struct nst_req *rq,
                              const struct nst_object *parent)
{
    (void)rq;
    if (!nst_is(parent, &ocl_user))
        return NST_OK;
    nst_sql_add(q, " AND EXISTS (SELECT 1 FROM member WHERE member.org_id = org.id "
                   "AND member.user_id = ");
    nst_sql_bind(q, NST_INT(((struct nst_row *)parent->row)->id));
    nst_sql_add(q, ")");
    return NST_OK;
}

/* V218 */
static enum nst_err org_visible(struct nst_sql *q, struct nst_req *rq)
{
    if (nst_query_is_true(rq, "noMembers"))
        nst_sql_add(q, " AND NOT EXISTS (SELECT 1 FROM member JOIN account "
                       "ON account.id = member.user_id WHERE member.org_id = org.id "
                       "AND account.is_active)");
    return ocl_visible_orgs(q, rq);
}

static enum nst_err org_before_create(struct nst_req *rq, void *row)
{
    return nst_next_id(&((struct nst_row *)row)->id, rq->db, "org", 1);
}

/* Whoever creates it becomes a member (G103). */
static enum nst_err org_after_create(struct nst_req *rq, void *row)
{
    int64_t id = ((struct nst_row *)row)->id;
    NST_TRY(nst_exec_with(NULL, rq->db,
                          "INSERT INTO member (org_id, user_id, created_at) VALUES ($1, $2, $3)",
                          NST_INT(id), NST_INT(rq->caller.id), NST_INT(rq->now)));
    return ocl_record(rq, &(struct ocl_event){ .type = OCL_CREATED, .thing.org_id = id });
}

static enum nst_err org_after_destroy(struct nst_req *rq, void *row)
{
    int64_t id = ((struct nst_row *)row)->id;
    NST_TRY(ocl_hide_below(rq->arena, rq->db, "org", id));
    return ocl_record(rq, &(struct ocl_event){ .type = OCL_DELETED, .thing.org_id = id });
}

static enum nst_err org_destroy(struct nst_req *rq)
{
    struct nst_str name = rq->var[0];
    NST_TRY(ocl_keep_copies(rq, nst_strf(rq->arena, "/orgs/%.*s/", NST_FMT(name))));
    if (!ocl_wants_purge(rq)) {
        NST_TRY(ocl_audit_act(rq, "organization.remove"));
        return nst_destroy(rq);
    }
    struct nst_sql q;
    nst_sql_init(&q, rq->arena);
    nst_sql_add(&q, "SELECT id FROM org WHERE mnemonic = ");
    nst_sql_bind(&q, NST_TEXT(rq->var[0]));
    return ocl_purge_all(rq, &q, "org");
}

#define OWNED \
    { \
        nst_update, ocl_has_ownership \
    }

static const struct nst_route org_route[] = {
    /* G63 */
    { GUIDE, "/orgs/", .get = { nst_list, ocl_any_token }, .post = { nst_create, ocl_any_token },
      .doc = "Organisations." },
    /* G64 */
    { GUIDE, "/orgs/:org/", .get = { nst_retrieve, ocl_may_view_org }, .post = OWNED, .put = OWNED,
      .delete = { org_destroy, ocl_may_delete_owner, NST_MAY_BE_ABSENT, .describe = &ocl_removal },
      .doc = "One organisation." },
    /* G70 */
    { GUIDE, "/users/:user/orgs/", .get = { nst_list, ocl_any_token },
      .doc = "Organisations of a user." },
    { GUIDE, "/user~user/orgs/", .get = { nst_list, ocl_any_token },
      .post = { nst_create, ocl_any_token }, .doc = "Organisations of the user of the token." },
    /* V218 to V221, V301, V302 */
    { V2, "/orgs/", .get = { nst_list, ocl_any_caller }, .post = { nst_create, ocl_any_token },
      .doc = "Organisations." },
    { V2, "/orgs/:org/", .get = { nst_retrieve, ocl_may_view_org }, .post = OWNED, .put = OWNED,
      .delete = { org_destroy, ocl_may_delete_owner, NST_MAY_BE_ABSENT,
                  .describe = &ocl_v2_removal },
      .doc = "One organisation." },
    OCL_EXTRAS("/orgs/:org/", ocl_may_view_org, ocl_has_ownership),
    { V2, "/(users/:user|user~user)/orgs/", .get = { nst_list, ocl_any_caller },
      .doc = "Organisations of a user." },
    { IMPORT, "/orgs/", .post = { nst_create, ocl_any_token }, .doc = "Organisation lines." },
    { IMPORT, "/orgs/:org/", .put = OWNED, .get = { nst_retrieve, ocl_any_token },
      .delete = { org_destroy, ocl_may_delete_owner, NST_MAY_BE_ABSENT },
      .doc = "One organisation." },
};

static const struct nst_filter org_filter[] = {
    OCL_FILTERS("org"),
    { 0 },
};

static const struct nst_sort org_sort[] = {
    OCL_RANKED,
    { "name", "lower(org.name)|org.mnemonic" },
    { "id", "org.mnemonic" },
    { "id_lowercase", "lower(org.mnemonic)" },
    { "last_update", "org.updated_at" },
    { 0 },
};

static const struct nst_parameter org_asked[] = {
    { "noMembers", NST_SWITCH_SCHEMA, "Only organisations that nobody is a member of." },
    { 0 },
};

static const struct nst_member org_member[] = { OCL_OVERVIEW_MEMBER,
                                                OCL_CLIENT_CONFIGS_MEMBER,
                                                { 0 } };
static const struct nst_parameter member_asked[] = { OCL_OVERVIEW_ASKED,
                                                     OCL_CLIENT_CONFIGS_ASKED,
                                                     { 0 } };

static const struct nst_switch org_switches[] = { OCL_VERBOSE, { 0 } };

/* The first is with those that are gone (thing.c). */
static const struct nst_set org_sets[] = {
    { "any_org", .where = "TRUE", .doc = "An organisation, or one that was deleted." },
    { 0 },
};

const struct nst_resource ocl_org = {
    .name = "org",
    .table = "org",
    .where = "org.is_active",
    .order = "org.updated_at DESC, org.id DESC",
    .size = sizeof(struct ocl_org),
    NST_FIELDS(org_field),
    NST_SERIALIZERS(org_serializer),
    NST_ROUTES(org_route),
    .sort = org_sort,
    .filter = org_filter,
    .switches = org_switches,
    .asked = org_asked,
    .member = org_member,
    .member_asked = member_asked,
    .sets = org_sets,
    .hook = { .scope = org_scope,
              .visible = org_visible,
              .before_create = org_before_create,
              .after_create = org_after_create,
              .after_destroy = org_after_destroy },
    .doc = "A body that owns sources and has members.",
};
