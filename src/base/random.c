/* Random numbers; see random.h. */
#include "nestor/base/random.h"
#include "nestor/base/buf.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/random.h>

void nst_random(void *out, size_t n)
{
    assert(n <= 256);
    if (getrandom(out, n, 0) != (ssize_t)n)
        abort();
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
