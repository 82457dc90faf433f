/* Answers inside of a ZIP, for clients that ask for it by the header of their face: the body that
 * a view made, and the pieces that follow it, become a file with one member. */
#include "model.h"

#include "nestor/base/zip.h"

void nst_zip_read(struct nst_req *rq)
{
    const char *header = rq->face->zip_header;
    bool can_be = rq->method == NST_GET && !rq->is_internal && header != NULL, flag = false;
    rq->zip_asked = can_be ? nst_http_request_header(rq->x, header) : (struct nst_str){ 0 };
    rq->wants_zip = rq->zip_asked.n > 0 && nst_query_flag(&flag, rq->zip_asked) && flag;
}

void nst_zip_mark(struct nst_req *rq)
{
    bool is_document = rq->x->status == 200 || rq->x->status == 304;
    if (is_document && rq->method == NST_GET && rq->face != NULL && rq->face->zip_header != NULL)
        nst_http_vary(rq->x, rq->face->zip_header);
}

bool nst_zip_body(struct nst_buf *out, struct nst_zip *zip, bool is_last)
{
    struct nst_buf packed;
    nst_buf_init(&packed, out->arena, out->max);
    if (!nst_zip_put(zip, &packed, nst_buf_str(out), is_last))
        return false;
    bool is_whole = !out->is_full && !packed.is_full;
    *out = packed;
    return is_whole;
}

static bool is_of_media(struct nst_str type, const char *media)
{
    return nst_str_eq_nocase(nst_str_trim(nst_str_cut(&type, ';')), nst_str_z(media));
}

/* NULL: what is answered is no document that would be packed. */
static const char *member_name(const struct nst_exchange *x)
{
    return is_of_media(x->content_type, "application/json") ? "export.json"
           : is_of_media(x->content_type, "text/csv")       ? "export.csv"
                                                            : NULL;
}

enum nst_err nst_phase_packed(struct nst_req *rq)
{
    const char *name = member_name(rq->x);
    if (!rq->wants_zip || rq->x->status != 200 || rq->x->out.n == 0 || name == NULL)
        return NST_OK;
    struct nst_zip *zip = NST_NEW(rq->arena, struct nst_zip);
    zip->name = name;
    if (!nst_zip_body(&rq->x->out, zip, rq->stream == NULL))
        return NST_E_INTERNAL;
    if (rq->stream != NULL)
        nst_stream_pack(rq->stream, zip);
    rq->x->content_type = NST_STR("application/zip");
    return NST_OK;
}
