/* Growable text in an arena, with a stated maximum.
 *
 * A buffer that would pass its maximum stops growing and remembers it: callers
 * append freely and ask nst_buf_is_full once at the end. `p[0..n)` is valid at
 * any time; nothing is NUL-terminated. */
#ifndef NESTOR_BASE_BUF_H
#define NESTOR_BASE_BUF_H

#include "nestor/base/arena.h"

#include <string.h>

struct nst_buf {
    struct nst_arena *arena;
    char *p;
    size_t n, cap, max;
    bool is_full;
};

/* Prepare b to grow in a up to max bytes; allocates nothing yet. */
void nst_buf_init(struct nst_buf *b, struct nst_arena *a, size_t max);

/* Make room for n more bytes.
 * Returns false, and marks b full, when that passes b's maximum. */
bool nst_buf_grow(struct nst_buf *b, size_t n);

static inline bool nst_buf_reserve(struct nst_buf *b, size_t n)
{
    return b->cap - b->n >= n || nst_buf_grow(b, n);
}

static inline void nst_put(struct nst_buf *b, struct nst_str s)
{
    if (s.n > 0 && nst_buf_reserve(b, s.n)) {
        memcpy(b->p + b->n, s.p, s.n);
        b->n += s.n;
    }
}

static inline void nst_put_char(struct nst_buf *b, char c)
{
    if (nst_buf_reserve(b, 1))
        b->p[b->n++] = c;
}

/* Append a string literal. */
#define nst_put_lit(b, lit) nst_put((b), NST_STR(lit))

/* Append a NUL-terminated string, a decimal number, n as `digits` lower-case
 * hex digits (zero padded), bytes as hex. */
void nst_put_z(struct nst_buf *b, const char *z);
void nst_put_int(struct nst_buf *b, int64_t n);
void nst_put_hex(struct nst_buf *b, uint64_t n, unsigned digits);
void nst_put_bytes_hex(struct nst_buf *b, const unsigned char *bytes, size_t n);

/* Append printf output. */
void nst_putf(struct nst_buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Append s with every byte outside `A-Za-z0-9-._~` and `keep` percent-encoded. */
void nst_put_percent(struct nst_buf *b, struct nst_str s, const char *keep);

/* What b holds now; valid until b grows. */
static inline struct nst_str nst_buf_str(const struct nst_buf *b)
{
    return (struct nst_str){ b->p != NULL ? b->p : "", b->n };
}

/* The same, but null when something did not fit: for keys, which must be whole. */
static inline struct nst_str nst_buf_whole(const struct nst_buf *b)
{
    return b->is_full ? (struct nst_str){ 0 } : nst_buf_str(b);
}

/* Decode %XX in s (and `+` as a blank when is_form). Malformed escapes stay as
 * they are. Returns s itself when nothing needs decoding, else a copy in a. */
struct nst_str nst_percent_decode(struct nst_arena *a, struct nst_str s, bool is_form);

#endif
