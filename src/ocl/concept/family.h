/* Parents and children of a concept. A version keeps the codes of its parents, a line each and
 * in order, null without; `concept_parent` keeps which concept was above which, by revisions. A
 * concept whose parents or children change gets a version (V406), so that what was above and
 * below a version is what was so when it began. */
#ifndef OCL_FAMILY_H
#define OCL_FAMILY_H

#include "concept.h"

/* The codes of its children, as text as above, in any order: an expression over the version. */
#define OCL_CHILDREN(version) \
    "(SELECT string_agg(e.child, '\n') FROM concept_parent e WHERE e.repo_id = " version \
    ".repo_id AND e.parent = " version ".mnemonic AND e.rev_from <= " version \
    ".rev_from AND e.rev_to > " version ".rev_from)"

/* The addresses of the concepts above and below, made of these codes; addresses that a client
 * gives as parents, a line each. */
extern const struct nst_type ocl_parent_urls, ocl_child_urls, ocl_given_parents;

/* Append the addresses of concepts of a source as a JSON list, in the order of their codes.
 *   home   the address of the source
 *   codes  a line each; null: none */
void ocl_put_concept_urls(struct nst_buf *out, struct nst_str home, struct nst_str codes);

/* Make codes of the parents that the body gives; what it does not give stays.
 * Errors: NST_E_INVALID with the problems recorded: what is no concept of the source, or would
 * be below itself; those of nst_query. */
NST_CHECKED enum nst_err ocl_settle_parents(struct nst_req *rq, struct ocl_concept *c);

/* Have the parents that a version names judged as if the body gave them: they may be gone, or stand
 * below it by now. */
void ocl_give_parents(struct nst_req *rq, struct ocl_concept *c);

/* For struct ocl_kind: what else changes where a concept gets other parents, or is erased. */
enum nst_err ocl_concept_follow(struct nst_req *rq, int64_t rev, const void *row,
                                const void *former);

/* Which concepts a list below a concept has: .arg of its action. */
struct ocl_relatives {
    const char *of, *are; /* columns of concept_parent: where the concept stands, and they */
};
extern const struct ocl_relatives ocl_children, ocl_parents;

/* Leave out who is no such relative of the concept at a revision of its source: " AND ..." over
 * concept_version.
 *   rev  -1: the present */
void ocl_relatives_scope(struct nst_sql *q, const struct ocl_relatives *r,
                         const struct ocl_content *c, int64_t rev);

/* Of each concept of a page those above and below it, in short their addresses, and the addresses
 * from the topmost down to its parent: of several parents the first by its code. For struct
 * nst_member.
 * Errors: those of nst_each_row. */
enum nst_err ocl_make_parents(struct nst_req *rq, const struct nst_shown *shown);
enum nst_err ocl_make_children(struct nst_req *rq, const struct nst_shown *shown);
enum nst_err ocl_make_parent_urls(struct nst_req *rq, const struct nst_shown *shown);
enum nst_err ocl_make_child_urls(struct nst_req *rq, const struct nst_shown *shown);
enum nst_err ocl_make_path(struct nst_req *rq, const struct nst_shown *shown);

/* GET of the topmost concepts of a source or of a version of it, and what describes it. */
nst_view ocl_hierarchy;
extern const struct nst_description ocl_hierarchy_description;

#endif
