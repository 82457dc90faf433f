/* Metrics of tasks: of the database which wait and run, of this process how they ended. */
#include "internal.h"

#include <assert.h>

static const struct nst_metric waiting = {
    .name = "nestor_tasks_waiting",
    .kind = NST_GAUGE,
    .label = { "kind" },
    .help = "Tasks that wait for a worker, by kind.",
};

static const struct nst_metric at_work = {
    .name = "nestor_tasks_running",
    .kind = NST_GAUGE,
    .label = { "kind" },
    .help = "Tasks that a worker has, by kind: of all servers on this database.",
};

static const struct nst_metric oldest = {
    .name = "nestor_tasks_oldest_waiting_seconds",
    .kind = NST_GAUGE,
    .is_time = true,
    .help = "How long the oldest of those that wait has waited; 0: none does.",
};

static const struct nst_metric ended = {
    .name = "nestor_tasks_ended_total",
    .kind = NST_COUNTER,
    .label = { "kind", "state" },
    .help = "Tasks that this server has ended, by kind and how.",
};

#define KINDS_MAX 64

/* What the database has of one kind; of all that this program does not know, together. */
struct standing {
    int64_t waiting, running;
};

static unsigned kind_of(const struct nst_task_kind *const *kinds, struct nst_str name)
{
    unsigned i = 0;
    while (kinds[i] != NULL && !nst_str_eq(name, nst_str_z(kinds[i]->name)))
        i++;
    assert(i < KINDS_MAX);
    return i;
}

static enum nst_err read_standing(struct standing *by_kind, int64_t *since, struct nst_db *db,
                                  const struct nst_task_kind *const *kinds)
{
    struct nst_rows *rows;
    *since = 0;
    NST_TRY(nst_query(&rows, db,
                      NST_STR("SELECT name, state, count(*), min(created_at) FROM task WHERE "
                              "(state = '" NST_TASK_PENDING "' OR state = '" NST_TASK_STARTED
                              "') GROUP BY name, state"),
                      NULL, 0));
    while (nst_rows_step(rows)) {
        struct standing *s = &by_kind[kind_of(kinds, nst_rows_text(rows, 0))];
        bool is_waiting = nst_str_eq(nst_rows_text(rows, 1), NST_STR(NST_TASK_PENDING));
        int64_t created = nst_rows_int(rows, 3);
        *(is_waiting ? &s->waiting : &s->running) += nst_rows_int(rows, 2);
        if (is_waiting && (*since == 0 || created < *since))
            *since = created;
    }
    return nst_rows_end(rows);
}

static void put_standing(struct nst_buf *out, const struct nst_metric *m,
                         const struct standing *by_kind, const struct nst_task_kind *const *kinds)
{
    bool is_waiting = m == &waiting;
    unsigned i = 0;
    nst_metric_begin(out, m);
    for (; i == 0 || kinds[i - 1] != NULL; i++) {
        const struct nst_str name = nst_str_z(kinds[i] != NULL ? kinds[i]->name : "other");
        nst_metric_put(out, m, &name, is_waiting ? by_kind[i].waiting : by_kind[i].running);
    }
}

static enum nst_err ask(struct nst_buf *out, struct nst_db *db)
{
    const struct nst_task_kind *const *kinds = nst_worker_kinds();
    struct standing by_kind[KINDS_MAX + 1] = { 0 };
    int64_t since;
    NST_TRY(read_standing(by_kind, &since, db, kinds));
    put_standing(out, &waiting, by_kind, kinds);
    put_standing(out, &at_work, by_kind, kinds);
    nst_metric_tell(out, &oldest, since > 0 ? nst_now() - since : 0);
    return NST_OK;
}

static struct nst_counter ends[KINDS_MAX][2]; /* of the process: well, badly */

void nst_task_ended(const struct nst_task_kind *kind, bool is_good)
{
    unsigned i = kind_of(nst_worker_kinds(), nst_str_z(kind->name));
    nst_count(&ends[i][is_good ? 0 : 1], 1);
}

static void tell(struct nst_buf *out)
{
    static const struct nst_str state[] = { NST_STR_INIT(NST_TASK_SUCCESS),
                                            NST_STR_INIT(NST_TASK_FAILURE) };
    const struct nst_task_kind *const *kinds = nst_worker_kinds();
    nst_metric_begin(out, &ended);
    for (unsigned i = 0; kinds[i] != NULL; i++)
        for (unsigned k = 0; k < 2; k++) {
            const struct nst_str label[] = { nst_str_z(kinds[i]->name), state[k] };
            nst_metric_put(out, &ended, label, nst_counted(&ends[i][k]));
        }
}

const struct nst_metric_source nst_task_metrics = { tell, ask };
