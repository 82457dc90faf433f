/* Form bodies as JSON objects of strings, so that fields need no second way in:
 * application/x-www-form-urlencoded and multipart/form-data. */
#include "model.h"

#define FORM_FIELDS_MAX 1000

static enum nst_err malformed(struct nst_req *rq, const char *why)
{
    return nst_fail_bare(rq, NST_E_MALFORMED, "detail", nst_str_z(why));
}

/* A file need not be text: validation then refuses it as it does half a surrogate pair. */
static enum nst_err add_member(struct nst_json *object, struct nst_req *rq, struct nst_str name,
                               struct nst_str value, bool is_file)
{
    bool is_text = nst_utf8_valid(value);
    if (!nst_utf8_valid(name) || (!is_text && !is_file))
        return malformed(rq, "Form parse error - a field is no UTF-8");
    if (object->count == FORM_FIELDS_MAX)
        return malformed(rq, "Form parse error - too many fields");
    struct nst_json *v = NST_NEW(rq->arena, struct nst_json);
    *v = (struct nst_json){ .kind = NST_JSON_STRING,
                            .name = name,
                            .text = is_text ? value : NST_STR(""),
                            .has_surrogate = !is_text };
    struct nst_json **at = &object->first;
    while (*at != NULL)
        at = &(*at)->next;
    *at = v;
    object->count++;
    return NST_OK;
}

static enum nst_err read_urlencoded(struct nst_json *object, struct nst_req *rq)
{
    struct nst_str rest = rq->x->body;
    enum nst_err e = NST_OK;
    while (e == NST_OK && rest.p != NULL && rest.n > 0) {
        struct nst_str value = nst_str_cut(&rest, '&');
        if (value.n == 0)
            continue;
        struct nst_str name = nst_percent_decode(rq->arena, nst_str_cut(&value, '='), true);
        if (value.p == NULL)
            value = NST_STR("");
        e = add_member(object, rq, name, nst_percent_decode(rq->arena, value, true), false);
    }
    return e;
}

/* ---- multipart/form-data (RFC 7578) ---- */

struct nst_str nst_header_parameter(struct nst_str header, const char *name)
{
    nst_str_cut(&header, ';');
    while (header.p != NULL) {
        struct nst_str value = nst_str_trim(nst_str_cut(&header, ';'));
        struct nst_str key = nst_str_trim(nst_str_cut(&value, '='));
        if (!nst_str_eq_nocase(key, nst_str_z(name)) || value.p == NULL)
            continue;
        value = nst_str_trim(value);
        if (value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"')
            value = nst_str_slice(value, 1, value.n - 1);
        return value;
    }
    return (struct nst_str){ 0 };
}

static size_t find(struct nst_str text, struct nst_str what)
{
    const char *at = text.n > 0 ? memmem(text.p, text.n, what.p, what.n) : NULL;
    return at != NULL ? (size_t)(at - text.p) : text.n;
}

struct nst_str nst_part_disposition(struct nst_str headers)
{
    while (headers.p != NULL) {
        struct nst_str value = nst_str_cut(&headers, '\n');
        struct nst_str name = nst_str_trim(nst_str_cut(&value, ':'));
        if (nst_str_eq_nocase(name, NST_STR("Content-Disposition")))
            return value;
    }
    return (struct nst_str){ 0 };
}

static enum nst_err read_part(struct nst_json *object, struct nst_req *rq, struct nst_str part)
{
    size_t gap = find(part, NST_STR("\r\n\r\n"));
    struct nst_str disposition = nst_part_disposition(nst_str_slice(part, 0, gap));
    struct nst_str name = nst_header_parameter(disposition, "name");
    if (gap == part.n || name.p == NULL)
        return malformed(rq, "Multipart form parse error - a part has no name");
    return add_member(object, rq, name, nst_str_slice(part, gap + 4, part.n),
                      nst_header_parameter(disposition, "filename").p != NULL);
}

static enum nst_err read_multipart(struct nst_json *object, struct nst_req *rq, struct nst_str type)
{
    struct nst_str boundary = nst_header_parameter(type, "boundary"), rest = rq->x->body;
    if (boundary.n == 0 || boundary.n > 70)
        return malformed(rq, "Multipart form parse error - no boundary");
    struct nst_str line = nst_strf(rq->arena, "--%.*s", NST_FMT(boundary));
    struct nst_str next = nst_strf(rq->arena, "\r\n--%.*s", NST_FMT(boundary));
    size_t at = find(rest, line);
    if (at == rest.n)
        return malformed(rq, "Multipart form parse error - the boundary does not occur");
    rest = nst_str_slice(rest, at + line.n, rest.n);
    enum nst_err e = NST_OK;
    while (e == NST_OK && !nst_str_starts(rest, NST_STR("--"))) {
        size_t end = find(rest, next);
        if (!nst_str_starts(rest, NST_STR("\r\n")) || end == rest.n)
            return malformed(rq, "Multipart form parse error - a part does not end");
        e = read_part(object, rq, nst_str_slice(rest, 2, end));
        rest = nst_str_slice(rest, end + next.n, rest.n);
    }
    return e;
}

enum nst_err nst_form_read(struct nst_json **out, struct nst_req *rq, struct nst_str type)
{
    struct nst_json *object = NST_NEW(rq->arena, struct nst_json);
    object->kind = NST_JSON_OBJECT;
    rq->is_form = true;
    *out = object;
    if (nst_str_starts(type, NST_STR("m")) || nst_str_starts(type, NST_STR("M")))
        return read_multipart(object, rq, type);
    return read_urlencoded(object, rq);
}
