/* The rules of OpenMRS for one concept and one mapping: a function a rule, in the order in which
 * the contract's server asks; the first that is broken is told. */
#include "openmrs.h"

#include "ocl/app.h"

#define EXTERNAL_ID_MAX 36
#define TOO_LONG        "External ID cannot be more than " NST_DIGITS(EXTERNAL_ID_MAX) " characters."

/* ---- Names and descriptions ---- */

static struct nst_str text_of(const struct nst_json *e, const char *member)
{
    const struct nst_json *v = nst_json_get(e, nst_str_z(member));
    return v != NULL && v->kind == NST_JSON_STRING ? v->text : (struct nst_str){ 0 };
}

static bool is_on(const struct nst_json *e, const char *member)
{
    const struct nst_json *v = nst_json_get(e, nst_str_z(member));
    return v != NULL && v->kind == NST_JSON_BOOL && v->boolean;
}

/* FULLY_SPECIFIED, Fully Specified, fully-specified, ... */
static bool is_word(struct nst_str type, const char *wanted)
{
    for (size_t i = 0; i < type.n; i++) {
        char c = type.p[i];
        if (c != ' ' && c != '-' && c != '_' && (*wanted == '\0' || nst_lower(c) != *wanted++))
            return false;
    }
    return *wanted == '\0';
}

static enum ocl_name_kind kind_of(struct nst_str type)
{
    static const char *const word[] = { [OCL_FULL_NAME] = "fullyspecified",
                                        [OCL_SHORT_NAME] = "short",
                                        [OCL_INDEX_TERM] = "indexterm" };
    for (size_t i = OCL_FULL_NAME; i < NST_COUNT(word); i++)
        if (is_word(type, word[i]))
            return (enum ocl_name_kind)i;
    return OCL_OTHER_NAME;
}

void ocl_read_labels(struct ocl_label **out, size_t *count, struct nst_req *rq, struct nst_str list,
                     const char *text)
{
    struct nst_json *tree;
    const char *type = nst_strf(rq->arena, "%s_type", text).p;
    *out = NULL;
    *count = 0;
    if (list.n == 0 || nst_json_read(&tree, NULL, rq->arena, list, &ocl_stored_limits) != NST_OK)
        return;
    *out = NST_NEW_ARRAY(rq->arena, struct ocl_label, tree->count + 1);
    for (const struct nst_json *e = tree->first; e != NULL; e = e->next)
        if (!is_on(e, "retired"))
            (*out)[(*count)++] = (struct ocl_label){
                text_of(e, text),          text_of(e, "locale"),         text_of(e, type),
                text_of(e, "external_id"), is_on(e, "locale_preferred"), kind_of(text_of(e, type))
            };
}

/* ---- A concept ---- */

/* What is judged, and the first rule that it breaks. */
struct judged {
    struct nst_req *rq;
    const struct ocl_source *source;
    const struct ocl_concept *concept;
    const struct ocl_all_names *all;
    struct ocl_label *name, *description;
    size_t names, descriptions;
    struct ocl_fault fault;
};

static void tell(struct judged *j, const char *field, const char *text)
{
    j->fault = (struct ocl_fault){ field, nst_str_z(text) };
}

static void tell_of(struct judged *j, const char *text, const struct ocl_label *name)
{
    struct nst_str n = name->text.n > 0 ? name->text : NST_STR("n/a");
    struct nst_str locale = name->locale.n > 0 ? name->locale : NST_STR("n/a");
    j->fault.field = "names";
    j->fault.text = nst_strf(j->rq->arena, "%s: %.*s (locale: %.*s, preferred: %s)", text,
                             NST_FMT(n), NST_FMT(locale), name->is_preferred ? "yes" : "no");
}

static bool is_long(struct nst_str external_id)
{
    return nst_utf8_length(external_id) > EXTERNAL_ID_MAX;
}

static enum nst_err external_id(struct judged *j)
{
    if (is_long(j->concept->content.external_id))
        tell(j, "external_id", "Concept " TOO_LONG);
    return NST_OK;
}

/* Names of which a language has at most one. */
static bool is_preferred(const struct ocl_label *n)
{
    return n->is_preferred;
}

static bool is_short(const struct ocl_label *n)
{
    return n->kind == OCL_SHORT_NAME;
}

static bool is_full(const struct ocl_label *n)
{
    return n->kind == OCL_FULL_NAME;
}

static void one_a_language(struct judged *j, bool (*counts)(const struct ocl_label *),
                           const char *text)
{
    for (size_t i = 0; i < j->names && j->fault.text.p == NULL; i++)
        for (size_t k = 0; k < i && counts(&j->name[i]) && j->fault.text.p == NULL; k++)
            if (counts(&j->name[k]) && nst_str_eq(j->name[k].locale, j->name[i].locale))
                tell_of(j, text, &j->name[i]);
}

static enum nst_err one_preferred(struct judged *j)
{
    one_a_language(j, is_preferred,
                   "A concept may not have more than one preferred name (per locale)");
    return NST_OK;
}

static enum nst_err names_differ(struct judged *j)
{
    for (size_t i = 0; i < j->names; i++)
        for (size_t k = 0; k < i && !is_short(&j->name[i]); k++)
            if (!is_short(&j->name[k]) && nst_str_eq(j->name[k].locale, j->name[i].locale) &&
                nst_str_eq(j->name[k].text, j->name[i].text))
                tell(j, "names",
                     "All names except short names must be unique for a concept and locale");
    return NST_OK;
}

static enum nst_err one_short(struct judged *j)
{
    one_a_language(j, is_short, "A concept cannot have more than one short name in a locale");
    return NST_OK;
}

static enum nst_err short_is_not_preferred(struct judged *j)
{
    for (size_t i = j->names; i-- > 0;)
        if (j->name[i].is_preferred && (is_short(&j->name[i]) || j->name[i].kind == OCL_INDEX_TERM))
            tell_of(j, "A short name cannot be marked as locale preferred", &j->name[i]);
    return NST_OK;
}

static enum nst_err one_full(struct judged *j)
{
    one_a_language(j, is_full,
                   "A concept may not have more than one fully specified name in any locale");
    return NST_OK;
}

static enum nst_err any_full(struct judged *j)
{
    bool any = false;
    for (size_t i = 0; i < j->names; i++)
        any |= is_full(&j->name[i]);
    if (!any)
        tell(j, "names", "A concept must have at least one fully specified name");
    return NST_OK;
}

static enum nst_err label_ids(struct judged *j)
{
    for (size_t i = 0; i < j->descriptions; i++)
        if (is_long(j->description[i].external_id))
            tell(j, "descriptions", "Concept description's " TOO_LONG);
    for (size_t i = 0; i < j->names; i++)
        if (is_long(j->name[i].external_id))
            tell(j, "names", "Concept name's " TOO_LONG);
    return NST_OK;
}

/* ---- Values of the vocabularies: none is given as "None" ---- */

static enum nst_err is_value(bool *out, struct judged *j, enum ocl_vocabulary in, struct nst_str v)
{
    return ocl_is_value(out, j->rq, in, v.n > 0 ? v : NST_STR("None"));
}

static enum nst_err known_class(struct judged *j)
{
    bool is_known;
    NST_TRY(is_value(&is_known, j, OCL_CLASSES, j->concept->concept_class));
    if (!is_known)
        tell(j, "concept_class", "Invalid concept class");
    return NST_OK;
}

static enum nst_err known_datatype(struct judged *j)
{
    bool is_known;
    NST_TRY(is_value(&is_known, j, OCL_DATATYPES, j->concept->datatype));
    if (!is_known)
        tell(j, "data_type", "Invalid data type");
    return NST_OK;
}

static enum nst_err known_name_types(struct judged *j)
{
    bool is_known = true;
    for (size_t i = 0; i < j->names && is_known; i++) {
        if (j->name[i].kind != OCL_OTHER_NAME)
            continue;
        NST_TRY(is_value(&is_known, j, OCL_NAME_TYPES, j->name[i].type));
        if (!is_known)
            tell_of(j, "Invalid name type", &j->name[i]);
    }
    return NST_OK;
}

static enum nst_err known_description_types(struct judged *j)
{
    bool is_known = true;
    for (size_t i = 0; i < j->descriptions && is_known; i++) {
        NST_TRY(is_value(&is_known, j, OCL_DESCRIPTION_TYPES, j->description[i].type));
        if (!is_known)
            tell(j, "descriptions", "Invalid description type");
    }
    return NST_OK;
}

static enum nst_err known_locales(struct judged *j)
{
    bool is_known = true;
    for (size_t i = 0; i < j->names && is_known; i++) {
        NST_TRY(is_value(&is_known, j, OCL_LOCALES_KNOWN, j->name[i].locale));
        if (!is_known)
            tell_of(j, "Invalid name locale", &j->name[i]);
    }
    for (size_t i = 0; i < j->descriptions && is_known; i++) {
        NST_TRY(is_value(&is_known, j, OCL_LOCALES_KNOWN, j->description[i].locale));
        if (!is_known)
            tell(j, "descriptions", "Invalid description locale");
    }
    return NST_OK;
}

/* ---- Names that are unique in the source ---- */

static enum nst_err unique(struct judged *j, bool (*counts)(const struct ocl_label *),
                           bool as_preferred, const char *text)
{
    for (size_t i = 0; i < j->names && j->fault.text.p == NULL; i++) {
        bool is_taken = false;
        const struct ocl_label *n = &j->name[i];
        if (counts(n) && j->all != NULL)
            is_taken = ocl_is_name_shared(j->all, j->rq->arena, n, as_preferred);
        else if (counts(n))
            NST_TRY(ocl_is_name_taken(&is_taken, j->rq, j->concept, n, as_preferred));
        if (is_taken)
            tell_of(j, text, n);
    }
    return NST_OK;
}

static enum nst_err full_is_unique(struct judged *j)
{
    return unique(j, is_full, false,
                  "Concept fully specified name must be unique for same source and locale");
}

static enum nst_err preferred_is_unique(struct judged *j)
{
    return unique(j, is_preferred, true,
                  "Concept preferred name must be unique for same source and locale");
}

enum nst_err ocl_judge_concept(struct ocl_fault *out, struct nst_req *rq,
                               const struct ocl_source *s, const struct ocl_concept *c,
                               const struct ocl_all_names *all)
{
    static enum nst_err (*const rule[])(struct judged *) = {
        external_id,
        one_preferred,
        names_differ,
        one_short,
        short_is_not_preferred,
        one_full,
        any_full,
        label_ids,
        known_class,
        known_datatype,
        known_name_types,
        known_description_types,
        known_locales,
        full_is_unique,
        preferred_is_unique,
    };
    struct judged j = { .rq = rq, .source = s, .concept = c, .all = all };
    *out = j.fault;
    if (c->content.retired)
        return NST_OK;
    ocl_read_labels(&j.name, &j.names, rq, c->names, "name");
    ocl_read_labels(&j.description, &j.descriptions, rq, c->descriptions, "description");
    for (size_t i = 0; i < NST_COUNT(rule) && j.fault.text.p == NULL; i++)
        NST_TRY(rule[i](&j));
    *out = j.fault;
    return NST_OK;
}

/* ---- A mapping (V264) ---- */

/* Is there another one between the two concepts? */
static enum nst_err has_another(bool *out, struct nst_req *rq, const struct ocl_source *s,
                                const struct ocl_mapping *m)
{
    return nst_exists_with(
        out, rq->db,
        "SELECT 1 FROM mapping_version WHERE repo_id = $1 AND from_concept_code = $2 AND "
        "from_source_url = $3 AND to_concept_code = $4 AND to_source_url = $5 AND mnemonic <> $6 "
        "AND NOT retired AND rev_to = " OCL_OPEN_SQL,
        NST_INT(s->row.id), NST_TEXT(m->from.concept_code), NST_TEXT(m->from.source_url),
        NST_TEXT(m->to.concept_code), NST_TEXT(m->to.source_url),
        NST_TEXT(m->content.id.p != NULL ? m->content.id : NST_STR("")));
}

enum nst_err ocl_judge_mapping(struct ocl_fault *out, struct nst_req *rq,
                               const struct ocl_source *s, const struct ocl_mapping *m)
{
    bool is_known = true, is_twice = false;
    *out = (struct ocl_fault){ 0 };
    if (m->content.retired)
        return NST_OK;
    NST_TRY(has_another(&is_twice, rq, s, m));
    NST_TRY(ocl_is_value(&is_known, rq, OCL_MAP_TYPES, m->map_type));
    if (is_long(m->content.external_id))
        *out = (struct ocl_fault){ "external_id", NST_STR("Mapping " TOO_LONG) };
    else if (is_twice)
        *out = (struct ocl_fault){ "__all__",
                                   NST_STR("There can be only one mapping between two concepts") };
    else if (!is_known)
        *out = (struct ocl_fault){ "map_type", NST_STR("Invalid mapping type") };
    return NST_OK;
}

/* ---- Of the request ---- */

static enum nst_err refuse(struct nst_req *rq, const struct ocl_fault *fault)
{
    return fault->text.p == NULL ? NST_OK : nst_fail(rq, NST_E_INVALID, fault->field, fault->text);
}

enum nst_err ocl_keep_concept_rules(struct nst_req *rq, const struct ocl_concept *c)
{
    const struct ocl_source *s = nst_ancestor(rq, "source")->row;
    struct ocl_fault fault = { 0 };
    if (ocl_is_openmrs(s) && !ocl_is_copying(rq))
        NST_TRY(ocl_judge_concept(&fault, rq, s, c, NULL));
    return refuse(rq, &fault);
}

enum nst_err ocl_keep_mapping_rules(struct nst_req *rq, const struct ocl_mapping *m)
{
    const struct ocl_source *s = nst_ancestor(rq, "source")->row;
    struct ocl_fault fault = { 0 };
    if (ocl_is_openmrs(s) && !ocl_is_copying(rq))
        NST_TRY(ocl_judge_mapping(&fault, rq, s, m));
    return refuse(rq, &fault);
}
