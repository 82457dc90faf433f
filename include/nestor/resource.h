/* What a resource is: fields, serializers, routes and a few hooks, all data.
 *
 * The vocabulary is Django REST framework's. A *serializer* is the list of
 * fields that one operation of one face reads or writes; a *view* is what a
 * method of a route does; a *permission* decides whether it may; a *face* is a
 * contract: names, styles, texts and order of checks, but no data.
 *
 * A C++ program includes this within extern "C"; its tables stand in files of C. */
#ifndef NESTOR_RESOURCE_H
#define NESTOR_RESOURCE_H

#include "nestor/base/time.h"
#include "nestor/field.h"
#include "nestor/http.h"

struct nst_req;
struct nst_object;
struct nst_page;
struct nst_action;
struct nst_parameter;

typedef enum nst_err nst_phase(struct nst_req *rq);
typedef enum nst_err nst_view(struct nst_req *rq);
typedef enum nst_err nst_permission(struct nst_req *rq);

/* ---- Faces ---- */

enum nst_spelling { NST_SNAKE_CASE, NST_CAMEL_CASE };
enum nst_identity_style { NST_DECIMAL, NST_HEX24 };

/* Texts of the errors that the framework finds; %s stands for the value, %u for
 * numbers, in the order named. */
struct nst_texts {
    const char *required, *blank, *null, *pattern, *invalid;
    const char *not_bool; /* `invalid` of what is no boolean; NULL: the same */
    const char *choice;   /* %s: the value given */
    const char *too_long; /* %u limit, %u length */
    const char *twice;
    const char *not_object;
    const char *not_object_key; /* the key that carries not_object */
};

/* The texts of Django REST framework. */
extern const struct nst_texts nst_default_texts;

#define NST_BODY_DEFAULT 65536 /* bytes */

/* ---- Lists ---- */

/* How clients ask a face for the rows of a list: names of query parameters, and the signs in
 * the value of a filter. What is NULL or 0 is not there. */
struct nst_list_grammar {
    const char *limit;                 /* rows of a page; out of its range it counts as left out */
    const char *limit_too;             /* the same, asked where `limit` is not given */
    unsigned limit_default, limit_max; /* rows */
    const char *page, *offset;         /* number of the page, from 1; or the rows before it */
    const char *after;                 /* where the page before it ended */
    const char *format;                /* `json`, as ever; `csv`: all rows, as a table */
    const char *table;                 /* a switch: the address of that table, as `url` */
    const char *sort;                  /* names after another, `-` before one for downwards */
    const char *sort_up, *sort_down;   /* one name; these stand before `sort` */
    char either, neither, some, literal; /* `a,b`, `!a`, `a*`, `"a,b"` */
    enum nst_spelling spelling; /* of filters, as hints tell them; camelCase faces have that */
};

/* limit, page, offset, after, format, sort; 25 rows and at most 1000; all signs of filters. */
extern const struct nst_list_grammar nst_default_lists;

/* How an API looks. A name and a sentence are enough: what is NULL or 0 is as
 * nst_default_phases, nst_default_error, nst_default_paginate, nst_default_texts,
 * nst_default_lists and NST_BODY_DEFAULT have it. */
struct nst_face {
    const char *name;
    const char *mount;       /* "/guide"; NULL: internal, never routed from outside */
    const char *doc;         /* a sentence for OpenAPI */
    const char *token_hint;  /* how a client gets its token, for the start page; NULL: not told */
    nst_phase *const *phase; /* NULL-terminated: the life of a request */
    /* Finds the endpoint itself, where paths are no segments; NULL: the tree. Sets
     * rq->endpoint (through nst_route_tree) and rq->var. */
    enum nst_err (*route)(struct nst_req *rq, struct nst_str path);
    nst_phase *authenticate; /* fills rq->caller, or leaves it anonymous */
    void (*error)(struct nst_req *rq, enum nst_err err); /* renders status, headers, body */
    void (*paginate)(struct nst_req *rq, const struct nst_page *page); /* response headers */
    /* Adds the headers that every answer of the face has, refusals and redirects included;
     * called once, with status and body made. NULL: none. */
    void (*headers)(struct nst_req *rq);
    enum nst_spelling spelling;
    enum nst_time_style time;
    enum nst_identity_style identity;
    bool lists_as_text;          /* string lists leave comma-separated */
    bool inserts_slash;          /* GET without the trailing slash is redirected */
    bool redirects_every_method; /* ... and so is every other method */
    bool ignores_slash;          /* a path is served with and without it */
    const struct nst_texts *text;
    const struct nst_list_grammar *lists; /* NULL: nst_default_lists */
    size_t body_limit;                    /* bytes of a request body */
    /* Query parameters that the contract knows and nothing answers yet, separated by blanks:
     * given on a GET, they are refused by name instead of being ignored. `name?` is a switch,
     * which may be given as false; `name*` begins a name. NULL: none. */
    const char *not_yet;
    const char *not_yet_headers; /* the same for headers, each a switch */
    /* A header, a switch: what a GET answers leaves inside of a ZIP, as `export.json` or
     * `export.csv`, and lists leave whole. NULL: none. */
    const char *zip_header;
    /* For OpenAPI. What `authenticate` takes, separated by blanks: token, bearer, jwt, basic,
     * session; NULL: token. */
    const char *credentials;
    nst_permission *open;     /* lets callers by who show nothing, as nst_allow_any does */
    const char *error_schema; /* of what `error` writes, in the document as `NAME.Error` by the
                                 face's name; NULL: as nst_default_error */
    /* What `paginate` and `headers` add; end with a row without name. */
    const struct nst_parameter *page_header, *header;
    /* Headers that scripts of other origins may send to this face and read of its answers,
     * separated by commas, beside those of every face and those above (CORS). NULL: none. */
    const char *request_headers, *answer_headers;
};

/* ---- Serializers ---- */

enum nst_use {
    NST_LIST,
    NST_DETAIL,
    NST_BRIEF,
    NST_VERBOSE,
    NST_DIGEST,
    NST_TABLE, /* rows of CSV, instead of NST_LIST without members that the query asks for; in its
                  names `_` stands for a blank */
    NST_CREATE,
    NST_UPDATE,
    NST_USE_COUNT
};

/* What a face adds to a field's own rules. */
struct nst_rule {
    const char *field;
    const char *choices;                /* separated by `|` */
    const char *charset;                /* "a-zA-Z0-9.-": every character is one of these */
    const char *refused;                /* words that are no value, separated by `|` */
    bool (*fits)(struct nst_str value); /* NULL: what the type says is enough */
    const char *unfit, *format;         /* of fits: what is said (NULL: `pattern`); for OpenAPI */
    const char *fallback;               /* instead of the field's */
    bool is_not_empty;                  /* as NST_NOT_EMPTY, for this face */
    const char *empty; /* said where nothing is given, instead of the face's texts; inside of a
                          list of children under the name of the list. NULL: those texts */
    const char *alias; /* another input name, verbatim */
    const char *told_as, *missing; /* what its problems are named; what is said when a
                                      required one is left out. NULL: as the face has it */
};

/* The answer to a violated unique key. `text` may hold {field} references. */
struct nst_duplicate {
    const char *key, *text; /* several keys that say the same are separated by `|` */
    bool is_list;
    enum nst_err err; /* 0: NST_E_INVALID */
};

struct nst_serializer {
    const struct nst_face *face;
    enum nst_use use;
    /* Output: names in order, separated by blanks; "a=b" shows field b under the
     * verbatim name a. Input: names that may be set; "a*" is required. */
    const char *fields;
    const char *type;               /* literal value of the output field `type` */
    const struct nst_rule *rules;   /* ends with a row without field; may be NULL */
    struct nst_duplicate duplicate; /* CREATE and UPDATE */
    /* Input that the contract knows and nothing keeps yet, names separated by blanks:
     * given, it is refused by name, so that nothing is dropped in silence. */
    const char *not_yet;
    /* Input: names that an answer shows and may be sent back, separated by blanks. Any other that
     * is no field of the serializer is refused by name. NULL: what is unknown is ignored. */
    const char *but;
};

/* ---- Descriptions: what OpenAPI says beyond what the tables imply ---- */

/* Schema of a parameter that says yes or no: another value is refused by name. */
#define NST_SWITCH_SCHEMA "{\"type\":\"boolean\"}"

/* A parameter of the query, or a header. */
struct nst_parameter {
    const char *name;
    const char *schema; /* JSON Schema, as JSON text; NULL: a text */
    const char *doc;
    bool is_of_scope; /* of .asked: hook.scope reads it, also on the way to what lies below */
};

/* What a body holds: a JSON Schema as text, or what `put` appends where it follows from
 * tables. Neither: no body. */
struct nst_content {
    const char *schema;
    void (*put)(struct nst_buf *out, const struct nst_action *action);
    const char *media; /* NULL: application/json */
    bool is_optional;  /* of a request: it may come without a body */
};

struct nst_response {
    unsigned status;
    const char *doc;
    struct nst_content content;
    const char *or_text; /* media types, with blanks between, as which it can leave as text instead;
                            or NULL */
};

/* What a view of one's own takes and answers. What the phases of the face refuse need not
 * be said: not authenticated, not found, too large and so on. A response of one of these
 * statuses takes the place of the face's, one of the status of `as` that of the view's. */
struct nst_description {
    nst_view *as; /* takes and answers what this generic view does; NULL: only what follows */
    struct nst_content request;
    const struct nst_parameter *parameter; /* of the query; ends with a row without name */
    const char *not_yet; /* parameters of this operation that are refused, as those of a face */
    const struct nst_response *response; /* ends with a row without status */
};

/* ---- Routes ---- */

enum nst_method {
    NST_GET,
    NST_POST,
    NST_PUT,
    NST_PATCH,
    NST_DELETE,
    NST_OPTIONS,
    NST_METHOD_COUNT
};

enum nst_action_flag {
    NST_MAY_BE_ABSENT = 1 << 0, /* the last object of the path need not exist */
    NST_ANONYMOUS = 1 << 1,     /* the view itself needs no credentials (log-in) */
    NST_NEEDS_PARENT = 1 << 2,  /* under what is not there it is 405, without a body */
    NST_READS = 1 << 3,         /* it changes nothing, whatever its method is */
    NST_SPOOLS = 1 << 4,        /* its body is not bound but goes into a file: nst_upload_take */
    NST_IN_MAINTENANCE = 1 << 5, /* it is answered in maintenance, too: what ends that */
    NST_RECORDS = 1 << 6,        /* a GET that writes down who read it (nst_audit) */
    NST_LISTS = 1 << 7,          /* a GET that reads many rows, as nst_list does: from a replica */
    NST_SLOW = 1 << 8,           /* a GET that takes long: one at a time, and nobody waits for it */
    NST_PAGE = 1 << 9,           /* a GET that shows a page, on a face that takes tokens by
                                    nst_authenticate_token: a browser may ask for name and token
                                    (Basic) */
};

/* Slow work is cut out of the transaction: when `prepare` is set, the request
 * first runs up to its body check with `gather` in the place of the view, then
 * `prepare` on a job thread without database, then whole, with the view. */
struct nst_action {
    nst_view *view;         /* NULL: the method is not allowed */
    nst_permission *permit; /* required beside a view */
    unsigned flags;         /* enum nst_action_flag */
    nst_view *gather;       /* may be NULL */
    nst_view *prepare;
    const void *arg; /* for views that serve several routes: what this one is about */
    const struct nst_description *describe; /* of a view of one's own; NULL: a generic one */
};

/* A path of a face. Segments: `name` is literal; `:name` loads the resource of
 * that name by its key, relative to what was loaded before; `:name?` takes the
 * text only; `word~name` is a literal that loads resource `name` through its
 * alias hook. `(a/b|c)` lists alternatives. Every path starts and ends with `/`. */
struct nst_route {
    const struct nst_face *face;
    const char *path;
#ifdef __cplusplus /* where `delete` is no name */
    struct nst_action get, post, put, patch, delete_;
#else
    struct nst_action get, post, put, patch, delete;
#endif
    size_t body_limit;  /* 0: the face's */
    unsigned not_found; /* methods without an action, as 1 << NST_POST, that are 404, not 405 */
    bool ignores_slash; /* served without the slash at its end as well, whatever the face does */
    const char *doc;
};

/* ---- Resources ---- */

/* A name that lists can be sorted by; compared without case and `_`. */
struct nst_sort {
    const char *name;
    const char *columns; /* expressions separated by `|`; NULL: the default order */
    bool never_null;     /* none of them is ever null: an index can give this order */
};

/* How the values of a filter decide which rows a list shows. */
enum nst_filter_how {
    NST_ONE_OF, /* the column is one of the values; texts by the signs of the face */
    NST_SINCE,  /* the column, a time, is that time or a later one */
    NST_HOLDS,  /* the column is a set of texts (`few`): one of them is one of the values */
    NST_KEYS,   /* the column is a JSON object: `name.KEY` is the text under that key,
                   `name.exact.KEY` the same to the letter, `name.exists` names keys that are
                   there. Dots lead into objects. No index helps */
};

/* What a list can be asked for, in the spelling of either face. NST_FILTER on a field is the
 * short form of a row with nothing but its name and doc. */
struct nst_filter {
    const char *name; /* canonical, snake_case */
    enum nst_filter_how how;
    const struct nst_type *type; /* of a value; NULL: the field's of this name, else text */
    const char *column;          /* an expression; NULL: the field's of this name */
    const char *or_column;       /* another, of which the same may hold instead; NULL: none */
    /* Where the values stand in another table: `other` is what they are compared with there,
     * `among` finds what the column then is, "SELECT a.id FROM account a WHERE ?"; `?` is the
     * place of the condition. It is looked up first. NULL: here. */
    const char *other, *among;
    /* An index begins with `column` (of a text: `lower(column)`) of .table, few different
     * values stand in it, none is null: patterns, exclusions and sets are judged on the values,
     * and rows are found by the index. */
    bool few;
    /* NST_HOLDS: what stands between the texts of a set, which are in lower case; what those
     * of this filter begin with, NULL: nothing. */
    char mark;
    const char *begins;
    /* NST_KEYS: what stands between name and key: what follows it is one key, and there is neither
     * `exact` nor `exists`; NULL: a dot, as above. */
    const char *joint;
    const char *only; /* NST_KEYS: a condition on rows; `?` stands for the key, as JSON; or NULL */
    const char *doc;
};

/* A switch of the query: while it is true, what would be shown as `of` is shown as `as`,
 * where the face has a serializer for that. */
struct nst_switch {
    const char *name;
    enum nst_use of, as;
    const char *doc;
    const char *also; /* another switch, which must be true as well; NULL: none */
    const char *also_doc;
    unsigned limit_max; /* of NST_LIST: rows of a page where it is true; 0: as the face has it */
};

/* Rows that are shown at once: those of a page, or one alone. */
struct nst_shown {
    const struct nst_resource *resource;
    const struct nst_set *set; /* of it; NULL: what it says itself */
    enum nst_use use; /* what they are shown as; of each, what that and the core depth load */
    void *const *row;
    struct nst_str *value; /* to be set: JSON in rq's arena, one a row. Left alone it is null */
    size_t count;
};

/* What rows have besides their serializer, behind its members. It is made for all rows of a page
 * at once, so that statements do not grow with rows. */
struct nst_member {
    const struct nst_face *face;
    unsigned uses;     /* what is shown so has it: 1 << NST_LIST and so on */
    const char *name;  /* verbatim */
    const char *asked; /* switches of the query, separated by `|`, any of which asks for it; they
                          stand in .member_asked. NULL: it is always there */
    enum nst_err (*make)(struct nst_req *rq, const struct nst_shown *shown);
    const char *schema, *doc; /* of its value */
};

/* A row that the path named. */
struct nst_object {
    const struct nst_model *model;
    void *row; /* starts with struct nst_row; NULL: absent */
};

/* Hooks return NST_OK or a failure recorded with nst_fail. */
struct nst_hooks {
    /* Limit q to children of parent (NULL: none in the path): append conditions,
     * each starting with " AND ". */
    enum nst_err (*scope)(struct nst_sql *q, struct nst_req *rq, const struct nst_object *parent);
    /* Resolve the literal of a `word~name` segment: append conditions. */
    enum nst_err (*alias)(struct nst_sql *q, struct nst_req *rq, struct nst_str word);
    /* Limit a list to what the caller may see: append conditions. */
    enum nst_err (*visible)(struct nst_sql *q, struct nst_req *rq);
    /* May the caller see this row, and what lies under it? */
    enum nst_err (*may_view)(struct nst_req *rq, const struct nst_object *o);
    /* Order of a list that depends on the path; NULL: the resource's. */
    const char *(*order)(struct nst_req *rq);
    /* Number of rows of the list, without counting: *found false to count after all. */
    enum nst_err (*count)(int64_t *out, bool *found, struct nst_req *rq);
    /* A number above 0 for the state that the list is in now. It comes back as rq->as_of when
     * a walk through the pages goes on, so that `scope` can show the same state. Places of
     * rows are remembered under it: whatever moves a row in the list makes another state. */
    int64_t (*state)(struct nst_req *rq);
    /* Append what the face's paginate is to know of a row of a page (page->kept). */
    void (*keep)(struct nst_buf *kept, const void *row);
    /* Complete and check a new row; runs after validation. A row.id that is still 0
     * then becomes the next number of the table. */
    enum nst_err (*before_create)(struct nst_req *rq, void *row);
    enum nst_err (*after_create)(struct nst_req *rq, void *row);
    /* `row` holds the stored values with the new ones set over them. */
    enum nst_err (*before_update)(struct nst_req *rq, void *row);
    enum nst_err (*after_update)(struct nst_req *rq, void *row);
    enum nst_err (*after_destroy)(struct nst_req *rq, void *row);
};

/* A set of rows of a resource that is no list of all of them: its versions, those of a moment.
 * It is named in paths and described as if it were a resource, and has the resource's fields,
 * sorts and filters. Whatever else it leaves out is as the resource has it, hooks one by one. */
struct nst_set {
    const char *name; /* "pinned_concept" */
    const char *from, *where, *order, *key;
    const struct nst_serializer *serializer;
    size_t serializers;
    const struct nst_route *route; /* its own, or none */
    size_t routes;
    const struct nst_switch *switches;
    const struct nst_parameter *asked;
    const struct nst_member *member;
    const struct nst_parameter *member_asked;
    struct nst_hooks hook;
    const char *doc; /* its own */
};

struct nst_resource {
    const char *name;   /* "source": names it in paths, too */
    const char *table;  /* what is written */
    const char *from;   /* what is read; NULL: table */
    const char *where;  /* which rows count: "source.is_active"; NULL: all */
    const char *order;  /* default order of lists, a unique key last */
    const char *key;    /* look-up field; NULL: the field marked NST_KEY */
    const char *parent; /* field that holds the number of the row above: below another
                           resource, rows are found by it, and new ones get it; NULL:
                           none, or hook.scope says where rows belong */
    bool is_replaced;   /* a change stores another row in its place: a write below it holds the
                           row around it first, so that the row that is held stays the one */
    size_t size;        /* of the struct */
    const struct nst_field *field;
    size_t fields;
    const struct nst_serializer *serializer;
    size_t serializers;
    const struct nst_route *route;
    size_t routes;
    const struct nst_sort *sort;       /* ends with a row without name; may be NULL */
    const struct nst_filter *filter;   /* as sort ends; may be NULL */
    const struct nst_switch *switches; /* the first that is true counts; as sort ends */
    const struct nst_parameter *asked; /* what the hooks of lists read of the query; as sort ends */
    const struct nst_set *sets;        /* beside the one that is said here; as sort ends */
    const struct nst_member *member;   /* as sort ends; may be NULL */
    const struct nst_parameter *member_asked; /* what they read of the query, in lists and details
                                                 of faces that have one; as sort ends */
    struct nst_hooks hook;
    const char *doc;
};

/* Of a set whose rows are shown in one way, whatever the query says: neither the switches nor the
 * members of its resource. */
#define NST_PLAIN \
    .switches = (const struct nst_switch[]){ { 0 } }, .member = (const struct nst_member[]) \
    { \
        { \
            0 \
        } \
    }

#define NST_FIELDS(array)      .field = (array), .fields = NST_COUNT(array)
#define NST_SERIALIZERS(array) .serializer = (array), .serializers = NST_COUNT(array)
#define NST_ROUTES(array)      .route = (array), .routes = NST_COUNT(array)

#endif
