/* Accounts as a part of programs of others: the tables, and a command that makes and
 * revokes tokens. Signing in with passwords or as edX does is for whoever registers the
 * faces and resources of it. */
#include "nestor/app.h"
#include "internal.h"
#include "nestor/base/random.h"

#include <stdio.h>

#define TOKEN_BYTES 32

extern const struct nst_migration nst_accounts_migrations[];

/* ---- Accounts ---- */

static enum nst_err find_account(int64_t *id, struct nst_db *db, struct nst_arena *a,
                                 struct nst_str username)
{
    struct nst_sql q;
    *id = 0;
    nst_sql_init(&q, a);
    nst_sql_add(&q, "SELECT id FROM account WHERE is_active AND username = ");
    nst_sql_bind(&q, NST_TEXT(username));
    return nst_sql_int(id, NULL, db, &q);
}

enum nst_err nst_account_put(int64_t *id, struct nst_db *db, struct nst_str username, bool is_staff,
                             int64_t now)
{
    struct nst_arena *a = nst_arena_new(1024);
    enum nst_err e = find_account(id, db, a, username);
    nst_arena_free(a);
    NST_TRY(e);
    if (*id == 0) {
        NST_TRY(nst_next_id(id, db, "account", 1));
        NST_TRY(nst_exec_with(NULL, db,
                              "INSERT INTO account (id, username, token_serial, is_staff, "
                              "is_superuser, is_active, created_at, updated_at) "
                              "VALUES ($1, $2, 0, FALSE, FALSE, TRUE, $3, $4)",
                              NST_INT(*id), NST_TEXT(username), NST_INT(now), NST_INT(now)));
    }
    if (is_staff)
        NST_TRY(nst_exec_with(NULL, db, "UPDATE account SET is_staff = TRUE WHERE id = $1",
                              NST_INT(*id)));
    return NST_OK;
}

/* ---- The command ---- */

struct task {
    struct nst_str username, token;
    bool is_staff;
};

static enum nst_err make_token(struct nst_db *db, void *arg)
{
    const struct task *t = arg;
    struct nst_token token = { .token = t->token, .kind = NST_TOKEN_MACHINE };
    NST_TRY(nst_account_put(&token.account, db, t->username, t->is_staff, nst_now()));
    return nst_token_store(db, &token, nst_now());
}

static enum nst_err revoke_tokens(struct nst_db *db, void *arg)
{
    const struct task *t = arg;
    int64_t id;
    struct nst_arena *a = nst_arena_new(1024);
    enum nst_err e = find_account(&id, db, a, t->username);
    nst_arena_free(a);
    if (e == NST_OK && id == 0)
        e = NST_E_NOT_FOUND;
    return e != NST_OK
               ? e
               : nst_exec_with(NULL, db, "DELETE FROM token WHERE account_id = $1", NST_INT(id));
}

static int report(const struct task *t, enum nst_err e)
{
    if (e == NST_E_NOT_FOUND)
        fprintf(stderr, "token: nobody is called \"%.*s\"\n", NST_FMT(t->username));
    else if (e != NST_OK)
        fprintf(stderr, "token: %s\n", nst_err_message(e));
    else if (t->token.p != NULL)
        printf("%.*s\n", NST_FMT(t->token));
    return e == NST_OK ? 0 : 1;
}

static int token_run(struct nst_store *store, int argc, char **argv)
{
    const char *option = argc == 3 ? argv[2] : "";
    bool revokes = strcmp(option, "--revoke") == 0;
    struct task t = { .is_staff = strcmp(option, "--staff") == 0 };
    if (argc < 2 || argc > 3 || (argc == 3 && !revokes && !t.is_staff))
        return 2;
    t.username = nst_str_z(argv[1]);
    if (t.username.n == 0 || !nst_utf8_valid(t.username) || !nst_slug.fits(t.username)) {
        fprintf(stderr, "token: \"%s\" is no name\n", argv[1]);
        return 1;
    }
    struct nst_arena *a = nst_arena_new(1024);
    t.token = revokes ? (struct nst_str){ 0 } : nst_random_hex(a, TOKEN_BYTES);
    int status =
        report(&t, nst_store_run(store, NST_MODE_WRITE, revokes ? revoke_tokens : make_token, &t));
    nst_arena_free(a);
    return status;
}

static const struct nst_command commands[] = {
    { "token", "token NAME [--staff | --revoke]",
      "print a new token of NAME, whose account is made when there is none", token_run },
    { 0 },
};

const struct nst_app nst_accounts_app = {
    .name = "accounts",
    .migrations = nst_accounts_migrations,
    .commands = commands,
};
