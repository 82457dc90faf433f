/* What the parts of the description share: a document that is being written, the
 * schemas that it refers to. Private to rest. */
#ifndef NESTOR_REST_OPENAPI_H
#define NESTOR_REST_OPENAPI_H

#include "model.h"

/* A document of which the paths are written first: what they refer to is noted. */
struct nst_document {
    struct nst_buf *out;
    const struct nst_registry *reg;
    bool (*is_used)[NST_USE_COUNT]; /* a serializer: models times faces */
};

/* One operation: a method of an endpoint. */
struct nst_endpoint_method {
    const struct nst_endpoint *endpoint;
    const struct nst_action *action;
    enum nst_method method;
};

/* Append a comma where something stands before in the object or list. */
void nst_put_comma(struct nst_buf *out);

/* Append `"name":` behind a comma where one is needed, and the text as a JSON string. */
void nst_put_member(struct nst_buf *out, const char *name, const char *text);

/* Append a reference to the schema of what a serializer of the operation's face shows or
 * takes, or `{}` where it has none. */
void nst_put_reference(struct nst_document *d, const struct nst_model *m,
                       const struct nst_face *face, enum nst_use use);

/* Append all schemas that were referred to, and those that they refer to. */
void nst_put_schemas(struct nst_document *d);

/* Append the member `responses` of an operation. */
void nst_put_responses(struct nst_document *d, const struct nst_endpoint_method *op);

/* Append the members of components.responses: what a face can refuse. */
void nst_put_refusals(struct nst_document *d);

/* Append a schema, the media type around it: the member `content`. */
void nst_put_content(struct nst_buf *out, const struct nst_content *content,
                     const struct nst_action *action);

/* The model whose rows an endpoint is about. */
const struct nst_model *nst_answered_model(const struct nst_endpoint *e);

/* The generic view whose answer an action gives; NULL: none. */
nst_view *nst_view_of(const struct nst_action *action);

/* Is this a way to show credentials? */
bool nst_is_scheme(struct nst_str name);

/* The names that the lists of a face ask the query for; NULL: the face has no such one. */
#define NST_LIST_WORDS 10
void nst_list_words(const char *word[NST_LIST_WORDS], const struct nst_face *face);

/* Does every list have a parameter of this name? */
bool nst_is_list_parameter(const struct nst_face *face, struct nst_str name);

/* The status of a generic view's success. */
unsigned nst_success_of(nst_view *view);

/* Is this one of the five generic views? */
bool nst_is_generic(nst_view *view);

#endif
