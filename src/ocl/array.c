/* Arrays inside of documents: rows of another resource, one behind the other. */
#include "array.h"

void ocl_array_add(struct nst_buf *out, struct nst_str json)
{
    nst_put_char(out, out->n == 0 ? '[' : ',');
    nst_put(out, json);
}

static struct nst_str end(struct nst_buf *out)
{
    nst_put_z(out, out->n == 0 ? "[]" : "]");
    return nst_buf_str(out);
}

struct nst_buf *ocl_arrays_begin(struct nst_req *rq, size_t count)
{
    struct nst_buf *out = NST_NEW_ARRAY(rq->arena, struct nst_buf, count + 1);
    for (size_t i = 0; i < count; i++)
        nst_buf_init(&out[i], rq->arena, NST_HTTP_ANSWER_MAX);
    return out;
}

void ocl_arrays_end(const struct nst_shown *shown, struct nst_buf *out)
{
    for (size_t i = 0; i < shown->count; i++)
        shown->value[i] = end(&out[i]);
}

static void take(void *arg, const void *row, struct nst_str json)
{
    (void)row;
    ocl_array_add(arg, json);
}

enum nst_err ocl_array_of(struct nst_str *value, struct nst_req *rq, const struct nst_inner *inner,
                          size_t *total)
{
    struct nst_buf out;
    struct nst_inner taken = *inner;
    nst_buf_init(&out, rq->arena, NST_HTTP_ANSWER_MAX);
    taken.take = take;
    taken.arg = &out;
    NST_TRY(nst_each_row(rq, &taken));
    *value = end(&out);
    *total += value->n;
    return *total <= NST_PAGE_BYTES_MAX ? NST_OK : nst_refuse_size(rq);
}
