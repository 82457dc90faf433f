/* Every enrolment, some hundred rows at a time: engines that fetch a whole answer
 * stay within their memory, and the transaction keeps the pages of one state. */
#include "upkeep.h"

#define PAGE 500

static const char program_rows[] =
    "SELECT e.program_id, e.id, e.program_uuid, e.external_user_key, e.status, "
    "e.curriculum_uuid, a.username, e.created_at, e.modified_at, NULL, NULL "
    "FROM program_enrollment e LEFT JOIN account a ON a.id = e.user_id "
    "WHERE (e.program_id, e.id) > ($1, $2)";

static const char course_rows[] =
    "SELECT e.program_id, e.id, p.program_uuid, p.external_user_key, e.status, "
    "p.curriculum_uuid, a.username, e.created_at, e.modified_at, e.course_key, c.mode "
    "FROM program_course_enrollment e JOIN program_enrollment p ON p.program_id = e.program_id "
    "AND p.id = e.program_enrollment_id LEFT JOIN account a ON a.id = p.user_id "
    "LEFT JOIN course_enrollment c ON c.id = e.course_enrollment_id "
    "WHERE (e.program_id, e.id) > ($1, $2)";

struct place {
    int64_t program, id; /* of the last row */
    bool is_last;
};

static void read_row(struct enroll_export_row *row, struct nst_rows *rows)
{
    *row = (struct enroll_export_row){
        .program = nst_rows_text(rows, 2),
        .key = nst_rows_text(rows, 3),
        .status = nst_rows_text(rows, 4),
        .curriculum = nst_rows_text(rows, 5),
        .username = nst_rows_text(rows, 6),
        .created = nst_rows_int(rows, 7),
        .modified = nst_rows_int(rows, 8),
        .course = nst_rows_text(rows, 9),
        .mode = nst_rows_text(rows, 10),
    };
}

static enum nst_err hand_over(struct place *at, struct nst_rows *rows,
                              const struct enroll_export *what)
{
    struct enroll_export_row row;
    size_t count = 0;
    bool has_row = false;
    enum nst_err e = nst_rows_next(&has_row, rows);
    for (; e == NST_OK && has_row; count++) {
        read_row(&row, rows);
        at->program = nst_rows_int(rows, 0);
        at->id = nst_rows_int(rows, 1);
        if (!what->sink(what->arg, &row))
            return NST_E_PRECONDITION;
        e = nst_rows_next(&has_row, rows);
    }
    at->is_last = count < PAGE;
    return e;
}

static enum nst_err export_page(struct place *at, struct nst_db *db, int64_t program,
                                const struct enroll_export *what)
{
    struct nst_arena *a = nst_arena_new(4096);
    struct nst_sql q;
    struct nst_rows *rows = NULL;
    nst_sql_init(&q, a);
    q.value[q.count++] = NST_INT(at->program);
    q.value[q.count++] = NST_INT(at->id);
    nst_sql_add(&q, what->is_course ? course_rows : program_rows);
    if (program != 0) {
        nst_sql_add(&q, " AND e.program_id = ");
        nst_sql_bind(&q, NST_INT(program));
    }
    if (what->course.p != NULL) {
        nst_sql_add(&q, " AND e.course_key = ");
        nst_sql_bind(&q, NST_TEXT(what->course));
    }
    nst_sql_add(&q, " ORDER BY e.program_id, e.id LIMIT ");
    nst_sql_bind(&q, NST_INT(PAGE));
    enum nst_err e = nst_sql_query(&rows, db, &q);
    if (e == NST_OK)
        e = hand_over(at, rows, what);
    nst_rows_end(rows);
    nst_arena_free(a);
    return e;
}

static enum nst_err find_program(int64_t *out, struct nst_db *db, struct nst_str uuid)
{
    struct nst_rows *rows;
    bool has_row = false;
    NST_TRY(nst_query_with(&rows, db, "SELECT id FROM program WHERE uuid = $1", NST_TEXT(uuid)));
    enum nst_err e = nst_rows_next(&has_row, rows);
    if (e == NST_OK && has_row)
        *out = nst_rows_int(rows, 0);
    nst_rows_end(rows);
    return e == NST_OK && !has_row ? NST_E_NOT_FOUND : e;
}

enum nst_err enroll_export(struct nst_db *db, const struct enroll_export *what)
{
    struct place at = { 0 };
    int64_t program = 0;
    if (what->program.p != NULL)
        NST_TRY(find_program(&program, db, what->program));
    while (!at.is_last)
        NST_TRY(export_page(&at, db, program, what));
    return NST_OK;
}
