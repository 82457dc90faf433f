/* What the schema says of itself, __schema and __type: made of its tables, those of these two
 * fields among them. A type stands in it once; what refers to it shares its members, so that
 * questions may go round in circles as deep as a document may be. */
#include "graphql.h"

#include <assert.h>

#define TYPES_MAX 48

/* The types that are known, and their JSON. */
struct shelf {
    struct nst_arena *arena;
    const struct ocl_graphql_type *type[TYPES_MAX];
    struct nst_json *json[TYPES_MAX];
    size_t types;
};

/* ---- The tables of what is said ---- */

#define STRING  &ocl_graphql_string
#define BOOLEAN &ocl_graphql_boolean
#define MANY    .is_list = true
#define ALWAYS  .is_required = true

static const struct ocl_graphql_type kind_type = {
    "__TypeKind", OCL_GRAPHQL_TEXT,
    .words = "SCALAR|OBJECT|INTERFACE|UNION|ENUM|INPUT_OBJECT|LIST|NON_NULL"
};
static const struct ocl_graphql_type location_type = {
    "__DirectiveLocation", OCL_GRAPHQL_TEXT, .words = "FIELD|FRAGMENT_SPREAD|INLINE_FRAGMENT"
};

static const struct ocl_graphql_parameter deprecated[] = {
    { "includeDeprecated", BOOLEAN },
    { 0 },
};

#define DEPRECATED \
    { "isDeprecated", BOOLEAN, "isDeprecated", ALWAYS }, \
    { \
        "deprecationReason", STRING, "deprecationReason" \
    }
#define NAMED \
    { "name", STRING, "name", ALWAYS }, \
    { \
        "description", STRING, "description" \
    }

OCL_GRAPHQL_OBJECT(input_type, "__InputValue", NAMED,
                   { "type", &ocl_graphql_type_type, "type", ALWAYS },
                   { "defaultValue", STRING, "defaultValue" }, DEPRECATED);
OCL_GRAPHQL_OBJECT(field_type, "__Field", NAMED,
                   { "args", &input_type, "args", MANY, ALWAYS, .parameter = deprecated },
                   { "type", &ocl_graphql_type_type, "type", ALWAYS }, DEPRECATED);
OCL_GRAPHQL_OBJECT(word_type, "__EnumValue", NAMED, DEPRECATED);
OCL_GRAPHQL_OBJECT(directive_type, "__Directive", NAMED,
                   { "isRepeatable", BOOLEAN, "isRepeatable", ALWAYS },
                   { "locations", &location_type, "locations", MANY, ALWAYS },
                   { "args", &input_type, "args", MANY, ALWAYS, .parameter = deprecated });

static const struct ocl_graphql_field type_field[] = {
    { "kind", &kind_type, "kind", ALWAYS },
    { "name", STRING, "name" },
    { "description", STRING, "description" },
    { "specifiedByURL", STRING, "specifiedByURL" },
    { "fields", &field_type, "fields", MANY, .parameter = deprecated },
    { "interfaces", &ocl_graphql_type_type, "interfaces", MANY },
    { "possibleTypes", &ocl_graphql_type_type, "possibleTypes", MANY },
    { "enumValues", &word_type, "enumValues", MANY, .parameter = deprecated },
    { "inputFields", &input_type, "inputFields", MANY, .parameter = deprecated },
    { "ofType", &ocl_graphql_type_type, "ofType" },
    { 0 },
};
const struct ocl_graphql_type ocl_graphql_type_type = { "__Type", .field = type_field };

static const struct ocl_graphql_field schema_field[] = {
    { "description", STRING, "description" },
    { "types", &ocl_graphql_type_type, "types", MANY, ALWAYS },
    { "queryType", &ocl_graphql_type_type, "queryType", ALWAYS },
    { "mutationType", &ocl_graphql_type_type, "mutationType" },
    { "subscriptionType", &ocl_graphql_type_type, "subscriptionType" },
    { "directives", &directive_type, "directives", MANY, ALWAYS },
    { 0 },
};
const struct ocl_graphql_type ocl_graphql_schema_type = { "__Schema", .field = schema_field };

/* ---- JSON ---- */

static struct nst_json *add(struct shelf *s, struct nst_json *to, const char *name,
                            enum nst_json_kind kind)
{
    struct nst_json **tail = &to->first, *v = NST_NEW(s->arena, struct nst_json);
    while (*tail != NULL)
        tail = &(*tail)->next;
    *v = (struct nst_json){ .kind = kind, .name = nst_str_z(name) };
    *tail = v;
    return v;
}

static void add_text(struct shelf *s, struct nst_json *to, const char *name, struct nst_str text)
{
    add(s, to, name, NST_JSON_STRING)->text = text;
}

/* An item of a list that has a name, and is not deprecated. */
static struct nst_json *add_named(struct shelf *s, struct nst_json *list, struct nst_str name)
{
    struct nst_json *v = add(s, list, NULL, NST_JSON_OBJECT);
    add_text(s, v, "name", name);
    add(s, v, "isDeprecated", NST_JSON_BOOL);
    return v;
}

/* A reference to a type shares the members of its JSON. */
static void add_type(struct shelf *s, struct nst_json *to, const char *name,
                     const struct ocl_graphql_type *type)
{
    size_t i = 0;
    while (s->type[i] != type)
        i++;
    add(s, to, name, NST_JSON_OBJECT)->first = s->json[i]->first;
}

static struct nst_json *add_wrap(struct shelf *s, struct nst_json *to, const char *name,
                                 const char *kind)
{
    struct nst_json *v = add(s, to, name, NST_JSON_OBJECT);
    add_text(s, v, "kind", nst_str_z(kind));
    return v;
}

/* The same, not null, or a list of what is not null. */
static void add_wrapped(struct shelf *s, struct nst_json *to, const struct ocl_graphql_type *type,
                        bool is_list, bool is_required)
{
    const char *name = "type";
    if (is_required) {
        to = add_wrap(s, to, name, "NON_NULL");
        name = "ofType";
    }
    if (is_list) {
        to = add_wrap(s, add_wrap(s, to, name, "LIST"), "ofType", "NON_NULL");
        name = "ofType";
    }
    add_type(s, to, name, type);
}

/* ---- Types ---- */

static void collect(struct shelf *s, const struct ocl_graphql_type *type)
{
    for (size_t i = 0; i < s->types; i++)
        if (s->type[i] == type)
            return;
    assert(s->types < TYPES_MAX);
    s->type[s->types++] = type;
    for (size_t i = 0; type->among != NULL && type->among[i] != NULL; i++)
        collect(s, type->among[i]);
    for (const struct ocl_graphql_field *f = type->field; f != NULL && f->name != NULL; f++) {
        collect(s, f->type);
        for (const struct ocl_graphql_parameter *p = f->parameter; p != NULL && p->name != NULL;
             p++)
            collect(s, p->type);
    }
}

static const char *kind_of(const struct ocl_graphql_type *type)
{
    if (type->words != NULL)
        return "ENUM";
    if (type->leaf != OCL_GRAPHQL_COMPOSITE)
        return "SCALAR";
    return type->among != NULL ? "UNION" : "OBJECT";
}

static void add_arguments(struct shelf *s, struct nst_json *to,
                          const struct ocl_graphql_parameter *p)
{
    struct nst_json *list = add(s, to, "args", NST_JSON_ARRAY);
    for (; p != NULL && p->name != NULL; p++)
        add_wrapped(s, add_named(s, list, nst_str_z(p->name)), p->type, p->is_list, false);
}

/* The two fields that are answered here are not said. */
static void add_fields(struct shelf *s, struct nst_json *to, const struct ocl_graphql_field *f)
{
    struct nst_json *list = add(s, to, "fields", NST_JSON_ARRAY);
    add(s, to, "interfaces", NST_JSON_ARRAY);
    for (; f->name != NULL; f++) {
        if (f->name[0] == '_')
            continue;
        struct nst_json *v = add_named(s, list, nst_str_z(f->name));
        add_arguments(s, v, f->parameter);
        add_wrapped(s, v, f->type, f->is_list, f->is_required);
    }
}

static void fill_type(struct shelf *s, struct nst_json *v, const struct ocl_graphql_type *type)
{
    struct nst_str rest = nst_str_z(type->words);
    struct nst_json *words = rest.p != NULL ? add(s, v, "enumValues", NST_JSON_ARRAY) : NULL;
    while (rest.p != NULL)
        add_named(s, words, nst_str_cut(&rest, '|'));
    if (type->field != NULL)
        add_fields(s, v, type->field);
    struct nst_json *among =
        type->among != NULL ? add(s, v, "possibleTypes", NST_JSON_ARRAY) : NULL;
    for (size_t i = 0; among != NULL && type->among[i] != NULL; i++)
        add_type(s, among, NULL, type->among[i]);
}

/* First what refers to types finds, then what refers to them. */
static void make_types(struct shelf *s)
{
    collect(s, &ocl_graphql_root);
    for (size_t i = 0; i < s->types; i++) {
        s->json[i] = NST_NEW(s->arena, struct nst_json);
        s->json[i]->kind = NST_JSON_OBJECT;
        add_text(s, s->json[i], "kind", nst_str_z(kind_of(s->type[i])));
        add_text(s, s->json[i], "name", nst_str_z(s->type[i]->name));
    }
    for (size_t i = 0; i < s->types; i++)
        fill_type(s, s->json[i], s->type[i]);
}

/* ---- The fields ---- */

static void add_directive(struct shelf *s, struct nst_json *list, const char *name)
{
    struct nst_str rest = nst_str_z(location_type.words);
    struct nst_json *v = add_named(s, list, nst_str_z(name));
    struct nst_json *locations = add(s, v, "locations", NST_JSON_ARRAY);
    while (rest.p != NULL)
        add_text(s, locations, NULL, nst_str_cut(&rest, '|'));
    add(s, v, "isRepeatable", NST_JSON_BOOL);
    add_wrapped(s, add_named(s, add(s, v, "args", NST_JSON_ARRAY), NST_STR("if")), BOOLEAN, false,
                true);
}

enum nst_err ocl_graphql_schema(const struct nst_json **v, struct ocl_graphql_fault *fault,
                                struct nst_req *rq, const struct ocl_graphql_pick *pick,
                                struct ocl_graphql_budget *left)
{
    struct shelf s = { .arena = rq->arena };
    struct nst_json *schema = NST_NEW(rq->arena, struct nst_json);
    (void)fault;
    (void)pick;
    (void)left;
    schema->kind = NST_JSON_OBJECT;
    make_types(&s);
    struct nst_json *types = add(&s, schema, "types", NST_JSON_ARRAY);
    for (size_t i = 0; i < s.types; i++)
        add_type(&s, types, NULL, s.type[i]);
    add_type(&s, schema, "queryType", &ocl_graphql_root);
    struct nst_json *directives = add(&s, schema, "directives", NST_JSON_ARRAY);
    add_directive(&s, directives, "skip");
    add_directive(&s, directives, "include");
    *v = schema;
    return NST_OK;
}

enum nst_err ocl_graphql_type_named(const struct nst_json **v, struct ocl_graphql_fault *fault,
                                    struct nst_req *rq, const struct ocl_graphql_pick *pick,
                                    struct ocl_graphql_budget *left)
{
    struct shelf s = { .arena = rq->arena };
    const struct nst_json *name = pick->argument[0];
    (void)left;
    if (name == NULL || name->kind != NST_JSON_STRING) {
        fault->message = NST_STR("Argument 'name' of field '__type' is required.");
        return NST_OK;
    }
    make_types(&s);
    for (size_t i = 0; i < s.types; i++)
        if (nst_str_eq(nst_str_z(s.type[i]->name), name->text))
            *v = s.json[i];
    return NST_OK;
}
