/* What a row of another table leads to: a user, an organisation or a source. */
#ifndef OCL_THING_H
#define OCL_THING_H

#include "ocl/app.h"

/* Numbers: the one that is not 0 says of which table. All are 0: it leads nowhere. Nothing but an
 * event leads to a version. */
struct ocl_thing {
    int64_t user_id, org_id, repo_id, version_id;
};

/* Find what stands at an address, "/orgs/WHO/sources/ICD-10/", the slash at its end or not; what
 * is not there, or hidden from the caller, cannot be told apart: then *found is false (V117).
 * In writes only: it is held, so that who erases it comes before or after.
 *   thing  set on NST_OK when it is found
 * Errors: those of nst_query. */
NST_CHECKED enum nst_err ocl_find_thing(struct ocl_thing *thing, bool *found, struct nst_req *rq,
                                        struct nst_str address);

/* Append " AND (...)": what a row of the table leads to, by columns named as in struct ocl_thing,
 * is there, and the caller may see it.
 * Errors: none but those of the conditions on rights. */
NST_CHECKED enum nst_err ocl_things_visible(struct nst_sql *q, struct nst_req *rq,
                                            const char *table);

/* Make of each thing its JSON, as lists show it, sources in short; null where it is hidden from the
 * caller or erased. What was deleted is shown: whether it is meant, the rows that lead to it decide.
 * A statement for each kind.
 *   value  set on NST_OK, `count` of them, in rq's arena
 * Errors: those of nst_each_row. */
NST_CHECKED enum nst_err ocl_show_things(struct nst_str *value, struct nst_req *rq,
                                         struct ocl_thing *thing, size_t count);

/* JSON Schema of what is shown so. */
#define OCL_THING_SCHEMA "{\"type\":[\"object\",\"null\"]}"

#endif
