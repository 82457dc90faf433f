/* Program course enrolments as documents list them. An item names its program
 * enrolment by as many members as it takes, and may say whether it is linked. */
#include "enroll/fixture/entity.h"
#include "enroll/catalog/api.h"
#include "enroll/history.h"

enum {
    PROGRAM,
    EXTERNAL_USER_KEY,
    COURSE_KEY,
    CURRICULUM_UUID,
    USER,
    STATUS,
    COURSE_ENROLLMENT,
    ENROLLMENT_ID,
    LINK_ID,
};

#define OF_ENROLLMENT(column) \
    "(SELECT e." column " FROM program_enrollment e " \
    "WHERE e.program_id = program_course_enrollment.program_id " \
    "AND e.id = program_course_enrollment.program_enrollment_id)"

static const struct enroll_member course_member[] = {
    [PROGRAM] = { "program", ENROLL_TEXT, ENROLL_REQUIRED | ENROLL_KEY | ENROLL_FIND,
                  .column = "program_id", .form = &enroll_form_program,
                  .refers = &enroll_to_program, .show = OF_ENROLLMENT("program_uuid") },
    [EXTERNAL_USER_KEY] = { "external_user_key", ENROLL_TEXT,
                            ENROLL_REQUIRED | ENROLL_KEY | ENROLL_NULL, .form = &enroll_form_key,
                            .show = OF_ENROLLMENT("external_user_key") },
    [COURSE_KEY] = { "course_key", ENROLL_TEXT, ENROLL_REQUIRED | ENROLL_KEY | ENROLL_FIND,
                     .column = "course_key", .form = &enroll_form_course,
                     .refers = &enroll_to_course },
    [CURRICULUM_UUID] = { "curriculum_uuid", ENROLL_TEXT, ENROLL_KEY,
                          .form = &enroll_form_canonical_uuid,
                          .show = OF_ENROLLMENT("curriculum_uuid") },
    [USER] = { "user", ENROLL_TEXT, ENROLL_KEY | ENROLL_NULL, .refers = &enroll_to_user,
               .show = "(SELECT a.username FROM account a JOIN program_enrollment e "
                       "ON e.user_id = a.id "
                       "WHERE e.program_id = program_course_enrollment.program_id "
                       "AND e.id = program_course_enrollment.program_enrollment_id)" },
    [STATUS] = { "status", ENROLL_TEXT, .column = "status", .fallback = "active",
                 .choices = enroll_course_statuses },
    [COURSE_ENROLLMENT] = { "course_enrollment", ENROLL_BOOL,
                            .show = "(program_course_enrollment.course_enrollment_id "
                                    "IS NOT NULL)" },
    [ENROLLMENT_ID] = { "program_enrollment", ENROLL_NUMBER, ENROLL_DERIVED | ENROLL_FIND,
                        .column = "program_enrollment_id" },
    [LINK_ID] = { "link", ENROLL_NUMBER, ENROLL_DERIVED, .column = "course_enrollment_id" },
};

/* ---- The program enrolment ---- */

static void put_condition(struct nst_sql *q, const struct enroll_item *item, size_t member,
                          const char *column)
{
    if (!enroll_is_given(item, member))
        return;
    nst_sql_addf(q, " AND %s", column);
    if (enroll_is_null(item, member)) {
        nst_sql_add(q, " IS NULL");
        return;
    }
    nst_sql_add(q, " = ");
    nst_sql_bind(q, item->value[member].bound);
}

/* What the item's members find: its number, its account, and whether it is the one. */
struct parent {
    int64_t id, account;
    bool is_one;
};

static enum nst_err find_parent(struct parent *p, struct enroll_load *l,
                                const struct enroll_item *item)
{
    struct nst_sql q;
    struct nst_rows *rows;
    nst_sql_init(&q, enroll_load_scratch(l));
    nst_sql_add(&q, "SELECT id, user_id FROM program_enrollment WHERE TRUE");
    put_condition(&q, item, PROGRAM, "program_id");
    put_condition(&q, item, EXTERNAL_USER_KEY, "external_user_key");
    put_condition(&q, item, CURRICULUM_UUID, "curriculum_uuid");
    put_condition(&q, item, USER, "user_id");
    nst_sql_add(&q, " LIMIT 2");
    NST_TRY(nst_sql_query(&rows, enroll_load_db(l), &q));
    if (nst_rows_step(rows)) {
        *p = (struct parent){ nst_rows_int(rows, 0), nst_rows_int(rows, 1), true };
        p->is_one = !nst_rows_step(rows);
    }
    return nst_rows_end(rows);
}

/* ---- The link ---- */

/* Given: it is to be so. Left out: a new row is linked exactly if there is something
 * to link to, and an old one stays as it is. */
static enum nst_err resolve_link(struct enroll_load *l, struct enroll_item *item, int64_t account)
{
    struct nst_sql q;
    bool is_given = enroll_is_given(item, COURSE_ENROLLMENT), found = false;
    int64_t link = 0;
    item->value[LINK_ID].json = item->value[COURSE_ENROLLMENT].json;
    if (is_given && enroll_number(item, COURSE_ENROLLMENT) == 0)
        return NST_OK;
    nst_sql_init(&q, enroll_load_scratch(l));
    nst_sql_add(&q, "SELECT id FROM course_enrollment WHERE user_id = ");
    nst_sql_bind(&q, NST_INT(account));
    nst_sql_add(&q, " AND course_key = ");
    nst_sql_bind(&q, item->value[COURSE_KEY].bound);
    NST_TRY(nst_sql_int(&link, &found, enroll_load_db(l), &q));
    if (found)
        item->value[LINK_ID].bound = NST_INT(link);
    else if (is_given)
        enroll_fault(l, item, COURSE_ENROLLMENT,
                     "there is no course enrollment of its account to link to");
    return NST_OK;
}

/* ---- Hooks ---- */

static enum nst_err course_resolve(struct enroll_load *l, struct enroll_item *item)
{
    struct parent p = { 0 };
    NST_TRY(find_parent(&p, l, item));
    item->value[ENROLLMENT_ID].bound = NST_INT(p.id);
    if (p.id != 0 && p.is_one)
        return item->is_absent ? NST_OK : resolve_link(l, item, p.account);
    if (p.id != 0)
        enroll_fault(l, item, SIZE_MAX,
                     "several program enrollments fit: curriculum_uuid or user tells which");
    else if (item->is_absent)
        item->is_gone = true;
    else if (enroll_is_doubtful(l, &enroll_entity_program_enrollment))
        item->is_doubtful = true;
    else
        enroll_fault(l, item, SIZE_MAX, "there is no such program enrollment");
    return NST_OK;
}

static enum nst_err course_before_write(struct enroll_load *l, struct enroll_item *item)
{
    return item->id != 0 ? NST_OK : enroll_next_number(&item->id, l, enroll_number(item, PROGRAM));
}

static enum nst_err course_after(enum enroll_change *change, struct enroll_load *l,
                                 struct enroll_item *item)
{
    if (*change == ENROLL_UNCHANGED)
        return NST_OK;
    return enroll_item_history(l, item, ENROLL_COURSE_ROW, *change == ENROLL_MADE ? "+" : "~");
}

static enum nst_err course_remove(bool *is_gone, struct enroll_load *l, struct enroll_item *item)
{
    int64_t program = enroll_number(item, PROGRAM);
    (void)is_gone;
    NST_TRY(enroll_hold_programs(l)); /* or a change meanwhile would miss the history */
    NST_TRY(enroll_item_history(l, item, ENROLL_COURSE_ROW, "-"));
    return nst_exec_with(NULL, enroll_load_db(l),
                         "DELETE FROM program_course_enrollment WHERE program_id = $1 "
                         "AND id = $2",
                         NST_INT(program), NST_INT(item->id));
}

const struct enroll_entity enroll_entity_course_enrollment = {
    .name = "program_course_enrollments",
    .table = "program_course_enrollment",
    .order = ENROLL_BY_AGE("program_course_enrollment"),
    .key = "program enrollment and course_key",
    .shape = ENROLL_SHAPE(course_member),
    .stamps = "created_at, modified_at",
    .touched = "modified_at",
    .counted = "changes",
    .resolve = course_resolve,
    .before_write = course_before_write,
    .after = course_after,
    .remove = course_remove,
    .doc = "Learners of programs in course runs.",
};

static const struct nst_route routes[] = {
    ENROLL_CATALOG_LIST(enroll_entity_course_enrollment, "program_course_enrollments",
                        "Program course enrollments of all programs."),
};

const struct nst_resource enroll_course_enrollment_entity = {
    .name = "program_course_enrollments",
    NST_ROUTES(routes),
    .doc = "Program course enrollments of all programs.",
};
