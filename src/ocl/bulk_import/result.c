/* The outcome of an import (V606, V612): in words, in numbers, line by line, and the lines that
 * were refused, as they came. What has a row a line leaves in pieces, however much it is. */
#include "bulk_import.h"

#define ROWS       "200"
#define ROWS_COUNT 200

/* Where an answer stands: behind which row of which bucket. */
struct cursor {
    int64_t task;
    int outcome;     /* enum ocl_outcome; OCL_OUTCOME_COUNT: all are told */
    int64_t behind;  /* step or place of the last row; -1: none */
    bool is_started; /* the bucket's list has a member */
    bool is_wrapped; /* the document is a member of another */
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

/* Bytes that are no text stand as U+FFFD each in a document; result=refused has them. */
static struct nst_str as_text(struct nst_arena *a, struct nst_str given)
{
    struct nst_buf b;
    if (given.p == NULL || nst_utf8_valid(given))
        return given;
    nst_buf_init(&b, a, SIZE_MAX);
    for (size_t at = 0, n = 1; at < given.n; n++) {
        struct nst_str piece = nst_str_slice(given, at, at + n);
        bool is_good = nst_utf8_valid(piece);
        if (!is_good && n < 4)
            continue;
        nst_put(&b, is_good ? piece : NST_STR("\xEF\xBF\xBD"));
        at += is_good ? n : 1;
        n = 0;
    }
    return nst_buf_str(&b);
}

static void put_refused_row(struct nst_req *rq, struct cursor *c, struct nst_rows *rows)
{
    struct nst_buf *out = &rq->x->out;
    struct nst_str content = ocl_import_content_read(rq->arena, nst_rows_text(rows, 3));
    put_separator(out, c);
    nst_putf(out, "{\"line\":%lld,\"errors\":", (long long)nst_rows_int(rows, 1));
    nst_put(out, nst_rows_text(rows, 2));
    nst_put_lit(out, ",\"content\":");
    nst_json_put_str_or_null(out, as_text(rq->arena, content));
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
    nst_putf(out, ",\"%s\":[", ocl_outcome_word((enum ocl_outcome)c->outcome));
}

static void end_bucket(struct nst_buf *out, struct cursor *c)
{
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
    else
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
    if (*is_last)
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
    nst_putf(out, "{\"summary\":%.*s", NST_FMT(task->summary));
    NST_TRY(put_piece(&is_last, rq, c));
    rq->x->status = 200;
    rq->x->content_type = NST_STR("application/json");
    if (!is_last)
        nst_answer_in_pieces(rq, put_piece, c, sizeof(*c));
    return NST_OK;
}

/* ---- Refused lines alone ---- */

struct back {
    int64_t task, behind;
    int64_t line; /* that was given last: those of one row of a table are given once */
};

static enum nst_err find_header(struct nst_str *out, struct nst_req *rq, int64_t task)
{
    struct nst_rows *rows;
    *out = (struct nst_str){ 0 };
    NST_TRY(nst_query_with(&rows, rq->db,
                           "SELECT content FROM import_refused WHERE task_id = $1 AND at = -1",
                           NST_INT(task)));
    if (nst_rows_step(rows))
        *out = nst_str_copy(rq->x->arena, nst_rows_text(rows, 0));
    return nst_rows_end(rows);
}

static void put_back(struct nst_req *rq, struct back *b, struct nst_rows *rows)
{
    struct nst_str content = ocl_import_content_read(rq->arena, nst_rows_text(rows, 2));
    b->behind = nst_rows_int(rows, 0);
    if (content.p == NULL || nst_rows_int(rows, 1) == b->line)
        return;
    b->line = nst_rows_int(rows, 1);
    nst_put(&rq->x->out, content);
    nst_put_char(&rq->x->out, '\n');
}

static enum nst_err put_lines(bool *is_last, struct nst_req *rq, void *state)
{
    struct back *b = state;
    struct nst_rows *rows;
    size_t count = 0;
    NST_TRY(nst_query_with(&rows, rq->db,
                           "SELECT at, line, content FROM import_refused WHERE task_id = $1 "
                           "AND at > $2 ORDER BY at LIMIT " ROWS,
                           NST_INT(b->task), NST_INT(b->behind)));
    while (count < ROWS_COUNT && nst_rows_step(rows)) {
        put_back(rq, b, rows);
        count = rq->x->out.n > REFUSED_BYTES ? ROWS_COUNT : count + 1;
    }
    *is_last = count < ROWS_COUNT;
    return nst_rows_end(rows);
}

enum nst_err ocl_import_answer_refused(struct nst_req *rq, const struct ocl_task *task)
{
    struct back *b = NST_NEW(rq->arena, struct back);
    struct nst_str header;
    bool is_last;
    *b = (struct back){ .task = task->row.id, .behind = -1, .line = -1 };
    NST_TRY(find_header(&header, rq, b->task));
    if (header.p != NULL) {
        nst_put(&rq->x->out, header);
        nst_put_char(&rq->x->out, '\n');
    }
    size_t before = rq->x->out.n;
    NST_TRY(put_lines(&is_last, rq, b));
    if (is_last && rq->x->out.n == before)
        rq->x->out.n = 0; /* a header alone would be mended for nothing */
    rq->x->status = 200;
    rq->x->content_type = header.p != NULL ? NST_STR(OCL_IMPORT_TABLE "; charset=utf-8")
                                           : NST_STR(OCL_IMPORT_LINES "; charset=utf-8");
    if (!is_last)
        nst_answer_in_pieces(rq, put_lines, b, sizeof(*b));
    return NST_OK;
}

/* ---- The view ---- */

enum nst_err ocl_import_answer(struct nst_req *rq, const struct ocl_task *task,
                               struct nst_str format)
{
    static const struct {
        const char *name;
        struct cursor how;
    } forms[] = {
        { "json", { 0 } },
        { "all", { .is_wrapped = true } },
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
