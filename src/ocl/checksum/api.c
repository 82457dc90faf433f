/* `/$checksum/`: the checksum of what a client has, without storing it (V324, V423). */
#include "ocl/app.h"
#include "ocl/checksum/checksum.h"

static enum nst_err refuse(struct nst_req *rq, struct nst_str text)
{
    return nst_fail_bare(rq, NST_E_INVALID, "error", text);
}

/* An object or a list that holds something. */
static bool is_data(const struct nst_json *v)
{
    return (v->kind == NST_JSON_OBJECT || v->kind == NST_JSON_ARRAY) && v->first != NULL;
}

static enum nst_err show_checksum(struct nst_req *rq)
{
    const enum ocl_checksum_scope *scope = rq->action->arg;
    struct nst_str word = nst_query_value(rq, "resource");
    const struct ocl_checksum_kind *kind = ocl_checksum_kind(word);
    if (word.n == 0 || !is_data(rq->body))
        return refuse(rq, NST_STR("resource and data are both required."));
    if (kind == NULL)
        return refuse(rq, nst_strf(rq->arena, "Invalid resource: %.*s", NST_FMT(word)));
    nst_json_put_str(&rq->x->out, ocl_checksum(rq->arena, kind, *scope, rq->body));
    return nst_answer_json(rq, 200);
}

static const struct nst_parameter checksum_parameter[] = {
    { "resource",
      "{\"type\":\"string\",\"enum\":[\"concept\",\"mapping\",\"source\",\"collection\","
      "\"organization\",\"user\"]}",
      "What the body is." },
    { 0 },
};

static const struct nst_response checksum_response[] = {
    { 200,
      "The checksum, 32 hexadecimal digits.",
      { .schema = "{\"type\":\"string\",\"pattern\":\"^[0-9a-f]{32}$\"}" } },
    { 400,
      "The resource is unknown or missing, or the body is.",
      { .schema = "{\"type\":\"object\",\"properties\":{\"error\":{\"type\":\"string\"},"
                  "\"detail\":{\"type\":\"string\"}}}" } },
    { 0 },
};

static const struct nst_description checksum_description = {
    .request = { .schema = "{\"anyOf\":[{\"type\":\"array\",\"minItems\":1,\"items\":{}},"
                           "{\"type\":\"object\",\"minProperties\":1}]}" },
    .parameter = checksum_parameter,
    .response = checksum_response,
};

static const enum ocl_checksum_scope standard = OCL_STANDARD, smart = OCL_SMART;

#define COMPUTES(scope) \
    { \
        show_checksum, ocl_any_token, .arg = &(scope), .describe = &checksum_description \
    }

static const struct nst_route checksum_route[] = {
    { V2, "/$checksum/standard/", .post = COMPUTES(standard),
      .doc = "Checksum over what an author can change of one resource, or of several." },
    { V2, "/$checksum/smart/", .post = COMPUTES(smart),
      .doc = "Checksum over what changes the meaning of one resource, or of several." },
};

const struct nst_resource ocl_checksum_api = {
    .name = "checksum",
    NST_ROUTES(checksum_route),
    .doc = "Checksums of resources that need not be stored.",
};
