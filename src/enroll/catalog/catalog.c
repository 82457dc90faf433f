/* Looking things up in the catalog: programs by exact text, courses by their
 * canonical key. */
#include "enroll/app.h"
#include "enroll/course_key/course_key.h"

static enum nst_err unknown_program(struct nst_req *rq)
{
    /* N1, N2: the two GETs and every method of P name the code, writes of C do not. */
    bool is_course_write = rq->method != NST_GET && rq->vars > 1;
    if (is_course_write)
        return NST_E_NOT_FOUND;
    return enroll_fail(rq, NST_E_NOT_FOUND, "no program exists with given key",
                       "program_does_not_exist");
}

static enum nst_err read_program(struct enroll_program *out, struct nst_req *rq,
                                 struct nst_rows *rows)
{
    bool is_there = nst_rows_step(rows) && !nst_rows_bool(rows, 1);
    if (is_there) {
        out->id = nst_rows_int(rows, 0);
        out->number = (out->id << ENROLL_NUMBER_BITS) + nst_rows_int(rows, 2) - ENROLL_BATCH;
    }
    out->uuid = rq->var[0];
    NST_TRY(nst_rows_end(rows));
    return is_there ? NST_OK : unknown_program(rq);
}

enum nst_err enroll_find_program(struct enroll_program *out, struct nst_req *rq)
{
    struct nst_rows *rows;
    NST_TRY(nst_query_with(&rows, rq->db,
                           "SELECT id, is_empty, next_number FROM program WHERE uuid = $1",
                           NST_TEXT(rq->var[0])));
    return read_program(out, rq, rows);
}

enum nst_err enroll_take_program(struct enroll_program *out, struct nst_req *rq)
{
    struct nst_rows *rows;
    NST_TRY(nst_query_with(&rows, rq->db,
                           "UPDATE program SET next_number = next_number + $1 WHERE uuid = $2 "
                           "RETURNING id, is_empty, next_number",
                           NST_INT(ENROLL_BATCH), NST_TEXT(rq->var[0])));
    return read_program(out, rq, rows);
}

enum nst_err enroll_parse_course(struct nst_str *out, struct nst_req *rq)
{
    if (enroll_course_key_parse(out, rq->arena, rq->var[1]))
        return NST_OK;
    return enroll_fail(rq, NST_E_NOT_FOUND, "The provided course key cannot be parsed.",
                       "invalid_course_key");
}

enum nst_err enroll_course_is_known(bool *out, struct nst_req *rq, struct nst_str key)
{
    return nst_exists_with(out, rq->db, "SELECT 1 FROM course_overview WHERE key = $1",
                           NST_TEXT(key));
}

enum nst_err enroll_course_is_in(bool *out, struct nst_req *rq, int64_t program, struct nst_str key)
{
    return nst_exists_with(out, rq->db,
                           "SELECT 1 FROM program_course_run WHERE program_id = $1 "
                           "AND parsed = $2 AND curriculum = -1 LIMIT 1",
                           NST_INT(program), NST_TEXT(key));
}
