/* The figures that an operator looks at, worked out of two texts of /metrics: by the server for its
 * samples, and by `nestor top` of a server far away. And the samples: a file of fixed size. */
#ifndef NESTOR_REST_FIGURE_H
#define NESTOR_REST_FIGURE_H

#include "nestor/base/metric.h"

#define NST_FIGURES 12

struct nst_figure {
    const char *name, *unit, *doc;
};

/* Which there are, in the order of all that follows. */
extern const struct nst_figure nst_figures[NST_FIGURES];

/* What one text of /metrics says of them. Zeroed before it is read into. */
struct nst_reading {
    int64_t at;                        /* when, in microseconds on one clock */
    double total[NST_FIGURES];         /* as it stands there, over all labels */
    bool has[NST_FIGURES];             /* whether it does */
    unsigned bounds;                   /* buckets of the latency, added up; the last is +Inf */
    double bound[NST_BUCKETS_MAX + 1]; /* seconds */
    double bucket[NST_BUCKETS_MAX + 1];
};

/* Read a text; lines of other metrics are passed over. */
void nst_reading_take(struct nst_reading *r, struct nst_str text);

/* The figures at `now`, rates and latencies of the time since `before` (NULL: not known). What is not
 * known is NAN. */
void nst_figures_make(double value[NST_FIGURES], const struct nst_reading *now,
                      const struct nst_reading *before);

/* ---- Samples (history.c) ----
 * Two rings in one file of fixed size: one every 10 seconds for a day, one every 2 minutes for 14
 * days. The place of a sample follows from its time, and each has a checksum: a file that was cut
 * off in a write lacks that sample and nothing else. */

struct nst_history;

#define NST_HISTORY_STEP   10  /* seconds */
#define NST_HISTORY_COARSE 120 /* the same, of the second ring */

/* Open the file, made anew where it is none of ours or damaged, with a line in the log. NULL, logged:
 * it cannot be used. Blocks on the disk. */
struct nst_history *nst_history_open(struct nst_str path);
void nst_history_close(struct nst_history *h);

/* Keep a sample of that time (microseconds), unless there is one of the same step; the ring of the longer steps is kept from those of the
 * shorter. What cannot be written is logged once, until it can be again. Blocks on the disk. */
void nst_history_add(struct nst_history *h, int64_t at, const double value[NST_FIGURES]);

/* Read one figure of the last `count` of the longer steps, the last being that of `now` (microseconds), the
 * oldest first; NAN: not known. The file is only read, and may be in use. false, with nothing
 * read: it is not there, or none of ours. Blocks on the disk. */
bool nst_history_read(double *value, unsigned count, struct nst_str path, const char *figure,
                      int64_t now);

/* Which samples: `step` is one of the two, `last` seconds back from now. */
struct nst_span {
    int64_t step, last;
};

/* Read the span from the query of an address: `step` (10, 120) and `last` (seconds: 3600).
 * Returns what is wrong, a sentence in a, or null. */
struct nst_str nst_span_read(struct nst_span *out, struct nst_arena *a, struct nst_str query);

/* Append the samples up to `now` as JSON; h may be NULL: none are known. Blocks on the disk. */
void nst_history_put(struct nst_buf *out, const struct nst_history *h, int64_t now,
                     const struct nst_span *span);

#endif
