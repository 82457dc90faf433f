/* Which members of a resource count (V409 to V414), and what happens to them before they
 * are written down (V415, V416).
 *
 * The tables are the rule. Where the contract is brief they follow the package `ocldev`,
 * by which OCL computes its checksums: whatever is false, zero or empty counts as null. */
#include "ocl/checksum/prepare.h"

#include "ocl/checksum/python.h"

#include <stdlib.h>

enum {
    STANDARD = OCL_STANDARD,
    SMART = OCL_SMART,
    BOTH = STANDARD | SMART,
    DERIVED = 4,    /* made by `derive`, which keeps the empty string of V416 */
    FALLS_BACK = 8, /* false where the resource has none */
    EXTRAS = 16,    /* keys that begin with __ belong to programs */
};

struct field {
    struct nst_str name;
    unsigned flags;
    const struct ocl_checksum_kind *element; /* of a list of objects */
};

struct ocl_checksum_kind {
    const struct field *field; /* ends with one without name */
    const struct nst_json *(*derive)(struct nst_arena *a, const struct nst_json *v);
    bool (*is_meaning)(const struct nst_json *v); /* which elements are in the smart one */
};

static const struct field name_field[] = {
    { NST_STR_INIT("locale"), BOTH },
    { NST_STR_INIT("locale_preferred"), BOTH },
    { NST_STR_INIT("name"), BOTH },
    { NST_STR_INIT("name_type"), BOTH },
    { NST_STR_INIT("external_id"), BOTH },
    { NST_STR_INIT("retired"), BOTH },
    { .flags = 0 },
};

static const struct field description_field[] = {
    { NST_STR_INIT("locale"), BOTH },
    { NST_STR_INIT("locale_preferred"), BOTH },
    { NST_STR_INIT("description"), BOTH },
    { NST_STR_INIT("description_type"), BOTH },
    { NST_STR_INIT("external_id"), BOTH },
    { NST_STR_INIT("retired"), BOTH },
    { .flags = 0 },
};

static const struct field concept_field[] = {
    { NST_STR_INIT("concept_class"), BOTH },
    { NST_STR_INIT("datatype"), BOTH },
    { NST_STR_INIT("retired"), BOTH },
    { NST_STR_INIT("external_id"), STANDARD },
    { NST_STR_INIT("extras"), STANDARD | EXTRAS },
    { NST_STR_INIT("names"), BOTH, &ocl_concept_name_sum },
    { NST_STR_INIT("descriptions"), STANDARD, &ocl_concept_description_sum },
    { NST_STR_INIT("parent_concept_urls"), STANDARD },
    { NST_STR_INIT("child_concept_urls"), STANDARD },
    { .flags = 0 },
};

static const struct field mapping_field[] = {
    { NST_STR_INIT("map_type"), BOTH },
    { NST_STR_INIT("from_concept_code"), BOTH | DERIVED },
    { NST_STR_INIT("to_concept_code"), BOTH | DERIVED },
    { NST_STR_INIT("from_concept_name"), BOTH },
    { NST_STR_INIT("to_concept_name"), BOTH },
    { NST_STR_INIT("retired"), BOTH },
    { NST_STR_INIT("sort_weight"), STANDARD },
    { NST_STR_INIT("from_source_url"), STANDARD | DERIVED },
    { NST_STR_INIT("from_source_version"), STANDARD | DERIVED },
    { NST_STR_INIT("to_source_url"), STANDARD | DERIVED },
    { NST_STR_INIT("to_source_version"), STANDARD | DERIVED },
    { NST_STR_INIT("extras"), STANDARD | EXTRAS },
    { NST_STR_INIT("external_id"), STANDARD },
    { .flags = 0 },
};

/* V412: `source_type` is named there and never counts. */
static const struct field source_field[] = {
    { NST_STR_INIT("canonical_url"), BOTH },
    { NST_STR_INIT("custom_validation_schema"), BOTH },
    { NST_STR_INIT("default_locale"), BOTH },
    { NST_STR_INIT("hierarchy_meaning"), STANDARD },
    { NST_STR_INIT("supported_locales"), STANDARD },
    { NST_STR_INIT("website"), STANDARD },
    { NST_STR_INIT("extras"), STANDARD | EXTRAS },
    { NST_STR_INIT("released"), SMART | FALLS_BACK },
    { NST_STR_INIT("retired"), SMART },
    { .flags = 0 },
};

static const struct field collection_field[] = {
    { NST_STR_INIT("collection_type"), BOTH },
    { NST_STR_INIT("canonical_url"), BOTH },
    { NST_STR_INIT("custom_validation_schema"), BOTH },
    { NST_STR_INIT("default_locale"), BOTH },
    { NST_STR_INIT("supported_locales"), STANDARD },
    { NST_STR_INIT("website"), STANDARD },
    { NST_STR_INIT("extras"), STANDARD | EXTRAS },
    { NST_STR_INIT("released"), SMART | FALLS_BACK },
    { NST_STR_INIT("retired"), SMART },
    { .flags = 0 },
};

/* V415: `is_active` never counts, here and of users. */
static const struct field org_field[] = {
    { NST_STR_INIT("name"), BOTH },
    { NST_STR_INIT("company"), BOTH },
    { NST_STR_INIT("location"), BOTH },
    { NST_STR_INIT("website"), BOTH },
    { NST_STR_INIT("extras"), STANDARD | EXTRAS },
    { .flags = 0 },
};

static const struct field user_field[] = {
    { NST_STR_INIT("first_name"), BOTH },
    { NST_STR_INIT("last_name"), BOTH },
    { NST_STR_INIT("username"), BOTH },
    { NST_STR_INIT("company"), BOTH },
    { NST_STR_INIT("location"), BOTH },
    { NST_STR_INIT("website"), STANDARD },
    { NST_STR_INIT("preferred_locale"), STANDARD },
    { NST_STR_INIT("extras"), STANDARD | EXTRAS },
    { .flags = 0 },
};

static bool is_fully_specified(const struct nst_json *name);
static const struct nst_json *derive_mapping(struct nst_arena *a, const struct nst_json *v);

const struct ocl_checksum_kind ocl_concept_sum = { concept_field };
const struct ocl_checksum_kind ocl_concept_name_sum = { name_field,
                                                        .is_meaning = is_fully_specified };
const struct ocl_checksum_kind ocl_concept_description_sum = { description_field };
const struct ocl_checksum_kind ocl_mapping_sum = { mapping_field, .derive = derive_mapping };
const struct ocl_checksum_kind ocl_source_sum = { source_field };
const struct ocl_checksum_kind ocl_collection_sum = { collection_field };
const struct ocl_checksum_kind ocl_org_sum = { org_field };
const struct ocl_checksum_kind ocl_user_sum = { user_field };

const struct ocl_checksum_kind *ocl_checksum_kind(struct nst_str word)
{
    static const struct {
        const char *word;
        const struct ocl_checksum_kind *kind;
    } known[] = {
        { "concept", &ocl_concept_sum },
        { "concept_version", &ocl_concept_sum },
        { "conceptname", &ocl_concept_name_sum },
        { "conceptdescription", &ocl_concept_description_sum },
        { "mapping", &ocl_mapping_sum },
        { "mapping_version", &ocl_mapping_sum },
        { "source", &ocl_source_sum },
        { "source_version", &ocl_source_sum },
        { "collection", &ocl_collection_sum },
        { "collection_version", &ocl_collection_sum },
        { "organization", &ocl_org_sum },
        { "org", &ocl_org_sum },
        { "user", &ocl_user_sum },
        { "userprofile", &ocl_user_sum },
    };
    struct nst_str one = word;
    if (word.n > 0 && nst_lower(word.p[word.n - 1]) == 's')
        one.n--;
    for (size_t i = 0; i < NST_COUNT(known); i++)
        if (nst_str_eq_nocase(one, nst_str_z(known[i].word)))
            return known[i].kind;
    return NULL;
}

/* ---- Trees ---- */

static struct nst_json *new_node(struct nst_arena *a, enum nst_json_kind kind)
{
    struct nst_json *v = NST_NEW(a, struct nst_json);
    v->kind = kind;
    return v;
}

static struct nst_json *new_text(struct nst_arena *a, enum nst_json_kind kind, struct nst_str text)
{
    struct nst_json *v = new_node(a, kind);
    v->text = text;
    return v;
}

/* Hang a copy of v with that name at *tail, the end of the children of parent. */
static struct nst_json **append(struct nst_arena *a, struct nst_json *parent,
                                struct nst_json **tail, struct nst_str name,
                                const struct nst_json *v)
{
    struct nst_json *child = NST_NEW(a, struct nst_json);
    *child = *v;
    child->name = name;
    child->next = NULL;
    *tail = child;
    parent->count++;
    return &child->next;
}

static const struct nst_json *normal(struct nst_arena *a, const struct nst_json *v);

/* A member, and its place among those of its name. */
struct member {
    const struct nst_json *value;
    size_t place;
};

/* As PostgreSQL orders the members of jsonb; of equal names the last is first. */
static int by_length(const void *x, const void *y)
{
    const struct member *a = x, *b = y;
    struct nst_str p = a->value->name, q = b->value->name;
    int order = p.n != q.n ? (p.n > q.n) - (p.n < q.n) : nst_str_cmp(p, q);
    return order != 0 ? order : (a->place < b->place) - (a->place > b->place);
}

static const struct nst_json *normal_object(struct nst_arena *a, const struct nst_json *v)
{
    struct nst_json *out = new_node(a, NST_JSON_OBJECT), **tail = &out->first;
    struct member *list = NST_NEW_ARRAY(a, struct member, v->count);
    size_t n = 0;
    for (const struct nst_json *m = v->first; m != NULL; m = m->next, n++)
        list[n] = (struct member){ m, n };
    qsort(list, n, sizeof(*list), by_length);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || !nst_str_eq(list[i].value->name, list[i - 1].value->name))
            tail = append(a, out, tail, list[i].value->name, normal(a, list[i].value));
    return out;
}

static const struct nst_json *normal_array(struct nst_arena *a, const struct nst_json *v)
{
    struct nst_json *out = new_node(a, NST_JSON_ARRAY), **tail = &out->first;
    for (const struct nst_json *item = v->first; item != NULL; item = item->next)
        tail = append(a, out, tail, (struct nst_str){ 0 }, normal(a, item));
    return out;
}

/* v as it would stand in OCL's store and print from there. Recursion is as deep as the
 * tree, which its reader bounds. */
static const struct nst_json *normal(struct nst_arena *a, const struct nst_json *v)
{
    switch (v->kind) {
    case NST_JSON_OBJECT:
        return normal_object(a, v);
    case NST_JSON_ARRAY:
        return normal_array(a, v);
    case NST_JSON_NUMBER:
        return new_text(a, NST_JSON_NUMBER, ocl_python_number(a, v->text));
    default:
        return v;
    }
}

static bool is_zero(struct nst_str number)
{
    return nst_str_eq(number, NST_STR("0")) || nst_str_eq(number, NST_STR("0.0")) ||
           nst_str_eq(number, NST_STR("-0.0"));
}

/* What Python takes for false; v is normal, or NULL. */
static bool is_falsy(const struct nst_json *v)
{
    if (v == NULL)
        return true;
    switch (v->kind) {
    case NST_JSON_NULL:
        return true;
    case NST_JSON_BOOL:
        return !v->boolean;
    case NST_JSON_NUMBER:
        return is_zero(v->text);
    case NST_JSON_STRING:
        return v->text.n == 0;
    case NST_JSON_ARRAY:
    case NST_JSON_OBJECT:
        return v->first == NULL;
    }
    return true;
}

/* The member of v in its normal form, NULL for what counts as null. */
static const struct nst_json *get(struct nst_arena *a, const struct nst_json *v,
                                  struct nst_str name)
{
    const struct nst_json *member = nst_json_get(v, name);
    if (member != NULL)
        member = normal(a, member);
    return is_falsy(member) ? NULL : member;
}

/* ---- Mappings ---- */

/* The members that say where a mapping begins, or ends. */
struct side {
    struct nst_str url, code, source, version;
};

static const struct side sides[] = {
    { NST_STR_INIT("from_concept_url"), NST_STR_INIT("from_concept_code"),
      NST_STR_INIT("from_source_url"), NST_STR_INIT("from_source_version") },
    { NST_STR_INIT("to_concept_url"), NST_STR_INIT("to_concept_code"),
      NST_STR_INIT("to_source_url"), NST_STR_INIT("to_source_version") },
};

/* The values of a side. */
struct end {
    const struct nst_json *code, *source, *version;
};

static size_t find_concepts(struct nst_str url)
{
    static const char part[] = "/concepts/";
    const char *found = memmem(url.p, url.n, part, sizeof(part) - 1);
    return found != NULL ? (size_t)(found - url.p) : url.n;
}

static bool has_source_version(struct nst_str source_url)
{
    size_t slashes = 0;
    for (size_t i = 0; i < source_url.n; i++)
        slashes += source_url.p[i] == '/';
    return slashes == 6;
}

static void cut_source(struct nst_arena *a, struct end *e, struct nst_str url)
{
    struct nst_str source = nst_strf(a, "%.*s/", NST_FMT(url));
    if (has_source_version(source)) { /* the quirk of V416 */
        source.n--;
        e->version = new_text(a, NST_JSON_STRING, NST_STR(""));
    }
    e->source = new_text(a, NST_JSON_STRING, source);
}

/* Cut what is missing out of the URL of a concept, `SOURCE/concepts/CODE/...`. */
static void cut_url(struct nst_arena *a, struct end *e, struct nst_str url)
{
    size_t at = find_concepts(url);
    struct nst_str rest = nst_str_slice(url, at + sizeof("/concepts/") - 1, url.n);
    if (e->code == NULL && at < url.n)
        e->code = new_text(a, NST_JSON_STRING, nst_str_cut(&rest, '/'));
    if (e->source == NULL)
        cut_source(a, e, nst_str_slice(url, 0, at));
}

static struct end read_side(struct nst_arena *a, const struct side *s, const struct nst_json *v)
{
    struct end e = { get(a, v, s->code), get(a, v, s->source), get(a, v, s->version) };
    const struct nst_json *url = get(a, v, s->url);
    if (url != NULL && url->kind == NST_JSON_STRING)
        cut_url(a, &e, url->text);
    if (e.code != NULL && e.code->kind == NST_JSON_STRING)
        e.code = new_text(a, NST_JSON_STRING, ocl_python_unquote_plus(a, e.code->text));
    return e;
}

/* V415 (1), V416 (7): codes and sources of both ends, as an object. */
static const struct nst_json *derive_mapping(struct nst_arena *a, const struct nst_json *v)
{
    struct nst_json *out = new_node(a, NST_JSON_OBJECT), **tail = &out->first;
    for (size_t i = 0; i < NST_COUNT(sides); i++) {
        struct end e = read_side(a, &sides[i], v);
        if (e.code != NULL)
            tail = append(a, out, tail, sides[i].code, e.code);
        if (e.source != NULL)
            tail = append(a, out, tail, sides[i].source, e.source);
        if (e.version != NULL)
            tail = append(a, out, tail, sides[i].version, e.version);
    }
    return out;
}

/* ---- Concepts ---- */

/* FULLY_SPECIFIED, Fully Specified, fully-specified, ... (V409) */
static bool is_fully_specified(const struct nst_json *name)
{
    static const char wanted[] = "fullyspecified";
    const struct nst_json *type = nst_json_get(name, NST_STR("name_type"));
    size_t n = 0;
    if (type == NULL || type->kind != NST_JSON_STRING)
        return false;
    for (size_t i = 0; i < type->text.n; i++) {
        char c = type->text.p[i];
        if (c == ' ' || c == '-' || c == '_')
            continue;
        if (n == sizeof(wanted) - 1 || nst_lower(c) != wanted[n++])
            return false;
    }
    return n == sizeof(wanted) - 1;
}

static const struct nst_json *elements(struct nst_arena *a, const struct ocl_checksum_kind *kind,
                                       enum ocl_checksum_scope scope, const struct nst_json *list)
{
    struct nst_json *out = new_node(a, NST_JSON_ARRAY), **tail = &out->first;
    for (const struct nst_json *v = list->first; v != NULL; v = v->next)
        if (scope == OCL_STANDARD || kind->is_meaning == NULL || kind->is_meaning(v))
            tail = append(a, out, tail, (struct nst_str){ 0 },
                          ocl_checksum_prepare(a, kind, scope, v));
    return out->first != NULL ? out : NULL;
}

/* ---- Resources ---- */

/* V415 (5); what remains may be empty, and counts. */
static const struct nst_json *without_private(struct nst_arena *a, const struct nst_json *v)
{
    if (v->kind != NST_JSON_OBJECT)
        return v;
    struct nst_json *out = new_node(a, NST_JSON_OBJECT), **tail = &out->first;
    for (const struct nst_json *m = v->first; m != NULL; m = m->next)
        if (!nst_str_starts(m->name, NST_STR("__")))
            tail = append(a, out, tail, m->name, m);
    return out;
}

/* V415 (4) */
static const struct nst_json *whole(struct nst_arena *a, const struct nst_json *v)
{
    return v->kind == NST_JSON_NUMBER ? new_text(a, NST_JSON_NUMBER, ocl_python_whole(a, v->text))
                                      : v;
}

static const struct nst_json *prepare_field(struct nst_arena *a, const struct field *f,
                                            enum ocl_checksum_scope scope, const struct nst_json *v)
{
    static const struct nst_json no = { .kind = NST_JSON_BOOL };
    const struct nst_json *list = f->element != NULL ? nst_json_get(v, f->name) : NULL;
    if (list != NULL && list->kind == NST_JSON_ARRAY)
        return elements(a, f->element, scope, list);
    if (f->flags & DERIVED)
        return nst_json_get(v, f->name);
    const struct nst_json *value = get(a, v, f->name);
    if (value != NULL && f->flags & EXTRAS)
        return without_private(a, value);
    return value != NULL || !(f->flags & FALLS_BACK) ? value : &no;
}

const struct nst_json *ocl_checksum_prepare(struct nst_arena *a,
                                            const struct ocl_checksum_kind *kind,
                                            enum ocl_checksum_scope scope, const struct nst_json *v)
{
    if (kind == NULL || v->kind != NST_JSON_OBJECT)
        return normal(a, v);
    struct nst_json *out = new_node(a, NST_JSON_OBJECT), **tail = &out->first;
    const struct nst_json *derived = kind->derive != NULL ? kind->derive(a, v) : NULL;
    for (const struct field *f = kind->field; f->name.p != NULL; f++) {
        if (!(f->flags & scope))
            continue;
        const struct nst_json *value = prepare_field(a, f, scope, f->flags & DERIVED ? derived : v);
        if (value != NULL)
            tail = append(a, out, tail, f->name, whole(a, value));
    }
    return out;
}
