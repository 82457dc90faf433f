/* Fuzzes the server through a socket: an input is what a client sends before a
 * last request that asks for the end of the connection. In it, the byte 0xFF
 * stands for the administrator's token. Every answer has a status line that is no
 * failure of the server's own, and the connection ends. */
#include "fuzz.h"
#include "nestor/base/time.h"
#include "site.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Ends what the input left unfinished, unless that was a body. */
#define LAST "\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

#define ANSWER_MAX (1 << 20)
#define PATIENCE   20 /* seconds; only a hanging server makes anybody wait so long */

static struct nst_server *server;

static void stop(void)
{
    nst_server_stop(server);
}

static void start(void)
{
    const struct fuzz_site *site = fuzz_site();
    const struct nst_server_options options = {
        .http = { .listen = NST_STR("127.0.0.1:0"),
                  .loops = 1,
                  .request_seconds = 1,
                  .idle_seconds = 1 },
        .root = GUIDE,
        .store = site->store,
        .registry = site->registry,
    };
    if (nst_server_start(&server, &options) != NST_OK)
        abort();
    atexit(stop);
}

/* X83: on a busy machine ports, descriptors or room in the queue may be short for a moment. */
static int dial(void)
{
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)nst_server_port(server)),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int64_t give_up = nst_ticks() + PATIENCE * NST_SECOND;
    while (nst_ticks() < give_up) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
            return fd;
        if (fd >= 0)
            close(fd);
        usleep(10000);
    }
    abort();
}

static void prepare(int fd)
{
    struct timeval patience = { .tv_sec = PATIENCE };
    struct linger reset = { .l_onoff = 1 };
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    /* Thousands of connections a second would use up the ports in TIME_WAIT. */
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
}

/* Sends all that the server takes, then reads to the end. */
static struct nst_str talk(struct nst_arena *a, struct nst_str request)
{
    int fd = dial();
    prepare(fd);
    char *answer = nst_alloc_text(a, ANSWER_MAX);
    size_t n = 0;
    ssize_t got = 1;
    for (size_t sent = 0; sent < request.n && got > 0; sent += (size_t)got)
        got = send(fd, request.p + sent, request.n - sent, MSG_NOSIGNAL);
    shutdown(fd, SHUT_WR);
    while (n < ANSWER_MAX && (got = recv(fd, answer + n, ANSWER_MAX - n, 0)) > 0)
        n += (size_t)got;
    if (got < 0 && errno == EAGAIN)
        abort();
    close(fd);
    return (struct nst_str){ answer, n };
}

static void check(struct nst_str answer)
{
    static const char start_of_line[] = "HTTP/1.";
    if (answer.n == 0)
        return;
    if (answer.n < 12 || memcmp(answer.p, start_of_line, sizeof(start_of_line) - 1) != 0)
        abort();
    bool is_version_refused = memcmp(answer.p + 9, "505", 3) == 0;
    if (answer.p[9] < '1' || (answer.p[9] > '4' && !is_version_refused))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (server == NULL)
        start();
    struct nst_arena *a = nst_arena_new(65536);
    struct nst_buf request;
    nst_buf_init(&request, a, size * NST_TOKEN_CHARS + sizeof(LAST));
    for (size_t i = 0; i < size; i++) {
        if (data[i] == 0xFF)
            nst_put(&request, fuzz_site()->token);
        else
            nst_put_char(&request, (char)data[i]);
    }
    nst_put_lit(&request, LAST);
    check(talk(a, nst_buf_str(&request)));
    nst_arena_free(a);
    return 0;
}
