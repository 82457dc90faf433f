/* Prints checksums for tests/blackbox/checksum_test.py: a line `KIND SCOPE JSON` in, a line
 * `DIGITS TEXT` out; KIND `-` takes the value as it is. With a number as argument each is
 * computed so many times, and the time of one goes to standard error. */
#include "ocl/checksum/checksum.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Microseconds that both checksums of v take. */
static double measure(struct nst_arena *a, const struct ocl_checksum_kind *kind,
                      const struct nst_json *v, long times)
{
    double start = now();
    for (long i = 0; i < times; i++) {
        struct nst_mark mark = nst_arena_mark(a);
        ocl_checksums(a, kind, v);
        nst_arena_rewind(a, mark);
    }
    return (now() - start) / (double)times * 1e6;
}

static void answer(struct nst_arena *a, struct nst_str line, long times)
{
    struct nst_str word = nst_str_cut(&line, ' '), scope_word = nst_str_cut(&line, ' ');
    const struct ocl_checksum_kind *kind = ocl_checksum_kind(word);
    enum ocl_checksum_scope scope =
        nst_str_eq(scope_word, NST_STR("smart")) ? OCL_SMART : OCL_STANDARD;
    struct nst_json *v;
    if (nst_json_read(&v, NULL, a, line, NULL) != NST_OK) {
        puts("malformed");
        return;
    }
    printf("%.*s %.*s\n", NST_FMT(ocl_checksum(a, kind, scope, v)),
           NST_FMT(ocl_checksum_text(a, kind, scope, v)));
    if (times > 0)
        fprintf(stderr, "%.2f us\n", measure(a, kind, v, times));
}

int main(int argc, char **argv)
{
    struct nst_arena *a = nst_arena_new(65536);
    char *line = NULL;
    size_t size = 0;
    ssize_t n;
    while ((n = getline(&line, &size, stdin)) > 0) {
        answer(a, nst_str_trim((struct nst_str){ line, (size_t)n }),
               argc > 1 ? strtol(argv[1], NULL, 10) : 0);
        nst_arena_reset(a);
    }
    free(line);
    nst_arena_free(a);
    return 0;
}
