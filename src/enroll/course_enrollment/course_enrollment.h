/* What the parts of C share. */
#ifndef ENROLL_COURSE_ENROLLMENT_H
#define ENROLL_COURSE_ENROLLMENT_H

#include "enroll/app.h"

/* What a request is about. */
struct course_write {
    struct enroll_batch batch;
    struct enroll_program program;
    struct nst_str key; /* of the course, canonical */
    bool is_patch;
};

/* True when v is that text. */
bool enroll_is_text(const struct nst_json *v, const char *text);

/* A record that has no outcome yet: it will be written. */
enroll_wants enroll_is_open;

/* True when the record's status is `active`. */
bool enroll_wants_active(const struct enroll_record *r);

/* Write the open records as POST and as PATCH do: rows, effects, history.
 * Errors: those of nst_query. */
NST_CHECKED enum nst_err enroll_create_rows(struct course_write *w, struct nst_req *rq);
NST_CHECKED enum nst_err enroll_change_rows(struct course_write *w, struct nst_req *rq);

#endif
