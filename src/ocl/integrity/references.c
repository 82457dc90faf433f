/* Rows that lead to a row that is gone. On PostgreSQL foreign keys let none come; SQLite can add no
 * foreign key to a table that is there, and a database can be changed by other hands. */
#include "integrity.h"

#define GONE(t, column, of) \
    t "." column " IS NOT NULL AND NOT EXISTS (SELECT 1 FROM " of " o WHERE o.id = " t "." column \
      ")"
#define NUMBERED(t, key) "'" t " ' || CAST(" t "." key " AS text)"
#define LEADS(t, column) "'" column " ' || CAST(" t "." column " AS text) || ' is gone'"

/* Rows of t are nothing without the row of `of` that the column names. */
#define LOST(t, its_key, column, of, its_rows, sentence) \
    { \
        .name = t "." column, .meaning = sentence, .remedy = "Such rows are removed.", .table = t, \
        .key = its_key, .rows = (its_rows), .where = GONE(t, column, of), \
        .address = NUMBERED(t, its_key), .detail = LEADS(t, column), .mend = OCL_MEND_ERASE \
    }
#define LOST_ROW(t, column, of, sentence) LOST(t, "id", column, of, 0, sentence)

/* The same of few rows without a number. */
#define LOST_ANY(t, column, of, sentence) \
    { \
        .name = t "." column, .meaning = sentence, .remedy = "Such rows are removed.", .table = t, \
        .where = GONE(t, column, of), .address = NUMBERED(t, column), .detail = LEADS(t, column), \
        .mend = OCL_MEND_ERASE \
    }

/* A link that a row can do without. */
#define LOOSE(t, column, of, its_address, its_repo, sentence) \
    { \
        .name = t "." column, .meaning = sentence, .remedy = "The link is taken away.", \
        .table = t, .key = "id", .where = GONE(t, column, of), .address = its_address, \
        .detail = LEADS(t, column), .mend = "SET " column " = NULL", .repo = its_repo \
    }

#define VERSION_ADDRESS \
    OCL_SOURCE_ADDRESS("repo_version.repo_id") " || repo_version.mnemonic || '/'"
#define REPO_ADDRESS "(repo.owner_url || 'sources/' || repo.mnemonic || '/')"

#define OWNER_HAS(column, otherwise) \
    "coalesce(CASE WHEN repo.owner_type = 'Organization' THEN (SELECT o." column \
    " FROM org o WHERE o.id = repo.owner_id) ELSE (SELECT a." otherwise \
    " FROM account a WHERE a.id = repo.owner_id) END"

/* ---- Ends of mappings ---- */

/* The ends of a mapping stay as they were given, whatever becomes of what stands there. */
#define END_ADDRESS \
    OCL_SOURCE_ADDRESS("mapping_version.repo_id") \
    " || 'mappings/' || mapping_version.mnemonic " \
    "|| '/'"
#define PRESENT_END(side) \
    "mapping_version.rev_to = " OCL_OPEN_SQL " AND NOT mapping_version.retired AND " \
    "mapping_version." side "_source_id <> 0 AND "
#define SOURCE_STANDS(side) \
    "EXISTS (SELECT 1 FROM repo r WHERE r.id = mapping_version." side "_source_id AND " \
    "r.is_active)"
#define END_TO_SOURCE(side) \
    { \
        .name = "mapping." side "_source", \
        .meaning = "A mapping leads " side " a source that has been deleted.", \
        .remedy = "Retire the mapping, or let it lead elsewhere.", .is_note = true, \
        .table = "mapping_version", .key = "id", \
        .where = PRESENT_END(side) "NOT " SOURCE_STANDS(side), .address = END_ADDRESS, \
        .detail = "mapping_version." side "_source_url" \
    }
#define END_TO_CONCEPT(side) \
    { \
        .name = "mapping." side "_concept", \
        .meaning = "A mapping leads " side " a concept that its source does not have.", \
        .remedy = "Retire the mapping, or let it lead elsewhere.", .is_note = true, \
        .table = "mapping_version", .key = "id", \
        .where = PRESENT_END(side) SOURCE_STANDS( \
            side) " AND NOT EXISTS (SELECT 1 FROM concept_version c WHERE c.repo_id = " \
                  "mapping_version." side "_source_id AND c.mnemonic = mapping_version." side \
                  "_concept_code AND c.rev_to = " OCL_OPEN_SQL ")", \
        .address = END_ADDRESS, \
        .detail = \
            "mapping_version." side "_source_url || ' ' || mapping_version." side "_concept_code" \
    }
#define END_NOTED(side) \
    { \
        .name = "mapping_end." side, \
        .meaning = "That a mapping leads " side " another source is not noted, by which hidden " \
                   "sources stay hidden.", \
        .remedy = "It is noted.", .table = "mapping_version", .key = "id", \
        .where = "mapping_version." side "_source_id NOT IN (0, mapping_version.repo_id) AND " \
                 "EXISTS (SELECT 1 FROM repo r WHERE r.id = mapping_version." side "_source_id) " \
                 "AND NOT EXISTS (SELECT 1 FROM mapping_end e WHERE e.repo_id = " \
                 "mapping_version.repo_id AND e.end_id = mapping_version." side "_source_id)", \
        .address = END_ADDRESS, .detail = "mapping_version." side "_source_url", .mend = "INSERT", \
        .repair = note_ends, .arg = side "_source_id" \
    }

static enum nst_err note_ends(int64_t *mended, struct ocl_integrity *v, struct nst_db *db)
{
    const struct ocl_check *c = v->found.check;
    struct nst_sql q;
    nst_sql_init(&q, v->step);
    nst_sql_addf(&q,
                 "INSERT INTO mapping_end (repo_id, end_id) SELECT DISTINCT "
                 "mapping_version.repo_id, mapping_version.%s FROM mapping_version WHERE (%s)",
                 (const char *)c->arg, c->where);
    nst_sql_add(&q, " AND mapping_version.id > ");
    nst_sql_bind(&q, NST_INT(v->from));
    nst_sql_add(&q, " AND mapping_version.id <= ");
    nst_sql_bind(&q, NST_INT(v->to));
    nst_sql_add(&q, " ON CONFLICT (repo_id, end_id) DO NOTHING");
    *mended = v->found.mendable; /* one note serves many mappings */
    return nst_sql_exec(NULL, db, &q);
}

/* ---- All ---- */

#define HAS_NAMES(repo) \
    "(" repo ".custom_validation_schema = 'OpenMRS' OR (" repo \
    ".owner_type = 'Organization' AND " repo ".owner = 'OCL' AND " repo \
    ".mnemonic IN ('Classes', 'Datatypes', 'NameTypes', " \
    "'DescriptionTypes', 'Locales', 'MapTypes')))"

const struct ocl_check ocl_reference_checks[] = {
    /* What accounts, organisations and sources have. */
    LOST("token", "account_id", "account_id", "account", 0, "A token is nobody's."),
    LOST("session", "account_id", "account_id", "account", 0, "A session is nobody's."),
    LOST("sign_in", "account_id", "account_id", "account", 0, "A sign-in link is nobody's."),
    LOST("oauth_client", "account_id", "account_id", "account", 0, "A client acts for nobody."),
    LOST("member", "org_id", "org_id", "org", 0, "Somebody is a member of no organisation."),
    LOST("member", "user_id", "user_id", "account", 0, "An organisation has nobody for a member."),
    LOST_ROW("pin", "org_id", "org", "A pin is of no organisation."),
    LOST_ROW("pin", "user_id", "account", "A pin is nobody's."),
    LOST_ROW("pin", "repo_id", "repo", "A pin leads to no source."),
    LOST_ROW("pin", "pinned_org_id", "org", "A pin leads to no organisation."),
    LOST_ROW("follow", "follower_id", "account", "Nobody follows somebody."),
    LOST_ROW("follow", "user_id", "account", "Somebody follows nobody."),
    LOST_ROW("follow", "org_id", "org", "Somebody follows no organisation."),
    LOST_ROW("follow", "repo_id", "repo", "Somebody follows no source."),
    LOST_ROW("event", "object_id", "account", "An event is nobody's."),
    LOST_ROW("event", "actor_id", "account", "An event is nobody's doing."),
    LOST_ROW("event", "user_id", "account", "An event is of no user."),
    LOST_ROW("event", "org_id", "org", "An event is of no organisation."),
    LOST_ROW("event", "of_org_id", "org", "An event belongs to no organisation."),
    LOST_ROW("event", "repo_id", "repo", "An event is of no source."),
    LOST_ROW("event", "version_id", "repo_version", "An event is of no version."),
    LOST_ROW("url_registry", "org_id", "org", "An entry is in the registry of no organisation."),
    LOST_ROW("url_registry", "user_id", "account", "An entry is in the registry of nobody."),
    LOST_ROW("feedback", "user_id", "account", "Feedback is from nobody."),
    LOST_ROW("map_project", "org_id", "org", "A map project is of no organisation."),
    LOST_ROW("map_project", "user_id", "account", "A map project is nobody's."),
    LOST_ROW("client_config", "org_id", "org", "A configuration is of no organisation."),
    LOST_ROW("client_config", "repo_id", "repo", "A configuration is of no source."),
    LOST_ANY("logo", "user_id", "account", "A picture is of nobody."),
    LOST_ANY("logo", "org_id", "org", "A picture is of no organisation."),
    LOST_ANY("logo", "repo_id", "repo", "A picture is of no source."),
    /* What sources have. */
    LOST_ROW("repo_version", "repo_id", "repo", "A version is of no source."),
    LOST_ROW("concept_version", "repo_id", "repo", "A concept is in no source."),
    LOST_ROW("mapping_version", "repo_id", "repo", "A mapping is in no source."),
    LOST("concept_parent", "repo_id", "repo_id", "repo", 1, "A hierarchy is of no source."),
    LOST("present_name", "repo_id", "repo_id", "repo", 1, "Names are of no source."),
    LOST("tally", "repo_id", "repo_id", "repo", 1, "A tally is of no source."),
    LOST("tombstone", "repo_id", "repo_id", "repo", 1, "What was erased is of no source."),
    LOST("repo_export_hidden", "export_id", "export_id", "repo_export", 1,
         "What an export hides is of no export."),
    LOST_ROW("repo_export", "repo_id", "repo", "An export is of no source."),
    LOST_ROW("repo_export", "version_id", "repo_version", "An export is of no version."),
    LOST("mapping_end", "repo_id", "repo_id", "repo", 1, "Ends of mappings are of no source."),
    LOST("mapping_end", "end_id", "end_id", "known_repo", 1, "Ends of mappings lead to no source."),
    LOOSE("repo_version", "previous_id", "repo_version", VERSION_ADDRESS, "repo_id",
          "The former version of a version is gone."),
    LOOSE("repo_version", "parent_id", "repo_version", VERSION_ADDRESS, "repo_id",
          "The parent of a version is gone."),
    { .name = "source.owner_id",
      .meaning = "A source has no owner.",
      .remedy = "None is made: its content may be wanted. The detail says whose it was.",
      .table = "repo",
      .key = "id",
      .where = OWNER_HAS("id", "id") ", 0) = 0",
      .address = REPO_ADDRESS,
      .detail = "repo.owner_type || ' ' || CAST(repo.owner_id AS text)" },
    { .name = "source.owner",
      .meaning = "A source has a name for its owner that its owner has not.",
      .remedy = "None is made: addresses hang on it. Rename the owner there and back.",
      .table = "repo",
      .key = "id",
      .where = OWNER_HAS("mnemonic", "username") ", repo.owner) <> repo.owner",
      .address = REPO_ADDRESS,
      .detail = "'the owner is called ' || " OWNER_HAS("mnemonic", "username") ", '')" },
    { .name = "source.owner_is_active",
      .meaning = "A source is shown though its owner is gone, or hidden though it is there.",
      .remedy = "It follows its owner.",
      .table = "repo",
      .key = "id",
      .where = OWNER_HAS("is_active", "is_active") ", repo.owner_is_active) <> "
                                                   "repo.owner_is_active",
      .address = REPO_ADDRESS,
      .detail = "CASE WHEN repo.owner_is_active THEN 'shown' ELSE 'hidden' END",
      .mend = "SET owner_is_active = " OWNER_HAS("is_active", "is_active") ", FALSE)" },
    { .name = "source.hierarchy_root",
      .meaning = "The topmost concept that a source names is gone.",
      .remedy = "The source names none.",
      .table = "repo",
      .key = "id",
      .where = "repo.hierarchy_root IS NOT NULL AND NOT EXISTS (SELECT 1 FROM concept_version c "
               "WHERE c.repo_id = repo.id AND c.mnemonic = repo.hierarchy_root AND c.rev_to "
               "= " OCL_OPEN_SQL ")",
      .address = REPO_ADDRESS,
      .detail = "repo.hierarchy_root",
      .mend = "SET hierarchy_root = NULL" },
    /* The hierarchy. */
    { .name = "concept.parent",
      .meaning = "A concept is below one that is gone.",
      .remedy = "None is made: give the concept its parents anew.",
      .table = "concept_parent",
      .key = "repo_id",
      .rows = 1,
      .where = "concept_parent.rev_to = " OCL_OPEN_SQL " AND NOT EXISTS (SELECT 1 FROM "
               "concept_version c WHERE c.repo_id = concept_parent.repo_id AND c.mnemonic = "
               "concept_parent.parent AND c.rev_to = " OCL_OPEN_SQL ")",
      .address = OCL_SOURCE_ADDRESS("concept_parent.repo_id") " || 'concepts/' || "
                                                              "concept_parent.child || '/'",
      .detail = "'below ' || concept_parent.parent" },
    { .name = "concept.child",
      .meaning = "A concept has one below it that is gone.",
      .remedy = "Nothing is below it there any more.",
      .table = "concept_parent",
      .key = "repo_id",
      .rows = 1,
      .where = "concept_parent.rev_to = " OCL_OPEN_SQL " AND NOT EXISTS (SELECT 1 FROM "
               "concept_version c WHERE c.repo_id = concept_parent.repo_id AND c.mnemonic = "
               "concept_parent.child AND c.rev_to = " OCL_OPEN_SQL ")",
      .address = OCL_SOURCE_ADDRESS("concept_parent.repo_id") " || 'concepts/' || "
                                                              "concept_parent.parent || '/'",
      .detail = "'above ' || concept_parent.child",
      .mend = OCL_MEND_ERASE,
      .repo = "repo_id" },
    { .name = "concept.parents",
      .meaning = "A version of a concept says that it has other parents than the hierarchy has.",
      .remedy = "None is made: give the concept its parents anew.",
      .table = "concept_version",
      .key = "id",
      .where = "(CASE WHEN coalesce(concept_version.parents, '') = '' THEN 0 ELSE "
               "length(concept_version.parents) - length(replace(concept_version.parents, '\n', "
               "'')) + 1 END) <> (SELECT count(*) FROM concept_parent e WHERE e.repo_id = "
               "concept_version.repo_id AND e.child = concept_version.mnemonic AND e.rev_from <= "
               "concept_version.rev_from AND e.rev_to > concept_version.rev_from) OR EXISTS "
               "(SELECT 1 FROM "
               "concept_parent e WHERE e.repo_id = concept_version.repo_id AND e.child = "
               "concept_version.mnemonic AND e.rev_from <= concept_version.rev_from AND e.rev_to "
               "> concept_version.rev_from AND replace('\n' || coalesce(concept_version.parents, "
               "'') || '\n', '\n' || e.parent || '\n', '') = '\n' || "
               "coalesce(concept_version.parents, '') || '\n')",
      .address =
          OCL_SOURCE_ADDRESS("concept_version.repo_id") " || 'concepts/' || "
                                                        "concept_version.mnemonic || '/' || "
                                                        "CAST(concept_version.id AS text) || '/'",
      .detail = "'it says: ' || coalesce(replace(concept_version.parents, '\n', ', '), 'none')" },
    /* Names that rules are held against. */
    { .name = "present_name.mnemonic",
      .meaning = "A name is taken by a concept that is gone or retired.",
      .remedy = "It is free again.",
      .table = "present_name",
      .key = "repo_id",
      .rows = 1,
      .where = "EXISTS (SELECT 1 FROM repo r WHERE r.id = present_name.repo_id AND " HAS_NAMES(
          "r") ") AND NOT EXISTS (SELECT 1 FROM concept_version c WHERE c.repo_id "
               "= present_name.repo_id AND c.mnemonic = present_name.mnemonic AND c.rev_to "
               "= " OCL_OPEN_SQL " AND NOT c.retired)",
      .address = OCL_SOURCE_ADDRESS("present_name.repo_id") " || 'concepts/' || "
                                                            "present_name.mnemonic || '/'",
      .detail = "present_name.name",
      .mend = OCL_MEND_ERASE,
      .repo = "repo_id" },
    { .name = "concept.names",
      .meaning = "The names of a concept are not noted, so that others may take them.",
      .remedy = "None is made: change the concept, by which they are noted anew.",
      .table = "concept_version",
      .key = "id",
      .where = "concept_version.rev_to = " OCL_OPEN_SQL " AND NOT concept_version.retired AND "
               "NOT EXISTS (SELECT 1 FROM present_name n WHERE n.repo_id = "
               "concept_version.repo_id AND n.mnemonic = concept_version.mnemonic) AND EXISTS "
               "(SELECT 1 FROM repo r WHERE r.id = concept_version.repo_id AND " HAS_NAMES("r") ")",
      .address = OCL_SOURCE_ADDRESS("concept_version.repo_id") " || 'concepts/' || "
                                                               "concept_version.mnemonic || '/'",
      .detail = "coalesce(concept_version.display_name, '')" },
    /* Ends of mappings. */
    END_NOTED("from"),
    END_NOTED("to"),
    END_TO_SOURCE("from"),
    END_TO_SOURCE("to"),
    END_TO_CONCEPT("from"),
    END_TO_CONCEPT("to"),
    { 0 },
};
