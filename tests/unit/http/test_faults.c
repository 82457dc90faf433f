/* The n-th system call that meets the network fails, for every n that a script of
 * exchanges reaches. What passes by itself (a short call, EINTR, EAGAIN) leaves
 * every answer as it was, byte for byte; what is the end of a connection ends that one
 * alone, without a wrong byte. Never does the loop spin; ASan sees what is left over. */
#include "app.h"
#include "http/internal.h"

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define ANSWER_MAX 65536
#define TIMES_MAX  2000 /* calls of one kind in one run of the script, at most */
#define PATIENCE   20   /* seconds; only a broken server makes anybody wait so long */

/* ---- Calls that fail ---- */

enum call { CALL_READ, CALL_WRITEV, CALL_SENDFILE, CALL_ACCEPT, CALL_EPOLL, CALLS };

#define SHORT (-1) /* in the place of an error: no more than one byte, or one event */

static struct {
    enum call call;
    int error;          /* SHORT or an errno */
    long at;            /* the call of that kind that fails; 0: none */
    atomic_long count;  /* of that kind so far */
    atomic_long rounds; /* calls of epoll_wait */
    atomic_bool has_struck;
    atomic_bool is_random; /* any call is short or fails, by chance */
    unsigned long chance;  /* the loop's, while it runs */
} fault;

static unsigned long draw(unsigned long n)
{
    fault.chance ^= fault.chance << 13;
    fault.chance ^= fault.chance >> 7;
    fault.chance ^= fault.chance << 17;
    return fault.chance % n;
}

static int random_fault(void)
{
    static const int what[] = { SHORT, SHORT, EINTR, EAGAIN, 0, 0 };
    return what[draw(NST_COUNT(what))];
}

/* 0, SHORT, or the errno with which this call fails. */
static int strikes(enum call call)
{
    if (call == CALL_EPOLL)
        atomic_fetch_add(&fault.rounds, 1);
    if (atomic_load(&fault.is_random))
        return random_fault();
    if (fault.at == 0 || call != fault.call || atomic_fetch_add(&fault.count, 1) + 1 != fault.at)
        return 0;
    atomic_store(&fault.has_struck, true);
    return fault.error;
}

static ssize_t faulty_read(int fd, void *to, size_t n)
{
    int struck = strikes(CALL_READ);
    if (struck > 0)
        return errno = struck, -1;
    return read(fd, to, struck == SHORT && n > 1 ? 1 : n);
}

static ssize_t faulty_writev(int fd, const struct iovec *part, int count)
{
    int struck = strikes(CALL_WRITEV);
    if (struck > 0)
        return errno = struck, -1;
    struct iovec one = { part->iov_base, 1 };
    return struck == SHORT ? writev(fd, &one, 1) : writev(fd, part, count);
}

static ssize_t faulty_sendfile(int out, int in, off_t *at, size_t n)
{
    int struck = strikes(CALL_SENDFILE);
    if (struck > 0)
        return errno = struck, -1;
    return sendfile(out, in, at, struck == SHORT ? 1 : n);
}

static int faulty_accept(int fd, struct sockaddr *a, socklen_t *n, int flags)
{
    int struck = strikes(CALL_ACCEPT);
    if (struck > 0)
        return errno = struck, -1;
    return accept4(fd, a, n, flags);
}

static int faulty_epoll(int epoll, struct epoll_event *event, int max, int milliseconds)
{
    int struck = strikes(CALL_EPOLL);
    if (struck > 0)
        return errno = EINTR, -1;
    return epoll_wait(epoll, event, struck == SHORT ? 1 : max, milliseconds);
}

static void arm(enum call call, int error, long at)
{
    fault.call = call;
    fault.error = error;
    fault.at = at;
    atomic_store(&fault.count, 0);
    atomic_store(&fault.has_struck, false);
}

/* ---- The script ---- */

#define HOST  " HTTP/1.1\r\nHost: a\r\nX-Request-Id: id\r\n"
#define CLOSE "Connection: close\r\n\r\n"
#define MORE  "\r\n"

/* What the client sends, the last part when what came before ends with `until`; then
 * it reads to the end. */
static const struct {
    const char *send, *until, *then;
} script[] = {
    { "GET /" HOST CLOSE },
    { "GET /" HOST MORE, "hello", "GET /json?3000" HOST "Accept-Encoding: gzip\r\n" CLOSE },
    { "POST /echo" HOST "Content-Length: 6\r\n\r\nabc", NULL, "def" },
    { "POST /echo" HOST "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n01234", NULL,
      "56789\r\n0\r\nT: x\r\n\r\n" },
    { "POST /echo" HOST "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n", "Continue\r\n\r\n",
      "abc" },
    { "GET /" HOST MORE "GET /later" HOST MORE "GET /nothing" HOST MORE "HEAD /" HOST MORE
      "GET /stream?3x10" HOST MORE "POST /echo" HOST
      "Content-Length: 3\r\n\r\nabcGET /page" HOST CLOSE },
    { "GET /stream?4x1000" HOST CLOSE },
    { "GET /stream/later?4x1000" HOST CLOSE },
    { "GET /counted?4x1000" HOST MORE "GET /counted/later?3x9" HOST CLOSE },
    { "HEAD /stream?4x1000" HOST MORE "GET /file" HOST "Range: bytes=5-90\r\n" CLOSE },
    { "GET /file" HOST MORE "GET /file" HOST "Range: bytes=999999-\r\n" CLOSE },
    { "GET /later" HOST CLOSE },
    { "GET /stream/later?3x20 HTTP/1.0\r\nX-Request-Id: id\r\n\r\n" },
    { "GET /json?40000" HOST "If-None-Match: \"tag\"\r\n" MORE "GET /json?40000" HOST CLOSE },
    { "GET / HTTP/1.1\r\nHost : a\r\nX-Request-Id: id\r\n\r\n" },
};

struct answers {
    char text[NST_COUNT(script)][ANSWER_MAX];
    size_t n[NST_COUNT(script)];
};

static struct answers expected, found;
static unsigned port;

static int dial(void)
{
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct timeval patience = { .tv_sec = PATIENCE };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    return fd;
}

static void say(int fd, const char *text)
{
    (void)!send(fd, text, strlen(text), MSG_NOSIGNAL);
}

/* False at the end of the connection, however it came. */
static bool hear(int fd, struct answers *a, size_t i)
{
    ssize_t n = recv(fd, a->text[i] + a->n[i], ANSWER_MAX - a->n[i], 0);
    if (n < 0 && errno == EAGAIN)
        fail_msg("exchange %zu: no answer, no end; call %d, error %d, the %ldth", i,
                 (int)fault.call, fault.error, fault.at);
    if (n > 0)
        a->n[i] += (size_t)n;
    return n > 0;
}

static bool ends_with(const struct answers *a, size_t i, const char *end)
{
    size_t n = strlen(end);
    return a->n[i] >= n && memcmp(a->text[i] + a->n[i] - n, end, n) == 0;
}

/* What differs from run to run: the date, and the ids of requests that were refused
 * before theirs was taken. */
static void hide(char *text, size_t n, const char *name)
{
    char *end = text + n, *at = text;
    while ((at = memmem(at, (size_t)(end - at), name, strlen(name))) != NULL)
        for (at += strlen(name); at < end && *at != '\r'; at++)
            *at = '-';
}

/* Who has said all may be sent an interim answer, depending on who was faster; it may break
 * off, too, where it differs from any other. */
static void drop_interim(char *text, size_t *n)
{
    static const char interim[] = "HTTP/1.1 100 Continue\r\n\r\n", start[] = "HTTP/1.1 1";
    char *at;
    while ((at = memmem(text, *n, start, strlen(start))) != NULL) {
        size_t behind = *n - (size_t)(at - text);
        size_t gone = behind < strlen(interim) ? behind : strlen(interim);
        memmove(at, at + gone, behind - gone);
        *n -= gone;
    }
}

static void run_script(struct answers *a)
{
    int fd[NST_COUNT(script)];
    memset(a->n, 0, sizeof(a->n));
    for (size_t i = 0; i < NST_COUNT(script); i++) {
        fd[i] = dial();
        say(fd[i], script[i].send);
    }
    for (size_t i = 0; i < NST_COUNT(script); i++) {
        bool is_open = true;
        while (is_open && script[i].until != NULL && !ends_with(a, i, script[i].until))
            is_open = hear(fd[i], a, i);
        if (script[i].then != NULL)
            say(fd[i], script[i].then);
        shutdown(fd[i], SHUT_WR);
        while (is_open)
            is_open = hear(fd[i], a, i);
        close(fd[i]);
        drop_interim(a->text[i], &a->n[i]);
        hide(a->text[i], a->n[i], "\r\nDate: ");
        hide(a->text[i], a->n[i], "\r\nX-Request-Id: ");
    }
}

/* How many answers are not whole; none has a wrong byte. */
static unsigned compare(void)
{
    unsigned parts = 0;
    for (size_t i = 0; i < NST_COUNT(script); i++) {
        parts += found.n[i] != expected.n[i];
        if (found.n[i] > expected.n[i] || memcmp(found.text[i], expected.text[i], found.n[i]) != 0)
            fail_msg("exchange %zu: %zu bytes, not %zu: %.*s", i, found.n[i], expected.n[i],
                     (int)found.n[i], found.text[i]);
    }
    return parts;
}

/* ---- The server ---- */

static char file[] = "/tmp/nestor-test-faults-XXXXXX";

static struct nst_http *start(void)
{
    const struct nst_http_options o = { .listen = NST_STR("127.0.0.1:0"),
                                        .loops = 1,
                                        .proxies = NST_STR("127.0.0.1") };
    struct nst_http *h;
    assert_int_equal(nst_http_start(&h, &o, &app), NST_OK);
    app_work_start();
    port = nst_http_port(h);
    return h;
}

static void stop(struct nst_http *h)
{
    nst_http_stop(h);
    app_work_end();
}

static int prepare(void **state)
{
    (void)state;
    char byte[2000];
    for (size_t i = 0; i < sizeof(byte); i++)
        byte[i] = (char)('a' + i % 26);
    int fd = mkstemp(file);
    if (fd < 0 || write(fd, byte, sizeof(byte)) != sizeof(byte) || close(fd) != 0)
        return -1;
    app_file = file;
    nst_http_calls = (struct nst_http_calls){ faulty_read, faulty_writev, faulty_sendfile,
                                              faulty_accept, faulty_epoll };
    struct nst_http *h = start();
    run_script(&expected);
    stop(h);
    return 0;
}

static int clean(void **state)
{
    (void)state;
    return unlink(file);
}

/* While nothing happens, nothing is to be done. */
static void check_rest(long rounds_of_run)
{
    assert_true(rounds_of_run < 500);
    long before = atomic_load(&fault.rounds);
    usleep(1000);
    assert_in_range(atomic_load(&fault.rounds) - before, 0, 4);
}

/* Fail each call of a kind in turn; at most `parts` answers may lack something. */
static void each_call(enum call call, int error, unsigned parts, long last)
{
    struct nst_http *h = start();
    bool has_struck = true;
    long n;
    for (n = 1; has_struck && n < last; n++) {
        arm(call, error, n);
        atomic_store(&fault.rounds, 0);
        run_script(&found);
        assert_in_range(compare(), 0, parts);
        check_rest(atomic_load(&fault.rounds));
        has_struck = atomic_load(&fault.has_struck);
    }
    assert_true(n > 2);
    assert_true(!has_struck || last < TIMES_MAX);
    fault.at = 0;
    stop(h);
}

/* ---- Tests ---- */

static void test_faults__what_passes_changes_no_answer(void **state)
{
    static const int error[] = { SHORT, EINTR, EAGAIN };
    (void)state;
    for (enum call call = CALL_READ; call <= CALL_SENDFILE; call++)
        for (size_t i = 0; i < NST_COUNT(error); i++)
            each_call(call, error[i], 0, TIMES_MAX);
    each_call(CALL_EPOLL, EINTR, 0, TIMES_MAX);
    each_call(CALL_EPOLL, SHORT, 0, TIMES_MAX);
}

static void test_faults__what_ends_a_connection_ends_no_other(void **state)
{
    static const int error[] = { ECONNRESET, EPIPE };
    (void)state;
    for (enum call call = CALL_READ; call <= CALL_SENDFILE; call++)
        for (size_t i = 0; i < NST_COUNT(error); i++)
            each_call(call, error[i], 1, TIMES_MAX);
}

static void test_faults__who_waits_is_accepted_after_all(void **state)
{
    static const int error[] = { EINTR, EAGAIN, ECONNABORTED, EPROTO };
    (void)state;
    for (size_t i = 0; i < NST_COUNT(error); i++)
        each_call(CALL_ACCEPT, error[i], 0, TIMES_MAX);
}

/* X12: each costs the pause of a second, hence only some. */
static void test_faults__listening_pauses_without_files(void **state)
{
    static const int error[] = { EMFILE, ENFILE, ENOBUFS, ENOMEM };
    (void)state;
    for (size_t i = 0; i < NST_COUNT(error); i++)
        each_call(CALL_ACCEPT, error[i], 0, 3);
}

static void test_faults__all_calls_at_random(void **state)
{
    (void)state;
    for (unsigned long seed = 1; seed <= 40; seed++) {
        fault.chance = seed * 0x9E3779B97F4A7C15;
        struct nst_http *h = start();
        atomic_store(&fault.is_random, true);
        run_script(&found);
        atomic_store(&fault.is_random, false);
        stop(h);
        assert_int_equal(compare(), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_faults__what_passes_changes_no_answer),
        cmocka_unit_test(test_faults__what_ends_a_connection_ends_no_other),
        cmocka_unit_test(test_faults__who_waits_is_accepted_after_all),
        cmocka_unit_test(test_faults__listening_pauses_without_files),
        cmocka_unit_test(test_faults__all_calls_at_random),
    };
    return cmocka_run_group_tests(tests, prepare, clean);
}
