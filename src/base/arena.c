/* Arenas: a chain of blocks, newest first; see arena.h. */
#include "nestor/base/arena.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_POISON 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_POISON 1
#endif
#endif

#ifdef ARENA_POISON
#include <sanitizer/asan_interface.h>
#define POISON(p, n)   __asan_poison_memory_region((p), (n))
#define UNPOISON(p, n) __asan_unpoison_memory_region((p), (n))
#else
#define POISON(p, n)   ((void)(p), (void)(n))
#define UNPOISON(p, n) ((void)(p), (void)(n))
#endif

#define BLOCK_MIN 256
#define BLOCK_MAX ((size_t)1 << 20) /* growth doubles up to here */
#define ALIGN     16

struct block {
    struct block *older;
    size_t used, size;
    _Alignas(ALIGN) char data[];
};

struct cleanup {
    struct cleanup *older;
    nst_cleanup *fn;
    void *arg;
};

struct nst_arena {
    struct block *newest;
    struct cleanup *cleanup;
    size_t total;
};

static struct block *block_new(size_t size, struct block *older)
{
    struct block *b = malloc(sizeof(*b) + size);
    if (b == NULL) {
        static const char message[] = "nestor: out of memory\n";
        fwrite(message, 1, sizeof(message) - 1, stderr);
        abort();
    }
    b->older = older;
    b->used = 0;
    b->size = size;
#ifdef ARENA_POISON
    memset(b->data, 0xA5, size); /* what was not allocated must not look like zero */
#endif
    POISON(b->data, size);
    return b;
}

static void block_free(struct block *b)
{
    UNPOISON(b->data, b->size);
    free(b);
}

struct nst_arena *nst_arena_new(size_t first)
{
    if (first < BLOCK_MIN)
        first = BLOCK_MIN;
    struct block *b = block_new(first, NULL);
    struct nst_arena *a = calloc(1, sizeof(*a));
    if (a == NULL)
        abort();
    a->newest = b;
    a->total = first;
    return a;
}

static void run_cleanups(struct nst_arena *a, const struct cleanup *keep)
{
    while (a->cleanup != keep) {
        struct cleanup *c = a->cleanup;
        a->cleanup = c->older;
        c->fn(c->arg);
    }
}

void nst_arena_free(struct nst_arena *a)
{
    if (a == NULL)
        return;
    run_cleanups(a, NULL);
    while (a->newest != NULL) {
        struct block *b = a->newest;
        a->newest = b->older;
        block_free(b);
    }
    free(a);
}

static void drop_until(struct nst_arena *a, const struct block *keep)
{
    while (a->newest != keep && a->newest->older != NULL) {
        struct block *b = a->newest;
        a->newest = b->older;
        a->total -= b->size;
        block_free(b);
    }
}

void nst_arena_reset(struct nst_arena *a)
{
    run_cleanups(a, NULL);
    drop_until(a, NULL);
    a->newest->used = 0;
    POISON(a->newest->data, a->newest->size);
}

static void *take(struct nst_arena *a, size_t n, size_t align)
{
    struct block *b = a->newest;
    size_t at = (b->used + align - 1) & ~(align - 1);
    if (at > b->size || b->size - at < n) {
        size_t size = b->size < BLOCK_MAX ? b->size * 2 : BLOCK_MAX;
        if (n > size)
            size = n;
        b = a->newest = block_new(size, b);
        a->total += size;
        at = 0;
    }
    b->used = at + n;
    UNPOISON(b->data + at, n);
    return b->data + at;
}

void *nst_alloc(struct nst_arena *a, size_t n)
{
    void *p = take(a, n, ALIGN);
    return memset(p, 0, n);
}

char *nst_alloc_text(struct nst_arena *a, size_t n)
{
    return take(a, n, 1);
}

struct nst_str nst_str_copy(struct nst_arena *a, struct nst_str s)
{
    if (s.p == NULL)
        return s;
    char *copy = nst_alloc_text(a, s.n + 1);
    if (s.n > 0)
        memcpy(copy, s.p, s.n);
    copy[s.n] = '\0';
    return (struct nst_str){ copy, s.n };
}

char *nst_str_to_z(struct nst_arena *a, struct nst_str s)
{
    char *copy = nst_alloc_text(a, s.n + 1);
    if (s.n > 0)
        memcpy(copy, s.p, s.n);
    copy[s.n] = '\0';
    return copy;
}

struct nst_str nst_strf(struct nst_arena *a, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct nst_str text = nst_vstrf(a, format, args);
    va_end(args);
    return text;
}

struct nst_str nst_vstrf(struct nst_arena *a, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    char some[128]; /* most are shorter */
    int n = vsnprintf(some, sizeof(some), format, args);
    if (n < 0)
        abort();
    char *text = nst_alloc_text(a, (size_t)n + 1);
    if ((size_t)n < sizeof(some))
        memcpy(text, some, (size_t)n + 1);
    else
        vsnprintf(text, (size_t)n + 1, format, again);
    va_end(again);
    return (struct nst_str){ text, (size_t)n };
}

void nst_arena_defer(struct nst_arena *a, nst_cleanup *fn, void *arg)
{
    struct cleanup *c = NST_NEW(a, struct cleanup);
    *c = (struct cleanup){ a->cleanup, fn, arg };
    a->cleanup = c;
}

struct nst_mark nst_arena_mark(struct nst_arena *a)
{
    return (struct nst_mark){ a->newest, a->cleanup, a->newest->used };
}

void nst_arena_rewind(struct nst_arena *a, struct nst_mark mark)
{
    run_cleanups(a, mark.cleanup);
    drop_until(a, mark.block);
    struct block *b = a->newest;
    b->used = mark.used;
    POISON(b->data + b->used, b->size - b->used);
}

size_t nst_arena_size(const struct nst_arena *a)
{
    return a->total;
}
