/* Checking and repairing as tasks (G158). Looking happens between the steps, in reads of its own,
 * so that the writer is held for repairs alone. Who is begun again after a kill looks at everything
 * again: that changes nothing. */
#include "tasks.h"

#include "nestor/base/time.h"

#define LOOK_TIME NST_SECOND /* of one step; it ends behind the look that passes it */

struct running {
    struct ocl_integrity *run;
    int64_t steps;  /* that are durable and taken */
    bool is_looked; /* the last look is not taken yet */
};

static enum nst_err look(struct nst_db *db, void *arg)
{
    return ocl_integrity_look(arg, db);
}

static struct running *begin(struct nst_task *t, int64_t steps)
{
    struct ocl_integrity *run = ocl_integrity_new(ocl_content_checks, t->registry);
    struct running *r = NST_NEW(run->home, struct running);
    *r = (struct running){ .run = run, .steps = steps };
    t->state = r;
    return r;
}

/* Look until there is something to repair, or for a while. What was looked at before counts once
 * its step is durable; until then it is repaired again. */
static enum nst_err prepare(struct nst_task *t)
{
    struct running *r = t->state;
    int64_t steps = 0, since = nst_ticks();
    if (t->place.p != NULL && !nst_str_int(&steps, t->place))
        return NST_E_INTERNAL;
    if (r == NULL)
        r = begin(t, steps);
    if (r->is_looked && r->steps == steps)
        return NST_OK;
    if (r->is_looked)
        ocl_integrity_take(r->run);
    r->is_looked = false;
    r->steps = steps;
    while (!ocl_integrity_is_over(r->run) && !r->is_looked) {
        NST_TRY(nst_store_run(t->store, NST_MODE_READ, look, r->run));
        r->is_looked = nst_ticks() - since > LOOK_TIME ||
                       (t->kind == &ocl_repair_task && ocl_integrity_wants_repair(r->run));
        if (!r->is_looked)
            ocl_integrity_take(r->run);
    }
    return NST_OK;
}

static struct nst_str put_counts(struct nst_task *t, const struct ocl_integrity *run)
{
    int64_t count = 0, mended = 0;
    for (size_t i = 0; i < run->checks; i++) {
        count += run->finding[i].check->is_note ? 0 : run->finding[i].count;
        mended += run->finding[i].mended;
    }
    t->message = nst_strf(t->arena, "%zu of %zu checks", run->at, run->checks);
    return nst_strf(t->arena, "{\"damage\":%lld,\"repaired\":%lld}", (long long)count,
                    (long long)mended);
}

static void end(struct nst_task *t, const struct ocl_integrity *run)
{
    struct nst_buf out;
    int64_t left = ocl_integrity_damage(run);
    nst_buf_init(&out, t->arena, SIZE_MAX);
    ocl_integrity_put(&out, run);
    t->result = nst_buf_str(&out);
    t->report = left == 0 ? nst_strf(t->arena, "Sound: %zu checks", run->checks)
                          : nst_strf(t->arena, "Damaged in %lld places", (long long)left);
    t->is_over = true;
}

static enum nst_err step(struct nst_task *t, struct nst_db *db)
{
    struct running *r = t->state;
    if (r->is_looked && t->kind == &ocl_repair_task && ocl_integrity_wants_repair(r->run))
        NST_TRY(ocl_integrity_repair(r->run, db));
    t->place = nst_strf(t->arena, "%lld", (long long)r->steps + 1);
    t->done = (int64_t)r->run->at;
    t->total = (int64_t)r->run->checks;
    t->summary = put_counts(t, r->run);
    if (!r->is_looked)
        end(t, r->run);
    return NST_OK;
}

static void release(struct nst_task *t)
{
    struct running *r = t->state;
    if (r != NULL)
        ocl_integrity_free(r->run);
    t->state = NULL;
}

const struct nst_task_kind ocl_verify_task = {
    .name = "verify", .mode = NST_MODE_READ, .prepare = prepare, .step = step, .release = release
};

const struct nst_task_kind ocl_repair_task = { .name = "verify_repair",
                                               .mode = NST_MODE_WRITE,
                                               .prepare = prepare,
                                               .step = step,
                                               .release = release };
