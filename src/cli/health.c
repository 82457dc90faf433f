/* nestor health: asks a server whether it can serve, for whoever supervises it. */
#include "client_http.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define LIMIT_SECONDS 5

/* The server of this installation, found by the setting `listen`. NULL: port 0, which is
 * another one at each start. */
static struct cli_http *find_near(struct cli_options *o)
{
    struct nst_str listen = cli_text(&o->config, "listen"), url = cli_url_of(o->arena, listen);
    if (nst_str_ends(listen, NST_STR(":0")))
        return NULL;
    o->server = nst_str_to_z(o->arena, url.p != NULL ? url : listen); /* of a socket as it stands */
    struct cli_http *c = cli_http_new(o->arena, o->server);
    cli_http_near(c);
    return c;
}

/* What a server says of itself while it is ready: {"status": ...}. */
static bool is_in_maintenance(struct nst_arena *a, struct nst_str body)
{
    struct nst_json *v = NULL;
    if (nst_json_read(&v, NULL, a, body, NULL) != NST_OK)
        return false;
    const struct nst_json *status = nst_json_get(v, NST_STR("status"));
    return nst_json_is_text(status) && nst_str_eq(status->text, NST_STR("maintenance"));
}

static int ask(struct cli_http *c, const struct cli_options *o)
{
    const struct cli_request request = {
        .method = "GET", .path = NST_STR("/readyz"), .is_anonymous = true, .seconds = LIMIT_SECONDS
    };
    struct cli_answer answer = cli_http_send(c, o->arena, &request);
    if (answer.status == 0)
        return cli_fail(&cli_health, "%s does not answer: %s", o->server, cli_http_reason(c));
    if (answer.status != 200)
        return cli_fail(&cli_health, "%s is not ready: %ld %.*s", o->server, answer.status,
                        NST_FMT(nst_str_slice(answer.body, 0, CLI_ANSWER_SAID)));
    if (!o->quiet)
        printf("%s is ready%s.\n", o->server,
               is_in_maintenance(o->arena, answer.body) ? ", and in maintenance" : "");
    return EXIT_DONE;
}

static int health(struct cli_options *o)
{
    const char *secret = nst_strf(o->arena, "%s/secret.key", o->data).p;
    if (o->server == NULL && o->says_data && access(secret, F_OK) != 0)
        return cli_misuse(&cli_health, "%s: %s", secret, strerror(errno));
    struct cli_http *c = o->server != NULL ? cli_http_new(o->arena, o->server) : find_near(o);
    if (c == NULL)
        return cli_misuse(&cli_health, "`listen` has port 0: say --server URL");
    int status = ask(c, o);
    cli_http_free(c);
    return status;
}

static int health_run(int argc, char **argv)
{
    struct cli_options o;
    int status = cli_options_parse(&o, &cli_health, argc, argv) ? health(&o) : o.status;
    nst_arena_free(o.arena);
    return status;
}

const struct cli_verb cli_health = {
    .name = "health",
    .usage = "health [--data DIR | --server URL] [--listen ADDRESS:PORT] [--quiet]",
    .summary = "ask whether a server is ready to serve",
    .help = "Asks /readyz where the settings of DIR say that the server listens, a Unix socket\n"
            "included, or the server at URL. Waits 5 seconds at most. A server in maintenance is\n"
            "ready, and is said to be in maintenance.\n\n"
            "Examples:\n"
            "  nestor health --data /var/lib/nestor\n"
            "  nestor health --server http://127.0.0.1:8000 --quiet || systemctl restart nestor\n\n"
            "Exit codes: 0 ready; 1 it does not answer, or its database cannot be read; 2 wrong\n"
            "usage, or DIR is no installation.\n",
    .run = health_run,
};
