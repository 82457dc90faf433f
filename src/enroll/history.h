/* History of enrolments: one row for each row written, in its transaction. */
#ifndef ENROLL_HISTORY_H
#define ENROLL_HISTORY_H

#include "nestor/db.h"

/* Of which table, below its program. */
enum enroll_row { ENROLL_PROGRAM_ROW, ENROLL_COURSE_ROW };

/* One row. */
struct enroll_written {
    enum enroll_row row;
    int64_t program, id;
};

/* Part of each UPDATE of a row that has history: "UPDATE ... SET " ENROLL_COUNTED ", ...". */
#define ENROLL_COUNTED "changes = changes + 1"

struct enroll_note {
    const char *kind;   /* "+" made, "~" changed, "-" removed */
    const char *reason; /* NULL: a request */
    int64_t now;        /* microseconds */
    int64_t author;     /* account; 0: nobody */
};

/* Start the statement that copies rows of a program, as they are now, into their
 * history. Conditions on the row `e` follow: " AND e.id = ". A change has counted
 * itself (ENROLL_COUNTED); what is to be removed is still there. */
void enroll_history(struct nst_sql *q, enum enroll_row row, int64_t program,
                    const struct enroll_note *note);

/* Run an UPDATE of rows of one program, which has no RETURNING yet, and copy each row that
 * it changed into the history. Memory comes from the arena of the statement. Errors: those of
 * nst_query. */
NST_CHECKED enum nst_err enroll_update(struct nst_sql *update, struct nst_db *db,
                                       enum enroll_row row, int64_t program,
                                       const struct enroll_note *note);

/* Copy one row, as it is now, into its history. Memory comes from a. Errors: those of nst_query. */
NST_CHECKED enum nst_err enroll_history_of(struct nst_db *db, struct nst_arena *a,
                                           struct enroll_written written,
                                           const struct enroll_note *note);

#endif
