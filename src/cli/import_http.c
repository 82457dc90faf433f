/* Importing over HTTP: each batch is one request, repeated while the network or
 * the server is away, since a repeated batch changes nothing. */
#include "import.h"

#include "accounts/accounts.h"

#include <curl/curl.h>
#include <string.h>
#include <unistd.h>

#define TRIES       6
#define ANSWER_MAX  ((size_t)16 << 20)
#define ERROR_SHOWN 500

struct import_client {
    CURL *curl;
    struct curl_slist *headers;
    struct nst_str url;
    struct nst_buf answer;
};

static size_t receive(char *data, size_t size, size_t n, void *user)
{
    struct import_client *c = user;
    nst_put(&c->answer, (struct nst_str){ data, size * n });
    return c->answer.is_full ? 0 : size * n;
}

static struct nst_str batch_body(const struct import_batch *batch)
{
    struct nst_buf b;
    nst_buf_init(&b, batch->arena, SIZE_MAX / 4);
    nst_put_lit(&b, "{\"lines\":[");
    for (size_t i = 0; i < batch->count; i++) {
        nst_put_z(&b, i > 0 ? "," : "");
        nst_put(&b, batch->text[i]);
    }
    nst_put_lit(&b, "]}");
    return nst_buf_str(&b);
}

/* One try; 0 when no answer came. */
static long post(struct import *im, struct nst_arena *a, struct nst_str body)
{
    struct import_client *c = im->client;
    long status = 0;
    nst_buf_init(&c->answer, a, ANSWER_MAX);
    curl_easy_setopt(c->curl, CURLOPT_URL, c->url.p);
    curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, c->headers);
    curl_easy_setopt(c->curl, CURLOPT_POSTFIELDS, body.p);
    curl_easy_setopt(c->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.n);
    curl_easy_setopt(c->curl, CURLOPT_WRITEFUNCTION, receive);
    curl_easy_setopt(c->curl, CURLOPT_WRITEDATA, c);
    curl_easy_setopt(c->curl, CURLOPT_NOSIGNAL, 1L);
    if (curl_easy_perform(c->curl) == CURLE_OK)
        curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

static bool may_pass(long status)
{
    return status == 0 || status == 503 || status == 429;
}

static enum ocl_outcome outcome_named(struct nst_str word)
{
    for (int i = 0; i < OCL_OUTCOME_COUNT; i++)
        if (nst_str_eq(nst_str_z(ocl_outcome_word((enum ocl_outcome)i)), word))
            return (enum ocl_outcome)i;
    return OCL_FAILED;
}

static bool read_results(struct import *im, struct import_batch *b)
{
    struct nst_json *answer;
    struct nst_str text = nst_buf_str(&im->client->answer);
    if (nst_json_read(&answer, NULL, b->arena, text, NULL) != NST_OK)
        return false;
    const struct nst_json *results = nst_json_get(answer, NST_STR("results"));
    if (results == NULL || results->count != b->count)
        return false;
    struct ocl_line *line = b->line;
    for (const struct nst_json *r = results->first; r != NULL; r = r->next, line++) {
        const struct nst_json *word = nst_json_get(r, NST_STR("outcome"));
        const struct nst_json *errors = nst_json_get(r, NST_STR("errors"));
        struct nst_buf detail;
        nst_buf_init(&detail, b->arena, ANSWER_MAX);
        if (errors != NULL)
            nst_json_put(&detail, errors);
        line->outcome = outcome_named(word != NULL ? word->text : NST_STR(""));
        line->detail = nst_buf_str(&detail);
    }
    import_record_batch(im, b);
    return true;
}

static bool send_to_server(struct import *im, struct import_batch *b)
{
    struct nst_str body = batch_body(b);
    long status = 0;
    for (unsigned i = 0; i < TRIES; i++) {
        status = post(im, b->arena, body);
        if (!may_pass(status))
            break;
        if (i + 1 < TRIES)
            sleep(1U << i);
    }
    if (status == 200 && read_results(im, b))
        return true;
    if (status == 0)
        fprintf(stderr, "nestor import: %s does not answer\n", im->o->server);
    else
        fprintf(stderr, "nestor import: the server answered %ld: %.*s\n", status,
                NST_FMT(nst_str_slice(nst_buf_str(&im->client->answer), 0, ERROR_SHOWN)));
    return false;
}

static bool wait_for_nothing(struct import *im, struct import_batch *b)
{
    (void)im;
    (void)b;
    return true;
}

int import_to_server(struct import *im)
{
    struct nst_arena *a = im->o->arena;
    if (im->o->token_file == NULL)
        return cli_misuse(&cli_import, "--server wants --token-file");
    struct nst_str token = cli_read_file(a, im->o->token_file, NST_CARRIED_TOKEN_MAX);
    if (token.n == 0)
        return cli_fail(&cli_import, "%s holds no token", im->o->token_file);
    struct nst_str server = nst_str_z(im->o->server);
    while (nst_str_ends(server, NST_STR("/")))
        server.n--;
    struct import_client *c = NST_NEW(a, struct import_client);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    c->curl = curl_easy_init();
    c->url = nst_strf(a, "%.*s/guide/importers/lines/%s", NST_FMT(server),
                      im->dry_run ? "?dryRun=true" : "");
    c->headers =
        curl_slist_append(NULL, nst_strf(a, "Authorization: Token %.*s", NST_FMT(token)).p);
    c->headers = curl_slist_append(c->headers, "Content-Type: application/json");
    c->headers = curl_slist_append(c->headers, "Expect:");
    im->client = c;
    im->send = send_to_server;
    im->wait = wait_for_nothing;
    return EXIT_DONE;
}

void import_disconnect(struct import *im)
{
    if (im->client == NULL)
        return;
    curl_slist_free_all(im->client->headers);
    curl_easy_cleanup(im->client->curl);
    curl_global_cleanup();
    im->client = NULL;
}
