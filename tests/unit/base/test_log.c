/* The log: lines that a pipe takes whole, whoever reads it, and however full a disk is. Each test
 * has a standard error of its own. */
#include "nestor/base/log.h"
#include "nestor/base/time.h"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#define EVENT    "request"
#define LINES    40
#define TEXT_MAX (1 << 20)

static char text[TEXT_MAX];
static int before = -1;

static void write_to(int fd)
{
    before = dup(STDERR_FILENO);
    assert_int_equal(dup2(fd, STDERR_FILENO), STDERR_FILENO);
}

static void write_as_before(void)
{
    dup2(before, STDERR_FILENO);
    close(before);
}

/* What a line of these items is. */
static struct nst_str line_of(struct nst_str path, struct nst_str agent)
{
    int end[2];
    assert_int_equal(pipe(end), 0);
    write_to(end[1]);
    nst_log(NST_LOG_INFO, EVENT, NST_LOG_STR("path", path), NST_LOG_INT("status", 200),
            NST_LOG_STR("agent", agent));
    write_as_before();
    close(end[1]);
    ssize_t n = read(end[0], text, sizeof(text) - 1);
    close(end[0]);
    assert_true(n > 0);
    text[n] = '\0';
    return (struct nst_str){ text, (size_t)n };
}

static struct nst_str repeat(const char *piece, size_t count)
{
    static char made[65536];
    size_t n = strlen(piece);
    assert_true(n * count <= sizeof(made));
    for (size_t i = 0; i < count; i++)
        memcpy(made + i * n, piece, n);
    return (struct nst_str){ made, n * count };
}

static void lines_fit_into_a_pipe_and_say_what_is_cut(void **state)
{
    static const char *const piece[] = { "a",        "\"",           "\x01",
                                         "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x8C\x8D",
                                         "\xFF" };
    (void)state;
    for (int is_text = 0; is_text < 2; is_text++) {
        nst_log_set_text(is_text != 0);
        for (size_t i = 0; i < NST_COUNT(piece); i++) {
            for (size_t count = 300; count <= 9600; count *= 2) {
                struct nst_str value = repeat(piece[i], count), line = line_of(value, value);
                assert_true(line.n <= PIPE_BUF);
                assert_int_equal(line.p[line.n - 1], '\n');
                const char *cut = strstr(line.p, is_text != 0 ? " cut=" : ",\"cut\":");
                size_t whole = strlen(EVENT) + 2 * value.n;
                if (whole > PIPE_BUF)
                    assert_non_null(cut);
                if (6 * whole < PIPE_BUF)
                    assert_null(cut);
                assert_non_null(strstr(line.p, is_text != 0 ? "status=200" : "\"status\":200"));
                /* No character is halved, which would make all of them unreadable. */
                assert_true(nst_utf8_valid(line));
                if (is_text == 0 && nst_utf8_valid(value) && (unsigned char)piece[i][0] > 0x7F)
                    assert_null(strchr(line.p, '?'));
            }
        }
    }
    nst_log_set_text(false);
}

static void the_bytes_that_are_cut_are_counted(void **state)
{
    (void)state;
    struct nst_str line = line_of(repeat("a", 9000), NST_STR("b"));
    const char *cut = strstr(line.p, ",\"cut\":");
    assert_non_null(cut);
    size_t shown = strspn(strstr(line.p, "aaa"), "a");
    assert_int_equal(shown + strtoul(cut + strlen(",\"cut\":"), NULL, 10), 9000);
}

static void for_people_a_value_cannot_end_itself(void **state)
{
    (void)state;
    nst_log_set_text(true);
    struct nst_str line = line_of(NST_STR("/a\" status=500 x=\"\\"), NST_STR("-"));
    nst_log_set_text(false);
    assert_non_null(strstr(line.p, " path=\"/a\\\" status=500 x=\\\"\\\\\" status=200 "));
}

/* Fill the pipe: the number of lines that nobody took. */
static void log_some(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        nst_log(NST_LOG_INFO, EVENT, NST_LOG_STR("path", repeat("a", 1000)));
}

static unsigned count_of(const char *word)
{
    unsigned n = 0;
    for (const char *at = text; (at = strstr(at, word)) != NULL; at++)
        n++;
    return n;
}

static void lines_that_nobody_reads_are_lost_and_counted(int flags)
{
    int end[2];
    assert_int_equal(pipe(end), 0);
    assert_int_equal(fcntl(end[1], F_SETPIPE_SZ, 16384), 16384);
    assert_int_equal(fcntl(end[1], F_SETFL, flags), 0);
    write_to(end[1]);
    log_some(LINES); /* would never end */
    ssize_t n = read(end[0], text, sizeof(text) - 1);
    assert_true(n > 0);
    nst_log_for(NST_STR("later"));
    log_some(1);
    nst_log_for((struct nst_str){ 0 });
    write_as_before();
    close(end[1]);
    ssize_t more = read(end[0], text + n, sizeof(text) - 1 - (size_t)n);
    close(end[0]);
    assert_true(more > 0);
    text[n + more] = '\0';
    const char *lost = strstr(text, "\"lines\":");
    assert_non_null(lost);
    assert_int_equal(count_of("\"event\":\"" EVENT "\"") +
                         strtoul(lost + strlen("\"lines\":"), NULL, 10),
                     LINES + 1);
    assert_int_equal(count_of("later"), 1); /* what was lost was of others */
    assert_int_equal(count_of("\n"), count_of("\"event\":\"" EVENT "\"") + 1);
}

static void a_pipe_that_nobody_reads_stops_nothing(void **state)
{
    (void)state;
    lines_that_nobody_reads_are_lost_and_counted(0);
    lines_that_nobody_reads_are_lost_and_counted(O_NONBLOCK);
}

static void a_full_disk_joins_no_lines(void **state)
{
    (void)state;
    char path[] = "/tmp/nestor-log-XXXXXX";
    int fd = mkstemp(path);
    struct rlimit limit = { 0 }, low;
    assert_true(fd >= 0 && unlink(path) == 0 && getrlimit(RLIMIT_FSIZE, &limit) == 0);
    low = limit;
    low.rlim_cur = 2500; /* in the middle of the third line */
    signal(SIGXFSZ, SIG_IGN);
    write_to(fd);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
    log_some(4);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    log_some(1);
    write_as_before();
    ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
    close(fd);
    assert_true(n > 2500);
    text[n] = '\0';
    /* Two lines, a piece of one, what was lost, and the last. */
    assert_int_equal(count_of("\n"), 5);
    assert_int_equal(count_of("\n{"), 4);
    assert_non_null(strstr(text, "\"lines\":2}\n{"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_fit_into_a_pipe_and_say_what_is_cut),
        cmocka_unit_test(the_bytes_that_are_cut_are_counted),
        cmocka_unit_test(for_people_a_value_cannot_end_itself),
        cmocka_unit_test(a_pipe_that_nobody_reads_stops_nothing),
        cmocka_unit_test(a_full_disk_joins_no_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
