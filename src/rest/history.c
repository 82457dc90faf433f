/* Samples in a file of fixed size: two rings; see figure.h. There is nothing that a kill could
 * leave half done but one sample, which its checksum gives away. */
#include "figure.h"

#include "nestor/base/log.h"
#include "nestor/base/time.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define LAST_DEFAULT 3600

struct header {
    char magic[16];
    uint32_t order;   /* of bytes on this machine */
    uint32_t figures; /* of a sample */
    uint64_t names;   /* a hash of what they are */
    char rest[32];
};

struct slot {
    int64_t at; /* seconds since 1970, a multiple of the step */
    double value[NST_FIGURES];
    uint64_t check;
};

/* Behind the header, in this order. */
static const struct {
    int64_t step, slots;
} ring[] = {
    { NST_HISTORY_STEP, 86400 / NST_HISTORY_STEP },
    { NST_HISTORY_COARSE, 14 * 86400 / NST_HISTORY_COARSE },
};

struct nst_history {
    struct nst_arena *home;
    const char *path;
    int fd; /* -1: the file was removed, and cannot be made again for now */
    bool is_failing; /* the last write was no good */
};

static off_t place_of(unsigned r, int64_t at)
{
    int64_t slot = at / ring[r].step % ring[r].slots;
    for (unsigned i = 0; i < r; i++)
        slot += ring[i].slots;
    return (off_t)sizeof(struct header) + (off_t)slot * (off_t)sizeof(struct slot);
}

static off_t size_of_file(void)
{
    off_t size = sizeof(struct header);
    for (unsigned i = 0; i < sizeof(ring) / sizeof(*ring); i++)
        size += (off_t)ring[i].slots * (off_t)sizeof(struct slot);
    return size;
}

static struct nst_str bytes_of(const void *p, size_t n)
{
    return (struct nst_str){ p, n };
}

static uint64_t check_of(const struct slot *s)
{
    return nst_str_hash(bytes_of(s, offsetof(struct slot, check)));
}

static struct header own_header(void)
{
    struct header h = { .magic = "nestor samples", .order = 0x01020304, .figures = NST_FIGURES };
    for (unsigned i = 0; i < NST_FIGURES; i++)
        h.names = h.names * 31 + nst_str_hash(nst_str_z(nst_figures[i].name));
    return h;
}

/* ---- Opening ---- */

static bool is_ours(int fd)
{
    const struct header own = own_header();
    struct header there;
    struct stat file;
    return fstat(fd, &file) == 0 && file.st_size == size_of_file() &&
           pread(fd, &there, sizeof(there), 0) == (ssize_t)sizeof(there) &&
           memcmp(&there, &own, sizeof(own)) == 0;
}

/* All of its room is taken at once: a disk that becomes full takes no sample away. The header comes
 * last, so that a file that has it is whole. */
static bool make_anew(int fd)
{
    const struct header own = own_header();
    int error = 0;
    if (ftruncate(fd, 0) != 0)
        return false;
    error = posix_fallocate(fd, 0, size_of_file());
    if (error == 0 && pwrite(fd, &own, sizeof(own), 0) == (ssize_t)sizeof(own))
        return true;
    error = error != 0 ? error : errno;
    (void)!ftruncate(fd, 0);
    errno = error;
    return false;
}

static bool prepare(int fd, struct nst_str path)
{
    struct stat file;
    if (fstat(fd, &file) != 0 || !S_ISREG(file.st_mode)) {
        errno = EINVAL;
        return false;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        return false;
    if (is_ours(fd))
        return true;
    if (file.st_size > 0)
        nst_log(NST_LOG_WARN, "samples begun anew: the file was damaged, or of something else",
                NST_LOG_STR("file", path));
    return make_anew(fd);
}

/* -1, with errno: it cannot be used. */
static int open_file(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (fd < 0 || prepare(fd, nst_str_z(path)))
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

struct nst_history *nst_history_open(struct nst_str path)
{
    struct nst_arena *home = nst_arena_new(1024);
    const char *name = nst_str_to_z(home, path);
    int fd = open_file(name);
    if (fd < 0) {
        nst_log(NST_LOG_WARN, "no samples are kept", NST_LOG_STR("file", path),
                NST_LOG_STR("reason", nst_str_z(errno == EWOULDBLOCK ? "another server keeps them"
                                                                     : strerrordesc_np(errno))));
        nst_arena_free(home);
        return NULL;
    }
    struct nst_history *h = NST_NEW(home, struct nst_history);
    h->home = home;
    h->path = name;
    h->fd = fd;
    return h;
}

void nst_history_close(struct nst_history *h)
{
    if (h == NULL)
        return;
    if (h->fd >= 0)
        close(h->fd);
    nst_arena_free(h->home);
}

/* ---- Keeping ---- */

static void write_slot(struct nst_history *h, unsigned r, struct slot *s)
{
    s->check = check_of(s);
    bool good = pwrite(h->fd, s, sizeof(*s), place_of(r, s->at)) == (ssize_t)sizeof(*s);
    if (!good && !h->is_failing)
        nst_log(NST_LOG_WARN, "samples cannot be written",
                NST_LOG_STR("reason", nst_str_z(strerrordesc_np(errno))));
    h->is_failing = !good;
}

/* Whether s, as it was read from the place of that time, is its sample. */
static bool is_sample(const struct slot *s, int64_t at)
{
    return s->at == at && s->check == check_of(s);
}

/* Latencies are the worst of the minutes, all else is their mean. */
static bool is_worst(unsigned figure)
{
    return nst_str_starts(nst_str_z(nst_figures[figure].name), NST_STR("latency"));
}

static void join(struct slot *out, const struct slot *fine, unsigned count)
{
    for (unsigned i = 0; i < NST_FIGURES; i++) {
        double sum = 0, most = NAN;
        unsigned known = 0;
        for (unsigned k = 0; k < count; k++) {
            double v = fine[k].value[i];
            if (fine[k].at == 0 || isnan(v))
                continue;
            sum += v;
            most = isnan(most) || v > most ? v : most;
            known++;
        }
        out->value[i] = is_worst(i) || known == 0 ? most : sum / known;
    }
}

/* Read the samples of r from `from` on into out; those that are not there have at 0. */
static void read_slots(struct slot *out, unsigned count, const struct nst_history *h, unsigned r,
                       int64_t from)
{
    for (unsigned done = 0; done < count;) {
        int64_t at = from + done * ring[r].step;
        int64_t here = ring[r].slots - at / ring[r].step % ring[r].slots;
        unsigned n = count - done < here ? count - done : (unsigned)here;
        size_t size = n * sizeof(*out);
        if (pread(h->fd, out + done, size, place_of(r, at)) != (ssize_t)size)
            memset(out + done, 0, size);
        for (unsigned i = 0; i < n; i++)
            if (!is_sample(&out[done + i], at + i * ring[r].step))
                out[done + i].at = 0;
        done += n;
    }
}

/* What goes into a file that somebody removed is gone with this process. */
static void follow_path(struct nst_history *h)
{
    struct stat file;
    if (h->fd >= 0 && (fstat(h->fd, &file) != 0 || file.st_nlink > 0))
        return;
    if (h->fd >= 0) {
        nst_log(NST_LOG_WARN, "samples begun anew: the file was removed",
                NST_LOG_STR("file", nst_str_z(h->path)));
        close(h->fd);
    }
    h->fd = open_file(h->path);
}

void nst_history_add(struct nst_history *h, int64_t at, const double value[NST_FIGURES])
{
    enum { EACH = NST_HISTORY_COARSE / NST_HISTORY_STEP };
    struct slot fine[EACH], s = { .at = at / NST_SECOND };
    if (h == NULL)
        return;
    follow_path(h);
    s.at -= s.at % NST_HISTORY_STEP;
    read_slots(fine, 1, h, 0, s.at);
    if (fine[0].at != 0) /* of before a restart, or a clock that was set back: it knew rates */
        return;
    memcpy(s.value, value, sizeof(s.value));
    write_slot(h, 0, &s);
    int64_t begin = s.at - s.at % NST_HISTORY_COARSE;
    read_slots(fine, EACH, h, 0, begin);
    s.at = begin;
    join(&s, fine, EACH);
    write_slot(h, 1, &s);
}

/* ---- Telling ---- */

static unsigned index_of(const char *figure)
{
    unsigned i = 0;
    while (i + 1 < NST_FIGURES && strcmp(nst_figures[i].name, figure) != 0)
        i++;
    return i;
}

bool nst_history_read(double *value, unsigned count, struct nst_str path, const char *figure,
                      int64_t now)
{
    struct nst_history h = { .home = nst_arena_new(4096) };
    unsigned of = index_of(figure);
    int64_t to = now / NST_SECOND - now / NST_SECOND % NST_HISTORY_COARSE;
    h.fd = open(nst_str_to_z(h.home, path), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    bool good = h.fd >= 0 && is_ours(h.fd);
    if (good) {
        struct slot *s = NST_NEW_ARRAY(h.home, struct slot, count);
        read_slots(s, count, &h, 1, to - (int64_t)(count - 1) * NST_HISTORY_COARSE);
        for (unsigned i = 0; i < count; i++)
            value[i] = s[i].at != 0 ? s[i].value[of] : NAN;
    }
    if (h.fd >= 0)
        close(h.fd);
    nst_arena_free(h.home);
    return good;
}

static bool read_name(struct nst_span *out, struct nst_str name, int64_t number)
{
    if (nst_str_eq(name, NST_STR("step")) &&
        (number == NST_HISTORY_STEP || number == NST_HISTORY_COARSE)) {
        out->step = number;
        return true;
    }
    if (!nst_str_eq(name, NST_STR("last")) || number < 1)
        return false;
    out->last = number;
    return true;
}

struct nst_str nst_span_read(struct nst_span *out, struct nst_arena *a, struct nst_str query)
{
    *out = (struct nst_span){ NST_HISTORY_STEP, LAST_DEFAULT };
    while (query.p != NULL && query.n > 0) {
        struct nst_str value = nst_str_cut(&query, '&');
        struct nst_str name = nst_str_cut(&value, '=');
        int64_t number = -1;
        if (name.n == 0 && value.p == NULL)
            continue;
        if (value.p == NULL || !nst_str_int(&number, value) || !read_name(out, name, number))
            return nst_strf(a,
                            "%.*s: there are step=10 or 120 (seconds between samples) and "
                            "last=SECONDS, back from now, at least 1.",
                            NST_FMT(nst_utf8_valid(name) ? name : NST_STR("?")));
    }
    return (struct nst_str){ 0 };
}

static void put_value(struct nst_buf *out, double v)
{
    if (isfinite(v))
        nst_putf(out, "%.9g", v);
    else
        nst_put_lit(out, "null");
}

static void put_series(struct nst_buf *out, unsigned i, const struct slot *s, unsigned count)
{
    nst_putf(out, "%s{\"name\":\"%s\",\"unit\":\"%s\",\"doc\":\"%s\",\"values\":[",
             i > 0 ? "," : "", nst_figures[i].name, nst_figures[i].unit, nst_figures[i].doc);
    for (unsigned k = 0; k < count; k++) {
        if (k > 0)
            nst_put_char(out, ',');
        put_value(out, s[k].at != 0 ? s[k].value[i] : NAN);
    }
    nst_put_lit(out, "]}");
}

void nst_history_put(struct nst_buf *out, const struct nst_history *h, int64_t now,
                     const struct nst_span *span)
{
    unsigned r = span->step == ring[0].step ? 0 : 1;
    int64_t to = now / NST_SECOND - now / NST_SECOND % span->step, count = span->last / span->step;
    count = count < 1 ? 1 : count > ring[r].slots ? ring[r].slots : count;
    int64_t from = to - (count - 1) * span->step;
    struct nst_arena *scratch = nst_arena_new(1024);
    struct slot *s = NST_NEW_ARRAY(scratch, struct slot, (size_t)count);
    if (h != NULL)
        read_slots(s, (unsigned)count, h, r, from);
    nst_putf(out, "{\"kept\":%s,\"step\":%lld,\"from\":\"", h != NULL ? "true" : "false",
             (long long)span->step);
    nst_put_time(out, from * NST_SECOND, NST_TIME_SECOND_Z);
    nst_put_lit(out, "\",\"to\":\"");
    nst_put_time(out, to * NST_SECOND, NST_TIME_SECOND_Z);
    nst_put_lit(out, "\",\"series\":[");
    for (unsigned i = 0; i < NST_FIGURES; i++)
        put_series(out, i, s, (unsigned)count);
    nst_put_lit(out, "]}");
    nst_arena_free(scratch);
}
