/* GraphQL documents that clients may execute: a bounded reader into an arena tree. Definitions of
 * types are not among them. Debian has no C library for it. */
#ifndef OCL_GRAPHQL_READER_H
#define OCL_GRAPHQL_READER_H

#include "nestor/base/arena.h"

#define OCL_GRAPHQL_DEPTH  20   /* selections and values inside of one another */
#define OCL_GRAPHQL_TOKENS 5000 /* of a document */

enum ocl_graphql_kind {
    OCL_GRAPHQL_NULL,
    OCL_GRAPHQL_BOOL,
    OCL_GRAPHQL_NUMBER, /* as written */
    OCL_GRAPHQL_STRING, /* decoded */
    OCL_GRAPHQL_ENUM,
    OCL_GRAPHQL_VARIABLE, /* its name, without the dollar */
    OCL_GRAPHQL_LIST,
    OCL_GRAPHQL_OBJECT,
};

/* A value; where it has a name, an argument or a member of an object. */
struct ocl_graphql_value {
    enum ocl_graphql_kind kind;
    struct nst_str name, text;
    struct ocl_graphql_value *first, *next;
    size_t at; /* byte of the document */
};

struct ocl_graphql_directive {
    struct nst_str name;
    struct ocl_graphql_value *argument;
    struct ocl_graphql_directive *next;
    size_t at;
};

enum ocl_graphql_selects { OCL_GRAPHQL_FIELD, OCL_GRAPHQL_SPREAD, OCL_GRAPHQL_INLINE };

struct ocl_graphql_selection {
    enum ocl_graphql_selects selects;
    struct nst_str key;  /* of a field: what the answer calls it */
    struct nst_str name; /* of a field, of a fragment; the type of an inline one, null: none */
    struct ocl_graphql_value *argument;
    struct nst_str arguments; /* the same as written */
    struct ocl_graphql_directive *directive;
    struct ocl_graphql_selection *first, *next; /* first: what it selects inside */
    size_t at;
};

struct ocl_graphql_variable {
    struct nst_str name, type; /* type as written */
    const struct ocl_graphql_value *fallback;
    struct ocl_graphql_variable *next;
    size_t at;
};

/* An operation or a fragment. */
struct ocl_graphql_definition {
    struct nst_str word; /* query, mutation, subscription, fragment */
    struct nst_str name; /* null: an operation without one */
    struct nst_str on;   /* of a fragment */
    struct ocl_graphql_variable *variable;
    struct ocl_graphql_selection *first;
    struct ocl_graphql_definition *next;
    size_t at;
    bool is_open; /* of a fragment: it is being spread */
};

/* What is wrong, and where. */
struct ocl_graphql_fault {
    struct nst_str message; /* null: nothing */
    size_t at;
    struct nst_str key; /* of the field that failed; null: none was begun */
};

/* Read a document.
 *   out    its definitions in their order, at least one; owned by a, texts may view `text`
 *   fault  filled on failure
 * Returns false where it is none, or larger than the limits above. Linear in text.n. */
bool ocl_graphql_read(struct ocl_graphql_definition **out, struct ocl_graphql_fault *fault,
                      struct nst_arena *a, struct nst_str text);

/* Line and column, both from 1, of a byte of the document; columns in characters. */
struct ocl_graphql_place {
    size_t line, column;
};
struct ocl_graphql_place ocl_graphql_place(struct nst_str text, size_t at);

#endif
