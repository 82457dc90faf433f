/* Counters, histograms and the text that Prometheus reads. */
#include "nestor/base/metric.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static struct nst_arena *arena;

static struct nst_buf buffer(size_t max)
{
    struct nst_buf b;
    nst_buf_init(&b, arena, max);
    return b;
}

static void assert_text(const struct nst_buf *b, const char *expected)
{
    assert_string_equal(nst_str_to_z(arena, nst_buf_str(b)), expected);
}

static void test_label_values_and_help_are_escaped(void **state)
{
    static const struct nst_metric m = { "x_total", NST_COUNTER, .label = { "a", "b" },
                                         .help = "A \\ and\na \" line." };
    const struct nst_str label[] = { NST_STR("q\"u\\o\nte"), NST_STR("") };
    struct nst_buf b = buffer(1024);
    (void)state;
    nst_metric_begin(&b, &m);
    nst_metric_put(&b, &m, label, INT64_MAX);
    assert_text(&b, "# HELP x_total A \\\\ and\\na \" line.\n# TYPE x_total counter\n"
                    "x_total{a=\"q\\\"u\\\\o\\nte\",b=\"\"} 9223372036854775807\n");
}

static void test_times_are_told_in_seconds(void **state)
{
    static const struct nst_metric m = { "x_seconds", NST_GAUGE, true, .help = "." };
    static const struct {
        int64_t us;
        const char *text;
    } pair[] = { { 0, "0" },
                 { 1, "0.000001" },
                 { 1000000, "1" },
                 { 1500000, "1.5" },
                 { -1, "-0.000001" },
                 { -1000000, "-1" },
                 { 90061000010, "90061.00001" } };
    (void)state;
    for (size_t i = 0; i < sizeof(pair) / sizeof(*pair); i++) {
        struct nst_buf b = buffer(256);
        nst_metric_put(&b, &m, NULL, pair[i].us);
        assert_text(&b, nst_strf(arena, "x_seconds %s\n", pair[i].text).p);
    }
}

static void test_a_histogram_has_each_value_once(void **state)
{
    static const struct nst_buckets buckets = { 3, { 10, 20, 1000000 } };
    static const struct nst_metric m = { "h_seconds",       NST_HISTOGRAM,       true,
                                         .label = { "of" }, .buckets = &buckets, .help = "." };
    static const int64_t value[] = { -5, 0, 10, 11, 20, 21, 1000000, 1000001 };
    struct nst_histogram one = { 0 }, other = { 0 };
    struct nst_histogram_sum sum = { 0 };
    const struct nst_str label = NST_STR("x");
    struct nst_buf b = buffer(1024);
    (void)state;
    for (size_t i = 0; i < sizeof(value) / sizeof(*value); i++)
        nst_histogram_count(i % 2 == 0 ? &one : &other, &buckets, value[i]);
    nst_histogram_add(&sum, &one);
    nst_histogram_add(&sum, &other);
    nst_metric_put_histogram(&b, &m, &label, &sum);
    assert_text(&b, "h_seconds_bucket{of=\"x\",le=\"0.00001\"} 3\n"
                    "h_seconds_bucket{of=\"x\",le=\"0.00002\"} 5\n"
                    "h_seconds_bucket{of=\"x\",le=\"1\"} 7\n"
                    "h_seconds_bucket{of=\"x\",le=\"+Inf\"} 8\n"
                    "h_seconds_sum{of=\"x\"} 2.000063\nh_seconds_count{of=\"x\"} 8\n");
}

static void test_a_text_that_does_not_fit_says_so(void **state)
{
    static const struct nst_metric m = { "x", NST_GAUGE, .help = "Help." };
    struct nst_buf b = buffer(30);
    (void)state;
    nst_metric_tell(&b, &m, 1);
    assert_true(b.is_full);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_label_values_and_help_are_escaped),
        cmocka_unit_test(test_times_are_told_in_seconds),
        cmocka_unit_test(test_a_histogram_has_each_value_once),
        cmocka_unit_test(test_a_text_that_does_not_fit_says_so),
    };
    arena = nst_arena_new(4096);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    nst_arena_free(arena);
    return failed;
}
