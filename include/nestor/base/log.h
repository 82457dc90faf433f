/* The log: one JSON object a line on standard error, or on a terminal a line to read.
 *
 * Every line has `time`, `level`, `event`; request lines add `request`. Nothing
 * that authenticates (tokens, passwords, cookies) may be passed here. Lines are
 * written whole, so that threads do not mix them; what nobody reads within a second is lost. */
#ifndef NESTOR_BASE_LOG_H
#define NESTOR_BASE_LOG_H

#include "nestor/base/str.h"

enum nst_log_level { NST_LOG_DEBUG, NST_LOG_INFO, NST_LOG_WARN, NST_LOG_ERROR, NST_LOG_OFF };

/* One member of a log line; build with NST_LOG_STR or NST_LOG_INT. */
struct nst_log_item {
    const char *key;
    struct nst_str text; /* used when is_text */
    int64_t number;
    bool is_text;
};

#define NST_LOG_STR(k, s) ((struct nst_log_item){ .key = (k), .text = (s), .is_text = true })
#define NST_LOG_INT(k, i) ((struct nst_log_item){ .key = (k), .number = (i) })

/* Lines below this level are dropped; INFO at the start. */
void nst_log_set_level(enum nst_log_level level);
bool nst_log_is_on(enum nst_log_level level);

/* Write for people, "09:00:00.123 info  listening       port=8000", instead of JSON. */
void nst_log_set_text(bool is_text);

/* With colours, as a terminal shows them; only lines for people have any. */
void nst_log_set_colour(bool has_colour);

/* From now on this thread works for that request, or for the task that it asked for: lines that
 * say no `request` themselves say this one. Null: for none. Kept by reference; call it again
 * before the text ends. Returns what was set before. */
struct nst_str nst_log_for(struct nst_str request);

/* What this thread works for; null when that is nothing. */
struct nst_str nst_log_request(void);

/* Parse "debug", "info", "warn", "error" or "off"; false for another word. */
bool nst_log_level_parse(enum nst_log_level *out, struct nst_str word);

/* Write a line with at least one item:
 * nst_log(NST_LOG_INFO, "listening", NST_LOG_INT("port", 8000)). */
#define nst_log(level, event, ...) \
    nst_log_items((level), (event), (const struct nst_log_item[]){ __VA_ARGS__, { 0 } })

/* items ends with an all-zero item. A line has at most PIPE_BUF bytes (4096), which a pipe takes
 * whole: longer texts are cut, and `cut` tells the bytes that were left out. Blocks for a second at
 * most when nobody reads standard error, and then for 10 seconds not at all: such lines are
 * lost, and the next one is led by a line that tells how many. */
void nst_log_items(enum nst_log_level level, const char *event, const struct nst_log_item *items);

#endif
