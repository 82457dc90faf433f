/* What a list is asked for, as a value. Private to rest. */
#ifndef NESTOR_REST_SELECT_H
#define NESTOR_REST_SELECT_H

#include "model.h"

/* A filter that the query gives, read; then on its way into a statement. */
struct nst_filtering {
    struct nst_filtering *next;
    struct nst_sql *q; /* where its condition goes */
    struct nst_req *rq;
    const struct nst_list_grammar *grammar;
    const struct nst_filter_slot *slot;
    struct nst_filter row; /* of the slot; the column may be another where a condition is put */
    struct nst_str name;   /* as the client spells it */
    struct nst_str key;    /* NST_KEYS: what stands behind the joint */
    struct nst_str *word;
    bool *is_pattern;
    size_t count, room;
    bool is_not;   /* none of the words */
    bool is_wrong; /* a word is no value */
};

/* Where a walk through a list stands: a value, but for its texts. */
struct nst_place {
    struct nst_value key[NST_TERMS_MAX]; /* of the row before the page, then of its last */
    bool has_key;
    int64_t state; /* places are kept under it; 0: unknown */
};

/* Rows of a set: made once of a request in the words of its face, the same for whatever is then
 * done with them. The life of a list is ask, tally, find, put. */
struct nst_select {
    const struct nst_model *model;
    const struct nst_shape *shape; /* that the query chooses */
    struct nst_filtering *filter;  /* NULL: all that are in scope and visible */
    struct nst_sql where;          /* scope, visibility, filters */
    struct nst_order order;
    struct nst_page page; /* which rows; then what is known of them */
    struct nst_place place;
    /* Of a list that leaves whole: where the answer has that many, the page ends, and nothing is
     * kept of its rows; 0: it is refused at 16 MB. */
    size_t bytes;
};

/* Read what the request asks for of a set, below parent (NULL: none).
 * Errors: NST_E_INVALID with problems recorded; those of hooks and of nst_query: some filters
 * look values up. */
NST_CHECKED enum nst_err nst_ask(struct nst_select *out, struct nst_req *rq,
                                 const struct nst_model *m, const struct nst_object *parent);

/* The same rows, behind that place, in the state that its walk began with; NULL: as nst_ask.
 * Errors: the same. */
NST_CHECKED enum nst_err nst_ask_behind(struct nst_select *out, struct nst_req *rq,
                                        const struct nst_model *m, const struct nst_object *parent,
                                        const struct nst_place *place);

/* The rows inside of another document. Of the query nothing counts but what hook.visible reads of
 * it, where it is asked; of the page, only the limit. Errors: those of the hook. */
NST_CHECKED enum nst_err nst_ask_inner(struct nst_select *out, struct nst_req *rq,
                                       const struct nst_inner *inner);

/* Set page.found. Errors: those of the hook and of nst_query. */
NST_CHECKED enum nst_err nst_select_tally(struct nst_select *s, struct nst_req *rq);

/* Find the row before the page, once they are counted.
 *   is_there  false when the list ends before it
 * Errors: those of nst_query. */
NST_CHECKED enum nst_err nst_select_find(bool *is_there, struct nst_select *s, struct nst_req *rq);

/* Append the rows of the page behind that row to the answer, with commas between. Sets
 * page.returned, has_more and kept; where there are more, the next call goes on with them.
 * Errors: those of nst_query; NST_E_INVALID where they take too much. */
NST_CHECKED enum nst_err nst_select_put(struct nst_select *s, struct nst_req *rq);

/* ---- Lists that leave whole (whole.c) ---- */

/* Whether the request asks for every row, whatever pages there are. */
bool nst_is_asked_whole(struct nst_req *rq);

/* Answer it: in pieces, as JSON or as a table; or with the address of the table.
 *   s       of nst_ask, for this request
 *   parent  the same
 * Errors: those of nst_query. */
NST_CHECKED enum nst_err nst_answer_whole(struct nst_select *s, struct nst_req *rq,
                                          const struct nst_object *parent);

/* Append the titles of a table of rows that are shown as w has it, members included, as CSV; then
 * such rows, an array of objects (table.c). */
void nst_table_put_titles(struct nst_buf *out, const struct nst_waiting *w);
void nst_table_put_rows(struct nst_buf *out, const struct nst_waiting *w,
                        const struct nst_json *rows);

/* ---- Filters ---- */

/* Read the filters of the query, each once, however often and in which spelling it is given. */
struct nst_filtering *nst_filters_read(struct nst_req *rq, const struct nst_model *m);

/* Append their conditions.
 * Errors: NST_E_INVALID with a problem recorded; those of nst_query. */
NST_CHECKED enum nst_err nst_filters_put(struct nst_sql *q, struct nst_req *rq,
                                         struct nst_filtering *first);

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

/* Append what else is said of rows that have the key, and the condition of NST_KEYS
 * (filter_keys.c). */
void nst_filter_put_only(struct nst_filtering *f);
void nst_filter_put_key(struct nst_filtering *f);

#endif
