/* Differences that are kept: files whose names say which exports they lead from and to, by the
 * digests of these, so that a name is all that there is to know of one. An empty file says that it
 * would be of no use. A task makes each, on the server that was asked for it. */
#include "difference.h"

#include "nestor/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX      "difference-"
#define NAME_DIGITS 16               /* of each digest */
#define STEP_TIME   (NST_SECOND / 4) /* of work between two looks at the task */
#define ONCE        "difference:"    /* what `once` of its tasks begins with */

/* ---- Names ---- */

static struct nst_str name_of(struct nst_arena *a, const struct ocl_export *newer,
                              const struct ocl_export *older)
{
    return nst_strf(a, PREFIX "%lld-%lld-%.*s-%.*s.zip", (long long)newer->id, (long long)older->id,
                    NST_FMT(nst_str_slice(newer->digest, 0, NAME_DIGITS)),
                    NST_FMT(nst_str_slice(older->digest, 0, NAME_DIGITS)));
}

static struct nst_str path_of(struct nst_arena *a, struct nst_str folder, struct nst_str name)
{
    return nst_strf(a, "%.*s/%.*s", NST_FMT(folder), NST_FMT(name));
}

enum ocl_difference_state ocl_difference_find(int *fd, struct nst_arena *a,
                                              const struct ocl_export *newer,
                                              const struct ocl_export *older)
{
    struct nst_str path = path_of(a, nst_worker_folder(), name_of(a, newer, older));
    struct stat st;
    *fd = open(path.p, O_RDONLY | O_CLOEXEC);
    if (*fd < 0)
        return OCL_DIFFERENCE_MISSING;
    if (fstat(*fd, &st) == 0 && st.st_size > 0)
        return OCL_DIFFERENCE_MADE;
    close(*fd);
    return OCL_DIFFERENCE_NO_USE;
}

/* ---- Tasks ---- */

static struct nst_str once_of(struct nst_arena *a, int64_t newer, int64_t older)
{
    return nst_strf(a, ONCE "%lld:%lld:%.*s", (long long)newer, (long long)older,
                    NST_FMT(nst_worker_host()));
}

enum nst_err ocl_difference_order(int64_t *task, struct nst_req *rq, const struct ocl_export *newer,
                                  const struct ocl_export *older)
{
    const struct nst_task_order order = {
        .kind = &ocl_difference_task,
        .user = rq->caller.is_known ? rq->caller.id : 0,
        .username = rq->caller.is_known ? rq->caller.name : NST_STR(""),
        .kwargs = nst_strf(rq->arena, "{\"export\":%lld,\"since\":%lld}", (long long)newer->id,
                           (long long)older->id),
        .once = once_of(rq->arena, newer->id, older->id),
        .host = nst_worker_host(),
    };
    return nst_task_add(task, rq, &order);
}

enum nst_err ocl_difference_work_on(enum ocl_export_work *out, struct nst_arena *a,
                                    struct nst_db *db, const struct ocl_export *newer,
                                    const struct ocl_export *older)
{
    return ocl_export_work_of(out, db, once_of(a, newer->id, older->id), (struct nst_str){ 0 });
}

/* What a worker has in its hands. */
struct making {
    struct nst_arena *home;
    struct ocl_export newer, older;
    bool has_loaded, is_made;
    int newer_fd, older_fd, fd; /* -1: not open */
    const char *part;           /* the file's name until it is whole */
    struct ocl_difference *difference;
};

static bool write_bytes(void *arg, struct nst_str bytes)
{
    const struct making *m = arg;
    return nst_write_all(m->fd, bytes);
}

static void close_all(struct making *m)
{
    ocl_difference_close(m->difference);
    m->difference = NULL;
    for (size_t i = 0; i < 3; i++) {
        int *fd = (int *[]){ &m->newer_fd, &m->older_fd, &m->fd }[i];
        if (*fd >= 0)
            close(*fd);
        *fd = -1;
    }
}

static enum nst_err fail_write(struct nst_task *t)
{
    return ocl_export_fail(t, "The difference has more than 4 GB, or a line that is too long.");
}

static enum nst_err begin_making(struct nst_task *t, struct making *m)
{
    m->newer_fd = ocl_export_file_open(m->home, &m->newer);
    m->older_fd = ocl_export_file_open(m->home, &m->older);
    m->part =
        nst_strf(m->home, "%.*s/%.*s.difference.part", NST_FMT(t->folder), NST_FMT(t->uuid)).p;
    if (m->newer_fd < 0 || m->older_fd < 0) {
        t->error = NST_STR("One of the exports is not on this server.");
        return NST_E_NOT_FOUND;
    }
    m->fd = open(m->part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (m->fd < 0)
        return fail_write(t);
    const struct ocl_differing what = { .older = m->older_fd,
                                        .newer = m->newer_fd,
                                        .older_digest = m->older.digest,
                                        .newer_digest = m->newer.digest,
                                        .older_version = m->older.version,
                                        .newer_version = m->newer.version,
                                        .time = m->newer.time,
                                        .folder = nst_str_to_z(m->home, t->folder),
                                        .write = write_bytes,
                                        .arg = m };
    return ocl_difference_open(&m->difference, &t->error, t->arena, &what) ? NST_OK
                                                                           : NST_E_CONFLICT;
}

static enum nst_err end_making(struct nst_task *t, struct making *m)
{
    struct nst_str path = path_of(t->arena, t->folder, name_of(t->arena, &m->newer, &m->older));
    bool is_useful = ocl_difference_size(m->difference) < m->newer.size / 2;
    bool good = (is_useful || ftruncate(m->fd, 0) == 0) && fsync(m->fd) == 0 &&
                nst_rename_durably(m->part, path.p, nst_str_to_z(t->arena, t->folder));
    m->is_made = good;
    return good ? NST_OK : fail_write(t);
}

static enum nst_err go_on(struct nst_task *t, struct making *m)
{
    int64_t until = nst_ticks() + STEP_TIME;
    bool is_over = false;
    struct nst_str why;
    while (!is_over && nst_ticks() < until) {
        errno = 0;
        if (!ocl_difference_go_on(&is_over, &why, t->arena, m->difference)) {
            t->error = why;
            return why.p != NULL ? NST_E_CONFLICT : fail_write(t);
        }
        is_over |= ocl_difference_size(m->difference) >= m->newer.size / 2;
    }
    return is_over ? end_making(t, m) : NST_OK;
}

/* Where the disk was full it begins anew. */
static enum nst_err prepare(struct nst_task *t)
{
    struct making *m = t->state;
    if (m == NULL) {
        struct nst_arena *home = nst_arena_new(4096);
        t->state = m = NST_NEW(home, struct making);
        *m = (struct making){ .home = home, .newer_fd = -1, .older_fd = -1, .fd = -1 };
        return NST_OK;
    }
    enum nst_err e = m->difference != NULL ? NST_OK : begin_making(t, m);
    if (e == NST_OK && !m->is_made)
        e = go_on(t, m);
    if (e != NST_OK)
        close_all(m);
    return e;
}

static enum nst_err load(struct nst_task *t, struct making *m, struct nst_db *db)
{
    NST_TRY(ocl_export_load(&m->newer, m->home, db, nst_task_number(t, "export")));
    NST_TRY(ocl_export_load(&m->older, m->home, db, nst_task_number(t, "since")));
    m->has_loaded = true;
    t->message = nst_strf(t->arena, "Comparing %.*s with %.*s", NST_FMT(m->newer.url),
                          NST_FMT(m->older.version));
    if (m->newer.is_there && m->newer.is_current && m->older.is_there && m->older.is_current)
        return NST_OK;
    t->error = NST_STR("One of the exports is not there any more.");
    return NST_E_NOT_FOUND;
}

static enum nst_err step(struct nst_task *t, struct nst_db *db)
{
    struct making *m = t->state;
    if (!m->has_loaded)
        return load(t, m, db);
    t->done = (int64_t)ocl_difference_done(m->difference);
    t->total = (int64_t)ocl_difference_total(m->difference);
    t->is_over = m->is_made;
    return NST_OK;
}

static void release(struct nst_task *t)
{
    struct making *m = t->state;
    if (m != NULL) {
        close_all(m);
        nst_arena_free(m->home);
    }
    t->state = NULL;
}

const struct nst_task_kind ocl_difference_task = { .name = "difference",
                                                   .mode = NST_MODE_READ,
                                                   .prepare = prepare,
                                                   .step = step,
                                                   .release = release };

/* ---- What is left over ---- */

/* Both exports are what they were, or a task is about to say so. */
static enum nst_err is_needed(bool *out, struct nst_arena *a, struct nst_db *db,
                              struct nst_str name)
{
    struct ocl_export newer, older;
    enum ocl_export_work work;
    char *end;
    int64_t id = strtoll(nst_str_to_z(a, name) + sizeof(PREFIX) - 1, &end, 10);
    NST_TRY(ocl_export_load(&newer, a, db, id));
    NST_TRY(ocl_export_load(&older, a, db, *end == '-' ? strtoll(end + 1, NULL, 10) : 0));
    NST_TRY(ocl_difference_work_on(&work, a, db, &newer, &older));
    *out =
        work != OCL_NOT_ASKED || (newer.is_there && newer.is_current && older.is_there &&
                                  older.is_current && nst_str_eq(name, name_of(a, &newer, &older)));
    return NST_OK;
}

/* Any reader may have those of all pairs made, hence they go after a while. */
const struct nst_file_kind ocl_difference_files = { .prefix = PREFIX,
                                                    .is_needed = is_needed,
                                                    .keep_seconds = INT64_C(7) * 86400 };
