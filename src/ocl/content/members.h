/* Members that content has besides its serializers, where the query asks for them (V244, V245,
 * V262): what concepts and mappings share of making them for all rows of a page at once. */
#ifndef OCL_MEMBERS_H
#define OCL_MEMBERS_H

#include "ocl/content/content.h"

/* Of each row its free JSON object; the versions of its source that hold it, newest first. For
 * struct nst_member, of kinds of content.
 * Errors: those of nst_query. */
enum nst_err ocl_make_extras(struct nst_req *rq, const struct nst_shown *shown);
enum nst_err ocl_make_source_versions(struct nst_req *rq, const struct nst_shown *shown);

/* What is shown as list, detail or brief. */
#define OCL_SHOWN (1U << NST_LIST | 1U << NST_DETAIL | 1U << NST_BRIEF)

#define OCL_EXTRAS_MEMBER \
    { \
        V2, 1U << NST_LIST | 1U << NST_BRIEF, "extras", "includeExtras", ocl_make_extras, \
            "{\"type\":\"object\"}", "Free JSON object." \
    }
#define OCL_EXTRAS_ASKED \
    { \
        "includeExtras", NST_SWITCH_SCHEMA, "With `extras`: the free JSON object." \
    }

/* V244: a version has it whatever is asked for. */
#define OCL_SOURCE_VERSIONS_MEMBER(asked) \
    { \
        V2, 1U << NST_LIST | 1U << NST_DETAIL, "source_versions", asked, \
            ocl_make_source_versions, "{\"type\":\"array\",\"items\":{\"type\":\"string\"}}", \
            "Versions of its source that hold it, newest first." \
    }
#define OCL_SOURCE_VERSIONS_ASKED \
    { \
        "includeSourceVersions", NST_SWITCH_SCHEMA, \
            "With `source_versions`: the versions of its source that hold it." \
    }

/* The row that is shown at a place. */
const struct ocl_content *ocl_shown_at(const struct nst_shown *shown, size_t place);

/* Rows by their numbers: of versions. */
struct ocl_numbered {
    int64_t number;
    size_t place;
};

/* The rows in the order of their numbers, in rq's arena; and where one of them is shown:
 * shown->count where it is not. */
const struct ocl_numbered *ocl_number_rows(struct nst_req *rq, const struct nst_shown *shown);
size_t ocl_place_of(const struct ocl_numbered *rows, size_t count, int64_t number);

/* Rows by the sources and codes of their things, of which a page has each once. */
struct ocl_coded {
    const struct nst_shown *shown;
    const size_t *place; /* in that order */
};

/* In rq's arena. */
struct ocl_coded ocl_code_rows(struct nst_req *rq, const struct nst_shown *shown);

/* Where the thing with that code is shown: shown->count where it is not. */
size_t ocl_place_of_code(const struct ocl_coded *rows, int64_t repo, struct nst_str code);

/* " AND t.repo_id IN (...) AND t.id IN (...)": the rows that are shown. */
void ocl_put_shown(struct nst_sql *q, const char *t, const struct nst_shown *shown);

/* " AND t.repo_id IN (...)": their sources. */
void ocl_put_shown_repos(struct nst_sql *q, const char *t, const struct nst_shown *shown);

#endif
