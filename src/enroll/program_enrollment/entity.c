/* Program enrolments as documents list them: no effect but the row itself and its
 * history. */
#include "enroll/fixture/entity.h"
#include "enroll/catalog/api.h"
#include "enroll/history.h"

enum { PROGRAM, EXTERNAL_USER_KEY, CURRICULUM_UUID, STATUS, USER, PROGRAM_UUID };

static const struct enroll_member enrollment_member[] = {
    [PROGRAM] = { "program", ENROLL_TEXT, ENROLL_REQUIRED | ENROLL_KEY | ENROLL_FIND,
                  .column = "program_id", .form = &enroll_form_program,
                  .refers = &enroll_to_program, .show = "program_enrollment.program_uuid" },
    [EXTERNAL_USER_KEY] = { "external_user_key", ENROLL_TEXT,
                            ENROLL_REQUIRED | ENROLL_KEY | ENROLL_FIND | ENROLL_NULL,
                            .column = "external_user_key", .form = &enroll_form_key },
    [CURRICULUM_UUID] = { "curriculum_uuid", ENROLL_TEXT,
                          ENROLL_REQUIRED | ENROLL_KEY | ENROLL_FIND, .column = "curriculum_uuid",
                          .form = &enroll_form_canonical_uuid },
    [STATUS] = { "status", ENROLL_TEXT, .column = "status", .fallback = "enrolled",
                 .choices = enroll_statuses },
    [USER] = { "user", ENROLL_TEXT, ENROLL_KEY | ENROLL_NULL, .column = "user_id",
               .refers = &enroll_to_user,
               .show = "(SELECT account.username FROM account "
                       "WHERE account.id = program_enrollment.user_id)" },
    [PROGRAM_UUID] = { "program_uuid", ENROLL_TEXT, ENROLL_DERIVED, .column = "program_uuid" },
};

static enum nst_err enrollment_resolve(struct enroll_load *l, struct enroll_item *item)
{
    if (enroll_is_null(item, EXTERNAL_USER_KEY) && enroll_is_null(item, USER))
        enroll_fault(l, item, SIZE_MAX, "has neither key nor user");
    item->value[PROGRAM_UUID].bound = NST_TEXT(item->value[PROGRAM].json->text);
    return NST_OK;
}

/* Where the key is null, the user finds the row. */
static bool enrollment_finds(const struct enroll_item *item, size_t member)
{
    return member == USER && enroll_is_null(item, EXTERNAL_USER_KEY);
}

static enum nst_err enrollment_before_write(struct enroll_load *l, struct enroll_item *item)
{
    bool taken = false;
    if (!enroll_is_null(item, USER))
        NST_TRY(nst_exists_with(&taken, enroll_load_db(l),
                                "SELECT 1 FROM program_enrollment WHERE program_id = $1 "
                                "AND user_id = $2 AND curriculum_uuid = $3 AND id <> $4",
                                item->value[PROGRAM].bound, item->value[USER].bound,
                                item->value[CURRICULUM_UUID].bound, NST_INT(item->id)));
    if (taken)
        enroll_fault(l, item, SIZE_MAX,
                     "its account has another enrollment in this program and curriculum");
    if (taken || item->id != 0)
        return NST_OK;
    return enroll_next_number(&item->id, l, enroll_number(item, PROGRAM));
}

/* Course rows that are linked go over to the new account's course enrolments; where it
 * has none, nothing is left to link to. */
static enum nst_err move_links(struct enroll_load *l, const struct enroll_item *item)
{
    const struct enroll_note note = { "~", ENROLL_REASON, enroll_load_now(l), 0 };
    int64_t program = enroll_number(item, PROGRAM);
    struct nst_sql q;
    nst_sql_init(&q, enroll_load_scratch(l));
    nst_sql_add(&q, "UPDATE program_course_enrollment SET " ENROLL_COUNTED ", modified_at = ");
    nst_sql_later(&q, "modified_at", note.now);
    nst_sql_add(&q, ", course_enrollment_id = (SELECT c.id FROM course_enrollment c "
                    "WHERE c.user_id = ");
    nst_sql_bind(&q, item->value[USER].bound);
    nst_sql_add(&q, " AND c.course_key = program_course_enrollment.course_key) "
                    "WHERE course_enrollment_id IS NOT NULL AND program_id = ");
    nst_sql_bind(&q, NST_INT(program));
    nst_sql_add(&q, " AND program_enrollment_id = ");
    nst_sql_bind(&q, NST_INT(item->id));
    return enroll_update(&q, enroll_load_db(l), ENROLL_COURSE_ROW, program, &note);
}

static enum nst_err enrollment_after(enum enroll_change *change, struct enroll_load *l,
                                     struct enroll_item *item)
{
    if (*change == ENROLL_UNCHANGED)
        return NST_OK;
    if (*change == ENROLL_CHANGED && (item->changed >> USER & 1) != 0)
        NST_TRY(move_links(l, item));
    return enroll_item_history(l, item, ENROLL_PROGRAM_ROW, *change == ENROLL_MADE ? "+" : "~");
}

/* Its course rows go with it; the LMS's course enrolments stay. */
static enum nst_err enrollment_remove(bool *is_gone, struct enroll_load *l,
                                      struct enroll_item *item)
{
    const struct enroll_note note = { "-", ENROLL_REASON, enroll_load_now(l), 0 };
    int64_t program = enroll_number(item, PROGRAM);
    struct nst_db *db = enroll_load_db(l);
    struct nst_sql q;
    (void)is_gone;
    NST_TRY(enroll_hold_programs(l)); /* or who enrols meanwhile would leave a course row behind */
    NST_TRY(enroll_refuse_given(l, item, &enroll_entity_course_enrollment,
                                "SELECT c.id FROM program_course_enrollment c "
                                "JOIN program_enrollment e ON e.program_id = c.program_id "
                                "AND e.id = c.program_enrollment_id WHERE e.id = $1"));
    nst_sql_init(&q, enroll_load_scratch(l));
    enroll_history(&q, ENROLL_COURSE_ROW, program, &note);
    nst_sql_add(&q, " AND e.program_enrollment_id = ");
    nst_sql_bind(&q, NST_INT(item->id));
    NST_TRY(nst_sql_exec(NULL, db, &q));
    NST_TRY(enroll_item_history(l, item, ENROLL_PROGRAM_ROW, "-"));
    NST_TRY(nst_exec_with(NULL, db,
                          "DELETE FROM program_course_enrollment WHERE program_id = $1 "
                          "AND program_enrollment_id = $2",
                          NST_INT(program), NST_INT(item->id)));
    return nst_exec_with(NULL, db,
                         "DELETE FROM program_enrollment WHERE program_id = $1 AND id = $2",
                         NST_INT(program), NST_INT(item->id));
}

const struct enroll_entity enroll_entity_program_enrollment = {
    .name = "program_enrollments",
    .table = "program_enrollment",
    .order = ENROLL_BY_AGE("program_enrollment"),
    .key = "program, external_user_key and curriculum_uuid",
    .shape = ENROLL_SHAPE(enrollment_member),
    .stamps = "created_at, modified_at",
    .touched = "modified_at",
    .counted = "changes",
    .resolve = enrollment_resolve,
    .finds = enrollment_finds,
    .before_write = enrollment_before_write,
    .after = enrollment_after,
    .remove = enrollment_remove,
    .doc = "Learners in programs.",
};

static const struct nst_route routes[] = {
    ENROLL_CATALOG_LIST(enroll_entity_program_enrollment, "program_enrollments",
                        "Program enrollments of all programs."),
};

const struct nst_resource enroll_program_enrollment_entity = {
    .name = "program_enrollments",
    NST_ROUTES(routes),
    .doc = "Program enrollments of all programs.",
};
