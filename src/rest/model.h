/* Compiled tables: what the registry makes of resources at start-up, so that a
 * request only walks arrays. Private to rest. */
#ifndef NESTOR_REST_MODEL_H
#define NESTOR_REST_MODEL_H

#include "nestor/rest.h"

#define NST_SEGMENTS_MAX 16 /* of a path */

/* What is known of a row's fields: bit i % 64 of word i / 64 is field i. Behind the struct. */
#define NST_MARK_BITS 64

struct nst_mark_word {
    uint64_t set, null;
};

struct nst_marks {
    const void *row; /* whose they are: who copied it by assignment only reads them */
    struct nst_mark_word word[];
};

/* Fields, as a SELECT names their columns: in the order of the table. */
struct nst_columns {
    const unsigned *field;
    unsigned count;
};

/* One piece of a link: literal text, then the value of a field (-1: none). */
struct nst_piece {
    struct nst_str literal;
    int field;
};

struct nst_link {
    struct nst_piece *piece;
    size_t count;
};

/* One field of a serializer. */
struct nst_slot {
    struct nst_str key;  /* output: `,"name":` */
    struct nst_str name; /* the face's spelling */
    struct nst_str told; /* the same in problems, where a rule says no other */
    const struct nst_field *field;
    unsigned index; /* of the field in its table */
    const struct nst_model *model;
    const struct nst_link *link;
    const struct nst_model *children;
    bool is_required, is_verbatim;
    bool must_hold;      /* null, "", blanks and [] are refused */
    bool accepts_stored; /* input: the value that is there already is always good */
    const struct nst_rule *rule;
    struct nst_str snake, camel;
};

/* One word of a serializer: "name", "name*", "shown=name". */
struct nst_word {
    struct nst_str text; /* as it stands there */
    struct nst_str name, shown;
    bool is_required, is_verbatim;
};

struct nst_shape {
    const struct nst_serializer *serializer;
    struct nst_slot *slot;
    size_t count;
    struct nst_str type;        /* `"Source"`, or null */
    struct nst_columns columns; /* fields to load */
    struct nst_str select;      /* "SELECT ... FROM ... WHERE ..." */
};

/* What lists can be asked for: a field with NST_FILTER, or a row of .filter. */
struct nst_filter_slot {
    struct nst_filter row; /* its type is set */
    const struct nst_resource *resource;
    const struct nst_field *field; /* of the same name; NULL: none */
    struct nst_str snake, camel;
};

/* A set of rows of a resource: its own, or one of .sets. */
struct nst_model {
    const struct nst_resource *resource;
    const struct nst_set *declared; /* NULL: the resource itself */
    struct nst_set set;             /* with what it has of the resource */
    struct nst_registry *registry;
    struct nst_filter_slot *filter; /* those of the resource */
    size_t filters;
    struct nst_link *link; /* a link a field, empty without */
    const struct nst_model **children;
    int key, identity, parent;        /* indices; -1: none */
    const struct nst_resource *above; /* whose rows the parent column names; NULL: none */
    struct nst_columns core, all;     /* of the two load depths */
    struct nst_str sources;           /* " FROM ... WHERE ...", as every select ends */
    struct nst_str select_core, select_all, insert;
    struct nst_shape *(*shape)[NST_USE_COUNT]; /* one a face */
};

enum nst_step_kind { STEP_LITERAL, STEP_LOAD, STEP_ALIAS, STEP_TEXT };

struct nst_step {
    enum nst_step_kind kind;
    struct nst_str word; /* the literal */
    const char *name;    /* resource or variable */
    const struct nst_model *model;
};

struct nst_endpoint {
    size_t number;                 /* its place among those of the registry */
    const struct nst_route *route;
    const struct nst_model *model; /* whose table the route stands in */
    struct nst_str path;           /* one alternative, as written */
    struct nst_step *step;
    size_t count;
    size_t target; /* the step whose row a detail is about; count: there is none */
    size_t held;   /* the first step whose row a write holds */
    const struct nst_action *action[NST_METHOD_COUNT];
    struct nst_str allow;
};

/* A node of a face's route tree: literals win over variables. */
struct nst_node {
    struct nst_str word; /* literal; null for a variable */
    struct nst_node *child, *next;
    struct nst_endpoint *endpoint;
};

/* A name of the query that a face refuses: a word of its `not_yet`. */
struct nst_refused {
    struct nst_str name;
    bool is_switch, is_beginning;
};

/* All of them, the beginnings last, the others sorted. */
struct nst_not_yet {
    struct nst_refused *word;
    size_t count, beginnings;
};

struct nst_registry {
    struct nst_arena *arena;
    const char *title, *version; /* of the program, in its description */
    unsigned char seal[16];      /* marks places in lists (nst_registry_seal) */
    const struct nst_face **face;
    struct nst_node **root;
    struct nst_not_yet *not_yet; /* one a face */
    struct nst_str spool;        /* folder of bodies that go into files */
    size_t faces;
    struct nst_model *model;
    size_t models;
    struct nst_endpoint **endpoint;
    size_t endpoints;
    unsigned faults;
};

/* Model of what r itself says; aborts when r is not registered. Those of its sets follow it. */
const struct nst_model *nst_model_of(const struct nst_registry *reg, const struct nst_resource *r);

/* Model of one of the sets of a resource; aborts when no registered one has it. */
const struct nst_model *nst_model_of_set(const struct nst_registry *reg, const struct nst_set *set);

/* The set of r that the route of the request is about; what r itself says where it is about
 * another resource. */
const struct nst_model *nst_model_here(const struct nst_req *rq, const struct nst_resource *r);

/* Position of the face; aborts when it is not registered. */
size_t nst_face_index(const struct nst_registry *reg, const struct nst_face *face);

/* Serializer of that face and use, compiled; NULL when the resource has none. */
const struct nst_shape *nst_shape_of(const struct nst_model *m, const struct nst_face *face,
                                     enum nst_use use);

/* The switch that chooses what is shown of a row that is asked for as `use`; NULL: none does. */
const struct nst_switch *nst_switch_chosen(struct nst_req *rq, const struct nst_model *m,
                                           enum nst_use use);

/* What to show of a row that is asked for as `use`: the query may choose by a switch,
 * among what the face has. NULL where it has not even `use`. */
const struct nst_shape *nst_shape_chosen(struct nst_req *rq, const struct nst_model *m,
                                         enum nst_use use);

/* Sort the words of what a face refuses. */
void nst_not_yet_compile(struct nst_not_yet *out, struct nst_arena *a, const char *words);

/* The word that refuses a name, or NULL. */
const struct nst_refused *nst_not_yet_find(const struct nst_not_yet *n, struct nst_str name);

/* True when the request has a header that its face refuses. */
bool nst_refuses_headers(struct nst_req *rq);

/* Index of the named field, -1 when there is none. */
int nst_field_index(const struct nst_resource *r, struct nst_str name);

/* True when rows of the set are found by f in paths. */
bool nst_is_key(const struct nst_set *set, const struct nst_field *f);

/* True when the print of its type makes f of other fields. */
bool nst_is_made(const struct nst_field *f);

/* True when rows of r are kept in a table and have a struct. */
bool nst_has_rows(const struct nst_resource *r);

/* True when f is a column of the resource's own table; a column or an expression. */
bool nst_is_stored(const struct nst_field *f);
bool nst_has_column(const struct nst_field *f);

/* Take the next word off a serializer's fields. Returns false at their end. */
bool nst_next_word(struct nst_word *w, struct nst_str *rest);

/* Append the column or expression of a field, qualified by its table. */
void nst_column_put(struct nst_buf *b, const struct nst_resource *r, const struct nst_field *f);

/* The camelCase form of a snake_case name, in a. */
struct nst_str nst_camel(struct nst_arena *a, struct nst_str snake);

/* The member of an object that carries slot, in either spelling; NULL when absent.
 *   twice  set when it stands there more than once with different values */
const struct nst_json *nst_slot_member(bool *twice, const struct nst_slot *slot,
                                       const struct nst_json *object);

/* Code points that a text of this field may have. */
unsigned nst_text_max(const struct nst_field *f);

/* Read the list of child objects `given` over the stored text *member. Problems are
 * recorded; *member changes only without one. */
void nst_bind_children(struct nst_str *member, struct nst_req *rq, const struct nst_slot *slot,
                       const struct nst_json *given);

/* Record that the value given under that name is none of its choices. */
void nst_refuse_choice(struct nst_req *rq, struct nst_str name, struct nst_str value);

/* What a list is sorted by: expressions, the last of which tell every two rows apart. */
#define NST_TERMS_MAX 8

struct nst_term {
    struct nst_str expression;
    bool is_descending, may_be_null; /* nulls come last */
};

struct nst_order {
    struct nst_term term[NST_TERMS_MAX];
    unsigned count;
};

/* Whether two names differ in nothing but case and `_`. */
bool nst_is_alike(struct nst_str a, struct nst_str b);

/* Decode the query of the exchange into rq: once, before the first phase, since it is asked
 * for a dozen times. */
void nst_query_read(struct nst_req *rq);

/* The order of the set, whatever the query says, or `own` unless that is NULL; behind what is
 * there already. */
void nst_order_default(struct nst_order *out, struct nst_req *rq, const struct nst_model *m,
                       const char *own);

/* The order that the query asks for, else the set's.
 * Errors: NST_E_INVALID with a problem recorded, for a name that it does not sort by. */
NST_CHECKED enum nst_err nst_order_read(struct nst_order *out, struct nst_req *rq,
                                        const struct nst_model *m);

/* Append the expressions, separated by commas, with or without their directions. */
void nst_order_put(struct nst_buf *out, const struct nst_order *o, bool with_direction);

/* Append the condition that a row comes behind the one with these values of the terms. */
void nst_order_behind(struct nst_sql *q, const struct nst_order *o, const struct nst_value *key);

/* The place of a row in a walk as the text that `after` takes, and back.
 *   text   null when it would be too long for an address
 *   state  of the walk, 0: none
 *   key    a value a term; texts are owned by rq
 * The text carries a mark: read refuses what nst_key_text did not make for this order. */
struct nst_str nst_key_text(struct nst_req *rq, const struct nst_order *o, int64_t state,
                            const struct nst_value *key);
bool nst_key_read(struct nst_value *key, int64_t *state, struct nst_req *rq,
                  const struct nst_order *o, struct nst_str text);

/* Compile what lists of m can be asked for: fields first, then the table. */
void nst_filters_compile(struct nst_model *m);

/* Whether such a list reads a parameter of that name, whatever its spelling. */
bool nst_is_filter(const struct nst_model *m, struct nst_str name);

/* Whether the name is that of a filter of NST_KEYS, with its joint; the key may be missing. */
bool nst_is_key_of(const struct nst_filter_slot *f, struct nst_str name);

/* Add the routes of a compiled model to the trees. */
void nst_route_add(struct nst_registry *reg, const struct nst_model *m);

/* Find the endpoint of a path below a face's mount and set rq->endpoint and var.
 * Errors: NST_E_NOT_FOUND. `path` is still percent-encoded. */
enum nst_err nst_route_find(struct nst_req *rq, struct nst_str path);

/* What a face uses: its own, or the default. */
nst_phase *const *nst_phases_of(const struct nst_face *face);

/* Load the rows of the path anew, and ask once more whether the request is permitted.
 * Errors: those of both phases; NST_E_FORBIDDEN when one has answered by itself, which is left in
 * rq->x. */
NST_CHECKED enum nst_err nst_judge(struct nst_req *rq);

/* May what its view shows come from a replica? Lists may, but for what a write asks: anything else
 * costs the primary more to ask than to answer. */
bool nst_may_read_elsewhere(const struct nst_req *rq);
const struct nst_list_grammar *nst_lists_of(const struct nst_face *face);
void nst_fail_as_face(struct nst_req *rq, enum nst_err err);
void nst_paginate_as_face(struct nst_req *rq, const struct nst_page *page);

/* Append one SELECT for the columns, up to and with WHERE. */
void nst_select_text(struct nst_buf *b, const struct nst_model *m,
                     const struct nst_columns *columns);

/* Append the INSERT of all stored columns, `$1` and so on in the table's order. */
void nst_insert_text(struct nst_buf *b, const struct nst_resource *r);

/* Append the absolute address of this list as a table: with its filters and its order. */
void nst_put_table_address(struct nst_buf *out, const struct nst_req *rq);

/* A row of r in a: every member zero, no mark. */
void *nst_row_alloc(struct nst_arena *a, const struct nst_resource *r);

/* Bring a row back to what nst_row_alloc made. */
void nst_row_clean(const struct nst_resource *r, void *row);

/* Change the marks of field `index`. */
void nst_put_null(void *row, unsigned index, bool is_null);
void nst_put_set(void *row, unsigned index);

/* The marks of field `index`: of every field of every row that is shown. */
static inline bool nst_null_at(const void *row, unsigned index)
{
    const struct nst_marks *marks = ((const struct nst_row *)row)->marks;
    return marks != NULL &&
           (marks->word[index / NST_MARK_BITS].null >> index % NST_MARK_BITS & 1) != 0;
}

static inline bool nst_set_at(const void *row, unsigned index)
{
    const struct nst_marks *marks = ((const struct nst_row *)row)->marks;
    return marks != NULL &&
           (marks->word[index / NST_MARK_BITS].set >> index % NST_MARK_BITS & 1) != 0;
}

/* Fill a clean row from the present result row, whose columns these are. */
void nst_row_read(const struct nst_model *m, const struct nst_columns *columns,
                  struct nst_rows *rows, void *row);

/* Copy the texts of these columns to a: those of a result live until its next step. */
void nst_keep_texts(struct nst_arena *a, const struct nst_model *m,
                    const struct nst_columns *columns, void *row);

/* Append a row as a compiled serializer shows it; a link's text in quotes, or null
 * when a part of it is null. */
void nst_shape_put(struct nst_buf *out, const struct nst_face *face, const struct nst_shape *shape,
                   const void *row);
void nst_link_put(struct nst_buf *out, const struct nst_model *m, const struct nst_link *link,
                  const void *row);

/* Rows that wait until their members are made (member.c). */
struct nst_waiting {
    struct nst_req *rq;
    const struct nst_model *model;
    const struct nst_shape *shape;
    struct nst_buf *out;              /* where the rows are written */
    const struct nst_member **member; /* those that are asked for */
    size_t members;                   /* 0: nothing waits */
    void **row;
    size_t *end, begin, count, room; /* where each row ends, where the first begins */
};

/* Begin to wait for rows of w->model that are shown as w->shape; w->out ends where the first of
 * them will begin. The caller has set these and w->rq, the rest is zero.
 *   is_inside  of another document, or of the answer to a write: only what is always there */
void nst_wait(struct nst_waiting *w, bool is_inside);

/* A row has been written: keep it, with copies of its texts unless they live as long as rq. */
void nst_wait_for(struct nst_waiting *w, void *row, bool is_kept);

/* Make the members and put them behind the rows' own; each `end` is then where it ends. */
NST_CHECKED enum nst_err nst_put_members(struct nst_waiting *w);

/* Whether the query asks for a member of rows that are shown so. */
bool nst_asks_members(struct nst_req *rq, const struct nst_model *model, enum nst_use use);

/* Whether rows of m have a member in that face; then .member_asked counts. */
bool nst_has_members(const struct nst_model *m, const struct nst_face *face);

/* What to load: a prepared SELECT, its columns, conditions that follow it. */
struct nst_selection {
    struct nst_str select;
    const struct nst_columns *columns;
    const struct nst_sql *conditions;
    bool is_held; /* until the transaction ends; in writes only */
};

/* Load one row; *row is NULL when there is none. Texts are copied to rq's arena. */
enum nst_err nst_load_row(void **row, struct nst_req *rq, const struct nst_model *m,
                          const struct nst_selection *what);

/* True when this run may change the store: it is neither a reading request nor a first
 * look before slow work. */
bool nst_is_write(const struct nst_req *rq);

/* Limit q to the children of parent (NULL: none in the path), by the scope hook and by
 * the parent column. */
enum nst_err nst_scope(struct nst_sql *q, struct nst_req *rq, const struct nst_model *m,
                       const struct nst_object *parent);

/* Start conditions that name a row by its id. */
void nst_sql_by_id(struct nst_sql *q, struct nst_req *rq, const struct nst_resource *r, int64_t id);

/* The Location of a row: its link `url`, or `uri` where that is of something else. */
struct nst_str nst_row_url(struct nst_req *rq, const struct nst_model *m, const void *row);

/* Make the next piece of a stream, for nst_http_more.
 *   reader  a connection in its tick's transaction, for making it at once; NULL: the
 *           store's threads make it later
 *   err     of entering that transaction */
enum nst_http_next nst_stream_next(struct nst_stream *s, struct nst_store *store,
                                   struct nst_db *reader, enum nst_err err);

/* Set rq->zip_asked and wants_zip: once, before the first phase. Phase `packed` puts the answer
 * inside of a ZIP then. */
void nst_zip_read(struct nst_req *rq);

/* Whether the query asks for a list as a table, and not for the address of that. */
bool nst_is_table_asked(struct nst_req *rq);

/* Say that a document, which is there or known, depends on that header. Once an answer. */
void nst_zip_mark(struct nst_req *rq);

/* The view has answered with a file: hand it to the HTTP layer, once nothing can fail any more. */
void nst_send_file(struct nst_req *rq);

/* Let the pieces of a stream go on with that file. */
struct nst_zip;
void nst_stream_pack(struct nst_stream *s, struct nst_zip *zip);

/* Put the next part of the file in the place of what out holds.
 * Returns false where there is no more room for it. */
NST_CHECKED bool nst_zip_body(struct nst_buf *out, struct nst_zip *zip, bool is_last);

/* The part of a request that is run by a face: phases, then the error. */
enum nst_err nst_run_phases(struct nst_req *rq);

/* Say when it is worth asking again, where the error is one that passes (503). */
void nst_say_when(struct nst_exchange *x, enum nst_err err);

/* What is answered outside the faces; made in a. */
#define NST_OPERATION_METHODS "GET, HEAD"
#define NST_EVERY_METHOD      "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
struct nst_meter;
struct nst_operations *nst_operations_new(struct nst_arena *a, const struct nst_server_options *o,
                                          struct nst_meter *meter);

/* The operation that a request is for; NULL: a face's.
 *   has_route  a face answers that path */
const struct nst_operation *nst_operation_of(const struct nst_operations *ops,
                                             const struct nst_exchange *x, bool has_route);
enum nst_http_next nst_operation_answer(const struct nst_operations *ops,
                                        const struct nst_operation *o, struct nst_exchange *x);

/* Whether only staff may have the answer, where it is asked for beside the faces. */
bool nst_operation_is_for_staff(const struct nst_operation *o, const struct nst_exchange *x);

/* Operations are numbered from 0: the number of one, and its path; null beyond the last. */
size_t nst_operation_number(const struct nst_operation *o);
struct nst_str nst_operation_path(size_t number);

/* The listener of metrics, on which nothing else is answered than what is for those who watch:
 * start it at that address (as nst_http_options has it); stop it, NULL is none.
 * Errors: those of nst_http_start. */
NST_CHECKED enum nst_err nst_watch_start(struct nst_http **out, struct nst_str listen,
                                         struct nst_operations *ops, struct nst_http_app *app);

/* The start page of that registry, and the Content-Security-Policy that goes with it. In a. */
struct nst_str nst_page_make(struct nst_arena *a, const struct nst_registry *reg,
                             const struct nst_face *root);
struct nst_str nst_page_policy(struct nst_arena *a);

/* Let scripts of these origins, which are without fault, in: what nst_cors_mark and
 * nst_cors_answer need, in a. NULL when there are none. */
struct nst_cors *nst_cors_new(struct nst_arena *a, struct nst_str origins,
                              const struct nst_registry *reg);

/* Give an answer the headers that let a script see it. Once an answer; c may be NULL. */
void nst_cors_mark(const struct nst_cors *c, struct nst_exchange *x);

/* Whether a browser asks what a script may do; then answer it.
 *   methods  of the path; null: it is none */
bool nst_cors_is_preflight(const struct nst_cors *c, const struct nst_exchange *x);
enum nst_http_next nst_cors_answer(const struct nst_cors *c, struct nst_exchange *x,
                                   struct nst_str methods);

/* Reset what an earlier run of the same request left behind. */
void nst_req_rewind(struct nst_req *rq);

/* Count from now on what is looked up, found and not found, in tally, which outlives the cache. */
struct nst_cache_tally {
    struct nst_counter hits, misses;
};
void nst_cache_count_in(struct nst_cache *c, struct nst_cache_tally *tally);

/* True when the cache takes nothing more until it is dropped. */
bool nst_cache_is_full(const struct nst_cache *c);

/* Keep a copy of a row's core columns; find it again. The row belongs to the
 * cache: it is read, never changed. */
void nst_cache_put_row(struct nst_cache *c, struct nst_str key, const struct nst_model *m,
                       const void *row);
void *nst_cache_row(struct nst_cache *c, struct nst_str key);
void nst_cache_free(struct nst_cache *c);

/* Places in lists that are remembered: the key of a row (nst_key_text), by a key that says
 * of which list, which row. A request needs a server or a loop's cache for it.
 *   state  of the list; then all threads share the place. 0: it is the loop's
 * recall returns null text when there is none; other text is in rq->arena or the cache.
 * Freed are the places, not what holds them. */
struct nst_places *nst_places_new(struct nst_arena *a); /* in a */
void nst_places_free(struct nst_places *p);
bool nst_place_is_kept(const struct nst_req *rq, int64_t state);
struct nst_str nst_place_recall(struct nst_req *rq, int64_t state, struct nst_str key);
void nst_place_remember(struct nst_req *rq, int64_t state, struct nst_str key, struct nst_str text);

/* Bring a body into UTF-8 by the charset of its Content-Type; unknown names count as
 * UTF-8. Returns false when its charset cannot decode it. */
bool nst_charset_decode(struct nst_str *out, struct nst_arena *a, struct nst_str type,
                        struct nst_str body);

/* Read a form body into a JSON object of strings. */
enum nst_err nst_form_read(struct nst_json **out, struct nst_req *rq, struct nst_str type);

/* Make the file of the upload of rq, which has a body to come: rq->upload, held by flock.
 *   out  set on NST_OK, owned by rq's exchange
 * Errors: NST_E_FULL, NST_E_INTERNAL, logged. */
enum nst_err nst_upload_open(struct nst_upload **out, struct nst_req *rq);

/* The parameter `name` of a header's value; null when absent. What a part of a form says of
 * itself in its block of headers; null when it says nothing. Both are views. */
struct nst_str nst_header_parameter(struct nst_str header, const char *name);
struct nst_str nst_part_disposition(struct nst_str headers);

#endif
