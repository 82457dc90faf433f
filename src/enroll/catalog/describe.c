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

static void put_list(struct nst_buf *out, const struct enroll_entity *entity)
{
    nst_put_lit(out, "{\"type\":\"object\",\"properties\":{\"results\":{\"type\":\"array\","
                     "\"items\":");
    put_object(out, &entity->shape);
    nst_put_lit(out, "},\"next\":{\"type\":[\"string\",\"null\"]}}}");
}

static void put_content(struct nst_buf *out, const struct enroll_entity *entity, bool is_list)
{
    nst_put_lit(out, ",\"content\":{\"application/json\":{\"schema\":");
    if (is_list)
        put_list(out, entity);
    else
        put_object(out, &entity->shape);
    nst_put_lit(out, "}}");
}

static void put_body(struct nst_buf *out, const struct enroll_entity *entity)
{
    nst_put_lit(out,
                ",\"requestBody\":{\"content\":{\"application/json\":{\"schema\":{\"oneOf\":[");
    put_item(out, &entity->shape);
    nst_put_lit(out, ",{\"type\":\"array\",\"items\":");
    put_item(out, &entity->shape);
    nst_put_lit(out, "}]}}}}");
}

/* What every route may answer; the success is still open, for its content. */
static void put_refusals(struct nst_buf *out)
{
    nst_put_lit(out, ",\"400\":{\"description\":\"`errors` says what is wrong and where.\"},"
                     "\"401\":{\"description\":\"The caller is not authenticated.\"},"
                     "\"403\":{\"description\":\"The caller is no superuser.\"}");
}

void enroll_catalog_describe(struct nst_buf *out, const struct nst_route *route,
                             enum nst_method method)
{
    const struct enroll_entity *entity = route->get.arg;
    bool is_list = route->post.view != NULL;
    if (method == NST_POST)
        put_body(out, entity);
    nst_putf(out, ",\"responses\":{\"%s\":{\"description\":\"Success.\"",
             method == NST_DELETE ? "204" : "200");
    if (method == NST_GET)
        put_content(out, entity, is_list);
    nst_put_char(out, '}');
    put_refusals(out);
    nst_put_z(out, is_list ? "}" : ",\"404\":{\"description\":\"There is no such row.\"}}");
}

void enroll_catalog_describe_load(struct nst_buf *out, const struct nst_route *route,
                                  enum nst_method method)
{
    const char *between = "";
    (void)route;
    (void)method;
    nst_put_lit(out, ",\"requestBody\":{\"content\":{\"application/json\":{\"schema\":{\"type\":"
                     "\"object\",\"properties\":{");
    for (size_t i = 0; i < ENROLL_ENTITIES; i++) {
        nst_putf(out, "%s\"%s\":{\"type\":\"array\",\"items\":", between, enroll_entities[i]->name);
        put_item(out, &enroll_entities[i]->shape);
        nst_put_char(out, '}');
        between = ",";
    }
    nst_put_lit(out, ",\"absent\":{\"type\":\"object\"}}}}}}");
    nst_put_lit(out, ",\"responses\":{\"200\":{\"description\":\"What was done.\"}");
    put_refusals(out);
    nst_put_char(out, '}');
}
