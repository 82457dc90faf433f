/* Greetings over REST: one resource in one file, served by the framework alone.
 * docs/tutorial.md explains it piece by piece; hello.http proves what it does. */
#include "nestor/base/log.h"
#include "nestor/rest.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

/* ---- The face: how requests are judged and errors look ---- */

static void hello_error(struct nst_req *rq, enum nst_err err)
{
    struct nst_buf *out = &rq->x->out;
    rq->x->status = nst_err_status(err);
    rq->x->content_type = NST_STR("application/json");
    nst_put_lit(out, "{\"error\":");
    nst_json_put_str(out, nst_str_z(nst_err_key(err)));
    for (const struct nst_problem *p = rq->problem; p != NULL; p = p->next) {
        nst_put_z(out, p == rq->problem ? ",\"problems\":[{\"field\":" : ",{\"field\":");
        nst_json_put_str(out, p->key);
        nst_put_lit(out, ",\"text\":");
        nst_json_put_str(out, p->text);
        nst_put_z(out, p->next == NULL ? "}]" : "}");
    }
    nst_put_char(out, '}');
}

static void hello_paginate(struct nst_req *rq, const struct nst_page *page)
{
    nst_http_add_header(rq->x, "Total-Count", nst_strf(rq->arena, "%lld", (long long)page->found));
}

static const struct nst_texts hello_texts = {
    .required = "This field is required.",
    .blank = "This field may not be blank.",
    .null = "This field may not be null.",
    .pattern = "This value has characters that are not allowed.",
    .invalid = "This value is of the wrong type.",
    .choice = "%s is not one of the choices.",
    .twice = "Given twice with different values.",
    .not_object = "The body must be a JSON object.",
    .not_object_key = "body",
};

static const struct nst_face hello_face = {
    .name = "hello",
    .mount = "/hello",
    .doc = "Greetings for everybody.",
    .phase = nst_default_phases,
    .error = hello_error,
    .paginate = hello_paginate,
    .spelling = NST_SNAKE_CASE,
    .time = NST_TIME_SECOND_Z,
    .text = &hello_texts,
    .body_limit = 65536,
};

/* ---- The resource ---- */

struct greeting {
    struct nst_row row;
    struct nst_str text, language;
    bool is_active;
    int64_t created_at, updated_at;
};

static const struct nst_field greeting_field[] = {
    NST_IDENTITY("id", greeting, created_at, .doc = "Number of the greeting."),
    NST_FIELD("text", greeting, text, &nst_text, .flags = NST_NOT_EMPTY, .max = 200,
              .doc = "What is said."),
    NST_FIELD("language", greeting, language, &nst_text, .flags = NST_NOT_EMPTY | NST_FILTER,
              .fallback = "en", .max = 35, .doc = "Language tag of the text."),
    NST_FIELD("is_active", greeting, is_active, &nst_bool, .fallback = "true",
              .doc = "False once deleted."),
    NST_FIELD("created_at", greeting, created_at, &nst_datetime, .flags = NST_CORE | NST_FILTER,
              .fill = NST_AUTO_CREATED, .doc = "Time of creation."),
    NST_FIELD("updated_at", greeting, updated_at, &nst_datetime, .fill = NST_AUTO_UPDATED,
              .doc = "Time of the last change."),
    NST_LINK("url", "/hello/greetings/{id}/", .doc = "Address of the greeting."),
};

static const struct nst_rule greeting_rule[] = {
    { "language", .charset = "a-zA-Z0-9-" },
    { 0 },
};

static const struct nst_serializer greeting_serializer[] = {
    { &hello_face, NST_LIST, "id text language url" },
    { &hello_face, NST_DETAIL, "id text language created_at updated_at url" },
    { &hello_face, NST_CREATE, "text* language", .rules = greeting_rule },
    { &hello_face, NST_UPDATE, "text language", .rules = greeting_rule },
};

static enum nst_err anyone(struct nst_req *rq)
{
    (void)rq;
    return NST_OK;
}

static enum nst_err number_greeting(struct nst_req *rq, void *row)
{
    return nst_next_id(&((struct nst_row *)row)->id, rq->db, "greeting", 1);
}

static const struct nst_route greeting_route[] = {
    { &hello_face, "/greetings/", .get = { nst_list, anyone }, .post = { nst_create, anyone },
      .doc = "Greetings, oldest first." },
    { &hello_face, "/greetings/:greeting/", .get = { nst_retrieve, anyone },
      .put = { nst_update, anyone }, .delete = { nst_destroy, anyone }, .doc = "One greeting." },
};

static const struct nst_sort greeting_sort[] = { { "language", "greeting.language" }, { 0 } };

static const struct nst_resource greeting = {
    .name = "greeting",
    .table = "greeting",
    .where = "greeting.is_active",
    .order = "greeting.id",
    .key = "id",
    .size = sizeof(struct greeting),
    NST_FIELDS(greeting_field),
    NST_SERIALIZERS(greeting_serializer),
    NST_ROUTES(greeting_route),
    .sort = greeting_sort,
    .hook = { .before_create = number_greeting },
    .doc = "A few words in some language.",
};

static const struct nst_migration migration[] = {
    { 1, "greeting",
      "CREATE TABLE nst_counter (name text NOT NULL PRIMARY KEY, next bigint NOT NULL);\n"
      "CREATE TABLE greeting (\n"
      "--sqlite:  id INTEGER PRIMARY KEY,\n"
      "--postgresql:  id bigint PRIMARY KEY,\n"
      "  text text NOT NULL,\n"
      "  language text NOT NULL,\n"
      "  is_active boolean NOT NULL,\n"
      "  created_at bigint NOT NULL,\n"
      "  updated_at bigint NOT NULL\n"
      ");\n" },
};

/* ---- The program ---- */

/* SIGTERM and SIGINT are blocked before any thread starts, so that they arrive
 * in sigwait and requests in flight are answered first. */
static int serve(const struct nst_server_options *o, const sigset_t *signals)
{
    struct nst_server *server;
    int signal = 0;
    if (nst_server_start(&server, o) != NST_OK)
        return 1;
    nst_log(NST_LOG_INFO, "listening", NST_LOG_INT("port", nst_server_port(server)));
    sigwait(signals, &signal);
    nst_server_stop(server);
    return 0;
}

static int run(const char *database, const char *listen, const sigset_t *signals)
{
    static const struct nst_resource *const resources[] = { &greeting, NULL };
    static const struct nst_face *const faces[] = { &hello_face, NULL };
    const struct nst_store_options options = { .url = nst_str_z(database) };
    struct nst_arena *arena = nst_arena_new(65536);
    struct nst_server_options o = { .http.listen = nst_str_z(listen) };
    int status = 1;
    if (nst_registry_new(&o.registry, arena, resources, faces) == NST_OK &&
        nst_store_open(&o.store, &options) == NST_OK) {
        if (nst_migrate(NULL, o.store, migration, NST_COUNT(migration)) == NST_OK)
            status = serve(&o, signals);
        nst_store_close(o.store);
    }
    nst_arena_free(arena);
    return status;
}

int main(int argc, char **argv)
{
    sigset_t signals;
    if (argc != 2 && (argc != 4 || strcmp(argv[2], "--listen") != 0)) {
        fprintf(stderr, "usage: hello DATABASE [--listen ADDRESS:PORT]\n");
        return 2;
    }
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    return run(argv[1], argc == 4 ? argv[3] : "127.0.0.1:8080", &signals);
}
