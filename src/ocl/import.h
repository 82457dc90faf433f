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
    X(DELETED, "deleted") \
    X(NOT_FOUND, "not_found") \
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

/* A source that lines wrote into, and the revision that it had before: what it has now less that
 * are theirs, since the transaction holds it. */
struct ocl_touched {
    struct ocl_touched *next;
    int64_t repo, rev;
};

/* A row that a line created or deleted; the last one first. */
struct ocl_made {
    const struct ocl_made *next;
    const char *type; /* of the line: Organization, Source, Source Version */
    int64_t id;
    bool is_deleted;
};

/* What the lines of a batch did, beside their outcomes: owned by its arena. */
struct ocl_effects {
    struct nst_arena *arena;
    struct ocl_touched *touched;
    struct ocl_made *made;
};

/* What imports lines: made once, used for any number of batches by one thread. */
struct ocl_importer {
    struct nst_arena *home;
    struct nst_registry *registry;
    struct nst_caller caller; /* each line is judged as this user (V613) */
    struct nst_arena *arena;  /* of one line */
    struct nst_arena *counts; /* of the run */
    struct nst_cache *cache;  /* ancestors, while only concepts come */
    struct ocl_run *run;      /* of the present batch */
    struct ocl_effects effects; /* of the last batch */
    bool is_careful;          /* a savepoint a line */
    bool keeps_existing;      /* concepts and mappings that are there are left alone */
    bool copies;              /* lines are those of a copy (OCL_IMPORT_COPIES) */
};

/* Make one that acts as caller (whose name must outlive it); release it. */
struct ocl_importer *ocl_importer_new(struct nst_registry *registry,
                                      const struct nst_caller *caller);
void ocl_importer_free(struct ocl_importer *im);

/* A line, and what became of it. */
struct ocl_line {
    struct nst_json *tree; /* what the line says */
    enum ocl_outcome outcome;
    struct nst_str detail; /* the error body where the outcome is an error */
    struct nst_str fault;  /* given: why it is refused without a look, as an error body; or null */
    struct nst_str cycle;  /* the same, of one whose parents lead back to it */
    uint64_t makes;        /* hash of the address of the concept that it is about; 0: of none */
    uint64_t awaits;       /* the same of the parent that it is too early for */
    bool deletes;          /* it says DELETE */
    bool is_early;         /* refused for a parent that is not there yet, and nothing else */
};

/* Owners are imported before sources, and these before what lies in them, wherever they
 * stand in a batch (V610). Who cuts a file into batches sends the lines of turn 0 first,
 * then those of turn 1, and so on. */
#define OCL_IMPORT_TURNS 3

/* The turn of a line, below OCL_IMPORT_TURNS. */
unsigned ocl_import_turn(const struct nst_json *line);

/* Lines that share a transaction. */
struct ocl_batch {
    struct ocl_line *line;
    size_t count;
    struct nst_arena *arena; /* takes the details */
    bool again;              /* roll back and import once more */
};

/* The numbers of the lines in the order in which they are imported, owned by batch->arena: theirs,
 * but that concepts come behind those of the batch that are above them (V610). A line whose
 * parents lead back to it is told of that. */
size_t *ocl_import_order(struct ocl_batch *batch);

/* Import a batch in the transaction of db, each line whole or not at all.
 * Organisations, sources and versions that exist are left alone (V611).
 * A batch is first tried without savepoints. When a line is refused in that try,
 * batch->again is set and nothing of it counts: roll back and call once more, the
 * importer is careful then.
 * Errors: only those that spoil the transaction (NST_E_DB, NST_E_RETRY, ...). */
NST_CHECKED enum nst_err ocl_import_lines(struct ocl_batch *batch, struct ocl_importer *im,
                                          struct nst_db *db);

#endif
