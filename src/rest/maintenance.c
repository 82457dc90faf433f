/* Maintenance: the row that says so, the atomic that requests ask, and how the one follows the
 * other. Who switches it, and who may, is the application's. */
#include "nestor/maintenance.h"

#include "nestor/base/log.h"

#include <pthread.h>
#include <stdatomic.h>

#define BODY        "{\"detail\":\"The service is in maintenance mode.\"}"
#define RETRY_AFTER "30" /* seconds: nobody knows how long it lasts */

/* Of the process, as its settings are. */
static struct {
    atomic_bool is_on;
    pthread_mutex_t lock; /* of what follows, and of changes of is_on */
    bool is_looking;
    unsigned changes; /* by this process: a look that began before one is not believed */
} seen = { .lock = PTHREAD_MUTEX_INITIALIZER };

bool nst_maintenance_is_on(void)
{
    return atomic_load_explicit(&seen.is_on, memory_order_relaxed);
}

void nst_maintenance_answer(struct nst_exchange *x)
{
    x->status = 503;
    x->content_type = NST_STR("application/json");
    nst_http_add_header(x, "Retry-After", NST_STR(RETRY_AFTER));
    nst_http_add_header(x, "Cache-Control", NST_STR("no-store"));
    x->out.n = 0;
    nst_put_lit(&x->out, BODY);
}

/* ---- The row ---- */

enum nst_err nst_maintenance_read(struct nst_maintenance *out, struct nst_arena *a,
                                  struct nst_db *db)
{
    struct nst_rows *rows;
    *out = (struct nst_maintenance){ 0 };
    NST_TRY(nst_query(&rows, db, NST_STR("SELECT since, who, reason FROM maintenance WHERE id = 1"),
                      NULL, 0));
    if (nst_rows_step(rows))
        *out = (struct nst_maintenance){ .is_on = true,
                                         .since = nst_rows_int(rows, 0),
                                         .who = nst_str_copy(a, nst_rows_text(rows, 1)),
                                         .reason = nst_str_copy(a, nst_rows_text(rows, 2)) };
    return nst_rows_end(rows);
}

enum nst_err nst_maintenance_begin(struct nst_db *db, const struct nst_maintenance *m)
{
    return nst_exec_with(NULL, db,
                         "INSERT INTO maintenance (id, since, who, reason) VALUES (1, $1, $2, $3) "
                         "ON CONFLICT (id) DO UPDATE SET who = $2, reason = $3",
                         NST_INT(m->since), NST_TEXT(m->who), NST_TEXT(m->reason));
}

enum nst_err nst_maintenance_end(struct nst_db *db)
{
    return nst_exec_with(NULL, db, "DELETE FROM maintenance WHERE id = $1", NST_INT(1));
}

/* ---- What this process has seen ---- */

static void log_change(bool is_on)
{
    nst_log(NST_LOG_WARN, is_on ? "maintenance begins" : "maintenance ends",
            NST_LOG_STR("answer", is_on ? NST_STR("503") : NST_STR("as ever")));
}

/* With the lock held. */
static void set(bool is_on)
{
    if (atomic_exchange(&seen.is_on, is_on) != is_on)
        log_change(is_on);
}

static void change(bool is_on)
{
    pthread_mutex_lock(&seen.lock);
    seen.changes++;
    set(is_on);
    pthread_mutex_unlock(&seen.lock);
}

void nst_maintenance_began(void)
{
    change(true);
}

void nst_maintenance_ended(void)
{
    change(false);
}

/* ---- Looking ---- */

/* Only one look is under way at a time. */
static struct {
    unsigned changes;
    bool is_on;
} look;

static enum nst_err read_row(struct nst_db *db, void *arg)
{
    struct nst_rows *rows;
    (void)arg;
    NST_TRY(nst_query(&rows, db, NST_STR("SELECT since FROM maintenance WHERE id = 1"), NULL, 0));
    look.is_on = nst_rows_step(rows);
    return nst_rows_end(rows);
}

static bool begin_look(void)
{
    pthread_mutex_lock(&seen.lock);
    bool may = !seen.is_looking;
    seen.is_looking = true;
    if (may)
        look.changes = seen.changes;
    pthread_mutex_unlock(&seen.lock);
    return may;
}

static void end_look(enum nst_err err, void *arg)
{
    (void)arg;
    pthread_mutex_lock(&seen.lock);
    if (err == NST_OK && look.changes == seen.changes)
        set(look.is_on);
    seen.is_looking = false;
    pthread_mutex_unlock(&seen.lock);
}

enum nst_err nst_maintenance_open(struct nst_store *store)
{
    (void)begin_look();
    enum nst_err e = nst_store_run(store, NST_MODE_READ, read_row, NULL);
    end_look(e, NULL);
    return e;
}

void nst_maintenance_look(struct nst_store *store)
{
    if (begin_look())
        nst_store_submit_probe(store, read_row, end_look, NULL);
}
