/* The statement cache of one connection: a hash table by text, bounded, that
 * drops what was not used for longest. A statement in use by a cursor is never
 * shared, so two cursors of one text own two statements. */
#include "internal.h"

#include <stdlib.h>

static void *must(void *p)
{
    if (p == NULL) {
        nst_log(NST_LOG_ERROR, "out of memory", NST_LOG_STR("where", NST_STR("statement cache")));
        abort();
    }
    return p;
}

static void unlink_use(struct nst_cache *c, struct nst_stmt *s)
{
    *(s->newer != NULL ? &s->newer->older : &c->newest) = s->older;
    *(s->older != NULL ? &s->older->newer : &c->oldest) = s->newer;
}

static void link_newest(struct nst_cache *c, struct nst_stmt *s)
{
    s->newer = NULL;
    s->older = c->newest;
    *(c->newest != NULL ? &c->newest->newer : &c->oldest) = s;
    c->newest = s;
}

struct nst_stmt *nst_cache_take(struct nst_cache *c, struct nst_str key)
{
    uint64_t hash = nst_str_hash(key);
    struct nst_stmt *s = c->bucket[hash % CACHE_BUCKETS];
    while (s != NULL && (s->is_open || s->hash != hash || s->key_size != key.n ||
                         memcmp(s->key, key.p, key.n) != 0))
        s = s->chain;
    if (s == NULL)
        return NULL;
    if (s != c->newest) {
        unlink_use(c, s);
        link_newest(c, s);
    }
    s->is_open = true;
    return s;
}

void nst_cache_remove(struct nst_cache *c, struct nst_stmt *stmt)
{
    struct nst_stmt **at = &c->bucket[stmt->hash % CACHE_BUCKETS];
    while (*at != stmt)
        at = &(*at)->chain;
    *at = stmt->chain;
    unlink_use(c, stmt);
    c->count--;
    c->drop(stmt, c->arg);
    free(stmt->key);
    free(stmt);
}

void nst_cache_clear(struct nst_cache *c)
{
    while (c->newest != NULL)
        nst_cache_remove(c, c->newest);
}

static void drop_oldest(struct nst_cache *c)
{
    struct nst_stmt *s = c->oldest;
    while (s != NULL && s->is_open)
        s = s->newer;
    if (s != NULL)
        nst_cache_remove(c, s);
}

struct nst_stmt *nst_cache_add(struct nst_cache *c, struct nst_str key)
{
    if (c->count >= CACHE_STATEMENTS)
        drop_oldest(c);
    struct nst_stmt *s = must(calloc(1, sizeof(*s)));
    s->key = must(malloc(key.n + 1));
    memcpy(s->key, key.p, key.n);
    s->key_size = key.n;
    s->hash = nst_str_hash(key);
    s->is_open = true;
    s->chain = c->bucket[s->hash % CACHE_BUCKETS];
    c->bucket[s->hash % CACHE_BUCKETS] = s;
    link_newest(c, s);
    c->count++;
    return s;
}
