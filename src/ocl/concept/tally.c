/* What a concept counts for in the summary of its source (V235). */
#include "concept.h"

/* One of the words that names have. */
struct word {
    const char *member, *of_concepts, *of_names; /* member of a name; kinds of tallies */
};

static const struct word words[] = {
    { "locale", OCL_TALLY_LOCALE, OCL_TALLY_NAME_LOCALE },
    { "name_type", OCL_TALLY_NAME_TYPE, OCL_TALLY_TYPE_OF },
};

static void tell(struct ocl_teller *teller, const char *kind, struct nst_str value)
{
    const struct ocl_tally t = { .kind = kind, .value = value };
    ocl_tell(teller, &t);
}

static bool is_retired(const struct nst_json *name)
{
    const struct nst_json *v = nst_json_get(name, NST_STR("retired"));
    return v != NULL && v->kind == NST_JSON_BOOL && v->boolean;
}

static struct nst_str text_of(const struct nst_json *name, const char *member)
{
    const struct nst_json *v = nst_json_get(name, nst_str_z(member));
    return v != NULL && v->kind == NST_JSON_STRING ? v->text : (struct nst_str){ 0 };
}

/* A name before this one has the same word. */
static bool is_repeated(const struct nst_json *names, const struct nst_json *name,
                        const char *member)
{
    const struct nst_str value = text_of(name, member);
    for (const struct nst_json *e = names->first; e != name; e = e->next)
        if (nst_str_eq(text_of(e, member), value) && !is_retired(e))
            return true;
    return false;
}

static void tell_names(struct ocl_teller *teller, const struct nst_json *names)
{
    for (const struct nst_json *e = names->first; e != NULL; e = e->next) {
        if (is_retired(e))
            continue;
        for (size_t i = 0; i < NST_COUNT(words); i++) {
            struct nst_str value = text_of(e, words[i].member);
            tell(teller, words[i].of_names, value);
            if (value.n > 0 && !is_repeated(names, e, words[i].member))
                tell(teller, words[i].of_concepts, value);
        }
    }
}

void ocl_concept_tell(struct ocl_teller *teller, const void *row)
{
    const struct ocl_concept *c = row;
    const struct nst_json *names = c->name_tree;
    struct nst_json *stored;
    if (c->content.retired)
        return;
    tell(teller, OCL_TALLY_CLASS, c->concept_class);
    tell(teller, OCL_TALLY_DATATYPE, c->datatype);
    if (c->content.version_created_by != 0)
        tell(teller, OCL_TALLY_AUTHOR,
             nst_strf(teller->scratch, "%lld", (long long)c->content.version_created_by));
    if (names == NULL &&
        nst_json_read(&stored, NULL, teller->scratch, c->names, &ocl_stored_limits) == NST_OK)
        names = stored;
    if (names != NULL)
        tell_names(teller, names);
}
