/* How many connections there are, in all and of each address, over all loops: the
 * kernel spreads one client's connections over them by chance. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

#include "nestor/base/random.h"

#define KEY_SIZE 9 /* the family and eight bytes */

struct http_peer {
    struct http_peer *next;
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
static struct http_peer **bucket_of(struct http_peers *p, const unsigned char key[KEY_SIZE])
{
    uint64_t hash = p->seed;
    for (int i = 0; i < KEY_SIZE; i++)
        hash = (hash ^ key[i]) * UINT64_C(0x100000001B3);
    return &p->bucket[(hash ^ (hash >> 32)) % HTTP_PEER_BUCKETS];
}

/* The link to the address's entry, or to the end of its chain. */
static struct http_peer **find(struct http_peers *p, const unsigned char key[KEY_SIZE])
{
    struct http_peer **at = bucket_of(p, key);
    while (*at != NULL && memcmp((*at)->key, key, KEY_SIZE) != 0)
        at = &(*at)->next;
    return at;
}

void nst_http_peers_init(struct http_peers *p)
{
    pthread_mutex_init(&p->lock, NULL);
    nst_random(&p->seed, sizeof(p->seed));
}

static struct http_peer *peer_new(const unsigned char key[KEY_SIZE])
{
    struct http_peer *p = calloc(1, sizeof(*p));
    if (p == NULL)
        abort();
    memcpy(p->key, key, KEY_SIZE);
    return p;
}

/* Behind a Unix socket is one proxy, whose clients have no addresses here. */
static bool may_enter(const struct nst_http *h, const struct http_peer *p)
{
    const struct nst_http_options *o = &h->options;
    bool is_counted = o->per_address != 0 && p != NULL && p->key[0] != AF_UNIX;
    return h->peers.connections < o->connections && (!is_counted || p->count < o->per_address);
}

struct http_peer *nst_http_peers_enter(struct nst_http *h, const struct sockaddr *a)
{
    unsigned char key[KEY_SIZE];
    write_key(key, a);
    pthread_mutex_lock(&h->peers.lock);
    struct http_peer **at = find(&h->peers, key), *p = *at;
    if (!may_enter(h, p)) {
        p = NULL;
    } else {
        if (p == NULL)
            *at = p = peer_new(key);
        p->count++;
        h->peers.connections++;
    }
    pthread_mutex_unlock(&h->peers.lock);
    return p;
}

void nst_http_peers_leave(struct nst_http *h, struct http_peer *p)
{
    pthread_mutex_lock(&h->peers.lock);
    h->peers.connections--;
    if (--p->count == 0) {
        *find(&h->peers, p->key) = p->next;
        free(p);
    }
    pthread_mutex_unlock(&h->peers.lock);
}

void nst_http_peers_release(struct http_peers *p)
{
    pthread_mutex_destroy(&p->lock);
}
