/* The parameters of a query: which pairs there are, and which value counts. */
#include "../../../src/rest/model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

/* Each pair is shown as [name=value]. */
static void reads(const char *query, const char *wanted)
{
    struct nst_arena *a = nst_arena_new(4096);
    struct nst_exchange x = { .query = nst_str_z(query) };
    struct nst_req rq = { .arena = a, .x = &x };
    struct nst_buf out;
    nst_buf_init(&out, a, 4096);
    nst_query_read(&rq);
    for (size_t i = 0; i < rq.queries; i++)
        nst_putf(&out, "[%.*s=%.*s]", NST_FMT(rq.query[i].name), NST_FMT(rq.query[i].value));
    nst_put_char(&out, '\0');
    assert_string_equal(out.p, wanted);
    nst_arena_free(a);
}

static void test_query__no_query_has_no_pairs(void **state)
{
    (void)state;
    reads(NULL, "");
    reads("", "");
}

static void test_query__pairs_keep_their_order_and_are_decoded(void **state)
{
    (void)state;
    reads("b=2&a=1&b=3", "[b=2][a=1][b=3]");
    reads("q=a+b%26c%3Dd&%6Eame=x=y", "[q=a b&c=d][name=x=y]");
}

static void test_query__empty_pairs_count_but_not_behind_the_last_sign(void **state)
{
    (void)state;
    reads("&", "[=]");
    reads("a&", "[a=]");
    reads("a&&b=", "[a=][=][b=]");
    reads("=", "[=]");
}

static void test_query__what_is_no_text_becomes_a_sign(void **state)
{
    (void)state;
    reads("a=%FF&b=%00", "[a=" NST_NO_TEXT "][b=" NST_NO_TEXT "]");
}

static void test_query__the_last_value_of_a_name_counts(void **state)
{
    (void)state;
    struct nst_arena *a = nst_arena_new(4096);
    struct nst_exchange x = { .query = NST_STR("n=1&m=2&n=3") };
    struct nst_req rq = { .arena = a, .x = &x };
    nst_query_read(&rq);
    assert_true(nst_str_eq(nst_query_value(&rq, "n"), NST_STR("3")));
    assert_null(nst_query_value(&rq, "N").p);
    nst_arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_query__no_query_has_no_pairs),
        cmocka_unit_test(test_query__pairs_keep_their_order_and_are_decoded),
        cmocka_unit_test(test_query__empty_pairs_count_but_not_behind_the_last_sign),
        cmocka_unit_test(test_query__what_is_no_text_becomes_a_sign),
        cmocka_unit_test(test_query__the_last_value_of_a_name_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
