/* Batches: the records of a write, the names that answers use for them (section
 * 6.2), and the map that answers give. */
#include "app.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Words ---- */

const char *const enroll_statuses[] = { "enrolled", "pending", "suspended", "withdrawn", NULL };
const char *const enroll_course_statuses[] = { "active", "inactive", NULL };

const char *enroll_word(const char *const *words, struct nst_str word)
{
    for (; *words != NULL; words++)
        if (nst_str_eq(nst_str_z(*words), word))
            return *words;
    return NULL;
}

/* ---- Names and values of keys ---- */

/* Code points that are cut off at both ends of a key. */
static bool is_blank_point(uint32_t c)
{
    return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 ||
           c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 ||
           c == 0x202F || c == 0x205F || c == 0x3000;
}

/* The code point that s starts with and its length; s is well-formed, not empty. */
static size_t first_point(uint32_t *out, struct nst_str s)
{
    static const unsigned char mask[] = { 0, 0x7F, 0x1F, 0x0F, 0x07 };
    unsigned char lead = (unsigned char)s.p[0];
    size_t n = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    if (n > s.n)
        n = s.n;
    *out = lead & mask[n];
    for (size_t i = 1; i < n; i++)
        *out = *out << 6 | ((unsigned char)s.p[i] & 0x3F);
    return n;
}

struct nst_str enroll_trim_key(struct nst_str s)
{
    uint32_t c;
    while (s.n > 0) {
        size_t n = first_point(&c, s);
        if (!is_blank_point(c))
            break;
        s = nst_str_slice(s, n, s.n);
    }
    while (s.n > 0) {
        size_t at = s.n - 1;
        while (at > 0 && ((unsigned char)s.p[at] & 0xC0) == 0x80)
            at--;
        first_point(&c, nst_str_slice(s, at, s.n));
        if (!is_blank_point(c))
            break;
        s = nst_str_slice(s, 0, at);
    }
    return s;
}

/* The shortest text that reads back as the same double, with at least one decimal
 * or an exponent: 1.0, 1.5, 1e+16. */
static struct nst_str float_text(struct nst_arena *a, double value)
{
    char text[40];
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    double size = value < 0 ? -value : value;
    bool is_plain = size == 0 || (size >= 1e-4 && size < 1e16);
    if (is_plain && strchr(text, 'e') != NULL)
        snprintf(text, sizeof(text), "%.0f", value);
    bool has_mark = strpbrk(text, ".en") != NULL;
    return nst_strf(a, "%s%s", text, has_mark ? "" : ".0");
}

static bool is_integer(struct nst_str number)
{
    for (size_t i = 0; i < number.n; i++)
        if (number.p[i] == '.' || number.p[i] == 'e' || number.p[i] == 'E')
            return false;
    return true;
}

static struct nst_str name_of(struct nst_arena *a, const struct nst_json *key)
{
    if (key == NULL || key->kind == NST_JSON_NULL)
        return NST_STR("null");
    if (key->kind == NST_JSON_BOOL)
        return key->boolean ? NST_STR("true") : NST_STR("false");
    if (key->kind == NST_JSON_NUMBER && is_integer(key->text))
        return nst_str_eq(key->text, NST_STR("-0")) ? NST_STR("0") : key->text;
    if (key->kind == NST_JSON_NUMBER)
        return float_text(a, strtod(nst_str_to_z(a, key->text), NULL));
    return key->text;
}

static bool is_number(const struct enroll_record *r)
{
    return r->key != NULL && r->key->kind == NST_JSON_NUMBER;
}

#define DOUBLE_DIGITS 320 /* of the largest double, in decimal, with room */

/* Integers keep all their digits: they are compared as text, also with a double. */
static bool is_same_number(const struct enroll_record *x, const struct enroll_record *y)
{
    char digits[DOUBLE_DIGITS];
    bool is_whole = is_integer(x->key->text);
    if (is_whole && is_integer(y->key->text))
        return nst_str_eq(x->name, y->name);
    if (!is_whole && is_integer(y->key->text))
        return is_same_number(y, x);
    double value = strtod(y->name.p, NULL);
    if (!is_whole)
        return strtod(x->name.p, NULL) == value;
    snprintf(digits, sizeof(digits), "%.0f", value + 0.0); /* no -0 */
    return strtod(digits, NULL) == value && nst_str_eq(nst_str_z(digits), x->name);
}

bool enroll_same_key(const struct enroll_record *x, const struct enroll_record *y, bool trimmed)
{
    if (nst_str_eq(x->name, y->name))
        return true;
    if (is_number(x) && is_number(y) && is_same_number(x, y))
        return true;
    return trimmed && x->value.p != NULL && nst_str_eq(x->value, y->value);
}

/* ---- Reading ---- */

static bool is_bad_key(const struct nst_json *key)
{
    return key != NULL && (key->kind == NST_JSON_ARRAY || key->kind == NST_JSON_OBJECT ||
                           (key->kind == NST_JSON_STRING && key->has_surrogate));
}

enum nst_err enroll_read_batch(struct enroll_batch *b, bool *answered, struct nst_req *rq,
                               const char *member)
{
    *answered = false;
    for (const struct nst_json *item = rq->body->first; item != NULL; item = item->next) {
        const struct nst_json *key = nst_json_get(item, nst_str_z(member));
        if (item->kind != NST_JSON_OBJECT || is_bad_key(key)) {
            *answered = true;
            return enroll_invalid_record(rq);
        }
        struct enroll_record *r = &b->record[b->count++];
        *r = (struct enroll_record){ .key = key,
                                     .status = nst_json_get(item, NST_STR("status")),
                                     .body = item };
        r->name = nst_str_copy(rq->arena, name_of(rq->arena, key));
        if (key != NULL && (key->kind == NST_JSON_STRING || key->kind == NST_JSON_NUMBER))
            r->value = enroll_trim_key(r->name);
    }
    return NST_OK;
}

/* ---- Binding ---- */

static void bind_list(struct nst_sql *q, const struct enroll_batch *b, enroll_wants *wants,
                      bool users)
{
    size_t count = 0;
    for (size_t i = 0; i < b->count; i++) {
        const struct enroll_record *r = &b->record[i];
        if (wants(r))
            nst_sql_in(q, &count, users ? NST_INT(r->user) : NST_TEXT(r->value));
    }
    nst_sql_in_end(q, count);
}

void enroll_bind_values(struct nst_sql *q, const struct enroll_batch *b, enroll_wants *wants)
{
    bind_list(q, b, wants, false);
}

void enroll_bind_users(struct nst_sql *q, const struct enroll_batch *b, enroll_wants *wants)
{
    bind_list(q, b, wants, true);
}

/* ---- Answering ---- */

bool enroll_is_error(const char *result)
{
    static const char *const word[] = { "duplicated", "conflict", "invalid-status",
                                        "not-in-program", "not-found" };
    for (size_t i = 0; i < NST_COUNT(word); i++)
        if (strcmp(word[i], result) == 0)
            return true;
    return false;
}

static bool is_repeated(const struct enroll_batch *b, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (nst_str_eq(b->record[k].name, b->record[i].name))
            return true;
    return false;
}

enum nst_err enroll_answer_map(struct nst_req *rq, const struct enroll_batch *b, unsigned good)
{
    struct nst_buf *out = &rq->x->out;
    size_t succeeded = 0, names = 0;
    nst_put_char(out, '{');
    for (size_t i = 0; i < b->count; i++) {
        if (is_repeated(b, i))
            continue;
        nst_put_z(out, names++ > 0 ? "," : "");
        nst_json_put_str(out, b->record[i].name);
        nst_put_char(out, ':');
        nst_json_put_str(out, nst_str_z(b->record[i].result));
        succeeded += !enroll_is_error(b->record[i].result);
    }
    nst_put_char(out, '}');
    unsigned some = succeeded > 0 ? 207 : 422;
    return nst_answer_json(rq, succeeded > 0 && succeeded == names ? good : some);
}
