/* nestor user: rights, sessions, and who is switched off. */
#include "account.h"

#include <stdio.h>

/*   is_held  by verbs that write */
static enum nst_err find_account(struct nst_account_shown *out, struct nst_req *rq,
                                 struct cli_account *t, bool is_held)
{
    enum nst_err e = nst_account_show(out, rq, nst_str_z(t->name), is_held);
    t->is_missing = e == NST_E_NOT_FOUND;
    return e;
}

/* Who is a superuser is staff, too. */
enum nst_err cli_user_give(struct cli_account *t, struct nst_db *db, bool value)
{
    struct nst_req rq = { .arena = t->o->arena, .db = db };
    struct nst_account_shown a;
    NST_TRY(find_account(&a, &rq, t, true));
    if (t->o->staff || (value && t->o->superuser))
        NST_TRY(nst_account_set_flag(&rq, &a, NST_FLAG_STAFF, value));
    if (t->o->superuser)
        NST_TRY(nst_account_set_flag(&rq, &a, NST_FLAG_SUPERUSER, value));
    return NST_OK;
}

static enum nst_err user_grant(struct nst_db *db, void *arg)
{
    return cli_user_give(arg, db, true);
}

static enum nst_err user_revoke(struct nst_db *db, void *arg)
{
    return cli_user_give(arg, db, false);
}

static enum nst_err set_enabled(struct cli_account *t, struct nst_db *db, bool value)
{
    struct nst_req rq = { .arena = t->o->arena, .db = db };
    struct nst_account_shown a;
    NST_TRY(find_account(&a, &rq, t, true));
    return nst_account_set_flag(&rq, &a, NST_FLAG_ENABLED, value);
}

static enum nst_err user_enable(struct nst_db *db, void *arg)
{
    return set_enabled(arg, db, true);
}

static enum nst_err user_disable(struct nst_db *db, void *arg)
{
    return set_enabled(arg, db, false);
}

static void print_session(void *arg, const struct nst_session_shown *s)
{
    struct cli_account *t = arg;
    const struct nst_str cell[] = { s->name, cli_account_time(t->o->arena, s->expires) };
    cli_table_put(&t->table, cell, NST_COUNT(cell));
}

static enum nst_err user_sessions(struct nst_db *db, void *arg)
{
    struct cli_account *t = arg;
    struct nst_req rq = { .arena = t->o->arena, .db = db };
    struct nst_account_shown a;
    nst_db_run_once(db);
    NST_TRY(find_account(&a, &rq, t, false));
    cli_table_begin(&t->table, "SESSION|UNTIL");
    enum nst_err e = nst_sessions_each(&rq, a.id, print_session, t);
    cli_table_end(&t->table);
    return e;
}

static enum nst_err user_sign_out(struct nst_db *db, void *arg)
{
    struct cli_account *t = arg;
    struct nst_req rq = { .arena = t->o->arena, .db = db };
    struct nst_account_shown a;
    NST_TRY(find_account(&a, &rq, t, true));
    return nst_sessions_end(&t->ended, &rq, &a, (struct nst_str){ 0 });
}

/* What is so already is no fault. */
static int flag_run(struct cli_account *t, nst_work *work)
{
    enum nst_err e = cli_run(t->site, work, t);
    return e == NST_E_CONFLICT
               ? cli_fail(&cli_user,
                          "there must be a superuser who may sign in; %s is the last one", t->name)
               : cli_account_report(&cli_user, t, e);
}

int cli_user_enable(struct cli_account *t)
{
    return flag_run(t, user_enable);
}

int cli_user_disable(struct cli_account *t)
{
    return flag_run(t, user_disable);
}

static int rights_run(struct cli_account *t, nst_work *work)
{
    if (!t->o->staff && !t->o->superuser)
        return cli_misuse(&cli_user, "%s wants --staff or --superuser", t->o->rest[0]);
    return flag_run(t, work);
}

int cli_user_grant(struct cli_account *t)
{
    return rights_run(t, user_grant);
}

int cli_user_revoke(struct cli_account *t)
{
    return rights_run(t, user_revoke);
}

int cli_user_sessions(struct cli_account *t)
{
    return cli_account_report(&cli_user, t,
                              nst_store_run(t->site->store, NST_MODE_READ, user_sessions, t));
}

int cli_user_sign_out(struct cli_account *t)
{
    int status = cli_account_report(&cli_user, t, cli_run(t->site, user_sign_out, t));
    if (status == EXIT_DONE)
        printf("Sessions of %s that ended: %lld.\n", t->name, (long long)t->ended);
    return status;
}
