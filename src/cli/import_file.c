/* Files of lines: what people hand over as such. A JSON array is one, too: each of its
 * items becomes a line. What is none at all is told once, not line by line. */
#include "import.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ARRAY_MAX   ((size_t)1 << 30) /* bytes of an array file */
#define NODES_MAX   ((size_t)100 << 20)
#define FIRST_LINES 5 /* that are looked at; one that is fine makes it a file of lines */

static FILE *refuse(FILE *in, const char *path, const char *why)
{
    cli_fail(&cli_import, "%s %s", path, why);
    fclose(in);
    return NULL;
}

/* A file that can be read again from its start: a pipe is copied. */
static FILE *open_again(const char *path)
{
    FILE *in = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    if (in == NULL || fseek(in, 0, SEEK_SET) == 0)
        return in;
    FILE *kept = tmpfile();
    if (kept == NULL)
        return NULL;
    char piece[65536];
    size_t n;
    while ((n = fread(piece, 1, sizeof(piece), in)) > 0 && fwrite(piece, 1, n, kept) == n)
        continue;
    if (!ferror(in) && !ferror(kept) && fseek(kept, 0, SEEK_SET) == 0)
        return kept;
    fclose(kept);
    return NULL;
}

/* ---- What it is ---- */

/* A sentence about the first bytes, or NULL. */
static const char *fault_of_start(struct nst_str start)
{
    bool is_wide = nst_str_starts(start, NST_STR("\xFF\xFE")) ||
                   nst_str_starts(start, NST_STR("\xFE\xFF")) ||
                   (start.n > 1 && (start.p[0] == '\0' || start.p[1] == '\0'));
    if (is_wide)
        return "is in UTF-16; save it as UTF-8, or: iconv -f UTF-16 -t UTF-8";
    if (nst_str_starts(start, NST_STR("\x1F\x8B")))
        return "is compressed: zcat FILE.gz | nestor import -";
    if (nst_str_starts(start, NST_STR("PK\x03\x04")))
        return "is a ZIP archive; unpack it first";
    return NULL;
}

static struct nst_str without_mark(struct nst_str text)
{
    return nst_str_starts(text, NST_STR("\xEF\xBB\xBF")) ? nst_str_slice(text, 3, text.n) : text;
}

static bool is_array(struct nst_str start)
{
    return nst_str_starts(nst_str_trim(without_mark(start)), NST_STR("["));
}

static bool is_object(struct nst_json_fault *fault, struct nst_arena *a, struct nst_str text)
{
    struct nst_json *tree;
    *fault = (struct nst_json_fault){ .reason = "it is no JSON object" };
    return nst_json_read(&tree, fault, a, text, NULL) == NST_OK && tree->kind == NST_JSON_OBJECT;
}

/* NULL, or why none of the first lines is a JSON object: the reason of the first. */
static const char *fault_of_lines(FILE *in, struct nst_arena *a)
{
    const char *why = NULL;
    char *text = NULL;
    size_t room = 0, number = 0, seen = 0;
    ssize_t n;
    bool is_good = false;
    while (!is_good && seen < FIRST_LINES && (n = getline(&text, &room, in)) >= 0) {
        struct nst_json_fault fault;
        struct nst_str line = nst_str_trim((struct nst_str){ text, (size_t)n });
        number++;
        line = without_mark(line);
        if (line.n == 0)
            continue;
        seen++;
        is_good = is_object(&fault, a, line);
        if (!is_good && why == NULL)
            why = nst_strf(a,
                           "holds neither JSON lines nor a JSON array (docs/import.md): line %zu, "
                           "column %zu: %s",
                           number, fault.column, fault.reason)
                      .p;
    }
    free(text);
    return is_good || seen == 0 ? NULL : why;
}

/* ---- Arrays ---- */

static bool put_items(FILE *out, const struct nst_json *array)
{
    struct nst_arena *a = nst_arena_new(65536);
    for (const struct nst_json *item = array->first; item != NULL; item = item->next) {
        struct nst_buf line;
        nst_arena_reset(a);
        nst_buf_init(&line, a, ARRAY_MAX);
        nst_json_put(&line, item);
        nst_put_char(&line, '\n');
        fwrite(line.p, 1, line.n, out);
    }
    nst_arena_free(a);
    return !ferror(out) && fflush(out) == 0;
}

/* in is closed in any case. */
static FILE *lines_of_array(FILE *in, const char *path)
{
    const struct nst_json_limits limits = { .depth = NST_JSON_DEPTH, .nodes = NODES_MAX };
    struct nst_arena *a = nst_arena_new((size_t)1 << 20);
    struct nst_json_fault fault;
    struct nst_json *array;
    struct nst_buf text;
    FILE *out = NULL;
    nst_buf_init(&text, a, ARRAY_MAX);
    if (!cli_read_stream(&text, in))
        refuse(in, path, "is an array of more than 1 GiB; write its items as lines");
    else if (nst_json_read(&array, &fault, a, without_mark(nst_buf_str(&text)), &limits) != NST_OK)
        refuse(in, path,
               nst_strf(a, "is no JSON array: line %zu, column %zu: %s", fault.line, fault.column,
                        fault.reason)
                   .p);
    else if ((out = tmpfile()) == NULL || !put_items(out, array))
        refuse(in, path, "is an array, and there is no room for its items in a file beside");
    else
        fclose(in);
    nst_arena_free(a);
    return out;
}

/* ---- Both ---- */

FILE *import_open_lines(struct import *im, const char *path)
{
    char bytes[4096];
    FILE *in = open_again(path);
    if (in == NULL) {
        cli_fail(&cli_import, "%s cannot be read: %s", path, strerror(errno));
        return NULL;
    }
    struct nst_str start = { bytes, fread(bytes, 1, sizeof(bytes), in) };
    const char *why = ferror(in) ? strerror(errno) : fault_of_start(start);
    if (why == NULL && fseek(in, 0, SEEK_SET) != 0)
        why = strerror(errno);
    if (why == NULL && is_array(start))
        return lines_of_array(in, path);
    why = why != NULL ? why : fault_of_lines(in, im->o->arena);
    return why == NULL ? in : refuse(in, path, why);
}
