/* OpenAPI of both views: one table of answers, one schema a body. */
#include "describe.h"

#define P_STATUSES "\"enrolled\",\"pending\",\"suspended\",\"withdrawn\""
#define C_STATUSES "\"active\",\"inactive\""

#define STRING      "{\"type\":\"string\"}"
#define ENUM(words) "{\"type\":\"string\",\"enum\":[" words "]}"
#define LIST(item)  "{\"type\":\"array\",\"minItems\":1,\"maxItems\":25,\"items\":" item "}"
#define MAP(words)  "{\"type\":\"object\",\"additionalProperties\":" ENUM(words) "}"
#define PAGE(statuses) \
    "{\"type\":\"object\",\"properties\":{\"next\":{\"type\":[\"string\",\"null\"]}," \
    "\"previous\":{\"type\":[\"string\",\"null\"]},\"results\":{\"type\":\"array\",\"items\":{" \
    "\"type\":\"object\",\"properties\":{\"student_key\":{\"type\":[\"string\",\"null\"]}," \
    "\"status\":" ENUM( \
        statuses) ",\"account_exists\":{\"type\":\"boolean\"}," \
                  "\"curriculum_uuid\":{\"type\":\"string\",\"format\":\"uuid\"}}}}}}"

struct answer {
    const char *status, *description;
    bool has_schema; /* that of the view's success */
};

struct view {
    const char *page, *body, *map;
    const struct answer *answers; /* of a write; ends with a row without status */
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
    { "413", "More than 25 learners.", false },
    { "422", "None was enrolled, or the request is invalid.", false },
    { 0 },
};

static const struct answer course_answers[] = {
    { "200", "All were written.", true },
    { "207", "Some were; the map says which.", true },
    { "401", "The caller is not authenticated.", false },
    { "403", "The caller may not enrol.", false },
    { "404", "There is no such program or course, or the course is not in the program.", false },
    { "413", "More than 25 learners.", false },
    { "422", "None was written, or the request is invalid.", false },
    { 0 },
};

static const struct view program_view = {
    .page = PAGE(P_STATUSES),
    .body =
        LIST("{\"type\":\"object\",\"required\":[\"external_user_key\",\"status\","
             "\"curriculum_uuid\"],\"properties\":{\"external_user_key\":{\"type\":\"string\","
             "\"maxLength\":255},\"status\":" ENUM(P_STATUSES) ",\"curriculum_uuid\":" STRING "}}"),
    .map = MAP(P_STATUSES ",\"duplicated\",\"conflict\",\"invalid-status\""),
    .answers = program_answers,
};

static const struct view course_view = {
    .page = PAGE(C_STATUSES),
    .body = LIST("{\"type\":\"object\",\"required\":[\"student_key\",\"status\"],\"properties\":{"
                 "\"student_key\":" STRING ",\"status\":" ENUM(C_STATUSES) "}}"),
    .map = MAP(C_STATUSES ",\"duplicated\",\"conflict\",\"invalid-status\",\"not-in-program\","
                          "\"not-found\""),
    .answers = course_answers,
};

static void put_answers(struct nst_buf *out, const struct answer *answer, const char *schema)
{
    const char *between = ",\"responses\":{";
    for (; answer->status != NULL; answer++) {
        nst_putf(out, "%s\"%s\":{\"description\":\"%s\"", between, answer->status,
                 answer->description);
        if (answer->has_schema)
            nst_putf(out, ",\"content\":{\"application/json\":{\"schema\":%s}}", schema);
        nst_put_char(out, '}');
        between = ",";
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
        put_answers(out, page_answers, view->page);
        return;
    }
    nst_putf(out, ",\"requestBody\":{\"content\":{\"application/json\":{\"schema\":%s}}}",
             view->body);
    put_answers(out, view->answers, view->map);
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
