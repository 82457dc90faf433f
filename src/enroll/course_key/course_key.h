/* Course keys: the grammar of enrollments.md, section 2, in one place. */
#ifndef ENROLL_COURSE_KEY_H
#define ENROLL_COURSE_KEY_H

#include "nestor/base/arena.h"

/* Parse a course key.
 *   out   set on success: the canonical text, equal for equal keys; owned by a
 * Returns false for what section 2 refuses. Linear in text.n. */
bool enroll_course_key_parse(struct nst_str *out, struct nst_arena *a, struct nst_str text);

#endif
