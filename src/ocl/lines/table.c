/* Tables of CSV: row by row, the header once. Quotes may hold line ends here, so that a stray one
 * could take many rows along: a row that is broken over several lines counts as its first one, and
 * reading goes on with the second. */
#include "table.h"

#include <string.h>

#define NO_TYPE \
    "this is no type; known are Organization, Source, Collection, Concept, Mapping, " \
    "Source Version, Collection Version and Reference."

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

static struct nst_str without_line_end(struct nst_str s)
{
    while (s.n > 0 && (s.p[s.n - 1] == '\n' || s.p[s.n - 1] == '\r'))
        s.n--;
    return s;
}

/* What is mended is the row, and not what became of it: what the reader or the store said of it is
 * said again until it is. */
static void give_back(struct ocl_line_text *line, struct ocl_lines *l, struct nst_arena *a,
                      uint64_t end)
{
    const struct table *t = l->state;
    if (end - t->row.begin <= OCL_LINE_MAX)
        line->given = without_line_end(ocl_lines_span(&l->file, a, t->row.begin, end));
}

static struct nst_str header_of(struct ocl_lines *l, struct nst_arena *a)
{
    const struct table *t = l->state;
    return without_line_end(ocl_lines_span(&l->file, a, 0, t->first_place));
}

/* A row that is no row. */
static void give_fault(struct ocl_line_text *line, struct ocl_lines *l, struct nst_arena *a)
{
    struct table *t = l->state;
    struct ocl_lines_range row = { t->row.begin, t->row.end };
    uint64_t end = ocl_lines_find(&l->file, row, '\n') + 1;
    bool is_cut = is_of_quotes(t->row.fault) && end < t->row.end;
    line->fault = nst_strf(a, "Line %zu: %s; mend it and import it again.", t->row.line,
                           nst_csv_reason(t->row.fault));
    give_back(line, l, a, is_cut ? end : t->row.end);
    if (is_cut)
        go_on(l, t->row.line + 1, end);
}

static bool is_of_one_cell(const struct table *t, char separator)
{
    struct nst_str cell = t->row.field[0];
    size_t pieces = 1;
    for (size_t i = 0; i < cell.n; i++)
        pieces += cell.p[i] == separator;
    return t->row.count == 1 && t->header.count > 1 && pieces == t->header.count;
}

/* Rows that a program has separated in another way than the first one are one cell each. */
static bool is_separated_otherwise(struct ocl_table_row *r, const struct table *t)
{
    static const char separators[] = ";,\t|";
    for (size_t i = 0; separators[i] != '\0'; i++) {
        if (!is_of_one_cell(t, separators[i]))
            continue;
        ocl_table_fault(r, SIZE_MAX,
                        nst_strf(r->arena,
                                 "its cells are separated by %s, those of the first line are "
                                 "not; use the same in all lines.",
                                 separators[i] == '\t' ? "tabs"
                                                       : (const char[]){ separators[i], '\0' })
                            .p);
        return true;
    }
    return false;
}

static void refuse_row(struct ocl_line_text *line, const struct table *t)
{
    line->fault = nst_buf_str(&t->made.fault);
    line->key = t->made.fault_column;
}

static void give(struct ocl_line_text *line, const struct table *t, struct nst_arena *a,
                 struct nst_json *tree)
{
    if (t->made.fault.n > 0)
        refuse_row(line, t);
    else
        ocl_lines_give(line, a, tree);
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
    if (is_separated_otherwise(&t->made, t)) {
        refuse_row(line, t);
        return;
    }
    if (t->made.type == TABLE_TYPES) {
        ocl_table_fault(&t->made, t->header.type, NO_TYPE);
        refuse_row(line, t);
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
    if (t->part < t->header.parts)
        give_back(line, l, a, t->row.end);
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
    give_back(line, l, a, t->row.end);
    make_row(line, t, a);
    return true;
}

static void rewind_table(struct ocl_lines *l)
{
    struct table *t = l->state;
    t->part = t->header.parts;
    go_on(l, t->first_line, t->first_place);
}

const struct ocl_lines_form ocl_lines_table = { .next = next_row,
                                                .header = header_of,
                                                .rewind = rewind_table };

/* ---- What is a table ---- */

/* Titles in the first line that something else separates than what may. */
static bool refuse_separator(struct nst_str *why, struct nst_arena *a,
                             const struct nst_csv_row *row)
{
    static const char separators[] = "|^~:";
    for (size_t i = 0; row->count == 1 && separators[i] != '\0'; i++) {
        struct nst_str rest = row->field[0];
        size_t titles = 0;
        while (rest.p != NULL)
            titles += ocl_table_is_title(nst_str_trim(nst_str_cut(&rest, separators[i])));
        if (titles < 2)
            continue;
        *why = nst_strf(a,
                        "has columns that are separated by %c; separate them by commas, "
                        "semicolons or tabs",
                        separators[i]);
        return false;
    }
    return false;
}

/* Spreadsheets save in the charset of their system where they are not told otherwise. The names of
 * things would be stored as something else, or their rows refused one by one. */
static bool check_charset(struct nst_str *why, struct ocl_lines *l, uint64_t from)
{
    uint64_t bad;
    size_t line, column;
    if (ocl_lines_is_utf8(&bad, &l->file, from))
        return true;
    ocl_lines_locate(&line, &column, &l->file, bad);
    *why = nst_strf(l->scratch,
                    "is a table that is not UTF-8 (line %zu, byte %zu); save it as \"CSV UTF-8\", "
                    "or, of Windows: " LINES_ICONV,
                    line, column);
    return false;
}

static bool has_title(const struct nst_csv_row *row)
{
    size_t i = 0;
    while (i < row->count && !ocl_table_is_title(nst_str_trim(row->field[i])))
        i++;
    return i < row->count;
}

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
    if (t->row.fault == NST_CSV_ENCODING && has_title(&t->row))
        return check_charset(why, l, 0);
    if (t->row.fault != NST_CSV_GOOD)
        return false;
    if (!ocl_table_read_header(&t->header, why, l->home, &t->row))
        return why->p == NULL && refuse_separator(why, l->scratch, &t->row);
    if (!check_charset(why, l, 0))
        return false;
    t->first_line = t->row.next_line;
    t->first_place = t->row.end;
    l->form = &ocl_lines_table;
    return true;
}
