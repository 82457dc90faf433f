/* JSON Schemas out of serializers: what a face shows, and what it takes. */
#include "openapi.h"

/* ---- References ---- */

static bool *used(struct nst_document *d, const struct nst_model *m, const struct nst_face *face,
                  enum nst_use use)
{
    size_t model = (size_t)(m - d->reg->model);
    return &d->is_used[model * d->reg->faces + nst_face_index(d->reg, face)][use];
}

static void put_name(struct nst_buf *out, const struct nst_model *m, const struct nst_face *face,
                     enum nst_use use)
{
    static const char *const name[NST_USE_COUNT] = { "List",   "Detail", "Brief",  "Verbose",
                                                     "Digest", "Table",  "Create", "Update" };
    nst_putf(out, "%s.%s.%s", face->name, m->set.name, name[use]);
}

void nst_put_reference(struct nst_document *d, const struct nst_model *m,
                       const struct nst_face *face, enum nst_use use)
{
    if (nst_shape_of(m, face, use) == NULL) {
        nst_put_lit(d->out, "{}");
        return;
    }
    *used(d, m, face, use) = true;
    nst_put_lit(d->out, "{\"$ref\":\"#/components/schemas/");
    put_name(d->out, m, face, use);
    nst_put_lit(d->out, "\"}");
}

/* ---- What can be null ---- */

static bool link_may_be_null(const struct nst_model *m, const struct nst_link *link);

/* What has a fallback, is filled in or is a key is there ever after; of other fields the table
 * says so. */
static bool may_be_null(const struct nst_model *m, unsigned index)
{
    const struct nst_field *f = &m->resource->field[index];
    bool is_filled = f->fill == NST_AUTO_CREATED || f->fill == NST_AUTO_UPDATED;
    if (f->link != NULL)
        return !nst_is_made(f) && link_may_be_null(m, &m->link[index]);
    return f->constant == NULL && f->fallback == NULL && f->type != &nst_identity && !is_filled &&
           (f->flags & (NST_KEY | NST_NEVER_NULL)) == 0 && m->children[index] == NULL;
}

static bool link_may_be_null(const struct nst_model *m, const struct nst_link *link)
{
    for (size_t i = 0; i < link->count; i++)
        if (link->piece[i].field >= 0 && may_be_null(m, (unsigned)link->piece[i].field))
            return true;
    return false;
}

/* ---- Types ---- */

static void put_type(struct nst_buf *out, const char *type, bool may_be_null)
{
    if (type != NULL)
        nst_putf(out, may_be_null ? "\"type\":[\"%s\",\"null\"]" : "\"type\":\"%s\"", type);
}

/* The type of a value that is the same in every row. */
static void put_constant(struct nst_buf *out, const char *json)
{
    static const struct {
        const char *first, *type;
    } types[] = { { "n", "null" },     { "[", "array" },   { "{", "object" },
                  { "tf", "boolean" }, { "\"", "string" }, { "-0123456789", "integer" } };
    for (size_t i = 0; i < NST_COUNT(types); i++)
        if (strchr(types[i].first, json[0]) != NULL)
            put_type(out, types[i].type, false);
    if (json[0] == '"')
        nst_putf(out, ",\"const\":%s", json);
    if (json[0] == '[')
        nst_put_lit(out, ",\"items\":{}");
}

static void put_format(struct nst_buf *out, const struct nst_face *face,
                       const struct nst_type *type)
{
    if (type == &nst_identity)
        nst_put_z(out, face->identity == NST_HEX24 ? ",\"pattern\":\"^[0-9a-f]{24}$\""
                                                   : ",\"pattern\":\"^[0-9]+$\"");
    else if (type == &nst_datetime && face->time == NST_TIME_MILLI) /* without a zone */
        nst_put_lit(out, ",\"pattern\":\"^[0-9-]{10}T[0-9:.]{12}$\"");
    else if (type->format != NULL)
        nst_putf(out, ",\"format\":\"%s\"", type->format);
}

static void put_items(struct nst_document *d, const struct nst_slot *slot,
                      const struct nst_face *face, enum nst_use use)
{
    const char *items = slot->field->type->items;
    nst_put_lit(d->out, ",\"items\":");
    if (slot->children != NULL)
        nst_put_reference(d, slot->children, face, use);
    else
        nst_put_z(d->out, items != NULL ? items : "{\"type\":\"string\"}");
}

static bool is_list(const struct nst_type *type)
{
    return type->schema != NULL && strcmp(type->schema, "array") == 0;
}

/* ---- What is shown ---- */

static void put_shown(struct nst_document *d, const struct nst_shape *shape,
                      const struct nst_slot *slot)
{
    const struct nst_face *face = shape->serializer->face;
    const struct nst_field *f = slot->field;
    if (shape->type.p != NULL && nst_str_eq(slot->snake, NST_STR("type"))) {
        put_constant(d->out, nst_str_to_z(d->out->arena, shape->type));
    } else if (f->constant != NULL) {
        put_constant(d->out, f->constant);
    } else if (slot->children != NULL) {
        put_type(d->out, "array", false);
        put_items(d, slot, face, NST_DETAIL);
    } else {
        bool is_text = f->type == &nst_string_list && face->lists_as_text;
        put_type(d->out, is_text ? "string" : f->type->schema,
                 slot->model != NULL && may_be_null(slot->model, slot->index));
        put_format(d->out, face, f->type);
        if (is_list(f->type) && !is_text)
            put_items(d, slot, face, NST_DETAIL);
    }
}

/* ---- What is taken ---- */

static void put_enum(struct nst_buf *out, const char *choices, bool may_be_null)
{
    struct nst_str rest = nst_str_z(choices);
    nst_put_lit(out, ",\"enum\":[");
    while (rest.p != NULL) {
        nst_put_comma(out);
        nst_json_put_str(out, nst_str_cut(&rest, '|'));
    }
    nst_put_z(out, may_be_null ? ",null]" : "]");
}

/* "a-z.-" as the inside of a character class; only `.` `-` `_` and letters occur. */
static void put_pattern(struct nst_buf *out, const struct nst_slot *slot)
{
    const struct nst_rule *rule = slot->rule;
    const struct nst_field *f = slot->field;
    nst_put_lit(out, ",\"pattern\":");
    if (rule != NULL && rule->charset != NULL)
        nst_json_put_str(out, nst_strf(out->arena, "^[%s]%s$", rule->charset,
                                       slot->must_hold ? "+" : "*"));
    else if (f->type == &nst_slug || (f->flags & NST_KEY) != 0)
        nst_put_lit(out, "\"^[^/\\\\u0000-\\\\u001f\\\\u007f-\\\\u009f]+$\"");
    else
        nst_put_lit(out, "\"\\\\S\"");
}

static void put_text_rules(struct nst_buf *out, const struct nst_slot *slot)
{
    const struct nst_rule *rule = slot->rule;
    bool has_form = slot->field->type == &nst_slug || (slot->field->flags & NST_KEY) != 0 ||
                    (rule != NULL && rule->charset != NULL);
    nst_putf(out, ",\"maxLength\":%u", nst_text_max(slot->field));
    if (slot->must_hold)
        nst_put_lit(out, ",\"minLength\":1");
    if (slot->must_hold || has_form)
        put_pattern(out, slot);
    if (rule != NULL && rule->choices != NULL)
        put_enum(out, rule->choices, !slot->must_hold);
    if (rule != NULL && rule->refused != NULL) {
        nst_put_lit(out, ",\"not\":{\"type\":\"string\"");
        put_enum(out, rule->refused, false);
        nst_put_char(out, '}');
    }
}

static void put_list_rules(struct nst_document *d, const struct nst_slot *slot,
                           const struct nst_face *face)
{
    put_items(d, slot, face, NST_CREATE);
    if (slot->children != NULL && slot->field->max > 0)
        nst_putf(d->out, ",\"maxItems\":%u", slot->field->max);
    if (slot->children != NULL && slot->must_hold)
        nst_put_lit(d->out, ",\"minItems\":1");
}

static void put_taken(struct nst_document *d, const struct nst_shape *shape,
                      const struct nst_slot *slot)
{
    const struct nst_face *face = shape->serializer->face;
    const struct nst_type *type = slot->field->type;
    if (type == &nst_string_list)
        nst_put_z(d->out, slot->must_hold ? "\"type\":[\"array\",\"string\"]"
                                          : "\"type\":[\"array\",\"string\",\"null\"]");
    else
        put_type(d->out, type->schema, !slot->must_hold);
    const char *format =
        slot->rule != NULL && slot->rule->format != NULL ? slot->rule->format : type->format;
    if (format != NULL)
        nst_putf(d->out, ",\"format\":\"%s\"", format);
    if (is_list(type))
        put_list_rules(d, slot, face);
    else if (slot->field->rep == NST_REP_STR && !type->holds_json)
        put_text_rules(d->out, slot);
}

/* ---- Serializers ---- */

static bool is_input(const struct nst_shape *shape)
{
    return shape->serializer->use == NST_CREATE || shape->serializer->use == NST_UPDATE;
}

static void put_property(struct nst_document *d, const struct nst_shape *shape,
                         const struct nst_slot *slot, struct nst_str name)
{
    size_t empty;
    nst_put_comma(d->out);
    nst_json_put_str(d->out, name);
    nst_put_lit(d->out, ":{");
    empty = d->out->n;
    if (is_input(shape))
        put_taken(d, shape, slot);
    else
        put_shown(d, shape, slot);
    nst_put_z(d->out, d->out->n > empty ? "," : "");
    nst_put_lit(d->out, "\"description\":");
    nst_json_put_str(d->out, nst_str_z(slot->field->doc));
    nst_put_char(d->out, '}');
}

/* All that is shown is always there. */
static void put_required(struct nst_buf *out, const struct nst_shape *shape)
{
    const char *before = ",\"required\":[", *after = "";
    for (size_t i = 0; i < shape->count; i++) {
        if (is_input(shape) && !shape->slot[i].is_required)
            continue;
        nst_put_z(out, before);
        nst_json_put_str(out, shape->slot[i].name);
        before = ",";
        after = "]";
    }
    nst_put_z(out, after);
}

/* They are there where the query asks for them. */
static void put_members(struct nst_document *d, const struct nst_model *model,
                        const struct nst_shape *shape)
{
    const struct nst_member *m = model->set.member;
    for (; m != NULL && m->name != NULL; m++) {
        if (m->face != shape->serializer->face || (m->uses >> shape->serializer->use & 1) == 0)
            continue;
        nst_put_comma(d->out);
        struct nst_str schema = nst_str_z(m->schema);
        nst_putf(d->out, "\"%s\":", m->name);
        nst_put(d->out, nst_str_slice(schema, 0, schema.n - 1)); /* with a word on it */
        nst_put_member(d->out, "description", m->doc);
        nst_put_char(d->out, '}');
    }
}

static void put_schema(struct nst_document *d, const struct nst_model *m,
                       const struct nst_shape *shape)
{
    nst_put_lit(d->out, "{\"type\":\"object\",\"properties\":{");
    for (size_t i = 0; i < shape->count; i++) {
        const struct nst_slot *slot = &shape->slot[i];
        put_property(d, shape, slot, slot->name);
        if (is_input(shape) && slot->rule != NULL && slot->rule->alias != NULL)
            put_property(d, shape, slot, nst_str_z(slot->rule->alias));
    }
    put_members(d, m, shape);
    nst_put_char(d->out, '}');
    put_required(d->out, shape);
    nst_put_char(d->out, '}');
}

#define DEFAULT_ERROR \
    "{\"type\":\"object\",\"minProperties\":1,\"additionalProperties\":{\"type\":[\"string\"," \
    "\"array\"],\"items\":{\"type\":\"string\"}}}"

/* "guide.Error": what the refusals of a face hold. */
static void put_errors(struct nst_document *d)
{
    for (size_t i = 0; i < d->reg->faces; i++) {
        const struct nst_face *face = d->reg->face[i];
        if (face->mount == NULL)
            continue;
        nst_put_comma(d->out);
        nst_putf(d->out, "\"%s.Error\":%s", face->name,
                 face->error_schema != NULL ? face->error_schema : DEFAULT_ERROR);
    }
}

/* A schema can refer to one that stands before it in the order of the tables. */
static bool put_what_is_used(struct nst_document *d, const struct nst_model *m, bool *is_written)
{
    bool any = false;
    for (size_t face = 0; face < d->reg->faces; face++)
        for (int use = 0; use < NST_USE_COUNT; use++) {
            bool *is_used = used(d, m, d->reg->face[face], (enum nst_use)use);
            size_t place = (size_t)(is_used - &d->is_used[0][0]);
            if (!*is_used || is_written[place])
                continue;
            nst_put_comma(d->out);
            nst_put_char(d->out, '"');
            put_name(d->out, m, d->reg->face[face], (enum nst_use)use);
            nst_put_lit(d->out, "\":");
            put_schema(d, m, nst_shape_of(m, d->reg->face[face], (enum nst_use)use));
            any = is_written[place] = true;
        }
    return any;
}

void nst_put_schemas(struct nst_document *d)
{
    size_t places = d->reg->models * d->reg->faces * NST_USE_COUNT;
    bool *is_written = NST_NEW_ARRAY(d->out->arena, bool, places + 1), any = true;
    put_errors(d);
    while (any) {
        any = false;
        for (size_t i = 0; i < d->reg->models; i++)
            any |= put_what_is_used(d, &d->reg->model[i], is_written);
    }
}
