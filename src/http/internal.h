/* What the files of the HTTP layer share: the server, its loops, connections
 * and exchanges. */
#ifndef NESTOR_HTTP_INTERNAL_H
#define NESTOR_HTTP_INTERNAL_H

#include "nestor/http.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

/* Beyond a body's limit this much is read and thrown away, so that a client
 * that sends first and reads later sees the 413. */
#define HTTP_DISCARD_MAX ((size_t)1 << 20)

struct libdeflate_compressor;
struct exchange;

enum conn_state {
    CONN_IDLE,      /* between requests; perhaps part of a request line is here */
    CONN_READING,   /* a request has begun */
    CONN_ANSWERING, /* it is complete; the answer is being made or sent */
    CONN_CLOSING    /* shut down by us; libmicrohttpd will notice */
};

struct conn {
    struct conn *newer, *older; /* all connections of the loop */
    struct nst_http_loop *loop;
    struct exchange *x; /* the request in work; NULL while idle */
    enum conn_state state;
    int fd;
    int64_t since;     /* nst_ticks() when state was entered */
    uint64_t received; /* bytes the kernel had received at the last sweep */
    bool is_counted;   /* received is valid for this idle period */
    char *query;       /* into libmicrohttpd's buffer; NULL: none */
    char query_first;  /* the byte at *query, see nst_http_hide_query */
    char peer[INET6_ADDRSTRLEN];
};

struct exchange {
    struct nst_exchange pub; /* first: the public pointer is cast back */
    struct exchange *next;   /* in the pool or in the list of resumed ones */
    struct conn *conn;
    struct MHD_Connection *mhd;
    struct nst_buf body;
    size_t body_limit;
    size_t discarded;
    uint64_t content_length;
    enum nst_err failed; /* found while the body came; answered after it */
    bool is_http_1_0;
    bool is_later;  /* the application answers by nst_http_resume */
    bool is_done;   /* and has done so */
    bool is_stream; /* the answer leaves in pieces */
    size_t taken;   /* bytes of the present piece that libmicrohttpd has */
    uint64_t sent;  /* and of the pieces before it */
    char id[17];
    unsigned in_count;
    struct nst_http_header in[]; /* request headers; options.header_fields of them */
};

struct nst_http_loop {
    struct nst_http *server;
    struct MHD_Daemon *mhd;
    pthread_t thread;
    int listener, poll, wake;
    void *state; /* of the application */
    struct conn *newest;
    struct exchange *pool;
    unsigned pooled;
    unsigned busy; /* exchanges in work */
    _Atomic(struct exchange *) resumed;
    int64_t now; /* nst_ticks() at the last wake-up */
    int64_t sweep_at;
    int64_t drain_until;
    bool is_draining;
    uint64_t id_next;
    struct libdeflate_compressor *compressor;
};

struct peer;

#define HTTP_PEER_BUCKETS 1024

/* See peers.c. Empty again when every connection is closed. */
struct http_peers {
    pthread_mutex_t lock;
    uint64_t seed;
    unsigned connections;
    struct peer *bucket[HTTP_PEER_BUCKETS];
};

struct nst_http {
    struct nst_http_options options; /* defaults filled in */
    const struct nst_http_app *app;
    unsigned port;
    unsigned started; /* loops whose thread runs */
    atomic_bool is_stopping;
    struct http_peers peers;
    struct nst_http_loop loop[];
};

/* loop.c: make a loop on its listening socket, run it in its own thread,
 * release it. The thread ends by itself after nst_http_loop_wake once the server is
 * stopping and the requests in flight are answered. */
NST_CHECKED enum nst_err nst_http_loop_init(struct nst_http_loop *l, struct nst_http *h,
                                            int listener);
NST_CHECKED enum nst_err nst_http_loop_start(struct nst_http_loop *l);
void nst_http_loop_wake(struct nst_http_loop *l);
void nst_http_loop_release(struct nst_http_loop *l);

/* guard.c: fill x from the request and decide whether it is well-formed.
 * Returns NST_OK, or the error with *detail set to a sentence. `url` and
 * `version` are libmicrohttpd's own pointers into the request as received. */
NST_CHECKED enum nst_err nst_http_guard(struct exchange *x, const char **detail, const char *url,
                                        const char *method, const char *version);

/* Whether the comma-separated list holds the token, without case; parameters
 * are cut, and q=0 counts as absent. */
bool nst_http_list_has(struct nst_str list, const char *token);

/* reply.c: have the application fill in an error; mark x to be closed. */
void nst_http_fail(struct exchange *x, enum nst_err err, const char *detail);

/* Hand x's answer to libmicrohttpd. */
enum MHD_Result nst_http_reply(struct exchange *x);

/* Answer past libmicrohttpd, which accepts none in the middle of a request, and
 * shut the socket down. x may be NULL when the headers never became complete. */
void nst_http_reply_late(struct conn *c, enum nst_err err);

/* Shut the connection down; one with a part of a stream is reset, since its end
 * could be taken for the end of the answer. */
void nst_http_cut(struct conn *c);

/* Write the access log line of x. */
void nst_http_log(const struct exchange *x, enum MHD_RequestTerminationCode how);

/* peers.c: count a new connection, or refuse it for a limit; and its end. Any
 * thread. */
void nst_http_peers_init(struct http_peers *p);
bool nst_http_peers_enter(struct nst_http *h, const struct sockaddr *a);
void nst_http_peers_leave(struct nst_http *h, const struct sockaddr *a);
void nst_http_peers_release(struct http_peers *p);

/* request.c: an exchange for c from the pool, and back; its end. */
struct exchange *nst_http_exchange_take(struct conn *c);
void nst_http_exchange_release(struct exchange *x);
void nst_http_exchange_free(struct exchange *x);

/* request.c: what libmicrohttpd calls: with the request line; to decode the
 * target; with the headers, each part of the body, and at its end; and when the
 * answer has left or the connection broke. */
void *nst_http_hide_query(void *arg, const char *uri, struct MHD_Connection *mhd);
size_t nst_http_keep_escapes(void *arg, struct MHD_Connection *mhd, char *text);
enum MHD_Result nst_http_handle(void *arg, struct MHD_Connection *mhd, const char *url,
                                const char *method, const char *version, const char *data,
                                size_t *n, void **context);
void nst_http_completed(void *arg, struct MHD_Connection *mhd, void **context,
                        enum MHD_RequestTerminationCode how);

/* request.c: our side of a connection; note that it is in a new state. */
struct conn *nst_http_conn_of(struct MHD_Connection *mhd);
void nst_http_conn_enter(struct conn *c, enum conn_state state);

#endif
