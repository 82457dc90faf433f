/* The faces of the terminology application: declarations, error bodies and the
 * headers of lists. */
#include "app.h"

#include "ocl/checksum/checksum.h"

const struct ocl_face *ocl_face_of(const struct nst_req *rq)
{
    return (const struct ocl_face *)rq->face;
}

/* ---- Authentication ---- */

/* G27, G138: a token on every route, but for the one that gives it. */
static enum nst_err authenticate_always(struct nst_req *rq)
{
    enum nst_err e = nst_authenticate_token(rq);
    if (e == NST_OK && !rq->caller.is_known && !nst_allows_anonymous(rq))
        return NST_E_UNAUTHENTICATED;
    return e;
}

/* Whether /v2/ has to be asked with a token, and where somebody gets one; empty: not told. */
static struct {
    bool is_required;
    struct nst_str upgrade_url;
} authentication;

void ocl_require_authentication(bool is_required, struct nst_str upgrade_url)
{
    authentication.is_required = is_required;
    authentication.upgrade_url = upgrade_url;
}

/* V801; V806: what gives a token can be asked without one all the same. A browser asks for one
 * where it is told of none (401). */
static enum nst_err authenticate_as_set(struct nst_req *rq)
{
    NST_TRY(nst_authenticate_token_or_bearer(rq));
    if (!authentication.is_required || rq->caller.is_known || nst_allows_anonymous(rq))
        return NST_OK;
    if (nst_is_page(rq) && nst_accepts_html(rq->x))
        return NST_E_UNAUTHENTICATED;
    nst_put_lit(&rq->x->out, "{\"detail\":\"Authentication required. Anonymous API access is "
                             "disabled.\",\"upgrade_url\":");
    nst_json_put_str_or_null(&rq->x->out, authentication.upgrade_url.n > 0
                                              ? authentication.upgrade_url
                                              : (struct nst_str){ 0 });
    nst_put_char(&rq->x->out, '}');
    return nst_answer_json(rq, 403);
}

/* ---- Errors ---- */

/* G89, and V344: the model whose look-up failed, where the face names it. */
static void render_error(struct nst_req *rq, enum nst_err err)
{
    bool is_source = rq->missing != NULL && nst_str_eq(nst_str_z(rq->missing), NST_STR("source"));
    if (err == NST_E_NOT_FOUND && rq->problem == NULL && is_source &&
        ocl_face_of(rq)->names_missing)
        nst_add_problem(rq, NST_STR("detail"), NST_STR("No Source matches the given query."),
                        false);
    nst_default_error(rq, err);
}

/* ---- Pages (G97, V329) ---- */

/* A page by its place: that of the row before it, and its number or offset for whoever
 * reads the address. */
static void put_link(struct nst_req *rq, const char *header, const struct nst_page *page,
                     int64_t steps, struct nst_str after)
{
    struct nst_buf b;
    nst_buf_init(&b, rq->arena, 65536);
    nst_put_page_address(&b, rq, page, steps, after);
    nst_http_add_header(rq->x, header, nst_buf_str(&b));
}

static void put_number(struct nst_req *rq, const char *header, int64_t n)
{
    nst_http_add_header(rq->x, header, nst_strf(rq->arena, "%lld", (long long)n));
}

static void paginate(struct nst_req *rq, const struct nst_page *page)
{
    int64_t pages = page->found > 0 ? (page->found - 1) / page->limit + 1 : 1;
    put_number(rq, "limit", page->limit);
    put_number(rq, "num_found", page->found);
    if (page->returned >= 0)
        put_number(rq, "num_returned", page->returned);
    put_number(rq, "pages", pages);
    put_number(rq, "page_number", page->number);
    if (page->by_offset)
        put_number(rq, "offset", page->offset);
    if (page->has_more)
        put_link(rq, "next", page, 1, page->after);
    if (page->offset > 0 && page->number <= pages + 1)
        put_link(rq, "previous", page, -1, (struct nst_str){ 0 });
}

/* The checksum of a page of content, of one kind: of one row its own, of several that of all
 * (V329, V417), as the reference makes it.
 *   at  where it stands in what is kept of a row */
static void put_page_checksum(struct nst_req *rq, const char *header, const struct nst_page *page,
                              size_t at)
{
    struct nst_json list = { .kind = NST_JSON_ARRAY }, **tail = &list.first;
    for (; at < page->kept.n; at += OCL_KEPT) {
        *tail = NST_NEW(rq->arena, struct nst_json);
        **tail = (struct nst_json){
            .kind = NST_JSON_STRING,
            .text = nst_str_slice(page->kept, at, at + OCL_CHECKSUM_LENGTH),
        };
        tail = &(*tail)->next;
        list.count++;
    }
    if (list.count > 0)
        nst_http_add_header(rq->x, header,
                            list.count == 1 ? list.first->text
                                            : ocl_checksum(rq->arena, NULL, OCL_STANDARD, &list));
}

static void v2_paginate(struct nst_req *rq, const struct nst_page *page)
{
    paginate(rq, page);
    put_page_checksum(rq, "X-OCL-API-STANDARD-CHECKSUM", page, 0);
    put_page_checksum(rq, "X-OCL-API-SMART-CHECKSUM", page, OCL_CHECKSUM_LENGTH);
}

/* ---- What every answer of v2 says (V330) ---- */

static void v2_headers(struct nst_req *rq)
{
    struct nst_buf url;
    int64_t took = nst_ticks() - rq->x->started;
    nst_buf_init(&url, rq->x->arena, 65536);
    nst_put_address(&url, rq, "");
    url.n--; /* what follows an address would begin here */
    nst_http_add_header(rq->x, "X-OCL-API-VERSION", NST_STR(NESTOR_VERSION));
    nst_http_add_header(rq->x, "X-OCL-REQUEST-USER",
                        rq->caller.is_known ? rq->caller.name : NST_STR("AnonymousUser"));
    nst_http_add_header(rq->x, "X-OCL-RESPONSE-TIME",
                        nst_strf(rq->x->arena, "%lld.%06lld", (long long)(took / NST_SECOND),
                                 (long long)(took % NST_SECOND)));
    nst_http_add_header(rq->x, "X-OCL-REQUEST-URL", nst_buf_str(&url));
    nst_http_add_header(rq->x, "X-OCL-REQUEST-METHOD", rq->x->method);
}

/* ---- Declarations ---- */

/* G97, V110, V328, V332, V334 */
static const struct nst_list_grammar lists = {
    .limit = "limit",
    .limit_too = "_count",
    .limit_default = 25,
    .limit_max = 1000,
    .page = "page",
    .offset = "offset",
    .after = "after",
    .format = "format",
    .table = "csv", /* V331 */
    .sort = "sort",
    .sort_up = "sortAsc",
    .sort_down = "sortDesc",
    .either = ',',
    .neither = '!',
    .some = '*',
    .literal = '"',
    .spelling = NST_CAMEL_CASE,
};

#define NUMBER "{\"type\":\"integer\"}"

#define PAGE_HEADERS \
    { "limit", NUMBER, "Rows that a page has at most." }, \
        { "num_found", NUMBER, "Rows of the whole list." }, \
        { "num_returned", NUMBER, "Rows of this page." }, \
        { "pages", NUMBER, "Pages of the whole list." }, \
        { "page_number", NUMBER, "Number of this page." }, \
        { "offset", NUMBER, "Rows before this page, where it was asked for by them." }, \
        { "next", NULL, "Address of the page behind this one." }, \
    { \
        "previous", NULL, "Address of the page before it." \
    }

static const struct nst_parameter guide_page_header[] = { PAGE_HEADERS, { 0 } };

static const struct nst_parameter v2_page_header[] = {
    PAGE_HEADERS,
    { "X-OCL-API-STANDARD-CHECKSUM", NULL, "Of concepts and mappings: of the rows of this page." },
    { "X-OCL-API-SMART-CHECKSUM", NULL, "Of concepts and mappings: the same of their meaning." },
    { 0 },
};

static const struct nst_parameter v2_header[] = {
    { "X-OCL-API-VERSION", NULL, "Version of the program." },
    { "X-OCL-REQUEST-USER", NULL, "Who asked." },
    { "X-OCL-RESPONSE-TIME", NULL, "Seconds that the answer took." },
    { "X-OCL-REQUEST-URL", NULL, "Address that was asked for." },
    { "X-OCL-REQUEST-METHOD", NULL, "Method of the request." },
    { 0 },
};

static const struct nst_texts guide_texts = {
    .required = "This field is required.",
    .blank = "This field is required.",
    .null = "This field is required.",
    .pattern = "Enter a valid value.",
    .invalid = "Invalid value.",
    .choice = "Select a valid choice. %s is not one of the available choices.",
    .twice = "Given twice with different values.",
    .not_object = "Invalid data",
    .not_object_key = "non_field_errors",
};

/* Rows of ocl-v2.md that are not built yet, and those that others answer: search and facets, what
 * other resources a list asks for, what documents have besides. The guide hands them to the same
 * clients. A moment (asOf) is answered for content alone. */
#define NOT_YET \
    "asOf q fuzzy? excludeFuzzy? excludeWildcard? searchMapCodes? includeSearchMeta? facetsOnly? " \
    "includeFacets? csv? updatedSince locale updatedBy nameTypes descriptionTypes collection " \
    "collectionType targetRepo targetRepoMapType targetRepoUrls mapTypes conceptSource " \
    "properties__* extras.* contains allVersions? " \
    "includeOverview? includeSummary? includeClientConfigs? includeHierarchyRoot? " \
    "includeConcepts? includeMappings? includeReferences? includeStates? includeTasks? " \
    "includeTombstones? distribution includeInverseMappings? mappingBrief? " \
    "includeExtras? includeParentConcepts? includeChildConcepts? includeParentConceptURLs? " \
    "includeChildConceptURLs? includeHierarchyPath? includeSourceVersions? " \
    "includeCollectionVersions? onlyParentLess? onlyHierarchyRoot? includeSubscribedOrgs? " \
    "includeAuthGroups? includePins? includeFollowers? includeFollowing? " \
    "includeVerificationToken? checksums? lookupConcepts? lookupFromConcept? lookupToConcept? " \
    "lookupSources? lookupFromSource? lookupToSource?"

/* V353: what scripts of other origins may send, and see beside what is described below. */
#define REQUEST_HEADERS \
    "INCLUDEFACETS, INCLUDESEARCHSTATS, INCLUDESEARCHLATEST, X-OCL-CLIENT, " \
    "X-OCL-REQUEST-SOURCE, X-OCL-EVENT-METADATA, X-OCL-REQUEST-IDEMPOTENCY-KEY"
#define ANSWER_HEADERS "X-OCL-API-DEPRECATED, X-LimitRemaining-Minute, X-LimitRemaining-Day"

#define BODY_MAX ((size_t)2 << 20) /* one concept with hundreds of names fits many times */

const struct ocl_face ocl_guide = {
    .face = {
        .name = "guide",
        .mount = "/guide",
        .doc = "The OCL developer's guide: camelCase, a token everywhere.",
        .token_hint = "Send Authorization: Token and your token. `nestor user link NAME`, where the "
                       "server runs, prints a link that shows it to you once; who has a password "
                       "gets it by POST of username and password to /guide/api-token-auth/.",
        .phase = nst_default_phases,
        .authenticate = authenticate_always,
        .error = render_error,
        .paginate = paginate,
        .lists = &lists,
        .spelling = NST_CAMEL_CASE,
        .time = NST_TIME_MILLI,
        .identity = NST_HEX24,
        .lists_as_text = true,
        .inserts_slash = true,
        .text = &guide_texts,
        .body_limit = BODY_MAX,
        .not_yet = NOT_YET,
        .not_yet_headers = "INCLUDEFACETS INCLUDESEARCHSTATS",
        .zip_header = "COMPRESS",
        .page_header = guide_page_header,
        .request_headers = REQUEST_HEADERS,
    },
    .lists_retired = true,
    .shows_initial = true,
    .releases_one = true,
    .versions_describe_themselves = true,
    .released_refusal = "Cannot set this field to \"false\".  (Releasing another version will "
                        "cause this field to become false.)",
};

const struct ocl_face ocl_v2 = {
    .face = {
        .name = "v2",
        .mount = "/v2",
        .doc = "Today's OCL API: snake_case, anonymous reading.",
        .token_hint = "Reading needs none; the tokens of /guide/ are good here, too. Who has a password "
                      "gets it by POST of username and password to /v2/users/login/.",
        .phase = nst_default_phases,
        .authenticate = authenticate_as_set,
        .error = render_error,
        .paginate = v2_paginate,
        .lists = &lists,
        .headers = v2_headers,
        .spelling = NST_SNAKE_CASE,
        .time = NST_TIME_MICRO_Z,
        .identity = NST_DECIMAL,
        .inserts_slash = true,
        .text = &nst_default_texts,
        .body_limit = BODY_MAX,
        .not_yet = NOT_YET,
        .not_yet_headers = "INCLUDEFACETS INCLUDESEARCHSTATS",
        .zip_header = "COMPRESS", /* V331 */
        .credentials = "token bearer",
        .open = ocl_any_caller,
        .header = v2_header,
        .page_header = v2_page_header,
        .request_headers = REQUEST_HEADERS,
        .answer_headers = ANSWER_HEADERS,
    },
    .reads_anonymously = true,
    .names_missing = true,
    .replaces_lists = true,
    .tells_unchanged = true,
    .emails_are_unique = true,
    .tells_deactivated = true,
};

/* Lines of an import (V609): never mounted, used through nst_call. */
const struct ocl_face ocl_import = {
    .face = {
        .name = "import",
        .doc = "Lines of an import.",
        .phase = nst_default_phases,
        .error = render_error,
        .paginate = paginate,
        .lists = &lists,
        .time = NST_TIME_MICRO_Z,
        .text = &nst_default_texts,
    },
    .lists_retired = true,
};
