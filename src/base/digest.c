/* SHA-256 by nettle, which takes the instructions of the processor where there are some. */
#include "nestor/base/digest.h"

#include "nestor/base/buf.h"

#include <nettle/sha2.h>

_Static_assert(sizeof(struct sha256_ctx) <= sizeof(struct nst_sha256), "room for nettle's state");

void nst_sha256_init(struct nst_sha256 *d)
{
    sha256_init((struct sha256_ctx *)d->state);
}

void nst_sha256_add(struct nst_sha256 *d, struct nst_str bytes)
{
    sha256_update((struct sha256_ctx *)d->state, bytes.n, (const uint8_t *)bytes.p);
}

struct nst_str nst_sha256_end(struct nst_sha256 *d, struct nst_arena *a)
{
    unsigned char hash[SHA256_DIGEST_SIZE];
    struct nst_buf hex;
    sha256_digest((struct sha256_ctx *)d->state, sizeof(hash), hash);
    nst_buf_init(&hex, a, NST_SHA256_HEX + 1);
    nst_put_bytes_hex(&hex, hash, sizeof(hash));
    return nst_buf_str(&hex);
}
