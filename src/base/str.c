/* Strings, UTF-8 and a hash; see str.h. */
#include "nestor/base/str.h"

#include <string.h>

bool nst_str_eq_nocase(struct nst_str a, struct nst_str b)
{
    if (a.p == NULL || b.p == NULL)
        return a.p == b.p;
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (nst_lower(a.p[i]) != nst_lower(b.p[i]))
            return false;
    return true;
}

int nst_str_cmp(struct nst_str a, struct nst_str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n > 0 ? memcmp(a.p, b.p, n) : 0;
    if (order != 0)
        return order;
    return a.n < b.n ? -1 : a.n > b.n;
}

bool nst_str_starts(struct nst_str s, struct nst_str prefix)
{
    return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

bool nst_str_ends(struct nst_str s, struct nst_str suffix)
{
    return s.n >= suffix.n &&
           (suffix.n == 0 || memcmp(s.p + s.n - suffix.n, suffix.p, suffix.n) == 0);
}

struct nst_str nst_str_slice(struct nst_str s, size_t from, size_t to)
{
    if (to > s.n)
        to = s.n;
    if (from > to)
        from = to;
    return (struct nst_str){ s.p != NULL ? s.p + from : NULL, to - from };
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

struct nst_str nst_str_trim(struct nst_str s)
{
    while (s.n > 0 && is_blank(s.p[0])) {
        s.p++;
        s.n--;
    }
    while (s.n > 0 && is_blank(s.p[s.n - 1]))
        s.n--;
    return s;
}

size_t nst_str_find(struct nst_str s, char c)
{
    const char *at = s.n > 0 ? memchr(s.p, c, s.n) : NULL;
    return at != NULL ? (size_t)(at - s.p) : s.n;
}

struct nst_str nst_str_cut(struct nst_str *rest, char sep)
{
    size_t at = nst_str_find(*rest, sep);
    struct nst_str piece = nst_str_slice(*rest, 0, at);
    *rest = at < rest->n ? nst_str_slice(*rest, at + 1, rest->n) : (struct nst_str){ 0 };
    return piece;
}

/* q=0, q=0.0 ... in the parameters of a list member. */
static bool is_refused(struct nst_str parameters)
{
    while (parameters.p != NULL) {
        struct nst_str one = nst_str_trim(nst_str_cut(&parameters, ';'));
        if (!nst_str_starts(one, NST_STR("q=")) && !nst_str_starts(one, NST_STR("Q=")))
            continue;
        size_t i = 2;
        while (i < one.n && (one.p[i] < '1' || one.p[i] > '9'))
            i++;
        return i == one.n;
    }
    return false;
}

bool nst_list_has(struct nst_str list, const char *token)
{
    while (list.p != NULL) {
        struct nst_str rest = nst_str_cut(&list, ',');
        struct nst_str name = nst_str_trim(nst_str_cut(&rest, ';'));
        if (nst_str_eq_nocase(name, nst_str_z(token)))
            return !is_refused(rest);
    }
    return false;
}

/* C0, DEL, and the C1 controls, which are C2 80 to C2 9F in UTF-8. */
static bool has_control(struct nst_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        unsigned char next = i + 1 < s.n ? (unsigned char)s.p[i + 1] : 0;
        if (c < ' ' || c == 0x7F || (c == 0xC2 && next >= 0x80 && next < 0xA0))
            return true;
    }
    return false;
}

bool nst_str_is_segment(struct nst_str s)
{
    bool is_dots = nst_str_eq(s, NST_STR(".")) || nst_str_eq(s, NST_STR(".."));
    return s.n > 0 && !is_dots && !has_control(s);
}

bool nst_str_int(int64_t *out, struct nst_str s)
{
    bool negative = s.n > 0 && s.p[0] == '-';
    size_t i = s.n > 0 && (s.p[0] == '-' || s.p[0] == '+') ? 1 : 0;
    if (i == s.n)
        return false;
    int64_t value = 0;
    for (; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        int digit = s.p[i] - '0';
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, negative ? -digit : digit, &value))
            return false;
    }
    *out = value;
    return true;
}

/* Length of the well-formed sequence at p[0..n), 0 when there is none. The
 * ranges are those of the Unicode Standard, table 3-7. */
static size_t utf8_sequence(const unsigned char *p, size_t n)
{
    unsigned char low = 0x80, high = 0xBF;
    size_t length;
    if (p[0] < 0x80)
        return 1;
    if (p[0] >= 0xC2 && p[0] <= 0xDF)
        length = 2;
    else if (p[0] >= 0xE0 && p[0] <= 0xEF)
        length = 3;
    else if (p[0] >= 0xF0 && p[0] <= 0xF4)
        length = 4;
    else
        return 0;
    if (p[0] == 0xE0)
        low = 0xA0;
    else if (p[0] == 0xED)
        high = 0x9F;
    else if (p[0] == 0xF0)
        low = 0x90;
    else if (p[0] == 0xF4)
        high = 0x8F;
    if (n < length || p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < length; i++)
        if (p[i] < 0x80 || p[i] > 0xBF)
            return 0;
    return length;
}

/* Eight ASCII bytes at a time: most text is nothing else. */
static size_t ascii_run(const unsigned char *p, size_t n)
{
    size_t i = 0;
    uint64_t word;
    for (; i + 8 <= n; i += 8) {
        memcpy(&word, p + i, 8);
        if ((word & UINT64_C(0x8080808080808080)) != 0)
            break;
    }
    return i;
}

bool nst_utf8_valid(struct nst_str s)
{
    const unsigned char *p = (const unsigned char *)s.p;
    size_t i = 0;
    while (i < s.n) {
        i += ascii_run(p + i, s.n - i);
        if (i == s.n)
            break;
        size_t length = utf8_sequence(p + i, s.n - i);
        if (length == 0)
            return false;
        i += length;
    }
    return true;
}

bool nst_utf8_is_plain(struct nst_str s)
{
    const unsigned char *p = (const unsigned char *)s.p;
    for (size_t i = 0; i < s.n; i++)
        if (p[i] < ' ' || p[i] == 0x7F || (p[i] == 0xC2 && i + 1 < s.n && p[i + 1] < 0xA0))
            return false;
    return nst_utf8_valid(s);
}

size_t nst_utf8_length(struct nst_str s)
{
    size_t count = 0;
    for (size_t i = 0; i < s.n; i++)
        count += ((unsigned char)s.p[i] & 0xC0) != 0x80;
    return count;
}

/* The code point at p[0..length), a well-formed sequence. */
static uint32_t utf8_point(const unsigned char *p, size_t length)
{
    uint32_t c = length == 1 ? p[0] : p[0] & (0x7Fu >> length);
    for (size_t i = 1; i < length; i++)
        c = c << 6 | (p[i] & 0x3F);
    return c;
}

/* Blanks (White_Space), controls, and what the Unicode Standard calls default ignorable:
 * joiners, directions, fillers, variation selectors, tags. */
static bool is_unseen(uint32_t c)
{
    static const struct {
        uint32_t first, last;
    } range[] = {
        { 0x00, 0x20 },       { 0x7F, 0xA0 },       { 0xAD, 0xAD },     { 0x34F, 0x34F },
        { 0x61C, 0x61C },     { 0x115F, 0x1160 },   { 0x1680, 0x1680 }, { 0x17B4, 0x17B5 },
        { 0x180B, 0x180F },   { 0x2000, 0x200F },   { 0x2028, 0x202F }, { 0x205F, 0x206F },
        { 0x2800, 0x2800 },   { 0x3000, 0x3000 },   { 0x3164, 0x3164 }, { 0xFE00, 0xFE0F },
        { 0xFEFF, 0xFEFF },   { 0xFFA0, 0xFFA0 },   { 0xFFF0, 0xFFFB }, { 0x1BCA0, 0x1BCA3 },
        { 0x1D173, 0x1D17A }, { 0xE0000, 0xE0FFF },
    };
    for (size_t i = 0; i < sizeof(range) / sizeof(*range); i++)
        if (c >= range[i].first && c <= range[i].last)
            return true;
    return false;
}

/* How many code points of s can be seen, and how many cannot. */
static void count_seen(size_t *seen, size_t *unseen, struct nst_str s)
{
    const unsigned char *p = (const unsigned char *)s.p;
    *seen = *unseen = 0;
    for (size_t i = 0; i < s.n;) {
        size_t length = utf8_sequence(p + i, s.n - i);
        length = length == 0 ? 1 : length;
        ++*(is_unseen(utf8_point(p + i, length)) ? unseen : seen);
        i += length;
    }
}

bool nst_utf8_is_blank(struct nst_str s)
{
    size_t seen, unseen;
    count_seen(&seen, &unseen, s);
    return seen == 0;
}

bool nst_str_is_uri(struct nst_str s)
{
    size_t seen, unseen;
    struct nst_str rest = s, scheme = nst_str_cut(&rest, ':');
    count_seen(&seen, &unseen, s);
    if (unseen > 0 || rest.n == 0 || scheme.n == 0)
        return false;
    for (size_t i = 0; i < scheme.n; i++) {
        char c = nst_lower(scheme.p[i]);
        bool is_letter = c >= 'a' && c <= 'z';
        bool is_other = (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
        if (!is_letter && (i == 0 || !is_other))
            return false;
    }
    return true;
}

bool nst_str_is_email(struct nst_str s)
{
    size_t seen, unseen, at = s.n;
    count_seen(&seen, &unseen, s);
    while (at > 0 && s.p[at - 1] != '@')
        at--;
    struct nst_str local = nst_str_slice(s, 0, at > 0 ? at - 1 : 0);
    struct nst_str host = nst_str_slice(s, at, s.n);
    if (unseen > 0 || local.n == 0 || nst_str_find(local, '@') < local.n)
        return false;
    while (host.p != NULL) {
        struct nst_str label = nst_str_cut(&host, '.');
        if (label.n == 0)
            return false;
        for (size_t i = 0; i < label.n; i++)
            if (strchr("!\"#$%&'()*+,/:;<=>?@[\\]^`{|}~", label.p[i]) != NULL)
                return false;
    }
    return true;
}

size_t nst_utf8_put(char out[4], uint32_t c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xC0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3F));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xE0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3F));
        out[2] = (char)(0x80 | (c & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3F));
    out[2] = (char)(0x80 | (c >> 6 & 0x3F));
    out[3] = (char)(0x80 | (c & 0x3F));
    return 4;
}

/* Eight bytes at a time through a multiply and a fold: statement texts of 800
 * bytes are hashed on every query. */
uint64_t nst_str_hash(struct nst_str s)
{
    uint64_t hash = UINT64_C(0x9E3779B97F4A7C15) ^ s.n;
    size_t i = 0;
    for (; i + 8 <= s.n; i += 8) {
        uint64_t word;
        memcpy(&word, s.p + i, 8);
        hash = (hash ^ word) * UINT64_C(0xD6E8FEB86659FD93);
        hash ^= hash >> 32;
    }
    for (; i < s.n; i++)
        hash = (hash ^ (unsigned char)s.p[i]) * UINT64_C(0x100000001B3);
    hash ^= hash >> 29;
    hash *= UINT64_C(0xBF58476D1CE4E5B9);
    return hash ^ hash >> 32;
}
