/* A client of a server's API for verbs that take --server: one connection that is
 * kept, requests that are repeated while the network or the server is away. */
#ifndef NESTOR_CLI_CLIENT_HTTP_H
#define NESTOR_CLI_CLIENT_HTTP_H

#include "cli.h"

#define CLI_ANSWER_MAX  ((size_t)16 << 20) /* bytes of an answer */
#define CLI_ANSWER_SAID 500                /* bytes of one that a message shows */

struct cli_http;

struct cli_request {
    const char *method;  /* "POST" */
    struct nst_str path; /* below the server's address, starts with '/' */
    const char *type;    /* of the body */
    struct nst_str body; /* null: none */
    bool is_anonymous;   /* the credentials are left out */
    unsigned seconds;    /* sent once, and given up after so long; 0: sent again, see below */
};

/* status 0: none came. */
struct cli_answer {
    long status;
    struct nst_str body;
};

/* Make a client of the server at that address, or on that socket (unix:PATH); it lives in a and is
 * to be freed. */
struct cli_http *cli_http_new(struct nst_arena *a, const char *server);

/* Release a client; NULL is allowed. */
void cli_http_free(struct cli_http *c);

/* The server is on this machine: no proxy is in between, whatever the environment says. */
void cli_http_near(struct cli_http *c);

/* Why no answer came to the last request. */
const char *cli_http_reason(const struct cli_http *c);

/* Send this value of `Authorization` from now on; it must outlive the client. */
void cli_http_authorize(struct cli_http *c, struct nst_str value);

/* Send a request and wait for its answer, which is in a. It is sent again while
 * no answer comes for two minutes, or the server is busy (429, 503; Retry-After is
 * honoured): six times in all, so it must be one that may be repeated. */
struct cli_answer cli_http_send(struct cli_http *c, struct nst_arena *a,
                                const struct cli_request *request);

/* Ask once whether the server answers at all, before anything is read or sent. Returns
 * an exit code, after saying why not. */
int cli_http_reach(struct cli_http *c, const struct cli_options *o, const struct cli_verb *verb);

/* Print why a verb cannot go on after that answer. Returns EXIT_FAILED. */
int cli_http_fail(const struct cli_options *o, const struct cli_verb *verb,
                  const struct cli_answer *answer);

/* Read a file of at most `max` bytes that holds a credential, which may not be empty.
 * Returns an exit code, after saying why. */
int cli_http_secret(struct nst_str *out, struct cli_options *o, const struct cli_verb *verb,
                    const char *path, size_t max);

/* Read the token of --token-file. Returns an exit code, after saying why. */
int cli_http_token(struct nst_str *out, struct cli_options *o, const struct cli_verb *verb);

#endif
