/* What an operator does to enrolments as a whole (section 9): read them all, forget
 * a person's key, remove those that have waited too long. */
#ifndef ENROLL_UPKEEP_H
#define ENROLL_UPKEEP_H

#include "nestor/db.h"

/* ---- Export ---- */

/* A row; texts are valid during the call. Those that do not apply are null. */
struct enroll_export_row {
    struct nst_str program, course, key, status, curriculum, mode, username;
    int64_t created, modified; /* microseconds */
};

/* Takes a row; false ends the export. */
typedef bool enroll_export_sink(void *arg, const struct enroll_export_row *row);

struct enroll_export {
    struct nst_str program; /* null: all */
    struct nst_str course;  /* canonical key; null: all; of course rows only */
    bool is_course;         /* program course enrolments, else program enrolments */
    enroll_export_sink *sink;
    void *arg;
};

/* Hand every row to the sink in constant memory: by program and number, course rows
 * by program, course and number. Consistent when the transaction is.
 * Errors: NST_E_NOT_FOUND for a program that is not there, NST_E_PRECONDITION when
 * the sink ended it; those of nst_query. */
NST_CHECKED enum nst_err enroll_export(struct nst_db *db, const struct enroll_export *what);

/* ---- Retirement ---- */

/* Set the external keys of the account's enrolments to null, in rows and history;
 * each row that had one gets a row of history by `author`.
 *   rows  set to how many had one
 * Memory comes from a. Errors: those of nst_query. */
NST_CHECKED enum nst_err enroll_retire(size_t *rows, struct nst_db *db, struct nst_arena *a,
                                       int64_t account, int64_t author);

/* ---- Erasing an account ---- */

/* Take the account off everything: its enrolments wait for one again, those that only it
 * told apart go, as do its course enrolments in the LMS and its links; history forgets
 * it. Errors: those of nst_query. */
NST_CHECKED enum nst_err enroll_forget(struct nst_db *db, int64_t account, int64_t now);

/* ---- Waiting too long ---- */

/* How far removing has come; zeroed at the start but for `before`. */
struct enroll_expiry {
    int64_t before;      /* rows made earlier go, in microseconds */
    int64_t program, id; /* after this row */
    int64_t removed, courses;
    bool is_done;
};

/* Count the enrolments without account that were made before x->before, and their
 * course rows, into removed and courses. Errors: those of nst_query. */
NST_CHECKED enum nst_err enroll_count_expired(struct nst_db *db, struct enroll_expiry *x);

/* Remove some of them, with their course rows and all history; to be called, each
 * time in a transaction of its own, until it is done.
 *   next  set to where to go on once the transaction is committed; x itself stays,
 *         since the work may run again
 * Errors: those of nst_query. */
NST_CHECKED enum nst_err enroll_expire(struct enroll_expiry *next, struct nst_db *db,
                                       struct nst_arena *a, const struct enroll_expiry *x);

#endif
