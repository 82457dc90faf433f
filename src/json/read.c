/* The JSON reader: yajl's events become a tree in the caller's arena.
 *
 * yajl 2.1 lets pass what RFC 8259 does not (ill-formed UTF-8, \v and \f as
 * blanks) and loses what it does (a lone surrogate escape becomes a question
 * mark, a high one swallows any escape behind it). Both are settled on the text
 * before yajl sees it. Meaning is not judged here: see nestor/json.h. */
#include "nestor/json.h"

#include <string.h>
#include <yajl/yajl_parse.h>

#define ESCAPE 6 /* bytes of \uXXXX */

const struct nst_json_limits nst_json_default_limits = { NST_JSON_DEPTH, NST_JSON_NODES };

/* A container being filled; the outermost frame stands for the text itself.
 * Frames are kept on `inner` for the next container of the same depth. */
struct frame {
    struct frame *outer, *inner;
    struct nst_json *value;
    struct nst_json **tail;
};

struct reader {
    struct nst_arena *arena;
    const struct nst_json_limits *limits;
    struct frame *frame;
    unsigned depth;
    size_t nodes;
    struct nst_str name; /* of the member whose value comes next */
    bool has_lone;       /* some string of the text may hold a surrogate */
    const char *reason;  /* why a callback stopped the parse */
};

/* True when s, well-formed but for surrogates, holds one. */
static bool holds_surrogate(struct nst_str s)
{
    const char *p = s.p, *end = s.p + s.n;
    while (p < end && (p = memchr(p, 0xED, (size_t)(end - p))) != NULL) {
        if (end - p >= 3 && (unsigned char)p[1] >= 0xA0)
            return true;
        p++;
    }
    return false;
}

/* Append a new value to the open container; NULL past the limit. */
static struct nst_json *add(struct reader *r, enum nst_json_kind kind)
{
    if (r->nodes >= r->limits->nodes) {
        r->reason = "too many values";
        return NULL;
    }
    r->nodes++;
    struct frame *f = r->frame;
    struct nst_json *v = NST_NEW(r->arena, struct nst_json);
    v->kind = kind;
    *f->tail = v;
    f->tail = &v->next;
    if (f->value != NULL)
        f->value->count++;
    if (f->value != NULL && f->value->kind == NST_JSON_OBJECT) {
        v->name = r->name;
        v->has_surrogate = r->has_lone && holds_surrogate(v->name);
    }
    return v;
}

static int on_null(void *ctx)
{
    return add(ctx, NST_JSON_NULL) != NULL;
}

static int on_bool(void *ctx, int value)
{
    struct nst_json *v = add(ctx, NST_JSON_BOOL);
    if (v == NULL)
        return 0;
    v->boolean = value != 0;
    return 1;
}

static int on_number(void *ctx, const char *p, size_t n)
{
    struct reader *r = ctx;
    struct nst_json *v = add(r, NST_JSON_NUMBER);
    if (v == NULL)
        return 0;
    v->text = nst_str_copy(r->arena, (struct nst_str){ p, n });
    return 1;
}

static int on_string(void *ctx, const unsigned char *p, size_t n)
{
    struct reader *r = ctx;
    struct nst_json *v = add(r, NST_JSON_STRING);
    if (v == NULL)
        return 0;
    v->text = nst_str_copy(r->arena, (struct nst_str){ (const char *)p, n });
    if (r->has_lone && holds_surrogate(v->text))
        v->has_surrogate = true;
    return 1;
}

static int on_name(void *ctx, const unsigned char *p, size_t n)
{
    struct reader *r = ctx;
    r->name = nst_str_copy(r->arena, (struct nst_str){ (const char *)p, n });
    return 1;
}

static int open_container(struct reader *r, enum nst_json_kind kind)
{
    if (r->depth >= r->limits->depth) {
        r->reason = "nested too deeply";
        return 0;
    }
    struct nst_json *v = add(r, kind);
    if (v == NULL)
        return 0;
    struct frame *f = r->frame->inner;
    if (f == NULL) {
        f = NST_NEW(r->arena, struct frame);
        f->outer = r->frame;
        r->frame->inner = f;
    }
    f->value = v;
    f->tail = &v->first;
    r->frame = f;
    r->depth++;
    return 1;
}

static int on_array(void *ctx)
{
    return open_container(ctx, NST_JSON_ARRAY);
}

static int on_object(void *ctx)
{
    return open_container(ctx, NST_JSON_OBJECT);
}

static int on_close(void *ctx)
{
    struct reader *r = ctx;
    r->frame = r->frame->outer;
    r->depth--;
    return 1;
}

static const yajl_callbacks callbacks = {
    .yajl_null = on_null,
    .yajl_boolean = on_bool,
    .yajl_number = on_number,
    .yajl_string = on_string,
    .yajl_start_map = on_object,
    .yajl_map_key = on_name,
    .yajl_end_map = on_close,
    .yajl_start_array = on_array,
    .yajl_end_array = on_close,
};

/* yajl's own memory comes from the arena too. A block is preceded by its size,
 * which realloc needs and C's alignment makes room for anyway. */
struct block {
    _Alignas(max_align_t) size_t size;
};

static void *take(void *ctx, size_t n)
{
    struct block *b = nst_alloc(ctx, sizeof(*b) + n);
    b->size = n;
    return b + 1;
}

static void *retake(void *ctx, void *old, size_t n)
{
    const struct block *b = old;
    if (b != NULL && b[-1].size >= n)
        return old;
    void *p = take(ctx, n);
    if (b != NULL)
        memcpy(p, old, b[-1].size);
    return p;
}

static void leave(void *ctx, void *p)
{
    (void)ctx;
    (void)p;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if ((c | 32) >= 'a' && (c | 32) <= 'f')
        return (c | 32) - 'a' + 10;
    return -1;
}

/* The code unit of the escape \uXXXX that starts at `at`; 0 when none does. */
static uint32_t escape_unit(struct nst_str t, size_t at)
{
    if (at >= t.n || t.n - at < ESCAPE || t.p[at] != '\\' || t.p[at + 1] != 'u')
        return 0;
    uint32_t unit = 0;
    for (size_t i = at + 2; i < at + ESCAPE; i++) {
        int digit = hex_digit(t.p[i]);
        if (digit < 0)
            return 0;
        unit = unit << 4 | (uint32_t)digit;
    }
    return unit;
}

/* Where the next surrogate escape without partner starts, t.n when there is
 * none. Backslashes are taken in pairs with what follows them: outside strings,
 * where that would be wrong, yajl refuses any. */
static size_t next_lone(struct nst_str t, size_t at)
{
    while (at < t.n) {
        const char *p = memchr(t.p + at, '\\', t.n - at);
        if (p == NULL)
            break;
        at = (size_t)(p - t.p);
        uint32_t kind = escape_unit(t, at) & 0xFC00;
        if (kind == 0xDC00)
            return at;
        if (kind != 0xD800)
            at += 2;
        else if ((escape_unit(t, at + ESCAPE) & 0xFC00) == 0xDC00)
            at += 2 * (size_t)ESCAPE;
        else
            return at;
    }
    return t.n;
}

/* A copy of t in which every lone escape, the first at `lone`, is the three
 * bytes that UTF-8 would give it. */
static struct nst_str replace_lone(struct nst_arena *a, struct nst_str t, size_t lone)
{
    char *out = nst_alloc_text(a, t.n);
    size_t n = 0, from = 0;
    while (lone < t.n) {
        memcpy(out + n, t.p + from, lone - from);
        n += lone - from;
        char bytes[4];
        size_t length = nst_utf8_put(bytes, escape_unit(t, lone));
        memcpy(out + n, bytes, length);
        n += length;
        from = lone + ESCAPE;
        lone = next_lone(t, from);
    }
    memcpy(out + n, t.p + from, t.n - from);
    return (struct nst_str){ out, n + (t.n - from) };
}

/* What position `at` of the copy that replace_lone makes of t is in t. */
static size_t original_position(struct nst_str t, size_t at)
{
    for (size_t lone = next_lone(t, 0); lone < at; lone = next_lone(t, lone + ESCAPE))
        at += ESCAPE - 3;
    return at < t.n ? at : t.n;
}

static bool is_bad_control(char c)
{
    return (unsigned char)c < 0x20 && c != '\t' && c != '\n' && c != '\r';
}

/* Where the first control character stands that is no JSON blank; t.n: nowhere. */
static size_t find_control(struct nst_str t)
{
    bool found = false;
    for (size_t i = 0; i < t.n; i++)
        found |= is_bad_control(t.p[i]);
    size_t at = 0;
    while (found && !is_bad_control(t.p[at]))
        at++;
    return found ? at : t.n;
}

/* Where the first ill-formed sequence of t starts; t is not well-formed. */
static size_t find_bad_utf8(struct nst_str t)
{
    size_t at = 0, length = 1;
    while (length <= 4 && at + length <= t.n) {
        if (nst_utf8_valid((struct nst_str){ t.p + at, length })) {
            at += length;
            length = 1;
        } else {
            length++;
        }
    }
    return at;
}

static bool is_in(const char *set, char c)
{
    return c != '\0' && strchr(set, c) != NULL;
}

/* The end of the token that starts at `at`. */
static size_t token_end(struct nst_str t, size_t at)
{
    size_t end = at + 1;
    if (t.p[at] == '"') {
        while (end < t.n && t.p[end] != '"')
            end += t.p[end] == '\\' ? 2 : 1;
        return end < t.n ? end + 1 : t.n;
    }
    if (is_in("[]{},:", t.p[at]))
        return end;
    while (end < t.n && !is_in(" \t\r\n[]{},:\"", t.p[end]))
        end++;
    return end;
}

/* Does yajl stand on the quote that ends a good string, which is what it did not
 * expect? */
static bool is_closing(struct nst_str t, size_t at, size_t end)
{
    return at + 1 == end && t.p[at] == '"' && t.p[at - 1] != '\\';
}

/* Where the offence is when yajl stopped having consumed `at` bytes: that is
 * the bad byte of a string, otherwise somewhere behind the token's start. */
static size_t find_offence(const char **reason, struct nst_str t, size_t at)
{
    *reason = "unexpected token";
    if (at < t.n && t.p[at] == '/')
        at++;
    size_t start = 0;
    while (start < t.n) {
        size_t end = token_end(t, start);
        if (t.p[start] == '"' && at > start && at < end && !is_closing(t, at, end)) {
            bool is_control = (unsigned char)t.p[at] < 0x20;
            *reason = is_control ? "control character in a string" : "bad escape in a string";
            return at;
        }
        if (!is_in(" \t\r\n", t.p[start]) && at <= end)
            return start;
        start = is_in(" \t\r\n", t.p[start]) ? start + 1 : end;
    }
    return t.n;
}

static enum nst_err fail(struct nst_json_fault *fault, struct nst_str t, size_t at,
                         const char *reason)
{
    if (fault == NULL)
        return NST_E_MALFORMED;
    *fault = (struct nst_json_fault){ .line = 1, .column = 1, .reason = reason };
    for (size_t i = 0; i < at; i++) {
        fault->column++;
        if (t.p[i] == '\n') {
            fault->line++;
            fault->column = 1;
        }
    }
    return NST_E_MALFORMED;
}

/* Name what yajl refused after `at` bytes of t. yajl_get_error would allocate
 * and quote the input, which is not ours to repeat. */
static enum nst_err explain(const struct reader *r, struct nst_json_fault *fault, struct nst_str t,
                            size_t at)
{
    if (fault == NULL)
        return NST_E_MALFORMED;
    const char *reason;
    size_t where = find_offence(&reason, t, at);
    if (r->depth == 0 && r->nodes > 0)
        reason = "text after the value";
    return fail(fault, t, where, r->reason != NULL ? r->reason : reason);
}

/* Let yajl read t, which may differ from the text only in its lone escapes. */
static enum nst_err parse(struct reader *r, struct nst_json_fault *fault, struct nst_str text,
                          struct nst_str t)
{
    yajl_alloc_funcs alloc = { take, retake, leave, r->arena };
    yajl_handle h = yajl_alloc(&callbacks, &alloc, r);
    yajl_config(h, yajl_dont_validate_strings, 1);
    yajl_status status = yajl_parse(h, (const unsigned char *)t.p, t.n);
    size_t at = yajl_get_bytes_consumed(h);
    if (status != yajl_status_ok)
        return explain(r, fault, text, r->has_lone ? original_position(text, at) : at);
    /* At its end yajl forgives a string that was begun behind the value; the
     * line feed, which no string may hold, makes it refuse that too. */
    if (yajl_parse(h, (const unsigned char *)"\n", 1) == yajl_status_ok &&
        yajl_complete_parse(h) == yajl_status_ok)
        return NST_OK;
    if (r->reason == NULL && (r->depth > 0 || r->nodes == 0))
        return fail(fault, text, text.n, "the text ends too early");
    return explain(r, fault, text, text.n);
}

enum nst_err nst_json_read(struct nst_json **out, struct nst_json_fault *fault, struct nst_arena *a,
                           struct nst_str text, const struct nst_json_limits *limits)
{
    if (text.p == NULL)
        text = NST_STR("");
    size_t control = find_control(text);
    if (control < text.n)
        return fail(fault, text, control, "control character");
    if (!nst_utf8_valid(text))
        return fail(fault, text, find_bad_utf8(text), "invalid UTF-8");
    size_t lone = next_lone(text, 0);
    struct nst_json *root = NULL;
    struct frame outermost = { .tail = &root };
    struct reader r = {
        .arena = a,
        .limits = limits != NULL ? limits : &nst_json_default_limits,
        .frame = &outermost,
        .has_lone = lone < text.n,
    };
    NST_TRY(parse(&r, fault, text, r.has_lone ? replace_lone(a, text, lone) : text));
    *out = root;
    return NST_OK;
}
