/* What OpenAPI says of both views, whose bodies are lists and maps that no serializer
 * describes (docs/contracts/enrollments.md, section 15). */
#ifndef ENROLL_DESCRIBE_H
#define ENROLL_DESCRIBE_H

#include "nestor/resource.h"

/* What differs between P and C in the schemas: the argument of an action that has one of
 * the descriptions below. */
extern const struct enroll_described enroll_program_described, enroll_course_described;

/* A page of either; a batch of P, of C. */
extern const struct nst_description enroll_page_description, enroll_program_description,
    enroll_course_description;

/* Append a NULL-terminated list of words as the items of a JSON array. */
void enroll_put_words(struct nst_buf *out, const char *const *words);

#endif
