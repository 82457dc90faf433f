/* Values as a document asks for them. */
#include "graphql.h"

#include <math.h>
#include <stdlib.h>

static void put_fields(struct nst_buf *out, const struct ocl_graphql_pick *pick,
                       const struct ocl_graphql_type *type, const struct nst_json *v);

/* ---- Leaves: free JSON says numbers and flags as it likes ---- */

static void put_text(struct nst_buf *out, const struct nst_json *v)
{
    if (v->kind == NST_JSON_STRING || v->kind == NST_JSON_NUMBER)
        nst_json_put_str(out, v->text);
    else
        nst_put_z(out, v->kind != NST_JSON_BOOL ? "null" : v->boolean ? "\"true\"" : "\"false\"");
}

static void put_number(struct nst_buf *out, const struct nst_json *v)
{
    char *end, z[64];
    if (v->kind == NST_JSON_NUMBER) {
        nst_put(out, v->text);
        return;
    }
    struct nst_str text =
        v->kind == NST_JSON_STRING ? nst_str_trim(v->text) : (struct nst_str){ 0 };
    if (text.n == 0 || text.n >= sizeof(z)) {
        nst_put_z(out, "null");
        return;
    }
    memcpy(z, text.p, text.n);
    z[text.n] = '\0';
    double d = strtod(z, &end);
    if (end != z + text.n || !isfinite(d))
        nst_put_z(out, "null");
    else
        nst_putf(out, "%.17g", d);
}

static void put_flag(struct nst_buf *out, const struct nst_json *v)
{
    struct nst_str text = v->kind == NST_JSON_STRING ? nst_str_trim(v->text) : v->text;
    bool is_true = nst_str_eq_nocase(text, NST_STR("true")) || nst_str_eq(text, NST_STR("1")) ||
                   nst_str_eq_nocase(text, NST_STR("yes"));
    bool is_false = nst_str_eq_nocase(text, NST_STR("false")) || nst_str_eq(text, NST_STR("0")) ||
                    nst_str_eq_nocase(text, NST_STR("no"));
    if (v->kind == NST_JSON_BOOL)
        nst_json_put_bool(out, v->boolean);
    else
        nst_put_z(out, is_true ? "true" : is_false ? "false" : "null");
}

static void put_leaf(struct nst_buf *out, enum ocl_graphql_leaf leaf, const struct nst_json *v)
{
    if (leaf == OCL_GRAPHQL_TEXT)
        put_text(out, v);
    else if (leaf == OCL_GRAPHQL_BOOLEAN)
        put_flag(out, v);
    else if (leaf == OCL_GRAPHQL_ANY)
        nst_json_put(out, v);
    else
        put_number(out, v);
}

/* ---- Objects and lists ---- */

/* Nobody is given more than that: what is asked for often is not made often. */
static bool is_over(const struct nst_buf *out)
{
    return out->is_full || out->n > OCL_GRAPHQL_BYTES;
}

static void put_value(struct nst_buf *out, const struct ocl_graphql_pick *pick,
                      const struct nst_json *v)
{
    const struct ocl_graphql_type *type = pick->field->type;
    if (v != NULL && type->which != NULL)
        type = type->which(v);
    if (v == NULL || v->kind == NST_JSON_NULL || type == NULL)
        nst_put_z(out, "null");
    else if (type->leaf == OCL_GRAPHQL_COMPOSITE)
        put_fields(out, pick->first, type, v);
    else
        put_leaf(out, type->leaf, v);
}

void ocl_graphql_put(struct nst_buf *out, const struct ocl_graphql_pick *pick,
                     const struct nst_json *v)
{
    if (!pick->field->is_list) {
        put_value(out, pick, v);
        return;
    }
    if (v == NULL || v->kind != NST_JSON_ARRAY) {
        nst_put_z(out, "null");
        return;
    }
    nst_put_char(out, '[');
    for (const struct nst_json *i = v->first; i != NULL && !is_over(out); i = i->next) {
        put_value(out, pick, i);
        nst_put_z(out, i->next != NULL ? "," : "");
    }
    nst_put_char(out, ']');
}

static const struct nst_json *find(const struct ocl_graphql_field *field, const struct nst_json *v)
{
    struct nst_str rest = nst_str_z(field->member);
    if (field->find != NULL)
        return field->find(v);
    while (rest.n > 0 && v != NULL)
        v = nst_json_get(v, nst_str_cut(&rest, '.'));
    return v;
}

static void put_fields(struct nst_buf *out, const struct ocl_graphql_pick *pick,
                       const struct ocl_graphql_type *type, const struct nst_json *v)
{
    bool is_first = true;
    nst_put_char(out, '{');
    for (; pick != NULL && !is_over(out); pick = pick->next) {
        if (pick->is_again || (pick->on != NULL && pick->on != type))
            continue;
        nst_put_z(out, is_first ? "" : ",");
        nst_json_put_str(out, pick->key);
        nst_put_char(out, ':');
        if (pick->field == NULL)
            nst_putf(out, "\"%s\"", type->name);
        else
            ocl_graphql_put(out, pick, find(pick->field, v));
        is_first = false;
    }
    nst_put_char(out, '}');
}
