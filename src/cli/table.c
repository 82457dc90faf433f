/* Lists that verbs print. Rows wait on a terminal until their widths are known. */
#include "table.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#define KEPT 500 /* rows that share the widths of their columns */

struct cli_table_row {
    struct cli_table_row *next;
    size_t count;
    struct nst_str cell[CLI_COLUMNS_MAX];
};

/* Those of C1 are two bytes in UTF-8. */
static bool is_control(struct nst_str text, size_t i)
{
    unsigned char c = (unsigned char)text.p[i];
    bool is_c1 = c == 0xC2 && i + 1 < text.n && (unsigned char)text.p[i + 1] < 0xA0;
    return c < ' ' || c == 0x7F || is_c1;
}

static void put_plain(struct nst_str text)
{
    for (size_t i = 0; i < text.n; i++) {
        if (!is_control(text, i)) {
            putchar(text.p[i]);
            continue;
        }
        putchar('?');
        i += (unsigned char)text.p[i] == 0xC2;
    }
}

void cli_say(struct nst_arena *a, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    put_plain(nst_vstrf(a, format, ap));
    va_end(ap);
    putchar('\n');
}

static void put_padding(size_t width)
{
    printf("%*s", (int)width, "");
}

static void print_plain(const struct nst_str *cell, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            putchar('\t');
        put_plain(cell[i]);
    }
    putchar('\n');
}

static void print_padded(const struct cli_table_row *row, const size_t *width)
{
    for (size_t i = 0; i < row->count; i++) {
        put_plain(row->cell[i]);
        if (i + 1 < row->count)
            put_padding(width[i] - nst_utf8_length(row->cell[i]) + 2);
    }
    putchar('\n');
}

static void keep(struct cli_table *t, const struct nst_str *cell, size_t count)
{
    assert(count <= CLI_COLUMNS_MAX);
    struct cli_table_row *row = NST_NEW(t->arena, struct cli_table_row);
    *row = (struct cli_table_row){ .count = count };
    for (size_t i = 0; i < count; i++)
        row->cell[i] = nst_str_copy(t->arena, cell[i]);
    *t->last = row;
    t->last = &row->next;
    t->rows++;
}

static void keep_heads(struct cli_table *t, const char *heads)
{
    struct nst_str cell[CLI_COLUMNS_MAX], rest = nst_str_z(heads);
    size_t count = 0;
    while (rest.p != NULL && count < CLI_COLUMNS_MAX)
        cell[count++] = nst_str_cut(&rest, '|');
    keep(t, cell, count);
}

static void print_kept(struct cli_table *t)
{
    size_t width[CLI_COLUMNS_MAX] = { 0 };
    for (const struct cli_table_row *row = t->first; row != NULL; row = row->next)
        for (size_t i = 0; i < row->count; i++) {
            size_t length = nst_utf8_length(row->cell[i]);
            width[i] = length > width[i] ? length : width[i];
        }
    for (const struct cli_table_row *row = t->first; row != NULL; row = row->next)
        print_padded(row, width);
    t->first = NULL;
    t->last = &t->first;
    t->rows = 0;
    nst_arena_reset(t->arena);
}

void cli_table_begin(struct cli_table *t, const char *heads)
{
    bool is_terminal = isatty(STDOUT_FILENO) != 0;
    *t = (struct cli_table){ .last = &t->first };
    if (!is_terminal)
        return;
    t->arena = nst_arena_new(65536);
    keep_heads(t, heads);
}

void cli_table_put(struct cli_table *t, const struct nst_str *cell, size_t count)
{
    if (t->arena == NULL) {
        print_plain(cell, count);
        return;
    }
    keep(t, cell, count);
    if (t->rows >= KEPT)
        print_kept(t);
}

void cli_table_end(struct cli_table *t)
{
    if (t->arena == NULL)
        return;
    print_kept(t);
    nst_arena_free(t->arena);
    t->arena = NULL;
}
