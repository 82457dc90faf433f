/* What concepts are found by that stands in the lists of their names: see concept.h. */
#include "concept.h"

#include <stdlib.h>

/* Texts, not yet in order. */
struct terms {
    struct nst_req *rq;
    struct nst_str *text;
    size_t count;
};

static int compare(const void *a, const void *b)
{
    const struct nst_str *x = a, *y = b;
    int order = memcmp(x->p, y->p, x->n < y->n ? x->n : y->n);
    return order != 0 ? order : (x->n > y->n) - (x->n < y->n);
}

static void add_term(struct terms *t, const char *kind, const struct nst_json *element,
                     const char *member)
{
    struct nst_buf b;
    const struct nst_json *v = nst_json_get(element, nst_str_z(member));
    if (v == NULL || v->kind != NST_JSON_STRING || v->text.n == 0)
        return;
    struct nst_str text = v->text;
    nst_buf_init(&b, t->rq->arena, text.n + 8);
    nst_put_z(&b, kind);
    for (size_t i = 0; i < text.n; i++)
        nst_put_char(&b, text.p[i] == OCL_TERM_MARK ? ' ' : nst_lower(text.p[i]));
    t->text[t->count++] = nst_buf_str(&b);
}

static struct nst_str joined(struct terms *t)
{
    struct nst_buf b;
    struct nst_str last = { 0 };
    nst_buf_init(&b, t->rq->arena, OCL_TERMS_MAX);
    qsort(t->text, t->count, sizeof(*t->text), compare);
    nst_put_char(&b, OCL_TERM_MARK);
    for (size_t i = 0; i < t->count; i++) {
        if (nst_str_eq(t->text[i], last) || b.n + t->text[i].n + 1 > OCL_TERMS_MAX)
            continue;
        nst_put(&b, t->text[i]);
        nst_put_char(&b, OCL_TERM_MARK);
        last = t->text[i];
    }
    return nst_buf_str(&b);
}

/* The stored list; an empty one where there is none. */
static const struct nst_json *list_of(struct nst_req *rq, struct nst_str text)
{
    static const struct nst_json none = { .kind = NST_JSON_ARRAY };
    struct nst_json *list;
    bool is_there = text.p != NULL && nst_json_read(&list, NULL, rq->arena, text, NULL) == NST_OK;
    return is_there ? list : &none;
}

struct nst_str ocl_concept_terms(struct nst_req *rq, const struct ocl_concept *c)
{
    const struct nst_json *names = list_of(rq, c->names);
    const struct nst_json *descriptions = list_of(rq, c->descriptions);
    size_t most = names->count * 2 + descriptions->count;
    struct terms t = { rq, NST_NEW_ARRAY(rq->arena, struct nst_str, most + 1), 0 };
    for (const struct nst_json *e = names->first; e != NULL; e = e->next) {
        add_term(&t, OCL_TERM_LOCALE, e, "locale");
        add_term(&t, OCL_TERM_NAME, e, "name_type");
    }
    for (const struct nst_json *e = descriptions->first; e != NULL; e = e->next)
        add_term(&t, OCL_TERM_DESCRIPTION, e, "description_type");
    return joined(&t);
}
