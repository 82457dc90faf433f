/* Histograms, and the text of Prometheus; see metric.h. */
#include "nestor/base/metric.h"

#include "nestor/base/time.h"

#include <assert.h>

static unsigned bucket_of(const struct nst_buckets *b, int64_t value)
{
    unsigned i = 0;
    while (i < b->count && value > b->bound[i])
        i++;
    return i;
}

void nst_histogram_count(struct nst_histogram *h, const struct nst_buckets *b, int64_t value)
{
    nst_count(&h->bucket[bucket_of(b, value)], 1);
    nst_count(&h->sum, value > 0 ? (uint64_t)value : 0);
}

void nst_histogram_count_own(struct nst_histogram *h, const struct nst_buckets *b, int64_t value)
{
    nst_count_own(&h->bucket[bucket_of(b, value)], 1);
    nst_count_own(&h->sum, value > 0 ? (uint64_t)value : 0);
}

void nst_histogram_add(struct nst_histogram_sum *sum, const struct nst_histogram *h)
{
    for (unsigned i = 0; i <= NST_BUCKETS_MAX; i++)
        sum->bucket[i] += nst_counted(&h->bucket[i]);
    sum->sum += nst_counted(&h->sum);
}

/* ---- Text ---- */

static void put_escaped(struct nst_buf *out, struct nst_str s, bool has_quotes)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '\\' || (c == '"' && has_quotes))
            nst_put_char(out, '\\');
        if (c == '\n')
            nst_put_lit(out, "\\n");
        else
            nst_put_char(out, c);
    }
}

void nst_metric_begin(struct nst_buf *out, const struct nst_metric *m)
{
    static const char *const kind[] = { "counter", "gauge", "histogram" };
    nst_put_lit(out, "# HELP ");
    nst_put_z(out, m->name);
    nst_put_char(out, ' ');
    put_escaped(out, nst_str_z(m->help), false);
    nst_put_lit(out, "\n# TYPE ");
    nst_put_z(out, m->name);
    nst_put_char(out, ' ');
    nst_put_z(out, kind[m->kind]);
    nst_put_char(out, '\n');
}

/* Microseconds as seconds, without zeros at the end. */
static void put_seconds(struct nst_buf *out, int64_t us)
{
    int64_t part = us % NST_SECOND;
    nst_put_int(out, us / NST_SECOND);
    if (part == 0)
        return;
    nst_put_char(out, '.');
    for (int64_t unit = NST_SECOND / 10; part > 0; unit /= 10) {
        nst_put_char(out, (char)('0' + part / unit));
        part %= unit;
    }
}

static void put_number(struct nst_buf *out, const struct nst_metric *m, int64_t value)
{
    if (!m->is_time) {
        nst_put_int(out, value);
        return;
    }
    if (value < 0)
        nst_put_char(out, '-');
    put_seconds(out, value < 0 ? -value : value);
}

/* `{route="/x",le="0.1"}`; a bound without text is left out. */
static void put_labels(struct nst_buf *out, const struct nst_metric *m, const struct nst_str *label,
                       struct nst_str bound)
{
    char before = '{';
    for (unsigned i = 0; i < NST_METRIC_LABELS_MAX && m->label[i] != NULL; i++) {
        nst_put_char(out, before);
        nst_put_z(out, m->label[i]);
        nst_put_lit(out, "=\"");
        assert(label != NULL);
        put_escaped(out, label[i], true);
        nst_put_char(out, '"');
        before = ',';
    }
    if (bound.n > 0) {
        nst_put_char(out, before);
        nst_put_lit(out, "le=\"");
        nst_put(out, bound);
        nst_put_char(out, '"');
        before = ',';
    }
    nst_put_z(out, before == ',' ? "} " : " ");
}

void nst_metric_put(struct nst_buf *out, const struct nst_metric *m, const struct nst_str *label,
                    int64_t value)
{
    nst_put_z(out, m->name);
    put_labels(out, m, label, (struct nst_str){ 0 });
    put_number(out, m, value);
    nst_put_char(out, '\n');
}

void nst_metric_put_histogram(struct nst_buf *out, const struct nst_metric *m,
                              const struct nst_str *label, const struct nst_histogram_sum *sum)
{
    int64_t count = 0;
    for (unsigned i = 0; i <= m->buckets->count; i++) {
        char room[32];
        struct nst_buf bound = { .p = room, .cap = sizeof(room), .max = sizeof(room) };
        if (i < m->buckets->count)
            put_number(&bound, m, m->buckets->bound[i]);
        else
            nst_put_lit(&bound, "+Inf");
        count += sum->bucket[i];
        nst_putf(out, "%s_bucket", m->name);
        put_labels(out, m, label, nst_buf_str(&bound));
        nst_put_int(out, count);
        nst_put_char(out, '\n');
    }
    nst_putf(out, "%s_sum", m->name);
    put_labels(out, m, label, (struct nst_str){ 0 });
    put_number(out, m, sum->sum);
    nst_putf(out, "\n%s_count", m->name);
    put_labels(out, m, label, (struct nst_str){ 0 });
    nst_put_int(out, count);
    nst_put_char(out, '\n');
}

void nst_metric_tell(struct nst_buf *out, const struct nst_metric *m, int64_t value)
{
    nst_metric_begin(out, m);
    nst_metric_put(out, m, NULL, value);
}
