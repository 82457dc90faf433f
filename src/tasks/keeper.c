/* What goes on beside the tasks: leases are held while a step lasts, files of tasks that are over
 * are swept, old tasks forgotten. */
#include "internal.h"

#include "nestor/base/log.h"

#include <string.h>
#include <time.h>

#define LOOK_TIME (2 * NST_SECOND)
#define HOLD_TIME (4 * NST_SECOND) /* without a word from a step; a third of a lease */
#define TIDY_TIME (300 * NST_SECOND)
#define DAY       (86400 * NST_SECOND)

/* ---- Leases ---- */

/* A lease, copied from its slot. */
struct holding {
    int64_t task;
    char token[sizeof(((struct nst_slot *)0)->token)];
    bool held;
};

/* False: it holds none, or was heard of. */
static bool is_silent(struct holding *h, struct nst_slot *s)
{
    pthread_mutex_lock(&s->workers->lock);
    bool silent = s->holds != 0 && nst_ticks() - s->held_at >= HOLD_TIME;
    h->task = s->holds;
    memcpy(h->token, s->token, sizeof(h->token));
    pthread_mutex_unlock(&s->workers->lock);
    return silent;
}

static enum nst_err hold(struct nst_db *db, void *arg)
{
    struct holding *h = arg;
    return nst_lease_hold(&h->held, db, h->task, nst_str_z(h->token));
}

/* The slot may have gone on to another task meanwhile. */
static void take_note(struct nst_slot *s, const struct holding *h)
{
    pthread_mutex_lock(&s->workers->lock);
    bool is_same = s->holds == h->task && strcmp(s->token, h->token) == 0;
    if (is_same && h->held)
        s->held_at = nst_ticks();
    if (is_same && !h->held)
        atomic_store(&s->is_cut, true);
    pthread_mutex_unlock(&s->workers->lock);
}

static void hold_leases(void *arg)
{
    struct nst_workers *w = arg;
    for (unsigned i = 0; i < w->options.slots; i++) {
        struct holding h;
        if (is_silent(&h, &w->slot[i]) &&
            nst_store_run(w->options.store, NST_MODE_WRITE, hold, &h) == NST_OK)
            take_note(&w->slot[i], &h);
    }
}

/* ---- What is old ---- */

struct forgetting {
    int64_t before, count;
};

static enum nst_err forget(struct nst_db *db, void *arg)
{
    struct forgetting *f = arg;
    return nst_tasks_forget(&f->count, db, f->before);
}

/* Some, so that writers wait for none of it. Returns whether there may be more. */
static bool forget_some(struct nst_workers *w)
{
    struct forgetting f = { .before = nst_now() - w->options.keep_days * DAY };
    if (w->options.keep_days == 0)
        return false;
    if (nst_store_run(w->options.store, NST_MODE_WRITE, forget, &f) == NST_OK)
        return f.count > 0;
    nst_log(NST_LOG_WARN, "old tasks not forgotten", NST_LOG_STR("folder", w->options.folder));
    return false;
}

/* ---- The thread ---- */

/* Returns whether somebody asked to have files swept. */
static bool wait_a_while(struct nst_workers *w, int64_t time)
{
    const struct timespec until = nst_in_time(time);
    int error = 0;
    pthread_mutex_lock(&w->lock);
    while (error == 0 && !w->is_stopping && !w->is_untidy)
        error = pthread_cond_timedwait(&w->changed, &w->lock, &until);
    bool is_asked = w->is_untidy;
    w->is_untidy = false;
    pthread_mutex_unlock(&w->lock);
    return is_asked;
}

static void sweep(struct nst_workers *w)
{
    const struct nst_file_kind *const *kept = w->options.kept;
    nst_task_files_sweep(w->options.folder, w->options.store, hold_leases, w);
    for (; kept != NULL && *kept != NULL; kept++)
        nst_kept_files_sweep(w->options.folder, w->options.store, *kept, hold_leases, w);
}

void *nst_keeper(void *arg)
{
    struct nst_workers *w = arg;
    int64_t tidied_at = 0;
    bool has_old = false, is_asked = true;
    while (!nst_workers_are_stopping(w)) {
        hold_leases(w);
        if (nst_ticks() - tidied_at >= TIDY_TIME || tidied_at == 0) {
            has_old = is_asked = true;
            tidied_at = nst_ticks();
        }
        if (is_asked)
            sweep(w);
        has_old = has_old && forget_some(w);
        if (w->options.tend != NULL && w->options.slots > 0)
            w->options.tend(w->options.store);
        is_asked = wait_a_while(w, has_old ? 0 : LOOK_TIME);
    }
    return NULL;
}
