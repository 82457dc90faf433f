/* What a field is: one row of a resource's table.
 *
 * A resource keeps its values in a plain C struct that starts with
 * `struct nst_row`. Every member that the API or the store knows has one row of
 * type `struct nst_field`; parsing, validation, SQL, JSON and OpenAPI all walk
 * the same rows. NST_FIELD records offset and C type of the member: a member
 * type that no field type can hold does not compile. What else a row can say that
 * is wrong stops the start, with one line in the log that names table, row and
 * remedy. */
#ifndef NESTOR_FIELD_H
#define NESTOR_FIELD_H

#include "nestor/db.h"
#include "nestor/json.h"

struct nst_req;
struct nst_face;
struct nst_field;
struct nst_resource;

struct nst_marks;

/* First member of every resource struct. The marks say of each field whether input set it
 * and whether it is null (numbers and booleans that are zero; a null text has p == NULL):
 * nst_mark_set, nst_mark_null, nst_is_set. They are the framework's, which makes the rows
 * that it changes and stores (nst_row_new, the loading functions); NULL in a row that was
 * made otherwise. A hook that assigns another number than zero need not touch them. A row
 * is copied by nst_row_copy: an assignment shares the marks, and they could only be read. */
struct nst_row {
    int64_t id;
    struct nst_marks *marks;
};

/* How a value is held in C. */
enum nst_rep { NST_REP_STR, NST_REP_INT, NST_REP_BOOL };

/* A semantic type: how a value is read, written, stored and described. */
struct nst_type {
    const char *name;
    enum nst_rep rep;
    const char *column; /* SQL type, the same on both engines */
    const char *schema; /* JSON Schema's name of what is printed; NULL: any value */
    const char *format; /* ... and its format; NULL: none */
    /* Read the JSON value v (not null) into *member; text is kept in rq's arena.
     * Returns false when v is no value of this type. */
    bool (*parse)(struct nst_req *rq, const struct nst_field *f, const struct nst_json *v,
                  void *member);
    /* Append the value (not null) as JSON in the face's style. */
    void (*print)(struct nst_buf *out, const struct nst_face *face, const struct nst_field *f,
                  const void *row);
    /* Does a text have the form of the type? NULL: any has. */
    bool (*fits)(struct nst_str text);
    const char *items; /* of an array: JSON Schema of an item, as text; NULL: a text */
    bool holds_json;   /* the member is JSON as text: it is bounded by the body alone */
};

/* Text without further form; text matched against ids; an id of any printable
 * characters, percent-encoded or not; addresses; whole numbers; numbers with a fraction,
 * kept as the shortest text that is the same double; booleans; times; a free
 * JSON value kept as text; the same, an object, a list (in a form, the text of one); a list of
 * strings kept as comma-separated text; a list of child objects kept as JSON text; the row's
 * number in the face's style. */
extern const struct nst_type nst_text, nst_slug, nst_code, nst_url, nst_email, nst_int, nst_real,
    nst_bool, nst_datetime, nst_json_value, nst_json_object, nst_json_list,
    nst_string_list, nst_child_list, nst_identity;

enum nst_field_flag {
    NST_KEY = 1 << 0,        /* the look-up field: its value is the last path segment */
    NST_CORE = 1 << 1,       /* loaded whenever the row is loaded, as parent too */
    NST_LAZY = 1 << 2,       /* costly expression: loaded only for shapes that show it */
    NST_NOT_EMPTY = 1 << 3,  /* null, "" and blanks are refused wherever it is given */
    NST_FILTER = 1 << 4,     /* lists can be filtered by it */
    NST_NEVER_NULL = 1 << 5, /* it always has a value, though no fallback says so: for OpenAPI */
};

/* Values that the framework fills in by itself. */
enum nst_auto {
    NST_AUTO_NONE,
    NST_AUTO_CREATED, /* time of creation */
    NST_AUTO_UPDATED, /* time of the last stored change */
    NST_AUTO_CREATOR, /* the caller's id (int) or name (text) at creation */
    NST_AUTO_UPDATER, /* the same at every change */
    NST_AUTO_NUMBER,  /* child objects: a random number as decimal text */
};

struct nst_field {
    const char *name; /* canonical, snake_case; faces derive their spelling */
    const struct nst_type *type;
    enum nst_rep rep;
    size_t offset;  /* of the member in the struct */
    size_t size;    /* of the struct; 0: no member of one */
    size_t created; /* nst_identity: offset of the creation time */
    unsigned flags; /* enum nst_field_flag */
    enum nst_auto fill;
    const char *column;   /* NULL: the name. An identifier: a column of the table.
                             Anything else: an expression, read only. "": none */
    const char *link;     /* a URL from other fields: "{owner_url}sources/{id}/"; of another
                             type than nst_url: the fields that its print reads */
    const char *constant; /* JSON text: the value of a field that nothing can set yet */
    const char *fallback; /* stored when nothing is given; NULL: null */
    unsigned max;         /* code points at most, 0: 65535; of a child list: elements at
                             most, 0: any number */
    const struct nst_resource *children; /* nst_child_list: what an element is */
    const char *doc;
};

#define NST_REP_OF(member) \
    _Generic((member), struct nst_str : NST_REP_STR, int64_t : NST_REP_INT, bool : NST_REP_BOOL)

/* A field kept in member m of struct s. */
#define NST_FIELD(n, s, m, t, ...) \
    { \
        .name = (n), .type = (t), .rep = NST_REP_OF(((struct s *)0)->m), \
        .offset = offsetof(struct s, m), .size = sizeof(struct s), __VA_ARGS__ \
    }

/* The row's number as `uuid`; c is the member that holds the creation time. */
#define NST_IDENTITY(n, s, c, ...) \
    { \
        .name = (n), .type = &nst_identity, .rep = NST_REP_INT, \
        .offset = offsetof(struct nst_row, id), .size = sizeof(struct s), \
        .created = offsetof(struct s, c), .column = "id", .flags = NST_CORE, __VA_ARGS__ \
    }

/* A URL derived from other fields; null when one of them is null. */
#define NST_LINK(n, template, ...) \
    { \
        .name = (n), .type = &nst_url, .column = "", .link = (template), __VA_ARGS__ \
    }

/* A value that is made of other fields when it is shown: the print of its type gets the row,
 * in which the fields that `others` names are loaded, as "{name}{extras}". It is never null. */
#define NST_MADE(n, t, others, ...) \
    { \
        .name = (n), .type = (t), .rep = NST_REP_INT, .column = "", .link = (others), __VA_ARGS__ \
    }

/* A field with one value for every row. */
#define NST_CONSTANT(n, json, ...) \
    { \
        .name = (n), .type = &nst_json_value, .column = "", .constant = (json), __VA_ARGS__ \
    }

/* A member of a child object, which has no struct: only name, type and rules. */
#define NST_CHILD(n, t, ...) \
    { \
        .name = (n), .type = (t), .column = "", __VA_ARGS__ \
    }

#endif
