/* Comma-separated values (RFC 4180), read row by row in constant memory.
 *
 * The reader is lenient where people's files differ without doubt about their
 * meaning: a byte order mark, CR, LF or CRLF, blank lines and rows of separators
 * only, no line end at the end, blanks around a field that is not quoted, and the
 * separator: the one of comma, semicolon and tab that the first line has most of, or
 * that a first line such as `sep=;` names. A field holds no line break, unless the rules
 * let it. What is in doubt is a fault of its row, and the reader goes on with the next
 * line. */
#ifndef NESTOR_BASE_CSV_H
#define NESTOR_BASE_CSV_H

#include "nestor/base/buf.h"

#include <sys/types.h>

#define NST_CSV_FIELDS    64              /* of a row at most */
#define NST_CSV_FIELD_MAX ((size_t)65536) /* bytes of a field; a block more is read */
#define NST_CSV_ROW_MAX   ((size_t)262144)

struct nst_csv;

/* What a row may be. */
struct nst_csv_rules {
    size_t fields;             /* of a row at most */
    size_t field_max, row_max; /* bytes */
    bool has_breaks;           /* what quotes hold may have line ends */
};

/* The bounds above, and no line breaks. */
extern const struct nst_csv_rules nst_csv_default_rules;

enum nst_csv_fault {
    NST_CSV_GOOD,
    NST_CSV_QUOTES,   /* a quote where none may stand */
    NST_CSV_UNCLOSED, /* a quote that is open at the end of its line, or of the file */
    NST_CSV_TOO_LONG, /* a field or the row */
    NST_CSV_TOO_MANY, /* fields */
    NST_CSV_NUL,      /* a NUL byte */
    NST_CSV_ENCODING, /* no UTF-8 */
};

/* A row. With a fault other than NUL and ENCODING it has no fields. */
struct nst_csv_row {
    size_t line;      /* from 1; its first one */
    size_t next_line; /* that follows the row */
    uint64_t begin;   /* bytes of the file before it */
    uint64_t end;     /* bytes of the file up to its end, the first line end included */
    bool is_whole;    /* a line end stands after it */
    enum nst_csv_fault fault;
    const struct nst_str *field; /* valid until the next row is read */
    size_t count;
};

enum nst_csv_step {
    NST_CSV_ROW,
    NST_CSV_END,
    NST_CSV_WIDE,   /* the file begins with a byte order mark of UTF-16 */
    NST_CSV_FAILED, /* the source failed */
};

/* Where bytes come from: at most n into `to`. Returns their number, 0 at the end,
 * -1 when it cannot be read. */
typedef ssize_t nst_csv_source(void *arg, char *to, size_t n);

/* Make a reader that lives in a and takes no more from it later than the bounds
 * above ask for. Nothing is read yet. */
struct nst_csv *nst_csv_new(struct nst_arena *a, nst_csv_source *source, void *arg);

/* The same with rules of one's own; they are copied. */
struct nst_csv *nst_csv_new_with(struct nst_arena *a, nst_csv_source *source, void *arg,
                                 const struct nst_csv_rules *rules);

/* Go on elsewhere: at the first byte of that line, which stands at `end` of the file. The source
 * gives bytes from there from now on. The separator stays. */
void nst_csv_go_on(struct nst_csv *c, size_t line, uint64_t end);

/* Read the next row that is not blank into *row. To be called until it returns
 * something else than NST_CSV_ROW. Blocks as the source does. */
enum nst_csv_step nst_csv_next(struct nst_csv_row *row, struct nst_csv *c);

/* A sentence about a fault; "" for none. */
const char *nst_csv_reason(enum nst_csv_fault fault);

/* Append a field, in quotes where it must be, also for blanks at its ends. */
void nst_csv_put(struct nst_buf *out, struct nst_str field);

#endif
