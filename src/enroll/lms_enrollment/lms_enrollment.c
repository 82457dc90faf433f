/* The LMS's own course enrolments, as documents list them. */
#include "enroll/catalog/api.h"
#include "enroll/fixture/entity.h"
#include "enroll/history.h"

enum { USERNAME, COURSE_KEY };

static const char *const modes[] = {
    "audit", "honor", "verified", "professional", "no-id-professional", "credit", "masters", NULL
};

static const struct enroll_member lms_member[] = {
    [USERNAME] = { "username", ENROLL_TEXT, ENROLL_REQUIRED | ENROLL_KEY | ENROLL_FIND,
                   .column = "user_id", .refers = &enroll_to_user,
                   .show = "(SELECT account.username FROM account "
                           "WHERE account.id = course_enrollment.user_id)" },
    [COURSE_KEY] = { "course_key", ENROLL_TEXT, ENROLL_REQUIRED | ENROLL_KEY | ENROLL_FIND,
                     .column = "course_key", .form = &enroll_form_course,
                     .refers = &enroll_to_course },
    { "mode", ENROLL_TEXT, .column = "mode", .fallback = "audit", .choices = modes },
    { "is_active", ENROLL_BOOL, .column = "is_active", .fallback = "true" },
};

/* A course row that was linked. */
struct linked {
    struct linked *next;
    struct enroll_written row;
};

static enum nst_err unlink_rows(struct linked **list, struct enroll_load *l, int64_t enrollment)
{
    struct nst_rows *rows;
    NST_TRY(nst_query_with(&rows, enroll_load_db(l),
                           "UPDATE program_course_enrollment SET " ENROLL_COUNTED
                           ", course_enrollment_id = NULL, "
                           "modified_at = " NST_SQL_LATER("modified_at",
                                                          "$1") " WHERE course_enrollment_id = $2 "
                                                                "RETURNING program_id, id",
                           NST_INT(enroll_load_now(l)), NST_INT(enrollment)));
    while (nst_rows_step(rows)) {
        struct linked *one = NST_NEW(enroll_load_scratch(l), struct linked);
        *one =
            (struct linked){ *list,
                             { ENROLL_COURSE_ROW, nst_rows_int(rows, 0), nst_rows_int(rows, 1) } };
        *list = one;
    }
    return nst_rows_end(rows);
}

/* What was linked to it stays, without the link; whoever enrols meanwhile links nothing to
 * what goes. */
static enum nst_err lms_remove(bool *is_gone, struct enroll_load *l, struct enroll_item *item)
{
    const struct enroll_note note = { "~", "course enrolment removed", enroll_load_now(l), 0 };
    struct linked *list = NULL;
    (void)is_gone;
    NST_TRY(enroll_hold_programs(l));
    NST_TRY(unlink_rows(&list, l, item->id));
    for (; list != NULL; list = list->next)
        NST_TRY(enroll_history_of(enroll_load_db(l), enroll_load_scratch(l), list->row, &note));
    return nst_exec_with(NULL, enroll_load_db(l), "DELETE FROM course_enrollment WHERE id = $1",
                         NST_INT(item->id));
}

const struct enroll_entity enroll_entity_lms_enrollment = {
    .name = "course_enrollments",
    .table = "course_enrollment",
    .order = "course_enrollment.id",
    .key = "username and course_key",
    .shape = ENROLL_SHAPE(lms_member),
    .stamps = "created_at",
    .remove = lms_remove,
    .doc = "The LMS's own enrolments of accounts in courses.",
};

static const struct nst_route routes[] = {
    ENROLL_CATALOG_LIST(enroll_entity_lms_enrollment, "course_enrollments",
                        "The LMS's own course enrollments."),
};

const struct nst_resource enroll_lms_enrollment = {
    .name = "course_enrollments",
    NST_ROUTES(routes),
    .doc = "The LMS's own course enrollments.",
};
