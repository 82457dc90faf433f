/* The reader of requests: every rule of its grammar for every byte, every limit at its
 * border, what the parts mean; and each text cut at every position. */
#include "message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HOST "Host: a\r\n"

#define METHOD    "The method is malformed."
#define TARGET    "The request target is malformed."
#define LINE      "The request line is malformed."
#define FIELD     "A header field is malformed."
#define ENDS      "A line must end with CR and LF."
#define ONE_HOST  "A request needs exactly one Host."
#define BAD_HOST  "Host is malformed."
#define TWICE     "The length of the body is stated more than once."
#define CODING    "Transfer-Encoding must be chunked."
#define LENGTH    "Content-Length is malformed."
#define CHUNK     "A chunk is malformed."
#define EXTENSION "A chunk extension is malformed."
#define LONGER    "A chunk is longer than it says."
#define MUCH      "The body has too much beside its data."
#define MANY      "The request has too many header fields."

static const struct nst_http_limits usual = { 16384, 8000, 100 };
static struct nst_http_limits limits;
static struct message m;

static int setup(void **state)
{
    (void)state;
    limits = usual;
    return 0;
}

/* Read text, however it is cut. */
static void read_text(struct nst_str text)
{
    const char *difference = message_read_cut(&m, &limits, text, text.n + 1);
    if (difference != NULL)
        fail_msg("%.*s: %s depends on the cuts", NST_FMT(text), difference);
}

static void assert_done(struct nst_str text)
{
    read_text(text);
    if (m.result != NST_HTTP_DONE)
        fail_msg("'%.*s' is not taken: %d, %s", NST_FMT(text), (int)m.result,
                 m.detail != NULL ? m.detail : "");
}

static void assert_more(struct nst_str text)
{
    read_text(text);
    if (m.result != NST_HTTP_MORE)
        fail_msg("'%.*s' should want more", NST_FMT(text));
}

static void assert_refused(struct nst_str text, enum nst_err err, const char *detail)
{
    read_text(text);
    bool is_said =
        detail == NULL ? m.detail == NULL : m.detail != NULL && strcmp(m.detail, detail) == 0;
    if (m.result != NST_HTTP_REFUSED || m.err != err || !is_said)
        fail_msg("'%.*s': %d %s %s, not %s %s", NST_FMT(text), (int)m.result, nst_err_key(m.err),
                 m.detail != NULL ? m.detail : "", nst_err_key(err), detail != NULL ? detail : "");
}

static void assert_text(struct nst_str got, struct nst_str want)
{
    if (!nst_str_eq(got, want))
        fail_msg("'%.*s', not '%.*s'", NST_FMT(got), NST_FMT(want));
}

/* A text in which %c, %s stand for what follows. */
__attribute__((format(printf, 1, 2))) static struct nst_str form(const char *format, ...)
{
    static char text[65536];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    assert_true(n > 0 && (size_t)n < sizeof(text));
    return (struct nst_str){ text, (size_t)n };
}

/* So many of one character. */
static const char *many(size_t n, char c)
{
    static char text[20001];
    assert_true(n < sizeof(text));
    memset(text, c, n);
    text[n] = '\0';
    return text;
}

/* ---- Every byte in every place ---- */

static bool is_token(int c)
{
    return c != 0 && strchr("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
                            "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
                            c) != NULL;
}

static bool is_target(int c)
{
    return c > ' ' && c != 0x7F && c != '#';
}

static bool is_value(int c)
{
    return c == '\t' || (c >= ' ' && c != 0x7F);
}

static bool is_host(int c)
{
    return is_target(c) && c < 0x80 && strchr("/\\?@,\"<>^`{|}", c) == NULL;
}

static bool is_hex(int c)
{
    return c != 0 && strchr("0123456789abcdefABCDEF", c) != NULL;
}

#define POST_CHUNKED "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"

/* A part of the grammar, and what is said of bytes that do not belong there; of a blank
 * and of CR, when they lead on and the next part says it. */
static const struct {
    const char *before, *after;
    bool (*is_in)(int c);
    const char *also; /* bytes that lead to another part */
    const char *sentence, *blank, *cr;
} place[] = {
    { "G", "T / HTTP/1.1\r\n" HOST "\r\n", is_token, "", METHOD, TARGET, NULL },
    { "GET /a", "b HTTP/1.1\r\n" HOST "\r\n", is_target, "", TARGET, LINE, NULL },
    { "GET http://a", "b/ HTTP/1.1\r\n" HOST "\r\n", is_host, "/?", TARGET, LINE, NULL },
    { "GET / HTTP/1.1\r\n" HOST "a", "b:\r\n\r\n", is_token, ":", FIELD, NULL, NULL },
    { "GET / HTTP/1.1\r\n" HOST "a:b", "c\r\n\r\n", is_value, "", FIELD, NULL, NULL },
    { "GET / HTTP/1.1\r\n" HOST "a:", "\r\n\r\n", is_value, "", FIELD, NULL, NULL },
    { POST_CHUNKED "1;", "b\r\na\r\n0\r\n\r\n", is_value, "", EXTENSION, NULL, CHUNK },
    { POST_CHUNKED "0\r\na", "b:\r\n\r\n", is_token, ":", FIELD, NULL, NULL },
    { POST_CHUNKED "0\r\na:b", "c\r\n\r\n", is_value, "", FIELD, NULL, NULL },
};

static void test_bytes__each_in_its_places(void **state)
{
    (void)state;
    for (size_t i = 0; i < NST_COUNT(place); i++) {
        for (int c = 0; c < 256; c++) {
            struct nst_str text = form("%s%c%s", place[i].before, c, place[i].after);
            const char *sentence = place[i].sentence;
            if (c == ' ' && place[i].blank != NULL)
                sentence = place[i].blank;
            if (c == '\r' && place[i].cr != NULL)
                sentence = place[i].cr;
            if (place[i].is_in(c) || (c != 0 && strchr(place[i].also, c) != NULL))
                assert_done(text);
            else
                assert_refused(text, NST_E_MALFORMED, sentence);
        }
    }
}

static void test_bytes__of_hosts(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        struct nst_str text = form("GET / HTTP/1.1\r\nHost: a%cb\r\n\r\n", c);
        if (is_host(c))
            assert_done(text);
        else
            assert_refused(text, NST_E_MALFORMED, is_value(c) ? BAD_HOST : FIELD);
    }
}

static void test_bytes__of_sizes(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        char digit[] = { (char)c, '\0' };
        const char *data = is_hex(c) ? many(strtoul(digit, NULL, 16), 'x') : "";
        struct nst_str text = form(POST_CHUNKED "%c\r\n%s\r\n0\r\n\r\n", c, data);
        if (!is_hex(c)) {
            assert_refused(text, NST_E_MALFORMED, CHUNK);
            continue;
        }
        assert_done(text);
        assert_int_equal(m.body_n, strlen(data));
    }
}

/* CR and LF stand together and nowhere else. */
static void test_lines__end_with_cr_and_lf(void **state)
{
    (void)state;
    static const struct {
        const char *text, *sentence;
    } row[] = {
        { "\nGET / HTTP/1.1\r\n" HOST "\r\n", METHOD },
        { "\r\rGET / HTTP/1.1\r\n" HOST "\r\n", ENDS },
        { "GET / HTTP/1.1\n" HOST "\r\n", LINE },
        { "GET / HTTP/1.1\r" HOST "\r\n", ENDS },
        { "GET / HTTP/1.1\r\r\n" HOST "\r\n", ENDS },
        { "GET / HTTP/1.1\r\nHost: a\n\r\n", FIELD },
        { "GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", FIELD },
        { "GET / HTTP/1.1\r\n" HOST "\n", FIELD },
        { "GET / HTTP/1.1\r\n" HOST "\rX", ENDS },
        { "GET / HTTP/1.1\r\n" HOST "a: b\r\n c\r\n\r\n", FIELD },
        { "GET / HTTP/1.1\r\n" HOST "a: b\r\n\tc\r\n\r\n", FIELD },
        { "GET / HTTP/1.1\r\n a: b\r\n" HOST "\r\n", FIELD },
        { "GET / HTTP/1.1\r\n" HOST ":b\r\n\r\n", FIELD },
        { "GET / HTTP/1.1\r\n" HOST "a :b\r\n\r\n", FIELD },
        { "GET / HTTP/1.1\r\n" HOST "a\r\n\r\n", FIELD },
        { POST_CHUNKED "1\na\r\n0\r\n\r\n", CHUNK },
        { POST_CHUNKED "1;b\na\r\n0\r\n\r\n", EXTENSION },
        { POST_CHUNKED "1\ra\r\n0\r\n\r\n", CHUNK },
        { POST_CHUNKED "1\r\na\n0\r\n\r\n", LONGER },
        { POST_CHUNKED "1\r\na\r0\r\n\r\n", LONGER },
        { POST_CHUNKED "1\r\nab\r\n0\r\n\r\n", LONGER },
        { POST_CHUNKED "2\r\na\r\n0\r\n\r\n", LONGER },
        { POST_CHUNKED "1\r\na\r\n0\r\n\n", FIELD },
        { POST_CHUNKED "1\r\na\r\n0\r\n\ra", ENDS },
        { POST_CHUNKED "0\r\na: b\r\n c\r\n\r\n", FIELD },
        { POST_CHUNKED "0\r\n:b\r\n\r\n", FIELD },
        { POST_CHUNKED "1 \r\na\r\n0\r\n\r\n", CHUNK },
        { POST_CHUNKED " 1\r\na\r\n0\r\n\r\n", CHUNK },
        { POST_CHUNKED "0x1\r\na\r\n0\r\n\r\n", CHUNK },
        { POST_CHUNKED "-1\r\na\r\n0\r\n\r\n", CHUNK },
        { POST_CHUNKED "1_0\r\na\r\n0\r\n\r\n", CHUNK },
        { POST_CHUNKED "\r\n\r\n", CHUNK },
        { POST_CHUNKED ";a\r\n\r\n", CHUNK },
    };
    for (size_t i = 0; i < NST_COUNT(row); i++)
        assert_refused(nst_str_z(row[i].text), NST_E_MALFORMED, row[i].sentence);
    assert_done(NST_STR("\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n"));
    assert_text(m.head.method, NST_STR("GET"));
}

/* ---- Request lines ---- */

static void test_target__forms(void **state)
{
    (void)state;
    static const struct {
        const char *method, *target, *path, *query, *authority;
    } row[] = {
        { "GET", "/", "/", NULL, NULL },
        { "GET", "/a//b/../c", "/a//b/../c", NULL, NULL },
        { "GET", "/?", "/", "", NULL },
        { "GET", "/a?b?c=/d", "/a", "b?c=/d", NULL },
        { "GET", "//a/b", "//a/b", NULL, NULL },
        { "GET", "/%zz\xC3\xA4|\"", "/%zz\xC3\xA4|\"", NULL, NULL },
        { "GET", "/http://a/", "/http://a/", NULL, NULL },
        { "OPTIONS", "*", "*", NULL, NULL },
        { "OPTIONS", "/", "/", NULL, NULL },
        { "GET", "http://b", "/", NULL, "b" },
        { "GET", "HTTP://b:80/c?d", "/c", "d", "b:80" },
        { "GET", "hTTps://[::1]:8/", "/", NULL, "[::1]:8" },
        { "GET", "http://b?c/d", "/", "c/d", "b" },
        { "GET", "http://b?", "/", "", "b" },
        { "OPTIONS", "http://b", "*", NULL, "b" },
        { "OPTIONS", "http://b/", "/", NULL, "b" },
        { "OPTIONS", "http://b?c", "/", "c", "b" },
    };
    for (size_t i = 0; i < NST_COUNT(row); i++) {
        assert_done(form("%s %s HTTP/1.1\r\n" HOST "\r\n", row[i].method, row[i].target));
        assert_text(m.head.method, nst_str_z(row[i].method));
        assert_text(m.head.path, nst_str_z(row[i].path));
        assert_text(m.head.query, nst_str_z(row[i].query));
        assert_text(m.head.authority, nst_str_z(row[i].authority));
        assert_text(m.head.host.value,
                    nst_str_z(row[i].authority != NULL ? row[i].authority : "a"));
    }
}

static void test_target__refused(void **state)
{
    (void)state;
    static const char *const line[] = {
        "GET a",
        "GET *",
        "GET a:80",
        "GET ?a",
        "OPTIONS *?",
        "OPTIONS **",
        "GET http:/a",
        "GET http:///a",
        "GET http://",
        "GET http://?a",
        "GET http://:80/",
        "GET ftp://a/",
        "GET http://b@a/",
        "GET http://a\\b/",
        "GET https:a",
        "GET ",
        "GET /#",
        "GET /a#b",
        "GET /\x7F",
        "GET /\t",
        "OPTIONS http:// *",
        "GET  /",
        "CONNECT /",
        "CONNECT a:80",
        "CONNECT http://a/",
    };
    for (size_t i = 0; i < NST_COUNT(line); i++)
        assert_refused(form("%s HTTP/1.1\r\n" HOST "\r\n", line[i]), NST_E_MALFORMED, TARGET);
}

/* The answer is worded by the face that the path names, as far as it is known. */
static void test_target__names_the_face_of_a_refusal(void **state)
{
    (void)state;
    static const struct {
        const char *text, *path;
    } row[] = {
        { "G@T /v2/ HTTP/1.1\r\n", "/" },
        { "GET /v2/a#b HTTP/1.1\r\n", "/v2/a" },
        { "GET /v2/a?b#c HTTP/1.1\r\n", "/v2/a" },
        { "GET /v2/a HTTP/1.1 \r\n", "/v2/a" },
        { "GET /v2/a HTTP/3.0\r\n", "/v2/a" },
        { "GET http://b/v2/a HTTP/3.0\r\n", "/v2/a" },
        { "GET /v2/a HTTP/1.1\r\n\r\n", "/v2/a" },
        { "GET /v2/a HTTP/1.1\r\n" HOST "a b\r\n", "/v2/a" },
        { "OPTIONS * HTTP/1.1\r\n\r\n", "*" },
        { "GET v2/a HTTP/1.1\r\n\r\n", "/" },
    };
    for (size_t i = 0; i < NST_COUNT(row); i++) {
        read_text(nst_str_z(row[i].text));
        assert_int_equal(m.result, NST_HTTP_REFUSED);
        assert_text(m.head.path, nst_str_z(row[i].path));
    }
}

static void test_version__borders(void **state)
{
    (void)state;
    static const char *const unknown[] = { "0.9", "1.2", "1.9", "2.0", "3.0", "0.0", "9.1" };
    static const char *const bad[] = { "HTTP/1.",  "HTTP/1.1 ", "HTTP/1.10", "HTTP/11",
                                       "HTTP/1,1", "http/1.1",  "HTTP/.1",   "HTTP/x.1",
                                       "HTTP/1.x", "HTTP /1.1", "XTTP/1.1",  "HTTP/",
                                       "",         "HTTP/01.1" };
    for (size_t i = 0; i < NST_COUNT(unknown); i++)
        assert_refused(form("GET / HTTP/%s\r\n" HOST "\r\n", unknown[i]), NST_E_VERSION, NULL);
    for (size_t i = 0; i < NST_COUNT(bad); i++)
        assert_refused(form("GET / %s\r\n" HOST "\r\n", bad[i]), NST_E_MALFORMED, LINE);
    assert_refused(NST_STR("GET /\r\n" HOST "\r\n"), NST_E_MALFORMED, TARGET);
    assert_done(NST_STR("GET / HTTP/1.0\r\n\r\n"));
    assert_true(m.head.is_http_1_0);
    assert_done(NST_STR("GET / HTTP/1.1\r\n" HOST "\r\n"));
    assert_false(m.head.is_http_1_0);
}

/* ---- Limits: one less, just so, one more ---- */

static void test_limits__method(void **state)
{
    (void)state;
    for (size_t n = 31; n <= 33; n++) {
        struct nst_str text = form("%s / HTTP/1.1\r\n" HOST "\r\n", many(n, 'A'));
        if (n <= 32)
            assert_done(text);
        else
            assert_refused(text, NST_E_MALFORMED, METHOD);
    }
    assert_refused(form("%s", many(33, 'A')), NST_E_MALFORMED, METHOD);
    assert_more(form("%s", many(32, 'A')));
    assert_refused(NST_STR(" / HTTP/1.1\r\n"), NST_E_MALFORMED, METHOD);
}

static void test_limits__target(void **state)
{
    (void)state;
    limits.target_bytes = 50;
    for (size_t n = 49; n <= 51; n++) {
        struct nst_str text = form("GET /%s HTTP/1.1\r\n" HOST "\r\n", many(n - 1, 'a'));
        if (n <= 50)
            assert_done(text);
        else
            assert_refused(text, NST_E_URI_TOO_LONG, NULL);
    }
    assert_more(form("GET /%s", many(49, 'a')));
    assert_refused(form("GET /%s", many(50, 'a')), NST_E_URI_TOO_LONG, NULL);
    assert_refused(form("GET /v2/?%s#", many(50, 'a')), NST_E_URI_TOO_LONG, NULL);
    assert_text(m.head.path, NST_STR("/v2/"));
}

static void test_limits__head_bytes(void **state)
{
    (void)state;
    static const char format[] = "GET / HTTP/1.1\r\n" HOST "a: %s\r\n\r\nrest";
    size_t frame = sizeof(format) - 1 - strlen("%srest");
    limits.head_bytes = 100;
    for (size_t n = 99; n <= 101; n++) {
        struct nst_str text = form(format, many(n - frame, 'a'));
        if (n <= 100) {
            assert_done(text);
            assert_int_equal(m.used, n);
        } else {
            assert_refused(text, NST_E_HEADERS, NULL);
        }
    }
    assert_more(form("GET / HTTP/1.1\r\na: %s", many(100 - 19, 'a')));
    assert_refused(form("GET / HTTP/1.1\r\na: %s", many(101 - 19, 'a')), NST_E_HEADERS, NULL);
    assert_refused(form("%101s", ""), NST_E_MALFORMED, METHOD);
}

/* Empty lines in front belong to the head, so that nobody sends them for ever. */
static void test_limits__empty_lines(void **state)
{
    (void)state;
    limits.head_bytes = 40;
    assert_done(NST_STR("\r\n\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n"));
    assert_refused(NST_STR("\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n"),
                   NST_E_HEADERS, NULL);
}

static struct nst_str with_fields(const char *start, unsigned n)
{
    static char text[1024];
    size_t at = (size_t)snprintf(text, sizeof(text), "%s", start);
    for (unsigned i = 0; i < n; i++)
        at += (size_t)snprintf(text + at, sizeof(text) - at, "a:%u\r\n", i);
    at += (size_t)snprintf(text + at, sizeof(text) - at, "\r\n");
    return (struct nst_str){ text, at };
}

static void test_limits__fields(void **state)
{
    (void)state;
    limits.fields = 8;
    for (unsigned n = 7; n <= 9; n++) {
        struct nst_str text = with_fields("GET / HTTP/1.1\r\n" HOST, n - 1);
        if (n > 8) {
            assert_refused(text, NST_E_HEADERS, MANY);
            continue;
        }
        assert_done(text);
        assert_int_equal(m.head.fields, n);
        assert_text(m.field[n - 1].name, NST_STR("a"));
        assert_text(m.field[n - 1].value, form("%u", n - 2));
    }
}

static void test_limits__digits_of_a_size(void **state)
{
    (void)state;
    for (int n = 31; n <= 33; n++) {
        struct nst_str text = form(POST_CHUNKED "%0*d\r\na\r\n0\r\n\r\n", n, 1);
        if (n <= 32)
            assert_done(text);
        else
            assert_refused(text, NST_E_MALFORMED, "A chunk is malformed.");
    }
    /* Its digits beyond the bound make no size, in pieces or at once. */
    assert_refused(form(POST_CHUNKED "%033dFFFFFFFF\r\n", 0), NST_E_MALFORMED,
                   "A chunk is malformed.");
}

static void test_limits__size_of_a_chunk(void **state)
{
    (void)state;
    assert_more(form(POST_CHUNKED "%x\r\na", (unsigned)MESSAGE_BODY_MAX));
    assert_refused(form(POST_CHUNKED "%x\r\na", (unsigned)MESSAGE_BODY_MAX + 1), NST_E_TOO_LARGE,
                   NULL);
    assert_refused(form(POST_CHUNKED "1\r\na\r\n%x\r\na", (unsigned)MESSAGE_BODY_MAX),
                   NST_E_TOO_LARGE, NULL);
    assert_refused(NST_STR(POST_CHUNKED "FFFFFFFFFFFFFFFF\r\na"), NST_E_TOO_LARGE, NULL);
    assert_refused(NST_STR(POST_CHUNKED "10000000000000000\r\na"), NST_E_TOO_LARGE, NULL);
    assert_refused(NST_STR(POST_CHUNKED "10000000000000001\r\na"), NST_E_TOO_LARGE, NULL);
}

static void test_limits__overhead_of_chunks(void **state)
{
    (void)state;
    limits.head_bytes = 100;
    for (size_t n = 99; n <= 101; n++) { /* of it: CR, and the empty line */
        struct nst_str text = form(POST_CHUNKED "0;%s\r\n\r\n", many(n - 3, 'a'));
        if (n <= 100)
            assert_done(text);
        else
            assert_refused(text, NST_E_MALFORMED, MUCH);
    }
    assert_refused(form(POST_CHUNKED "0;%s\n", many(101, 'a')), NST_E_MALFORMED, MUCH);
    /* Of all chunks together. */
    assert_refused(form(POST_CHUNKED "1;%s\r\na\r\n1;b\r\na\r\n0\r\n\r\n", many(98, 'a')),
                   NST_E_MALFORMED, MUCH);
    assert_refused(form(POST_CHUNKED "0\r\na:%s\r\n\r\n", many(96, 'a')), NST_E_MALFORMED, MUCH);
}

static void test_limits__trailers(void **state)
{
    (void)state;
    limits.fields = 3;
    for (unsigned n = 2; n <= 4; n++) {
        struct nst_str text = with_fields(POST_CHUNKED "0\r\n", n);
        if (n > 3)
            assert_refused(text, NST_E_MALFORMED, MUCH);
        else
            assert_done(text);
        assert_int_equal(m.head.fields, 2); /* trailers are dropped */
    }
}

static void test_limits__content_length(void **state)
{
    (void)state;
    static const char *const large[] = { "65537", "18446744073709551615", "18446744073709551616",
                                         "99999999999999999999999999999999999999" };
    assert_more(
        form("POST / HTTP/1.1\r\n" HOST "Content-Length: %u\r\n\r\n", (unsigned)MESSAGE_BODY_MAX));
    for (size_t i = 0; i < NST_COUNT(large); i++)
        assert_refused(form("POST / HTTP/1.1\r\n" HOST "Content-Length: %s\r\n\r\n", large[i]),
                       NST_E_TOO_LARGE, NULL);
}

/* ---- What fields mean ---- */

static void test_host__exactly_one(void **state)
{
    (void)state;
    assert_refused(NST_STR("GET / HTTP/1.1\r\n\r\n"), NST_E_MALFORMED, ONE_HOST);
    assert_refused(NST_STR("GET / HTTP/1.1\r\n" HOST HOST "\r\n"), NST_E_MALFORMED, ONE_HOST);
    assert_refused(NST_STR("GET / HTTP/1.0\r\n" HOST "hOST: a\r\n\r\n"), NST_E_MALFORMED, ONE_HOST);
    assert_refused(NST_STR("GET http://a/ HTTP/1.1\r\n\r\n"), NST_E_MALFORMED, ONE_HOST);
    assert_refused(NST_STR("GET http://a/ HTTP/1.1\r\nHost: b c\r\n\r\n"), NST_E_MALFORMED,
                   BAD_HOST);
    assert_done(NST_STR("GET / HTTP/1.0\r\n\r\n"));
    assert_done(NST_STR("GET / HTTP/1.1\r\nHost:\r\n\r\n"));
    assert_done(NST_STR("GET / HTTP/1.1\r\nHost: \t a.b:80\t \r\n\r\n"));
    assert_text(m.head.host.value, NST_STR("a.b:80"));
}

static void test_framing__combinations(void **state)
{
    (void)state;
    static const struct {
        const char *version, *fields, *sentence;
        enum nst_http_framing framing;
        size_t body;
    } row[] = {
        { "1.1", "", NULL, NST_HTTP_NO_BODY, 0 },
        { "1.1", "Content-Length: 0\r\n", NULL, NST_HTTP_NO_BODY, 0 },
        { "1.1", "content-LENGTH:\t5 \r\n", NULL, NST_HTTP_LENGTH, 5 },
        { "1.0", "Content-Length: 0005\r\n", NULL, NST_HTTP_LENGTH, 5 },
        { "1.1", "Transfer-Encoding: chunked\r\n", NULL, NST_HTTP_CHUNKED, 2 },
        { "1.1", "TRANSFER-encoding:\t CHUNKED \r\n", NULL, NST_HTTP_CHUNKED, 2 },
        { "1.0", "Transfer-Encoding: chunked\r\n", CODING, 0, 0 },
        { "1.1", "Transfer-Encoding: gzip\r\n", CODING, 0, 0 },
        { "1.1", "Transfer-Encoding: gzip, chunked\r\n", CODING, 0, 0 },
        { "1.1", "Transfer-Encoding: chunked, chunked\r\n", CODING, 0, 0 },
        { "1.1", "Transfer-Encoding: chunked;a=b\r\n", CODING, 0, 0 },
        { "1.1", "Transfer-Encoding: chunked,\r\n", CODING, 0, 0 },
        { "1.1", "Transfer-Encoding: \"chunked\"\r\n", CODING, 0, 0 },
        { "1.1", "Transfer-Encoding: identity\r\n", CODING, 0, 0 },
        { "1.1", "Transfer-Encoding:\r\n", CODING, 0, 0 },
        { "1.1", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", TWICE, 0, 0 },
        { "1.1", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", TWICE, 0, 0 },
        { "1.1", "Content-Length: 5\r\nTransfer-Encoding: x\r\n", TWICE, 0, 0 },
        { "1.1", "Content-Length: 5\r\nContent-Length: 5\r\n", TWICE, 0, 0 },
        { "1.1", "Content-Length: 5\r\nContent-Length: 6\r\n", TWICE, 0, 0 },
        { "1.1", "Content-Length: 5, 5\r\n", LENGTH, 0, 0 },
        { "1.1", "Content-Length: +5\r\n", LENGTH, 0, 0 },
        { "1.1", "Content-Length: -5\r\n", LENGTH, 0, 0 },
        { "1.1", "Content-Length: 5 5\r\n", LENGTH, 0, 0 },
        { "1.1", "Content-Length: 0x5\r\n", LENGTH, 0, 0 },
        { "1.1", "Content-Length: 5.0\r\n", LENGTH, 0, 0 },
        { "1.1", "Content-Length: 5_0\r\n", LENGTH, 0, 0 },
        { "1.1", "Content-Length: \xB2\r\n", LENGTH, 0, 0 },
        { "1.1", "Content-Length:\r\n", LENGTH, 0, 0 },
    };
    for (size_t i = 0; i < NST_COUNT(row); i++) {
        struct nst_str text =
            form("POST / HTTP/%s\r\n" HOST "%s\r\n%s", row[i].version, row[i].fields,
                 row[i].framing == NST_HTTP_CHUNKED ? "1\r\na\r\n01;x\r\nb\r\n00\r\nT: u\r\n\r\n"
                                                    : "abcde");
        if (row[i].sentence != NULL) {
            assert_refused(text, NST_E_MALFORMED, row[i].sentence);
            continue;
        }
        assert_done(text);
        assert_int_equal(m.head.framing, row[i].framing);
        assert_int_equal(m.body_n, row[i].body);
        assert_int_equal(m.used, row[i].framing == NST_HTTP_NO_BODY ? m.head.at : text.n);
    }
}

static void test_connection__tokens(void **state)
{
    (void)state;
    static const struct {
        const char *version, *fields;
        bool keeps;
    } row[] = {
        { "1.1", "", true },
        { "1.0", "", false },
        { "1.1", "Connection: close\r\n", false },
        { "1.1", "Connection: CLOSE\r\n", false },
        { "1.1", "Connection: a, close ,b\r\n", false },
        { "1.1", "Connection: a\r\nConnection: b\r\nConnection: close\r\n", false },
        { "1.1", "Connection: closed\r\n", true },
        { "1.1", "Connection: not close\r\n", true },
        { "1.1", "Connection:\r\n", true },
        { "1.1", "Connection: keep-alive, close\r\n", false },
        { "1.0", "Connection: keep-alive\r\n", true },
        { "1.0", "Connection: a,Keep-Alive\r\n", true },
        { "1.0", "Connection: keep-alive, close\r\n", false },
        { "1.0", "Connection: close\r\nConnection: keep-alive\r\n", false },
    };
    for (size_t i = 0; i < NST_COUNT(row); i++) {
        assert_done(form("GET / HTTP/%s\r\n" HOST "%s\r\n", row[i].version, row[i].fields));
        assert_int_equal(m.head.keeps_alive, row[i].keeps);
    }
}

static void test_expect__tokens(void **state)
{
    (void)state;
    static const struct {
        const char *version, *value;
        bool expects;
    } row[] = {
        { "1.1", "100-continue", true },    { "1.1", "100-CONTINUE", true },
        { "1.0", "100-continue", false },   { "1.1", "100-continued", false },
        { "1.1", "y 100-continue", false }, { "1.1", "", false },
    };
    for (size_t i = 0; i < NST_COUNT(row); i++) {
        assert_done(
            form("GET / HTTP/%s\r\n" HOST "Expect: %s\r\n\r\n", row[i].version, row[i].value));
        assert_int_equal(m.head.expects_continue, row[i].expects);
    }
}

static void test_request_id__only_harmless_ones(void **state)
{
    (void)state;
    assert_done(NST_STR("GET / HTTP/1.1\r\n" HOST "X-Request-ID: aZ09._-\r\n\r\n"));
    assert_text(m.head.request_id.value, NST_STR("aZ09._-"));
    assert_done(NST_STR("GET / HTTP/1.1\r\n" HOST "X-Request-ID: a\"b\r\n\r\n"));
    assert_int_equal(m.head.request_id.value.n, 0);
}

static void test_fields__values_without_blanks_at_their_ends(void **state)
{
    (void)state;
    assert_done(NST_STR("GET / HTTP/1.1\r\n" HOST "a: \t b \t c \t \r\nA:\r\nb:d\r\n\r\n"));
    assert_int_equal(m.head.fields, 4);
    assert_text(m.field[1].value, NST_STR("b \t c"));
    assert_text(m.field[2].name, NST_STR("A"));
    assert_text(m.field[2].value, NST_STR(""));
    assert_text(m.field[3].value, NST_STR("d"));
}

/* ---- What is not complete ---- */

static void test_more__until_the_last_byte(void **state)
{
    (void)state;
    static const char *const text[] = {
        "GET / HTTP/1.1\r\n" HOST "\r\n",
        "\r\nOPTIONS http://b?c HTTP/1.1\r\nA:b\r\n" HOST "Content-Length: 3\r\n\r\nabc",
        POST_CHUNKED "5;a=\"b\"\r\nhello\r\n00A\r\n0123456789\r\n0;c\r\nT: u\r\nV:\r\n\r\n",
    };
    for (size_t i = 0; i < NST_COUNT(text); i++) {
        struct nst_str whole = nst_str_z(text[i]);
        for (size_t n = 0; n < whole.n; n++)
            assert_more(nst_str_slice(whole, 0, n));
        assert_done(whole);
        assert_int_equal(m.used, whole.n);
    }
    assert_memory_equal(m.body, "hello0123456789", 15);
}

/* The next request is left alone. */
static void test_done__at_its_end(void **state)
{
    (void)state;
    struct nst_str one = NST_STR(POST_CHUNKED "1\r\na\r\n0\r\n\r\n");
    assert_done(form("%.*s%s", NST_FMT(one), "\x01 anything"));
    assert_int_equal(m.used, one.n);
    assert_done(NST_STR("GET / HTTP/1.1\r\n" HOST "\r\nGET /second HTTP/9"));
    assert_text(m.head.path, NST_STR("/"));
}

/* ---- Lists ---- */

static void test_list__tokens(void **state)
{
    (void)state;
    static const struct {
        const char *list;
        bool has;
    } row[] = {
        { "gzip", true },           { "GZip", true },
        { "a, gzip ;q=0.5", true }, { "gzip;q=0", false },
        { "gzip; Q=0.00", false },  { "gzip;q=0.001", true },
        { "gzipped", false },       { "", false },
        { "a;b=gzip", false },      { ",,gzip", true },
        { "gzip;a=0", true },       { "gzip;a;q=0", false },
    };
    for (size_t i = 0; i < NST_COUNT(row); i++)
        if (nst_list_has(nst_str_z(row[i].list), "gzip") != row[i].has)
            fail_msg("%s", row[i].list);
}

#define CASE(test) cmocka_unit_test_setup(test, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_bytes__each_in_its_places),
        CASE(test_bytes__of_hosts),
        CASE(test_bytes__of_sizes),
        CASE(test_lines__end_with_cr_and_lf),
        CASE(test_target__forms),
        CASE(test_target__refused),
        CASE(test_target__names_the_face_of_a_refusal),
        CASE(test_version__borders),
        CASE(test_limits__method),
        CASE(test_limits__target),
        CASE(test_limits__head_bytes),
        CASE(test_limits__empty_lines),
        CASE(test_limits__fields),
        CASE(test_limits__digits_of_a_size),
        CASE(test_limits__size_of_a_chunk),
        CASE(test_limits__overhead_of_chunks),
        CASE(test_limits__trailers),
        CASE(test_limits__content_length),
        CASE(test_host__exactly_one),
        CASE(test_framing__combinations),
        CASE(test_connection__tokens),
        CASE(test_expect__tokens),
        CASE(test_request_id__only_harmless_ones),
        CASE(test_fields__values_without_blanks_at_their_ends),
        CASE(test_more__until_the_last_byte),
        CASE(test_done__at_its_end),
        CASE(test_list__tokens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
