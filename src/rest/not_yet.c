/* Names of the query that a face knows and nothing answers yet: there are many, and every
 * request with a query asks for each of its own. */
#include "model.h"

#include <stdlib.h>

static int compare(struct nst_str a, struct nst_str b)
{
    int order = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);
    return order != 0 ? order : (a.n > b.n) - (a.n < b.n);
}

static int compare_words(const void *a, const void *b)
{
    const struct nst_refused *one = a, *other = b;
    if (one->is_beginning != other->is_beginning)
        return one->is_beginning - other->is_beginning;
    return compare(one->name, other->name);
}

static int compare_name(const void *name, const void *word)
{
    return compare(*(const struct nst_str *)name, ((const struct nst_refused *)word)->name);
}

void nst_not_yet_compile(struct nst_not_yet *out, struct nst_arena *a, const char *words)
{
    struct nst_str rest = nst_str_z(words);
    out->word = NST_NEW_ARRAY(a, struct nst_refused, rest.n / 2 + 1);
    while (rest.p != NULL) {
        struct nst_str word = nst_str_cut(&rest, ' ');
        struct nst_refused *r = &out->word[out->count++];
        r->is_switch = nst_str_ends(word, NST_STR("?"));
        r->is_beginning = nst_str_ends(word, NST_STR("*"));
        r->name = nst_str_slice(word, 0, word.n - (r->is_switch || r->is_beginning));
        out->beginnings += r->is_beginning;
    }
    qsort(out->word, out->count, sizeof(*out->word), compare_words);
}

const struct nst_refused *nst_not_yet_find(const struct nst_not_yet *n, struct nst_str name)
{
    size_t whole = n->count - n->beginnings;
    for (size_t i = whole; i < n->count; i++)
        if (nst_str_starts(name, n->word[i].name))
            return &n->word[i];
    return bsearch(&name, n->word, whole, sizeof(*n->word), compare_name);
}
