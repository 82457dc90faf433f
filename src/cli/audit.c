/* nestor audit: what administrators did, the oldest first, so that the last stands at the prompt.
 */
#include "grammar.h"
#include "table.h"

#include <stdio.h>

struct task {
    struct cli_options *o;
    int64_t since;
    struct cli_table table; /* unless as JSON */
};

/* Columns of the log in the order of the statement. */
static const char *const columns[] = { "at",  "who",    "via",    "address", "request",
                                       "act", "object", "before", "after" };

enum column { AT, WHO, VIA, ADDRESS, REQUEST, ACT, OBJECT, BEFORE, AFTER };

static struct nst_str time_text(struct nst_arena *a, int64_t time)
{
    struct nst_buf b;
    nst_buf_init(&b, a, 64);
    nst_put_time(&b, time, NST_TIME_MICRO_Z);
    return nst_buf_str(&b);
}

static void put_value(struct nst_buf *out, struct task *t, struct nst_rows *rows, unsigned column)
{
    bool is_json = column >= BEFORE && !nst_rows_is_null(rows, column);
    if (column == AT)
        nst_json_put_str(out, time_text(t->o->arena, nst_rows_int(rows, AT)));
    else if (is_json)
        nst_put(out, nst_rows_text(rows, column));
    else
        nst_json_put_str_or_null(out, nst_rows_text(rows, column));
}

static void print_json(struct task *t, struct nst_rows *rows)
{
    struct nst_buf b;
    nst_buf_init(&b, t->o->arena, 1 << 20);
    for (unsigned i = 0; i < NST_COUNT(columns); i++) {
        nst_putf(&b, "%s\"%s\":", i == 0 ? "{" : ",", columns[i]);
        put_value(&b, t, rows, i);
    }
    nst_put_char(&b, '}');
    struct nst_str line = nst_buf_str(&b);
    printf("%.*s\n", NST_FMT(line));
}

static void print_text(struct task *t, struct nst_rows *rows)
{
    const struct nst_str cell[] = { time_text(t->o->arena, nst_rows_int(rows, AT)),
                                    nst_rows_text(rows, WHO),
                                    nst_rows_text(rows, VIA),
                                    nst_rows_text(rows, ADDRESS),
                                    nst_rows_text(rows, ACT),
                                    nst_rows_text(rows, OBJECT),
                                    nst_rows_text(rows, AFTER) };
    cli_table_put(&t->table, cell, NST_COUNT(cell));
}

static enum nst_err print_rows(struct nst_db *db, void *arg)
{
    struct task *t = arg;
    struct nst_rows *rows;
    nst_db_run_once(db);
    NST_TRY(nst_query_with(&rows, db,
                           "SELECT at, who, via, address, request, act, object, before, after "
                           "FROM audit WHERE at >= $1 AND (CAST($2 AS text) IS NULL OR who = $2) "
                           "AND (CAST($3 AS text) IS NULL OR act = $3) ORDER BY id",
                           NST_INT(t->since), NST_TEXT(nst_str_z(t->o->user)),
                           NST_TEXT(nst_str_z(t->o->only))));
    struct nst_mark mark = nst_arena_mark(t->o->arena);
    if (!t->o->json)
        cli_table_begin(&t->table, "TIME|WHO|BY|FROM|ACT|ON|AFTER");
    while (nst_rows_step(rows)) {
        (t->o->json ? print_json : print_text)(t, rows);
        nst_arena_rewind(t->o->arena, mark);
    }
    cli_table_end(&t->table);
    return nst_rows_end(rows);
}

static bool read_since(struct task *t)
{
    const char *text = t->o->since;
    return text == NULL || cli_time_read(&t->since, t->o->arena, text, true);
}

/* Every act there is; docs/operations.md says what they are. */
#define ACTS \
    "user.add|user.change|user.password|user.logo|user.staff|user.superuser|user.enabled|" \
    "user.link|user.remove|user.erase|user.reactivate|user.purge|session.add|session.end|token." \
    "read|" \
    "token.add|token.renew|token.end|client.add|client.change|client.rotate|client.remove|" \
    "member.add|member.remove|organization.logo|organization.remove|organization.purge|" \
    "source.add|source.remove|source.purge|content.erase|feedback.remove|task.cancel|" \
    "subscription.add|subscription.move|subscription.remove|enrollments.retire|" \
    "enrollments.expire|integrity.repair|maintenance.on|maintenance.off|purge|document.load"

static int print_log(struct cli_options *o, struct task *t)
{
    struct cli_site site;
    if (!read_since(t))
        return cli_misuse(&cli_audit,
                          "--since wants a time such as 2030-01-01T00:00:00Z, a day, or how long "
                          "ago: 7d");
    if (o->only != NULL && !cli_is_choice(ACTS, nst_str_z(o->only)))
        return cli_misuse(&cli_audit, "--only: there is no act \"%s\"; they are %s", o->only, ACTS);
    if (!cli_site_open_store(&site, o, &cli_audit))
        return EXIT_FAILED;
    enum nst_err e = nst_store_run(site.store, NST_MODE_READ, print_rows, t);
    cli_site_close(&site);
    return e == NST_OK ? EXIT_DONE : cli_fail(&cli_audit, "%s", nst_err_message(e));
}

static int audit_run(int argc, char **argv)
{
    struct cli_options o;
    struct task task = { .o = &o };
    int status = cli_options_parse(&o, &cli_audit, argc, argv) ? print_log(&o, &task) : o.status;
    nst_arena_free(o.arena);
    return status;
}

const struct cli_verb cli_audit = {
    .name = "audit",
    .usage = "audit [--since TIME] [--user NAME] [--only ACT] [--json] [--data DIR]",
    .summary = "print what administrators did",
    .help =
        "A line for each act, the oldest first: when, who, how (api, command line, task), from\n"
        "which address, what, on whom or what, and what it changed to. --json has the request\n"
        "and how it was before as well, an object a line. Nothing takes a line away.\n\n"
        "Examples:\n"
        "  nestor audit --since 2030-01-01\n"
        "  nestor audit --user ada --only token.read\n"
        "  nestor audit --json\n",
    .only_reads = true,
    .run = audit_run,
};
