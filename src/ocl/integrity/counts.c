/* Numbers that are kept beside what they count: revisions, numbers of rows, counts. */
#include "integrity.h"

#define REPO_ADDRESS "(repo.owner_url || 'sources/' || repo.mnemonic || '/')"
#define VERSION_ADDRESS \
    OCL_SOURCE_ADDRESS("repo_version.repo_id") " || repo_version.mnemonic || '/'"
#define NOT(kept, wanted) \
    "'it says ' || CAST(" kept " AS text) || ', and should say ' || CAST(" wanted " AS text)"

/* A column of t that should say something else; SQL. */
#define WRONG(t, column, its_rows, test, wanted) \
    .table = t, .key = "id", .rows = (its_rows), .where = t "." column " " test " " wanted, \
    .detail = NOT(t "." column, wanted), .mend = "SET " column " = " wanted

/* Rows of content that a source has, or a version of it holds. */
#define PRESENT(t, which) \
    "(SELECT count(*) FROM " t " c WHERE c.repo_id = repo.id AND c.rev_to = " OCL_OPEN_SQL which ")"
#define HELD(t, which) \
    "(SELECT count(*) FROM " t " c WHERE c.repo_id = repo_version.repo_id AND c.rev_from <= " \
    "repo_version.rev AND c.rev_to > repo_version.rev" which ")"

#define OF_SOURCE(column, content, which) \
    { \
        .name = "source." column, \
        .meaning = "A source says that it has more or fewer of its content than there is.", \
        .remedy = "It is counted anew.", .address = REPO_ADDRESS, .repo = "id", \
        WRONG("repo", column, 1, "<>", PRESENT(content, which)) \
    }
/* A deleted version may have lost content since. */
#define OF_VERSION(column, content, which) \
    { \
        .name = "version." column, \
        .meaning = \
            "A version of a source says that it has more or fewer of its content than it holds.", \
        .remedy = "It is counted anew.", .table = "repo_version", .key = "id", .rows = 1, \
        .where = "repo_version.is_active AND repo_version." column " <> " HELD(content, which), \
        .address = VERSION_ADDRESS, .detail = NOT("repo_version." column, HELD(content, which)), \
        .mend = "SET " column " = " HELD(content, which), .repo = "repo_id" \
    }

#define HIGHEST(column, t) "SELECT max(c." column ") AS n FROM " t " c WHERE c.repo_id = repo.id"
#define ENDED              " AND c.rev_to <> " OCL_OPEN_SQL
#define CONCEPT_BEGAN      HIGHEST("rev_from", "concept_version")
#define CONCEPT_ENDED      HIGHEST("rev_to", "concept_version") ENDED
#define MAPPING_BEGAN      HIGHEST("rev_from", "mapping_version")
#define MAPPING_ENDED      HIGHEST("rev_to", "mapping_version") ENDED
#define LABELLED           HIGHEST("rev", "repo_version")
#define CONCEPT_NUMBER     HIGHEST("id", "concept_version")
#define MAPPING_NUMBER     HIGHEST("id", "mapping_version")
#define CONCEPT_TIME       HIGHEST("version_created_at", "concept_version")
#define MAPPING_TIME       HIGHEST("version_created_at", "mapping_version")
#define CONTENT_REVS       CONCEPT_BEGAN OR_ELSE CONCEPT_ENDED OR_ELSE MAPPING_BEGAN OR_ELSE MAPPING_ENDED
#define OR_ELSE            " UNION ALL "
#define LAST(of)           "(SELECT coalesce(max(t.n), 0) FROM (" of ") t)"

#define LAST_REV  LAST(CONTENT_REVS OR_ELSE LABELLED)
#define LAST_TIME LAST(CONCEPT_TIME OR_ELSE MAPPING_TIME)
/* Numbers of content begin with that of the source. */
#define NUMBERS_OF_REPO "(repo.id << 39)"
#define HIGHEST_NUMBER  CONCEPT_NUMBER OR_ELSE MAPPING_NUMBER
#define NEXT_NUMBER \
    "(SELECT coalesce(max(t.n) - " NUMBERS_OF_REPO " + 1, 0) FROM (" HIGHEST_NUMBER ") t)"
#define LAST_LABEL \
    "(SELECT coalesce(max(v.rev), 0) FROM repo_version v WHERE v.repo_id = repo.id AND " \
    "v.is_active)"
#define VERSIONS "(SELECT count(*) FROM repo_version v WHERE v.repo_id = repo.id AND v.is_active)"

#define BEHIND(its_name, column, wanted, sentence, its_remedy) \
    { \
        .name = its_name, .meaning = sentence, .remedy = its_remedy, .address = REPO_ADDRESS, \
        .repo = "id", WRONG("repo", column, 1, "<", wanted) \
    }

/* The counter of a table gives numbers that are there. */
#define COUNTER(t) \
    { \
        .name = "counter." t, \
        .meaning = "The next number of a row is one that a row has already.", \
        .remedy = "Counting goes on behind the highest.", .table = "nst_counter", \
        .where = \
            "nst_counter.name = '" t "' AND nst_counter.next <= (SELECT coalesce(max(o.id), 0) " \
            "FROM " t " o)", \
        .address = "'table ' || nst_counter.name", \
        .detail = NOT("nst_counter.next", "(SELECT max(o.id) + 1 FROM " t " o)"), \
        .mend = "SET next = (SELECT max(o.id) + 1 FROM " t " o)" \
    }

const struct ocl_check ocl_count_checks[] = {
    BEHIND("source.rev", "rev", LAST_REV, "Content of a source is of a revision yet to come.",
           "The source goes on behind it."),
    BEHIND("source.labelled_rev", "labelled_rev", LAST_LABEL,
           "A version of a source holds a later revision than the source knows of.",
           "The source knows it."),
    BEHIND("source.next_number", "next_number", NEXT_NUMBER,
           "A source would give a number that its content has already.",
           "Counting goes on behind the highest."),
    BEHIND("source.content_at", "content_at", LAST_TIME,
           "Content of a source is newer than its last change.", "The time is put right."),
    { .name = "source.versions",
      .meaning = "A source says that it has more or fewer versions than there are.",
      .remedy = "They are counted anew.",
      .address = REPO_ADDRESS,
      .repo = "id",
      WRONG("repo", "versions", 0, "<>", VERSIONS) },
    OF_SOURCE("concepts", "concept_version", ""),
    OF_SOURCE("active_concepts", "concept_version", " AND NOT c.retired"),
    OF_SOURCE("child_concepts", "concept_version", " AND c.parents IS NOT NULL"),
    OF_SOURCE("mappings", "mapping_version", ""),
    OF_SOURCE("active_mappings", "mapping_version", " AND NOT c.retired"),
    OF_VERSION("concepts", "concept_version", ""),
    OF_VERSION("active_concepts", "concept_version", " AND NOT c.retired"),
    OF_VERSION("child_concepts", "concept_version", " AND c.parents IS NOT NULL"),
    OF_VERSION("mappings", "mapping_version", ""),
    OF_VERSION("active_mappings", "mapping_version", " AND NOT c.retired"),
    COUNTER("account"),
    COUNTER("org"),
    COUNTER("repo"),
    COUNTER("repo_version"),
    COUNTER("event"),
    COUNTER("pin"),
    COUNTER("follow"),
    COUNTER("url_registry"),
    COUNTER("feedback"),
    COUNTER("map_project"),
    COUNTER("client_config"),
    COUNTER("task"),
    { 0 },
};
