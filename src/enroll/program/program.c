/* Programs as documents know them. Their lists are kept as rows with positions; a
 * list that a document gives replaces the one there is. */
#include "lists.h"

#include "enroll/catalog/api.h"
#include "enroll/fixture/entity.h"

enum {
    UUID,
    TITLE,
    TYPE,
    MARKETING_SLUG,
    AUTHORING_ORGANIZATIONS,
    CURRICULA,
    COURSES,
    EMPTY,
};

static const struct enroll_member organization_member[] = {
    { "key", ENROLL_TEXT, ENROLL_REQUIRED, .form = &enroll_form_name },
};
static const struct enroll_member run_member[] = {
    { "key", ENROLL_TEXT, ENROLL_REQUIRED, .form = &enroll_form_some },
    { "title", ENROLL_TEXT },
};
static const struct enroll_shape organization_shape = {
    .member = organization_member, .count = 1, .may_be_text = true, .is_text = true
};
static const struct enroll_shape run_shape = { .member = run_member,
                                               .count = NST_COUNT(run_member),
                                               .may_be_text = true };
static const struct enroll_member course_member[] = {
    { "key", ENROLL_TEXT, ENROLL_REQUIRED, .form = &enroll_form_some },
    { "title", ENROLL_TEXT },
    { "course_runs", ENROLL_LIST, .of = &run_shape },
};
static const struct enroll_shape course_shape = ENROLL_SHAPE(course_member);
static const struct enroll_member curriculum_member[] = {
    { "uuid", ENROLL_TEXT, ENROLL_REQUIRED, .form = &enroll_form_uuid },
    { "is_active", ENROLL_BOOL },
    { "courses", ENROLL_LIST, .of = &course_shape },
};
static const struct enroll_shape curriculum_shape = { .member = curriculum_member,
                                                      .count = NST_COUNT(curriculum_member),
                                                      .may_be_text = true };

static const struct enroll_member program_member[] = {
    [UUID] = { "uuid", ENROLL_TEXT, ENROLL_REQUIRED | ENROLL_KEY | ENROLL_FIND | ENROLL_BARE,
               .column = "uuid", .form = &enroll_form_program },
    [TITLE] = { "title", ENROLL_TEXT, .column = "title", .fallback = "" },
    [TYPE] = { "type", ENROLL_TEXT, .column = "type", .fallback = "" },
    [MARKETING_SLUG] = { "marketing_slug", ENROLL_TEXT, .column = "marketing_slug",
                         .fallback = "" },
    [AUTHORING_ORGANIZATIONS] = { "authoring_organizations", ENROLL_LIST, .of = &organization_shape,
                                  .print = enroll_print_owners },
    [CURRICULA] = { "curricula", ENROLL_LIST, .of = &curriculum_shape,
                    .print = enroll_print_curricula },
    [COURSES] = { "courses", ENROLL_LIST, .of = &course_shape, .print = enroll_print_courses },
    [EMPTY] = { "empty", ENROLL_BOOL, ENROLL_BARE, .column = "is_empty", .fallback = "false" },
};

/* ---- Empty programs (N7) ---- */

static bool is_empty_given(const struct enroll_item *item)
{
    return enroll_is_given(item, EMPTY) && enroll_number(item, EMPTY) != 0;
}

/* Data make an empty program a program; emptiness takes its data away. */
static enum nst_err program_resolve(struct enroll_load *l, struct enroll_item *item)
{
    bool has_data = false;
    for (size_t i = TITLE; i < EMPTY; i++) {
        has_data |= enroll_is_given(item, i);
        if (enroll_is_given(item, i) && is_empty_given(item))
            enroll_fault(l, item, i, "is not to stand beside \"empty\": true");
    }
    if (is_empty_given(item)) {
        for (size_t i = TITLE; i <= MARKETING_SLUG; i++)
            item->value[i] = (struct enroll_value){ item->json, NST_TEXT(NST_STR("")) };
    } else if (has_data) {
        item->value[EMPTY] = (struct enroll_value){ item->json, NST_BOOL(false) };
    }
    return NST_OK;
}

/* Of a row as it is shown: behind its number and the members that are no lists. */
#define EMPTY_COLUMN 5

static bool program_is_bare(struct nst_rows *rows)
{
    return nst_rows_bool(rows, EMPTY_COLUMN);
}

/* ---- Lists ---- */

static const struct list {
    size_t member;
    void (*put)(struct nst_buf *out, const struct nst_json *list);
    enum nst_err (*replace)(struct enroll_load *l, int64_t program, const struct nst_json *list);
} lists[] = {
    { AUTHORING_ORGANIZATIONS, enroll_put_owners, enroll_replace_owners },
    { CURRICULA, enroll_put_curricula, enroll_replace_curricula },
    { COURSES, enroll_put_courses, enroll_replace_courses },
};

static enum nst_err give_list(enum enroll_change *change, struct enroll_load *l,
                              const struct enroll_item *item, const struct list *list)
{
    static const struct nst_json nothing = { .kind = NST_JSON_ARRAY };
    const struct nst_json *given = item->value[list->member].json;
    struct nst_buf wanted, stored;
    if (given == NULL && !is_empty_given(item))
        return NST_OK;
    given = given != NULL ? given : &nothing;
    nst_buf_init(&wanted, enroll_load_scratch(l), NST_HTTP_ANSWER_MAX);
    nst_buf_init(&stored, enroll_load_scratch(l), NST_HTTP_ANSWER_MAX);
    list->put(&wanted, given);
    NST_TRY(program_member[list->member].print(&stored, enroll_load_db(l), item->id));
    if (nst_str_eq(nst_buf_str(&wanted), nst_buf_str(&stored)))
        return NST_OK;
    if (*change == ENROLL_UNCHANGED)
        *change = ENROLL_CHANGED;
    return list->replace(l, item->id, given);
}

/* N8: kept, but no request will ever find it. */
static void warn_of_runs(struct enroll_load *l, const struct enroll_item *item,
                         const struct nst_json *courses)
{
    struct nst_str key;
    if (courses == NULL)
        return;
    for (const struct nst_json *c = courses->first; c != NULL; c = c->next) {
        const struct nst_json *runs = nst_json_get(c, NST_STR("course_runs"));
        for (const struct nst_json *r = runs != NULL ? runs->first : NULL; r != NULL; r = r->next) {
            struct nst_str text = enroll_inner_text(r, "key");
            if (!enroll_form_course.read(&key, enroll_load_scratch(l), text))
                enroll_warn(l, item, "the run \"%.*s\" is no course key: requests ignore it",
                            NST_FMT(nst_str_slice(text, 0, 255)));
        }
    }
}

static enum nst_err program_after(enum enroll_change *change, struct enroll_load *l,
                                  struct enroll_item *item)
{
    const struct nst_json *curricula = item->value[CURRICULA].json;
    for (size_t i = 0; i < NST_COUNT(lists); i++)
        NST_TRY(give_list(change, l, item, &lists[i]));
    warn_of_runs(l, item, item->value[COURSES].json);
    for (const struct nst_json *c = curricula != NULL ? curricula->first : NULL; c != NULL;
         c = c->next)
        warn_of_runs(l, item, nst_json_get(c, NST_STR("courses")));
    return NST_OK;
}

static enum nst_err program_remove(bool *is_gone, struct enroll_load *l, struct enroll_item *item)
{
    static const char *const purge[] = {
        "DELETE FROM program_course_run WHERE program_id = $1",
        "DELETE FROM program_course WHERE program_id = $1",
        "DELETE FROM curriculum WHERE program_id = $1",
        "DELETE FROM program_owner WHERE program_id = $1",
        "DELETE FROM program WHERE id = $1",
    };
    const struct nst_value id = NST_INT(item->id);
    (void)is_gone;
    NST_TRY(enroll_refuse_if(l, item,
                             "SELECT 1 FROM program_enrollment WHERE program_id = $1 LIMIT 1",
                             "program_enrollments"));
    for (size_t i = 0; i < NST_COUNT(purge) && !item->is_faulty; i++)
        NST_TRY(nst_exec(NULL, enroll_load_db(l), nst_str_z(purge[i]), &id, 1));
    return NST_OK;
}

const struct enroll_entity enroll_entity_program = {
    .name = "programs",
    .table = "program",
    .order = "program.id",
    .key = "uuid",
    .shape = ENROLL_SHAPE(program_member),
    .constants = "next_number",
    .values = "1",
    .resolve = program_resolve,
    .after = program_after,
    .remove = program_remove,
    .is_bare = program_is_bare,
    .doc = "Degrees, with their owners, curricula, courses and runs.",
};

static const struct nst_route routes[] = {
    ENROLL_CATALOG_LIST(enroll_entity_program, "programs", "Programs with their lists."),
    ENROLL_CATALOG_DETAIL(enroll_entity_program, "programs", "uuid", "One program."),
};

const struct nst_resource enroll_program = {
    .name = "programs",
    NST_ROUTES(routes),
    .doc = "Programs with their lists.",
};
