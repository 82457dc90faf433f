/* GraphQL (V275): the schema as tables, what a document asks of it, and the answer. Resolvers give
 * JSON as the REST face shows it; the tables say which member of it a field is. */
#ifndef OCL_GRAPHQL_H
#define OCL_GRAPHQL_H

#include "reader.h"

#include "ocl/app.h"

#define OCL_GRAPHQL_STEPS 1000 /* selections that a document comes to, fragments spread */
#define OCL_GRAPHQL_BYTES ((size_t)16 << 20) /* of an answer, and of what it is made of */
#define OCL_GRAPHQL_LISTS 5                  /* lists of concepts that it may ask for */

enum ocl_graphql_leaf {
    OCL_GRAPHQL_COMPOSITE, /* no leaf: it has fields, or is one of several types */
    OCL_GRAPHQL_TEXT,
    OCL_GRAPHQL_INT,
    OCL_GRAPHQL_FLOAT,
    OCL_GRAPHQL_BOOLEAN,
    OCL_GRAPHQL_ANY, /* JSON as it is */
};

struct ocl_graphql_field;
struct ocl_graphql_pick;
struct ocl_graphql_budget;

struct ocl_graphql_type {
    const char *name;
    enum ocl_graphql_leaf leaf;
    const char *words;                           /* of an enumeration, separated by `|` */
    const struct ocl_graphql_field *field;       /* ends with a row without name */
    const struct ocl_graphql_type *const *among; /* of a union: NULL-terminated */
    /* Of a union: what the value is; NULL: nothing worth showing. */
    const struct ocl_graphql_type *(*which)(const struct nst_json *v);
};

struct ocl_graphql_parameter {
    const char *name;
    const struct ocl_graphql_type *type;
    bool is_list;
};

/* The value of a field of the root.
 *   v      set on success, left alone for null; in rq's arena
 *   fault  its message is set where the arguments cannot be answered; then v is not
 * Errors: those of nst_query. */
typedef enum nst_err ocl_graphql_resolve(const struct nst_json **v, struct ocl_graphql_fault *fault,
                                         struct nst_req *rq, const struct ocl_graphql_pick *pick,
                                         struct ocl_graphql_budget *left);

struct ocl_graphql_field {
    const char *name;
    const struct ocl_graphql_type *type;
    const char *member; /* names of members down to it, separated by dots; "": the value itself */
    /* In place of a member: the value. NULL: null. */
    const struct nst_json *(*find)(const struct nst_json *parent);
    bool is_list;
    bool is_required;                              /* never null */
    const struct ocl_graphql_parameter *parameter; /* ends with a row without name */
    ocl_graphql_resolve *resolve;                  /* of the root */
};

/* Declare the type `of` with these fields. */
#define OCL_GRAPHQL_OBJECT(of, type_name, ...) \
    static const struct ocl_graphql_field of##_field[] = { __VA_ARGS__, { 0 } }; \
    static const struct ocl_graphql_type of = { type_name, .field = of##_field }

/* A field that is asked for, as often as it is. */
struct ocl_graphql_pick {
    struct nst_str key;
    const struct ocl_graphql_field *field;  /* NULL: __typename */
    const struct ocl_graphql_type *on;      /* only of values of this type of a union; NULL: all */
    bool is_again;                          /* ... and it is asked for of all as well */
    const struct ocl_graphql_selection *by; /* the first that asks */
    const struct nst_json *const *argument; /* one for each parameter; NULL: not given */
    struct ocl_graphql_pick *first, *next;  /* first: what is asked of its value */
};

extern const struct ocl_graphql_type ocl_graphql_root, ocl_graphql_string, ocl_graphql_boolean;

/* What __schema and __type are. */
extern const struct ocl_graphql_type ocl_graphql_schema_type, ocl_graphql_type_type;

/* A request. */
struct ocl_graphql {
    struct nst_arena *arena;
    struct nst_str text, operation;   /* operation: by name; null: the only one */
    const struct nst_json *variables; /* an object, or NULL */
    struct ocl_graphql_definition *document;
    const struct ocl_graphql_definition *chosen;
    struct ocl_graphql_fault fault;
    size_t steps;
};

/* Read the text, choose its operation and say what it asks for.
 * Returns false with `fault` set where it cannot be answered. */
bool ocl_graphql_plan(struct ocl_graphql_pick **out, struct ocl_graphql *g);

/* Is there a field at the end of these names, separated by dots, below a pick, under any alias? */
bool ocl_graphql_asks(const struct ocl_graphql_pick *pick, const char *path);

/* Append a value as the pick asks for it. NULL is null. Behind OCL_GRAPHQL_BYTES it stops anywhere.
 */
void ocl_graphql_put(struct nst_buf *out, const struct ocl_graphql_pick *pick,
                     const struct nst_json *v);

/* What is left of what a request may read. */
struct ocl_graphql_budget {
    size_t bytes, nodes, lists;
};

/* Fields of the root: `concepts`, what the arguments ask for, of what the caller may see; what the
 * schema says of itself, all of it and one type. */
ocl_graphql_resolve ocl_graphql_concepts, ocl_graphql_schema, ocl_graphql_type_named;

/* The arguments of `concepts`, in the order of its parameters. */
enum ocl_graphql_argument {
    OCL_GRAPHQL_ORG,
    OCL_GRAPHQL_OWNER,
    OCL_GRAPHQL_SOURCE,
    OCL_GRAPHQL_VERSION,
    OCL_GRAPHQL_IDS,
    OCL_GRAPHQL_QUERY,
    OCL_GRAPHQL_PAGE,
    OCL_GRAPHQL_LIMIT,
};

#endif
