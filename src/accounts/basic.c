/* HTTP Basic (RFC 7617): what programs show to fetch a token, and what a browser asks people for.
 */
#include "internal.h"

#include <sodium.h>

bool nst_basic_read(struct nst_str *name, struct nst_str *secret, struct nst_req *rq)
{
    struct nst_str coded = nst_str_trim(nst_http_request_header(rq->x, "Authorization"));
    *name = *secret = (struct nst_str){ 0 };
    if (!nst_str_eq_nocase(nst_str_cut(&coded, ' '), NST_STR("Basic")))
        return false;
    coded = coded.p != NULL ? nst_str_trim(coded) : NST_STR("");
    char *plain = nst_alloc_text(rq->arena, coded.n);
    struct nst_str rest = { plain, 0 };
    if (sodium_base642bin((unsigned char *)plain, coded.n, coded.p, coded.n, NULL, &rest.n, NULL,
                          sodium_base64_VARIANT_ORIGINAL) == 0) {
        *name = nst_str_cut(&rest, ':');
        *secret = rest;
    }
    return true;
}
