/* Lists as a face words them: its names of parameters and signs of filters, and no others. */
#include "../../../src/rest/select.h"
#include "nestor/base/log.h"
#include "place.h"
#include "tables.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static bool on_postgresql;

/* Nothing is called as it is by default. */
static const struct nst_list_grammar other_words = {
    .limit = "rows",
    .limit_too = "size",
    .limit_default = 2,
    .limit_max = 3,
    .offset = "skip",
    .after = "behind",
    .sort_up = "up",
    .sort_down = "down",
    .either = '|',
    .neither = '-',
    .some = '%',
};

struct fixture {
    struct place place;
    struct nst_store *store;
    struct tables tables;
    struct nst_registry *registry;
    const char *path; /* of the list */
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    place_init(&f->place, on_postgresql);
    f->store = place_open(&f->place, 0);
    assert_int_equal(nst_migrate(NULL, f->store, tables_migration, 1), NST_OK);
    assert_int_equal(place_write(f->store, "INSERT INTO shelf (id, code, created_at) "
                                           "VALUES (1, 'A', 0)"),
                     NST_OK);
    assert_int_equal(
        place_write(f->store,
                    "INSERT INTO book (id, isbn, title, language, pages, extras, marks, shelf_id, "
                    "is_active, created_at, updated_at) VALUES "
                    "(1, 'a', 'One', 'en', 1, '{}', '[]', 1, TRUE, 0, 0), "
                    "(2, 'b', 'Two', 'de', 2, '{}', '[]', 1, TRUE, 0, 0), "
                    "(3, 'c', 'Six', 'fr', 3, '{}', '[]', 1, TRUE, 0, 0), "
                    "(4, 'd', 'Ten', 'en-GB', 4, '{}', '[]', 1, TRUE, 0, 0)"),
        NST_OK);
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
    const char *query;
    struct nst_exchange x;
};

static enum nst_err ask(struct nst_db *db, void *arg)
{
    struct question *q = arg;
    struct nst_arena *a = q->fixture->place.arena;
    q->x = (struct nst_exchange){ .arena = a };
    struct nst_req rq = { .arena = a, .x = &q->x, .registry = q->fixture->registry, .db = db };
    return nst_call(&rq, &q->fixture->tables.face, NST_GET,
                    nst_strf(a, "%s%s", q->fixture->path, q->query), NULL);
}

static void begin(struct fixture *f, const struct nst_list_grammar *lists)
{
    struct nst_str log;
    tables_init(&f->tables);
    f->path = "/shelves/A/books/";
    f->tables.face.lists = lists;
    assert_int_equal(tables_compile(&f->registry, &log, f->place.arena, &f->tables), NST_OK);
}

/* The keys of the rows that are shown, and the header Link. */
static const char *shows(struct fixture *f, const char *query, const char **link)
{
    struct question q = { .fixture = f, .query = query };
    struct nst_arena *a = f->place.arena;
    struct nst_json *rows;
    struct nst_buf out;
    nst_buf_init(&out, a, 4096);
    assert_int_equal(nst_store_run(f->store, NST_MODE_READ, ask, &q), NST_OK);
    assert_int_equal(nst_json_read(&rows, NULL, a, nst_buf_str(&q.x.out), NULL), NST_OK);
    for (const struct nst_json *row = rows->first; row != NULL; row = row->next)
        nst_put(&out, nst_json_get(row, NST_STR("isbn"))->text);
    if (link != NULL)
        *link = "";
    for (unsigned i = 0; link != NULL && i < q.x.headers; i++)
        if (nst_str_eq(q.x.header[i].name, NST_STR("Link")))
            *link = nst_str_to_z(a, q.x.header[i].value);
    return nst_str_to_z(a, nst_buf_str(&out));
}

static void shown(struct fixture *f, const char *query, const char *wanted)
{
    assert_string_equal(shows(f, query, NULL), wanted);
}

static void test_lists__default_words(void **state)
{
    struct fixture *f = *state;
    begin(f, NULL);
    shown(f, "", "abcd");
    shown(f, "?limit=3", "abc");
    shown(f, "?limit=3&page=2", "d");
    shown(f, "?limit=2&offset=1", "bc");
    shown(f, "?sort=-title", "bdca");
    shown(f, "?language=en,fr", "ac");
    shown(f, "?language=!en", "bcd");
    shown(f, "?language=en*", "ad");
    shown(f, "?language=\"en\",de", "ab");
}

static void test_lists__words_of_a_face(void **state)
{
    struct fixture *f = *state;
    begin(f, &other_words);
    shown(f, "", "ab");
    shown(f, "?rows=3", "abc");
    shown(f, "?rows=4", "ab");
    shown(f, "?size=3", "abc");
    shown(f, "?rows=1&size=3", "a");
    shown(f, "?skip=1", "bc");
    shown(f, "?up=title", "ac");
    shown(f, "?down=title", "bd");
    shown(f, "?language=en|fr", "ac");
    shown(f, "?language=-en", "bc");
    shown(f, "?language=en%25", "ad");
}

/* Rows of .filter: values of an index, another table, a time, a set, keys. */
static void test_lists__filters_of_the_table(void **state)
{
    struct fixture *f = *state;
    begin(f, NULL);
    shown(f, "?title=ONE,six", "ac");
    shown(f, "?title=t*", "bd");
    shown(f, "?title=!*e*", "bc");
    shown(f, "?shelf_code=*", "abcd");
    shown(f, "?shelf_code=nowhere", "");
    shown(f, "?shelfCode=!nowhere", "abcd");
    shown(f, "?since=1970-01-01", "abcd");
    shown(f, "?since=2999-01-01T00:00:00 02:00", "");
    shown(f, "?words=!nothing", "abcd");
    shown(f, "?words=TWO,s*", "bc");
    shown(f, "?extras.exists=nothing", "");
}

/* What it leaves out, filters and serializers too, is as the resource has it. */
static void test_lists__rows_of_a_set(void **state)
{
    struct fixture *f = *state;
    begin(f, NULL);
    assert_int_equal(place_write(f->store, "UPDATE book SET is_active = FALSE WHERE id > 1"),
                     NST_OK);
    shown(f, "", "a");
    f->path = "/kept/";
    shown(f, "", "cdb"); /* by title */
    shown(f, "?language=!de", "cd");
    shown(f, "?sort=-title&limit=2", "bd");
}

/* What was asked for is a value: all of its rows, a page after the other, and their number. */
static enum nst_err show_all(struct nst_req *rq)
{
    struct nst_select s;
    bool is_there;
    NST_TRY(nst_ask(&s, rq, rq->endpoint->model, nst_object(rq)));
    NST_TRY(nst_select_tally(&s, rq));
    NST_TRY(nst_select_find(&is_there, &s, rq));
    assert_int_equal(s.page.found, 3);
    nst_put_char(&rq->x->out, '[');
    NST_TRY(nst_select_put(&s, rq));
    while (s.page.has_more) {
        assert_int_equal(s.page.returned, s.page.limit);
        nst_put_char(&rq->x->out, ',');
        NST_TRY(nst_select_put(&s, rq));
    }
    nst_put_char(&rq->x->out, ']');
    return nst_answer_json(rq, 200);
}

static void test_lists__asked_once(void **state)
{
    static const struct nst_description list = { .as = nst_list };
    struct fixture *f = *state;
    begin(f, NULL);
    f->tables.book_route[0].get.view = show_all;
    f->tables.book_route[0].get.describe = &list;
    shown(f, "?language=!de&limit=1", "acd");
    shown(f, "?language=!de&limit=2&sort=-title", "dca");
    shown(f, "?language=!de&limit=2&offset=1", "cd");
}

/* What another face says means nothing here. */
static void test_lists__words_of_others(void **state)
{
    struct fixture *f = *state;
    begin(f, &other_words);
    shown(f, "?limit=1&page=2&offset=3&after=x&sort=-title", "ab");
    shown(f, "?language=en,fr", "");
    shown(f, "?language=!en", "");
    shown(f, "?language=en*", "");
    shown(f, "?language=\"en\"", "");
}

/* Page after page by the links of the answers: of the last link, what stands behind `?`. */
static void walk(struct fixture *f, const char *query, const char *wanted)
{
    struct nst_arena *a = f->place.arena;
    struct nst_buf all;
    nst_buf_init(&all, a, 4096);
    while (query != NULL) {
        const char *link;
        nst_put_z(&all, shows(f, query, &link));
        const char *next = strstr(link, "rel=\"next\"") != NULL ? strrchr(link, '?') : NULL;
        query = next != NULL ? nst_strf(a, "%.*s", (int)strcspn(next, ">"), next).p : NULL;
    }
    assert_string_equal(nst_str_to_z(a, nst_buf_str(&all)), wanted);
}

static void test_lists__links_are_in_the_face_s_words(void **state)
{
    struct fixture *f = *state;
    begin(f, NULL);
    walk(f, "?limit=1&sort=title", "acdb");
    begin(f, &other_words);
    walk(f, "?rows=1&up=title", "acdb");
    walk(f, "?rows=3&skip=0", "abcd");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static int run_all(const char *name)
{
    const struct CMUnitTest tests[] = {
        TEST(test_lists__default_words),
        TEST(test_lists__words_of_a_face),
        TEST(test_lists__filters_of_the_table),
        TEST(test_lists__rows_of_a_set),
        TEST(test_lists__asked_once),
        TEST(test_lists__words_of_others),
        TEST(test_lists__links_are_in_the_face_s_words),
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
