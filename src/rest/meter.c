/* A thread that gathers metrics when somebody asks, and keeps a sample every ten seconds. It asks
 * the database through the thread of probes, and waits for that only so long: what the process
 * knows is told in any case. Loops hand their exchange over and go on; nobody else waits here. */
#include "meter.h"

#include "nestor/base/log.h"
#include "nestor/base/time.h"

#include <stdlib.h>

#define WAIT_TIME   (2 * NST_SECOND) /* for the database */
#define SAMPLE_TIME (NST_HISTORY_STEP * NST_SECOND)
#define TEXT_MAX    ((size_t)16 << 20)
#define ARENA_FIRST 65536

/* Somebody who waits; in the arena of the exchange. */
struct waiting {
    struct waiting *next;
    struct nst_exchange *x;
    bool is_history;
    struct nst_span span;
};

/* What the database is asked; used by the store's thread from is_running on until is_done. */
struct probe {
    struct nst_meter *meter;
    struct nst_arena *arena;
    struct nst_buf text;
    enum nst_err err;
    bool is_running, is_done;
};

struct nst_meter {
    struct nst_arena *home; /* of the meter itself */
    struct nst_meter_options options;
    pthread_t thread;
    pthread_mutex_t lock; /* of all below */
    pthread_cond_t changed;
    struct waiting *first, **last;
    struct probe probe;
    bool is_stopping;
    pthread_mutex_t watching; /* of http, while it is read */
    const struct nst_http *http;
    struct nst_arena *arena; /* of one gathering */
    struct nst_history *history;
    struct nst_reading before;
    int64_t gathered_at; /* since 1970, as what follows */
    int64_t started;     /* since 1970 */
    int64_t sampled_for; /* the ten seconds of the last sample, counted from 1970; 0: none yet */
};

/* ---- Asking the database ---- */

/* It may run again, and then begins anew. */
static enum nst_err ask(struct nst_db *db, void *arg)
{
    struct probe *p = arg;
    nst_arena_reset(p->arena);
    nst_buf_init(&p->text, p->arena, TEXT_MAX);
    NST_TRY(nst_metrics_ask(&p->text, db));
    const struct nst_metric_source *const *s = p->meter->options.sources;
    for (; s != NULL && *s != NULL; s++)
        if ((*s)->ask != NULL)
            NST_TRY((*s)->ask(&p->text, db));
    return NST_OK;
}

static void answered(enum nst_err err, void *arg)
{
    struct probe *p = arg;
    struct nst_meter *m = p->meter;
    pthread_mutex_lock(&m->lock);
    p->err = err;
    p->is_done = true;
    pthread_cond_broadcast(&m->changed);
    pthread_mutex_unlock(&m->lock);
}

/* Append what the database says; false: it does not in time. One that is silent is not asked again
 * before it has answered, and not waited for again. */
static bool ask_store(struct nst_buf *out, struct nst_meter *m)
{
    struct probe *p = &m->probe;
    const struct timespec until = nst_in_time(WAIT_TIME);
    int error = 0;
    pthread_mutex_lock(&m->lock);
    bool is_silent = p->is_running && !p->is_done;
    if (!is_silent) {
        p->is_running = true;
        p->is_done = false;
        pthread_mutex_unlock(&m->lock);
        nst_store_submit_probe(m->options.store, ask, answered, p);
        pthread_mutex_lock(&m->lock);
        while (error == 0 && !p->is_done)
            error = pthread_cond_timedwait(&m->changed, &m->lock, &until);
    }
    bool is_there = !is_silent && p->is_done && p->err == NST_OK;
    p->is_running = !p->is_done;
    pthread_mutex_unlock(&m->lock);
    if (is_there)
        nst_put(out, nst_buf_str(&p->text));
    return is_there;
}

/* ---- Gathering ---- */

static struct nst_str gather(struct nst_meter *m)
{
    struct nst_buf text;
    int64_t since = nst_ticks();
    m->gathered_at = nst_now();
    nst_arena_reset(m->arena);
    nst_buf_init(&text, m->arena, TEXT_MAX);
    struct nst_telling t = { .store = m->options.store,
                             .registry = m->options.registry,
                             .traffic = m->options.traffic,
                             .started = m->started,
                             .is_up = ask_store(&text, m) };
    const struct nst_metric_source *const *s = m->options.sources;
    for (; s != NULL && *s != NULL; s++)
        if ((*s)->tell != NULL)
            (*s)->tell(&text);
    t.gathered = nst_ticks() - since;
    pthread_mutex_lock(&m->watching);
    t.http = m->http;
    nst_metrics_tell(&text, &t);
    pthread_mutex_unlock(&m->watching);
    return nst_buf_str(&text);
}

static void keep_sample(struct nst_meter *m, struct nst_str text)
{
    double value[NST_FIGURES];
    struct nst_reading now = { .at = nst_ticks() };
    nst_reading_take(&now, text);
    nst_figures_make(value, &now, m->sampled_for != 0 ? &m->before : NULL);
    nst_history_add(m->history, m->gathered_at, value);
    m->before = now;
    m->sampled_for = m->gathered_at / SAMPLE_TIME;
}

static void answer(struct nst_meter *m, const struct waiting *w, struct nst_str text)
{
    struct nst_exchange *x = w->x;
    x->status = 200;
    x->content_type = w->is_history ? NST_STR("application/json") : NST_STR(NST_METRICS_TYPE);
    nst_http_add_header(x, "Cache-Control", NST_STR("no-store"));
    if (w->is_history)
        nst_history_put(&x->out, m->history, nst_now(), &w->span);
    else
        nst_put(&x->out, text);
    nst_http_resume(x);
}

/* ---- The thread ---- */

static bool is_sample_due(const struct nst_meter *m)
{
    return m->history != NULL && nst_now() / SAMPLE_TIME != m->sampled_for;
}

/* Wait for somebody, or for the time of a sample. Returns who waits, at most all there are. */
static struct waiting *wait_for_work(struct nst_meter *m, bool *is_over)
{
    int64_t left = is_sample_due(m) ? 0 : SAMPLE_TIME - nst_now() % SAMPLE_TIME;
    const struct timespec until = nst_in_time(left);
    int error = 0;
    pthread_mutex_lock(&m->lock);
    while (m->first == NULL && !m->is_stopping && error == 0) {
        if (m->history != NULL)
            error = pthread_cond_timedwait(&m->changed, &m->lock, &until);
        else
            pthread_cond_wait(&m->changed, &m->lock);
    }
    struct waiting *list = m->first;
    m->first = NULL;
    m->last = &m->first;
    *is_over = m->is_stopping && list == NULL;
    pthread_mutex_unlock(&m->lock);
    return list;
}

/* All that wait get the same text. */
static void serve(struct nst_meter *m, struct waiting *list)
{
    bool is_due = is_sample_due(m), must_gather = is_due;
    for (const struct waiting *w = list; w != NULL; w = w->next)
        must_gather |= !w->is_history;
    struct nst_str text = must_gather ? gather(m) : NST_STR("");
    if (is_due)
        keep_sample(m, text);
    for (struct waiting *w = list, *next; w != NULL; w = next) {
        next = w->next; /* w is gone with its exchange */
        answer(m, w, text);
    }
}

static void *run(void *arg)
{
    struct nst_meter *m = arg;
    bool is_over = false;
    while (!is_over) {
        struct waiting *list = wait_for_work(m, &is_over);
        if (!is_over)
            serve(m, list);
    }
    return NULL;
}

static void hand_over(struct nst_meter *m, struct waiting *w)
{
    pthread_mutex_lock(&m->lock);
    *m->last = w;
    m->last = &w->next;
    pthread_cond_broadcast(&m->changed);
    pthread_mutex_unlock(&m->lock);
}

void nst_meter_answer(struct nst_meter *m, struct nst_exchange *x)
{
    struct waiting *w = NST_NEW(x->arena, struct waiting);
    w->x = x;
    hand_over(m, w);
}

void nst_meter_answer_history(struct nst_meter *m, struct nst_exchange *x,
                              const struct nst_span *span)
{
    struct waiting *w = NST_NEW(x->arena, struct waiting);
    *w = (struct waiting){ .x = x, .is_history = true, .span = *span };
    hand_over(m, w);
}

void nst_meter_watch(struct nst_meter *m, const struct nst_http *h)
{
    pthread_mutex_lock(&m->watching);
    m->http = h;
    pthread_mutex_unlock(&m->watching);
}

struct nst_meter *nst_meter_start(const struct nst_meter_options *o)
{
    struct nst_arena *home = nst_arena_new(ARENA_FIRST);
    struct nst_meter *m = NST_NEW(home, struct nst_meter);
    m->home = home;
    m->options = *o;
    m->last = &m->first;
    m->probe = (struct probe){ .meter = m, .arena = nst_arena_new(ARENA_FIRST) };
    m->arena = nst_arena_new(ARENA_FIRST);
    m->started = nst_now();
    m->history = o->history.n > 0 ? nst_history_open(o->history) : NULL;
    pthread_mutex_init(&m->lock, NULL);
    pthread_mutex_init(&m->watching, NULL);
    nst_cond_init(&m->changed);
    if (pthread_create(&m->thread, NULL, run, m) != 0)
        abort();
    return m;
}

void nst_meter_stop(struct nst_meter *m)
{
    pthread_mutex_lock(&m->lock);
    m->is_stopping = true;
    pthread_cond_broadcast(&m->changed);
    pthread_mutex_unlock(&m->lock);
    pthread_join(m->thread, NULL);
    pthread_mutex_lock(&m->lock);
    while (m->probe.is_running && !m->probe.is_done)
        pthread_cond_wait(&m->changed, &m->lock);
    pthread_mutex_unlock(&m->lock);
    nst_history_close(m->history);
    nst_arena_free(m->arena);
    nst_arena_free(m->probe.arena);
    pthread_cond_destroy(&m->changed);
    pthread_mutex_destroy(&m->watching);
    pthread_mutex_destroy(&m->lock);
    nst_arena_free(m->home);
}
