/* Tables of a copy: what is in them, and what a target is without while it is filled. */
#ifndef NESTOR_DB_COPY_H
#define NESTOR_DB_COPY_H

#include "nestor/copy.h"

struct nst_copy_table {
    struct nst_str name, columns; /* quoted; columns by their names, with commas */
    unsigned width;               /* columns */
    bool is_done;                 /* of a copy before this one; rows and sum are its */
    int64_t rows;
    uint64_t sum; /* of a hash of each row, whatever their order */
};

/* PostgreSQL: the schema (oid) that has our tables, or would get them. */
#define NST_COPY_SCHEMA \
    "coalesce((SELECT relnamespace FROM pg_class WHERE oid = to_regclass('nst_migration')), " \
    "CAST(CAST(current_schema() AS regnamespace) AS oid))"

struct nst_copy_tables {
    struct nst_copy_table *table;
    size_t count;
    int64_t owner; /* random: of the run that fills the store; see nst_copy_hold */
};

/* The tables by their names, but those of migrations and of copies. In a. Errors: those of
 * nst_query. */
NST_CHECKED enum nst_err nst_copy_tables_read(struct nst_copy_tables *out, struct nst_arena *a,
                                              struct nst_db *db);

/* Call `each` with every row of the table, whose columns are t's; in constant memory. Errors:
 * those of nst_query and of each. */
typedef enum nst_err nst_copy_each(struct nst_rows *rows, void *arg);
NST_CHECKED enum nst_err nst_copy_walk(struct nst_db *db, const struct nst_copy_table *t,
                                       nst_copy_each *each, void *arg);

/* Add a row of t->width values to t's count and sum. Numbers and booleans count alike. */
void nst_copy_count(struct nst_copy_table *t, const struct nst_value *value);

/* Set rows and sum of t to what is stored. Errors: those of nst_query. */
NST_CHECKED enum nst_err nst_copy_sum(struct nst_copy_table *t, struct nst_db *db);

/* Have the store, which is migrated and marked, take rows: empty, without indexes, foreign keys and
 * triggers; or, of a copy that was cut, read which of `tables` are done. Of `tables` those stay
 * that the store has, too: others are somebody else's, and logged. Errors: NST_E_CONFLICT, logged,
 * when one of its own is not there or has other columns; those of nst_store_run. */
NST_CHECKED enum nst_err nst_copy_begin(struct nst_store *to, struct nst_copy_tables *tables);

/* In each write to the store that is filled: is it still this run that fills it? Another one may
 * have begun meanwhile, and taken over. Held until the transaction ends. Errors: NST_E_CONFLICT,
 * logged, when it is not; those of nst_query. */
NST_CHECKED enum nst_err nst_copy_hold(struct nst_db *db, int64_t owner);

/* A table that was done is to be copied again. Errors: those of nst_store_run. */
NST_CHECKED enum nst_err nst_copy_forget(struct nst_store *to, struct nst_copy_table *t);

/* Compare what is stored with rows and sums of `tables`, and make the store whole.
 * Errors: NST_E_CONFLICT, logged, when it differs; those of nst_store_run. */
NST_CHECKED enum nst_err nst_copy_finish(struct nst_store *to,
                                         const struct nst_copy_tables *tables);

#endif
