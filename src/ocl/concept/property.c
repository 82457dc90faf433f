/* Properties of a concept, as FHIR writes them: a code, and a value under the name of its type. */
#include "property.h"

#include "concept.h"

static void put_member(struct nst_buf *out, const struct nst_json *property,
                       const struct nst_json *value)
{
    struct nst_str type = nst_json_get(property, NST_STR("type"))->text;
    nst_put_lit(out, "{\"code\":");
    nst_json_put(out, nst_json_get(property, NST_STR("code")));
    nst_put_lit(out, ",\"value");
    nst_put_char(out, nst_upper(type.p[0]));
    nst_put(out, nst_str_slice(type, 1, type.n));
    nst_put_lit(out, "\":");
    nst_json_put(out, value);
    nst_put_char(out, '}');
}

static void put_members(struct nst_buf *out, const struct nst_json *declared,
                        const struct nst_json *extras)
{
    const char *between = "";
    for (const struct nst_json *p = declared->first; p != NULL; p = p->next) {
        struct nst_str code = nst_json_get(p, NST_STR("code"))->text;
        const struct nst_json *value = nst_json_get(extras, code);
        if (value == NULL || value->kind == NST_JSON_NULL)
            continue;
        nst_put_z(out, between);
        put_member(out, p, value);
        between = ",";
    }
}

static void print_property(struct nst_buf *out, const struct nst_face *face,
                           const struct nst_field *f, const void *row)
{
    const struct ocl_concept *c = row;
    struct nst_json *declared, *extras;
    (void)face;
    (void)f;
    nst_put_char(out, '[');
    if (c->declared_values.n > 0 &&
        nst_json_read(&declared, NULL, out->arena, c->declared, &ocl_stored_limits) == NST_OK &&
        nst_json_read(&extras, NULL, out->arena, c->declared_values, &ocl_stored_limits) == NST_OK)
        put_members(out, declared, extras);
    nst_put_char(out, ']');
}

#define ITEM \
    "{\"type\":\"object\",\"required\":[\"code\"],\"properties\":{\"code\":{\"type\":\"string\"}," \
    "\"valueCode\":{},\"valueCoding\":{},\"valueString\":{},\"valueInteger\":{}," \
    "\"valueBoolean\":{},\"valueDateTime\":{},\"valueDecimal\":{}}}"

const struct nst_type ocl_property = { .name = "property",
                                       .rep = NST_REP_INT,
                                       .schema = "array",
                                       .items = ITEM,
                                       .print = print_property };
