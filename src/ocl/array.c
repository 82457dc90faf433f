/* Arrays inside of documents: rows of another resource, one behind the other. */
#include "array.h"

static void take(void *arg, const void *row, struct nst_str json)
{
    struct nst_buf *out = arg;
    (void)row;
    nst_put_char(out, out->n == 0 ? '[' : ',');
    nst_put(out, json);
}

enum nst_err ocl_array_of(struct nst_str *value, struct nst_req *rq, const struct nst_inner *inner)
{
    struct nst_buf out;
    struct nst_inner taken = *inner;
    nst_buf_init(&out, rq->arena, NST_HTTP_ANSWER_MAX);
    taken.take = take;
    taken.arg = &out;
    NST_TRY(nst_each_row(rq, &taken));
    nst_put_z(&out, out.n == 0 ? "[]" : "]");
    *value = nst_buf_str(&out);
    return NST_OK;
}
