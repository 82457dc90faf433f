/* Growable text; see buf.h. */
#include "nestor/base/buf.h"

#include <stdarg.h>
#include <stdio.h>

#define BUF_FIRST 256

void nst_buf_init(struct nst_buf *b, struct nst_arena *a, size_t max)
{
    *b = (struct nst_buf){ .arena = a, .max = max };
}

bool nst_buf_grow(struct nst_buf *b, size_t n)
{
    if (b->is_full || n > b->max || b->n > b->max - n) {
        b->is_full = true;
        return false;
    }
    size_t cap = b->cap > 0 ? b->cap * 2 : BUF_FIRST;
    while (cap < b->n + n)
        cap *= 2;
    if (cap > b->max)
        cap = b->max;
    char *p = nst_alloc_text(b->arena, cap);
    if (b->n > 0)
        memcpy(p, b->p, b->n);
    b->p = p;
    b->cap = cap;
    return true;
}

void nst_put_z(struct nst_buf *b, const char *z)
{
    nst_put(b, nst_str_z(z));
}

void nst_put_int(struct nst_buf *b, int64_t n)
{
    char digits[20];
    size_t at = sizeof(digits);
    uint64_t rest = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;
    do {
        digits[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (n < 0)
        digits[--at] = '-';
    nst_put(b, (struct nst_str){ digits + at, sizeof(digits) - at });
}

static const char hex[] = "0123456789abcdef";

void nst_put_hex(struct nst_buf *b, uint64_t n, unsigned digits)
{
    for (unsigned i = digits; i > 0; i--)
        nst_put_char(b, i > 16 ? '0' : hex[n >> (i - 1) * 4 & 15]);
}

void nst_put_bytes_hex(struct nst_buf *b, const unsigned char *bytes, size_t n)
{
    if (!nst_buf_reserve(b, n * 2))
        return;
    for (size_t i = 0; i < n; i++) {
        b->p[b->n++] = hex[bytes[i] >> 4];
        b->p[b->n++] = hex[bytes[i] & 15];
    }
}

/* Most texts fit into the room that is left and are made once. */
void nst_putf(struct nst_buf *b, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    size_t room = b->cap - b->n;
    int n = vsnprintf(room > 0 ? b->p + b->n : NULL, room, format, args);
    va_end(args);
    if (n >= 0 && (size_t)n >= room && nst_buf_reserve(b, (size_t)n + 1))
        vsnprintf(b->p + b->n, (size_t)n + 1, format, again);
    if (n > 0 && b->cap - b->n > (size_t)n)
        b->n += (size_t)n;
    va_end(again);
}

static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

void nst_put_percent(struct nst_buf *b, struct nst_str s, const char *keep)
{
    static const char upper[] = "0123456789ABCDEF";
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (is_unreserved(s.p[i]) || (c != 0 && strchr(keep, s.p[i]) != NULL)) {
            nst_put_char(b, s.p[i]);
        } else {
            nst_put_char(b, '%');
            nst_put_char(b, upper[c >> 4]);
            nst_put_char(b, upper[c & 15]);
        }
    }
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

struct nst_str nst_percent_decode(struct nst_arena *a, struct nst_str s, bool is_form)
{
    if (nst_str_find(s, '%') == s.n && (!is_form || nst_str_find(s, '+') == s.n))
        return s;
    char *out = nst_alloc_text(a, s.n);
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        int high = s.p[i] == '%' && i + 2 < s.n ? hex_value(s.p[i + 1]) : -1;
        int low = high >= 0 ? hex_value(s.p[i + 2]) : -1;
        if (low >= 0) {
            out[n++] = (char)(high * 16 + low);
            i += 2;
        } else {
            out[n++] = is_form && s.p[i] == '+' ? ' ' : s.p[i];
        }
    }
    return (struct nst_str){ out, n };
}
