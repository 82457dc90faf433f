/* How many connections there are, in all and of each address, over all loops: the
 * kernel spreads one client's connections over them by chance. */
#include "internal.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#define KEY_SIZE 9 /* the family and eight bytes */

struct http_peer {
    unsigned char key[KEY_SIZE]; /* first: the tree compares it */
    unsigned count;
};

/* Of IPv6 the first half: the other half is the client's to choose. A socket for both
 * families maps the addresses of the old one. */
static void write_key(unsigned char key[KEY_SIZE], const struct sockaddr *a)
{
    const struct in6_addr *six = &((const struct sockaddr_in6 *)(const void *)a)->sin6_addr;
    bool is_mapped = a->sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(six);
    memset(key, 0, KEY_SIZE);
    key[0] = is_mapped ? AF_INET : (unsigned char)a->sa_family;
    if (a->sa_family == AF_INET)
        memcpy(key + 1, (const char *)a + offsetof(struct sockaddr_in, sin_addr), 4);
    else if (a->sa_family == AF_INET6)
        memcpy(key + 1, six->s6_addr + (is_mapped ? 12 : 0), is_mapped ? 4 : KEY_SIZE - 1);
}

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, KEY_SIZE);
}

/* A proxy has the connections of all its clients. */
static bool may_enter(const struct nst_http *h, const struct http_peer *p, const struct sockaddr *a)
{
    const struct nst_http_options *o = &h->options;
    bool is_limited =
        o->per_address != 0 && a->sa_family != AF_UNIX && !nst_http_trusts(h->trust, a);
    return h->connections < o->connections && (!is_limited || p->count < o->per_address);
}

struct http_peer *nst_http_peers_enter(struct nst_http *h, const struct sockaddr *a)
{
    struct http_peer *new = calloc(1, sizeof(*new)), *p = NULL;
    if (new == NULL)
        abort();
    write_key(new->key, a);
    pthread_mutex_lock(&h->peers_lock);
    struct http_peer **at = tsearch(new, &h->peers, compare);
    if (at == NULL)
        abort();
    if (may_enter(h, *at, a)) {
        p = *at;
        p->count++;
        h->connections++;
    }
    if (p == NULL && *at == new)
        tdelete(new, &h->peers, compare);
    if (p != new)
        free(new);
    pthread_mutex_unlock(&h->peers_lock);
    return p;
}

void nst_http_peers_leave(struct nst_http *h, struct http_peer *p)
{
    pthread_mutex_lock(&h->peers_lock);
    h->connections--;
    if (--p->count == 0) {
        tdelete(p, &h->peers, compare);
        free(p);
    }
    pthread_mutex_unlock(&h->peers_lock);
}
