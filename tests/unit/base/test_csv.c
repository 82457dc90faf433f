/* The reader of CSV files: what it takes, what it calls a fault, and that it goes on
 * with the next line. */
#include "nestor/base/csv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Gives `piece` bytes at a time; fails at the end when it must. */
struct source {
    struct nst_str rest;
    size_t piece;
    bool must_fail;
};

static ssize_t give(void *arg, char *to, size_t n)
{
    struct source *s = arg;
    size_t given = s->rest.n < s->piece ? s->rest.n : s->piece;
    if (given > n)
        given = n;
    if (given == 0)
        return s->must_fail ? -1 : 0;
    memcpy(to, s->rest.p, given);
    s->rest = nst_str_slice(s->rest, given, s->rest.n);
    return (ssize_t)given;
}

/* All rows as one text: "line:field|field;" or "line!fault;". */
static struct nst_str read_by(struct nst_arena *a, struct nst_str text, size_t piece,
                              const struct nst_csv_rules *rules)
{
    struct source source = { text, piece, false };
    struct nst_csv *c = nst_csv_new_with(a, give, &source, rules);
    struct nst_csv_row row;
    struct nst_buf out;
    nst_buf_init(&out, a, 65536);
    while (nst_csv_next(&row, c) == NST_CSV_ROW) {
        nst_putf(&out, "%zu", row.line);
        if (row.fault != NST_CSV_GOOD)
            nst_putf(&out, "!%d", (int)row.fault);
        for (size_t i = 0; i < row.count; i++) {
            nst_put_char(&out, i == 0 ? ':' : '|');
            nst_put(&out, row.field[i]);
        }
        nst_put_char(&out, ';');
    }
    return nst_buf_str(&out);
}

static struct nst_str read_all(struct nst_arena *a, struct nst_str text, size_t piece)
{
    return read_by(a, text, piece, &nst_csv_default_rules);
}

static void check_by(struct nst_str text, const char *want, const struct nst_csv_rules *rules)
{
    static const size_t pieces[] = { 1, 2, 5, 65536 };
    for (size_t i = 0; i < COUNT(pieces); i++) {
        struct nst_arena *a = nst_arena_new(65536);
        struct nst_str got = read_by(a, text, pieces[i], rules);
        if (!nst_str_eq(got, nst_str_z(want)))
            fail_msg("'%.*s' in pieces of %zu gave '%.*s', not '%s'", NST_FMT(text), pieces[i],
                     NST_FMT(got), want);
        nst_arena_free(a);
    }
}

static void check(struct nst_str text, const char *want)
{
    check_by(text, want, &nst_csv_default_rules);
}

static void reads_what_people_send(void **state)
{
    (void)state;
    check(NST_STR(""), "");
    check(NST_STR("\n\n"), "");
    check(NST_STR("a,b\n1,2\n"), "1:a|b;2:1|2;");
    check(NST_STR("a,b\n1,2"), "1:a|b;2:1|2;");
    check(NST_STR("a,b\r\n1,2\r\n"), "1:a|b;2:1|2;");
    check(NST_STR("a\rb\r"), "1:a;2:b;");
    check(NST_STR("\xEF\xBB\xBFk\n"), "1:k;");
    check(NST_STR("\xEF\xBB\xBF"), "");
    check(NST_STR("a\n\n  \n\r\nb\n"), "1:a;5:b;");
    check(NST_STR("a,\n,\n,,\n\"\",\n,b\n"), "1:a|;5:|b;");
}

/* X51 */
static void finds_the_separator(void **state)
{
    (void)state;
    check(NST_STR("a;b\n1,5;2\n"), "1:a|b;2:1,5|2;");
    check(NST_STR("a\tb\n1\t2,;\n"), "1:a|b;2:1|2,;;");
    check(NST_STR("\n;;\na;b\n"), "3:a|b;");
    check(NST_STR("\"a;;;\",b\n1;2,3\n"), "1:a;;;|b;2:1;2|3;");
    check(NST_STR("sep=;\r\na;b\r\n"), "2:a|b;");
    check(NST_STR("\xEF\xBB\xBFsep=\t\na\tb,c\n"), "2:a|b,c;");
    check(NST_STR("sep=|\na|b\n"), "2:a|b;");
    check(NST_STR("a\nsep=;\nb\n"), "1:a;2:sep=;;3:b;");
}

static void keeps_what_quotes_hold(void **state)
{
    (void)state;
    check(NST_STR(" a , \" b \" ,c\n"), "1:a| b |c;");
    check(NST_STR("\"a,b\",\"c\"\"d\"\n"), "1:a,b|c\"d;");
}

static void goes_on_after_a_fault(void **state)
{
    (void)state;
    check(NST_STR("a\nb\"c,1\nd\n"), "1:a;2!1;3:d;");
    check(NST_STR("a\n\"b\"c,1\r\nd\n"), "1:a;2!1;3:d;");
    check(NST_STR("x\"y"), "1!1;");
    check(NST_STR("a\n\"b\nc\n"), "1:a;2!2;3:c;");
    check(NST_STR("a\n\"b"), "1:a;2!2;");
    check(NST_STR("a\xff,c\nd\n"), "1!6:a\xff|c;2:d;");
}

/* X15: a stray quote takes no other line along, wherever the next quote stands. */
static void ends_a_row_with_its_line(void **state)
{
    (void)state;
    check(NST_STR("a,\"b\nc,d\ne,\"f\ng\n"), "1!2;2:c|d;3!2;4:g;");
    check(NST_STR("\"a\nb\",1\nc,2\n"), "1!2;2!1;3:c|2;");
    check(NST_STR("\"a\r\n\"b\r\n\"c\"\r\n"), "1!2;2!2;3:c;");
    check(NST_STR("\"a\r\"b\"\r"), "1!2;2:b;");
}

/* V614: where the rules let quotes hold line ends, lines are those of the file. */
static void keeps_line_ends_where_rules_let_it(void **state)
{
    struct nst_csv_rules rules = nst_csv_default_rules;
    (void)state;
    rules.has_breaks = true;
    check_by(NST_STR("a,\"b\nc\"\nd\n"), "1:a|b\nc;3:d;", &rules);
    check_by(NST_STR("\"\r\n\r\n\",\"x\"\r\nd\r\n"), "1:\r\n\r\n|x;4:d;", &rules);
    check_by(NST_STR("a\n\"b\nc"), "1:a;2!2;", &rules);
    check_by(NST_STR("\"a\nb\"c\nd\n"), "1!1;3:d;", &rules);
}

static void goes_on_elsewhere(void **state)
{
    struct nst_csv_rules rules = nst_csv_default_rules;
    struct nst_arena *a = nst_arena_new(65536);
    struct nst_str text = NST_STR("a;b\n\"c\nd;e\n");
    struct source source = { text, 3, false };
    struct nst_csv_row row;
    (void)state;
    rules.has_breaks = true;
    struct nst_csv *c = nst_csv_new_with(a, give, &source, &rules);
    assert_int_equal(nst_csv_next(&row, c), NST_CSV_ROW);
    assert_true(row.begin == 0 && row.end == 4 && row.next_line == 2);
    assert_int_equal(nst_csv_next(&row, c), NST_CSV_ROW);
    assert_true(row.fault == NST_CSV_UNCLOSED && row.begin == 4 && row.end == text.n);
    source.rest = nst_str_slice(text, 7, text.n);
    nst_csv_go_on(c, 3, 7);
    assert_int_equal(nst_csv_next(&row, c), NST_CSV_ROW);
    assert_true(row.line == 3 && row.begin == 7 && row.end == text.n && row.count == 2);
    assert_int_equal(nst_csv_next(&row, c), NST_CSV_END);
    nst_arena_free(a);
}

static void tells_of_nul_bytes(void **state)
{
    struct nst_arena *a = nst_arena_new(65536);
    struct nst_str got = read_all(a, NST_STR("a\0b,c\nd\n"), 3);
    (void)state;
    assert_true(nst_str_eq(got, NST_STR("1!5:a\0b|c;2:d;")));
    nst_arena_free(a);
}

/* count commas; a field of n bytes, in quotes when it must be. */
static struct nst_str long_text(struct nst_arena *a, size_t count, size_t n, bool quoted)
{
    struct nst_buf b;
    nst_buf_init(&b, a, SIZE_MAX / 4);
    nst_put_z(&b, quoted ? "\"" : "");
    for (size_t i = 0; i < n; i++)
        nst_put_char(&b, 'x');
    nst_put_z(&b, quoted ? "\"" : "");
    for (size_t i = 0; i < count; i++)
        nst_put_char(&b, ',');
    nst_put_lit(&b, "\nend\n");
    return nst_buf_str(&b);
}

/* Reads two rows of the text; the first has the fault, the second is "end". */
static void check_bound(enum nst_csv_fault fault, size_t count, size_t n, bool quoted)
{
    struct nst_arena *a = nst_arena_new(65536);
    struct source source = { long_text(a, count, n, quoted), 65536, false };
    struct nst_csv *c = nst_csv_new(a, give, &source);
    struct nst_csv_row row;
    assert_int_equal(nst_csv_next(&row, c), NST_CSV_ROW);
    assert_int_equal(row.fault, fault);
    assert_int_equal(row.line, 1);
    assert_int_equal(nst_csv_next(&row, c), NST_CSV_ROW);
    assert_int_equal(row.line, 2);
    assert_true(nst_str_eq(row.field[0], NST_STR("end")));
    assert_int_equal(nst_csv_next(&row, c), NST_CSV_END);
    nst_arena_free(a);
}

static void bounds_fields_and_rows(void **state)
{
    (void)state;
    check_bound(NST_CSV_GOOD, NST_CSV_FIELDS - 1, 1, false);
    check_bound(NST_CSV_TOO_MANY, NST_CSV_FIELDS, 1, false);
    check_bound(NST_CSV_GOOD, 1, NST_CSV_FIELD_MAX, false);
    check_bound(NST_CSV_TOO_LONG, 1, NST_CSV_FIELD_MAX + 1, false);
    check_bound(NST_CSV_GOOD, 1, NST_CSV_FIELD_MAX - 1, true);
    check_bound(NST_CSV_TOO_LONG, 1, 4 * NST_CSV_FIELD_MAX, true);
}

static void refuses_wide_files_and_bad_sources(void **state)
{
    struct nst_arena *a = nst_arena_new(65536);
    struct source wide = { NST_STR("\xff\xfe"
                                   "a\0"),
                           2, false };
    struct source bad = { NST_STR("a\nb"), 100, true };
    struct nst_csv_row row;
    (void)state;
    assert_int_equal(nst_csv_next(&row, nst_csv_new(a, give, &wide)), NST_CSV_WIDE);
    struct nst_csv *c = nst_csv_new(a, give, &bad);
    assert_int_equal(nst_csv_next(&row, c), NST_CSV_ROW);
    assert_int_equal(nst_csv_next(&row, c), NST_CSV_FAILED);
    nst_arena_free(a);
}

/* What a resumed run cuts a torn file by. */
static void tells_where_whole_rows_end(void **state)
{
    struct nst_arena *a = nst_arena_new(65536);
    struct source source = { NST_STR("a,\"b\"\nd,"), 4, false };
    struct nst_csv *c = nst_csv_new(a, give, &source);
    struct nst_csv_row row;
    (void)state;
    assert_int_equal(nst_csv_next(&row, c), NST_CSV_ROW);
    assert_true(row.is_whole && row.end == 6 && row.line == 1);
    assert_int_equal(nst_csv_next(&row, c), NST_CSV_ROW);
    assert_true(!row.is_whole && row.line == 2);
    nst_arena_free(a);
}

static void writes_what_reads_back(void **state)
{
    static const char *const want[] = { "a",      "\"a,b\"", "\"a\"\"b\"", "\" a\"", "\"a\nb\"",
                                        "\"a \"", "" };
    static const char *const text[] = { "a", "a,b", "a\"b", " a", "a\nb", "a ", "" };
    struct nst_arena *a = nst_arena_new(4096);
    (void)state;
    for (size_t i = 0; i < COUNT(text); i++) {
        struct nst_buf b;
        nst_buf_init(&b, a, 256);
        nst_csv_put(&b, nst_str_z(text[i]));
        assert_true(nst_str_eq(nst_buf_str(&b), nst_str_z(want[i])));
    }
    nst_arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_people_send),
        cmocka_unit_test(finds_the_separator),
        cmocka_unit_test(keeps_what_quotes_hold),
        cmocka_unit_test(goes_on_after_a_fault),
        cmocka_unit_test(ends_a_row_with_its_line),
        cmocka_unit_test(keeps_line_ends_where_rules_let_it),
        cmocka_unit_test(goes_on_elsewhere),
        cmocka_unit_test(tells_of_nul_bytes),
        cmocka_unit_test(bounds_fields_and_rows),
        cmocka_unit_test(refuses_wide_files_and_bad_sources),
        cmocka_unit_test(tells_where_whole_rows_end),
        cmocka_unit_test(writes_what_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
