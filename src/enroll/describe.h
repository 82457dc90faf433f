/* What OpenAPI says of both views, whose bodies are lists and maps that no serializer
 * describes (docs/contracts/enrollments.md, section 15). */
#ifndef ENROLL_DESCRIBE_H
#define ENROLL_DESCRIBE_H

#include "nestor/resource.h"

/* The describe functions of P and of C (struct nst_route). */
void enroll_describe_program(struct nst_buf *out, const struct nst_route *route,
                             enum nst_method method);
void enroll_describe_course(struct nst_buf *out, const struct nst_route *route,
                            enum nst_method method);

/* Append a NULL-terminated list of words as the items of a JSON array. */
void enroll_put_words(struct nst_buf *out, const char *const *words);

#endif
