/* HTTP/1.1: listeners, event loops and the exchange of one request and answer.
 *
 * One event loop a core, each with its own SO_REUSEPORT listener. The strict
 * reader, the limits, the deadlines, gzip, ranges of files and the access log
 * live behind this header; what a request means lives in front of it. TLS and
 * HTTP/2 are a proxy's. docs/http.md has the states of a connection and who owns
 * which buffer.
 *
 * Life of an exchange: the head arrives and is read; the application is asked
 * for its body limit; the body arrives; the application handles it, at once or
 * later from another thread; the answer leaves, whole or piece by piece; the
 * arena is reset. */
#ifndef NESTOR_HTTP_H
#define NESTOR_HTTP_H

#include "nestor/base/buf.h"
#include "nestor/base/err.h"
#include "nestor/base/metric.h"

struct nst_http;
struct nst_http_loop;

#define NST_HTTP_HEADERS_OUT 32
#define NST_HTTP_ANSWER_MAX  ((size_t)64 << 20) /* bytes of one buffered answer */
#define NST_HTTP_BODY_RATE   1000               /* bytes a second that a body must bring */

/* Limits where the options say nothing. */
#define NST_HTTP_HEADER_BYTES  16384
#define NST_HTTP_HEADER_FIELDS 100
#define NST_HTTP_TARGET_BYTES  8000

struct nst_http_header {
    struct nst_str name, value;
};

struct nst_exchange;

enum nst_http_next {
    NST_HTTP_ANSWERED, /* the answer, or its next piece, is filled in */
    NST_HTTP_LATER     /* nst_http_resume will be called, from any thread */
};

/* Makes the next piece of an answer, when the one before has left: replaces x->out,
 * and sets x->more to NULL with the last piece or x->is_broken when there can be
 * none. Runs on the loop's thread and must not block. */
typedef enum nst_http_next nst_http_more(struct nst_exchange *x);

/* One request and its answer. The first part is filled before the application
 * sees it and does not change; the second is the application's to fill. */
struct nst_exchange {
    struct nst_arena *arena; /* of this exchange; reset after the answer left */
    struct nst_str method;   /* as sent: "GET" */
    struct nst_str path;     /* not decoded, starts with '/' */
    struct nst_str query;    /* after '?', not decoded; null when there is none */
    struct nst_str host;     /* of an absolute target, else the Host header; without one, or
                              * with an empty one, address and port of this end; "localhost"
                              * on a Unix socket */
    struct nst_str body;     /* whole; empty until handle is called, and where it is in a file */
    int body_file;           /* where the body is instead, from its start; 0: in `body` */
    uint64_t body_file_size; /* its bytes */
    struct nst_str peer;     /* address of the client, text: of the other end, or as a trusted
                              * proxy told it; "unix" on a Unix socket */
    bool is_tls;             /* a trusted proxy says that the client came by https */
    struct nst_str id;       /* of the request: in the log and X-Request-Id; a trusted proxy's */
    struct nst_http_loop *loop;
    int64_t started; /* nst_ticks() when the head was complete, or refused */

    unsigned status;    /* 0 until answered */
    struct nst_buf out; /* body; its maximum is NST_HTTP_ANSWER_MAX */

    /* NULL: out is the whole answer. Else it is the first piece of one that is never
     * compressed. No deadline cuts it while the client goes on reading. */
    nst_http_more *more;
    /* Bytes of all pieces together, when they are known: then they are sent with
     * Content-Length. 0: chunked, and to HTTP/1.0 until the connection closes. */
    uint64_t length;
    bool is_broken; /* reset the connection, so that no client takes it for complete */

    struct nst_http_header header[NST_HTTP_HEADERS_OUT + 4]; /* the last are the layer's */
    unsigned headers;
    struct nst_str content_type; /* null: none is sent */
    struct nst_str lines;        /* more headers, as lines that are whole, each with CR LF */
    int64_t made_at;             /* what the answer shows is of that time, in microseconds: it
                                    is the Date, if earlier than now; 0: now */
    bool must_close;             /* close the connection after the answer */
    struct nst_str user;         /* for the access log; may be null */

    void *app; /* the application's own */
};

/* Value of a request header (name without case); null when absent. When it was
 * sent several times the first counts: where that matters it was refused.
 * An exchange made inside the program (loop NULL) has no headers. */
struct nst_str nst_http_request_header(const struct nst_exchange *x, const char *name);

/* Add an answer header; name must be a literal, value is kept by reference and
 * must live in x's arena or a const table. Control characters in value are
 * dropped. More than NST_HTTP_HEADERS_OUT: asserts. */
void nst_http_add_header(struct nst_exchange *x, const char *name, struct nst_str value);

/* Have the answer's Vary name that request header, once. */
void nst_http_vary(struct nst_exchange *x, const char *name);

/* Answer with the first `size` bytes of a file: by sendfile, and by ranges when the
 * client asks for one (RFC 9110, 14; If-Range against the ETag or Last-Modified that x
 * has by then). Set status 200, content_type and headers before; out must be empty.
 * Takes fd over. x must belong to a connection. Does not block. */
void nst_http_answer_file(struct nst_exchange *x, int fd, uint64_t size);

/* What the application brings. All functions run on the loop's thread and must
 * not block. */
struct nst_http_app {
    /* Largest body, in bytes, that this request may have (headers are known, the
     * body is not). Beyond it the answer is `error` with NST_E_TOO_LARGE. */
    size_t (*body_limit)(struct nst_exchange *x);

    /* Asked before the rest of a body is read that has not come with its head. With a status, x
     * has its answer: it is refused, and the connection closed behind that. Else it is read, into
     * the open file x->body_file where the application has set it, which the application closes
     * when the exchange is over. That is written as it arrives, on the loop's thread, so that a
     * body of any size needs little memory. May be NULL: all are read. */
    enum nst_http_next (*admit)(struct nst_exchange *x);

    /* Handle a complete request. */
    enum nst_http_next (*handle)(struct nst_exchange *x);

    /* Fill the answer for an error that the HTTP layer found (400, 408, 413, 414, 416,
     * 431, 505, and 500 for an answer that is too large); `detail` is a sentence or NULL. */
    void (*error)(struct nst_exchange *x, enum nst_err err, const char *detail);

    /* Add what every answer says, those of `error` included: called once, when status and
     * body are made and before the head is. May be NULL. */
    void (*headers)(struct nst_exchange *x);

    /* The exchange is over; release what hangs on x->app. May be NULL. */
    void (*finished)(struct nst_exchange *x);

    /* State of a loop, made and released on its thread; tick_end is called after
     * every round of requests, before the loop waits again. Any may be NULL. */
    void *(*loop_start)(void *context);
    void (*loop_stop)(void *state);
    void (*tick_end)(void *state);

    void *context; /* handed to loop_start */
};

/* What loop_start returned, for x's loop. */
void *nst_http_loop_state(const struct nst_exchange *x);

/* The answer of an exchange, or the piece, that was left for LATER is filled in. Any
 * thread, once for each LATER, also while the server is stopping and when the client has gone:
 * until then the exchange belongs to the application. */
void nst_http_resume(struct nst_exchange *x);

/* Whether the client is known to be gone while the application has x: nobody waits for
 * the answer, which is owed all the same. Any thread. */
bool nst_http_is_gone(const struct nst_exchange *x);

struct nst_http_options {
    struct nst_str listen;    /* "127.0.0.1:8000", "[::1]:8000", "localhost:8000" (127.0.0.1),
                               * ":8000" (every IPv4 address), "unix:PATH"; port 0: any free one.
                               * Must live until the stop */
    unsigned loops;           /* 0: one a core */
    unsigned connections;     /* at most, in all; 0: 10000; fewer when there are fewer files */
    unsigned per_address;     /* connections of one IPv4 address or IPv6 /64; 0: no limit; neither
                               * Unix sockets nor trusted proxies have one */
    struct nst_str proxies;   /* trusted ones, whose X-Forwarded-For, X-Forwarded-Proto and
                               * X-Request-Id are believed: addresses, networks such as
                               * "10.0.0.0/8", "unix" for Unix sockets, separated by blanks. Null
                               * or empty: none. Read at the start only */
    size_t header_bytes;      /* request line and headers together; 0: 16384; beyond: 431 */
    unsigned header_fields;   /* 0: 100; beyond: 431 */
    size_t target_bytes;      /* request target; 0: 8000; beyond: 414 */
    unsigned idle_seconds;    /* keep-alive without a request, or a client that takes nothing
                               * of its answer; 0: 60 */
    unsigned request_seconds; /* for a head to arrive, and again for a body, which may go on as
                               * long as NST_HTTP_BODY_RATE is kept; 0: 30; then 408 and close */
    unsigned drain_seconds;   /* on stop: time for requests in flight; 0: 10 */
    size_t gzip_from;         /* smallest text or JSON body to compress; 0: 1024; SIZE_MAX:
                               * never. A strong ETag "a" then leaves as "a-gzip": strip the
                               * suffix before comparing If-None-Match */
    bool access_log;          /* one line a request */
};

/* What is wrong with such a list of proxies: the end of a sentence; NULL when nothing is. */
const char *nst_http_proxies_fault(struct nst_str proxies);

/* What is wrong with an address to listen on (the forms of nst_http_options); NULL: nothing. Whether it
 * can be had shows at the start. */
const char *nst_http_listen_fault(struct nst_str listen);

/* Bind and start the loops. Ignores SIGPIPE in the whole process and raises the
 * soft limit of open files. Sockets that systemd hands over (LISTEN_FDS) take the
 * place of o->listen.
 *   out   set on NST_OK; stop with nst_http_stop
 *   app   must outlive the server
 * Errors: NST_E_BUSY when the address is taken, NST_E_INVALID when it, or
 * o->proxies, cannot be parsed, NST_E_INTERNAL; each logged with the reason. */
NST_CHECKED enum nst_err nst_http_start(struct nst_http **out, const struct nst_http_options *o,
                                        const struct nst_http_app *app);

/* What the loops have counted since the start. */
struct nst_http_counts {
    int64_t accepted, turned_away, closed; /* connections; turned away for a limit */
    int64_t begun, ended;                  /* requests whose head was read or refused */
    int64_t cut;                           /* of those that ended: their answer did not leave whole */
    int64_t bytes_in, bytes_out;           /* heads and bodies */
    int64_t refused[NST_ERR_COUNT];        /* by the layer itself, by what was wrong */
    struct nst_histogram_sum round;        /* how long rounds of loops took, in microseconds: what
                                              comes meanwhile waits */
};

/* Buckets of `round`. */
extern const struct nst_buckets nst_http_round_buckets;

/* Read them; any thread, does not block. Nothing between start and stop holds a lock for it. */
void nst_http_count(struct nst_http_counts *out, const struct nst_http *h);

/* Write a line for each request from now on, or none. Any thread. */
void nst_http_set_access_log(struct nst_http *h, bool is_on);

/* The port in use; 0 for a Unix socket. */
unsigned nst_http_port(const struct nst_http *h);

/* Where it listens: the option, or the last of the sockets that the service manager has handed
 * over, in the same form. Good until it is stopped. */
struct nst_str nst_http_address(const struct nst_http *h);

/* Whether every loop has finished a round since the call before; asks them to finish
 * another. One thread; does not block. */
bool nst_http_pulse(struct nst_http *h);

/* Stop listening, answer what is in flight, close. After drain_seconds the
 * sockets are shut; an exchange left for LATER is waited for even then, so that
 * its threads must still run. Blocks. */
void nst_http_stop(struct nst_http *h);

/* Only that much of it: the loops have ended, the server is still to be stopped. Blocks. */
void nst_http_drain(struct nst_http *h);

/* Have the drain behave as if drain_seconds were over. Any thread, between nst_http_start and
 * nst_http_stop; does not block. */
void nst_http_hurry(struct nst_http *h);

#endif
