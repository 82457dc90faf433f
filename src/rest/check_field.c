/* Checks the fields of a resource. */
#include "check.h"
#include "openapi.h"

/* ---- Texts that refer to fields: "{owner_url}sources/{id}/" ---- */

/* The next reference; its null name: there is none. *rest is null behind one whose
 * brace is open, and behind the last. */
static struct nst_str next_reference(struct nst_str *rest, bool *is_open)
{
    *is_open = false;
    if (rest->p == NULL)
        return (struct nst_str){ 0 };
    nst_str_cut(rest, '{');
    if (rest->p == NULL)
        return (struct nst_str){ 0 };
    struct nst_str name = nst_str_cut(rest, '}');
    *is_open = rest->p == NULL;
    return name;
}

bool nst_refers_to_nothing(const struct nst_resource *r, const char *text,
                           bool (*is_good)(const struct nst_field *f))
{
    bool is_open;
    struct nst_str rest = nst_str_z(text), name;
    while ((name = next_reference(&rest, &is_open)).p != NULL) {
        int i = nst_field_index(r, name);
        if (i < 0 || (is_good != NULL && !is_good(&r->field[i])))
            return true;
    }
    return false;
}

bool nst_has_open_brace(const char *text)
{
    bool is_open = false;
    struct nst_str rest = nst_str_z(text);
    while (!is_open && next_reference(&rest, &is_open).p != NULL)
        continue;
    return is_open;
}

/* ---- Values ---- */

bool nst_is_json(struct nst_arena *a, const char *text)
{
    struct nst_json *tree;
    return nst_json_read(&tree, NULL, a, nst_str_z(text), NULL) == NST_OK;
}

/* Members of child objects are shown as their fallback stands. */
bool nst_is_fallback(struct nst_arena *a, const struct nst_resource *r, const struct nst_field *f,
                     const char *text)
{
    struct nst_req rq = { .arena = a };
    union {
        struct nst_str text;
        int64_t number;
        bool flag;
    } member;
    const struct nst_json v = { .kind = NST_JSON_STRING, .text = nst_str_z(text) };
    if (r->size == 0 || f->type->holds_json)
        return nst_is_json(a, text);
    if (!f->type->parse(&rq, f, &v, &member))
        return false;
    return f->type->rep != NST_REP_STR || ((f->type->fits == NULL || f->type->fits(v.text)) &&
                                           (f->max == 0 || nst_utf8_length(v.text) <= f->max));
}

/* ---- Fields ---- */

static bool lacks_type(const struct nst_at *at)
{
    return at->field->name == NULL || at->field->type == NULL;
}

static bool stands_twice(const struct nst_at *at)
{
    const struct nst_resource *r = at->resource;
    return &r->field[nst_field_index(r, nst_str_z(at->field->name))] != at->field;
}

static bool lacks_doc(const struct nst_at *at)
{
    return at->field->doc == NULL;
}

static bool is_of_another_struct(const struct nst_at *at)
{
    return at->field->size != 0 && at->field->size != at->resource->size;
}

static bool is_held(const struct nst_at *at)
{
    return at->resource->size > 0 && nst_has_column(at->field);
}

static bool lies_outside(const struct nst_at *at)
{
    static const size_t width[] = { [NST_REP_STR] = sizeof(struct nst_str),
                                    [NST_REP_INT] = sizeof(int64_t),
                                    [NST_REP_BOOL] = sizeof(bool) };
    return is_held(at) && at->field->offset + width[at->field->rep] > at->resource->size;
}

static bool member_does_not_fit(const struct nst_at *at)
{
    return is_held(at) && at->field->rep != at->field->type->rep;
}

static bool lacks_children(const struct nst_at *at)
{
    return (at->field->type == &nst_child_list) != (at->field->children != NULL);
}

static bool children_are_unlisted(const struct nst_at *at)
{
    return at->field->children != NULL && !nst_lists_resource(at->reg, at->field->children);
}

static bool is_lazy_and_stored(const struct nst_at *at)
{
    return (at->field->flags & NST_LAZY) != 0 && nst_is_stored(at->field);
}

static bool filters_by_nothing(const struct nst_at *at)
{
    return (at->field->flags & NST_FILTER) != 0 && !is_held(at);
}

static bool cannot_be_filled(const struct nst_at *at)
{
    const struct nst_field *f = at->field;
    switch (f->fill) {
    case NST_AUTO_NONE:
        return false;
    case NST_AUTO_NUMBER:
        return at->resource->size > 0;
    case NST_AUTO_CREATED:
    case NST_AUTO_UPDATED:
        return f->rep != NST_REP_INT || !nst_is_stored(f);
    case NST_AUTO_CREATOR:
    case NST_AUTO_UPDATER:
        return f->rep == NST_REP_BOOL || !nst_is_stored(f);
    }
    return true;
}

static bool has_two_sources(const struct nst_at *at)
{
    const struct nst_field *f = at->field;
    bool has_column = f->column != NULL && f->column[0] != '\0';
    return (f->link != NULL) + (f->constant != NULL) + has_column > 1;
}

static bool constant_is_broken(const struct nst_at *at)
{
    return at->field->constant != NULL && !nst_is_json(at->reg->arena, at->field->constant);
}

static bool fallback_is_broken(const struct nst_at *at)
{
    const struct nst_field *f = at->field;
    return f->fallback != NULL && !nst_is_fallback(at->reg->arena, at->resource, f, f->fallback);
}

/* ---- Links ---- */

static bool link_is_open(const struct nst_at *at)
{
    return at->field->link != NULL && nst_has_open_brace(at->field->link);
}

static bool link_leads_nowhere(const struct nst_at *at)
{
    return at->field->link != NULL && nst_refers_to_nothing(at->resource, at->field->link, NULL);
}

static bool goes_round(const struct nst_resource *r, const struct nst_field *f, size_t depth)
{
    bool is_open;
    struct nst_str rest = nst_str_z(f->link), name;
    if (depth > r->fields)
        return true;
    while ((name = next_reference(&rest, &is_open)).p != NULL) {
        int i = nst_field_index(r, name);
        if (i >= 0 && goes_round(r, &r->field[i], depth + 1))
            return true;
    }
    return false;
}

static bool link_goes_round(const struct nst_at *at)
{
    return at->field->link != NULL && goes_round(at->resource, at->field, 0);
}

/* What is made of a truth value or of a constant is no address. */
static bool makes_an_address(const struct nst_field *f)
{
    return f->constant == NULL && !nst_is_made(f) && (f->link != NULL || f->rep != NST_REP_BOOL);
}

static bool link_holds_no_text(const struct nst_at *at)
{
    return at->field->link != NULL && !nst_is_made(at->field) &&
           nst_refers_to_nothing(at->resource, at->field->link, makes_an_address);
}

static bool is_made_by_nobody(const struct nst_at *at)
{
    return nst_is_made(at->field) && at->field->type->parse != NULL;
}

static bool filters_as_lists_do(const struct nst_at *at)
{
    for (size_t i = 0; (at->field->flags & NST_FILTER) != 0 && i < at->reg->faces; i++)
        if (nst_is_list_parameter(at->reg->face[i], nst_str_z(at->field->name)))
            return true;
    return false;
}

static const struct nst_check field_checks[] = {
    { lacks_type, "a field without name or type", "give it both: NST_FIELD does" },
    { stands_twice, "a field stands twice", "take one of the two out" },
    { lacks_doc, "a field needs a sentence of documentation", "write it in .doc" },
    { is_of_another_struct, "the field is of another struct than .size says",
      "let fields and .size name one struct" },
    { lies_outside, "the member lies outside the struct",
      "use NST_FIELD, and the size of its struct" },
    { member_does_not_fit, "the struct member does not fit the field type",
      "texts are struct nst_str, numbers and times int64_t, the rest bool" },
    { lacks_children, "a child list needs what its elements are, and nothing else does",
      "set .children with &nst_child_list" },
    { children_are_unlisted, "the resource of the children is not in the list of resources",
      "add it" },
    { has_two_sources, "a column, a link and a constant exclude each other", "keep one" },
    { is_lazy_and_stored, "only an expression can be lazy", "take NST_LAZY out" },
    { filters_as_lists_do, "a filter has the name of a parameter of lists",
      "rename the field, or the parameter in .lists" },
    { filters_by_nothing, "there is no column to filter by", "take NST_FILTER out" },
    { cannot_be_filled, "the framework cannot fill this field",
      "fill stored times, texts or numbers; NST_AUTO_NUMBER is for child objects" },
    { constant_is_broken, "the constant is no JSON", "write JSON: \"\\\"text\\\"\", \"null\"" },
    { fallback_is_broken, "the fallback is no value of the field",
      "write a value of its type, form and length; JSON where the field holds JSON" },
    { link_is_open, "a brace of the link is open", "close it" },
    { link_leads_nowhere, "the link names no field", "name one between the braces" },
    { link_goes_round, "the link leads back to itself", "name other fields" },
    { link_holds_no_text, "the link names a truth value or a constant", "name other fields" },
    { is_made_by_nobody, "a link is no value of this type",
      "take nst_url, or a type that makes values of other fields and reads none" },
    { 0 },
};

bool nst_check_fields(struct nst_registry *reg, const struct nst_resource *r)
{
    bool is_good = true;
    for (size_t i = 0; i < r->fields; i++) {
        const char *name = r->field[i].name;
        const struct nst_at at = {
            .reg = reg,
            .table = nst_str_z(r->name),
            .row = nst_strf(reg->arena, "field %s", name != NULL ? name : "?"),
            .resource = r,
            .field = &r->field[i],
        };
        is_good &= nst_passes(&at, field_checks);
    }
    return is_good;
}
