/* Fuzzes GraphQL documents: whatever is sent, there is data that is JSON, or a fault that lies in
 * the text and says something. Nothing is asked of a database. */
#include "ocl/graphql/graphql.h"
#include "fuzz.h"

#include <stdlib.h>

static void check_fault(const struct ocl_graphql *g)
{
    if (g->fault.message.n == 0 || !nst_utf8_valid(g->fault.message) || g->fault.at > g->text.n ||
        ocl_graphql_place(g->text, g->fault.at).line == 0)
        abort();
}

static void check_answer(struct nst_arena *a, const struct ocl_graphql_pick *pick)
{
    struct nst_json concept = { .kind = NST_JSON_OBJECT }, *back;
    for (; pick != NULL; pick = pick->next) {
        struct nst_buf out;
        nst_buf_init(&out, a, (size_t)1 << 20);
        if (pick->field == NULL)
            continue;
        ocl_graphql_put(&out, pick, &concept);
        if (nst_json_read(&back, NULL, a, nst_buf_str(&out), NULL) != NST_OK)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct nst_arena *a = nst_arena_new(65536);
    struct ocl_graphql g = { .arena = a, .text = { (const char *)data, size } };
    struct ocl_graphql_pick *pick;
    if (nst_utf8_valid(g.text)) {
        if (ocl_graphql_plan(&pick, &g))
            check_answer(a, pick);
        else
            check_fault(&g);
    }
    nst_arena_free(a);
    return 0;
}
