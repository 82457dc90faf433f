/* The free JSON object of a row, a key at a time. A write reads the object anew, as the row is
 * held by then: two writers of different keys lose nothing. */
#include "extras.h"

#include "ocl/content/content.h"

/* The row that the path names last, whole. */
struct opened {
    const struct nst_resource *resource;
    void *row;
    struct nst_str *text;    /* of the row's extras */
    struct nst_json *object; /* the same as a tree */
};

static struct nst_str *extras_of(const struct nst_resource *r, void *row)
{
    size_t i = 0;
    while (!nst_str_eq(nst_str_z(r->field[i].name), NST_STR("extras")))
        i++;
    return (struct nst_str *)((char *)row + r->field[i].offset);
}

static enum nst_err open_row(struct opened *o, struct nst_req *rq)
{
    const struct nst_object *named = nst_object(rq);
    struct nst_sql q;
    o->resource = nst_resource_of(named);
    nst_sql_init(&q, rq->arena);
    if (o->resource->hook.scope != NULL)
        NST_TRY(o->resource->hook.scope(&q, rq, nst_parent(rq)));
    nst_sql_addf(&q, " AND %s.id = ", o->resource->table);
    nst_sql_bind(&q, NST_INT(((struct nst_row *)named->row)->id));
    NST_TRY(nst_load_where(&o->row, rq, o->resource, NST_LOAD_ALL, &q));
    if (o->row == NULL)
        return NST_E_NOT_FOUND;
    o->text = extras_of(o->resource, o->row);
    struct nst_str text = o->text->n > 0 ? *o->text : NST_STR("{}");
    return nst_json_read(&o->object, NULL, rq->arena, text, &ocl_stored_limits);
}

/* The key that the path ends with. */
static struct nst_str key_of(const struct nst_req *rq)
{
    return rq->var[rq->vars - 1];
}

static enum nst_err answer_member(struct nst_req *rq, const struct nst_json *value)
{
    struct nst_buf *out = &rq->x->out;
    nst_put_char(out, '{');
    nst_json_put_str(out, key_of(rq));
    nst_put_char(out, ':');
    nst_json_put(out, value);
    nst_put_char(out, '}');
    return nst_answer_json(rq, 200);
}

enum nst_err ocl_extras(struct nst_req *rq)
{
    struct opened o;
    NST_TRY(open_row(&o, rq));
    nst_json_put(&rq->x->out, o.object);
    return nst_answer_json(rq, 200);
}

enum nst_err ocl_extra(struct nst_req *rq)
{
    struct opened o;
    NST_TRY(open_row(&o, rq));
    const struct nst_json *value = nst_json_get(o.object, key_of(rq));
    return value != NULL ? answer_member(rq, value) : NST_E_NOT_FOUND;
}

/* ---- Changing one ---- */

/* Take every member of that name out, and append this one, if any. */
static void replace(struct nst_json *object, struct nst_str name, struct nst_json *value)
{
    struct nst_json **at = &object->first;
    while (*at != NULL) {
        bool is_named = nst_str_eq((*at)->name, name);
        object->count -= is_named;
        if (is_named)
            *at = (*at)->next;
        else
            at = &(*at)->next;
    }
    *at = value;
    object->count += value != NULL;
}

/* What a client could not send in one body is not kept either. */
static enum nst_err write_back(struct opened *o, struct nst_req *rq)
{
    size_t most = nst_body_limit_of(rq->face);
    if (!nst_json_object.parse(rq, NULL, o->object, o->text))
        return nst_fail(rq, NST_E_INVALID, nst_str_to_z(rq->arena, key_of(rq)),
                        nst_str_z(nst_texts_of(rq->face)->invalid));
    if (o->text->n > most)
        return nst_fail_bare(rq, NST_E_TOO_LARGE, "detail",
                             nst_strf(rq->arena, "Extras may take %zu bytes in all, not %zu.", most,
                                      o->text->n));
    return NST_OK;
}

/* As an update of the row that was sent nothing but its extras. */
static enum nst_err update(struct nst_req *rq, const struct opened *o)
{
    const struct nst_hooks *hook = &o->resource->hook;
    rq->body = NST_NEW(rq->arena, struct nst_json);
    *rq->body = (struct nst_json){ .kind = NST_JSON_OBJECT, .first = o->object, .count = 1 };
    o->object->name = NST_STR("extras");
    if (hook->before_update != NULL)
        NST_TRY(hook->before_update(rq, o->row));
    NST_TRY(nst_update_row(rq, o->resource, o->row));
    return hook->after_update != NULL ? hook->after_update(rq, o->row) : NST_OK;
}

static enum nst_err store(struct nst_req *rq, struct opened *o)
{
    const struct ocl_extras_store *how = rq->action->arg;
    NST_TRY(write_back(o, rq));
    nst_mark_set(o->resource, o->row, "extras");
    return how != NULL ? how->store(rq, o->row) : update(rq, o);
}

enum nst_err ocl_extra_set(struct nst_req *rq)
{
    struct opened o;
    struct nst_json *value = nst_json_get(rq->body, key_of(rq));
    if (value == NULL) {
        nst_put_lit(&rq->x->out, "[\"Must specify KEY param in body.\"]");
        return nst_answer_json(rq, 400);
    }
    value->next = NULL;
    NST_TRY(open_row(&o, rq));
    replace(o.object, key_of(rq), value);
    NST_TRY(store(rq, &o));
    return rq->x->status == 0 ? answer_member(rq, value) : NST_OK;
}

enum nst_err ocl_extra_remove(struct nst_req *rq)
{
    struct opened o;
    NST_TRY(open_row(&o, rq));
    if (nst_json_get(o.object, key_of(rq)) == NULL)
        return NST_E_NOT_FOUND;
    replace(o.object, key_of(rq), NULL);
    NST_TRY(store(rq, &o));
    return rq->x->status == 0 ? nst_answer_empty(rq, 204) : NST_OK;
}

/* ---- Descriptions ---- */

#define OBJECT "{\"type\":\"object\",\"additionalProperties\":true}"

static const struct nst_response all_response[] = {
    { 200, "The whole object.", { .schema = OBJECT } },
    { 0 },
};

static const struct nst_response one_response[] = {
    { 200, "An object with that member alone.", { .schema = OBJECT } },
    { 0 },
};

#define NO_MEMBER \
    "{\"anyOf\":[{\"type\":\"array\",\"items\":{\"type\":\"string\"}}," \
    "{\"$ref\":\"#/components/schemas/v2.Error\"}]}"

static const struct nst_response set_response[] = {
    { 200, "An object with that member alone.", { .schema = OBJECT } },
    { 400,
      "The body has no member of that name, or its value cannot be kept.",
      { .schema = NO_MEMBER } },
    { 0 },
};

static const struct nst_response content_set_response[] = {
    { 200, "An object with that member alone.", { .schema = OBJECT } },
    { 208, "Nothing changes: no version was made.", { .schema = "{\"type\":\"object\"}" } },
    { 400,
      "The body has no member of that name, or its value cannot be kept.",
      { .schema = NO_MEMBER } },
    { 0 },
};

const struct nst_description ocl_extras_description = { .response = all_response };
const struct nst_description ocl_extra_description = { .response = one_response };
#define GIVEN \
    { \
        .schema = "{\"type\":\"object\",\"additionalProperties\":true," \
                  "\"examples\":[{\"key\":\"value\"}]}" \
    }

const struct nst_description ocl_extra_setting = { .request = GIVEN, .response = set_response };
const struct nst_description ocl_content_extra_setting = { .request = GIVEN,
                                                           .response = content_set_response };
