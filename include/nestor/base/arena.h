/* Arenas: memory whose end is known when it begins.
 *
 * Everything that belongs to one request, one tick or one process is taken from
 * an arena and released by one call. Application code never frees. Allocation
 * never fails: hostile sizes are stopped earlier by stated limits, and when the
 * machine itself has no memory left the process logs and aborts. Under ASan the
 * unallocated part of every block is poisoned.
 *
 * Lifecycle: nst_arena_new, any number of allocations and resets,
 * nst_arena_free. Not thread-safe: an arena belongs to one thread at a time. */
#ifndef NESTOR_BASE_ARENA_H
#define NESTOR_BASE_ARENA_H

#include "nestor/base/str.h"

#include <stdarg.h>

struct nst_arena;

/* A point to return to with nst_arena_rewind. */
struct nst_mark {
    void *block, *cleanup;
    size_t used;
};

typedef void nst_cleanup(void *arg);

/* Make an arena whose first block holds `first` bytes (at least 256). */
struct nst_arena *nst_arena_new(size_t first);

/* Run the cleanups, newest first, and give all memory back. NULL is allowed. */
void nst_arena_free(struct nst_arena *a);

/* Run the cleanups, newest first, and keep only the first block, empty. */
void nst_arena_reset(struct nst_arena *a);

/* n zeroed bytes, aligned for any object; never NULL; owned by a. */
void *nst_alloc(struct nst_arena *a, size_t n);

/* As nst_alloc, without zeroing and without alignment: for text. */
char *nst_alloc_text(struct nst_arena *a, size_t n);

/* One zeroed object, or an array of n. */
#define NST_NEW(a, type)          ((type *)nst_alloc((a), sizeof(type)))
#define NST_NEW_ARRAY(a, type, n) ((type *)nst_alloc((a), sizeof(type) * (n)))

/* A copy of s owned by a; null stays null. */
struct nst_str nst_str_copy(struct nst_arena *a, struct nst_str s);

/* A NUL-terminated copy of s owned by a, for library borders. A NUL inside s
 * ends the C string early: check first where that matters. */
char *nst_str_to_z(struct nst_arena *a, struct nst_str s);

/* printf into a; owned by a. */
struct nst_str nst_strf(struct nst_arena *a, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
struct nst_str nst_vstrf(struct nst_arena *a, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

/* Call fn(arg) when a is reset or freed. */
void nst_arena_defer(struct nst_arena *a, nst_cleanup *fn, void *arg);

/* Remember the present fill; rewinding runs the cleanups registered after it,
 * newest first, and frees what came after it. */
struct nst_mark nst_arena_mark(struct nst_arena *a);
void nst_arena_rewind(struct nst_arena *a, struct nst_mark mark);

/* Bytes held from the system, for metrics and tests. */
size_t nst_arena_size(const struct nst_arena *a);

#endif
