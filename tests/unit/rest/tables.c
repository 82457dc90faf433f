/* The tables that tests bend; see tables.h. */
#include "tables.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

static const struct nst_field shelf_field[SHELF_FIELDS] = {
    NST_IDENTITY("id", shelf, created_at, .doc = "Number."),
    NST_FIELD("code", shelf, code, &nst_slug, .flags = NST_KEY | NST_CORE, .max = 20,
              .doc = "Where it stands."),
    NST_FIELD("created_at", shelf, created_at, &nst_datetime, .fill = NST_AUTO_CREATED,
              .doc = "Time of creation."),
    NST_LINK("url", "/library/shelves/{code}/", .doc = "Address."),
};

static const struct nst_field book_field[BOOK_FIELDS] = {
    [BOOK_ID] = NST_IDENTITY("id", book, created_at, .doc = "Number."),
    [BOOK_ISBN] = NST_FIELD("isbn", book, isbn, &nst_slug, .flags = NST_KEY, .max = 20,
                            .doc = "Its number in the trade."),
    [BOOK_TITLE] = NST_FIELD("title", book, title, &nst_text, .doc = "Its title."),
    [BOOK_LANGUAGE] = NST_FIELD("language", book, language, &nst_text, .flags = NST_FILTER,
                                .fallback = "en", .max = 8, .doc = "Language."),
    [BOOK_PAGES] = NST_FIELD("pages", book, pages, &nst_int, .doc = "How many pages."),
    [BOOK_EXTRAS] =
        NST_FIELD("extras", book, extras, &nst_json_value, .fallback = "{}", .doc = "Anything."),
    [BOOK_MARKS] = NST_FIELD("marks", book, marks, &nst_child_list, .doc = "Notes to pages."),
    [BOOK_SHELF] = NST_FIELD("shelf_id", book, shelf_id, &nst_int, .doc = "Its shelf."),
    [BOOK_SHELF_CODE] = NST_FIELD("shelf", book, title, &nst_slug, .column = "shelf.code",
                                  .doc = "Code of the shelf."),
    [BOOK_ACTIVE] = NST_FIELD("is_active", book, is_active, &nst_bool, .fallback = "true",
                              .doc = "False once deleted."),
    [BOOK_CREATED] = NST_FIELD("created_at", book, created_at, &nst_datetime,
                               .fill = NST_AUTO_CREATED, .doc = "Time of creation."),
    [BOOK_UPDATED] = NST_FIELD("updated_at", book, updated_at, &nst_datetime,
                               .fill = NST_AUTO_UPDATED, .doc = "Time of the last change."),
    [BOOK_KIND] = NST_CONSTANT("kind", "\"Book\"", .doc = "What it is."),
    [BOOK_URL] = NST_LINK("url", "/library/shelves/{shelf}/books/{isbn}/", .doc = "Address."),
};

static const struct nst_field mark_field[MARK_FIELDS] = {
    NST_CHILD("page", &nst_text, .doc = "Page."),
    NST_CHILD("note", &nst_text, .fallback = "null", .doc = "What is said."),
};

static void fill_serializers(struct tables *t)
{
    const struct nst_face *f = &t->face;
    t->shelf_serializer[LISTED] = (struct nst_serializer){ f, NST_LIST, "code url" };
    t->shelf_serializer[SHOWN] = (struct nst_serializer){ f, NST_DETAIL, "id code url" };
    t->shelf_serializer[MADE] = (struct nst_serializer){ f, NST_CREATE, "code*" };
    t->shelf_serializer[CHANGED] = (struct nst_serializer){ f, NST_UPDATE, "code" };
    t->book_serializer[LISTED] = (struct nst_serializer){ f, NST_LIST, "isbn title kind url" };
    t->book_serializer[SHOWN] =
        (struct nst_serializer){ f, NST_DETAIL, "id isbn title language pages extras marks url" };
    t->book_serializer[MADE] = (struct nst_serializer){
        f, NST_CREATE, "isbn* title* language pages extras marks", .rules = t->rule,
        .duplicate = { "isbn", "There is a book {isbn} of {pages} pages." }
    };
    t->book_serializer[CHANGED] =
        (struct nst_serializer){ f, NST_UPDATE, "title language", .rules = t->rule };
    t->mark_serializer[0] = (struct nst_serializer){ f, NST_CREATE, "page* note" };
    t->mark_serializer[1] = (struct nst_serializer){ f, NST_DETAIL, "page note" };
    t->rule[0] = (struct nst_rule){ "language", .charset = "a-z-", .choices = "en|eo" };
    t->sort[0] = (struct nst_sort){ "title", "book.title|book.isbn" };
    t->filter[0] = (struct nst_filter){ "title", .few = true, .doc = "Title." };
    t->filter[1] =
        (struct nst_filter){ "shelf_code", .column = "book.shelf_id", .other = "s.code",
                             .among = "SELECT s.id FROM shelf s WHERE ?", .doc = "Shelf." };
    t->filter[2] =
        (struct nst_filter){ "since", NST_SINCE, .column = "book.updated_at", .doc = "Change." };
    t->filter[3] = (struct nst_filter){ "words",     NST_HOLDS,   .column = "lower(book.title)",
                                        .few = true, .mark = ' ', .doc = "Words of the title." };
    t->filter[4] = (struct nst_filter){ "extras", NST_KEYS, .doc = "Keys." };
}

static void fill_routes(struct tables *t)
{
    const struct nst_face *f = &t->face;
    t->shelf_route[0] =
        (struct nst_route){ f, "/shelves/", .get = { nst_list, nst_allow_any },
                            .post = { nst_create, nst_allow_any }, .doc = "Shelves." };
    t->shelf_route[1] =
        (struct nst_route){ f, "/shelves/:shelf/", .get = { nst_retrieve, nst_allow_any },
                            .doc = "One shelf." };
    t->book_route[0] =
        (struct nst_route){ f, "/shelves/:shelf/books/", .get = { nst_list, nst_allow_any },
                            .post = { nst_create, nst_allow_any }, .doc = "Books of a shelf." };
    t->book_route[1] = (struct nst_route){ f,
                                           "/shelves/:shelf/books/:book/",
                                           .get = { nst_retrieve, nst_allow_any },
                                           .put = { nst_update, nst_allow_any },
                                           .delete = { nst_destroy, nst_allow_any },
                                           .doc = "One book." };
    t->book_route[2] = (struct nst_route){ f, "/books/", .get = { nst_list, nst_allow_any },
                                           .doc = "Books of all shelves." };
    t->set_route[0] = (struct nst_route){ f, "/kept/", .get = { nst_list, nst_allow_any },
                                          .doc = "Books out of use." };
    t->set_route[1] =
        (struct nst_route){ f, "/kept/:kept_book/", .get = { nst_retrieve, nst_allow_any },
                            .doc = "One of these." };
}

static void fill_resources(struct tables *t)
{
    t->shelf = (struct nst_resource){
        .name = "shelf",
        .table = "shelf",
        .order = "shelf.id",
        .size = sizeof(struct shelf),
        NST_FIELDS(t->shelf_field),
        NST_SERIALIZERS(t->shelf_serializer),
        NST_ROUTES(t->shelf_route),
        .doc = "Where books stand.",
    };
    t->book = (struct nst_resource){
        .name = "book",
        .table = "book",
        .from = "book JOIN shelf ON shelf.id = book.shelf_id",
        .where = "book.is_active",
        .order = "book.id",
        .parent = "shelf_id",
        .size = sizeof(struct book),
        NST_FIELDS(t->book_field),
        NST_SERIALIZERS(t->book_serializer),
        NST_ROUTES(t->book_route),
        .sort = t->sort,
        .filter = t->filter,
        .sets = t->set,
        .doc = "What is read.",
    };
    t->set[0] = (struct nst_set){
        "kept_book",    .where = "NOT book.is_active", .order = "book.title",
        .key = "title", NST_ROUTES(t->set_route),      .doc = "A book that is out of use."
    };
    t->mark = (struct nst_resource){
        .name = "mark",
        NST_FIELDS(t->mark_field),
        NST_SERIALIZERS(t->mark_serializer),
        .doc = "A note to a page.",
    };
}

void tables_init(struct tables *t)
{
    *t = (struct tables){ .texts = nst_default_texts, .lists = nst_default_lists };
    t->face = (struct nst_face){ .name = "library", .mount = "/library", .doc = "Books." };
    t->other = (struct nst_face){ .name = "other", .mount = "/other", .doc = "Not listed." };
    memcpy(t->shelf_field, shelf_field, sizeof(shelf_field));
    memcpy(t->book_field, book_field, sizeof(book_field));
    memcpy(t->mark_field, mark_field, sizeof(mark_field));
    t->book_field[BOOK_MARKS].children = &t->mark;
    fill_serializers(t);
    fill_routes(t);
    fill_resources(t);
    t->faces[0] = &t->face;
    t->resources[0] = &t->shelf;
    t->resources[1] = &t->book;
    t->resources[2] = &t->mark;
}

const struct nst_migration tables_migration[1] = {
    { 1, "library",
      "CREATE TABLE nst_counter (name text NOT NULL PRIMARY KEY, next bigint NOT NULL);\n"
      "CREATE TABLE shelf (id bigint PRIMARY KEY, code text NOT NULL, created_at bigint);\n"
      "CREATE TABLE book (id bigint PRIMARY KEY, isbn text, title text, language text,\n"
      "  pages bigint, extras text, marks text, shelf_id bigint REFERENCES shelf (id),\n"
      "  is_active boolean, created_at bigint, updated_at bigint);\n" },
};

/* ---- The log ---- */

static FILE *log_file;
static int stderr_kept = -1;

void tables_listen(void)
{
    log_file = tmpfile();
    assert_non_null(log_file);
    stderr_kept = dup(STDERR_FILENO);
    dup2(fileno(log_file), STDERR_FILENO);
}

struct nst_str tables_heard(struct nst_arena *a)
{
    char text[65536];
    dup2(stderr_kept, STDERR_FILENO);
    close(stderr_kept);
    rewind(log_file);
    size_t n = fread(text, 1, sizeof(text) - 1, log_file);
    text[n] = '\0';
    fclose(log_file);
    return nst_str_copy(a, (struct nst_str){ text, n });
}

enum nst_err tables_compile(struct nst_registry **out, struct nst_str *log, struct nst_arena *a,
                            const struct tables *t)
{
    tables_listen();
    enum nst_err e = nst_registry_new(out, a, t->resources, t->faces);
    *log = tables_heard(a);
    return e;
}
