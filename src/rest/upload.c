/* Bodies of any size: in a file of their own, which goes with the request unless somebody keeps
 * it; and the parts of a multipart form there. Memory stays small, whatever the size. */
#include "model.h"

#include "nestor/base/file.h"
#include "nestor/base/log.h"
#include "nestor/base/random.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#define WINDOW       ((size_t)4 << 20) /* of a file that is looked through, in memory at a time */
#define BOUNDARY_MAX 70                /* RFC 2046, 5.1.1 */
#define PART_HEAD    4096              /* bytes of a part's headers */
#define PARTS_MAX    100

/* ---- The file ---- */

static void drop(void *arg)
{
    const struct nst_upload *u = arg;
    close(u->fd);
    if (!u->is_kept)
        (void)unlink(u->path.p);
}

enum nst_err nst_upload_open(struct nst_upload **out, struct nst_req *rq)
{
    struct nst_arena *a = rq->x->arena;
    struct nst_upload *u = NST_NEW(a, struct nst_upload);
    struct nst_str folder = rq->registry->spool;
    u->uuid = nst_random_uuid(a);
    u->path = nst_str_z(nst_str_to_z(a, nst_strf(a, "%.*s/%.*s" NST_UPLOAD_SUFFIX, NST_FMT(folder),
                                                 NST_FMT(u->uuid))));
    u->fd = open(u->path.p, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (u->fd < 0) {
        enum nst_err e = nst_err_of_write(errno);
        nst_log(NST_LOG_ERROR, "an upload has no file", NST_LOG_STR("file", u->path),
                NST_LOG_STR("reason", nst_str_z(strerror(errno))));
        return e == NST_OK ? NST_E_INTERNAL : e;
    }
    (void)flock(u->fd, LOCK_EX | LOCK_NB); /* nobody else knows of it yet */
    nst_arena_defer(a, drop, u);
    rq->upload = u;
    *out = u;
    return NST_OK;
}

enum nst_err nst_upload_take(struct nst_upload **out, struct nst_req *rq)
{
    struct nst_upload *u = rq->upload;
    if (u == NULL)
        NST_TRY(nst_upload_open(&u, rq));
    *out = u;
    if (u->size > 0 || rq->x->body_file > 0) {
        u->size = u->size > 0 ? u->size : rq->x->body_file_size;
        return NST_OK;
    }
    u->size = rq->x->body.n;
    return nst_write_all(u->fd, rq->x->body) ? NST_OK : nst_err_of_write(errno);
}

/* ---- The parts of a form (RFC 7578) ---- */

/* A file as far as it is looked at. */
struct view {
    const char *p;
    size_t n, at;
};

static bool view_open(struct view *v, const struct nst_upload *u)
{
    void *p =
        u->size > 0 ? mmap(NULL, (size_t)u->size, PROT_READ, MAP_PRIVATE, u->fd, 0) : MAP_FAILED;
    *v = (struct view){ .p = p, .n = (size_t)u->size };
    return p != MAP_FAILED;
}

/* Go behind the next place where `what` stands; *before is where it begins. Pages that were
 * looked through are given back. */
static bool find(struct view *v, size_t *before, struct nst_str what)
{
    while (v->at < v->n) {
        size_t left = v->n - v->at, window = left < WINDOW ? left : WINDOW;
        const char *found = memmem(v->p + v->at, window, what.p, what.n);
        if (found != NULL) {
            *before = (size_t)(found - v->p);
            v->at = *before + what.n;
            return true;
        }
        if (window == left || window <= what.n)
            return false;
        v->at += window - what.n;
        (void)madvise((void *)v->p, v->at & ~(WINDOW - 1), MADV_DONTNEED);
    }
    return false;
}

static enum nst_err malformed(struct nst_req *rq, const char *why)
{
    return nst_fail_bare(rq, NST_E_MALFORMED, "detail",
                         nst_strf(rq->arena, "Multipart form parse error - %s", why));
}

/* The headers of a part, from here on: its name, and that of a file. */
static enum nst_err read_head(struct nst_part *part, struct nst_req *rq, struct view *v)
{
    size_t from = v->at, end;
    if (!find(v, &end, NST_STR("\r\n\r\n")) || end - from > PART_HEAD)
        return malformed(rq, "a part has no name");
    struct nst_str head = nst_str_copy(rq->arena, (struct nst_str){ v->p + from, end - from });
    struct nst_str about = nst_part_disposition(head);
    part->name = nst_header_parameter(about, "name");
    part->filename = nst_header_parameter(about, "filename");
    part->from = v->at;
    return part->name.p != NULL ? NST_OK : malformed(rq, "a part has no name");
}

static bool is_last(const struct view *v)
{
    return v->n - v->at >= 2 && memcmp(v->p + v->at, "--", 2) == 0;
}

static enum nst_err read_parts(struct nst_part **out, struct nst_req *rq, struct view *v,
                               struct nst_str boundary)
{
    struct nst_str line = nst_strf(rq->arena, "\r\n--%.*s", NST_FMT(boundary));
    struct nst_part **tail = out;
    size_t end, count = 0;
    if (!find(v, &end, nst_str_slice(line, 2, line.n)))
        return malformed(rq, "the boundary does not occur");
    while (!is_last(v)) {
        struct nst_part *part = *tail = NST_NEW(rq->arena, struct nst_part);
        if (count++ == PARTS_MAX)
            return malformed(rq, "too many parts");
        NST_TRY(read_head(part, rq, v));
        v->at -= 2; /* a part without bytes ends with the line break of its headers */
        if (!find(v, &end, line))
            return malformed(rq, "a part does not end");
        part->size = end > part->from ? end - part->from : 0;
        tail = &part->next;
    }
    return NST_OK;
}

enum nst_err nst_upload_parts(struct nst_part **out, struct nst_req *rq, const struct nst_upload *u)
{
    struct nst_str type = nst_http_request_header(rq->x, "Content-Type");
    struct nst_str boundary = nst_header_parameter(type, "boundary");
    struct view v;
    *out = NULL;
    if (boundary.n == 0 || boundary.n > BOUNDARY_MAX)
        return malformed(rq, "no boundary");
    if (!view_open(&v, u))
        return malformed(rq, "the boundary does not occur");
    enum nst_err e = read_parts(out, rq, &v, boundary);
    (void)munmap((void *)v.p, v.n);
    return e;
}

enum nst_err nst_upload_text(struct nst_str *out, struct nst_req *rq, const struct nst_upload *u,
                             const struct nst_part *part)
{
    char *text = nst_alloc_text(rq->arena, (size_t)part->size + 1);
    ssize_t n = pread(u->fd, text, (size_t)part->size, (off_t)part->from);
    *out = (struct nst_str){ text, (size_t)part->size };
    return n == (ssize_t)part->size ? NST_OK : NST_E_INTERNAL;
}
