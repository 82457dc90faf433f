/* names/ and descriptions/ under a concept (V250): a list of child objects, one element at a
 * time. Each change is a new version of the concept. */
#include "concept.h"

#include <assert.h>

/* One of the two lists. */
struct labels {
    const char *list, *text;  /* fields: of the concept, of an element */
    const char *added, *left; /* in comments: before, and behind, the text of the element */
    const struct nst_resource *element;
    const char *no_more; /* said when the last one would go; NULL: none need be there */
};

static const struct labels of_names = {
    "names", "name", "Added to names: ", " in names.", &ocl_concept_name, OCL_NO_NAME
};
static const struct labels of_descriptions = {
    "descriptions",           "description", "Added to descriptions: ", " in descriptions.",
    &ocl_concept_description, NULL
};

/* A change of one element. */
struct change {
    const struct labels *of;
    struct ocl_concept *stored, *next;
    struct nst_json *list;    /* the stored elements, as a tree */
    struct nst_json *element; /* the one in the path, inside of `list`; NULL: none */
};

static struct nst_str text_of(const struct labels *of, const struct ocl_concept *c)
{
    return of == &of_names ? c->names : c->descriptions;
}

static enum nst_err read_list(struct nst_json **list, struct nst_req *rq, const struct labels *of,
                              const struct ocl_concept *c)
{
    struct nst_str text = text_of(of, c);
    NST_TRY(nst_json_read(list, NULL, rq->arena, text.p != NULL ? text : NST_STR("[]"), NULL));
    assert(*list != NULL);
    return NST_OK;
}

static struct nst_json *find(struct nst_json *list, struct nst_str uuid)
{
    for (struct nst_json *e = list->first; e != NULL; e = e->next) {
        const struct nst_json *own = nst_json_get(e, NST_STR("uuid"));
        if (own != NULL && nst_str_eq(own->text, uuid))
            return e;
    }
    return NULL;
}

/* ---- Reading ---- */

static enum nst_err load(struct ocl_concept **c, struct nst_req *rq)
{
    const struct nst_row *row = nst_object(rq)->row;
    NST_TRY(nst_load_id((void **)c, rq, &ocl_concept, NST_LOAD_ALL, row->id));
    return *c != NULL ? NST_OK : NST_E_NOT_FOUND;
}

static enum nst_err list_view(struct nst_req *rq)
{
    const struct labels *of = rq->action->arg;
    struct nst_buf *out = &rq->x->out;
    struct ocl_concept *c;
    struct nst_json *list;
    NST_TRY(load(&c, rq));
    NST_TRY(read_list(&list, rq, of, c));
    nst_put_char(out, '[');
    for (const struct nst_json *e = list->first; e != NULL; e = e->next) {
        nst_put_z(out, e != list->first ? "," : "");
        nst_render_child(out, rq, of->element, e);
    }
    nst_put_char(out, ']');
    return nst_answer_json(rq, 200);
}

static enum nst_err detail_view(struct nst_req *rq)
{
    const struct labels *of = rq->action->arg;
    struct ocl_concept *c;
    struct nst_json *list;
    NST_TRY(load(&c, rq));
    NST_TRY(read_list(&list, rq, of, c));
    const struct nst_json *e = find(list, rq->var[rq->vars - 1]);
    if (e == NULL)
        return NST_E_NOT_FOUND;
    nst_render_child(&rq->x->out, rq, of->element, e);
    return nst_answer_json(rq, 200);
}

/* ---- Writing ---- */

static enum nst_err begin(struct change *c, struct nst_req *rq, bool names_one)
{
    *c = (struct change){ .of = rq->action->arg };
    if (rq->body->kind != NST_JSON_OBJECT)
        return nst_fail(rq, NST_E_INVALID, nst_texts_of(rq->face)->not_object_key,
                        nst_str_z(nst_texts_of(rq->face)->not_object));
    NST_TRY(ocl_content_begin((void **)&c->next, (void **)&c->stored, rq, &ocl_concept_kind));
    NST_TRY(read_list(&c->list, rq, c->of, c->stored));
    if (names_one)
        c->element = find(c->list, rq->var[rq->vars - 1]);
    return names_one && c->element == NULL ? NST_E_NOT_FOUND : NST_OK;
}

static void append(struct nst_json *parent, struct nst_json *v)
{
    assert(parent != NULL && v != NULL);
    struct nst_json **at = &parent->first;
    while (*at != NULL)
        at = &(*at)->next;
    v->next = NULL;
    *at = v;
    parent->count++;
}

static struct nst_json *copy_as(struct nst_req *rq, const struct nst_json *v, const char *name)
{
    struct nst_json *copy = NST_NEW(rq->arena, struct nst_json);
    assert(v != NULL);
    *copy = *v;
    copy->name = nst_str_z(name);
    return copy;
}

/* The element keeps what the body leaves out; its number it keeps in any case. */
static void merge(struct nst_req *rq, struct nst_json *element)
{
    assert(element != NULL && rq->body != NULL);
    struct nst_json *given = rq->body->first, *kept = element->first;
    element->first = NULL;
    element->count = 0;
    for (struct nst_json *v = kept, *next; v != NULL; v = next) {
        next = v->next;
        if (nst_str_eq(v->name, NST_STR("uuid")) ||
            nst_body_member(rq, nst_str_to_z(rq->arena, v->name)) == NULL)
            append(element, v);
    }
    for (struct nst_json *v = given, *next; v != NULL; v = next) {
        next = v->next;
        if (!nst_str_eq(v->name, NST_STR("uuid")))
            append(element, v);
    }
}

/* Not all that an element has counts in the checksum of the concept. */
static bool says_the_same(struct change *c, struct nst_req *rq)
{
    struct nst_json *before, *after;
    return read_list(&before, rq, c->of, c->stored) == NST_OK &&
           read_list(&after, rq, c->of, c->next) == NST_OK && nst_json_equal(before, after);
}

/* Judge the list as if it had come with the concept, then store the next version.
 *   before, after  the comment, around the text of the element */
static enum nst_err end(bool *changed, struct change *c, struct nst_req *rq, const char *before,
                        const char *after)
{
    struct nst_json *body = NST_NEW(rq->arena, struct nst_json);
    struct nst_str text = { 0 };
    *body = (struct nst_json){ .kind = NST_JSON_OBJECT };
    append(body, copy_as(rq, c->list, c->of->list));
    rq->body = body;
    NST_TRY(nst_bind(c->next, rq, &ocl_concept, NST_UPDATE));
    nst_text.parse(rq, NULL, nst_json_get(c->element, nst_str_z(c->of->text)), &text);
    c->next->content.update_comment = nst_strf(rq->arena, "%s%.*s%s", before, NST_FMT(text), after);
    *changed = !says_the_same(c, rq);
    return *changed ? ocl_content_store(rq, &ocl_concept_kind, c->next, c->stored)
                    : ocl_content_unchanged(rq);
}

static void put_location(struct nst_req *rq, const struct change *c, const struct nst_json *now)
{
    const struct ocl_content *concept = &c->stored->content;
    struct nst_buf b;
    nst_buf_init(&b, rq->arena, 65536);
    nst_putf(&b, "%.*ssources/%.*s/concepts/", NST_FMT(concept->owner_url),
             NST_FMT(concept->source));
    nst_put_percent(&b, concept->id, "");
    nst_putf(&b, "/%s/%.*s/", c->of->list, NST_FMT(nst_json_get(now, NST_STR("uuid"))->text));
    nst_http_add_header(rq->x, "Location", nst_buf_str(&b));
}

/* The element as it is stored now; its place in the list is what it was. */
static enum nst_err answer(const struct change *c, struct nst_req *rq, unsigned status)
{
    struct nst_json *list, *now;
    NST_TRY(read_list(&list, rq, c->of, c->next));
    now = list->first;
    for (const struct nst_json *e = c->list->first; e != c->element; e = e->next)
        now = now->next;
    if (status == 201)
        put_location(rq, c, now);
    nst_render_child(&rq->x->out, rq, c->of->element, now);
    return nst_answer_json(rq, status);
}

static enum nst_err create_view(struct nst_req *rq)
{
    struct change c;
    bool changed;
    NST_TRY(begin(&c, rq, false));
    c.element = rq->body;
    append(c.list, c.element);
    NST_TRY(end(&changed, &c, rq, c.of->added, "."));
    return changed ? answer(&c, rq, 201) : NST_OK;
}

static bool is_retired(struct nst_req *rq, const struct nst_json *e)
{
    bool flag = false;
    const struct nst_json *v = nst_json_get(e, NST_STR("retired"));
    return v != NULL && nst_bool.parse(rq, NULL, v, &flag) && flag;
}

/* Fail where the element is the last one that is not retired, and one must be there. */
static enum nst_err keep_one(struct nst_req *rq, const struct change *c)
{
    unsigned live = 0;
    assert(c->list != NULL);
    for (const struct nst_json *e = c->list->first; e != NULL; e = e->next)
        live += e != c->element && !is_retired(rq, e);
    return c->of->no_more == NULL || live > 0
               ? NST_OK
               : nst_fail(rq, NST_E_INVALID, c->of->list, nst_str_z(c->of->no_more));
}

static enum nst_err update_view(struct nst_req *rq)
{
    struct change c;
    bool changed;
    NST_TRY(begin(&c, rq, true));
    merge(rq, c.element);
    if (is_retired(rq, c.element))
        NST_TRY(keep_one(rq, &c));
    NST_TRY(end(&changed, &c, rq, "Updated ", c.of->left));
    return changed ? answer(&c, rq, 200) : NST_OK;
}

/* What a body would say that retires an element. */
static struct nst_json *retirement(struct nst_req *rq, const struct ocl_retirement *why)
{
    const struct nst_json yes = { .kind = NST_JSON_BOOL, .boolean = true };
    const struct nst_json reason = { .kind = why->retire_reason.p != NULL ? NST_JSON_STRING
                                                                          : NST_JSON_NULL,
                                     .text = why->retire_reason };
    struct nst_json *body = NST_NEW(rq->arena, struct nst_json);
    *body = (struct nst_json){ .kind = NST_JSON_OBJECT };
    append(body, copy_as(rq, &yes, "retired"));
    append(body, copy_as(rq, &reason, "retire_reason"));
    return body;
}

static enum nst_err retire_view(struct nst_req *rq)
{
    struct ocl_retirement *why = nst_row_new(rq, &ocl_retirement);
    struct change c;
    bool changed;
    NST_TRY(begin(&c, rq, true));
    NST_TRY(nst_bind(why, rq, &ocl_retirement, NST_CREATE));
    NST_TRY(keep_one(rq, &c));
    rq->body = retirement(rq, why);
    merge(rq, c.element);
    NST_TRY(end(&changed, &c, rq, "Retired ", c.of->left));
    return changed ? nst_answer_empty(rq, 204) : NST_OK;
}

/* ---- Routes ---- */

#define ELEMENT(kind) "{\"$ref\":\"#/components/schemas/v2.concept_" kind ".Detail\"}"
#define GIVEN(kind)   "{\"$ref\":\"#/components/schemas/v2.concept_" kind ".Create\"}"
/* The same, and nothing need be given. */
#define SOME_TEXT "{\"type\":\"string\",\"pattern\":\"\\\\S\"}"
#define ANY_TEXT  "{\"type\":[\"string\",\"null\"]}"
#define PART(kind) \
    "{\"type\":\"object\",\"properties\":{\"" kind "\":" SOME_TEXT ",\"locale\":" SOME_TEXT \
    ",\"locale_preferred\":{\"type\":[\"boolean\",\"null\"]},\"" kind "_type\":" ANY_TEXT \
    ",\"external_id\":" ANY_TEXT ",\"retired\":{\"type\":[\"boolean\",\"null\"]}," \
    "\"retire_reason\":" ANY_TEXT "}}"
#define UNCHANGED \
    { \
        208, "Nothing changes: no version was made.", \
        { \
            .schema = "{\"type\":\"object\"}" \
        } \
    }

#define DESCRIBE(kind) \
    static const struct nst_response kind##_list_response[] = { \
        { 200, \
          "All of them.", \
          { .schema = "{\"type\":\"array\",\"items\":" ELEMENT(#kind) "}" } }, \
        { 0 } \
    }; \
    static const struct nst_response kind##_detail_response[] = { \
        { 200, "The element.", { .schema = ELEMENT(#kind) } }, { 0 } \
    }; \
    static const struct nst_response kind##_response[] = { \
        { 200, "The element.", { .schema = ELEMENT(#kind) } }, UNCHANGED, { 0 } \
    }; \
    static const struct nst_response kind##_creation_response[] = { \
        { 201, "The element.", { .schema = ELEMENT(#kind) } }, { 0 } \
    }; \
    static const struct nst_description kind##_list = { .response = kind##_list_response }; \
    static const struct nst_description kind##_detail = { .response = kind##_detail_response }; \
    static const struct nst_description kind##_creation = { .request = { .schema = GIVEN(#kind) }, \
                                                            .response = \
                                                                kind##_creation_response }; \
    static const struct nst_description kind##_change = { .request = { .schema = PART(#kind) }, \
                                                          .response = kind##_response }

DESCRIBE(name);
DESCRIBE(description);

static const struct nst_response retired_response[] = { { 204, "Done." }, UNCHANGED, { 0 } };
static const struct nst_description retired = {
    .request = { .schema = "{\"type\":\"object\"}", .is_optional = true },
    .response = retired_response,
};

#define READ(view, of, kind) \
    { \
        view, ocl_any_caller, .arg = &(of), .describe = &kind \
    }
#define WRITE(view, of, kind) \
    { \
        view, ocl_may_edit, .arg = &(of), .describe = &kind \
    }
#define C S "(HEAD/|)concepts/:concept/"

static const struct nst_route label_route[] = {
    { V2, C "names/", .get = READ(list_view, of_names, name_list),
      .post = WRITE(create_view, of_names, name_creation), .doc = "Names of a concept." },
    { V2, C "names/:name?/", .get = READ(detail_view, of_names, name_detail),
      .put = WRITE(update_view, of_names, name_change),
      .patch = WRITE(update_view, of_names, name_change),
      .delete = WRITE(retire_view, of_names, retired), .doc = "One name, by its number." },
    { V2, C "descriptions/", .get = READ(list_view, of_descriptions, description_list),
      .post = WRITE(create_view, of_descriptions, description_creation),
      .doc = "Descriptions of a concept." },
    { V2, C "descriptions/:description?/",
      .get = READ(detail_view, of_descriptions, description_detail),
      .put = WRITE(update_view, of_descriptions, description_change),
      .patch = WRITE(update_view, of_descriptions, description_change),
      .delete = WRITE(retire_view, of_descriptions, retired),
      .doc = "One description, by its number." },
};

static const struct nst_field label_field[] = {
    NST_CHILD("labels", &nst_json_value, .doc = "Names or descriptions."),
};

const struct nst_resource ocl_concept_label = {
    .name = "concept_label",
    NST_FIELDS(label_field),
    NST_ROUTES(label_route),
    .doc = "Names and descriptions, one at a time.",
};
