/* Pages of enrolments by cursor, byte by byte as section 8 has it: the links, the query,
 * small pages. Large ones, whose links must be known before their rows are read, are
 * large_page.c's. */
#include "page.h"

#include <stdlib.h>

#define CURSOR "cursor"

/* ---- The query ---- */

/* Nothing between two `&` is no parameter; one without name or value is. */
static void read_query(struct enroll_query *q, struct nst_req *rq)
{
    struct nst_str rest = rq->x->query;
    size_t most = 1;
    for (size_t i = 0; i < rest.n; i++)
        most += rest.p[i] == '&';
    q->count = 0;
    q->list = NST_NEW_ARRAY(rq->arena, struct enroll_parameter, most);
    while (rest.p != NULL) {
        struct nst_str value = nst_str_cut(&rest, '&');
        if (value.n == 0)
            continue;
        struct nst_str name = nst_percent_decode(rq->arena, nst_str_cut(&value, '='), true);
        value = value.p != NULL ? nst_percent_decode(rq->arena, value, true) : NST_STR("");
        q->list[q->count] = (struct enroll_parameter){ name, value, q->count };
        q->count++;
    }
}

/* The last one counts (L13, L26); null without one. */
static struct nst_str value_of(const struct enroll_query *q, const char *name)
{
    for (size_t i = q->count; i > 0; i--)
        if (nst_str_eq(q->list[i - 1].name, nst_str_z(name)))
            return q->list[i - 1].value;
    return (struct nst_str){ 0 };
}

static enum nst_err read_page(struct enroll_page *page, struct nst_req *rq)
{
    int64_t most = enroll_page_max();
    read_query(&page->query, rq);
    page->size = enroll_page_size(value_of(&page->query, "page_size"));
    if (most > 0 && page->size > most)
        page->size = most;
    if (!enroll_cursor_read(&page->cursor, rq->arena, value_of(&page->query, CURSOR)))
        return enroll_fail(rq, NST_E_NOT_FOUND, "Invalid cursor", NULL);
    return NST_OK;
}

/* ---- Links ---- */

static int by_name(const void *x, const void *y)
{
    const struct enroll_parameter *a = x, *b = y;
    int order = nst_str_cmp(a->name, b->name);
    return order != 0 ? order : (a->place > b->place) - (a->place < b->place);
}

/* The query sorted by name, with this cursor instead of those that were sent. */
static struct enroll_query with_cursor(struct nst_arena *a, const struct enroll_query *given,
                                       struct nst_str cursor)
{
    struct enroll_query q = { NST_NEW_ARRAY(a, struct enroll_parameter, given->count + 1), 0 };
    for (size_t i = 0; i < given->count; i++)
        if (!nst_str_eq(given->list[i].name, NST_STR(CURSOR)))
            q.list[q.count++] = given->list[i];
    q.list[q.count++] = (struct enroll_parameter){ NST_STR(CURSOR), cursor, 0 };
    qsort(q.list, q.count, sizeof(*q.list), by_name);
    return q;
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

/* The path is decoded and written anew: what was sent need not be text. Three bytes
 * for each one that came bound the URL. */
static void put_url(struct nst_buf *out, struct nst_req *rq, const struct enroll_query *q)
{
    nst_put_z(out, rq->is_tls ? "https://" : "http://");
    nst_put(out, rq->x->host);
    nst_put_percent(out, nst_percent_decode(rq->arena, rq->x->path, false), "/:@&+$,!*'()");
    for (size_t i = 0; i < q->count; i++) {
        nst_put_char(out, i == 0 ? '?' : '&');
        put_form(out, q->list[i].name);
        nst_put_char(out, '=');
        put_form(out, q->list[i].value);
    }
}

static void put_link(struct nst_buf *out, struct nst_req *rq, const struct enroll_page *page,
                     struct nst_str pairs)
{
    struct nst_buf url;
    struct nst_str cursor = enroll_cursor_text(rq->arena, pairs);
    const struct enroll_query q = with_cursor(rq->arena, &page->query, cursor);
    nst_buf_init(&url, rq->arena, NST_HTTP_ANSWER_MAX);
    put_url(&url, rq, &q);
    nst_json_put_str(out, nst_buf_str(&url));
}

void enroll_put_links(struct nst_buf *out, struct nst_req *rq, const struct enroll_page *p)
{
    bool was_placed = p->cursor.has_position || p->cursor.offset > 0;
    nst_put_lit(out, "{\"next\":");
    if (!(p->cursor.is_reverse ? was_placed : p->has_more))
        nst_put_lit(out, "null");
    else if (!p->has_rows) /* L29: the first page */
        put_link(out, rq, p, NST_STR(""));
    else
        put_link(out, rq, p, nst_strf(rq->arena, "p=%lld", (long long)p->last));
    nst_put_lit(out, ",\"previous\":");
    if (!(p->cursor.is_reverse ? p->has_more : was_placed))
        nst_put_lit(out, "null");
    else if (!p->has_rows) /* L28: the last page */
        put_link(out, rq, p, NST_STR("r=1"));
    else
        put_link(out, rq, p, nst_strf(rq->arena, "r=1&p=%lld", (long long)p->first));
    nst_put_lit(out, ",\"results\":[");
}

/* ---- Rows ---- */

void enroll_select(struct nst_sql *q, struct nst_arena *a, const struct enroll_list *list,
                   const char *columns)
{
    nst_sql_init(q, a);
    nst_sql_add(q, "SELECT ");
    nst_sql_add(q, columns);
    nst_sql_add(q, " FROM ");
    nst_sql_add(q, list->from);
    nst_sql_add(q, " WHERE ");
    nst_sql_add_str(q, nst_buf_str(&list->where->text));
    nst_sql_push_all(q, list->where);
}

void enroll_bound(struct nst_sql *q, const struct enroll_list *list, const char *comparison,
                  int64_t id)
{
    nst_sql_add(q, " AND ");
    nst_sql_add(q, list->id);
    nst_sql_add(q, comparison);
    nst_sql_bind(q, NST_INT(id));
}

void enroll_select_rows(struct nst_sql *q, struct nst_arena *a, const struct enroll_list *list)
{
    struct nst_str columns =
        nst_strf(a,
                 "%s, program_enrollment.external_user_key, %s, program_enrollment.user_id, "
                 "program_enrollment.curriculum_uuid",
                 list->id, list->status);
    enroll_select(q, a, list, columns.p);
}

void enroll_put_row(struct nst_buf *out, struct nst_rows *rows)
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

/* ---- Small pages ---- */

/* The texts of the rows, in the order in which they were read. */
struct gathered {
    struct nst_buf text;
    size_t end[ENROLL_SMALL_PAGE];
    int64_t count;
};

static void build_query(struct nst_sql *q, struct nst_req *rq, const struct enroll_page *p)
{
    const struct enroll_list *list = p->list;
    enroll_select_rows(q, rq->arena, list);
    if (p->cursor.has_position)
        enroll_bound(q, list, p->cursor.is_reverse ? " < " : " > ", p->cursor.position);
    nst_sql_add(q, " ORDER BY ");
    nst_sql_add(q, list->id);
    nst_sql_add(q, p->cursor.is_reverse ? " DESC LIMIT " : " ASC LIMIT ");
    nst_sql_bind(q, NST_INT(p->size + 1));
    nst_sql_add(q, " OFFSET ");
    nst_sql_bind(q, NST_INT(p->cursor.offset));
}

static void gather_row(struct gathered *g, struct enroll_page *p, struct nst_rows *rows)
{
    int64_t id = nst_rows_int(rows, 0);
    enroll_put_row(&g->text, rows);
    g->end[g->count++] = g->text.n;
    if (!p->has_rows)
        p->first = p->last = id;
    else if (p->cursor.is_reverse)
        p->first = id;
    else
        p->last = id;
    p->has_rows = true;
}

static enum nst_err gather(struct gathered *g, struct enroll_page *p, struct nst_req *rq,
                           const struct nst_sql *q)
{
    struct nst_rows *rows;
    NST_TRY(nst_sql_query(&rows, rq->db, q));
    while (!p->has_more && nst_rows_step(rows)) {
        if (g->count == p->size)
            p->has_more = true;
        else
            gather_row(g, p, rows);
    }
    return nst_rows_end(rows);
}

/* Rows of a reverse page were read backwards. */
static void put_gathered(struct nst_buf *out, const struct gathered *g, bool is_reverse)
{
    for (int64_t i = 0; i < g->count; i++) {
        int64_t at = is_reverse ? g->count - 1 - i : i;
        nst_put_z(out, i > 0 ? "," : "");
        nst_put(out, nst_str_slice(nst_buf_str(&g->text), at > 0 ? g->end[at - 1] : 0, g->end[at]));
    }
}

static enum nst_err answer_small_page(struct nst_req *rq, struct enroll_page *p)
{
    struct gathered *g = NST_NEW(rq->arena, struct gathered);
    struct nst_sql q;
    nst_buf_init(&g->text, rq->arena, NST_HTTP_ANSWER_MAX);
    build_query(&q, rq, p);
    if (p->size > 0) /* L15 */
        NST_TRY(gather(g, p, rq, &q));
    enroll_put_links(&rq->x->out, rq, p);
    put_gathered(&rq->x->out, g, p->cursor.is_reverse);
    nst_put_lit(&rq->x->out, "]}");
    return nst_answer_json(rq, 200);
}

enum nst_err enroll_answer_page(struct nst_req *rq, const struct enroll_list *list)
{
    struct enroll_page page = { .list = list };
    NST_TRY(read_page(&page, rq));
    return page.size > ENROLL_SMALL_PAGE ? enroll_answer_large_page(rq, &page)
                                         : answer_small_page(rq, &page);
}
