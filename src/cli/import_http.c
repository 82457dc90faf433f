/* Importing over HTTP: each batch is one request, repeated while the network or
 * the server is away, since a repeated batch changes nothing. */
#include "client_http.h"
#include "import.h"

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

static enum ocl_outcome outcome_named(struct nst_str word)
{
    for (int i = 0; i < OCL_OUTCOME_COUNT; i++)
        if (nst_str_eq(nst_str_z(ocl_outcome_word((enum ocl_outcome)i)), word))
            return (enum ocl_outcome)i;
    return OCL_FAILED;
}

static bool read_results(struct import *im, struct import_batch *b, struct nst_str text)
{
    struct nst_json *answer;
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
        nst_buf_init(&detail, b->arena, CLI_ANSWER_MAX);
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
    const struct cli_request request = {
        .method = "POST",
        .path = im->dry_run ? NST_STR("/guide/importers/lines/?dryRun=true")
                            : NST_STR("/guide/importers/lines/"),
        .type = "application/json",
        .body = batch_body(b),
    };
    struct cli_answer answer = cli_http_send(im->client, b->arena, &request);
    if (answer.status == 200 && read_results(im, b, answer.body))
        return true;
    cli_http_fail(im->o, &cli_import, &answer);
    if (answer.status == 401) {
        im->stopped_by = "the token was refused";
        im->go_on = "the same command goes on with a token that is good";
    }
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
    struct nst_str token;
    int status = cli_http_token(&token, im->o, &cli_import);
    if (status != EXIT_DONE)
        return status;
    im->client = cli_http_new(im->o->arena, im->o->server);
    cli_http_authorize(im->client, nst_strf(im->o->arena, "Token %.*s", NST_FMT(token)));
    im->send = send_to_server;
    im->wait = wait_for_nothing;
    return cli_http_reach(im->client, im->o, &cli_import);
}

void import_disconnect(struct import *im)
{
    cli_http_free(im->client);
    im->client = NULL;
}
