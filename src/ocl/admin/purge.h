/* Purging: organisations, sources and users that were deleted softly before some time are erased
 * for good, with all that they own, in steps of a bounded number of rows. What of a source that is
 * there its releases hold is never touched: content that is retired, or former versions of it,
 * are no deletions. */
#ifndef OCL_PURGE_H
#define OCL_PURGE_H

#include "ocl/app.h"

#include "tasks/tasks.h"

/* What is counted. The first three are kinds that can be asked for; versions are rows of content. */
enum ocl_purged {
    OCL_PURGED_SOURCES,
    OCL_PURGED_ORGS,
    OCL_PURGED_USERS,
    OCL_PURGED_CONCEPTS,
    OCL_PURGED_MAPPINGS,
    OCL_PURGED_COUNT
};

#define OCL_PURGE_KINDS OCL_PURGED_CONCEPTS
#define OCL_PURGE_WORDS "sources, organizations or users"

/* A purge, and how far it is. A plain value: whoever keeps it goes on from there. */
struct ocl_purge {
    int64_t before; /* what was deleted before this: microseconds */
    int64_t kind;   /* one of the kinds alone, with the sources of its owners; -1: all */
    int64_t phase;  /* which table it is at */
    int64_t after;  /* the number of the row behind which it goes on */
    int64_t count[OCL_PURGED_COUNT];
    bool is_over;
};

/* "sources", "organizations", "users", "concept_versions", "mapping_versions". */
const char *ocl_purged_name(enum ocl_purged what);

/* The kind of that name, -1 for a null text. Returns false where there is none. */
bool ocl_purge_kind(int64_t *out, struct nst_str name);

/* What a purge would erase now: sets the counts, changes nothing. Errors: those of nst_query. */
NST_CHECKED enum nst_err ocl_purge_look(struct ocl_purge *p, struct nst_arena *a,
                                        struct nst_db *db);

/* An organisation, a source or a user that would go; the address is the callee's for the call.
 *   since  when it was last changed, deleted if it was itself: microseconds */
typedef void ocl_purge_sink(void *arg, struct nst_str address, int64_t since);

/* Call the sink for each of them, in the order in which they go. Errors: those of nst_query. */
NST_CHECKED enum nst_err ocl_purge_each(const struct ocl_purge *p, struct nst_arena *a,
                                        struct nst_db *db, ocl_purge_sink *sink, void *arg);

/* Erase some 1000 rows at most, in the transaction of rq->db, and write down each organisation,
 * source and user that is gone then. rq needs arena, db and now; its caller is who asked.
 * Errors: those of nst_query; then *p counts no more. */
NST_CHECKED enum nst_err ocl_purge_step(struct ocl_purge *p, struct nst_req *rq);

/* Write down that it begins. */
NST_CHECKED enum nst_err ocl_purge_begin(const struct ocl_purge *p, struct nst_req *rq);

/* Append the counts, as a JSON object. */
void ocl_purge_put(struct nst_buf *out, const struct ocl_purge *p);

extern const struct nst_task_kind ocl_purge_task;

#endif
