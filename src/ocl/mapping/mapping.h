/* The row of a mapping: one version of it. */
#ifndef OCL_MAPPING_H
#define OCL_MAPPING_H

#include "ocl/content/content.h"

/* One end: what was given, and what stands there now, where something does. */
struct ocl_end {
    struct nst_str concept_url; /* null: given by its source and code */
    struct nst_str source_url, source_version, concept_code, concept_name;
    int64_t source_id;           /* that the author could see there; 0: none */
    struct nst_str address_code; /* the code; null where neither concept nor address is known */
    struct nst_str code;         /* for filters */
    struct nst_str concept_name_resolved, name, source, owner, owner_type;
};

struct ocl_mapping {
    struct ocl_content content;
    struct nst_str map_type, sort_weight, natural_key;
    struct nst_str held_by; /* of an export: the version that it is of */
    struct ocl_end from, to;
};

extern const struct nst_resource ocl_mapping;

/* Mappings as the export of a version has them (exported.c). Rows are chosen by repo.export_id,
 * too, the number of the export. */
extern const struct nst_resource ocl_exported_mapping;

extern const struct ocl_kind ocl_mapping_kind;

/* ---- Inside of concepts (embedded.c) ---- */

/* Of concepts the mappings of their source that lead from them; where the query asks with
 * includeInverseMappings, those that lead to them as well (V245). For struct nst_member.
 * Errors: those of nst_each_row. */
enum nst_err ocl_make_mappings(struct nst_req *rq, const struct nst_shown *shown);

/* Which mappings concepts are given, and how they are shown. */
struct ocl_embedding {
    struct nst_sql *state; /* conditions that say which versions of mappings; it is added to */
    const struct nst_set *set;
    enum nst_use use;
    const char *order; /* NULL: the set's */
    bool is_inverse;   /* with those that lead to the concept */
};

/* Of concepts, of which the rows need no more than number, id and repo_id, the mappings of their
 * source that the caller may see and that are not retired, as JSON lists. Errors: those of
 * nst_each_row. */
NST_CHECKED enum nst_err ocl_embed_mappings(struct nst_req *rq, const struct nst_shown *shown,
                                            const struct ocl_embedding *how);

/* ---- What stands at the ends (lookup.c) ---- */

/* Of mappings the source and the concept at one of the ends, and the name of the concept, null
 * where none is seen (V262). For struct nst_member.
 * Errors: those of nst_each_row. */
enum nst_err ocl_make_from_source(struct nst_req *rq, const struct nst_shown *shown);
enum nst_err ocl_make_to_source(struct nst_req *rq, const struct nst_shown *shown);
enum nst_err ocl_make_from_concept(struct nst_req *rq, const struct nst_shown *shown);
enum nst_err ocl_make_to_concept(struct nst_req *rq, const struct nst_shown *shown);
enum nst_err ocl_make_from_name(struct nst_req *rq, const struct nst_shown *shown);
enum nst_err ocl_make_to_name(struct nst_req *rq, const struct nst_shown *shown);

/* ---- Ends (end.c) ---- */

/* The ends of a version that is about to be stored, as the body gave them: addresses in
 * pieces, and the sources that the caller can see there.
 * Errors: NST_E_INVALID with the problems recorded; those of nst_query. */
NST_CHECKED enum nst_err ocl_settle_ends(struct nst_req *rq, struct ocl_mapping *m);

/* Leave out what has an end in a source that the caller may not see: " AND ..." over
 * mapping_version. */
void ocl_ends_visible(struct nst_sql *q, struct nst_req *rq);

/* The same over another table, whose columns have the numbers of the source and of those of the
 * ends. */
struct ocl_end_columns {
    const char *repo_id, *from_id, *to_id;
};
void ocl_ends_visible_in(struct nst_sql *q, struct nst_req *rq, const struct ocl_end_columns *of);

/* The contrary: leave out what has none. */
void ocl_ends_hidden(struct nst_sql *q, struct nst_req *rq);

/* "(SELECT ...)": sources whose mappings may have such ends. */
void ocl_hiding_repos(struct nst_sql *q, struct nst_req *rq);

/* Has the mapping such an end? Has one of a source, or of any? The last two may say yes where
 * no present mapping has.
 *   repo  0: of all sources
 * Errors: those of nst_query. */
NST_CHECKED enum nst_err ocl_has_hidden_end(bool *out, struct nst_req *rq,
                                            const struct ocl_mapping *m);
NST_CHECKED enum nst_err ocl_has_hidden_ends(bool *out, struct nst_req *rq, int64_t repo);

/* Bring ends that lead below one address below another, in every version: their owner has
 * another name. Reads all mappings.
 * Errors: NST_E_CONFLICT where that says what another mapping says; those of nst_query. */
NST_CHECKED enum nst_err ocl_move_ends(struct nst_req *rq, struct nst_str from, struct nst_str to);

/* The natural key of a mapping (V264), in a. */
struct nst_str ocl_mapping_key(struct nst_arena *a, const struct ocl_mapping *m);

#endif
