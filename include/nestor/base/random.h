/* Random numbers from the kernel, for ids and secrets. */
#ifndef NESTOR_BASE_RANDOM_H
#define NESTOR_BASE_RANDOM_H

#include "nestor/base/arena.h"

/* Fill out with n random bytes (n at most 256). Aborts when the kernel fails. */
void nst_random(void *out, size_t n);

/* 2 * bytes lower-case hex digits of fresh randomness, owned by a. */
struct nst_str nst_random_hex(struct nst_arena *a, size_t bytes);

/* A fresh UUID (RFC 9562, version 4) as text with hyphens, owned by a. */
struct nst_str nst_random_uuid(struct nst_arena *a);

#endif
