/* `/graphql/` (V275): a document of queries, by POST as JSON or by GET. Whatever is wrong with it
 * is told as GraphQL tells it, with 200; there is data, or there is an error. */
#include "graphql.h"

/* ---- The request ---- */

static enum nst_err refuse(struct nst_req *rq, const char *text)
{
    return nst_fail_bare(rq, NST_E_INVALID, "detail", nst_str_z(text));
}

/* A text of the body, or of the query where there is no body. */
static enum nst_err take_text(struct nst_str *out, struct nst_req *rq, const char *name)
{
    const struct nst_json *v = nst_json_get(rq->body, nst_str_z(name));
    *out = (struct nst_str){ 0 };
    if (rq->method == NST_GET)
        *out = nst_query_value(rq, name);
    else if (v != NULL && v->kind == NST_JSON_STRING && !v->has_surrogate)
        *out = v->text;
    else if (v != NULL && v->kind != NST_JSON_NULL)
        return nst_fail_bare(rq, NST_E_INVALID, name, NST_STR("Not a valid string."));
    return NST_OK;
}

/* An object; in a form and in the query its text. */
static enum nst_err take_variables(struct ocl_graphql *g, struct nst_req *rq)
{
    struct nst_json *v = nst_json_get(rq->body, NST_STR("variables"));
    struct nst_str text = { 0 };
    if (rq->method == NST_GET || rq->is_form) {
        NST_TRY(take_text(&text, rq, "variables"));
        v = NULL;
    }
    if (text.n > 0 && nst_json_read(&v, NULL, rq->arena, text, NULL) != NST_OK)
        return refuse(rq, "Variables are invalid JSON.");
    if (v != NULL && v->kind != NST_JSON_OBJECT && v->kind != NST_JSON_NULL)
        return refuse(rq, "Variables must be an object.");
    g->variables = v;
    return NST_OK;
}

static enum nst_err take_request(struct ocl_graphql *g, struct nst_req *rq)
{
    if (rq->method != NST_GET && rq->body->kind != NST_JSON_OBJECT)
        return refuse(rq, "The body must be an object with the member query.");
    NST_TRY(take_text(&g->text, rq, "query"));
    NST_TRY(take_text(&g->operation, rq, "operationName"));
    NST_TRY(take_variables(g, rq));
    if (g->operation.n == 0)
        g->operation = (struct nst_str){ 0 };
    return g->text.n > 0 ? NST_OK : refuse(rq, "No GraphQL query found in the request");
}

/* ---- The answer ---- */

static void put_fault(struct nst_buf *out, const struct ocl_graphql *g)
{
    struct ocl_graphql_place place = ocl_graphql_place(g->text, g->fault.at);
    nst_put_lit(out, "{\"data\":null,\"errors\":[{\"message\":");
    nst_json_put_str(out, g->fault.message);
    nst_putf(out, ",\"locations\":[{\"line\":%zu,\"column\":%zu}]", place.line, place.column);
    if (g->fault.key.p != NULL) {
        nst_put_lit(out, ",\"path\":[");
        nst_json_put_str(out, g->fault.key);
        nst_put_char(out, ']');
    }
    nst_put_lit(out, "}]}");
}

/* The fields of the operation, one after another. The first that fails ends it: none may be null.
 */
static enum nst_err put_data(struct nst_buf *out, struct ocl_graphql *g, struct nst_req *rq,
                             const struct ocl_graphql_pick *pick)
{
    struct ocl_graphql_budget left = { OCL_GRAPHQL_BYTES, NST_JSON_NODES, OCL_GRAPHQL_LISTS };
    nst_put_lit(out, "{\"data\":{");
    for (const struct ocl_graphql_pick *p = pick; p != NULL; p = p->next) {
        const struct nst_json *v = NULL;
        nst_put_z(out, p == pick ? "" : ",");
        nst_json_put_str(out, p->key);
        nst_put_char(out, ':');
        if (p->field == NULL) {
            nst_putf(out, "\"%s\"", ocl_graphql_root.name);
            continue;
        }
        NST_TRY(p->field->resolve(&v, &g->fault, rq, p, &left));
        g->fault.at = p->by->at;
        g->fault.key = p->key;
        if (g->fault.message.p != NULL)
            return NST_OK;
        ocl_graphql_put(out, p, v);
    }
    nst_put_lit(out, "}}");
    return NST_OK;
}

static enum nst_err answer(struct nst_req *rq)
{
    struct ocl_graphql g = { .arena = rq->arena };
    struct ocl_graphql_pick *pick;
    struct nst_buf *out = &rq->x->out;
    size_t begin = out->n;
    NST_TRY(take_request(&g, rq));
    /* What the REST face would read of the query is not meant here. */
    rq->queries = 0;
    if (ocl_graphql_plan(&pick, &g))
        NST_TRY(put_data(out, &g, rq, pick));
    if (g.fault.message.p == NULL && out->n - begin > OCL_GRAPHQL_BYTES)
        g.fault.message = NST_STR("The answer is too large: use page and a smaller limit.");
    if (g.fault.message.p != NULL) {
        out->n = begin;
        put_fault(out, &g);
    }
    return nst_answer_json(rq, 200);
}

/* ---- The route ---- */

static const struct nst_parameter asked[] = {
    { "query", NULL, "The document." },
    { "variables", NULL, "Its variables, a JSON object." },
    { "operationName", NULL, "Which of its operations." },
    { 0 },
};

#define ERROR \
    "{\"type\":\"object\",\"required\":[\"message\",\"locations\"],\"properties\":{" \
    "\"message\":{\"type\":\"string\"},\"path\":{\"type\":\"array\",\"items\":{\"type\":" \
    "\"string\"}},\"locations\":{\"type\":\"array\",\"items\":{\"type\":\"object\"," \
    "\"properties\":{\"line\":{\"type\":\"integer\"},\"column\":{\"type\":\"integer\"}}}}}}"

static const struct nst_response response[] = {
    { 200,
      "The data; null, and errors, where the document cannot be answered.",
      { .schema =
            "{\"type\":\"object\",\"required\":[\"data\"],\"properties\":{\"data\":{\"type\":"
            "[\"object\",\"null\"]},\"errors\":{\"type\":\"array\",\"items\":" ERROR "}}}" } },
    { 400, "There is no document.", { .schema = "{\"type\":\"object\"}" } },
    { 0 },
};

static const struct nst_description getting = { .parameter = asked, .response = response };

static const struct nst_description posting = {
    .request = { .schema = "{\"type\":\"object\",\"required\":[\"query\"],\"properties\":{"
                           "\"query\":{\"type\":\"string\",\"minLength\":1},\"variables\":{"
                           "\"type\":[\"object\",\"null\"]},\"operationName\":{\"type\":"
                           "[\"string\",\"null\"]}}}" },
    .response = response,
};

static const struct nst_route graphql_route[] = {
    { V2, "/graphql/", .get = { answer, ocl_any_caller, .describe = &getting },
      .post = { answer, ocl_any_caller, NST_READS, .describe = &posting },
      .doc = "Concepts by a GraphQL document: needs the group graphql_api." },
};

const struct nst_resource ocl_graphql_api = {
    .name = "graphql",
    NST_ROUTES(graphql_route),
    .doc = "Concepts, and of them what a document asks for.",
};
