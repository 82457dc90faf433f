/* History of enrolments. The rows are copied by the store itself, so that they say
 * what is stored, in one statement for any number. */
#include "history.h"

/* The parts of the statement around the number of the change and what is bound. Who
 * changes a row counts its changes; its history stands under that number. */
struct parts {
    const char *into, *columns, *from;
};

static const struct parts parts[] = {
    [ENROLL_PROGRAM_ROW] = {
        .into = "INSERT INTO program_enrollment_history (program_id, id, change, "
                "external_user_key, user_id, curriculum_uuid, status, kind, reason, changed_at, "
                "changed_by) SELECT e.program_id, e.id, ",
        .columns = ", e.external_user_key, e.user_id, e.curriculum_uuid, e.status",
        .from = " FROM program_enrollment e WHERE e.program_id = ",
    },
    [ENROLL_COURSE_ROW] = {
        .into = "INSERT INTO program_course_enrollment_history (program_id, id, change, "
                "program_enrollment_id, course_enrollment_id, course_key, status, kind, reason, "
                "changed_at, changed_by) SELECT e.program_id, e.id, ",
        .columns = ", e.program_enrollment_id, e.course_enrollment_id, e.course_key, e.status",
        .from = " FROM program_course_enrollment e WHERE e.program_id = ",
    },
};

static void put_cast(struct nst_sql *q, struct nst_value value, const char *type)
{
    nst_sql_add(q, ", CAST(");
    nst_sql_bind(q, value);
    nst_sql_addf(q, " AS %s)", type);
}

void enroll_history(struct nst_sql *q, enum enroll_row row, int64_t program,
                    const struct enroll_note *note)
{
    bool is_removed = note->kind[0] == '-';
    nst_sql_add(q, parts[row].into);
    nst_sql_add(q, is_removed ? "e.changes + 1" : "e.changes");
    nst_sql_add(q, parts[row].columns);
    put_cast(q, NST_TEXT(nst_str_z(note->kind)), "text");
    put_cast(q, NST_TEXT(nst_str_z(note->reason)), "text");
    put_cast(q, NST_INT(note->now), "bigint");
    put_cast(q, nst_int_or_null(note->author), "bigint");
    nst_sql_add(q, parts[row].from);
    nst_sql_bind(q, NST_INT(program));
}

enum nst_err enroll_history_of(struct nst_db *db, struct nst_arena *a,
                               struct enroll_written written, const struct enroll_note *note)
{
    struct nst_sql q;
    nst_sql_init(&q, a);
    enroll_history(&q, written.row, written.program, note);
    nst_sql_add(&q, " AND e.id = ");
    nst_sql_bind(&q, NST_INT(written.id));
    return nst_sql_exec(NULL, db, &q);
}

enum nst_err enroll_update(struct nst_sql *update, struct nst_db *db, enum enroll_row row,
                           int64_t program, const struct enroll_note *note)
{
    struct nst_sql q;
    struct nst_rows *rows;
    size_t count = 0;
    nst_sql_init(&q, update->text.arena);
    enroll_history(&q, row, program, note);
    nst_sql_add(&q, " AND e.id");
    nst_sql_add(update, " RETURNING id");
    NST_TRY(nst_sql_query(&rows, db, update));
    while (nst_rows_step(rows))
        nst_sql_in(&q, &count, NST_INT(nst_rows_int(rows, 0)));
    NST_TRY(nst_rows_end(rows));
    nst_sql_in_end(&q, count);
    return count > 0 ? nst_sql_exec(NULL, db, &q) : NST_OK;
}
