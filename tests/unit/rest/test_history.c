/* Figures out of two texts of /metrics, and the file that keeps samples of them. */
#include "figure.h"

#include "nestor/base/log.h"
#include "nestor/base/time.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define DAY  (INT64_C(86400) * NST_SECOND)
#define NOON (INT64_C(1800000000) * NST_SECOND) /* a multiple of both steps */

enum { REQUESTS, ERRORS, P50, P99, CONNECTIONS };

static struct nst_arena *arena;
static char path[] = "/tmp/nestor-history-XXXXXX";

/* ---- Figures ---- */

static struct nst_reading reading(int64_t at, const char *text)
{
    struct nst_reading r = { .at = at };
    nst_reading_take(&r, nst_str_z(text));
    return r;
}

static const char before[] =
    "# HELP nestor_http_requests_total No line.\n"
    "nestor_http_requests_total{route=\"/a b\",status=\"200\"} 10\n"
    "nestor_http_requests_total{route=\"/c\"} 5\nnestor_http_connections 3\n"
    "nestor_http_request_duration_seconds_bucket{face=\"a\",le=\"0.1\"} 10\n"
    "nestor_http_request_duration_seconds_bucket{face=\"a\",le=\"1\"} 10\n"
    "nestor_http_request_duration_seconds_bucket{face=\"a\",le=\"+Inf\"} 10\n";

static const char after[] =
    "nestor_http_requests_total{route=\"/a b\",status=\"200\"} 30\n"
    "nestor_http_requests_total{route=\"/c\"} 5\nnestor_http_connections 4\n"
    "nestor_other nonsense\nnestor_http_connections\n\n"
    "nestor_http_request_duration_seconds_bucket{face=\"a\",le=\"0.1\"} 60\n"
    "nestor_http_request_duration_seconds_bucket{face=\"a\",le=\"1\"} 100\n"
    "nestor_http_request_duration_seconds_bucket{face=\"a\",le=\"+Inf\"} 100\n"
    "nestor_http_request_duration_seconds_bucket{face=\"b\",le=\"0.1\"} 0\n"
    "nestor_http_request_duration_seconds_bucket{face=\"b\",le=\"1\"} 0\n"
    "nestor_http_request_duration_seconds_bucket{face=\"b\",le=\"+Inf\"} 10\n";

static void test_rates_and_latencies_are_those_between(void **state)
{
    double value[NST_FIGURES];
    struct nst_reading old = reading(0, before), now = reading(4 * NST_SECOND, after);
    (void)state;
    nst_figures_make(value, &now, &old);
    assert_float_equal(value[REQUESTS], 5, 1e-9);
    assert_float_equal(value[ERRORS], 0, 1e-9);
    assert_float_equal(value[CONNECTIONS], 4, 1e-9);
    assert_float_equal(value[P50], 0.1, 1e-9); /* 50 of 100 took no longer */
    assert_float_equal(value[P99], 1, 1e-9);   /* above the last bound: no more is known */
}

static void test_what_is_not_known_is_no_number(void **state)
{
    double value[NST_FIGURES];
    struct nst_reading old = reading(0, after), now = reading(NST_SECOND, before);
    struct nst_reading nothing = reading(0, "");
    (void)state;
    nst_figures_make(value, &now, &old); /* it was started anew */
    assert_true(isnan(value[REQUESTS]) && isnan(value[P50]));
    nst_figures_make(value, &now, NULL);
    assert_true(isnan(value[REQUESTS]) && isnan(value[P99]));
    assert_float_equal(value[CONNECTIONS], 3, 1e-9);
    nst_figures_make(value, &nothing, NULL);
    for (unsigned i = 0; i < NST_FIGURES; i++)
        assert_true(isnan(value[i]));
}

/* ---- Samples ---- */

static void add(struct nst_history *h, int64_t at, double v)
{
    double value[NST_FIGURES];
    for (unsigned i = 0; i < NST_FIGURES; i++)
        value[i] = v + i;
    nst_history_add(h, at, value);
}

/* The values of a figure, as JSON has them. */
static const char *series(const struct nst_history *h, int64_t now, struct nst_span span,
                          unsigned i)
{
    struct nst_buf b;
    nst_buf_init(&b, arena, (size_t)1 << 24);
    nst_history_put(&b, h, now, &span);
    struct nst_str text = nst_buf_str(&b);
    const char *z = nst_str_to_z(arena, text);
    z = strstr(z, nst_strf(arena, "\"name\":\"%s\"", nst_figures[i].name).p);
    z = strstr(z, "\"values\":") + 9;
    return nst_str_to_z(arena, (struct nst_str){ z, (size_t)(strchr(z, ']') - z) + 1 });
}

static void test_samples_are_found_by_their_time(void **state)
{
    struct nst_history *h = nst_history_open(nst_str_z(path));
    (void)state;
    add(h, NOON, 1);
    add(h, NOON + 9 * NST_SECOND, 7); /* of the same ten seconds: the first stays */
    add(h, NOON + 20 * NST_SECOND, 3);
    const struct nst_span span = { 10, 40 };
    assert_string_equal(series(h, NOON + 25 * NST_SECOND, span, REQUESTS), "[null,1,null,3]");
    nst_history_close(h);
    h = nst_history_open(nst_str_z(path));
    assert_string_equal(series(h, NOON + 25 * NST_SECOND, span, REQUESTS), "[null,1,null,3]");
    add(h, NOON + DAY, 9); /* takes the place of the first */
    assert_string_equal(series(h, NOON + DAY, (struct nst_span){ 10, 20 }, REQUESTS), "[null,9]");
    assert_string_equal(series(h, NOON + 25 * NST_SECOND, span, REQUESTS), "[null,null,null,3]");
    nst_history_close(h);
}

static void test_two_minutes_are_means_and_worst_latencies(void **state)
{
    struct nst_history *h = nst_history_open(nst_str_z(path));
    double unknown[NST_FIGURES];
    int64_t at = NOON + 2 * DAY;
    (void)state;
    for (unsigned i = 0; i < NST_FIGURES; i++)
        unknown[i] = NAN;
    add(h, at, 2);
    add(h, at + 10 * NST_SECOND, 4);
    nst_history_add(h, at + 20 * NST_SECOND, unknown);
    const struct nst_span span = { 120, 240 };
    assert_string_equal(series(h, at + 119 * NST_SECOND, span, REQUESTS), "[null,3]");
    assert_string_equal(series(h, at + 119 * NST_SECOND, span, P99), "[null,7]");
    assert_string_equal(series(h, at + 10 * DAY, (struct nst_span){ 120, 120 }, P99), "[null]");
    nst_history_close(h);
}

static void test_what_is_kept_is_no_more_than_a_ring(void **state)
{
    struct nst_history *h = nst_history_open(nst_str_z(path));
    int64_t at = NOON + 30 * DAY;
    (void)state;
    add(h, at, 1);
    const char *all = series(h, at, (struct nst_span){ 10, INT64_MAX }, CONNECTIONS);
    size_t count = 1;
    for (const char *p = all; *p != '\0'; p++)
        count += *p == ',';
    assert_int_equal(count, 8640);
    assert_non_null(strstr(all, ",5]"));
    nst_history_close(h);
}

static void test_a_query_names_what_is_wrong(void **state)
{
    struct nst_span span;
    (void)state;
    assert_null(nst_span_read(&span, arena, (struct nst_str){ 0 }).p);
    assert_int_equal(span.step, 10);
    assert_int_equal(span.last, 3600);
    assert_null(nst_span_read(&span, arena, NST_STR("step=120&last=7&")).p);
    assert_int_equal(span.step, 120);
    assert_int_equal(span.last, 7);
    static const char *const bad[] = { "step=1", "last=-1", "last=99999999999999999999",
                                       "x=1",    "last",    "=",
                                       "%",      "\xff=1" };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_non_null(nst_span_read(&span, arena, nst_str_z(bad[i])).p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rates_and_latencies_are_those_between),
        cmocka_unit_test(test_what_is_not_known_is_no_number),
        cmocka_unit_test(test_samples_are_found_by_their_time),
        cmocka_unit_test(test_two_minutes_are_means_and_worst_latencies),
        cmocka_unit_test(test_what_is_kept_is_no_more_than_a_ring),
        cmocka_unit_test(test_a_query_names_what_is_wrong),
    };
    nst_log_set_level(NST_LOG_OFF);
    arena = nst_arena_new(4096);
    close(mkstemp(path));
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    nst_arena_free(arena);
    return failed;
}
