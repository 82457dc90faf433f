/* Undoing an import: a task that goes back over what it did, the newest first, and takes back what
 * nobody has changed since. */
#ifndef OCL_UNDO_H
#define OCL_UNDO_H

#include "bulk_import.h"

#include "ocl/content/content.h"

/* The kind of these tasks. What it was asked for (kwargs): {"task": KEY, "import": NUMBER}. */
extern const struct nst_task_kind ocl_undo_task;

/* POST below an import: begin a task that undoes it. */
nst_view ocl_undo_start;
extern const struct nst_description ocl_undo_description;

/* What an import did to a row, in `import_made`. */
#define OCL_DID_CREATE "create"
#define OCL_DID_DELETE "delete"

/* How far it is: numbers alone, saved as they stand here. */
struct ocl_undo_place {
    int64_t stage;
    int64_t is_in_run;           /* the run below is not done with */
    int64_t repo, rev;           /* the run of revisions that was taken up last, by its first one */
    int64_t rev_to;              /* its end */
    int64_t kind;                /* concepts or mappings: place in a table */
    int64_t first, behind;       /* numbers of its rows that are to be looked at; behind 0: not known */
    int64_t pass, at, got_on;    /* of what is tried again; at: place of the last row of a list */
    int64_t done, total;         /* revisions and rows */
    int64_t told, left;          /* places given to what was left; how much that is now */
    int64_t restored, erased, deleted;
};

/* One step of it. */
struct ocl_undo {
    struct nst_task *task;
    struct nst_db *db;
    struct nst_arena *arena; /* of one row */
    int64_t import;          /* the number of its task */
    struct nst_str key;      /* its name */
    struct ocl_undo_place place;
};

/* One request of the import face, as the user who asked for it. */
struct ocl_undo_ask {
    enum nst_method method;
    struct nst_str path;
    struct nst_json *body; /* NULL: none */
    enum nst_err why;      /* set: what the request returned */
};

/* Make it; what fails is rolled back.
 * Errors: only those that spoil the transaction. */
NST_CHECKED enum nst_err ocl_undo_call(struct nst_req *rq, struct ocl_undo_ask *ask,
                                       struct ocl_undo *u);

/* The address of a thing in a list below another; of that itself where id is null. In a.
 *   home  the address of the other, its parts as they are: they are encoded here
 *   list  "concepts/" */
struct nst_str ocl_undo_path(struct nst_arena *a, struct nst_str home, const char *list,
                             struct nst_str id);

/* ---- What an import did (effects.c) ---- */

/* Note that revisions behind the one before were made in a source, up to its present one.
 *   import   number of the import's task
 *   is_undo  taking it back made them
 * Errors: those of nst_query. */
NST_CHECKED enum nst_err ocl_run_keep(struct nst_db *db, int64_t import, bool is_undo,
                                      const struct ocl_touched *touched);

/* ---- Content (undo_content.c) ---- */

/* Take back some versions of concepts and mappings; is_over once all were looked at. Then try some
 * again that a rule refused; is_over once a pass over them gets nowhere. A thing that stays is kept
 * with its reason.
 *   type  not used
 * Errors: only those that spoil the transaction. */
NST_CHECKED enum nst_err ocl_undo_content(bool *is_over, struct ocl_undo *u, const char *type);
NST_CHECKED enum nst_err ocl_undo_again(bool *is_over, struct ocl_undo *u, const char *type);

/* ---- Organisations, sources and versions (undo_made.c) ---- */

/* Take back some that the import created; is_over once there is none left of the type.
 * Errors: only those that spoil the transaction. */
NST_CHECKED enum nst_err ocl_undo_made(bool *is_over, struct ocl_undo *u, const char *type);

/* ---- What is left (left.c) ---- */

/* A thing that stays as the import made it. */
struct ocl_left {
    struct nst_str url;
    const char *type;      /* "Concept" */
    struct nst_str reason; /* a sentence */
    const char *remedy;    /* a sentence */
    struct nst_str who;    /* who changed it last; null: that is not why */
    int64_t when;
    struct nst_str errors; /* JSON: what a request answered; null: none did */
    /* The version that could not be taken back yet: of which kind, source; 0: it stays in any case. */
    int64_t kind, repo, row;
};

/* Keep one; what was said of it before is replaced where it is tried again.
 * Errors: those of nst_query. */
NST_CHECKED enum nst_err ocl_left_keep(struct ocl_undo *u, const struct ocl_left *left);

/* The reason that the body of a refused request gives, in words: "names: Too long." */
struct nst_str ocl_left_reason(struct nst_arena *a, struct nst_str body);

/* It could be taken back after all.
 * Errors: those of nst_query. */
NST_CHECKED enum nst_err ocl_left_drop(struct ocl_undo *u, struct nst_str url);

/* Append the result of the task: counters, and what was left.
 * Errors: those of nst_query. */
NST_CHECKED enum nst_err ocl_left_put_result(struct nst_buf *out, struct ocl_undo *u);

/* Append the counters alone, as members of a JSON object or in words. */
void ocl_undo_put_counters(struct nst_buf *out, const struct ocl_undo_place *p);
void ocl_undo_put_words(struct nst_buf *out, const struct ocl_undo_place *p);

#endif
