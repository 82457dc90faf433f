/* In which order the concepts of an export become lines: the oldest first, but parents before
 * their children, however far away they stand. What that takes is 25 bytes a concept, in a file
 * beside that is mapped: pages that the system may write out and take away. */
#include "internal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>

/* Parents of one concept that are looked at: each costs a reading of its row. */
#define PARENTS_MAX 64

struct entry {
    uint64_t hash, row;
};

enum state { UNSEEN, OPEN, DONE };

struct ocl_lines_order {
    uint64_t count, next; /* rows; the next one to begin with, counted from the oldest */
    void *map;
    size_t bytes;
    struct entry *entry; /* by their hashes */
    uint64_t *stack;     /* rows on the way up */
    uint64_t depth;
    unsigned char *state;
};

uint64_t ocl_lines_concept_hash(struct nst_arena *a, const struct nst_json *id)
{
    bool is_name = id != NULL && (id->kind == NST_JSON_STRING || id->kind == NST_JSON_NUMBER);
    return is_name ? nst_str_hash(nst_percent_decode(a, id->text, false)) : 0;
}

/* Of the concept at an address; only its code counts: what lies elsewhere changes no order. */
static uint64_t hash_of_url(struct nst_arena *a, const struct nst_json *url)
{
    static const char mark[] = "/concepts/";
    struct nst_json id = *url;
    const char *found = url->kind == NST_JSON_STRING
                            ? memmem(url->text.p, url->text.n, mark, sizeof(mark) - 1)
                            : NULL;
    if (found == NULL)
        return 0;
    size_t from = (size_t)(found - url->text.p) + sizeof(mark) - 1;
    struct nst_str rest = nst_str_slice(url->text, from, url->text.n);
    id.text = nst_str_slice(rest, 0, nst_str_find(rest, '/'));
    return ocl_lines_concept_hash(a, &id);
}

static int compare(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

struct ocl_lines_order *ocl_lines_order_new(struct nst_arena *a, int fd, uint64_t count)
{
    struct ocl_lines_order *o = NST_NEW(a, struct ocl_lines_order);
    o->count = count;
    o->bytes = (size_t)count * (sizeof(struct entry) + sizeof(uint64_t) + 1);
    if (posix_fallocate(fd, 0, (off_t)o->bytes) !=
        0) /* a page without room would end the process */
        return NULL;
    o->map = mmap(NULL, o->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (o->map == MAP_FAILED)
        return NULL;
    o->entry = o->map;
    o->stack = (uint64_t *)(void *)(o->entry + count);
    o->state = (unsigned char *)(o->stack + count);
    return o;
}

void ocl_lines_order_set(struct ocl_lines_order *o, uint64_t row, uint64_t hash)
{
    o->entry[row] = (struct entry){ hash, row };
}

void ocl_lines_order_begin(struct ocl_lines_order *o, bool is_first)
{
    if (is_first)
        qsort(o->entry, (size_t)o->count, sizeof(*o->entry), compare);
    memset(o->state, UNSEEN, (size_t)o->count);
    o->next = o->depth = 0;
}

static void push(struct ocl_lines_order *o, uint64_t row)
{
    o->state[row] = OPEN;
    o->stack[o->depth++] = row;
}

bool ocl_lines_order_top(uint64_t *row, struct ocl_lines_order *o)
{
    while (o->depth == 0 && o->next < o->count) {
        uint64_t oldest = o->count - 1 - o->next++;
        if (o->state[oldest] == UNSEEN)
            push(o, oldest);
    }
    if (o->depth > 0)
        *row = o->stack[o->depth - 1];
    return o->depth > 0;
}

/* The row with that hash; count: there is none. */
static uint64_t find(const struct ocl_lines_order *o, uint64_t hash)
{
    uint64_t low = 0, high = o->count;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (o->entry[middle].hash < hash)
            low = middle + 1;
        else
            high = middle;
    }
    return low < o->count && o->entry[low].hash == hash ? o->entry[low].row : o->count;
}

bool ocl_lines_order_take(struct ocl_lines_order *o, struct nst_arena *a,
                          const struct nst_json *concept)
{
    const struct nst_json *list = nst_json_get(concept, NST_STR("parent_concept_urls"));
    const struct nst_json *url = list != NULL ? list->first : NULL;
    for (size_t i = 0; url != NULL && i < PARENTS_MAX; i++, url = url->next) {
        uint64_t row = find(o, hash_of_url(a, url));
        if (row == o->count || o->state[row] != UNSEEN)
            continue;
        push(o, row);
        return false;
    }
    o->state[o->stack[--o->depth]] = DONE;
    return true;
}

void ocl_lines_order_free(struct ocl_lines_order *o)
{
    if (o != NULL)
        munmap(o->map, o->bytes);
}
