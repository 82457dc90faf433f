/* One filter of a list on its way into a statement. Private to the filters. */
#ifndef NESTOR_REST_FILTER_H
#define NESTOR_REST_FILTER_H

#include "model.h"

struct nst_filtering {
    struct nst_sql *q;
    struct nst_req *rq;
    const struct nst_list_grammar *grammar;
    const struct nst_resource *resource;
    struct nst_filter row;
    const struct nst_field *field; /* of the same name; NULL: none */
    struct nst_str name;           /* as the client spells it */
    struct nst_str *word;
    bool *is_pattern;
    size_t count, room;
    bool is_not, is_wrong;
};

/* Read every value of the parameter, in either of two spellings, in the order in which they
 * stand: f->word, is_pattern, count, is_not; f->name is the spelling that was used. */
void nst_filter_read(struct nst_filtering *f, struct nst_str name, struct nst_str other);

/* Append the condition that the column, a text, is one of the words. */
void nst_filter_put_texts(struct nst_filtering *f);

/* Append the condition on the column, whatever its type. */
void nst_filter_put_condition(struct nst_filtering *f);

/* Append the column: the expression of the row, else that of its field. */
void nst_filter_put_column(const struct nst_filtering *f);

/* Append the condition of a filter whose values are looked up first: in the index of a column
 * with few, in another table (filter_values.c).
 * Errors: those of nst_query; among: NST_E_INVALID where too many fit. */
NST_CHECKED enum nst_err nst_filter_put_among(struct nst_filtering *f);
NST_CHECKED enum nst_err nst_filter_put_few(struct nst_filtering *f);

/* Append the conditions of NST_KEYS: one a parameter (filter_keys.c).
 *   filtered  set true when there is one */
void nst_filter_put_keys(struct nst_filtering *f, bool *filtered);

#endif
