/* The JSON layer: the corpus of tests/json (its folder is the argument), limits,
 * what is kept exactly, and the writer's output byte for byte. */
#include "nestor/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>
#include <dirent.h>

#define BUF_MAX ((size_t)1 << 24)

static struct nst_arena *arena;
static const char *corpus;

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

static void assert_text(struct nst_str got, struct nst_str want)
{
    if (!nst_str_eq(got, want))
        fail_msg("got '%.*s', want '%.*s'", NST_FMT(got), NST_FMT(want));
}

static struct nst_json *read_ok(struct nst_str text)
{
    struct nst_json *v = NULL;
    struct nst_json_fault fault;
    if (nst_json_read(&v, &fault, arena, text, NULL) != NST_OK)
        fail_msg("%.*s: %zu:%zu: %s", NST_FMT(text), fault.line, fault.column, fault.reason);
    return v;
}

static struct nst_str written(const struct nst_json *v)
{
    struct nst_buf b;
    nst_buf_init(&b, arena, BUF_MAX);
    nst_json_put(&b, v);
    assert_false(b.is_full);
    return nst_buf_str(&b);
}

static void assert_rewritten(struct nst_str text, struct nst_str want)
{
    assert_text(written(read_ok(text)), want);
}

static void assert_fault(struct nst_str text, size_t line, size_t column, const char *reason)
{
    struct nst_json *v = NULL;
    struct nst_json_fault fault;
    assert_int_equal(nst_json_read(&v, &fault, arena, text, NULL), NST_E_MALFORMED);
    assert_null(v);
    assert_string_equal(fault.reason, reason);
    assert_int_equal(fault.line, line);
    assert_int_equal(fault.column, column);
}

/* n copies of open, then middle, then n copies of close. */
static struct nst_str nested(const char *open, const char *middle, const char *close, size_t n)
{
    struct nst_buf b;
    nst_buf_init(&b, arena, BUF_MAX);
    for (size_t i = 0; i < n; i++)
        nst_put_z(&b, open);
    nst_put_z(&b, middle);
    for (size_t i = 0; i < n; i++)
        nst_put_z(&b, close);
    assert_false(b.is_full);
    return nst_buf_str(&b);
}

static struct nst_str load(const char *path)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    char *p = nst_alloc_text(arena, 1 << 16);
    size_t n = fread(p, 1, 1 << 16, f);
    assert_true(feof(f));
    fclose(f);
    return (struct nst_str){ p, n };
}

static void assert_round_trip(const struct nst_json *v)
{
    struct nst_str compact = written(v);
    assert_true(nst_json_equal(v, read_ok(compact)));
    assert_text(written(read_ok(compact)), compact);
    struct nst_buf b;
    nst_buf_init(&b, arena, BUF_MAX);
    nst_json_put_indented(&b, compact, 3);
    assert_true(nst_json_equal(v, read_ok(nst_buf_str(&b))));
}

enum verdict { MUST_ACCEPT, MUST_REJECT, MAY_BOTH };

static void check_file(const char *path, enum verdict verdict)
{
    struct nst_json *v = NULL;
    struct nst_json_fault fault = { 0 };
    struct nst_str text = load(path);
    bool is_read = nst_json_read(&v, &fault, arena, text, NULL) == NST_OK;
    if (verdict != MAY_BOTH && is_read != (verdict == MUST_ACCEPT))
        fail_msg("%s: %s", path, is_read ? "was accepted" : fault.reason);
    if (is_read) {
        assert_round_trip(v);
        return;
    }
    assert_null(v);
    assert_non_null(fault.reason);
    assert_in_range(fault.line, 1, text.n + 1);
    assert_in_range(fault.column, 1, text.n + 1);
    assert_int_equal(nst_json_read(&v, NULL, arena, text, NULL), NST_E_MALFORMED);
}

static void check_folder(const char *name, enum verdict verdict, unsigned at_least)
{
    struct nst_str folder = nst_strf(arena, "%s/%s", corpus, name);
    DIR *d = opendir(folder.p);
    assert_non_null(d);
    unsigned count = 0;
    for (struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
        if (!nst_str_ends(nst_str_z(e->d_name), NST_STR(".json")))
            continue;
        check_file(nst_strf(arena, "%s/%s", folder.p, e->d_name).p, verdict);
        count++;
    }
    closedir(d);
    assert_true(count >= at_least);
}

static void test_read__corpus(void **state)
{
    (void)state;
    check_folder("accept", MUST_ACCEPT, 60);
    check_folder("reject", MUST_REJECT, 180);
    check_folder("either", MAY_BOTH, 18);
}

/* Every proper beginning of a container is refused, wherever it is cut. */
static void test_read__refuses_every_truncation(void **state)
{
    (void)state;
    struct nst_str whole = NST_STR("{\"a\\u00e9\\ud800\":[-1.5e+3,true,null,\"\xE2\x82\xAC\"]}");
    read_ok(whole);
    for (size_t n = 0; n < whole.n; n++) {
        struct nst_json *v;
        struct nst_json_fault fault;
        struct nst_str cut = nst_str_copy(arena, nst_str_slice(whole, 0, n));
        assert_int_equal(nst_json_read(&v, &fault, arena, cut, NULL), NST_E_MALFORMED);
        assert_int_equal(fault.line, 1);
        assert_in_range(fault.column, 1, n + 1);
    }
}

static void test_read__null_text_is_empty(void **state)
{
    (void)state;
    assert_fault((struct nst_str){ 0 }, 1, 1, "the text ends too early");
}

static void test_read__builds_the_tree(void **state)
{
    (void)state;
    const struct nst_json *v =
        read_ok(NST_STR(" {\"a\": [1, \"\", false], \"b\": {}, \"\": true}"));
    assert_int_equal(v->kind, NST_JSON_OBJECT);
    assert_int_equal(v->count, 3);
    const struct nst_json *a = v->first;
    assert_text(a->name, NST_STR("a"));
    assert_int_equal(a->kind, NST_JSON_ARRAY);
    assert_int_equal(a->count, 3);
    assert_text(a->first->text, NST_STR("1"));
    assert_null(a->first->name.p);
    assert_text(a->first->next->text, NST_STR(""));
    assert_int_equal(a->first->next->next->kind, NST_JSON_BOOL);
    assert_false(a->first->next->next->boolean);
    assert_null(a->first->next->next->next);
    assert_text(a->next->name, NST_STR("b"));
    assert_int_equal(a->next->count, 0);
    assert_null(a->next->first);
    assert_text(a->next->next->name, NST_STR(""));
    assert_true(a->next->next->boolean);
    assert_null(a->next->next->next);
}

/* The tree must not view the text, which may be gone before the arena is. */
static void test_read__copies_strings(void **state)
{
    (void)state;
    char text[] = "{\"name\":[\"value\",12]}";
    const struct nst_json *v = read_ok(nst_str_z(text));
    memset(text, 'x', sizeof(text));
    assert_text(written(v), NST_STR("{\"name\":[\"value\",12]}"));
}

static void test_read__keeps_number_text(void **state)
{
    (void)state;
    static const char *const numbers[] = { "1e400",
                                           "123456789012345678901234567890",
                                           "-0",
                                           "1.0",
                                           "0",
                                           "1E+05",
                                           "-0.0e-0",
                                           "1.10",
                                           "9223372036854775808" };
    for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
        struct nst_str text = nst_str_z(numbers[i]);
        const struct nst_json *v = read_ok(text);
        assert_int_equal(v->kind, NST_JSON_NUMBER);
        assert_text(v->text, text);
        assert_rewritten(nst_strf(arena, "[ %s ]", text.p), nst_strf(arena, "[%s]", text.p));
    }
}

static void test_read__keeps_nul(void **state)
{
    (void)state;
    const struct nst_json *v = read_ok(NST_STR("{\"\\u0000a\":\"b\\u0000\\u0000\"}"));
    assert_text(v->first->name, NST_STR("\0a"));
    assert_text(v->first->text, NST_STR("b\0\0"));
    assert_text(written(v), NST_STR("{\"\\u0000a\":\"b\\u0000\\u0000\"}"));
}

static void assert_string(struct nst_str text, struct nst_str want, bool has_surrogate)
{
    const struct nst_json *v = read_ok(text);
    assert_int_equal(v->kind, NST_JSON_STRING);
    assert_text(v->text, want);
    assert_int_equal(v->has_surrogate, has_surrogate);
    assert_round_trip(v);
}

static void test_read__surrogates(void **state)
{
    (void)state;
    assert_string(NST_STR("\"\\ud800\""), NST_STR("\xED\xA0\x80"), true);
    assert_string(NST_STR("\"a\\uDFFFb\""),
                  NST_STR("a\xED\xBF\xBF"
                          "b"),
                  true);
    assert_string(NST_STR("\"\\\\ud800\""), NST_STR("\\ud800"), false);
    assert_string(NST_STR("\"\\\\\\ud800\""), NST_STR("\\\xED\xA0\x80"), true);
    assert_string(NST_STR("\"\\ud83d\\ude00\""), NST_STR("\xF0\x9F\x98\x80"), false);
    assert_string(NST_STR("\"\\ude00\\ud83d\""), NST_STR("\xED\xB8\x80\xED\xA0\xBD"), true);
    assert_string(NST_STR("\"\\ud800\\u0041\""),
                  NST_STR("\xED\xA0\x80"
                          "A"),
                  true);
    assert_string(NST_STR("\"\\ud800\\n\""), NST_STR("\xED\xA0\x80\n"), true);
    assert_string(NST_STR("\"\\ud83d\\ud83d\\ude00\""), NST_STR("\xED\xA0\xBD\xF0\x9F\x98\x80"),
                  true);
    assert_string(NST_STR("\"\\ud7ff\\ue000\""), NST_STR("\xED\x9F\xBF\xEE\x80\x80"), false);
}

/* Only the value that holds the surrogate is marked, not its neighbours. */
static void test_read__marks_surrogates_in_names(void **state)
{
    (void)state;
    const struct nst_json *v =
        read_ok(NST_STR("{\"\\udc00\":\"a\",\"b\":\"\\ud800\",\"c\":\"\xED\x95\x9C\",\"d\":[]}"));
    assert_false(v->has_surrogate);
    const struct nst_json *m = v->first;
    assert_text(m->name, NST_STR("\xED\xB0\x80"));
    assert_true(m->has_surrogate);
    m = m->next;
    assert_true(m->has_surrogate);
    assert_false(m->next->has_surrogate);
    assert_false(m->next->next->has_surrogate);
    assert_text(written(v), NST_STR("{\"\\udc00\":\"a\",\"b\":\"\\ud800\",\"c\":\"\xED\x95\x9C\","
                                    "\"d\":[]}"));
}

static void test_read__tells_where_and_why(void **state)
{
    (void)state;
    assert_fault(NST_STR("[1, x]"), 1, 5, "unexpected token");
    assert_fault(NST_STR("{\n  \"a\": 1,\n  \"b\" 2\n}"), 3, 7, "unexpected token");
    assert_fault(NST_STR("[1,\r\n  ]"), 2, 3, "unexpected token");
    assert_fault(NST_STR("[1, /**/2]"), 1, 5, "unexpected token");
    assert_fault(NST_STR("\xEF\xBB\xBF[]"), 1, 1, "unexpected token");
    assert_fault(NST_STR("[1\n"), 2, 1, "the text ends too early");
    assert_fault(NST_STR("\"ab"), 1, 4, "the text ends too early");
    assert_fault(NST_STR("{\"a\":\"b\" \"c\"}"), 1, 10, "unexpected token");
    assert_fault(NST_STR("[\"a\\q\"]"), 1, 5, "bad escape in a string");
    assert_fault(NST_STR("{}\n{}"), 2, 1, "text after the value");
    assert_fault(NST_STR("1 2"), 1, 3, "text after the value");
    assert_fault(NST_STR("[1] \"ab"), 1, 5, "text after the value");
    assert_fault(NST_STR("[\"a\\q\"]"), 1, 5, "bad escape in a string");
    assert_fault(NST_STR("[\"a\tb\"]"), 1, 4, "control character in a string");
    assert_fault(NST_STR("[1,\n\"a\0\"]"), 2, 3, "control character");
    assert_fault(NST_STR("[\f1]"), 1, 2, "control character");
    assert_fault(NST_STR("[\"\xC3\xA9\n\xED\xA0\x80\"]"), 2, 1, "invalid UTF-8");
    assert_fault(NST_STR("[\"abc\xF0\x9F\x98"), 1, 6, "invalid UTF-8");
}

/* The positions count the text as it came, not the copy that yajl reads. */
static void test_read__counts_columns_past_lone_surrogates(void **state)
{
    (void)state;
    assert_fault(NST_STR("[\"\\ud800\", x]"), 1, 12, "unexpected token");
    assert_fault(NST_STR("[\"\\ud800\\udbff\\q\"]"), 1, 16, "bad escape in a string");
    assert_fault(NST_STR("[\"\\ud800\"] \"\\udc00\""), 1, 12, "text after the value");
    assert_fault(NST_STR("[x,\"\\ud800\"]"), 1, 2, "unexpected token");
}

static void test_read__depth(void **state)
{
    (void)state;
    read_ok(nested("[", "", "]", NST_JSON_DEPTH - 1));
    read_ok(nested("[", "", "]", NST_JSON_DEPTH));
    read_ok(nested("{\"a\":", "1", "}", NST_JSON_DEPTH));
    assert_fault(nested("[", "", "]", NST_JSON_DEPTH + 1), 1, NST_JSON_DEPTH + 1,
                 "nested too deeply");
    assert_fault(nested("{\"a\":", "1", "}", NST_JSON_DEPTH + 1), 1, NST_JSON_DEPTH * 5 + 1,
                 "nested too deeply");
    assert_fault(nested("[", "", "", 100000), 1, NST_JSON_DEPTH + 1, "nested too deeply");
    read_ok(nested("[", "[],[]", "]", NST_JSON_DEPTH - 1)); /* siblings add no depth */
}

static void test_read__depth_is_the_callers(void **state)
{
    (void)state;
    struct nst_json *v;
    struct nst_json_limits flat = { .depth = 0, .nodes = 10 }, one = { .depth = 1, .nodes = 10 };
    assert_int_equal(nst_json_read(&v, NULL, arena, NST_STR("1"), &flat), NST_OK);
    assert_int_equal(nst_json_read(&v, NULL, arena, NST_STR("[]"), &flat), NST_E_MALFORMED);
    assert_int_equal(nst_json_read(&v, NULL, arena, NST_STR("[1]"), &one), NST_OK);
    assert_int_equal(nst_json_read(&v, NULL, arena, NST_STR("[{}]"), &one), NST_E_MALFORMED);
}

static void test_read__nodes(void **state)
{
    (void)state;
    struct nst_json *v;
    struct nst_json_fault fault;
    struct nst_json_limits limits = { .depth = 8, .nodes = 4 };
    assert_int_equal(nst_json_read(&v, NULL, arena, NST_STR("[1,2]"), &limits), NST_OK);
    assert_int_equal(nst_json_read(&v, NULL, arena, NST_STR("[1,{\"a\":2}]"), &limits), NST_OK);
    static const char *const five[] = { "[1,2,3,4]",    "[1,2,3,[]]",   "[1,2,3,{}]",
                                        "[1,2,3,\"\"]", "[1,2,3,null]", "[1,2,3,true]" };
    for (size_t i = 0; i < sizeof(five) / sizeof(*five); i++) {
        struct nst_str text = nst_str_z(five[i]);
        assert_int_equal(nst_json_read(&v, &fault, arena, text, &limits), NST_E_MALFORMED);
        assert_string_equal(fault.reason, "too many values");
        assert_int_equal(fault.column, 8);
    }
    limits.nodes = 0; /* a number is complete only when the text ends */
    assert_int_equal(nst_json_read(&v, &fault, arena, NST_STR("12"), &limits), NST_E_MALFORMED);
    assert_string_equal(fault.reason, "too many values");
}

/* Twice the input takes about twice the memory, whatever it is made of. */
static void test_read__memory_is_linear(void **state)
{
    (void)state;
    static const char *const units[] = { "\\n", "\\u00e9", "\\ud800", "\\\\", "\xC3\xA9" };
    for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
        size_t used[2];
        for (size_t twice = 0; twice < 2; twice++) {
            struct nst_str body = nested(units[i], "", "", (size_t)100000 << twice);
            struct nst_str text = nst_strf(arena, "[\"%.*s\"]", NST_FMT(body));
            struct nst_arena *a = nst_arena_new(4096);
            struct nst_json *v;
            assert_int_equal(nst_json_read(&v, NULL, a, text, NULL), NST_OK);
            used[twice] = nst_arena_size(a);
            assert_true(used[twice] < 16 * text.n);
            nst_arena_free(a);
        }
        assert_true(used[1] < 3 * used[0]);
    }
}

static void test_get__finds_the_last(void **state)
{
    (void)state;
    const struct nst_json *v = read_ok(NST_STR("{\"a\":1,\"b\":2,\"a\":3,\"\\u0061\":4}"));
    assert_int_equal(v->count, 4);
    assert_text(nst_json_get(v, NST_STR("a"))->text, NST_STR("4"));
    assert_text(nst_json_get(v, NST_STR("b"))->text, NST_STR("2"));
    assert_null(nst_json_get(v, NST_STR("A")));
    assert_null(nst_json_get(v->first, NST_STR("a")));
    assert_null(nst_json_get(read_ok(NST_STR("[1]")), (struct nst_str){ 0 }));
    assert_null(nst_json_get(NULL, NST_STR("a")));
}

static bool is_equal(struct nst_str x, struct nst_str y)
{
    const struct nst_json *a = read_ok(x), *b = read_ok(y);
    bool same = nst_json_equal(a, b);
    assert_int_equal(nst_json_equal(b, a), same);
    assert_true(nst_json_equal(a, a));
    return same;
}

static void test_equal__values(void **state)
{
    (void)state;
    assert_true(is_equal(NST_STR("{\"a\":1,\"b\":[2]}"), NST_STR(" {\"b\":[ 2],\"a\":1}")));
    assert_true(is_equal(NST_STR("{\"a\":1,\"a\":2}"), NST_STR("{\"a\":2}")));
    assert_true(is_equal(NST_STR("\"\\u0041\""), NST_STR("\"A\"")));
    assert_false(is_equal(NST_STR("{\"a\":1,\"a\":2}"), NST_STR("{\"a\":1}")));
    assert_false(is_equal(NST_STR("{\"a\":1,\"b\":1}"), NST_STR("{\"a\":1,\"c\":1}")));
    assert_false(is_equal(NST_STR("{\"a\":1}"), NST_STR("{\"a\":1,\"b\":1}")));
    assert_false(is_equal(NST_STR("[1,2]"), NST_STR("[2,1]")));
    assert_false(is_equal(NST_STR("[1]"), NST_STR("[1,1]")));
    assert_false(is_equal(NST_STR("1"), NST_STR("1.0")));
    assert_false(is_equal(NST_STR("1"), NST_STR("\"1\"")));
    assert_false(is_equal(NST_STR("true"), NST_STR("false")));
    assert_false(is_equal(NST_STR("null"), NST_STR("false")));
    assert_false(is_equal(NST_STR("[]"), NST_STR("{}")));
    assert_true(nst_json_equal(NULL, NULL));
    assert_false(nst_json_equal(NULL, read_ok(NST_STR("null"))));
}

/* 100,000 members in opposite orders: comparing each with each would take ten
 * thousand million steps, which the time limit of the test run does not allow. */
static void test_equal__large_objects(void **state)
{
    (void)state;
    struct nst_buf up, down;
    nst_buf_init(&up, arena, BUF_MAX);
    nst_buf_init(&down, arena, BUF_MAX);
    const int count = 100000;
    for (int i = 0; i < count; i++) {
        nst_putf(&up, "%c\"%d\":%d", i == 0 ? '{' : ',', i, i);
        nst_putf(&down, "%c\"%d\":%d", i == 0 ? '{' : ',', count - 1 - i, count - 1 - i);
    }
    nst_put_char(&up, '}');
    nst_put_char(&down, '}');
    assert_true(is_equal(nst_buf_str(&up), nst_buf_str(&down)));
}

static void assert_put_str(struct nst_str s, struct nst_str want)
{
    struct nst_buf b;
    nst_buf_init(&b, arena, BUF_MAX);
    nst_json_put_str(&b, s);
    assert_text(nst_buf_str(&b), want);
}

static void test_put_str__escapes(void **state)
{
    (void)state;
    assert_put_str(NST_STR(""), NST_STR("\"\""));
    assert_put_str((struct nst_str){ 0 }, NST_STR("\"\""));
    assert_put_str(NST_STR("a\"b\\c/d"), NST_STR("\"a\\\"b\\\\c/d\""));
    assert_put_str(NST_STR("\n\r\t\b\f"), NST_STR("\"\\n\\r\\t\\b\\f\""));
    assert_put_str(NST_STR("\0\x01\x0b\x1f\x20\x7f"),
                   NST_STR("\"\\u0000\\u0001\\u000b\\u001f\x20\x7f\""));
    assert_put_str(NST_STR("\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"),
                   NST_STR("\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\""));
    assert_put_str(NST_STR("\xED\x9F\xBF\xED\x95\x9C"), NST_STR("\"\xED\x9F\xBF\xED\x95\x9C\""));
    assert_put_str(NST_STR("\xED\xA0\x80|\xED\xBF\xBF"), NST_STR("\"\\ud800|\\udfff\""));
}

/* Every byte that matters, at every place of the eight looked at together. */
static void test_put_str__at_every_offset(void **state)
{
    (void)state;
    static const struct {
        struct nst_str in, out;
    } cases[] = {
        { NST_STR_INIT("\""), NST_STR_INIT("\\\"") },
        { NST_STR_INIT("\\"), NST_STR_INIT("\\\\") },
        { NST_STR_INIT("\0"), NST_STR_INIT("\\u0000") },
        { NST_STR_INIT("\x1f"), NST_STR_INIT("\\u001f") },
        { NST_STR_INIT("\n"), NST_STR_INIT("\\n") },
        { NST_STR_INIT("\xED\xA0\x80"), NST_STR_INIT("\\ud800") },
        { NST_STR_INIT("\xED\x95\x9C"), NST_STR_INIT("\xED\x95\x9C") },
        { NST_STR_INIT(" !#[]~\x7f"), NST_STR_INIT(" !#[]~\x7f") },
    };
    static const char filler[] = "abcdefghijklmnopqrstuvwxyz";
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        for (int before = 0; before < 20; before++)
            for (int after = 0; after < 10; after++) {
                struct nst_buf in, out;
                nst_buf_init(&in, arena, BUF_MAX);
                nst_buf_init(&out, arena, BUF_MAX);
                nst_putf(&in, "%.*s", before, filler);
                nst_put(&in, cases[i].in);
                nst_putf(&in, "%.*s", after, filler);
                nst_putf(&out, "\"%.*s", before, filler);
                nst_put(&out, cases[i].out);
                nst_putf(&out, "%.*s\"", after, filler);
                assert_put_str(nst_buf_str(&in), nst_buf_str(&out));
            }
}

static void test_put_str__stops_when_full(void **state)
{
    (void)state;
    struct nst_buf b;
    nst_buf_init(&b, arena, 10);
    nst_json_put_str(&b, NST_STR("12345678"));
    assert_false(b.is_full);
    assert_text(nst_buf_str(&b), NST_STR("\"12345678\""));
    nst_buf_init(&b, arena, 10);
    nst_json_put_str(&b, NST_STR("123456789"));
    assert_true(b.is_full);
    assert_true(b.n <= 10);
}

static void test_put__values(void **state)
{
    (void)state;
    struct nst_buf b;
    nst_buf_init(&b, arena, BUF_MAX);
    nst_json_put_bool(&b, true);
    nst_json_put_bool(&b, false);
    nst_json_put_str_or_null(&b, (struct nst_str){ 0 });
    nst_json_put_str_or_null(&b, NST_STR(""));
    nst_json_put(&b, NULL);
    assert_text(nst_buf_str(&b), NST_STR("truefalsenull\"\"null"));
    assert_rewritten(NST_STR(
                         " { \"b\" : [ 1 , { } , [ ] , null , true , false ] , \"a\" : \"\\/\" } "),
                     NST_STR("{\"b\":[1,{},[],null,true,false],\"a\":\"/\"}"));
    assert_rewritten(NST_STR("{\"a\":1,\"a\":2}"), NST_STR("{\"a\":1,\"a\":2}"));
}

static void assert_indented(struct nst_str text, unsigned indent, struct nst_str want)
{
    struct nst_buf b;
    nst_buf_init(&b, arena, BUF_MAX);
    nst_json_put_indented(&b, text, indent);
    assert_text(nst_buf_str(&b), want);
}

static void test_put_indented__layout(void **state)
{
    (void)state;
    struct nst_str text = NST_STR("{\"a\":[1,{\"b\":[]}],\"c\":{},\"d\":\"{[,:\\\"]\"}");
    assert_indented(text, 2,
                    NST_STR("{\n  \"a\": [\n    1,\n    {\n      \"b\": []\n    }\n  ],\n"
                            "  \"c\": {},\n  \"d\": \"{[,:\\\"]\"\n}"));
    assert_indented(text, 0, text);
    assert_indented(NST_STR("[[1]]"), 8, NST_STR("[\n        [\n                1\n        ]\n]"));
    assert_indented(NST_STR("[]"), 4, NST_STR("[]"));
    assert_indented(NST_STR("\"\\\\\""), 4, NST_STR("\"\\\\\""));
    assert_indented(NST_STR("-1.5e3"), 4, NST_STR("-1.5e3"));
}

/* Text that has blanks already comes out as if it had none. */
static void test_put_indented__drops_blanks(void **state)
{
    (void)state;
    assert_indented(NST_STR(" [ { \"a b\" :\t1 } ,\r\n[ ] ] "), 1,
                    NST_STR("[\n {\n  \"a b\": 1\n },\n []\n]"));
}

/* Wherever a text is cut outside its strings, its parts give what the whole gives. */
static void test_put_part__is_the_whole(void **state)
{
    (void)state;
    struct nst_str text = NST_STR("{\"a\":[],\"b\":{},\"c\":[[1.5],{\"d\":null},[]],\"e\":{}}");
    struct nst_buf whole, parts;
    nst_buf_init(&whole, arena, BUF_MAX);
    nst_json_put_indented(&whole, text, 3);
    bool in_string = false;
    for (size_t cut = 0; cut <= text.n; cut++) {
        in_string ^= cut > 0 && text.p[cut - 1] == '"';
        if (in_string)
            continue;
        struct nst_json_layout layout = { .indent = 3 };
        nst_buf_init(&parts, arena, BUF_MAX);
        nst_json_put_part(&parts, &layout, nst_str_slice(text, 0, cut));
        nst_json_put_part(&parts, &layout, nst_str_slice(text, cut, text.n));
        assert_text(nst_buf_str(&parts), nst_buf_str(&whole));
    }
}

static void test_cut_members__finds_values(void **state)
{
    struct nst_json_members m;
    struct nst_str text = NST_STR("{\"a\":\"x\\\"}\",\"b\":-1.5e3,\"c\":null,\"a\":\"y\"},{}");
    (void)state;
    assert_true(nst_json_cut_members(&m, &text));
    assert_int_equal(m.count, 4);
    assert_true(nst_str_eq(m.member[0].value, NST_STR("\"x\\\"}\"")));
    assert_true(nst_str_eq(nst_json_member_of(&m, NST_STR("a")), NST_STR("\"y\"")));
    assert_true(nst_str_eq(nst_json_member_of(&m, NST_STR("b")), NST_STR("-1.5e3")));
    assert_true(nst_str_eq(nst_json_member_of(&m, NST_STR("c")), NST_STR("null")));
    assert_null(nst_json_member_of(&m, NST_STR("d")).p);
    assert_true(nst_str_eq(text, NST_STR(",{}")));
}

/* Whatever is left to the reader, and no byte behind the text is looked at. */
static void test_cut_members__refuses_the_rest(void **state)
{
    static const char *const refused[] = {
        "",
        "[]",
        "{}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":[1]}",
        "{\"a\":{}}",
        "{ \"a\":1}",
        "{\"a\" :1}",
        "{\"a\":1 }",
        "{\"a\":\"\n\"}",
        "{\"a\":1;\"b\":2}",
        "{a:1}",
    };
    const struct nst_str whole = NST_STR("{\"a\":\"\\u0041\",\"b\":true}");
    struct nst_json_members m;
    (void)state;
    for (size_t i = 0; i < NST_COUNT(refused); i++) {
        struct nst_str text = nst_str_z(refused[i]);
        assert_false(nst_json_cut_members(&m, &text));
        assert_ptr_equal(text.p, refused[i]);
    }
    for (size_t n = 0; n < whole.n; n++) {
        struct nst_str text = { memcpy(nst_alloc_text(arena, n), whole.p, n), n };
        assert_false(nst_json_cut_members(&m, &text));
    }
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s CORPUS\n", argv[0]);
        return 2;
    }
    corpus = argv[1];
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_read__corpus),
        CASE(test_read__refuses_every_truncation),
        CASE(test_read__null_text_is_empty),
        CASE(test_read__builds_the_tree),
        CASE(test_read__copies_strings),
        CASE(test_read__keeps_number_text),
        CASE(test_read__keeps_nul),
        CASE(test_read__surrogates),
        CASE(test_read__marks_surrogates_in_names),
        CASE(test_read__tells_where_and_why),
        CASE(test_read__counts_columns_past_lone_surrogates),
        CASE(test_read__depth),
        CASE(test_read__depth_is_the_callers),
        CASE(test_read__nodes),
        CASE(test_read__memory_is_linear),
        CASE(test_get__finds_the_last),
        CASE(test_cut_members__finds_values),
        CASE(test_cut_members__refuses_the_rest),
        CASE(test_equal__values),
        CASE(test_equal__large_objects),
        CASE(test_put_str__escapes),
        CASE(test_put_str__at_every_offset),
        CASE(test_put_str__stops_when_full),
        CASE(test_put__values),
        CASE(test_put_indented__layout),
        CASE(test_put_indented__drops_blanks),
        CASE(test_put_part__is_the_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
