/* The text that is hashed (V417): members of objects and items of lists are sorted, so
 * that their order in the resource does not matter. */
#include "ocl/checksum/prepare.h"

#include "ocl/checksum/python.h"

#include <stdlib.h>

/* ---- Objects ---- */

static int by_name(const void *x, const void *y)
{
    const struct nst_json *const *a = x, *const *b = y;
    return nst_str_cmp((*a)->name, (*b)->name);
}

/* `["a", "b"]`, then each value with a comma behind it. */
static void put_object(struct nst_buf *b, const struct nst_json *v)
{
    const struct nst_json **member = NST_NEW_ARRAY(b->arena, const struct nst_json *, v->count);
    size_t n = 0;
    for (const struct nst_json *m = v->first; m != NULL; m = m->next)
        member[n++] = m;
    qsort(member, n, sizeof(struct nst_json *), by_name);
    nst_put_lit(b, "{[");
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            nst_put_lit(b, ", ");
        ocl_python_put_json(b, member[i]->name);
    }
    nst_put_char(b, ']');
    for (size_t i = 0; i < n; i++) {
        ocl_checksum_serialize(b, member[i]);
        nst_put_char(b, ',');
    }
    nst_put_char(b, '}');
}

/* ---- Lists ---- */

/* An item and what it is sorted by: numbers, false and true as 0 and 1, come first, then
 * strings and the texts of all else. Equal ones stay in their order. */
struct item {
    const struct nst_json *v;
    size_t place;
    bool is_number;
    struct nst_str key;
};

static struct nst_str text_of(struct nst_arena *a, const struct nst_json *v)
{
    struct nst_buf b;
    nst_buf_init(&b, a, SIZE_MAX);
    ocl_python_put_text(&b, v);
    return nst_buf_str(&b);
}

static struct item make_item(struct nst_arena *a, const struct nst_json *v, size_t place)
{
    struct item item = { v, place, v->kind == NST_JSON_NUMBER || v->kind == NST_JSON_BOOL,
                         v->text };
    if (v->kind == NST_JSON_BOOL)
        item.key = v->boolean ? NST_STR("1") : NST_STR("0");
    else if (!item.is_number && v->kind != NST_JSON_STRING)
        item.key = text_of(a, v);
    return item;
}

static int by_key(const void *x, const void *y)
{
    const struct item *a = x, *b = y;
    int order;
    if (a->is_number != b->is_number)
        return a->is_number ? -1 : 1;
    order = a->is_number ? ocl_python_number_cmp(a->key, b->key) : nst_str_cmp(a->key, b->key);
    return order != 0 ? order : (a->place > b->place) - (a->place < b->place);
}

/* The items of v in their order. What the texts of items took is given back at once: they
 * are made again on every level of a nested list. */
static const struct nst_json **sorted(struct nst_arena *a, const struct nst_json *v)
{
    const struct nst_json **order = NST_NEW_ARRAY(a, const struct nst_json *, v->count);
    struct nst_mark mark = nst_arena_mark(a);
    struct item *items = NST_NEW_ARRAY(a, struct item, v->count);
    size_t n = 0;
    for (const struct nst_json *item = v->first; item != NULL; item = item->next, n++)
        items[n] = make_item(a, item, n);
    qsort(items, n, sizeof(*items), by_key);
    for (size_t i = 0; i < n; i++)
        order[i] = items[i].v;
    nst_arena_rewind(a, mark);
    return order;
}

/* A list of one is its item; of a list in it the brackets stay. */
static void put_array(struct nst_buf *b, const struct nst_json *v)
{
    if (v->count == 1)
        v = v->first;
    if (v->kind != NST_JSON_ARRAY) {
        ocl_checksum_serialize(b, v);
        return;
    }
    const struct nst_json **item = sorted(b->arena, v);
    nst_put_char(b, '[');
    for (size_t i = 0; i < v->count; i++) {
        if (i > 0)
            nst_put_char(b, ',');
        ocl_checksum_serialize(b, item[i]);
    }
    nst_put_char(b, ']');
}

void ocl_checksum_serialize(struct nst_buf *b, const struct nst_json *v)
{
    switch (v->kind) {
    case NST_JSON_OBJECT:
        put_object(b, v);
        break;
    case NST_JSON_ARRAY:
        put_array(b, v);
        break;
    case NST_JSON_STRING:
        ocl_python_put_json(b, v->text);
        break;
    default:
        nst_json_put(b, v);
    }
}
