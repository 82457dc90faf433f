/* The lists of a program: owners, curricula, courses with their runs. Each can be
 * printed as it is stored, put as a document gives it in the same form, and replaced.
 * Lists of documents have been checked before. */
#ifndef ENROLL_PROGRAM_LISTS_H
#define ENROLL_PROGRAM_LISTS_H

#include "enroll/fixture/entity.h"

/* Append the stored list of a program as compact JSON, every default written out.
 * Errors: those of nst_query. */
NST_CHECKED enum nst_err enroll_print_owners(struct nst_buf *out, struct nst_db *db, int64_t id);
NST_CHECKED enum nst_err enroll_print_curricula(struct nst_buf *out, struct nst_db *db, int64_t id);
NST_CHECKED enum nst_err enroll_print_courses(struct nst_buf *out, struct nst_db *db, int64_t id);

/* Append the list of a document as the functions above would print it once stored. */
void enroll_put_owners(struct nst_buf *out, const struct nst_json *list);
void enroll_put_curricula(struct nst_buf *out, const struct nst_json *list);
void enroll_put_courses(struct nst_buf *out, const struct nst_json *list);

/* Store the list of a document in the place of the one there is. Runs whose keys
 * parse become known courses, unless the document lists them itself. Errors: those of nst_query. */
NST_CHECKED enum nst_err enroll_replace_owners(struct enroll_load *l, int64_t program,
                                               const struct nst_json *list);
NST_CHECKED enum nst_err enroll_replace_curricula(struct enroll_load *l, int64_t program,
                                                  const struct nst_json *list);
NST_CHECKED enum nst_err enroll_replace_courses(struct enroll_load *l, int64_t program,
                                                const struct nst_json *list);

#endif
