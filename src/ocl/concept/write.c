/* What a version of a concept has besides: the name to show, its checksums, external ids of its
 * names; and the rules that its source may have. */
#include "family.h"

#include "ocl/app.h"
#include "ocl/openmrs/openmrs.h"

#include <limits.h>

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

#define SYSTEM_LOCALE "en"

/* How near a language is to those of the source (V246): the less the better. */
static int distance(const struct ocl_source *s, struct nst_str locale)
{
    struct nst_str rest = s->supported_locales;
    if (nst_str_eq(locale, s->default_locale))
        return 0;
    while (rest.p != NULL)
        if (nst_str_eq(nst_str_trim(nst_str_cut(&rest, ',')), locale))
            return 1;
    return nst_str_eq(locale, NST_STR(SYSTEM_LOCALE)) ? 2 : 3;
}

static struct nst_str member_of(struct nst_req *rq, const struct nst_json *e, const char *name)
{
    struct nst_str text = { 0 };
    nst_text.parse(rq, NULL, nst_json_get(e, nst_str_z(name)), &text);
    return text;
}

/* V246: by language, of one language a preferred one, of these the newest, which stands last. */
static const struct nst_json *nearest_name(struct nst_req *rq, const struct nst_json *names)
{
    const struct ocl_source *s = nst_ancestor(rq, "source")->row;
    const struct nst_json *nearest = NULL;
    int least = INT_MAX;
    for (const struct nst_json *e = names->first; e != NULL; e = e->next) {
        int far = 2 * distance(s, member_of(rq, e, "locale")) + !is_preferred(rq, e) +
                  (is_retired(rq, e) ? 8 : 0);
        if (far <= least) {
            least = far;
            nearest = e;
        }
    }
    return nearest;
}

/* Chosen when it is written: lists are sorted by it. What is stored stays as it is until its
 * names are given anew. */
static enum nst_err choose_display(struct nst_req *rq, struct ocl_concept *c)
{
    const struct nst_str none = { 0 };
    const struct nst_json *names = names_of(rq, c);
    const struct nst_json *chosen = names != NULL ? nearest_name(rq, names) : NULL;
    c->terms = ocl_concept_terms(rq, c);
    c->display_name = c->display_locale = c->preferred_name = c->preferred_locale = none;
    if (chosen == NULL)
        return NST_OK;
    if (is_retired(rq, chosen) && nst_is_set(&ocl_concept, c, "names"))
        return nst_fail(rq, NST_E_INVALID, "names", NST_STR(OCL_NO_NAME));
    c->display_name = member_of(rq, chosen, "name");
    c->display_locale = member_of(rq, chosen, "locale");
    const struct nst_json *first = chosen_name(rq, names);
    if (first == chosen)
        return NST_OK;
    c->preferred_name = member_of(rq, first, "name");
    c->preferred_locale = member_of(rq, first, "locale");
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
    ocl_put_concept_urls(&b, ocl_source_url(rq->arena, c->content.owner_url, c->content.source),
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

/* The element with that number; NULL where there is none. */
static const struct nst_json *find_label(const struct nst_json *list, struct nst_str uuid)
{
    for (const struct nst_json *e = list != NULL ? list->first : NULL; e != NULL; e = e->next) {
        const struct nst_json *own = nst_json_get(e, NST_STR("uuid"));
        if (own != NULL && nst_str_eq(own->text, uuid))
            return e;
    }
    return NULL;
}

/* One list of a version, and how its elements get external ids (V407). */
struct list {
    const struct ocl_checksum_kind *kind;
    struct nst_str *text;
    struct nst_str former, autoid;
};

/* One that had an external id keeps it, though it is not given again. */
static void identify(struct nst_req *rq, const struct nst_json *former, struct nst_json *label)
{
    const struct nst_json *given = nst_json_get(label, NST_STR("external_id"));
    const struct nst_json *number = nst_json_get(label, NST_STR("uuid"));
    const struct nst_json *before = number != NULL ? find_label(former, number->text) : NULL;
    const struct nst_json *kept =
        before != NULL ? nst_json_get(before, NST_STR("external_id")) : NULL;
    if (given != NULL && given->kind != NST_JSON_NULL)
        return;
    bool is_kept = kept != NULL && kept->kind == NST_JSON_STRING;
    take_out(label, NST_STR("external_id"));
    ocl_add_text(rq, label, "external_id", is_kept ? kept->text : ocl_new_uuid(rq->arena));
}

/* The list as a tree; NULL where there is none. */
static const struct nst_json *seal_list(struct nst_req *rq, const struct list *l)
{
    struct nst_json *list, *former = NULL;
    struct nst_str *text = l->text;
    struct nst_buf b;
    if (text->n == 0 || nst_json_read(&list, NULL, rq->arena, *text, &ocl_stored_limits) != NST_OK)
        return NULL;
    if (l->autoid.p != NULL && l->former.n > 0 &&
        nst_json_read(&former, NULL, rq->arena, l->former, &ocl_stored_limits) != NST_OK)
        former = NULL;
    for (struct nst_json *label = list->first; label != NULL; label = label->next) {
        if (l->autoid.p != NULL)
            identify(rq, former, label);
        seal(rq, l->kind, label);
    }
    nst_buf_init(&b, rq->arena, SIZE_MAX);
    nst_json_put(&b, list);
    *text = nst_buf_str(&b);
    return list;
}

static enum nst_err settle(struct nst_req *rq, void *row)
{
    static const struct ocl_concept none = { 0 };
    struct ocl_concept *c = row;
    const struct ocl_source *s = nst_ancestor(rq, "source")->row;
    const struct ocl_concept *former = (const void *)c->content.former;
    former = former != NULL ? former : &none;
    NST_TRY(ocl_settle_parents(rq, c));
    NST_TRY(choose_display(rq, c));
    if (nst_is_set(&ocl_concept, c, "names"))
        c->name_tree =
            seal_list(rq, &(struct list){ &ocl_concept_name_sum, &c->names, former->names,
                                          s->autoid.concept_name_external_id });
    if (nst_is_set(&ocl_concept, c, "descriptions"))
        seal_list(rq, &(struct list){ &ocl_concept_description_sum, &c->descriptions,
                                      former->descriptions,
                                      s->autoid.concept_description_external_id });
    return ocl_keep_concept_rules(rq, c);
}

static enum nst_err follow(struct nst_req *rq, int64_t rev, const void *row, const void *former)
{
    const struct ocl_source *s = nst_ancestor(rq, "source")->row;
    NST_TRY(ocl_concept_follow(rq, rev, row, former));
    return ocl_keep_names(rq, s, row != NULL ? row : former, row != NULL);
}

static bool is_below(const void *row)
{
    return ((const struct ocl_concept *)row)->parents.n > 0;
}

static bool is_above(const void *row)
{
    return ((const struct ocl_concept *)row)->children.n > 0;
}

/* Who stands below it, they say. */
static void revert(struct nst_req *rq, void *next, const void *present)
{
    struct ocl_concept *c = next;
    const struct ocl_concept *now = present;
    c->children = now->children;
    if (!nst_str_eq(c->parents, now->parents))
        ocl_give_parents(rq, c);
}

static void carry(void *row, const void *former)
{
    ((struct ocl_concept *)row)->children = ((const struct ocl_concept *)former)->children;
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
    .id = OCL_AUTOID(concept, mnemonic, "next_concept", "mnemonic"),
    .external_id = OCL_AUTOID(concept, external_id, "next_concept_external", "lower(external_id)"),
    .settle = settle,
    .sums = sums,
    .is_below = is_below,
    .revert = revert,
    .is_above = is_above,
    .follow = follow,
    .carry = carry,
    .tell = ocl_concept_tell,
};
