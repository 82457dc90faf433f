/* Clocks and ISO 8601; see time.h. Calendar arithmetic works on days since
 * 1970 in 400-year eras, after the civil-day formulas in general use. */
#include "nestor/base/time.h"

#include <stdio.h>
#include <time.h>

#define DAY (86400 * NST_SECOND)

static int64_t read_clock(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * NST_SECOND + t.tv_nsec / 1000;
}

int64_t nst_now(void)
{
    return read_clock(CLOCK_REALTIME);
}

int64_t nst_ticks(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

void nst_cond_init(pthread_cond_t *c)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(c, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

struct timespec nst_in_time(int64_t time)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(time / NST_SECOND);
    until.tv_nsec += (long)(time % NST_SECOND * 1000);
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    return until;
}

struct civil {
    int64_t year;
    int month, day;
};

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static struct civil civil_from_days(int64_t days)
{
    days += 719468;
    int64_t era = floor_div(days, 146097);
    int64_t doe = days - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    int month = (int)(mp < 10 ? mp + 3 : mp - 9);
    return (struct civil){ yoe + era * 400 + (month <= 2), month,
                           (int)(doy - (153 * mp + 2) / 5 + 1) };
}

static int64_t days_from_civil(struct civil c)
{
    int64_t year = c.year - (c.month <= 2);
    int64_t era = floor_div(year, 400);
    int64_t yoe = year - era * 400;
    int64_t doy = (153 * (c.month + (c.month > 2 ? -3 : 9)) + 2) / 5 + c.day - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static void put_padded(struct nst_buf *b, int64_t n, int width)
{
    char digits[8];
    for (int i = width; i > 0; i--) {
        digits[i - 1] = (char)('0' + n % 10);
        n /= 10;
    }
    nst_put(b, (struct nst_str){ digits, (size_t)width });
}

static void put_clock(struct nst_buf *b, int64_t seconds)
{
    put_padded(b, seconds / 3600, 2);
    nst_put_char(b, ':');
    put_padded(b, seconds / 60 % 60, 2);
    nst_put_char(b, ':');
    put_padded(b, seconds % 60, 2);
}

void nst_put_time(struct nst_buf *b, int64_t t, enum nst_time_style style)
{
    int64_t days = floor_div(t, DAY);
    int64_t rest = t - days * DAY;
    struct civil c = civil_from_days(days);
    put_padded(b, c.year, 4);
    nst_put_char(b, '-');
    put_padded(b, c.month, 2);
    nst_put_char(b, '-');
    put_padded(b, c.day, 2);
    nst_put_char(b, 'T');
    put_clock(b, rest / NST_SECOND);
    if (style != NST_TIME_SECOND_Z) {
        nst_put_char(b, '.');
        if (style == NST_TIME_MILLI)
            put_padded(b, rest % NST_SECOND / 1000, 3);
        else
            put_padded(b, rest % NST_SECOND, 6);
    }
    if (style != NST_TIME_MILLI)
        nst_put_char(b, 'Z');
}

void nst_put_http_date(struct nst_buf *b, int64_t t)
{
    static const char day[7][4] = { "Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed" };
    static const char month[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
    int64_t days = floor_div(t, DAY);
    struct civil c = civil_from_days(days);
    nst_putf(b, "%s, %02d %s %04d ", day[(days % 7 + 7) % 7], c.day, month[c.month - 1],
             (int)c.year);
    put_clock(b, (t - days * DAY) / NST_SECOND);
    nst_put_lit(b, " GMT");
}

/* Read `width` digits of s at *at, within [low, high]; moves *at behind them. */
static bool digits(int64_t *out, struct nst_str s, size_t *at, int width, const int range[2])
{
    int64_t value = 0;
    for (int i = 0; i < width; i++, ++*at) {
        if (*at >= s.n || s.p[*at] < '0' || s.p[*at] > '9')
            return false;
        value = value * 10 + (s.p[*at] - '0');
    }
    *out = value;
    return value >= range[0] && value <= range[1];
}

static bool expect(struct nst_str s, size_t *at, const char *one_of)
{
    if (*at >= s.n || s.p[*at] == '\0' || strchr(one_of, s.p[*at]) == NULL)
        return false;
    ++*at;
    return true;
}

static int month_length(struct civil c)
{
    static const int length[12] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = (c.year % 4 == 0 && c.year % 100 != 0) || c.year % 400 == 0;
    return length[c.month - 1] + (c.month == 2 && leap);
}

static int64_t fraction(struct nst_str s, size_t *at)
{
    int64_t micros = 0, unit = 100000;
    for (; *at < s.n && s.p[*at] >= '0' && s.p[*at] <= '9'; ++*at, unit /= 10)
        micros += (s.p[*at] - '0') * unit;
    return micros;
}

/* The offset of the zone at the end of s, in seconds. */
static bool zone(int64_t *offset, struct nst_str s, size_t *at)
{
    *offset = 0;
    if (expect(s, at, "Zz"))
        return *at == s.n;
    bool west = *at < s.n && s.p[*at] == '-';
    int64_t hours, minutes;
    if (!expect(s, at, "+-") || !digits(&hours, s, at, 2, (int[]){ 0, 23 }) ||
        !expect(s, at, ":") || !digits(&minutes, s, at, 2, (int[]){ 0, 59 }))
        return false;
    *offset = (hours * 3600 + minutes * 60) * (west ? -1 : 1);
    return *at == s.n;
}

bool nst_time_parse(int64_t *out, struct nst_str s)
{
    size_t at = 0;
    int64_t year, month, day, hour, minute, second, offset, micros = 0;
    if (!digits(&year, s, &at, 4, (int[]){ 0, 9999 }) || !expect(s, &at, "-") ||
        !digits(&month, s, &at, 2, (int[]){ 1, 12 }) || !expect(s, &at, "-") ||
        !digits(&day, s, &at, 2, (int[]){ 1, 31 }) || !expect(s, &at, "Tt ") ||
        !digits(&hour, s, &at, 2, (int[]){ 0, 23 }) || !expect(s, &at, ":") ||
        !digits(&minute, s, &at, 2, (int[]){ 0, 59 }) || !expect(s, &at, ":") ||
        !digits(&second, s, &at, 2, (int[]){ 0, 60 }))
        return false;
    struct civil c = { year, (int)month, (int)day };
    if (c.day > month_length(c))
        return false;
    if (at < s.n && s.p[at] == '.') {
        size_t start = ++at;
        micros = fraction(s, &at);
        if (at == start)
            return false;
    }
    if (!zone(&offset, s, &at))
        return false;
    int64_t t = days_from_civil(c) * DAY +
                (hour * 3600 + minute * 60 + second - offset) * NST_SECOND + micros;
    /* What the zone moves out of the years of four digits cannot be printed. */
    if (t < days_from_civil((struct civil){ 0, 1, 1 }) * DAY ||
        t >= days_from_civil((struct civil){ 10000, 1, 1 }) * DAY)
        return false;
    *out = t;
    return true;
}

#define DATE_ONLY   ((size_t)10) /* 2026-01-01 */
#define TO_MINUTES  ((size_t)16) /* 2026-01-01T00:00 */
#define QUERY_BYTES 64

/* Append a part, or refuse what is too long for a time. */
static bool append(char *out, size_t *n, struct nst_str part)
{
    if (part.n >= QUERY_BYTES - *n)
        return false;
    memcpy(out + *n, part.p, part.n);
    *n += part.n;
    return true;
}

/* The zone as RFC 3339 has it. */
static bool append_zone(char *out, size_t *n, struct nst_str zone)
{
    if (zone.n == 0)
        return append(out, n, NST_STR("Z"));
    if (zone.p[0] == 'Z' || zone.p[0] == 'z')
        return append(out, n, zone);
    struct nst_str hours = nst_str_slice(zone, 1, 3), minutes = nst_str_slice(zone, 3, zone.n);
    if (minutes.n > 0 && minutes.p[0] == ':')
        minutes = nst_str_slice(minutes, 1, minutes.n);
    return append(out, n, zone.p[0] == '-' ? NST_STR("-") : NST_STR("+")) &&
           append(out, n, hours) && append(out, n, NST_STR(":")) &&
           append(out, n, zone.n == 3 ? NST_STR("00") : minutes);
}

/* `Sun, 17 Nov 2013 00:00:00 GMT`. The day of the week is taken as it is. */
static bool parse_http_date(int64_t *out, struct nst_str s)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    char text[QUERY_BYTES];
    if (s.n != sizeof("Sun, 17 Nov 2013 00:00:00 GMT") - 1 || memcmp(s.p + 3, ", ", 2) != 0 ||
        s.p[7] != ' ' || s.p[11] != ' ' || s.p[16] != ' ' || memcmp(s.p + 25, " GMT", 4) != 0)
        return false;
    const char *name = memmem(names, sizeof(names) - 1, s.p + 8, 3);
    if (name == NULL || (name - names) % 3 != 0)
        return false;
    int n = snprintf(text, sizeof(text), "%.4s-%02d-%.2sT%.8sZ", s.p + 12,
                     (int)(name - names) / 3 + 1, s.p + 5, s.p + 17);
    return nst_time_parse(out, (struct nst_str){ text, (size_t)n });
}

bool nst_time_parse_query(int64_t *out, struct nst_str s)
{
    char text[QUERY_BYTES];
    size_t n = 0, end = TO_MINUTES;
    s = nst_str_trim(s);
    if (nst_str_ends(s, NST_STR("GMT")))
        return parse_http_date(out, s);
    while (end < s.n && strchr("Zz+- ", s.p[end]) == NULL)
        end++;
    bool has_clock = s.n > DATE_ONLY, has_seconds = end > TO_MINUTES;
    if (!append(text, &n, nst_str_slice(s, 0, end < s.n ? end : s.n)) ||
        (!has_clock && !append(text, &n, NST_STR("T00:00:00"))) ||
        (has_clock && !has_seconds && !append(text, &n, NST_STR(":00"))) ||
        !append_zone(text, &n, nst_str_slice(s, end, s.n)))
        return false;
    return nst_time_parse(out, (struct nst_str){ text, n });
}
