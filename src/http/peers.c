/* How many connections there are, in all and of each address, over all loops.
 * libmicrohttpd counts too, but each daemon by itself, and the kernel spreads
 * one client's connections over the loops by chance. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

#include "nestor/base/random.h"

#define KEY_SIZE 9 /* the family and eight bytes */

struct peer {
    struct peer *next;
    unsigned count;
    unsigned char key[KEY_SIZE];
};

/* Of IPv6 the first half: the other half is the client's to choose. */
static void write_key(unsigned char key[KEY_SIZE], const struct sockaddr *a)
{
    memset(key, 0, KEY_SIZE);
    key[0] = (unsigned char)a->sa_family;
    if (a->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, a, sizeof(in));
        memcpy(key + 1, &in.sin_addr, sizeof(in.sin_addr));
    } else if (a->sa_family == AF_INET6) {
        struct sockaddr_in6 in;
        memcpy(&in, a, sizeof(in));
        memcpy(key + 1, &in.sin6_addr, KEY_SIZE - 1);
    }
}

/* Seeded, so that nobody can choose addresses that share a bucket. */
static struct peer **bucket_of(struct http_peers *p, const unsigned char key[KEY_SIZE])
{
    uint64_t hash = p->seed;
    for (int i = 0; i < KEY_SIZE; i++)
        hash = (hash ^ key[i]) * UINT64_C(0x100000001B3);
    return &p->bucket[(hash ^ (hash >> 32)) % HTTP_PEER_BUCKETS];
}

/* The link to the address's entry, or to the end of its chain. */
static struct peer **find(struct http_peers *p, const unsigned char key[KEY_SIZE])
{
    struct peer **at = bucket_of(p, key);
    while (*at != NULL && memcmp((*at)->key, key, KEY_SIZE) != 0)
        at = &(*at)->next;
    return at;
}

void nst_http_peers_init(struct http_peers *p)
{
    pthread_mutex_init(&p->lock, NULL);
    nst_random(&p->seed, sizeof(p->seed));
}

static struct peer *peer_new(const unsigned char key[KEY_SIZE])
{
    struct peer *p = calloc(1, sizeof(*p));
    if (p == NULL)
        abort();
    memcpy(p->key, key, KEY_SIZE);
    return p;
}

static bool count_address(struct nst_http *h, const struct sockaddr *a)
{
    unsigned char key[KEY_SIZE];
    write_key(key, a);
    struct peer **at = find(&h->peers, key);
    struct peer *p = *at != NULL ? *at : peer_new(key);
    *at = p;
    if (p->count >= h->options.per_address)
        return false;
    p->count++;
    return true;
}

bool nst_http_peers_enter(struct nst_http *h, const struct sockaddr *a)
{
    pthread_mutex_lock(&h->peers.lock);
    bool may_enter = h->peers.connections < h->options.connections &&
                     (h->options.per_address == 0 || count_address(h, a));
    h->peers.connections += may_enter;
    pthread_mutex_unlock(&h->peers.lock);
    return may_enter;
}

void nst_http_peers_leave(struct nst_http *h, const struct sockaddr *a)
{
    pthread_mutex_lock(&h->peers.lock);
    h->peers.connections--;
    if (h->options.per_address != 0) {
        unsigned char key[KEY_SIZE];
        write_key(key, a);
        struct peer **at = find(&h->peers, key);
        struct peer *gone = *at;
        if (gone != NULL && --gone->count == 0) {
            *at = gone->next;
            free(gone);
        }
    }
    pthread_mutex_unlock(&h->peers.lock);
}

void nst_http_peers_release(struct http_peers *p)
{
    pthread_mutex_destroy(&p->lock);
}
