/* Integrity of a store (G42, G158): what should hold of its rows and no constraint of the database
 * holds. Each check is a row of a table; a run walks them one after another in steps, each over
 * some keys of one table, so that none takes long. Who runs it decides where a step runs: looking
 * only reads; mending is a write of its own over the same keys. */
#ifndef OCL_INTEGRITY_H
#define OCL_INTEGRITY_H

#include "ocl/content/content.h"

#define OCL_EXAMPLES_MAX 20 /* places that a finding names */

struct ocl_integrity;

struct ocl_check {
    const char *name;    /* what is wrong, in short and once: "pin.org_id" */
    const char *meaning; /* a sentence about one place where it is */
    const char *remedy;  /* what a repair does; without one, what a person can do */
    bool is_note;        /* it may be so in a sound store, and is worth knowing */

    const char *table;            /* its rows are walked */
    const char *key;              /* in the order of this number; NULL: all in one step */
    unsigned rows;                /* of one step; 0: OCL_INTEGRITY_ROWS; 1: those with one key */
    const char *where;            /* the rows where it is so: columns are named with their table */
    const char *address, *detail; /* expressions: where a person finds it, what is wrong there */

    const char *mend;      /* OCL_MEND_ERASE, or "SET ..."; NULL: none is safe */
    const char *mend_when; /* a condition: only then; NULL: always */
    const char *repo; /* column with the number of the source that a repair holds; NULL: the rows */

    /* In place of `where` and `mend`: look at rows with from < key <= to of the run, tell what is
     * wrong by ocl_integrity_tell; repair what the last look has told and add to *mended. Both
     * may run again for the same keys. `took`: the last look counts from here on.
     * Errors: those of nst_query. */
    enum nst_err (*look)(struct ocl_integrity *v, struct nst_db *db);
    enum nst_err (*repair)(int64_t *mended, struct ocl_integrity *v, struct nst_db *db);
    void (*took)(struct ocl_integrity *v);
    const void *arg; /* of these */
};

#define OCL_MEND_ERASE     "DELETE"
#define OCL_INTEGRITY_ROWS 2000

/* Tables, each ending with a row without name: references and what belongs to nothing, intervals,
 * counts, checksums and tallies. In an order in which a repair leaves nothing for a check before
 * it. */
extern const struct ocl_check ocl_reference_checks[], ocl_interval_checks[], ocl_count_checks[],
    ocl_sum_checks[];

/* What the engine says of itself, table by table: on SQLite every page of it is read, which takes
 * its time. And of foreign keys: behind the first four, which repair what breaks them. */
extern const struct ocl_check ocl_engine_checks[], ocl_foreign_key_checks[];

/* The first four, NULL-terminated. */
extern const struct ocl_check *const ocl_content_checks[];

struct ocl_example {
    struct nst_str address, detail;
};

/* What a check has found. */
struct ocl_finding {
    const struct ocl_check *check;
    int64_t count, mendable, mended; /* mendable: those of count that a repair is safe for */
    struct ocl_example example[OCL_EXAMPLES_MAX];
    size_t examples;
};

/* A run. */
struct ocl_integrity {
    struct nst_arena *home;
    struct nst_registry *registry;
    struct ocl_finding *finding; /* one a check, in order */
    size_t checks, at;           /* at: the check of the next step; `checks`: all is done */
    int64_t from, to;            /* keys of the step */

    /* What the last look has found; counts once it is taken. */
    struct nst_arena *step;
    struct ocl_finding found;
    bool is_last; /* of its check */
    bool stays;   /* the next step has the same keys: for `look` to set */
    void *inside; /* of a check with `look`, in an arena of its own; NULL when one begins */
};

/* Begin a run. Free it with ocl_integrity_free.
 *   tables  NULL-terminated */
struct ocl_integrity *ocl_integrity_new(const struct ocl_check *const *tables,
                                        struct nst_registry *registry);
void ocl_integrity_free(struct ocl_integrity *v);

/* All checks are done. */
bool ocl_integrity_is_over(const struct ocl_integrity *v);

/* The next step: look. May run again.
 * Errors: those of nst_query. Blocks on the database. */
NST_CHECKED enum nst_err ocl_integrity_look(struct ocl_integrity *v, struct nst_db *db);

/* Has it found what a repair is safe for? */
bool ocl_integrity_wants_repair(const struct ocl_integrity *v);

/* Repair that, in a write. May run again.
 * Errors: those of nst_query. Blocks on the database. */
NST_CHECKED enum nst_err ocl_integrity_repair(struct ocl_integrity *v, struct nst_db *db);

/* Let the last look, and what was repaired behind it, count, and go on to the next step. */
void ocl_integrity_take(struct ocl_integrity *v);

/* Tell of one place. For `look`. */
void ocl_integrity_tell(struct ocl_integrity *v, struct nst_str address, struct nst_str detail,
                        bool is_mendable);

/* Damage that is left: not of notes, nor what was repaired. */
int64_t ocl_integrity_damage(const struct ocl_integrity *v);

/* Append the report as a JSON object. */
void ocl_integrity_put(struct nst_buf *out, const struct ocl_integrity *v);

/* The source that has a table's row of that column, as its address; SQL. */
#define OCL_SOURCE_ADDRESS(number) \
    "coalesce((SELECT r.owner_url || 'sources/' || r.mnemonic || '/' FROM repo r WHERE r.id " \
    "= " number "), 'source number ' || CAST(" number " AS text) || ' ')"

#endif
