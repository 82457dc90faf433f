/* Every enrolment, some hundred rows at a time: engines that fetch a whole answer
 * stay within their memory, and the transaction keeps the pages of one state. Pages
 * go by program, and by course within it, since that is how indexes have the rows. */
#include "upkeep.h"

#define PAGE 500

static const char program_rows[] =
    "SELECT e.id, e.program_uuid, e.external_user_key, e.status, e.curriculum_uuid, a.username, "
    "e.created_at, e.modified_at, NULL, NULL FROM program_enrollment e "
    "LEFT JOIN account a ON a.id = e.user_id WHERE e.program_id = $1 AND e.id > $2 "
    "ORDER BY e.id LIMIT $3";

static const char course_rows[] =
    "SELECT e.id, p.program_uuid, p.external_user_key, e.status, p.curriculum_uuid, a.username, "
    "e.created_at, e.modified_at, e.course_key, c.mode FROM program_course_enrollment e "
    "JOIN program_enrollment p ON p.program_id = e.program_id AND p.id = e.program_enrollment_id "
    "LEFT JOIN account a ON a.id = p.user_id "
    "LEFT JOIN course_enrollment c ON c.id = e.course_enrollment_id "
    "WHERE e.program_id = $1 AND e.id > $2 AND e.course_key = $4 ORDER BY e.id LIMIT $3";

/* Hand over a page; *after becomes the number of its last row. */
static void hand_over(int64_t *after, size_t *count, struct nst_rows *rows,
                      const struct enroll_export *what)
{
    for (*count = 0; nst_rows_step(rows); ++*count) {
        const struct enroll_export_row row = {
            .program = nst_rows_text(rows, 1),
            .key = nst_rows_text(rows, 2),
            .status = nst_rows_text(rows, 3),
            .curriculum = nst_rows_text(rows, 4),
            .username = nst_rows_text(rows, 5),
            .created = nst_rows_int(rows, 6),
            .modified = nst_rows_int(rows, 7),
            .course = nst_rows_text(rows, 8),
            .mode = nst_rows_text(rows, 9),
        };
        *after = nst_rows_int(rows, 0);
        if (!what->sink(what->arg, &row))
            nst_rows_fail(rows, NST_E_PRECONDITION);
    }
}

/* The rows of a program, or of one of its courses. */
static enum nst_err export_rows(struct nst_db *db, int64_t program, struct nst_str course,
                                const struct enroll_export *what)
{
    int64_t after = 0;
    size_t count = PAGE;
    enum nst_err e = NST_OK;
    while (e == NST_OK && count == PAGE) {
        const struct nst_value value[] = { NST_INT(program), NST_INT(after), NST_INT(PAGE),
                                           NST_TEXT(course) };
        struct nst_rows *rows;
        NST_TRY(nst_query(&rows, db, nst_str_z(what->is_course ? course_rows : program_rows), value,
                          what->is_course ? 4 : 3));
        hand_over(&after, &count, rows, what);
        e = nst_rows_end(rows);
    }
    return e;
}

/* The first course of the program after *course, which becomes it; null: none. */
static enum nst_err next_course(struct nst_str *course, struct nst_db *db, struct nst_arena *a,
                                int64_t program)
{
    struct nst_rows *rows;
    NST_TRY(nst_query_with(&rows, db,
                           "SELECT course_key FROM program_course_enrollment WHERE program_id = $1 "
                           "AND course_key > $2 ORDER BY course_key LIMIT 1",
                           NST_INT(program), NST_TEXT(*course)));
    *course = nst_rows_step(rows) ? nst_str_copy(a, nst_rows_text(rows, 0)) : (struct nst_str){ 0 };
    return nst_rows_end(rows);
}

static enum nst_err export_courses(struct nst_db *db, struct nst_arena *a, int64_t program,
                                   const struct enroll_export *what)
{
    struct nst_str course = NST_STR("");
    if (what->course.p != NULL)
        return export_rows(db, program, what->course, what);
    NST_TRY(next_course(&course, db, a, program));
    while (course.p != NULL) {
        NST_TRY(export_rows(db, program, course, what));
        NST_TRY(next_course(&course, db, a, program));
    }
    return NST_OK;
}

/* The program after number *program, or the one that is asked for; 0: none. */
static enum nst_err next_program(int64_t *program, struct nst_db *db,
                                 const struct enroll_export *what)
{
    struct nst_rows *rows;
    NST_TRY(nst_query_with(&rows, db,
                           "SELECT id FROM program WHERE id > $1 AND (uuid = $2 OR $3) "
                           "ORDER BY id LIMIT 1",
                           NST_INT(*program),
                           NST_TEXT(what->program.p != NULL ? what->program : NST_STR("")),
                           NST_BOOL(what->program.p == NULL)));
    *program = nst_rows_step(rows) ? nst_rows_int(rows, 0) : 0;
    return nst_rows_end(rows);
}

static enum nst_err export_programs(struct nst_db *db, struct nst_arena *a,
                                    const struct enroll_export *what)
{
    int64_t program = 0;
    NST_TRY(next_program(&program, db, what));
    if (program == 0 && what->program.p != NULL)
        return NST_E_NOT_FOUND;
    while (program != 0) {
        NST_TRY(what->is_course ? export_courses(db, a, program, what)
                                : export_rows(db, program, (struct nst_str){ 0 }, what));
        NST_TRY(next_program(&program, db, what));
    }
    return NST_OK;
}

enum nst_err enroll_export(struct nst_db *db, const struct enroll_export *what)
{
    struct nst_arena *a = nst_arena_new(4096);
    enum nst_err e = export_programs(db, a, what);
    nst_arena_free(a);
    return e;
}
