/* Lists of sources: of their versions besides, and by what they contain. */
#include "list.h"

#include "ocl/mapping/mapping.h"
#include "ocl/version/version.h"

/* ---- By what they contain ---- */

#define CONCEPTS "/concepts/"
#define MAPPINGS "/mappings/"

/* What stands before the slash with that number. */
static struct nst_str text_before_slash(struct nst_str text, unsigned number)
{
    struct nst_str rest = text;
    while (number-- > 0 && rest.p != NULL)
        nst_str_cut(&rest, '/');
    return rest.p != NULL ? nst_str_slice(text, 0, (size_t)(rest.p - text.p) - 1) : text;
}

struct content {
    struct ocl_address at;
    bool is_mapping, has_version;
};

/* Behind the source: HEAD is no version, and addresses of mappings are those of concepts but for a
 * word. */
static bool read_content(struct content *out, struct nst_req *rq, struct nst_str text)
{
    const struct nst_str source = text_before_slash(text, 5);
    struct nst_str rest = nst_str_slice(text, source.n, text.n);
    if (nst_str_starts(rest, NST_STR("/HEAD/")))
        rest = nst_str_slice(rest, sizeof("/HEAD") - 1, rest.n);
    out->is_mapping = nst_str_starts(rest, NST_STR(MAPPINGS));
    if (out->is_mapping)
        rest = nst_strf(rq->arena, CONCEPTS "%.*s",
                        NST_FMT(nst_str_slice(rest, sizeof(MAPPINGS) - 1, rest.n)));
    out->has_version = text_before_slash(rest, 3).n + 1 < rest.n;
    text = nst_strf(rq->arena, "%.*s%.*s", NST_FMT(source), NST_FMT(rest));
    return ocl_read_address(&out->at, rq, text) && out->at.code.n > 0;
}

static enum nst_err put_contains(struct nst_sql *q, struct nst_req *rq, struct nst_str text)
{
    struct content c;
    if (!read_content(&c, rq, nst_str_trim(text)))
        return nst_fail(rq, NST_E_INVALID, "contains", nst_str_z(nst_texts_of(rq->face)->invalid));
    if (c.has_version || c.at.version.n > 0)
        return nst_fail(rq, NST_E_INVALID, "contains",
                        NST_STR("Give the address without a version."));
    const char *t = c.is_mapping ? ocl_mapping.table : "concept_version";
    nst_sql_add(q, " AND " OCL_ADDRESS("repo") " = ");
    nst_sql_bind(q, NST_TEXT(c.at.source_url));
    nst_sql_addf(q,
                 " AND EXISTS (SELECT 1 FROM %s WHERE %s.repo_id = repo.id AND %s.mnemonic = ", t,
                 t, t);
    nst_sql_bind(q, NST_TEXT(c.at.code));
    ocl_put_moment(q, t, -1);
    if (c.is_mapping)
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

/* Switches of members that versions alone have, or sources alone. */
static const struct {
    const char *name;
    bool is_of_versions;
} own[] = {
    { "includeStates", true },
    { "includeTasks", true },
    { "includeClientConfigs", false },
};

static enum nst_err refuse_of_others(struct nst_req *rq, bool has_versions)
{
    for (size_t i = 0; i < NST_COUNT(own); i++)
        if (own[i].is_of_versions != has_versions && nst_query_is_true(rq, own[i].name))
            return nst_fail(rq, NST_E_INVALID, own[i].name,
                            has_versions ? NST_STR("Not with allVersions: versions have none.")
                                         : NST_STR("Only with allVersions: sources have none."));
    return NST_OK;
}

enum nst_err ocl_source_list(struct nst_req *rq)
{
    bool has_versions = nst_query_is_true(rq, "allVersions");
    NST_TRY(refuse_of_others(rq, has_versions));
    if (!has_versions)
        return nst_list(rq);
    return nst_list_of(rq, &ocl_version.sets[OCL_LISTED], nst_object(rq));
}

static const struct nst_parameter parameter[] = {
    { "allVersions", NST_SWITCH_SCHEMA, "The versions of each source besides." },
    { "released", NULL, "With allVersions: only versions that are meant for use." },
    { "processing", NST_SWITCH_SCHEMA, "With allVersions: only what is not complete yet." },
    { "includeStates", NST_SWITCH_SCHEMA, "With allVersions: with `states`." },
    { "includeTasks", NST_SWITCH_SCHEMA, "With allVersions: with `tasks`." },
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
