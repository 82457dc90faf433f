/* nestor export: what a version of a source holds, as the file that the API gives (V619), from a
 * store directly or from a server. */
#include "export.h"

#include "ocl/export/export.h"
#include "ocl/source/source.h"
#include "ocl/subscription/subscription.h"
#include "stop.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define COPY_BYTES ((size_t)1 << 16)

/* ---- The address ---- */

/* "/orgs/WHO/sources/ICD/v1/" */
static bool read_address(struct cli_export *x, const char *text)
{
    struct nst_str rest = nst_str_z(text), part[6];
    size_t n = 0;
    while (n < NST_COUNT(part) && rest.p != NULL)
        part[n++] = nst_str_cut(&rest, '/');
    bool is_whole = n == NST_COUNT(part) && (rest.p == NULL || rest.n == 0);
    if (!is_whole || part[0].n > 0 || part[2].n == 0 || part[4].n == 0 || part[5].n == 0 ||
        !nst_str_eq(part[3], NST_STR("sources")) ||
        !(nst_str_eq(part[1], NST_STR("orgs")) || nst_str_eq(part[1], NST_STR("users"))))
        return false;
    x->owner_url = nst_strf(x->o->arena, "/%.*s/%.*s/", NST_FMT(part[1]), NST_FMT(part[2]));
    x->source = part[4];
    x->version = part[5];
    return true;
}

/* ---- What is written ---- */

bool cli_export_open(struct cli_export *x, struct nst_str name)
{
    const char *path = x->o->output;
    if (path == NULL)
        path = nst_str_to_z(x->o->arena, name);
    else if (strcmp(path, "-") == 0)
        path = NULL;
    x->is_open = cli_output_open(&x->out, x->o->arena, path, &cli_export_verb);
    return x->is_open;
}

/* ---- From a store ---- */

struct making {
    struct cli_export *x;
    struct cli_site *site;
    struct ocl_export_key key;
    struct ocl_document now, next;
    struct nst_arena *piece;
    struct nst_buf text;
};

static enum nst_err find_version(struct making *m, struct nst_db *db)
{
    const struct cli_export *x = m->x;
    struct nst_rows *rows;
    m->key = (struct ocl_export_key){ .is_head = nst_str_eq(x->version, NST_STR("HEAD")) };
    bool is_latest = nst_str_eq(x->version, NST_STR("latest"));
    NST_TRY(nst_query_with(&rows, db,
                           "SELECT v.id FROM repo_version v JOIN repo r ON r.id = v.repo_id "
                           "WHERE " OCL_AT("r") "$1 AND v.is_active AND (v.mnemonic = $2 OR "
                                                "($3 AND v.released AND v.mnemonic <> 'INITIAL')) "
                                                "ORDER BY v.id DESC LIMIT 1",
                           NST_TEXT(nst_strf(x->o->arena, "%.*ssources/%.*s/",
                                             NST_FMT(x->owner_url), NST_FMT(x->source))),
                           NST_TEXT(m->key.is_head ? NST_STR("INITIAL") : x->version),
                           NST_BOOL(is_latest)));
    m->key.version_id = nst_rows_step(rows) ? nst_rows_int(rows, 0) : 0;
    return nst_rows_end(rows);
}

static enum nst_err begin(struct nst_db *db, void *arg)
{
    struct making *m = arg;
    int64_t id;
    NST_TRY(find_version(m, db));
    if (m->key.version_id == 0)
        return NST_E_NOT_FOUND;
    NST_TRY(ocl_export_renew(&id, m->x->o->arena, db, &m->key));
    m->now = (struct ocl_document){ 0 };
    return ocl_export_find(&m->now.of, m->x->o->arena, db, &m->key);
}

static enum nst_err read_piece(struct nst_db *db, void *arg)
{
    struct making *m = arg;
    m->next = m->now;
    return ocl_document_read(&m->text, &m->next, m->piece, m->site->registry, db);
}

static bool write_bytes(void *arg, struct nst_str bytes)
{
    return cli_output_put(arg, bytes);
}

static int fail_store(const struct making *m, enum nst_err e)
{
    return e == NST_E_NOT_FOUND
               ? cli_fail(&cli_export_verb, "there is no version %s", m->x->o->rest[0])
               : cli_fail(&cli_export_verb, "%s", nst_err_message(e));
}

static int write_pieces(struct making *m, struct ocl_packer *packer)
{
    struct cli_export *x = m->x;
    while (!m->now.is_over && !cli_is_stopped()) {
        enum nst_err e = nst_store_run(m->site->store, NST_MODE_READ, read_piece, m);
        if (e != NST_OK)
            return fail_store(m, e);
        if (!ocl_packer_put(packer, nst_buf_str(&m->text), m->next.is_over))
            return x->out.has_failed
                       ? EXIT_FAILED
                       : cli_fail(&cli_export_verb, "the document has more than 4 GB");
        m->now = m->next;
        x->progress.count = (size_t)m->now.rows;
        x->progress.bytes = m->now.rows;
        cli_progress_show(&x->progress, m->now.is_over);
    }
    return m->now.is_over ? EXIT_DONE : cli_fail(&cli_export_verb, "stopped");
}

/* Of a copy it is the file that came (V620). */
static int copy_file(struct making *m)
{
    struct cli_export *x = m->x;
    char *bytes = nst_alloc_text(m->piece, COPY_BYTES);
    struct nst_str folder = cli_task_folder(x->o);
    const char *path = nst_strf(m->piece, "%.*s/%.*s", NST_FMT(folder), NST_FMT(m->now.of.file)).p;
    const struct nst_task nobody = { 0 };
    bool is_whole = m->now.of.file.p != NULL &&
                    nst_str_eq(ocl_copy_digest(m->piece, path, &nobody), m->now.of.digest);
    int fd = is_whole ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    ssize_t n = -1;
    bool good = fd >= 0 && cli_export_open(x, m->now.of.name);
    while (good && (n = read(fd, bytes, COPY_BYTES)) > 0)
        good = cli_output_put(&x->out, (struct nst_str){ bytes, (size_t)n });
    if (good && n < 0)
        good = cli_fail(&cli_export_verb, "cannot read the file: %s", strerror(errno)) == EXIT_DONE;
    if (fd < 0)
        return cli_fail(&cli_export_verb,
                        "%s is of a copy, whose export comes from elsewhere and is not here: "
                        "nestor subscribe --once fetches that of the present release",
                        x->o->rest[0]);
    close(fd);
    return good ? EXIT_DONE : EXIT_FAILED;
}

static int make(struct making *m)
{
    struct ocl_packer packer;
    enum nst_err e = cli_run(m->site, begin, m);
    if (e != NST_OK)
        return fail_store(m, e);
    if (m->now.of.is_copied)
        return copy_file(m);
    if (!cli_export_open(m->x, m->now.of.name))
        return EXIT_FAILED;
    ocl_packer_init(&packer, OCL_EXPORT_ENTRY, m->now.of.time, write_bytes, &m->x->out);
    int status = write_pieces(m, &packer);
    ocl_packer_release(&packer);
    return status;
}

static int export_from_store(struct cli_export *x)
{
    struct cli_site site;
    struct making m = { .x = x, .site = &site };
    if (!cli_site_open(&site, x->o, &cli_export_verb, false))
        return EXIT_FAILED;
    m.piece = nst_arena_new((size_t)1 << 21);
    int status = make(&m);
    nst_arena_free(m.piece);
    cli_site_close(&site);
    return status;
}

/* ---- The verb ---- */

static const char *fault_of(struct cli_export *x)
{
    const struct cli_options *o = x->o;
    if (o->rest_count != 1 || !read_address(x, o->rest[0]))
        return "the address of a version is needed, like /orgs/WHO/sources/ICD/v1/";
    if (o->force && o->server == NULL)
        return "--force is for --server: from a store the export is made each time";
    if (o->output != NULL && strcmp(o->output, "-") == 0 && isatty(STDOUT_FILENO) != 0)
        return "a ZIP is nothing for a terminal: give --output FILE";
    return NULL;
}

static int run_export(struct cli_export *x)
{
    const char *fault = fault_of(x);
    if (fault != NULL)
        return cli_misuse(&cli_export_verb, "%s", fault);
    cli_stop_on_signals();
    int status = x->o->server != NULL ? cli_export_fetch(x) : export_from_store(x);
    if (x->is_open)
        status = cli_output_close(&x->out, status);
    if (status == EXIT_DONE && x->out.path != NULL)
        printf("%s\n", x->out.path);
    return status;
}

static int export_run(int argc, char **argv)
{
    struct cli_options o;
    int status;
    if (cli_options_parse(&o, &cli_export_verb, argc, argv)) {
        struct cli_export x = { .o = &o,
                                .progress = { .what = o.server != NULL ? "bytes" : "rows",
                                              .started = nst_ticks(),
                                              .is_quiet = o.quiet } };
        status = run_export(&x);
    } else {
        status = o.status;
    }
    nst_arena_free(o.arena);
    return status;
}

const struct cli_verb cli_export_verb = {
    .name = "export",
    .usage = "export [--data DIR | --server URL --token-file FILE] [--output FILE] [--force] "
             "[--quiet] ADDRESS",
    .summary = "write what a version of a source holds into a file",
    .help =
        "ADDRESS names the version, as /orgs/WHO/sources/ICD/v1/; HEAD stands for the present\n"
        "content, latest for the newest release. The file is a ZIP with export.json in it\n"
        "(docs/export.md). It is called as the server calls it, in this folder, unless --output\n"
        "says otherwise; - is standard output. It is whole, or not there.\n"
        "A server is asked to make it, where it has none (with --force in any case), and waited\n"
        "for; a download that is cut goes on where it was.\n\n"
        "Examples:\n"
        "  nestor export --data ./data /orgs/WHO/sources/ICD/v1/\n"
        "  nestor export --data ./data --output icd.zip /orgs/WHO/sources/ICD/HEAD/\n"
        "  nestor export --server https://terms.example.org --token-file ada.token "
        "/orgs/WHO/sources/ICD/latest/\n",
    .words = 1,
    .run = export_run,
};
