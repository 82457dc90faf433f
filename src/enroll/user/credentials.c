/* Login sessions and OAuth 2 clients of documents. Their rows have no numbers: the
 * key itself, hashed, tells them apart within a document. */
#include "enroll/catalog/api.h"
#include "enroll/fixture/entity.h"

#include "nestor/accounts.h"

static enum enroll_change change_of(enum nst_put put)
{
    return put == NST_PUT_MADE   ? ENROLL_MADE
           : put == NST_PUT_SAME ? ENROLL_UNCHANGED
                                 : ENROLL_CHANGED;
}

static int64_t number_of(struct nst_str key)
{
    return (int64_t)(nst_str_hash(key) >> 1) + 1;
}

/* ---- Sessions ---- */

enum { S_USERNAME, S_SESSIONID, S_CSRFTOKEN, S_EXPIRES };

static const struct enroll_member session_member[] = {
    [S_USERNAME] = { "username", ENROLL_TEXT, ENROLL_REQUIRED, .refers = &enroll_to_user },
    [S_SESSIONID] = { "sessionid", ENROLL_TEXT, ENROLL_REQUIRED | ENROLL_KEY | ENROLL_INPUT,
                      .form = &enroll_form_some },
    [S_CSRFTOKEN] = { "csrftoken", ENROLL_TEXT, ENROLL_REQUIRED | ENROLL_INPUT,
                      .form = &enroll_form_csrf },
    [S_EXPIRES] = { "expires", ENROLL_TIME },
};

static enum nst_err tell_session(struct enroll_load *l, struct nst_act act, int64_t account)
{
    struct nst_str name = { 0 };
    struct nst_rows *rows;
    if (!enroll_load_tells(l))
        return NST_OK;
    NST_TRY(nst_query_with(&rows, enroll_load_db(l), "SELECT username FROM account WHERE id = $1",
                           NST_INT(account)));
    if (nst_rows_step(rows))
        name = nst_str_copy(enroll_load_scratch(l), nst_rows_text(rows, 0));
    NST_TRY(nst_rows_end(rows));
    act.on = nst_strf(enroll_load_scratch(l), "/users/%.*s/", NST_FMT(name));
    return enroll_load_act(l, &act);
}

static enum nst_err session_apply(enum enroll_change *change, struct enroll_load *l,
                                  struct enroll_item *item)
{
    const struct nst_session_given given = {
        .session = enroll_text(item, S_SESSIONID),
        .csrftoken = enroll_text(item, S_CSRFTOKEN),
        .account = enroll_number(item, S_USERNAME),
        .expires = enroll_number(item, S_EXPIRES),
    };
    enum nst_put put;
    item->id = number_of(given.session);
    if (item->is_absent)
        return NST_OK;
    NST_TRY(nst_session_put(&put, enroll_load_db(l), &given));
    *change = change_of(put);
    if (put == NST_PUT_SAME)
        return NST_OK;
    return tell_session(l, (struct nst_act){ .name = "session.add" }, given.account);
}

static enum nst_err session_remove(bool *is_gone, struct enroll_load *l, struct enroll_item *item)
{
    int64_t account = 0;
    NST_TRY(nst_session_end(&account, enroll_load_db(l), enroll_text(item, S_SESSIONID)));
    *is_gone = account != 0;
    if (!*is_gone)
        return NST_OK;
    return tell_session(l,
                        (struct nst_act){ .name = "session.end",
                                          .before = NST_STR("{\"sessions\":1}") },
                        account);
}

const struct enroll_entity enroll_entity_session = {
    .name = "sessions",
    .key = "sessionid",
    .shape = ENROLL_SHAPE(session_member),
    .apply = session_apply,
    .remove = session_remove,
    .doc = "Browsers that somebody signed in with.",
};

/* ---- Clients ---- */

enum { C_CLIENT_ID, C_CLIENT_SECRET, C_USERNAME, C_IS_RESTRICTED };

static const struct enroll_member client_member[] = {
    [C_CLIENT_ID] = { "client_id", ENROLL_TEXT, ENROLL_REQUIRED | ENROLL_KEY,
                      .show = "oauth_client.client_id", .form = &enroll_form_name },
    [C_CLIENT_SECRET] = { "client_secret", ENROLL_TEXT, ENROLL_INPUT, .form = &enroll_form_some },
    [C_USERNAME] = { "username", ENROLL_TEXT, ENROLL_REQUIRED, .refers = &enroll_to_user,
                     .show = "(SELECT account.username FROM account "
                             "WHERE account.id = oauth_client.account_id)" },
    [C_IS_RESTRICTED] = { "is_restricted", ENROLL_BOOL, .show = "oauth_client.is_restricted" },
};

/* The secret is required, but for an item that has all else: so a dump writes it, since
 * secrets cannot be read back. */
static enum nst_err client_resolve(struct enroll_load *l, struct enroll_item *item)
{
    bool is_of_dump = enroll_is_given(item, C_IS_RESTRICTED);
    if (item->is_absent || enroll_is_given(item, C_CLIENT_SECRET))
        return NST_OK;
    if (!is_of_dump)
        enroll_fault(l, item, C_CLIENT_SECRET, "missing");
    return NST_OK;
}

/* How a client is told of in the audit log: whom it speaks for, and how. */
struct telling {
    struct nst_arena *a;
    struct nst_str text; /* null: there is none */
};

static void put_client(void *arg, const struct nst_client_shown *c)
{
    struct telling *t = arg;
    struct nst_buf b;
    nst_buf_init(&b, t->a, SIZE_MAX);
    nst_put_lit(&b, "{\"user\":");
    nst_json_put_str(&b, c->username);
    nst_putf(&b, ",\"is_restricted\":%s}", c->is_restricted ? "true" : "false");
    t->text = nst_buf_str(&b);
}

/* Unless nobody is told. */
static enum nst_err see_client(struct telling *t, struct enroll_load *l, struct nst_str id)
{
    *t = (struct telling){ .a = enroll_load_scratch(l) };
    return enroll_load_tells(l) ? nst_clients_each(enroll_load_db(l), id, put_client, t) : NST_OK;
}

static enum nst_err tell_client(struct enroll_load *l, struct nst_act act, struct nst_str id)
{
    act.on = nst_strf(enroll_load_scratch(l), "/clients/%.*s/", NST_FMT(id));
    return enroll_load_act(l, &act);
}

/*   was, is  of one client, which is there now */
static enum nst_err tell_change(struct enroll_load *l, struct nst_str id, bool is_rotated,
                                const struct telling *was, const struct telling *is)
{
    if (was->text.p == NULL)
        return tell_client(l, (struct nst_act){ .name = "client.add", .after = is->text }, id);
    if (is_rotated)
        NST_TRY(tell_client(l, (struct nst_act){ .name = "client.rotate" }, id));
    if (nst_str_eq(was->text, is->text))
        return NST_OK;
    return tell_client(
        l, (struct nst_act){ .name = "client.change", .before = was->text, .after = is->text }, id);
}

static enum nst_err client_apply(enum enroll_change *change, struct enroll_load *l,
                                 struct enroll_item *item)
{
    struct nst_client client = {
        .id = enroll_text(item, C_CLIENT_ID),
        .secret = enroll_text(item, C_CLIENT_SECRET),
        .account = enroll_number(item, C_USERNAME),
        .is_restricted = enroll_number(item, C_IS_RESTRICTED) != 0,
        .created = enroll_load_now(l),
    };
    struct telling was, is;
    enum nst_put put;
    bool is_rotated;
    item->id = number_of(client.id);
    if (item->is_absent)
        return NST_OK;
    NST_TRY(see_client(&was, l, client.id));
    NST_TRY(nst_client_put(&put, &is_rotated, enroll_load_db(l), &client,
                           enroll_is_given(item, C_IS_RESTRICTED)));
    NST_TRY(see_client(&is, l, client.id));
    NST_TRY(tell_change(l, client.id, is_rotated, &was, &is));
    *change = change_of(put);
    if (put == NST_PUT_MADE && client.secret.p == NULL)
        enroll_warn(l, item, "made without a secret: it cannot fetch tokens until it is given one");
    return NST_OK;
}

static enum nst_err client_remove(bool *is_gone, struct enroll_load *l, struct enroll_item *item)
{
    struct nst_str id = enroll_text(item, C_CLIENT_ID);
    struct telling was;
    NST_TRY(see_client(&was, l, id));
    enum nst_err e = nst_client_remove(enroll_load_db(l), id);
    *is_gone = e == NST_OK;
    if (e == NST_E_NOT_FOUND)
        return NST_OK;
    NST_TRY(e);
    return tell_client(l, (struct nst_act){ .name = "client.remove", .before = was.text }, id);
}

const struct enroll_entity enroll_entity_client = {
    .name = "oauth2_clients",
    .table = "oauth_client",
    .order = "oauth_client.created_at, oauth_client.client_id",
    .number = "0",
    .key = "client_id",
    .shape = ENROLL_SHAPE(client_member),
    .resolve = client_resolve,
    .apply = client_apply,
    .remove = client_remove,
    .doc = "Programs that exchange an id and a secret for access tokens.",
};

static const struct nst_route routes[] = {
    ENROLL_CATALOG_LIST(enroll_entity_client, "oauth2_clients",
                        "Programs that fetch access tokens."),
    ENROLL_CATALOG_DETAIL(enroll_entity_client, "oauth2_clients", "client_id", "One client."),
};

const struct nst_resource enroll_client = {
    .name = "oauth2_clients",
    NST_ROUTES(routes),
    .doc = "Programs that fetch access tokens.",
};
