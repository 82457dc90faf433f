/* What a version of a concept has besides: the name to show, and its checksums. */
#include "family.h"

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

static bool is_retired(struct nst_req *rq, const struct nst_json *e)
{
    bool flag = false;
    const struct nst_json *v = nst_json_get(e, NST_STR("retired"));
    return v != NULL && nst_bool.parse(rq, NULL, v, &flag) && flag;
}

/* G122: the first preferred name, else the first; one that is retired only where all are. */
static const struct nst_json *chosen_name(struct nst_req *rq, const struct nst_json *names)
{
    const struct nst_json *first = NULL;
    for (const struct nst_json *e = names->first; e != NULL; e = e->next) {
        if (is_retired(rq, e))
            continue;
        if (is_preferred(rq, e))
            return e;
        first = first != NULL ? first : e;
    }
    return first != NULL ? first : names->first;
}

/* What is stored stays as it is until its names are given anew. */
static enum nst_err choose_display(struct nst_req *rq, struct ocl_concept *c)
{
    const struct nst_json *names = names_of(rq, c);
    const struct nst_json *chosen = names != NULL ? chosen_name(rq, names) : NULL;
    c->terms = ocl_concept_terms(rq, c);
    c->display_name = c->display_locale = (struct nst_str){ 0 };
    if (chosen == NULL)
        return NST_OK;
    if (is_retired(rq, chosen) && nst_is_set(&ocl_concept, c, "names"))
        return nst_fail(rq, NST_E_INVALID, "names", NST_STR(OCL_NO_NAME));
    nst_text.parse(rq, NULL, nst_json_get(chosen, NST_STR("name")), &c->display_name);
    nst_text.parse(rq, NULL, nst_json_get(chosen, NST_STR("locale")), &c->display_locale);
    return NST_OK;
}

/* ---- Checksums ---- */

/* The addresses of these concepts of its source, where there are some. */
static void add_urls(struct nst_req *rq, struct nst_json *object, const char *name,
                     const struct ocl_concept *c, struct nst_str codes)
{
    struct nst_buf b;
    if (codes.n == 0)
        return;
    nst_buf_init(&b, rq->arena, SIZE_MAX);
    ocl_put_concept_urls(&b,
                         nst_strf(rq->arena, "%.*ssources/%.*s/", NST_FMT(c->content.owner_url),
                                  NST_FMT(c->content.source)),
                         codes);
    ocl_add_json(rq, object, name, nst_buf_str(&b));
}

/* What counts of a concept (V409), as its document has it. */
static struct ocl_checksums sums(struct nst_req *rq, const void *row)
{
    const struct ocl_concept *c = row;
    struct nst_json object = { .kind = NST_JSON_OBJECT };
    ocl_add_json(rq, &object, "retired", c->content.retired ? NST_STR("true") : NST_STR("false"));
    ocl_add_text(rq, &object, "concept_class", c->concept_class);
    ocl_add_text(rq, &object, "datatype", c->datatype);
    ocl_add_text(rq, &object, "external_id", c->content.external_id);
    ocl_add_json(rq, &object, "extras", c->content.extras);
    ocl_add_json(rq, &object, "names", c->names);
    ocl_add_json(rq, &object, "descriptions", c->descriptions);
    add_urls(rq, &object, "parent_concept_urls", c, c->parents);
    add_urls(rq, &object, "child_concept_urls", c, c->children);
    return ocl_checksums(rq->arena, &ocl_concept_sum, &object);
}

/* ---- Names and descriptions, each with its own (V239, V410) ---- */

static void take_out(struct nst_json *object, struct nst_str name)
{
    struct nst_json **at = &object->first;
    while (*at != NULL) {
        bool is_it = nst_str_eq((*at)->name, name);
        object->count -= is_it;
        if (is_it)
            *at = (*at)->next;
        else
            at = &(*at)->next;
    }
}

static void seal(struct nst_req *rq, const struct ocl_checksum_kind *kind, struct nst_json *label)
{
    take_out(label, NST_STR("checksum"));
    ocl_add_text(rq, label, "checksum", ocl_checksum(rq->arena, kind, OCL_STANDARD, label));
}

/* The list as a tree; NULL where there is none. */
static const struct nst_json *seal_list(struct nst_req *rq, const struct ocl_checksum_kind *kind,
                                        struct nst_str *text)
{
    struct nst_json *list;
    struct nst_buf b;
    if (text->n == 0 || nst_json_read(&list, NULL, rq->arena, *text, &ocl_stored_limits) != NST_OK)
        return NULL;
    for (struct nst_json *label = list->first; label != NULL; label = label->next)
        seal(rq, kind, label);
    nst_buf_init(&b, rq->arena, SIZE_MAX);
    nst_json_put(&b, list);
    *text = nst_buf_str(&b);
    return list;
}

static enum nst_err settle(struct nst_req *rq, void *row)
{
    struct ocl_concept *c = row;
    NST_TRY(ocl_settle_parents(rq, c));
    NST_TRY(choose_display(rq, c));
    if (nst_is_set(&ocl_concept, c, "names"))
        c->name_tree = seal_list(rq, &ocl_concept_name_sum, &c->names);
    if (nst_is_set(&ocl_concept, c, "descriptions"))
        seal_list(rq, &ocl_concept_description_sum, &c->descriptions);
    return NST_OK;
}

static bool is_below(const void *row)
{
    return ((const struct ocl_concept *)row)->parents.n > 0;
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
    .settle = settle,
    .sums = sums,
    .is_below = is_below,
    .follow = ocl_concept_follow,
    .tell = ocl_concept_tell,
};
