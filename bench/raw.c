/* The floor of any HTTP server on this machine: one thread, one epoll, and a
 * prepared answer of 300 bytes for whatever ends with an empty line; `/stream` gets 10 MB.
 * It parses nothing and checks nothing; bench/engine compares its cost with ours.
 *
 *   bench-raw    prints its port, serves 127.0.0.1 until it is killed */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_BYTES  300
#define REQUEST_BYTES 4096
#define EVENTS        64
#define PIECE_BYTES   65536
#define PIECES        160 /* 10 MB */

static char answer[ANSWER_BYTES];

static void require(int is_good, const char *what)
{
    if (is_good)
        return;
    perror(what);
    exit(1);
}

static void make_answer(void)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 260\r\n\r\n";
    _Static_assert(sizeof(head) - 1 + 260 == ANSWER_BYTES, "the head counts, too");
    memcpy(answer, head, sizeof(head) - 1);
    memset(answer + sizeof(head) - 1, 'x', 260);
}

static int open_listener(void)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t n = sizeof(a);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    require(fd >= 0, "socket");
    require(bind(fd, (struct sockaddr *)&a, n) == 0, "bind");
    require(listen(fd, 1024) == 0, "listen");
    require(getsockname(fd, (struct sockaddr *)&a, &n) == 0, "getsockname");
    printf("%u\n", ntohs(a.sin_port));
    fflush(stdout);
    return fd;
}

static void watch(int epoll, int fd)
{
    struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };
    require(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0, "epoll_ctl");
}

static void accept_all(int epoll, int listener)
{
    int fd, on = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        watch(epoll, fd);
    }
}

/* The kernel's own limit: sent while nobody else is served. */
static void stream(int fd)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 10485760\r\n\r\n";
    static char piece[PIECE_BYTES];
    require(fcntl(fd, F_SETFL, 0) == 0, "fcntl");
    int is_good = send(fd, head, sizeof(head) - 1, MSG_NOSIGNAL | MSG_MORE) > 0;
    for (int i = 0; is_good && i < PIECES; i++)
        is_good = send(fd, piece, PIECE_BYTES, MSG_NOSIGNAL) == PIECE_BYTES;
    require(fcntl(fd, F_SETFL, O_NONBLOCK) == 0, "fcntl");
    if (!is_good)
        close(fd);
}

/* wrk sends a small request whole and waits for its answer: one read is one request. */
static void serve(int fd)
{
    char request[REQUEST_BYTES];
    ssize_t n = recv(fd, request, sizeof(request), 0);
    if (n <= 0) {
        close(fd);
        return;
    }
    if (n >= 11 && memcmp(request, "GET /stream", 11) == 0)
        stream(fd);
    else if (n >= 4 && memcmp(request + n - 4, "\r\n\r\n", 4) == 0 &&
             send(fd, answer, ANSWER_BYTES, MSG_NOSIGNAL) != ANSWER_BYTES)
        close(fd);
}

int main(void)
{
    struct epoll_event event[EVENTS];
    make_answer();
    int listener = open_listener(), epoll = epoll_create1(EPOLL_CLOEXEC);
    require(epoll >= 0, "epoll_create1");
    watch(epoll, listener);
    for (;;) {
        int n = epoll_wait(epoll, event, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            if (event[i].data.fd == listener)
                accept_all(epoll, listener);
            else
                serve(event[i].data.fd);
        }
    }
}
