/* nestor enrollments: what an operator does to enrolments as a whole. Export has a
 * file of its own; the others are a few lines around src/enroll/upkeep.c. */
#include "enrollments.h"

#include "enroll/upkeep.h"
#include "nestor/accounts.h"

#include <stdio.h>
#include <string.h>

#define DAYS_MAX INT64_C(36500)

/* ---- retire ---- */

struct retiring {
    struct cli_options *o;
    struct nst_caller author;
    size_t rows;
};

static enum nst_err retire(struct nst_db *db, void *arg)
{
    struct retiring *r = arg;
    struct nst_sql q;
    int64_t account = 0;
    bool found = false;
    nst_sql_init(&q, r->o->arena);
    nst_sql_add(&q, "SELECT id FROM account WHERE username = ");
    nst_sql_bind(&q, NST_TEXT(nst_str_z(r->o->rest[1])));
    NST_TRY(nst_sql_int(&account, &found, db, &q));
    if (!found)
        return NST_E_NOT_FOUND;
    NST_TRY(enroll_retire(&r->rows, db, r->o->arena, account, r->author.id));
    struct nst_req rq = { .arena = r->o->arena, .db = db };
    return nst_audit(&rq,
                     &(struct nst_act){ .name = "enrollments.retire",
                                        .on = nst_strf(rq.arena, "/users/%s/", r->o->rest[1]) });
}

static int run_retire(struct cli_site *site, struct cli_options *o)
{
    struct retiring r = { .o = o };
    int status = cli_find_author(&r.author, site, o, &cli_enrollments);
    if (status != EXIT_DONE)
        return status;
    enum nst_err e = cli_run(site, retire, &r);
    if (e == NST_E_NOT_FOUND)
        return cli_fail(&cli_enrollments, "there is no user \"%s\"", o->rest[1]);
    if (e != NST_OK)
        return cli_fail(&cli_enrollments, "%s", nst_err_message(e));
    printf("%s: %zu enrolments have lost their external key\n", o->rest[1], r.rows);
    return EXIT_DONE;
}

/* ---- expire ---- */

struct expiring {
    struct enroll_expiry now, next;
    struct nst_arena *arena;
    int64_t days;
};

static enum nst_err expire_some(struct nst_db *db, void *arg)
{
    struct expiring *x = arg;
    nst_arena_reset(x->arena);
    NST_TRY(enroll_expire(&x->next, db, x->arena, &x->now));
    if (x->now.removed > 0 || x->next.removed == 0)
        return NST_OK; /* the first step that removes some tells of the act */
    struct nst_req rq = { .arena = x->arena, .db = db };
    return nst_audit(&rq, &(struct nst_act){
                              .name = "enrollments.expire",
                              .on = NST_STR("/"),
                              .after = nst_strf(x->arena, "{\"days\":%lld}", (long long)x->days) });
}

static enum nst_err count_expired(struct nst_db *db, void *arg)
{
    struct expiring *x = arg;
    return enroll_count_expired(db, &x->now);
}

static enum nst_err expire_all(struct cli_site *site, struct expiring *x)
{
    while (!x->now.is_done) {
        NST_TRY(cli_run(site, expire_some, x));
        x->now = x->next;
    }
    return NST_OK;
}

static int run_expire(struct cli_site *site, struct cli_options *o)
{
    struct expiring x = { .arena = nst_arena_new(65536) };
    int64_t days = 0;
    enum nst_err e = NST_E_INVALID;
    if (nst_str_int(&days, nst_str_z(o->days))) {
        x.days = days;
        x.now.before = nst_now() - days * 24 * 3600 * NST_SECOND;
        e = o->dry_run ? nst_store_run(site->store, NST_MODE_READ, count_expired, &x)
                       : expire_all(site, &x);
    }
    nst_arena_free(x.arena);
    if (e != NST_OK)
        cli_fail(&cli_enrollments, "%s", nst_err_message(e));
    printf("%lld enrolments without account and %lld course rows of theirs %s\n",
           (long long)x.now.removed, (long long)x.now.courses,
           o->dry_run ? "would be removed" : "were removed");
    return e == NST_OK ? EXIT_DONE : EXIT_FAILED;
}

/* ---- The verb ---- */

struct action {
    const char *name;
    int (*run)(struct cli_site *site, struct cli_options *o);
    const char *(*fault_of)(const struct cli_options *o); /* a sentence, or NULL */
};

static const char *retire_fault(const struct cli_options *o)
{
    return o->rest_count == 2 ? NULL : "retire wants one USERNAME";
}

static const char *expire_fault(const struct cli_options *o)
{
    int64_t days;
    bool is_good =
        o->days != NULL && nst_str_int(&days, nst_str_z(o->days)) && days >= 1 && days <= DAYS_MAX;
    if (o->rest_count != 1)
        return "expire takes options only";
    return is_good ? NULL : "expire wants --days N, from 1 to 36500";
}

static const struct action actions[] = {
    { "export", cli_export, cli_export_fault },
    { "retire", run_retire, retire_fault },
    { "expire", run_expire, expire_fault },
};

/* An export from a server needs no database. */
static int run_action(struct cli_options *o, const struct action *action)
{
    struct cli_site site;
    int status = EXIT_FAILED;
    if (o->server != NULL)
        return action->run(NULL, o);
    if (cli_site_open(&site, o, &cli_enrollments, false)) {
        status = action->run(&site, o);
        cli_site_close(&site);
    }
    return status;
}

static int enrollments_run(int argc, char **argv)
{
    struct cli_options o;
    const struct action *action;
    int status;
    if (!cli_options_parse(&o, &cli_enrollments, argc, argv)) {
        status = o.status;
    } else if ((action = cli_action(&cli_enrollments, &o)) == NULL) {
        status = cli_misuse_action(&cli_enrollments, &o);
    } else if (action->fault_of(&o) != NULL) {
        status = cli_misuse(&cli_enrollments, "%s", action->fault_of(&o));
    } else if (o.server != NULL && action->run != cli_export) {
        status = cli_misuse(&cli_enrollments, "only export works on a server");
    } else {
        status = run_action(&o, action);
    }
    nst_arena_free(o.arena);
    return status;
}

const struct cli_verb cli_enrollments = {
    .name = "enrollments",
    .actions = CLI_NAMES(actions),
    .usage = "enrollments export [program UUID | --all] [--courses | --course KEY] "
             "[--format csv|jsonl] [--output FILE] | retire USERNAME | expire --days N "
             "[--dry-run]",
    .summary = "export enrolments, retire a person, remove what waited too long",
    .help =
        "export  write program enrolments, or with --courses or --course KEY course rows, as CSV\n"
        "        or JSON lines to FILE or standard output: one consistent state of a database;\n"
        "        or with --server URL and --token-file FILE what a server lists of one program\n"
        "retire  take the external key off a person's enrolments and off their history\n"
        "expire  remove enrolments that have had no account for N days, with their history\n\n"
        "Examples:\n"
        "  nestor enrollments export --data ./data --output all.csv\n"
        "  nestor enrollments export program 6f1c1f9e-2f8a-4f43-8a4e-1f3c0d7b5a10 \\\n"
        "      --course course-v1:HillsU+MAP1+2019 --format jsonl\n"
        "  nestor enrollments retire ann --data ./data\n"
        "  nestor enrollments expire --days 365 --dry-run\n",
    .words = 3,
    .run = enrollments_run,
};
