/* Fetching an export: into a file that goes on where it was cut, until all of it is there and is
 * what the remote says that it is. */
#include "round.h"

#include "nestor/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define WAIT_TIME NST_SECOND /* between two questions for an export in the making */
#define WAITS_MAX 180

static void question_of(struct ocl_question *q, struct ocl_round *m, struct nst_task *t)
{
    *q = (struct ocl_question){
        .arena = m->turn,
        .task = t,
        .method = "GET",
        .url =
            nst_strf(m->turn, "%.*s%.*s/export/", NST_FMT(m->s.remote), NST_FMT(m->s.new_version))
                .p,
        .token = ocl_copy_token(m->turn, m->s.parent != 0 ? m->s.parent : m->s.id),
    };
}

/* Where what came of it so far ends; 0 where it is not known of which file it is. */
static int open_part(int64_t *got, struct ocl_round *m)
{
    struct stat st;
    int fd = open(ocl_copy_path(m->turn, ocl_copy_part(m->turn, m->s.id)),
                  O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    *got = 0;
    if (fd >= 0 && m->s.file_tag.p != NULL && fstat(fd, &st) == 0 && st.st_size < m->s.size)
        *got = st.st_size;
    if (fd >= 0 && (ftruncate(fd, *got) != 0 || lseek(fd, *got, SEEK_SET) != *got)) {
        close(fd);
        return -1;
    }
    return fd;
}

static void drop_part(struct ocl_round *m)
{
    (void)unlink(ocl_copy_path(m->turn, ocl_copy_part(m->turn, m->s.id)));
    m->s.file_tag = m->s.digest = (struct nst_str){ 0 };
    m->s.size = 0;
}

/* All of it is there: is it what the remote says that it is? */
static void end_part(struct ocl_round *m, struct nst_task *t)
{
    const char *part = ocl_copy_path(m->turn, ocl_copy_part(m->turn, m->s.id));
    struct nst_str digest = ocl_copy_digest(m->turn, part, t);
    if (digest.p == NULL)
        return; /* cut: it is looked at again */
    if (m->s.digest.p != NULL && !nst_str_eq(digest, m->s.digest)) {
        drop_part(m);
        m->problem = NST_STR("What came is not what the remote says that it is: its SHA-256 is "
                             "another one.");
        return;
    }
    m->s.digest = digest;
    if (rename(part, ocl_copy_path(m->turn, ocl_copy_name(m->turn, m->s.id, digest))) != 0 ||
        !nst_sync_folder(nst_str_to_z(m->turn, t->folder))) {
        m->problem = nst_strf(m->turn, "The export cannot be kept: %s.", strerror(errno));
        return;
    }
    m->s.file_tag = (struct nst_str){ 0 };
    m->s.phase = m->s.held_version.p != NULL ? NST_STR(OCL_SUB_APPLY) : NST_STR(OCL_SUB_LOAD);
}

/* It is on its way there: where nobody asked for it, we do. */
static void wait_for_export(struct ocl_round *m, struct ocl_question *q, long status)
{
    struct ocl_reply reply;
    int64_t until = nst_ticks() + WAIT_TIME;
    if (++m->waits > WAITS_MAX) {
        m->problem = NST_STR("The remote does not get on with making its export.");
        return;
    }
    if (status == 204 && m->waits % 10 == 1) {
        q->method = "POST";
        q->tag = (struct nst_str){ 0 };
        q->url = nst_strf(m->turn, "%s?noRedirect=true", q->url).p;
        ocl_remote_ask(&reply, q);
        if (reply.status == 0 && !nst_task_is_cut(q->task))
            m->problem = reply.problem;
    }
    while (nst_ticks() < until && !nst_task_is_cut(q->task))
        usleep(20000);
}

static void take_fetched(struct ocl_round *m, struct nst_task *t, struct ocl_question *q,
                         const struct ocl_fetch *f)
{
    m->s.file_tag = f->tag;
    m->s.digest = f->digest;
    m->s.size = f->size;
    m->got = f->got;
    if (f->size == 0)
        drop_part(m);
    if (f->problem.p != NULL || f->is_full)
        m->problem = f->problem.p != NULL ? f->problem : NST_STR("The disk is full.");
    else if (f->status == 304)
        m->is_current = true;
    else if (f->status == 204 || f->status == 208)
        wait_for_export(m, q, f->status);
    else if (f->size > 0 && f->got == f->size)
        end_part(m, t);
}

void ocl_round_fetch(struct ocl_round *m, struct nst_task *t)
{
    struct ocl_fetch f = { .tag = m->s.file_tag, .digest = m->s.digest, .size = m->s.size };
    struct ocl_question q;
    int fd = open_part(&f.got, m);
    question_of(&q, m, t);
    if (fd < 0) {
        m->problem = nst_strf(m->turn, "The export cannot be kept: %s.", strerror(errno));
        return;
    }
    if (f.got == 0)
        f = (struct ocl_fetch){ 0 };
    bool is_held =
        nst_str_eq(m->s.new_version, m->s.held_version) && ocl_round_has(m, m->held_file);
    if (is_held)
        q.tag = nst_strf(m->turn, "\"%.*s\"", NST_FMT(nst_str_slice(m->held_digest, 0, 32)));
    ocl_remote_fetch(&f, &q, fd);
    bool is_durable = f.size == 0 || f.got < f.size || fsync(fd) == 0;
    close(fd);
    if (!is_durable)
        f.is_full = true;
    take_fetched(m, t, &q, &f);
}
