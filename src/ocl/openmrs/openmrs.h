/* The rules of OpenMRS: what a source whose custom_validation_schema is OpenMRS accepts beyond
 * what every source does (V255 to V258, V264), and the vocabularies that they go by (V259):
 * sources of the organisation OCL, whose concepts an operator changes as any others. */
#ifndef OCL_OPENMRS_H
#define OCL_OPENMRS_H

#include "ocl/concept/concept.h"
#include "ocl/mapping/mapping.h"

/* The vocabularies, by the ids of their sources. */
enum ocl_vocabulary {
    OCL_CLASSES,
    OCL_DATATYPES,
    OCL_NAME_TYPES,
    OCL_DESCRIPTION_TYPES,
    OCL_LOCALES_KNOWN,
    OCL_MAP_TYPES,
    OCL_VOCABULARIES
};

/* The first rule that something breaks: the field, and the sentence of the contract. No text:
 * none is broken. Owned by the arena of the request that was judged. */
struct ocl_fault {
    const char *field;
    struct nst_str text;
};

/* Is the source held against the rules? */
bool ocl_is_openmrs(const struct ocl_source *s);

/* ---- Judging (judge.c) ---- */

/* Names of all concepts of a source, in memory: for who judges them all. */
struct ocl_all_names;

/* Judge a concept, or a mapping, of the source s. What is retired breaks no rule. Names are
 * compared with those of other present concepts: with `all`, or, if that is NULL, with those
 * that are stored; the source is held then.
 * Errors: those of nst_query. */
NST_CHECKED enum nst_err ocl_judge_concept(struct ocl_fault *out, struct nst_req *rq,
                                           const struct ocl_source *s, const struct ocl_concept *c,
                                           const struct ocl_all_names *all);
NST_CHECKED enum nst_err ocl_judge_mapping(struct ocl_fault *out, struct nst_req *rq,
                                           const struct ocl_source *s,
                                           const struct ocl_mapping *m);

/* Refuse what breaks a rule, if the source in the path is held against them. A copy is what it is
 * where it comes from, by which rules ever.
 * Errors: NST_E_INVALID with the problem recorded; those of nst_query. */
NST_CHECKED enum nst_err ocl_keep_concept_rules(struct nst_req *rq, const struct ocl_concept *c);
NST_CHECKED enum nst_err ocl_keep_mapping_rules(struct nst_req *rq, const struct ocl_mapping *m);

/* A name, as the rules see it. */
enum ocl_name_kind { OCL_OTHER_NAME, OCL_FULL_NAME, OCL_SHORT_NAME, OCL_INDEX_TERM };
struct ocl_label {
    struct nst_str text, locale, type, external_id;
    bool is_preferred;
    enum ocl_name_kind kind;
};

/* The elements of a stored list that are not retired, in rq's arena.
 *   text  member that holds the text: name or description */
void ocl_read_labels(struct ocl_label **out, size_t *count, struct nst_req *rq, struct nst_str list,
                     const char *text);

/* ---- Names that are looked up (names.c) ---- */

/* Write down the names of a concept that was stored, or forget those of one that is gone, where
 * its source is held against the rules, or is a vocabulary.
 * Errors: those of nst_query. */
NST_CHECKED enum nst_err ocl_keep_names(struct nst_req *rq, const struct ocl_source *s,
                                        const struct ocl_concept *c, bool is_there);

/* Has the vocabulary that name? Has another concept of the source of c it, as a fully specified
 * one (or a preferred one), in the same language?
 * Errors: those of nst_query. */
NST_CHECKED enum nst_err ocl_is_value(bool *out, struct nst_req *rq, enum ocl_vocabulary in,
                                      struct nst_str name);
NST_CHECKED enum nst_err ocl_is_name_taken(bool *out, struct nst_req *rq,
                                           const struct ocl_concept *c,
                                           const struct ocl_label *name, bool as_preferred);

/* ---- A source as a whole (review.c) ---- */

struct ocl_all_names {
    unsigned char (*key)[16]; /* of each name that must be unique, in order */
    size_t count;
};

/* Is the name one of several concepts? */
bool ocl_is_name_shared(const struct ocl_all_names *all, struct nst_arena *a,
                        const struct ocl_label *name, bool as_preferred);

/* What is found in a source. */
struct ocl_review {
    /* Called with each fault of a concept (by its id) or a mapping.
     * Errors: any; ends the review. */
    enum nst_err (*found)(struct ocl_review *r, const struct ocl_kind *kind, struct nst_str id,
                          const struct ocl_fault *fault);
    bool asks_for_ids; /* what has no external id is a fault, too, and mappings are looked at */
    void *arg;
};

/* Judge everything present in the source. Walks it all.
 *   rq  with arena, db, registry
 * Errors: those of `found`, of nst_query. */
NST_CHECKED enum nst_err ocl_review_source(struct nst_req *rq, const struct ocl_source *s,
                                           struct ocl_review *r);

/* PUT and PATCH of a source: one that gets the rules keeps them, or is refused with what breaks
 * them (V255). For routes. */
nst_view ocl_source_update;
extern const struct nst_description ocl_source_updating;

/* ---- Vocabularies (vocabulary.c, values.c) ---- */

/* A value: its id in the vocabulary, the number that OpenMRS knows it by (or NULL), and its
 * names, the first one fully specified, separated by `|`. */
struct ocl_value {
    const char *id, *external_id, *names;
};

struct ocl_values {
    const char *source, *name, *concept_class;
    const struct ocl_value *value;
    size_t count;
};

extern const struct ocl_values ocl_vocabularies[OCL_VOCABULARIES];

/* Make what is missing of the vocabularies, as that superuser, once in the life of a database:
 * what has one of their ids is left alone.
 *   wanted  false: note only that they are not wanted
 * Errors: those of nst_query. */
NST_CHECKED enum nst_err ocl_make_vocabularies(struct nst_db *db, struct nst_registry *registry,
                                               const struct nst_caller *caller, bool wanted);

/* The same for a database of before, as its first superuser; nothing where there is none yet.
 * Blocks on the database.
 * Errors: those of nst_store_run. */
NST_CHECKED enum nst_err ocl_fill_vocabularies(struct nst_store *store,
                                               struct nst_registry *registry);

#endif
