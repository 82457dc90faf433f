/* What administrators do to accounts, whichever way they come: flags, sessions, tokens. Who may is
 * for the faces and verbs to say; each act is written down here. */
#include "internal.h"

/* The start of a hash tells the sessions of one account apart and opens nothing. */
#define NAME "substr(session.hash, 1, 16)"

static const struct {
    const char *name, *set, *act;
} flags[NST_FLAG_COUNT] = {
    [NST_FLAG_STAFF] = { "is_staff", "is_staff = $1", "user.staff" },
    [NST_FLAG_SUPERUSER] = { "is_superuser", "is_superuser = $1", "user.superuser" },
    [NST_FLAG_ENABLED] = { "is_enabled", "is_enabled = $1", "user.enabled" },
};

const char *nst_flag_name(enum nst_flag flag)
{
    return flags[flag].name;
}

static struct nst_str url_of(struct nst_req *rq, const struct nst_account_shown *account)
{
    return nst_strf(rq->arena, "/users/%.*s/", NST_FMT(account->username));
}

/* ---- One account ---- */

static enum nst_err count_of(int64_t *out, struct nst_req *rq, const char *select, int64_t account)
{
    struct nst_sql q;
    nst_sql_init(&q, rq->arena);
    nst_sql_add(&q, select);
    nst_sql_bind(&q, NST_INT(account));
    return nst_sql_int(out, NULL, rq->db, &q);
}

static enum nst_err find(struct nst_account_shown *out, struct nst_req *rq, struct nst_sql *q)
{
    struct nst_rows *rows;
    NST_TRY(nst_sql_query(&rows, rq->db, q));
    if (!nst_rows_step(rows)) {
        nst_rows_fail(rows, NST_E_NOT_FOUND);
        return nst_rows_end(rows);
    }
    *out = (struct nst_account_shown){
        .id = nst_rows_int(rows, 0),
        .username = nst_str_copy(rq->arena, nst_rows_text(rows, 1)),
        .flag = { nst_rows_bool(rows, 2), nst_rows_bool(rows, 3), nst_rows_bool(rows, 4) },
        .last_login = nst_rows_int(rows, 5),
    };
    return nst_rows_end(rows);
}

enum nst_err nst_account_show(struct nst_account_shown *out, struct nst_req *rq,
                              struct nst_str username, bool is_held)
{
    struct nst_sql q;
    nst_sql_init(&q, rq->arena);
    nst_sql_add(&q, "SELECT id, username, is_staff, is_superuser, is_enabled, last_login "
                    "FROM account WHERE is_active AND username = ");
    nst_sql_bind(&q, NST_TEXT(username));
    if (is_held)
        nst_sql_hold(&q, rq->db, "account");
    NST_TRY(find(out, rq, &q));
    NST_TRY(
        count_of(&out->sessions, rq, "SELECT count(*) FROM session WHERE account_id = ", out->id));
    return count_of(&out->tokens, rq,
                    "SELECT count(*) FROM token WHERE kind <> 0 AND account_id = ", out->id);
}

/* ---- Flags ---- */

struct nst_act nst_flag_act(struct nst_arena *a, struct nst_str username, enum nst_flag flag,
                            bool value)
{
    return (struct nst_act){ .name = flags[flag].act,
                             .on = nst_strf(a, "/users/%.*s/", NST_FMT(username)),
                             .before = nst_audit_flag(a, flags[flag].name, !value),
                             .after = nst_audit_flag(a, flags[flag].name, value) };
}

enum nst_err nst_account_shut_out(struct nst_db *db, int64_t account)
{
    static const char *const forget[] = {
        "DELETE FROM token WHERE account_id = $1 AND kind = 3",
        "DELETE FROM session WHERE account_id = $1",
        "DELETE FROM sign_in WHERE account_id = $1",
        NULL,
    };
    return nst_exec_each(db, forget, account);
}

static enum nst_err write_flag(struct nst_req *rq, int64_t account, enum nst_flag flag, bool value)
{
    struct nst_value values[] = { NST_BOOL(value), NST_INT(nst_now()), NST_INT(account),
                                  rq->caller.is_known ? NST_INT(rq->caller.id) : NST_NULL };
    struct nst_str statement =
        nst_strf(rq->arena,
                 "UPDATE account SET %s, updated_by = coalesce(CAST($4 AS bigint), updated_by), "
                 "updated_at = " NST_SQL_LATER("updated_at", "$2") " WHERE id = $3",
                 flags[flag].set);
    return nst_exec(NULL, rq->db, statement, values, NST_COUNT(values));
}

enum nst_err nst_account_set_flag(struct nst_req *rq, const struct nst_account_shown *account,
                                  enum nst_flag flag, bool value)
{
    bool stays = true;
    if (account->flag[flag] == value)
        return NST_OK;
    NST_TRY(write_flag(rq, account->id, flag, value));
    if (!value && flag == NST_FLAG_ENABLED)
        NST_TRY(nst_account_shut_out(rq->db, account->id));
    const struct nst_act act = nst_flag_act(rq->arena, account->username, flag, value);
    NST_TRY(nst_audit(rq, &act));
    if (!value && account->flag[NST_FLAG_SUPERUSER])
        NST_TRY(nst_has_superuser(&stays, rq->db, true));
    return stays ? NST_OK : NST_E_CONFLICT;
}

/* ---- Sessions and tokens ---- */

enum nst_err nst_sessions_each(struct nst_req *rq, int64_t account, nst_session_sink *sink,
                               void *arg)
{
    struct nst_rows *rows;
    NST_TRY(nst_query_with(&rows, rq->db,
                           "SELECT " NAME ", expires_at FROM session WHERE account_id = $1 "
                           "AND expires_at > $2 ORDER BY expires_at, hash",
                           NST_INT(account), NST_INT(nst_now())));
    while (nst_rows_step(rows)) {
        const struct nst_session_shown shown = { .name = nst_rows_text(rows, 0),
                                                 .expires = nst_rows_int(rows, 1) };
        sink(arg, &shown);
    }
    return nst_rows_end(rows);
}

enum nst_err nst_sessions_end(int64_t *ended, struct nst_req *rq,
                              const struct nst_account_shown *account, struct nst_str name)
{
    NST_TRY(nst_exec_with(ended, rq->db,
                          "DELETE FROM session WHERE account_id = $1 AND (CAST($2 AS text) IS NULL "
                          "OR " NAME " = $2)",
                          NST_INT(account->id), NST_TEXT(name)));
    if (name.p != NULL && *ended == 0)
        return NST_E_NOT_FOUND;
    return nst_audit(rq, &(struct nst_act){ .name = "session.end",
                                            .on = url_of(rq, account),
                                            .before = nst_strf(rq->arena, "{\"sessions\":%lld}",
                                                               (long long)*ended) });
}

enum nst_err nst_account_renew_token(struct nst_req *rq, const struct nst_account_shown *account)
{
    struct nst_str unused;
    NST_TRY(nst_token_renew(&unused, rq->db, rq->arena, account->id, nst_now()));
    return nst_audit(rq, &(struct nst_act){ .name = "token.renew", .on = url_of(rq, account) });
}
