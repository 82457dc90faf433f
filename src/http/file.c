/* Files as answers: the range that was asked for, and sendfile. */
#include "internal.h"

#include <assert.h>
#include <errno.h>
#include <unistd.h>

#define PART_MAX ((size_t)128 << 10) /* of a file in one call, so that others have a turn */

void nst_http_answer_file(struct nst_exchange *pub, int fd, uint64_t size)
{
    struct exchange *x = (struct exchange *)pub;
    assert(pub->loop != NULL && pub->out.n == 0 && x->file < 0);
    x->file = fd;
    x->file_at = 0;
    x->file_left = size;
}

void nst_http_drop_file(struct exchange *x)
{
    if (x->file >= 0)
        close(x->file);
    x->file = -1;
    x->file_left = 0;
}

/* RFC 9110, 13.1.5: by strong tag, or by a date that is the same to the letter. */
static bool if_range_holds(struct nst_exchange *x)
{
    struct nst_str wanted = nst_http_request_header(x, "If-Range");
    if (wanted.p == NULL)
        return true;
    bool is_tag = nst_str_starts(wanted, NST_STR("\""));
    const struct nst_http_header *h = nst_http_find_header(x, is_tag ? "ETag" : "Last-Modified");
    return h != NULL && nst_str_eq(h->value, wanted);
}

/* Digits alone; -1 for anything else. */
static int64_t number_of(struct nst_str s)
{
    int64_t n;
    return s.n > 0 && s.p[0] >= '0' && s.p[0] <= '9' && nst_str_int(&n, s) ? n : -1;
}

/* RFC 9110, 14.1.2: one range of bytes, as [*from, *to); beyond the end when that is
 * empty. False: what is malformed, or asks for several, is as if it were not there. */
static bool read_range(uint64_t *from, uint64_t *to, struct nst_str text, uint64_t size)
{
    struct nst_str last = nst_str_slice(text, 6, text.n), first = nst_str_cut(&last, '-');
    int64_t a = number_of(first), b = number_of(last);
    if (!nst_str_starts(text, NST_STR("bytes=")) || last.p == NULL || (a < 0 && first.n > 0) ||
        (b < 0 && last.n > 0) || (a < 0 && b < 0) || (a >= 0 && b >= 0 && b < a))
        return false;
    *to = a >= 0 && b >= 0 && (uint64_t)b < size ? (uint64_t)b + 1 : size;
    if (a >= 0)
        *from = (uint64_t)a < size ? (uint64_t)a : *to;
    else /* the last b bytes */
        *from = (uint64_t)b < size ? size - (uint64_t)b : 0;
    return true;
}

void nst_http_apply_range(struct exchange *x)
{
    struct nst_exchange *pub = &x->pub;
    uint64_t from = 0, to = 0, size = x->file_left;
    nst_http_add_header(pub, "Accept-Ranges", NST_STR("bytes"));
    struct nst_str wanted = nst_http_request_header(pub, "Range");
    if (wanted.p == NULL || pub->status != 200 || !nst_str_eq(pub->method, NST_STR("GET")) ||
        !if_range_holds(pub) || !read_range(&from, &to, wanted, size))
        return;
    if (from == to) {
        nst_http_fail(x, NST_E_RANGE, NULL);
        nst_http_add_header(pub, "Content-Range",
                            nst_strf(pub->arena, "bytes */%llu", (unsigned long long)size));
        return;
    }
    pub->status = 206;
    x->file_at = (off_t)from;
    x->file_left = to - from;
    nst_http_add_header(pub, "Content-Range",
                        nst_strf(pub->arena, "bytes %llu-%llu/%llu", (unsigned long long)from,
                                 (unsigned long long)to - 1, (unsigned long long)size));
}

ssize_t nst_http_send_file(struct exchange *x)
{
    size_t n = x->file_left < PART_MAX ? (size_t)x->file_left : PART_MAX;
    ssize_t sent = nst_http_calls.sendfile(x->conn->fd, x->file, &x->file_at, n);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (sent <= 0) /* 0: the file has become shorter than it was said to be */
        return -1;
    x->file_left -= (uint64_t)sent;
    x->sent += (uint64_t)sent;
    nst_count_own(&x->pub.loop->tally.bytes_out, (uint64_t)sent);
    return sent;
}
