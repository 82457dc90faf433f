/* Users: the resource over the table of accounts, self, and the exchange of a
 * password for a token. */
#include "user.h"

#include "optional.h"
#include "views.h"

#include "ocl/app.h"
#include "ocl/concept/concept.h"
#include "ocl/event/event.h"
#include "ocl/export/export.h"
#include "ocl/extras.h"
#include "ocl/logo/logo.h"
#include "ocl/mapping/mapping.h"
#include "ocl/org/org.h"
#include "ocl/registry/registry.h"

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
    /* Half of what the name may have, so that both fit into it. */
    NST_FIELD("first_name", ocl_user, first_name, &nst_text, .fallback = "", .max = 127,
              .doc = "Given name; the whole name where nobody told its parts."),
    NST_FIELD("last_name", ocl_user, last_name, &nst_text, .fallback = "", .max = 127,
              .doc = "Family name."),
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
    NST_FIELD("auth_groups", ocl_user, auth_groups, &nst_text, .fallback = "[]", .flags = NST_CORE,
              .doc = "Names of groups, a JSON list."),
    NST_FIELD("token_serial", ocl_user, token_serial, &nst_int, .fallback = "0",
              .doc = "Which derived token is valid."),
    NST_FIELD("is_staff", ocl_user, is_staff, &nst_bool, .fallback = "false",
              .doc = "May administer."),
    NST_FIELD("is_superuser", ocl_user, is_superuser, &nst_bool, .fallback = "false",
              .flags = NST_CORE, .doc = "May do everything."),
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
    NST_CONSTANT("public_collections", "0", .doc = "Number of public collections."),
    NST_CONSTANT("collections", "0", .doc = "Number of collections."),
    NST_CONSTANT("bookmarks", "0", .doc = "Number of bookmarks."),
    OCL_LOGO_FIELDS(ocl_user, "logo.user_id = account.id", "/users/{username}/"),
    NST_CONSTANT("verified", "true", .doc = "The mail address is verified."),
    NST_FIELD("status", ocl_user, status, &nst_text,
              .column = "(CASE WHEN account.is_active AND account.is_enabled THEN 'verified' "
                        "ELSE 'deactivated' END)",
              .flags = NST_NEVER_NULL | NST_LAZY, .doc = "State of the account."),
    NST_FIELD("deactivated_at", ocl_user, deactivated_at, &nst_datetime,
              .column = "(CASE WHEN NOT account.is_active THEN account.updated_at END)",
              .flags = NST_LAZY, .doc = "When the account was deleted."),
    NST_LINK("url", "/users/{username}/", .doc = "Address of the user."),
    NST_LINK("organizations_url", "/users/{username}/orgs/", .doc = "The user's organisations."),
    NST_LINK("sources_url", "/users/{username}/sources/", .doc = "The user's sources."),
    NST_LINK("collections_url", "/users/{username}/collections/", .doc = "The user's collections."),
};

static const struct nst_rule guide_rule[] = {
    { "username", .charset = "a-zA-Z0-9.-", .refused = NST_USERNAMES_RESERVED },
    { 0 },
};

/* V202 */
static const struct nst_rule v2_rule[] = {
    { "username", .charset = "a-zA-Z0-9._@-", .refused = NST_USERNAMES_RESERVED },
    { 0 },
};

#define TAKEN \
    { \
        "username", "User with username {username} already exists." \
    }

/* V211 */
#define V2_TAKEN \
    { \
        "username", OCL_USERNAME_TAKEN, .is_list = true \
    }
#define V2_SETTABLE \
    "name first_name last_name company website location bio preferred_locale extras password"

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
    { V2, NST_CREATE, "username* email* " V2_SETTABLE, .rules = v2_rule, /* V210 */
      .duplicate = V2_TAKEN },
    { V2, NST_UPDATE, "username email " V2_SETTABLE, .rules = v2_rule, /* V212 */
      .duplicate = V2_TAKEN },
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

/* ---- What lists are asked for (V213) ---- */

static const struct {
    const char *name, *condition; /* before the time */
} span[] = {
    { "lastLoginSince", " AND account.last_login >= " },
    { "lastLoginBefore", " AND account.last_login < " },
    { "dateJoinedSince", " AND account.created_at >= " },
    { "dateJoinedBefore", " AND account.created_at < " },
};

static const struct nst_parameter user_asked[] = {
    { "lastLoginSince", NULL, "Who signed in with a password then or later: a time, or a day." },
    { "lastLoginBefore", NULL, "Who signed in with a password before that, and not since." },
    { "dateJoinedSince", NULL, "Who was made then or later." },
    { "dateJoinedBefore", NULL, "Who was made before that." },
    { 0 },
};

/* A day is its beginning in UTC. */
static bool read_time(int64_t *out, struct nst_arena *a, struct nst_str text)
{
    return nst_time_parse(out, text) ||
           nst_time_parse(out, nst_strf(a, "%.*sT00:00:00Z", NST_FMT(text)));
}

/* The detail needs a token, and so do its rows in a list (V213). */
static enum nst_err user_visible(struct nst_sql *q, struct nst_req *rq)
{
    if (nst_query_is_true(rq, "verbose") && !rq->caller.is_known)
        return NST_E_UNAUTHENTICATED;
    for (size_t i = 0; i < NST_COUNT(span); i++) {
        struct nst_str text = nst_str_trim(nst_query_value(rq, span[i].name));
        int64_t time;
        if (text.n == 0)
            continue;
        if (!read_time(&time, rq->arena, text))
            return nst_fail(rq, NST_E_INVALID, span[i].name,
                            nst_str_z(nst_texts_of(rq->face)->invalid));
        nst_sql_add(q, span[i].condition);
        nst_sql_bind(q, NST_INT(time));
    }
    return NST_OK;
}

/* The token comes into being with the user, in one transaction (G25, G98). */
static enum nst_err user_after_create(struct nst_req *rq, void *row)
{
    struct ocl_user_secrets *secrets = rq->prepared, unused;
    int64_t id = ((struct nst_row *)row)->id;
    NST_TRY(nst_token_renew(secrets != NULL ? &secrets->token : &unused.token, rq->db, rq->arena,
                            id, rq->now));
    NST_TRY(ocl_record(rq, &(struct ocl_event){ .type = OCL_JOINED, .user = id }));
    return ocl_user_audit_new(rq, row);
}

/* A new name moves the addresses of all that the user owns (G99). */
static enum nst_err move(struct nst_req *rq, const struct ocl_user *u)
{
    struct nst_str url = nst_strf(rq->arena, "/users/%.*s/", NST_FMT(u->username));
    struct nst_str former = nst_strf(rq->arena, "/users/%.*s/", NST_FMT(u->former->username));
    NST_TRY(ocl_move_ends(rq, former, url));
    NST_TRY(ocl_move_namespaces(rq, former, url));
    NST_TRY(nst_exec_with(NULL, rq->db,
                          "UPDATE repo SET owner = $1, owner_url = $2 "
                          "WHERE owner_type = 'User' AND owner_id = $3",
                          NST_TEXT(u->username), NST_TEXT(url), NST_INT(u->row.id)));
    NST_TRY(ocl_exports_renamed(rq->db, u->row.id));
    return ocl_concepts_moved(rq, u->row.id);
}

/* A new password ends what the former one opened. */
static enum nst_err user_after_update(struct nst_req *rq, void *row)
{
    const struct ocl_user *u = row;
    if (nst_is_set(&ocl_user, row, "password"))
        NST_TRY(nst_password_set(NULL, rq->db, u->row.id, u->password));
    if (!nst_str_eq(u->username, u->former->username))
        NST_TRY(move(rq, u));
    return ocl_user_audit_change(rq, u);
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
    bool is_beyond = false;
    if (!rq->caller.is_superuser)
        NST_TRY(nst_exists_with(&is_beyond, rq->db,
                                "SELECT 1 FROM account WHERE username = $1 AND is_superuser",
                                NST_TEXT(rq->var[0])));
    if (is_beyond)
        return NST_E_FORBIDDEN;
    for (bool found = true, any = false;; any = true) {
        struct nst_sql q;
        int64_t id = 0;
        nst_sql_init(&q, rq->arena);
        nst_sql_add(&q, "SELECT id FROM account WHERE username = ");
        nst_sql_bind(&q, NST_TEXT(rq->var[0]));
        nst_sql_add(&q, " LIMIT 1");
        nst_sql_hold_alone(&q, rq->db, "account");
        NST_TRY(nst_sql_int(&id, &found, rq->db, &q));
        if (!found)
            return any ? nst_answer_empty(rq, 204) : NST_E_NOT_FOUND;
        NST_TRY(nst_account_erase(rq->db, id, rq->now));
    }
}

/* The methods of the address but this one. */
static void allow_others(struct nst_req *rq)
{
    struct nst_str rest = nst_allowed_methods(rq);
    struct nst_buf b;
    nst_buf_init(&b, rq->arena, 256);
    while (rest.p != NULL) {
        struct nst_str method = nst_str_trim(nst_str_cut(&rest, ','));
        if (!nst_str_eq(method, NST_STR("DELETE")))
            nst_putf(&b, "%s%.*s", b.n > 0 ? ", " : "", NST_FMT(method));
    }
    nst_http_add_header(rq->x, "Allow", nst_buf_str(&b));
}

/* V215: nobody deletes themselves. Nor does the last superuser go, since nobody could
 * administer afterwards. */
static enum nst_err user_destroy(struct nst_req *rq)
{
    const struct ocl_user *u = nst_object(rq)->row;
    bool was_superuser = u != NULL && u->is_superuser, stays = true;
    if (u != NULL && u->row.id == rq->caller.id) {
        allow_others(rq);
        return nst_fail_bare(rq, NST_E_METHOD, "detail",
                             NST_STR("Users cannot delete themselves."));
    }
    struct nst_str name = rq->var[0];
    NST_TRY(ocl_keep_copies(rq, nst_strf(rq->arena, "/users/%.*s/", NST_FMT(name))));
    NST_TRY(ocl_wants_purge(rq) ? erase(rq) : nst_destroy(rq));
    NST_TRY(ocl_user_audit(rq, ocl_wants_purge(rq) ? "user.erase" : "user.remove", name));
    if (was_superuser)
        NST_TRY(nst_has_superuser(&stays, rq->db, true));
    return stays ? NST_OK
                 : nst_fail_bare(rq, NST_E_CONFLICT, "detail",
                                 NST_STR("The last superuser cannot be deleted."));
}

/* ---- Creating under v2: the new user's token stands beside the rest (V210) ---- */

static enum nst_err create_with_token(struct nst_req *rq)
{
    const struct ocl_user_secrets *secrets = rq->prepared;
    struct nst_buf *out = &rq->x->out;
    NST_TRY(nst_create(rq));
    nst_no_store(rq);
    out->n--; /* the end of the object */
    nst_put_lit(out, ",\"token\":");
    nst_json_put_str(out, secrets->token);
    nst_put_char(out, '}');
    return NST_OK;
}

static const struct nst_response creation_response[] = {
    { 201,
      "Made; with the token of the new user.",
      { .schema = "{\"allOf\":[{\"$ref\":\"#/components/schemas/v2.user.Detail\"},{\"type\":"
                  "\"object\",\"required\":[\"token\"],\"properties\":{\"token\":{\"type\":"
                  "\"string\"}}}]}" } },
    { 0 },
};
static const struct nst_description creation_description = { .as = nst_create,
                                                             .response = creation_response };

/* ---- Lists ---- */

/* The first is with those that are gone (thing.c). */
static const struct nst_set user_sets[] = {
    { "everybody", .where = "TRUE", .doc = "Somebody who may sign in, or might once." },
    { 0 },
};

/* Those who were deleted are for staff, the one exception to V105 (V213). */
static enum nst_err list_users(struct nst_req *rq)
{
    if (!nst_query_is_true(rq, "includeInactive"))
        return nst_list(rq);
    NST_TRY(ocl_staff_only(rq));
    return nst_list_of(rq, &user_sets[0], NULL);
}

static const struct nst_parameter list_parameter[] = {
    { "includeInactive", NST_SWITCH_SCHEMA, "Also those who were deleted; for staff." },
    { 0 },
};
static const struct nst_description users_description = { .as = nst_list,
                                                          .parameter = list_parameter };

#define SELF \
    { \
        nst_update, ocl_may_change_user \
    }
#define V2_SELF \
    { \
        nst_update, ocl_may_change_user, 0, ocl_user_gather, ocl_user_prepare \
    }

/* G65, G66: what strangers get has no body. */
#define REFUSED \
    { \
        403, "The caller is no member, and no staff." \
    }

static const struct nst_response list_response[] = { REFUSED, { 0 } };
#define REMOVAL_RESPONSE(face) \
    { \
        { 405, \
          "Nobody deletes themselves.", \
          { .schema = "{\"$ref\":\"#/components/schemas/" face ".Error\"}" } }, \
        { \
            0 \
        } \
    }
static const struct nst_response removal_response[] = REMOVAL_RESPONSE("guide");
static const struct nst_response v2_removal_response[] = REMOVAL_RESPONSE("v2");
static const struct nst_description removal_description = { .as = nst_destroy,
                                                            .parameter = ocl_purge_parameter,
                                                            .response = removal_response };
static const struct nst_description v2_removal_description = { .as = nst_destroy,
                                                               .parameter = ocl_purge_parameter,
                                                               .response = v2_removal_response };
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
      .get = { ocl_token_list, ocl_staff_only, NST_RECORDS,
               .describe = &ocl_token_list_description },
      .doc = "Tokens of all users, 1000 at a time: `after` continues behind a user's number." },
    { GUIDE, "/admin/tokens/:user?/",
      .get = { ocl_token_detail, ocl_staff_only, NST_RECORDS, .describe = &ocl_token_description },
      .doc = "The token of one user." },
    { GUIDE, "/admin/tokens/:user?/named/",
      .get = { ocl_named_list, ocl_staff_only, .describe = &ocl_named_description },
      .doc = "The tokens that a user has beside that one: of machines, carried, of clients." },
    { GUIDE, "/admin/tokens/:user?/named/:name?/",
      .delete = { ocl_named_end, ocl_staff_only, .describe = &nst_answers_nothing },
      .doc = "One of these; deleting it ends it." },
    /* V210, V213, V304 */
    { V2, "/users/", .get = { list_users, ocl_any_caller, .describe = &users_description },
      .post = { create_with_token, ocl_staff_only, 0, ocl_user_gather, ocl_user_prepare,
                .describe = &creation_description },
      .doc = "Users; administrators create them." },
    /* V802 */
    { V2, "/users/login/",
      .post = { ocl_login, everybody, NST_ANONYMOUS, ocl_login_gather, ocl_login_prepare,
                .describe = &ocl_login_description },
      .doc = "Exchange username and password for the user's token." },
    /* V212, V214, V215, V217, V306 */
    { V2, "/users/:user/", .get = { nst_retrieve, ocl_any_token }, .post = V2_SELF, .put = V2_SELF,
      .patch = V2_SELF,
      .delete = { user_destroy, ocl_may_delete_owner, NST_MAY_BE_ABSENT,
                  .describe = &v2_removal_description },
      .doc = "One user." },
    { V2, "/user~user/", .get = { nst_retrieve, ocl_any_token }, .post = V2_SELF, .put = V2_SELF,
      .patch = V2_SELF, .doc = "The user of the token." },
    { V2, "/users/:user?/reactivate/",
      .put = { ocl_user_reactivate, ocl_staff_only, .describe = &nst_answers_nothing },
      .doc = "A user who was deleted comes back." },
    { V2, "/users/:user/staff/",
      .put = { ocl_user_toggle_staff, ocl_superuser_only, .describe = &nst_answers_nothing },
      .doc = "Whether a user is staff is turned round." },
    /* V216 */
    OCL_EXTRAS("/(users/:user|user~user)/", ocl_any_token, ocl_may_change_user),
    { V2, "/(users/:user|user~user)/content-summary/",
      .get = { ocl_user_content, ocl_any_token, .describe = &ocl_user_content_description },
      .doc = "How much a user owns." },
    /* V222 */
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
    .asked = user_asked,
    .member = ocl_user_member,
    .member_asked = ocl_user_member_asked,
    .sets = user_sets,
    .hook = { .scope = user_scope,
              .alias = user_alias,
              .visible = user_visible,
              .before_create = ocl_user_before_create,
              .before_update = ocl_user_before_update,
              .after_create = user_after_create,
              .after_update = user_after_update,
              .after_destroy = user_after_destroy },
    .doc = "Somebody who may sign in.",
};
