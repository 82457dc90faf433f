/* Fuzzes the reader of CSV files: rows keep to their bounds, lines ascend, and a
 * good row that is written and read again is the same. */
#include "nestor/base/csv.h"
#include "fuzz.h"

#include <stdlib.h>

#define PIECE 7  /* bytes that the source gives at a time: rows are cut anywhere */
#define AGAIN 16 /* rows of an input that are written and read again, for speed */

struct text {
    const char *p;
    size_t n;
};

static ssize_t read_text(void *arg, char *to, size_t n)
{
    struct text *t = arg;
    size_t given = t->n < PIECE ? t->n : PIECE;
    if (given > n)
        given = n;
    memcpy(to, t->p, given);
    t->p += given;
    t->n -= given;
    return (ssize_t)given;
}

static void demand(bool holds)
{
    if (!holds)
        abort();
}

static void check_again(struct nst_arena *a, const struct nst_csv_row *row)
{
    struct nst_csv_row *again = NST_NEW(a, struct nst_csv_row);
    struct nst_buf b;
    nst_buf_init(&b, a, SIZE_MAX / 4);
    nst_put_lit(&b, "sep=,\n"); /* a field may hold more of another separator */
    for (size_t i = 0; i < row->count; i++) {
        if (i > 0)
            nst_put_char(&b, ',');
        nst_csv_put(&b, row->field[i]);
    }
    nst_put_char(&b, '\n');
    struct text text = { b.p, b.n };
    struct nst_csv *c = nst_csv_new(a, read_text, &text);
    demand(nst_csv_next(again, c) == NST_CSV_ROW && again->count == row->count);
    for (size_t i = 0; i < row->count; i++)
        demand(nst_str_eq(again->field[i], row->field[i]));
    demand(again->end == b.n);
}

static void check_row(const struct nst_csv_row *row, size_t size)
{
    demand(row->begin < row->end && row->end <= size && row->next_line >= row->line);
    bool has_fields =
        row->fault == NST_CSV_GOOD || row->fault == NST_CSV_NUL || row->fault == NST_CSV_ENCODING;
    demand(row->count <= NST_CSV_FIELDS);
    demand(has_fields ? row->count > 0 : row->count == 0);
    for (size_t i = 0; i < row->count; i++) {
        demand(row->field[i].n <= NST_CSV_FIELD_MAX);
        demand(row->fault != NST_CSV_GOOD || nst_utf8_valid(row->field[i]));
    }
}

static void read_all(const uint8_t *data, size_t size, const struct nst_csv_rules *rules)
{
    struct nst_arena *a = nst_arena_new(65536);
    struct nst_csv_row *row = NST_NEW(a, struct nst_csv_row);
    struct text text = { (const char *)data, size };
    struct nst_csv *c = nst_csv_new_with(a, read_text, &text, rules);
    size_t line = 0, rows = 0;
    uint64_t end = 0;
    while (nst_csv_next(row, c) == NST_CSV_ROW) {
        struct nst_mark mark = nst_arena_mark(a);
        demand(row->line > line && row->end > end);
        check_row(row, size);
        if (row->fault == NST_CSV_GOOD && !rules->has_breaks && rows++ < AGAIN)
            check_again(a, row);
        line = row->line;
        end = row->end;
        nst_arena_rewind(a, mark);
    }
    nst_arena_free(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct nst_csv_rules rules = nst_csv_default_rules;
    read_all(data, size, &rules);
    rules.has_breaks = true;
    read_all(data, size, &rules);
    return 0;
}
