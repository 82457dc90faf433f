/* Files of tasks: called after the uuid of theirs, so that none outlives it. */
#include "internal.h"

#include "nestor/base/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define UUID_LENGTH 36
#define SWEEP_AGE   3600 /* seconds */

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
    bool is_over;
};

static enum nst_err ask(struct nst_db *db, void *arg)
{
    struct question *q = arg;
    return nst_tasks_needs_none(&q->is_over, db, q->uuid);
}

static bool is_old(DIR *dir, const char *name)
{
    struct stat s;
    return fstatat(dirfd(dir), name, &s, AT_SYMLINK_NOFOLLOW) == 0 &&
           time(NULL) - s.st_mtime > SWEEP_AGE;
}

void nst_task_files_sweep(struct nst_str folder, struct nst_store *store)
{
    DIR *dir = open_folder(folder);
    const struct dirent *file;
    if (dir == NULL)
        return;
    while ((file = readdir(dir)) != NULL) {
        struct question q = { .uuid = uuid_of(file->d_name) };
        if (q.uuid.p != NULL && is_old(dir, file->d_name) &&
            nst_store_run(store, NST_MODE_READ, ask, &q) == NST_OK && q.is_over)
            remove_file(dir, file->d_name);
    }
    closedir(dir);
}
