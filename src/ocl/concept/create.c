/* A new concept with its mappings, all or nothing (V238). */
#include "concept.h"

#define MAPPINGS_MAX 500

#define SELF "__parent_concept" /* in an address: the concept itself */

/* The mappings that the body has, and the concept that they are of. */
struct batch {
    struct nst_json *list;
    struct nst_str concept, list_url; /* addresses: of the concept, of its source's mappings */
    struct nst_str *error;            /* one a mapping: the body that refused it; null: none */
    bool failed;
};

static struct nst_json *member(struct nst_req *rq, struct nst_json *object, const char *name)
{
    struct nst_req at = { .arena = rq->arena, .body = object };
    return nst_body_member(&at, name);
}

/* What is left out at the beginning, and SELF at either end, is the concept. */
static void complete(struct nst_req *rq, const struct batch *b, struct nst_json *mapping)
{
    static const char *const address[] = { "from_concept_url", "to_concept_url" };
    for (size_t i = 0; i < NST_COUNT(address); i++) {
        struct nst_json *v = member(rq, mapping, address[i]);
        if (v != NULL && v->kind == NST_JSON_STRING && nst_str_eq(v->text, NST_STR(SELF)))
        v->text = b->concept;
    }
    if (member(rq, mapping, "from_concept_url") != NULL ||
        member(rq, mapping, "from_concept_code") != NULL)
        return;
    struct nst_json *from = NST_NEW(rq->arena, struct nst_json);
    *from = (struct nst_json){ .kind = NST_JSON_STRING,
                               .text = b->concept,
                               .name = nst_str_z(address[0]),
                               .next = mapping->first };
    mapping->first = from;
    mapping->count++;
}

/* One request of this face, as the caller of the whole. */
static enum nst_err create_one(struct nst_req *rq, struct batch *b, size_t i,
                               struct nst_json *mapping)
{
    struct nst_req one = { .arena = rq->arena,
                           .x = NST_NEW(rq->arena, struct nst_exchange),
                           .registry = rq->registry,
                           .db = rq->db,
                           .caller = rq->caller };
    one.x->arena = rq->arena;
    if (mapping->kind == NST_JSON_OBJECT)
        complete(rq, b, mapping);
    enum nst_err e = nst_call(&one, rq->face, NST_POST, b->list_url, mapping);
    if (nst_err_status(e) >= 500)
        return e;
    if (e != NST_OK) {
        b->failed = true;
        b->error[i] = nst_buf_str(&one.x->out);
    }
    return NST_OK;
}

static void put_refusals(struct nst_buf *out, const struct batch *b)
{
    size_t i = 0;
    nst_put_lit(out, "{\"mappings\":[");
    for (const struct nst_json *m = b->list->first; m != NULL; m = m->next, i++) {
        nst_put_z(out, i > 0 ? ",{" : "{");
        for (const struct nst_json *v = m->kind == NST_JSON_OBJECT ? m->first : NULL; v != NULL;
             v = v->next) {
            nst_json_put_str(out, v->name);
            nst_put_char(out, ':');
            nst_json_put(out, v);
            nst_put_char(out, ',');
        }
        nst_put_lit(out, "\"errors\":");
        nst_put(out, b->error[i].p != NULL ? b->error[i] : NST_STR("null"));
        nst_put_char(out, '}');
    }
    nst_put_lit(out, "]}");
}

/* Where the concept, which was answered just now, has its mappings. */
static enum nst_err find_places(struct batch *b, struct nst_req *rq)
{
    const struct ocl_source *s = nst_ancestor(rq, "source")->row;
    struct nst_json *document;
    NST_TRY(nst_json_read(&document, NULL, rq->arena, nst_buf_str(&rq->x->out), NULL));
    b->concept = nst_json_get(document, NST_STR("url"))->text;
    b->list_url =
        nst_strf(rq->arena, "%.*ssources/%.*s/mappings/", NST_FMT(s->owner_url), NST_FMT(s->id));
    return NST_OK;
}

/* Up to the first that is refused: the transaction may be good for nothing then. */
static enum nst_err create_all(struct batch *b, struct nst_req *rq)
{
    size_t i = 0;
    NST_TRY(nst_create(rq));
    NST_TRY(find_places(b, rq));
    for (struct nst_json *m = b->list->first; m != NULL && !b->failed; m = m->next, i++)
        NST_TRY(create_one(rq, b, i, m));
    return NST_OK;
}

enum nst_err ocl_concept_create(struct nst_req *rq)
{
    struct batch b = { .list = member(rq, rq->body, "mappings") };
    if (rq->body->kind != NST_JSON_OBJECT || b.list == NULL || b.list->kind == NST_JSON_NULL)
        return ocl_content_create(rq);
    if (b.list->kind != NST_JSON_ARRAY)
        return nst_fail(rq, NST_E_INVALID, "mappings", nst_str_z(nst_texts_of(rq->face)->invalid));
    if (b.list->count > MAPPINGS_MAX)
        return nst_fail(rq, NST_E_INVALID, "mappings",
                        NST_STR("max limit " NST_DIGITS(MAPPINGS_MAX) " of mappings exceeded"));
    b.error = NST_NEW_ARRAY(rq->arena, struct nst_str, b.list->count + 1);
    NST_TRY(nst_savepoint(rq->db));
    NST_TRY(create_all(&b, rq));
    if (!b.failed)
        return nst_savepoint_release(rq->db);
    NST_TRY(nst_savepoint_rollback(rq->db));
    rq->x->headers = 0; /* the address of what is not there */
    rq->x->out.n = 0;
    put_refusals(&rq->x->out, &b);
    return nst_answer_json(rq, 400);
}
