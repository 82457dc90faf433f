/* The row of a concept: one version of it. */
#ifndef OCL_CONCEPT_H
#define OCL_CONCEPT_H

#include "ocl/content/content.h"

struct ocl_concept {
    struct ocl_content content;
    struct nst_str concept_class, datatype, names, descriptions, display_name, display_locale;
    struct nst_str preferred_name, preferred_locale; /* what the guide shows; null: the same */
    struct nst_str guide_name, guide_locale, terms;
    struct nst_str declared, declared_values; /* properties of its source; the extras, if any */
    struct nst_str parents, children;         /* codes, a line each; null: none */
    const struct nst_json *name_tree; /* names as a tree, where they were just made; or NULL */
};

/* Make the checksums anew that count addresses of the user's sources, which have moved.
 * Errors: those of nst_query. */
NST_CHECKED enum nst_err ocl_concepts_moved(struct nst_req *rq, int64_t user);

extern const struct nst_resource ocl_concept, ocl_concept_name, ocl_concept_description;

extern const struct ocl_kind ocl_concept_kind;

/* Place in ocl_concept.sets: rows of a version as that of OCL_PINNED shows them, with the
 * properties that their source declares now: which version of theirs is meant, nobody says. */
#define OCL_HELD 3

/* Place in ocl_concept.sets: concepts as the export of a version has them. */
#define OCL_EXPORTED 4

/* Limit rows of the sets below a version of the source to what that version declares; they are one
 * for each version otherwise. */
void ocl_put_said(struct nst_sql *q, const struct nst_object *version);

/* V253, where no name is left that is not retired. */
#define OCL_NO_NAME "A concept must have at least one name"

/* ---- What it counts (members.c) ---- */

#define OCL_CONCEPT_COUNT "{\"type\":\"integer\",\"minimum\":0}"
#define OCL_CONCEPT_SUMMARY \
    "{\"type\":\"object\",\"required\":[\"names\",\"descriptions\",\"versions\"],\"properties\":{" \
    "\"children\":" OCL_CONCEPT_COUNT ",\"parents\":" OCL_CONCEPT_COUNT \
    ",\"names\":" OCL_CONCEPT_COUNT ",\"descriptions\":" OCL_CONCEPT_COUNT \
    ",\"versions\":" OCL_CONCEPT_COUNT ",\"id\":{\"type\":\"string\"}," \
    "\"uuid\":{\"type\":\"string\"},\"versioned_object_id\":{\"type\":\"integer\"}}}"

/* Of concepts what they count (V245). For struct nst_member.
 * Errors: those of nst_query. */
enum nst_err ocl_make_concept_summary(struct nst_req *rq, const struct nst_shown *shown);

/* GET summary/ below the concept that the path names last (V250). */
nst_view ocl_concept_summary;
extern const struct nst_description ocl_concept_summary_description;

/* Tell what a version counts for: of names those that are not retired. */
void ocl_concept_tell(struct ocl_teller *teller, const void *row);

/* POST under /v2/: a concept, with the mappings that its body has (V238). */
nst_view ocl_concept_create;

/* The column `terms`: every locale and type of the names and descriptions once, in lower case
 * (ASCII), each with a mark of its kind before it, in order, with OCL_TERM_MARK around them. As
 * few concepts differ in it, an index over it serves three filters. */
#define OCL_TERM_MARK        '\x1F'
#define OCL_TERM_LOCALE      "l:"
#define OCL_TERM_NAME        "n:"
#define OCL_TERM_DESCRIPTION "d:"

/* That text for the names and descriptions that the row has. What does not fit into
 * OCL_TERMS_MAX bytes, which an index can hold, is left out. */
#define OCL_TERMS_MAX 2000
struct nst_str ocl_concept_terms(struct nst_req *rq, const struct ocl_concept *c);

#endif
