/* nestor enrollments export: rows of a database or pages of a server, as CSV or JSON
 * lines. */
#include "enrollments.h"

#include "api.h"
#include "enroll/app.h"
#include "enroll/course_key/course_key.h"
#include "enroll/upkeep.h"
#include "nestor/base/csv.h"
#include "output.h"

#include <string.h>

#define COLUMNS_MAX 8
#define SERVER_PAGE "?page_size=1000"

/* What stands under the columns of a row; null texts are empty cells, or null. */
struct cells {
    struct nst_str text[COLUMNS_MAX];
    bool is_bool[COLUMNS_MAX]; /* true and false as they are */
};

struct exporting {
    struct cli_options *o;
    const char *const *column; /* NULL-terminated */
    bool is_json, is_course;
    struct nst_str program, course;
    struct cli_output out;
    struct nst_arena *arena;
};

static const char *const program_columns[] = { "program",  "external_user_key",
                                               "status",   "curriculum_uuid",
                                               "username", "created",
                                               "modified", NULL };
static const char *const course_columns[] = { "program", "course",   "student_key", "status",
                                              "mode",    "username", NULL };
static const char *const server_columns[] = { "student_key", "status", "account_exists",
                                              "curriculum_uuid", NULL };

/* ---- Writing ---- */

static void put_cell(struct nst_buf *line, const struct exporting *x, const struct cells *cells,
                     size_t i)
{
    if (i > 0)
        nst_put_char(line, ',');
    if (!x->is_json) {
        nst_csv_put(line, cells->text[i]);
        return;
    }
    nst_putf(line, "\"%s\":", x->column[i]);
    if (cells->is_bool[i])
        nst_put(line, cells->text[i]);
    else
        nst_json_put_str_or_null(line, cells->text[i]);
}

static bool put_row(struct exporting *x, const struct cells *cells)
{
    struct nst_mark mark = nst_arena_mark(x->arena);
    struct nst_buf line;
    nst_buf_init(&line, x->arena, SIZE_MAX / 4);
    nst_put_z(&line, x->is_json ? "{" : "");
    for (size_t i = 0; x->column[i] != NULL; i++)
        put_cell(&line, x, cells, i);
    nst_put_z(&line, x->is_json ? "}\n" : "\n");
    bool good = cli_output_put(&x->out, nst_buf_str(&line));
    nst_arena_rewind(x->arena, mark);
    return good;
}

static bool put_header(struct exporting *x)
{
    struct cells names = { 0 };
    if (x->is_json)
        return true;
    for (size_t i = 0; x->column[i] != NULL; i++)
        names.text[i] = nst_str_z(x->column[i]);
    return put_row(x, &names);
}

/* ---- From a database ---- */

static struct nst_str time_text(struct nst_arena *a, int64_t t)
{
    struct nst_buf b;
    nst_buf_init(&b, a, 64);
    nst_put_time(&b, t, NST_TIME_MICRO_Z);
    return nst_buf_str(&b);
}

static bool take_row(void *arg, const struct enroll_export_row *row)
{
    struct exporting *x = arg;
    struct nst_mark mark = nst_arena_mark(x->arena);
    const struct cells program = { .text = { row->program, row->key, row->status, row->curriculum,
                                             row->username, time_text(x->arena, row->created),
                                             time_text(x->arena, row->modified) } };
    const struct cells course = { .text = { row->program, row->course, row->key, row->status,
                                            row->mode, row->username } };
    bool good = put_row(x, x->is_course ? &course : &program);
    nst_arena_rewind(x->arena, mark);
    return good;
}

static enum nst_err export_rows(struct nst_db *db, void *arg)
{
    struct exporting *x = arg;
    const struct enroll_export what = { .program = x->program,
                                        .course = x->course,
                                        .is_course = x->is_course,
                                        .sink = take_row,
                                        .arg = x };
    if (!cli_output_restart(&x->out))
        return NST_E_INTERNAL;
    return put_header(x) ? enroll_export(db, &what) : NST_E_PRECONDITION;
}

static int export_from_site(struct exporting *x, struct cli_site *site)
{
    enum nst_err e = nst_store_run(site->store, NST_MODE_READ, export_rows, x);
    if (e == NST_E_NOT_FOUND)
        return cli_fail(&cli_enrollments, "there is no program \"%.*s\"", NST_FMT(x->program));
    if (e != NST_OK && !x->out.has_failed)
        return cli_fail(&cli_enrollments, "%s", nst_err_message(e));
    return e == NST_OK ? EXIT_DONE : EXIT_FAILED;
}

/* ---- From a server ---- */

static bool put_results(struct exporting *x, const struct nst_json *results)
{
    const struct nst_json *item = results != NULL ? results->first : NULL;
    bool good = true;
    for (; item != NULL && good; item = item->next) {
        struct cells cells = { 0 };
        for (size_t i = 0; x->column[i] != NULL; i++) {
            const struct nst_json *v = nst_json_get(item, nst_str_z(x->column[i]));
            cells.is_bool[i] = v != NULL && v->kind == NST_JSON_BOOL;
            if (cells.is_bool[i])
                cells.text[i] = v->boolean ? NST_STR("true") : NST_STR("false");
            else if (v != NULL && v->kind == NST_JSON_STRING)
                cells.text[i] = v->text;
        }
        good = put_row(x, &cells);
    }
    return good;
}

static int export_from_server(struct exporting *x)
{
    struct cli_api *api = NULL;
    struct nst_buf path;
    int status = cli_api_open(&api, x->o, &cli_enrollments);
    nst_buf_init(&path, x->o->arena, SIZE_MAX / 4);
    nst_put(&path, cli_api_path(x->arena, x->program, x->course, SERVER_PAGE));
    if (status == EXIT_DONE && !put_header(x))
        status = EXIT_FAILED;
    while (status == EXIT_DONE && path.n > 0) {
        const struct nst_json *results = NULL;
        status = cli_api_page(&results, &path, api, x->arena);
        if (!put_results(x, results))
            status = EXIT_FAILED;
        nst_arena_reset(x->arena);
    }
    cli_api_close(api);
    return status;
}

/* ---- The action ---- */

const char *cli_export_fault(const struct cli_options *o)
{
    bool has_program = o->rest_count > 1;
    if (has_program && (o->rest_count != 3 || strcmp(o->rest[1], "program") != 0))
        return "export takes: program UUID";
    if (has_program && o->all)
        return "a program, or --all?";
    if (o->server != NULL && (!has_program || (o->courses && o->course == NULL)))
        return "a server lists one program, and of its courses one at a time";
    return NULL;
}

static int prepare(struct exporting *x, struct cli_options *o)
{
    x->o = o;
    x->is_json = o->format != NULL && strcmp(o->format, "jsonl") == 0;
    x->is_course = o->courses || o->course != NULL;
    x->program = o->rest_count == 3 ? nst_str_z(o->rest[2]) : (struct nst_str){ 0 };
    x->column = o->server != NULL ? server_columns
                : x->is_course    ? course_columns
                                  : program_columns;
    if (o->course != NULL && !enroll_course_key_parse(&x->course, o->arena, nst_str_z(o->course)))
        return cli_misuse(&cli_enrollments, "\"%s\" is no course key", o->course);
    return EXIT_DONE;
}

int cli_export(struct cli_site *site, struct cli_options *o)
{
    struct exporting x = { 0 };
    int status = prepare(&x, o);
    if (status != EXIT_DONE)
        return status;
    if (!cli_output_open(&x.out, o->arena, o->output, &cli_enrollments))
        return EXIT_FAILED;
    x.arena = nst_arena_new((size_t)1 << 18);
    status = site != NULL ? export_from_site(&x, site) : export_from_server(&x);
    nst_arena_free(x.arena);
    status = cli_output_close(&x.out, status);
    return status == EXIT_DONE ? status : cli_fail(&cli_enrollments, "the export is not whole");
}
