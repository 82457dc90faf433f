/* OpenAPI 3.1 out of the same tables that serve: paths from the route trees,
 * schemas from the serializers. */
#include "model.h"

static const char *const use_name[NST_USE_COUNT] = { "List",    "Detail", "Brief",
                                                     "Verbose", "Create", "Update" };
static const char *const method_name[] = { "get", "post", "put", "patch", "delete" };

static void put_comma(struct nst_buf *out)
{
    if (out->n > 0 && out->p[out->n - 1] != '{' && out->p[out->n - 1] != '[')
        nst_put_char(out, ',');
}

static void put_schema_name(struct nst_buf *out, const struct nst_shape *shape,
                            const struct nst_model *m)
{
    nst_putf(out, "%s.%s.%s", shape->serializer->face->name, m->resource->name,
             use_name[shape->serializer->use]);
}

/* "a-z.-" as the inside of a character class; only `.` `-` `_` and letters occur. */
static void put_pattern(struct nst_buf *out, const char *charset)
{
    struct nst_buf text;
    nst_buf_init(&text, out->arena, 1024);
    nst_putf(&text, "^[%s]+$", charset);
    nst_put_lit(out, ",\"pattern\":");
    nst_json_put_str(out, nst_buf_str(&text));
}

static void put_enum(struct nst_buf *out, const char *choices)
{
    struct nst_str rest = nst_str_z(choices);
    nst_put_lit(out, ",\"enum\":[");
    while (rest.p != NULL) {
        put_comma(out);
        nst_json_put_str(out, nst_str_cut(&rest, '|'));
    }
    nst_put_char(out, ']');
}

static void put_property(struct nst_buf *out, const struct nst_slot *slot)
{
    const struct nst_field *f = slot->field;
    put_comma(out);
    nst_json_put_str(out, slot->name);
    nst_putf(out, ":{%s,\"description\":", f->type->schema);
    nst_json_put_str(out, nst_str_z(f->doc));
    if (f->max > 0)
        nst_putf(out, ",\"%s\":%u", f->children != NULL ? "maxItems" : "maxLength", f->max);
    if (slot->rule != NULL && slot->rule->charset != NULL)
        put_pattern(out, slot->rule->charset);
    if (slot->rule != NULL && slot->rule->choices != NULL)
        put_enum(out, slot->rule->choices);
    nst_put_char(out, '}');
}

static void put_schema(struct nst_buf *out, const struct nst_model *m,
                       const struct nst_shape *shape)
{
    put_comma(out);
    nst_put_char(out, '"');
    put_schema_name(out, shape, m);
    nst_put_lit(out, "\":{\"type\":\"object\",\"properties\":{");
    for (size_t i = 0; i < shape->count; i++)
        put_property(out, &shape->slot[i]);
    nst_put_lit(out, "}");
    bool any = false;
    for (size_t i = 0; i < shape->count; i++) {
        if (!shape->slot[i].is_required)
            continue;
        nst_put_z(out, any ? "," : ",\"required\":[");
        nst_json_put_str(out, shape->slot[i].name);
        any = true;
    }
    nst_put_z(out, any ? "]}" : "}");
}

static const char *variable_of(const struct nst_step *step)
{
    return step->word.p == NULL ? step->name : NULL;
}

static void put_path(struct nst_buf *out, const struct nst_endpoint *e)
{
    nst_put_char(out, '"');
    nst_put_z(out, e->route->face->mount);
    for (size_t i = 0; i < e->count; i++) {
        const char *variable = variable_of(&e->step[i]);
        if (variable != NULL)
            nst_putf(out, "/{%s}", variable);
        else
            nst_putf(out, "/%.*s", NST_FMT(e->step[i].word));
    }
    nst_put_lit(out, "/\":{");
}

static void put_parameters(struct nst_buf *out, const struct nst_endpoint *e)
{
    nst_put_lit(out, "\"parameters\":[");
    for (size_t i = 0; i < e->count; i++) {
        const char *variable = variable_of(&e->step[i]);
        if (variable == NULL)
            continue;
        put_comma(out);
        nst_putf(out,
                 "{\"name\":\"%s\",\"in\":\"path\",\"required\":true,"
                 "\"schema\":{\"type\":\"string\"}}",
                 variable);
    }
    nst_put_char(out, ']');
}

static const struct nst_model *answered_model(const struct nst_endpoint *e)
{
    return e->is_detail ? e->step[e->count - 1].model : e->model;
}

static void put_body(struct nst_buf *out, const struct nst_endpoint *e, enum nst_use use)
{
    const struct nst_model *m = answered_model(e);
    const struct nst_shape *shape = nst_shape_of(m, e->route->face, use);
    if (shape == NULL)
        return;
    nst_put_lit(out, ",\"requestBody\":{\"content\":{\"application/json\":{\"schema\":"
                     "{\"$ref\":\"#/components/schemas/");
    put_schema_name(out, shape, m);
    nst_put_lit(out, "\"}}}}");
}

static void put_answer(struct nst_buf *out, const struct nst_endpoint *e, enum nst_method method)
{
    const struct nst_model *m = answered_model(e);
    bool is_list = method == NST_GET && !e->is_detail;
    const struct nst_shape *shape =
        nst_shape_of(m, e->route->face, is_list ? NST_LIST : NST_DETAIL);
    bool is_new = method == NST_POST && !e->is_detail;
    const char *status = method == NST_DELETE ? "204" : is_new ? "201" : "200";
    nst_putf(out, ",\"responses\":{\"%s\":{\"description\":\"Success.\"", status);
    if (method != NST_DELETE && shape != NULL) {
        nst_put_lit(out, ",\"content\":{\"application/json\":{\"schema\":");
        nst_put_z(out, is_list ? "{\"type\":\"array\",\"items\":" : "");
        nst_put_lit(out, "{\"$ref\":\"#/components/schemas/");
        put_schema_name(out, shape, m);
        nst_put_z(out, is_list ? "\"}}}}" : "\"}}}");
    }
    nst_put_lit(out, "},\"4XX\":{\"description\":\"The request is refused; the body says why.\"}}");
}

static void put_by_serializers(struct nst_buf *out, const struct nst_endpoint *e,
                               enum nst_method method)
{
    if (method == NST_POST && !e->is_detail)
        put_body(out, e, NST_CREATE);
    else if (method == NST_POST || method == NST_PUT || method == NST_PATCH)
        put_body(out, e, NST_UPDATE);
    put_answer(out, e, method);
}

static void put_endpoint(struct nst_buf *out, const struct nst_endpoint *e)
{
    put_comma(out);
    put_path(out, e);
    put_parameters(out, e);
    for (int i = NST_GET; i <= NST_DELETE; i++) {
        if (e->action[i] == NULL)
            continue;
        nst_putf(out, ",\"%s\":{\"summary\":", method_name[i]);
        nst_json_put_str(out, nst_str_z(e->route->doc));
        nst_putf(out, ",\"tags\":[\"%s\"]", e->route->face->name);
        if (e->route->describe != NULL)
            e->route->describe(out, e->route, (enum nst_method)i);
        else
            put_by_serializers(out, e, (enum nst_method)i);
        nst_put_char(out, '}');
    }
    nst_put_char(out, '}');
}

static void put_schemas(struct nst_buf *out, const struct nst_registry *reg)
{
    for (size_t i = 0; i < reg->models; i++)
        for (size_t face = 0; face < reg->faces; face++)
            for (int use = 0; use < NST_USE_COUNT; use++)
                if (reg->model[i].shape[face][use] != NULL && reg->face[face]->mount != NULL)
                    put_schema(out, &reg->model[i], reg->model[i].shape[face][use]);
}

void nst_registry_describe(struct nst_registry *reg, const char *title, const char *version)
{
    reg->title = title;
    reg->version = version;
}

static void put_info(struct nst_buf *out, const struct nst_registry *reg)
{
    nst_put_lit(out, "{\"openapi\":\"3.1.0\",\"info\":{\"title\":");
    nst_json_put_str(out, nst_str_z(reg->title != NULL ? reg->title : "Nestor"));
    nst_put_lit(out, ",\"version\":");
    nst_json_put_str(out, nst_str_z(reg->version != NULL ? reg->version : "1"));
    nst_put_lit(out, "},\"tags\":[");
}

void nst_openapi(struct nst_buf *out, const struct nst_registry *reg)
{
    put_info(out, reg);
    for (size_t i = 0; i < reg->faces; i++) {
        if (reg->face[i]->mount == NULL)
            continue;
        put_comma(out);
        nst_putf(out, "{\"name\":\"%s\",\"description\":", reg->face[i]->name);
        nst_json_put_str(out, nst_str_z(reg->face[i]->doc));
        nst_put_char(out, '}');
    }
    nst_put_lit(out, "],\"paths\":{");
    for (size_t i = 0; i < reg->endpoints; i++)
        if (reg->endpoint[i]->route->face->mount != NULL)
            put_endpoint(out, reg->endpoint[i]);
    nst_put_lit(out, "},\"components\":{\"securitySchemes\":{\"token\":{\"type\":\"apiKey\","
                     "\"in\":\"header\",\"name\":\"Authorization\"}},\"schemas\":{");
    put_schemas(out, reg);
    nst_put_lit(out, "}}}");
}
