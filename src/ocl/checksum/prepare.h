/* What of a resource goes into its checksum, and in which form. */
#ifndef OCL_CHECKSUM_PREPARE_H
#define OCL_CHECKSUM_PREPARE_H

#include "ocl/checksum/checksum.h"

/* The members of v that count, owned by a, views of v: numbers as Python prints them, a
 * member of an object once. Members of names and descriptions are in the order that
 * Python has them in, those of other objects by length, then by bytes, as PostgreSQL
 * keeps them, where OCL's checksums read them. kind == NULL keeps all members,
 * and what is no object is taken as it is (V422). */
const struct nst_json *ocl_checksum_prepare(struct nst_arena *a,
                                            const struct ocl_checksum_kind *kind,
                                            enum ocl_checksum_scope scope,
                                            const struct nst_json *v);

/* Append the text of a tree that is prepared (V417). */
void ocl_checksum_serialize(struct nst_buf *b, const struct nst_json *v);

#endif
