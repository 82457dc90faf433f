/* Users: the resource over the table of accounts, self, and the exchange of a
 * password for a token. */
#include "user.h"

#include "ocl/app.h"
#include "ocl/org/org.h"

#define NAME_CHARS "a-zA-Z0-9.-"
#define COUNT_ORGS \
    "(SELECT count(*) FROM member JOIN org ON org.id = member.org_id " \
    "WHERE member.user_id = account.id AND org.is_active)"
#define COUNT_SOURCES(more) \
    "(SELECT count(*) FROM repo WHERE repo.owner_type = 'User' AND repo.owner_id = account.id " \
    "AND repo.is_active " more ")"
#define NAME_OF(column) "(SELECT a.username FROM account a WHERE a.id = account." column ")"

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
    NST_FIELD("extras", ocl_user, extras, &nst_json_value, .fallback = "{}",
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
    NST_FIELD("created_at", ocl_user, created_at, &nst_datetime, .flags = NST_CORE,
              .fill = NST_AUTO_CREATED, .doc = "Time of creation."),
    NST_FIELD("updated_at", ocl_user, updated_at, &nst_datetime, .fill = NST_AUTO_UPDATED,
              .doc = "Time of the last change."),
    NST_FIELD("created_by_id", ocl_user, created_by, &nst_int, .column = "created_by",
              .fill = NST_AUTO_CREATOR, .doc = "Number of the creator."),
    NST_FIELD("updated_by_id", ocl_user, updated_by, &nst_int, .column = "updated_by",
              .fill = NST_AUTO_UPDATER, .doc = "Number of the last editor."),
    NST_FIELD("created_by", ocl_user, creator, &nst_text, .column = NAME_OF("created_by"),
              .flags = NST_LAZY, .doc = "Who created the user."),
    NST_FIELD("updated_by", ocl_user, updater, &nst_text, .column = NAME_OF("updated_by"),
              .flags = NST_LAZY, .doc = "Who changed the user last."),
    NST_FIELD("orgs", ocl_user, orgs, &nst_int, .column = COUNT_ORGS, .flags = NST_LAZY,
              .doc = "Number of organisations."),
    NST_FIELD("public_sources", ocl_user, public_sources, &nst_int,
              .column = COUNT_SOURCES("AND repo.public_access <> 'None'"), .flags = NST_LAZY,
              .doc = "Number of own sources that others may view."),
    NST_FIELD("sources", ocl_user, sources, &nst_int, .column = COUNT_SOURCES(""),
              .flags = NST_LAZY, .doc = "Number of own sources."),
    NST_FIELD("owned_orgs", ocl_user, owned_orgs, &nst_int,
              .column = "(SELECT count(*) FROM org WHERE org.created_by = account.id "
                        "AND org.is_active)",
              .flags = NST_LAZY, .doc = "Number of organisations that the user created."),
    NST_FIELD("first_name", ocl_user, first_name, &nst_text, .column = "coalesce(account.name, '')",
              .flags = NST_LAZY, .doc = "Given name."),
    NST_FIELD("last_name", ocl_user, last_name, &nst_text, .column = "''", .flags = NST_LAZY,
              .doc = "Family name."),
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

static const struct nst_rule guide_rule[] = { { "username", .charset = NAME_CHARS }, { 0 } };

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
    { V2, NST_DETAIL,                                            /* V214 */
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

/* `/user/`: the user of the token; nobody without one (V217: 404). */
static enum nst_err user_alias(struct nst_sql *q, struct nst_req *rq, struct nst_str word)
{
    (void)word;
    nst_sql_add(q, " AND account.id = ");
    nst_sql_bind(q, NST_INT(rq->caller.is_known ? rq->caller.id : -1));
    return NST_OK;
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
    return nst_exec_with(NULL, rq->db,
                         "UPDATE repo SET owner_is_active = FALSE "
                         "WHERE owner_type = 'User' AND owner_id = $1",
                         NST_INT(((struct nst_row *)row)->id));
}

/* ---- Passwords ---- */

/* Everything that can be wrong with a new user, before a password is hashed. */
static enum nst_err user_gather(struct nst_req *rq)
{
    struct ocl_user *u = nst_row_new(rq, &ocl_user);
    NST_TRY(nst_bind(u, rq, &ocl_user, NST_CREATE));
    const char *fault = u->password.p != NULL ? nst_password_fault(u->password) : NULL;
    rq->prepared = NULL;
    if (fault != NULL)
        return nst_fail(rq, NST_E_INVALID, "password", nst_str_z(fault));
    if (u->password.p != NULL) {
        rq->prepared = NST_NEW(rq->arena, struct nst_str);
        *(struct nst_str *)rq->prepared = u->password;
    }
    return NST_OK;
}

static enum nst_err user_prepare(struct nst_req *rq)
{
    struct nst_str *password = rq->prepared;
    return password != NULL ? nst_password_hash(password, rq->arena, *password) : NST_OK;
}

/* ---- A token for a password (G85) ---- */

struct login {
    struct nst_str password, hash;
    int64_t id, serial;
    bool is_right;
};

static enum nst_err login_field(struct nst_str *out, struct nst_req *rq, const char *name)
{
    const struct nst_json *v = nst_json_get(rq->body, nst_str_z(name));
    const struct nst_texts *text = rq->face->text;
    if (v == NULL || v->kind == NST_JSON_NULL)
        return nst_fail(rq, NST_E_INVALID, name, nst_str_z(text->required));
    if (!nst_text.parse(rq, NULL, v, out))
        return nst_fail(rq, NST_E_INVALID, name, nst_str_z(text->invalid));
    return out->n > 0 ? NST_OK : nst_fail(rq, NST_E_INVALID, name, nst_str_z(text->required));
}

static enum nst_err login_gather(struct nst_req *rq)
{
    struct login *l = NST_NEW(rq->arena, struct login);
    struct nst_str name = { 0 };
    if (rq->body->kind != NST_JSON_OBJECT)
        return nst_fail(rq, NST_E_INVALID, rq->face->text->not_object_key,
                        nst_str_z(rq->face->text->not_object));
    enum nst_err name_err = login_field(&name, rq, "username");
    enum nst_err password_err = login_field(&l->password, rq, "password");
    if (name_err != NST_OK || password_err != NST_OK)
        return NST_E_INVALID;
    struct nst_sql q;
    struct ocl_user *u;
    nst_sql_init(&q, rq->arena);
    nst_sql_add(&q, " AND account.username = ");
    nst_sql_bind(&q, NST_TEXT(name));
    NST_TRY(nst_load_where((void **)&u, rq, &ocl_user, NST_LOAD_ALL, &q));
    if (u != NULL) {
        l->hash = u->password;
        l->id = u->row.id;
        l->serial = u->token_serial;
    }
    rq->prepared = l;
    return NST_OK;
}

static enum nst_err login_prepare(struct nst_req *rq)
{
    struct login *l = rq->prepared;
    l->is_right = nst_password_verify(l->hash, l->password);
    return NST_OK;
}

static enum nst_err login_view(struct nst_req *rq)
{
    const struct login *l = rq->prepared;
    if (!l->is_right)
        return nst_fail(rq, NST_E_INVALID, "non_field_errors",
                        NST_STR("Unable to log in with provided credentials."));
    NST_TRY(nst_exec_with(NULL, rq->db, "UPDATE account SET last_login = $1 WHERE id = $2",
                          NST_INT(rq->now), NST_INT(l->id)));
    nst_put_lit(&rq->x->out, "{\"token\":");
    nst_json_put_str(&rq->x->out, nst_token_derive(rq->arena, l->id, l->serial));
    nst_put_char(&rq->x->out, '}');
    return nst_answer_json(rq, 200);
}

static enum nst_err everybody(struct nst_req *rq)
{
    (void)rq;
    return NST_OK;
}

/* ---- A token for a one-time link: what a first administrator is given ---- */

static enum nst_err sign_in_view(struct nst_req *rq)
{
    int64_t account = 0;
    struct ocl_user *u = NULL;
    NST_TRY(nst_sign_in_use(&account, rq->db, rq->var[0], rq->now));
    if (account != 0)
        NST_TRY(nst_load_id((void **)&u, rq, &ocl_user, NST_LOAD_ALL, account));
    if (u == NULL)
        return nst_fail_bare(rq, NST_E_NOT_FOUND, "detail",
                             NST_STR("This link is unknown, used or expired."));
    nst_http_add_header(rq->x, "Cache-Control", NST_STR("no-store"));
    nst_put_lit(&rq->x->out, "{\"username\":");
    nst_json_put_str(&rq->x->out, u->username);
    nst_put_lit(&rq->x->out, ",\"token\":");
    nst_json_put_str(&rq->x->out, nst_token_derive(rq->arena, u->row.id, u->token_serial));
    nst_put_char(&rq->x->out, '}');
    return nst_answer_json(rq, 200);
}

/* ---- Members (G65, G66, G107) ---- */

static enum nst_err load_member(struct ocl_user **user, struct nst_req *rq)
{
    struct nst_sql q;
    nst_sql_init(&q, rq->arena);
    nst_sql_add(&q, " AND account.username = ");
    nst_sql_bind(&q, NST_TEXT(rq->var[rq->var_count - 1]));
    NST_TRY(nst_load_where((void **)user, rq, &ocl_user, NST_LOAD_CORE, &q));
    return *user != NULL ? NST_OK : NST_E_NOT_FOUND;
}

static int64_t org_id(struct nst_req *rq)
{
    return ((struct nst_row *)nst_ancestor(rq, "org")->row)->id;
}

static enum nst_err member_view(struct nst_req *rq)
{
    struct ocl_user *user;
    bool is_member = false;
    NST_TRY(load_member(&user, rq));
    NST_TRY(ocl_is_member(&is_member, rq, org_id(rq), user->row.id));
    return is_member ? nst_answer_empty(rq, 204) : NST_E_NOT_FOUND;
}

static enum nst_err member_add(struct nst_req *rq)
{
    struct ocl_user *user;
    NST_TRY(load_member(&user, rq));
    NST_TRY(nst_exec_with(NULL, rq->db,
                          "INSERT INTO member (org_id, user_id, created_at) VALUES ($1, $2, $3) "
                          "ON CONFLICT (org_id, user_id) DO NOTHING",
                          NST_INT(org_id(rq)), NST_INT(user->row.id), NST_INT(rq->now)));
    return nst_answer_empty(rq, 204);
}

static enum nst_err member_remove(struct nst_req *rq)
{
    struct ocl_user *user;
    NST_TRY(load_member(&user, rq));
    NST_TRY(nst_exec_with(NULL, rq->db, "DELETE FROM member WHERE org_id = $1 AND user_id = $2",
                          NST_INT(org_id(rq)), NST_INT(user->row.id)));
    return nst_answer_empty(rq, 204);
}

/* ---- The administrators' view of tokens (G26, G86) ---- */

static void put_token(struct nst_req *rq, struct nst_rows *rows)
{
    struct nst_buf *out = &rq->x->out;
    nst_put_lit(out, "{\"user\":");
    nst_json_put_str(out, nst_rows_text(rows, 1));
    nst_put_lit(out, ",\"key\":");
    nst_json_put_str(out,
                     nst_token_derive(rq->arena, nst_rows_int(rows, 0), nst_rows_int(rows, 2)));
    nst_put_lit(out, ",\"created\":\"");
    nst_put_time(out, nst_rows_int(rows, 3), rq->face->time);
    nst_put_lit(out, "\"}");
}

#define TOKENS \
    "SELECT account.id, account.username, account.token_serial, token.created_at " \
    "FROM account JOIN token ON token.account_id = account.id AND token.kind = 0 " \
    "WHERE account.is_active AND account.id > $1 "
#define TOKENS_PAGE 1000

static enum nst_err token_list(struct nst_req *rq)
{
    int64_t after = -1;
    struct nst_rows *rows;
    bool has_row = true;
    nst_put_char(&rq->x->out, '[');
    nst_str_int(&after, nst_query_value(rq, "after"));
    NST_TRY(nst_query_with(&rows, rq->db, TOKENS "ORDER BY account.id LIMIT $2", NST_INT(after),
                           NST_INT(TOKENS_PAGE)));
    enum nst_err e = nst_rows_next(&has_row, rows);
    while (e == NST_OK && has_row) {
        if (rq->x->out.p[rq->x->out.n - 1] != '[')
            nst_put_char(&rq->x->out, ',');
        put_token(rq, rows);
        e = nst_rows_next(&has_row, rows);
    }
    nst_rows_end(rows);
    nst_put_char(&rq->x->out, ']');
    return e != NST_OK ? e : nst_answer_json(rq, 200);
}

static enum nst_err token_detail(struct nst_req *rq)
{
    struct nst_rows *rows;
    bool has_row = false;
    NST_TRY(nst_query_with(&rows, rq->db, TOKENS "AND account.username = $2", NST_INT(-1),
                           NST_TEXT(rq->var[0])));
    enum nst_err e = nst_rows_next(&has_row, rows);
    if (e == NST_OK && has_row)
        put_token(rq, rows);
    nst_rows_end(rows);
    if (e == NST_OK && !has_row)
        e = NST_E_NOT_FOUND;
    return e != NST_OK ? e : nst_answer_json(rq, 200);
}

/* ---- Deleting (G102, G149) ---- */

static const char *const purge[] = {
    "DELETE FROM concept_version WHERE repo_id IN (SELECT id FROM repo WHERE owner_type = 'User' "
    "AND owner_id = $1)",
    "DELETE FROM repo_version WHERE repo_id IN (SELECT id FROM repo WHERE owner_type = 'User' "
    "AND owner_id = $1)",
    "DELETE FROM repo WHERE owner_type = 'User' AND owner_id = $1",
    "DELETE FROM member WHERE user_id = $1",
    "DELETE FROM token WHERE account_id = $1",
    "DELETE FROM sign_in WHERE account_id = $1",
    "DELETE FROM account WHERE id = $1",
    NULL,
};

static enum nst_err user_destroy(struct nst_req *rq)
{
    if (!ocl_wants_purge(rq))
        return nst_destroy(rq);
    struct nst_sql q;
    nst_sql_init(&q, rq->arena);
    nst_sql_add(&q, "SELECT id FROM account WHERE username = ");
    nst_sql_bind(&q, NST_TEXT(rq->var[0]));
    return ocl_purge_all(rq, &q, purge);
}

#define SELF \
    { \
        nst_update, ocl_has_ownership \
    }

static const struct nst_route user_route[] = {
    /* G67 */
    { GUIDE, "/users/", .get = { nst_list, ocl_any_token },
      .post = { nst_create, ocl_staff_only, 0, user_gather, user_prepare },
      .doc = "Users; administrators create them." },
    /* G68 */
    { GUIDE, "/users/:user/", .get = { nst_retrieve, ocl_any_token }, .post = SELF, .put = SELF,
      .delete = { user_destroy, ocl_may_delete_user, NST_MAY_BE_ABSENT }, .doc = "One user." },
    /* G69 */
    { GUIDE, "/user~user/", .get = { nst_retrieve, ocl_any_token }, .post = SELF, .put = SELF,
      .doc = "The user of the token." },
    /* G65 */
    { GUIDE, "/orgs/:org/members/", .get = { nst_list, ocl_member_or_staff },
      .doc = "Members of an organisation." },
    /* G66 */
    { GUIDE, "/orgs/:org/members/:user?/", .get = { member_view, ocl_member_or_staff },
      .put = { member_add, ocl_member_or_staff }, .delete = { member_remove, ocl_member_or_staff },
      .doc = "Membership of one user." },
    /* G85 */
    { GUIDE, "/api-token-auth/",
      .post = { login_view, everybody, NST_ANONYMOUS, login_gather, login_prepare },
      .doc = "Exchange username and password for the user's token." },
    { GUIDE, "/sign-in/:code?/", .get = { sign_in_view, everybody, NST_ANONYMOUS | NST_WRITES },
      .doc = "Exchange a one-time link for the user's token." },
    /* G86 */
    { GUIDE, "/admin/tokens/", .get = { token_list, ocl_staff_only },
      .doc = "Tokens of all users, 1000 at a time: `after` continues behind a user's number." },
    { GUIDE, "/admin/tokens/:user?/", .get = { token_detail, ocl_staff_only },
      .doc = "The token of one user." },
    /* V213, V214, V222, V304, V306 */
    { V2, "/users/", .get = { nst_list, ocl_any_caller }, .doc = "Users." },
    { V2, "/users/:user/", .get = { nst_retrieve, ocl_any_token }, .doc = "One user." },
    { V2, "/user~user/", .get = { nst_retrieve, ocl_any_token }, .doc = "The user of the token." },
    { V2, "/orgs/:org/(members|users)/", .get = { nst_list, ocl_any_caller },
      .doc = "Members of an organisation." },
    { V2, "/orgs/:org/(members|users)/:user?/", .get = { member_view, ocl_any_caller },
      .doc = "Membership of one user." },
};

static const struct nst_sort user_sort[] = {
    { "name", "account.name" },
    { "id", "account.username" },
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
    .hook = { .scope = user_scope,
              .alias = user_alias,
              .before_create = user_before_create,
              .after_create = user_after_create,
              .after_update = user_after_update,
              .after_destroy = user_after_destroy },
    .doc = "Somebody who may sign in.",
};
