/* Revisions of a source, numbers of its rows, and its counts: one UPDATE a write, or one for a
 * thousand in a run. */
#include "content.h"

/* Where a source stands. */
struct stand {
    int64_t rev, number, at; /* at: time of its last revision */
    int64_t labelled;        /* newest revision that a version of it labels */
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
                                            "WHERE id = $8 "
                                            "RETURNING rev, next_number, content_at, labelled_rev",
        NST_INT(step->revs_left), NST_INT(step->numbers_left), NST_INT(concepts->all),
        NST_INT(concepts->active), NST_INT(mappings->all), NST_INT(mappings->active),
        NST_INT(step->at), NST_INT(repo), NST_INT(concepts->below)));
    if (nst_rows_step(rows)) {
        *after = (struct stand){ nst_rows_int(rows, 0), nst_rows_int(rows, 1),
                                 nst_rows_int(rows, 2), nst_rows_int(rows, 3) };
    } else {
        nst_rows_fail(rows, NST_E_NOT_FOUND);
    }
    return nst_rows_end(rows);
}

void ocl_run_begin(struct ocl_run *run, struct nst_arena *a)
{
    nst_arena_reset(a);
    *run = (struct ocl_run){ .tallies = { .arena = a } };
}

enum nst_err ocl_run_flush(struct ocl_run *run, struct nst_db *db)
{
    struct ocl_run counted = *run;
    struct stand after;
    counted.revs_left = -run->revs_left;
    counted.numbers_left = -run->numbers_left;
    if (run->repo != 0) {
        NST_TRY(move_on(&after, db, run->repo, &counted));
        NST_TRY(ocl_tallies_write(&run->tallies, db, run->repo, after.labelled));
    }
    ocl_run_begin(run, run->tallies.arena);
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
    run->repo = repo;
    run->revs_left = RUN_REVS;
    run->numbers_left = RUN_NUMBERS;
    run->rev = after.rev - RUN_REVS + 1;
    run->number = after.number - RUN_NUMBERS;
    run->at = after.at;
    return NST_OK;
}

/* How the write moves counts and tallies; `sign` -1 takes it back. */
static void move_counts(struct ocl_run *run, struct nst_arena *scratch,
                        const struct ocl_delta *delta, int sign)
{
    const struct {
        const struct ocl_content *version;
        int sign;
    } moved[] = { { delta->former, -sign }, { delta->next, sign } };
    for (size_t i = 0; i < NST_COUNT(moved); i++) {
        const struct ocl_content *c = moved[i].version;
        struct ocl_teller teller = { &run->tallies, scratch, moved[i].sign };
        if (c == NULL)
            continue;
        run->count[delta->kind->counted].all += moved[i].sign;
        run->count[delta->kind->counted].active += c->retired ? 0 : moved[i].sign;
        if (delta->kind->is_below != NULL && delta->kind->is_below(c))
            run->count[delta->kind->counted].below += moved[i].sign;
        delta->kind->tell(&teller, c);
    }
}

/* The next revision outside a run, with what the write adds; `sign` -1 takes it back. */
static enum nst_err step_once(struct stand *after, struct nst_req *rq, int64_t repo,
                              const struct ocl_delta *delta, int sign)
{
    struct ocl_run step = { .revs_left = sign,
                            .numbers_left = sign * delta->numbers,
                            .at = rq->now,
                            .tallies = { .arena = rq->arena } };
    move_counts(&step, rq->arena, delta, sign);
    NST_TRY(move_on(after, rq->db, repo, &step));
    return ocl_tallies_write(&step.tallies, rq->db, repo, after->labelled);
}

static void count(struct ocl_run *run, struct nst_req *rq, const struct ocl_delta *delta, int sign)
{
    run->rev += sign;
    run->revs_left -= sign;
    run->number += sign * delta->numbers;
    run->numbers_left -= sign * delta->numbers;
    move_counts(run, rq->arena, delta, sign);
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
    if (run->repo != repo || run->revs_left == 0 || run->numbers_left < delta->numbers ||
        run->tallies.count > OCL_TALLIES_MAX)
        NST_TRY(open_run(run, rq->db, repo, rq->now));
    run->at = rq->now > run->at ? rq->now : run->at;
    *out = (struct ocl_change){ run->rev, run->at, home + run->number };
    count(run, rq, delta, 1);
    return NST_OK;
}

enum nst_err ocl_take_back(struct nst_req *rq, int64_t repo, const struct ocl_delta *delta)
{
    struct ocl_run *run = rq->context;
    struct stand after;
    if (run == NULL)
        return step_once(&after, rq, repo, delta, -1);
    count(run, rq, delta, -1);
    return NST_OK;
}
