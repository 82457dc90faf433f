/* Good tables of two faces and three resources, for tests to bend: shelves, their
 * books, and marks, which are child objects of a book. Nothing else is in them. */
#ifndef TEST_TABLES_H
#define TEST_TABLES_H

#include "nestor/rest.h"

struct shelf {
    struct nst_row row;
    struct nst_str code;
    int64_t created_at;
};

struct book {
    struct nst_row row;
    struct nst_str isbn, title, language, extras, marks;
    int64_t shelf_id, pages, created_at, updated_at;
    bool is_active;
};

enum { SHELF_ID, SHELF_CODE, SHELF_CREATED, SHELF_URL, SHELF_FIELDS };
enum {
    BOOK_ID,
    BOOK_ISBN,
    BOOK_TITLE,
    BOOK_LANGUAGE,
    BOOK_PAGES,
    BOOK_EXTRAS,
    BOOK_MARKS,
    BOOK_SHELF,
    BOOK_SHELF_CODE,
    BOOK_ACTIVE,
    BOOK_CREATED,
    BOOK_UPDATED,
    BOOK_KIND,
    BOOK_URL,
    BOOK_FIELDS
};
enum { MARK_PAGE, MARK_NOTE, MARK_FIELDS };
enum { LISTED, SHOWN, MADE, CHANGED, USES };

struct tables {
    struct nst_face face, other;
    struct nst_texts texts;
    struct nst_list_grammar lists;
    struct nst_field shelf_field[SHELF_FIELDS], book_field[BOOK_FIELDS], mark_field[MARK_FIELDS];
    struct nst_serializer shelf_serializer[USES], book_serializer[USES], mark_serializer[2];
    struct nst_rule rule[3];
    struct nst_sort sort[3];
    struct nst_filter filter[6];
    struct nst_route shelf_route[2], book_route[3], set_route[2];
    struct nst_serializer set_serializer;
    struct nst_set set[2]; /* of books: those that are out of use */
    struct nst_resource shelf, book, mark;
    const struct nst_face *faces[4];
    const struct nst_resource *resources[5];
};

/* Fill t with tables that are good. */
void tables_init(struct tables *t);

/* The migration that makes what they name. */
extern const struct nst_migration tables_migration[1];

/* Compile t; the log of it is text in a. */
enum nst_err tables_compile(struct nst_registry **out, struct nst_str *log, struct nst_arena *a,
                            const struct tables *t);

/* Collect what is logged from tables_listen on. */
void tables_listen(void);
struct nst_str tables_heard(struct nst_arena *a);

#endif
