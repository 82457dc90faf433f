/* Revisions of a source, numbers of its rows, and its counts: one UPDATE a write, or one for a
 * thousand in a run. */
#include "content.h"

/* Where a source stands. */
struct stand {
    int64_t rev, number, at; /* at: time of its last revision */
};

/* Move the source on by some revisions and numbers.
 *   after  where it stands then */
static enum nst_err move_on(struct stand *after, struct nst_db *db, int64_t repo,
                            const struct ocl_run *step)
{
    const struct ocl_count *concepts = &step->count[OCL_CONCEPTS];
    const struct ocl_count *mappings = &step->count[OCL_MAPPINGS];
    struct nst_rows *rows;
    *after = (struct stand){ 0 };
    NST_TRY(nst_query_with(
        &rows, db,
        "UPDATE repo SET rev = rev + $1, next_number = next_number + $2, "
        "concepts = concepts + $3, active_concepts = active_concepts + $4, "
        "mappings = mappings + $5, active_mappings = active_mappings + $6, "
        "child_concepts = child_concepts + $9, "
        "content_at = " NST_SQL_LATER("content_at",
                                      "$7") " "
                                            "WHERE id = $8 RETURNING rev, next_number, content_at",
        NST_INT(step->revs_left), NST_INT(step->numbers_left), NST_INT(concepts->all),
        NST_INT(concepts->active), NST_INT(mappings->all), NST_INT(mappings->active),
        NST_INT(step->at), NST_INT(repo), NST_INT(concepts->below)));
    if (nst_rows_step(rows)) {
        *after =
            (struct stand){ nst_rows_int(rows, 0), nst_rows_int(rows, 1), nst_rows_int(rows, 2) };
    } else {
        nst_rows_fail(rows, NST_E_NOT_FOUND);
    }
    return nst_rows_end(rows);
}

enum nst_err ocl_run_flush(struct ocl_run *run, struct nst_db *db)
{
    struct ocl_run counted = *run;
    struct stand after;
    counted.revs_left = -run->revs_left;
    counted.numbers_left = -run->numbers_left;
    if (run->repo != 0)
        NST_TRY(move_on(&after, db, run->repo, &counted));
    *run = (struct ocl_run){ 0 };
    return NST_OK;
}

#define RUN_REVS    1000
#define RUN_NUMBERS 2000

static enum nst_err open_run(struct ocl_run *run, struct nst_db *db, int64_t repo, int64_t now)
{
    const struct ocl_run step = { .revs_left = RUN_REVS, .numbers_left = RUN_NUMBERS, .at = now };
    struct stand after;
    NST_TRY(ocl_run_flush(run, db));
    NST_TRY(move_on(&after, db, repo, &step));
    *run = step;
    run->repo = repo;
    run->rev = after.rev - RUN_REVS + 1;
    run->number = after.number - RUN_NUMBERS;
    run->at = after.at;
    return NST_OK;
}

/* The next revision outside a run, with what the write adds; `sign` -1 takes it back. */
static enum nst_err step_once(struct stand *after, struct nst_req *rq, int64_t repo,
                              const struct ocl_delta *delta, int sign)
{
    struct ocl_run step = { .revs_left = sign,
                            .numbers_left = sign * delta->numbers,
                            .at = rq->now };
    step.count[delta->counted] =
        (struct ocl_count){ sign * delta->count.all, sign * delta->count.active,
                            sign * delta->count.below };
    return move_on(after, rq->db, repo, &step);
}

static void count(struct ocl_run *run, const struct ocl_delta *delta, int sign)
{
    run->rev += sign;
    run->revs_left -= sign;
    run->number += sign * delta->numbers;
    run->numbers_left -= sign * delta->numbers;
    run->count[delta->counted].all += sign * delta->count.all;
    run->count[delta->counted].active += sign * delta->count.active;
    run->count[delta->counted].below += sign * delta->count.below;
}

enum nst_err ocl_advance(struct ocl_change *out, struct nst_req *rq, int64_t repo,
                         const struct ocl_delta *delta)
{
    struct ocl_run *run = rq->context;
    struct stand after;
    int64_t home = repo << OCL_NUMBER_BITS;
    if (run == NULL) {
        NST_TRY(step_once(&after, rq, repo, delta, 1));
        *out = (struct ocl_change){ after.rev, after.at, home + after.number - delta->numbers };
        return NST_OK;
    }
    if (run->repo != repo || run->revs_left == 0 || run->numbers_left < delta->numbers)
        NST_TRY(open_run(run, rq->db, repo, rq->now));
    run->at = rq->now > run->at ? rq->now : run->at;
    *out = (struct ocl_change){ run->rev, run->at, home + run->number };
    count(run, delta, 1);
    return NST_OK;
}

enum nst_err ocl_take_back(struct nst_req *rq, int64_t repo, const struct ocl_delta *delta)
{
    struct ocl_run *run = rq->context;
    struct stand after;
    if (run == NULL)
        return step_once(&after, rq, repo, delta, -1);
    count(run, delta, -1);
    return NST_OK;
}
