/* The base layer: strings, arenas, buffers, times. */
#include "nestor/base/arena.h"
#include "nestor/base/buf.h"
#include "nestor/base/err.h"
#include "nestor/base/random.h"
#include "nestor/base/time.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct nst_arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = nst_arena_new(256);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    nst_arena_free(arena);
    return 0;
}

static void assert_text(struct nst_str got, const char *want)
{
    assert_int_equal(got.n, strlen(want));
    assert_memory_equal(got.p, want, got.n);
}

static void test_str__null_differs_from_empty(void **state)
{
    (void)state;
    assert_false(nst_str_eq((struct nst_str){ 0 }, NST_STR("")));
    assert_true(nst_str_eq((struct nst_str){ 0 }, (struct nst_str){ 0 }));
    assert_true(nst_str_eq_nocase(NST_STR("ToKen"), NST_STR("tOkEN")));
    assert_true(nst_str_cmp(NST_STR("a"), NST_STR("ab")) < 0);
}

static void test_str__cut_gives_every_piece(void **state)
{
    (void)state;
    struct nst_str rest = NST_STR("a,,b,");
    const char *want[] = { "a", "", "b", "" };
    size_t n = 0;
    while (rest.p != NULL)
        assert_text(nst_str_cut(&rest, ','), want[n++]);
    assert_int_equal(n, 4);
}

static void test_str__int_refuses_overflow_and_tails(void **state)
{
    (void)state;
    int64_t n = 7;
    assert_true(nst_str_int(&n, NST_STR("-9223372036854775808")));
    assert_true(n == INT64_MIN);
    assert_true(nst_str_int(&n, NST_STR("9223372036854775807")));
    assert_false(nst_str_int(&n, NST_STR("9223372036854775808")));
    assert_false(nst_str_int(&n, NST_STR("1 ")));
    assert_false(nst_str_int(&n, NST_STR("-")));
    assert_false(nst_str_int(&n, NST_STR("")));
    assert_true(n == INT64_MAX);
}

static void test_str__plain_text_has_no_controls(void **state)
{
    static const char *const plain[] = { "", "a b", "\xC3\xA4~", "\xC2\xA0", "\xF0\x9F\x98\x80" };
    static const char *const other[] = { "\x1b[2J",  "a\tb",        "a\n",         "\x7F",
                                         "\xC2\x85", "\xC2\x9B[2J", "x\xC2\x80",   "\xFF\xFE",
                                         "\xC2",     "\xC0\xAF",    "\xED\xA0\x80" };
    (void)state;
    for (size_t i = 0; i < sizeof(plain) / sizeof(*plain); i++)
        assert_true(nst_utf8_is_plain(nst_str_z(plain[i])));
    for (size_t i = 0; i < sizeof(other) / sizeof(*other); i++)
        assert_false(nst_utf8_is_plain(nst_str_z(other[i])));
    assert_false(nst_utf8_is_plain(NST_STR("a\0b")));
}

static void test_str__what_cannot_be_seen_is_blank(void **state)
{
    static const char *const blank[] = {
        "",         " \t\n",        "\xE3\x80\x80",    "\xE2\x80\x8B \xEF\xBB\xBF",
        "\xC2\x85", "\xE3\x85\xA4", "\xF3\xA0\x80\x81"
    };
    static const char *const seen[] = { "a", " .", "\xC3\xA4", "\xE2\x80\x8B-",
                                        "\xF0\x9F\x98\x80" };
    (void)state;
    for (size_t i = 0; i < sizeof(blank) / sizeof(*blank); i++)
        assert_true(nst_utf8_is_blank(nst_str_z(blank[i])));
    for (size_t i = 0; i < sizeof(seen) / sizeof(*seen); i++)
        assert_false(nst_utf8_is_blank(nst_str_z(seen[i])));
}

static void test_str__mail_addresses(void **state)
{
    static const char *const good[] = { "a@b", "a.b+c@x-y.example", "\xC3\xA4@\xC3\xB6.example" };
    static const char *const bad[] = {
        "",     "a",      "@",      "a@",   "@b",    "a@b@c", "a b@c", "a@b c",          "a@.b",
        "a@b.", "a@b..c", "a@b\nc", " a@b", "a@b,c", "a@<b>", "a@b/c", "a\xE2\x80\x8B@b"
    };
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
        assert_true(nst_str_is_email(nst_str_z(good[i])));
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_false(nst_str_is_email(nst_str_z(bad[i])));
}

static void test_str__utf8_bounds(void **state)
{
    (void)state;
    static const char *const good[] = { "",
                                        "a",
                                        "\xC2\x80",
                                        "\xE0\xA0\x80",
                                        "\xED\x9F\xBF",
                                        "\xEE\x80\x80",
                                        "\xF0\x90\x80\x80",
                                        "\xF4\x8F\xBF\xBF",
                                        "abcdefgh\xC3\xA9ijklmnop" };
    static const char *const bad[] = {
        "\x80",         "\xC0\x80",         "\xC1\xBF",         "\xE0\x9F\xBF",
        "\xED\xA0\x80", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80",
        "\xC3",         "abcdefgh\xE2\x82"
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
        assert_true(nst_utf8_valid(nst_str_z(good[i])));
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_false(nst_utf8_valid(nst_str_z(bad[i])));
    assert_int_equal(nst_utf8_length(NST_STR("a\xC3\xA9\xF0\x9F\x98\x80")), 3);
}

static void test_arena__rewind_frees_only_what_came_after(void **state)
{
    (void)state;
    char *before = nst_alloc_text(arena, 10);
    memcpy(before, "0123456789", 10);
    struct nst_mark mark = nst_arena_mark(arena);
    size_t size = nst_arena_size(arena);
    for (int i = 0; i < 100; i++)
        nst_alloc(arena, 1000);
    assert_true(nst_arena_size(arena) > size);
    nst_arena_rewind(arena, mark);
    assert_int_equal(nst_arena_size(arena), size);
    assert_memory_equal(before, "0123456789", 10);
}

static void count_up(void *arg)
{
    ++*(int *)arg;
}

static void test_arena__cleanups_run_once(void **state)
{
    (void)state;
    int runs = 0;
    nst_arena_defer(arena, count_up, &runs);
    nst_arena_defer(arena, count_up, &runs);
    nst_arena_reset(arena);
    nst_arena_reset(arena);
    assert_int_equal(runs, 2);
}

static void test_buf__maximum_is_kept(void **state)
{
    (void)state;
    struct nst_buf b;
    nst_buf_init(&b, arena, 10);
    nst_put_lit(&b, "0123456789");
    assert_false(b.is_full);
    nst_put_char(&b, 'x');
    assert_true(b.is_full);
    assert_text(nst_buf_str(&b), "0123456789");
}

static void test_buf__numbers(void **state)
{
    (void)state;
    struct nst_buf b;
    nst_buf_init(&b, arena, 100);
    nst_put_int(&b, INT64_MIN);
    nst_put_char(&b, ' ');
    nst_put_int(&b, 0);
    nst_put_char(&b, ' ');
    nst_put_hex(&b, 0x5289334c, 8);
    assert_text(nst_buf_str(&b), "-9223372036854775808 0 5289334c");
}

static void test_buf__percent_round_trip(void **state)
{
    (void)state;
    struct nst_buf b;
    nst_buf_init(&b, arena, 100);
    nst_put_percent(&b, NST_STR("a b/\xC3\xA9+"), "/");
    assert_text(nst_buf_str(&b), "a%20b/%C3%A9%2B");
    assert_text(nst_percent_decode(arena, nst_buf_str(&b), false), "a b/\xC3\xA9+");
    assert_text(nst_percent_decode(arena, NST_STR("a+b%2"), true), "a b%2");
    assert_text(nst_percent_decode(arena, NST_STR("%zz%41"), false), "%zzA");
}

static void test_time__prints_and_parses(void **state)
{
    (void)state;
    struct nst_buf b;
    int64_t t = 0;
    assert_true(nst_time_parse(&t, NST_STR("2013-11-17T16:21:16.303Z")));
    assert_true(t == INT64_C(1384705276303000));
    nst_buf_init(&b, arena, 100);
    nst_put_time(&b, t, NST_TIME_MILLI);
    nst_put_char(&b, ' ');
    nst_put_time(&b, t, NST_TIME_MICRO_Z);
    nst_put_char(&b, ' ');
    nst_put_http_date(&b, t);
    assert_text(
        nst_buf_str(&b),
        "2013-11-17T16:21:16.303 2013-11-17T16:21:16.303000Z Sun, 17 Nov 2013 16:21:16 GMT");
    int64_t same = 0;
    assert_true(nst_time_parse(&same, NST_STR("2013-11-17T18:21:16.303+02:00")));
    assert_true(same == t);
}

static void test_time__as_clients_write_it(void **state)
{
    (void)state;
    static const char *const same[] = { "2013-11-17",
                                        " 2013-11-17 ",
                                        "2013-11-17T00:00",
                                        "2013-11-17 00:00:00",
                                        "2013-11-17T00:00:00.000000",
                                        "2013-11-17t00:00:00z",
                                        "2013-11-17T00:00:00 00:00",
                                        "2013-11-17T02:00:00+0200",
                                        "2013-11-17T02:00+02",
                                        "2013-11-16T19:00:00-05:00",
                                        "Sun, 17 Nov 2013 00:00:00 GMT" };
    static const char *const bad[] = {
        "",
        "2013",
        "2013-11-31",
        "2013-11-17T",
        "2013-11-17Z",
        "2013-11-17T00:00:00+2",
        "2013-11-17T00:00:00+02:",
        "2013-11-17T00:00:00+020",
        "Sun, 17 Nov 2013 00:00:00",
        "Sun, 17 Nov 2013 24:00:00 GMT",
        "Sun, 17 anF 2013 00:00:00 GMT",
        "Sunday, 17-Nov-13 00:00:00 GMT",
        "Sun Nov 17 00:00:00 2013 GMT",
        "GMT",
        "2013-11-17T00:00:00.00000000000000000000000000000000000000000000000000Z"
    };
    int64_t t = 5;
    for (size_t i = 0; i < NST_COUNT(same); i++) {
        assert_true(nst_time_parse_query(&t, nst_str_z(same[i])));
        assert_true(t == INT64_C(1384646400000000));
    }
    for (size_t i = 0; i < NST_COUNT(bad); i++)
        assert_false(nst_time_parse_query(&t, nst_str_z(bad[i])));
}

static void test_time__refuses_what_is_no_time(void **state)
{
    (void)state;
    static const char *const bad[] = { "", "2013-02-29T00:00:00Z", "2013-13-01T00:00:00Z",
                                       "2013-01-01T24:00:00Z", "2013-01-01T00:00:00",
                                       "2013-01-01T00:00:00.Z", "2013-01-01T00:00:00Zx",
                                       "2013-01-01", "2013-01-01T00:00:00+1:00",
                                       /* X53 */
                                       "0000-01-01T00:00:00+10:00", "9999-12-31T23:59:59-01:00",
                                       "9999-12-31T23:59:60Z" };
    int64_t t = 5;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_false(nst_time_parse(&t, nst_str_z(bad[i])));
    assert_true(t == 5);
}

static void test_random__differs(void **state)
{
    (void)state;
    struct nst_str a = nst_random_hex(arena, 20), b = nst_random_hex(arena, 20);
    assert_int_equal(a.n, 40);
    assert_false(nst_str_eq(a, b));
}

static void test_err__table_is_whole(void **state)
{
    (void)state;
    for (int e = 0; e < NST_ERR_COUNT; e++) {
        unsigned status = nst_err_status((enum nst_err)e);
        assert_true(status == 200 || (status >= 400 && status < 600));
        assert_non_null(nst_err_key((enum nst_err)e));
        assert_non_null(nst_err_message((enum nst_err)e));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_str__null_differs_from_empty),
        cmocka_unit_test(test_str__cut_gives_every_piece),
        cmocka_unit_test(test_str__int_refuses_overflow_and_tails),
        cmocka_unit_test(test_str__utf8_bounds),
        cmocka_unit_test(test_str__plain_text_has_no_controls),
        cmocka_unit_test(test_str__what_cannot_be_seen_is_blank),
        cmocka_unit_test(test_str__mail_addresses),
        cmocka_unit_test(test_arena__rewind_frees_only_what_came_after),
        cmocka_unit_test(test_arena__cleanups_run_once),
        cmocka_unit_test(test_buf__maximum_is_kept),
        cmocka_unit_test(test_buf__numbers),
        cmocka_unit_test(test_buf__percent_round_trip),
        cmocka_unit_test(test_time__prints_and_parses),
        cmocka_unit_test(test_time__as_clients_write_it),
        cmocka_unit_test(test_time__refuses_what_is_no_time),
        cmocka_unit_test(test_random__differs),
        cmocka_unit_test(test_err__table_is_whole),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
