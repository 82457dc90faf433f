/* What the verbs of accounts share (nestor user, nestor token). */
#ifndef NESTOR_CLI_ACCOUNT_H
#define NESTOR_CLI_ACCOUNT_H

#include "cli.h"
#include "table.h"

#include "nestor/accounts.h"
#include "ocl/user/user.h"

/* What one run of a verb is about. Texts are in o->arena. */
struct cli_account {
    struct cli_options *o;
    struct cli_site *site;
    const char *name;     /* of the user; NULL: none is named */
    struct nst_str token; /* to store, or made */
    int64_t expires;
    struct nst_str password; /* hash */
    int64_t ended;           /* sessions */
    bool is_missing;         /* there is no such user */
    bool is_taken;           /* the user has a token of this name */
    bool is_off;             /* `nestor user disable` was said of the user */
    struct nst_str problem;  /* error body of a request */
    struct cli_table table;  /* that is printed */
};

/* What an action cannot do without, or may be told besides. */
enum {
    CLI_WITH_USER = 1 << 0,
    CLI_WITH_WORD = 1 << 1, /* the user's name behind the action */
    CLI_WITH_FROM_FILE = 1 << 2,
    CLI_WITH_NAME = 1 << 3,
    CLI_WITH_PASSWORD_FILE = 1 << 4,
    CLI_WITH_EMAIL = 1 << 5,
    CLI_WITH_EXPIRES = 1 << 6,
    CLI_WITH_STAFF = 1 << 7,
    CLI_WITH_SUPERUSER = 1 << 8,
    CLI_WITH_ERASE = 1 << 9,
};

/* A row of the table that cli_verb.actions is made of. */
struct cli_account_action {
    const char *name;
    unsigned needs, takes; /* what else is said is refused */
    int (*run)(struct cli_account *t); /* returns an exit code */
    const char *done; /* printed behind the user's name when it went well; NULL: nothing is */
};

/* Run the action that the words name, on the store of its installation. Returns an exit code. */
int cli_account_run(const struct cli_verb *verb, int argc, char **argv);

/* Find the user who is named, and set is_off. Errors: NST_E_NOT_FOUND, with is_missing set; those
 * of nst_query. */
NST_CHECKED enum nst_err cli_account_find(struct ocl_user **user, struct cli_account *t,
                                          struct nst_db *db);

/* "/users/ada/" */
struct nst_str cli_account_url(const struct cli_account *t);

/* Write an act on the user, who need not be named in it, into the audit log. Errors: those of
 * nst_query. */
NST_CHECKED enum nst_err cli_account_record(const struct cli_account *t, struct nst_db *db,
                                            struct nst_act act);

/* Say why it was not done. Returns an exit code. */
int cli_account_report(const struct cli_verb *verb, const struct cli_account *t, enum nst_err e);

/* "2027-01-31T09:00:00Z", or "never". */
struct nst_str cli_account_time(struct nst_arena *a, int64_t time);

/* ---- Rights and sessions of a user (user_rights.c) ---- */

/* Give or take the rights that the options name (--staff, --superuser), with their rows of the log.
 * Errors: NST_E_CONFLICT for the last superuser; those of cli_account_find. */
NST_CHECKED enum nst_err cli_user_give(struct cli_account *t, struct nst_db *db, bool value);

/* Let the user in again, or no more. Each returns an exit code, after saying why not. */
int cli_user_enable(struct cli_account *t), cli_user_disable(struct cli_account *t);

/* Give or take the rights that the options name. Each returns an exit code, after saying why
 * not. */
int cli_user_grant(struct cli_account *t), cli_user_revoke(struct cli_account *t);

/* Print the sessions that are open, or end them all. Each returns an exit code. */
int cli_user_sessions(struct cli_account *t), cli_user_sign_out(struct cli_account *t);

#endif
