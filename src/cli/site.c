/* An installation: the data folder with its secret, and the store. */
#include "cli.h"

#include "enroll/app.h"
#include "nestor/accounts.h"
#include "nestor/copy.h"
#include "ocl/content/content.h"
#include "ocl/openmrs/openmrs.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pwd.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

extern const struct nst_migration nestor_migrations[];
extern const unsigned nestor_migration_count;

#define SECRET_FILE_MAX 4096
#define READ_STEP       ((size_t)4096)
#define STREAM_STEP     ((size_t)1 << 20)

/* The resources of all applications, one list. */
static const struct nst_resource *const *all_resources(struct nst_arena *a)
{
    static const struct nst_resource *const *const lists[] = {
        ocl_resources,
        enroll_resources,
        nst_accounts_resources,
    };
    size_t count = 0;
    for (size_t i = 0; i < NST_COUNT(lists); i++)
        for (size_t k = 0; lists[i][k] != NULL; k++)
            count++;
    const struct nst_resource **all = NST_NEW_ARRAY(a, const struct nst_resource *, count + 1);
    count = 0;
    for (size_t i = 0; i < NST_COUNT(lists); i++)
        for (size_t k = 0; lists[i][k] != NULL; k++)
            all[count++] = lists[i][k];
    return all;
}

bool cli_registry(struct nst_registry **out, struct nst_arena *a)
{
    static const struct nst_face *const faces[] = {
        GUIDE,
        V2,
        IMPORT,
        &enroll_face,
        &enroll_desk_face,
        &enroll_catalog_face,
        &nst_accounts_face,
        &nst_oauth2_face,
        NULL,
    };
    if (nst_registry_new(out, a, all_resources(a), faces) != NST_OK)
        return false;
    nst_registry_describe(*out, "Nestor", NESTOR_VERSION);
    return true;
}

bool cli_is_local(struct nst_str listen)
{
    static const char *const start[] = { "127.", "[::1]", "localhost:", "unix:" };
    for (size_t i = 0; i < NST_COUNT(start); i++)
        if (nst_str_starts(listen, nst_str_z(start[i])))
            return true;
    return false;
}

struct nst_str cli_url_of(struct nst_arena *a, struct nst_str listen)
{
    static const char *const everywhere[] = { ":", "0.0.0.0:", "[::]:", "*:" };
    if (nst_str_starts(listen, NST_STR("unix:")))
        return (struct nst_str){ 0 };
    for (size_t i = 0; i < NST_COUNT(everywhere); i++) {
        struct nst_str start = nst_str_z(everywhere[i]);
        if (nst_str_starts(listen, start))
            return nst_strf(a, "http://localhost:%.*s",
                            NST_FMT(nst_str_slice(listen, start.n, listen.n)));
    }
    return nst_strf(a, "http://%.*s", NST_FMT(listen));
}

bool cli_write_secret(const char *path, struct nst_str text, bool may_replace)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | (may_replace ? O_TRUNC : O_EXCL), 0600);
    if (fd < 0)
        return false;
    bool good = fchmod(fd, 0600) == 0 && write(fd, text.p, text.n) == (ssize_t)text.n &&
                write(fd, "\n", 1) == 1 && fsync(fd) == 0;
    good = close(fd) == 0 && good;
    int why = errno;
    if (!good && !may_replace)
        unlink(path); /* else the next run would take a piece for the whole */
    errno = why;
    return good;
}

const char *cli_folder_of(struct nst_arena *a, struct nst_str file)
{
    while (file.n > 0 && file.p[file.n - 1] != '/')
        file.n--;
    return file.n > 0 ? nst_str_to_z(a, file) : ".";
}

static struct stat heir; /* nftw hands nothing through to what it calls */

static int give_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
    (void)st, (void)kind, (void)where;
    return lchown(path, heir.st_uid, heir.st_gid);
}

bool cli_give_away(const char *path, const char *like)
{
    if (geteuid() != 0)
        return true;
    return stat(like, &heir) == 0 && nftw(path, give_one, 16, FTW_PHYS) == 0;
}

bool cli_read_stream(struct nst_buf *out, FILE *in)
{
    while (!feof(in) && !ferror(in) && nst_buf_reserve(out, STREAM_STEP))
        out->n += fread(out->p + out->n, 1, STREAM_STEP, in);
    return !ferror(in) && !out->is_full;
}

static ssize_t read_some(struct nst_buf *out, int fd)
{
    if (!nst_buf_reserve(out, READ_STEP)) {
        errno = EFBIG;
        return -1;
    }
    ssize_t got = read(fd, out->p + out->n, READ_STEP);
    out->n += got > 0 ? (size_t)got : 0;
    return got;
}

struct nst_str cli_read_file(struct nst_arena *a, const char *path, size_t max)
{
    struct nst_buf text;
    ssize_t got;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return (struct nst_str){ 0 };
    nst_buf_init(&text, a, max + READ_STEP);
    do
        got = read_some(&text, fd);
    while (got > 0 || (got < 0 && errno == EINTR));
    int error = got < 0 ? errno : text.n > max ? EFBIG : 0;
    close(fd);
    errno = error;
    return error == 0 ? nst_str_trim(nst_buf_str(&text)) : (struct nst_str){ 0 };
}

/* ---- The secret that tokens are derived with ---- */

static const char *secret_path(const struct cli_options *o)
{
    return nst_strf(o->arena, "%s/secret.key", o->data).p;
}

/* Written when all else is there: services start where they find it. */
static bool write_secret(const struct cli_site *site, const struct cli_options *o,
                         const struct cli_verb *verb)
{
    if (site->secret.p == NULL || cli_write_secret(secret_path(o), site->secret, false))
        return true;
    cli_fail(verb, "%s cannot be made: %s", secret_path(o), strerror(errno));
    return false;
}

/* Who runs the verb: the account of the operating system, by its number where it has no name. */
static struct nst_str operator_name(struct nst_arena *a)
{
    const struct passwd *me = getpwuid(getuid());
    bool has_name = me != NULL && nst_utf8_is_plain(nst_str_z(me->pw_name));
    return has_name ? nst_strf(a, "%s", me->pw_name) : nst_strf(a, "%u", (unsigned)getuid());
}

static bool configure_accounts(struct cli_site *site, struct cli_options *o,
                               const struct cli_verb *verb, bool may_create)
{
    struct nst_accounts_settings settings = { 0 };
    size_t bytes = 0;
    const char *path = secret_path(o);
    if (may_create && access(path, F_OK) != 0)
        site->secret = nst_random_hex(o->arena, NST_SECRET_BYTES);
    struct nst_str text =
        site->secret.p != NULL ? site->secret : cli_read_file(o->arena, path, SECRET_FILE_MAX);
    if (text.p == NULL) {
        cli_fail(verb, "%s cannot be read: %s. %s", path, strerror(errno),
                 errno == ENOENT ? "`nestor init` makes an installation."
                                 : "Whom it belongs to may: say the verb as that user.");
        return false;
    }
    if (sodium_hex2bin(settings.secret, sizeof(settings.secret), text.p, text.n, NULL, &bytes,
                       NULL) != 0 ||
        bytes != sizeof(settings.secret)) {
        cli_fail(verb, "%s does not hold %d bytes in hex", path, NST_SECRET_BYTES);
        return false;
    }
    nst_registry_seal(site->registry, settings.secret, sizeof(settings.secret));
    const struct enroll_settings enroll = {
        .username_param_grants = cli_is_on(&o->config, "enroll.username_param_grants"),
        .page_max = cli_number(&o->config, "enroll.page_max"),
    };
    enroll_configure(&enroll);
    ocl_require_authentication(cli_is_on(&o->config, "ocl.require_authentication"),
                               cli_text(&o->config, "ocl.upgrade_url"));
    static const struct nst_belongings *const belongings[] = { &ocl_belongings, &enroll_belongings,
                                                               NULL };
    settings.belongings = belongings;
    if (verb != &cli_serve)
        settings.operator_name = operator_name(o->arena);
    settings.password_min = cli_number(&o->config, "auth.password.min_length");
    settings.enforces_restricted = cli_is_on(&o->config, "auth.jwt.enforce_restricted");
    nst_accounts_configure(&settings);
    return cli_keys_configure(o, verb);
}

/* ---- The store ---- */

int64_t cli_newest_step(void)
{
    return nestor_migrations[nestor_migration_count - 1].number;
}

struct nst_str cli_database(struct cli_options *o)
{
    struct nst_str url = cli_text(&o->config, "database");
    return url.n > 0 ? url : nst_strf(o->arena, "%s/nestor.db", o->data);
}

struct nst_str cli_shown_url(struct nst_arena *a, struct nst_str url)
{
    struct nst_str shown = nst_dialect_of(url) == NST_POSTGRESQL ? nst_conninfo_shown(a, url) : url;
    return memmem(shown.p, shown.n, "***", 3) != NULL ? shown : url;
}

static bool is_file(struct nst_str url)
{
    return nst_dialect_of(url) == NST_SQLITE;
}

/* A database of nothing beside a secret is no new installation: its users would all be
 * unknown, and what was there could still be brought back. */
static const char nothing_there[] =
    "is empty: bring its backup back (docs/operations.md), or make a new one with `nestor init`";

static const char gone[] =
    "is not there, but the secret that belongs to it: is a disk missing? Bring its backup back "
    "(docs/operations.md), or make a new one with `nestor init`";

static const char *fault_of_file(struct cli_options *o, struct nst_str url)
{
    struct stat file;
    if (stat(nst_str_to_z(o->arena, url), &file) != 0)
        return errno != ENOENT                     ? strerror(errno)
               : access(secret_path(o), F_OK) == 0 ? gone
                                                   : "is not there. `nestor init` makes one";
    return file.st_size > 0 ? NULL : nothing_there;
}

/* Of verbs that only read: they work on a snapshot, too. */
static bool is_frozen(struct nst_arena *a, struct nst_str url)
{
    return access(nst_str_to_z(a, url), W_OK) != 0 || access(cli_folder_of(a, url), W_OK) != 0;
}

/* Then nobody writes it meanwhile, here at least (nst_copy_pages looks): who may not is not told
 * whether others do. */
static bool is_on_frozen_disk(struct nst_arena *a, struct nst_str url)
{
    return is_frozen(a, url) && errno == EROFS;
}

/* SQLite says only that it cannot open it. */
static const char *fault_of_place(struct nst_arena *a, struct nst_str url)
{
    if (!is_frozen(a, url))
        return NULL;
    return nst_strf(a, "or its folder cannot be written: %s", strerror(errno)).p;
}

/* A command waits for a row or a statement as long as it takes: whoever runs it can end it. */
static struct nst_store_options store_options(const struct cli_config *c, struct nst_str url,
                                              bool is_server)
{
    unsigned busy = (unsigned)cli_number(c, "db.busy_ms");
    unsigned statement = (unsigned)cli_number(c, "db.statement_seconds") * 1000;
    int64_t map_mib = cli_number(c, "db.map_mib");
    return (struct nst_store_options){
        .url = url,
        .pool = (unsigned)cli_number(c, "db.pool"),
        .readers = (unsigned)cli_number(c, "db.readers"),
        .batch = (unsigned)cli_number(c, "db.batch"),
        .queue = (unsigned)cli_number(c, "db.queue"),
        .slow = (unsigned)cli_number(c, "auth.password.queue"),
        .mmap = map_mib > 0 ? (size_t)map_mib << 20 : NST_MAP_NOTHING,
        .slow_ms = is_server ? (unsigned)cli_number(c, "db.slow_ms") : 0,
        .busy_ms = busy,
        .lock_ms = is_server ? busy : 0,
        .statement_ms = is_server ? statement : 0,
        .connect_seconds = (unsigned)cli_number(c, "db.connect_seconds"),
        .is_pooled = cli_is_on(c, "db.pooler"),
    };
}

struct nst_store *cli_store_open(struct cli_options *o, const struct cli_verb *verb,
                                 struct nst_store_options how)
{
    struct nst_store *store = NULL;
    struct nst_str url = how.url.p == NULL ? cli_database(o) : how.url;
    bool is_own_file = how.url.p == NULL && is_file(url);
    const char *fault = is_own_file ? fault_of_file(o, url) : NULL;
    bool is_stuck = is_own_file && is_on_frozen_disk(o->arena, url);
    if (fault == NULL && is_own_file && (how.is_alone || !is_stuck))
        fault = fault_of_place(o->arena, url);
    struct nst_store_options options = store_options(&o->config, url, false);
    options.pool = 1;
    options.is_alone = how.is_alone;
    options.is_filled = how.is_filled;
    options.is_read_only = how.is_read_only || (is_stuck && !how.is_alone);
    enum nst_err e = fault == NULL ? nst_store_open(&store, &options) : NST_OK;
    struct nst_str shown = cli_shown_url(o->arena, url);
    if (fault != NULL)
        cli_fail(verb, "the database %.*s %s", NST_FMT(shown), fault);
    else if (e == NST_E_BUSY)
        cli_fail(verb, "the database %.*s is in use: stop the server and other verbs first",
                 NST_FMT(shown));
    else if (e != NST_OK)
        cli_fail(verb, "the database cannot be opened; the log line above says why%s",
                 is_stuck ? ". Its disk is read-only: copy it and its -wal to where they can be "
                            "written, and say --database"
                          : "");
    return store;
}

const char *cli_was_moved(const struct cli_options *o, struct nst_str where)
{
    return nst_strf(o->arena,
                    "was moved to %.*s: let `database` name that one, or have this one served "
                    "again by `nestor move --stay%s`",
                    NST_FMT(where), cli_where(o))
        .p;
}

static const char *fault_of_content(const struct cli_options *o, struct nst_store *store)
{
    enum nst_copy_state state = NST_COPY_TAKEN;
    struct nst_str left;
    if (nst_copy_state(&state, store) != NST_OK || nst_copy_left(&left, o->arena, store) != NST_OK)
        return "cannot be read; the log line above says why";
    if (left.p != NULL)
        return cli_was_moved(o, left);
    return state == NST_COPY_EMPTY ? nothing_there : NULL;
}

static const char *fault_of_restore(struct cli_options *o)
{
    const char *mark = nst_strf(o->arena, "%s/" CLI_RESTORING, o->data).p;
    return access(mark, F_OK) != 0 ? NULL
                                   : "is not whole: its restore was cut. Run the same `nestor "
                                     "restore` again";
}

static bool open_store(struct cli_site *site, struct cli_options *o, const struct cli_verb *verb,
                       bool may_create)
{
    struct nst_str url = cli_database(o), shown = cli_shown_url(o->arena, url);
    const char *fault = fault_of_restore(o);
    if (fault == NULL && is_file(url) && !may_create)
        fault = fault_of_file(o, url);
    if (fault == NULL && is_file(url) && !may_create && !verb->only_reads)
        fault = fault_of_place(o->arena, url);
    if (fault != NULL) {
        cli_fail(verb, "the database %.*s %s", NST_FMT(shown), fault);
        return false;
    }
    struct nst_store_options options = store_options(&o->config, url, verb == &cli_serve);
    options.is_read_only = verb->only_reads && is_file(url) && is_frozen(o->arena, url);
    if (nst_store_open(&site->store, &options) != NST_OK) {
        cli_fail(verb, "the database cannot be opened; the log line above says why");
        return false;
    }
    fault = may_create ? NULL : fault_of_content(o, site->store);
    if (fault != NULL) {
        cli_fail(verb, "the database %.*s %s", NST_FMT(shown), fault);
        nst_store_close(site->store);
        return false;
    }
    if (nst_migrate(&site->applied, site->store, nestor_migrations, nestor_migration_count) !=
        NST_OK) {
        cli_fail(verb, "the database cannot be used; the log line above says why");
        nst_store_close(site->store);
        return false;
    }
    return true;
}

struct fitting {
    struct cli_options *o;
    bool fits;
};

static enum nst_err look_for_fit(struct nst_db *db, void *arg)
{
    struct fitting *f = arg;
    return nst_secret_fits(&f->fits, f->o->arena, db);
}

/* With another secret nobody's token would be known, and new ones would be known to this program
 * alone. */
static bool secret_fits(struct cli_site *site, struct cli_options *o, const struct cli_verb *verb)
{
    struct fitting f = { .o = o };
    bool is_read = nst_store_run(site->store, NST_MODE_READ, look_for_fit, &f) == NST_OK;
    if (!is_read)
        cli_fail(verb, "the database cannot be read; the log line above says why");
    else if (!f.fits)
        cli_fail(
            verb,
            "the tokens in this database were made with another secret: copy secret.key of the "
            "server that it belongs to into %s",
            o->data);
    return is_read && f.fits;
}

bool cli_site_open(struct cli_site *site, struct cli_options *o, const struct cli_verb *verb,
                   bool may_create)
{
    memset(site, 0, sizeof(*site));
    if (sodium_init() < 0) {
        cli_fail(verb, "libsodium cannot start");
        return false;
    }
    if (may_create && mkdir(o->data, 0700) != 0 && errno != EEXIST) {
        cli_fail(verb, "%s cannot be made: %s", o->data, strerror(errno));
        return false;
    }
    if (!cli_registry(&site->registry, o->arena)) {
        cli_fail(verb, "the tables of the program are wrong; the log lines above say where");
        return false;
    }
    if (!configure_accounts(site, o, verb, may_create) || !open_store(site, o, verb, may_create))
        return false;
    bool good = verb->only_reads || (ocl_fill_checksums(site->store, site->registry) == NST_OK &&
                                     ocl_fill_vocabularies(site->store, site->registry) == NST_OK);
    if (!good)
        cli_fail(verb, "the database cannot be upgraded; the log line above says why");
    else if ((verb->only_reads || secret_fits(site, o, verb)) && write_secret(site, o, verb))
        return true;
    nst_store_close(site->store);
    return false;
}

bool cli_site_open_store(struct cli_site *site, struct cli_options *o, const struct cli_verb *verb)
{
    memset(site, 0, sizeof(*site));
    return open_store(site, o, verb, false);
}

void cli_site_close(struct cli_site *site)
{
    nst_store_close(site->store);
}

enum nst_err cli_run(struct cli_site *site, nst_work *work, void *arg)
{
    return nst_store_run(site->store, NST_MODE_WRITE, work, arg);
}

enum nst_err cli_call(struct nst_req *rq, struct nst_db *db, enum nst_method method,
                      struct nst_str path, struct nst_json *body)
{
    rq->db = db;
    rq->x = NST_NEW(rq->arena, struct nst_exchange);
    rq->x->arena = rq->arena;
    return nst_call(rq, GUIDE, method, path, body);
}

struct nst_str cli_task_folder(const struct cli_options *o)
{
    struct nst_str folder = cli_text(&o->config, "tasks.folder");
    if (folder.n == 0)
        folder = nst_strf(o->arena, "%s/tasks", o->data);
    return nst_str_z(nst_str_to_z(o->arena, folder));
}

/* ---- Authors ---- */

struct author {
    struct nst_caller *caller;
    struct cli_options *o;
};

static enum nst_err find_author(struct nst_db *db, void *arg)
{
    struct author *author = arg;
    struct nst_rows *rows;
    struct nst_str name = nst_str_z(author->o->user);
    NST_TRY(nst_query_with(&rows, db,
                           "SELECT id, username, is_staff, is_superuser FROM account "
                           "WHERE is_active AND (username = $1 OR ($2 AND is_superuser)) "
                           "ORDER BY id LIMIT 1",
                           NST_TEXT(name.p != NULL ? name : NST_STR("")),
                           NST_BOOL(name.p == NULL)));
    if (nst_rows_step(rows))
        *author->caller =
            (struct nst_caller){ .is_known = true,
                                 .id = nst_rows_int(rows, 0),
                                 .name = nst_str_copy(author->o->arena, nst_rows_text(rows, 1)),
                                 .is_staff = nst_rows_bool(rows, 2),
                                 .is_superuser = nst_rows_bool(rows, 3) };
    else
        nst_rows_fail(rows, NST_E_NOT_FOUND);
    return nst_rows_end(rows);
}

int cli_find_author(struct nst_caller *out, struct cli_site *site, struct cli_options *o,
                    const struct cli_verb *verb)
{
    struct author author = { out, o };
    if (nst_store_run(site->store, NST_MODE_READ, find_author, &author) == NST_OK)
        return EXIT_DONE;
    if (o->user != NULL)
        return cli_fail(verb, "there is no user \"%s\"", o->user);
    return cli_fail(verb,
                    "there is no superuser to act as; --user NAME names somebody who is staff, "
                    "`nestor user add NAME --superuser%s` makes one",
                    cli_where(o));
}
