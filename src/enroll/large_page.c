/* Pages of any size (L17). The links stand before the rows, so the numbers of the first
 * and the last row are found first; the rows leave piece by piece, each read by number
 * from where the one before ended. What is deleted meanwhile is absent; what is added
 * has a higher number and is the next page's. */
#include "page.h"

#include <stdlib.h>

#define PIECE_ROWS  500                /* read for a piece at most */
#define PIECE_BYTES ((size_t)64 << 10) /* of rows, compact; the row that passes it is the last */

/* ---- Where the page begins and ends ---- */

/* Start a look-up of one row among those that the cursor lets in. */
static void look_up(struct nst_sql *q, struct nst_req *rq, const struct enroll_list *list,
                    const struct enroll_cursor *c)
{
    enroll_select(q, rq->arena, list, list->id);
    if (c->has_position)
        enroll_bound(q, list, c->is_reverse ? " < " : " > ", c->position);
    nst_sql_add(q, " ORDER BY ");
    nst_sql_add(q, list->id);
}

/* The row that is `offset` rows away from where the cursor begins. */
static enum nst_err find_row(int64_t *id, bool *found, struct nst_req *rq,
                             const struct enroll_page *p, int64_t offset)
{
    struct nst_sql q;
    look_up(&q, rq, p->list, &p->cursor);
    nst_sql_add(&q, p->cursor.is_reverse ? " DESC LIMIT 1 OFFSET " : " ASC LIMIT 1 OFFSET ");
    nst_sql_bind(&q, NST_INT(offset));
    return nst_sql_int(id, found, rq->db, &q);
}

/* The row at which the list ends in the cursor's direction. */
static enum nst_err find_end(int64_t *id, struct nst_req *rq, const struct enroll_page *p)
{
    struct nst_sql q;
    look_up(&q, rq, p->list, &p->cursor);
    nst_sql_add(&q, p->cursor.is_reverse ? " ASC LIMIT 1" : " DESC LIMIT 1");
    return nst_sql_int(id, NULL, rq->db, &q);
}

/* Find the first row and the last, and whether more follow. */
static enum nst_err measure(struct enroll_page *p, struct nst_req *rq)
{
    int64_t near = 0, far = 0, end = 0;
    bool is_cut = false;
    NST_TRY(find_row(&near, &p->has_rows, rq, p, p->cursor.offset));
    if (!p->has_rows)
        return NST_OK;
    NST_TRY(find_end(&end, rq, p));
    /* There are no more rows than numbers: mostly nothing needs counting. */
    if (llabs(end - near) >= p->size)
        NST_TRY(find_row(&far, &is_cut, rq, p, p->cursor.offset + p->size - 1));
    if (!is_cut)
        far = end;
    p->has_more = far != end;
    p->first = p->cursor.is_reverse ? far : near;
    p->last = p->cursor.is_reverse ? near : far;
    return NST_OK;
}

/* ---- Pieces ---- */

/* Where the answer stands. */
struct place {
    const struct enroll_list *list;
    struct nst_json_layout layout;
    int64_t at, last; /* numbers of the last row shown, and of the last one to show */
    bool has_rows;
};

static void put_row(struct nst_buf *out, struct place *place, struct nst_rows *rows)
{
    if (place->has_rows)
        nst_put_char(out, ',');
    place->has_rows = true;
    place->at = nst_rows_int(rows, 0);
    enroll_put_row(out, rows);
}

/* Append the next rows, compact; with the last ones the end of the body. */
static enum nst_err put_rows(struct nst_buf *out, bool *is_last, struct nst_req *rq,
                             struct place *place)
{
    struct nst_sql q;
    struct nst_rows *rows;
    bool has_row = false;
    size_t before = out->n;
    int count = 0;
    enroll_select_rows(&q, rq->arena, place->list);
    enroll_bound(&q, place->list, " > ", place->at);
    enroll_bound(&q, place->list, " <= ", place->last);
    nst_sql_add(&q, " ORDER BY ");
    nst_sql_add(&q, place->list->id);
    nst_sql_add(&q, " ASC LIMIT ");
    nst_sql_bind(&q, NST_INT(PIECE_ROWS));
    NST_TRY(nst_sql_query(&rows, rq->db, &q));
    for (; out->n - before < PIECE_BYTES && (has_row = nst_rows_step(rows)); count++)
        put_row(out, place, rows);
    enum nst_err e = nst_rows_end(rows);
    *is_last = place->at >= place->last || (!has_row && count < PIECE_ROWS);
    if (*is_last)
        nst_put_lit(out, "]}");
    return e;
}

static enum nst_err next_piece(bool *is_last, struct nst_req *rq, void *state)
{
    struct place *place = state;
    struct nst_buf plain;
    nst_buf_init(&plain, rq->arena, NST_PIECE_MAX);
    NST_TRY(put_rows(&plain, is_last, rq, place));
    enroll_put_dressed(&rq->x->out, &place->layout, nst_buf_str(&plain));
    return NST_OK;
}

/* The list as it outlives the view. */
static const struct enroll_list *keep(struct nst_arena *a, const struct enroll_list *list)
{
    struct enroll_list *kept = NST_NEW(a, struct enroll_list);
    struct nst_sql *where = NST_NEW(a, struct nst_sql);
    *kept = *list;
    *where = *list->where;
    kept->where = where;
    return kept;
}

enum nst_err enroll_answer_large_page(struct nst_req *rq, struct enroll_page *p)
{
    struct place *place = NST_NEW(rq->arena, struct place);
    struct nst_buf plain, *out = &rq->x->out;
    bool is_last = false;
    NST_TRY(measure(p, rq));
    *place = (struct place){ .list = keep(rq->arena, p->list),
                             .layout = enroll_layout(rq),
                             .at = p->first - 1,
                             .last = p->last };
    enroll_put_links(out, rq, p);
    NST_TRY(put_rows(out, &is_last, rq, place));
    if (!is_last) {
        plain = *out;
        nst_buf_init(out, rq->arena, NST_PIECE_MAX);
        enroll_put_dressed(out, &place->layout, nst_buf_str(&plain));
        nst_answer_in_pieces(rq, next_piece, place, sizeof(*place));
    }
    return nst_answer_json(rq, 200);
}
