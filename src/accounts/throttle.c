/* Guessing is slowed down: after some attempts under one name from one address, further
 * ones are refused for a while, unlooked at. An attempt counts from its beginning, so
 * that many at once are no way round, until one turns out right. The table is of the
 * process and of fixed size, so that nobody can make it grow; two pairs of one place
 * displace each other, and nobody can choose pairs that do, since the hash has a
 * secret. Time is that of a clock that nobody sets. */
#include "internal.h"

#include <arpa/inet.h>
#include <pthread.h>

#define PLACES       4096
#define ATTEMPTS_MAX 20
#define WINDOW       (INT64_C(60) * NST_SECOND)
#define NETWORK      8 /* bytes of an IPv6 address that are not of the host */

struct place {
    unsigned char pair[NST_SEEN_BYTES];
    unsigned attempts;
    int64_t since; /* the first of them, in ticks */
};

/* Of both kinds of attempt. */
static struct nst_counter begun[2], right[2], throttled[2];

static unsigned place_of_kind(enum nst_attempt kind)
{
    return kind == NST_ATTEMPT_USER ? 0 : 1;
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct place table[PLACES];

/* The other end, as far as it cannot choose: of an IPv6 address the first half, unless an IPv4
 * address is in the other. */
static struct nst_str other_end(struct nst_req *rq)
{
    struct in6_addr six;
    if (inet_pton(AF_INET6, nst_str_to_z(rq->arena, rq->x->peer), &six) != 1 ||
        IN6_IS_ADDR_V4MAPPED(&six))
        return rq->x->peer;
    memset(six.s6_addr + NETWORK, 0, sizeof(six) - NETWORK);
    char *text = nst_alloc_text(rq->arena, INET6_ADDRSTRLEN);
    inet_ntop(AF_INET6, &six, text, INET6_ADDRSTRLEN);
    return nst_str_z(text);
}

/* The place of a name and the other end's address; held by the caller's lock. */
static struct place *place_of(struct nst_req *rq, enum nst_attempt kind, struct nst_str name)
{
    unsigned char digest[NST_SEEN_BYTES];
    uint16_t number;
    int64_t now = nst_ticks();
    nst_seen_as(digest, (char)kind,
                nst_strf(rq->arena, "%.*s %.*s", NST_FMT(other_end(rq)), NST_FMT(name)));
    memcpy(&number, digest, sizeof(number));
    struct place *p = &table[number % PLACES];
    if (memcmp(p->pair, digest, sizeof(digest)) != 0 || p->since + WINDOW <= now) {
        *p = (struct place){ .since = now };
        memcpy(p->pair, digest, sizeof(digest));
    }
    return p;
}

enum nst_err nst_attempt_begin(struct nst_req *rq, enum nst_attempt kind, struct nst_str name)
{
    pthread_mutex_lock(&lock);
    struct place *p = place_of(rq, kind, name);
    bool is_throttled = p->attempts >= ATTEMPTS_MAX;
    int64_t seconds = (p->since + WINDOW - nst_ticks()) / NST_SECOND + 1;
    p->attempts += !is_throttled;
    pthread_mutex_unlock(&lock);
    nst_count(&(is_throttled ? throttled : begun)[place_of_kind(kind)], 1);
    if (!is_throttled)
        return NST_OK;
    nst_http_add_header(rq->x, "Retry-After", nst_strf(rq->arena, "%lld", (long long)seconds));
    return NST_E_THROTTLED;
}

void nst_attempt_was_right(struct nst_req *rq, enum nst_attempt kind, struct nst_str name)
{
    pthread_mutex_lock(&lock);
    place_of(rq, kind, name)->attempts = 0;
    pthread_mutex_unlock(&lock);
    nst_count(&right[place_of_kind(kind)], 1);
}

/* ---- Metrics ---- */

static const struct nst_metric family[] = {
    { "nestor_sign_in_attempts_total", NST_COUNTER, .label = { "of" },
      .help = "Passwords of users and secrets of clients that were looked at." },
    { "nestor_sign_in_successes_total", NST_COUNTER, .label = { "of" },
      .help = "Of these, those that were right; the others were refused." },
    { "nestor_sign_in_throttled_total", NST_COUNTER, .label = { "of" },
      .help = "Attempts that were refused unlooked at, after too many in a minute (429)." },
};

static void tell(struct nst_buf *out)
{
    static const struct nst_str of[] = { NST_STR_INIT("user"), NST_STR_INIT("client") };
    const struct nst_counter *const counter[] = { begun, right, throttled };
    for (unsigned i = 0; i < NST_COUNT(family); i++) {
        nst_metric_begin(out, &family[i]);
        for (unsigned k = 0; k < NST_COUNT(of); k++)
            nst_metric_put(out, &family[i], &of[k], nst_counted(&counter[i][k]));
    }
}

const struct nst_metric_source nst_accounts_metrics = { .tell = tell };
