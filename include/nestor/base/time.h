/* Time: UTC microseconds since 1970 as int64_t, passed as a parameter.
 *
 * No local zones. Text is ISO 8601; how precise and with which suffix is the
 * face's choice. */
#ifndef NESTOR_BASE_TIME_H
#define NESTOR_BASE_TIME_H

#include "nestor/base/buf.h"

#include <pthread.h>
#include <time.h>

#define NST_SECOND INT64_C(1000000)

enum nst_time_style {
    NST_TIME_MICRO_Z,  /* 2013-11-17T16:21:16.303000Z */
    NST_TIME_MILLI,    /* 2013-11-17T16:21:16.303 (G95: no zone suffix) */
    NST_TIME_SECOND_Z, /* 2013-11-17T16:21:16Z */
};

/* Now, in microseconds. */
int64_t nst_now(void);

/* A clock that never goes back, in microseconds; only differences mean anything. */
int64_t nst_ticks(void);

/* A condition that is waited for on that clock, and a moment `time` microseconds from now on it,
 * for pthread_cond_timedwait. */
void nst_cond_init(pthread_cond_t *c);
struct timespec nst_in_time(int64_t time);

/* Append time t (years 0 to 9999) in the given style. */
void nst_put_time(struct nst_buf *b, int64_t t, enum nst_time_style style);

/* Append t as an HTTP date (RFC 9110, 5.6.7). */
void nst_put_http_date(struct nst_buf *b, int64_t t);

/* Parse RFC 3339 with zone (`Z` or `+hh:mm`), fraction optional; digits past the
 * sixth are cut. Returns false, out unset, for anything else, and for what is before the
 * year 0 or after 9999 in UTC: it could not be printed. */
bool nst_time_parse(int64_t *out, struct nst_str s);

/* As clients write a time into an address: the same, or a date alone, without seconds or
 * without zone (UTC), `+hhmm`, and a blank where the `+` of the zone was; or as the header Date
 * has it (RFC 9110, 5.6.7, IMF-fixdate). */
bool nst_time_parse_query(int64_t *out, struct nst_str s);

#endif
