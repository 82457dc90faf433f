/* One request out of a text, read as a connection reads it: the head, then the body,
 * from bytes that arrive in pieces. For the tests and fuzz targets of the reader. */
#ifndef NESTOR_TESTS_MESSAGE_H
#define NESTOR_TESTS_MESSAGE_H

#include "http/reader.h"

#define MESSAGE_FIELDS   128
#define MESSAGE_BODY_MAX ((size_t)64 << 10) /* beyond: NST_E_TOO_LARGE */

struct message {
    struct nst_http_head head; /* its strings point into the text */
    struct nst_http_header field[MESSAGE_FIELDS];
    enum nst_http_read result; /* MORE: the text ends too early */
    enum nst_err err;          /* when REFUSED, with detail, of head or body */
    const char *detail;
    size_t used; /* bytes of the text, when DONE */
    size_t body_n;
    char body[MESSAGE_BODY_MAX];
};

/* Read the first request of text, of which `first` bytes arrive at once and then `step`
 * bytes (at least 1) at a time. limits->fields may be at most MESSAGE_FIELDS. */
void message_read(struct message *m, const struct nst_http_limits *limits, struct nst_str text,
                  size_t first, size_t step);

/* What of two readings of the same text differs, or NULL: its verdict does not depend
 * on how it was cut. */
const char *message_difference(const struct message *a, const struct message *b);

/* Read text whole, byte by byte, and in two pieces: at every position, or at about
 * `cuts` of them when there are more.
 *   m   the reading of the whole
 * Returns what differed, or NULL. */
const char *message_read_cut(struct message *m, const struct nst_http_limits *limits,
                             struct nst_str text, size_t cuts);

#endif
