/* OpenAPI of both views: one table of answers, one schema a body. */
#include "describe.h"

#include "app.h"

#define TEXT(number)  #number
#define DIGITS(macro) TEXT(macro)
#define BATCH         DIGITS(ENROLL_BATCH)
#define STRING        "{\"type\":\"string\"}"

struct answer {
    const char *status, *description;
    bool has_schema; /* that of the view's success */
};

struct view {
    const char *const *statuses, *const
                                     *errors; /* NULL-terminated: of rows, of the map beside them */
    const char *required, *properties;        /* of a record, its status aside */
    const struct answer *answers;             /* of a write; ends with a row without status */
};

static const struct answer page_answers[] = {
    { "200", "A page.", true },
    { "401", "The caller is not authenticated.", false },
    { "403", "The caller lacks access.", false },
    { "404", "There is no such program, course or cursor.", false },
    { 0 },
};

static const struct answer program_answers[] = {
    { "201", "All were enrolled.", true },
    { "207", "Some were; the map says which.", true },
    { "401", "The caller is not authenticated.", false },
    { "403", "The caller may not enrol.", false },
    { "404", "There is no such program.", false },
    { "413", "More than " BATCH " learners.", false },
    { "422", "None was enrolled, or the request is invalid.", false },
    { 0 },
};

static const struct answer course_answers[] = {
    { "200", "All were written.", true },
    { "207", "Some were; the map says which.", true },
    { "401", "The caller is not authenticated.", false },
    { "403", "The caller may not enrol.", false },
    { "404", "There is no such program or course, or the course is not in the program.", false },
    { "413", "More than " BATCH " learners.", false },
    { "422", "None was written, or the request is invalid.", false },
    { 0 },
};

static const char *const program_errors[] = { "duplicated", "conflict", "invalid-status", NULL };
static const char *const course_errors[] = { "duplicated",     "conflict",  "invalid-status",
                                             "not-in-program", "not-found", NULL };

static const struct view program_view = {
    .statuses = enroll_statuses,
    .errors = program_errors,
    .required = "\"external_user_key\",\"status\",\"curriculum_uuid\"",
    .properties = "\"external_user_key\":{\"type\":\"string\",\"maxLength\":" DIGITS(
        ENROLL_KEY_MAX) "},\"curriculum_uuid\":" STRING,
    .answers = program_answers,
};

static const struct view course_view = {
    .statuses = enroll_course_statuses,
    .errors = course_errors,
    .required = "\"student_key\",\"status\"",
    .properties = "\"student_key\":" STRING,
    .answers = course_answers,
};

/* ---- Schemas ---- */

void enroll_put_words(struct nst_buf *out, const char *const *words)
{
    for (size_t i = 0; words[i] != NULL; i++)
        nst_putf(out, "%s\"%s\"", i > 0 ? "," : "", words[i]);
}

static void put_page(struct nst_buf *out, const struct view *view)
{
    nst_put_lit(out, "{\"type\":\"object\",\"properties\":{\"next\":{\"type\":[\"string\","
                     "\"null\"]},\"previous\":{\"type\":[\"string\",\"null\"]},\"results\":{"
                     "\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{"
                     "\"student_key\":{\"type\":[\"string\",\"null\"]},\"status\":{\"type\":"
                     "\"string\",\"enum\":[");
    enroll_put_words(out, view->statuses);
    nst_put_lit(out, "]},\"account_exists\":{\"type\":\"boolean\"},\"curriculum_uuid\":{"
                     "\"type\":\"string\",\"format\":\"uuid\"}}}}}}");
}

static void put_body(struct nst_buf *out, const struct view *view)
{
    nst_putf(out,
             "{\"type\":\"array\",\"minItems\":1,\"maxItems\":" BATCH ",\"items\":{\"type\":"
             "\"object\",\"required\":[%s],\"properties\":{%s,\"status\":{\"type\":\"string\","
             "\"enum\":[",
             view->required, view->properties);
    enroll_put_words(out, view->statuses);
    nst_put_lit(out, "]}}}}");
}

static void put_map(struct nst_buf *out, const struct view *view)
{
    nst_put_lit(out, "{\"type\":\"object\",\"additionalProperties\":{\"type\":\"string\","
                     "\"enum\":[");
    enroll_put_words(out, view->statuses);
    nst_put_char(out, ',');
    enroll_put_words(out, view->errors);
    nst_put_lit(out, "]}}");
}

/* ---- Operations ---- */

static void put_answers(struct nst_buf *out, const struct answer *answer, const struct view *view,
                        void (*put_schema)(struct nst_buf *, const struct view *))
{
    const char *between = ",\"responses\":{";
    for (; answer->status != NULL; answer++, between = ",") {
        nst_putf(out, "%s\"%s\":{\"description\":\"%s\"", between, answer->status,
                 answer->description);
        if (answer->has_schema) {
            nst_put_lit(out, ",\"content\":{\"application/json\":{\"schema\":");
            put_schema(out, view);
            nst_put_lit(out, "}}");
        }
        nst_put_char(out, '}');
    }
    nst_put_char(out, '}');
}

static void describe(struct nst_buf *out, const struct view *view, enum nst_method method)
{
    if (method == NST_GET) {
        nst_put_lit(out, ",\"parameters\":[{\"name\":\"page_size\",\"in\":\"query\","
                         "\"description\":\"Rows of a page.\",\"schema\":{\"type\":\"integer\","
                         "\"default\":100}},{\"name\":\"cursor\",\"in\":\"query\","
                         "\"description\":\"Where a page begins, from a link.\","
                         "\"schema\":" STRING "}]");
        put_answers(out, page_answers, view, put_page);
        return;
    }
    nst_put_lit(out, ",\"requestBody\":{\"content\":{\"application/json\":{\"schema\":");
    put_body(out, view);
    nst_put_lit(out, "}}}");
    put_answers(out, view->answers, view, put_map);
}

void enroll_describe_program(struct nst_buf *out, const struct nst_route *route,
                             enum nst_method method)
{
    (void)route;
    describe(out, &program_view, method);
}

void enroll_describe_course(struct nst_buf *out, const struct nst_route *route,
                            enum nst_method method)
{
    (void)route;
    describe(out, &course_view, method);
}
