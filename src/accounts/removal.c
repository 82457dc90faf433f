/* Removing accounts, whichever way: DELETE on a face, the catalog and documents, the command
 * line; and opening a closed one again. What applications keep of an account they let go of
 * themselves, since this layer does not know their tables. */
#include "internal.h"

enum nst_err nst_exec_each(struct nst_db *db, const char *const *statements, int64_t id)
{
    const struct nst_value value = NST_INT(id);
    for (; *statements != NULL; statements++)
        NST_TRY(nst_exec(NULL, db, nst_str_z(*statements), &value, 1));
    return NST_OK;
}

/* What becomes of an account. */
enum turn { CLOSED, ERASED, REOPENED };

/* Each application lets go of what it keeps of the account, or takes it up again. */
static enum nst_err tell(struct nst_db *db, int64_t account, int64_t now, enum turn turn)
{
    const struct nst_belongings *const *of = nst_belongings();
    for (; of != NULL && *of != NULL; of++) {
        nst_let_go *hook = turn == CLOSED   ? (*of)->close
                           : turn == ERASED ? (*of)->erase
                                            : (*of)->reopen;
        if (hook != NULL)
            NST_TRY(hook(db, account, now));
    }
    return NST_OK;
}

/* Who writes what names the account comes before this, or finds it gone. */
static enum nst_err hold(struct nst_db *db, int64_t account,
                         void (*how)(struct nst_sql *q, const struct nst_db *db, const char *table))
{
    struct nst_arena *a = nst_arena_new(1024);
    struct nst_sql q;
    int64_t id;
    nst_sql_init(&q, a);
    nst_sql_add(&q, "SELECT id FROM account WHERE id = ");
    nst_sql_bind(&q, NST_INT(account));
    how(&q, db, "account");
    enum nst_err e = nst_sql_int(&id, NULL, db, &q);
    nst_arena_free(a);
    return e;
}

/* The account's own token stays, good for nothing: who shows it is told that the user is
 * deleted (G137). */
enum nst_err nst_account_close(struct nst_db *db, int64_t account, int64_t now)
{
    static const char *const forget[] = {
        "DELETE FROM token WHERE account_id = $1 AND kind <> 0",
        "DELETE FROM session WHERE account_id = $1",
        "DELETE FROM sign_in WHERE account_id = $1",
        "DELETE FROM oauth_client WHERE account_id = $1",
        NULL,
    };
    NST_TRY(hold(db, account, nst_sql_hold));
    NST_TRY(tell(db, account, now, CLOSED));
    NST_TRY(nst_exec_each(db, forget, account));
    return nst_exec_with(NULL, db,
                         "UPDATE account SET is_active = FALSE, updated_at = " NST_SQL_LATER(
                             "updated_at", "$1") " WHERE id = $2",
                         NST_INT(now), NST_INT(account));
}

enum nst_err nst_account_reopen(struct nst_db *db, int64_t account, int64_t now)
{
    NST_TRY(nst_exec_with(NULL, db,
                          "UPDATE account SET is_active = TRUE, updated_at = " NST_SQL_LATER(
                              "updated_at", "$1") " WHERE id = $2",
                          NST_INT(now), NST_INT(account)));
    return tell(db, account, now, REOPENED);
}

enum nst_err nst_account_erase(struct nst_db *db, int64_t account, int64_t now)
{
    static const char *const forget[] = {
        "DELETE FROM token WHERE account_id = $1",
        "DELETE FROM session WHERE account_id = $1",
        "DELETE FROM sign_in WHERE account_id = $1",
        "DELETE FROM oauth_client WHERE account_id = $1",
        "DELETE FROM account WHERE id = $1",
        NULL,
    };
    NST_TRY(hold(db, account, nst_sql_hold_alone));
    NST_TRY(tell(db, account, now, ERASED));
    return nst_exec_each(db, forget, account);
}

enum nst_err nst_has_superuser(bool *out, struct nst_db *db, bool is_held)
{
    struct nst_arena *a = nst_arena_new(1024);
    struct nst_sql q;
    int64_t id;
    nst_sql_init(&q, a);
    nst_sql_add(&q, "SELECT id FROM account WHERE is_superuser AND is_active AND is_enabled "
                    "ORDER BY id LIMIT 1");
    if (is_held)
        nst_sql_hold(&q, db, "account");
    enum nst_err e = nst_sql_int(&id, out, db, &q);
    nst_arena_free(a);
    return e;
}
