/* Linking: what happens when the account of a waiting learner appears. */
#include "effects.h"

#include "nestor/base/log.h"
#include "nestor/rest.h"

#define WAITING_MAX 1000 /* rows of one learner without an account */

struct waiting {
    int64_t program, id;
    struct nst_str text; /* curriculum, or course key */
    bool is_wanted;
};

static enum nst_err collect(struct waiting *list, size_t *count, struct nst_db *db,
                            struct nst_arena *a, const struct nst_sql *q)
{
    struct nst_rows *rows;
    bool has_row = false;
    *count = 0;
    NST_TRY(nst_sql_query(&rows, db, q));
    enum nst_err e = nst_rows_next(&has_row, rows);
    while (e == NST_OK && has_row && *count < WAITING_MAX) {
        list[(*count)++] = (struct waiting){
            .program = nst_rows_int(rows, 0),
            .id = nst_rows_int(rows, 1),
            .text = nst_str_copy(a, nst_rows_text(rows, 2)),
            .is_wanted = nst_str_eq(nst_rows_text(rows, 3), NST_STR("active")),
        };
        e = nst_rows_next(&has_row, rows);
    }
    nst_rows_end(rows);
    return e;
}

/* ---- Course rows ---- */

static enum nst_err link_course_row(const struct waiting *w, struct nst_db *db, struct nst_arena *a,
                                    int64_t account, int64_t now)
{
    const struct enroll_place at = { db, a, w->text, now };
    struct enroll_seat seat = { .user = account, .is_wanted = w->is_wanted };
    NST_TRY(enroll_take_seats(&seat, 1, &at));
    NST_TRY(nst_exec_with(NULL, db,
                          "UPDATE program_course_enrollment SET course_enrollment_id = $1, "
                          "modified_at = $2 WHERE program_id = $3 AND id = $4",
                          NST_INT(seat.id), NST_INT(now), NST_INT(w->program), NST_INT(w->id)));
    return nst_exec_with(
        NULL, db,
        "INSERT INTO program_course_enrollment_history (program_id, id, change, "
        "program_enrollment_id, course_enrollment_id, course_key, status, kind, reason, "
        "changed_at) SELECT e.program_id, e.id, (SELECT coalesce(max(h.change), 0) + 1 "
        "FROM program_course_enrollment_history h WHERE h.program_id = e.program_id "
        "AND h.id = e.id), e.program_enrollment_id, e.course_enrollment_id, e.course_key, "
        "e.status, '~', 'account linked', CAST($1 AS bigint) FROM program_course_enrollment e "
        "WHERE e.program_id = $2 AND e.id = $3",
        NST_INT(now), NST_INT(w->program), NST_INT(w->id));
}

static enum nst_err link_course_rows(const struct waiting *enrollment, struct nst_db *db,
                                     struct nst_arena *a, int64_t account, int64_t now)
{
    struct waiting *list = NST_NEW_ARRAY(a, struct waiting, WAITING_MAX);
    struct nst_sql q;
    size_t count;
    nst_sql_init(&q, a);
    nst_sql_add(&q, "SELECT program_id, id, course_key, status FROM program_course_enrollment "
                    "WHERE course_enrollment_id IS NULL AND program_id = ");
    nst_sql_bind(&q, NST_INT(enrollment->program));
    nst_sql_add(&q, " AND program_enrollment_id = ");
    nst_sql_bind(&q, NST_INT(enrollment->id));
    nst_sql_add(&q, " ORDER BY id");
    NST_TRY(collect(list, &count, db, a, &q));
    for (size_t i = 0; i < count; i++)
        NST_TRY(link_course_row(&list[i], db, a, account, now));
    return NST_OK;
}

/* ---- Program enrolments ---- */

static enum nst_err is_taken(bool *out, struct nst_db *db, const struct waiting *w, int64_t account)
{
    struct nst_rows *rows;
    NST_TRY(nst_query_with(&rows, db,
                           "SELECT 1 FROM program_enrollment WHERE program_id = $1 "
                           "AND user_id = $2 AND curriculum_uuid = $3",
                           NST_INT(w->program), NST_INT(account), NST_TEXT(w->text)));
    enum nst_err e = nst_rows_next(out, rows);
    nst_rows_end(rows);
    return e;
}

static enum nst_err write_history(struct nst_db *db, const struct waiting *w, int64_t now)
{
    return nst_exec_with(
        NULL, db,
        "INSERT INTO program_enrollment_history (program_id, id, change, external_user_key, "
        "user_id, curriculum_uuid, status, kind, reason, changed_at) SELECT e.program_id, e.id, "
        "(SELECT coalesce(max(h.change), 0) + 1 FROM program_enrollment_history h "
        "WHERE h.program_id = e.program_id AND h.id = e.id), e.external_user_key, e.user_id, "
        "e.curriculum_uuid, e.status, '~', 'account linked', CAST($1 AS bigint) "
        "FROM program_enrollment e WHERE e.program_id = $2 AND e.id = $3",
        NST_INT(now), NST_INT(w->program), NST_INT(w->id));
}

static enum nst_err link_enrollment(const struct waiting *w, struct nst_db *db, struct nst_arena *a,
                                    int64_t account, int64_t now)
{
    bool taken = false;
    NST_TRY(is_taken(&taken, db, w, account));
    if (taken) {
        nst_log(NST_LOG_WARN, "enrolment not linked: the account has one in this curriculum",
                NST_LOG_INT("program_enrollment", w->id));
        return NST_OK;
    }
    NST_TRY(nst_exec_with(NULL, db,
                          "UPDATE program_enrollment SET user_id = $1, modified_at = $2 "
                          "WHERE program_id = $3 AND id = $4",
                          NST_INT(account), NST_INT(now), NST_INT(w->program), NST_INT(w->id)));
    NST_TRY(write_history(db, w, now));
    return link_course_rows(w, db, a, account, now);
}

enum nst_err enroll_link_account(struct nst_db *db, struct nst_arena *a, int64_t account,
                                 struct nst_str uid, int64_t now)
{
    struct nst_str key = uid, slug = nst_str_cut(&key, ':');
    struct waiting *list = NST_NEW_ARRAY(a, struct waiting, WAITING_MAX);
    struct nst_sql q;
    size_t count;
    if (key.n == 0)
        return NST_OK;
    nst_sql_init(&q, a);
    nst_sql_add(&q, "SELECT e.program_id, e.id, e.curriculum_uuid, e.status "
                    "FROM program_enrollment e WHERE e.user_id IS NULL "
                    "AND e.external_user_key = ");
    nst_sql_bind(&q, NST_TEXT(key));
    nst_sql_add(&q, " AND EXISTS (SELECT 1 FROM program_owner o JOIN catalog_organization g "
                    "ON g.key = o.organization_key JOIN saml_provider p "
                    "ON p.organization_id = g.id WHERE o.program_id = e.program_id "
                    "AND o.position = 0 AND p.slug = ");
    nst_sql_bind(&q, NST_TEXT(slug));
    nst_sql_add(&q, ") ORDER BY e.program_id, e.id");
    NST_TRY(collect(list, &count, db, a, &q));
    for (size_t i = 0; i < count; i++)
        NST_TRY(link_enrollment(&list[i], db, a, account, now));
    return NST_OK;
}
