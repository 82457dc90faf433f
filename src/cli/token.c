/* nestor token: what machines and people show to be let in. */
#include "account.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define TOKEN_FILE_MAX 4096
#define TOKEN_LIFE     (NST_SECOND * 86400 * 365) /* of a machine's, where nothing is said */

/* The token that --name says, for the audit log. */
static struct nst_str name_member(const struct cli_account *t)
{
    return nst_audit_member(t->o->arena, "name", nst_str_z(t->o->name));
}

static enum nst_err token_show(struct nst_db *db, void *arg)
{
    struct cli_account *t = arg;
    struct ocl_user *user;
    NST_TRY(cli_account_find(&user, t, db));
    t->token = nst_token_derive(t->o->arena, user->row.id, user->token_serial);
    return cli_account_record(t, db, (struct nst_act){ .name = "token.read" });
}

static enum nst_err token_renew(struct nst_db *db, void *arg)
{
    struct cli_account *t = arg;
    struct ocl_user *user;
    NST_TRY(cli_account_find(&user, t, db));
    NST_TRY(nst_token_renew(&t->token, db, t->o->arena, user->row.id, nst_now()));
    return cli_account_record(t, db, (struct nst_act){ .name = "token.renew" });
}

static const char *name_fault(const struct cli_account *t)
{
    return t->o->name == NULL || nst_token_name_is_good(nst_str_z(t->o->name))
               ? NULL
               : "--name wants a name that can be seen, of at most " NST_DIGITS(
                     NST_TOKEN_NAME_MAX) " characters";
}

static enum nst_err token_store(struct nst_db *db, void *arg)
{
    struct cli_account *t = arg;
    struct ocl_user *user;
    bool is_free = true;
    NST_TRY(cli_account_find(&user, t, db));
    if (t->o->name != NULL)
        NST_TRY(nst_token_name_free(&is_free, db, user->row.id, nst_str_z(t->o->name), nst_now()));
    t->is_taken = !is_free;
    if (t->is_taken)
        return NST_E_CONFLICT;
    const struct nst_token token = {
        .account = user->row.id,
        .token = t->token,
        .kind = t->o->from_file != NULL ? NST_TOKEN_CARRIED : NST_TOKEN_MACHINE,
        .name = nst_str_z(t->o->name),
        .expires = t->expires,
    };
    NST_TRY(nst_token_store(db, &token, nst_now()));
    return cli_account_record(t, db,
                              (struct nst_act){ .name = "token.add", .after = name_member(t) });
}

static bool is_token_text(struct nst_str text)
{
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] <= ' ' || text.p[i] > '~')
            return false;
    return text.n >= NST_CARRIED_TOKEN_MIN && text.n <= NST_CARRIED_TOKEN_MAX;
}

static void warn_of_disabled(const struct cli_account *t)
{
    if (t->is_off)
        fprintf(stderr,
                "nestor token: %s is disabled: it opens nothing before `nestor user enable %s%s`\n",
                t->name, cli_word(t->o->arena, t->name), cli_where(t->o));
}

static int print_token(const struct cli_verb *verb, struct cli_account *t, nst_work *work)
{
    int status = cli_account_report(verb, t, cli_run(t->site, work, t));
    if (status == EXIT_DONE) {
        printf("%.*s\n", NST_FMT(t->token));
        warn_of_disabled(t);
    }
    return status;
}

/* --expires TIME, `never`, or what is said when it is left out. Returns what is wrong. */
static const char *read_expiry(struct cli_account *t, int64_t otherwise)
{
    const char *given = t->o->expires;
    t->expires = given == NULL ? otherwise : 0;
    if (given == NULL || strcmp(given, "never") == 0)
        return NULL;
    if (!cli_time_read(&t->expires, t->o->arena, given, false))
        return "--expires wants a time such as 2030-01-01T00:00:00Z, a day such as 2030-01-01, how "
               "long it is good (90d), or never";
    return t->expires <= nst_now() ? "--expires names a time that has passed" : NULL;
}

static int token_add(struct cli_account *t)
{
    const char *fault = read_expiry(t, 0);
    fault = fault != NULL ? fault : name_fault(t);
    if (fault != NULL)
        return cli_misuse(&cli_token, "%s", fault);
    t->token = cli_read_file(t->o->arena, t->o->from_file, TOKEN_FILE_MAX);
    if (t->token.p == NULL)
        return cli_fail(&cli_token, "%s cannot be read: %s", t->o->from_file, strerror(errno));
    if (!is_token_text(t->token))
        return cli_fail(&cli_token,
                        "%s does not hold a token of %d to %d printable characters without blanks",
                        t->o->from_file, NST_CARRIED_TOKEN_MIN, NST_CARRIED_TOKEN_MAX);
    int status = cli_account_report(&cli_token, t, cli_run(t->site, token_store, t));
    if (status == EXIT_DONE) {
        printf("The token in %s is one of %s now.\n", t->o->from_file, t->name);
        warn_of_disabled(t);
    }
    return status;
}

/* The token alone goes to standard output, since that is redirected into a file. */
static int token_create(struct cli_account *t)
{
    const char *fault = read_expiry(t, nst_now() + TOKEN_LIFE);
    fault = fault != NULL ? fault : name_fault(t);
    if (fault != NULL)
        return cli_misuse(&cli_token, "%s", fault);
    t->token = nst_random_hex(t->o->arena, 32);
    int status = print_token(&cli_token, t, token_store);
    if (status == EXIT_DONE)
        fprintf(
            stderr,
            "It expires: %.*s (--expires says when). `nestor token end --user %s --name %s%s` ends "
            "it at once.\n",
            NST_FMT(cli_account_time(t->o->arena, t->expires)), cli_word(t->o->arena, t->name),
            cli_word(t->o->arena, t->o->name), cli_where(t->o));
    return status;
}

static void print_named(void *arg, const struct nst_token_shown *shown)
{
    struct cli_account *t = arg;
    const struct nst_str cell[] = { shown->username, shown->name,
                                    nst_str_z(nst_token_kind_name(shown->kind)),
                                    cli_account_time(t->o->arena, shown->created),
                                    cli_account_time(t->o->arena, shown->expires) };
    cli_table_put(&t->table, cell, NST_COUNT(cell));
}

static enum nst_err token_list(struct nst_db *db, void *arg)
{
    struct cli_account *t = arg;
    struct ocl_user *user = NULL;
    nst_db_run_once(db);
    if (t->name != NULL)
        NST_TRY(cli_account_find(&user, t, db));
    cli_table_begin(&t->table, "USER|TOKEN|KIND|SINCE|UNTIL");
    enum nst_err e = nst_tokens_each(db, user != NULL ? user->row.id : 0, print_named, t);
    cli_table_end(&t->table);
    return e;
}

static int token_list_run(struct cli_account *t)
{
    return cli_account_report(&cli_token, t,
                              nst_store_run(t->site->store, NST_MODE_READ, token_list, t));
}

static enum nst_err token_end(struct nst_db *db, void *arg)
{
    struct cli_account *t = arg;
    struct ocl_user *user;
    NST_TRY(cli_account_find(&user, t, db));
    NST_TRY(nst_token_end(db, user->row.id, nst_str_z(t->o->name)));
    return cli_account_record(t, db,
                              (struct nst_act){ .name = "token.end", .before = name_member(t) });
}

static int token_end_run(struct cli_account *t)
{
    enum nst_err e = cli_run(t->site, token_end, t);
    if (e == NST_E_NOT_FOUND && !t->is_missing)
        return cli_fail(&cli_token, "%s has no token \"%s\"", t->name, t->o->name);
    if (e == NST_OK)
        printf("The token %s of %s is ended.\n", t->o->name, t->name);
    return cli_account_report(&cli_token, t, e);
}

static int token_show_run(struct cli_account *t)
{
    return print_token(&cli_token, t, token_show);
}

static int token_renew_run(struct cli_account *t)
{
    return print_token(&cli_token, t, token_renew);
}

static const struct cli_account_action token_actions[] = {
    { "add", CLI_WITH_USER | CLI_WITH_FROM_FILE, CLI_WITH_NAME | CLI_WITH_EXPIRES, token_add },
    { "create", CLI_WITH_USER | CLI_WITH_NAME, CLI_WITH_EXPIRES, token_create },
    { "list", 0, CLI_WITH_USER, token_list_run },
    { "end", CLI_WITH_USER | CLI_WITH_NAME, 0, token_end_run },
    { "show", CLI_WITH_USER, 0, token_show_run },
    { "renew", CLI_WITH_USER, 0, token_renew_run },
};

static int token_run(int argc, char **argv)
{
    return cli_account_run(&cli_token, argc, argv);
}

const struct cli_verb cli_token = {
    .name = "token",
    .actions = CLI_NAMES(token_actions),
    .usage = "token add|create|list|end|show|renew --user NAME [--from-file FILE] [--name TEXT] "
             "[--expires TIME|never] [--data DIR]",
    .summary = "show, renew, create, list, end or bring along tokens",
    .help = "add     bring an existing token of 40 or more characters along, from FILE\n"
            "create  make a further token for a machine, printed once; a year long good unless\n"
            "        --expires says otherwise; no two of a user have one name\n"
            "list    print what a user, or without --user everybody, has beside the own token:\n"
            "        user, name, kind, made, expires\n"
            "end     end one of these by its name\n"
            "show    print the user's own token\n"
            "renew   give the user a new one; the former stops working, the others stay\n\n"
            "Examples:\n"
            "  nestor token show --user ada\n"
            "  nestor token add --user ada --from-file old-server.token\n"
            "  nestor token create --user ada --name nightly --expires 2030-01-01T00:00:00Z\n"
            "  nestor token end --user ada --name nightly\n",
    .words = 1,
    .run = token_run,
};
