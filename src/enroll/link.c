/* Linking: what happens when the account of a waiting learner appears. */
#include "effects.h"
#include "history.h"

#include "nestor/base/log.h"
#include "nestor/rest.h"

#define REASON "account linked"

/* A row without an account. */
struct waiting {
    struct waiting *next;
    int64_t program, id;
    struct nst_str text; /* curriculum, or course key */
    struct nst_str more; /* uuid of the program, or status */
};

/* Whose rows they become, and when. */
struct linking {
    struct nst_db *db;
    struct nst_arena *arena;
    int64_t account, now;
};

static enum nst_err collect(struct waiting **list, const struct linking *l, const struct nst_sql *q)
{
    struct waiting **end = list;
    struct nst_rows *rows;
    *list = NULL;
    NST_TRY(nst_sql_query(&rows, l->db, q));
    while (nst_rows_step(rows)) {
        *end = NST_NEW(l->arena, struct waiting);
        **end = (struct waiting){
            .program = nst_rows_int(rows, 0),
            .id = nst_rows_int(rows, 1),
            .text = nst_str_copy(l->arena, nst_rows_text(rows, 2)),
            .more = nst_str_copy(l->arena, nst_rows_text(rows, 3)),
        };
        end = &(*end)->next;
    }
    return nst_rows_end(rows);
}

static enum nst_err write_history(const struct linking *l, enum enroll_row row,
                                  const struct waiting *w)
{
    const struct enroll_note note = { "~", REASON, l->now, 0 };
    return enroll_history_of(l->db, l->arena, (struct enroll_written){ row, w->program, w->id },
                             &note);
}

/* ---- Course rows ---- */

static enum nst_err link_course_row(const struct linking *l, const struct waiting *w)
{
    const struct enroll_place at = { l->db, l->arena, w->text, l->now };
    struct enroll_seat seat = { .user = l->account,
                                .is_wanted = nst_str_eq(w->more, NST_STR("active")) };
    NST_TRY(enroll_take_seats(&seat, 1, &at));
    NST_TRY(nst_exec_with(NULL, l->db,
                          "UPDATE program_course_enrollment SET " ENROLL_COUNTED
                          ", course_enrollment_id = $1, "
                          "modified_at = " NST_SQL_LATER("modified_at",
                                                         "$2") " WHERE program_id = $3 AND id = $4",
                          NST_INT(seat.id), NST_INT(l->now), NST_INT(w->program), NST_INT(w->id)));
    return write_history(l, ENROLL_COURSE_ROW, w);
}

static enum nst_err link_course_rows(const struct linking *l, const struct waiting *enrollment)
{
    struct waiting *list;
    struct nst_sql q;
    nst_sql_init(&q, l->arena);
    nst_sql_add(&q, "SELECT program_id, id, course_key, status FROM program_course_enrollment "
                    "WHERE course_enrollment_id IS NULL AND program_id = ");
    nst_sql_bind(&q, NST_INT(enrollment->program));
    nst_sql_add(&q, " AND program_enrollment_id = ");
    nst_sql_bind(&q, NST_INT(enrollment->id));
    nst_sql_add(&q, " ORDER BY id");
    NST_TRY(collect(&list, l, &q));
    for (; list != NULL; list = list->next)
        NST_TRY(link_course_row(l, list));
    return NST_OK;
}

/* ---- Program enrolments ---- */

static enum nst_err link_enrollment(const struct linking *l, const struct waiting *w)
{
    bool taken = false;
    NST_TRY(nst_exists_with(&taken, l->db,
                            "SELECT 1 FROM program_enrollment WHERE program_id = $1 "
                            "AND user_id = $2 AND curriculum_uuid = $3",
                            NST_INT(w->program), NST_INT(l->account), NST_TEXT(w->text)));
    if (taken) {
        nst_log(NST_LOG_WARN, "enrolment not linked: the account has one in this curriculum",
                NST_LOG_INT("program_enrollment", w->id));
        return NST_OK;
    }
    NST_TRY(nst_exec_with(NULL, l->db,
                          "UPDATE program_enrollment SET " ENROLL_COUNTED
                          ", user_id = $1, modified_at = " NST_SQL_LATER(
                              "modified_at", "$2") " WHERE program_id = $3 AND id = $4",
                          NST_INT(l->account), NST_INT(l->now), NST_INT(w->program),
                          NST_INT(w->id)));
    NST_TRY(write_history(l, ENROLL_PROGRAM_ROW, w));
    return link_course_rows(l, w);
}

enum nst_err enroll_link_account(struct nst_db *db, struct nst_arena *a,
                                 const struct enroll_arrival *who)
{
    const struct linking l = { db, a, who->account, who->now };
    struct nst_str key = who->uid, slug = nst_str_cut(&key, ':');
    struct waiting *list;
    struct nst_sql q;
    if (key.n == 0)
        return NST_OK;
    nst_sql_init(&q, a);
    nst_sql_add(&q, "SELECT e.program_id, e.id, e.curriculum_uuid, "
                    "e.program_uuid FROM program_enrollment e WHERE e.user_id IS NULL "
                    "AND e.external_user_key = ");
    nst_sql_bind(&q, NST_TEXT(key));
    nst_sql_add(&q, " AND EXISTS (SELECT 1 FROM program_owner o JOIN catalog_organization g "
                    "ON g.key = o.organization_key JOIN saml_provider p "
                    "ON p.organization_id = g.id WHERE o.program_id = e.program_id "
                    "AND o.position = 0 AND p.slug = ");
    nst_sql_bind(&q, NST_TEXT(slug));
    nst_sql_add(&q, ") ORDER BY e.program_id, e.id");
    NST_TRY(collect(&list, &l, &q));
    for (; list != NULL; list = list->next)
        if (who->is_settled == NULL || !who->is_settled(who->arg, list->more, key, list->text))
            NST_TRY(link_enrollment(&l, list));
    return NST_OK;
}
