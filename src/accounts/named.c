/* The tokens of an account beside its own: which there are, and how they end. */
#include "internal.h"

/* One without a name is called after its hash, which opens nothing. */
#define NAME   "coalesce(token.name, 'token-' || substr(token.hash, 1, 8))"
#define NAMED  "FROM token WHERE token.account_id = $1 AND token.kind <> 0 "
#define UNIQUE "AND token.kind IN (1, 2) " /* of which a name is unique */
#define SHOWN \
    "SELECT account.username, " NAME ", token.kind, token.created_at, token.expires_at " \
    "FROM token JOIN account ON account.id = token.account_id WHERE token.kind <> 0 "
#define ORDER "ORDER BY account.username, token.created_at, token.hash"

const char *nst_token_kind_name(enum nst_token_kind kind)
{
    static const char *const name[] = {
        [NST_TOKEN_ACCOUNT] = "own",
        [NST_TOKEN_MACHINE] = "machine",
        [NST_TOKEN_CARRIED] = "carried",
        [NST_TOKEN_BEARER] = "bearer",
    };
    return name[kind];
}

enum nst_err nst_tokens_each(struct nst_db *db, int64_t account, nst_token_sink *sink, void *arg)
{
    static const struct nst_str of_all = NST_STR_INIT(SHOWN ORDER);
    static const struct nst_str of_one = NST_STR_INIT(SHOWN "AND token.account_id = $1 " ORDER);
    const struct nst_value value = NST_INT(account);
    struct nst_rows *rows;
    NST_TRY(account != 0 ? nst_query(&rows, db, of_one, &value, 1)
                         : nst_query(&rows, db, of_all, NULL, 0));
    while (nst_rows_step(rows)) {
        const struct nst_token_shown shown = {
            .username = nst_rows_text(rows, 0),
            .name = nst_rows_text(rows, 1),
            .kind = (enum nst_token_kind)nst_rows_int(rows, 2),
            .created = nst_rows_int(rows, 3),
            .expires = nst_rows_int(rows, 4),
        };
        sink(arg, &shown);
    }
    return nst_rows_end(rows);
}

enum nst_err nst_token_end(struct nst_db *db, int64_t account, struct nst_str name)
{
    int64_t ended = 0;
    NST_TRY(nst_exec_with(&ended, db, "DELETE " NAMED "AND " NAME " = $2", NST_INT(account),
                          NST_TEXT(name)));
    return ended > 0 ? NST_OK : NST_E_NOT_FOUND;
}

enum nst_err nst_token_name_free(bool *out, struct nst_db *db, int64_t account, struct nst_str name,
                                 int64_t now)
{
    bool is_taken = false;
    NST_TRY(nst_exec_with(NULL, db,
                          "DELETE " NAMED UNIQUE "AND token.name = $2 AND token.expires_at <= $3",
                          NST_INT(account), NST_TEXT(name), NST_INT(now)));
    NST_TRY(nst_exists_with(&is_taken, db, "SELECT 1 " NAMED UNIQUE "AND token.name = $2",
                            NST_INT(account), NST_TEXT(name)));
    *out = !is_taken;
    return NST_OK;
}
