/* The field types: one row each, and their readers and printers. A new type is
 * one more row here and its line in field.h. */
#include "model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- Reading ---- */

/* Text fields take numbers as their text; lists and objects are refused. */
static bool parse_text(struct nst_req *rq, const struct nst_field *f, const struct nst_json *v,
                       void *member)
{
    (void)f;
    struct nst_str *out = member;
    switch (v->kind) {
    case NST_JSON_STRING:
        if (!nst_json_is_text(v))
            return false;
        *out = nst_str_copy(rq->arena, v->text);
        return true;
    case NST_JSON_NUMBER:
        *out = nst_str_copy(rq->arena, v->text);
        return true;
    case NST_JSON_BOOL:
        *out = v->boolean ? NST_STR("True") : NST_STR("False");
        return true;
    default:
        return false;
    }
}

/* What names a row is text or a number, which is its text. */
static bool parse_slug(struct nst_req *rq, const struct nst_field *f, const struct nst_json *v,
                       void *member)
{
    return v->kind != NST_JSON_BOOL && parse_text(rq, f, v, member);
}

/* `a b` and `a%20b` are one code: escapes are decoded for as long as that gives a
 * text, so that what is stored is never an escaped form of another one. */
static bool parse_code(struct nst_req *rq, const struct nst_field *f, const struct nst_json *v,
                       void *member)
{
    struct nst_str *out = member;
    if (!parse_slug(rq, f, v, member))
        return false;
    for (;;) {
        struct nst_str plain = nst_percent_decode(rq->arena, *out, false);
        if (plain.n == out->n || !nst_utf8_valid(plain) || nst_str_find(plain, '\0') < plain.n)
            return true;
        *out = plain;
    }
}

/* What can stand between two slashes of a path, for every client and proxy. */
static bool is_segment(struct nst_str text)
{
    return text.n == 0 || (nst_str_is_segment(text) && nst_str_find(text, '/') == text.n);
}

static bool parse_int(struct nst_req *rq, const struct nst_field *f, const struct nst_json *v,
                      void *member)
{
    (void)rq;
    (void)f;
    if (v->kind != NST_JSON_NUMBER && v->kind != NST_JSON_STRING)
        return false;
    return nst_str_int(member, v->text);
}

/* The shortest text of the double, with a point or an exponent in it. */
static void put_real(struct nst_buf *out, double number)
{
    char text[32];
    int digits = 15;
    do
        snprintf(text, sizeof(text), "%.*g", digits, number);
    while (strtod(text, NULL) != number && ++digits <= 17);
    nst_put_z(out, text);
    if (strpbrk(text, ".e") == NULL)
        nst_put_lit(out, ".0");
}

/* Digits alone: strtod takes words and hexadecimal numbers, too. */
static bool parse_real(struct nst_req *rq, const struct nst_field *f, const struct nst_json *v,
                       void *member)
{
    (void)f;
    struct nst_buf b;
    char *end;
    const char *text = nst_str_to_z(rq->arena, v->text);
    if ((v->kind != NST_JSON_NUMBER && v->kind != NST_JSON_STRING) || v->text.n == 0 ||
        strspn(text, "+-.0123456789eE") != v->text.n)
        return false;
    double number = strtod(text, &end);
    if (*end != '\0' || !isfinite(number))
        return false;
    nst_buf_init(&b, rq->arena, 64);
    put_real(&b, number);
    *(struct nst_str *)member = nst_buf_str(&b);
    return true;
}

static bool is_one_of(struct nst_str text, const char *const *words)
{
    for (; *words != NULL; words++)
        if (nst_str_eq(text, nst_str_z(*words)))
            return true;
    return false;
}

static bool parse_bool(struct nst_req *rq, const struct nst_field *f, const struct nst_json *v,
                       void *member)
{
    static const char *const yes[] = { "true", "t", "True", "1", NULL };
    static const char *const no[] = { "false", "f", "False", "0", NULL };
    (void)rq;
    (void)f;
    bool *out = member;
    if (v->kind == NST_JSON_BOOL) {
        *out = v->boolean;
        return true;
    }
    if (v->kind != NST_JSON_STRING && v->kind != NST_JSON_NUMBER)
        return false;
    *out = is_one_of(v->text, yes);
    return *out || is_one_of(v->text, no);
}

static bool parse_datetime(struct nst_req *rq, const struct nst_field *f, const struct nst_json *v,
                           void *member)
{
    (void)rq;
    (void)f;
    return v->kind == NST_JSON_STRING && nst_time_parse(member, v->text);
}

static bool is_storable(const struct nst_json *v)
{
    if (v->has_surrogate || (v->text.n > 0 && nst_str_find(v->text, '\0') < v->text.n) ||
        (v->name.n > 0 && nst_str_find(v->name, '\0') < v->name.n))
        return false;
    for (const struct nst_json *c = v->first; c != NULL; c = c->next)
        if (!is_storable(c))
            return false;
    return true;
}

static bool parse_json_value(struct nst_req *rq, const struct nst_field *f,
                             const struct nst_json *v, void *member)
{
    (void)f;
    struct nst_buf b;
    if (!is_storable(v))
        return false;
    nst_buf_init(&b, rq->arena, NST_HTTP_ANSWER_MAX);
    nst_json_put(&b, v);
    *(struct nst_str *)member = nst_buf_str(&b);
    return !b.is_full;
}

static bool parse_json_object(struct nst_req *rq, const struct nst_field *f,
                              const struct nst_json *v, void *member)
{
    return v->kind == NST_JSON_OBJECT && parse_json_value(rq, f, v, member);
}

static bool parse_json_list(struct nst_req *rq, const struct nst_field *f, const struct nst_json *v,
                            void *member)
{
    return v->kind == NST_JSON_ARRAY && parse_json_value(rq, f, v, member);
}

/* A list of strings, or one comma-separated string. */
static bool parse_string_list(struct nst_req *rq, const struct nst_field *f,
                              const struct nst_json *v, void *member)
{
    struct nst_buf b;
    if (v->kind != NST_JSON_ARRAY)
        return parse_text(rq, f, v, member);
    nst_buf_init(&b, rq->arena, 65536);
    for (const struct nst_json *item = v->first; item != NULL; item = item->next) {
        struct nst_str text;
        if (!parse_text(rq, f, item, &text) || nst_str_find(text, ',') < text.n)
            return false;
        if (item != v->first)
            nst_put_char(&b, ',');
        nst_put(&b, text);
    }
    *(struct nst_str *)member = nst_buf_str(&b);
    return !b.is_full;
}

/* ---- Printing ---- */

static const void *member_of(const struct nst_field *f, const void *row)
{
    return (const char *)row + f->offset;
}

static void print_text(struct nst_buf *out, const struct nst_face *face, const struct nst_field *f,
                       const void *row)
{
    (void)face;
    nst_json_put_str(out, *(const struct nst_str *)member_of(f, row));
}

static void print_int(struct nst_buf *out, const struct nst_face *face, const struct nst_field *f,
                      const void *row)
{
    (void)face;
    nst_put_int(out, *(const int64_t *)member_of(f, row));
}

static void print_bool(struct nst_buf *out, const struct nst_face *face, const struct nst_field *f,
                       const void *row)
{
    (void)face;
    nst_json_put_bool(out, *(const bool *)member_of(f, row));
}

static void print_datetime(struct nst_buf *out, const struct nst_face *face,
                           const struct nst_field *f, const void *row)
{
    nst_put_char(out, '"');
    nst_put_time(out, *(const int64_t *)member_of(f, row), face->time);
    nst_put_char(out, '"');
}

static void print_raw(struct nst_buf *out, const struct nst_face *face, const struct nst_field *f,
                      const void *row)
{
    (void)face;
    nst_put(out, *(const struct nst_str *)member_of(f, row));
}

/* Does the item of a list stand there before, too? */
static bool stands_before(struct nst_str item, struct nst_str list)
{
    while (list.p != NULL) {
        struct nst_str one = nst_str_trim(nst_str_cut(&list, ','));
        if (one.p == item.p)
            return false;
        if (nst_str_eq(one, item))
            return true;
    }
    return false;
}

static void print_string_list(struct nst_buf *out, const struct nst_face *face,
                              const struct nst_field *f, const void *row)
{
    struct nst_str rest = *(const struct nst_str *)member_of(f, row);
    if (face->lists_as_text) {
        nst_json_put_str(out, rest);
        return;
    }
    const char *between = "[";
    struct nst_str all = rest;
    while (rest.p != NULL) {
        struct nst_str item = nst_str_trim(nst_str_cut(&rest, ','));
        if (item.n == 0 || stands_before(item, all))
            continue;
        nst_put_z(out, between);
        nst_json_put_str(out, item);
        between = ",";
    }
    nst_put_z(out, between[0] == '[' ? "[]" : "]");
}

/* As the face has it: the second of creation and the id, in hex; or the id in decimal. */
static void print_identity(struct nst_buf *out, const struct nst_face *face,
                           const struct nst_field *f, const void *row)
{
    int64_t id = *(const int64_t *)member_of(f, row);
    int64_t created = *(const int64_t *)((const char *)row + f->created);
    nst_put_char(out, '"');
    if (face->identity == NST_HEX24) {
        nst_put_hex(out, (uint64_t)(created / NST_SECOND), 8);
        nst_put_hex(out, (uint64_t)id, 16);
    } else {
        nst_put_int(out, id);
    }
    nst_put_char(out, '"');
}

const struct nst_type nst_text = { "text", NST_REP_STR, "text",    "string",
                                   NULL,   parse_text,  print_text };
const struct nst_type nst_slug = { "slug", NST_REP_STR, "text",     "string",
                                   NULL,   parse_slug,  print_text, is_segment };
const struct nst_type nst_code = { "code", NST_REP_STR, "text",    "string",
                                   NULL,   parse_code,  print_text };
const struct nst_type nst_url = {
    "url", NST_REP_STR, "text", "string", NULL, parse_text, print_text
};
const struct nst_type nst_email = { "email", NST_REP_STR, "text",     "string",
                                    "email", parse_text,  print_text, nst_str_is_email };
const struct nst_type nst_int = { "int",   NST_REP_INT, "bigint", "integer",
                                  "int64", parse_int,   print_int };
const struct nst_type nst_real = { "real",   NST_REP_STR, "text",    "number",
                                   "double", parse_real,  print_raw, .holds_json = true };
const struct nst_type nst_bool = { "bool", NST_REP_BOOL, "boolean", "boolean",
                                   NULL,   parse_bool,   print_bool };
const struct nst_type nst_datetime = { "datetime",  NST_REP_INT,    "bigint",      "string",
                                       "date-time", parse_datetime, print_datetime };
const struct nst_type nst_json_value = { "json", NST_REP_STR,      "text",    NULL,
                                         NULL,   parse_json_value, print_raw, .holds_json = true };
const struct nst_type nst_json_object = {
    "object", NST_REP_STR, "text", "object", NULL, parse_json_object, print_raw, .holds_json = true
};
const struct nst_type nst_json_list = { "json_list", NST_REP_STR,   "text",
                                        "array",     NULL,          parse_json_list,
                                        print_raw,   .items = "{}", .holds_json = true };
const struct nst_type nst_string_list = { "list", NST_REP_STR,       "text",           "array",
                                          NULL,   parse_string_list, print_string_list };
const struct nst_type nst_child_list = { "children", NST_REP_STR,   "text",
                                         "array",    NULL,          parse_json_value,
                                         print_raw,  .items = "{}", .holds_json = true };
const struct nst_type nst_identity = { "identity", NST_REP_INT, "bigint",      "string",
                                       NULL,       parse_int,   print_identity };
