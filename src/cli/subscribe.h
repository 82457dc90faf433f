/* nestor subscribe: what its files share. */
#ifndef CLI_SUBSCRIBE_H
#define CLI_SUBSCRIBE_H

#include "client_http.h"

#include "ocl/subscription/subscription.h"

struct cli_subscribing {
    struct cli_options *o;
    struct cli_site *site;
    struct nst_caller caller;
    struct nst_str token;
    struct ocl_subscription given; /* as the words say */
    struct ocl_subscription s;     /* as it is stored; id 0: it is not */
    struct nst_str problem;        /* a sentence; null: none */
    int64_t behind;                /* the one that was looked at last */
    size_t ours, others;           /* that this server looks after, that another one does */
    bool is_busy;                  /* a round goes on */
    char shown[256];               /* what it says */
};

/* Read the words into g->given. Returns what is wrong with them, or NULL. */
const char *cli_subscribe_fault(struct cli_subscribing *g);

/* Say why it failed; returns the exit code. */
int cli_subscribe_fail(const struct cli_subscribing *g, enum nst_err e);

/* One request of the v2 face as g->caller, in a transaction; its answer is in rq->x.
 *   rq  with a body, or zeroes */
NST_CHECKED enum nst_err cli_subscribe_call(struct nst_req *rq, struct cli_subscribing *g,
                                            struct nst_db *db, enum nst_method method,
                                            struct nst_str path);

/* Print all of them; returns the exit code. */
int cli_subscribe_list(struct cli_subscribing *g);

#endif
