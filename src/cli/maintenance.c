/* nestor maintenance: switch it on and off beside the servers of the database, which see it by
 * themselves. */
#include "cli.h"

#include "nestor/accounts.h"
#include "nestor/maintenance.h"

#include <stdio.h>
#include <string.h>

struct task {
    struct cli_options *o;
    struct nst_maintenance state;
};

static enum nst_err record(struct task *t, struct nst_db *db, const char *name,
                           struct nst_str reason)
{
    struct nst_req rq = { .arena = t->o->arena, .db = db };
    return nst_audit(&rq, &(struct nst_act){
                              .name = name,
                              .on = NST_STR("maintenance"),
                              .before = nst_audit_member(rq.arena, "reason", t->state.reason),
                              .after = nst_audit_member(rq.arena, "reason", reason) });
}

static enum nst_err read_state(struct nst_db *db, void *arg)
{
    struct task *t = arg;
    return nst_maintenance_read(&t->state, t->o->arena, db);
}

static enum nst_err switch_on(struct nst_db *db, void *arg)
{
    struct task *t = arg;
    bool has_reason = t->o->reason != NULL && t->o->reason[0] != '\0';
    struct nst_str reason = has_reason ? nst_str_z(t->o->reason) : (struct nst_str){ 0 };
    const struct nst_maintenance m = { .since = nst_now(),
                                       .who = nst_operator(),
                                       .reason = reason };
    NST_TRY(read_state(db, t));
    /* Who says no reason leaves that of a colleague. */
    if (t->state.is_on && (t->o->reason == NULL || nst_str_eq(t->state.reason, m.reason)))
        return NST_OK;
    NST_TRY(nst_maintenance_begin(db, &m));
    return record(t, db, "maintenance.on", m.reason);
}

static enum nst_err switch_off(struct nst_db *db, void *arg)
{
    struct task *t = arg;
    NST_TRY(read_state(db, t));
    if (!t->state.is_on)
        return NST_OK;
    NST_TRY(nst_maintenance_end(db));
    return record(t, db, "maintenance.off", (struct nst_str){ 0 });
}

/* ---- What is printed ---- */

static void print_json(const struct task *t)
{
    const struct nst_maintenance *m = &t->state;
    struct nst_buf b;
    nst_buf_init(&b, t->o->arena, 65536);
    nst_putf(&b, "{\"is_on\":%s,\"since\":", m->is_on ? "true" : "false");
    nst_json_put_str_or_null(&b, m->is_on ? cli_time_text(t->o->arena, m->since)
                                          : (struct nst_str){ 0 });
    nst_put_lit(&b, ",\"who\":");
    nst_json_put_str_or_null(&b, m->who);
    nst_put_lit(&b, ",\"reason\":");
    nst_json_put_str_or_null(&b, m->reason);
    struct nst_str text = nst_buf_str(&b);
    printf("%.*s}\n", NST_FMT(text));
}

static void print_state(const struct task *t)
{
    const struct nst_maintenance *m = &t->state;
    struct nst_str since = cli_time_text(t->o->arena, m->since);
    if (t->o->json)
        print_json(t);
    else if (!m->is_on)
        puts("Maintenance is off.");
    else
        printf("Maintenance is on since %.*s, by %.*s%s%.*s.\n", NST_FMT(since), NST_FMT(m->who),
               m->reason.n > 0 ? ": " : "", NST_FMT(m->reason));
}

/* ---- The verb ---- */

static enum nst_err run_status(struct cli_site *site, struct task *t)
{
    enum nst_err e = nst_store_run(site->store, NST_MODE_READ, read_state, t);
    if (e == NST_OK)
        print_state(t);
    return e;
}

static enum nst_err run_on(struct cli_site *site, struct task *t)
{
    enum nst_err e = cli_run(site, switch_on, t);
    if (e == NST_OK)
        puts("Maintenance is on: servers answer 503 within a second, and end what they began.");
    return e;
}

static enum nst_err run_off(struct cli_site *site, struct task *t)
{
    enum nst_err e = cli_run(site, switch_off, t);
    if (e == NST_OK)
        puts("Maintenance is off: servers answer again within a second.");
    return e;
}

static const struct action {
    const char *name;
    enum nst_err (*run)(struct cli_site *site, struct task *t);
} actions[] = { { "on", run_on }, { "off", run_off }, { "status", run_status } };

/* What the action does not take, or how it is too long; NULL when nothing is wrong. */
static const char *fault_of(const struct cli_options *o, const struct action *action)
{
    struct nst_str reason = nst_str_z(o->reason);
    if (o->reason != NULL && action->run != run_on)
        return "--reason is for `nestor maintenance on`";
    if (o->json && action->run != run_status)
        return "--json is for `nestor maintenance status`";
    if (o->reason != NULL && nst_utf8_length(reason) > NST_MAINTENANCE_REASON_MAX)
        return "--reason wants text of at most " NST_DIGITS(
            NST_MAINTENANCE_REASON_MAX) " characters";
    return NULL;
}

static int run_action(struct cli_options *o, const struct action *action)
{
    struct task task = { .o = o };
    struct cli_site site;
    if (!cli_site_open(&site, o, &cli_maintenance, false))
        return EXIT_FAILED;
    enum nst_err e = action->run(&site, &task);
    cli_site_close(&site);
    return e == NST_OK ? EXIT_DONE
                       : cli_fail(&cli_maintenance, "nothing was changed: %s", nst_err_message(e));
}

static int maintenance_run(int argc, char **argv)
{
    struct cli_options o;
    const struct action *action;
    int status = EXIT_FAILED;
    if (!cli_options_parse(&o, &cli_maintenance, argc, argv))
        status = o.status;
    else if ((action = cli_action(&cli_maintenance, &o)) == NULL)
        status = cli_misuse_action(&cli_maintenance, &o);
    else if (fault_of(&o, action) != NULL)
        status = cli_misuse(&cli_maintenance, "%s", fault_of(&o, action));
    else
        status = run_action(&o, action);
    nst_arena_free(o.arena);
    return status;
}

const struct cli_verb cli_maintenance = {
    .name = "maintenance",
    .actions = CLI_NAMES(actions),
    .usage = "maintenance on|off|status [--reason TEXT] [--json] [--data DIR]",
    .summary = "answer all requests with 503, and stop doing so",
    .help =
        "on      from now on every request is answered 503 with Retry-After and\n"
        "        {\"detail\":\"The service is in maintenance mode.\"}; /healthz and /readyz stay\n"
        "        200, tasks wait where they are; --reason is for colleagues, not for clients;\n"
        "        without it that of before stays, \"\" takes it away\n"
        "off     back to work; tasks go on\n"
        "status  whether it is on, since when, by whom and why\n\n"
        "Servers need no restart: each sees it within a second. A superuser's token does the\n"
        "same by PUT of {\"is_on\":true} to /v2/admin/maintenance/, which is answered always.\n\n"
        "Examples:\n"
        "  nestor maintenance on --reason \"new disk\"\n"
        "  nestor maintenance status --json\n"
        "  nestor maintenance off\n",
    .words = 1,
    .run = maintenance_run,
};
