/* Users as documents know them: callers and learners. The rows are the accounts of
 * all faces; here `is_active` says whether an account is enabled. */
#include "enroll/catalog/api.h"
#include "enroll/fixture/entity.h"

#include "nestor/accounts.h"

enum { USERNAME, EMAIL, IS_STAFF, IS_SUPERUSER, IS_ACTIVE, PASSWORD, TOKEN, TOKENS };

static const struct enroll_member token_member[] = {
    { "value", ENROLL_TEXT, ENROLL_REQUIRED, .form = &enroll_form_some },
    { "expires", ENROLL_TIME, ENROLL_REQUIRED },
};

static const struct enroll_shape token_shape = ENROLL_SHAPE(token_member);

static const struct enroll_member user_member[] = {
    [USERNAME] = { "username", ENROLL_TEXT, ENROLL_REQUIRED | ENROLL_KEY | ENROLL_FIND,
                   .column = "username", .form = &enroll_form_username },
    [EMAIL] = { "email", ENROLL_TEXT, .column = "email", .show = "coalesce(account.email, '')",
                .fallback = "", .form = &enroll_form_email },
    [IS_STAFF] = { "is_staff", ENROLL_BOOL, .column = "is_staff", .fallback = "false" },
    [IS_SUPERUSER] = { "is_superuser", ENROLL_BOOL, .column = "is_superuser", .fallback = "false" },
    [IS_ACTIVE] = { "is_active", ENROLL_BOOL, .column = "is_enabled", .fallback = "true" },
    [PASSWORD] = { "password", ENROLL_TEXT, ENROLL_INPUT, .form = &enroll_form_some },
    [TOKEN] = { "token", ENROLL_TEXT, ENROLL_INPUT, .form = &enroll_form_some },
    [TOKENS] = { "tokens", ENROLL_LIST, ENROLL_INPUT, .of = &token_shape },
};

static void note(enum enroll_change *change, enum nst_put put)
{
    if (put != NST_PUT_SAME && *change == ENROLL_UNCHANGED)
        *change = ENROLL_CHANGED;
}

/* ---- What the audit log has of them ---- */

static enum nst_err tell(struct enroll_load *l, const struct enroll_item *item, struct nst_act act)
{
    act.on = nst_strf(enroll_load_scratch(l), "/users/%.*s/", NST_FMT(enroll_text(item, USERNAME)));
    return enroll_load_act(l, &act);
}

static enum nst_err tell_new(struct enroll_load *l, const struct enroll_item *item)
{
    struct nst_buf b;
    nst_buf_init(&b, enroll_load_scratch(l), SIZE_MAX);
    nst_put_lit(&b, "{\"username\":");
    nst_json_put_str(&b, enroll_text(item, USERNAME));
    nst_put_lit(&b, ",\"email\":");
    nst_json_put_str_or_null(&b, enroll_text(item, EMAIL));
    nst_put_char(&b, '}');
    return tell(l, item, (struct nst_act){ .name = "user.add", .after = nst_buf_str(&b) });
}

/* Before the row is written: the former address is read of it. */
static enum nst_err tell_address(struct enroll_load *l, struct enroll_item *item)
{
    struct nst_arena *a = enroll_load_scratch(l);
    struct nst_str was = { 0 };
    struct nst_rows *rows;
    if (!enroll_load_tells(l) || item->id == 0 || (item->changed >> EMAIL & 1) == 0)
        return NST_OK;
    NST_TRY(nst_query_with(&rows, enroll_load_db(l), "SELECT email FROM account WHERE id = $1",
                           NST_INT(item->id)));
    if (nst_rows_step(rows))
        was = nst_str_copy(a, nst_rows_text(rows, 0));
    NST_TRY(nst_rows_end(rows));
    return tell(l, item,
                (struct nst_act){ .name = "user.change",
                                  .before = nst_audit_member(a, "email", was),
                                  .after =
                                      nst_audit_member(a, "email", enroll_text(item, EMAIL)) });
}

/* ---- Flags ---- */

static const struct {
    size_t member;
    enum nst_flag flag;
    bool otherwise; /* of a new account, where nothing is said */
} flags[] = {
    { IS_STAFF, NST_FLAG_STAFF, false },
    { IS_SUPERUSER, NST_FLAG_SUPERUSER, false },
    { IS_ACTIVE, NST_FLAG_ENABLED, true },
};

/* The row is written: what follows of a flag that is another now. */
static enum nst_err follow_flag(struct enroll_load *l, struct enroll_item *item, size_t i,
                                bool is_new)
{
    size_t m = flags[i].member;
    bool value = enroll_number(item, m) != 0;
    bool is_other = is_new ? enroll_is_given(item, m) && value != flags[i].otherwise
                           : (item->changed >> m & 1) != 0;
    if (!is_other)
        return NST_OK;
    if (!value && enroll_is_own(l, item)) {
        enroll_fault(l, item, m, "nobody takes this away from themselves");
        return NST_OK;
    }
    if (!value && flags[i].flag == NST_FLAG_ENABLED)
        NST_TRY(nst_account_shut_out(enroll_load_db(l), item->id));
    return tell(l, item,
                nst_flag_act(enroll_load_scratch(l), enroll_text(item, USERNAME), flags[i].flag,
                             value));
}

/* ---- Tokens ---- */

static enum nst_err put_tokens(enum enroll_change *change, struct enroll_load *l,
                               struct enroll_item *item, const struct nst_bearers *given)
{
    enum nst_put put = NST_PUT_SAME;
    enum nst_err e = nst_bearers_put(&put, enroll_load_db(l), item->id, given);
    note(change, put);
    if (e == NST_OK && put != NST_PUT_SAME)
        e = tell(l, item,
                 (struct nst_act){ .name = given->count > 0 ? "token.add" : "token.end",
                                   .after = nst_strf(enroll_load_scratch(l), "{\"bearers\":%zu}",
                                                     given->count) });
    if (e != NST_E_CONFLICT)
        return e;
    enroll_fault(l, item, given->expire ? TOKENS : TOKEN, "this token is taken");
    return NST_OK;
}

/* `tokens` are those with an end: its form was checked when the item was read. */
static enum nst_err put_list(enum enroll_change *change, struct enroll_load *l,
                             struct enroll_item *item)
{
    struct nst_token list[NST_BEARERS_MAX] = { 0 };
    size_t n = 0;
    if (item->value[TOKENS].json->count > NST_BEARERS_MAX) {
        enroll_fault(l, item, TOKENS, "more than %d tokens", NST_BEARERS_MAX);
        return NST_OK;
    }
    for (const struct nst_json *v = item->value[TOKENS].json->first; v != NULL; v = v->next, n++) {
        list[n].token = enroll_inner_text(v, "value");
        if (!nst_time_parse(&list[n].expires, enroll_inner_text(v, "expires")))
            return NST_E_INTERNAL;
    }
    const struct nst_bearers given = { list, n, true };
    return put_tokens(change, l, item, &given);
}

/* ---- Hooks ---- */

static enum nst_err put_password(enum enroll_change *change, struct enroll_load *l,
                                 struct enroll_item *item)
{
    enum nst_put put = NST_PUT_SAME;
    struct nst_str password = enroll_text(item, PASSWORD);
    if (password.n > NST_PASSWORD_MAX)
        enroll_fault(l, item, PASSWORD, "longer than %d bytes", NST_PASSWORD_MAX);
    else if (!enroll_count_password(l))
        enroll_fault(l, item, PASSWORD, "too many passwords in one document");
    if (item->is_faulty)
        return NST_OK;
    NST_TRY(nst_password_put(&put, enroll_load_db(l), enroll_load_scratch(l), item->id, password));
    bool is_told = put != NST_PUT_SAME && *change != ENROLL_MADE;
    note(change, put);
    return is_told ? tell(l, item, (struct nst_act){ .name = "user.password" }) : NST_OK;
}

/* A new account gets the token of the other faces, as everywhere. */
static enum nst_err user_after(enum enroll_change *change, struct enroll_load *l,
                               struct enroll_item *item)
{
    struct nst_str derived;
    if (*change == ENROLL_MADE)
        NST_TRY(nst_token_renew(&derived, enroll_load_db(l), enroll_load_scratch(l), item->id,
                                enroll_load_now(l)));
    if (*change == ENROLL_MADE)
        NST_TRY(tell_new(l, item));
    for (size_t i = 0; i < NST_COUNT(flags); i++)
        NST_TRY(follow_flag(l, item, i, *change == ENROLL_MADE));
    if (item->is_faulty)
        return NST_OK;
    if (enroll_is_given(item, PASSWORD))
        NST_TRY(put_password(change, l, item));
    if (enroll_is_given(item, TOKEN)) {
        const struct nst_token token = { .token = enroll_text(item, TOKEN) };
        const struct nst_bearers given = { &token, 1, false };
        NST_TRY(put_tokens(change, l, item, &given));
    }
    return enroll_is_given(item, TOKENS) ? put_list(change, l, item) : NST_OK;
}

static enum nst_err user_remove(bool *is_gone, struct enroll_load *l, struct enroll_item *item)
{
    (void)is_gone;
    static const char *const refers[][2] = {
        { "SELECT 1 FROM oauth_client WHERE account_id = $1 LIMIT 1", "oauth2_clients" },
        { "SELECT 1 FROM social_auth WHERE account_id = $1 LIMIT 1", "social_auth" },
        { "SELECT 1 FROM course_enrollment WHERE user_id = $1 LIMIT 1", "course_enrollments" },
        { "SELECT 1 FROM program_enrollment WHERE user_id = $1 LIMIT 1", "program_enrollments" },
    };
    for (size_t i = 0; i < NST_COUNT(refers); i++)
        NST_TRY(enroll_refuse_if(l, item, refers[i][0], refers[i][1]));
    if (enroll_is_own(l, item))
        enroll_fault(l, item, SIZE_MAX, "nobody removes themselves");
    if (item->is_faulty)
        return NST_OK;
    NST_TRY(nst_account_close(enroll_load_db(l), item->id, enroll_load_now(l)));
    return tell(l, item, (struct nst_act){ .name = "user.remove" });
}

const struct enroll_entity enroll_entity_user = {
    .name = "users",
    .table = "account",
    .where = "account.is_active",
    .order = "account.id",
    .key = "username",
    .shape = ENROLL_SHAPE(user_member),
    .stamps = "created_at, updated_at",
    .constants = "token_serial, is_active",
    .values = "0, TRUE",
    .touched = "updated_at",
    .before_write = tell_address,
    .after = user_after,
    .remove = user_remove,
    .doc = "Callers and learners.",
};

static const struct nst_route routes[] = {
    ENROLL_CATALOG_LIST(enroll_entity_user, "users", "Callers and learners."),
    ENROLL_CATALOG_DETAIL(enroll_entity_user, "users", "username", "One account."),
};

const struct nst_resource enroll_user = {
    .name = "users",
    NST_ROUTES(routes),
    .doc = "Callers and learners.",
};
