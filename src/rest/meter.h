/* How the server tells what it does: requests by route, the thread that gathers metrics,
 * the figures that an operator looks at, and what they were before. */
#ifndef NESTOR_REST_METER_H
#define NESTOR_REST_METER_H

#include "figure.h"
#include "model.h"

/* ---- Requests that were answered (traffic.c) ---- */

/* Of all loops of a server. */
struct nst_traffic;

/* What one loop counts; its own thread alone writes it. */
struct nst_loop_traffic;

/* Make one for that registry, release it once no loop uses it any more. */
struct nst_traffic *nst_traffic_new(const struct nst_registry *reg);
void nst_traffic_free(struct nst_traffic *t);

/* A loop's own, which t owns; called by the loop as it starts, with its cache. */
struct nst_loop_traffic *nst_traffic_enter(struct nst_traffic *t, struct nst_cache *cache);

struct nst_answered {
    const struct nst_endpoint *endpoint;   /* NULL: none, or an operation's */
    const struct nst_operation *operation; /* NULL: a face's, or nobody's */
    const struct nst_face *face;           /* NULL: an operation's, or nobody's */
    enum nst_method method;                /* NST_METHOD_COUNT: another */
    unsigned status;
    int64_t took; /* microseconds from its head to the end of its answer */
};

/* Count one. Does not block. */
void nst_traffic_count(struct nst_loop_traffic *l, const struct nst_answered *a);

/* Append what all loops have counted. Any thread; no loop waits for it. */
void nst_traffic_tell(struct nst_buf *out, struct nst_traffic *t);

/* ---- Gathering (meter.c) ---- */

struct nst_meter;

struct nst_meter_options {
    struct nst_store *store;
    const struct nst_registry *registry;
    struct nst_traffic *traffic;
    const struct nst_metric_source *const *sources; /* NULL-terminated, or NULL */
    struct nst_str history;                         /* file of samples; empty: none are kept */
};

/* Start the thread; it tells nothing of HTTP before nst_meter_watch. */
struct nst_meter *nst_meter_start(const struct nst_meter_options *o);

/* From now on count the connections of h, too; NULL: no more. */
void nst_meter_watch(struct nst_meter *m, const struct nst_http *h);

/* Stop it; nobody may wait for an answer any more. Blocks until the store has answered. */
void nst_meter_stop(struct nst_meter *m);

/* Have the thread answer with the metrics, or with the samples that nst_history_read asks for, and
 * resume x: for NST_HTTP_LATER. Any thread; does not block. */
void nst_meter_answer(struct nst_meter *m, struct nst_exchange *x);
void nst_meter_answer_history(struct nst_meter *m, struct nst_exchange *x,
                              const struct nst_span *span);

/* ---- What is told of the process, the loops and the store (metrics.c) ---- */

struct nst_telling {
    const struct nst_http *http; /* NULL: none yet */
    const struct nst_store *store;
    const struct nst_registry *registry;
    struct nst_traffic *traffic;
    int64_t started;  /* when the process began, in microseconds since 1970 */
    bool is_up;       /* the database has answered in time */
    int64_t gathered; /* microseconds that gathering took so far */
};

/* Append all that is known without the database; what the database says, in a read of its own.
 * Errors of the second: those of nst_query. */
void nst_metrics_tell(struct nst_buf *out, const struct nst_telling *t);
NST_CHECKED enum nst_err nst_metrics_ask(struct nst_buf *out, struct nst_db *db);

#endif
