/* What the verbs of accounts share; see account.h. */
#include "account.h"

#include <stdio.h>

enum nst_err cli_account_find(struct ocl_user **user, struct cli_account *t, struct nst_db *db)
{
    struct nst_req rq = { .arena = t->o->arena, .registry = t->site->registry, .db = db };
    struct nst_sql q;
    nst_sql_init(&q, rq.arena);
    nst_sql_add(&q, " AND account.username = ");
    nst_sql_bind(&q, NST_TEXT(nst_str_z(t->name)));
    NST_TRY(nst_load_where((void **)user, &rq, &ocl_user, NST_LOAD_ALL, &q));
    t->is_missing = *user == NULL;
    if (t->is_missing)
        return NST_E_NOT_FOUND;
    return nst_exists_with(&t->is_off, db,
                           "SELECT 1 FROM account WHERE id = $1 AND is_enabled <> $2",
                           NST_INT((*user)->row.id), NST_BOOL(true));
}

struct nst_str cli_account_url(const struct cli_account *t)
{
    return nst_strf(t->o->arena, "/users/%s/", t->name);
}

enum nst_err cli_account_record(const struct cli_account *t, struct nst_db *db, struct nst_act act)
{
    struct nst_req rq = { .arena = t->o->arena, .db = db };
    act.on = cli_account_url(t);
    return nst_audit(&rq, &act);
}

int cli_account_report(const struct cli_verb *verb, const struct cli_account *t, enum nst_err e)
{
    if (e == NST_OK)
        return EXIT_DONE;
    if (t->is_missing)
        return cli_fail(verb, "there is no user \"%s\"", t->name);
    if (t->is_taken)
        return cli_fail(verb,
                        "%s has a token \"%s\" already; `nestor token end --user %s --name %s%s` "
                        "ends it",
                        t->name, t->o->name, cli_word(t->o->arena, t->name),
                        cli_word(t->o->arena, t->o->name), cli_where(t->o));
    if (t->problem.n > 0)
        return cli_fail(verb, "refused: %.*s", NST_FMT(t->problem));
    return cli_fail(verb, "%s",
                    e == NST_E_CONFLICT ? "this token is known already" : nst_err_message(e));
}

struct nst_str cli_account_time(struct nst_arena *a, int64_t time)
{
    return time != 0 ? cli_time_text(a, time) : NST_STR("never");
}

/* ---- Which action ---- */

/* What of all that there is the options say. */
static unsigned said(const struct cli_options *o)
{
    return (o->user != NULL ? CLI_WITH_USER : 0U) | (o->rest_count == 2 ? CLI_WITH_WORD : 0U) |
           (o->from_file != NULL ? CLI_WITH_FROM_FILE : 0U) |
           (o->name != NULL ? CLI_WITH_NAME : 0U) |
           (o->password_file != NULL ? CLI_WITH_PASSWORD_FILE : 0U) |
           (o->email != NULL ? CLI_WITH_EMAIL : 0U) | (o->expires != NULL ? CLI_WITH_EXPIRES : 0U) |
           (o->staff ? CLI_WITH_STAFF : 0U) | (o->superuser ? CLI_WITH_SUPERUSER : 0U) |
           (o->erase ? CLI_WITH_ERASE : 0U);
}

static const char *const words[] = {
    "--user NAME",     "the user's name", "--from-file FILE", "--name TEXT", "--password-file FILE",
    "--email ADDRESS", "--expires TIME",  "--staff",          "--superuser", "--erase"
};

/* The first of these; NULL: there is none. */
static const char *first_of(unsigned some)
{
    for (size_t i = 0; i < NST_COUNT(words); i++)
        if ((some & 1U << i) != 0)
            return words[i];
    return NULL;
}

/* What the options lack or say in vain, told. Returns an exit code. */
static int judge_options(const struct cli_verb *verb, const struct cli_account_action *action,
                         const struct cli_options *o)
{
    unsigned there = said(o);
    const char *lacks = first_of(action->needs & ~there),
               *vain = first_of(there & ~action->needs & ~action->takes);
    if (lacks != NULL)
        return cli_misuse(verb, "%s wants %s", action->name, lacks);
    if (vain != NULL)
        return cli_misuse(verb, "%s has no use for %s", action->name, vain);
    return EXIT_DONE;
}

static int run_action(const struct cli_verb *verb, struct cli_options *o)
{
    const struct cli_account_action *action = cli_action(verb, o);
    struct cli_site site;
    struct cli_account task = { .o = o, .site = &site };
    if (action == NULL)
        return cli_misuse_action(verb, o);
    if (judge_options(verb, action, o) != EXIT_DONE)
        return EXIT_USAGE;
    task.name = (action->needs & CLI_WITH_WORD) != 0 ? o->rest[1] : o->user;
    if (task.name != NULL && !nst_utf8_is_plain(nst_str_z(task.name)))
        return cli_misuse(verb, "the user's name is no UTF-8 text without control characters");
    if (!cli_site_open(&site, o, verb, false))
        return EXIT_FAILED;
    int status = action->run(&task);
    cli_site_close(&site);
    if (status == EXIT_DONE && action->done != NULL)
        printf("%s %s\n", task.name, action->done);
    return status;
}

int cli_account_run(const struct cli_verb *verb, int argc, char **argv)
{
    struct cli_options o;
    int status = cli_options_parse(&o, verb, argc, argv) ? run_action(verb, &o) : o.status;
    nst_arena_free(o.arena);
    return status;
}
