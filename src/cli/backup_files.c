/* Files of backups: copied with their digests, listed, packed. See backup.h. */
#include "backup.h"

#include "nestor/base/digest.h"
#include "nestor/base/file.h"
#include "nestor/json.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define STEP     ((size_t)1 << 20)
#define LIST_MAX ((size_t)256 << 20)
#define FORMAT   1

const char *cli_path(struct nst_arena *a, struct nst_str folder, struct nst_str name)
{
    return nst_strf(a, "%.*s/%.*s", NST_FMT(folder), NST_FMT(name)).p;
}

const char *cli_archive_end(const char *path)
{
    static const char *const ends[] = { ".tar", ".tar.gz", ".tgz", ".tar.zst", ".tar.xz" };
    for (size_t i = 0; i < NST_COUNT(ends); i++)
        if (nst_str_ends(nst_str_z(path), nst_str_z(ends[i])))
            return ends[i];
    return NULL;
}

struct cli_backup_file *cli_backup_find(const struct cli_backup *b, struct nst_str name)
{
    struct cli_backup_file *file = b->first;
    while (file != NULL && !nst_str_eq(file->name, name))
        file = file->next;
    return file;
}

void cli_backup_add(struct cli_backup *b, const struct cli_backup_file *file)
{
    struct cli_backup_file *own = NST_NEW(b->arena, struct cli_backup_file);
    *own = *file;
    own->next = NULL;
    if (b->end == NULL)
        b->end = &b->first;
    *b->end = own;
    b->end = &own->next;
}

static int compare_names(const void *x, const void *y)
{
    return strcmp(*(const char *const *)x, *(const char *const *)y);
}

bool cli_backup_is_name(struct nst_str name)
{
    static const char form[] = CLI_BACKUP_PREFIX "00000000T000000Z";
    bool is_good = name.n == sizeof(form) - 1;
    for (size_t i = 0; is_good && i < name.n; i++)
        is_good = form[i] == '0' ? name.p[i] >= '0' && name.p[i] <= '9' : name.p[i] == form[i];
    return is_good;
}

static bool is_of_backup(struct nst_str name)
{
    struct nst_str part = NST_STR(CLI_BACKUP_PART);
    if (nst_str_ends(name, part))
        name.n -= part.n;
    return cli_backup_is_name(name);
}

size_t cli_backup_names(const char ***out, struct nst_arena *a, const char *folder)
{
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    struct nst_buf names;
    nst_buf_init(&names, a, SIZE_MAX / 4);
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        const char *name = nst_strf(a, "%s", entry->d_name).p;
        if (is_of_backup(nst_str_z(name)))
            nst_put(&names, (struct nst_str){ (const char *)&name, sizeof(name) });
    }
    if (dir != NULL)
        closedir(dir);
    size_t count = names.n / sizeof(**out);
    *out = NST_NEW_ARRAY(a, const char *, count + 1);
    if (count > 0)
        memcpy(*out, names.p, names.n);
    qsort(*out, count, sizeof(**out), compare_names);
    return count;
}

/* ---- Bytes ---- */

/* Read all of `from` into the digest, and into `to` unless it is -1. */
static bool pump(struct cli_backup_file *out, struct nst_arena *a, int to, int from)
{
    struct nst_sha256 digest;
    struct nst_arena *own = nst_arena_new(STEP + 1024);
    char *bytes = nst_alloc_text(own, STEP);
    ssize_t n = 0;
    bool good = true;
    out->bytes = 0;
    nst_sha256_init(&digest);
    while (good && ((n = read(from, bytes, STEP)) > 0 || (n < 0 && errno == EINTR))) {
        const struct nst_str got = { bytes, n > 0 ? (size_t)n : 0 };
        nst_sha256_add(&digest, got);
        good = to < 0 || nst_write_all(to, got);
        out->bytes += (int64_t)got.n;
    }
    nst_arena_free(own);
    out->sha256 = nst_sha256_end(&digest, a);
    return good && n == 0;
}

static bool read_time(struct cli_backup_file *out, struct timespec *time, int fd)
{
    struct stat s;
    if (fstat(fd, &s) != 0)
        return false;
    if (!S_ISREG(s.st_mode)) {
        errno = EINVAL;
        return false;
    }
    *time = s.st_mtim;
    out->changed = s.st_mtim.tv_sec * INT64_C(1000000000) + s.st_mtim.tv_nsec;
    return true;
}

static bool copy_into(struct cli_backup_file *out, struct nst_arena *a, const char *to, int from)
{
    struct timespec times[2] = { { .tv_nsec = UTIME_OMIT } };
    int fd = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return false;
    bool good = read_time(out, &times[1], from) && pump(out, a, fd, from) &&
                futimens(fd, times) == 0 && fsync(fd) == 0;
    int error = errno;
    good = close(fd) == 0 && good;
    if (!good)
        (void)unlink(to);
    errno = error;
    return good;
}

bool cli_backup_copy(struct cli_backup_file *out, struct nst_arena *a, const char *to,
                     const char *from)
{
    int fd = open(from, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool good = copy_into(out, a, to, fd);
    int error = errno;
    close(fd);
    errno = error;
    return good;
}

bool cli_backup_measure(struct cli_backup_file *out, struct nst_arena *a, const char *path)
{
    struct timespec time;
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool good = read_time(out, &time, fd) && pump(out, a, -1, fd);
    int error = errno;
    close(fd);
    errno = error;
    return good;
}

static int remove_entry(const char *path, const struct stat *s, int kind, struct FTW *place)
{
    (void)s;
    (void)kind;
    (void)place;
    return remove(path);
}

bool cli_remove_folder(const char *path)
{
    return nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) == 0 || errno == ENOENT;
}

/* ---- The list ---- */

static void put_member(struct nst_buf *b, const char *name, struct nst_str value)
{
    nst_putf(b, "\"%s\":", name);
    nst_json_put_str(b, value);
    nst_put_lit(b, ",\n");
}

static void put_file(struct nst_buf *out, const struct cli_backup_file *file)
{
    nst_put_lit(out, "{\"name\":");
    nst_json_put_str(out, file->name);
    nst_putf(out, ",\"bytes\":%lld,\"changed\":%lld,\"sha256\":\"%.*s\"}", (long long)file->bytes,
             (long long)file->changed, NST_FMT(file->sha256));
    nst_put_z(out, file->next != NULL ? ",\n" : "\n");
}

static void put_named(struct nst_buf *out, const struct cli_backup *b)
{
    const char *between = "";
    nst_put_lit(out, "\"named\":{");
    for (size_t i = 0; i < CLI_KEY_SETTINGS; i++) {
        if (b->named[i].p == NULL)
            continue;
        nst_putf(out, "%s\"%s\":", between, cli_key_settings[i]);
        nst_json_put_str(out, b->named[i]);
        between = ",";
    }
    nst_put_lit(out, "},\n");
}

bool cli_backup_write_list(const struct cli_backup *b)
{
    struct nst_buf text;
    nst_buf_init(&text, b->arena, LIST_MAX);
    nst_put_lit(&text, "{");
    put_member(&text, "program", NST_STR("nestor"));
    nst_putf(&text, "\"format\":%d,\n\"step\":%lld,\n", FORMAT, (long long)b->step);
    put_member(&text, "time", b->time);
    put_member(&text, "version", b->version);
    put_member(&text, "engine", b->engine);
    put_named(&text, b);
    nst_put_lit(&text, "\"files\":[\n");
    for (const struct cli_backup_file *file = b->first; file != NULL; file = file->next)
        put_file(&text, file);
    nst_put_lit(&text, "]}");
    if (text.is_full)
        errno = EFBIG;
    return !text.is_full &&
           cli_write_secret(cli_path(b->arena, b->folder, NST_STR(CLI_BACKUP_LIST)),
                            nst_buf_str(&text), true) &&
           nst_sync_folder(b->folder.p);
}

bool cli_backup_has_place(struct nst_str name)
{
    static const char tasks[] = "tasks/";
    if (nst_str_eq(name, NST_STR(CLI_BACKUP_LIST)))
        return false;
    if (nst_str_starts(name, nst_str_z(tasks)))
        name = nst_str_slice(name, sizeof(tasks) - 1, name.n);
    return nst_utf8_valid(name) && nst_str_is_segment(name) && nst_str_find(name, '/') == name.n;
}

static bool take_file(struct cli_backup *b, const struct nst_json *v)
{
    struct cli_backup_file file = { 0 };
    const struct nst_json *name = nst_json_get(v, NST_STR("name")),
                          *bytes = nst_json_get(v, NST_STR("bytes")),
                          *changed = nst_json_get(v, NST_STR("changed")),
                          *sha256 = nst_json_get(v, NST_STR("sha256"));
    if (!nst_json_is_text(name) || !cli_backup_has_place(name->text) || !nst_json_is_text(sha256) ||
        bytes == NULL || !nst_str_int(&file.bytes, bytes->text) || changed == NULL ||
        !nst_str_int(&file.changed, changed->text))
        return false;
    file.name = name->text;
    file.sha256 = sha256->text;
    cli_backup_add(b, &file);
    return true;
}

/* Backups of earlier programs say nothing of it. */
static void take_named(struct cli_backup *b, const struct nst_json *named)
{
    for (size_t i = 0; i < CLI_KEY_SETTINGS && named != NULL; i++) {
        const struct nst_json *name = nst_json_get(named, nst_str_z(cli_key_settings[i]));
        if (nst_json_is_text(name) && cli_backup_find(b, name->text) != NULL)
            b->named[i] = name->text;
    }
}

static const char *take_list(struct cli_backup *b, const struct nst_json *v)
{
    const struct nst_json *program = nst_json_get(v, NST_STR("program")),
                          *format = nst_json_get(v, NST_STR("format")),
                          *step = nst_json_get(v, NST_STR("step")),
                          *time = nst_json_get(v, NST_STR("time")),
                          *version = nst_json_get(v, NST_STR("version")),
                          *files = nst_json_get(v, NST_STR("files"));
    int64_t number;
    if (!nst_json_is_text(program) || !nst_str_eq(program->text, NST_STR("nestor")))
        return "is no backup of this program";
    if (format == NULL || !nst_str_int(&number, format->text) || step == NULL ||
        !nst_str_int(&b->step, step->text) || !nst_json_is_text(time) ||
        !nst_json_is_text(version) || files == NULL || files->kind != NST_JSON_ARRAY)
        return "has a list (" CLI_BACKUP_LIST ") that is damaged";
    b->time = time->text;
    b->version = version->text;
    if (number > FORMAT || b->step > cli_newest_step())
        return nst_strf(b->arena, "was made by a newer version of this program (%.*s): install it",
                        NST_FMT(b->version))
            .p;
    for (const struct nst_json *file = files->first; file != NULL; file = file->next)
        if (!take_file(b, file))
            return "has a list (" CLI_BACKUP_LIST ") that is damaged";
    if (cli_backup_find(b, NST_STR(CLI_BACKUP_DATABASE)) == NULL)
        return "has no database in its list";
    take_named(b, nst_json_get(v, NST_STR("named")));
    return NULL;
}

const char *cli_backup_read_list(struct cli_backup *b)
{
    struct nst_json *v;
    const char *path = cli_path(b->arena, b->folder, NST_STR(CLI_BACKUP_LIST));
    struct nst_str text = cli_read_file(b->arena, path, LIST_MAX);
    int error = errno;
    if (text.p == NULL && error == ENOENT && access(nst_str_to_z(b->arena, b->folder), F_OK) == 0)
        return "is no backup: there is no " CLI_BACKUP_LIST " in it";
    if (text.p == NULL)
        return nst_strf(b->arena, "cannot be read: %s", strerror(error)).p;
    if (nst_json_read(&v, NULL, b->arena, text, NULL) != NST_OK)
        return "has a list (" CLI_BACKUP_LIST ") that is damaged";
    return take_list(b, v);
}

/* ---- Archives ---- */

bool cli_tar(const struct cli_verb *verb, const char *what, const char *archive, const char *folder)
{
    char *words[] = { (char[]){ "tar" },
                      (char[]){ "--no-same-owner" },
                      (char[]){ "--force-local" },
                      (char *)what,
                      (char *)archive,
                      (char[]){ "-C" },
                      (char *)folder,
                      what[1] == 'c' ? (char[]){ "." } : NULL,
                      NULL };
    pid_t child;
    int status = 0;
    int error = posix_spawnp(&child, "tar", NULL, NULL, words, environ);
    if (error != 0) {
        cli_fail(verb, "tar cannot be run: %s", strerror(error));
        return false;
    }
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    if (status == 0)
        return true;
    cli_fail(verb, "tar could not %s %s; it says why above", what[1] == 'c' ? "write" : "read",
             archive);
    return false;
}
