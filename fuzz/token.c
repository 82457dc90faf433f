/* Fuzzes the Authorization header: only the administrator's token makes the
 * caller known; all else is anonymous or refused with a reason. In an input,
 * the byte 0xFF stands for the token. */
#include "fuzz.h"
#include "http/internal.h"
#include "site.h"

#include <stdlib.h>

/* The key that the header carries, read the simple way; null without one. */
static struct nst_str key_of(struct nst_str header)
{
    struct nst_str rest = nst_str_trim(header), scheme = nst_str_cut(&rest, ' ');
    return nst_str_eq_nocase(scheme, NST_STR("Token")) ? nst_str_trim(rest) : (struct nst_str){ 0 };
}

static void check(struct nst_req *rq, struct nst_str header, struct nst_str token)
{
    bool is_right = nst_str_eq(key_of(header), token);
    enum nst_err e = nst_authenticate_token(rq);
    if (e != NST_OK && (e != NST_E_UNAUTHENTICATED || rq->problem == NULL))
        abort();
    if (rq->caller.is_known != (e == NST_OK && is_right) || (is_right && e != NST_OK))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct fuzz_site *site = fuzz_site();
    struct nst_arena *a = nst_arena_new(65536);
    static struct nst_http_loop loop;
    struct exchange *x = nst_alloc(a, sizeof(struct exchange) + sizeof(struct nst_http_header));
    struct nst_buf value;
    nst_buf_init(&value, a, size * NST_TOKEN_CHARS + 1);
    for (size_t i = 0; i < size; i++) {
        if (data[i] == 0xFF)
            nst_put(&value, site->token);
        else
            nst_put_char(&value, (char)data[i]);
    }
    x->pub.arena = a;
    x->pub.loop = &loop;
    x->head.fields = 1;
    x->in[0] = (struct nst_http_header){ NST_STR("authorization"), nst_buf_str(&value) };
    struct nst_req rq = { .arena = a,
                          .x = &x->pub,
                          .registry = site->registry,
                          .face = GUIDE,
                          .db = site->reader,
                          .now = 2 };
    if (nst_reader_enter(site->reader, NULL) != NST_OK)
        abort();
    check(&rq, nst_buf_str(&value), site->token);
    nst_reader_leave(site->reader);
    nst_arena_free(a);
    return 0;
}
