/* Retirement of a person, and removal of what has waited too long for an account
 * (section 9). */
#include "upkeep.h"

#include "app.h"
#include "history.h"

#include "nestor/base/time.h"

#define PAGE 100 /* enrolments to a transaction */

/* A row that lost its key, in a list. */
struct row {
    struct row *next;
    int64_t program, id;
};

/* Take the keys off the account's rows; *list is in a. */
static enum nst_err take_keys(struct row **list, struct nst_db *db, struct nst_arena *a,
                              int64_t account, int64_t now)
{
    struct nst_rows *rows;
    NST_TRY(nst_query_with(&rows, db,
                           "UPDATE program_enrollment SET " ENROLL_COUNTED
                           ", external_user_key = NULL, "
                           "modified_at = " NST_SQL_LATER(
                               "modified_at",
                               "$1") " WHERE user_id = $2 AND external_user_key IS NOT NULL "
                                     "RETURNING program_id, id",
                           NST_INT(now), NST_INT(account)));
    for (; nst_rows_step(rows); list = &(*list)->next) {
        *list = NST_NEW(a, struct row);
        (*list)->program = nst_rows_int(rows, 0);
        (*list)->id = nst_rows_int(rows, 1);
    }
    return nst_rows_end(rows);
}

enum nst_err enroll_retire(size_t *rows, struct nst_db *db, struct nst_arena *a, int64_t account,
                           int64_t author)
{
    const struct enroll_note note = {
        .kind = "~", .reason = "retired", .now = nst_now(), .author = author
    };
    struct row *list = NULL;
    NST_TRY(take_keys(&list, db, a, account, note.now));
    *rows = 0;
    for (const struct row *row = list; row != NULL; row = row->next, ++*rows)
        NST_TRY(enroll_history_of(
            db, a, (struct enroll_written){ ENROLL_PROGRAM_ROW, row->program, row->id }, &note));
    /* Also what was written before the account was there. */
    return nst_exec_with(
        NULL, db,
        "UPDATE program_enrollment_history SET external_user_key = NULL "
        "WHERE external_user_key IS NOT NULL AND (user_id = $1 OR EXISTS (SELECT 1 "
        "FROM program_enrollment e WHERE e.user_id = $1 "
        "AND e.program_id = program_enrollment_history.program_id "
        "AND e.id = program_enrollment_history.id))",
        NST_INT(account));
}

/* ---- Waiting too long ---- */

static enum nst_err count(int64_t *out, struct nst_db *db, const char *sql, int64_t before)
{
    struct nst_rows *rows;
    NST_TRY(nst_query(&rows, db, nst_str_z(sql), &NST_INT(before), 1));
    if (nst_rows_step(rows))
        *out = nst_rows_int(rows, 0);
    return nst_rows_end(rows);
}

enum nst_err enroll_count_expired(struct nst_db *db, struct enroll_expiry *x)
{
    NST_TRY(count(&x->removed, db,
                  "SELECT count(*) FROM program_enrollment WHERE user_id IS NULL "
                  "AND created_at < $1",
                  x->before));
    return count(&x->courses, db,
                 "SELECT count(*) FROM program_course_enrollment c JOIN program_enrollment e "
                 "ON e.program_id = c.program_id AND e.id = c.program_enrollment_id "
                 "WHERE e.user_id IS NULL AND e.created_at < $1",
                 x->before);
}

/* Rows of one program that a transaction takes. */
struct page {
    int64_t program, id[PAGE];
    size_t count;
    int64_t changes; /* of the row that was changed most */
};

/* The next ones, all of the first program that has any. */
static enum nst_err find_page(struct page *p, struct nst_db *db, const struct enroll_expiry *x)
{
    struct nst_rows *rows;
    NST_TRY(nst_query_with(&rows, db,
                           "SELECT program_id, id FROM program_enrollment "
                           "WHERE user_id IS NULL AND created_at < $1 "
                           "AND (program_id, id) > ($2, $3) ORDER BY program_id, id LIMIT $4",
                           NST_INT(x->before), NST_INT(x->program), NST_INT(x->id), NST_INT(PAGE)));
    while (nst_rows_step(rows)) {
        int64_t program = nst_rows_int(rows, 0);
        if (p->count > 0 && program != p->program)
            break;
        p->program = program;
        p->id[p->count++] = nst_rows_int(rows, 1);
    }
    return nst_rows_end(rows);
}

/* `text` with the program as $1 and " IN (numbers)" after it. */
static void build(struct nst_sql *q, struct nst_arena *a, const char *text, const struct page *p)
{
    size_t count = 0;
    nst_sql_init(q, a);
    nst_sql_push(q, NST_INT(p->program));
    nst_sql_add(q, text);
    for (size_t i = 0; i < p->count; i++)
        nst_sql_in(q, &count, NST_INT(p->id[i]));
    nst_sql_in_end(q, count);
}

static enum nst_err run(int64_t *changed, struct nst_db *db, struct nst_arena *a, const char *text,
                        const struct page *p)
{
    struct nst_sql q;
    build(&q, a, text, p);
    return nst_sql_exec(changed, db, &q);
}

/* Its key begins with the number of the change: rows are found by both. */
static enum nst_err remove_history(struct nst_db *db, struct nst_arena *a, const struct page *p)
{
    struct nst_sql q;
    for (int64_t change = 1; change <= p->changes; change++) {
        build(&q, a, "DELETE FROM program_enrollment_history WHERE program_id = $1 AND id", p);
        nst_sql_add(&q, " AND change = ");
        nst_sql_bind(&q, NST_INT(change));
        NST_TRY(nst_sql_exec(NULL, db, &q));
    }
    return NST_OK;
}

/* Remove the rows themselves; p keeps those that were still without account. */
static enum nst_err remove_rows(struct page *p, struct nst_db *db, struct nst_arena *a)
{
    struct nst_sql q;
    struct nst_rows *rows;
    build(&q, a, "DELETE FROM program_enrollment WHERE program_id = $1 AND user_id IS NULL AND id",
          p);
    nst_sql_add(&q, " RETURNING id, changes");
    NST_TRY(nst_sql_query(&rows, db, &q));
    p->count = 0;
    while (p->count < PAGE && nst_rows_step(rows)) {
        int64_t changes = nst_rows_int(rows, 1);
        p->id[p->count++] = nst_rows_int(rows, 0);
        p->changes = changes > p->changes ? changes : p->changes;
    }
    return nst_rows_end(rows);
}

/* Under the lock of the program's row, since others may enrol in courses. */
static enum nst_err remove_page(struct enroll_expiry *next, struct nst_db *db, struct nst_arena *a,
                                struct page *p)
{
    NST_TRY(nst_exec_with(NULL, db, "UPDATE program SET next_number = next_number WHERE id = $1",
                          NST_INT(p->program)));
    NST_TRY(remove_rows(p, db, a));
    next->removed += (int64_t)p->count;
    if (p->count == 0)
        return NST_OK;
    int64_t courses = 0;
    NST_TRY(run(NULL, db, a,
                "DELETE FROM program_course_enrollment_history WHERE program_id = $1 "
                "AND program_enrollment_id",
                p));
    NST_TRY(run(&courses, db, a,
                "DELETE FROM program_course_enrollment WHERE program_id = $1 "
                "AND program_enrollment_id",
                p));
    next->courses += courses;
    return remove_history(db, a, p);
}

enum nst_err enroll_expire(struct enroll_expiry *next, struct nst_db *db, struct nst_arena *a,
                           const struct enroll_expiry *x)
{
    struct page p = { 0 };
    *next = *x;
    NST_TRY(find_page(&p, db, x));
    next->is_done = p.count == 0;
    if (next->is_done)
        return NST_OK;
    next->program = p.program;
    next->id = p.id[p.count - 1];
    return remove_page(next, db, a, &p);
}

/* ---- Erasing an account (X7) ---- */

/* An enrolment of the account. */
struct held {
    struct held *next;
    int64_t program, id;
    bool has_key;
};

static enum nst_err find_held(struct held **list, struct nst_db *db, struct nst_arena *a,
                              int64_t account)
{
    struct nst_rows *rows;
    NST_TRY(nst_query_with(&rows, db,
                           "SELECT program_id, id, external_user_key IS NOT NULL "
                           "FROM program_enrollment WHERE user_id = $1 ORDER BY program_id, id",
                           NST_INT(account)));
    for (; nst_rows_step(rows); list = &(*list)->next) {
        *list = NST_NEW(a, struct held);
        **list = (struct held){ NULL, nst_rows_int(rows, 0), nst_rows_int(rows, 1),
                                nst_rows_bool(rows, 2) };
    }
    return nst_rows_end(rows);
}

/* UPDATE of the table by which its rows lose what `column` says. */
static void begin_loss(struct nst_sql *q, struct nst_arena *a, const char *table,
                       const char *column, const struct enroll_note *note)
{
    nst_sql_init(q, a);
    nst_sql_addf(q, "UPDATE %s SET " ENROLL_COUNTED ", %s = NULL, modified_at = ", table, column);
    nst_sql_later(q, "modified_at", note->now);
}

/* The row waits again, and so do its course rows; each change has its row of history. */
static enum nst_err take_off(struct nst_db *db, struct nst_arena *a, const struct held *h,
                             const struct enroll_note *note)
{
    struct nst_sql q;
    begin_loss(&q, a, "program_course_enrollment", "course_enrollment_id", note);
    nst_sql_add(&q, " WHERE course_enrollment_id IS NOT NULL AND program_id = ");
    nst_sql_bind(&q, NST_INT(h->program));
    nst_sql_add(&q, " AND program_enrollment_id = ");
    nst_sql_bind(&q, NST_INT(h->id));
    NST_TRY(enroll_update(&q, db, ENROLL_COURSE_ROW, h->program, note));
    begin_loss(&q, a, "program_enrollment", "user_id", note);
    nst_sql_add(&q, " WHERE program_id = ");
    nst_sql_bind(&q, NST_INT(h->program));
    nst_sql_add(&q, " AND id = ");
    nst_sql_bind(&q, NST_INT(h->id));
    return enroll_update(&q, db, ENROLL_PROGRAM_ROW, h->program, note);
}

static enum nst_err forget(struct nst_db *db, struct nst_arena *a, int64_t account, int64_t now)
{
    const struct enroll_note note = { .kind = "~", .reason = "account erased", .now = now };
    struct held *list = NULL;
    /* The rows of all programs are taken: whoever enrols before this is seen, whoever enrols
     * later finds no account any more. */
    NST_TRY(nst_exec(NULL, db, NST_STR("UPDATE program SET next_number = next_number"), NULL, 0));
    NST_TRY(find_held(&list, db, a, account));
    for (const struct held *h = list; h != NULL; h = h->next) {
        struct page p = { .program = h->program, .id = { h->id }, .count = 1 };
        struct enroll_expiry ignored = { 0 };
        NST_TRY(take_off(db, a, h, &note));
        if (!h->has_key)
            NST_TRY(remove_page(&ignored, db, a, &p));
    }
    static const char *const statements[] = {
        "UPDATE program_enrollment_history SET user_id = NULL WHERE user_id = $1",
        "DELETE FROM course_enrollment WHERE user_id = $1",
        "DELETE FROM social_auth WHERE account_id = $1",
        NULL,
    };
    return nst_exec_each(db, statements, account);
}

enum nst_err enroll_forget(struct nst_db *db, int64_t account, int64_t now)
{
    struct nst_arena *a = nst_arena_new(4096);
    enum nst_err e = forget(db, a, account, now);
    nst_arena_free(a);
    return e;
}

const struct nst_belongings enroll_belongings = { .erase = enroll_forget };
