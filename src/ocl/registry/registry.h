/* The URL registry: in whose namespace the repository of a canonical address stands (V268). */
#ifndef OCL_REGISTRY_H
#define OCL_REGISTRY_H

#include "nestor/rest.h"

/* An owner has another address: entries that name it as their namespace follow.
 * Errors: those of nst_query. */
NST_CHECKED enum nst_err ocl_move_namespaces(struct nst_req *rq, struct nst_str from,
                                             struct nst_str to);

#endif
