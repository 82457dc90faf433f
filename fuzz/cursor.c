/* Fuzzes page sizes and cursors: a size is never negative, what is taken lies within its
 * bounds, and the text of the same pairs is taken again and means the same. */
#include "enroll/cursor.h"
#include "fuzz.h"

#include <stdlib.h>

static struct nst_str pairs_of(struct nst_arena *a, const struct enroll_cursor *c)
{
    return c->has_position ? nst_strf(a, "o=%lld&r=%d&p=%lld", (long long)c->offset, c->is_reverse,
                                      (long long)c->position)
                           : nst_strf(a, "o=%lld&r=%d", (long long)c->offset, c->is_reverse);
}

static bool is_same(const struct enroll_cursor *x, const struct enroll_cursor *y)
{
    return x->offset == y->offset && x->position == y->position && x->is_reverse == y->is_reverse &&
           x->has_position == y->has_position;
}

static void check_cursor(struct nst_arena *a, struct nst_str text)
{
    struct enroll_cursor once, again;
    if (!enroll_cursor_read(&once, a, text))
        return;
    if (once.offset < 0 || once.offset > ENROLL_OFFSET_MAX ||
        !enroll_cursor_read(&again, a, enroll_cursor_text(a, pairs_of(a, &once))) ||
        !is_same(&once, &again))
        abort();
}

/* The input is a size, a cursor as it is sent, and the pairs of one. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct nst_arena *a = nst_arena_new(4096);
    struct nst_str text = { (const char *)data, size };
    if (enroll_page_size(text) < 0)
        abort();
    check_cursor(a, text);
    check_cursor(a, enroll_cursor_text(a, text));
    nst_arena_free(a);
    return 0;
}
