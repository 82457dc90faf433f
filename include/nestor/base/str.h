/* Strings: a pointer and a length, passed by value and never changed.
 *
 * A `struct nst_str` views bytes that somebody else owns: an arena, a const
 * table, a database row. It is not NUL-terminated and may hold NUL bytes.
 * `p == NULL` is the null string, which differs from the empty one. Nothing
 * here allocates; copies live in arena.h. */
#ifndef NESTOR_BASE_STR_H
#define NESTOR_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct nst_str {
    const char *p;
    size_t n;
};

/* A string literal as a string; usable in const tables only inside functions. */
#define NST_STR(lit) ((struct nst_str){ "" lit, sizeof(lit) - 1 })

/* The same as an initialiser for static tables. */
#define NST_STR_INIT(lit) \
    { \
        "" lit, sizeof(lit) - 1 \
    }

/* Arguments for a `%.*s` conversion. */
#define NST_FMT(s) (int)(s).n, (s).p != NULL ? (s).p : ""

/* Number of members of an array. */
#define NST_COUNT(array) (sizeof(array) / sizeof(*(array)))

/* The digits of a number that a macro stands for, as a literal. */
#define NST_DIGITS(macro)     NST_DIGITS_OF(macro)
#define NST_DIGITS_OF(number) #number

/* View a NUL-terminated string; NULL gives the null string. */
static inline struct nst_str nst_str_z(const char *z)
{
    return (struct nst_str){ z, z != NULL ? strlen(z) : 0 };
}

/* True when both hold the same bytes; null equals only null. */
static inline bool nst_str_eq(struct nst_str a, struct nst_str b)
{
    if (a.p == NULL || b.p == NULL)
        return a.p == b.p;
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* Like nst_str_eq, ASCII letters compare without case. */
bool nst_str_eq_nocase(struct nst_str a, struct nst_str b);

/* ASCII letters in the other case, whatever the locale; other bytes as they are. */
static inline char nst_lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

static inline char nst_upper(char c)
{
    return (char)(c >= 'a' && c <= 'z' ? c - 32 : c);
}

/* Byte order, shorter first among equals: negative, 0 or positive. */
int nst_str_cmp(struct nst_str a, struct nst_str b);

/* True when s begins, or ends, with the other string. */
bool nst_str_starts(struct nst_str s, struct nst_str prefix);
bool nst_str_ends(struct nst_str s, struct nst_str suffix);

/* Bytes [from, to) of s; both are clamped to the length of s. */
struct nst_str nst_str_slice(struct nst_str s, size_t from, size_t to);

/* s without ASCII blanks at both ends. */
struct nst_str nst_str_trim(struct nst_str s);

/* Position of the first c in s, or s.n when there is none. */
size_t nst_str_find(struct nst_str s, char c);

/* Cut the piece before the next sep off *rest and return it; *rest becomes what
 * follows sep, or the null string after the last piece. Call while rest->p. */
struct nst_str nst_str_cut(struct nst_str *rest, char sep);

/* Whether a comma-separated list of HTTP (RFC 9110, 5.6.1) has the token, without case;
 * parameters are cut, and what has q=0 counts as absent. A null list has none. */
bool nst_list_has(struct nst_str list, const char *token);

/* True when s can be a segment of a path: it is not empty, neither `.` nor `..`, which
 * name another resource there, and has no control character. */
bool nst_str_is_segment(struct nst_str s);

/* Parse an optionally signed decimal integer that fills the whole of s.
 *   out    set only on success
 * Returns false for anything else, values beyond 64 bits included. */
bool nst_str_int(int64_t *out, struct nst_str s);

/* True when s is well-formed UTF-8 (no surrogates, no overlong forms, at most
 * U+10FFFF). Linear in s.n. */
bool nst_utf8_valid(struct nst_str s);

/* Number of code points of the well-formed UTF-8 string s. */
size_t nst_utf8_length(struct nst_str s);

/* True when nothing of the well-formed UTF-8 string s can be seen: it is empty, or has
 * blanks, controls and marks without width alone, of any script. */
bool nst_utf8_is_blank(struct nst_str s);

/* True when s is well-formed UTF-8 without control characters (of ASCII, DEL, U+0080 to U+009F):
 * what may be stored as a name, and printed to a terminal as it is. */
bool nst_utf8_is_plain(struct nst_str s);

/* True for a URI: a scheme, a colon, then anything without blanks and controls (RFC 3986,
 * section 3; characters beyond ASCII may stand as they are, as in RFC 3987). */
bool nst_str_is_uri(struct nst_str s);

/* True when s can be a mail address: one part before the last `@` and a host after it,
 * without anything that cannot be seen. The host need not have a dot. */
bool nst_str_is_email(struct nst_str s);

/* Write code point c (surrogates included, as three bytes) to out[0..3].
 * Returns the number of bytes, 1..4. c must be at most 0x10FFFF. */
size_t nst_utf8_put(char out[4], uint32_t c);

/* 64-bit hash of s, the same in every run; not for untrusted hash tables
 * without a bound. */
uint64_t nst_str_hash(struct nst_str s);

#endif
