/* How the content of a source or a version of it is distributed over classes, languages, authors
 * and other sources (V235): what summary/ tells with `verbose` and `distribution`. */
#ifndef OCL_DISTRIBUTION_H
#define OCL_DISTRIBUTION_H

#include "ocl/app.h"

/* Does the query ask for it? */
bool ocl_wants_distribution(struct nst_req *rq);

/* Answer with it, of the source or the version that the path names last. Nothing of it tells of
 * sources that the caller may not see (V117).
 * Errors: NST_E_INVALID for a distribution that is none; those of nst_query. */
NST_CHECKED enum nst_err ocl_answer_distribution(struct nst_req *rq);

/* Parameters of the query, and the schema of what is answered. */
#define OCL_DISTRIBUTION_PARAMETERS \
    { "verbose", NST_SWITCH_SCHEMA, "How the content is distributed, with its largest shares." }, \
        { "distribution", NULL, \
          "One or more of concept_class, datatype, name_locale, name_type, map_type, " \
          "to_sources_map_type, from_sources_map_type, with commas between them." }, \
    { \
        "sources", NULL, "Ids of sources, with commas between them: of the last two only these." \
    }
#define OCL_DISTRIBUTION_SCHEMA \
    "{\"type\":\"object\",\"required\":[\"id\",\"uuid\"],\"properties\":{" \
    "\"id\":{\"type\":\"string\"},\"uuid\":{\"type\":\"string\"}," \
    "\"concepts\":{\"type\":\"object\"},\"mappings\":{\"type\":\"object\"}," \
    "\"versions\":{\"type\":\"object\"},\"distribution\":{\"type\":\"object\"}," \
    "\"default_locale\":{\"type\":\"string\"},\"supported_locales\":{\"type\":\"array\"," \
    "\"items\":{\"type\":\"string\"}}}}"

#endif
