/* Tombstones (V902): what was erased from a source is still told by its address, so that whoever
 * keeps a copy learns of it. */
#ifndef OCL_TOMBSTONE_H
#define OCL_TOMBSTONE_H

#include "ocl/content/content.h"

/* Note that a thing was erased.
 *   former    its last version
 *   made_rev  the revision that it came with
 *   change    the one that erased it, with one number
 * Errors: those of nst_query. */
NST_CHECKED enum nst_err ocl_bury(struct nst_req *rq, const struct ocl_kind *kind,
                                  const struct ocl_content *former, int64_t made_rev,
                                  const struct ocl_change *change);

/* The number of the first that was made at that time or later, in microseconds; by a later revision
 * than that. INT64_MAX when none was.
 * Errors: those of nst_query. */
NST_CHECKED enum nst_err ocl_first_buried(int64_t *number, struct nst_req *rq, int64_t repo,
                                          int64_t time);
NST_CHECKED enum nst_err ocl_first_buried_after(int64_t *number, struct nst_req *rq, int64_t repo,
                                                int64_t rev);

/* Append " FROM tombstone WHERE ...": those of a source with numbers from `first` on and before
 * `behind` that the caller may be told of. */
void ocl_tombstones_from(struct nst_sql *q, struct nst_req *rq, int64_t repo, int64_t first,
                         int64_t behind);

/* Some tombstones of a source, the newest first: those with the numbers [first, behind) that the
 * caller may be told of. */
struct ocl_graves {
    int64_t repo, first, behind;
    int64_t limit, offset;
    bool are_more; /* others stand before them already */
};

/* Append them as JSON objects, each behind a comma but the very first; the path names the source.
 *   last   set to the number of the last one, left alone where there is none
 *   count  set to how many there are
 * Errors: those of nst_query. */
NST_CHECKED enum nst_err ocl_put_tombstones(struct nst_buf *out, int64_t *last, int64_t *count,
                                            struct nst_req *rq, const struct ocl_graves *which);

#endif
