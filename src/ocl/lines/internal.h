/* What the forms of import files share: bytes of a file, lines that are made, and the table of
 * forms. */
#ifndef OCL_LINES_INTERNAL_H
#define OCL_LINES_INTERNAL_H

#include "lines.h"

/* ---- Bytes ---- */

#define LINES_WINDOW 65536 /* bytes of a file that are at hand */

#define LINES_ICONV "iconv -f CP1252 -t UTF-8 FILE > NEW" /* what helps most often */

/* A file that is read anywhere; what is asked for mostly follows what was asked before. */
struct ocl_lines_file {
    int fd;
    uint64_t size;
    int failure;          /* errno of a read that failed: from then on the file seems to end */
    uint64_t at;          /* where the window begins */
    size_t filled;        /* bytes of it */
    char *window;         /* LINES_WINDOW bytes */
    uint64_t known, line; /* in which line, from 1, that place is, and where this begins */
    uint64_t line_begin;
};

/* The bytes [from, to) of a file. */
struct ocl_lines_range {
    uint64_t from, to;
};

/* Prepare to read fd, whose window lives in a. False where its size cannot be told, or it is no
 * regular file: errno says why. */
bool ocl_lines_file_init(struct ocl_lines_file *f, struct nst_arena *a, int fd);

/* Have f read what is in the ZIP that it reads, in a file of its own beside.
 *   why  set where -1 is returned, owned by a: as that of ocl_lines_open
 *   home where the window lives
 * Returns that file, which is the caller's. Blocks. */
int ocl_lines_unpack(struct nst_str *why, struct ocl_lines_file *f, struct nst_arena *home,
                     struct nst_arena *a, const char *folder);

/* Have the window begin at place. False at the end of the file. */
bool ocl_lines_fill(struct ocl_lines_file *f, uint64_t place);

/* The byte at place; -1 at the end. */
static inline int ocl_lines_byte(struct ocl_lines_file *f, uint64_t place)
{
    if (place - f->at >= f->filled && !ocl_lines_fill(f, place))
        return -1;
    return (unsigned char)f->window[place - f->at];
}

/* The first place of the range with byte c; its end where there is none. */
uint64_t ocl_lines_find(struct ocl_lines_file *f, struct ocl_lines_range range, char c);

/* The first place from there on with something else than a blank; the size where there is none. */
uint64_t ocl_lines_skip_blanks(struct ocl_lines_file *f, uint64_t place);

/* True when there are only blanks from `from` to before `to`. */
bool ocl_lines_is_blank(struct ocl_lines_file *f, uint64_t from, uint64_t to);

/* The bytes [from, to), at most OCL_LINE_MAX, owned by a; fewer where the file ends. */
struct nst_str ocl_lines_span(struct ocl_lines_file *f, struct nst_arena *a, uint64_t from,
                              uint64_t to);

/* Where a place is, both from 1; cheap where places ascend. */
void ocl_lines_locate(size_t *line, size_t *column, struct ocl_lines_file *f, uint64_t place);

/* Is all from there on UTF-8? If not, *bad is the first byte that is not. */
bool ocl_lines_is_utf8(uint64_t *bad, struct ocl_lines_file *f, uint64_t from);

/* ---- Values of JSON, found without reading them ---- */

/* Where the value ends that begins at place; 0 where the file ends inside of it. Only brackets
 * and quotes are looked at; a string ends at a line end at the latest, as none has one inside. */
uint64_t ocl_lines_value_end(struct ocl_lines_file *f, uint64_t place);

/* A walk over the items of an array, or the members of an object. */
struct ocl_lines_walk {
    uint64_t place; /* of the next byte */
    char close;     /* the bracket that ends it */
    bool is_first;
    uint64_t name, from, to; /* of the item: where its name begins and ends with a colon before
                                `from` (objects only), where its value begins and ends */
    uint64_t name_end;
};

enum ocl_lines_step {
    LINES_ITEM,
    LINES_END,    /* place is behind the bracket */
    LINES_BROKEN, /* at place stands something else than what may stand there, or the file ends */
};

/* Begin at the opening bracket. */
void ocl_lines_walk_begin(struct ocl_lines_walk *w, struct ocl_lines_file *f, uint64_t place);
enum ocl_lines_step ocl_lines_walk_next(struct ocl_lines_walk *w, struct ocl_lines_file *f);

/* ---- Lines ---- */

struct ocl_lines {
    struct nst_arena *home;
    struct nst_arena *scratch;  /* of one call */
    struct ocl_lines_file file; /* the text, unpacked where it came in a ZIP */
    int unpacked;               /* a file of ours; -1: there is none */
    const char *folder;
    const struct ocl_lines_form *form;
    uint64_t begin; /* behind a byte order mark */
    uint64_t first; /* the first byte that is no blank */
    uint64_t place; /* of the next byte to read */
    uint64_t done;
    size_t number; /* of the last line */
    bool is_over;
    void *state; /* the form's own, in home */
};

/* One form of a file. */
struct ocl_lines_form {
    bool is_backwards; /* places do not ascend: faults tell columns of their row only */
    /* Read the next line. False at the end. */
    bool (*next)(struct ocl_line_text *line, struct ocl_lines *l, struct nst_arena *a);
    /* What files of refused lines begin with; NULL: nothing, and refused lines are given as text. */
    struct nst_str (*header)(struct ocl_lines *l, struct nst_arena *a);
    /* Begin again; NULL: place and number are all. */
    void (*rewind)(struct ocl_lines *l);
    /* Give up what is not memory; NULL: nothing. */
    void (*close)(struct ocl_lines *l);
};

extern const struct ocl_lines_form ocl_lines_json_lines, ocl_lines_json_array,
    ocl_lines_json_object, ocl_lines_table, ocl_lines_export;

/* Read the bytes of a range as the object of a line; text, tree or fault of *line are set.
 *   what  stands before the place in a fault: "item 3, " */
void ocl_lines_take_object(struct ocl_line_text *line, struct ocl_lines *l, struct nst_arena *a,
                           struct ocl_lines_range range, struct nst_str what);

/* Is the text an export (true), and then begin to read it as such; or *why it cannot be. */
bool ocl_lines_export_begin(struct nst_str *why, struct ocl_lines *l);

/* Does the text begin with the header row of a table (true), and then begin to read it as such;
 * or *why it cannot be: a column that is not known. */
bool ocl_lines_table_begin(struct nst_str *why, struct ocl_lines *l);

/* ---- The order of concepts ---- */

struct ocl_lines_order;

/* What tells the id of a concept from others, in an address or by itself; 0: it is none. */
uint64_t ocl_lines_concept_hash(struct nst_arena *a, const struct nst_json *id);

/* Make room for the order of count rows (at least one), newest first, in a file of its own. The
 * struct is of a; the file may be closed. NULL: there is no room. */
struct ocl_lines_order *ocl_lines_order_new(struct nst_arena *a, int fd, uint64_t count);

/* Tell the hash of each row's concept, once for all. */
void ocl_lines_order_set(struct ocl_lines_order *o, uint64_t row, uint64_t hash);

/* Begin with the first row, for the first time or once more. */
void ocl_lines_order_begin(struct ocl_lines_order *o, bool is_first);

/* The row to look at; false: all have been taken. */
bool ocl_lines_order_top(uint64_t *row, struct ocl_lines_order *o);

/* Take that row, whose concept is this (NULL: it cannot be read). False where one of its parents
 * has to come before: that is on top now. */
bool ocl_lines_order_take(struct ocl_lines_order *o, struct nst_arena *a,
                          const struct nst_json *concept);

/* Give the room back. NULL is allowed. */
void ocl_lines_order_free(struct ocl_lines_order *o);

/* ---- Lines that are made ---- */

/* An object or array in the making. */
struct ocl_lines_maker {
    struct nst_arena *arena;
    struct nst_json *value; /* as far as it is made */
    struct nst_json **end;  /* where the next member or item goes */
};

/* Begin an empty object or array in a. */
void ocl_lines_begin(struct ocl_lines_maker *m, struct nst_arena *a, enum nst_json_kind kind);

/* Append a member to an object, or an item (name NULL) to an array: a copy of value, which
 * shares what is in it; a copy of a text; a boolean. */
void ocl_lines_add(struct ocl_lines_maker *m, const char *name, const struct nst_json *value);
void ocl_lines_add_text(struct ocl_lines_maker *m, const char *name, struct nst_str text);
void ocl_lines_add_bool(struct ocl_lines_maker *m, const char *name, bool value);

/* Make tree the line: its text is written. */
void ocl_lines_give(struct ocl_line_text *line, struct nst_arena *a, struct nst_json *tree);

#endif
