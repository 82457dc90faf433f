/* The reader of GraphQL documents: what it takes, and where it finds fault. */
/* rows: V275 */
#include "ocl/graphql/reader.h"

#include "nestor/base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

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

static const struct ocl_graphql_definition *read_text(const char *text)
{
    struct ocl_graphql_definition *d;
    struct ocl_graphql_fault fault;
    if (!ocl_graphql_read(&d, &fault, arena, nst_str_z(text)))
        fail_msg("%.*s", NST_FMT(fault.message));
    return d;
}

static void assert_str(struct nst_str actual, const char *expected)
{
    assert_string_equal(nst_str_to_z(arena, actual), expected);
}

static void assert_fault(const char *text, const char *message, size_t line, size_t column)
{
    struct ocl_graphql_definition *d;
    struct ocl_graphql_fault fault;
    assert_false(ocl_graphql_read(&d, &fault, arena, nst_str_z(text)));
    struct ocl_graphql_place place = ocl_graphql_place(nst_str_z(text), fault.at);
    assert_str(fault.message, message);
    assert_int_equal(place.line, line);
    assert_int_equal(place.column, column);
}

/* The one argument of the one field of a document. */
static const struct ocl_graphql_value *read_value(const char *value)
{
    return read_text(nst_str_to_z(arena, nst_strf(arena, "{f(a:%s)}", value)))->first->argument;
}

static void test_graphql__a_document(void **state)
{
    (void)state;
    const struct ocl_graphql_definition *d =
        read_text("\xEF\xBB\xBF# all of it\nquery Q($a: [String!]! = [\"x\"], $b: Int @d) @e {"
                  "k: f(a: $a, b: 1) @skip(if: $b) { ...F, ... on T { g } ... { h } } }\n"
                  "fragment F on T { i }");
    assert_str(d->word, "query");
    assert_str(d->name, "Q");
    assert_str(d->variable->type, "[String!]!");
    assert_int_equal(d->variable->fallback->kind, OCL_GRAPHQL_LIST);
    assert_str(d->variable->next->name, "b");
    const struct ocl_graphql_selection *s = d->first;
    assert_str(s->key, "k");
    assert_str(s->name, "f");
    assert_int_equal(s->argument->kind, OCL_GRAPHQL_VARIABLE);
    assert_str(s->argument->next->text, "1");
    assert_str(s->directive->name, "skip");
    assert_int_equal(s->first->selects, OCL_GRAPHQL_SPREAD);
    assert_str(s->first->next->name, "T");
    assert_null(s->first->next->next->name.p);
    assert_str(d->next->on, "T");
    assert_null(d->next->next);
}

static void test_graphql__values(void **state)
{
    (void)state;
    assert_str(read_value("\"a\\n\\u00e9 \\\"\"")->text, "a\n\xc3\xa9 \"");
    assert_int_equal(read_value("-1.5e+3")->kind, OCL_GRAPHQL_NUMBER);
    assert_int_equal(read_value("true")->kind, OCL_GRAPHQL_BOOL);
    assert_int_equal(read_value("null")->kind, OCL_GRAPHQL_NULL);
    assert_int_equal(read_value("WORD")->kind, OCL_GRAPHQL_ENUM);
    assert_str(read_value("{b: [1 2,], c: {}}")->first->name, "b");
    assert_str(read_value("[1, \"x\"]")->first->next->text, "x");
}

static void test_graphql__strings_of_several_lines(void **state)
{
    (void)state;
    assert_str(read_value("\"\"\"\n    one\n\n      two \\\"\"\" \n    three\n  \"\"\"")->text,
               "one\n\n  two \"\"\" \nthree");
    assert_str(read_value("\"\"\"first\r\n  next\"\"\"")->text, "first\nnext");
    assert_str(read_value("\"\"\"\"\"\"")->text, "");
}

static void test_graphql__faults(void **state)
{
    (void)state;
    assert_fault("", "Syntax Error: Unexpected <EOF>.", 1, 1);
    assert_fault("{", "Syntax Error: Expected Name, found <EOF>.", 1, 2);
    assert_fault("{}", "Syntax Error: Expected Name, found '}'.", 1, 2);
    assert_fault("{\r\n a\r}\n}", "Syntax Error: Unexpected '}'.", 4, 1);
    assert_fault("{ a(b: $) }", "Syntax Error: Expected Name, found ')'.", 1, 9);
    assert_fault("{ a(b: \"x) }", "Syntax Error: Unterminated string.", 1, 8);
    assert_fault("{ a(b: \"\"\"x\") }", "Syntax Error: Unterminated string.", 1, 8);
    assert_fault("{ a(b: \"\\ud800\") }", "Syntax Error: Invalid string.", 1, 8);
    assert_fault("{ a(b: 01) }", "Syntax Error: Invalid number.", 1, 9);
    assert_fault("{ a(b: 1.) }", "Syntax Error: Invalid number.", 1, 10);
    assert_fault("\xc3\xa9", "Syntax Error: Unexpected character.", 1, 1);
    assert_fault("type T { a: Int }", "Syntax Error: Unexpected Name 'type'.", 1, 1);
    assert_fault("fragment on on T { a }", "Syntax Error: Unexpected Name 'on'.", 1, 10);
    assert_fault("query($a: Int = $b) { a }", "Syntax Error: Unexpected '$'.", 1, 17);
}

/* Before anything grows. */
static void test_graphql__limits(void **state)
{
    (void)state;
    struct nst_buf deep, long_list;
    nst_buf_init(&deep, arena, 100000);
    nst_buf_init(&long_list, arena, 100000);
    nst_put_z(&deep, "{a(b:");
    for (int i = 0; i < 50000; i++)
        nst_put_char(&deep, '[');
    assert_fault(nst_str_to_z(arena, nst_buf_str(&deep)),
                 "Syntax Error: More than 20 levels inside of one another.", 1, 25);
    for (int i = 0; i <= OCL_GRAPHQL_TOKENS; i++)
        nst_put_z(&long_list, i == 0 ? "{" : "a ");
    assert_fault(nst_str_to_z(arena, nst_buf_str(&long_list)),
                 "Syntax Error: Document contains more than 5000 tokens. Parsing aborted.", 1,
                 (size_t)2 * OCL_GRAPHQL_TOKENS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_graphql__a_document),
        cmocka_unit_test(test_graphql__values),
        cmocka_unit_test(test_graphql__strings_of_several_lines),
        cmocka_unit_test(test_graphql__faults),
        cmocka_unit_test(test_graphql__limits),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
