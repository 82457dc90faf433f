/* Reading UUIDs as Python's constructor does: it drops `urn:` and `uuid:`, braces
 * at the ends and every hyphen; a number is the value itself. */
#include "uuid.h"

#include <string.h>

#define DIGITS 32

static struct nst_str uuid_text(struct nst_arena *a, const unsigned char digits[DIGITS])
{
    struct nst_buf b;
    nst_buf_init(&b, a, 64);
    for (int i = 0; i < DIGITS; i++) {
        if (i == 8 || i == 12 || i == 16 || i == 20)
            nst_put_char(&b, '-');
        nst_put_hex(&b, digits[i], 1);
    }
    return nst_buf_str(&b);
}

static struct nst_str without(struct nst_arena *a, struct nst_str s, struct nst_str what)
{
    char *text = nst_alloc_text(a, s.n + 1);
    size_t n = 0, at = 0;
    while (at < s.n) {
        if (nst_str_starts(nst_str_slice(s, at, s.n), what))
            at += what.n;
        else
            text[n++] = s.p[at++];
    }
    return (struct nst_str){ text, n };
}

static struct nst_str strip_braces(struct nst_str s)
{
    while (s.n > 0 && (s.p[0] == '{' || s.p[0] == '}'))
        s = nst_str_slice(s, 1, s.n);
    while (s.n > 0 && (s.p[s.n - 1] == '{' || s.p[s.n - 1] == '}'))
        s.n--;
    return s;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = nst_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* P19: digits alone, whatever a number's syntax allows besides. */
static bool from_text(unsigned char digits[DIGITS], struct nst_arena *a, struct nst_str s)
{
    s = without(a, without(a, s, NST_STR("urn:")), NST_STR("uuid:"));
    s = without(a, strip_braces(s), NST_STR("-"));
    for (size_t i = 0; i < s.n && s.n == DIGITS; i++) {
        int digit = hex_digit(s.p[i]);
        if (digit < 0)
            return false;
        digits[i] = (unsigned char)digit;
    }
    return s.n == DIGITS;
}

__extension__ typedef unsigned __int128 wide;

/* A whole number from 0 to 2^128 - 1, in decimal. */
static bool from_number(unsigned char digits[DIGITS], struct nst_str s)
{
    wide value = 0, limit = ~(wide)0;
    if (nst_str_eq(s, NST_STR("-0")))
        s = NST_STR("0");
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        unsigned digit = (unsigned)(s.p[i] - '0');
        if (value > (limit - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    for (int i = DIGITS - 1; i >= 0; i--) {
        digits[i] = (unsigned char)(value & 15);
        value >>= 4;
    }
    return s.n > 0;
}

bool enroll_uuid_read(struct nst_str *out, struct nst_arena *a, const struct nst_json *v)
{
    unsigned char digits[DIGITS] = { 0 };
    bool is_good = false;
    if (v != NULL && v->kind == NST_JSON_STRING)
        is_good = from_text(digits, a, v->text);
    else if (v != NULL && v->kind == NST_JSON_NUMBER)
        is_good = from_number(digits, v->text);
    else if (v != NULL && v->kind == NST_JSON_BOOL)
        is_good = true;
    if (v != NULL && v->kind == NST_JSON_BOOL)
        digits[DIGITS - 1] = v->boolean;
    if (is_good)
        *out = uuid_text(a, digits);
    return is_good;
}
