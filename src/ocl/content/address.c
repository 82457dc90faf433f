/* Addresses of concepts and of what they lie in, in pieces:
 * /orgs/:org/sources/:source/[:version/][concepts/:concept/[:version/]] */
#include "content.h"

static struct nst_str piece(struct nst_str *rest)
{
    return rest->p != NULL ? nst_str_cut(rest, '/') : (struct nst_str){ 0 };
}

static bool read_code(struct ocl_address *out, struct nst_req *rq, struct nst_str rest)
{
    struct nst_json v = { .kind = NST_JSON_STRING };
    if (!nst_str_eq(piece(&rest), NST_STR("concepts")))
        return false;
    v.text = piece(&rest);
    piece(&rest); /* a version of the concept */
    return v.text.n > 0 && rest.p == NULL && nst_code.parse(rq, NULL, &v, &out->code);
}

bool ocl_read_address(struct ocl_address *out, struct nst_req *rq, struct nst_str text)
{
    *out = (struct ocl_address){ 0 };
    struct nst_str rest = nst_str_slice(text, 0, text.n - nst_str_ends(text, NST_STR("/")));
    struct nst_str nothing = piece(&rest), kind = piece(&rest), owner = piece(&rest);
    struct nst_str word = piece(&rest), source = piece(&rest), below = rest;
    if (nothing.n > 0 || owner.n == 0 || source.n == 0 || !nst_str_eq(word, NST_STR("sources")) ||
        (!nst_str_eq(kind, NST_STR("orgs")) && !nst_str_eq(kind, NST_STR("users"))))
        return false;
    out->source_url = nst_strf(rq->arena, "/%.*s/%.*s/sources/%.*s/", NST_FMT(kind), NST_FMT(owner),
                               NST_FMT(source));
    if (rest.p != NULL && !nst_str_eq(piece(&below), NST_STR("concepts"))) {
        out->version = piece(&rest);
        if (out->version.n == 0)
            return false;
        if (nst_str_eq(out->version, NST_STR("HEAD")))
            out->version = (struct nst_str){ 0 };
    }
    return rest.p == NULL || read_code(out, rq, rest);
}

void ocl_put_root_url(struct nst_buf *out, struct nst_str owner_url, struct nst_str source,
                      struct nst_str code)
{
    nst_putf(out, "\"%.*ssources/%.*s/concepts/", NST_FMT(owner_url), NST_FMT(source));
    nst_put_percent(out, code, "");
    nst_put_lit(out, "/\"");
}

struct nst_str ocl_source_url(struct nst_arena *a, struct nst_str owner_url, struct nst_str id)
{
    return nst_strf(a, "%.*ssources/%.*s/", NST_FMT(owner_url), NST_FMT(id));
}

struct nst_str ocl_home_url(struct nst_req *rq)
{
    const struct ocl_source *s = nst_ancestor(rq, "source")->row;
    return ocl_source_url(rq->arena, s->owner_url, s->id);
}

static struct nst_str content_url(struct nst_arena *a, struct nst_str source_url, const char *kind,
                                  struct nst_str code)
{
    struct nst_buf b;
    nst_buf_init(&b, a, 65536);
    nst_put(&b, source_url);
    nst_put_z(&b, kind);
    nst_put_percent(&b, code, "");
    nst_put_char(&b, '/');
    return nst_buf_str(&b);
}

struct nst_str ocl_concept_url(struct nst_arena *a, struct nst_str source_url, struct nst_str code)
{
    return content_url(a, source_url, "concepts/", code);
}

struct nst_str ocl_mapping_url(struct nst_arena *a, struct nst_str source_url, struct nst_str code)
{
    return content_url(a, source_url, "mappings/", code);
}
