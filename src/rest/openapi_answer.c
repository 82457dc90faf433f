/* The answers of an operation: its own, and what its face can refuse. */
#include "openapi.h"

/* ---- Which statuses ---- */

static bool has_phase(const struct nst_face *face, nst_phase *phase)
{
    for (nst_phase *const *p = nst_phases_of(face); *p != NULL; p++)
        if (*p == phase)
            return true;
    return false;
}

static bool names_something(const struct nst_endpoint_method *op)
{
    for (size_t i = 0; i < op->endpoint->count; i++)
        if (op->endpoint->step[i].kind != STEP_LITERAL)
            return true;
    return false;
}

static bool always(const struct nst_endpoint_method *op)
{
    (void)op;
    return true;
}

static bool is_known_by_credentials(const struct nst_endpoint_method *op)
{
    return op->endpoint->route->face->authenticate != NULL;
}

static bool is_write(const struct nst_endpoint_method *op)
{
    return op->method != NST_GET;
}

static bool has_body(const struct nst_endpoint_method *op)
{
    const struct nst_description *own = op->action->describe;
    bool takes_one = own != NULL && (own->request.schema != NULL || own->request.put != NULL);
    return is_write(op) && (op->method != NST_DELETE || takes_one);
}

static bool has_condition(const struct nst_endpoint_method *op)
{
    return is_write(op) && has_phase(op->endpoint->route->face, nst_phase_precondition);
}

/* Attempts are counted where a password or a credential is shown. */
static bool is_throttled(const struct nst_endpoint_method *op)
{
    return is_known_by_credentials(op) || (op->action->flags & NST_ANONYMOUS) != 0;
}

/* What is refused, by whatever phase, and when it can be. */
static const struct {
    enum nst_err err;
    bool (*can_be)(const struct nst_endpoint_method *op);
} refusals[] = {
    { NST_E_INVALID, always },
    { NST_E_UNAUTHENTICATED, is_known_by_credentials },
    { NST_E_FORBIDDEN, is_known_by_credentials },
    { NST_E_NOT_FOUND, names_something },
    { NST_E_NOT_ACCEPTABLE, always },
    { NST_E_TIMEOUT, has_body },
    { NST_E_CONFLICT, is_write },
    { NST_E_PRECONDITION, has_condition },
    { NST_E_TOO_LARGE, has_body },
    { NST_E_URI_TOO_LONG, always },
    { NST_E_MEDIA_TYPE, has_body },
    { NST_E_THROTTLED, is_throttled },
    { NST_E_HEADERS, always },
    { NST_E_BUSY, always },
    { NST_E_FULL, is_write },
};

/* ---- Headers ---- */

static void put_header_rows(struct nst_buf *out, const struct nst_parameter *h)
{
    for (; h != NULL && h->name != NULL; h++) {
        nst_put_comma(out);
        nst_putf(out, "\"%s\":{\"schema\":%s", h->name,
                 h->schema != NULL ? h->schema : "{\"type\":\"string\"}");
        nst_put_member(out, "description", h->doc);
        nst_put_char(out, '}');
    }
}

static const struct nst_parameter default_page[] = {
    { "Total-Count", "{\"type\":\"integer\"}", "Rows of the whole list." },
    { "Link", NULL, "Addresses of the neighbouring pages (RFC 8288)." },
    { 0 },
};

static const struct nst_parameter tag[] = {
    { "ETag", NULL, "Tag of the document: for If-None-Match, and for If-Match of a write." },
    { 0 },
};

static const struct nst_parameter location[] = {
    { "Location", NULL, "Address of what was made." },
    { 0 },
};

static const struct nst_parameter retry[] = {
    { "Retry-After", "{\"type\":\"integer\"}", "Seconds until it is worth asking again." },
    { 0 },
};

static const struct nst_parameter challenge[] = {
    { "WWW-Authenticate", NULL, "What credentials are asked for." },
    { 0 },
};

/* A face with errors of its own form has no challenge. */
static void put_refusal_headers(struct nst_buf *out, const struct nst_face *face, enum nst_err err)
{
    nst_put_lit(out, ",\"headers\":{");
    if (err == NST_OK)
        put_header_rows(out, tag);
    if (err == NST_E_UNAUTHENTICATED && face->error_schema == NULL)
        put_header_rows(out, challenge);
    if (err == NST_E_BUSY || err == NST_E_THROTTLED)
        put_header_rows(out, retry);
    put_header_rows(out, face->header);
    nst_put_char(out, '}');
}

static void put_success_headers(struct nst_buf *out, const struct nst_endpoint_method *op,
                                unsigned status)
{
    const struct nst_face *face = op->endpoint->route->face;
    nst_view *view = nst_view_of(op->action);
    nst_put_lit(out, ",\"headers\":{");
    if (op->method == NST_GET && has_phase(face, nst_phase_etag))
        put_header_rows(out, tag);
    if (status == 201)
        put_header_rows(out, location);
    if (view == nst_list)
        put_header_rows(out, face->paginate != NULL ? face->page_header : default_page);
    put_header_rows(out, face->header);
    nst_put_char(out, '}');
}

/* ---- What succeeds ---- */

static void put_schema(struct nst_buf *out, const struct nst_content *content,
                       const struct nst_action *action)
{
    if (content->put != NULL)
        content->put(out, action);
    else
        nst_put_z(out, content->schema);
}

void nst_put_content(struct nst_buf *out, const struct nst_content *content,
                     const struct nst_action *action)
{
    nst_putf(out, ",\"content\":{\"%s\":{\"schema\":",
             content->media != NULL ? content->media : "application/json");
    put_schema(out, content, action);
    nst_put_lit(out, "}}");
}

/* What is shown as `use`, and what the switches of the query make of it. */
static void put_shapes(struct nst_document *d, const struct nst_model *m,
                       const struct nst_face *face, enum nst_use use)
{
    const struct nst_switch *s = m->set.switches;
    bool has_other = false;
    for (const struct nst_switch *one = s; one != NULL && one->name != NULL; one++)
        has_other |= one->of == use && nst_shape_of(m, face, one->as) != NULL;
    nst_put_z(d->out, has_other ? "{\"anyOf\":[" : "");
    nst_put_reference(d, m, face, use);
    for (; has_other && s->name != NULL; s++) {
        if (s->of != use || nst_shape_of(m, face, s->as) == NULL)
            continue;
        nst_put_char(d->out, ',');
        nst_put_reference(d, m, face, s->as);
    }
    nst_put_z(d->out, has_other ? "]}" : "");
}

#define ADDRESS \
    "{\"type\":\"object\",\"required\":[\"url\"],\"properties\":{\"url\":{\"type\":\"string\"}}," \
    "\"additionalProperties\":false}"

/* Around what a list answers: where there is an address of its table, that instead. */
static void begin_list(struct nst_buf *out, const struct nst_face *face)
{
    nst_put_z(out, nst_lists_of(face)->table != NULL ? "{\"oneOf\":[" ADDRESS "," : "");
}

static void end_list(struct nst_buf *out, const struct nst_face *face)
{
    nst_put_z(out, nst_lists_of(face)->table != NULL ? "]}" : "");
}

static void put_rows(struct nst_document *d, const struct nst_model *m, const struct nst_face *face)
{
    begin_list(d->out, face);
    nst_put_lit(d->out, "{\"type\":\"array\",\"items\":");
    put_shapes(d, m, face, NST_LIST);
    nst_put_char(d->out, '}');
    end_list(d->out, face);
}

/* In what forms else a GET can be answered. */
static void put_other_forms(struct nst_buf *out, const struct nst_endpoint_method *op,
                            nst_view *view)
{
    const struct nst_face *face = op->endpoint->route->face;
    if (view == nst_list && nst_lists_of(face)->format != NULL)
        nst_put_lit(out, ",\"text/csv\":{\"schema\":{\"type\":\"string\"}}");
    if (op->method == NST_GET && face->zip_header != NULL)
        nst_put_lit(out, ",\"application/zip\":{\"schema\":{\"type\":\"string\"}}");
}

static void put_document(struct nst_document *d, const struct nst_endpoint_method *op,
                         nst_view *view)
{
    const struct nst_model *m = nst_answered_model(op->endpoint);
    const struct nst_face *face = op->endpoint->route->face;
    nst_put_lit(d->out, ",\"content\":{\"application/json\":{\"schema\":");
    if (view == nst_list) {
        put_rows(d, m, face);
    } else if (view == nst_retrieve) {
        put_shapes(d, m, face, NST_DETAIL);
    } else {
        nst_put_reference(d, m, face, NST_DETAIL);
    }
    nst_put_char(d->out, '}');
    put_other_forms(d->out, op, view);
    nst_put_char(d->out, '}');
}

unsigned nst_success_of(nst_view *view)
{
    return view == nst_create ? 201 : view == nst_destroy ? 204 : 200;
}

static bool says_itself(const struct nst_endpoint_method *op, unsigned status)
{
    const struct nst_description *own = op->action->describe;
    const struct nst_response *r = own != NULL ? own->response : NULL;
    for (; r != NULL && r->status != 0; r++)
        if (r->status == status)
            return true;
    return false;
}

static void put_generic(struct nst_document *d, const struct nst_endpoint_method *op)
{
    nst_view *view = nst_view_of(op->action);
    unsigned status = nst_success_of(view);
    if (view == NULL || says_itself(op, status))
        return;
    nst_put_comma(d->out);
    nst_putf(d->out, "\"%u\":{\"description\":\"%s\"", status,
             view == nst_create    ? "Made."
             : view == nst_destroy ? "Gone."
                                   : "Success.");
    put_success_headers(d->out, op, status);
    if (view != nst_destroy)
        put_document(d, op, view);
    nst_put_char(d->out, '}');
}

/* A document, which can leave in other forms, too. */
static void put_own_document(struct nst_buf *out, const struct nst_endpoint_method *op,
                             const struct nst_response *r)
{
    const struct nst_face *face = op->endpoint->route->face;
    nst_view *view = nst_view_of(op->action);
    nst_put_lit(out, ",\"content\":{\"application/json\":{\"schema\":");
    if (view == nst_list)
        begin_list(out, face);
    put_schema(out, &r->content, op->action);
    if (view == nst_list)
        end_list(out, face);
    nst_put_char(out, '}');
    struct nst_str rest = nst_str_z(r->or_text);
    while (rest.p != NULL) {
        struct nst_str media = nst_str_cut(&rest, ' ');
        nst_putf(out, ",\"%.*s\":{\"schema\":{\"type\":\"string\"}}", NST_FMT(media));
    }
    put_other_forms(out, op, view);
    nst_put_char(out, '}');
}

static void put_own_content(struct nst_buf *out, const struct nst_endpoint_method *op,
                            const struct nst_response *r)
{
    if ((r->status == 200 || r->or_text != NULL) && r->content.media == NULL)
        put_own_document(out, op, r);
    else
        nst_put_content(out, &r->content, op->action);
}

static void put_own(struct nst_document *d, const struct nst_endpoint_method *op)
{
    const struct nst_description *own = op->action->describe;
    const struct nst_response *r = own != NULL ? own->response : NULL;
    for (; r != NULL && r->status != 0; r++) {
        nst_put_comma(d->out);
        nst_putf(d->out, "\"%u\":{\"description\":", r->status);
        nst_json_put_str(d->out, nst_str_z(r->doc));
        put_success_headers(d->out, op, r->status);
        if (r->content.schema != NULL || r->content.put != NULL)
            put_own_content(d->out, op, r);
        nst_put_char(d->out, '}');
    }
}

/* ---- All of them ---- */

void nst_put_responses(struct nst_document *d, const struct nst_endpoint_method *op)
{
    const struct nst_face *face = op->endpoint->route->face;
    nst_put_lit(d->out, ",\"responses\":{");
    put_generic(d, op);
    put_own(d, op);
    if (op->method == NST_GET && has_phase(face, nst_phase_etag))
        nst_putf(d->out, ",\"304\":{\"$ref\":\"#/components/responses/%s.304\"}", face->name);
    for (size_t i = 0; i < NST_COUNT(refusals); i++) {
        unsigned status = nst_err_status(refusals[i].err);
        if (!refusals[i].can_be(op) || says_itself(op, status))
            continue;
        nst_put_comma(d->out);
        nst_putf(d->out, "\"%u\":{\"$ref\":\"#/components/responses/%s.%u\"}", status, face->name,
                 status);
    }
    nst_put_char(d->out, '}');
}

static void put_refusal(struct nst_buf *out, const struct nst_face *face, enum nst_err err)
{
    nst_put_comma(out);
    nst_putf(out, "\"%s.%u\":{\"description\":\"%s\"", face->name, nst_err_status(err),
             nst_err_message(err));
    put_refusal_headers(out, face, err);
    nst_putf(out,
             ",\"content\":{\"application/json\":{\"schema\":{\"$ref\":\"#/components/schemas/"
             "%s.Error\"}}}}",
             face->name);
}

void nst_put_refusals(struct nst_document *d)
{
    for (size_t i = 0; i < d->reg->faces; i++) {
        const struct nst_face *face = d->reg->face[i];
        if (face->mount == NULL)
            continue;
        nst_put_comma(d->out);
        nst_putf(d->out, "\"%s.304\":{\"description\":\"It is what If-None-Match names.\"",
                 face->name);
        put_refusal_headers(d->out, face, NST_OK);
        nst_put_char(d->out, '}');
        for (size_t k = 0; k < NST_COUNT(refusals); k++)
            put_refusal(d->out, face, refusals[k].err);
    }
}
