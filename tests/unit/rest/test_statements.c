/* Faults X72: what the tables make statements of is read by the store at the start, on
 * both engines. Good tables are bent in one place. */
#include "nestor/base/log.h"
#include "place.h"
#include "tables.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static bool on_postgresql;

struct fixture {
    struct place place;
    struct nst_store *store;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    place_init(&f->place, on_postgresql);
    f->store = place_open(&f->place, 0);
    assert_int_equal(nst_migrate(NULL, f->store, tables_migration, 1), NST_OK);
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

/* The answer of the store to bent tables, and the log of it. */
static enum nst_err prove(struct nst_str *log, struct fixture *f, void (*bend)(struct tables *t))
{
    struct nst_registry *registry;
    struct tables t;
    tables_init(&t);
    bend(&t);
    assert_int_equal(tables_compile(&registry, log, f->place.arena, &t), NST_OK);
    tables_listen();
    enum nst_err e = nst_registry_prove(registry, f->store);
    *log = tables_heard(f->place.arena);
    return e;
}

static void refused(struct fixture *f, void (*bend)(struct tables *t), const char *row,
                    const char *remedy)
{
    struct nst_str log;
    char head[256];
    assert_int_equal(prove(&log, f, bend), NST_E_INTERNAL);
    char *text = nst_str_to_z(f->place.arena, log);
    snprintf(head, sizeof(head), "\"table\":\"book\",\"row\":\"%s\",\"fault\":\"the store", row);
    if (strchr(text, '\n') != text + log.n - 1 || strstr(text, head) == NULL ||
        strstr(text, remedy) == NULL)
        fail_msg("wanted one line with %s and %s, got:\n%s", head, remedy, text);
}

/* X(name, row, remedy, what bends the tables) */
#define KINDS(X) \
    X(no_such_table, "table", ".table", t->book.from = NULL; t->book.table = "boook") \
    X(no_such_join, "table", ".from", t->book.from = "book JOIN shelve ON TRUE") \
    X(wrong_where, "where", ".where", t->book.where = "book.is_actve") \
    X(wrong_column, "field title", ".column", t->book_field[BOOK_TITLE].column = "titel") \
    X(wrong_expression, "field shelf", ".column", \
      t->book_field[BOOK_SHELF_CODE].column = "shelf.kode") \
    X(wrong_lazy_expression, "field shelf", ".column", \
      t->book_field[BOOK_SHELF_CODE].column = "(SELECT nothing FROM shelf)"; \
      t->book_field[BOOK_SHELF_CODE].flags = NST_LAZY) \
    X(wrong_order, "order", ".order", t->book.order = "book.place") \
    X(wrong_sort, "sort title", "columns", t->sort[0].columns = "book.title|book.place") \
    X(wrong_filter, "filter since", "column", t->filter[2].column = "book.changed_at") \
    X(wrong_place_of_a_filter, "filter shelf_code", ".among", t->filter[1].other = "s.kode") \
    X(wrong_parent, "field shelf_id", ".column", t->book_field[BOOK_SHELF].column = "shelf_no")

#define DEFINE(name, row, remedy, ...) \
    static void bend_##name(struct tables *t) \
    { \
        __VA_ARGS__; \
    } \
    static void test_prove__##name(void **state) \
    { \
        refused(*state, bend_##name, row, remedy); \
    }
KINDS(DEFINE)
#undef DEFINE

static void bend_nothing(struct tables *t)
{
    (void)t;
}

static void test_prove__good_tables(void **state)
{
    struct nst_str log;
    assert_int_equal(prove(&log, *state, bend_nothing), NST_OK);
    assert_int_equal(log.n, 0);
}

/* A set is asked for what it says itself. */
static void bend_set(struct tables *t)
{
    t->set[0].where = "book.is_kept";
}

static void test_prove__wrong_set(void **state)
{
    struct fixture *f = *state;
    struct nst_str log;
    assert_int_equal(prove(&log, f, bend_set), NST_E_INTERNAL);
    char *text = nst_str_to_z(f->place.arena, log);
    assert_non_null(strstr(text, "\"table\":\"kept_book\",\"row\":\"where\""));
    assert_ptr_equal(strchr(text, '\n'), text + log.n - 1);
}

/* New rows are numbered by default, which needs the table of counters. */
static void test_prove__no_counters(void **state)
{
    struct fixture *f = *state;
    struct nst_str log;
    assert_int_equal(place_write(f->store, "DROP TABLE nst_counter"), NST_OK);
    assert_int_equal(prove(&log, f, bend_nothing), NST_E_INTERNAL);
    assert_non_null(strstr(nst_str_to_z(f->place.arena, log), "\"row\":\"number\""));
}

/* PostgreSQL knows types: a column of another one than the field is refused there. */
static void bend_type(struct tables *t)
{
    t->book_field[BOOK_PAGES].column = "is_active";
    t->book_field[BOOK_ACTIVE].column = "pages";
}

static void test_prove__column_of_another_type(void **state)
{
    struct fixture *f = *state;
    struct nst_str log;
    if (!f->place.is_remote)
        skip();
    assert_int_equal(prove(&log, f, bend_type), NST_E_INTERNAL);
    assert_non_null(strstr(nst_str_to_z(f->place.arena, log), "\"row\":\"create\""));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static int run_all(const char *name)
{
    const struct CMUnitTest tests[] = { TEST(test_prove__good_tables), TEST(test_prove__wrong_set),
                                        TEST(test_prove__no_counters),
                                        TEST(test_prove__column_of_another_type),
#define ENTRY(name, ...) TEST(test_prove__##name),
                                        KINDS(ENTRY)
#undef ENTRY
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
