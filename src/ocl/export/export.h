/* Exports (V615 to V623, G154): what a version of a source holds as one document inside of a ZIP,
 * made once by a task and kept as a file. The same version gives the same bytes: nothing in them
 * depends on who asks or when, nor on what came after the version. docs/export.md has its life. */
#ifndef OCL_EXPORT_H
#define OCL_EXPORT_H

#include "nestor/base/digest.h"
#include "nestor/base/zip.h"
#include "ocl/app.h"
#include "tasks/tasks.h"

/* ---- What is kept of an export (state.c): a row of repo_export ---- */

/* Which one: of a version, or (is_head) of what the source of that version holds at present. */
struct ocl_export_key {
    int64_t version_id;
    bool is_head;
};

/* The number of it; its texts are in the arena that it was read with. */
struct ocl_export {
    int64_t id, repo_id, version_id, rev, size;
    bool is_head;
    bool is_there;               /* neither version nor source are deleted */
    bool is_copied;              /* the source is a copy: its files come from elsewhere, and none is
                                    made here (V620) */
    bool is_current;             /* there is a file, and the version says what it said */
    int64_t time;                /* of the entry in the ZIP: the version's creation */
    struct nst_str stamp;        /* of what a document would be made now */
    struct nst_str file, digest; /* of the one that there is; null: none */
    struct nst_str name;         /* as clients save it (V623) */
    struct nst_str version;      /* its id */
    struct nst_str url;          /* of the version: "/orgs/WHO/sources/ICD/v1/" */
};

#define OCL_EXPORT_TAG 32 /* digits of the digest that are its ETag */

/* Keep what a version that was just made says and its row does not. Its source is held.
 * Errors: those of nst_query. */
NST_CHECKED enum nst_err ocl_export_open(struct nst_req *rq, int64_t version_id);

/* Find an export, and whether its file is of what there is now.
 *   out  id 0: there is none
 * Errors: those of nst_query. */
NST_CHECKED enum nst_err ocl_export_find(struct ocl_export *out, struct nst_arena *a,
                                         struct nst_db *db, const struct ocl_export_key *key);
NST_CHECKED enum nst_err ocl_export_load(struct ocl_export *out, struct nst_arena *a,
                                         struct nst_db *db, int64_t id);

/* Before one is made: of the present content take its revision, and leave out from now on what
 * leads to sources that not every reader may see any more. In a write.
 *   id  set on NST_OK to that of its row, which is held (nst_sql_hold)
 * Errors: those of nst_query. */
NST_CHECKED enum nst_err ocl_export_renew(int64_t *id, struct nst_arena *a, struct nst_db *db,
                                          const struct ocl_export_key *key);

/* The file is there: so says the row, unless the version has changed meanwhile. Held from here on,
 * it changes behind this transaction only.
 *   is_kept  false where it has
 * Errors: those of nst_query. */
NST_CHECKED enum nst_err ocl_export_keep(bool *is_kept, struct nst_arena *a, struct nst_db *db,
                                         const struct ocl_export *made);

/* Forget the file, and take back what is being made.
 *   was_there  false where there was neither
 * Errors: those of nst_query. */
NST_CHECKED enum nst_err ocl_export_drop(bool *was_there, struct nst_req *rq,
                                         const struct ocl_export_key *key);

/* A user gets another name, or none any more: documents that may have it are not current.
 * Errors: those of nst_query. */
NST_CHECKED enum nst_err ocl_exports_renamed(struct nst_db *db, int64_t user);

/* ---- Its task (state.c) ---- */

enum ocl_export_work { OCL_NOT_ASKED, OCL_QUEUED, OCL_BEING_MADE };

/* Whether one is unfinished that makes it for all, or for this server alone. */
NST_CHECKED enum nst_err ocl_export_work_on(enum ocl_export_work *out, struct nst_arena *a,
                                            struct nst_db *db, int64_t id);

/* Whether a task is unfinished whose `once` is one of both (null: there is no other). */
NST_CHECKED enum nst_err ocl_export_work_of(enum ocl_export_work *out, struct nst_db *db,
                                            struct nst_str once, struct nst_str other);

/* Ask for it, in the transaction of rq, as its caller.
 *   task  set on NST_OK to the number of the task
 * Errors: NST_E_CONFLICT where that is done already; those of nst_query. */
NST_CHECKED enum nst_err ocl_export_order(int64_t *task, struct nst_req *rq, int64_t id);

/* The same for a version that was made or has changed; asked for twice it is nothing, and so it is
 * of a copy, whose subscription gives it one. */
NST_CHECKED enum nst_err ocl_export_queue(struct nst_req *rq, int64_t version_id);

/* From a request that only reads: have this server make its own copy of what another one has
 * made. Does not wait. */
void ocl_export_copy_later(struct nst_req *rq, int64_t id);

extern const struct nst_task_kind ocl_export_task;

/* ---- The document (document.c) ---- */

/* Where it stands: a value, which may be copied. Begins with `of` and zeroes. */
struct ocl_document {
    struct ocl_export of;
    unsigned part;
    int64_t behind; /* the number of the last row */
    int64_t rows;   /* so far */
    bool has_rows, is_over;
};

/* Read its next piece, of at most some hundred rows; is_over with the last one. A read of its
 * own: the rows of a revision do not change.
 *   out  begun anew, in a
 *   a    emptied before: for the piece, and whatever reading it takes
 * Errors: those of nst_each_row; NST_E_NOT_FOUND where the version is gone. */
NST_CHECKED enum nst_err ocl_document_read(struct nst_buf *out, struct ocl_document *d,
                                           struct nst_arena *a, struct nst_registry *registry,
                                           struct nst_db *db);

/* ---- The file (file.c) ---- */

/* A ZIP that is made in chunks of one size, whatever the pieces are, so that its bytes depend on
 * the document alone. */
struct ocl_packer {
    struct nst_arena *arena; /* its own */
    struct nst_zip zip;
    struct nst_buf chunk;
    struct nst_sha256 hash;
    int64_t size; /* bytes of the ZIP so far */
    bool (*write)(void *arg, struct nst_str bytes);
    void *arg;
};

#define OCL_EXPORT_ENTRY "export.json"

/* Begin one; ocl_packer_release gives its memory back.
 *   entry  the name of the file inside */
void ocl_packer_init(struct ocl_packer *p, const char *entry, int64_t time,
                     bool (*write)(void *arg, struct nst_str bytes), void *arg);
void ocl_packer_release(struct ocl_packer *p);

/* Pack a piece of the document.
 * Returns false where write did, or the document has 4 GB. */
NST_CHECKED bool ocl_packer_put(struct ocl_packer *p, struct nst_str piece, bool is_last);

/* The SHA-256 of all bytes, in hex, in a; after the last piece. */
struct nst_str ocl_packer_digest(struct ocl_packer *p, struct nst_arena *a);

/* A file of a task cannot be written, by errno; 0: nothing is wrong with the file, `too_large` says
 * what is. Sets t->error unless the disk is full. */
enum nst_err ocl_export_fail(struct nst_task *t, const char *too_large);

/* What the file is called in the folder of the workers, in a: nothing of it comes from clients. */
struct nst_str ocl_export_file_name(struct nst_arena *a, int64_t id, struct nst_str digest);

/* Open the file of a current export.
 * Returns -1 where this server has none that is whole. */
int ocl_export_file_open(struct nst_arena *a, const struct ocl_export *x);

/* Those files, as the keeper of the workers looks for them. */
extern const struct nst_file_kind ocl_export_files;

/* Remove files that no export has and no task is about to give one, and differences of exports that
 * are gone. Blocks on the database.
 *   folder  of the workers */
void ocl_export_sweep(struct nst_str folder, struct nst_store *store);

#endif
