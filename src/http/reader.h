/* The strict reader of requests: RFC 9112 and RFC 9110, and nothing else.
 *
 * It reads a request line, fields and the chunks of a body out of whatever buffer the
 * connection has, and allocates nothing. The grammar is one table in reader.c. What it
 * does not know is refused at the first byte that does not fit, so that the verdict
 * never depends on how the bytes were cut. docs/http.md has the three leniencies.
 *
 * Lifecycle of a head: nst_http_head_init, then nst_http_read_head with a text that
 * only grows at its end, until the result is not NST_HTTP_MORE. */
#ifndef NESTOR_HTTP_READER_H
#define NESTOR_HTTP_READER_H

#include "nestor/http.h"

enum nst_http_read {
    NST_HTTP_MORE,   /* all is well so far; more bytes are needed */
    NST_HTTP_DONE,   /* complete */
    NST_HTTP_REFUSED /* err and detail say why */
};

enum nst_http_framing { NST_HTTP_NO_BODY, NST_HTTP_LENGTH, NST_HTTP_CHUNKED };

struct nst_http_limits {
    size_t head_bytes;   /* request line and fields, line ends included */
    size_t target_bytes; /* of the target in the request line */
    unsigned fields;
};

/* A field that the layer itself needs: its first value, and how often it was sent. */
struct nst_http_named {
    struct nst_str value;
    unsigned count;
};

struct nst_http_head {
    const struct nst_http_limits *limits;
    unsigned char state;
    size_t at;   /* bytes read so far; of the whole head when DONE */
    size_t mark; /* where the present part of it began */

    struct nst_str method;
    struct nst_str path, query; /* of the target; query is null without '?' */
    struct nst_str authority;   /* of an absolute target; null otherwise */
    bool is_http_1_0, keeps_alive, expects_continue;
    enum nst_http_framing framing;
    uint64_t length; /* of the body, when stated; more than fits into 64 bits: UINT64_MAX */

    struct nst_http_named host, content_length, transfer_encoding, connection, expect, request_id;
    struct nst_http_header *field; /* room for limits->fields of them, the caller's */
    unsigned fields;

    enum nst_err err;   /* when REFUSED */
    const char *detail; /* a sentence, or NULL for that of err */
};

/* Begin with a new head. field and limits must outlive it. */
void nst_http_head_init(struct nst_http_head *h, const struct nst_http_limits *limits,
                        struct nst_http_header *field);

/* Read on in text, which starts with the first byte of the request and may hold
 * more than the head. When refused, what was found before is there, and path is
 * never empty, so that the answer can be given in the form of its face. */
NST_CHECKED enum nst_http_read nst_http_read_head(struct nst_http_head *h, struct nst_str text);

/* A body in chunks. The sizes of the chunks, their extensions and the trailers
 * are read, bounded and dropped. */
struct nst_http_chunks {
    const struct nst_http_limits *limits;
    unsigned char state;
    uint64_t left;   /* bytes of the present chunk still to come */
    size_t part;     /* bytes of the part that state stands in */
    size_t overhead; /* of extensions and trailers so far; at most limits->head_bytes */
    unsigned trailers;
    const char *detail; /* when REFUSED: the error is NST_E_MALFORMED */
};

/* Begin with a new body. */
void nst_http_chunks_init(struct nst_http_chunks *c, const struct nst_http_limits *limits);

/* Read on in *in, of which what was used is cut off.
 *   data   set to the next bytes of the body, a part of *in; empty: there are none yet
 * MORE with data: call again; MORE without: *in is used up. c->left tells how long a
 * chunk claims to be, before its bytes are there. */
NST_CHECKED enum nst_http_read nst_http_read_chunks(struct nst_http_chunks *c, struct nst_str *data,
                                                    struct nst_str *in);

#endif
