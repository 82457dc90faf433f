/* Members that a detail has where the query asks for them (V229, V245). */
#ifndef OCL_EMBED_H
#define OCL_EMBED_H

#include "ocl/app.h"

/* One of them: the switches that ask for it, and what it is. */
struct ocl_embed {
    const char *parameter, *too; /* too: another switch that asks for the same; NULL: none */
    const char *member;
    /* Append the value to rq->x->out. Errors: any. */
    enum nst_err (*put)(struct nst_req *rq);
};

/* The row of the path, as nst_retrieve shows it, and what is asked for besides. The `arg` of the
 * action is an array of struct ocl_embed, which ends with one without parameter. */
nst_view ocl_retrieve;

/* Schema of such a document: the detail, and a member. */
#define OCL_EMBEDDED(detail, member, schema) \
    "{\"allOf\":[{\"$ref\":\"#/components/schemas/" detail "\"},{\"type\":\"object\"," \
    "\"properties\":{\"" member "\":" schema "}}]}"

#endif
