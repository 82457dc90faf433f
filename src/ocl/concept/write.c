/* What a version of a concept has besides, and when two of them say the same. */
#include "concept.h"

#include "ocl/app.h"

/* A flag of an input element, in either spelling, or of a stored one. */
static bool is_preferred(struct nst_req *rq, const struct nst_json *e)
{
    bool flag = false;
    const struct nst_json *v = nst_json_get(e, NST_STR("locale_preferred"));
    if (v == NULL)
        v = nst_json_get(e, NST_STR("localePreferred"));
    return v != NULL && nst_bool.parse(rq, NULL, v, &flag) && flag;
}

/* The names of the version, as a tree: what the request set, so that the text that
 * was just made of it need not be read again, else what is stored. */
static const struct nst_json *names_of(struct nst_req *rq, const struct ocl_concept *c)
{
    struct nst_json *list;
    if (nst_is_set(&ocl_concept, c, "names"))
        return nst_json_get(rq->body, NST_STR("names"));
    return nst_json_read(&list, NULL, rq->arena, c->names, NULL) == NST_OK ? list : NULL;
}

static bool is_retired(const struct nst_json *e)
{
    const struct nst_json *v = nst_json_get(e, NST_STR("retired"));
    return v != NULL && v->kind == NST_JSON_BOOL && v->boolean;
}

/* G122: the first preferred name, else the first; one that is retired only where all are. */
static const struct nst_json *chosen_name(struct nst_req *rq, const struct nst_json *names)
{
    const struct nst_json *first = NULL;
    for (const struct nst_json *e = names->first; e != NULL; e = e->next) {
        if (is_retired(e))
            continue;
        if (is_preferred(rq, e))
            return e;
        first = first != NULL ? first : e;
    }
    return first != NULL ? first : names->first;
}

static enum nst_err choose_display(struct nst_req *rq, void *row)
{
    struct ocl_concept *c = row;
    const struct nst_json *names = names_of(rq, c);
    const struct nst_json *chosen = names != NULL ? chosen_name(rq, names) : NULL;
    c->display_name = c->display_locale = (struct nst_str){ 0 };
    if (chosen == NULL)
        return NST_OK;
    nst_text.parse(rq, NULL, nst_json_get(chosen, NST_STR("name")), &c->display_name);
    nst_text.parse(rq, NULL, nst_json_get(chosen, NST_STR("locale")), &c->display_locale);
    return NST_OK;
}

static bool same_element(const struct nst_json *x, const struct nst_json *y)
{
    static const char *const member[] = { "name",         "description",
                                          "locale",       "locale_preferred",
                                          "name_type",    "description_type",
                                          "external_id",  "retired",
                                          "retire_reason" };
    for (size_t i = 0; i < NST_COUNT(member); i++) {
        struct nst_str name = nst_str_z(member[i]);
        const struct nst_json *a = nst_json_get(x, name), *b = nst_json_get(y, name);
        if ((a == NULL) != (b == NULL) || (a != NULL && !nst_json_equal(a, b)))
            return false;
    }
    return true;
}

static bool take_equal(const struct nst_json *list, bool *taken, const struct nst_json *wanted)
{
    size_t i = 0;
    for (const struct nst_json *v = list->first; v != NULL; v = v->next, i++)
        if (!taken[i] && same_element(v, wanted))
            return taken[i] = true;
    return false;
}

/* Elements equal but for their numbers, in any order (V611). */
static bool same_list(struct nst_req *rq, struct nst_str x, struct nst_str y)
{
    struct nst_json *a, *b;
    if (x.p == NULL || y.p == NULL)
        return x.p == y.p;
    if (nst_json_read(&a, NULL, rq->arena, x, NULL) != NST_OK ||
        nst_json_read(&b, NULL, rq->arena, y, NULL) != NST_OK || a->count != b->count)
        return false;
    bool *taken = NST_NEW_ARRAY(rq->arena, bool, b->count + 1);
    for (const struct nst_json *v = a->first; v != NULL; v = v->next)
        if (!take_equal(b, taken, v))
            return false;
    return true;
}

/* The object without the keys that are an importer's own (V417). */
static void drop_private(struct nst_json *object)
{
    struct nst_json **at = &object->first;
    while (*at != NULL) {
        if (nst_str_starts((*at)->name, NST_STR("__")))
            *at = (*at)->next;
        else
            at = &(*at)->next;
    }
}

static bool same_extras(struct nst_req *rq, struct nst_str x, struct nst_str y)
{
    struct nst_json *a, *b;
    if (nst_str_eq(x, y) || x.p == NULL || y.p == NULL)
        return nst_str_eq(x, y);
    if (nst_json_read(&a, NULL, rq->arena, x, NULL) != NST_OK ||
        nst_json_read(&b, NULL, rq->arena, y, NULL) != NST_OK)
        return false;
    drop_private(a);
    drop_private(b);
    return nst_json_equal(a, b);
}

static bool is_same(struct nst_req *rq, const void *stored, const void *next)
{
    const struct ocl_concept *x = stored, *y = next;
    return nst_str_eq(x->concept_class, y->concept_class) && nst_str_eq(x->datatype, y->datatype) &&
           x->content.retired == y->content.retired &&
           nst_str_eq(x->content.external_id, y->content.external_id) &&
           same_extras(rq, x->content.extras, y->content.extras) &&
           same_list(rq, x->names, y->names) && same_list(rq, x->descriptions, y->descriptions);
}

static const char *const lists[] = { "names", "descriptions", NULL };

const struct ocl_kind ocl_concept_kind = {
    .resource = &ocl_concept,
    .word = "Concept",
    .noun = "concept",
    .object = "concept_id",
    .lists = lists,
    .of_list = NST_E_NOT_FOUND, /* V238 */
    .counted = OCL_CONCEPTS,
    .settle = choose_display,
    .is_same = is_same,
};
