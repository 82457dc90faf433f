/* The parts of Python's printing that checksums need, and no more: strings, numbers,
 * nesting, percent signs. tests/blackbox/checksum_test.py compares them with Python. */
#include "ocl/checksum/python.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <utf8proc.h>

#define FLOAT_MAX 400 /* characters of a double printed whole: 309 digits, a sign */

/* The code point at *at, behind which *at is left. Surrogates are taken, which utf8proc
 * would refuse; s is well-formed otherwise. */
static uint32_t next_code(struct nst_str s, size_t *at)
{
    unsigned char c = (unsigned char)s.p[(*at)++];
    if (c < 0x80)
        return c;
    size_t more = c >= 0xF0 ? 3 : c >= 0xE0 ? 2 : 1;
    uint32_t code = c & (0x3FU >> more);
    for (; more > 0 && *at < s.n; more--)
        code = code << 6 | ((unsigned char)s.p[(*at)++] & 0x3FU);
    return code;
}

static void put_escape(struct nst_buf *b, char letter, uint32_t code, unsigned digits)
{
    nst_put_char(b, '\\');
    nst_put_char(b, letter);
    nst_put_hex(b, code, digits);
}

/* Append a backslash and the letter that `names` has for c in `letters`; false for none. */
static bool put_named(struct nst_buf *b, uint32_t c, const char *letters, const char *names)
{
    const char *found = c > 0 && c < 0x80 ? strchr(letters, (int)c) : NULL;
    if (found == NULL)
        return false;
    nst_put_char(b, '\\');
    nst_put_char(b, names[found - letters]);
    return true;
}

/* The first position from `at` on that is not printable ASCII, or a backslash or a quote. */
static size_t skip_plain(struct nst_str s, size_t at)
{
    while (at < s.n && s.p[at] >= ' ' && s.p[at] < 0x7F && s.p[at] != '\\' && s.p[at] != '"' &&
           s.p[at] != '\'')
        at++;
    return at;
}

static void put_json_code(struct nst_buf *b, uint32_t code)
{
    if (code == '\'')
        nst_put_char(b, '\'');
    else if (put_named(b, code, "\"\\\n\r\t\f\b", "\"\\nrtfb"))
        return;
    else if (code <= 0xFFFF)
        put_escape(b, 'u', code, 4);
    else {
        put_escape(b, 'u', 0xD7C0 + (code >> 10), 4);
        put_escape(b, 'u', 0xDC00 | (code & 0x3FF), 4);
    }
}

void ocl_python_put_json(struct nst_buf *b, struct nst_str s)
{
    nst_put_char(b, '"');
    for (size_t at = 0; at < s.n;) {
        size_t end = skip_plain(s, at);
        nst_put(b, nst_str_slice(s, at, end));
        at = end;
        if (at < s.n)
            put_json_code(b, next_code(s, &at));
    }
    nst_put_char(b, '"');
}

/* str.isprintable() of one character beyond ASCII. */
static bool is_printable(uint32_t code)
{
    switch (utf8proc_category((utf8proc_int32_t)code)) {
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_ZS:
        return false;
    default:
        return true;
    }
}

static void put_repr_code(struct nst_buf *b, uint32_t code, char quote)
{
    char bytes[4];
    if (code == (unsigned char)quote || code == '\\') {
        nst_put_char(b, '\\');
        nst_put_char(b, (char)code);
    } else if (put_named(b, code, "\n\r\t", "nrt"))
        return;
    else if ((code >= ' ' && code < 0x7F) || (code > 0x7F && is_printable(code)))
        nst_put(b, (struct nst_str){ bytes, nst_utf8_put(bytes, code) });
    else if (code <= 0xFF)
        put_escape(b, 'x', code, 2);
    else if (code <= 0xFFFF)
        put_escape(b, 'u', code, 4);
    else
        put_escape(b, 'U', code, 8);
}

void ocl_python_put_repr(struct nst_buf *b, struct nst_str s)
{
    bool has_single = nst_str_find(s, '\'') < s.n, has_double = nst_str_find(s, '"') < s.n;
    char quote = has_single && !has_double ? '"' : '\'';
    nst_put_char(b, quote);
    for (size_t at = 0; at < s.n;) {
        size_t end = skip_plain(s, at);
        nst_put(b, nst_str_slice(s, at, end));
        at = end;
        if (at < s.n)
            put_repr_code(b, next_code(s, &at), quote);
    }
    nst_put_char(b, quote);
}

static void put_children(struct nst_buf *b, const struct nst_json *v)
{
    for (const struct nst_json *child = v->first; child != NULL; child = child->next) {
        if (child != v->first)
            nst_put_lit(b, ", ");
        if (v->kind == NST_JSON_OBJECT) {
            ocl_python_put_repr(b, child->name);
            nst_put_lit(b, ": ");
        }
        ocl_python_put_text(b, child);
    }
}

/* json.dumps writes Infinity, str() inf. */
static void put_number_text(struct nst_buf *b, struct nst_str number)
{
    if (nst_str_ends(number, NST_STR("Infinity")))
        nst_put_z(b, number.p[0] == '-' ? "-inf" : "inf");
    else
        nst_put(b, number);
}

void ocl_python_put_text(struct nst_buf *b, const struct nst_json *v)
{
    switch (v->kind) {
    case NST_JSON_NULL:
        nst_put_lit(b, "None");
        break;
    case NST_JSON_BOOL:
        nst_put_z(b, v->boolean ? "True" : "False");
        break;
    case NST_JSON_NUMBER:
        put_number_text(b, v->text);
        break;
    case NST_JSON_STRING:
        ocl_python_put_repr(b, v->text);
        break;
    case NST_JSON_ARRAY:
        nst_put_char(b, '[');
        put_children(b, v);
        nst_put_char(b, ']');
        break;
    case NST_JSON_OBJECT:
        nst_put_char(b, '{');
        put_children(b, v);
        nst_put_char(b, '}');
        break;
    }
}

/* ---- Numbers ---- */

bool ocl_python_is_float(struct nst_str number)
{
    for (size_t i = 0; i < number.n; i++)
        if (strchr(".eEIy", number.p[i]) != NULL)
            return true;
    return false;
}

/* The next greater number of as many digits; of nines alone, which fewer digits had come
 * before, something that is no number. */
static void step_up(char *text)
{
    char *p = strchr(text, 'e') - 1;
    for (; p > text && (*p == '9' || *p == '.'); p--)
        *p = *p == '9' ? '0' : '.';
    ++*p;
}

/* The fewest digits that read as x again, as D.DDDe+NN. Above a power of two more numbers
 * do than below: there the nearest may fail and the one behind it hold. Up to DBL_DIG digits
 * come out as they went in, with zeros behind them, but for the smallest numbers. */
static void print_shortest(char out[32], double x)
{
    for (int precision = isnormal(x) ? DBL_DIG - 1 : 0; precision <= 16; precision++) {
        snprintf(out, 32, "%.*e", precision, x);
        if (strtod(out, NULL) == x)
            return;
        step_up(out);
        if (strtod(out, NULL) == x)
            return;
    }
}

/* Put the digits of D.DDD before and behind the point, `exponent` places to the right. */
static void put_plain(struct nst_buf *b, struct nst_str digits, int exponent)
{
    for (int i = exponent < 0 ? exponent : 0; i < (int)digits.n || i <= exponent + 1; i++) {
        if (i == exponent + 1)
            nst_put_char(b, '.');
        nst_put_char(b, i >= 0 && i < (int)digits.n ? digits.p[i] : '0');
    }
}

/* The digits of D.DDDe+NN without its point and the zeros behind. */
static struct nst_str significant(char out[20], struct nst_str mantissa)
{
    struct nst_str digits = { out, 0 };
    out[0] = '0';
    for (size_t i = 0; i < mantissa.n; i++)
        if (mantissa.p[i] >= '0' && mantissa.p[i] <= '9')
            out[digits.n++] = mantissa.p[i];
    while (digits.n > 1 && out[digits.n - 1] == '0')
        digits.n--;
    return digits;
}

/* Put D.DDDe+NN; the point only with digits behind it. */
static void put_power(struct nst_buf *b, struct nst_str digits, struct nst_str power)
{
    assert(digits.n > 0);
    nst_put_char(b, digits.p[0]);
    if (digits.n > 1)
        nst_put_char(b, '.');
    nst_put(b, nst_str_slice(digits, 1, digits.n));
    nst_put_char(b, 'e');
    nst_put(b, power);
}

/* repr(x) of a finite x: as a power of ten below 1e-4 and from 1e16 on. */
static struct nst_str float_repr(struct nst_arena *a, double x)
{
    char text[32], room[20];
    print_shortest(text, x);
    struct nst_str power = nst_str_z(text), mantissa = nst_str_cut(&power, 'e');
    struct nst_str digits = significant(room, mantissa);
    int exponent = (int)strtol(power.p, NULL, 10);
    struct nst_buf b;
    nst_buf_init(&b, a, FLOAT_MAX);
    if (signbit(x))
        nst_put_char(&b, '-');
    if (exponent >= -4 && exponent < 16)
        put_plain(&b, digits, exponent);
    else
        put_power(&b, digits, power);
    return nst_buf_str(&b);
}

struct nst_str ocl_python_number(struct nst_arena *a, struct nst_str text)
{
    if (!ocl_python_is_float(text))
        return nst_str_eq(text, NST_STR("-0")) ? NST_STR("0") : text;
    double x = strtod(nst_str_to_z(a, text), NULL);
    if (isinf(x))
        return x < 0 ? NST_STR("-Infinity") : NST_STR("Infinity");
    return float_repr(a, x);
}

struct nst_str ocl_python_whole(struct nst_arena *a, struct nst_str number)
{
    if (!ocl_python_is_float(number))
        return number;
    double x = strtod(nst_str_to_z(a, number), NULL);
    if (isinf(x) || trunc(x) != x)
        return number;
    return x == 0 ? NST_STR("0") : nst_strf(a, "%.0f", x);
}

/* Canonical integers: the sign first, then more digits, then greater ones. */
static int integer_cmp(struct nst_str x, struct nst_str y)
{
    bool minus = x.p[0] == '-';
    if (minus != (y.p[0] == '-'))
        return minus ? -1 : 1;
    int order = x.n != y.n ? (x.n > y.n) - (x.n < y.n) : nst_str_cmp(x, y);
    return minus ? -order : order;
}

static long double value_of(struct nst_str number)
{
    char text[FLOAT_MAX];
    size_t n = number.n < sizeof(text) - 1 ? number.n : sizeof(text) - 1;
    memcpy(text, number.p, n);
    text[n] = '\0';
    return ocl_python_is_float(number) ? strtod(text, NULL) : strtold(text, NULL);
}

int ocl_python_number_cmp(struct nst_str x, struct nst_str y)
{
    if (!ocl_python_is_float(x) && !ocl_python_is_float(y))
        return integer_cmp(x, y);
    long double p = value_of(x), q = value_of(y);
    return (p > q) - (p < q);
}

/* ---- Percent signs ---- */

/* Whether n bytes can begin a character of UTF-8 of `whole` bytes. */
static bool can_begin(const char *p, size_t n, size_t whole)
{
    char low[4] = "\x80\x80\x80\x80", high[4] = "\xBF\xBF\xBF\xBF";
    memcpy(low, p, n);
    memcpy(high, p, n);
    return nst_utf8_valid((struct nst_str){ low, whole }) ||
           nst_utf8_valid((struct nst_str){ high, whole });
}

/* How many bytes of s begin a character, whole or broken off; at least 1. */
static size_t piece(bool *is_whole, struct nst_str s)
{
    size_t most = s.n < 4 ? s.n : 4;
    for (size_t n = most; n > 0; n--)
        for (size_t whole = n; whole <= 4; whole++)
            if (can_begin(s.p, n, whole) && nst_utf8_length((struct nst_str){ s.p, n }) == 1) {
                *is_whole = whole == n;
                return n;
            }
    *is_whole = false;
    return 1;
}

struct nst_str ocl_python_unquote_plus(struct nst_arena *a, struct nst_str s)
{
    struct nst_str decoded = nst_percent_decode(a, s, true);
    if (decoded.p == s.p || nst_utf8_valid(decoded))
        return decoded;
    struct nst_buf b;
    nst_buf_init(&b, a, SIZE_MAX);
    for (size_t at = 0; at < decoded.n;) {
        bool is_whole;
        size_t n = piece(&is_whole, nst_str_slice(decoded, at, decoded.n));
        nst_put(&b, is_whole ? nst_str_slice(decoded, at, at + n) : NST_STR("\xEF\xBF\xBD"));
        at += n;
    }
    return nst_buf_str(&b);
}
