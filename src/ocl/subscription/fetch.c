/* Fetching an export, or what makes the one that is here into it: into a file that goes on where it
 * was cut, until all of it is there and is what the remote says that it is. */
#include "round.h"

#include "nestor/base/file.h"
#include "nestor/base/log.h"
#include "ocl/export/difference.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define WAIT_TIME NST_SECOND /* between two questions for an export in the making */
#define WAITS_MAX 180

/* ---- What is asked for ---- */

static const char *address_of(struct ocl_round *m, bool is_ordered)
{
    struct nst_buf b;
    nst_buf_init(&b, m->turn, 8192);
    nst_putf(&b, "%.*s%.*s/export/", NST_FMT(m->s.remote), NST_FMT(m->s.new_version));
    if (is_ordered || m->s.since.p != NULL)
        nst_put_char(&b, '?');
    nst_put_z(&b, is_ordered ? "noRedirect=true" : "");
    if (m->s.since.p != NULL) {
        nst_put_z(&b, is_ordered ? "&since=" : "since=");
        nst_put_percent(&b, m->s.since, "");
    }
    return nst_str_to_z(m->turn, nst_buf_str(&b));
}

static void question_of(struct ocl_question *q, struct ocl_round *m, struct nst_task *t)
{
    *q = (struct ocl_question){
        .arena = m->turn,
        .task = t,
        .method = "GET",
        .url = address_of(m, false),
        .token = ocl_copy_token(m->turn, m->s.parent != 0 ? m->s.parent : m->s.id),
    };
}

static void drop_part(struct ocl_round *m)
{
    (void)unlink(ocl_copy_path(m->turn, ocl_copy_part(m->turn, m->s.id)));
    m->s.file_tag = m->s.digest = (struct nst_str){ 0 };
    m->s.size = 0;
}

/* What differs, where the release is here that it differs from; what is begun goes on. */
static void choose(struct ocl_round *m)
{
    bool is_other = m->s.held_version.p != NULL && !nst_str_eq(m->s.new_version, m->s.held_version),
         can_differ = is_other && !m->wants_whole && ocl_round_has_held(m);
    if (m->s.file_tag.p != NULL && (m->s.since.p == NULL || can_differ))
        return;
    if (ocl_round_has_come(m)) { /* and could not be used: is it still that? */
        m->s.since = (struct nst_str){ 0 };
        return;
    }
    if (m->s.file_tag.p != NULL)
        drop_part(m);
    m->s.since = can_differ ? m->s.held_version : (struct nst_str){ 0 };
}

/* The remote cannot say what differs, or it does not lead to what is promised. */
static void want_whole(struct ocl_round *m)
{
    drop_part(m);
    m->s.since = (struct nst_str){ 0 };
    m->wants_whole = true;
    m->waits = 0;
}

/* ---- What is there ---- */

/* Where what came of it so far ends; 0 where it is not known of which file it is. */
static int open_part(int64_t *got, struct ocl_round *m)
{
    struct stat st;
    int fd = open(ocl_copy_path(m->turn, ocl_copy_part(m->turn, m->s.id)),
                  O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    *got = 0;
    if (fd >= 0 && m->s.file_tag.p != NULL && fstat(fd, &st) == 0 && st.st_size <= m->s.size)
        *got = st.st_size;
    if (fd >= 0 && (ftruncate(fd, *got) != 0 || lseek(fd, *got, SEEK_SET) != *got)) {
        close(fd);
        return -1;
    }
    return fd;
}

static struct nst_str next_phase(const struct ocl_round *m)
{
    return m->s.held_version.p != NULL ? NST_STR(OCL_SUB_APPLY) : NST_STR(OCL_SUB_LOAD);
}

/* As our exports have it (V620). */
static struct nst_str tag_of(struct nst_arena *a, struct nst_str digest)
{
    struct nst_str begin = nst_str_slice(digest, 0, OCL_EXPORT_TAG);
    return nst_strf(a, "\"%.*s\"", NST_FMT(begin));
}

/* The export has its name from here on. */
static void keep_export(struct ocl_round *m, struct nst_task *t, const char *path,
                        struct nst_str digest)
{
    const char *to = ocl_copy_path(m->turn, ocl_copy_name(m->turn, m->s.id, digest));
    if (!nst_rename_durably(path, to, nst_str_to_z(m->turn, t->folder))) {
        m->problem = nst_strf(m->turn, "The export cannot be kept: %s.", strerror(errno));
        return;
    }
    m->s.digest = digest;
    m->s.file_tag = (struct nst_str){ 0 };
    m->s.phase = next_phase(m);
}

/* Make the export out of that which is here, at `made`. False, *why null: it was cut. */
static bool follow(struct ocl_followed *out, struct nst_str *why, struct ocl_round *m,
                   struct nst_task *t, const char *made)
{
    int held = open(ocl_copy_path(m->turn, m->held_file), O_RDONLY | O_CLOEXEC),
        part = open(ocl_copy_path(m->turn, ocl_copy_part(m->turn, m->s.id)), O_RDONLY | O_CLOEXEC),
        to = open(made, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    const struct ocl_following what = { .task = t,
                                        .difference = part,
                                        .older = held,
                                        .older_digest = m->held_digest,
                                        .folder = nst_str_to_z(m->turn, t->folder),
                                        .to = to };
    *why = nst_strf(m->turn, "a file cannot be opened: %s", strerror(errno));
    bool good =
        held >= 0 && part >= 0 && to >= 0 && ocl_difference_follow(out, why, m->turn, &what);
    if (good && fsync(to) != 0) {
        *why = nst_strf(m->turn, "it cannot be kept: %s", strerror(errno));
        good = false;
    }
    for (size_t i = 0; i < 3; i++)
        if ((int[]){ held, part, to }[i] >= 0)
            close((int[]){ held, part, to }[i]);
    return good;
}

/* All that differs is there. */
static void follow_part(struct ocl_round *m, struct nst_task *t)
{
    const char *part = ocl_copy_path(m->turn, ocl_copy_part(m->turn, m->s.id)),
               *made = nst_strf(m->turn, "%s.made", part).p;
    struct ocl_followed out;
    struct nst_str why;
    if (follow(&out, &why, m, t, made)) {
        m->s.size = out.size;
        m->s.since = (struct nst_str){ 0 };
        keep_export(m, t, made, out.digest);
        (void)unlink(part);
        return;
    }
    (void)unlink(made);
    if (why.p == NULL)
        return; /* cut: it is looked at again */
    nst_log(NST_LOG_WARN, "difference of no use, the whole export is fetched",
            NST_LOG_STR("remote", m->s.remote), NST_LOG_STR("reason", why));
    want_whole(m);
}

/* All of it is there: is it what the remote says that it is? */
static void end_part(struct ocl_round *m, struct nst_task *t)
{
    const char *part = ocl_copy_path(m->turn, ocl_copy_part(m->turn, m->s.id));
    if (m->s.since.p != NULL) {
        follow_part(m, t);
        return;
    }
    struct nst_str digest = ocl_copy_digest(m->turn, part, t);
    if (digest.p == NULL)
        return; /* cut: it is looked at again */
    if (m->s.digest.p != NULL && !nst_str_eq(digest, m->s.digest)) {
        drop_part(m);
        m->problem = NST_STR("What came is not what the remote says that it is: its SHA-256 is "
                             "another one.");
        return;
    }
    keep_export(m, t, part, digest);
}

/* ---- What comes ---- */

/* What is asked for is an export that there is none of, or that is too much of another one. */
static bool is_no_difference(const struct ocl_round *m, long status)
{
    return m->s.since.p != NULL && (status == 400 || status == 404);
}

/* It is on its way there: where nobody asked for it, we do. */
static void wait_for_export(struct ocl_round *m, struct ocl_question *q, long status)
{
    struct ocl_reply reply;
    int64_t until = nst_ticks() + WAIT_TIME;
    if (++m->waits > WAITS_MAX && m->s.since.p != NULL) {
        want_whole(m);
        return;
    }
    if (m->waits > WAITS_MAX) {
        m->problem = NST_STR("The remote does not get on with making its export.");
        return;
    }
    if (status == 204) {
        q->method = "POST";
        q->tag = (struct nst_str){ 0 };
        q->url = address_of(m, true);
        ocl_remote_ask(&reply, q);
        if (is_no_difference(m, reply.status)) {
            want_whole(m);
            return;
        }
        bool is_refused = reply.status == 0 || (reply.status >= 400 && reply.status != 409);
        if (is_refused && !nst_task_is_cut(q->task))
            m->problem = reply.problem;
    }
    ocl_wait_until(q->task, until);
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
    if (is_no_difference(m, f->status))
        want_whole(m);
    else if (f->problem.p != NULL || f->is_full)
        m->problem = f->problem.p != NULL ? f->problem : NST_STR("The disk is full.");
    else if (f->status == 304)
        m->is_current = true;
    else if (f->status == 204 || f->status == 208)
        wait_for_export(m, q, f->status);
    else if (f->size > 0 && f->got == f->size)
        end_part(m, t);
}

/* A whole export that is here: that of the release, or one that came and could not be used. */
struct known {
    struct nst_str digest; /* null: there is none */
    int64_t size;
    bool has_come;
};

static struct known what_is_known(struct ocl_round *m, int64_t got)
{
    if (got == 0 && ocl_round_has_come(m))
        return (struct known){ m->s.digest, m->s.size, true };
    bool is_held = nst_str_eq(m->s.new_version, m->s.held_version) && ocl_round_has_held(m);
    return is_held ? (struct known){ m->held_digest, m->held_size, false } : (struct known){ 0 };
}

/* It is not fetched again: it is still that, or nobody can say. */
static void go_on_with(struct ocl_round *m, const struct known *known, long status)
{
    m->s.digest = known->digest;
    m->s.size = known->size;
    m->is_current = false;
    if (status == 304)
        m->s.phase = next_phase(m);
}

void ocl_round_fetch(struct ocl_round *m, struct nst_task *t)
{
    choose(m);
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
    if (f.got > 0 && f.got == f.size) { /* it was cut, or killed, behind the last byte */
        close(fd);
        m->got = f.got;
        end_part(m, t);
        return;
    }
    const struct known known = what_is_known(m, f.got);
    if (known.digest.p != NULL)
        q.tag = tag_of(m->turn, known.digest);
    ocl_remote_fetch(&f, &q, fd);
    bool is_durable = f.size == 0 || f.got < f.size || fsync(fd) == 0;
    close(fd);
    if (!is_durable)
        f.is_full = true;
    take_fetched(m, t, &q, &f);
    if (known.has_come && f.size == 0)
        go_on_with(m, &known, f.status);
}
