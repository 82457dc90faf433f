/* Times as people say them. */
#include "cli.h"

#include "nestor/base/time.h"

#define SPAN_MAX (INT64_C(36525) * 86400 * NST_SECOND) /* a hundred years */

static const struct unit {
    char letter;
    int64_t seconds;
} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };

bool cli_span_read(int64_t *out, const char *text, int64_t max)
{
    struct nst_str given = nst_str_z(text);
    int64_t number = 0;
    *out = 0;
    if (given.n < 2 || !nst_str_int(&number, nst_str_slice(given, 0, given.n - 1)))
        return false;
    for (size_t i = 0; i < NST_COUNT(units); i++)
        if (given.p[given.n - 1] == units[i].letter && number > 0 &&
            number <= max / NST_SECOND / units[i].seconds)
            *out = number * units[i].seconds * NST_SECOND;
    return *out > 0;
}

bool cli_time_read(int64_t *out, struct nst_arena *a, const char *text, bool is_ago)
{
    int64_t span;
    if (nst_time_parse(out, nst_str_z(text)) ||
        nst_time_parse(out, nst_strf(a, "%sT00:00:00Z", text)))
        return true;
    if (!cli_span_read(&span, text, SPAN_MAX))
        return false;
    *out = is_ago ? nst_now() - span : nst_now() + span;
    return true;
}

struct nst_str cli_time_text(struct nst_arena *a, int64_t time)
{
    struct nst_buf b;
    nst_buf_init(&b, a, 64);
    nst_put_time(&b, time, NST_TIME_SECOND_Z);
    return nst_buf_str(&b);
}
