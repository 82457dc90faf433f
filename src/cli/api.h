/* The program enrollments API for verbs: of a server over HTTP, or of a database
 * from inside the program. Both run the same views, and their answers look alike. */
#ifndef NESTOR_CLI_API_H
#define NESTOR_CLI_API_H

#include "client_http.h"

struct cli_api;

struct cli_call {
    enum nst_method method;
    struct nst_str path; /* below the mount of the API: "/programs/..." */
    struct nst_str body; /* JSON; null: none */
    bool is_desk;        /* inside, one of the requests that only enroll_desk_face has */
};

/* Connect to --server with --token-file or with --client-id and
 * --client-secret-file; without --server open the database and find the author,
 * who must be staff. Returns an exit code, after saying why. */
int cli_api_open(struct cli_api **out, struct cli_options *o, const struct cli_verb *verb);

/* Close it; NULL is allowed. */
void cli_api_close(struct cli_api *api);

/* The path of the enrolments of a program or, unless `course` is null, of its course.
 *   query  "" or "?name=value", encoded */
struct nst_str cli_api_path(struct nst_arena *a, struct nst_str program, struct nst_str course,
                            const char *query);

/* Make a request; inside, it is one durable transaction.
 *   out  its body is in a
 * Returns EXIT_DONE for every answer that the caller is to judge, EXIT_FAILED after
 * saying why the run must stop: nobody answers, or the credentials do not suffice. */
int cli_api_call(struct cli_answer *out, struct cli_api *api, struct nst_arena *a,
                 const struct cli_call *call);

/* Read a page of a list.
 *   results  set to the list of its items, in a; NULL when there is none
 *   path     of the page; becomes that of the next, empty after the last
 * Returns EXIT_FAILED after saying why it cannot be read. */
int cli_api_page(const struct nst_json **results, struct nst_buf *path, struct cli_api *api,
                 struct nst_arena *a);

#endif
