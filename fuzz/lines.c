/* Fuzzes the reader of import files: every line is an object or has a fault, lines stay in one
 * line of text, progress keeps to the file, and a second reading gives the same. */
#include "ocl/lines/lines.h"
#include "fuzz.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static void demand(bool holds)
{
    if (!holds)
        abort();
}

static void check_line(struct nst_arena *a, const struct ocl_line_text *line, uint64_t done,
                       uint64_t size)
{
    struct nst_json *again;
    demand((line->tree != NULL) == (line->fault.p == NULL));
    demand(line->number > 0 && line->done >= done && line->done <= size);
    demand(nst_str_find(line->text, '\n') == line->text.n);
    if (line->tree == NULL)
        return;
    demand(line->tree->kind == NST_JSON_OBJECT);
    demand(nst_json_read(&again, NULL, a, line->text, NULL) == NST_OK);
    demand(nst_json_equal(line->tree, again));
}

/* Returns what tells one reading from another. */
static uint64_t read_all(struct ocl_lines *l)
{
    struct nst_arena *a = nst_arena_new(65536);
    struct ocl_line_text line;
    uint64_t sum = 0, done = 0;
    while (ocl_lines_next(&line, l, a)) {
        check_line(a, &line, done, ocl_lines_size(l));
        done = line.done;
        sum = sum * 31 + nst_str_hash(line.text) + nst_str_hash(line.fault) + line.number;
        nst_arena_reset(a);
    }
    demand(ocl_lines_failure(l) == 0);
    nst_arena_free(a);
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct nst_arena *a = nst_arena_new(65536);
    struct ocl_lines *l;
    struct nst_str why;
    int fd = memfd_create("lines", MFD_CLOEXEC);
    demand(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    if (ocl_lines_open(&l, &why, a, fd, NULL)) {
        uint64_t sum = read_all(l);
        ocl_lines_rewind(l);
        demand(read_all(l) == sum);
        ocl_lines_close(l);
    } else {
        demand(l == NULL && why.n > 0 && nst_utf8_valid(why));
    }
    close(fd);
    nst_arena_free(a);
    return 0;
}
