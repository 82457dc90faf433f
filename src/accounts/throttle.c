/* Guessing passwords is slowed down: after some failures for one name from one
 * address, sign-ins of that pair are refused for a while, unlooked at. The table is
 * of the process and of fixed size, so that nobody can make it grow; two pairs of
 * one place displace each other, and nobody can choose pairs that do, since the hash
 * has a secret. */
#include "internal.h"

#include <pthread.h>

#define PLACES       4096
#define FAILURES_MAX 20
#define WINDOW       (INT64_C(60) * NST_SECOND)

struct place {
    unsigned char pair[NST_SEEN_BYTES];
    unsigned failures;
    int64_t since; /* the first of them */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct place table[PLACES];

/* The place of a name and the other end's address; held by the caller's lock. */
static struct place *place_of(struct nst_req *rq, struct nst_str username)
{
    unsigned char digest[NST_SEEN_BYTES];
    uint16_t number;
    nst_seen_as(digest, 'P',
                nst_strf(rq->arena, "%.*s %.*s", NST_FMT(rq->x->peer), NST_FMT(username)));
    memcpy(&number, digest, sizeof(number));
    struct place *p = &table[number % PLACES];
    if (memcmp(p->pair, digest, sizeof(digest)) != 0 || p->since + WINDOW <= rq->now) {
        *p = (struct place){ .since = rq->now };
        memcpy(p->pair, digest, sizeof(digest));
    }
    return p;
}

enum nst_err nst_sign_in_throttle(struct nst_req *rq, struct nst_str username)
{
    pthread_mutex_lock(&lock);
    const struct place *p = place_of(rq, username);
    bool is_throttled = p->failures >= FAILURES_MAX;
    int64_t seconds = (p->since + WINDOW - rq->now) / NST_SECOND + 1;
    pthread_mutex_unlock(&lock);
    if (!is_throttled)
        return NST_OK;
    nst_http_add_header(rq->x, "Retry-After", nst_strf(rq->arena, "%lld", (long long)seconds));
    return NST_E_THROTTLED;
}

void nst_sign_in_note(struct nst_req *rq, struct nst_str username, bool is_right)
{
    pthread_mutex_lock(&lock);
    struct place *p = place_of(rq, username);
    p->failures = is_right ? 0 : p->failures + 1;
    pthread_mutex_unlock(&lock);
}
