/* Fuzzes JSON bodies of every request that writes: the body is accepted or
 * refused, and the answer is JSON that says so. The first byte of the input
 * chooses the request. */
#include "fuzz.h"
#include "site.h"

#define S_ICD "/orgs/WHO/sources/ICD/"

static const struct {
    enum nst_method method;
    const char *path;
} target[] = {
    { NST_POST, "/orgs/" },
    { NST_PUT, "/orgs/WHO/" },
    { NST_POST, "/orgs/WHO/sources/" },
    { NST_PUT, S_ICD },
    { NST_POST, S_ICD "concepts/" },
    { NST_PUT, S_ICD "concepts/B54/" },
    { NST_POST, S_ICD "versions/" },
    { NST_PUT, S_ICD "v1/" },
    { NST_PUT, "/user/" },
    { NST_POST, "/users/" },
    { NST_POST, "/importers/lines/" },
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t chosen = fuzz_choice(&data, &size, NST_COUNT(target));
    struct nst_arena *a = nst_arena_new(65536);
    struct fuzz_request request = { .face = GUIDE,
                                    .method = target[chosen].method,
                                    .path = nst_str_z(target[chosen].path) };
    struct nst_str text = { (const char *)data, size };
    if (nst_json_read(&request.body, NULL, a, text, NULL) == NST_OK)
        fuzz_write(&request, a);
    nst_arena_free(a);
    return 0;
}
