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
    return *user != NULL ? NST_OK : NST_E_NOT_FOUND;
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
    struct nst_buf b;
    nst_buf_init(&b, a, 64);
    if (time == 0)
        return NST_STR("never");
    nst_put_time(&b, time, NST_TIME_SECOND_Z);
    return nst_buf_str(&b);
}

/* ---- Which action ---- */

/* What the action still wants; NULL when it has all. */
static const char *wanted(const struct cli_account_action *action, const struct cli_options *o)
{
    const struct {
        unsigned need;
        bool is_there;
        const char *what;
    } check[] = {
        { CLI_NEEDS_USER, o->user != NULL, "--user NAME" },
        { CLI_NEEDS_WORD, o->rest_count == 2, "the user's name" },
        { CLI_NEEDS_FROM_FILE, o->from_file != NULL, "--from-file FILE" },
        { CLI_NEEDS_NAME, o->name != NULL, "--name TEXT" },
        { CLI_NEEDS_PASSWORD_FILE, o->password_file != NULL, "--password-file FILE" },
    };
    for (size_t i = 0; i < NST_COUNT(check); i++)
        if ((action->needs & check[i].need) != 0 && !check[i].is_there)
            return check[i].what;
    return NULL;
}

static int run_action(const struct cli_verb *verb, struct cli_options *o)
{
    const struct cli_account_action *action = cli_action(verb, o);
    struct cli_site site;
    struct cli_account task = { .o = o, .site = &site };
    if (action == NULL)
        return cli_misuse_action(verb, o);
    if (wanted(action, o) != NULL)
        return cli_misuse(verb, "%s wants %s", action->name, wanted(action, o));
    task.name = (action->needs & CLI_NEEDS_WORD) != 0 ? o->rest[1] : o->user;
    if (task.name != NULL && !nst_utf8_is_plain(nst_str_z(task.name)))
        return cli_misuse(verb, "the user's name is no UTF-8 text without control characters");
    if (!cli_site_open(&site, o, verb, false))
        return EXIT_FAILED;
    int status = action->run(&task);
    cli_site_close(&site);
    return status;
}

int cli_account_run(const struct cli_verb *verb, int argc, char **argv)
{
    struct cli_options o;
    int status = cli_options_parse(&o, verb, argc, argv) ? run_action(verb, &o) : o.status;
    nst_arena_free(o.arena);
    return status;
}
