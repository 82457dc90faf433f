/* Checksums of resources, which clients of OCL compare to tell whether something changed:
 * the MD5 of a text made of selected members of the resource (V408 to V417).
 *
 * The standard checksum covers what an author can change, the smart one what changes the
 * meaning. A resource is the tree of its JSON in the spelling of /v2/; nothing here reads
 * a database. What a client sends counts as much as what is stored: no tree is refused. */
#ifndef OCL_CHECKSUM_H
#define OCL_CHECKSUM_H

#include "nestor/json.h"

#define OCL_CHECKSUM_LENGTH 32 /* digits, in lower case */

/* Which members of a resource count. */
struct ocl_checksum_kind;

extern const struct ocl_checksum_kind ocl_concept_sum, ocl_concept_name_sum,
    ocl_concept_description_sum, ocl_mapping_sum, ocl_source_sum, ocl_collection_sum, ocl_org_sum,
    ocl_user_sum;

enum ocl_checksum_scope { OCL_STANDARD = 1, OCL_SMART = 2 };

/* Both checksums of a resource. */
struct ocl_checksums {
    struct nst_str standard, smart;
};

/* The kind that a client means by a word: `concept`, `Concepts`, `concept_version`, ...
 * NULL for an unknown word. */
const struct ocl_checksum_kind *ocl_checksum_kind(struct nst_str word);

/* Both checksums of resource v, hex digits owned by a, which keeps nothing else. */
struct ocl_checksums ocl_checksums(struct nst_arena *a, const struct ocl_checksum_kind *kind,
                                   const struct nst_json *v);

/* One checksum, hex digits owned by a.
 *   kind  NULL takes v as it is, with all its members; so does what is no object
 *   v     a resource, or an array: of one its checksum, of several that of the list of
 *         their checksums */
struct nst_str ocl_checksum(struct nst_arena *a, const struct ocl_checksum_kind *kind,
                            enum ocl_checksum_scope scope, const struct nst_json *v);

/* The text whose MD5 the checksum of the one resource v is, owned by a; kind as above. */
struct nst_str ocl_checksum_text(struct nst_arena *a, const struct ocl_checksum_kind *kind,
                                 enum ocl_checksum_scope scope, const struct nst_json *v);

#endif
