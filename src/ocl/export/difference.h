/* Differences (ours): what makes the document of one export into that of another, row by row, as
 * lines of JSON inside of a ZIP (docs/export.md has the lines). They are worked out from both
 * files, so that copies have them as well as what they are copied from, and whatever changed:
 * whoever follows one knows by its SHA-256 that the file has come out byte for byte (V620). */
#ifndef OCL_DIFFERENCE_H
#define OCL_DIFFERENCE_H

#include "export.h"

/* ---- Working one out ---- */

/* Two exports of one source. Files stay the caller's; texts outlive the difference. */
struct ocl_differing {
    int older, newer;                            /* files */
    struct nst_str older_digest, newer_digest;   /* SHA-256 in hex */
    struct nst_str older_version, newer_version; /* their ids */
    int64_t time;                                /* of the entry of the newer one */
    const char *folder;                          /* for what is unpacked */
    bool (*write)(void *arg, struct nst_str bytes);
    void *arg;
};

struct ocl_difference;

/* Begin. False where one of them is no export of ours, or cannot be read: *why, in a, says so, or
 * is null where write failed. Blocks for unpacking both. */
NST_CHECKED bool ocl_difference_open(struct ocl_difference **out, struct nst_str *why,
                                     struct nst_arena *a, const struct ocl_differing *what);

/* Go on for some rows. False as before. Blocks on the files.
 *   is_over  set on true: all has been written */
NST_CHECKED bool ocl_difference_go_on(bool *is_over, struct nst_str *why, struct nst_arena *a,
                                      struct ocl_difference *d);

/* Bytes of the newer document that were looked at, of how many; bytes that were written. */
uint64_t ocl_difference_done(const struct ocl_difference *d);
uint64_t ocl_difference_total(const struct ocl_difference *d);
int64_t ocl_difference_size(const struct ocl_difference *d);

/* Give up what open took. NULL is allowed. */
void ocl_difference_close(struct ocl_difference *d);

/* ---- Following one ---- */

struct ocl_following {
    const struct nst_task *task; /* when it is cut, so is this */
    int difference, older;       /* files */
    struct nst_str older_digest;
    const char *folder;
    int to; /* the newer export is written there */
};

/* What came of it; texts are of the arena. */
struct ocl_followed {
    struct nst_str digest; /* of the newer export: it is that which the difference promises */
    int64_t size;
};

/* Make the newer export. False where the difference is none, or is one of other files (*why, in a,
 * says so), or where that was cut (*why is null). Blocks. */
NST_CHECKED bool ocl_difference_follow(struct ocl_followed *out, struct nst_str *why,
                                       struct nst_arena *a, const struct ocl_following *what);

/* ---- Their files and their task (differences.c) ---- */

/* What is known of the difference between the exports of two versions here. */
enum ocl_difference_state {
    OCL_DIFFERENCE_MISSING, /* it can be made */
    OCL_DIFFERENCE_MADE,
    OCL_DIFFERENCE_NO_USE, /* it would be no smaller than half the export */
};

/* Look for the file; both exports are current.
 *   fd  set where it is made: open for reading, the caller's */
enum ocl_difference_state ocl_difference_find(int *fd, struct nst_arena *a,
                                              const struct ocl_export *newer,
                                              const struct ocl_export *older);

/* Have it made, by this server, in the transaction of rq.
 * Errors: NST_E_CONFLICT where that was asked for already; those of nst_query. */
NST_CHECKED enum nst_err ocl_difference_order(int64_t *task, struct nst_req *rq,
                                              const struct ocl_export *newer,
                                              const struct ocl_export *older);

/* Whether it is being made. */
NST_CHECKED enum nst_err ocl_difference_work_on(enum ocl_export_work *out, struct nst_arena *a,
                                                struct nst_db *db, const struct ocl_export *newer,
                                                const struct ocl_export *older);

/* Those that lead from and to exports that are there. */
extern const struct nst_file_kind ocl_difference_files;

extern const struct nst_task_kind ocl_difference_task;

#endif
