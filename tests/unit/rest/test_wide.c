/* A resource of 130 fields: what is known of a field beside its value, given by input or null,
 * is known of the last as of the first. */
#include "nestor/base/log.h"
#include "place.h"

#include "nestor/rest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NUMBERS 120 /* n0, n1, ...: behind two fields, before eight */

struct wide {
    struct nst_row row;
    struct nst_str code, text, word;
    int64_t number[NUMBERS], created_at, updated_at;
    bool flag, is_active;
};

enum { WIDE_FIELDS = NUMBERS + 10 };

static bool on_postgresql;

struct fixture {
    struct place place;
    struct nst_store *store;
    struct nst_face face;
    struct nst_field field[WIDE_FIELDS];
    struct nst_serializer serializer[4];
    struct nst_route route[2];
    struct nst_sort sort[2];
    struct nst_resource wide;
    const struct nst_face *faces[2];
    const struct nst_resource *resources[2];
    struct nst_registry *registry;
};

static const struct nst_field first[] = {
    NST_IDENTITY("id", wide, created_at, .doc = "Number."),
    NST_FIELD("code", wide, code, &nst_slug, .flags = NST_KEY | NST_CORE, .doc = "Key."),
};

static const struct nst_field number = NST_FIELD("n", wide, number[0], &nst_int, .doc = "Number.");

static const struct nst_field last[] = {
    NST_FIELD("text", wide, text, &nst_text, .doc = "Text."),
    NST_FIELD("word", wide, word, &nst_text, .flags = NST_FILTER | NST_CORE, .fallback = "none",
              .doc = "Word."),
    NST_FIELD("flag", wide, flag, &nst_bool, .flags = NST_FILTER, .doc = "Flag."),
    NST_FIELD("is_active", wide, is_active, &nst_bool, .fallback = "true", .doc = "Kept."),
    NST_FIELD("created_at", wide, created_at, &nst_datetime, .fill = NST_AUTO_CREATED,
              .doc = "Time."),
    NST_FIELD("updated_at", wide, updated_at, &nst_datetime, .fill = NST_AUTO_UPDATED,
              .doc = "Time."),
    NST_LINK("url", "/wide/rows/{code}/", .doc = "Address."),
    NST_LINK("numbered", "/wide/{n0}/{n119}/", .doc = "Null without its last number."),
};

static void fill_fields(struct fixture *f)
{
    struct nst_arena *a = f->place.arena;
    memcpy(f->field, first, sizeof(first));
    for (size_t i = 0; i < NUMBERS; i++) {
        struct nst_field *n = &f->field[NST_COUNT(first) + i];
        *n = number;
        n->name = nst_strf(a, "n%zu", i).p;
        n->offset += i * sizeof(int64_t);
        n->flags = i == 0 || i == NUMBERS - 1 ? NST_FILTER | NST_CORE : 0;
    }
    memcpy(&f->field[NST_COUNT(first) + NUMBERS], last, sizeof(last));
}

/* The names of all fields but the number of the row, separated by blanks. */
static const char *names_of(struct fixture *f, const char *before)
{
    struct nst_buf b;
    nst_buf_init(&b, f->place.arena, 65536);
    nst_put_z(&b, before);
    for (size_t i = 0; i < NUMBERS; i++)
        nst_putf(&b, " n%zu", i);
    nst_put_lit(&b, " text word flag");
    return nst_str_to_z(f->place.arena, nst_buf_str(&b));
}

/* A call from inside the program is answered without a document by nst_retrieve. */
static enum nst_err show(struct nst_req *rq)
{
    nst_render(&rq->x->out, rq, rq->action->arg, NST_DETAIL, nst_object(rq)->row);
    return nst_answer_json(rq, 200);
}

static const struct nst_description showing = { .as = nst_retrieve };

static void fill_tables(struct fixture *f)
{
    f->face = (struct nst_face){ .name = "wide", .mount = "/wide", .doc = "Wide." };
    f->serializer[0] = (struct nst_serializer){ &f->face, NST_LIST, "code n0 n119 flag numbered" };
    f->serializer[1] = (struct nst_serializer){ &f->face, NST_DETAIL, names_of(f, "code url") };
    f->serializer[2] = (struct nst_serializer){ &f->face, NST_CREATE, names_of(f, "code*") };
    f->serializer[3] = (struct nst_serializer){ &f->face, NST_UPDATE, names_of(f, "") };
    f->route[0] = (struct nst_route){ &f->face, "/rows/", .get = { nst_list, nst_allow_any },
                                      .post = { nst_create, nst_allow_any }, .doc = "Rows." };
    f->route[1] =
        (struct nst_route){ &f->face,
                            "/rows/:wide/",
                            .get = { show, nst_allow_any, .arg = &f->wide, .describe = &showing },
                            .patch = { nst_update, nst_allow_any },
                            .delete = { nst_destroy, nst_allow_any },
                            .doc = "One." };
    f->sort[0] = (struct nst_sort){ "n119", "wide.n119|wide.id" };
    f->wide = (struct nst_resource){
        .name = "wide",
        .table = "wide",
        .where = "wide.is_active",
        .order = "wide.id",
        .size = sizeof(struct wide),
        NST_FIELDS(f->field),
        NST_SERIALIZERS(f->serializer),
        NST_ROUTES(f->route),
        .sort = f->sort,
        .doc = "A row of many fields.",
    };
    f->faces[0] = &f->face;
    f->resources[0] = &f->wide;
}

static void make_table(struct fixture *f)
{
    struct nst_buf b;
    nst_buf_init(&b, f->place.arena, 65536);
    nst_put_lit(&b, "CREATE TABLE nst_counter (name text NOT NULL PRIMARY KEY, "
                    "next bigint NOT NULL);\nCREATE TABLE wide (id bigint PRIMARY KEY, code text");
    for (size_t i = 0; i < NUMBERS; i++)
        nst_putf(&b, ", n%zu bigint", i);
    nst_put_lit(&b, ", text text, word text, flag boolean, is_active boolean, "
                    "created_at bigint, updated_at bigint);\n");
    const struct nst_migration wide = { 1, "wide", nst_str_to_z(f->place.arena, nst_buf_str(&b)) };
    assert_int_equal(nst_migrate(NULL, f->store, &wide, 1), NST_OK);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    place_init(&f->place, on_postgresql);
    f->store = place_open(&f->place, 0);
    make_table(f);
    fill_fields(f);
    fill_tables(f);
    assert_int_equal(nst_registry_new(&f->registry, f->place.arena, f->resources, f->faces),
                     NST_OK);
    assert_int_equal(nst_registry_prove(f->registry, f->store), NST_OK);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    nst_store_close(f->store);
    place_release(&f->place);
    free(f);
    return 0;
}

struct question {
    struct fixture *fixture;
    enum nst_method method;
    const char *path, *body;
    struct nst_exchange x;
};

static enum nst_err ask(struct nst_db *db, void *arg)
{
    struct question *q = arg;
    struct nst_arena *a = q->fixture->place.arena;
    q->x = (struct nst_exchange){ .arena = a };
    struct nst_req rq = { .arena = a, .x = &q->x, .registry = q->fixture->registry, .db = db };
    struct nst_json *body = NULL;
    rq.now = 1;
    if (q->body != NULL)
        NST_TRY(nst_json_read(&body, NULL, a, nst_str_z(q->body), NULL));
    return nst_call(&rq, &q->fixture->face, q->method, nst_str_z(q->path), body);
}

/* The answer, which has that status. */
static const struct nst_json *answer(struct fixture *f, enum nst_method method, const char *path,
                                     const char *body, unsigned status)
{
    struct question q = { f, method, path, body, { 0 } };
    struct nst_json *tree = NULL;
    assert_int_equal(nst_store_run(f->store, method == NST_GET ? NST_MODE_READ : NST_MODE_WRITE,
                                   ask, &q),
                     NST_OK);
    assert_int_equal(q.x.status, status);
    if (q.x.out.n > 0)
        assert_int_equal(nst_json_read(&tree, NULL, f->place.arena, nst_buf_str(&q.x.out), NULL),
                         NST_OK);
    return tree;
}

/* The member as text; "null" when it is null. */
static void has(struct fixture *f, const struct nst_json *row, const char *name, const char *wanted)
{
    const struct nst_json *v = nst_json_get(row, nst_str_z(name));
    assert_non_null(v);
    if (v->kind == NST_JSON_NULL)
        assert_string_equal("null", wanted);
    else if (v->kind == NST_JSON_BOOL)
        assert_string_equal(v->boolean ? "true" : "false", wanted);
    else
        assert_string_equal(nst_str_to_z(f->place.arena, v->text), wanted);
}

static void test_wide__what_is_created_is_shown(void **state)
{
    struct fixture *f = *state;
    const char *body = "{\"code\":\"a\",\"n0\":1,\"n63\":0,\"n119\":7,\"flag\":false}";
    answer(f, NST_POST, "/rows/", body, 201);
    const struct nst_json *row = answer(f, NST_GET, "/rows/a/", NULL, 200);
    has(f, row, "n0", "1");
    has(f, row, "n1", "null");
    has(f, row, "n61", "null");
    has(f, row, "n62", "null");
    has(f, row, "n63", "0");
    has(f, row, "n118", "null");
    has(f, row, "n119", "7");
    has(f, row, "text", "null");
    has(f, row, "word", "none");
    has(f, row, "flag", "false");
}

/* What is not given stays as it is, in the store too: a neighbour 64 fields away is another. */
static void test_wide__what_is_not_given_stays(void **state)
{
    struct fixture *f = *state;
    answer(f, NST_POST, "/rows/", "{\"code\":\"a\",\"n0\":1,\"n64\":2,\"n100\":3,\"word\":\"x\"}",
           201);
    assert_int_equal(place_write(f->store, "UPDATE wide SET n36 = 36, n0 = 8"), NST_OK);
    answer(f, NST_PATCH, "/rows/a/", "{\"n1\":null,\"n119\":5,\"flag\":true}", 200);
    const struct nst_json *row = answer(f, NST_GET, "/rows/a/", NULL, 200);
    has(f, row, "n0", "8");
    has(f, row, "n36", "36");
    has(f, row, "n64", "2");
    has(f, row, "n100", "3");
    has(f, row, "n119", "5");
    has(f, row, "flag", "true");
    has(f, row, "word", "x");
    answer(f, NST_PATCH, "/rows/a/", "{\"n100\":0}", 200);
    row = answer(f, NST_GET, "/rows/a/", NULL, 200);
    has(f, row, "n100", "0");
}

static void test_wide__null_takes_the_place_of_a_value(void **state)
{
    struct fixture *f = *state;
    answer(f, NST_POST, "/rows/",
           "{\"code\":\"a\",\"n0\":1,\"n100\":3,\"text\":\"x\",\"flag\":true}", 201);
    answer(f, NST_PATCH, "/rows/a/", "{\"n100\":null,\"text\":null,\"flag\":null}", 200);
    const struct nst_json *row = answer(f, NST_GET, "/rows/a/", NULL, 200);
    has(f, row, "n0", "1");
    has(f, row, "n100", "null");
    has(f, row, "text", "null");
    has(f, row, "flag", "null");
}

/* What is null in one row of a list is not therefore null in the next. */
static void test_wide__lists_know_null_row_by_row(void **state)
{
    struct fixture *f = *state;
    answer(f, NST_POST, "/rows/", "{\"code\":\"a\",\"n0\":1,\"n119\":3,\"flag\":true}", 201);
    answer(f, NST_POST, "/rows/", "{\"code\":\"b\"}", 201);
    answer(f, NST_POST, "/rows/", "{\"code\":\"c\",\"n0\":0,\"n119\":0,\"flag\":false}", 201);
    const struct nst_json *row = answer(f, NST_GET, "/rows/", NULL, 200)->first;
    has(f, row, "n119", "3");
    has(f, row, "flag", "true");
    has(f, row, "numbered", "/wide/1/3/");
    row = row->next;
    has(f, row, "n0", "null");
    has(f, row, "n119", "null");
    has(f, row, "flag", "null");
    has(f, row, "numbered", "null");
    row = row->next;
    has(f, row, "n119", "0");
    has(f, row, "flag", "false");
    has(f, row, "numbered", "/wide/0/0/");
    assert_null(row->next);
}

static void test_wide__filters_and_sorts_reach_the_last(void **state)
{
    struct fixture *f = *state;
    answer(f, NST_POST, "/rows/", "{\"code\":\"a\",\"n119\":3,\"word\":\"x\"}", 201);
    answer(f, NST_POST, "/rows/", "{\"code\":\"b\",\"n119\":9,\"flag\":true}", 201);
    has(f, answer(f, NST_GET, "/rows/?n119=9", NULL, 200)->first, "code", "b");
    has(f, answer(f, NST_GET, "/rows/?word=x", NULL, 200)->first, "code", "a");
    has(f, answer(f, NST_GET, "/rows/?flag=true", NULL, 200)->first, "code", "b");
    has(f, answer(f, NST_GET, "/rows/?sort=-n119&limit=1", NULL, 200)->first, "code", "b");
    answer(f, NST_DELETE, "/rows/a/", NULL, 204);
    has(f, answer(f, NST_GET, "/rows/", NULL, 200)->first, "code", "b");
}

/* A copy has marks of its own. */
static void test_wide__a_copy_stands_alone(void **state)
{
    struct fixture *f = *state;
    struct nst_exchange x = { .arena = f->place.arena };
    struct nst_req rq = {
        .arena = f->place.arena, .x = &x, .registry = f->registry, .face = &f->face
    };
    struct wide *row = nst_row_new(&rq, &f->wide), assigned;
    nst_mark_set(&f->wide, row, "n0");
    struct wide *copy = nst_row_copy(rq.arena, &f->wide, row);
    nst_mark_set(&f->wide, copy, "n119");
    assigned = *copy;
    assert_true(nst_is_set(&f->wide, copy, "n0"));
    assert_true(nst_is_set(&f->wide, copy, "n119"));
    assert_true(nst_is_set(&f->wide, &assigned, "n119"));
    assert_false(nst_is_set(&f->wide, row, "n119"));
    assert_false(nst_is_set(&f->wide, row, "n64"));
    const struct wide bare = { .code = NST_STR("b") };
    copy = nst_row_copy(rq.arena, &f->wide, &bare);
    assert_false(nst_is_set(&f->wide, &bare, "n0"));
    assert_false(nst_is_set(&f->wide, copy, "n0"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static int run_all(const char *name)
{
    const struct CMUnitTest tests[] = {
        TEST(test_wide__what_is_created_is_shown),
        TEST(test_wide__what_is_not_given_stays),
        TEST(test_wide__null_takes_the_place_of_a_value),
        TEST(test_wide__lists_know_null_row_by_row),
        TEST(test_wide__filters_and_sorts_reach_the_last),
        TEST(test_wide__a_copy_stands_alone),
    };
    return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int main(void)
{
    int failed = run_all("sqlite");
    if (getenv("NESTOR_TEST_PG") != NULL) {
        on_postgresql = true;
        failed += run_all("postgresql");
    }
    return failed;
}
