/* Rows and what is known of their fields beside the values: given by input, null. The marks
 * lie behind the struct, as many as the table has fields, and the row points to them. Those
 * of a row that was copied by assignment are read through the copy; changing them there
 * would change the first row, and stops the program. */
#include "model.h"

#include <assert.h>

static size_t words_of(const struct nst_resource *r)
{
    return (r->fields + NST_MARK_BITS - 1) / NST_MARK_BITS;
}

static size_t size_of_marks(const struct nst_resource *r)
{
    return sizeof(struct nst_marks) + words_of(r) * sizeof(struct nst_mark_word);
}

void *nst_row_alloc(struct nst_arena *a, const struct nst_resource *r)
{
    size_t size = (r->size + _Alignof(struct nst_marks) - 1) & ~(_Alignof(struct nst_marks) - 1);
    struct nst_row *row = nst_alloc(a, size + size_of_marks(r));
    row->marks = (struct nst_marks *)(void *)((char *)row + size);
    row->marks->row = row;
    return row;
}

void *nst_row_copy(struct nst_arena *a, const struct nst_resource *r, const void *row)
{
    struct nst_row *copy = nst_row_alloc(a, r);
    struct nst_marks *marks = copy->marks;
    const struct nst_marks *from = ((const struct nst_row *)row)->marks;
    memcpy(copy, row, r->size);
    copy->marks = marks;
    if (from != NULL)
        memcpy(marks->word, from->word, words_of(r) * sizeof(struct nst_mark_word));
    return copy;
}

void nst_row_clean(const struct nst_resource *r, void *row)
{
    struct nst_marks *marks = ((struct nst_row *)row)->marks;
    memset(row, 0, r->size);
    memset(marks->word, 0, words_of(r) * sizeof(struct nst_mark_word));
    ((struct nst_row *)row)->marks = marks;
}

static struct nst_mark_word *word_of(void *row, unsigned index)
{
    struct nst_marks *marks = ((struct nst_row *)row)->marks;
    assert(marks != NULL && marks->row == row); /* see nst_row_copy */
    return &marks->word[index / NST_MARK_BITS];
}

void nst_put_null(void *row, unsigned index, bool is_null)
{
    uint64_t bit = UINT64_C(1) << index % NST_MARK_BITS;
    struct nst_mark_word *word = word_of(row, index);
    word->null = is_null ? word->null | bit : word->null & ~bit;
}

void nst_put_set(void *row, unsigned index)
{
    word_of(row, index)->set |= UINT64_C(1) << index % NST_MARK_BITS;
}

static unsigned index_of(const struct nst_resource *r, const char *field)
{
    int i = nst_field_index(r, nst_str_z(field));
    assert(i >= 0);
    return (unsigned)i;
}

void nst_mark_set(const struct nst_resource *r, void *row, const char *field)
{
    nst_put_set(row, index_of(r, field));
}

void nst_mark_null(const struct nst_resource *r, void *row, const char *field)
{
    nst_put_null(row, index_of(r, field), true);
}

bool nst_is_set(const struct nst_resource *r, const void *row, const char *field)
{
    return nst_set_at(row, index_of(r, field));
}
