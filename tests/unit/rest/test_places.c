/* Places in lists: shared by all under the state of a list, of a loop without one. */
#include "../../../src/rest/model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

struct fixture {
    struct nst_arena *arena;
    struct nst_places *places;
    struct nst_cache *loop;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    f->arena = nst_arena_new(4096);
    f->places = nst_places_new(f->arena);
    f->loop = nst_cache_new();
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    nst_places_free(f->places);
    nst_cache_free(f->loop);
    nst_arena_free(f->arena);
    free(f);
    return 0;
}

static struct nst_req on_thread(const struct fixture *f)
{
    return (struct nst_req){ .arena = f->arena, .places = f->places };
}

static struct nst_req on_loop(const struct fixture *f)
{
    return (struct nst_req){ .arena = f->arena, .places = f->places, .cache = f->loop };
}

static void recalls(struct nst_req rq, int64_t state, const char *key, const char *wanted)
{
    struct nst_str text = nst_place_recall(&rq, state, nst_str_z(key));
    if (wanted == NULL)
        assert_null(text.p);
    else
        assert_string_equal(text.p, wanted);
}

static void test_place__of_a_state_is_shared(void **state)
{
    struct fixture *f = *state;
    struct nst_req one = on_thread(f);
    assert_true(nst_place_is_kept(&one, 7));
    recalls(one, 7, "list 7", NULL);
    nst_place_remember(&one, 7, NST_STR("list 7"), NST_STR("[7,1]"));
    recalls(on_thread(f), 7, "list 7", "[7,1]");
    recalls(on_loop(f), 7, "list 7", "[7,1]");
    recalls(on_thread(f), 8, "list 8", NULL);
}

static void test_place__without_state_is_of_the_loop(void **state)
{
    struct fixture *f = *state;
    struct nst_req loop = on_loop(f), thread = on_thread(f);
    assert_true(nst_place_is_kept(&loop, 0));
    assert_false(nst_place_is_kept(&thread, 0));
    nst_place_remember(&loop, 0, NST_STR("list"), NST_STR("[0,1]"));
    nst_place_remember(&thread, 0, NST_STR("other"), NST_STR("[0,2]"));
    recalls(loop, 0, "list", "[0,1]");
    recalls(thread, 0, "list", NULL);
    recalls(loop, 0, "other", NULL);
    nst_cache_drop(f->loop);
    recalls(loop, 0, "list", NULL);
}

/* More than fits: what is old goes, what is new is there. */
static void test_place__memory_is_bounded(void **state)
{
    struct fixture *f = *state;
    struct nst_req rq = on_thread(f);
    char key[1024] = { 0 };
    memset(key, 'x', sizeof(key) - 1);
    for (int i = 0; i < 20000; i++) {
        struct nst_mark mark = nst_arena_mark(f->arena);
        memcpy(key, &i, sizeof(i));
        const struct nst_str name = { key, sizeof(key) - 1 };
        nst_place_remember(&rq, 1, name, NST_STR("[1,1]"));
        assert_int_equal(nst_place_recall(&rq, 1, name).n, 5);
        nst_arena_rewind(f->arena, mark);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_place__of_a_state_is_shared),
        TEST(test_place__without_state_is_of_the_loop),
        TEST(test_place__memory_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
