/* Courses that are known: runs of programs, and others that a document lists. */
#include "course_overview.h"

#include "enroll/catalog/api.h"
#include "enroll/fixture/entity.h"

enum { KEY };

static const struct enroll_member overview_member[] = {
    [KEY] = { "key", ENROLL_TEXT, ENROLL_REQUIRED | ENROLL_KEY | ENROLL_FIND, .column = "key",
              .form = &enroll_form_course },
    { "display_name", ENROLL_TEXT, .column = "display_name", .fallback = "" },
    { "start", ENROLL_TIME, ENROLL_NULL, .column = "start_at" },
    { "end", ENROLL_TIME, ENROLL_NULL, .column = "end_at" },
    { "enrollment_start", ENROLL_TIME, ENROLL_NULL, .column = "enrollment_start_at" },
    { "enrollment_end", ENROLL_TIME, ENROLL_NULL, .column = "enrollment_end_at" },
    { "capacity", ENROLL_NUMBER, ENROLL_NULL, .column = "capacity" },
};

enum nst_err enroll_know_course(struct nst_db *db, struct nst_str key)
{
    bool is_known = false;
    int64_t id = 0;
    NST_TRY(nst_exists_with(&is_known, db, "SELECT 1 FROM course_overview WHERE key = $1",
                            NST_TEXT(key)));
    if (is_known)
        return NST_OK;
    NST_TRY(nst_next_id(&id, db, "course_overview", 1));
    return nst_exec_with(NULL, db,
                         "INSERT INTO course_overview (id, key, display_name) VALUES ($1, $2, '')",
                         NST_INT(id), NST_TEXT(key));
}

static enum nst_err overview_remove(bool *is_gone, struct enroll_load *l, struct enroll_item *item)
{
    static const char *const refers[][2] = {
        { "SELECT 1 FROM program_course_run r JOIN course_overview o ON o.key = r.parsed "
          "WHERE o.id = $1 LIMIT 1",
          "programs" },
        { "SELECT 1 FROM course_enrollment e JOIN course_overview o ON o.key = e.course_key "
          "WHERE o.id = $1 LIMIT 1",
          "course_enrollments" },
        { "SELECT 1 FROM program_course_enrollment e JOIN course_overview o "
          "ON o.key = e.course_key WHERE o.id = $1 LIMIT 1",
          "program_course_enrollments" },
    };
    (void)is_gone;
    for (size_t i = 0; i < NST_COUNT(refers); i++)
        NST_TRY(enroll_refuse_if(l, item, refers[i][0], refers[i][1]));
    if (item->is_faulty)
        return NST_OK;
    return nst_exec_with(NULL, enroll_load_db(l), "DELETE FROM course_overview WHERE id = $1",
                         NST_INT(item->id));
}

const struct enroll_entity enroll_entity_course_overview = {
    .name = "course_overviews",
    .table = "course_overview",
    .order = "course_overview.id",
    .key = "key",
    .shape = { .member = overview_member,
               .count = NST_COUNT(overview_member),
               .may_be_text = true },
    .remove = overview_remove,
    .doc = "Courses that are known.",
};

static const struct nst_route routes[] = {
    ENROLL_CATALOG_LIST(enroll_entity_course_overview, "course_overviews",
                        "Courses that are known."),
    ENROLL_CATALOG_DETAIL(enroll_entity_course_overview, "course_overviews", "key", "One course."),
};

const struct nst_resource enroll_course_overview = {
    .name = "course_overviews",
    NST_ROUTES(routes),
    .doc = "Courses that are known.",
};
