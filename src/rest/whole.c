/* Lists that leave whole, every row whatever pages the query asks for: as JSON for who asks by
 * the header of the face, or as a table. They leave in pieces, each the page behind the one
 * before, in the state that the first was in where the list has one (hook.state). */
#include "select.h"

#define PIECE_ROWS  100
#define PIECE_BYTES ((size_t)256 << 10)
#define PAGE_MAX    (NST_PIECE_MAX / 2) /* quotes double at most in a table */

struct walk {
    const struct nst_model *model;
    const struct nst_object *parent;
    struct nst_place place;
    struct nst_arena *home[2]; /* of the texts of places: of this one, and of the next */
    unsigned turn;             /* which is of this one */
    int64_t limit;             /* rows of a piece */
    bool is_table, has_rows;
};

/* ---- What is asked for ---- */

static bool is_address_asked(struct nst_req *rq)
{
    const char *table = nst_lists_of(rq->face)->table;
    return table != NULL && nst_query_is_true(rq, table);
}

bool nst_is_table_asked(struct nst_req *rq)
{
    const char *format = nst_lists_of(rq->face)->format;
    return nst_str_eq(nst_query_value(rq, format), NST_STR("csv")) && !is_address_asked(rq);
}

bool nst_is_asked_whole(struct nst_req *rq)
{
    return is_address_asked(rq) || nst_is_table_asked(rq) || rq->wants_zip;
}

static enum nst_err answer_address(struct nst_req *rq)
{
    struct nst_buf url;
    nst_buf_init(&url, rq->arena, 65536);
    nst_put_table_address(&url, rq);
    nst_put_lit(&rq->x->out, "{\"url\":");
    nst_json_put_str(&rq->x->out, nst_buf_str(&url));
    nst_put_char(&rq->x->out, '}');
    return nst_answer_json(rq, 200);
}

/* ---- A page ---- */

/* What the query asks for besides comes behind the columns of the list: a switch for other
 * rows, or members of them. */
static void choose_columns(struct nst_select *s, struct nst_req *rq)
{
    const struct nst_shape *table = nst_shape_of(s->model, rq->face, NST_TABLE);
    if (table != NULL && s->shape->serializer->use == NST_LIST &&
        !nst_asks_members(rq, s->model, NST_LIST))
        s->shape = table;
}

/* An array of rows as JSON, in a buffer of its own. */
static enum nst_err make_page(struct nst_buf *page, struct nst_select *s, struct nst_req *rq)
{
    struct nst_buf answer = rq->x->out;
    nst_buf_init(&rq->x->out, rq->arena, PAGE_MAX);
    nst_put_char(&rq->x->out, '[');
    enum nst_err e = nst_select_put(s, rq);
    nst_put_char(&rq->x->out, ']');
    *page = rq->x->out;
    rq->x->out = answer;
    return e == NST_OK && page->is_full ? nst_refuse_size(rq) : e;
}

/* A hundred rows with all that they have besides may be too much at once: then fewer, from here
 * on. */
static enum nst_err make_fitting_page(struct nst_buf *page, struct nst_select *s, struct walk *w,
                                      struct nst_req *rq)
{
    const struct nst_place from = s->place;
    enum nst_err e;
    s->bytes = PIECE_BYTES;
    for (;;) {
        s->place = from;
        s->page = (struct nst_page){ .limit = w->limit };
        e = make_page(page, s, rq);
        if (e != NST_E_INVALID || s->page.returned <= 1)
            return e;
        w->limit = s->page.returned / 2;
        rq->problem = NULL;
    }
}

/* ---- Pieces ---- */

/* As deep as a row can be that holds what a body brought. */
static const struct nst_json_limits limits = { .depth = NST_JSON_DEPTH * 2, .nodes = SIZE_MAX };

static enum nst_err put_as_table(struct nst_req *rq, const struct nst_select *s,
                                 const struct nst_buf *page)
{
    struct nst_waiting columns = { rq, s->model, s->shape, &rq->x->out };
    struct nst_json *rows;
    nst_wait(&columns, false);
    NST_TRY(nst_json_read(&rows, NULL, rq->arena, nst_buf_str(page), &limits));
    nst_table_put_rows(&rq->x->out, &columns, rows);
    return NST_OK;
}

static void put_as_json(struct nst_buf *out, const struct walk *w, const struct nst_buf *page)
{
    nst_put_z(out, w->has_rows ? "," : "");
    nst_put(out, nst_str_slice(nst_buf_str(page), 1, page->n - 1));
}

/* Its texts outlive the piece; those of the place before stay, for a piece that is made again. */
static void keep_place(struct walk *w, const struct nst_select *s)
{
    w->turn = 1 - w->turn;
    nst_arena_reset(w->home[w->turn]);
    w->place = s->place;
    for (unsigned i = 0; i < s->order.count; i++)
        w->place.key[i].text = nst_str_copy(w->home[w->turn], s->place.key[i].text);
}

static enum nst_err put_rows(bool *is_last, struct walk *w, struct nst_req *rq,
                             struct nst_select *s)
{
    struct nst_buf page;
    NST_TRY(make_fitting_page(&page, s, w, rq));
    if (w->is_table)
        NST_TRY(put_as_table(rq, s, &page));
    else if (s->page.returned > 0)
        put_as_json(&rq->x->out, w, &page);
    w->has_rows |= s->page.returned > 0;
    *is_last = !s->page.has_more;
    nst_put_z(&rq->x->out, *is_last && !w->is_table ? "]" : "");
    keep_place(w, s);
    return NST_OK;
}

/* For nst_answer_in_pieces. */
static enum nst_err put_piece(bool *is_last, struct nst_req *rq, void *state)
{
    struct walk *w = state;
    struct nst_select s;
    NST_TRY(nst_ask_behind(&s, rq, w->model, w->parent, &w->place));
    if (w->is_table)
        choose_columns(&s, rq);
    return put_rows(is_last, w, rq, &s);
}

/* ---- The answer ---- */

/* One page holds all; in pieces, how many come is known when the last one has left. */
static enum nst_err put_numbers(struct nst_select *s, struct nst_req *rq, bool is_last)
{
    NST_TRY(nst_select_tally(s, rq));
    int64_t found = s->page.found;
    const struct nst_page all = {
        .limit = found > 0 ? found : 1,
        .number = 1,
        .found = found,
        .returned = is_last ? s->page.returned : -1,
    };
    nst_paginate_as_face(rq, &all);
    return NST_OK;
}

static void put_titles(struct nst_select *s, struct nst_req *rq)
{
    struct nst_waiting columns = { rq, s->model, s->shape, &rq->x->out };
    nst_wait(&columns, false);
    nst_table_put_titles(&rq->x->out, &columns);
}

static void free_home(void *arg)
{
    nst_arena_free(arg);
}

static struct walk *new_walk(struct nst_req *rq, const struct nst_select *s,
                             const struct nst_object *parent)
{
    struct walk *w = NST_NEW(rq->arena, struct walk);
    *w = (struct walk){ .model = s->model, .parent = parent, .limit = PIECE_ROWS };
    for (int i = 0; i < 2; i++) {
        w->home[i] = nst_arena_new(1024);
        nst_arena_defer(rq->arena, free_home, w->home[i]);
    }
    return w;
}

/* For browsers, which keep it as a file: the last word of the path is its name. They send no
 * header that asks for an archive. */
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
    if (!rq->wants_zip)
        name_file(rq);
    return NST_OK;
}

static enum nst_err answer_whole(struct nst_select *s, struct nst_req *rq, struct walk *w)
{
    bool is_last;
    w->is_table = nst_is_table_asked(rq);
    s->place.has_key = false;
    if (w->is_table) {
        choose_columns(s, rq);
        put_titles(s, rq);
    } else {
        nst_put_char(&rq->x->out, '[');
    }
    NST_TRY(put_rows(&is_last, w, rq, s));
    NST_TRY(put_numbers(s, rq, is_last));
    if (!is_last)
        nst_answer_in_pieces(rq, put_piece, w, sizeof(*w));
    return answer_rows(rq, w->is_table);
}

enum nst_err nst_answer_whole(struct nst_select *s, struct nst_req *rq,
                              const struct nst_object *parent)
{
    return is_address_asked(rq) ? answer_address(rq) : answer_whole(s, rq, new_walk(rq, s, parent));
}
