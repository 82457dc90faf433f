/* nestor import: lines of a file into a store, or over HTTP into a server, in
 * batches; each line has its outcome, and a second run changes nothing. */
#include "import.h"

#include "nestor/accounts.h"
#include "stop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- Outcomes ---- */

void import_record_batch(struct import *im, const struct import_batch *b)
{
    for (size_t i = 0; i < b->count; i++) {
        const struct ocl_line *line = &b->line[i];
        const struct import_refused refused = { b->number[i], line->outcome, line->detail,
                                                b->given[i] };
        im->count[line->outcome]++;
        if (ocl_outcome_is_error(line->outcome))
            import_report_add(im->report, ocl_import_turn(line->tree), &refused);
    }
}

static int summary(struct import *im)
{
    size_t errors = 0;
    if (!im->failed)
        cli_progress_show(&im->progress, true);
    for (int i = 0; i < OCL_OUTCOME_COUNT; i++) {
        if (im->count[i] > 0)
            printf("%s: %zu\n", ocl_outcome_word((enum ocl_outcome)i), im->count[i]);
        errors += ocl_outcome_is_error((enum ocl_outcome)i) ? im->count[i] : 0;
    }
    if (im->dry_run)
        puts("dry run: nothing was stored; this is what would become of the lines");
    if (im->dry_run && im->progress.count > IMPORT_BATCH)
        puts("They were judged " NST_DIGITS(
            IMPORT_BATCH) " at a time, so that one that needs "
                          "another of the file may be told as refused; a rehearsal by a server "
                          "judges all "
                          "together (docs/import.md).");
    struct nst_str said = nst_buf_str(&im->said);
    fwrite(said.p, 1, said.n, stdout);
    return errors > 0 || im->failed ? EXIT_FAILED : EXIT_DONE;
}

/* ---- Reading ---- */

/* Send the present batch and go on with the other, once that is back. */
static bool send_batch(struct import *im)
{
    struct import_batch *full = &im->batch[im->present];
    struct import_batch *next = &im->batch[im->present ^= 1];
    bool good = full->count == 0 || im->send(im, full);
    good &= im->wait(im, next);
    im->failed |= !good;
    next->count = 0;
    nst_arena_reset(next->arena);
    cli_progress_show(&im->progress, false);
    return good;
}

static void record_fault(struct import *im, struct nst_arena *a, const struct ocl_line_text *line)
{
    struct nst_buf b;
    nst_buf_init(&b, a, SIZE_MAX / 4);
    nst_put_char(&b, '{');
    nst_json_put_str(&b, line->key.n > 0 ? line->key : NST_STR("detail"));
    nst_put_char(&b, ':');
    nst_json_put_str(&b, line->fault);
    nst_put_char(&b, '}');
    const struct import_refused refused = { line->number, OCL_INVALID, nst_buf_str(&b),
                                            line->given };
    im->count[OCL_INVALID]++;
    import_report_add(im->report, REPORT_FAULTS, &refused);
}

static bool take_line(struct import *im, const struct ocl_line_text *line)
{
    struct import_batch *b = &im->batch[im->present];
    im->progress.count++;
    if (line->tree == NULL) {
        record_fault(im, b->arena, line);
        return true;
    }
    b->line[b->count] = (struct ocl_line){ .tree = line->tree };
    b->text[b->count] = line->text;
    b->given[b->count] = line->given;
    b->number[b->count++] = line->number;
    return b->count < IMPORT_BATCH || send_batch(im);
}

/* Faulty lines come with the last turn, in which most of the work is done: progress is its. */
static bool is_its_turn(struct import *im, const struct ocl_line_text *line)
{
    unsigned last = OCL_IMPORT_TURNS - 1;
    im->number = line->number;
    if (im->turn == last)
        im->progress.bytes = im->read_before + (int64_t)line->done;
    return (line->tree != NULL ? ocl_import_turn(line->tree) : last) == im->turn;
}

/* The lines whose turn it is. */
static bool read_lines(struct import *im)
{
    bool good = true;
    ocl_lines_rewind(im->lines);
    while (good && !cli_is_stopped()) {
        struct nst_arena *a = im->batch[im->present].arena;
        struct nst_mark before = nst_arena_mark(a);
        struct ocl_line_text line;
        if (!ocl_lines_next(&line, im->lines, a))
            break;
        bool has_turn = is_its_turn(im, &line);
        if (has_turn)
            good = take_line(im, &line);
        if (!has_turn || line.tree == NULL)
            nst_arena_rewind(a, before);
    }
    if (ocl_lines_failure(im->lines) != 0) {
        fprintf(stderr, "nestor import: reading failed: %s\n",
                strerror(ocl_lines_failure(im->lines)));
        good = false;
    }
    return good && !cli_is_stopped();
}

/* Beside the file; those of standard input are called import. */
static void begin_report(struct import *im, const char *path)
{
    const char *base = strcmp(path, "-") == 0 ? "import" : path;
    struct nst_mark before = nst_arena_mark(im->batch[0].arena);
    bool is_table = ocl_lines_header(im->lines, im->batch[0].arena).p != NULL;
    nst_arena_rewind(im->batch[0].arena, before);
    if (im->o->errors != NULL)
        base = im->o->errors;
    im->report = import_report_new(im->o->arena, base, im->o->errors, is_table);
}

static bool end_report(struct import *im, bool has_ended)
{
    struct nst_str said;
    const struct import_ending how = {
        .header = ocl_lines_header(im->lines, im->o->arena),
        .total = im->progress.count - im->lines_before,
        .has_ended = has_ended,
        .is_trial = im->dry_run,
    };
    bool good = import_report_finish(&said, im->report, &how);
    nst_put(&im->said, said);
    import_report_free(im->report);
    im->report = NULL;
    im->lines_before = im->progress.count;
    im->failed |= !good;
    return good;
}

static void say_stopped(const struct import *im)
{
    fprintf(stderr, "nestor import: stopped after line %zu%s%s. What was stored is whole; %s.\n",
            im->number, im->stopped_by != NULL ? ": " : "",
            im->stopped_by != NULL ? im->stopped_by : "",
            im->go_on != NULL ? im->go_on : "run the same command again to go on");
}

static int import_file(struct import *im, const char *path)
{
    bool good = import_open_lines(im, path);
    im->failed |= !good;
    if (!good)
        return EXIT_FAILED;
    begin_report(im, path);
    im->read_before = im->progress.size;
    im->progress.size += (int64_t)ocl_lines_size(im->lines);
    for (im->turn = 0; good && im->turn < OCL_IMPORT_TURNS; im->turn++)
        good = read_lines(im);
    /* Once for the last lines, once more to have both batches back. */
    good &= send_batch(im);
    good &= send_batch(im);
    if (good)
        im->progress.bytes = im->progress.size; /* blanks at the end are no line */
    bool is_told = end_report(im, good);
    import_close_lines(im);
    if (!good)
        say_stopped(im);
    return good && is_told ? EXIT_DONE : EXIT_FAILED;
}

/* ---- Into a store ---- */

static enum nst_err store_batch(struct nst_db *db, void *arg)
{
    struct import_batch *b = arg;
    struct import *im = b->im;
    b->lines.line = b->line;
    b->lines.count = b->count;
    b->lines.arena = b->arena;
    NST_TRY(ocl_import_lines(&b->lines, im->importer, db));
    return b->lines.again || im->dry_run ? NST_E_PRECONDITION : NST_OK;
}

/* On the writer's thread. */
static void batch_stored(enum nst_err err, void *arg)
{
    struct import_batch *b = arg;
    /* A store that cannot even begin leaves `again` as it was. */
    if (b->lines.again && err == NST_E_PRECONDITION) {
        b->lines.again = false;
        nst_store_submit(b->im->site->store, NST_MODE_WRITE, store_batch, batch_stored, b);
        return;
    }
    pthread_mutex_lock(&b->im->lock);
    b->err = err == NST_E_PRECONDITION && b->im->dry_run ? NST_OK : err;
    b->is_away = false;
    pthread_cond_broadcast(&b->im->is_back);
    pthread_mutex_unlock(&b->im->lock);
}

static bool wait_for_store(struct import *im, struct import_batch *b)
{
    pthread_mutex_lock(&im->lock);
    while (b->is_away)
        pthread_cond_wait(&im->is_back, &im->lock);
    pthread_mutex_unlock(&im->lock);
    if (b->count > 0 && b->err == NST_OK)
        import_record_batch(im, b);
    else if (b->err != NST_OK)
        fprintf(stderr, "nestor import: %s\n", nst_err_message(b->err));
    return b->err == NST_OK;
}

/* One batch at a time is with the store: order matters between batches, and the
 * importer serves one thread. */
static bool send_to_store(struct import *im, struct import_batch *b)
{
    struct import_batch *other = &im->batch[b == &im->batch[0]];
    pthread_mutex_lock(&im->lock);
    while (other->is_away)
        pthread_cond_wait(&im->is_back, &im->lock);
    b->is_away = true;
    pthread_mutex_unlock(&im->lock);
    nst_store_submit(im->site->store, NST_MODE_WRITE, store_batch, batch_stored, b);
    return true;
}

static int import_files(struct import *im)
{
    int status = EXIT_DONE;
    for (size_t i = 0; i < im->o->rest_count && status == EXIT_DONE; i++)
        status = import_file(im, im->o->rest[i]);
    int counted = summary(im);
    return status != EXIT_DONE ? status : counted;
}

static int import_to_store(struct import *im)
{
    struct cli_site site;
    if (!cli_site_open(&site, im->o, &cli_import, false))
        return EXIT_FAILED;
    im->site = &site;
    im->send = send_to_store;
    im->wait = wait_for_store;
    int status = cli_find_author(&im->caller, &site, im->o, &cli_import);
    if (status == EXIT_DONE) {
        im->importer = ocl_importer_new(site.registry, &im->caller);
        status = import_files(im);
        ocl_importer_free(im->importer);
    }
    cli_site_close(&site);
    return status;
}

static struct import *import_new(struct cli_options *o)
{
    struct import *im = NST_NEW(o->arena, struct import);
    im->o = o;
    nst_buf_init(&im->said, o->arena, SIZE_MAX / 4);
    im->dry_run = o->dry_run;
    im->progress =
        (struct cli_progress){ .what = "lines", .started = nst_ticks(), .is_quiet = o->quiet };
    pthread_mutex_init(&im->lock, NULL);
    pthread_cond_init(&im->is_back, NULL);
    for (int i = 0; i < 2; i++) {
        im->batch[i].arena = nst_arena_new((size_t)1 << 20);
        im->batch[i].im = im;
    }
    return im;
}

static void import_free(struct import *im)
{
    import_disconnect(im);
    for (int i = 0; i < 2; i++)
        nst_arena_free(im->batch[i].arena);
    pthread_cond_destroy(&im->is_back);
    pthread_mutex_destroy(&im->lock);
}

static int undo(struct cli_options *o)
{
    if (o->rest_count > 0)
        return cli_misuse(&cli_import,
                          "--undo takes no FILE: the server knows what the import did");
    if (o->server == NULL)
        return cli_misuse(&cli_import, "--undo needs --server: imports by POST "
                                       "/v2/importers/bulk-import/ can be undone");
    if (o->dry_run)
        return cli_misuse(&cli_import, "--undo has no dry run");
    cli_stop_on_signals();
    return import_undo(o);
}

static int import_run(int argc, char **argv)
{
    struct cli_options o;
    int status;
    if (!cli_options_parse(&o, &cli_import, argc, argv)) {
        status = o.status;
    } else if (o.undo != NULL) {
        status = undo(&o);
    } else if (o.rest_count == 0) {
        status = cli_misuse(&cli_import, "a FILE is needed, or - for standard input");
    } else if (o.rest_count > 1 && o.errors != NULL) {
        status = cli_misuse(&cli_import, "--errors names the reports of one FILE");
    } else {
        struct import *im = import_new(&o);
        cli_stop_on_signals();
        status = o.server != NULL ? import_to_server(im) : import_to_store(im);
        if (o.server != NULL && status == EXIT_DONE)
            status = import_files(im);
        import_free(im);
    }
    nst_arena_free(o.arena);
    return status;
}

const struct cli_verb cli_import = {
    .name = "import",
    .usage = "import [--data DIR | --server URL --token-file FILE] [--dry-run] [--errors FILE] "
             "[--user NAME] [--quiet] FILE ... | --undo TASK",
    .summary = "import lines of organisations, sources, their content and versions",
    .help =
        "Reads JSON lines, an array of such objects, a CSV table, the export of a version, or\n"
        "a ZIP file with one of these (docs/import.md); - is standard input.\n"
        "Lines that are refused go to FILE.refused.jsonl, rows of a table to FILE.refused.csv, to\n"
        "be mended and imported, and their numbers and reasons to FILE.errors.jsonl; the others\n"
        "are stored. With --errors X they go to X.refused.jsonl and X. What was refused before\n"
        "and is changed since is kept under another name. Importing a file again changes nothing,\n"
        "so an import that was cut short is simply repeated.\n"
        "A store is written as NAME (default: the first superuser), a server as the token's\n"
        "user.\n"
        "--undo takes back what an import of POST /v2/importers/bulk-import/ did, but for what "
        "was\n"
        "changed since, which is told; TASK is the id of its task (GET /v2/user/tasks/).\n\n"
        "Examples:\n"
        "  nestor import --data ./data dictionary.jsonl\n"
        "  nestor import --server http://127.0.0.1:8000 --token-file ada.token --dry-run x.jsonl\n"
        "  nestor import --data ./data concepts.csv\n"
        "  nestor import --data ./data LAB_LOINC_v2026.zip\n"
        "  tools/wordnet | nestor import --data ./data -\n"
        "  nestor import --undo $TASK --server http://127.0.0.1:8000 --token-file ada.token\n",
    .words = SIZE_MAX,
    .run = import_run,
};
