/* /admin/users/ (issue 11): what administrators see of an account and do to it beside the
 * resources of either face: its flags, sessions and own token. What is a superuser's is for
 * superusers, since it opens what staff may not open (X81). */
#include "ocl/app.h"

/* What PATCH may say. */
struct wish {
    struct nst_row row;
    bool is_staff, is_superuser, is_enabled;
};

extern const struct nst_resource ocl_admin_users;

/* ---- Looking ---- */

static enum nst_err find(struct nst_account_shown *a, struct nst_req *rq)
{
    NST_TRY(nst_account_show(a, rq, rq->var[0], rq->method != NST_GET));
    return a->flag[NST_FLAG_SUPERUSER] && !rq->caller.is_superuser ? NST_E_FORBIDDEN : NST_OK;
}

static void put_time_or_null(struct nst_buf *out, int64_t time)
{
    if (time == 0) {
        nst_put_lit(out, "null");
        return;
    }
    nst_put_char(out, '"');
    nst_put_time(out, time, NST_TIME_MICRO_Z);
    nst_put_char(out, '"');
}

static enum nst_err answer(struct nst_req *rq, const struct nst_account_shown *a)
{
    struct nst_buf *out = &rq->x->out;
    nst_put_lit(out, "{\"username\":");
    nst_json_put_str(out, a->username);
    for (int i = 0; i < NST_FLAG_COUNT; i++)
        nst_putf(out, ",\"%s\":%s", nst_flag_name((enum nst_flag)i), a->flag[i] ? "true" : "false");
    nst_putf(out, ",\"sessions\":%lld,\"tokens\":%lld,\"last_login\":", (long long)a->sessions,
             (long long)a->tokens);
    put_time_or_null(out, a->last_login);
    nst_put_char(out, '}');
    return nst_answer_json(rq, 200);
}

static enum nst_err show(struct nst_req *rq)
{
    struct nst_account_shown a;
    NST_TRY(find(&a, rq));
    return answer(rq, &a);
}

/* ---- Flags ---- */

/* Nobody loses the own rights by accident: another superuser takes them away. */
static enum nst_err check_self(struct nst_req *rq, const struct nst_account_shown *a,
                               enum nst_flag flag, bool value)
{
    if (a->id != rq->caller.id || value || !a->flag[flag])
        return NST_OK;
    return nst_fail_bare(rq, NST_E_CONFLICT, "detail",
                         NST_STR("Nobody takes this away from themselves."));
}

enum nst_err ocl_set_flag(struct nst_req *rq, const struct nst_account_shown *account,
                          enum nst_flag flag, bool value)
{
    NST_TRY(check_self(rq, account, flag, value));
    enum nst_err e = nst_account_set_flag(rq, account, flag, value);
    return e == NST_E_CONFLICT
               ? nst_fail_bare(rq, e, "detail",
                               NST_STR("There must be a superuser who may sign in."))
               : e;
}

static enum nst_err set_flags(struct nst_req *rq, const struct nst_account_shown *a,
                              const struct wish *wish)
{
    const bool value[] = { wish->is_staff, wish->is_superuser, wish->is_enabled };
    for (int i = 0; i < NST_FLAG_COUNT; i++) {
        enum nst_flag flag = (enum nst_flag)i;
        if (nst_is_set(&ocl_admin_users, wish, nst_flag_name(flag)))
            NST_TRY(ocl_set_flag(rq, a, flag, value[i]));
    }
    return NST_OK;
}

static enum nst_err change(struct nst_req *rq)
{
    struct wish *wish = nst_row_new(rq, &ocl_admin_users);
    struct nst_account_shown a;
    NST_TRY(nst_bind(wish, rq, &ocl_admin_users, NST_UPDATE));
    NST_TRY(find(&a, rq));
    NST_TRY(set_flags(rq, &a, wish));
    NST_TRY(find(&a, rq));
    return answer(rq, &a);
}

/* ---- Sessions and the own token ---- */

static void put_session(void *arg, const struct nst_session_shown *s)
{
    struct nst_buf *out = arg;
    nst_put_z(out, out->p[out->n - 1] == '[' ? "{\"id\":" : ",{\"id\":");
    nst_json_put_str(out, s->name);
    nst_put_lit(out, ",\"expires\":");
    put_time_or_null(out, s->expires);
    nst_put_char(out, '}');
}

static enum nst_err list_sessions(struct nst_req *rq)
{
    struct nst_account_shown a;
    NST_TRY(find(&a, rq));
    nst_put_char(&rq->x->out, '[');
    NST_TRY(nst_sessions_each(rq, a.id, put_session, &rq->x->out));
    nst_put_char(&rq->x->out, ']');
    return nst_answer_json(rq, 200);
}

static enum nst_err end_sessions(struct nst_req *rq)
{
    struct nst_account_shown a;
    struct nst_str name = rq->vars > 1 ? rq->var[1] : (struct nst_str){ 0 };
    int64_t ended;
    NST_TRY(find(&a, rq));
    NST_TRY(nst_sessions_end(&ended, rq, &a, name));
    return nst_answer_empty(rq, 204);
}

static enum nst_err renew_token(struct nst_req *rq)
{
    struct nst_account_shown a;
    NST_TRY(find(&a, rq));
    NST_TRY(nst_account_renew_token(rq, &a));
    return nst_answer_empty(rq, 204);
}

/* ---- Tables ---- */

#define FLAG(name, sentence) \
    NST_FIELD(#name, wish, name, &nst_bool, .column = "", .flags = NST_NOT_EMPTY, .doc = sentence)

static const struct nst_field wish_field[] = {
    FLAG(is_staff, "May administer content."),
    FLAG(is_superuser, "May do everything."),
    FLAG(is_enabled, "May sign in; false ends sessions and bearer tokens, too."),
};

#define FLAGS "is_staff is_superuser is_enabled"
#define SHOWN "username sessions tokens last_login"

static const struct nst_serializer wish_serializer[] = {
    { V2, NST_UPDATE, FLAGS, .but = SHOWN },
    { GUIDE, NST_UPDATE, FLAGS, .but = SHOWN },
};

#define FLAG_SCHEMA  "{\"type\":\"boolean\"}"
#define COUNT_SCHEMA "{\"type\":\"integer\",\"minimum\":0}"
#define ACCOUNT \
    "{\"type\":\"object\",\"required\":[\"username\",\"is_staff\",\"is_superuser\"," \
    "\"is_enabled\",\"sessions\",\"tokens\",\"last_login\"],\"properties\":{\"username\":{" \
    "\"type\":\"string\"},\"is_staff\":" FLAG_SCHEMA ",\"is_superuser\":" FLAG_SCHEMA \
    ",\"is_enabled\":" FLAG_SCHEMA ",\"sessions\":" COUNT_SCHEMA ",\"tokens\":" COUNT_SCHEMA \
    ",\"last_login\":{\"type\":[\"string\",\"null\"]}}}"

static const struct nst_response show_response[] = {
    { 200, "The account.", { .schema = ACCOUNT } },
    { 0 },
};
static const struct nst_response change_response[] = {
    { 200, "The account as it is now.", { .schema = ACCOUNT } },
    { 400, "A flag is no truth value.", { .schema = OCL_REASON } },
    { 409, "It is the caller's own, or the last superuser's.", { .schema = OCL_REASON } },
    { 0 },
};
static const struct nst_response sessions_response[] = {
    { 200,
      "The sessions that are open.",
      { .schema = "{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"id\","
                  "\"expires\"],\"properties\":{\"id\":{\"type\":\"string\"},\"expires\":{"
                  "\"type\":\"string\"}}}}" } },
    { 0 },
};
static const struct nst_description showing = { .response = show_response };
static const struct nst_description changing = {
    .request = { .schema = "{\"type\":\"object\",\"properties\":{\"is_staff\":" FLAG_SCHEMA
                           ",\"is_superuser\":" FLAG_SCHEMA ",\"is_enabled\":" FLAG_SCHEMA "}}" },
    .response = change_response,
};
static const struct nst_description listing = { .response = sessions_response };

#define ENDS(view) \
    { \
        view, ocl_staff_only, .describe = &nst_answers_nothing \
    }

#define ROUTES(face) \
    { face, "/admin/users/:user?/", .get = { show, ocl_staff_only, .describe = &showing }, \
      .patch = { change, ocl_superuser_only, .describe = &changing }, \
      .doc = "An account: its flags, how many sessions and tokens it has." }, \
        { face, "/admin/users/:user?/sessions/", \
          .get = { list_sessions, ocl_staff_only, .describe = &listing }, \
          .delete = ENDS(end_sessions), .doc = "Sessions of an account; DELETE ends all." }, \
        { face, "/admin/users/:user?/sessions/:session?/", .delete = ENDS(end_sessions), \
          .doc = "One session, which ends." }, \
    { \
        face, "/admin/users/:user?/token/", .delete = ENDS(renew_token), \
                                            .doc = "The own token, which is replaced by another." \
    }

static const struct nst_route admin_user_route[] = { ROUTES(V2), ROUTES(GUIDE) };

const struct nst_resource ocl_admin_users = {
    .name = "admin_user",
    .size = sizeof(struct wish),
    NST_FIELDS(wish_field),
    NST_SERIALIZERS(wish_serializer),
    NST_ROUTES(admin_user_route),
    .doc = "Accounts, as administrators see them.",
};
