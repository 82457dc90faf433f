/* nestor client: programs that exchange an id and a secret for an access token. */
#include "cli.h"
#include "table.h"

#include "nestor/accounts.h"

#include <stdio.h>
#include <string.h>

struct task {
    struct cli_options *o;
    const char *id;
    struct nst_str secret;
    bool is_missing; /* there is no such user */
};

static enum nst_err record(const struct task *t, struct nst_db *db, const char *act)
{
    struct nst_req rq = { .arena = t->o->arena, .db = db };
    return nst_audit(&rq, &(struct nst_act){ .name = act,
                                             .on = nst_strf(rq.arena, "/clients/%s/", t->id) });
}

static enum nst_err add(struct nst_db *db, void *arg)
{
    struct task *t = arg;
    struct nst_client client = { .id = nst_str_z(t->id),
                                 .secret = t->secret,
                                 .is_restricted = t->o->restricted,
                                 .created = nst_now() };
    struct nst_sql q;
    bool found = false;
    nst_sql_init(&q, t->o->arena);
    nst_sql_add(&q, "SELECT id FROM account WHERE is_active AND username = ");
    nst_sql_bind(&q, NST_TEXT(nst_str_z(t->o->user)));
    NST_TRY(nst_sql_int(&client.account, &found, db, &q));
    t->is_missing = !found;
    if (!found)
        return NST_E_NOT_FOUND;
    NST_TRY(nst_client_add(db, &client));
    return record(t, db, "client.add");
}

static enum nst_err rotate(struct nst_db *db, void *arg)
{
    const struct task *t = arg;
    NST_TRY(nst_client_rotate(db, nst_str_z(t->id), t->secret));
    return record(t, db, "client.rotate");
}

static void print_client(void *arg, const struct nst_client_shown *c)
{
    const struct nst_str cell[] = { c->id, c->username,
                                    c->is_restricted ? NST_STR("restricted")
                                                     : NST_STR("unrestricted") };
    cli_table_put(arg, cell, NST_COUNT(cell));
}

static enum nst_err list(struct nst_db *db, void *arg)
{
    struct cli_table table;
    (void)arg;
    nst_db_run_once(db);
    cli_table_begin(&table, "CLIENT|USER|RIGHTS");
    enum nst_err e = nst_clients_each(db, (struct nst_str){ 0 }, print_client, &table);
    cli_table_end(&table);
    return e;
}

static enum nst_err drop(struct nst_db *db, void *arg)
{
    const struct task *t = arg;
    NST_TRY(nst_client_remove(db, nst_str_z(t->id)));
    return record(t, db, "client.remove");
}

static int report(const struct task *t, enum nst_err e)
{
    if (e == NST_OK)
        return EXIT_DONE;
    if (t->is_missing)
        return cli_fail(&cli_client, "there is no user \"%s\"", t->o->user);
    if (e == NST_E_NOT_FOUND)
        return cli_fail(&cli_client, "there is no client \"%s\"", t->id);
    return cli_fail(&cli_client, "%s",
                    e == NST_E_CONFLICT ? "this id is taken" : nst_err_message(e));
}

static int print_secret(struct cli_site *site, struct task *t, nst_work *work)
{
    t->secret = nst_random_hex(t->o->arena, 32);
    int status = report(t, cli_run(site, work, t));
    if (status == EXIT_DONE)
        printf("%.*s\n", NST_FMT(t->secret));
    return status;
}

static int run_add(struct cli_site *site, struct task *t)
{
    return print_secret(site, t, add);
}

static int run_rotate(struct cli_site *site, struct task *t)
{
    return print_secret(site, t, rotate);
}

static int run_remove(struct cli_site *site, struct task *t)
{
    int status = report(t, cli_run(site, drop, t));
    if (status == EXIT_DONE)
        printf("The client %s is removed, with its access tokens.\n", t->id);
    return status;
}

static int run_list(struct cli_site *site, struct task *t)
{
    return report(t, nst_store_run(site->store, NST_MODE_READ, list, t));
}

static const struct action {
    const char *name;
    int (*run)(struct cli_site *site, struct task *t);
} actions[] = {
    { "add", run_add }, { "list", run_list }, { "remove", run_remove }, { "rotate", run_rotate }
};

static const char *fault_of(const struct cli_options *o, const struct action *action)
{
    bool is_add = action->run == run_add;
    if (!is_add && (o->user != NULL || o->restricted))
        return "--user and --restricted are for `nestor client add`";
    if (action->run == run_list)
        return o->rest_count == 1 ? NULL : "list takes no ID";
    const char *fault = nst_client_id_fault(nst_str_z(o->rest_count == 2 ? o->rest[1] : ""));
    if (fault != NULL)
        return fault;
    return is_add && o->user == NULL ? "add wants --user NAME" : NULL;
}

static int client_run(int argc, char **argv)
{
    struct cli_options o;
    struct cli_site site;
    const struct action *action;
    int status = EXIT_FAILED;
    if (!cli_options_parse(&o, &cli_client, argc, argv)) {
        status = o.status;
    } else if ((action = cli_action(&cli_client, &o)) == NULL) {
        status = cli_misuse_action(&cli_client, &o);
    } else if (fault_of(&o, action) != NULL) {
        status = cli_misuse(&cli_client, "%s", fault_of(&o, action));
    } else if (cli_site_open(&site, &o, &cli_client, false)) {
        struct task task = { .o = &o, .id = o.rest_count == 2 ? o.rest[1] : NULL };
        status = action->run(&site, &task);
        cli_site_close(&site);
    }
    nst_arena_free(o.arena);
    return status;
}

const struct cli_verb cli_client = {
    .name = "client",
    .actions = CLI_NAMES(actions),
    .usage = "client add ID --user NAME [--restricted] | list | remove ID | rotate ID [--data DIR]",
    .summary = "register programs that fetch access tokens",
    .help =
        "add     register a client that speaks for a user; its secret is printed once\n"
        "list    show the clients\n"
        "remove  remove a client and its access tokens\n"
        "rotate  print a new secret; the former, and tokens fetched by it (web tokens, too), end\n"
        "        at once\n\n"
        "A client posts grant_type=client_credentials, client_id and client_secret to\n"
        "/oauth2/access_token.\n\n"
        "Examples:\n"
        "  nestor client add registrar --user ada\n"
        "  nestor client add dashboard --user ada --restricted\n"
        "  nestor client rotate registrar\n"
        "  nestor client remove registrar\n",
    .words = 2,
    .run = client_run,
};
