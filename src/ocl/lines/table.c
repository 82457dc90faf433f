/* Tables of CSV: row by row, the header once. Quotes may hold line ends here, so that a stray one
 * could take many rows along: a row that is broken over several lines counts as its first one, and
 * reading goes on with the second. */
#include "table.h"

#include <string.h>

struct table {
    struct nst_csv *csv;
    struct nst_csv_row row;
    struct ocl_table_header header;
    uint64_t place;       /* of the next byte for csv */
    size_t first_line;    /* behind the header */
    uint64_t first_place; /* the same */
    struct ocl_table_row made;
    size_t part; /* the next one to look for a mapping in; parts: the row is done */
};

static ssize_t read_csv(void *arg, char *to, size_t n)
{
    struct ocl_lines *l = arg;
    struct table *t = l->state;
    if (ocl_lines_byte(&l->file, t->place) < 0)
        return l->file.failure != 0 ? -1 : 0;
    size_t at = (size_t)(t->place - l->file.at);
    size_t given = l->file.filled - at < n ? l->file.filled - at : n;
    memcpy(to, l->file.window + at, given);
    t->place += given;
    return (ssize_t)given;
}

/* CR and LF are one line end. */
static void go_on(struct ocl_lines *l, size_t line, uint64_t place)
{
    struct table *t = l->state;
    bool is_between = place > 0 && ocl_lines_byte(&l->file, place - 1) == '\r' &&
                      ocl_lines_byte(&l->file, place) == '\n';
    t->place = place + is_between;
    nst_csv_go_on(t->csv, line, t->place);
}

/* ---- Rows ---- */

/* A fault that may be a stray quote's: the row may have taken along what is none of it. */
static bool is_of_quotes(enum nst_csv_fault fault)
{
    return fault == NST_CSV_QUOTES || fault == NST_CSV_UNCLOSED || fault == NST_CSV_TOO_LONG;
}

/* A row that is no row: its text, as a JSON string, so that it stands in one line. */
static void give_fault(struct ocl_line_text *line, struct ocl_lines *l, struct nst_arena *a)
{
    struct table *t = l->state;
    struct ocl_lines_range row = { t->row.begin, t->row.end };
    uint64_t end = ocl_lines_find(&l->file, row, '\n') + 1;
    bool is_cut = is_of_quotes(t->row.fault) && end < t->row.end;
    line->fault = nst_strf(a, "Line %zu: %s; mend it and import it again.", t->row.line,
                           nst_csv_reason(t->row.fault));
    end = is_cut ? end : t->row.end;
    if (end - t->row.begin <= OCL_LINE_MAX) {
        struct nst_buf b;
        struct nst_str text = nst_str_trim(ocl_lines_span(&l->file, a, t->row.begin, end));
        nst_buf_init(&b, a, 8 * OCL_LINE_MAX);
        if (nst_utf8_valid(text))
            nst_json_put_str(&b, text);
        line->text = b.n > 0 ? nst_buf_str(&b) : (struct nst_str){ 0 };
    }
    if (is_cut)
        go_on(l, t->row.line + 1, end);
}

/* Everything that is filled, by the titles of its columns, for a row of an unknown type. */
static struct nst_json *make_unknown(struct ocl_table_row *r, struct nst_str type)
{
    struct ocl_lines_maker m;
    ocl_lines_begin(&m, r->arena, NST_JSON_OBJECT);
    ocl_lines_add_text(&m, "type", type);
    for (size_t i = 0; i < r->header->count; i++)
        if (i != r->header->type && ocl_table_cell(r, i).n > 0)
            ocl_lines_add_text(&m, nst_str_to_z(r->arena, r->header->column[i].title),
                               ocl_table_cell(r, i));
    ocl_table_fault(
        r, r->header->type,
        "this is no type; known are Organization, Source, Collection, Concept, Mapping, "
        "Source Version, Collection Version and Reference.");
    return m.value;
}

static void give(struct ocl_line_text *line, struct table *t, struct nst_arena *a,
                 struct nst_json *tree)
{
    ocl_lines_give(line, a, tree);
    if (t->made.fault.n == 0)
        return;
    line->fault = nst_buf_str(&t->made.fault);
    line->key = t->made.fault_column;
    line->tree = NULL;
}

static void begin_line(struct table *t, struct nst_arena *a)
{
    t->made.header = &t->header;
    t->made.row = &t->row;
    t->made.arena = a;
    t->made.fault_column = (struct nst_str){ 0 };
    nst_buf_init(&t->made.fault, a, 65536);
}

static void make_row(struct ocl_line_text *line, struct table *t, struct nst_arena *a)
{
    begin_line(t, a);
    struct nst_str word = ocl_table_cell(&t->made, t->header.type);
    t->made.type = word.n == 0 ? TABLE_CONCEPT : ocl_table_type_of(word);
    if (t->made.type == TABLE_TYPES) {
        give(line, t, a, make_unknown(&t->made, word));
        return;
    }
    ocl_table_find_place(&t->made);
    give(line, t, a, ocl_table_make_line(&t->made));
    if (t->made.type == TABLE_CONCEPT)
        t->part = 0;
}

static bool make_mapping(struct ocl_line_text *line, struct table *t, struct nst_arena *a)
{
    while (t->part < t->header.parts) {
        begin_line(t, a);
        struct nst_json *tree = ocl_table_make_mapping(&t->made, &t->header.part[t->part++]);
        if (tree != NULL) {
            give(line, t, a, tree);
            return true;
        }
    }
    return false;
}

static bool next_row(struct ocl_line_text *line, struct ocl_lines *l, struct nst_arena *a)
{
    struct table *t = l->state;
    if (make_mapping(line, t, a))
        return true;
    if (nst_csv_next(&t->row, t->csv) != NST_CSV_ROW)
        return false;
    l->place = t->row.end;
    l->number = t->row.line;
    if (t->row.fault != NST_CSV_GOOD) {
        give_fault(line, l, a);
        return true;
    }
    make_row(line, t, a);
    return true;
}

static void rewind_table(struct ocl_lines *l)
{
    struct table *t = l->state;
    t->part = t->header.parts;
    go_on(l, t->first_line, t->first_place);
}

const struct ocl_lines_form ocl_lines_table = { .next = next_row, .rewind = rewind_table };

bool ocl_lines_table_begin(struct nst_str *why, struct ocl_lines *l)
{
    static const struct nst_csv_rules rules = { TABLE_COLUMNS, TABLE_CELL_MAX, OCL_LINE_MAX, true };
    struct table *t = NST_NEW(l->home, struct table);
    l->state = t;
    t->csv = nst_csv_new_with(l->home, read_csv, l, &rules);
    if (nst_csv_next(&t->row, t->csv) != NST_CSV_ROW)
        return false;
    if (t->row.fault == NST_CSV_TOO_MANY)
        *why = NST_STR("has a first line of more than " NST_DIGITS(TABLE_COLUMNS) " columns");
    if (t->row.fault != NST_CSV_GOOD || !ocl_table_read_header(&t->header, why, l->home, &t->row))
        return false;
    t->first_line = t->row.next_line;
    t->first_place = t->row.end;
    l->form = &ocl_lines_table;
    return true;
}
