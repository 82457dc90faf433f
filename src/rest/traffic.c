/* Requests by route, method and status, and how long they took. Each loop has tables of
 * its own, of which the parts of a route are made when that is asked for the first time: so no
 * loop waits for another, and memory goes by the routes that are in use. Labels are routes as the
 * program has compiled them, never paths as they came: their number is known. */
#include "meter.h"

#include <stdatomic.h>

#define LOOPS_MAX   256
#define ARENA_FIRST 16384

/* The statuses that this program answers with; any other is the last. */
static const unsigned short statuses[] = { 200, 201, 202, 204, 206, 301, 302, 303, 304,
                                           307, 400, 401, 403, 404, 405, 406, 408, 409,
                                           410, 411, 412, 413, 414, 415, 416, 422, 423,
                                           428, 429, 431, 500, 501, 503, 505, 507 };

#define STATUSES (sizeof(statuses) / sizeof(*statuses) + 1)
#define METHODS  (NST_METHOD_COUNT + 1)

static const char *const method_name[METHODS] = { "GET",    "POST",    "PUT",  "PATCH",
                                                  "DELETE", "OPTIONS", "other" };

static const struct nst_buckets latency = { 16,
                                            { 100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000,
                                              100000, 250000, 500000, 1000000, 2500000, 5000000,
                                              10000000 } };

static const struct nst_metric requests = {
    .name = "nestor_http_requests_total",
    .kind = NST_COUNTER,
    .label = { "route", "method", "status" },
    .help = "Requests answered, by the route that the program has for them, method (HEAD is GET) "
            "and status; route (none): no such path.",
};

static const struct nst_metric server_errors = {
    .name = "nestor_http_server_errors_total",
    .kind = NST_COUNTER,
    .help = "Requests answered with a status of 500 or more.",
};

static const struct nst_metric duration = {
    .name = "nestor_http_request_duration_seconds",
    .kind = NST_HISTOGRAM,
    .is_time = true,
    .label = { "face", "method" },
    .buckets = &latency,
    .help = "Time from a complete head to the end of the answer, by face and method; face "
            "operations: /healthz and its like.",
};

static const struct nst_metric cache_hits = {
    .name = "nestor_cache_hits_total",
    .kind = NST_COUNTER,
    .help = "Look-ups that the caches of the loops could answer.",
};

static const struct nst_metric cache_misses = {
    .name = "nestor_cache_misses_total",
    .kind = NST_COUNTER,
    .help = "Look-ups that they could not.",
};

struct route_counts {
    struct nst_counter n[METHODS][STATUSES];
};

/* Slots: the endpoints, the operations, one for all that has no route. */
struct nst_loop_traffic {
    struct nst_arena *arena; /* of its own, so that it is far from those of others */
    struct nst_traffic *all;
    _Atomic(struct route_counts *) *route;
    struct nst_histogram (*took)[METHODS]; /* one a face, one more for operations */
    struct nst_cache_tally cache;
};

struct nst_traffic {
    struct nst_arena *arena;
    const struct nst_registry *registry;
    size_t operations;
    atomic_uint loops;
    _Atomic(struct nst_loop_traffic *) loop[LOOPS_MAX];
};

static size_t slots_of(const struct nst_traffic *t)
{
    return t->registry->endpoints + t->operations + 1;
}

struct nst_traffic *nst_traffic_new(const struct nst_registry *reg)
{
    struct nst_arena *a = nst_arena_new(ARENA_FIRST);
    struct nst_traffic *t = NST_NEW(a, struct nst_traffic);
    t->arena = a;
    t->registry = reg;
    while (nst_operation_path(t->operations).p != NULL)
        t->operations++;
    return t;
}

void nst_traffic_free(struct nst_traffic *t)
{
    for (unsigned i = 0; i < t->loops; i++)
        nst_arena_free(t->loop[i]->arena);
    nst_arena_free(t->arena);
}

struct nst_loop_traffic *nst_traffic_enter(struct nst_traffic *t, struct nst_cache *cache)
{
    struct nst_arena *a = nst_arena_new(ARENA_FIRST);
    struct nst_loop_traffic *l = NST_NEW(a, struct nst_loop_traffic);
    l->arena = a;
    l->all = t;
    l->route = nst_alloc(a, slots_of(t) * sizeof(*l->route));
    l->took = nst_alloc(a, (t->registry->faces + 1) * sizeof(*l->took));
    nst_cache_count_in(cache, &l->cache);
    t->loop[atomic_fetch_add(&t->loops, 1)] = l;
    return l;
}

/* ---- Counting ---- */

static size_t slot_of(const struct nst_traffic *t, const struct nst_answered *a)
{
    if (a->operation != NULL)
        return t->registry->endpoints + nst_operation_number(a->operation);
    return a->endpoint != NULL ? a->endpoint->number : slots_of(t) - 1;
}

static unsigned status_slot(unsigned status)
{
    unsigned i = 0;
    while (i < STATUSES - 1 && statuses[i] != status)
        i++;
    return i;
}

void nst_traffic_count(struct nst_loop_traffic *l, const struct nst_answered *a)
{
    const struct nst_registry *reg = l->all->registry;
    _Atomic(struct route_counts *) *at = &l->route[slot_of(l->all, a)];
    struct route_counts *counts = atomic_load_explicit(at, memory_order_relaxed);
    if (counts == NULL) {
        counts = NST_NEW(l->arena, struct route_counts);
        atomic_store_explicit(at, counts, memory_order_release);
    }
    nst_count_own(&counts->n[a->method][status_slot(a->status)], 1);
    size_t face =
        a->operation == NULL && a->face != NULL ? nst_face_index(reg, a->face) : reg->faces;
    nst_histogram_count_own(&l->took[face][a->method], &latency, a->took);
}

/* ---- Telling ---- */

static struct nst_str route_text(struct nst_arena *a, const struct nst_traffic *t, size_t slot)
{
    const struct nst_registry *reg = t->registry;
    if (slot < reg->endpoints) {
        const struct nst_endpoint *e = reg->endpoint[slot];
        return nst_strf(a, "%s%.*s", e->route->face->mount != NULL ? e->route->face->mount : "",
                        NST_FMT(e->path));
    }
    slot -= reg->endpoints;
    return slot < t->operations ? nst_operation_path(slot) : NST_STR("(none)");
}

static void add_route(int64_t sum[METHODS][STATUSES], const struct route_counts *c)
{
    for (unsigned m = 0; c != NULL && m < METHODS; m++)
        for (unsigned s = 0; s < STATUSES; s++)
            sum[m][s] += nst_counted(&c->n[m][s]);
}

static void put_route(struct nst_buf *out, int64_t sum[METHODS][STATUSES], struct nst_str route,
                      int64_t *errors)
{
    for (unsigned m = 0; m < METHODS; m++)
        for (unsigned s = 0; s < STATUSES; s++) {
            if (sum[m][s] == 0)
                continue;
            unsigned status = s < STATUSES - 1 ? statuses[s] : 0;
            struct nst_str text =
                status > 0 ? nst_strf(out->arena, "%u", status) : NST_STR("other");
            const struct nst_str label[] = { route, nst_str_z(method_name[m]), text };
            *errors += status >= 500 ? sum[m][s] : 0;
            nst_metric_put(out, &requests, label, sum[m][s]);
        }
}

static void tell_requests(struct nst_buf *out, struct nst_traffic *t)
{
    int64_t errors = 0;
    nst_metric_begin(out, &requests);
    for (size_t slot = 0; slot < slots_of(t); slot++) {
        int64_t sum[METHODS][STATUSES] = { 0 };
        bool any = false;
        for (unsigned i = 0; i < t->loops; i++) {
            const struct nst_loop_traffic *l = t->loop[i];
            const struct route_counts *c = l != NULL ? l->route[slot] : NULL;
            any |= c != NULL;
            add_route(sum, c);
        }
        if (any)
            put_route(out, sum, route_text(out->arena, t, slot), &errors);
    }
    nst_metric_tell(out, &server_errors, errors);
}

static void tell_durations(struct nst_buf *out, struct nst_traffic *t)
{
    const struct nst_registry *reg = t->registry;
    nst_metric_begin(out, &duration);
    for (size_t face = 0; face <= reg->faces; face++)
        for (unsigned m = 0; m < METHODS; m++) {
            struct nst_histogram_sum sum = { 0 };
            int64_t count = 0;
            for (unsigned i = 0; i < t->loops; i++) {
                const struct nst_loop_traffic *l = t->loop[i];
                if (l != NULL)
                    nst_histogram_add(&sum, &l->took[face][m]);
            }
            for (unsigned i = 0; i <= NST_BUCKETS_MAX; i++)
                count += sum.bucket[i];
            const struct nst_str label[] = { face < reg->faces ? nst_str_z(reg->face[face]->name)
                                                               : NST_STR("operations"),
                                             nst_str_z(method_name[m]) };
            if (count > 0)
                nst_metric_put_histogram(out, &duration, label, &sum);
        }
}

void nst_traffic_tell(struct nst_buf *out, struct nst_traffic *t)
{
    int64_t hits = 0, misses = 0;
    tell_requests(out, t);
    tell_durations(out, t);
    for (unsigned i = 0; i < t->loops; i++) {
        const struct nst_loop_traffic *l = t->loop[i];
        hits += l != NULL ? nst_counted(&l->cache.hits) : 0;
        misses += l != NULL ? nst_counted(&l->cache.misses) : 0;
    }
    nst_metric_tell(out, &cache_hits, hits);
    nst_metric_tell(out, &cache_misses, misses);
}
