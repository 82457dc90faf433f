/* Lines on standard error, JSON or for people; see log.h. A line is built on the stack
 * and written by one call, so that the log needs no lock and no memory. */
#include "nestor/base/log.h"
#include "nestor/base/time.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES 65536
#define EVENT_WIDTH    15 /* on a terminal: longer ones push their items to the right */

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

static void put_item(struct nst_buf *b, const struct nst_log_item *item)
{
    nst_put_char(b, ',');
    put_quoted(b, nst_str_z(item->key));
    nst_put_char(b, ':');
    if (!item->is_text)
        nst_put_int(b, item->number);
    else if (item->text.p == NULL)
        nst_put_lit(b, "null");
    else
        put_quoted(b, nst_str_slice(item->text, 0, 4096));
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

static void put_json(struct nst_buf *b, enum nst_log_level level, const char *event,
                     const struct nst_log_item *items)
{
    const struct nst_log_item request = request_item(items);
    nst_put_lit(b, "{\"time\":\"");
    nst_put_time(b, nst_now(), NST_TIME_MICRO_Z);
    nst_put_lit(b, "\",\"level\":\"");
    nst_put_z(b, level_name[level]);
    nst_put_lit(b, "\",\"event\":");
    put_quoted(b, nst_str_z(event));
    for (; items->key != NULL && !b->is_full; items++)
        put_item(b, items);
    if (request.key != NULL)
        put_item(b, &request);
    b->p[b->n++] = '}';
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
    for (size_t i = 0; i < s.n; i++)
        nst_put_char(b, s.p[i] >= ' ' && s.p[i] <= '~' ? s.p[i] : '?');
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

static void put_item_for_people(struct nst_buf *b, const struct nst_log_item *item)
{
    nst_put_char(b, ' ');
    put_coloured(b, DIM, item->key);
    nst_put_char(b, '=');
    if (item->is_text)
        put_plain(b, item->text.p != NULL ? nst_str_slice(item->text, 0, 4096) : NST_STR("-"));
    else
        nst_put_int(b, item->number);
}

static void put_for_people(struct nst_buf *b, enum nst_log_level level, const char *event,
                           const struct nst_log_item *items)
{
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
    for (; items->key != NULL && !b->is_full; items++)
        put_item_for_people(b, items);
    if (request.key != NULL)
        put_item_for_people(b, &request);
}

void nst_log_items(enum nst_log_level level, const char *event, const struct nst_log_item *items)
{
    if (!nst_log_is_on(level))
        return;
    char line[LINE_MAX_BYTES];
    /* Already as large as it may become, hence never grown through an arena. */
    struct nst_buf b = { .p = line, .cap = sizeof(line) - 2, .max = sizeof(line) - 2 };
    if (atomic_load_explicit(&is_for_people, memory_order_relaxed))
        put_for_people(&b, level, event, items);
    else
        put_json(&b, level, event, items);
    b.p[b.n++] = '\n';
    for (size_t done = 0; done < b.n;) {
        ssize_t n = write(STDERR_FILENO, b.p + done, b.n - done);
        if (n <= 0)
            break;
        done += (size_t)n;
    }
}
