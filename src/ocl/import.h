/* Lines of an import: JSON objects in the form of the OCL bulk import (V609). */
#ifndef OCL_IMPORT_H
#define OCL_IMPORT_H

#include "nestor/rest.h"

/* What became of a line; the words are those of V612. */
#define OCL_OUTCOMES(X) \
    X(CREATED, "created") \
    X(UPDATED, "updated") \
    X(UNCHANGED, "unchanged") \
    X(EXISTS, "exists") \
    X(INVALID, "invalid") \
    X(DENIED, "permission_denied") \
    X(FAILED, "failed")

enum ocl_outcome {
#define X(name, word) OCL_##name,
    OCL_OUTCOMES(X)
#undef X
        OCL_OUTCOME_COUNT
};

/* The word of an outcome. */
const char *ocl_outcome_word(enum ocl_outcome outcome);

/* True for outcomes that a person has to look at. */
bool ocl_outcome_is_error(enum ocl_outcome outcome);

/* What imports lines: made once, used for any number of batches by one thread. */
struct ocl_importer {
    struct nst_registry *registry;
    struct nst_caller caller;     /* each line is judged as this user (V613) */
    struct nst_arena *arena;      /* of one line; reset by the importer */
};

/* Import one line, whole or not at all, in the transaction of db.
 *   outcome  set on NST_OK
 *   detail   set on NST_OK: the error body where the outcome is an error, else
 *            empty; in the importer's arena, valid until the next line
 * Errors: only those that spoil the transaction (NST_E_DB, NST_E_RETRY, ...).
 * Organisations, sources and versions that exist are left alone (V611). */
NST_CHECKED enum nst_err ocl_import_line(enum ocl_outcome *outcome, struct nst_str *detail,
                                         struct ocl_importer *im, struct nst_db *db,
                                         struct nst_json *line);

#endif
