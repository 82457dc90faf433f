/* Greetings over REST: one resource in one file, served by the framework alone.
 * docs/tutorial.md explains it piece by piece; hello.http proves what it does. */
#include "nestor/app.h"

/* ---- The face: how the API looks ---- */

static const struct nst_face hello_face = {
    .name = "hello",
    .mount = "/hello",
    .doc = "Greetings for everybody.",
    .time = NST_TIME_SECOND_Z,
};

/* ---- The resource ---- */

struct greeting {
    struct nst_row row;
    struct nst_str text, language;
    bool is_active;
    int64_t created_at, updated_at;
};

static const struct nst_field greeting_field[] = {
    NST_IDENTITY("id", greeting, created_at, .doc = "Number of the greeting."),
    NST_FIELD("text", greeting, text, &nst_text, .flags = NST_NOT_EMPTY, .max = 200,
              .doc = "What is said."),
    NST_FIELD("language", greeting, language, &nst_text, .flags = NST_NOT_EMPTY | NST_FILTER,
              .fallback = "en", .max = 35, .doc = "Language tag of the text."),
    NST_FIELD("is_active", greeting, is_active, &nst_bool, .fallback = "true",
              .doc = "False once deleted."),
    NST_FIELD("created_at", greeting, created_at, &nst_datetime, .flags = NST_CORE | NST_FILTER,
              .fill = NST_AUTO_CREATED, .doc = "Time of creation."),
    NST_FIELD("updated_at", greeting, updated_at, &nst_datetime, .fill = NST_AUTO_UPDATED,
              .doc = "Time of the last change."),
    NST_LINK("url", "/hello/greetings/{id}/", .doc = "Address of the greeting."),
};

static const struct nst_rule greeting_rule[] = {
    { "language", .charset = "a-zA-Z0-9-" },
    { 0 },
};

static const struct nst_serializer greeting_serializer[] = {
    { &hello_face, NST_LIST, "id text language url" },
    { &hello_face, NST_DETAIL, "id text language created_at updated_at url" },
    { &hello_face, NST_CREATE, "text* language", .rules = greeting_rule },
    { &hello_face, NST_UPDATE, "text language", .rules = greeting_rule },
};

static const struct nst_route greeting_route[] = {
    { &hello_face, "/greetings/", .get = { nst_list, nst_allow_any },
      .post = { nst_create, nst_allow_any }, .doc = "Greetings, oldest first." },
    { &hello_face, "/greetings/:greeting/", .get = { nst_retrieve, nst_allow_any },
      .put = { nst_update, nst_allow_any }, .delete = { nst_destroy, nst_allow_any },
      .doc = "One greeting." },
};

static const struct nst_sort greeting_sort[] = { { "language", "greeting.language" }, { 0 } };

static const struct nst_resource greeting = {
    .name = "greeting",
    .table = "greeting",
    .where = "greeting.is_active",
    .order = "greeting.id",
    .key = "id",
    .size = sizeof(struct greeting),
    NST_FIELDS(greeting_field),
    NST_SERIALIZERS(greeting_serializer),
    NST_ROUTES(greeting_route),
    .sort = greeting_sort,
    .doc = "A few words in some language.",
};

static const struct nst_migration migration[] = {
    { 1, "greeting",
      "CREATE TABLE greeting (\n"
      "--sqlite:  id INTEGER PRIMARY KEY,\n"
      "--postgresql:  id bigint PRIMARY KEY,\n"
      "  text text NOT NULL,\n"
      "  language text NOT NULL,\n"
      "  is_active boolean NOT NULL,\n"
      "  created_at bigint NOT NULL,\n"
      "  updated_at bigint NOT NULL\n"
      ");\n" },
    { 0 },
};

/* ---- The program ---- */

static const struct nst_app hello = {
    .name = "hello",
    .title = "Greetings",
    .version = "1.0.0",
    NST_FACES(&hello_face),
    NST_RESOURCES(&greeting),
    .migrations = migration,
};

int main(int argc, char **argv)
{
    return nst_main(argc, argv, &hello);
}
