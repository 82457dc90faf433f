/* The outcome of an import (V606, V612): in words, in numbers, line by line, and the lines that
 * were refused as they came. What has a row a line leaves in pieces, however much it is. */
#include "bulk_import.h"

#define ROWS       "200"
#define ROWS_COUNT 200

/* Where an answer stands: behind which row of which bucket. */
struct cursor {
    int64_t task;
    int outcome;      /* enum ocl_outcome; OCL_OUTCOME_COUNT: all are told */
    int64_t behind;   /* step or place of the last row; -1: none */
    bool is_started;  /* the bucket's list has a member */
    bool is_wrapped;  /* the document is a member of another */
    bool lines_alone; /* the refused lines as they came, and nothing else */
};

static void put_separator(struct nst_buf *out, struct cursor *c)
{
    nst_put_z(out, c->is_started ? "," : "");
    c->is_started = true;
}

/* ---- Rows of a bucket; *count is how many there were ---- */

static enum nst_err put_taken(size_t *count, struct nst_req *rq, struct cursor *c)
{
    struct nst_rows *rows;
    struct nst_buf *out = &rq->x->out;
    NST_TRY(nst_query_with(&rows, rq->db,
                           "SELECT step, lines FROM import_taken WHERE task_id = $1 "
                           "AND outcome = $2 AND step > $3 ORDER BY step LIMIT " ROWS,
                           NST_INT(c->task),
                           NST_TEXT(nst_str_z(ocl_outcome_word((enum ocl_outcome)c->outcome))),
                           NST_INT(c->behind)));
    for (; nst_rows_step(rows); (*count)++) {
        struct nst_str lines = nst_rows_text(rows, 1);
        c->behind = nst_rows_int(rows, 0);
        while (lines.p != NULL) {
            struct nst_str number = nst_str_cut(&lines, ',');
            put_separator(out, c);
            nst_putf(out, "{\"line\":%.*s}", NST_FMT(number));
        }
    }
    return nst_rows_end(rows);
}

static void put_refused_row(struct nst_req *rq, struct cursor *c, struct nst_rows *rows)
{
    struct nst_buf *out = &rq->x->out;
    struct nst_str content = nst_rows_text(rows, 3);
    if (c->lines_alone) {
        nst_put(out, content);
        nst_put_z(out, content.p != NULL ? "\n" : "");
        return;
    }
    put_separator(out, c);
    nst_putf(out, "{\"line\":%lld,\"errors\":", (long long)nst_rows_int(rows, 1));
    nst_put(out, nst_rows_text(rows, 2));
    nst_put_lit(out, ",\"content\":");
    nst_json_put_str_or_null(out, content);
    nst_put_char(out, '}');
}

#define REFUSED_BYTES ((size_t)1 << 20) /* of a piece; a line alone may be longer */

static enum nst_err put_refused(size_t *count, struct nst_req *rq, struct cursor *c)
{
    struct nst_rows *rows;
    NST_TRY(
        nst_query_with(&rows, rq->db,
                       "SELECT at, line, errors, content FROM import_refused "
                       "WHERE task_id = $1 AND outcome = $2 AND at > $3 ORDER BY at LIMIT " ROWS,
                       NST_INT(c->task),
                       NST_TEXT(nst_str_z(ocl_outcome_word((enum ocl_outcome)c->outcome))),
                       NST_INT(c->behind)));
    while (*count < ROWS_COUNT && nst_rows_step(rows)) {
        c->behind = nst_rows_int(rows, 0);
        put_refused_row(rq, c, rows);
        *count = rq->x->out.n > REFUSED_BYTES ? ROWS_COUNT : *count + 1;
    }
    return nst_rows_end(rows);
}

/* ---- Pieces ---- */

static void begin_bucket(struct nst_buf *out, const struct cursor *c)
{
    if (c->lines_alone)
        return;
    nst_putf(out, ",\"%s\":[", ocl_outcome_word((enum ocl_outcome)c->outcome));
}

static void end_bucket(struct nst_buf *out, struct cursor *c)
{
    if (!c->lines_alone)
        nst_put_char(out, ']');
    c->outcome++;
    c->behind = -1;
    c->is_started = false;
}

static enum nst_err put_bucket(struct nst_req *rq, struct cursor *c)
{
    struct nst_buf *out = &rq->x->out;
    bool is_error = ocl_outcome_is_error((enum ocl_outcome)c->outcome);
    size_t count = 0;
    if (c->behind < 0)
        begin_bucket(out, c);
    if (is_error)
        NST_TRY(put_refused(&count, rq, c));
    else if (!c->lines_alone)
        NST_TRY(put_taken(&count, rq, c));
    if (count < ROWS_COUNT)
        end_bucket(out, c);
    return NST_OK;
}

static enum nst_err put_piece(bool *is_last, struct nst_req *rq, void *state)
{
    struct cursor *c = state;
    size_t before = rq->x->out.n;
    while (c->outcome < OCL_OUTCOME_COUNT && rq->x->out.n - before < REFUSED_BYTES)
        NST_TRY(put_bucket(rq, c));
    *is_last = c->outcome == OCL_OUTCOME_COUNT;
    if (*is_last && !c->lines_alone)
        nst_put_z(&rq->x->out, c->is_wrapped ? "}}" : "}");
    return NST_OK;
}

static enum nst_err answer_lines(struct nst_req *rq, const struct ocl_task *task,
                                 const struct cursor *how)
{
    struct cursor *c = NST_NEW(rq->arena, struct cursor);
    struct nst_buf *out = &rq->x->out;
    bool is_last;
    *c = *how;
    c->task = task->row.id;
    c->behind = -1;
    if (c->is_wrapped) {
        nst_put_lit(out, "{\"report\":");
        nst_json_put_str_or_null(out, task->report);
        nst_put_lit(out, ",\"detailed_summary\":");
        nst_json_put_str_or_null(out, task->report);
        nst_put_lit(out, ",\"json\":");
    }
    if (!c->lines_alone)
        nst_putf(out, "{\"summary\":%.*s", NST_FMT(task->summary));
    NST_TRY(put_piece(&is_last, rq, c));
    rq->x->status = 200;
    rq->x->content_type =
        c->lines_alone ? NST_STR(OCL_IMPORT_LINES "; charset=utf-8") : NST_STR("application/json");
    if (!is_last)
        nst_answer_in_pieces(rq, put_piece, c, sizeof(*c));
    return NST_OK;
}

enum nst_err ocl_import_answer(struct nst_req *rq, const struct ocl_task *task,
                               struct nst_str format)
{
    static const struct {
        const char *name;
        struct cursor how;
    } forms[] = {
        { "json", { 0 } },
        { "all", { .is_wrapped = true } },
        { "refused", { .lines_alone = true } },
    };
    for (size_t i = 0; i < NST_COUNT(forms); i++)
        if (nst_str_eq(format, nst_str_z(forms[i].name)))
            return answer_lines(rq, task, &forms[i].how);
    if (!nst_str_eq(format, NST_STR("report")))
        return nst_fail(rq, NST_E_INVALID, "result",
                        NST_STR("It is one of json, report, all and refused."));
    nst_json_put_str_or_null(&rq->x->out, task->report);
    return nst_answer_json(rq, 200);
}
