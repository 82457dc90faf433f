/* Calls of the program enrollments API: over HTTP with a token that is renewed when
 * it has run out, or as internal requests in a transaction each. */
#include "api.h"

#include "enroll/app.h"
#include "nestor/accounts.h"

#include <stdio.h>
#include <string.h>

#define SECRET_MAX  4096
#define FRESH_TENTH 9 /* tenths of its life that a token is used for */

struct cli_api {
    struct cli_options *o;
    const struct cli_verb *verb;
    struct cli_http *http; /* NULL: inside */
    struct nst_str secret; /* of the client; null: the token came from a file */
    int64_t fresh_until;   /* in nst_ticks */
    struct cli_site site;
    bool has_site;
    struct nst_caller caller;
};

static const char *const methods[] = { "GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS" };

/* ---- Over HTTP ---- */

static void put_field(struct nst_buf *out, const char *name, struct nst_str value)
{
    nst_putf(out, "%s%s=", out->n > 0 ? "&" : "", name);
    nst_put_percent(out, value, "");
}

static struct cli_answer ask_for_token(struct cli_api *api, struct nst_arena *a)
{
    struct nst_buf form;
    nst_buf_init(&form, a, SIZE_MAX / 4);
    put_field(&form, "grant_type", NST_STR("client_credentials"));
    put_field(&form, "client_id", nst_str_z(api->o->client_id));
    put_field(&form, "client_secret", api->secret);
    const struct cli_request request = { .method = "POST",
                                         .path = NST_STR("/oauth2/access_token"),
                                         .type = "application/x-www-form-urlencoded",
                                         .body = nst_buf_str(&form),
                                         .is_anonymous = true };
    return cli_http_send(api->http, a, &request);
}

static int fetch_token(struct cli_api *api, struct nst_arena *a)
{
    struct nst_json *tree = NULL;
    struct cli_answer answer = ask_for_token(api, a);
    int64_t seconds = 0;
    if (answer.status == 0)
        return cli_http_fail(api->o, api->verb, &answer);
    if (answer.status == 200 && nst_json_read(&tree, NULL, a, answer.body, NULL) != NST_OK)
        tree = NULL;
    const struct nst_json *token = nst_json_get(tree, NST_STR("access_token"));
    const struct nst_json *life = nst_json_get(tree, NST_STR("expires_in"));
    if (token == NULL || token->kind != NST_JSON_STRING)
        return cli_fail(api->verb, "no token for the client \"%s\": the server answered %ld: %.*s",
                        api->o->client_id, answer.status,
                        NST_FMT(nst_str_slice(answer.body, 0, CLI_ANSWER_SAID)));
    if (life == NULL || !nst_str_int(&seconds, life->text) || seconds > INT32_MAX)
        seconds = INT32_MAX;
    api->fresh_until = nst_ticks() + seconds * NST_SECOND / 10 * FRESH_TENTH;
    cli_http_authorize(api->http, nst_strf(api->o->arena, "Bearer %.*s", NST_FMT(token->text)));
    return EXIT_DONE;
}

static int refuse(const struct cli_api *api, const struct cli_answer *answer)
{
    const char *why = answer->status == 401 ? "does not know the token"
                                            : "does not let the token's "
                                              "user in: only staff may";
    return cli_fail(api->verb, "the server %s. It answered %ld: %.*s", why, answer->status,
                    NST_FMT(nst_str_slice(answer->body, 0, CLI_ANSWER_SAID)));
}

static int call_server(struct cli_answer *out, struct cli_api *api, struct nst_arena *a,
                       const struct cli_call *call)
{
    const struct cli_request request = {
        .method = methods[call->method],
        .path = nst_strf(a, "%s%.*s", enroll_face.mount, NST_FMT(call->path)),
        .type = call->body.p != NULL ? "application/json" : NULL,
        .body = call->body,
    };
    bool may_renew = api->secret.p != NULL;
    if (may_renew && nst_ticks() >= api->fresh_until && fetch_token(api, a) != EXIT_DONE)
        return EXIT_FAILED;
    *out = cli_http_send(api->http, a, &request);
    if (out->status == 401 && may_renew) {
        if (fetch_token(api, a) != EXIT_DONE)
            return EXIT_FAILED;
        *out = cli_http_send(api->http, a, &request);
    }
    if (out->status == 401 || out->status == 403)
        return refuse(api, out);
    return out->status == 0 ? cli_http_fail(api->o, api->verb, out) : EXIT_DONE;
}

static int open_server(struct cli_api *api)
{
    struct cli_options *o = api->o;
    struct nst_str token = { 0 };
    int status;
    if ((o->client_id != NULL) != (o->client_secret_file != NULL))
        return cli_misuse(api->verb, "--client-id and --client-secret-file go together");
    if (o->client_id != NULL)
        status = cli_http_secret(&api->secret, o, api->verb, o->client_secret_file, SECRET_MAX);
    else
        status = cli_http_token(&token, o, api->verb);
    if (status != EXIT_DONE)
        return status;
    api->http = cli_http_new(o->arena, o->server);
    if (o->client_id == NULL)
        cli_http_authorize(api->http, nst_strf(o->arena, "Bearer %.*s", NST_FMT(token)));
    return cli_http_reach(api->http, o, api->verb);
}

/* ---- Inside ---- */

struct inside {
    struct cli_api *api;
    struct nst_arena *a;
    struct nst_mark mark; /* the work may run again */
    const struct cli_call *call;
    struct cli_answer answer;
};

static enum nst_err run_call(struct nst_db *db, void *arg)
{
    struct inside *in = arg;
    struct nst_json *body = NULL;
    nst_arena_rewind(in->a, in->mark);
    struct nst_req rq = { .arena = in->a,
                          .x = NST_NEW(in->a, struct nst_exchange),
                          .registry = in->api->site.registry,
                          .db = db,
                          .caller = in->api->caller };
    rq.x->arena = in->a;
    if (in->call->body.p != NULL)
        NST_TRY(nst_json_read(&body, NULL, in->a, in->call->body, NULL));
    const struct nst_face *face = in->call->is_desk ? &enroll_desk_face : &enroll_face;
    enum nst_err e = nst_call(&rq, face, in->call->method, in->call->path, body);
    in->answer = (struct cli_answer){ (long)rq.x->status, nst_buf_str(&rq.x->out) };
    return e;
}

static int call_inside(struct cli_answer *out, struct cli_api *api, struct nst_arena *a,
                       const struct cli_call *call)
{
    struct inside in = { .api = api, .a = a, .mark = nst_arena_mark(a), .call = call };
    enum nst_mode mode = call->method == NST_GET ? NST_MODE_READ : NST_MODE_WRITE;
    enum nst_err e = nst_store_run(api->site.store, mode, run_call, &in);
    *out = in.answer;
    if (e != NST_OK && nst_err_status(e) >= 500)
        return cli_fail(api->verb, "%s", nst_err_message(e));
    return EXIT_DONE;
}

static int open_inside(struct cli_api *api)
{
    api->has_site = cli_site_open(&api->site, api->o, api->verb, false);
    if (!api->has_site)
        return EXIT_FAILED;
    int status = cli_find_author(&api->caller, &api->site, api->o, api->verb);
    if (status == EXIT_DONE && !api->caller.is_staff)
        status = cli_fail(api->verb, "\"%.*s\" is not staff; --user NAME names another author",
                          NST_FMT(api->caller.name));
    return status;
}

/* ---- Both ---- */

int cli_api_open(struct cli_api **out, struct cli_options *o, const struct cli_verb *verb)
{
    struct cli_api *api = NST_NEW(o->arena, struct cli_api);
    api->o = o;
    api->verb = verb;
    *out = api;
    return o->server != NULL ? open_server(api) : open_inside(api);
}

void cli_api_close(struct cli_api *api)
{
    if (api == NULL)
        return;
    cli_http_free(api->http);
    if (api->has_site)
        cli_site_close(&api->site);
}

struct nst_str cli_api_path(struct nst_arena *a, struct nst_str program, struct nst_str course,
                            const char *query)
{
    struct nst_buf b;
    nst_buf_init(&b, a, SIZE_MAX / 4);
    nst_put_lit(&b, "/programs/");
    nst_put_percent(&b, program, "");
    if (course.p != NULL) {
        nst_put_lit(&b, "/courses/");
        nst_put_percent(&b, course, "");
    }
    nst_putf(&b, "/enrollments/%s", query);
    return nst_buf_str(&b);
}

int cli_api_call(struct cli_answer *out, struct cli_api *api, struct nst_arena *a,
                 const struct cli_call *call)
{
    return api->http != NULL ? call_server(out, api, a, call) : call_inside(out, api, a, call);
}

/* What follows the mount in a link: the rest of it is the server's idea of its own
 * address, and the token is for the one that was given. Inside there is neither. */
static struct nst_str path_in(const struct cli_api *api, struct nst_str link)
{
    struct nst_str mark = api->http != NULL ? nst_str_z(enroll_face.mount) : NST_STR("http://");
    for (size_t i = 0; i + mark.n <= link.n; i++)
        if (memcmp(link.p + i, mark.p, mark.n) == 0)
            return nst_str_slice(link, i + mark.n, link.n);
    return (struct nst_str){ 0 };
}

int cli_api_page(const struct nst_json **results, struct nst_buf *path, struct cli_api *api,
                 struct nst_arena *a)
{
    struct cli_answer answer;
    struct nst_json *tree = NULL;
    const struct cli_call call = { .method = NST_GET, .path = nst_buf_str(path) };
    int status = cli_api_call(&answer, api, a, &call);
    if (status != EXIT_DONE)
        return status;
    if (answer.status != 200 || nst_json_read(&tree, NULL, a, answer.body, NULL) != NST_OK)
        return cli_http_fail(api->o, api->verb, &answer);
    *results = nst_json_get(tree, NST_STR("results"));
    const struct nst_json *next = nst_json_get(tree, NST_STR("next"));
    path->n = 0;
    if (next == NULL || next->kind != NST_JSON_STRING)
        return EXIT_DONE;
    nst_put(path, path_in(api, next->text));
    return path->n > 0 ? EXIT_DONE
                       : cli_fail(api->verb, "the next page is not one of this API: %.*s",
                                  NST_FMT(next->text));
}
