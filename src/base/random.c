/* Random numbers; see random.h. */
#include "nestor/base/random.h"
#include "nestor/base/buf.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/random.h>

#define POOL_BYTES 256

static void from_kernel(void *out, size_t n)
{
    if (getrandom(out, n, 0) != (ssize_t)n)
        abort();
}

/* Small numbers come from a pool of the thread's own: an import asks for a number
 * for every name, and a system call each is a tenth of its time. What was given
 * out is wiped from the pool. */
void nst_random(void *out, size_t n)
{
    static _Thread_local unsigned char pool[POOL_BYTES];
    static _Thread_local size_t left;
    assert(n <= POOL_BYTES);
    if (n > 16) {
        from_kernel(out, n);
        return;
    }
    if (left < n) {
        from_kernel(pool, sizeof(pool));
        left = sizeof(pool);
    }
    left -= n;
    memcpy(out, pool + left, n);
    memset(pool + left, 0, n);
}

struct nst_str nst_random_hex(struct nst_arena *a, size_t bytes)
{
    unsigned char raw[256];
    assert(bytes <= sizeof(raw));
    nst_random(raw, bytes);
    struct nst_buf b;
    nst_buf_init(&b, a, bytes * 2 + 1);
    nst_put_bytes_hex(&b, raw, bytes);
    return nst_buf_str(&b);
}

struct nst_str nst_random_uuid(struct nst_arena *a)
{
    unsigned char raw[16];
    struct nst_buf b;
    nst_random(raw, sizeof(raw));
    raw[6] = (unsigned char)((raw[6] & 0x0F) | 0x40);
    raw[8] = (unsigned char)((raw[8] & 0x3F) | 0x80);
    nst_buf_init(&b, a, 64);
    for (size_t i = 0; i < sizeof(raw); i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            nst_put_char(&b, '-');
        nst_put_bytes_hex(&b, raw + i, 1);
    }
    return nst_buf_str(&b);
}
