/* SHA-256 (FIPS 180-4) of bytes that come in pieces, as sha256sum(1) prints it. */
#ifndef NESTOR_BASE_DIGEST_H
#define NESTOR_BASE_DIGEST_H

#include "nestor/base/arena.h"

/* How far it is: a value, which may be copied, and given up at any time. */
struct nst_sha256 {
    uint64_t state[16];
};

#define NST_SHA256_HEX 64 /* characters of a digest */

/* Begin one. */
void nst_sha256_init(struct nst_sha256 *d);

/* What comes next. */
void nst_sha256_add(struct nst_sha256 *d, struct nst_str bytes);

/* The digest in hex, in a. d is to be begun anew then. */
struct nst_str nst_sha256_end(struct nst_sha256 *d, struct nst_arena *a);

#endif
