/* OpenAPI of the catalog's API: the items of documents, from the entities' tables. */
#include "api.h"

#include "enroll/describe.h"
#include "enroll/fixture/fixture.h"

static void put_item(struct nst_buf *out, const struct enroll_shape *shape);

static void put_member(struct nst_buf *out, const struct enroll_member *m)
{
    static const char *const type[] = {
        [ENROLL_TEXT] = "string", [ENROLL_BOOL] = "boolean", [ENROLL_NUMBER] = "integer",
        [ENROLL_TIME] = "string", [ENROLL_LIST] = "array",
    };
    bool is_nullable = (m->flags & ENROLL_NULL) != 0;
    nst_putf(out, "\"%s\":{\"type\":%s\"%s\"%s", m->name, is_nullable ? "[" : "", type[m->kind],
             is_nullable ? ",\"null\"]" : "");
    if (m->kind == ENROLL_TIME)
        nst_put_lit(out, ",\"format\":\"date-time\"");
    if (m->choices != NULL) {
        nst_put_lit(out, ",\"enum\":[");
        enroll_put_words(out, m->choices);
        nst_put_char(out, ']');
    }
    if ((m->flags & ENROLL_INPUT) != 0)
        nst_put_lit(out, ",\"writeOnly\":true");
    if (m->of != NULL) {
        nst_put_lit(out, ",\"items\":");
        put_item(out, m->of);
    }
    nst_put_char(out, '}');
}

static void put_object(struct nst_buf *out, const struct enroll_shape *shape)
{
    const char *between = "{\"type\":\"object\",\"properties\":{";
    for (size_t i = 0; i < shape->count; i++) {
        if ((shape->member[i].flags & ENROLL_DERIVED) != 0)
            continue;
        nst_put_z(out, between);
        put_member(out, &shape->member[i]);
        between = ",";
    }
    between = "},\"required\":[";
    for (size_t i = 0; i < shape->count; i++) {
        if ((shape->member[i].flags & ENROLL_REQUIRED) == 0)
            continue;
        nst_putf(out, "%s\"%s\"", between, shape->member[i].name);
        between = ",";
    }
    nst_put_z(out, between[0] == '}' ? "}}" : "]}");
}

static void put_item(struct nst_buf *out, const struct enroll_shape *shape)
{
    if (shape->is_text) {
        nst_put_lit(out, "{\"type\":\"string\"}");
        return;
    }
    if (shape->may_be_text)
        nst_put_lit(out, "{\"oneOf\":[{\"type\":\"string\"},");
    put_object(out, shape);
    if (shape->may_be_text)
        nst_put_lit(out, "]}");
}

/* ---- Operations: the entity is the argument of the action ---- */

static void put_row(struct nst_buf *out, const struct nst_action *action)
{
    put_object(out, &((const struct enroll_entity *)action->arg)->shape);
}

static void put_page(struct nst_buf *out, const struct nst_action *action)
{
    nst_put_lit(out, "{\"type\":\"object\",\"required\":[\"results\",\"next\"],\"properties\":{"
                     "\"results\":{\"type\":\"array\",\"items\":");
    put_row(out, action);
    nst_put_lit(out, "},\"next\":{\"type\":[\"string\",\"null\"]}}}");
}

static void put_items(struct nst_buf *out, const struct nst_action *action)
{
    const struct enroll_entity *entity = action->arg;
    nst_put_lit(out, "{\"anyOf\":[");
    put_item(out, &entity->shape);
    nst_put_lit(out, ",{\"type\":\"array\",\"items\":");
    put_item(out, &entity->shape);
    nst_put_lit(out, "}]}");
}

static void put_fixture(struct nst_buf *out, const struct nst_action *action)
{
    (void)action;
    nst_put_lit(out, "{\"type\":\"object\",\"properties\":{");
    for (size_t i = 0; i < ENROLL_ENTITIES; i++) {
        nst_putf(out, "\"%s\":{\"type\":\"array\",\"items\":", enroll_entities[i]->name);
        put_item(out, &enroll_entities[i]->shape);
        nst_put_lit(out, "},");
    }
    nst_put_lit(out, "\"absent\":{\"type\":\"object\"}}}");
}

#define REPORT \
    "{\"type\":\"object\",\"required\":[\"warnings\"],\"properties\":{\"warnings\":{\"type\":" \
    "\"array\",\"items\":{\"type\":\"string\"}}},\"additionalProperties\":{\"type\":\"object\"," \
    "\"additionalProperties\":{\"type\":\"integer\"}}}"

static const struct nst_parameter page_parameters[] = {
    { "limit", "{\"type\":\"integer\",\"minimum\":1,\"maximum\":1000,\"default\":100}",
      "Rows of a page." },
    { "offset", "{\"type\":\"integer\",\"minimum\":0}", "Rows before the page." },
    { 0 },
};

static const struct nst_response page[] = { { 200, "A page.", { .put = put_page } }, { 0 } };
static const struct nst_response row[] = { { 200, "The row.", { .put = put_row } }, { 0 } };
static const struct nst_response gone[] = { { 204, "Gone." }, { 0 } };
static const struct nst_response report[] = {
    { 200, "What was made, changed and left as it was, by entity.", { .schema = REPORT } },
    { 0 },
};

const struct nst_description enroll_catalog_page = { .parameter = page_parameters,
                                                     .response = page };
const struct nst_description enroll_catalog_row = { .response = row };
const struct nst_description enroll_catalog_gone = { .response = gone };
const struct nst_description enroll_catalog_items = { .request = { .put = put_items },
                                                      .response = report };
const struct nst_description enroll_catalog_fixture = { .request = { .put = put_fixture },
                                                        .response = report };
