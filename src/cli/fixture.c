/* nestor load and nestor dump: fixture documents of the enrollments application
 * (docs/contracts/fixture.md), all of a document in one transaction or nothing. */
#include "cli.h"

#include "enroll/fixture/fixture.h"
#include "nestor/accounts.h"
#include "nestor/base/digest.h"
#include "output.h"
#include "progress.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DOCUMENT_MAX ((size_t)2 << 30)
#define NODES_MAX    ((size_t)200 << 20)

struct load {
    struct cli_options *o;
    const char *path;
    struct nst_json *document;
    struct nst_str digest;   /* SHA-256 of its text, in hex */
    struct nst_arena *arena; /* of one run of the work */
    struct enroll_report report;
};

/* ---- Reading the document ---- */

static bool read_file(struct nst_buf *out, const char *path)
{
    bool is_stdin = strcmp(path, "-") == 0;
    FILE *in = is_stdin ? stdin : fopen(path, "re");
    if (in == NULL) {
        cli_fail(&cli_load, "%s cannot be read: %s", path, strerror(errno));
        return false;
    }
    bool good = cli_read_stream(out, in);
    if (!good)
        cli_fail(&cli_load, "%s cannot be read: %s", path,
                 out->is_full ? "it is larger than 2 GiB" : strerror(errno));
    if (!is_stdin)
        fclose(in);
    return good;
}

static struct nst_str digest_of(struct nst_arena *a, struct nst_str text)
{
    struct nst_sha256 digest;
    nst_sha256_init(&digest);
    nst_sha256_add(&digest, text);
    return nst_sha256_end(&digest, a);
}

static bool read_document(struct load *load, struct nst_arena *a, const char *path)
{
    const struct nst_json_limits limits = { .depth = NST_JSON_DEPTH, .nodes = NODES_MAX };
    struct nst_json_fault fault;
    struct nst_buf text;
    nst_buf_init(&text, a, DOCUMENT_MAX);
    if (!read_file(&text, path))
        return false;
    load->digest = digest_of(a, nst_buf_str(&text));
    if (nst_json_read(&load->document, &fault, a, nst_buf_str(&text), &limits) == NST_OK)
        return true;
    fprintf(stderr, "%s: line %zu, column %zu: %s\n", path, fault.line, fault.column, fault.reason);
    return false;
}

/* ---- Load ---- */

static void show(size_t items, void *arg)
{
    struct cli_progress *progress = arg;
    progress->count = items;
    cli_progress_show(progress, false);
}

/* One act, whatever it did: who has the document knows the rest. Nothing where nothing changed. */
static enum nst_err record(struct load *load, struct nst_db *db)
{
    struct nst_req rq = { .arena = load->arena, .db = db };
    struct nst_buf b;
    int64_t changes = 0;
    for (size_t i = 0; i < ENROLL_ENTITIES; i++)
        for (int k = 0; k < ENROLL_CHANGES; k++)
            changes += k != ENROLL_UNCHANGED ? load->report.tally[i].count[k] : 0;
    if (changes == 0)
        return NST_OK;
    nst_buf_init(&b, load->arena, NST_HTTP_ANSWER_MAX);
    nst_put_char(&b, '{');
    enroll_put_tallies(&b, &load->report);
    nst_put_char(&b, '}');
    return nst_audit(&rq, &(struct nst_act){
                              .name = "document.load",
                              .on = nst_strf(load->arena, "sha256:%.*s", NST_FMT(load->digest)),
                              .after = nst_buf_str(&b) });
}

/* May run again: what an earlier run built goes first. */
static enum nst_err load_work(struct nst_db *db, void *arg)
{
    struct load *load = arg;
    bool shows = isatty(STDERR_FILENO) != 0 && !load->o->quiet;
    struct cli_progress progress = { .what = "rows", .started = nst_ticks() };
    const struct enroll_load_options options = { .progress = shows ? show : NULL,
                                                 .arg = &progress };
    nst_arena_reset(load->arena);
    enum nst_err e = enroll_load(&load->report, db, load->arena, load->document, &options);
    if (shows)
        fputs("\r", stderr);
    if (e == NST_OK)
        e = record(load, db);
    /* Rolled back, like any failure. */
    return e == NST_OK && load->o->dry_run ? NST_E_PRECONDITION : e;
}

static void print_tally(const char *name, const struct enroll_tally *tally)
{
    printf("%s: %lld made, %lld changed, %lld unchanged", name,
           (long long)tally->count[ENROLL_MADE], (long long)tally->count[ENROLL_CHANGED],
           (long long)tally->count[ENROLL_UNCHANGED]);
    if (tally->count[ENROLL_REMOVED] > 0)
        printf(", %lld removed", (long long)tally->count[ENROLL_REMOVED]);
    putchar('\n');
}

static void print_report(const struct load *load)
{
    if (load->o->json) {
        struct nst_buf b;
        nst_buf_init(&b, load->arena, NST_HTTP_ANSWER_MAX);
        enroll_put_tallies(&b, &load->report);
        printf("{%.*s}\n", NST_FMT(nst_buf_str(&b)));
        return;
    }
    for (size_t i = 0; i < ENROLL_ENTITIES; i++)
        if (load->report.tally[i].is_given)
            print_tally(enroll_entities[i]->name, &load->report.tally[i]);
}

static int finish_load(const struct load *load, enum nst_err e)
{
    const struct enroll_report *r = &load->report;
    for (size_t i = 0; i < r->faults; i++)
        fprintf(stderr, "%s: %.*s\n", load->path, NST_FMT(r->fault[i]));
    if (r->faults > 0)
        return EXIT_FAILED;
    if (e == NST_E_CONFLICT)
        return cli_fail(&cli_load, "somebody else wrote at the same time: nothing was written; "
                                   "try again");
    bool is_dry = e == NST_E_PRECONDITION && load->o->dry_run;
    if (e != NST_OK && !is_dry)
        return cli_fail(&cli_load, "nothing was written: %s", nst_err_message(e));
    for (size_t i = 0; i < r->warnings; i++)
        fprintf(stderr, "%s: warning: %.*s\n", load->path, NST_FMT(r->warning[i]));
    if (!load->o->quiet)
        print_report(load);
    if (is_dry && !load->o->json)
        puts("dry run: nothing was stored");
    return EXIT_DONE;
}

/* A folder that is not there or holds nothing becomes an installation; one that holds
 * something else must be one already. */
static bool may_create(const char *path)
{
    DIR *folder = opendir(path);
    const struct dirent *entry;
    bool is_empty = true;
    if (folder == NULL)
        return errno == ENOENT;
    while (is_empty && (entry = readdir(folder)) != NULL)
        is_empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    closedir(folder);
    return is_empty;
}

static int load_site(struct load *load)
{
    struct cli_site site;
    bool makes = !load->o->dry_run && may_create(load->o->data);
    if (!cli_site_open(&site, load->o, &cli_load, makes))
        return EXIT_FAILED;
    load->arena = nst_arena_new(65536);
    int status = finish_load(load, cli_run(&site, load_work, load));
    nst_arena_free(load->arena);
    cli_site_close(&site);
    return status;
}

static int load_run(int argc, char **argv)
{
    struct cli_options o;
    int status = EXIT_FAILED;
    if (!cli_options_parse(&o, &cli_load, argc, argv)) {
        status = o.status;
    } else if (o.rest_count != 1) {
        status = cli_misuse(&cli_load, "a FILE is needed, or - for standard input");
    } else {
        struct load load = { .o = &o, .path = o.rest[0] };
        /* The document first: a mistake in it makes no installation. */
        if (read_document(&load, o.arena, load.path))
            status = load_site(&load);
    }
    nst_arena_free(o.arena);
    return status;
}

const struct cli_verb cli_load = {
    .name = "load",
    .usage = "load [--data DIR] [--database URL] [--dry-run] [--json] [--quiet] FILE",
    .summary = "bring the enrollments data to what a document says",
    .help = "Reads one JSON document (docs/contracts/fixture.md; - is standard input) with users,\n"
            "organizations, programs, enrollments and what belongs to them, and applies all of\n"
            "it in one transaction, or nothing. Loading it again changes nothing. Works while a\n"
            "server runs. A DIR that is empty or not there is made an installation first.\n"
            "Faults are told with their place in the document, at most 20. --dry-run tells them\n"
            "and the counts, and stores nothing.\n\n"
            "Examples:\n"
            "  nestor load --data ./data examples/university/university.json\n"
            "  nestor dump --data ./data | nestor load --data ./copy -\n",
    .words = 1,
    .run = load_run,
};

/* ---- Dump ---- */

struct dump {
    struct cli_options *o;
    struct cli_output out;
};

static bool put(struct nst_str text, void *arg)
{
    struct dump *dump = arg;
    return cli_output_put(&dump->out, text);
}

static enum nst_err dump_work(struct nst_db *db, void *arg)
{
    struct dump *dump = arg;
    const struct enroll_sink sink = { put, dump };
    if (!cli_output_restart(&dump->out))
        return NST_E_DB;
    return enroll_dump(db, nst_str_z(dump->o->only), &sink);
}

static bool are_known(const char *only)
{
    struct nst_str rest = nst_str_z(only);
    while (rest.p != NULL) {
        struct nst_str name = nst_str_trim(nst_str_cut(&rest, ','));
        const struct enroll_entity *entity = enroll_entity_named(name);
        if (entity == NULL || entity->order == NULL) {
            cli_misuse(&cli_dump, "--only: there is no array \"%.*s\" in a dump", NST_FMT(name));
            return false;
        }
    }
    return true;
}

static int dump_site(struct dump *dump)
{
    struct cli_site site;
    if (!cli_site_open_store(&site, dump->o, &cli_dump))
        return EXIT_FAILED;
    enum nst_err e = nst_store_run(site.store, NST_MODE_READ, dump_work, dump);
    cli_site_close(&site);
    if (e != NST_OK && !dump->out.has_failed)
        return cli_fail(&cli_dump, "the database cannot be read: %s", nst_err_message(e));
    return e == NST_OK ? EXIT_DONE : EXIT_FAILED;
}

static int dump_run(int argc, char **argv)
{
    struct cli_options o;
    struct dump dump = { .o = &o };
    int status = EXIT_FAILED;
    if (!cli_options_parse(&o, &cli_dump, argc, argv))
        status = o.status;
    else if (!are_known(o.only))
        status = EXIT_USAGE;
    else if (cli_output_open(&dump.out, o.arena, o.output, &cli_dump))
        status = cli_output_close(&dump.out, dump_site(&dump));
    nst_arena_free(o.arena);
    return status;
}

const struct cli_verb cli_dump = {
    .name = "dump",
    .usage = "dump [--data DIR | --database URL] [--only NAME,...] [--output FILE]",
    .summary = "print the enrollments data as a document that load reads",
    .help = "Prints one consistent state, also while a server writes. Passwords, tokens, client\n"
            "secrets and sessions are left out: they cannot be read back. --only limits it to\n"
            "some arrays. --output replaces FILE when all of it is written.\n\n"
            "Examples:\n"
            "  nestor dump --data ./data --output now.json\n"
            "  nestor dump --data ./data --only program_enrollments,course_enrollments\n"
            "  nestor dump --database postgresql:///nestor?host=/run/postgresql > now.json\n",
    .only_reads = true,
    .run = dump_run,
};
