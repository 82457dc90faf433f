/* Effects on course enrolments: a handful of statements for any batch. */
#include "effects.h"

#include "nestor/base/log.h"
#include "nestor/rest.h"

typedef bool seat_test(const struct enroll_seat *s);

static bool is_any(const struct enroll_seat *s)
{
    return s->user != 0;
}

/* " IN (...)" of users or numbers; false when nothing is listed. */
static bool bind_seats(struct nst_sql *q, const struct enroll_seat *seat, size_t count,
                       seat_test *test)
{
    size_t listed = 0;
    for (size_t i = 0; i < count; i++)
        if (test(&seat[i]))
            nst_sql_in(q, &listed, NST_INT(test == is_any ? seat[i].user : seat[i].id));
    nst_sql_in_end(q, listed);
    return listed > 0;
}

static void note(struct enroll_seat *seat, size_t count, struct nst_rows *rows)
{
    struct nst_str mode = nst_rows_text(rows, 2);
    for (size_t i = 0; i < count; i++) {
        if (seat[i].user != nst_rows_int(rows, 1))
            continue;
        seat[i].id = nst_rows_int(rows, 0);
        seat[i].is_active = nst_rows_bool(rows, 3);
        seat[i].is_paid = !nst_str_eq(mode, NST_STR("audit")) &&
                          !nst_str_eq(mode, NST_STR("honor")) &&
                          !nst_str_eq(mode, NST_STR("masters"));
    }
}

static enum nst_err read_seats(struct enroll_seat *seat, size_t count,
                               const struct enroll_place *at)
{
    struct nst_sql q;
    struct nst_rows *rows;
    nst_sql_init(&q, at->arena);
    nst_sql_add(&q, "SELECT id, user_id, mode, is_active FROM course_enrollment "
                    "WHERE course_key = ");
    nst_sql_bind(&q, NST_TEXT(at->course_key));
    nst_sql_add(&q, " AND user_id");
    if (!bind_seats(&q, seat, count, is_any))
        return NST_OK;
    NST_TRY(nst_sql_query(&rows, at->db, &q));
    while (nst_rows_step(rows)) {
        note(seat, count, rows);
    }
    return nst_rows_end(rows);
}

/* Set the rows that pass the test; none: no statement. */
static enum nst_err set(const struct enroll_place *at, const char *update,
                        const struct enroll_seat *seat, size_t count, seat_test *test)
{
    struct nst_sql q;
    nst_sql_init(&q, at->arena);
    nst_sql_add(&q, update);
    nst_sql_add(&q, " WHERE id");
    return bind_seats(&q, seat, count, test) ? nst_sql_exec(NULL, at->db, &q) : NST_OK;
}

/* An active paid seat keeps its mode; all others become masters. */
static bool becomes_masters(const struct enroll_seat *s)
{
    return s->id != 0 && !(s->is_active && s->is_paid);
}

static bool becomes_active(const struct enroll_seat *s)
{
    return becomes_masters(s) && s->is_wanted;
}

static bool becomes_inactive(const struct enroll_seat *s)
{
    return becomes_masters(s) && !s->is_wanted;
}

/* Seats that are missing get numbers from the first on. */
static enum nst_err insert_seats(struct enroll_seat *seat, size_t count,
                                 const struct enroll_place *at, int64_t first)
{
    struct nst_sql q;
    size_t rows = 0;
    nst_sql_init(&q, at->arena);
    nst_sql_push(&q, NST_TEXT(at->course_key));
    nst_sql_push(&q, NST_INT(at->now));
    nst_sql_add(&q, "INSERT INTO course_enrollment (id, user_id, is_active, course_key, mode, "
                    "created_at) VALUES ");
    for (size_t i = 0; i < count; i++) {
        if (seat[i].user == 0 || seat[i].id != 0)
            continue;
        seat[i].id = first + (int64_t)rows;
        const struct nst_value own[] = { NST_INT(seat[i].id), NST_INT(seat[i].user),
                                         NST_BOOL(seat[i].is_wanted) };
        nst_sql_row(&q, &rows, own, NST_COUNT(own), ", $1, 'masters', $2");
    }
    return rows > 0 ? nst_sql_exec(NULL, at->db, &q) : NST_OK;
}

/* Programs share accounts and runs, but not a row that their writers would wait for:
 * the counter of seats is one. It is taken before the seats are read, or two programs
 * would both find a seat missing, and one of them would fail. */
enum nst_err enroll_take_seats(struct enroll_seat *seat, size_t count,
                               const struct enroll_place *at)
{
    int64_t first = 0;
    NST_TRY(nst_next_id(&first, at->db, "course_enrollment", (int64_t)count));
    NST_TRY(read_seats(seat, count, at));
    for (size_t i = 0; i < count; i++)
        if (seat[i].id != 0 && seat[i].is_active && seat[i].is_paid)
            nst_log(NST_LOG_WARN, "paid course enrolment kept",
                    NST_LOG_INT("course_enrollment", seat[i].id));
    NST_TRY(set(at, "UPDATE course_enrollment SET mode = 'masters', is_active = TRUE", seat, count,
                becomes_active));
    NST_TRY(set(at, "UPDATE course_enrollment SET mode = 'masters', is_active = FALSE", seat, count,
                becomes_inactive));
    return insert_seats(seat, count, at, first);
}

static bool is_to_be_active(const struct enroll_seat *s)
{
    return s->id != 0 && s->is_wanted;
}

static bool is_to_be_inactive(const struct enroll_seat *s)
{
    return s->id != 0 && !s->is_wanted;
}

enum nst_err enroll_follow_status(const struct enroll_seat *seat, size_t count,
                                  const struct enroll_place *at)
{
    NST_TRY(set(at, "UPDATE course_enrollment SET is_active = TRUE", seat, count, is_to_be_active));
    return set(at, "UPDATE course_enrollment SET is_active = FALSE", seat, count,
               is_to_be_inactive);
}
