/* What the files of the HTTP layer share: the server, its loops, connections
 * and exchanges. docs/http.md draws the states and the owners of buffers. */
#ifndef NESTOR_HTTP_INTERNAL_H
#define NESTOR_HTTP_INTERNAL_H

#include "reader.h"

#include <net/if.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/uio.h>

/* After the last answer so much is read and thrown away, so that a client that
 * sends first and reads later sees the answer: as large as any body may be. */
#define HTTP_DISCARD_MAX ((size_t)16 << 20)

#define HTTP_BODY_ROOM     ((size_t)16 << 10) /* for parts of a body behind the largest head */
#define HTTP_BACKLOG       1024               /* of a listener */
#define HTTP_OUT_MAX       6                  /* parts of an answer that one call sends */
#define NST_HTTP_ADDRESS   16                 /* bytes of an address; IPv4 as IPv6 maps it */
#define HTTP_LISTENERS_MAX 16                 /* of a loop; systemd may hand over several */
#define HTTP_PLACE_MAX     128                /* "unix:" and the path of a socket */

/* The system calls that meet the network, for tests to replace. */
struct nst_http_calls {
    ssize_t (*read)(int fd, void *to, size_t n);
    ssize_t (*writev)(int fd, const struct iovec *part, int count);
    ssize_t (*sendfile)(int out, int in, off_t *at, size_t n);
    int (*accept4)(int fd, struct sockaddr *a, socklen_t *n, int flags);
    int (*epoll_wait)(int epoll, struct epoll_event *event, int max, int milliseconds);
};
extern struct nst_http_calls nst_http_calls;

struct libdeflate_compressor;
struct exchange;
struct http_peer;
struct nst_http_trust;

enum conn_state {
    CONN_WAITING, /* between requests; holds no buffer */
    CONN_HEAD,    /* a request has begun */
    CONN_BODY,    /* its head is complete */
    CONN_WORKING, /* the application has it, or is asked for the next piece */
    CONN_SENDING, /* the answer, or a piece of it, leaves */
    CONN_CLOSING, /* we said all; what the client still sends is thrown away */
    CONN_GONE,    /* closed; freed at the end of the round */
    CONN_STATES
};

struct conn {
    TAILQ_ENTRY(conn) link; /* in the list of the state */
    struct nst_http_loop *loop;
    struct http_peer *counted;
    struct exchange *x; /* NULL while WAITING, CLOSING and GONE */
    size_t taken;       /* bytes that came since `since`; while SENDING, were queued then */
    size_t discarded;   /* bytes thrown away */
    int64_t since;      /* nst_ticks() when state was entered or last did something */
    int fd;
    uint32_t watched; /* events that epoll reports */
    enum conn_state state;
    bool has_asked;      /* a request has begun, the first or a later one */
    bool may_read;       /* epoll said so, and nothing was read since */
    bool is_blocked;     /* to go on when epoll says that the socket takes more */
    bool is_trusted;     /* the other end is a proxy that is believed */
    atomic_bool is_lost; /* broken while WORKING; not watched any more */
    char peer[INET6_ADDRSTRLEN + 1 + IF_NAMESIZE];
};

/* Oldest first. */
TAILQ_HEAD(conn_list, conn);

enum body_kind { BODY_NONE, BODY_WHOLE, BODY_CHUNKED, BODY_COUNTED, BODY_TO_CLOSE, BODY_FILE };

/* A request, the bytes it came in, and its answer. */
struct exchange {
    struct nst_exchange pub; /* first: the public pointer is cast back */
    struct exchange *next;   /* in the pool or in the list of resumed ones */
    struct conn *conn;
    char *bytes;     /* room for the largest head and HTTP_BODY_ROOM */
    size_t from, to; /* what is unread of them */
    struct nst_http_head head;
    struct nst_http_chunks chunks;
    struct nst_buf body;
    size_t body_limit;

    /* The answer on its way. */
    struct iovec out[HTTP_OUT_MAX]; /* what is left of the parts from out_at on */
    unsigned out_at, out_count;
    enum body_kind kind;
    bool is_admitting;   /* the application is asked whether its body is to be read */
    bool has_begun;      /* its head is in out, or has left */
    bool keeps_alive;    /* the connection, after it */
    uint64_t sent;       /* bytes of the body in out or beyond */
    char chunk_size[20]; /* the line in front of the present piece */
    int file;            /* -1: none */
    off_t file_at;
    uint64_t file_left;

    char id[17];
    struct nst_http_header in[]; /* limits.fields of them */
};

/* What a loop counts, see struct nst_http_counts. */
struct http_tally {
    struct nst_counter accepted, turned_away, closed, begun, ended, cut, bytes_in, bytes_out;
    struct nst_counter refused[NST_ERR_COUNT];
    struct nst_histogram round;
};

struct nst_http_loop {
    struct nst_http *server;
    pthread_t thread;
    int poll, wake;
    int listener[HTTP_LISTENERS_MAX];
    unsigned listeners;
    void *state; /* of the application */
    struct conn_list conns[CONN_STATES];
    struct exchange *pool;
    unsigned pooled, busy; /* exchanges that wait for use, and in use */
    _Atomic(struct exchange *) resumed;
    atomic_uint resuming; /* threads that are handing one over */
    atomic_uint pulse;    /* the server's, when the last round ended */
    int64_t now;          /* nst_ticks() at the last wake-up */
    int64_t accept_at;    /* when to listen again; 0: listening */
    int64_t drain_until, close_until;
    bool is_draining;
    uint64_t id_next;
    int64_t date_until; /* when date_line is a second old */
    int64_t date_at;    /* its time, in microseconds, a whole second */
    char date_line[40];
    size_t date_n;
    struct libdeflate_compressor *compressor;
    struct http_tally tally;
    char scratch[HTTP_BODY_ROOM]; /* for what is thrown away */
};

struct nst_http {
    struct nst_http_options options; /* defaults filled in */
    struct nst_http_limits limits;
    const struct nst_http_app *app;
    struct nst_http_trust *trust;  /* made from the options */
    int64_t patience[CONN_STATES]; /* microseconds that a state may last; 0: for ever */
    unsigned port;
    char place[HTTP_PLACE_MAX]; /* what `listen` would be for a socket that was handed over */
    bool has_file;              /* of a Unix socket, to be removed */
    unsigned started;           /* loops whose thread runs */
    atomic_bool is_stopping, is_hurried;
    atomic_uint pulse;          /* counts the questions whether the loops live */
    atomic_bool logs_access;    /* a line for each request */
    pthread_mutex_t peers_lock; /* for the two that follow; see peers.c */
    unsigned connections;
    void *peers;
    struct nst_http_loop loop[];
};

/* listen.c: open what o->listen or systemd names and share it out over the loops;
 * sets the port. Errors: those of nst_http_start, logged. And at the end, remove the
 * file of a Unix socket. */
NST_CHECKED enum nst_err nst_http_listen(struct nst_http *h);
void nst_http_unlisten(const struct nst_http *h);

/* loop.c: make a loop, run it in its own thread, release it. The thread ends by
 * itself after nst_http_loop_wake once the server is stopping and the requests in
 * flight are answered. */
NST_CHECKED enum nst_err nst_http_loop_init(struct nst_http_loop *l, struct nst_http *h);
NST_CHECKED enum nst_err nst_http_loop_start(struct nst_http_loop *l);
void nst_http_loop_wake(struct nst_http_loop *l);
void nst_http_loop_release(struct nst_http_loop *l);

/* conn.c: take over an accepted socket, which has been counted. Note that c is in a state,
 * or has done something in it. */
void nst_http_conn_open(struct nst_http_loop *l, int fd, const struct sockaddr *peer,
                        struct http_peer *counted);
void nst_http_conn_enter(struct conn *c, enum conn_state state);

/* conn.c: go on until there is something to wait for: after epoll reported events (0:
 * for another reason); after the application has answered, or made the next piece;
 * when a state has lasted longer than the server's patience. */
void nst_http_conn_advance(struct conn *c, uint32_t events);
void nst_http_conn_resume(struct conn *c);
void nst_http_conn_expire(struct conn *c);

/* conn.c: end the connection, whatever it does; it is GONE, and lives until the end of
 * the round. While WORKING only the socket is shut: the exchange is the application's. */
void nst_http_conn_cut(struct conn *c);

/* answer.c: have the application fill in an error. Put the filled-in answer into out:
 * its head, and its body or first piece; then each further piece. An answer that cannot
 * be completed is marked broken. Append to out, by reference. */
void nst_http_fail(struct exchange *x, enum nst_err err, const char *detail);
void nst_http_answer(struct exchange *x);
void nst_http_put_piece(struct exchange *x);
void nst_http_push(struct exchange *x, struct nst_str part);

/* answer.c: the answer header of that name (without case), or NULL. */
struct nst_http_header *nst_http_find_header(struct nst_exchange *x, const char *name);

/* file.c: close the file of an answer, if it has one. Narrow it to the range that was
 * asked for, with status and headers.
 * Then send what the socket takes: bytes, 0 when it takes none now, -1 when the
 * connection or the file is broken. */
void nst_http_drop_file(struct exchange *x);
void nst_http_apply_range(struct exchange *x);
ssize_t nst_http_send_file(struct exchange *x);

/* exchange.c: an exchange for c from the pool, and back; its end. Renewed, it is ready
 * for the next request, whose first bytes it has. */
struct exchange *nst_http_exchange_take(struct conn *c);
void nst_http_exchange_renew(struct exchange *x);
void nst_http_exchange_release(struct exchange *x);
void nst_http_exchange_free(struct exchange *x);

/* exchange.c: fill in the public part when the head is read or refused. At the end,
 * write the line of the access log. */
void nst_http_exchange_begin(struct exchange *x);
void nst_http_log(const struct exchange *x, bool is_whole);

/* trust.c: the networks of a list that has no fault, to be freed; NULL trusts nobody.
 * Whether the other end with that address is one of these proxies. */
struct nst_http_trust *nst_http_trust_new(struct nst_str proxies);
bool nst_http_trusts(const struct nst_http_trust *t, const struct sockaddr *a);

/* trust.c: fill in the client's address and scheme as a trusted proxy told them. An
 * address that is missing or malformed leaves that of the proxy. */
void nst_http_take_forwarded(struct exchange *x);

/* peers.c: count a new connection; NULL when it is refused for a limit. And its
 * end. Any thread. */
struct http_peer *nst_http_peers_enter(struct nst_http *h, const struct sockaddr *a);
void nst_http_peers_leave(struct nst_http *h, struct http_peer *p);

#endif
