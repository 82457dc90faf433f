/* Effects of enrolments on the LMS's own course enrolments (section 10). */
#ifndef ENROLL_EFFECTS_H
#define ENROLL_EFFECTS_H

#include "nestor/db.h"

/* What the LMS has of one account in the run. */
struct enroll_seat {
    int64_t user, id;        /* id 0: nothing */
    bool is_active, is_paid; /* paid: a mode other than audit, honor and masters */
    bool is_wanted;          /* the status is `active` */
};

/* Where and when seats are taken; memory comes from `arena`. */
struct enroll_place {
    struct nst_db *db;
    struct nst_arena *arena;
    struct nst_str course_key;
    int64_t now;
};

/* Give every account of the list a course enrolment in the run as POST does:
 * created or reactivated in mode masters, deactivated again where the status is
 * inactive; a paid mode that is active is kept. Sets seat.id.
 *   count  at most 64
 * A fixed number of statements. Errors: those of nst_query. */
NST_CHECKED enum nst_err enroll_take_seats(struct enroll_seat *seat, size_t count,
                                           const struct enroll_place *at);

/* Let the activity of the linked course enrolments follow, as PATCH does. */
NST_CHECKED enum nst_err enroll_follow_status(const struct enroll_seat *seat, size_t count,
                                              const struct enroll_place *at);

/* An account that appears for a learner.
 *   uid         `<slug>:<external key>`
 *   now         microseconds
 *   is_settled  true for an enrolment of the learner that is to be left alone; NULL: none */
struct enroll_arrival {
    int64_t account;
    struct nst_str uid;
    int64_t now;
    bool (*is_settled)(void *arg, struct nst_str program, struct nst_str key,
                       struct nst_str curriculum);
    void *arg;
};

/* An account appears (section 10): attach the waiting enrolments of the learner in
 * programs of the slug's organisation, and let their waiting course rows take effect as
 * POST does. A row that would give the account two rows for one program and curriculum
 * stays as it is, and is logged.
 * The caller has taken the rows of these programs, or it would miss who enrols
 * meanwhile.
 * Errors: those of nst_query. Some statements for each waiting row. */
NST_CHECKED enum nst_err enroll_link_account(struct nst_db *db, struct nst_arena *a,
                                             const struct enroll_arrival *who);

#endif
