/* What the checks of tables share. Tables are checked before they are compiled, so
 * that compiling and serving can rely on them. A check is a row of a table: a
 * question about a row, what is wrong when it is answered with yes, and what mends
 * it. Private to rest. */
#ifndef NESTOR_REST_CHECK_H
#define NESTOR_REST_CHECK_H

#include "model.h"

/* Where a check looks: a row of a table. Members that the row has nothing of are NULL. */
struct nst_at {
    struct nst_registry *reg;
    struct nst_str table, row; /* as the log names them */
    size_t index;              /* of a face or set in its list */
    const struct nst_face *face;
    const struct nst_resource *resource;
    const struct nst_set *set; /* of its rows, with what it has of the resource */
    const struct nst_field *field;
    const struct nst_serializer *serializer;
    struct nst_word word; /* of the serializer */
    const struct nst_rule *rule;
    const struct nst_sort *sort;
    const struct nst_filter *filter;
    const struct nst_switch *query_switch;
    const struct nst_member *member;
    const struct nst_route *route;
    struct nst_str path; /* of the route, or one alternative of it */
    const struct nst_endpoint *endpoint;
    const struct nst_action *action;
};

struct nst_check {
    bool (*is_wrong)(const struct nst_at *at);
    const char *fault, *remedy;
};

/* Log what is wrong with the row of a table, in one line. */
void nst_log_fault(struct nst_str table, struct nst_str row, const char *fault, const char *remedy);

/* The same of the row that a check looks at, and count it. */
void nst_refuse(const struct nst_at *at, const char *fault, const char *remedy);

/* Ask the checks, which end with a row without a question, in their order; refuse the
 * row by the first that is answered with yes. Returns false then. */
bool nst_passes(const struct nst_at *at, const struct nst_check *check);

/* Check faces and resources with their fields, serializers and sorts. Faults are
 * counted in the registry. */
void nst_check_tables(struct nst_registry *reg);

/* Check what names a set; what it shows, where the resource does not say so. */
bool nst_check_set(struct nst_registry *reg, size_t index);
void nst_check_shown(struct nst_registry *reg, const struct nst_model *m);

/* The same of one resource's fields; of a set's serializers, whose fields are good. */
bool nst_check_fields(struct nst_registry *reg, const struct nst_resource *r);
void nst_check_serializers(struct nst_registry *reg, const struct nst_model *m);

/* True when a route is good as a whole; when one alternative of its path is. */
bool nst_check_route(const struct nst_at *at);
bool nst_check_path(const struct nst_at *at);

/* Check a compiled endpoint: what its path loads, and its actions. Notes the resource
 * above another that has a parent column. */
void nst_check_endpoint(const struct nst_at *at);

/* Are both texts there, and the same? */
bool nst_is_same(const char *a, const char *b);

/* Is it in the list of faces, of resources? */
bool nst_lists_face(const struct nst_registry *reg, const struct nst_face *face);
bool nst_lists_resource(const struct nst_registry *reg, const struct nst_resource *r);

/* Is the text JSON; is it, as a fallback, a value of the field? */
bool nst_is_json(struct nst_arena *a, const char *text);
bool nst_is_fallback(struct nst_arena *a, const struct nst_resource *r, const struct nst_field *f,
                     const char *text);

/* Does a text refer to {what} is no field, or none that is_good (NULL: all are)? Has it
 * an open brace? */
bool nst_refers_to_nothing(const struct nst_resource *r, const char *text,
                           bool (*is_good)(const struct nst_field *f));
bool nst_has_open_brace(const char *text);

#endif
