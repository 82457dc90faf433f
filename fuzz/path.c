/* Fuzzes paths: routing, decoding, and loading what a path names, with every
 * method. Nothing in a path may be a failure of the server's own. */
#include "fuzz.h"
#include "site.h"

#define PATH_MAX_BYTES 4096 /* http.target_bytes */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct nst_face *const face[] = { GUIDE, V2 };
    struct fuzz_request request = { .face = face[fuzz_choice(&data, &size, NST_COUNT(face))] };
    request.method = (enum nst_method)fuzz_choice(&data, &size, NST_METHOD_COUNT);
    if (size > PATH_MAX_BYTES)
        return 0;
    struct nst_arena *a = nst_arena_new(65536);
    struct nst_json empty = { .kind = NST_JSON_OBJECT };
    struct nst_buf path;
    nst_buf_init(&path, a, PATH_MAX_BYTES + 2);
    nst_put_char(&path, '/');
    nst_put(&path, (struct nst_str){ (const char *)data, size });
    request.path = nst_buf_str(&path);
    if (request.method == NST_GET || request.method == NST_OPTIONS) {
        fuzz_read(&request, a);
    } else {
        request.body = &empty;
        fuzz_write(&request, a);
    }
    nst_arena_free(a);
    return 0;
}
