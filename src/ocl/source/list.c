/* Lists of sources: of their versions besides, and by what they contain. */
#include "list.h"

#include "ocl/mapping/mapping.h"
#include "ocl/version/version.h"

/* ---- By what they contain ---- */

#define CONCEPTS "/concepts/"
#define MAPPINGS "/mappings/"

/* Addresses of mappings are those of concepts but for a word. */
static bool read_content(struct ocl_address *at, bool *is_mapping, struct nst_req *rq,
                         struct nst_str text)
{
    size_t i = 0, n = sizeof(MAPPINGS) - 1;
    while (i + n <= text.n && !nst_str_starts(nst_str_slice(text, i, text.n), NST_STR(MAPPINGS)))
        i++;
    *is_mapping = i + n <= text.n;
    if (*is_mapping)
        text = nst_strf(rq->arena, "%.*s" CONCEPTS "%.*s", (int)i, text.p,
                        NST_FMT(nst_str_slice(text, i + n, text.n)));
    return ocl_read_address(at, rq, text) && at->code.n > 0;
}

static enum nst_err put_contains(struct nst_sql *q, struct nst_req *rq, struct nst_str text)
{
    struct ocl_address at;
    bool is_mapping;
    if (!read_content(&at, &is_mapping, rq, nst_str_trim(text)))
        return nst_fail(rq, NST_E_INVALID, "contains", nst_str_z(nst_texts_of(rq->face)->invalid));
    const char *t = is_mapping ? ocl_mapping.table : "concept_version";
    nst_sql_add(q, " AND " OCL_ADDRESS("repo") " = ");
    nst_sql_bind(q, NST_TEXT(at.source_url));
    nst_sql_addf(q,
                 " AND EXISTS (SELECT 1 FROM %s WHERE %s.repo_id = repo.id AND %s.mnemonic = ", t,
                 t, t);
    nst_sql_bind(q, NST_TEXT(at.code));
    ocl_put_moment(q, t, -1);
    if (is_mapping)
        ocl_ends_visible(q, rq);
    nst_sql_add(q, ")");
    return NST_OK;
}

enum nst_err ocl_source_visible(struct nst_sql *q, struct nst_req *rq)
{
    struct nst_str text = nst_query_value(rq, "contains");
    if (text.n > 0)
        NST_TRY(put_contains(q, rq, text));
    return ocl_visible_repos(q, rq);
}

/* ---- With their versions ---- */

enum nst_err ocl_source_list(struct nst_req *rq)
{
    if (!nst_query_is_true(rq, "allVersions"))
        return nst_list(rq);
    return nst_list_of(rq, &ocl_version.sets[OCL_LISTED], nst_object(rq));
}

static const struct nst_parameter parameter[] = {
    { "allVersions", NST_SWITCH_SCHEMA, "The versions of each source besides." },
    { 0 },
};

#define REFERENCE(name) "{\"$ref\":\"#/components/schemas/v2." name "\"}"
#define SHAPES(name) \
    REFERENCE(name ".List") "," REFERENCE(name ".Brief") "," REFERENCE(name ".Detail")

static const struct nst_response response[] = {
    { 200,
      "A page of the list.",
      { .schema = "{\"type\":\"array\",\"items\":{\"anyOf\":[" SHAPES("source") "," SHAPES(
            "listed_version") "]}}" } },
    { 0 },
};

const struct nst_description ocl_source_listing = { .as = nst_list,
                                                    .parameter = parameter,
                                                    .response = response };
