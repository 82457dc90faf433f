/* Courses that are known. */
#ifndef ENROLL_COURSE_OVERVIEW_H
#define ENROLL_COURSE_OVERVIEW_H

#include "nestor/db.h"

/* Make the course known, unless it is: as if a document listed its key.
 *   key  canonical
 * Errors: those of nst_query. */
NST_CHECKED enum nst_err enroll_know_course(struct nst_db *db, struct nst_str key);

#endif
