/* Writing what a batch of C decided, by a fixed number of statements, with its
 * effects on course enrolments (section 10). */
#include "course_enrollment.h"

#include "enroll/effects.h"
#include "enroll/history.h"
#include "nestor/base/log.h"

bool enroll_is_text(const struct nst_json *v, const char *text)
{
    return v->kind == NST_JSON_STRING && nst_str_eq(v->text, nst_str_z(text));
}

bool enroll_is_open(const struct enroll_record *r)
{
    return r->result == NULL;
}

bool enroll_wants_active(const struct enroll_record *r)
{
    return enroll_is_text(r->status, "active");
}

static size_t collect_seats(struct enroll_seat *seat, const struct enroll_batch *b, bool linked)
{
    size_t n = 0;
    for (size_t i = 0; i < b->count; i++) {
        const struct enroll_record *r = &b->record[i];
        if (!enroll_is_open(r) || r->is_same || (linked ? r->link == 0 : r->user == 0))
            continue;
        seat[n++] = (struct enroll_seat){ .user = r->user,
                                          .id = linked ? r->link : 0,
                                          .is_wanted = enroll_wants_active(r) };
    }
    return n;
}

/* Two learners of one account share its seat: the later row's wish counts. */
static int64_t seat_of(const struct enroll_seat *seat, size_t count, int64_t user)
{
    for (size_t i = 0; i < count && user != 0; i++)
        if (seat[i].user == user)
            return seat[i].id;
    return 0;
}

/* A seat that is there has its id; one that may have to be made, only its user. */
static bool is_one_seat(const struct enroll_seat *a, const struct enroll_seat *b)
{
    return a->id == b->id && (a->id != 0 || a->user == b->user);
}

static size_t merge_seats(struct enroll_seat *seat, size_t count)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        size_t k = 0;
        while (k < n && !is_one_seat(&seat[k], &seat[i]))
            k++;
        seat[k] = seat[i];
        n += k == n;
    }
    return n;
}

static enum nst_err insert_rows(struct course_write *w, struct nst_req *rq)
{
    struct nst_sql q;
    size_t rows = 0;
    nst_sql_init(&q, rq->arena);
    nst_sql_push(&q, NST_INT(w->program.id));
    nst_sql_push(&q, NST_TEXT(w->key));
    nst_sql_push(&q, NST_INT(rq->now));
    nst_sql_add(&q, "INSERT INTO program_course_enrollment (id, program_enrollment_id, "
                    "course_enrollment_id, status, program_id, course_key, created_at, "
                    "modified_at) VALUES ");
    for (size_t i = 0; i < w->batch.count; i++) {
        const struct enroll_record *r = &w->batch.record[i];
        if (!enroll_is_open(r))
            continue;
        const struct nst_value own[] = {
            NST_INT(r->id), NST_INT(r->enrollment), nst_int_or_null(r->link),
            NST_TEXT(enroll_wants_active(r) ? NST_STR("active") : NST_STR("inactive"))
        };
        nst_sql_row(&q, &rows, own, NST_COUNT(own), ", $1, $2, $3, $3");
    }
    return rows > 0 ? nst_sql_exec(NULL, rq->db, &q) : NST_OK;
}

/* One history row for each row that was written just now. */
static enum nst_err insert_history(struct course_write *w, struct nst_req *rq)
{
    const struct enroll_note note = { w->is_patch ? "~" : "+", NULL, rq->now, rq->caller.id };
    struct nst_sql q;
    size_t count = 0;
    nst_sql_init(&q, rq->arena);
    enroll_history(&q, ENROLL_COURSE_ROW, w->program.id, &note);
    nst_sql_add(&q, " AND e.course_key = "); /* with it SQLite finds them by an index */
    nst_sql_bind(&q, NST_TEXT(w->key));
    nst_sql_add(&q, " AND e.id");
    for (size_t i = 0; i < w->batch.count; i++) {
        const struct enroll_record *r = &w->batch.record[i];
        if (enroll_is_open(r) && !r->is_same)
            nst_sql_in(&q, &count, NST_INT(r->id));
    }
    nst_sql_in_end(&q, count);
    return count > 0 ? nst_sql_exec(NULL, rq->db, &q) : NST_OK;
}

enum nst_err enroll_create_rows(struct course_write *w, struct nst_req *rq)
{
    const struct enroll_place at = { rq->db, rq->arena, w->key, rq->now };
    struct enroll_seat seat[ENROLL_BATCH];
    size_t count = merge_seats(seat, collect_seats(seat, &w->batch, false));
    int64_t number = w->program.number;
    if (count > 0)
        NST_TRY(enroll_take_seats(seat, count, &at));
    for (size_t i = 0; i < w->batch.count; i++) {
        struct enroll_record *r = &w->batch.record[i];
        if (!enroll_is_open(r))
            continue;
        r->id = number++;
        r->link = seat_of(seat, count, r->user);
    }
    NST_TRY(insert_rows(w, rq));
    return number > w->program.number ? insert_history(w, rq) : NST_OK;
}

static enum nst_err set_status(struct course_write *w, struct nst_req *rq, bool active)
{
    struct nst_sql q;
    size_t count = 0;
    nst_sql_init(&q, rq->arena);
    nst_sql_add(&q, "UPDATE program_course_enrollment SET " ENROLL_COUNTED ", modified_at = ");
    nst_sql_later(&q, "modified_at", rq->now);
    nst_sql_add(&q, active ? ", status = 'active'" : ", status = 'inactive'");
    nst_sql_add(&q, " WHERE program_id = ");
    nst_sql_bind(&q, NST_INT(w->program.id));
    nst_sql_add(&q, " AND course_key = ");
    nst_sql_bind(&q, NST_TEXT(w->key));
    nst_sql_add(&q, " AND id");
    for (size_t i = 0; i < w->batch.count; i++) {
        const struct enroll_record *r = &w->batch.record[i];
        if (enroll_is_open(r) && !r->is_same && enroll_wants_active(r) == active)
            nst_sql_in(&q, &count, NST_INT(r->id));
    }
    nst_sql_in_end(&q, count);
    return count > 0 ? nst_sql_exec(NULL, rq->db, &q) : NST_OK;
}

/* Section 10: an account without a seat in the run should not be. */
static void warn_unlinked(const struct course_write *w)
{
    for (size_t i = 0; i < w->batch.count; i++) {
        const struct enroll_record *r = &w->batch.record[i];
        if (enroll_is_open(r) && !r->is_same && r->user != 0 && r->link == 0)
            nst_log(NST_LOG_WARN, "course row of an account has no course enrolment",
                    NST_LOG_INT("program_course_enrollment", r->id));
    }
}

/* C15: what says the same already is left alone. */
enum nst_err enroll_change_rows(struct course_write *w, struct nst_req *rq)
{
    const struct enroll_place at = { rq->db, rq->arena, w->key, rq->now };
    struct enroll_seat seat[ENROLL_BATCH];
    size_t count = merge_seats(seat, collect_seats(seat, &w->batch, true));
    NST_TRY(set_status(w, rq, true));
    NST_TRY(set_status(w, rq, false));
    NST_TRY(enroll_follow_status(seat, count, &at));
    warn_unlinked(w);
    return insert_history(w, rq);
}
