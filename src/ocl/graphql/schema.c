/* What can be asked for: types and their fields, over concepts as the REST face shows them. */
#include "graphql.h"

const struct ocl_graphql_type ocl_graphql_string = { "String", OCL_GRAPHQL_TEXT };
static const struct ocl_graphql_type identity = { "ID", OCL_GRAPHQL_TEXT };
static const struct ocl_graphql_type integer = { "Int", OCL_GRAPHQL_INT };
static const struct ocl_graphql_type number = { "Float", OCL_GRAPHQL_FLOAT };
const struct ocl_graphql_type ocl_graphql_boolean = { "Boolean", OCL_GRAPHQL_BOOLEAN };
static const struct ocl_graphql_type any = { "JSON", OCL_GRAPHQL_ANY };

static const struct nst_json *member(const struct nst_json *v, const char *name)
{
    return nst_json_get(v, nst_str_z(name));
}

static struct nst_str text_of(const struct nst_json *v)
{
    return v != NULL && v->kind == NST_JSON_STRING ? v->text : (struct nst_str){ 0 };
}

/* ---- Names and mappings ---- */

OCL_GRAPHQL_OBJECT(name_type, "ConceptNameType",
                   { "name", &ocl_graphql_string, "name", .is_required = true },
                   { "locale", &ocl_graphql_string, "locale", .is_required = true },
                   { "type", &ocl_graphql_string, "name_type" },
                   { "preferred", &ocl_graphql_boolean, "locale_preferred", .is_required = true });

/* Of a mapping; null where it names no source. */
static const struct nst_json *find_source(const struct nst_json *mapping)
{
    bool is_named = text_of(member(mapping, "to_source_url")).p != NULL ||
                    text_of(member(mapping, "to_source_name")).p != NULL;
    return is_named ? mapping : NULL;
}

OCL_GRAPHQL_OBJECT(source_type, "ToSourceType", { "url", &ocl_graphql_string, "to_source_url" },
                   { "name", &ocl_graphql_string, "to_source_name" });

OCL_GRAPHQL_OBJECT(mapping_type, "MappingType",
                   { "mapType", &ocl_graphql_string, "map_type", .is_required = true },
                   { "toSource", &source_type, .find = find_source },
                   { "toCode", &ocl_graphql_string, "to_concept_code" },
                   { "comment", &ocl_graphql_string, "update_comment" });

/* ---- Datatypes: what the free JSON object of the concept says of values ---- */

OCL_GRAPHQL_OBJECT(numeric, "NumericDatatypeDetails",
                   { "units", &ocl_graphql_string, "extras.units" },
                   { "lowAbsolute", &number, "extras.low_absolute" },
                   { "highAbsolute", &number, "extras.hi_absolute" },
                   { "lowNormal", &number, "extras.low_normal" },
                   { "highNormal", &number, "extras.hi_normal" },
                   { "lowCritical", &number, "extras.low_critical" },
                   { "highCritical", &number, "extras.hi_critical" });

static const struct nst_json *find_multiple(const struct nst_json *concept)
{
    static const char *const names[] = { "allow_multiple", "allow_multiple_answers",
                                         "allowMultipleAnswers" };
    const struct nst_json *extras = member(concept, "extras");
    for (size_t i = 0; i < NST_COUNT(names); i++)
        if (member(extras, names[i]) != NULL)
            return member(extras, names[i]);
    return NULL;
}

OCL_GRAPHQL_OBJECT(coded, "CodedDatatypeDetails",
                   { "allowMultiple", &ocl_graphql_boolean, .find = find_multiple });

static const struct nst_json *find_format(const struct nst_json *concept)
{
    const struct nst_json *extras = member(concept, "extras"), *v = member(extras, "text_format");
    return v != NULL ? v : member(extras, "textFormat");
}

OCL_GRAPHQL_OBJECT(textual, "TextDatatypeDetails",
                   { "textFormat", &ocl_graphql_string, .find = find_format });

static bool says_a_number(const struct nst_json *concept)
{
    static const char *const names[] = { "units",     "low_absolute", "hi_absolute", "low_normal",
                                         "hi_normal", "low_critical", "hi_critical" };
    for (size_t i = 0; i < NST_COUNT(names); i++) {
        const struct nst_json *v = member(member(concept, "extras"), names[i]);
        if (v != NULL && v->kind != NST_JSON_NULL)
            return true;
    }
    return false;
}

static const struct ocl_graphql_type *which_details(const struct nst_json *concept)
{
    struct nst_str datatype = text_of(member(concept, "datatype"));
    if (datatype.p == NULL)
        return NULL;
    if (nst_str_eq_nocase(datatype, NST_STR("numeric")))
        return says_a_number(concept) ? &numeric : NULL;
    if (nst_str_eq_nocase(datatype, NST_STR("coded")))
        return find_multiple(concept) != NULL ? &coded : NULL;
    return nst_str_eq_nocase(datatype, NST_STR("text")) && find_format(concept) != NULL ? &textual
                                                                                        : NULL;
}

static const struct ocl_graphql_type *const details_among[] = { &numeric, &coded, &textual, NULL };
static const struct ocl_graphql_type details = { "DatatypeDetails", .among = details_among,
                                                 .which = which_details };

OCL_GRAPHQL_OBJECT(datatype_type, "DatatypeType", { "name", &ocl_graphql_string, "datatype" },
                   { "details", &details, "" });

/* ---- Concepts ---- */

/* The first description that its language and preference speak for: see find_description. */
static const struct nst_json *pick_description(const struct nst_json *list, struct nst_str locale,
                                               bool is_preferred)
{
    for (const struct nst_json *d = list->first; d != NULL; d = d->next) {
        const struct nst_json *preferred = member(d, "locale_preferred");
        bool fits = locale.p == NULL || nst_str_eq(text_of(member(d, "locale")), locale);
        if (fits && (!is_preferred || (preferred != NULL && preferred->boolean)))
            return member(d, "description");
    }
    return NULL;
}

/* Preferred ones in the language of the source first, then any in it, then preferred ones. */
static const struct nst_json *find_description(const struct nst_json *concept)
{
    const struct nst_json *list = member(concept, "descriptions"), *found = NULL;
    struct nst_str locale = text_of(member(concept, "default_locale"));
    if (list == NULL)
        return NULL;
    if (locale.n > 0)
        found = pick_description(list, locale, true);
    if (found == NULL && locale.n > 0)
        found = pick_description(list, locale, false);
    if (found == NULL)
        found = pick_description(list, (struct nst_str){ 0 }, true);
    return found != NULL ? found : pick_description(list, (struct nst_str){ 0 }, false);
}

static const struct nst_json *find_datatype(const struct nst_json *concept)
{
    return text_of(member(concept, "datatype")).n > 0 ? concept : NULL;
}

OCL_GRAPHQL_OBJECT(metadata, "MetadataType", { "isSet", &ocl_graphql_boolean, "extras.is_set" },
                   { "isRetired", &ocl_graphql_boolean, "retired" },
                   { "createdBy", &ocl_graphql_string, "created_by" },
                   { "createdAt", &ocl_graphql_string, "created_on" },
                   { "updatedBy", &ocl_graphql_string, "updated_by" },
                   { "updatedAt", &ocl_graphql_string, "updated_on" });

OCL_GRAPHQL_OBJECT(concept_type, "ConceptType", { "id", &identity, "uuid", .is_required = true },
                   { "externalId", &ocl_graphql_string, "external_id" },
                   { "conceptId", &ocl_graphql_string, "id", .is_required = true },
                   { "display", &ocl_graphql_string, "display_name" },
                   { "names", &name_type, "names", .is_list = true, .is_required = true },
                   { "mappings", &mapping_type, "mappings", .is_list = true, .is_required = true },
                   { "description", &ocl_graphql_string, .find = find_description },
                   { "conceptClass", &ocl_graphql_string, "concept_class" },
                   { "datatype", &datatype_type, .find = find_datatype },
                   { "metadata", &metadata, "", .is_required = true },
                   { "extras", &any, "extras" });

OCL_GRAPHQL_OBJECT(result, "ConceptSearchResult", { "org", &ocl_graphql_string, "org" },
                   { "source", &ocl_graphql_string, "source" },
                   { "versionResolved", &ocl_graphql_string, "versionResolved",
                     .is_required = true },
                   { "page", &integer, "page" }, { "limit", &integer, "limit" },
                   { "totalCount", &integer, "totalCount", .is_required = true },
                   { "hasNextPage", &ocl_graphql_boolean, "hasNextPage", .is_required = true },
                   { "results", &concept_type, "results", .is_list = true, .is_required = true });

static const struct ocl_graphql_parameter concepts_parameter[] = {
    [OCL_GRAPHQL_ORG] = { "org", &ocl_graphql_string },
    [OCL_GRAPHQL_OWNER] = { "owner", &ocl_graphql_string },
    [OCL_GRAPHQL_SOURCE] = { "source", &ocl_graphql_string },
    [OCL_GRAPHQL_VERSION] = { "version", &ocl_graphql_string },
    [OCL_GRAPHQL_IDS] = { "conceptIds", &ocl_graphql_string, .is_list = true },
    [OCL_GRAPHQL_QUERY] = { "query", &ocl_graphql_string },
    [OCL_GRAPHQL_PAGE] = { "page", &integer },
    [OCL_GRAPHQL_LIMIT] = { "limit", &integer },
    { 0 },
};

static const struct ocl_graphql_parameter type_parameter[] = {
    { "name", &ocl_graphql_string },
    { 0 },
};

static const struct ocl_graphql_field root_field[] = {
    { "concepts", &result, "", .is_required = true, .parameter = concepts_parameter,
      .resolve = ocl_graphql_concepts },
    { "__schema", &ocl_graphql_schema_type, "", .is_required = true,
      .resolve = ocl_graphql_schema },
    { "__type", &ocl_graphql_type_type, "", .parameter = type_parameter,
      .resolve = ocl_graphql_type_named },
    { 0 },
};

const struct ocl_graphql_type ocl_graphql_root = { "Query", .field = root_field };
