/* From the fields of a source to the document that a client would compute its checksums of.
 * A list has thousands of them: the tree is made as it is, not read from text. */
#include "ocl/checksum/repo.h"

#include "ocl/checksum/checksum.h"

#define SCRATCH 4096 /* bytes: the sums of a source without large extras */

/* Hang a new value of that kind at the front of v. */
static struct nst_json *add(struct nst_arena *a, struct nst_json *v, struct nst_str name,
                            enum nst_json_kind kind)
{
    struct nst_json *child = NST_NEW(a, struct nst_json);
    child->kind = kind;
    child->name = name;
    child->next = v->first;
    v->first = child;
    v->count++;
    return child;
}

static void add_text(struct nst_arena *a, struct nst_json *v, struct nst_str name,
                     struct nst_str text)
{
    add(a, v, name, text.p != NULL ? NST_JSON_STRING : NST_JSON_NULL)->text = text;
}

static bool has_text(const struct nst_json *list, struct nst_str text)
{
    const struct nst_json *item = list->first;
    while (item != NULL && !nst_str_eq(item->text, text))
        item = item->next;
    return item != NULL;
}

/* Each language once, as nst_string_list shows them; their order does not count. */
static void add_locales(struct nst_arena *a, struct nst_json *v, struct nst_str locales)
{
    struct nst_json *list = add(a, v, NST_STR("supported_locales"), NST_JSON_ARRAY);
    while (locales.p != NULL) {
        struct nst_str one = nst_str_trim(nst_str_cut(&locales, ','));
        if (one.n > 0 && !has_text(list, one))
            add_text(a, list, (struct nst_str){ 0 }, one);
    }
}

static void add_extras(struct nst_arena *a, struct nst_json *v, struct nst_str extras)
{
    struct nst_json *read;
    if (extras.n > sizeof("{}") - 1 && nst_json_read(&read, NULL, a, extras, NULL) == NST_OK) {
        struct nst_json *child = add(a, v, NST_STR("extras"), read->kind);
        child->first = read->first;
        child->count = read->count;
    }
}

static struct nst_json *document(struct nst_arena *a, const struct ocl_repo_says *s)
{
    struct nst_json *v = NST_NEW(a, struct nst_json);
    v->kind = NST_JSON_OBJECT;
    add_text(a, v, NST_STR("canonical_url"), s->canonical_url);
    add_text(a, v, NST_STR("custom_validation_schema"), s->custom_validation_schema);
    add_text(a, v, NST_STR("default_locale"), s->default_locale);
    add_text(a, v, NST_STR("hierarchy_meaning"), s->hierarchy_meaning);
    add_text(a, v, NST_STR("website"), s->website);
    add_locales(a, v, s->locales);
    add_extras(a, v, s->extras);
    add(a, v, NST_STR("released"), NST_JSON_BOOL)->boolean = s->released;
    add(a, v, NST_STR("retired"), NST_JSON_BOOL)->boolean = s->retired;
    return v;
}

void ocl_put_repo_checksums(struct nst_buf *out, const struct ocl_repo_says *s)
{
    struct nst_arena *scratch = nst_arena_new(SCRATCH);
    struct ocl_checksums sums = ocl_checksums(scratch, &ocl_source_sum, document(scratch, s));
    nst_put_lit(out, "{\"standard\":\"");
    nst_put(out, sums.standard);
    nst_put_lit(out, "\",\"smart\":\"");
    nst_put(out, sums.smart);
    nst_put_lit(out, "\"}");
    nst_arena_free(scratch);
}
