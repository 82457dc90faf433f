/* Tallies: how many present versions of a source say the same, as its summary tells (V235). Every
 * write moves them in its own transaction, as it moves the counts; nothing is ever walked.
 *
 * A row of `tally` holds for the revisions [rev_from, rev_to) of its source. It is changed where it
 * stands until a version of the source labels a revision that it holds for; the first change after
 * that closes it and opens another. So a version costs nothing to make, and what it had stays.
 * Rows that say the same are added up by whoever reads them. */
#ifndef OCL_TALLY_H
#define OCL_TALLY_H

#include "nestor/rest.h"

/* What is counted; the words stand in the table. Those of names count names, the others things. */
#define OCL_TALLY_CLASS       "class"
#define OCL_TALLY_DATATYPE    "datatype"
#define OCL_TALLY_LOCALE      "locale"      /* concepts with a name in it */
#define OCL_TALLY_NAME_TYPE   "name_type"   /* concepts with such a name */
#define OCL_TALLY_NAME_LOCALE "name_locale" /* names */
#define OCL_TALLY_TYPE_OF     "type_of"     /* names */
#define OCL_TALLY_AUTHOR      "author"      /* of concepts: numbers of accounts */
#define OCL_TALLY_MAP_AUTHOR  "map_author"  /* of mappings */
#define OCL_TALLY_FROM        "from"        /* map types, by the source at that end */
#define OCL_TALLY_TO          "to"
#define OCL_TALLY_RETIRED     "retired_" /* before the last two: of mappings that are retired */

/* Something that a version counts for. */
struct ocl_tally {
    const char *kind;
    struct nst_str value;
    struct nst_str url;     /* of the source at that end; null: of no end */
    int64_t from_id, to_id; /* numbers of the sources at both ends, as the mapping has them */
};

/* Moves of one source's tallies that are not written down yet: zeroed, then with an arena. */
struct ocl_tallies {
    struct nst_arena *arena;
    struct ocl_move *move;
    uint32_t *slot; /* one more than an index of move, by key; 0: free; twice the capacity */
    size_t count, capacity;
};

/* A run writes down what it has when there are so many moves. */
#define OCL_TALLIES_MAX 1000

/* Whom a kind of content tells what a version counts for. */
struct ocl_teller {
    struct ocl_tallies *to;
    struct nst_arena *scratch; /* of a line or a request */
    int sign;                  /* 1: the version comes, -1: it goes */
};

/* Note that a version counts for that. */
void ocl_tell(struct ocl_teller *teller, const struct ocl_tally *tally);

/* Write the moves down, and forget them.
 *   labelled  newest revision of the source that a version labels
 * Call it while the source is held. Errors: those of nst_query. */
NST_CHECKED enum nst_err ocl_tallies_write(struct ocl_tallies *t, struct nst_db *db, int64_t repo,
                                           int64_t labelled);

/* ---- Recounting (nestor verify) ---- */

/* Add what another has; both stay. */
void ocl_tallies_add(struct ocl_tallies *t, const struct ocl_tallies *other);

/* Take away what is stored for a revision of the source that is present or that a version labels:
 * what is left in t is what that lacks (or, below 0, has too much).
 * Errors: those of nst_query. */
NST_CHECKED enum nst_err ocl_tallies_compare(struct ocl_tallies *t, struct nst_db *db, int64_t repo,
                                             int64_t rev);

/* One of them in words, in a: which, and by how much it differs.
 *   i  below t->count */
struct nst_str ocl_tallies_text(const struct ocl_tallies *t, size_t i, struct nst_arena *a);

/* Write them down for the revisions [from, to) alone.
 * Call it while the source is held. Errors: those of nst_query. */
NST_CHECKED enum nst_err ocl_tallies_correct(struct ocl_tallies *t, struct nst_db *db, int64_t repo,
                                             int64_t from, int64_t to);

#endif
