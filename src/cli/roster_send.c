/* Batches of rows become requests, and answers become outcomes of rows. */
#include "roster.h"

static void put_member(struct nst_buf *out, const char *name, struct nst_str value)
{
    nst_putf(out, "%s\"%s\":", out->p[out->n - 1] == '{' ? "" : ",", name);
    nst_json_put_str(out, value);
}

static struct nst_str body_of(struct roster_row *const *row, size_t count,
                              const struct roster_send_how *how)
{
    struct nst_buf b;
    nst_buf_init(&b, how->arena, SIZE_MAX / 4);
    for (size_t i = 0; i < count; i++) {
        nst_put_z(&b, i == 0 ? "[{" : ",{");
        put_member(&b, how->kind->is_course ? "student_key" : "external_user_key",
                   row[i]->value[ROSTER_KEY]);
        put_member(&b, "status", row[i]->value[ROSTER_STATUS]);
        if (row[i]->value[ROSTER_CURRICULUM].p != NULL)
            put_member(&b, "curriculum_uuid", row[i]->value[ROSTER_CURRICULUM]);
        nst_put_char(&b, '}');
    }
    nst_put_char(&b, ']');
    return nst_buf_str(&b);
}

/* The row of a program file has no course. */
static struct nst_str path_of(const struct roster_row *row, const struct roster_send_how *how,
                              const char *query)
{
    return cli_api_path(how->arena, row->value[ROSTER_PROGRAM], row->value[ROSTER_COURSE], query);
}

/* ---- What was not found ---- */

static struct nst_str word_of_code(struct nst_arena *a, struct nst_str body)
{
    static const char *const word[][2] = {
        { "program_does_not_exist", "program-not-found" },
        { "course_does_not_exist", "course-not-found" },
        { "invalid_course_key", "invalid-course-key" },
    };
    struct nst_json *tree;
    if (nst_json_read(&tree, NULL, a, body, NULL) != NST_OK)
        return (struct nst_str){ 0 };
    const struct nst_json *code = nst_json_get(tree, NST_STR("error_code"));
    for (size_t i = 0; i < NST_COUNT(word) && code != NULL; i++)
        if (nst_str_eq(code->text, nst_str_z(word[i][0])))
            return nst_str_z(word[i][1]);
    return (struct nst_str){ 0 };
}

/* A write of C does not say what is missing (N1, N2); a read of no rows does, and
 * when it finds nothing amiss the course is not one of the program's (N4). */
static int find_missing(struct nst_str *word, const struct roster_row *row, struct cli_api *api,
                        const struct roster_send_how *how)
{
    struct cli_answer answer;
    const struct cli_call call = { .method = NST_GET, .path = path_of(row, how, "?page_size=-1") };
    int status = cli_api_call(&answer, api, how->arena, &call);
    if (status == EXIT_DONE)
        *word = answer.status == 200 ? NST_STR("course-not-in-program")
                                     : word_of_code(how->arena, answer.body);
    return status;
}

/* UUIDs are looked up by their exact text (N6), and are in capitals in some files only. */
static bool lower_program(struct roster_row *const *row, size_t count,
                          const struct roster_send_how *how)
{
    struct nst_buf b;
    struct nst_str program = row[0]->value[ROSTER_PROGRAM];
    nst_buf_init(&b, how->arena, program.n + 1);
    for (size_t i = 0; i < program.n; i++)
        nst_put_char(&b, nst_lower(program.p[i]));
    for (size_t i = 0; i < count; i++)
        row[i]->value[ROSTER_PROGRAM] = nst_buf_str(&b);
    return !nst_str_eq(program, nst_buf_str(&b));
}

static int take_missing(struct roster_row *const *row, size_t count, struct cli_api *api,
                        const struct roster_send_how *how, struct nst_str body)
{
    struct nst_str word = word_of_code(how->arena, body);
    int status = EXIT_DONE;
    if (word.p == NULL && how->kind->is_course)
        status = find_missing(&word, row[0], api, how);
    if (status == EXIT_DONE && word.p == NULL)
        word = NST_STR("program-not-found");
    if (status == EXIT_DONE && nst_str_eq(word, NST_STR("program-not-found")) &&
        lower_program(row, count, how))
        return roster_send(row, count, api, how);
    for (size_t i = 0; i < count; i++)
        row[i]->outcome = word;
    return status;
}

/* ---- Sending ---- */

static void take_map(struct roster_row *const *row, size_t count, const struct nst_json *map)
{
    for (size_t i = 0; i < count; i++) {
        const struct nst_json *word = nst_json_get(map, row[i]->value[ROSTER_KEY]);
        row[i]->outcome =
            word != NULL && word->kind == NST_JSON_STRING ? word->text : NST_STR("no-answer");
    }
}

static bool is_map_status(long status)
{
    return status == 200 || status == 201 || status == 207 || status == 422;
}

/* One record at fault condemns the whole request: each goes alone then. */
static int send_each(struct roster_row *const *row, size_t count, struct cli_api *api,
                     const struct roster_send_how *how)
{
    int status = EXIT_DONE;
    for (size_t i = 0; i < count && status == EXIT_DONE; i++)
        status = roster_send(row + i, 1, api, how);
    return status;
}

int roster_send(struct roster_row *const *row, size_t count, struct cli_api *api,
                const struct roster_send_how *how)
{
    struct cli_answer answer;
    struct nst_json *tree = NULL;
    const struct cli_call call = { .method = how->method,
                                   .path = path_of(row[0], how, ""),
                                   .body = body_of(row, count, how),
                                   .is_desk = how->method == NST_PATCH && !how->kind->is_course };
    int status = cli_api_call(&answer, api, how->arena, &call);
    if (status != EXIT_DONE)
        return status;
    if (answer.status == 404)
        return take_missing(row, count, api, how, answer.body);
    if (is_map_status(answer.status) &&
        nst_json_read(&tree, NULL, how->arena, answer.body, NULL) != NST_OK)
        tree = NULL;
    if (tree != NULL && tree->kind == NST_JSON_OBJECT) {
        take_map(row, count, tree);
        return roster_known_settle(row, count, api, how);
    }
    if (answer.status == 405)
        return cli_fail(how->verb,
                        "this server's edition of the API changes no program enrolments; run the "
                        "verb on its database, with --data or --database");
    if (tree == NULL || tree->kind != NST_JSON_STRING)
        return cli_fail(how->verb, "an answer that was not expected, %ld: %.*s", answer.status,
                        NST_FMT(nst_str_slice(answer.body, 0, CLI_ANSWER_SAID)));
    if (count > 1)
        return send_each(row, count, api, how);
    row[0]->outcome = NST_STR("invalid-enrollment-record");
    return EXIT_DONE;
}
