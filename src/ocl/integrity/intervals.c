/* Versions of one thing follow one another: each ends where the next begins, the newest is open.
 * And the hierarchy, whose rows are valid for revisions, too. */
#include "integrity.h"

/* The version that ends next, by the index over the code. */
#define NEXT(t, column) \
    "(SELECT n." column " FROM " t " n WHERE n.repo_id = " t ".repo_id AND n.mnemonic = " t \
    ".mnemonic AND n.rev_to > " t ".rev_to ORDER BY n.rev_to LIMIT 1)"

#define ADDRESS(t, things) \
    OCL_SOURCE_ADDRESS(t ".repo_id") \
    " || '" things "/' || " t ".mnemonic || '/' || CAST(" t ".id AS text) || '/'"
#define OF_VERSION(t, things) .table = t, .key = "id", .address = ADDRESS(t, things)
#define FROM_TO(t) \
    "'revisions ' || CAST(" t ".rev_from AS text) || ' to ' || CASE WHEN " t \
    ".rev_to = " OCL_OPEN_SQL " THEN 'now' ELSE CAST(" t ".rev_to AS text) END"
#define AND_NEXT(t) FROM_TO(t) " || ', the next from ' || CAST(" NEXT(t, "rev_from") " AS text)"

/* The next version says that it was made from this one: so it ended there. */
#define ENDS_WITH_NEXT(t) \
    .mend = "SET rev_to = " NEXT(t, "rev_from"), .repo = "repo_id", \
    .mend_when = NEXT(t, "previous_id") " = " t ".id AND " NEXT( \
        t, "rev_from") " > " t ".rev_from AND NOT EXISTS (SELECT 1 FROM " t \
                       " x WHERE x.repo_id = " t ".repo_id AND x.mnemonic = " t \
                       ".mnemonic AND x.rev_to = " NEXT(t, "rev_from") ")", \
    .remedy = "It ends where the next begins, if that was made from it; nothing else is safe."

/* It was taken out of its source, and versions of that have it still. */
#define HAS_LEFT(t, noun) \
    "EXISTS (SELECT 1 FROM tombstone b WHERE b.repo_id = " t ".repo_id AND b.rev = " t \
    ".rev_to AND lower(b.kind) = '" noun "' AND b.mnemonic = " t ".mnemonic)"

#define NO_REPAIR \
    "None is safe. The history shows what is there; bring back a backup, or write a new version."

#define INTERVALS(t, things, noun) \
    { .name = noun ".empty_interval", \
      .meaning = "A version of a " noun " ends before it begins.", \
      .where = t ".rev_from >= " t ".rev_to", \
      .detail = FROM_TO(t), \
      OF_VERSION(t, things), \
      ENDS_WITH_NEXT(t) }, \
        { .name = noun ".gap", \
          .meaning = "Between two versions of a " noun " there is none.", \
          .where = \
              t ".rev_from < " t \
                ".rev_to AND " NEXT(t, "rev_from") " > " t ".rev_to AND NOT " HAS_LEFT(t, noun), \
          .detail = AND_NEXT(t), \
          OF_VERSION(t, things), \
          ENDS_WITH_NEXT(t) }, \
        { .name = noun ".overlap", \
          .meaning = "Two versions of a " noun " are valid at once.", \
          .where = t ".rev_from < " t ".rev_to AND " NEXT(t, "rev_from") " < " t ".rev_to", \
          .detail = AND_NEXT(t), \
          OF_VERSION(t, things), \
          ENDS_WITH_NEXT(t) }, \
        { .name = noun ".none_open", \
          .meaning = "The newest version of a " noun " has ended, and it was not erased.", \
          .where = t ".rev_to <> " OCL_OPEN_SQL \
                     " AND " NEXT(t, "id") " IS NULL AND NOT " HAS_LEFT(t, noun), \
          .detail = FROM_TO(t), \
          .remedy = NO_REPAIR, \
          OF_VERSION(t, things) }, \
        { .name = noun ".order", \
          .meaning = "A version of a " noun " was made from another one than that before it.", \
          .where = NEXT(t, "id") " IS NOT NULL AND coalesce(" NEXT( \
              t, "previous_id") ", 0) <> " t ".id AND " \
                                "NOT " HAS_LEFT(t, noun), \
          .detail = FROM_TO(t), \
          .remedy = NO_REPAIR, \
          OF_VERSION(t, things) }, \
    { \
        .name = noun ".previous_id", \
        .meaning = "The version that one of a " noun " was made from is gone.", \
        .where = "coalesce(" t ".previous_id, 0) <> 0 AND NOT EXISTS (SELECT 1 FROM " t \
                 " n WHERE n.repo_id = " t ".repo_id AND n.id = " t ".previous_id)", \
        .detail = "'version ' || CAST(" t ".previous_id AS text) || ' is gone'", \
        .remedy = NO_REPAIR, OF_VERSION(t, things) \
    }

#define EDGE_ADDRESS \
    OCL_SOURCE_ADDRESS("concept_parent.repo_id") " || 'concepts/' || concept_parent.child || '/'"
#define EDGE_DETAIL "'below ' || concept_parent.parent || ', ' || " FROM_TO("concept_parent")

const struct ocl_check ocl_interval_checks[] = {
    INTERVALS("concept_version", "concepts", "concept"),
    INTERVALS("mapping_version", "mappings", "mapping"),
    { .name = "hierarchy.interval",
      .meaning = "A concept is below another for no revision, or twice.",
      .remedy = NO_REPAIR,
      .table = "concept_parent",
      .key = "repo_id",
      .rows = 1,
      .where = "concept_parent.rev_from >= concept_parent.rev_to OR EXISTS (SELECT 1 FROM "
               "concept_parent e WHERE e.repo_id = concept_parent.repo_id AND e.parent = "
               "concept_parent.parent AND e.child = concept_parent.child AND e.rev_from > "
               "concept_parent.rev_from AND e.rev_from < concept_parent.rev_to)",
      .address = EDGE_ADDRESS,
      .detail = EDGE_DETAIL },
    { 0 },
};
