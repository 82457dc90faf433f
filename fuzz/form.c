/* Fuzzes form bodies: the first line of the input is the Content-Type, the rest
 * the body. A form becomes an object of texts, or is refused with a reason. */
#include "fuzz.h"
#include "rest/model.h"
#include "site.h"

#include <stdlib.h>

static void check(const struct nst_json *form, size_t size)
{
    size_t count = 0, bytes = 0;
    if (form->kind != NST_JSON_OBJECT)
        abort();
    for (const struct nst_json *v = form->first; v != NULL; v = v->next) {
        if (v->kind != NST_JSON_STRING || !nst_utf8_valid(v->name) || !nst_utf8_valid(v->text))
            abort();
        count++;
        bytes += v->name.n + v->text.n;
    }
    if (count != form->count || bytes > size)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct nst_arena *a = nst_arena_new(65536);
    struct nst_str body = { (const char *)data, size };
    struct nst_str type = nst_str_cut(&body, '\n');
    struct nst_exchange x = { .arena = a, .body = body };
    struct nst_req rq = { .arena = a, .x = &x };
    struct fuzz_request request = { .face = GUIDE,
                                    .method = NST_POST,
                                    .path = NST_STR("/orgs/WHO/sources/") };
    if (nst_form_read(&request.body, &rq, type) == NST_OK) {
        check(request.body, size);
        fuzz_write(&request, a);
    } else if (rq.problem == NULL) {
        abort();
    }
    nst_arena_free(a);
    return 0;
}
