/* Users: the resource over the table of accounts, self, and the exchange of a
 * password for a token. */
#include "user.h"

#include "views.h"

#include "ocl/app.h"
#include "ocl/extras.h"
#include "ocl/org/org.h"

#define NAME_CHARS "a-zA-Z0-9.-"
#define COUNT_ORGS \
    "(SELECT count(*) FROM member JOIN org ON org.id = member.org_id " \
    "WHERE member.user_id = account.id AND org.is_active AND org.public_access <> 'None')"
#define COUNT_SOURCES(more) \
    "(SELECT count(*) FROM repo WHERE repo.owner_type = 'User' AND repo.owner_id = account.id " \
    "AND repo.is_active " more ")"

static const struct nst_field user_field[] = {
    NST_IDENTITY("uuid", ocl_user, created_at, .doc = "Number of the user."),
    NST_CONSTANT("type", "\"User\"", .doc = "Kind of resource."),
    NST_FIELD("username", ocl_user, username, &nst_slug,
              .flags = NST_KEY | NST_CORE | NST_NOT_EMPTY, .max = 255,
              .doc = "Name in addresses, unique."),
    NST_FIELD("name", ocl_user, name, &nst_text, .flags = NST_NOT_EMPTY, .max = 255,
              .doc = "Full name."),
    NST_FIELD("email", ocl_user, email, &nst_email, .flags = NST_NOT_EMPTY, .max = 255,
              .doc = "Electronic mail address."),
    NST_FIELD("company", ocl_user, company, &nst_text, .max = 255, .doc = "Employer."),
    NST_FIELD("location", ocl_user, location, &nst_text, .max = 255, .doc = "Place of work."),
    NST_FIELD("website", ocl_user, website, &nst_text, .max = 255, .doc = "Own page."),
    NST_FIELD("bio", ocl_user, bio, &nst_text, .doc = "A few words."),
    NST_FIELD("preferred_locale", ocl_user, preferred_locale, &nst_text, .max = 255,
              .doc = "Language for names, as a locale code."),
    NST_FIELD("extras", ocl_user, extras, &nst_json_object, .fallback = "{}",
              .doc = "Free JSON object."),
    NST_FIELD("password", ocl_user, password, &nst_text, .max = NST_PASSWORD_MAX,
              .doc = "Sets the password; never shown."),
    NST_FIELD("token_serial", ocl_user, token_serial, &nst_int, .fallback = "0",
              .doc = "Which derived token is valid."),
    NST_FIELD("is_staff", ocl_user, is_staff, &nst_bool, .fallback = "false",
              .doc = "May administer."),
    NST_FIELD("is_superuser", ocl_user, is_superuser, &nst_bool, .fallback = "false",
              .doc = "May do everything."),
    NST_FIELD("is_active", ocl_user, is_active, &nst_bool, .fallback = "true",
              .doc = "False once deleted."),
    NST_FIELD("last_login", ocl_user, last_login, &nst_datetime, .doc = "Last password sign-in."),
    OCL_STAMPS(ocl_user, "account"),
    NST_FIELD("orgs", ocl_user, orgs, &nst_int, .column = COUNT_ORGS,
              .flags = NST_NEVER_NULL | NST_LAZY,
              .doc = "Number of organisations that others may view."),
    NST_FIELD("public_sources", ocl_user, public_sources, &nst_int,
              .column = COUNT_SOURCES("AND repo.public_access <> 'None'"),
              .flags = NST_NEVER_NULL | NST_LAZY,
              .doc = "Number of own sources that others may view."),
    /* V117: no count tells of what only some may see, and a count does not know who asks. */
    NST_FIELD("sources", ocl_user, sources, &nst_int,
              .column = COUNT_SOURCES("AND repo.public_access <> 'None'"),
              .flags = NST_NEVER_NULL | NST_LAZY, .doc = "The same as `public_sources`."),
    NST_FIELD("owned_orgs", ocl_user, owned_orgs, &nst_int,
              .column = "(SELECT count(*) FROM org WHERE org.created_by = account.id "
                        "AND org.is_active AND org.public_access <> 'None')",
              .flags = NST_NEVER_NULL | NST_LAZY,
              .doc = "Number of organisations that the user created and others may view."),
    NST_FIELD("first_name", ocl_user, first_name, &nst_text, .column = "coalesce(account.name, '')",
              .flags = NST_NEVER_NULL | NST_LAZY, .doc = "Given name."),
    NST_FIELD("last_name", ocl_user, last_name, &nst_text, .column = "''",
              .flags = NST_NEVER_NULL | NST_LAZY, .doc = "Family name."),
    NST_CONSTANT("public_collections", "0", .doc = "Number of public collections."),
    NST_CONSTANT("collections", "0", .doc = "Number of collections."),
    NST_CONSTANT("bookmarks", "0", .doc = "Number of bookmarks."),
    NST_CONSTANT("logo_url", "null", .doc = "Address of a picture."),
    NST_CONSTANT("verified", "true", .doc = "The mail address is verified."),
    NST_CONSTANT("status", "\"verified\"", .doc = "State of the account."),
    NST_CONSTANT("deactivated_at", "null", .doc = "When the account was deactivated."),
    NST_LINK("url", "/users/{username}/", .doc = "Address of the user."),
    NST_LINK("organizations_url", "/users/{username}/orgs/", .doc = "The user's organisations."),
    NST_LINK("sources_url", "/users/{username}/sources/", .doc = "The user's sources."),
    NST_LINK("collections_url", "/users/{username}/collections/", .doc = "The user's collections."),
};

static const struct nst_rule guide_rule[] = {
    { "username", .charset = NAME_CHARS, .refused = NST_USERNAMES_RESERVED },
    { 0 },
};

#define TAKEN \
    { \
        "username", "User with username {username} already exists." \
    }

static const struct nst_serializer user_serializer[] = {
    { GUIDE, NST_LIST, "username name url" }, /* G101 */
    { GUIDE, NST_DETAIL,                      /* G15, G100 */
      "type uuid username name company location email orgs public_sources createdOn=created_at "
      "updatedOn=updated_at url" },
    { GUIDE, NST_CREATE, /* G98 */
      "username* name* email* company location preferred_locale password", .rules = guide_rule,
      .duplicate = TAKEN },
    { GUIDE, NST_UPDATE, "username name email company location preferred_locale", /* G99 */
      .rules = guide_rule, .duplicate = TAKEN },
    { V2, NST_LIST, "username name url logo_url type company" }, /* V213 */
    { V2, NST_BRIEF,                                             /* V214 */
      "username name url logo_url orgs public_collections public_sources sources collections "
      "owned_orgs bookmarks" },
    { V2, NST_DETAIL, /* V214 */
      "type uuid username name email company location preferred_locale orgs public_collections "
      "public_sources created_on=created_at updated_on=updated_at created_by updated_by url "
      "organizations_url extras sources_url collections_url website last_login logo_url "
      "is_superuser is_staff first_name last_name verified date_joined=created_at status "
      "deactivated_at sources collections owned_orgs bookmarks bio" },
};

/* ---- Hooks ---- */

/* Under an organisation: its members. */
static enum nst_err user_scope(struct nst_sql *q, struct nst_req *rq,
                               const struct nst_object *parent)
{
    (void)rq;
    if (!nst_is(parent, &ocl_org))
        return NST_OK;
    nst_sql_add(q, " AND EXISTS (SELECT 1 FROM member WHERE member.user_id = account.id "
                   "AND member.org_id = ");
    nst_sql_bind(q, NST_INT(((struct nst_row *)parent->row)->id));
    nst_sql_add(q, ")");
    return NST_OK;
}

/* V214 */
static const struct nst_switch user_switches[] = {
    { "summary", NST_DETAIL, NST_BRIEF, "The counts only." },
    OCL_VERBOSE,
    { 0 },
};

/* `/user/`: the user of the token; nobody without one (V217: 404). */
static enum nst_err user_alias(struct nst_sql *q, struct nst_req *rq, struct nst_str word)
{
    (void)word;
    nst_sql_add(q, " AND account.id = ");
    nst_sql_bind(q, NST_INT(rq->caller.is_known ? rq->caller.id : -1));
    return NST_OK;
}

/* The detail needs a token, and so do its rows in a list (V213). */
static enum nst_err user_visible(struct nst_sql *q, struct nst_req *rq)
{
    (void)q;
    return nst_query_is_true(rq, "verbose") && !rq->caller.is_known ? NST_E_UNAUTHENTICATED
                                                                    : NST_OK;
}

static enum nst_err user_before_create(struct nst_req *rq, void *row)
{
    struct ocl_user *u = row;
    const struct nst_str *hash = rq->prepared;
    u->password = hash != NULL ? *hash : (struct nst_str){ 0 };
    return nst_next_id(&u->row.id, rq->db, "account", 1);
}

/* The token comes into being with the user, in one transaction (G25, G98). */
static enum nst_err user_after_create(struct nst_req *rq, void *row)
{
    struct nst_str token;
    return nst_token_renew(&token, rq->db, rq->arena, ((struct nst_row *)row)->id, rq->now);
}

/* A new name moves the addresses of all that the user owns (G99). */
static enum nst_err user_after_update(struct nst_req *rq, void *row)
{
    const struct ocl_user *u = row;
    if (!nst_is_set(&ocl_user, row, "username"))
        return NST_OK;
    struct nst_str url = nst_strf(rq->arena, "/users/%.*s/", NST_FMT(u->username));
    return nst_exec_with(NULL, rq->db,
                         "UPDATE repo SET owner = $1, owner_url = $2 "
                         "WHERE owner_type = 'User' AND owner_id = $3",
                         NST_TEXT(u->username), NST_TEXT(url), NST_INT(u->row.id));
}

static enum nst_err user_after_destroy(struct nst_req *rq, void *row)
{
    return nst_account_close(rq->db, ((struct nst_row *)row)->id, rq->now);
}

static enum nst_err everybody(struct nst_req *rq)
{
    (void)rq;
    return NST_OK;
}

/* ---- Deleting (G102, G149) ---- */

/* Every account of the name, the living one and those that are closed. */
static enum nst_err erase(struct nst_req *rq)
{
    for (bool found = true, any = false;; any = true) {
        struct nst_sql q;
        int64_t id = 0;
        nst_sql_init(&q, rq->arena);
        nst_sql_add(&q, "SELECT id FROM account WHERE username = ");
        nst_sql_bind(&q, NST_TEXT(rq->var[0]));
        nst_sql_add(&q, " LIMIT 1");
        nst_sql_hold(&q, rq->db, "account");
        NST_TRY(nst_sql_int(&id, &found, rq->db, &q));
        if (!found)
            return any ? nst_answer_empty(rq, 204) : NST_E_NOT_FOUND;
        NST_TRY(nst_account_erase(rq->db, id, rq->now));
    }
}

/* V215: nobody deletes themselves. Nor does the last superuser go, since nobody could
 * administer afterwards. */
static enum nst_err user_destroy(struct nst_req *rq)
{
    const struct ocl_user *u = nst_object(rq)->row;
    bool was_superuser = u != NULL && u->is_superuser, stays = true;
    if (u != NULL && u->row.id == rq->caller.id) {
        nst_http_add_header(rq->x, "Allow", NST_STR("GET, POST, PUT, HEAD, OPTIONS"));
        return nst_fail_bare(rq, NST_E_METHOD, "detail",
                             NST_STR("Users cannot delete themselves."));
    }
    NST_TRY(ocl_wants_purge(rq) ? erase(rq) : nst_destroy(rq));
    if (was_superuser)
        NST_TRY(nst_has_superuser(&stays, rq->db, true));
    return stays ? NST_OK
                 : nst_fail_bare(rq, NST_E_CONFLICT, "detail",
                                 NST_STR("The last superuser cannot be deleted."));
}

#define SELF \
    { \
        nst_update, ocl_has_ownership \
    }

/* G65, G66: what strangers get has no body. */
#define REFUSED \
    { \
        403, "The caller is no member, and no staff." \
    }

static const struct nst_response list_response[] = { REFUSED, { 0 } };
static const struct nst_response removal_response[] = {
    { 405,
      "Nobody deletes themselves.",
      { .schema = "{\"$ref\":\"#/components/schemas/guide.Error\"}" } },
    { 0 },
};
static const struct nst_description removal_description = { .as = nst_destroy,
                                                            .parameter = ocl_purge_parameter,
                                                            .response = removal_response };
static const struct nst_response membership_response[] = { { 204, "Success." }, REFUSED, { 0 } };
static const struct nst_description list_description = { .as = nst_list,
                                                         .response = list_response };
static const struct nst_description membership_description = { .response = membership_response };

#define MEMBERSHIP(view) \
    { \
        view, ocl_member_or_staff, .describe = &membership_description \
    }

static const struct nst_route user_route[] = {
    /* G67 */
    { GUIDE, "/users/", .get = { nst_list, ocl_any_token },
      .post = { nst_create, ocl_staff_only, 0, ocl_user_gather, ocl_user_prepare },
      .doc = "Users; administrators create them." },
    /* G68 */
    { GUIDE, "/users/:user/", .get = { nst_retrieve, ocl_any_token }, .post = SELF, .put = SELF,
      .delete = { user_destroy, ocl_may_delete_user, NST_MAY_BE_ABSENT,
                  .describe = &removal_description },
      .doc = "One user." },
    /* G69 */
    { GUIDE, "/user~user/", .get = { nst_retrieve, ocl_any_token }, .post = SELF, .put = SELF,
      .doc = "The user of the token." },
    /* G65 */
    { GUIDE, "/orgs/:org/members/",
      .get = { nst_list, ocl_member_or_staff, .describe = &list_description },
      .doc = "Members of an organisation." },
    /* G66 */
    { GUIDE, "/orgs/:org/members/:user?/", .get = MEMBERSHIP(ocl_member),
      .put = MEMBERSHIP(ocl_member_add), .delete = MEMBERSHIP(ocl_member_remove),
      .doc = "Membership of one user." },
    /* G85 */
    { GUIDE, "/api-token-auth/",
      .post = { ocl_login, everybody, NST_ANONYMOUS, ocl_login_gather, ocl_login_prepare,
                .describe = &ocl_login_description },
      .doc = "Exchange username and password for the user's token." },
    /* G86 */
    { GUIDE, "/admin/tokens/",
      .get = { ocl_token_list, ocl_staff_only, .describe = &ocl_token_list_description },
      .doc = "Tokens of all users, 1000 at a time: `after` continues behind a user's number." },
    { GUIDE, "/admin/tokens/:user?/",
      .get = { ocl_token_detail, ocl_staff_only, .describe = &ocl_token_description },
      .doc = "The token of one user." },
    { GUIDE, "/admin/tokens/:user?/named/",
      .get = { ocl_named_list, ocl_staff_only, .describe = &ocl_named_description },
      .doc = "The tokens that a user has beside that one: of machines, carried, of clients." },
    { GUIDE, "/admin/tokens/:user?/named/:name?/",
      .delete = { ocl_named_end, ocl_staff_only, .describe = &nst_answers_nothing },
      .doc = "One of these; deleting it ends it." },
    /* V213, V214, V222, V304, V306 */
    { V2, "/users/", .get = { nst_list, ocl_any_caller }, .doc = "Users." },
    { V2, "/users/:user/", .get = { nst_retrieve, ocl_any_token }, .doc = "One user." },
    { V2, "/user~user/", .get = { nst_retrieve, ocl_any_token }, .doc = "The user of the token." },
    OCL_EXTRAS("/(users/:user|user~user)/", ocl_any_token, ocl_has_ownership, NULL), /* V216 */
    { V2, "/orgs/:org/(members|users)/", .get = { nst_list, ocl_may_list_members },
      .doc = "Members of an organisation." },
    { V2, "/orgs/:org/(members|users)/:user?/", .get = MEMBERSHIP(ocl_member),
      .put = MEMBERSHIP(ocl_member_add), .delete = MEMBERSHIP(ocl_member_remove),
      .doc = "Membership of one user." },
};

static const struct nst_filter user_filter[] = {
    OCL_FILTERS("account"),
    { 0 },
};

static const struct nst_sort user_sort[] = {
    OCL_RANKED,
    { "name", "lower(account.name)|account.username" },
    { "id", "account.username" },
    { "username", "account.username" },
    { "id_lowercase", "lower(account.username)" },
    { "last_update", "account.updated_at" },
    { 0 },
};

const struct nst_resource ocl_user = {
    .name = "user",
    .table = "account",
    .where = "account.is_active",
    .order = "account.updated_at DESC, account.id DESC",
    .size = sizeof(struct ocl_user),
    NST_FIELDS(user_field),
    NST_SERIALIZERS(user_serializer),
    NST_ROUTES(user_route),
    .sort = user_sort,
    .filter = user_filter,
    .switches = user_switches,
    .hook = { .scope = user_scope,
              .alias = user_alias,
              .visible = user_visible,
              .before_create = user_before_create,
              .after_create = user_after_create,
              .after_update = user_after_update,
              .after_destroy = user_after_destroy },
    .doc = "Somebody who may sign in.",
};
