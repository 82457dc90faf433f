/* Page sizes and cursors: what is taken for a number, for base64, for a pair. The tables
 * hold what the original's language does; they were compared with it. */
/* rows: L10 L11 L12 L14 L15 L16 L17 L18 L20 L21 L22 L23 L24 L25 L26 L30 */
#include "enroll/cursor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define COUNT(a)      (sizeof(a) / sizeof((a)[0]))
#define ARABIC_THREE  "\xd9\xa3"
#define DEVANAGARI_12 "\xe0\xa5\xa7\xe0\xa5\xa8"
#define MATH_BOLD_7   "\xf0\x9d\x9f\x95"
#define MATH_MONO_9   "\xf0\x9d\x9f\xbf"
#define SUPERSCRIPT_2 "\xc2\xb2"
#define NO_BREAK      "\xc2\xa0"
#define IDEOGRAPHIC   "\xe3\x80\x80"
#define HUGE_NUMBER   "99999999999999999999"
#define BEYOND        ((int64_t)1 << 62) /* what is clamped lies above it */

static struct nst_arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = nst_arena_new(4096);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    nst_arena_free(arena);
    return 0;
}

/* ---- Sizes ---- */

struct size_case {
    struct nst_str given;
    int64_t want;
};

static void check_sizes(const struct size_case *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int64_t got = enroll_page_size(list[i].given);
        if (got != list[i].want)
            fail_msg("'%.*s' is %lld, not %lld", NST_FMT(list[i].given), (long long)got,
                     (long long)list[i].want);
    }
}

static void what_is_no_number_is_the_default(void **state)
{
    static const struct size_case list[] = {
        { { NULL, 0 }, 100 },
        { NST_STR_INIT(""), 100 },
        { NST_STR_INIT("abc"), 100 },
        { NST_STR_INIT("3.0"), 100 },
        { NST_STR_INIT("3e2"), 100 },
        { NST_STR_INIT("0x10"), 100 },
        { NST_STR_INIT("1_0"), 100 },
        { NST_STR_INIT("1 0"), 100 },
        { NST_STR_INIT("+"), 100 },
        { NST_STR_INIT("-"), 100 },
        { NST_STR_INIT("+-3"), 100 },
        { NST_STR_INIT("+ 3"), 100 },
        { NST_STR_INIT(" "), 100 },
        { NST_STR_INIT("5\0"), 100 },
        { NST_STR_INIT("\xff"), 100 },
        { NST_STR_INIT("5\xd9"), 100 },
        { NST_STR_INIT(SUPERSCRIPT_2), 100 },
        { NST_STR_INIT("0"), 100 },
        { NST_STR_INIT("-0"), 100 },
        { NST_STR_INIT("-2"), 100 },
        { NST_STR_INIT("-" HUGE_NUMBER), 100 },
    };
    (void)state;
    check_sizes(list, COUNT(list));
}

static void blanks_signs_and_digits_of_any_script_count(void **state)
{
    static const struct size_case list[] = {
        { NST_STR_INIT("7"), 7 },
        { NST_STR_INIT(" 5 "), 5 },
        { NST_STR_INIT("\t\r\n5\v\f"), 5 },
        { NST_STR_INIT("\x1c\x1f" NO_BREAK IDEOGRAPHIC "5" NO_BREAK), 5 },
        { NST_STR_INIT("+3"), 3 },
        { NST_STR_INIT(" +3 "), 3 },
        { NST_STR_INIT("007"), 7 },
        { NST_STR_INIT(ARABIC_THREE), 3 },
        { NST_STR_INIT("1" ARABIC_THREE), 13 },
        { NST_STR_INIT(DEVANAGARI_12), 12 },
        { NST_STR_INIT(MATH_BOLD_7), 7 },
        { NST_STR_INIT(MATH_MONO_9), 9 },
        { NST_STR_INIT("-1"), 0 },
        { NST_STR_INIT("1000000000"), 1000000000 },
    };
    (void)state;
    check_sizes(list, COUNT(list));
}

static void a_huge_size_is_clamped(void **state)
{
    (void)state;
    assert_true(enroll_page_size(NST_STR(HUGE_NUMBER)) > BEYOND);
    assert_true(enroll_page_size(NST_STR("9223372036854775807")) > BEYOND);
    assert_true(enroll_page_size(NST_STR("9223372036854775808")) > BEYOND);
    assert_true(enroll_page_size(NST_STR("9223372036854775807")) < INT64_MAX - ENROLL_OFFSET_MAX);
}

/* ---- Cursors ---- */

struct cursor_case {
    struct nst_str given;
    struct enroll_cursor want;
};

static void check_cursor(struct nst_str given, const struct enroll_cursor *want)
{
    struct enroll_cursor got;
    if (!enroll_cursor_read(&got, arena, given))
        fail_msg("'%.*s' is refused", NST_FMT(given));
    if (got.offset != want->offset || got.position != want->position ||
        got.is_reverse != want->is_reverse || got.has_position != want->has_position)
        fail_msg("'%.*s' is o=%lld r=%d p=%lld (%d)", NST_FMT(given), (long long)got.offset,
                 got.is_reverse, (long long)got.position, got.has_position);
}

static void check_refused(struct nst_str given)
{
    struct enroll_cursor got;
    if (enroll_cursor_read(&got, arena, given))
        fail_msg("'%.*s' is taken", NST_FMT(given));
}

static struct nst_str cursor(const char *pairs)
{
    return enroll_cursor_text(arena, nst_str_z(pairs));
}

#define FIRST \
    { \
        0 \
    }
#define AT(n) \
    { \
        .position = (n), .has_position = true \
    }

static void base64_skips_what_is_not_its_own(void **state)
{
    static const struct cursor_case list[] = {
        { { NULL, 0 }, FIRST },
        { NST_STR_INIT(""), FIRST },
        { NST_STR_INIT("!!!"), FIRST },
        { NST_STR_INIT("="), FIRST },
        { NST_STR_INIT("===="), FIRST },
        { NST_STR_INIT("\0 -_"), FIRST },
        { NST_STR_INIT("eD0x"), FIRST },
        { NST_STR_INIT("cD0zOQ=="), AT(39) },
        { NST_STR_INIT("cD0zOQ==cD0z"), AT(39) }, /* the pads end it */
        { NST_STR_INIT("cD0zOQ=!=="), AT(39) },
        { NST_STR_INIT("cD0z-O_Q==\n"), AT(39) },
        { NST_STR_INIT("c D0\0zOQ=="), AT(39) },
        { NST_STR_INIT("=cD0zOQ=="), AT(39) },
        { NST_STR_INIT("c=D0zOQ=="), AT(39) },
        { NST_STR_INIT("cD=0zOQ=="), AT(39) }, /* a single pad after two is none */
        { NST_STR_INIT("cD0z"), AT(3) },
        { NST_STR_INIT("cD0z="), AT(3) },
        { NST_STR_INIT("cD0z=="), AT(3) },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(list); i++)
        check_cursor(list[i].given, &list[i].want);
}

static void bad_base64_is_refused(void **state)
{
    static const struct nst_str list[] = {
        NST_STR_INIT("abc"),      NST_STR_INIT("c"),        NST_STR_INIT("cD"),
        NST_STR_INIT("cD="),      NST_STR_INIT("cD0zO"),    NST_STR_INIT("cD0zOQ"),
        NST_STR_INIT("cD0zOQ="),  NST_STR_INIT("cD0zOQ=!"), NST_STR_INIT("c==="),
        NST_STR_INIT("cD=0z=Q"),  NST_STR_INIT("\xc3\xa9"), NST_STR_INIT("cD0zOQ==\xc3\xa9"),
        NST_STR_INIT("/w=="), /* decodes to what is no ASCII */
        NST_STR_INIT("cD0z/w=="),
    };
    (void)state;
    for (size_t i = 0; i < COUNT(list); i++)
        check_refused(list[i]);
}

static void pairs_say_where_a_page_begins(void **state)
{
    static const struct {
        const char *pairs;
        struct enroll_cursor want;
    } list[] = {
        { "r=1&p=40", { .is_reverse = true, .position = 40, .has_position = true } },
        { "o=3&r=0&p=-7", { .offset = 3, .position = -7, .has_position = true } },
        { "r=-2", { .is_reverse = true } },
        { "r=" HUGE_NUMBER, { .is_reverse = true } },
        { "r=00", { 0 } },
        { "o=1000", { .offset = 1000 } },
        { "o=1001", { .offset = 1000 } },
        { "o=" HUGE_NUMBER, { .offset = 1000 } },
        { "o=-0", { 0 } },
        { "o=1&o=2&o=x", { .offset = 1 } },
        { "p=5&p=", { .position = 5, .has_position = true } },
        { "x=1&&=2&y", { 0 } },
        { "%6f=%33", { .offset = 3 } },
        { "p=+5", { .position = 5, .has_position = true } }, /* a blank */
        { "p=%2B5", { .position = 5, .has_position = true } },
        { "O=4&P=4", { 0 } },
        { "p="
          "%D9%A3",
          { .position = 3, .has_position = true } },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(list); i++)
        check_cursor(cursor(list[i].pairs), &list[i].want);
}

static void pairs_without_a_number_are_refused(void **state)
{
    static const char *const list[] = {
        "o=",     "o",  "o=x", "o=-1", "o=1.5", "o=&o=1", "o=1=2", "r=",    "r",
        "r=true", "p=", "p",   "p=x",  "p=1_0", "p=5&r=", "p=%FF", "o=%00", "p=1;r=1",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(list); i++)
        check_refused(cursor(list[i]));
}

static void a_huge_position_is_clamped(void **state)
{
    struct enroll_cursor c;
    (void)state;
    assert_true(enroll_cursor_read(&c, arena, cursor("p=" HUGE_NUMBER)));
    assert_true(c.has_position && c.position > BEYOND);
    assert_true(enroll_cursor_read(&c, arena, cursor("p=-" HUGE_NUMBER)));
    assert_true(c.has_position && c.position < -BEYOND);
}

static void a_cursor_is_base64_with_padding(void **state)
{
    static const char *const list[][2] = {
        { "", "" },
        { "r=1", "cj0x" },
        { "p=39", "cD0zOQ==" },
        { "p=395", "cD0zOTU=" },
        { "r=1&p=40", "cj0xJnA9NDA=" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(list); i++) {
        struct nst_str got = cursor(list[i][0]), want = nst_str_z(list[i][1]);
        if (!nst_str_eq(got, want))
            fail_msg("'%s' is '%.*s'", list[i][0], NST_FMT(got));
    }
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(what_is_no_number_is_the_default),
        CASE(blanks_signs_and_digits_of_any_script_count),
        CASE(a_huge_size_is_clamped),
        CASE(base64_skips_what_is_not_its_own),
        CASE(bad_base64_is_refused),
        CASE(pairs_say_where_a_page_begins),
        CASE(pairs_without_a_number_are_refused),
        CASE(a_huge_position_is_clamped),
        CASE(a_cursor_is_base64_with_padding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
