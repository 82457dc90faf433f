/* Revisions of a source, numbers of its rows, and its counts: one UPDATE a write, or one for a
 * thousand in a run. */
#include "content.h"

/* Move the source on by some revisions and numbers.
 *   after  the revision and the number that it stands at then */
static enum nst_err move_on(int64_t after[2], struct nst_db *db, int64_t repo,
                            const struct ocl_run *step)
{
    const struct ocl_count *concepts = &step->count[OCL_CONCEPTS];
    struct nst_rows *rows;
    after[0] = after[1] = 0;
    NST_TRY(nst_query_with(&rows, db,
                           "UPDATE repo SET rev = rev + $1, next_number = next_number + $2, "
                           "concepts = concepts + $3, active_concepts = active_concepts + $4 "
                           "WHERE id = $5 RETURNING rev, next_number",
                           NST_INT(step->revs_left), NST_INT(step->numbers_left),
                           NST_INT(concepts->all), NST_INT(concepts->active), NST_INT(repo)));
    if (nst_rows_step(rows)) {
        after[0] = nst_rows_int(rows, 0);
        after[1] = nst_rows_int(rows, 1);
    } else {
        nst_rows_fail(rows, NST_E_NOT_FOUND);
    }
    return nst_rows_end(rows);
}

enum nst_err ocl_run_flush(struct ocl_run *run, struct nst_db *db)
{
    struct ocl_run counted = *run;
    int64_t after[2];
    counted.revs_left = -run->revs_left;
    counted.numbers_left = -run->numbers_left;
    if (run->repo != 0)
        NST_TRY(move_on(after, db, run->repo, &counted));
    *run = (struct ocl_run){ 0 };
    return NST_OK;
}

#define RUN_REVS    1000
#define RUN_NUMBERS 2000

static enum nst_err open_run(struct ocl_run *run, struct nst_db *db, int64_t repo)
{
    const struct ocl_run step = { .revs_left = RUN_REVS, .numbers_left = RUN_NUMBERS };
    int64_t after[2];
    NST_TRY(ocl_run_flush(run, db));
    NST_TRY(move_on(after, db, repo, &step));
    *run = step;
    run->repo = repo;
    run->rev = after[0] - RUN_REVS + 1;
    run->number = after[1] - RUN_NUMBERS;
    return NST_OK;
}

/* The next revision outside a run, with what the write adds; `sign` -1 takes it back. */
static enum nst_err step_once(int64_t after[2], struct nst_db *db, int64_t repo,
                              const struct ocl_delta *delta, int sign)
{
    struct ocl_run step = { .revs_left = sign, .numbers_left = sign * delta->numbers };
    step.count[delta->counted] =
        (struct ocl_count){ sign * delta->count.all, sign * delta->count.active };
    return move_on(after, db, repo, &step);
}

static void count(struct ocl_run *run, const struct ocl_delta *delta, int sign)
{
    run->rev += sign;
    run->revs_left -= sign;
    run->number += sign * delta->numbers;
    run->numbers_left -= sign * delta->numbers;
    run->count[delta->counted].all += sign * delta->count.all;
    run->count[delta->counted].active += sign * delta->count.active;
}

enum nst_err ocl_advance(struct ocl_change *out, struct nst_req *rq, int64_t repo,
                         const struct ocl_delta *delta)
{
    struct ocl_run *run = rq->context;
    int64_t after[2], home = repo << OCL_NUMBER_BITS;
    if (run == NULL) {
        NST_TRY(step_once(after, rq->db, repo, delta, 1));
        *out = (struct ocl_change){ after[0], home + after[1] - delta->numbers };
        return NST_OK;
    }
    if (run->repo != repo || run->revs_left == 0 || run->numbers_left < delta->numbers)
        NST_TRY(open_run(run, rq->db, repo));
    *out = (struct ocl_change){ run->rev, home + run->number };
    count(run, delta, 1);
    return NST_OK;
}

enum nst_err ocl_take_back(struct nst_req *rq, int64_t repo, const struct ocl_delta *delta)
{
    struct ocl_run *run = rq->context;
    int64_t after[2];
    if (run == NULL)
        return step_once(after, rq->db, repo, delta, -1);
    count(run, delta, -1);
    return NST_OK;
}
