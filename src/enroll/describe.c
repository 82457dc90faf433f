/* OpenAPI of both views: one table of answers, one schema a body. */
#include "describe.h"

#include "app.h"

#define BATCH  NST_DIGITS(ENROLL_BATCH)
#define STRING "{\"type\":\"string\"}"

/* What both views have of their own; the argument of their actions. */
struct enroll_described {
    const char *const *statuses, *const *errors; /* NULL-terminated: of rows, of the map */
    const char *required, *properties;           /* of a record, its status aside */
};

static const char *const program_errors[] = { "duplicated", "conflict", "invalid-status", NULL };
static const char *const course_errors[] = { "duplicated",     "conflict",  "invalid-status",
                                             "not-in-program", "not-found", NULL };

const struct enroll_described enroll_program_described = {
    .statuses = enroll_statuses,
    .errors = program_errors,
    .required = "\"external_user_key\",\"status\",\"curriculum_uuid\"",
    .properties = "\"external_user_key\":{\"type\":\"string\",\"maxLength\":" NST_DIGITS(
        ENROLL_KEY_MAX) "},\"curriculum_uuid\":" STRING,
};

const struct enroll_described enroll_course_described = {
    .statuses = enroll_course_statuses,
    .errors = course_errors,
    .required = "\"student_key\",\"status\"",
    .properties = "\"student_key\":" STRING,
};

/* ---- Schemas ---- */

void enroll_put_words(struct nst_buf *out, const char *const *words)
{
    for (size_t i = 0; words[i] != NULL; i++)
        nst_putf(out, "%s\"%s\"", i > 0 ? "," : "", words[i]);
}

static void put_page(struct nst_buf *out, const struct nst_action *action)
{
    const struct enroll_described *view = action->arg;
    nst_put_lit(out, "{\"type\":\"object\",\"properties\":{\"next\":{\"type\":[\"string\","
                     "\"null\"]},\"previous\":{\"type\":[\"string\",\"null\"]},\"results\":{"
                     "\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{"
                     "\"student_key\":{\"type\":[\"string\",\"null\"]},\"status\":{\"type\":"
                     "\"string\",\"enum\":[");
    enroll_put_words(out, view->statuses);
    nst_put_lit(out, "]},\"account_exists\":{\"type\":\"boolean\"},\"curriculum_uuid\":{"
                     "\"type\":\"string\",\"format\":\"uuid\"}}}}}}");
}

static void put_batch(struct nst_buf *out, const struct nst_action *action)
{
    const struct enroll_described *view = action->arg;
    nst_putf(out,
             "{\"type\":\"array\",\"minItems\":1,\"maxItems\":" BATCH ",\"items\":{\"type\":"
             "\"object\",\"required\":[%s],\"properties\":{%s,\"status\":{\"type\":\"string\","
             "\"enum\":[",
             view->required, view->properties);
    enroll_put_words(out, view->statuses);
    nst_put_lit(out, "]}}}}");
}

static void put_map(struct nst_buf *out, const struct nst_action *action)
{
    const struct enroll_described *view = action->arg;
    nst_put_lit(out, "{\"type\":\"object\",\"additionalProperties\":{\"type\":\"string\","
                     "\"enum\":[");
    enroll_put_words(out, view->statuses);
    nst_put_char(out, ',');
    enroll_put_words(out, view->errors);
    nst_put_lit(out, "]}}");
}

/* Nothing was written: the map says why, or one sentence. */
static void put_refused(struct nst_buf *out, const struct nst_action *action)
{
    nst_put_lit(out, "{\"anyOf\":[" STRING ",");
    put_map(out, action);
    nst_put_lit(out, "]}");
}

/* ---- Operations ---- */

static const struct nst_parameter page_parameters[] = {
    { "page_size", "{\"type\":\"integer\",\"default\":100}", "Rows of a page." },
    { "cursor", NULL, "Where a page begins, from a link." },
    { 0 },
};

#define ERROR "{\"$ref\":\"#/components/schemas/enrollments.Error\"}"

static const struct nst_response page_responses[] = {
    { 200, "A page.", { .put = put_page } },
    { 404, "There is no such program, course or cursor.", { .schema = ERROR } },
    { 0 },
};

/* Many learners, or many bytes: the contract has no body for the one of P. */
#define P_TOO_MANY \
    { \
        413, "More than " BATCH " learners, without a body; or too many bytes." \
    }
#define C_TOO_MANY \
    { \
        413, "More than " BATCH " learners, or too many bytes.", \
        { \
            .schema = "{\"anyOf\":[" STRING "," ERROR "]}" \
        } \
    }

#define NONE_WRITTEN \
    { \
        422, "None was written, or the request is invalid.", \
        { \
            .put = put_refused \
        } \
    }

static const struct nst_response program_responses[] = {
    { 201, "All were enrolled.", { .put = put_map } },
    { 207, "Some were; the map says which.", { .put = put_map } },
    P_TOO_MANY,
    NONE_WRITTEN,
    { 0 },
};

static const struct nst_response course_responses[] = {
    { 200, "All were written.", { .put = put_map } },
    { 207, "Some were; the map says which.", { .put = put_map } },
    C_TOO_MANY,
    NONE_WRITTEN,
    { 0 },
};

const struct nst_description enroll_page_description = { .parameter = page_parameters,
                                                         .response = page_responses };
const struct nst_description enroll_program_description = { .request = { .put = put_batch },
                                                            .response = program_responses };
const struct nst_description enroll_course_description = { .request = { .put = put_batch },
                                                           .response = course_responses };
