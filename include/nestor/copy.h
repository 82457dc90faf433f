/* Whole stores: one moment of a file, page by page; all rows from any engine to any other.
 *
 * Who may read a store may copy it while others write. A store that is being filled bears a mark
 * until it is whole and verified: no program opens it meanwhile, or after the copy was cut, and
 * the copy that is begun again goes on behind the last table that it had finished. */
#ifndef NESTOR_COPY_H
#define NESTOR_COPY_H

#include "nestor/db.h"

/* ---- Pages of SQLite ---- */

/* Copy the file of a SQLite store as it is at one moment; writers are not held up.
 *   path    must not be there, and is not where an error is returned; NUL-terminated, mode 0600.
 *           A database of its own without a log, on the disk when is_durable
 *   is_cut  asked now and then: true breaks it off
 * Blocks for the time of the copy. Errors: NST_E_BUSY where it was broken off, NST_E_FULL,
 * NST_E_DB, logged. */
NST_CHECKED enum nst_err nst_copy_pages(struct nst_store *from, const char *path, bool is_durable,
                                        nst_copy_cut *is_cut, void *arg);

/* ---- Rows ---- */

enum nst_copy_state {
    NST_COPY_EMPTY, /* has no table */
    NST_COPY_HALF,  /* a copy into it was cut */
    NST_COPY_TAKEN  /* has tables, whosever they are */
};

/* What a store has, without changing it. Errors: those of nst_store_run. */
NST_CHECKED enum nst_err nst_copy_state(enum nst_copy_state *out, struct nst_store *store);

/* A copy. What is not said to be set by it is the caller's, zero where it is not wanted. */
struct nst_copy {
    struct nst_arena *arena;
    struct nst_store *from, *to; /* `to` was opened with is_filled, and is empty or half */
    const struct nst_migration *steps; /* all that the program has; `to` gets those of `from` */
    unsigned step_count;
    bool is_alone; /* others are kept from writing to `from`, and there must be no server on it;
                      on SQLite it was opened with is_alone. Otherwise: what it has at one moment */
    struct nst_str left_to; /* not null, of a copy that is_alone: `from` is marked with this text in
                               the transaction that reads it, before `to` is whole, and nst_migrate
                               refuses it; the same copy, cut behind that, may go on */
    nst_copy_cut *is_cut; /* asked between two batches; NULL: never */
    void (*show)(void *arg, int64_t rows); /* copied so far, of all tables; NULL: not wanted */
    void *arg; /* of both */
    int64_t rows, tables; /* set: what is there now */
    struct nst_str why;   /* set with an error that somebody can do something about: a sentence */
};

/* Make `to` what `from` is: the same tables by the same migrations, with the same rows, compared
 * by count and checksum behind the copy, with indexes, foreign keys and triggers. `from` is only
 * read, but for the mark. Memory is constant. Tables that a copy before this one had finished are
 * compared and, where they are the same, left.
 * Errors: NST_E_CONFLICT with `why` where `from` is of a newer program, half a copy itself, marked
 * or in use, `to` is taken, or both differ behind the copy; NST_E_BUSY where it was broken off or
 * something is locked; those of nst_store_run. Blocks for as long as it takes. */
NST_CHECKED enum nst_err nst_copy_run(struct nst_copy *copy);

/* ---- What was copied, and is served elsewhere from now on ---- */

/* Where the rows of a store have gone by a copy with left_to; null: nowhere. In a. Errors: those of
 * nst_store_run. */
NST_CHECKED enum nst_err nst_copy_left(struct nst_str *where, struct nst_arena *a,
                                       struct nst_store *store);

/* Take that mark away. Errors: NST_E_BUSY when a server or a verb is at work on a PostgreSQL store;
 * those of nst_store_run. Blocks for up to 2 seconds when connections have just ended. */
NST_CHECKED enum nst_err nst_copy_stay(struct nst_store *store);

#endif
