/* Figures out of the text of /metrics; see figure.h. */
#include "figure.h"

#include "nestor/base/time.h"

#include <math.h>
#include <stdlib.h>

enum kind { RATE, GAUGE, QUANTILE };

const struct nst_figure nst_figures[NST_FIGURES] = {
    { "requests", "1/s", "Requests answered." },
    { "errors", "1/s", "Requests answered with 500 or more." },
    { "latency_p50", "s", "Half of the requests took no longer." },
    { "latency_p99", "s", "99 of 100 requests took no longer." },
    { "connections", "", "Connections that are open." },
    { "writes_waiting", "", "Writes in the queue." },
    { "database", "bytes", "Size of the database." },
    { "log", "bytes", "Size of SQLite's log (-wal)." },
    { "resident", "bytes", "Resident memory of the process." },
    { "cpu", "cores", "Processor time of the process." },
    { "tasks_waiting", "", "Tasks that wait for a worker." },
    { "subscriptions_late", "", "Copies whose last success is too long ago." },
};

/* Where each stands in the text; a quantile in the buckets of that name. */
static const struct {
    const char *metric;
    enum kind kind;
    double part;
} origin[NST_FIGURES] = {
    { "nestor_http_requests_total", RATE, 0 },
    { "nestor_http_server_errors_total", RATE, 0 },
    { "nestor_http_request_duration_seconds_bucket", QUANTILE, 0.5 },
    { "nestor_http_request_duration_seconds_bucket", QUANTILE, 0.99 },
    { "nestor_http_connections", GAUGE, 0 },
    { "nestor_database_writes_waiting", GAUGE, 0 },
    { "nestor_database_size_bytes", GAUGE, 0 },
    { "nestor_database_log_size_bytes", GAUGE, 0 },
    { "nestor_process_resident_memory_bytes", GAUGE, 0 },
    { "nestor_process_cpu_seconds_total", RATE, 0 },
    { "nestor_tasks_waiting", GAUGE, 0 },
    { "nestor_subscriptions_late", GAUGE, 0 },
};

#define LATENCY 2 /* the figure whose buckets are read */

/* ---- Reading ---- */

static bool read_number(double *out, struct nst_str text)
{
    char room[64], *end;
    if (text.n == 0 || text.n >= sizeof(room))
        return false;
    memcpy(room, text.p, text.n);
    room[text.n] = '\0';
    *out = strtod(room, &end);
    return *end == '\0';
}

/* Buckets of all labels are added up by their bounds. */
static void take_bucket(struct nst_reading *r, struct nst_str labels, double value)
{
    static const struct nst_str mark = NST_STR_INIT("le=\"");
    double bound;
    size_t at = 0;
    while (at < labels.n && !nst_str_starts(nst_str_slice(labels, at, labels.n), mark))
        at++;
    if (at == labels.n)
        return;
    struct nst_str rest = nst_str_slice(labels, at + mark.n, labels.n);
    if (!read_number(&bound, nst_str_cut(&rest, '"')))
        return;
    unsigned i = 0;
    while (i < r->bounds && r->bound[i] != bound)
        i++;
    if (i > NST_BUCKETS_MAX)
        return;
    r->bound[i] = bound;
    r->bucket[i] += value;
    r->bounds = i == r->bounds ? i + 1 : r->bounds;
}

/* `name{labels} value` */
static void take_line(struct nst_reading *r, struct nst_str line)
{
    double value;
    size_t space = line.n;
    while (space > 0 && line.p[space - 1] != ' ')
        space--;
    if (space == 0 || line.p[0] == '#' || !read_number(&value, nst_str_slice(line, space, line.n)))
        return;
    struct nst_str labels = nst_str_slice(line, 0, space - 1);
    struct nst_str name = nst_str_cut(&labels, '{');
    for (unsigned i = 0; i < NST_FIGURES; i++) {
        if (!nst_str_eq(name, nst_str_z(origin[i].metric)))
            continue;
        r->has[i] = true;
        r->total[i] += value;
        if (i == LATENCY)
            take_bucket(r, labels, value);
    }
}

void nst_reading_take(struct nst_reading *r, struct nst_str text)
{
    while (text.p != NULL && text.n > 0)
        take_line(r, nst_str_cut(&text, '\n'));
}

/* ---- Working out ---- */

static double bucket_before(const struct nst_reading *before, double bound)
{
    for (unsigned i = 0; i < before->bounds; i++)
        if (before->bound[i] == bound)
            return before->bucket[i];
    return 0;
}

/* Buckets say how many took no longer than their bounds; inside of one, values are taken to be
 * spread evenly. Above the last bound only that is known. */
static double quantile(const struct nst_reading *now, const struct nst_reading *before, double part)
{
    double total = 0, low_bound = 0, low = 0;
    for (unsigned i = 0; i < now->bounds; i++)
        if (isinf(now->bound[i]))
            total = now->bucket[i] - bucket_before(before, now->bound[i]);
    if (!(total > 0))
        return NAN;
    for (unsigned i = 0; i < now->bounds; i++) {
        double count = now->bucket[i] - bucket_before(before, now->bound[i]);
        if (count < part * total) {
            low_bound = now->bound[i];
            low = count;
            continue;
        }
        if (isinf(now->bound[i]))
            break;
        return low_bound + (now->bound[i] - low_bound) * (part * total - low) / (count - low);
    }
    return low_bound;
}

/* A server that was started anew counts from 0. What was never counted is not told, and 0. */
static double rate(const struct nst_reading *now, const struct nst_reading *before, unsigned i)
{
    double seconds = (double)(now->at - before->at) / (double)NST_SECOND;
    double more = now->total[i] - before->total[i];
    return seconds > 0 && more >= 0 ? more / seconds : NAN;
}

void nst_figures_make(double value[NST_FIGURES], const struct nst_reading *now,
                      const struct nst_reading *before)
{
    for (unsigned i = 0; i < NST_FIGURES; i++) {
        if (origin[i].kind == GAUGE)
            value[i] = now->has[i] ? now->total[i] : NAN;
        else if (before == NULL)
            value[i] = NAN;
        else
            value[i] = origin[i].kind == RATE ? rate(now, before, i)
                                              : quantile(now, before, origin[i].part);
    }
}
