/* The client: libcurl, one handle, a small number of tries. */
#include "client_http.h"

#include "nestor/accounts.h"
#include "stop.h"

#include <curl/curl.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#define TRIES         6
#define WAIT_MAX      60  /* seconds that an answer may ask to wait */
#define STALL_SECONDS 120 /* without a byte: as if no answer had come */

struct cli_http {
    CURL *curl;
    struct nst_str server, credentials;
    const char *socket; /* NULL: none */
    bool is_near;
    struct nst_buf answer;
    CURLcode outcome; /* of the last try */
    curl_off_t wait;  /* seconds that the last answer asked to wait; 0: it did not */
};

static size_t receive(char *data, size_t size, size_t n, void *user)
{
    struct cli_http *c = user;
    nst_put(&c->answer, (struct nst_str){ data, size * n });
    return c->answer.is_full ? 0 : size * n;
}

static struct curl_slist *headers_of(const struct cli_http *c, struct nst_arena *a,
                                     const struct cli_request *r)
{
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");
    if (!r->is_anonymous)
        list =
            curl_slist_append(list, nst_strf(a, "Authorization: %.*s", NST_FMT(c->credentials)).p);
    if (r->type != NULL)
        list = curl_slist_append(list, nst_strf(a, "Content-Type: %s", r->type).p);
    return list;
}

/* One try; 0 when no answer came. */
static long try(struct cli_http *c, struct nst_arena *a, const struct cli_request *r)
{
    struct curl_slist *headers = headers_of(c, a, r);
    struct nst_str url = nst_strf(a, "%.*s%.*s", NST_FMT(c->server), NST_FMT(r->path));
    long status = 0;
    nst_buf_init(&c->answer, a, CLI_ANSWER_MAX);
    curl_easy_reset(c->curl);
    curl_easy_setopt(c->curl, CURLOPT_URL, url.p);
    curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, headers);
    if (r->body.p != NULL) {
        curl_easy_setopt(c->curl, CURLOPT_POSTFIELDS, r->body.p);
        curl_easy_setopt(c->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.n);
    }
    if (c->is_near)
        curl_easy_setopt(c->curl, CURLOPT_PROXY, "");
    curl_easy_setopt(c->curl, CURLOPT_CUSTOMREQUEST, r->method);
    curl_easy_setopt(c->curl, CURLOPT_WRITEFUNCTION, receive);
    curl_easy_setopt(c->curl, CURLOPT_WRITEDATA, c);
    if (c->socket != NULL)
        curl_easy_setopt(c->curl, CURLOPT_UNIX_SOCKET_PATH, c->socket);
    curl_easy_setopt(c->curl, CURLOPT_TIMEOUT, (long)r->seconds);
    curl_easy_setopt(c->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c->curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(c->curl, CURLOPT_LOW_SPEED_TIME, (long)STALL_SECONDS);
    c->wait = 0;
    c->outcome = curl_easy_perform(c->curl);
    if (c->outcome == CURLE_OK) {
        curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status);
        curl_easy_getinfo(c->curl, CURLINFO_RETRY_AFTER, &c->wait);
    }
    curl_slist_free_all(headers);
    return status;
}

struct cli_answer cli_http_send(struct cli_http *c, struct nst_arena *a,
                                const struct cli_request *request)
{
    long status = 0;
    for (unsigned i = 0; i < TRIES; i++) {
        status = try(c, a, request);
        bool may_pass = status == 0 || status == 503 || status == 429;
        if (!may_pass || request->seconds > 0 || cli_is_stopped() || i + 1 == TRIES)
            break;
        /* What the server asks for, else twice as long each time. */
        curl_off_t wait = c->wait > 0 ? c->wait : (curl_off_t)1 << i;
        sleep(wait < WAIT_MAX ? (unsigned)wait : WAIT_MAX);
    }
    return (struct cli_answer){ status, nst_buf_str(&c->answer) };
}

const char *cli_http_reason(const struct cli_http *c)
{
    return curl_easy_strerror(c->outcome);
}

void cli_http_near(struct cli_http *c)
{
    c->is_near = true;
}

int cli_http_reach(struct cli_http *c, const struct cli_options *o, const struct cli_verb *verb)
{
    const struct cli_request request = { .method = "GET",
                                         .path = NST_STR("/healthz"),
                                         .is_anonymous = true };
    if (try(c, o->arena, &request) != 0)
        return EXIT_DONE;
    return cli_fail(verb, "%s does not answer: %s", o->server, cli_http_reason(c));
}

int cli_http_fail(const struct cli_options *o, const struct cli_verb *verb,
                  const struct cli_answer *answer)
{
    if (answer->status == 0)
        return cli_fail(verb, "%s does not answer", o->server);
    if (answer->status == 401 && o->token_file != NULL)
        return cli_fail(verb, "the server does not know the token in %s (401)", o->token_file);
    return cli_fail(verb, "the server answered %ld: %.*s", answer->status,
                    NST_FMT(nst_str_slice(answer->body, 0, CLI_ANSWER_SAID)));
}

int cli_http_secret(struct nst_str *out, struct cli_options *o, const struct cli_verb *verb,
                    const char *path, size_t max)
{
    *out = cli_read_file(o->arena, path, max);
    if (out->p == NULL)
        return cli_fail(verb, "%s cannot be read: %s", path, strerror(errno));
    return out->n > 0 ? EXIT_DONE : cli_fail(verb, "%s is empty", path);
}

int cli_http_token(struct nst_str *out, struct cli_options *o, const struct cli_verb *verb)
{
    if (o->token_file == NULL)
        return cli_misuse(verb, "--server wants --token-file");
    return cli_http_secret(out, o, verb, o->token_file, NST_CARRIED_TOKEN_MAX);
}

struct cli_http *cli_http_new(struct nst_arena *a, const char *server)
{
    struct cli_http *c = NST_NEW(a, struct cli_http);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    c->curl = curl_easy_init();
    c->server = nst_str_z(server);
    if (nst_str_starts(c->server, NST_STR("unix:"))) {
        c->socket = server + strlen("unix:");
        c->server = NST_STR("http://localhost");
    }
    while (nst_str_ends(c->server, NST_STR("/")))
        c->server.n--;
    return c;
}

void cli_http_free(struct cli_http *c)
{
    if (c == NULL)
        return;
    curl_easy_cleanup(c->curl);
    curl_global_cleanup();
}

void cli_http_authorize(struct cli_http *c, struct nst_str value)
{
    c->credentials = value;
}
