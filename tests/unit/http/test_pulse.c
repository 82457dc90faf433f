/* A loop that hangs is noticed, and one that has gone on is alive again. */
#include "nestor/http.h"

#include <netinet/in.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define LOOPS 2
#define TRIES 20000 /* of half a millisecond: only a broken server makes anybody wait */

static sem_t entered, released;

static size_t body_limit(struct nst_exchange *x)
{
    (void)x;
    return 0;
}

/* What no handler may do: keep its loop. */
static enum nst_http_next handle(struct nst_exchange *x)
{
    sem_post(&entered);
    sem_wait(&released);
    x->status = 204;
    return NST_HTTP_ANSWERED;
}

static void fail_with(struct nst_exchange *x, enum nst_err err, const char *detail)
{
    (void)err;
    (void)detail;
    x->status = 500;
}

static const struct nst_http_app app = { .body_limit = body_limit,
                                         .handle = handle,
                                         .error = fail_with };

static struct nst_http *start(void)
{
    struct nst_http *server = NULL;
    const struct nst_http_options options = { .listen = NST_STR("127.0.0.1:0"), .loops = LOOPS };
    assert_int_equal(nst_http_start(&server, &options, &app), NST_OK);
    return server;
}

/* Whether a pulse comes to be what is wanted, for loops that need a moment. */
static bool becomes(struct nst_http *server, bool wanted)
{
    for (unsigned i = 0; i < TRIES; i++) {
        if (nst_http_pulse(server) == wanted)
            return true;
        usleep(500);
    }
    return false;
}

static int ask(const struct nst_http *server)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    struct sockaddr_in a = { .sin_family = AF_INET,
                             .sin_port = htons((uint16_t)nst_http_port(server)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(write(fd, request, strlen(request)), strlen(request));
    return fd;
}

static void idle_loops_have_a_pulse(void **state)
{
    (void)state;
    struct nst_http *server = start();
    for (unsigned i = 0; i < 100; i++)
        assert_true(becomes(server, true));
    nst_http_stop(server);
}

static void a_loop_that_hangs_has_none(void **state)
{
    (void)state;
    char answer[256];
    struct nst_http *server = start();
    int fd = ask(server);
    sem_wait(&entered);
    nst_http_pulse(server); /* the question that the loop cannot answer */
    for (unsigned i = 0; i < 50; i++, usleep(500))
        assert_false(nst_http_pulse(server));
    sem_post(&released);
    assert_true(read(fd, answer, sizeof(answer)) > 0);
    assert_true(becomes(server, true));
    close(fd);
    nst_http_stop(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(idle_loops_have_a_pulse),
                                        cmocka_unit_test(a_loop_that_hangs_has_none) };
    sem_init(&entered, 0, 0);
    sem_init(&released, 0, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
