/* JSON: a bounded reader into an arena tree, and an append writer.
 *
 * Reading accepts exactly RFC 8259 texts in UTF-8. Numbers keep their text, so
 * no digit is lost. When a name stands twice in one object, both members are in
 * the list and nst_json_get finds the last. A lone surrogate escape such as
 * "\ud800" is well-formed JSON; it is kept as the three bytes that UTF-8 would
 * give it, and the value is marked `has_surrogate`: validation decides. */
#ifndef NESTOR_JSON_H
#define NESTOR_JSON_H

#include "nestor/base/buf.h"
#include "nestor/base/err.h"

enum nst_json_kind {
    NST_JSON_NULL,
    NST_JSON_BOOL,
    NST_JSON_NUMBER,
    NST_JSON_STRING,
    NST_JSON_ARRAY,
    NST_JSON_OBJECT
};

/* One value. `text` holds the decoded string, or the number as written.
 * Members and items hang on `first` and are linked by `next`, in input order;
 * `name` is set on members of objects; `count` is their number. */
struct nst_json {
    enum nst_json_kind kind;
    bool boolean;
    bool has_surrogate; /* in text; on a member also when in name */
    struct nst_str text;
    struct nst_str name;
    struct nst_json *first, *next;
    size_t count;
};

/* What a reader accepts; both bounds are inclusive. */
struct nst_json_limits {
    unsigned depth; /* nested arrays and objects; [] has depth 1 */
    size_t nodes;   /* values in all */
};

#define NST_JSON_DEPTH 64
#define NST_JSON_NODES 1000000

/* The limits above. */
extern const struct nst_json_limits nst_json_default_limits;

/* Where and why reading failed. */
struct nst_json_fault {
    size_t line, column; /* from 1; column in bytes */
    const char *reason;  /* static text, lower case, no full stop */
};

/* Read the one value that fills the whole of text (blanks around it allowed).
 *   out     set on success; owned by a, strings may view `text`
 *   fault   filled on failure; may be NULL
 *   limits  NULL means nst_json_default_limits
 * Errors: NST_E_MALFORMED. Linear in text.n. */
NST_CHECKED enum nst_err nst_json_read(struct nst_json **out, struct nst_json_fault *fault,
                                       struct nst_arena *a, struct nst_str text,
                                       const struct nst_json_limits *limits);

/* The last member of object v with that name; NULL when there is none or v is
 * NULL or no object. */
struct nst_json *nst_json_get(const struct nst_json *v, struct nst_str name);

/* True when v is a string that a database can hold: neither engine stores a NUL or half a
 * surrogate pair as text. NULL is none. */
bool nst_json_is_text(const struct nst_json *v);

/* True when both are the same JSON value: members in any order (last of equal
 * names), numbers by their text. */
bool nst_json_equal(const struct nst_json *x, const struct nst_json *y);

/* Append s as a JSON string with its quotes: the two mandatory escapes, \n \r
 * \t \b \f, other controls as \u00xx, everything else as it is (UTF-8 is not
 * escaped). s must be valid UTF-8 or hold surrogates marked as above, which
 * leave as \udxxx again. */
void nst_json_put_str(struct nst_buf *b, struct nst_str s);

/* As nst_json_put_str, the null string gives null. */
void nst_json_put_str_or_null(struct nst_buf *b, struct nst_str s);

/* Append true or false. */
void nst_json_put_bool(struct nst_buf *b, bool value);

/* Append v compactly, members in their order. v == NULL gives null. */
void nst_json_put(struct nst_buf *b, const struct nst_json *v);

/* The members of one object, as they stand in its text: names without their quotes, values
 * with all that belongs to them. */
#define NST_JSON_MEMBERS 32
struct nst_json_members {
    struct nst_json_member {
        struct nst_str name, value;
    } member[NST_JSON_MEMBERS];
    size_t count;
};

/* Cut off the object that text begins with, for texts that nst_json_put wrote.
 *   out   its members; views of text
 *   text  on success what follows the object, else left alone
 * Returns false where that is no compact object of one to NST_JSON_MEMBERS strings, numbers and
 * literals: nst_json_read tells what it is instead. Strings are not looked into. */
bool nst_json_cut_members(struct nst_json_members *out, struct nst_str *text);

/* The value of the last member with that name; null: there is none. */
struct nst_str nst_json_member_of(const struct nst_json_members *m, struct nst_str name);

/* How far an indented text has come that arrives in parts; zeroed but for indent at
 * its start. */
struct nst_json_layout {
    unsigned indent; /* blanks a level, 0..8; 0 copies */
    size_t depth;
    bool is_opened; /* a bracket came last: what is empty stays on its line */
};

/* Append one part of a text as nst_json_put_indented would have shown the whole. A
 * part ends anywhere but inside a string. */
void nst_json_put_part(struct nst_buf *b, struct nst_json_layout *layout, struct nst_str part);

/* Append the well-formed JSON text compact once more, indented by `indent`
 * blanks a level (0..8; 0 copies it): `": "` after names, a line per item. */
void nst_json_put_indented(struct nst_buf *b, struct nst_str text, unsigned indent);

#endif
