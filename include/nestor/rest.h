/* The one header that applications include: requests, generic views, and the
 * functions that hooks and views of their own call.
 *
 * A request is a list of phases (struct nst_face, `phase`); the first failure
 * renders the face's error and rolls back. Everything here runs inside that
 * list, on whatever thread the server chose, with a connection inside a
 * transaction. Memory comes from rq->arena and is never freed by hand. */
#ifndef NESTOR_REST_H
#define NESTOR_REST_H

#include "nestor/resource.h"

#define NST_CHAIN_MAX 6 /* resources in one path */
#define NST_VAR_MAX   8 /* variables in one path */

struct nst_model;
struct nst_registry;
struct nst_endpoint;
struct nst_cache;
struct nst_places;
struct nst_shape;
struct nst_sent_file;

/* Who asks. */
struct nst_caller {
    bool is_known, is_staff, is_superuser;
    int64_t id;
    struct nst_str name;
    bool is_restricted; /* by a restricted web token, or the token of a restricted client */
};

/* One thing that is wrong with a request. */
struct nst_problem {
    struct nst_problem *next;
    struct nst_str key, text;
    bool is_list; /* rendered as a list of messages */
};

/* A parameter of a query, decoded; NST_NO_TEXT stands for what is no text. */
struct nst_query_pair {
    struct nst_str name, value;
};

struct nst_req {
    struct nst_arena *arena;
    struct nst_exchange *x;
    struct nst_registry *registry;
    struct nst_db *db;
    struct nst_cache *cache;   /* of this loop; NULL elsewhere */
    struct nst_places *places; /* in lists, of this server; NULL without one */
    const struct nst_face *face;
    const struct nst_endpoint *endpoint;
    const struct nst_action *action;
    enum nst_method method;          /* HEAD counts as GET */
    struct nst_str var[NST_VAR_MAX]; /* variables of the path, decoded */
    unsigned vars;
    const struct nst_query_pair *query; /* in the order in which they stand */
    size_t queries;
    struct nst_str zip_asked; /* what a GET says by that header; null: nothing */
    struct nst_caller caller;
    struct nst_object chain[NST_CHAIN_MAX]; /* what the path named, outermost first */
    unsigned depth;
    struct nst_json *body;     /* parsed in the bind phase; NULL before and without one */
    struct nst_upload *upload; /* of an action that spools: nst_upload_take; NULL: not taken yet */
    struct nst_problem *problem;
    struct nst_stream *stream;  /* the answer goes on in pieces; NULL: it does not */
    struct nst_sent_file *file; /* the answer is a file; NULL: it is none */
    const char *missing;        /* the resource of the path that was not found */
    struct nst_str missing_at;  /* its address; null: it is not told */
    int64_t now;
    int64_t as_of;  /* what the hook `state` said when this walk of a list began; 0: the present */
    void *prepared; /* for the action's gather and prepare */
    bool is_gathering;          /* gather takes the place of the view */
    bool is_form;               /* the body was a form: all values are texts */
    bool is_tagged;             /* the view gave its answer an ETag */
    bool is_unmet;              /* a condition on what is not there: the request may only fail */
    bool is_page;               /* of a list: the headers so far are those of its grammar */
    bool wants_zip;             /* the header zip_header of its face asks for that */
    bool is_tls;                /* the client speaks TLS to a trusted proxy */
    bool is_internal;           /* no client: the caller is trusted to be who it is */
    void *context;              /* of internal requests: the application's own */
    void (*when_durable)(void); /* called once its writes are durable; must not block; or NULL */
};

/* One page of a list, for the face's paginate. */
struct nst_page {
    int64_t limit, number, offset, found;
    int64_t returned;     /* -1: not known yet, where a list leaves whole in pieces */
    bool by_offset;       /* the request used `offset` */
    bool has_more;        /* there is a page behind this one */
    struct nst_str after; /* ... which `after` with this value gives; null: only its number */
    struct nst_str kept;  /* what the hook `keep` has of its rows, one behind the other */
};

/* Append the absolute address of the page that many steps from this one, asked for in the
 * same way: by its number or by the rows before it.
 *   after  null, or the place where that page begins (page->after for the next one) */
void nst_put_page_address(struct nst_buf *out, const struct nst_req *rq,
                          const struct nst_page *page, int64_t steps, struct nst_str after);

/* ---- Failing ---- */

/* Record a problem under key and return err. The text is kept by reference.
 * `return nst_fail(rq, NST_E_INVALID, "names", NST_STR("Invalid value."));` */
NST_CHECKED enum nst_err nst_fail(struct nst_req *rq, enum nst_err err, const char *key,
                                  struct nst_str text);

/* As nst_fail, rendered as a bare string instead of a list. */
NST_CHECKED enum nst_err nst_fail_bare(struct nst_req *rq, enum nst_err err, const char *key,
                                       struct nst_str text);

/* Record a problem and go on: to collect several before failing. */
void nst_add_problem(struct nst_req *rq, struct nst_str key, struct nst_str text, bool is_list);

/* ---- What the request said ---- */

/* Find the endpoint of a path below a face's mount in the tree of its routes: sets
 * rq->endpoint and rq->var.
 * Errors: NST_E_NOT_FOUND. `path` is still percent-encoded. */
NST_CHECKED enum nst_err nst_route_tree(struct nst_req *rq, struct nst_str path);

/* The methods that the endpoint of rq allows, for an Allow header. */
struct nst_str nst_allowed_methods(const struct nst_req *rq);

/* True when the action of the route needs no credentials (NST_ANONYMOUS). */
bool nst_allows_anonymous(const struct nst_req *rq);

/* True when the action of the route shows a page for people (NST_PAGE). */
bool nst_is_page(const struct nst_req *rq);

/* What stands for a query value that is no UTF-8 or holds a NUL. */
#define NST_NO_TEXT "\xEF\xBF\xBD"

/* Value of a query parameter, decoded, the last one counts; null when absent, and for the
 * name NULL; NST_NO_TEXT when it is no text. */
struct nst_str nst_query_value(struct nst_req *rq, const char *name);

/* Whether the query asks for a filter that a hook answers by itself, in the words of the face:
 * for what is one of the values, or for what is none of them.
 *   name  as clients spell it */
enum nst_asks { NST_ASKS_NOTHING, NST_ASKS_FOR, NST_ASKS_AGAINST };
enum nst_asks nst_asks(struct nst_req *rq, const char *name);

/* Append " AND (...)": the column, a text, is one of these values. */
void nst_put_asked(struct nst_sql *q, struct nst_req *rq, const char *name, const char *column);

/* Append text to a pattern of `LIKE ... ESCAPE '\'`: some, which stands for any text, as `%`;
 * whatever else LIKE would read is escaped. No text holds a NUL: '\0' stands for nothing. */
void nst_put_like(struct nst_buf *out, struct nst_str text, char some);

/* What a word says of a boolean, without case; false when it says nothing. */
bool nst_query_flag(bool *out, struct nst_str word);

/* Append the absolute address of this request, up to and with `?` or `&`, without the
 * parameters that the names (separated by `|`) say: what follows takes their place. */
void nst_put_address(struct nst_buf *out, const struct nst_req *rq, const char *without);

/* True for `true`, `True` and `1`. */
bool nst_query_is_true(struct nst_req *rq, const char *name);

/* The object that the path named last, and the one around it; NULL if none. */
struct nst_object *nst_object(struct nst_req *rq);
struct nst_object *nst_parent(struct nst_req *rq);

/* The innermost object of the named resource or set in the path; NULL if none. */
struct nst_object *nst_ancestor(struct nst_req *rq, const char *name);

/* What the object is. */
const struct nst_resource *nst_resource_of(const struct nst_object *o);

/* True when the object is of that resource, whichever set it was found in. NULL is of none. */
bool nst_is(const struct nst_object *o, const struct nst_resource *r);

/* The member of the body that carries this field, in either spelling; NULL when
 * it is absent. */
struct nst_json *nst_body_member(struct nst_req *rq, const char *field);

/* ---- Reading and writing rows ---- */

/* Which columns to load; HELD: as CORE, and a write keeps the row for itself until its
 * transaction ends (nst_sql_hold), as it does with the rows of its path. */
enum nst_depth { NST_LOAD_CORE, NST_LOAD_ALL, NST_LOAD_HELD };

/* Load the one row that q's conditions name (each starting with " AND ").
 *   row   set to a zeroed struct with the row, owned by rq; NULL if none
 * Errors: those of nst_query. */
NST_CHECKED enum nst_err nst_load_where(void **row, struct nst_req *rq,
                                        const struct nst_resource *r, enum nst_depth depth,
                                        const struct nst_sql *conditions);

/* The same by id. */
NST_CHECKED enum nst_err nst_load_id(void **row, struct nst_req *rq, const struct nst_resource *r,
                                     enum nst_depth depth, int64_t id);

/* A fresh row with every fallback of the face's create serializer. */
void *nst_row_new(struct nst_req *rq, const struct nst_resource *r);

/* A copy of a row of r, owned by a, with marks of its own; its texts stay where they are. */
void *nst_row_copy(struct nst_arena *a, const struct nst_resource *r, const void *row);

/* Read the body into row by the serializer of this face and use; all problems are
 * collected. CREATE: missing required fields are problems, fallbacks apply.
 * UPDATE: absent fields keep their value.
 * Errors: NST_E_INVALID, NST_E_MALFORMED, with problems recorded. */
NST_CHECKED enum nst_err nst_bind(void *row, struct nst_req *rq, const struct nst_resource *r,
                                  enum nst_use use);

/* Insert all stored columns of row; row.id must be set.
 * Errors: NST_E_CONFLICT for a violated unique key. */
NST_CHECKED enum nst_err nst_insert(struct nst_req *rq, const struct nst_resource *r, void *row);

/* As nst_insert, but a row that is there already is left alone, and no error.
 *   inserted  set on NST_OK
 *   key       the columns of the unique key: "(repo_id, mnemonic)" */
NST_CHECKED enum nst_err nst_insert_unless_there(bool *inserted, struct nst_req *rq,
                                                 const struct nst_resource *r, void *row,
                                                 const char *key);

/* Update the fields that are set, and the automatic ones. */
NST_CHECKED enum nst_err nst_update_row(struct nst_req *rq, const struct nst_resource *r,
                                        void *row);

/* The answer of this face to a violated unique key of r. */
NST_CHECKED enum nst_err nst_fail_duplicate(struct nst_req *rq, const struct nst_resource *r,
                                            enum nst_use use, void *row);

/* Mark a field as given, so that nst_update_row writes it. */
void nst_mark_set(const struct nst_resource *r, void *row, const char *field);

/* Mark a number or boolean as null where it is zero: anything else is stored as it is. */
void nst_mark_null(const struct nst_resource *r, void *row, const char *field);

/* Whether input or nst_mark_set gave the field. */
bool nst_is_set(const struct nst_resource *r, const void *row, const char *field);

/* Give row the value, null included, that a row of another resource has in the field of that
 * name; both have it, in one C type. */
void nst_copy_field(const struct nst_resource *to, void *row, const struct nst_resource *from,
                    const void *other, const char *field);

/* ---- Answering ---- */

/* Append row as the face's serializer for that use shows it. */
void nst_render(struct nst_buf *out, struct nst_req *rq, const struct nst_resource *r,
                enum nst_use use, const void *row);

/* Append a child object, kept as that JSON, as the face's detail of it shows it.
 *   child  what an element of the list is */
void nst_render_child(struct nst_buf *out, struct nst_req *rq, const struct nst_resource *child,
                      const struct nst_json *element);

/* Append the stored row's detail, whoever asks.
 * Errors: NST_E_NOT_FOUND; those of nst_query. */
NST_CHECKED enum nst_err nst_put_row(struct nst_req *rq, const struct nst_resource *r, int64_t id);

/* Answer with the stored row's detail: 200 or 201 with Location. */
NST_CHECKED enum nst_err nst_answer_row(struct nst_req *rq, const struct nst_resource *r,
                                        int64_t id, unsigned status);

/* Answer with a status and no body. */
enum nst_err nst_answer_empty(struct nst_req *rq, unsigned status);

/* Answer 200 with the JSON that the view wrote to rq->x->out. */
enum nst_err nst_answer_json(struct nst_req *rq, unsigned status);

/* Answer 200 with the first `size` bytes of a file, or the range of them that is asked for
 * (nst_http_answer_file). The view sets content_type, headers and tag; nst_is_known comes before.
 *   fd  taken over, and closed when the request fails after all
 * A request from inside the program is not given the file. */
enum nst_err nst_answer_file(struct nst_req *rq, int fd, uint64_t size);

/* Give the answer an ETag that says what it is made of, instead of one of its bytes: for what
 * leaves in pieces.
 * Returns true when the client has it already: then 304 has been answered.
 *   tag  without quotes, of letters, digits and `-`; other for every other answer of the address */
bool nst_is_known(struct nst_req *rq, struct nst_str tag);

/* ---- Answering in pieces ---- */

#define NST_PIECE_MAX ((size_t)16 << 20) /* bytes; a view aims at a hundredth */

/* Append the next piece of a streamed answer to rq->x->out, and set *is_last with the
 * last one. Every piece is a read of its own: the connection has no memory of the
 * ones before, and no transaction is open while the client takes what it has.
 *   rq     of the request that began the stream; rq->arena is empty each time
 *   state  where the stream stands; changed to where it will stand after this piece.
 *          What changes is inside: the piece may be made again from the former state
 * Errors: any; the connection is cut, since the status has left already. */
typedef enum nst_err nst_piece(bool *is_last, struct nst_req *rq, void *state);

/* Let the answer go on: rq->x->out holds the first piece, `piece` makes the others.
 * The request's arena and what it holds stay as they are until the end.
 *   state  of `size` bytes, in the request's arena */
void nst_answer_in_pieces(struct nst_req *rq, nst_piece *piece, void *state, size_t size);

/* ---- Bodies of any size ---- */

#define NST_UPLOAD_SUFFIX ".upload"

/* The body of a request whose action has NST_SPOOLS, in a file. The file is closed with the
 * exchange, and removed with it unless is_kept. Its process holds it (flock): one that nobody
 * holds was left by a process that is gone. */
struct nst_upload {
    struct nst_str path; /* FOLDER/UUID.upload, ended by NUL; whoever renames it sets it anew */
    struct nst_str uuid;
    int fd;        /* to be read by pread, from 0 */
    uint64_t size; /* bytes */
    bool is_kept;
};

/* The upload of this request; a body that came in memory is written now. May be called again.
 * For `prepare`, which may block.
 *   out  set on NST_OK, owned by rq's exchange
 * Errors: NST_E_FULL, NST_E_INTERNAL, logged. */
NST_CHECKED enum nst_err nst_upload_take(struct nst_upload **out, struct nst_req *rq);

/* A part of a multipart form: `size` bytes of the file from `from` on. */
struct nst_part {
    struct nst_part *next;
    struct nst_str name, filename; /* filename: null where the part is none */
    uint64_t from, size;
};

/* The parts of an upload whose Content-Type is multipart/form-data, in their order, in rq's
 * arena. Blocks on the disk.
 * Errors: NST_E_MALFORMED, with a problem. */
NST_CHECKED enum nst_err nst_upload_parts(struct nst_part **out, struct nst_req *rq,
                                          const struct nst_upload *u);

/* Read a part, which must be small, into rq's arena.
 * Errors: NST_E_INTERNAL. */
NST_CHECKED enum nst_err nst_upload_text(struct nst_str *out, struct nst_req *rq,
                                         const struct nst_upload *u, const struct nst_part *part);

/* ---- Generic views: the five actions ---- */

nst_view nst_list, nst_retrieve, nst_create, nst_update, nst_destroy;

/* List the rows of a set below parent (NULL: all), instead of those of the endpoint. */
NST_CHECKED enum nst_err nst_list_of(struct nst_req *rq, const struct nst_set *set,
                                     const struct nst_object *parent);

/* Append " AND ...": what a list of the resource below parent (NULL: all) finds, by its hooks and
 * the filters of the query, for a condition on its rows inside of another statement.
 * Errors: those of the hooks; NST_E_INVALID with problems. */
NST_CHECKED enum nst_err nst_put_found(struct nst_sql *q, struct nst_req *rq,
                                       const struct nst_resource *r,
                                       const struct nst_object *parent);

/* Rows inside of another document, in the face's shape. */
struct nst_inner {
    const struct nst_resource *resource;
    const struct nst_set *set;        /* of it; NULL: what it says itself */
    enum nst_use use;                 /* what they are shown as: the face has it */
    const struct nst_sql *conditions; /* each starting with " AND " */
    const char *order;                /* NULL: the set's */
    int64_t limit;                    /* rows at most */
    size_t bytes;   /* the row that passes them is the last; 0: more than 16 MB are refused */
    bool is_judged; /* the conditions say what the caller may see: hook.visible is not asked */
    /* Called with each row, which has what its use and the core depth load, and its JSON; both
     * are good until it returns. */
    void (*take)(void *arg, const void *row, struct nst_str json);
    void *arg;
};

/* Take one row after another.
 * Errors: those of nst_query; NST_E_INVALID where the rows take more than 16 MB. */
NST_CHECKED enum nst_err nst_each_row(struct nst_req *rq, const struct nst_inner *inner);

/* What the rows of a page may take, in bytes, with all that is inside of them. */
#define NST_PAGE_BYTES_MAX ((size_t)16 << 20)

/* Say that they take more, for who gathers what is inside of them row by row: as soon as it is
 * known. Returns NST_E_INVALID. */
NST_CHECKED enum nst_err nst_refuse_size(struct nst_req *rq);

/* Hooks of a set that needs none where its resource has one: nothing is hidden from a list; its
 * rows are counted. */
enum nst_err nst_all_visible(struct nst_sql *q, struct nst_req *rq);
enum nst_err nst_no_tally(int64_t *out, bool *found, struct nst_req *rq);

/* ---- Pages ---- */

/* True when the client reads HTML by name: a browser. */
bool nst_accepts_html(const struct nst_exchange *x);

/* Append text with what HTML would take for its own escaped, also inside quotes. */
void nst_put_html(struct nst_buf *out, struct nst_str text);

/* Begin a page, dressed as the start page, up to its heading. */
void nst_page_begin(struct nst_buf *out, struct nst_str title);

/* Append all that a face answers: each path with its methods, and what it is for. */
void nst_put_operations(struct nst_buf *out, const struct nst_registry *registry,
                        const struct nst_face *face);

/* Answer 200 with the page that the view wrote to rq->x->out; its end is added. */
enum nst_err nst_answer_page(struct nst_req *rq);

/* ---- Descriptions of common actions ---- */

/* Without a body: an action that answers with the row of its path, as nst_answer_row does;
 * one that answers 204, as nst_answer_empty does. */
extern const struct nst_description nst_answers_row, nst_answers_nothing;

/* ---- What faces and routes have by default ---- */

/* Errors as Django REST framework writes them: {"title": ["This field is required."]},
 * {"detail": "Not found."}. */
void nst_default_error(struct nst_req *rq, enum nst_err err);

/* The number of rows in Total-Count, the neighbouring pages in Link (RFC 8288). */
void nst_default_paginate(struct nst_req *rq, const struct nst_page *page);

/* The texts of a face: its own, or those of Django REST framework. */
const struct nst_texts *nst_texts_of(const struct nst_face *face);

/* Bytes of a body that a face takes, where a route says nothing else. */
size_t nst_body_limit_of(const struct nst_face *face);

/* Everybody may; whoever is known; whoever is known and staff. */
nst_permission nst_allow_any, nst_is_authenticated, nst_is_staff;

/* ---- Phases ---- */

/* A phase that answers (rq->x->status set) ends the request with success; behind the view all
 * the others follow, and work on its answer. */
nst_phase nst_phase_negotiate, nst_phase_authenticate, nst_phase_method, nst_phase_cached,
    nst_phase_parents, nst_phase_permit, nst_phase_query, nst_phase_precondition, nst_phase_bind,
    nst_phase_view, nst_phase_etag, nst_phase_packed;

/* The default order: route, authentication, method, ancestors,
 * permission, body. */
extern nst_phase *const nst_default_phases[];

/* ---- Bringing it together ---- */

/* Compile and check the tables of all resources: names resolve, flags agree,
 * every action has a permission. Every fault is a line "table_fault" in the log, which
 * names table, row and remedy.
 *   resources  NULL-terminated
 * Errors: NST_E_INTERNAL when a table is wrong. The registry lives in a. */
NST_CHECKED enum nst_err nst_registry_new(struct nst_registry **out, struct nst_arena *a,
                                          const struct nst_resource *const *resources,
                                          const struct nst_face *const *faces);

/* Have the store read all statements that the tables imply, without running one: a
 * column, condition, order or sort that is none is a line in the log as above.
 * nst_server_start does it. Call it outside the store's threads; blocks on the database.
 * Errors: NST_E_INTERNAL when a table is wrong; those of nst_store_run. */
NST_CHECKED enum nst_err nst_registry_prove(struct nst_registry *registry, struct nst_store *store);

/* Run one request from inside the program: method and path of a face with a
 * body, as the caller given, in the transaction of db. The answer is in rq->x.
 *   rq      zeroed but for arena, x (zeroed but for arena), registry, db, caller
 * Errors: what the phases returned; the face's error body is rendered as well. */
NST_CHECKED enum nst_err nst_call(struct nst_req *rq, const struct nst_face *face,
                                  enum nst_method method, struct nst_str path,
                                  struct nst_json *body);

/* Give the program's description a title and a version; both are kept by reference.
 * NULL: "Nestor", "1". */
void nst_registry_describe(struct nst_registry *registry, const char *title, const char *version);

/* Give the registry a secret of the installation: places in lists that clients bring back
 * (`after`) are marked with it, so that none is made up. All servers of one installation need
 * the same; without one, zeroes.
 *   secret  of `size` bytes; copied */
void nst_registry_seal(struct nst_registry *registry, const void *secret, size_t size);

/* Write the OpenAPI 3.1 description of all mounted faces to out. */
void nst_openapi(struct nst_buf *out, const struct nst_registry *registry);

/* Metrics of a layer above, told beside the server's own. */
struct nst_metric_source {
    void (*tell)(struct nst_buf *out); /* what the process knows: must not block; NULL: nothing */
    /* What the database says, in a read. NULL: nothing.
     * Errors: those of nst_query. */
    enum nst_err (*ask)(struct nst_buf *out, struct nst_db *db);
};

struct nst_server_options {
    struct nst_http_options http;
    const struct nst_face *root; /* the face that also answers at "/"; may be NULL */
    size_t body_bytes;           /* of a body at most, where a face allows more; 0: no such limit */
    struct nst_str spool;        /* folder for bodies that go into files, outlives the server;
                                  * null: /tmp */
    struct nst_str cors_origins; /* whose scripts may see answers: "*", or such as
                                  * "https://app.example.org", separated by blanks; these may use
                                  * cookies, too. Null or empty: none */
    /* Where metrics are told to whoever asks, as nst_http_options has `listen`; null or empty:
     * beside the faces, to staff of the root face (of the first that has callers, without one). */
    struct nst_str metrics_listen;
    const struct nst_metric_source *const *metrics; /* NULL-terminated; NULL: the server's own */
    struct nst_str history; /* file in which samples are kept, outlives the server; null: none */
    struct nst_store *store;
    struct nst_registry *registry;
};

/* What is wrong with such a list: the end of a sentence; NULL when nothing is. */
const char *nst_origins_fault(struct nst_str origins);

struct nst_server;

/* Serve the registry's faces, /healthz, /readyz, /metrics and /openapi.json, once
 * nst_registry_prove is content. */
NST_CHECKED enum nst_err nst_server_start(struct nst_server **out,
                                          const struct nst_server_options *o);
/* Write a line for each request from now on, or none. Any thread. */
void nst_server_set_access_log(struct nst_server *s, bool is_on);
unsigned nst_server_port(const struct nst_server *s);
/* As nst_http_address. */
struct nst_str nst_server_address(const struct nst_server *s);

/* Whether every loop has finished a round since the call before, as nst_http_pulse. */
bool nst_server_pulse(struct nst_server *s);

/* Drain and stop. Blocks. The store stays open. */
void nst_server_stop(struct nst_server *s);

/* The two parts of it for more than one thread: as nst_http_drain and nst_http_hurry. The server is
 * stopped afterwards. */
void nst_server_drain(struct nst_server *s);
void nst_server_hurry(struct nst_server *s);

/* ---- A cache ---- */

/* Make one; drop what it holds; release it. A loop's is dropped when the data may have
 * changed. For one thread, or under a lock of the owner's. */
struct nst_cache *nst_cache_new(void);
void nst_cache_drop(struct nst_cache *c);
void nst_cache_free(struct nst_cache *c);

/* Remember `size` bytes under a key until the cache is dropped; get returns NULL for what
 * was never put or was pushed out. NULL caches hold nothing, and nothing has a null key (one
 * that did not fit: nst_buf_whole). Pointers stay valid until the
 * next put or drop; in rq->cache until the end of the request. */
void nst_cache_put(struct nst_cache *c, struct nst_str key, const void *value, size_t size);
const void *nst_cache_get(struct nst_cache *c, struct nst_str key);

#endif
