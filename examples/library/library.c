/* A library over REST: everybody may read, staff keep the shelves, whoever is known may
 * borrow a book. docs/library.md explains it, library.http proves what it does. */
#include "nestor/accounts.h"
#include "nestor/app.h"

static const struct nst_face library_face = {
    .name = "library",
    .mount = "/library",
    .doc = "Shelves & books.",
    .token_hint = "Everybody reads; `library DATABASE token NAME` prints a token for the rest.",
    .authenticate = nst_authenticate_token,
    .time = NST_TIME_SECOND_Z,
};

/* ---- Shelves ---- */

struct shelf {
    struct nst_row row;
    struct nst_str code, topic;
    bool is_active;
    int64_t created_at, updated_at;
};

static const struct nst_field shelf_field[] = {
    NST_IDENTITY("id", shelf, created_at, .doc = "Number of the shelf."),
    NST_FIELD("code", shelf, code, &nst_slug, .flags = NST_KEY | NST_CORE | NST_NOT_EMPTY,
              .max = 20, .doc = "What stands on the shelf's plate."),
    NST_FIELD("topic", shelf, topic, &nst_text, .max = 200, .doc = "What its books are about."),
    NST_FIELD("is_active", shelf, is_active, &nst_bool, .fallback = "true",
              .doc = "False once deleted."),
    NST_FIELD("created_at", shelf, created_at, &nst_datetime, .fill = NST_AUTO_CREATED,
              .doc = "Time of creation."),
    NST_FIELD("updated_at", shelf, updated_at, &nst_datetime, .fill = NST_AUTO_UPDATED,
              .doc = "Time of the last change."),
    NST_LINK("url", "/library/shelves/{code}/", .doc = "Address of the shelf."),
    NST_LINK("books_url", "{url}books/", .doc = "Address of its books."),
};

static const struct nst_serializer shelf_serializer[] = {
    { &library_face, NST_LIST, "code topic url" },
    { &library_face, NST_DETAIL, "code topic created_at updated_at url books_url" },
    { &library_face, NST_CREATE, "code* topic",
      .duplicate = { "code", "There is a shelf {code} already.", .is_list = true } },
    { &library_face, NST_UPDATE, "topic" },
};

static const struct nst_route shelf_route[] = {
    { &library_face, "/shelves/", .get = { nst_list, nst_allow_any },
      .post = { nst_create, nst_is_staff }, .doc = "The shelves." },
    { &library_face, "/shelves/:shelf/", .get = { nst_retrieve, nst_allow_any },
      .put = { nst_update, nst_is_staff }, .delete = { nst_destroy, nst_is_staff },
      .doc = "One shelf." },
};

static const struct nst_resource shelf = {
    .name = "shelf",
    .table = "shelf",
    .where = "shelf.is_active",
    .order = "shelf.code, shelf.id",
    .size = sizeof(struct shelf),
    NST_FIELDS(shelf_field),
    NST_SERIALIZERS(shelf_serializer),
    NST_ROUTES(shelf_route),
    .doc = "Where books stand.",
};

/* ---- Books ---- */

struct book {
    struct nst_row row;
    struct nst_str isbn, title, language, extras, borrower, shelf;
    bool is_active;
    int64_t shelf_id, created_at, updated_at;
};

static const struct nst_field book_field[] = {
    NST_IDENTITY("id", book, created_at, .doc = "Number of the book."),
    NST_FIELD("isbn", book, isbn, &nst_slug, .flags = NST_KEY | NST_CORE | NST_NOT_EMPTY, .max = 17,
              .doc = "Its number in the trade."),
    NST_FIELD("title", book, title, &nst_text, .flags = NST_NOT_EMPTY, .max = 500,
              .doc = "Its title."),
    NST_FIELD("language", book, language, &nst_text, .flags = NST_NOT_EMPTY | NST_FILTER,
              .fallback = "en", .max = 35, .doc = "Language tag."),
    NST_FIELD("extras", book, extras, &nst_json_value, .fallback = "{}",
              .doc = "Whatever else is known about it, as JSON."),
    NST_FIELD("borrower", book, borrower, &nst_text, .flags = NST_CORE | NST_FILTER,
              .doc = "Who has it; null while it is here."),
    NST_FIELD("shelf_id", book, shelf_id, &nst_int, .doc = "Number of its shelf."),
    NST_FIELD("shelf", book, shelf, &nst_slug, .column = "shelf.code", .flags = NST_CORE,
              .doc = "Code of its shelf."),
    NST_FIELD("is_active", book, is_active, &nst_bool, .fallback = "true",
              .doc = "False once deleted."),
    NST_FIELD("created_at", book, created_at, &nst_datetime, .fill = NST_AUTO_CREATED,
              .doc = "Time of creation."),
    NST_FIELD("updated_at", book, updated_at, &nst_datetime, .fill = NST_AUTO_UPDATED,
              .doc = "Time of the last change."),
    NST_LINK("url", "/library/shelves/{shelf}/books/{isbn}/", .doc = "Address of the book."),
};

static const struct nst_rule book_rule[] = { { "isbn", .charset = "0-9X-" }, { 0 } };

static const struct nst_serializer book_serializer[] = {
    { &library_face, NST_LIST, "isbn title language borrower url" },
    { &library_face, NST_DETAIL,
      "isbn title language extras borrower shelf created_at updated_at url" },
    { &library_face, NST_CREATE, "isbn* title* language extras", .rules = book_rule,
      .duplicate = { "isbn", "There is a book {isbn} already.", .is_list = true } },
    { &library_face, NST_UPDATE, "title language extras" },
};

static enum nst_err is_borrower(struct nst_req *rq)
{
    const struct book *b = nst_object(rq)->row;
    return nst_str_eq(b->borrower, rq->caller.name) ? nst_is_authenticated(rq) : nst_is_staff(rq);
}

static const struct nst_resource book;

/* The condition decides when two want the same book at once. */
static enum nst_err lend(struct nst_req *rq)
{
    int64_t changed, id = ((struct nst_row *)nst_object(rq)->row)->id;
    NST_TRY(nst_exec_with(&changed, rq->db,
                          "UPDATE book SET borrower = $1, updated_at = $2 "
                          "WHERE id = $3 AND borrower IS NULL",
                          NST_TEXT(rq->caller.name), NST_INT(rq->now), NST_INT(id)));
    if (changed == 0)
        return nst_fail_bare(rq, NST_E_CONFLICT, "detail", NST_STR("Somebody has this book."));
    return nst_answer_row(rq, &book, id, 200);
}

static enum nst_err give_back(struct nst_req *rq)
{
    struct nst_row *row = nst_object(rq)->row;
    NST_TRY(nst_exec_with(NULL, rq->db,
                          "UPDATE book SET borrower = NULL, updated_at = $1 WHERE id = $2",
                          NST_INT(rq->now), NST_INT(row->id)));
    return nst_answer_empty(rq, 204);
}

static const struct nst_route book_route[] = {
    { &library_face, "/books/", .get = { nst_list, nst_allow_any }, .doc = "All books." },
    { &library_face, "/shelves/:shelf/books/", .get = { nst_list, nst_allow_any },
      .post = { nst_create, nst_is_staff }, .doc = "The books of a shelf." },
    { &library_face, "/shelves/:shelf/books/:book/", .get = { nst_retrieve, nst_allow_any },
      .put = { nst_update, nst_is_staff }, .delete = { nst_destroy, nst_is_staff },
      .doc = "One book." },
    { &library_face, "/shelves/:shelf/books/:book/lend/", .doc = "Borrow, give back.",
      .post = { lend, nst_is_authenticated, .describe = &nst_answers_row },
      .delete = { give_back, is_borrower, .describe = &nst_answers_nothing } },
};

static const struct nst_sort book_sort[] = { { "title", "book.title" }, { 0 } };

static const struct nst_resource book = {
    .name = "book",
    .table = "book",
    .from = "book JOIN shelf ON shelf.id = book.shelf_id",
    .where = "book.is_active AND shelf.is_active",
    .order = "book.title, book.id",
    .parent = "shelf_id",
    .size = sizeof(struct book),
    NST_FIELDS(book_field),
    NST_SERIALIZERS(book_serializer),
    NST_ROUTES(book_route),
    .sort = book_sort,
    .doc = "What is read.",
};

/* ---- The program ---- */

static const struct nst_migration migration[] = {
    { 1000, "library",
      "CREATE TABLE shelf (id bigint PRIMARY KEY, code text NOT NULL, topic text,\n"
      "  is_active boolean NOT NULL, created_at bigint NOT NULL, updated_at bigint NOT NULL);\n"
      "CREATE UNIQUE INDEX shelf_code ON shelf (code) WHERE is_active;\n"
      "CREATE TABLE book (id bigint PRIMARY KEY, isbn text NOT NULL, title text NOT NULL,\n"
      "  language text NOT NULL, extras text, borrower text,\n"
      "  shelf_id bigint NOT NULL REFERENCES shelf (id), is_active boolean NOT NULL,\n"
      "  created_at bigint NOT NULL, updated_at bigint NOT NULL);\n"
      "CREATE UNIQUE INDEX book_isbn ON book (isbn) WHERE is_active;\n"
      "CREATE INDEX book_shelf ON book (shelf_id);\n" },
    { 0 },
};

static const struct nst_app library = {
    .name = "library",
    .title = "A library",
    .version = "1.0.0",
    .cors_origins = "*",
    NST_FACES(&library_face),
    NST_RESOURCES(&shelf, &book),
    NST_USES(&nst_accounts_app),
    .migrations = migration,
};

int main(int argc, char **argv)
{
    return nst_main(argc, argv, &library);
}
