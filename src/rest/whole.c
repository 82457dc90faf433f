/* Lists that leave whole, every row whatever pages the query asks for: as JSON for who asks by
 * the header of the face, or as a table. They leave in pieces, each the page behind the one
 * before, in the state that the first was in. */
#include "select.h"

#define PIECE_ROWS  100
#define PIECE_BYTES ((size_t)256 << 10)

struct walk {
    const struct nst_model *model;
    const struct nst_object *parent;
    struct nst_place place;
    bool is_table, has_rows;
};

/* ---- What is asked for ---- */

static bool is_table_asked(struct nst_req *rq)
{
    const char *format = nst_lists_of(rq->face)->format;
    return nst_str_eq(nst_query_value(rq, format), NST_STR("csv"));
}

static bool is_address_asked(struct nst_req *rq)
{
    const char *table = nst_lists_of(rq->face)->table;
    return table != NULL && nst_query_is_true(rq, table);
}

bool nst_is_asked_whole(struct nst_req *rq)
{
    return is_address_asked(rq) || is_table_asked(rq) || nst_wants_zip(rq);
}

static const char *name_or_none(const char *name)
{
    return name != NULL ? name : "";
}

/* The same list as a table: filters and order as here, without pages. */
static enum nst_err answer_address(struct nst_req *rq)
{
    const struct nst_list_grammar *g = nst_lists_of(rq->face);
    struct nst_buf url;
    nst_buf_init(&url, rq->arena, 65536);
    nst_put_address(&url, rq,
                    nst_strf(rq->arena, "%s|%s|%s|%s|%s|%s|%s", g->table, g->format,
                             name_or_none(g->limit), name_or_none(g->limit_too),
                             name_or_none(g->page), name_or_none(g->offset), name_or_none(g->after))
                        .p);
    nst_putf(&url, "%s=csv", g->format);
    nst_put_lit(&rq->x->out, "{\"url\":");
    nst_json_put_str(&rq->x->out, nst_buf_str(&url));
    nst_put_char(&rq->x->out, '}');
    return nst_answer_json(rq, 200);
}

/* ---- Rows ---- */

/* A switch of the query may choose other columns than those of tables. */
static void choose_columns(struct nst_select *s, struct nst_req *rq)
{
    const struct nst_shape *table = nst_shape_of(s->model, rq->face, NST_TABLE);
    if (s->shape->serializer->use == NST_LIST && table != NULL)
        s->shape = table;
}

/* As deep as a row can be that holds what a body brought. */
static const struct nst_json_limits limits = { .depth = NST_JSON_DEPTH * 2, .nodes = SIZE_MAX };

/* The rows are there as JSON, behind `begin`. */
static enum nst_err become_table(const struct nst_select *s, struct nst_req *rq, size_t begin)
{
    struct nst_buf *out = &rq->x->out;
    struct nst_json *rows;
    struct nst_str text = nst_strf(rq->arena, "[%.*s]", (int)(out->n - begin), out->p + begin);
    out->n = begin;
    NST_TRY(nst_json_read(&rows, NULL, rq->arena, text, &limits));
    nst_table_put_rows(out, s->shape, rows);
    return NST_OK;
}

/* Its texts stay until the answer has left. */
static void keep_place(struct walk *w, struct nst_req *rq, const struct nst_select *s)
{
    w->place = s->place;
    for (unsigned i = 0; i < s->order.count; i++)
        w->place.key[i].text = nst_str_copy(rq->x->arena, s->place.key[i].text);
}

static enum nst_err put_rows(bool *is_last, struct walk *w, struct nst_req *rq,
                             struct nst_select *s)
{
    struct nst_buf *out = &rq->x->out;
    size_t before = out->n;
    if (w->is_table)
        choose_columns(s, rq);
    nst_put_z(out, w->has_rows && !w->is_table ? "," : "");
    size_t begin = out->n;
    s->page = (struct nst_page){ .limit = PIECE_ROWS };
    s->bytes = begin + PIECE_BYTES;
    NST_TRY(nst_select_put(s, rq));
    if (s->page.returned == 0)
        out->n = before;
    else if (w->is_table)
        NST_TRY(become_table(s, rq, begin));
    w->has_rows |= s->page.returned > 0;
    *is_last = !s->page.has_more;
    nst_put_z(out, *is_last && !w->is_table ? "]" : "");
    keep_place(w, rq, s);
    return NST_OK;
}

/* For nst_answer_in_pieces. */
static enum nst_err put_piece(bool *is_last, struct nst_req *rq, void *state)
{
    struct walk *w = state;
    struct nst_select s;
    NST_TRY(nst_ask_behind(&s, rq, w->model, w->parent, &w->place));
    return put_rows(is_last, w, rq, &s);
}

/* ---- The answer ---- */

/* One page holds all. */
static enum nst_err put_numbers(struct nst_select *s, struct nst_req *rq)
{
    NST_TRY(nst_select_tally(s, rq));
    int64_t found = s->page.found;
    const struct nst_page all = {
        .limit = found > 0 ? found : 1, .number = 1, .found = found, .returned = found
    };
    nst_paginate_as_face(rq, &all);
    return NST_OK;
}

static void begin(struct nst_buf *out, struct nst_select *s, struct nst_req *rq, bool is_table)
{
    if (!is_table) {
        nst_put_char(out, '[');
        return;
    }
    choose_columns(s, rq);
    nst_table_put_titles(out, s->shape);
}

/* For browsers, which keep it as a file: the last word of the path is its name. */
static void name_file(struct nst_req *rq)
{
    const struct nst_endpoint *e = rq->endpoint;
    struct nst_str word = NST_STR("list");
    for (size_t i = 0; i < e->count; i++)
        if (e->step[i].kind == STEP_LITERAL)
            word = e->step[i].word;
    nst_http_add_header(rq->x, "Content-Disposition",
                        nst_strf(rq->arena, "attachment; filename=\"%.*s.csv\"", NST_FMT(word)));
}

static enum nst_err answer_rows(struct nst_req *rq, bool is_table)
{
    NST_TRY(nst_answer_json(rq, 200));
    if (!is_table)
        return NST_OK;
    rq->x->content_type = NST_STR("text/csv; charset=utf-8");
    name_file(rq);
    return NST_OK;
}

enum nst_err nst_answer_whole(struct nst_select *s, struct nst_req *rq,
                              const struct nst_object *parent)
{
    bool is_last, is_table = is_table_asked(rq);
    if (is_address_asked(rq))
        return answer_address(rq);
    NST_TRY(put_numbers(s, rq));
    s->place.has_key = false;
    begin(&rq->x->out, s, rq, is_table);
    struct walk *w = NST_NEW(rq->arena, struct walk);
    *w = (struct walk){ .model = s->model, .parent = parent, .is_table = is_table };
    NST_TRY(put_rows(&is_last, w, rq, s));
    if (!is_last)
        nst_answer_in_pieces(rq, put_piece, w, sizeof(*w));
    return answer_rows(rq, is_table);
}
