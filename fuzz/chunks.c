/* Fuzzes the decoder of chunked bodies under small limits: the data and the verdict are
 * the same however the bytes were cut, the data comes out of the bytes in their order,
 * and what stands beside it is bounded. */
#include "http/reader.h"

#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#define DATA_MAX 8192

static const struct nst_http_limits limits = { .head_bytes = 100, .fields = 3 };

struct decoded {
    struct nst_http_chunks chunks;
    enum nst_http_read result;
    unsigned pieces;
    size_t used, n;
    char data[DATA_MAX];
};

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void take(struct decoded *d, struct nst_str in)
{
    const char *from = in.p;
    struct nst_str data;
    do {
        const char *before = in.p, *end = in.p + in.n;
        d->result = nst_http_read_chunks(&d->chunks, &data, &in);
        must(in.p >= before && in.p + in.n == end);
        must(data.n == 0 || (data.p >= before && data.p + data.n == in.p));
        must(d->result == NST_HTTP_MORE || data.n == 0);
        must(d->result != NST_HTTP_MORE || data.n > 0 || in.n == 0);
        memcpy(d->data + d->n, data.p, data.n);
        d->n += data.n;
        d->pieces += data.n > 0;
    } while (d->result == NST_HTTP_MORE && in.n > 0);
    d->used += (size_t)(in.p - from);
}

static void decode(struct decoded *d, struct nst_str text, size_t step)
{
    d->used = d->n = d->pieces = 0;
    d->result = NST_HTTP_MORE;
    nst_http_chunks_init(&d->chunks, &limits);
    for (size_t at = 0; at < text.n && d->result == NST_HTTP_MORE; at += step)
        take(d, nst_str_slice(text, at, at + step));
}

static void check_same(const struct decoded *a, const struct decoded *b)
{
    must(a->result == b->result && a->n == b->n && memcmp(a->data, b->data, a->n) == 0);
    must(a->chunks.detail == b->chunks.detail && a->chunks.left == b->chunks.left);
    must(a->result == NST_HTTP_REFUSED || a->used == b->used);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct decoded whole, other;
    struct nst_str text = { size > 0 ? (const char *)data : "", size < DATA_MAX ? size : DATA_MAX };
    decode(&whole, text, text.n + 1);
    decode(&other, text, 1 + (size > 0 ? data[size - 1] % 13 : 0));
    check_same(&whole, &other);
    must((whole.result == NST_HTTP_REFUSED) == (whole.chunks.detail != NULL));
    if (whole.result == NST_HTTP_DONE) {
        /* 32 digits and two line ends a chunk, and the last one. */
        size_t frames = (whole.pieces + (size_t)1) * 36 + 2;
        must(nst_str_ends(nst_str_slice(text, 0, whole.used), NST_STR("\r\n")));
        must(whole.used <= whole.n + limits.head_bytes + frames);
    }
    return 0;
}
