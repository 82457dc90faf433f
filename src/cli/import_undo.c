/* nestor import --undo: has a server take back an import, waits, and tells what was left. */
#include "client_http.h"
#include "import.h"
#include "stop.h"
#include "table.h"

#include <string.h>
#include <unistd.h>

#define WAIT_SECONDS 1 /* between two questions */

struct undoing {
    struct cli_options *o;
    struct cli_http *client;
    struct nst_arena *arena; /* of one answer */
    struct nst_str task;     /* that undoes it */
    struct cli_progress progress;
};

static struct cli_answer ask(struct undoing *u, const char *method, struct nst_str path)
{
    const struct cli_request request = { .method = method, .path = path };
    nst_arena_reset(u->arena);
    return cli_http_send(u->client, u->arena, &request);
}

static struct nst_str path_of(struct undoing *u, const char *list, struct nst_str id,
                              const char *below)
{
    struct nst_buf b;
    nst_buf_init(&b, u->o->arena, 65536);
    nst_put_z(&b, list);
    nst_put_percent(&b, id, "~");
    nst_put_char(&b, '/');
    nst_put_z(&b, below);
    return nst_buf_str(&b);
}

static struct nst_str text_of(const struct nst_json *object, const char *name)
{
    const struct nst_json *v = object != NULL ? nst_json_get(object, nst_str_z(name)) : NULL;
    return v != NULL && v->kind != NST_JSON_NULL ? v->text : (struct nst_str){ 0 };
}

/* ---- Asking for it ---- */

/* {"exception": TEXT}; any other answer as it is. */
static int refuse(struct undoing *u, const struct cli_answer *answer)
{
    struct nst_json *tree;
    bool is_json = nst_json_read(&tree, NULL, u->arena, answer->body, NULL) == NST_OK;
    struct nst_str why = is_json ? text_of(tree, "exception") : (struct nst_str){ 0 };
    if (why.n == 0)
        return cli_http_fail(u->o, &cli_import, answer);
    return cli_fail(&cli_import, "%.*s", NST_FMT(why));
}

static int begin(struct undoing *u)
{
    struct nst_json *tree;
    struct cli_answer answer =
        ask(u, "POST", path_of(u, "/v2/importers/bulk-import/", nst_str_z(u->o->undo), "undo/"));
    if (answer.status != 202)
        return refuse(u, &answer);
    if (nst_json_read(&tree, NULL, u->arena, answer.body, NULL) == NST_OK)
        u->task = nst_str_copy(u->o->arena, text_of(tree, "id"));
    return u->task.n > 0 ? EXIT_DONE : cli_fail(&cli_import, "the server names no task");
}

/* ---- Waiting ---- */

static int64_t number_of(const struct nst_json *object, const char *name)
{
    int64_t number = 0;
    return nst_str_int(&number, text_of(object, name)) ? number : 0;
}

static void show(struct undoing *u, const struct nst_json *task, bool is_last)
{
    const struct nst_json *summary = nst_json_get(task, NST_STR("summary"));
    u->progress.count = (size_t)number_of(summary, "processed");
    u->progress.bytes = number_of(summary, "processed");
    u->progress.size = number_of(summary, "total");
    cli_progress_show(&u->progress, is_last);
}

static void print_thing(struct nst_arena *a, const struct nst_json *thing)
{
    struct nst_str who = text_of(thing, "changed_by"), when = text_of(thing, "changed_on");
    struct nst_str url = text_of(thing, "url"), reason = text_of(thing, "reason");
    struct nst_str remedy = text_of(thing, "remedy");
    struct nst_str by =
        who.p == NULL ? NST_STR("") : nst_strf(a, " (%.*s, %.*s)", NST_FMT(who), NST_FMT(when));
    cli_say(a, "left: %.*s: %.*s%.*s %.*s", NST_FMT(url), NST_FMT(reason), NST_FMT(by),
            NST_FMT(remedy));
}

static int tell(struct undoing *u, const struct nst_json *task)
{
    const struct nst_json *result = nst_json_get(task, NST_STR("result"));
    struct nst_str report = text_of(task, "report");
    const struct nst_json *things = result != NULL ? nst_json_get(result, NST_STR("things")) : NULL;
    show(u, task, true);
    size_t told = 0;
    for (const struct nst_json *v = things != NULL ? things->first : NULL; v != NULL; v = v->next) {
        print_thing(u->o->arena, v);
        told++;
    }
    int64_t left = number_of(result, "left");
    if (left > (int64_t)told)
        printf("left: %lld more\n", (long long)left - (long long)told);
    cli_say(u->o->arena, "%.*s", NST_FMT(report));
    return left == 0 ? EXIT_DONE : EXIT_FAILED;
}

static int wait_for_end(struct undoing *u)
{
    struct nst_str path = path_of(u, "/v2/tasks/", u->task, "");
    while (!cli_is_stopped()) {
        struct nst_json *task;
        struct cli_answer answer = ask(u, "GET", path);
        if (answer.status != 200 ||
            nst_json_read(&task, NULL, u->arena, answer.body, NULL) != NST_OK)
            return refuse(u, &answer);
        struct nst_str state = text_of(task, "state");
        if (nst_str_eq(state, NST_STR("SUCCESS")))
            return tell(u, task);
        struct nst_str error = text_of(task, "error_message");
        if (error.p != NULL)
            return cli_fail(&cli_import, "%.*s", NST_FMT(error));
        if (nst_str_eq(state, NST_STR("REVOKED")))
            return cli_fail(&cli_import, "the undo was cancelled: run the same command to go on");
        show(u, task, false);
        sleep(WAIT_SECONDS);
    }
    return cli_fail(&cli_import, "not waited for: the server goes on with task %.*s",
                    NST_FMT(u->task));
}

int import_undo(struct cli_options *o)
{
    struct nst_str token;
    int status = cli_http_token(&token, o, &cli_import);
    if (status != EXIT_DONE)
        return status;
    struct undoing u = { .o = o,
                         .client = cli_http_new(o->arena, o->server),
                         .arena = nst_arena_new(65536),
                         .progress = {
                             .what = "changes", .started = nst_ticks(), .is_quiet = o->quiet } };
    cli_http_authorize(u.client, nst_strf(o->arena, "Token %.*s", NST_FMT(token)));
    status = cli_http_reach(u.client, o, &cli_import);
    if (status == EXIT_DONE)
        status = begin(&u);
    if (status == EXIT_DONE)
        status = wait_for_end(&u);
    cli_http_free(u.client);
    nst_arena_free(u.arena);
    return status;
}
