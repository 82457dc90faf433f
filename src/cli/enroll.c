/* nestor enroll: a registrar's CSV file becomes requests of the program enrollments
 * API, to a server or to the views inside this program, in batches of 25. */
#include "roster.h"
#include "stop.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define NOTES_MAX 10 /* rows whose fault is told on standard error */

struct enrolling {
    struct cli_options *o;
    struct cli_api *api;
    struct roster_file file;
    struct roster_outcomes *outcomes;
    struct roster_send_how how;
    struct roster_row pending[ROSTER_PENDING]; /* texts are in how.arena */
    size_t count, open;                        /* of pending; those without an outcome */
    size_t notes;
    struct cli_progress progress;
};

/* ---- A batch ---- */

/* Code points that a server trims do not make two keys differ on P (P29). */
static bool is_same_key(const struct enrolling *e, const struct roster_row *x,
                        const struct roster_row *y)
{
    struct nst_str a = x->value[ROSTER_KEY], b = y->value[ROSTER_KEY];
    if (!e->how.kind->is_course) {
        a = enroll_trim_key(a);
        b = enroll_trim_key(b);
    }
    return nst_str_eq(a, b);
}

static bool is_same_place(const struct roster_row *x, const struct roster_row *y)
{
    return nst_str_eq(x->value[ROSTER_PROGRAM], y->value[ROSTER_PROGRAM]) &&
           nst_str_eq(x->value[ROSTER_COURSE], y->value[ROSTER_COURSE]);
}

/* May the row go into the present batch? A key that comes again waits for the next
 * one, where it gets the outcome of its own. */
static bool fits(const struct enrolling *e, const struct roster_row *row)
{
    if (e->count == ROSTER_PENDING)
        return false;
    if (row->outcome.p != NULL)
        return true;
    for (size_t i = 0; i < e->count; i++) {
        const struct roster_row *other = &e->pending[i];
        if (other->outcome.p == NULL && (!is_same_place(other, row) || is_same_key(e, other, row)))
            return false;
    }
    return e->open < ENROLL_BATCH;
}

static int send_open(struct enrolling *e)
{
    struct roster_row *row[ENROLL_BATCH];
    size_t n = 0;
    for (size_t i = 0; i < e->count; i++)
        if (e->pending[i].outcome.p == NULL)
            row[n++] = &e->pending[i];
    if (n == 0)
        return EXIT_DONE;
    e->how.resumes = roster_outcomes_resumes(e->outcomes);
    if (!e->o->dry_run)
        return roster_send(row, n, e->api, &e->how);
    for (size_t i = 0; i < n; i++)
        row[i]->outcome = roster_file_foretell(row[i], e->how.arena, e->how.kind);
    return EXIT_DONE;
}

/* Send what is pending and write it down, as far as it was answered. */
static int flush(struct enrolling *e)
{
    int status = send_open(e);
    size_t answered = 0;
    while (answered < e->count && e->pending[answered].outcome.p != NULL)
        answered++;
    if (!roster_outcomes_add(e->outcomes, e->pending, answered, e->how.arena))
        status = EXIT_FAILED;
    e->progress.count += answered;
    e->count = e->open = 0;
    nst_arena_reset(e->how.arena);
    cli_progress_show(&e->progress, false);
    return status;
}

/* ---- The rows ---- */

static void note_fault(struct enrolling *e)
{
    const char *reason = roster_file_fault(&e->file);
    if (reason == NULL || ++e->notes > NOTES_MAX)
        return;
    fprintf(stderr, "nestor enroll: line %zu: %s\n", e->file.row.line, reason);
    if (e->notes == NOTES_MAX)
        fputs("(further faults stand in the outcomes only)\n", stderr);
}

static int take_row(struct enrolling *e)
{
    struct roster_row row;
    bool is_other = false;
    roster_file_take(&row, &e->file, e->how.arena, e->how.kind);
    if (roster_outcomes_has(&is_other, e->outcomes, &row)) {
        nst_arena_reset(e->how.arena); /* nothing is pending yet */
        return !is_other ? EXIT_DONE
                         : cli_fail(&cli_enroll,
                                    "the outcomes are those of another file: line "
                                    "%zu has another key",
                                    row.line);
    }
    note_fault(e);
    if (!fits(e, &row)) {
        int status = flush(e);
        if (status != EXIT_DONE)
            return status;
        /* Its texts went with the batch. */
        roster_file_take(&row, &e->file, e->how.arena, e->how.kind);
    }
    e->open += row.outcome.p == NULL;
    e->pending[e->count++] = row;
    return EXIT_DONE;
}

static int read_rows(struct enrolling *e)
{
    enum nst_csv_step step;
    int status = EXIT_DONE;
    while ((step = roster_file_next(&e->file)) == NST_CSV_ROW) {
        e->progress.bytes = (int64_t)e->file.row.end;
        status = cli_is_stopped() ? EXIT_FAILED : take_row(e);
        if (status != EXIT_DONE)
            return status;
    }
    int error = errno;
    status = flush(e);
    if (step == NST_CSV_FAILED)
        status = cli_fail(&cli_enroll, "reading failed: %s", strerror(error));
    return status;
}

static int run_rows(struct enrolling *e)
{
    int status = read_rows(e);
    cli_progress_show(&e->progress, true);
    int counted = roster_outcomes_sum_up(e->outcomes);
    if (status != EXIT_DONE)
        fputs("nestor enroll: stopped. What the outcomes tell is done; the same command with "
              "--resume goes on.\n",
              stderr);
    return status != EXIT_DONE ? status : counted;
}

/* ---- The verb ---- */

static int open_all(struct enrolling *e)
{
    int status = roster_file_open(&e->file, e->o, e->how.kind);
    if (status == EXIT_DONE && !e->o->dry_run)
        status = cli_api_open(&e->api, e->o, &cli_enroll);
    if (status == EXIT_DONE)
        status = roster_outcomes_open(&e->outcomes, e->o, e->how.kind);
    return status;
}

static int run_kind(struct cli_options *o, const struct roster_kind *kind)
{
    struct enrolling *e = NST_NEW(o->arena, struct enrolling);
    e->o = o;
    e->how = (struct roster_send_how){ .verb = &cli_enroll,
                                       .kind = kind,
                                       .method = o->change ? NST_PATCH : NST_POST,
                                       .known = roster_known_new(o->arena),
                                       .arena = nst_arena_new((size_t)1 << 18) };
    cli_stop_on_signals();
    int status = open_all(e);
    e->progress = (struct cli_progress){
        .what = "rows", .size = e->file.size, .started = nst_ticks(), .is_quiet = o->quiet
    };
    if (status == EXIT_DONE)
        status = run_rows(e);
    roster_outcomes_close(e->outcomes);
    cli_api_close(e->api);
    roster_file_close(&e->file);
    nst_arena_free(e->how.arena);
    return status;
}

static const struct roster_kind *kind_named(const char *name)
{
    for (size_t i = 0; i < NST_COUNT(cli_roster_kinds); i++)
        if (strcmp(cli_roster_kinds[i].name, name) == 0)
            return &cli_roster_kinds[i];
    return NULL;
}

static int enroll_run(int argc, char **argv)
{
    struct cli_options o;
    int status;
    if (!cli_options_parse(&o, &cli_enroll, argc, argv)) {
        status = o.status;
    } else if (o.rest_count < 1 || kind_named(o.rest[0]) == NULL) {
        status = cli_misuse_action(&cli_enroll, &o);
    } else if (o.rest_count < 2) {
        status = cli_misuse(&cli_enroll, "a FILE is needed");
    } else {
        status = run_kind(&o, kind_named(o.rest[0]));
    }
    nst_arena_free(o.arena);
    return status;
}

const struct cli_verb cli_enroll = {
    .name = "enroll",
    .actions = CLI_NAMES(cli_roster_kinds),
    .usage = "enroll program|course FILE.csv [--data DIR | --server URL --token-file FILE] "
             "[--change] [--outcomes FILE] [--resume] [--dry-run] [--json] [--quiet]",
    .summary = "enrol the learners of a CSV file in programs or course runs",
    .help =
        "Columns of a program file: program, external_user_key, status, curriculum_uuid; of a\n"
        "course file: program, course, student_key, status (docs/enrollments.md). --program UUID,\n"
        "--course KEY and --curriculum UUID stand in for a column that is not there.\n"
        "Each row gets an outcome in FILE.csv.outcomes.csv. A run that was cut short goes on\n"
        "with --resume. --change changes the status of rows that are there. --dry-run only\n"
        "looks at the file.\n"
        "A database is written as --user NAME, who must be staff (default: the first\n"
        "superuser). A server takes --token-file FILE, or --client-id ID and\n"
        "--client-secret-file FILE, with which tokens are fetched.\n"
        "Exit codes: 0 every row succeeded or was so already, 1 some did not or the run stopped,\n"
        "2 wrong usage.\n\n"
        "Examples:\n"
        "  nestor enroll program learners.csv --data ./data\n"
        "  nestor enroll program --change withdrawn.csv --program \\\n"
        "      6f1c1f9e-2f8a-4f43-8a4e-1f3c0d7b5a10\n"
        "  nestor enroll course maps.csv --course course-v1:HillsU+MAP1+2019 --data ./data\n"
        "  nestor enroll course --change maps.csv --server https://lms.example.org \\\n"
        "      --client-id registrar --client-secret-file registrar.secret --resume\n",
    .words = 2,
    .run = enroll_run,
};
