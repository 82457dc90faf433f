/* Cursors and page sizes as clients send them. They are read as the original reads them,
 * whose language takes more for a number, and for base64, than one would think. */
#include "cursor.h"

#include "app.h"

#include <sodium.h>
#include <utf8proc.h>

/* ---- Numbers: blanks, a sign, digits of any script (L11) ---- */

static int digit_value(utf8proc_int32_t c)
{
    /* Unicode puts the ten digits of a script in a row that starts at a value of
     * zero; their category tells a digit from a letter. */
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c < 0x80 || utf8proc_category(c) != UTF8PROC_CATEGORY_ND)
        return -1;
    int back = 0;
    while (back < 9 && utf8proc_category(c - back - 1) == UTF8PROC_CATEGORY_ND)
        back++;
    return c >= 0x1D7CE && c <= 0x1D7FF ? (c - 0x1D7CE) % 10 : back;
}

/* Larger numbers are clamped (L18, L23), with room for adding one or an offset. */
#define NUMBER_MAX (INT64_MAX - ENROLL_OFFSET_MAX - 1)

/* False for what is no number. */
static bool read_number(int64_t *out, struct nst_str s)
{
    bool negative = false, huge = false;
    int64_t value = 0;
    s = enroll_trim_key(s);
    if (s.n > 0 && (s.p[0] == '-' || s.p[0] == '+')) {
        negative = s.p[0] == '-';
        s = nst_str_slice(s, 1, s.n);
    }
    if (s.n == 0)
        return false;
    while (s.n > 0) {
        utf8proc_int32_t c;
        utf8proc_ssize_t n =
            utf8proc_iterate((const utf8proc_uint8_t *)s.p, (utf8proc_ssize_t)s.n, &c);
        int digit = n > 0 ? digit_value(c) : -1;
        if (digit < 0)
            return false;
        huge = huge || __builtin_mul_overflow(value, 10, &value) ||
               __builtin_add_overflow(value, digit, &value);
        s = nst_str_slice(s, (size_t)n, s.n);
    }
    value = huge || value > NUMBER_MAX ? NUMBER_MAX : value;
    *out = negative ? -value : value;
    return true;
}

int64_t enroll_page_size(struct nst_str given)
{
    int64_t n;
    if (!read_number(&n, given) || n == 0 || n < -1)
        return ENROLL_PAGE_DEFAULT;
    return n == -1 ? 0 : n;
}

/* ---- Base64 ---- */

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Characters outside the alphabet are skipped (L20), and so are pads where none can be;
 * the first pads that complete a group end the text. False for bad padding. libsodium
 * skips only what it is told to, and takes no pads too many. */
static bool base64_decode(struct nst_str *out, struct nst_arena *a, struct nst_str s)
{
    struct nst_buf b;
    unsigned bits = 0, count = 0, pads = 0; /* of the present group of four */
    nst_buf_init(&b, a, s.n);
    for (size_t i = 0; i < s.n && count + pads < 4; i++) {
        int value = base64_value(s.p[i]);
        if (s.p[i] == '=' && count >= 2)
            pads++;
        if (value < 0)
            continue;
        bits = (bits << 6 | (unsigned)value) & 0xFFFF;
        pads = 0;
        if (++count > 1)
            nst_put_char(&b, (char)(bits >> (8 - 2 * count) & 0xFF));
        count %= 4;
    }
    *out = nst_buf_str(&b);
    return count == 0 || count + pads == 4;
}

struct nst_str enroll_cursor_text(struct nst_arena *a, struct nst_str pairs)
{
    size_t room = sodium_base64_encoded_len(pairs.n, sodium_base64_VARIANT_ORIGINAL);
    char *text = nst_alloc_text(a, room);
    sodium_bin2base64(text, room, (const unsigned char *)pairs.p, pairs.n,
                      sodium_base64_VARIANT_ORIGINAL);
    return (struct nst_str){ text, room - 1 };
}

/* ---- Pairs ---- */

static bool is_ascii(struct nst_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] >= 0x80)
            return false;
    return true;
}

/* The value of the first such pair (L26), decoded; null without one. A name alone has
 * the empty value. */
static struct nst_str value_of(struct nst_arena *a, struct nst_str text, const char *name)
{
    while (text.p != NULL) {
        struct nst_str value = nst_str_cut(&text, '&');
        struct nst_str key = nst_percent_decode(a, nst_str_cut(&value, '='), true);
        if (nst_str_eq(key, nst_str_z(name)))
            return value.p != NULL ? nst_percent_decode(a, value, true) : NST_STR("");
    }
    return (struct nst_str){ 0 };
}

/* Absent pairs leave *out as it is. False for what is no number. */
static bool read_pair(int64_t *out, struct nst_arena *a, struct nst_str text, const char *name)
{
    struct nst_str value = value_of(a, text, name);
    return value.p == NULL || read_number(out, value);
}

bool enroll_cursor_read(struct enroll_cursor *c, struct nst_arena *a, struct nst_str given)
{
    struct nst_str text;
    int64_t reverse = 0;
    *c = (struct enroll_cursor){ 0 };
    if (given.n == 0)
        return true;
    if (!is_ascii(given) || !base64_decode(&text, a, given) || !is_ascii(text) ||
        !read_pair(&c->offset, a, text, "o") || c->offset < 0 ||
        !read_pair(&reverse, a, text, "r") || !read_pair(&c->position, a, text, "p"))
        return false;
    if (c->offset > ENROLL_OFFSET_MAX)
        c->offset = ENROLL_OFFSET_MAX;
    c->is_reverse = reverse != 0;
    c->has_position = value_of(a, text, "p").p != NULL;
    return true;
}
