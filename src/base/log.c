/* Lines on standard error, JSON or for people; see log.h. A line is built on the stack, small
 * enough for a pipe to take it whole, and written under a lock: only who has it knows that there is
 * room, so that nobody waits for long who writes to a pipe that is not read. */
#include "nestor/base/log.h"
#include "nestor/base/time.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define VALUE_MAX   4096              /* bytes of a text */
#define EVENT_WIDTH 15                /* on a terminal: longer ones push their items to the right */
#define PATIENCE    NST_SECOND        /* for a reader that takes nothing, */
#define IMPATIENCE  (10 * NST_SECOND) /* and how long there is none after it */

/* What is written of a line: texts have at most so many bytes, and lost all others. */
struct line {
    struct nst_buf b;
    size_t value_max, lost;
};

static _Atomic enum nst_log_level threshold = NST_LOG_INFO;
static _Atomic bool is_for_people, has_colours;

/* Of the thread, since a line may be written far below whoever knows the request: in an
 * engine of the store, or in a library's callback. */
static _Thread_local struct nst_str request_at_work;

static const char *const level_name[] = { "debug", "info", "warn", "error", "off" };

void nst_log_set_level(enum nst_log_level level)
{
    atomic_store_explicit(&threshold, level, memory_order_relaxed);
}

bool nst_log_is_on(enum nst_log_level level)
{
    return level >= atomic_load_explicit(&threshold, memory_order_relaxed);
}

void nst_log_set_text(bool is_text)
{
    atomic_store_explicit(&is_for_people, is_text, memory_order_relaxed);
}

void nst_log_set_colour(bool has_colour)
{
    atomic_store_explicit(&has_colours, has_colour, memory_order_relaxed);
}

struct nst_str nst_log_for(struct nst_str request)
{
    struct nst_str before = request_at_work;
    request_at_work = request;
    return before;
}

struct nst_str nst_log_request(void)
{
    return request_at_work;
}

bool nst_log_level_parse(enum nst_log_level *out, struct nst_str word)
{
    for (int i = NST_LOG_DEBUG; i <= NST_LOG_OFF; i++) {
        if (nst_str_eq(word, nst_str_z(level_name[i]))) {
            *out = (enum nst_log_level)i;
            return true;
        }
    }
    return false;
}

/* Quote s; control characters become \u escapes, bytes that are no UTF-8 stay
 * out so that every line is valid JSON. */
static void put_quoted(struct nst_buf *b, struct nst_str s)
{
    bool is_text = nst_utf8_valid(s);
    nst_put_char(b, '"');
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c == '"' || c == '\\') {
            nst_put_char(b, '\\');
            nst_put_char(b, (char)c);
        } else if (c < 0x20 || c == 0x7F) {
            nst_put_lit(b, "\\u");
            nst_put_hex(b, c, 4);
        } else {
            nst_put_char(b, c >= 0x80 && !is_text ? '?' : (char)c);
        }
    }
    nst_put_char(b, '"');
}

/* The text as far as it may go, up to the end of a character. */
static struct nst_str cut(struct line *l, struct nst_str s)
{
    size_t n = s.n < l->value_max ? s.n : l->value_max;
    for (unsigned back = 0; back < 3 && n > 0 && n < s.n && (s.p[n] & 0xC0) == 0x80; back++)
        n--;
    l->lost += s.n - n;
    return nst_str_slice(s, 0, n);
}

static void put_item(struct line *l, const struct nst_log_item *item)
{
    struct nst_buf *b = &l->b;
    nst_put_char(b, ',');
    put_quoted(b, nst_str_z(item->key));
    nst_put_char(b, ':');
    if (!item->is_text)
        nst_put_int(b, item->number);
    else if (item->text.p == NULL)
        nst_put_lit(b, "null");
    else
        put_quoted(b, cut(l, item->text));
}

static bool says_request(const struct nst_log_item *items)
{
    while (items->key != NULL && strcmp(items->key, "request") != 0)
        items++;
    return items->key != NULL;
}

/* What the thread works for, where the line does not say so; else all-zero. */
static struct nst_log_item request_item(const struct nst_log_item *items)
{
    bool is_needed = request_at_work.p != NULL && !says_request(items);
    return is_needed ? NST_LOG_STR("request", request_at_work) : (struct nst_log_item){ 0 };
}

static void put_json(struct line *l, enum nst_log_level level, const char *event,
                     const struct nst_log_item *items)
{
    struct nst_buf *b = &l->b;
    const struct nst_log_item request = request_item(items);
    nst_put_lit(b, "{\"time\":\"");
    nst_put_time(b, nst_now(), NST_TIME_MICRO_Z);
    nst_put_lit(b, "\",\"level\":\"");
    nst_put_z(b, level_name[level]);
    nst_put_lit(b, "\",\"event\":");
    put_quoted(b, nst_str_z(event));
    for (; items->key != NULL; items++)
        put_item(l, items);
    if (request.key != NULL)
        put_item(l, &request);
    if (l->lost > 0)
        put_item(l, &NST_LOG_INT("cut", (int64_t)l->lost));
    nst_put_char(b, '}');
}

/* What a terminal would obey stays out: only what is plain goes without quotes, and
 * between them only ASCII, all else as `?`. */
static void put_plain(struct nst_buf *b, struct nst_str s)
{
    bool is_plain = s.n > 0;
    for (size_t i = 0; i < s.n; i++)
        is_plain &= s.p[i] > ' ' && s.p[i] <= '~' && s.p[i] != '"' && s.p[i] != '\\';
    if (is_plain) {
        nst_put(b, s);
        return;
    }
    nst_put_char(b, '"');
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"' || s.p[i] == '\\')
            nst_put_char(b, '\\');
        nst_put_char(b, s.p[i] >= ' ' && s.p[i] <= '~' ? s.p[i] : '?');
    }
    nst_put_char(b, '"');
}

#define DIM   "\x1b[2m"
#define BOLD  "\x1b[1m"
#define PLAIN "\x1b[0m"

/* Of each level, so that what is wrong is found by the eye. */
static const char *const colour[] = { DIM, "\x1b[32m", "\x1b[33m", "\x1b[1;31m", "" };

static void put_coloured(struct nst_buf *b, const char *how, const char *text)
{
    bool has_colour = atomic_load_explicit(&has_colours, memory_order_relaxed);
    nst_put_z(b, has_colour ? how : "");
    nst_put_z(b, text);
    nst_put_z(b, has_colour ? PLAIN : "");
}

static void put_item_for_people(struct line *l, const struct nst_log_item *item)
{
    struct nst_buf *b = &l->b;
    nst_put_char(b, ' ');
    put_coloured(b, DIM, item->key);
    nst_put_char(b, '=');
    if (item->is_text)
        put_plain(b, item->text.p != NULL ? cut(l, item->text) : NST_STR("-"));
    else
        nst_put_int(b, item->number);
}

static void put_for_people(struct line *l, enum nst_log_level level, const char *event,
                           const struct nst_log_item *items)
{
    struct nst_buf *b = &l->b;
    const struct nst_log_item request = request_item(items);
    char time[32], word[sizeof("error")];
    struct nst_buf t = { .p = time, .cap = sizeof(time), .max = sizeof(time) };
    nst_put_time(&t, nst_now(), NST_TIME_MILLI);
    nst_put(b, nst_str_slice(nst_buf_str(&t), sizeof("2026-01-31T") - 1, t.n));
    nst_put_char(b, ' ');
    snprintf(word, sizeof(word), "%-5s", level_name[level]);
    put_coloured(b, colour[level], word);
    nst_put_char(b, ' ');
    put_coloured(b, BOLD, event);
    for (size_t n = strlen(event); n < EVENT_WIDTH; n++)
        nst_put_char(b, ' ');
    for (; items->key != NULL; items++)
        put_item_for_people(l, items);
    if (request.key != NULL)
        put_item_for_people(l, &request);
    if (l->lost > 0)
        put_item_for_people(l, &NST_LOG_INT("cut", (int64_t)l->lost));
}

/* In out, of PIPE_BUF bytes: with texts as long as they may be for all of it to fit. */
static struct nst_str line_of(char *out, enum nst_log_level level, const char *event,
                              const struct nst_log_item *items)
{
    struct line l;
    size_t value_max = VALUE_MAX;
    do {
        /* Already as large as it may become, hence never grown through an arena. */
        l = (struct line){ { .p = out, .cap = PIPE_BUF, .max = PIPE_BUF }, value_max, 0 };
        if (atomic_load_explicit(&is_for_people, memory_order_relaxed))
            put_for_people(&l, level, event, items);
        else
            put_json(&l, level, event, items);
        nst_put_char(&l.b, '\n');
        value_max /= 2;
    } while (l.b.is_full && l.value_max > 0);
    return nst_buf_str(&l.b);
}

/* ---- Writing ---- */

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

/* Of whoever has the gate: lines that could not be written and when the last one could not, and
 * whether a piece of a line has been written. */
static int64_t lost, lost_at;
static bool is_within;

/* Write all of it, if somebody takes it until then. */
static bool is_written(struct nst_str text, int64_t until)
{
    struct pollfd end = { .fd = STDERR_FILENO, .events = POLLOUT };
    while (text.n > 0) {
        int64_t left = until - nst_ticks();
        int ready = poll(&end, 1, left > 0 ? (int)(left / 1000) : 0);
        ssize_t n = ready > 0 ? write(STDERR_FILENO, text.p, text.n) : -1;
        bool may_wait = ready > 0 ? errno == EAGAIN || errno == EINTR : ready < 0;
        if (n < 0 && (!may_wait || left <= 0))
            return false;
        text = nst_str_slice(text, n > 0 ? (size_t)n : 0, text.n);
        is_within = n > 0 ? text.n > 0 : is_within;
    }
    return true;
}

/* What was lost is told before the next line that is not. Nothing joins a piece of a line. */
static bool all_is_written(struct nst_str line, int64_t until)
{
    char told[PIPE_BUF];
    if (is_within && !is_written(NST_STR("\n"), until))
        return false;
    if (lost > 0) {
        const struct nst_log_item items[] = { NST_LOG_INT("lines", lost), { 0 } };
        struct nst_str request = nst_log_for((struct nst_str){ 0 }); /* they were of any */
        struct nst_str warning = line_of(told, NST_LOG_WARN, "lines of the log were lost", items);
        nst_log_for(request);
        if (!is_written(warning, until))
            return false;
        lost = 0;
    }
    return is_written(line, until);
}

void nst_log_items(enum nst_log_level level, const char *event, const struct nst_log_item *items)
{
    char out[PIPE_BUF];
    if (!nst_log_is_on(level))
        return;
    struct nst_str line = line_of(out, level, event, items);
    pthread_mutex_lock(&gate);
    int64_t now = nst_ticks();
    bool is_patient = lost_at == 0 || now - lost_at > IMPATIENCE;
    if (!all_is_written(line, is_patient ? now + PATIENCE : now)) {
        lost++;
        lost_at = nst_ticks();
    }
    pthread_mutex_unlock(&gate);
}
