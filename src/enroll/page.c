/* Pages of enrolments by cursor, byte by byte as section 8 has it. */
#include "app.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#define PAGE_DEFAULT 100
#define OFFSET_MAX   1000

struct cursor {
    int64_t offset, position;
    bool is_reverse, has_position;
};

/* ---- Numbers in queries: blanks, a sign, digits of any script (L11) ---- */

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

enum number { NUMBER_NONE, NUMBER_GIVEN };

/* *out is clamped to 64 bits (L18, L23). */
static enum number read_number(int64_t *out, struct nst_str s)
{
    bool negative = false, any = false, huge = false;
    int64_t value = 0;
    s = nst_str_trim(s);
    if (s.n > 0 && (s.p[0] == '-' || s.p[0] == '+')) {
        negative = s.p[0] == '-';
        s = nst_str_slice(s, 1, s.n);
    }
    while (s.n > 0) {
        utf8proc_int32_t c;
        utf8proc_ssize_t n =
            utf8proc_iterate((const utf8proc_uint8_t *)s.p, (utf8proc_ssize_t)s.n, &c);
        int digit = n > 0 ? digit_value(c) : -1;
        if (digit < 0)
            return NUMBER_NONE;
        huge |= __builtin_mul_overflow(value, 10, &value) ||
                __builtin_add_overflow(value, digit, &value);
        any = true;
        s = nst_str_slice(s, (size_t)n, s.n);
    }
    if (!any)
        return NUMBER_NONE;
    *out = huge ? (negative ? INT64_MIN : INT64_MAX) : (negative ? -value : value);
    return NUMBER_GIVEN;
}

/* L10 to L18; 0 stands for "no rows" (L15). */
static int64_t page_size(struct nst_req *rq)
{
    int64_t n;
    if (read_number(&n, nst_query_value(rq, "page_size")) == NUMBER_NONE || n == 0 || n < -1)
        return PAGE_DEFAULT;
    return n == -1 ? 0 : n;
}

/* ---- Cursors ---- */

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

/* Characters outside the alphabet are skipped (L20); false for bad padding. */
static bool base64_decode(struct nst_str *out, struct nst_arena *a, struct nst_str s)
{
    struct nst_buf b;
    unsigned bits = 0, count = 0, pads = 0;
    nst_buf_init(&b, a, s.n + 4);
    for (size_t i = 0; i < s.n; i++) {
        int value = base64_value(s.p[i]);
        if (s.p[i] == '=' && count % 4 >= 2) {
            if (++pads + count % 4 == 4)
                break;
        }
        if (value < 0)
            continue;
        pads = 0;
        bits = bits << 6 | (unsigned)value;
        if (++count % 4 != 1)
            nst_put_char(&b, (char)(bits >> (6 - 2 * ((count - 1) % 4)) & 0xFF));
    }
    *out = nst_buf_str(&b);
    return count % 4 == 0 || pads + count % 4 == 4;
}

static enum nst_err bad_cursor(struct nst_req *rq)
{
    return enroll_fail(rq, NST_E_NOT_FOUND, "Invalid cursor", NULL);
}

static bool is_ascii(struct nst_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] >= 0x80)
            return false;
    return true;
}

/* The first of equal pairs counts (L26). */
static struct nst_str pair(struct nst_arena *a, struct nst_str text, const char *name)
{
    while (text.p != NULL) {
        struct nst_str value = nst_str_cut(&text, '&');
        struct nst_str key = nst_percent_decode(a, nst_str_cut(&value, '='), true);
        if (value.n > 0 && nst_str_eq(key, nst_str_z(name)))
            return nst_percent_decode(a, value, true);
        if (value.p != NULL && nst_str_eq(key, nst_str_z(name)))
            return NST_STR("");
    }
    return (struct nst_str){ 0 };
}

static bool read_pairs(struct cursor *c, struct nst_arena *a, struct nst_str text)
{
    struct nst_str o = pair(a, text, "o"), r = pair(a, text, "r"), p = pair(a, text, "p");
    int64_t reverse = 0;
    if (o.p != NULL && (read_number(&c->offset, o) == NUMBER_NONE || c->offset < 0))
        return false;
    if (r.p != NULL && read_number(&reverse, r) == NUMBER_NONE)
        return false;
    if (p.p != NULL && read_number(&c->position, p) == NUMBER_NONE)
        return false;
    if (c->offset > OFFSET_MAX)
        c->offset = OFFSET_MAX;
    c->is_reverse = reverse != 0;
    c->has_position = p.p != NULL;
    return true;
}

static enum nst_err read_cursor(struct cursor *c, struct nst_req *rq)
{
    struct nst_str given = nst_query_value(rq, "cursor"), text;
    *c = (struct cursor){ 0 };
    if (given.n == 0)
        return NST_OK;
    if (!is_ascii(given) || !base64_decode(&text, rq->arena, given) || !is_ascii(text))
        return bad_cursor(rq);
    return read_pairs(c, rq->arena, text) ? NST_OK : bad_cursor(rq);
}

static void put_base64(struct nst_buf *out, struct nst_str s)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < s.n; i += 3) {
        unsigned bits = (unsigned)(unsigned char)s.p[i] << 16;
        bits |= i + 1 < s.n ? (unsigned)(unsigned char)s.p[i + 1] << 8 : 0;
        bits |= i + 2 < s.n ? (unsigned)(unsigned char)s.p[i + 2] : 0;
        for (size_t k = 0; k < 4; k++)
            nst_put_char(out, i + k > s.n ? '=' : alphabet[bits >> (18 - 6 * k) & 63]);
    }
}

/* ---- Links: the query sorted by name, `cursor` replaced ---- */

struct parameter {
    struct nst_str name, value;
};

#define PARAMETERS_MAX 256

static int by_name(const void *x, const void *y)
{
    const struct parameter *a = x, *b = y;
    int order = nst_str_cmp(a->name, b->name);
    return order != 0 ? order : a->value.p < b->value.p ? -1 : a->value.p > b->value.p;
}

static size_t read_parameters(struct parameter *list, struct nst_req *rq)
{
    struct nst_str rest = rq->x->query;
    size_t n = 0;
    while (rest.p != NULL && rest.n > 0 && n < PARAMETERS_MAX) {
        struct nst_str value = nst_str_cut(&rest, '&');
        struct nst_str name = nst_str_cut(&value, '=');
        if (value.p == NULL)
            value = (struct nst_str){ name.p + name.n, 0 };
        name = nst_percent_decode(rq->arena, name, true);
        if (name.n + value.n > 0 && !nst_str_eq(name, NST_STR("cursor")))
            list[n++] = (struct parameter){ name, value };
    }
    return n;
}

/* Form encoding: blanks leave as `+`. */
static void put_form(struct nst_buf *out, struct nst_str s)
{
    while (s.p != NULL) {
        nst_put_percent(out, nst_str_cut(&s, ' '), "");
        if (s.p != NULL)
            nst_put_char(out, '+');
    }
}

static void put_url(struct nst_buf *out, struct nst_req *rq, struct nst_str cursor)
{
    struct parameter *list = NST_NEW_ARRAY(rq->arena, struct parameter, PARAMETERS_MAX + 1);
    size_t n = read_parameters(list, rq);
    list[n++] = (struct parameter){ NST_STR("cursor"), cursor };
    qsort(list, n, sizeof(*list), by_name);
    nst_put_z(out, rq->is_tls ? "https://" : "http://");
    nst_put(out, rq->x->host);
    nst_put(out, rq->x->path);
    for (size_t i = 0; i < n; i++) {
        bool is_cursor = list[i].value.p == cursor.p;
        nst_put_char(out, i == 0 ? '?' : '&');
        put_form(out, list[i].name);
        nst_put_char(out, '=');
        put_form(out, is_cursor ? cursor : nst_percent_decode(rq->arena, list[i].value, true));
    }
}

static void put_link(struct nst_buf *out, struct nst_req *rq, struct nst_str plain)
{
    struct nst_buf cursor, url;
    nst_buf_init(&cursor, rq->arena, 256);
    nst_buf_init(&url, rq->arena, 65536);
    put_base64(&cursor, plain);
    put_url(&url, rq, nst_buf_str(&cursor));
    nst_json_put_str(out, nst_buf_str(&url));
}

/* ---- The page ---- */

struct row_text {
    struct row_text *next;
    struct nst_buf text;
};

struct page {
    struct cursor cursor;
    int64_t size, first, last, rows; /* numbers of the rows shown */
    bool has_more;
    struct row_text *top, **end; /* in the order in which they are shown */
};

static void build_query(struct nst_sql *q, struct nst_req *rq, const struct enroll_list *l,
                        const struct page *p)
{
    nst_sql_init(q, rq->arena);
    nst_sql_add(q, "SELECT ");
    nst_sql_add(q, l->id);
    nst_sql_add(q, ", program_enrollment.external_user_key, ");
    nst_sql_add(q, l->status);
    nst_sql_add(q, ", program_enrollment.user_id, program_enrollment.curriculum_uuid FROM ");
    nst_sql_add(q, l->from);
    nst_sql_add(q, " WHERE ");
    nst_sql_add_str(q, nst_buf_str(&l->where->text));
    for (unsigned i = 0; i < l->where->count; i++)
        q->value[q->count++] = l->where->value[i];
    if (p->cursor.has_position) {
        nst_sql_add(q, " AND ");
        nst_sql_add(q, l->id);
        nst_sql_add(q, p->cursor.is_reverse ? " < " : " > ");
        nst_sql_bind(q, NST_INT(p->cursor.position));
    }
    nst_sql_add(q, " ORDER BY ");
    nst_sql_add(q, l->id);
    nst_sql_add(q, p->cursor.is_reverse ? " DESC LIMIT " : " ASC LIMIT ");
    nst_sql_bind(q, NST_INT(p->size < INT64_MAX ? p->size + 1 : p->size));
    nst_sql_add(q, " OFFSET ");
    nst_sql_bind(q, NST_INT(p->cursor.offset));
}

static void put_row(struct nst_buf *out, struct nst_rows *rows)
{
    nst_put_lit(out, "{\"student_key\":");
    nst_json_put_str_or_null(out, nst_rows_text(rows, 1));
    nst_put_lit(out, ",\"status\":");
    nst_json_put_str(out, nst_rows_text(rows, 2));
    nst_put_lit(out, ",\"account_exists\":");
    nst_json_put_bool(out, !nst_rows_is_null(rows, 3));
    nst_put_lit(out, ",\"curriculum_uuid\":");
    nst_json_put_str(out, nst_rows_text(rows, 4));
    nst_put_char(out, '}');
}

/* Rows of a reverse page come backwards: each goes before those that are there. */
static void add_row(struct page *p, struct nst_req *rq, struct nst_rows *rows)
{
    int64_t id = nst_rows_int(rows, 0);
    struct row_text *row = NST_NEW(rq->arena, struct row_text);
    nst_buf_init(&row->text, rq->arena, 65536);
    put_row(&row->text, rows);
    if (p->cursor.is_reverse) {
        row->next = p->top;
        p->top = row;
    } else {
        *p->end = row;
        p->end = &row->next;
    }
    if (p->rows++ == 0)
        p->first = p->last = id;
    else if (p->cursor.is_reverse)
        p->first = id;
    else
        p->last = id;
}

static enum nst_err read_rows(struct page *p, struct nst_req *rq, const struct nst_sql *q)
{
    struct nst_rows *rows;
    bool has_row = false;
    NST_TRY(nst_sql_query(&rows, rq->db, q));
    enum nst_err e = nst_rows_next(&has_row, rows);
    while (e == NST_OK && has_row) {
        if (p->rows == p->size) {
            p->has_more = true;
            break;
        }
        add_row(p, rq, rows);
        e = nst_rows_next(&has_row, rows);
    }
    nst_rows_end(rows);
    return e;
}

/* The links of section 8; L28 and L29 for pages without rows; L15: both null. */
static void put_links(struct nst_buf *out, struct nst_req *rq, const struct page *p)
{
    bool was_placed = p->cursor.has_position || p->cursor.offset > 0;
    bool has_next = p->cursor.is_reverse ? was_placed : p->has_more;
    bool has_previous = p->cursor.is_reverse ? p->has_more : was_placed;
    struct nst_str next = nst_strf(rq->arena, "p=%lld", (long long)p->last);
    struct nst_str previous = nst_strf(rq->arena, "r=1&p=%lld", (long long)p->first);
    if (p->rows == 0) {
        next = NST_STR("");
        previous = NST_STR("r=1");
    }
    nst_put_lit(out, "{\"next\":");
    if (has_next && !(p->size == 0 && !was_placed))
        put_link(out, rq, next);
    else
        nst_put_lit(out, "null");
    nst_put_lit(out, ",\"previous\":");
    if (has_previous && !(p->size == 0 && !was_placed))
        put_link(out, rq, previous);
    else
        nst_put_lit(out, "null");
}

enum nst_err enroll_answer_page(struct nst_req *rq, const struct enroll_list *list)
{
    struct page p = { .size = page_size(rq) };
    struct nst_sql q;
    struct nst_buf *out = &rq->x->out;
    NST_TRY(read_cursor(&p.cursor, rq));
    p.end = &p.top;
    build_query(&q, rq, list, &p);
    NST_TRY(read_rows(&p, rq, &q));
    put_links(out, rq, &p);
    nst_put_lit(out, ",\"results\":[");
    for (const struct row_text *row = p.top; row != NULL; row = row->next) {
        nst_put_z(out, row == p.top ? "" : ",");
        nst_put(out, nst_buf_str(&row->text));
    }
    nst_put_lit(out, "]}");
    return nst_answer_json(rq, 200);
}
