/* A small cache. Each event loop has one: tokens already verified, tags of documents and the
 * documents that are asked for again, true as long as the data has not changed; the loop drops
 * it when a tick begins on changed data.
 * The server has one for places in lists (places.c), whose keys say for which data they hold.
 * A fixed number of slots, newest wins; keys are compared whole, so that a collision can
 * only cost a miss. Nobody waits here: what is shared is locked by its owner. */
#include "model.h"

#define SETS      4096              /* a power of two */
#define WAYS      4                 /* keys of one hash that fit side by side */
#define BYTES_MAX ((size_t)8 << 20) /* then everything is dropped */

struct slot {
    uint64_t hash, generation;
    struct nst_str key;
    const void *value;
};

struct nst_cache {
    struct nst_arena *home, *arena; /* of the cache itself, and of what it holds */
    struct slot slot[SETS][WAYS];
    uint64_t generation;           /* of the slots that count; the others are empty */
    unsigned turn;                 /* which way is pushed out next */
    bool is_empty, is_over;        /* over: takes nothing until it is dropped */
    struct nst_cache_tally *tally; /* NULL: nobody wants to know */
};

struct nst_cache *nst_cache_new(void)
{
    struct nst_arena *home = nst_arena_new(sizeof(struct nst_cache));
    struct nst_cache *c = NST_NEW(home, struct nst_cache);
    c->home = home;
    c->arena = nst_arena_new(16384);
    c->generation = 1;
    c->is_empty = true;
    return c;
}

void nst_cache_free(struct nst_cache *c)
{
    nst_arena_free(c->arena);
    nst_arena_free(c->home);
}

void nst_cache_drop(struct nst_cache *c)
{
    if (c->is_empty)
        return;
    c->generation++;
    nst_arena_reset(c->arena);
    c->is_empty = true;
    c->is_over = false;
}

bool nst_cache_is_full(const struct nst_cache *c)
{
    return c->is_over;
}

static struct slot *find(struct nst_cache *c, struct nst_str key, uint64_t hash)
{
    struct slot *set = c->slot[hash & (SETS - 1)];
    for (unsigned i = 0; i < WAYS; i++)
        if (set[i].hash == hash && set[i].generation == c->generation &&
            nst_str_eq(set[i].key, key))
            return &set[i];
    return NULL;
}

static struct slot *room_for(struct nst_cache *c, struct nst_str key, uint64_t hash)
{
    struct slot *set = c->slot[hash & (SETS - 1)], *same = find(c, key, hash);
    if (same != NULL)
        return same;
    for (unsigned i = 0; i < WAYS; i++)
        if (set[i].generation != c->generation)
            return &set[i];
    return &set[c->turn++ % WAYS];
}

void nst_cache_put(struct nst_cache *c, struct nst_str key, const void *value, size_t size)
{
    if (c == NULL || c->is_over || key.p == NULL)
        return;
    uint64_t hash = nst_str_hash(key);
    struct slot *s = room_for(c, key, hash);
    s->hash = hash;
    s->generation = c->generation;
    s->key = nst_str_copy(c->arena, key);
    s->value = memcpy(nst_alloc(c->arena, size + 1), value, size);
    c->is_empty = false;
    c->is_over = nst_arena_size(c->arena) > BYTES_MAX;
}

const void *nst_cache_get(struct nst_cache *c, struct nst_str key)
{
    if (c == NULL || key.p == NULL)
        return NULL;
    const struct slot *s = find(c, key, nst_str_hash(key));
    if (c->tally != NULL)
        nst_count_own(s != NULL ? &c->tally->hits : &c->tally->misses, 1);
    return s != NULL ? s->value : NULL;
}

void nst_cache_count_in(struct nst_cache *c, struct nst_cache_tally *tally)
{
    c->tally = tally;
}

void nst_cache_put_row(struct nst_cache *c, struct nst_str key, const struct nst_model *m,
                       const void *row)
{
    if (c == NULL || c->is_over || key.p == NULL)
        return;
    void *copy = nst_row_copy(c->arena, m->resource, row);
    nst_keep_texts(c->arena, m, &m->core, copy);
    nst_cache_put(c, key, &copy, sizeof(copy));
}

void *nst_cache_row(struct nst_cache *c, struct nst_str key)
{
    void *const *row = nst_cache_get(c, key);
    return row != NULL ? *row : NULL;
}
