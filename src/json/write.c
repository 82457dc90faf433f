/* The JSON writer, and what is asked of a tree: look-up, comparison.
 *
 * Rendering is most of what the program does, so strings leave in runs: eight
 * bytes at a time are looked over, and clean ones are copied by memcpy. */
#include "nestor/json.h"

#include <stdlib.h>
#include <string.h>

#define ONES  UINT64_C(0x0101010101010101)
#define HIGHS UINT64_C(0x8080808080808080)

/* Not zero when a byte of w is zero. */
static uint64_t zeros(uint64_t w)
{
    return (w - ONES) & ~w & HIGHS;
}

/* Not zero when w may hold a byte that needs a look: a control character, a
 * quote, a backslash, or 0xED, with which surrogates begin. */
static uint64_t suspects(uint64_t w)
{
    return ((w - ONES * 0x20) & ~w & HIGHS) | zeros(w ^ ONES * '"') | zeros(w ^ ONES * '\\') |
           zeros(w ^ ONES * 0xED);
}

/* Surrogates are ED A0 80 to ED BF BF. */
static bool is_escaped(struct nst_str s, size_t at)
{
    unsigned char c = (unsigned char)s.p[at];
    return c < 0x20 || c == '"' || c == '\\' ||
           (c == 0xED && s.n - at >= 3 && (unsigned char)s.p[at + 1] >= 0xA0);
}

/* The first position from `at` on, before `end`, whose byte is escaped; or end. */
static size_t skip_bytes(struct nst_str s, size_t at, size_t end)
{
    while (at < end && !is_escaped(s, at))
        at++;
    return at;
}

/* The first position from `at` on whose byte cannot leave as it is; s.n: none. */
static size_t skip_clean(struct nst_str s, size_t at)
{
    while (s.n - at >= 8) {
        uint64_t word;
        memcpy(&word, s.p + at, 8);
        size_t end = at + 8;
        if (suspects(word) != 0 && (at = skip_bytes(s, at, end)) < end)
            return at;
        at = end;
    }
    return skip_bytes(s, at, s.n);
}

static void put_unit(struct nst_buf *b, uint32_t unit)
{
    nst_put_lit(b, "\\u");
    nst_put_hex(b, unit, 4);
}

/* Append the escape for what stands at `at`; returns how many bytes that is. */
static size_t put_escape(struct nst_buf *b, struct nst_str s, size_t at)
{
    static const char letters[] = "\b\t\n\f\r\"\\", names[] = "btnfr\"\\";
    unsigned char c = (unsigned char)s.p[at];
    if (c == 0xED) {
        const unsigned char *p = (const unsigned char *)s.p + at;
        put_unit(b, 0xD000U | (p[1] & 0x3FU) << 6 | (p[2] & 0x3FU));
        return 3;
    }
    const char *letter = c != 0 ? strchr(letters, c) : NULL;
    if (letter != NULL)
        nst_put(b, (struct nst_str){ (const char[]){ '\\', names[letter - letters] }, 2 });
    else
        put_unit(b, c);
    return 1;
}

void nst_json_put_str(struct nst_buf *b, struct nst_str s)
{
    nst_put_char(b, '"');
    size_t at = 0;
    while (at < s.n) {
        size_t end = skip_clean(s, at);
        nst_put(b, (struct nst_str){ s.p + at, end - at });
        at = end;
        if (at < s.n)
            at += put_escape(b, s, at);
    }
    nst_put_char(b, '"');
}

void nst_json_put_str_or_null(struct nst_buf *b, struct nst_str s)
{
    if (s.p == NULL)
        nst_put_lit(b, "null");
    else
        nst_json_put_str(b, s);
}

void nst_json_put_bool(struct nst_buf *b, bool value)
{
    if (value)
        nst_put_lit(b, "true");
    else
        nst_put_lit(b, "false");
}

static void put_container(struct nst_buf *b, const struct nst_json *v)
{
    bool is_object = v->kind == NST_JSON_OBJECT;
    nst_put_char(b, is_object ? '{' : '[');
    for (const struct nst_json *child = v->first; child != NULL; child = child->next) {
        if (child != v->first)
            nst_put_char(b, ',');
        if (is_object) {
            nst_json_put_str(b, child->name);
            nst_put_char(b, ':');
        }
        nst_json_put(b, child);
    }
    nst_put_char(b, is_object ? '}' : ']');
}

/* Recursion is as deep as the tree, which the reader bounds. */
void nst_json_put(struct nst_buf *b, const struct nst_json *v)
{
    enum nst_json_kind kind = v != NULL ? v->kind : NST_JSON_NULL;
    switch (kind) {
    case NST_JSON_NULL:
        nst_put_lit(b, "null");
        break;
    case NST_JSON_BOOL:
        nst_json_put_bool(b, v->boolean);
        break;
    case NST_JSON_NUMBER:
        nst_put(b, v->text);
        break;
    case NST_JSON_STRING:
        nst_json_put_str(b, v->text);
        break;
    case NST_JSON_ARRAY:
    case NST_JSON_OBJECT:
        put_container(b, v);
        break;
    }
}

static size_t skip_blanks(struct nst_str s, size_t at)
{
    while (at < s.n && (s.p[at] == ' ' || s.p[at] == '\t' || s.p[at] == '\n' || s.p[at] == '\r'))
        at++;
    return at;
}

static void put_line(struct nst_buf *b, size_t blanks)
{
    nst_put_char(b, '\n');
    if (nst_buf_reserve(b, blanks) && blanks > 0) {
        memset(b->p + b->n, ' ', blanks);
        b->n += blanks;
    }
}

/* Append the string, number, literal or comma at `at`; returns what follows. */
static size_t put_token(struct nst_buf *b, struct nst_str s, size_t at)
{
    size_t end = at + 1;
    if (s.p[at] == '"') {
        while (end < s.n && s.p[end] != '"')
            end += s.p[end] == '\\' ? 2 : 1;
        end = end < s.n ? end + 1 : s.n;
    }
    nst_put(b, (struct nst_str){ s.p + at, end - at });
    return end;
}

/* The line break that stands before the token c, if any. */
static void put_break(struct nst_buf *b, struct nst_json_layout *l, char c)
{
    bool closes = c == ']' || c == '}';
    l->depth -= closes && l->depth > 0;
    if (closes != l->is_opened)
        put_line(b, l->depth * l->indent);
    l->is_opened = false;
}

void nst_json_put_part(struct nst_buf *b, struct nst_json_layout *l, struct nst_str part)
{
    if (l->indent == 0) {
        nst_put(b, part);
        return;
    }
    for (size_t at = skip_blanks(part, 0); at < part.n && !b->is_full; at = skip_blanks(part, at)) {
        char c = part.p[at];
        put_break(b, l, c);
        at = put_token(b, part, at);
        if (c == '[' || c == '{') {
            l->depth++;
            l->is_opened = true;
        } else if (c == ',') {
            put_line(b, l->depth * l->indent);
        } else if (c == ':') {
            nst_put_char(b, ' ');
        }
    }
}

void nst_json_put_indented(struct nst_buf *b, struct nst_str text, unsigned indent)
{
    struct nst_json_layout layout = { .indent = indent };
    nst_json_put_part(b, &layout, text);
}

struct nst_json *nst_json_get(const struct nst_json *v, struct nst_str name)
{
    struct nst_json *found = NULL;
    if (v == NULL || v->kind != NST_JSON_OBJECT)
        return NULL;
    for (struct nst_json *m = v->first; m != NULL; m = m->next)
        if (nst_str_eq(m->name, name))
            found = m;
    return found;
}

bool nst_json_is_text(const struct nst_json *v)
{
    return v != NULL && v->kind == NST_JSON_STRING && !v->has_surrogate &&
           nst_str_find(v->text, '\0') == v->text.n;
}

/* A member and its place, so that sorting keeps the last of equal names last. */
struct member {
    const struct nst_json *value;
    size_t place;
};

static int member_cmp(const void *x, const void *y)
{
    const struct member *a = x, *b = y;
    int order = nst_str_cmp(a->value->name, b->value->name);
    return order != 0 ? order : (a->place > b->place) - (a->place < b->place);
}

/* The members of object v that count, sorted by name; their number in *n. */
static struct member *sorted_members(struct nst_arena *a, const struct nst_json *v, size_t *n)
{
    struct member *list = NST_NEW_ARRAY(a, struct member, v->count);
    size_t count = 0;
    for (const struct nst_json *m = v->first; m != NULL; m = m->next, count++)
        list[count] = (struct member){ m, count };
    qsort(list, count, sizeof(*list), member_cmp);
    *n = 0;
    for (size_t i = 0; i < count; i++)
        if (i + 1 == count || !nst_str_eq(list[i].value->name, list[i + 1].value->name))
            list[(*n)++] = list[i];
    return list;
}

static bool is_same(struct nst_arena *a, const struct nst_json *x, const struct nst_json *y);

/* Sorting, since comparing each with each would let a request of some megabytes
 * take hours. */
static bool is_same_object(struct nst_arena *a, const struct nst_json *x, const struct nst_json *y)
{
    size_t n, m;
    const struct member *left = sorted_members(a, x, &n), *right = sorted_members(a, y, &m);
    bool same = n == m;
    for (size_t i = 0; same && i < n; i++)
        same = nst_str_eq(left[i].value->name, right[i].value->name) &&
               is_same(a, left[i].value, right[i].value);
    return same;
}

static bool is_same_array(struct nst_arena *a, const struct nst_json *x, const struct nst_json *y)
{
    const struct nst_json *p = x->first, *q = y->first;
    while (p != NULL && q != NULL && is_same(a, p, q)) {
        p = p->next;
        q = q->next;
    }
    return p == NULL && q == NULL;
}

static bool is_same(struct nst_arena *a, const struct nst_json *x, const struct nst_json *y)
{
    if (x->kind != y->kind)
        return false;
    switch (x->kind) {
    case NST_JSON_NULL:
        return true;
    case NST_JSON_BOOL:
        return x->boolean == y->boolean;
    case NST_JSON_NUMBER:
    case NST_JSON_STRING:
        return nst_str_eq(x->text, y->text);
    case NST_JSON_ARRAY:
        return is_same_array(a, x, y);
    case NST_JSON_OBJECT:
        return is_same_object(a, x, y);
    }
    return false;
}

bool nst_json_equal(const struct nst_json *x, const struct nst_json *y)
{
    if (x == NULL || y == NULL)
        return x == y;
    struct nst_arena *a = nst_arena_new(4096);
    bool same = is_same(a, x, y);
    nst_arena_free(a);
    return same;
}
