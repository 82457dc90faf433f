/* Tombstones (V902): what was erased from a source is still told by its address, so that whoever
 * keeps a copy learns of it. */
#ifndef OCL_TOMBSTONE_H
#define OCL_TOMBSTONE_H

#include "ocl/content/content.h"

/* Note that a thing was erased by a revision that erased nothing else.
 *   former  its last version
 * Errors: those of nst_query. */
NST_CHECKED enum nst_err ocl_bury(struct nst_req *rq, const struct ocl_kind *kind,
                                  const struct ocl_content *former,
                                  const struct ocl_change *change);

/* The first revision that erased something at that time or later; behind all when none did.
 *   time  microseconds
 * Errors: those of nst_query. */
NST_CHECKED enum nst_err ocl_first_buried(int64_t *rev, struct nst_req *rq, int64_t repo,
                                          int64_t time);

/* Some tombstones of a source, the newest first: those of the revisions [first, behind) that the
 * caller may be told of. */
struct ocl_graves {
    int64_t repo, first, behind;
    int64_t limit, offset;
    bool are_more; /* others stand before them already */
};

/* Append them as JSON objects, each behind a comma but the very first; the path names the source.
 *   last   set to the revision of the last one, left alone where there is none
 *   count  set to how many there are
 * Errors: those of nst_query. */
NST_CHECKED enum nst_err ocl_put_tombstones(struct nst_buf *out, int64_t *last, int64_t *count,
                                            struct nst_req *rq, const struct ocl_graves *which);

#endif
