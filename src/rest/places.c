/* Places in lists that are remembered, for pages deep in them that are asked for by number.
 *
 * A list that knows its state shares its places among all threads: the state stands in their
 * keys. Those of others live in the cache of a loop, which goes when the data may have
 * changed. A database that is set back under a running server, to a time before a state that
 * was seen, can meet places of that state: docs/operations.md says to start the server again. */
#include "model.h"

#include <pthread.h>

struct nst_places {
    pthread_mutex_t lock;
    struct nst_cache *cache; /* NULL until something is remembered */
};

struct nst_places *nst_places_new(struct nst_arena *a)
{
    struct nst_places *p = NST_NEW(a, struct nst_places);
    pthread_mutex_init(&p->lock, NULL);
    return p;
}

void nst_places_free(struct nst_places *p)
{
    if (p->cache != NULL)
        nst_cache_free(p->cache);
    pthread_mutex_destroy(&p->lock);
}

bool nst_place_is_kept(const struct nst_req *rq, int64_t state)
{
    return rq->cache != NULL || (rq->places != NULL && state > 0);
}

/* What is shared may be dropped by others, hence the copy. */
struct nst_str nst_place_recall(struct nst_req *rq, int64_t state, struct nst_str key)
{
    struct nst_places *shared = state > 0 ? rq->places : NULL;
    if (shared == NULL)
        return nst_str_z(nst_cache_get(rq->cache, key));
    pthread_mutex_lock(&shared->lock);
    struct nst_str text = nst_str_z(nst_cache_get(shared->cache, key));
    if (text.p != NULL)
        text = nst_str_copy(rq->arena, text);
    pthread_mutex_unlock(&shared->lock);
    return text;
}

void nst_place_remember(struct nst_req *rq, int64_t state, struct nst_str key, struct nst_str text)
{
    struct nst_places *shared = state > 0 ? rq->places : NULL;
    const char *place = nst_str_to_z(rq->arena, text);
    if (shared == NULL) {
        nst_cache_put(rq->cache, key, place, text.n + 1);
        return;
    }
    pthread_mutex_lock(&shared->lock);
    if (shared->cache == NULL)
        shared->cache = nst_cache_new();
    else if (nst_cache_is_full(shared->cache))
        nst_cache_drop(shared->cache);
    nst_cache_put(shared->cache, key, place, text.n + 1);
    pthread_mutex_unlock(&shared->lock);
}
