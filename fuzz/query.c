/* Fuzzes query strings of lists: whatever stands in filters, order and paging, a list that may
 * be read is answered with 200 or, where it cannot be read so, refused with 400; and what is
 * decoded is text. */
#include "fuzz.h"
#include "site.h"

#include <stdlib.h>

#define QUERY_MAX 4096 /* http.target_bytes */

static const struct fuzz_request list[] = {
    { .path = NST_STR_INIT("/orgs/WHO/sources/ICD/concepts/?") },
    { .path = NST_STR_INIT("/concepts/?") },
    { .path = NST_STR_INIT("/sources/?") },
    { .path = NST_STR_INIT("/orgs/?") },
    { .path = NST_STR_INIT("/users/?") },
    { .path = NST_STR_INIT("/orgs/WHO/sources/ICD/versions/?") },
    { .path = NST_STR_INIT("/orgs/WHO/sources/ICD/concepts/B54/versions/?") },
    { .path = NST_STR_INIT("/orgs/WHO/sources/ICD/v1/concepts/?") },
};

static void check_decoding(struct nst_arena *a, struct nst_str query)
{
    static const char *const name[] = { "", "q", "limit", "sortAsc" };
    struct nst_exchange x = { .arena = a, .query = query };
    struct nst_req rq = { .arena = a, .x = &x };
    for (size_t i = 0; i < NST_COUNT(name); i++)
        if (!nst_utf8_valid(nst_query_value(&rq, name[i])))
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t chosen = fuzz_choice(&data, &size, NST_COUNT(list) * 2);
    if (size > QUERY_MAX)
        return 0;
    struct nst_arena *a = nst_arena_new(65536);
    struct nst_str query = { (const char *)data, size };
    struct fuzz_request request = list[chosen / 2];
    struct nst_buf path;
    check_decoding(a, query);
    nst_buf_init(&path, a, QUERY_MAX * 2);
    nst_put(&path, request.path);
    nst_put(&path, query);
    request.path = nst_buf_str(&path);
    request.face = chosen % 2 == 0 ? GUIDE : V2;
    request.method = NST_GET;
    unsigned status = fuzz_read(&request, a);
    if (status != 200 && status != 400)
        abort();
    nst_arena_free(a);
    return 0;
}
