/* Fuzzes the JSON reader and writer: what was read must, written compactly or
 * indented, read again as the same value. */
#include "nestor/json.h"
#include "fuzz.h"

#include <stdlib.h>

/* A byte becomes at most six when written; blanks of the indented form come
 * on top of that, NST_JSON_DEPTH * 2 of them a byte. */
#define GROWTH (6 + (size_t)NST_JSON_DEPTH * 2)

static void check(const struct nst_json *want, struct nst_arena *a, const struct nst_buf *b)
{
    struct nst_json *again;
    if (b->is_full || nst_json_read(&again, NULL, a, nst_buf_str(b), NULL) != NST_OK)
        abort();
    if (!nst_json_equal(want, again))
        abort();
}

static void check_fault(const struct nst_json_fault *fault, size_t size)
{
    if (fault->line < 1 || fault->line > size + 1 || fault->column < 1 ||
        fault->column > size + 1 || fault->reason == NULL)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct nst_arena *a = nst_arena_new(4096);
    struct nst_json *v;
    struct nst_json_fault fault;
    struct nst_str text = { (const char *)data, size };
    if (nst_json_read(&v, &fault, a, text, NULL) != NST_OK) {
        check_fault(&fault, size);
    } else {
        struct nst_buf compact, indented;
        nst_buf_init(&compact, a, size * GROWTH + 16);
        nst_json_put(&compact, v);
        check(v, a, &compact);
        nst_buf_init(&indented, a, size * GROWTH + 16);
        nst_json_put_indented(&indented, nst_buf_str(&compact), 2);
        check(v, a, &indented);
    }
    nst_arena_free(a);
    return 0;
}
