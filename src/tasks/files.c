/* Files of tasks: called after the uuid of theirs, so that none outlives it. */
#include "internal.h"

#include "nestor/base/file.h"
#include "nestor/base/log.h"
#include "nestor/base/random.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define UUID_LENGTH 36
#define SWEEP_AGE   3600 /* seconds */
#define UPLOAD_AGE  10
#define HOST_BYTES  16

/* Null: the file is of no task. */
static struct nst_str uuid_of(const char *name)
{
    struct nst_str text = nst_str_z(name);
    bool is_of_task = text.n > UUID_LENGTH && text.p[UUID_LENGTH] == '.';
    return is_of_task ? nst_str_slice(text, 0, UUID_LENGTH) : (struct nst_str){ 0 };
}

static DIR *open_folder(struct nst_str folder)
{
    struct nst_arena *a = nst_arena_new(1024);
    DIR *dir = opendir(nst_str_to_z(a, folder));
    nst_arena_free(a);
    return dir;
}

static void remove_file(DIR *dir, const char *name)
{
    if (unlinkat(dirfd(dir), name, 0) != 0 && errno != ENOENT)
        nst_log(NST_LOG_WARN, "file of a task not removed", NST_LOG_STR("file", nst_str_z(name)),
                NST_LOG_STR("reason", nst_str_z(strerror(errno))));
}

void nst_task_files_remove(struct nst_str folder, struct nst_str uuid)
{
    DIR *dir = open_folder(folder);
    const struct dirent *file;
    if (dir == NULL)
        return;
    while ((file = readdir(dir)) != NULL)
        if (nst_str_eq(uuid_of(file->d_name), uuid))
            remove_file(dir, file->d_name);
    closedir(dir);
}

struct question {
    struct nst_str uuid;
    enum nst_task_need need;
};

static enum nst_err ask(struct nst_db *db, void *arg)
{
    struct question *q = arg;
    return nst_tasks_need(&q->need, db, q->uuid);
}

static bool is_older(DIR *dir, const char *name, time_t seconds)
{
    struct stat s;
    return fstatat(dirfd(dir), name, &s, AT_SYMLINK_NOFOLLOW) == 0 &&
           time(NULL) - s.st_mtime > seconds;
}

/* Whoever writes it holds it; a new one may not be held yet. */
static bool is_abandoned(DIR *dir, const char *name)
{
    int fd = is_older(dir, name, UPLOAD_AGE)
                 ? openat(dirfd(dir), name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
                 : -1;
    bool is_free = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0;
    if (fd >= 0)
        close(fd);
    return is_free;
}

static bool is_needless(struct nst_store *store, DIR *dir, const char *name)
{
    struct question q = { .uuid = uuid_of(name) };
    if (q.uuid.p == NULL) /* of write_host, when it was killed */
        return nst_str_starts(nst_str_z(name), NST_STR("host.")) && is_older(dir, name, UPLOAD_AGE);
    if (nst_str_ends(nst_str_z(name), NST_STR(NST_UPLOAD_SUFFIX)))
        return is_abandoned(dir, name);
    if (nst_store_run(store, NST_MODE_READ, ask, &q) != NST_OK)
        return false;
    return q.need == NST_NOT_NEEDED || (q.need == NST_UNKNOWN && is_older(dir, name, SWEEP_AGE));
}

void nst_task_files_sweep(struct nst_str folder, struct nst_store *store, void (*between)(void *),
                          void *arg)
{
    DIR *dir = open_folder(folder);
    const struct dirent *file;
    if (dir == NULL)
        return;
    while ((file = readdir(dir)) != NULL) {
        if (is_needless(store, dir, file->d_name))
            remove_file(dir, file->d_name);
        between(arg);
    }
    closedir(dir);
}

/* ---- Files that are kept ---- */

struct kept {
    const struct nst_file_kind *kind;
    struct nst_str name;
    bool is_needed;
};

static enum nst_err ask_kept(struct nst_db *db, void *arg)
{
    struct kept *k = arg;
    struct nst_arena *a = nst_arena_new(1024);
    enum nst_err e = k->kind->is_needed(&k->is_needed, a, db, k->name);
    nst_arena_free(a);
    return e;
}

static void go_on(void *arg)
{
    (void)arg;
}

void nst_files_sweep(struct nst_str folder, struct nst_store *store,
                     const struct nst_file_kind *kind)
{
    nst_kept_files_sweep(folder, store, kind, go_on, NULL);
}

void nst_kept_files_sweep(struct nst_str folder, struct nst_store *store,
                          const struct nst_file_kind *kind, void (*between)(void *), void *arg)
{
    DIR *dir = open_folder(folder);
    const struct dirent *file;
    while (dir != NULL && (file = readdir(dir)) != NULL) {
        struct kept k = { .kind = kind, .name = nst_str_z(file->d_name) };
        between(arg);
        if (!nst_str_starts(k.name, nst_str_z(kind->prefix)))
            continue;
        bool is_old = kind->keep_seconds != 0 && is_older(dir, file->d_name, kind->keep_seconds);
        if (is_old || (nst_store_run(store, NST_MODE_READ, ask_kept, &k) == NST_OK && !k.is_needed))
            remove_file(dir, file->d_name);
    }
    if (dir != NULL)
        closedir(dir);
}

/* ---- The name of this server ---- */

static struct nst_str read_host(struct nst_arena *a, const char *path)
{
    char *text = nst_alloc(a, HOST_BYTES + 1);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, HOST_BYTES + 1) : -1;
    if (fd >= 0)
        close(fd);
    return n == HOST_BYTES ? (struct nst_str){ text, HOST_BYTES } : (struct nst_str){ 0 };
}

/* Whole or not there: of several servers that begin at once, one names it. */
static bool write_host(struct nst_arena *a, const char *path)
{
    struct nst_str name = nst_random_hex(a, HOST_BYTES / 2);
    const char *part = nst_strf(a, "%s.%.*s", path, NST_FMT(name)).p;
    int fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool good = fd >= 0 && nst_write_all(fd, name) && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    good = good && (link(part, path) == 0 || errno == EEXIST);
    (void)unlink(part);
    return good;
}

/* The first one alone gets the lock for itself; then it shares it with those that come, so that one
 * who comes later knows of any. */
int nst_task_folder_hold(bool *is_alone, struct nst_arena *a, struct nst_str folder)
{
    int fd = open(nst_strf(a, "%.*s/host", NST_FMT(folder)).p, O_RDONLY | O_CLOEXEC);
    *is_alone = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0;
    while (fd >= 0 && flock(fd, LOCK_SH) != 0 && errno == EINTR)
        continue;
    return fd;
}

struct nst_str nst_task_host(struct nst_arena *a, struct nst_str folder)
{
    const char *path = nst_strf(a, "%.*s/host", NST_FMT(folder)).p;
    struct nst_str host = read_host(a, path);
    struct stat s;
    /* An empty one was left by a release that did not write it whole. */
    if (host.p == NULL && stat(path, &s) == 0 && s.st_size == 0)
        (void)unlink(path);
    if (host.p == NULL && write_host(a, path))
        host = read_host(a, path);
    if (host.p == NULL)
        nst_log(NST_LOG_ERROR, "the file \"host\" of the folder of tasks cannot be used",
                NST_LOG_STR("folder", folder), NST_LOG_STR("reason", nst_str_z(strerror(errno))));
    return host;
}
