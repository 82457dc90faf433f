/* What a program counts while it runs, and how it tells: the text of Prometheus, 0.0.4.
 *
 * Counters and histograms live in what they measure (a loop, a store), so that a thread
 * writes where no other does and nobody waits; whoever asks adds them up. What may be
 * asked for is a table of struct nst_metric. */
#ifndef NESTOR_BASE_METRIC_H
#define NESTOR_BASE_METRIC_H

#include "nestor/base/buf.h"

#define NST_METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"
#define NST_BUCKETS_MAX  20

/* Only grows, through the two functions below, of which a counter is always given to one. */
struct nst_counter {
    uint64_t n;
};

/* Any thread may. */
static inline void nst_count(struct nst_counter *c, uint64_t more)
{
    __atomic_fetch_add(&c->n, more, __ATOMIC_RELAXED);
}

/* One thread alone may, which is a tenth of the price: it locks no line of the cache. */
static inline void nst_count_own(struct nst_counter *c, uint64_t more)
{
    __atomic_store_n(&c->n, __atomic_load_n(&c->n, __ATOMIC_RELAXED) + more, __ATOMIC_RELAXED);
}

/* What a counter has come to: of several, each is read at its own moment. */
static inline int64_t nst_counted(const struct nst_counter *c)
{
    return (int64_t)__atomic_load_n(&c->n, __ATOMIC_RELAXED);
}

/* Upper bounds of a histogram's buckets, in the unit that is counted, upwards; above the last
 * there is one more bucket. */
struct nst_buckets {
    unsigned count; /* at most NST_BUCKETS_MAX */
    int64_t bound[NST_BUCKETS_MAX];
};

struct nst_histogram {
    struct nst_counter bucket[NST_BUCKETS_MAX + 1], sum;
};

/* Several histograms of the same buckets, added up. */
struct nst_histogram_sum {
    int64_t bucket[NST_BUCKETS_MAX + 1], sum;
};

/* Count a value; one below 0 counts as 0. Does not block. Any thread; one thread alone. */
void nst_histogram_count(struct nst_histogram *h, const struct nst_buckets *b, int64_t value);
void nst_histogram_count_own(struct nst_histogram *h, const struct nst_buckets *b, int64_t value);

/* Add what h has counted to sum. */
void nst_histogram_add(struct nst_histogram_sum *sum, const struct nst_histogram *h);

enum nst_metric_kind { NST_COUNTER, NST_GAUGE, NST_HISTOGRAM };

#define NST_METRIC_LABELS_MAX 4

/* One family: `name` as Prometheus wants it, with its unit at the end. */
struct nst_metric {
    const char *name;
    enum nst_metric_kind kind;
    bool is_time;                             /* values are microseconds, and told as seconds */
    const char *label[NST_METRIC_LABELS_MAX]; /* names, as many as there are */
    const struct nst_buckets *buckets;        /* of a histogram */
    const char *help;                         /* one line */
};

/* Append the lines in front of a family's values: what it is. */
void nst_metric_begin(struct nst_buf *out, const struct nst_metric *m);

/* Append one value, behind nst_metric_begin.
 *   label  a value for each name of the table, in its order; NULL where it has none */
void nst_metric_put(struct nst_buf *out, const struct nst_metric *m, const struct nst_str *label,
                    int64_t value);
void nst_metric_put_histogram(struct nst_buf *out, const struct nst_metric *m,
                              const struct nst_str *label, const struct nst_histogram_sum *sum);

/* Both: a family of one value without labels. */
void nst_metric_tell(struct nst_buf *out, const struct nst_metric *m, int64_t value);

#endif
