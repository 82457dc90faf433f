/* Prints the lines of a file as the reader of import files gives them, one JSON object each; with
 * --count their number only, with --give the faulty ones as they are given back. Ends with 1 after
 * printing why the file is none. All is read twice: the second reading has to give the same. For
 * tests/blackbox/lines_test.py. */
#include "ocl/lines/lines.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void put_or_null(struct nst_buf *b, const char *name, struct nst_str text)
{
    nst_putf(b, ",\"%s\":", name);
    if (nst_utf8_valid(text))
        nst_json_put_str_or_null(b, text);
    else
        nst_put_lit(b, "false");
}

static struct nst_str shown(struct nst_arena *a, const struct ocl_line_text *line)
{
    struct nst_buf b;
    nst_buf_init(&b, a, SIZE_MAX / 4);
    nst_putf(&b, "{\"number\":%zu,\"done\":%llu", line->number, (unsigned long long)line->done);
    put_or_null(&b, "text", line->text);
    put_or_null(&b, "given", line->given);
    put_or_null(&b, "fault", line->fault);
    put_or_null(&b, "key", line->key);
    nst_put_lit(&b, ",\"tree\":");
    nst_json_put(&b, line->tree);
    nst_put_char(&b, '}');
    return nst_buf_str(&b);
}

/* What tells one reading from another, whether it is printed or not. */
static uint64_t read_all(size_t *count, struct ocl_lines *l, bool must_print)
{
    struct nst_arena *a = nst_arena_new(65536);
    struct ocl_line_text line;
    uint64_t sum = 0;
    for (*count = 0; ocl_lines_next(&line, l, a); ++*count) {
        if (must_print)
            printf("%.*s\n", NST_FMT(shown(a, &line)));
        sum =
            sum * 31 + nst_str_hash(line.text) + nst_str_hash(line.given) + line.number + line.done;
        nst_arena_reset(a);
    }
    nst_arena_free(a);
    return sum;
}

/* The faulty lines, as a file of their own. */
static void give_all(struct ocl_lines *l)
{
    struct nst_arena *a = nst_arena_new(65536);
    struct nst_str header = ocl_lines_header(l, a);
    struct ocl_line_text line;
    size_t last = 0;
    ocl_lines_rewind(l);
    printf("%.*s%s", NST_FMT(header), header.p != NULL ? "\n" : "");
    while (ocl_lines_next(&line, l, a)) {
        if (line.tree == NULL && line.number != last)
            printf("%.*s\n", NST_FMT(line.given));
        last = line.tree == NULL ? line.number : last;
    }
    nst_arena_free(a);
}

int main(int argc, char **argv)
{
    struct nst_arena *a = nst_arena_new(65536);
    struct ocl_lines *l;
    struct nst_str why;
    size_t count, again;
    bool must_give = argc > 2 && strcmp(argv[2], "--give") == 0;
    bool must_count = argc > 2 && strcmp(argv[2], "--count") == 0;
    int fd = argc > 1 ? open(argv[1], O_RDONLY | O_CLOEXEC) : -1;
    int status = 1;
    if (ocl_lines_open(&l, &why, a, fd, NULL)) {
        uint64_t sum = read_all(&count, l, !must_count && !must_give);
        ocl_lines_rewind(l);
        status = read_all(&again, l, false) == sum && again == count ? 0 : 3;
        if (must_count)
            printf("%zu\n", count);
        if (must_give)
            give_all(l);
        ocl_lines_close(l);
    } else {
        printf("%.*s\n", NST_FMT(why));
    }
    if (fd >= 0)
        close(fd);
    nst_arena_free(a);
    return status;
}
