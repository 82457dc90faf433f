/* Rows of comma-separated values. libcsv splits; what is here finds the separator and
 * the numbers of the lines, bounds what a row may be, judges it, and goes on after a
 * fault with the next line. */
#include "nestor/base/csv.h"

#include <csv.h>

#define CHUNK 16384
#define BOM   "\xEF\xBB\xBF" /* byte order mark of UTF-8 */

struct nst_csv {
    struct csv_parser parser;
    struct nst_csv_rules rules;
    struct nst_str *field; /* of the row, rules.fields of them */
    nst_csv_source *source;
    void *arg;
    struct nst_arena *row_arena; /* of the fields of one row */
    struct nst_csv_row *row;     /* that is being read */
    char chunk[CHUNK];
    size_t at, filled; /* of the chunk */
    size_t line;       /* of the next byte, from 1 */
    size_t row_bytes;
    uint64_t offset;  /* of the next byte in the file */
    char separator;   /* between fields */
    char last;        /* byte before the next one */
    bool is_between;  /* no row has begun */
    bool is_row_done; /* the parser has told so */
    bool is_skipping; /* to the end of the line, after a fault of the parser */
    bool has_begun, has_ended;
};

const struct nst_csv_rules nst_csv_default_rules = { NST_CSV_FIELDS, NST_CSV_FIELD_MAX,
                                                     NST_CSV_ROW_MAX, false };

const char *nst_csv_reason(enum nst_csv_fault fault)
{
    static const char *const reason[] = {
        [NST_CSV_GOOD] = "",
        [NST_CSV_QUOTES] = "a quote stands where none may be",
        [NST_CSV_UNCLOSED] = "a quote is opened and not closed on its line",
        [NST_CSV_TOO_LONG] = "a field is too long",
        [NST_CSV_TOO_MANY] = "there are too many fields",
        [NST_CSV_NUL] = "there is a NUL byte",
        [NST_CSV_ENCODING] = "it is not UTF-8",
    };
    return reason[fault];
}

/* ---- What libcsv tells ---- */

static void take_field(void *text, size_t n, void *user)
{
    struct nst_csv *c = user;
    struct nst_csv_row *row = c->row;
    c->row_bytes += n;
    if (c->row_bytes > c->rules.row_max || n > c->rules.field_max)
        row->fault = NST_CSV_TOO_LONG;
    else if (row->count == c->rules.fields)
        row->fault = NST_CSV_TOO_MANY;
    if (row->fault != NST_CSV_GOOD)
        return;
    struct nst_str field = { text != NULL ? text : "", n };
    c->field[row->count++] = nst_str_copy(c->row_arena, field);
}

static void take_row(int terminator, void *user)
{
    struct nst_csv *c = user;
    (void)terminator;
    c->is_row_done = true;
}

static void start_parser(struct nst_csv *c)
{
    if (csv_init(&c->parser, CSV_STRICT | CSV_STRICT_FINI) != 0)
        c->has_ended = true; /* it only refuses a NULL parser */
    csv_set_delim(&c->parser, (unsigned char)c->separator);
}

static void free_parser(void *parser)
{
    csv_free(parser);
}

/* ---- Reading ---- */

static void free_arena(void *arena)
{
    nst_arena_free(arena);
}

struct nst_csv *nst_csv_new(struct nst_arena *a, nst_csv_source *source, void *arg)
{
    return nst_csv_new_with(a, source, arg, &nst_csv_default_rules);
}

struct nst_csv *nst_csv_new_with(struct nst_arena *a, nst_csv_source *source, void *arg,
                                 const struct nst_csv_rules *rules)
{
    struct nst_csv *c = NST_NEW(a, struct nst_csv);
    c->rules = *rules;
    c->field = NST_NEW_ARRAY(a, struct nst_str, rules->fields);
    c->source = source;
    c->arg = arg;
    c->row_arena = nst_arena_new(4096);
    c->line = 1;
    c->separator = ',';
    c->is_between = true;
    start_parser(c);
    nst_arena_defer(a, free_arena, c->row_arena);
    nst_arena_defer(a, free_parser, &c->parser);
    return c;
}

void nst_csv_go_on(struct nst_csv *c, size_t line, uint64_t end)
{
    csv_free(&c->parser);
    start_parser(c);
    c->at = c->filled = 0;
    c->line = line;
    c->offset = end;
    c->last = '\0';
    c->is_between = true;
    c->is_skipping = c->has_ended = false;
}

/* False when the source failed. */
static bool fill(struct nst_csv *c)
{
    ssize_t got = c->source(c->arg, c->chunk + c->filled, CHUNK - c->filled);
    if (got > 0)
        c->filled += (size_t)got;
    c->has_ended |= got <= 0;
    return got >= 0;
}

static bool is_line_end(char c)
{
    return c == '\n' || c == '\r';
}

/* ---- The separator ---- */

/* The first line that is not blank, as far as it is at hand. */
static struct nst_str first_line(const struct nst_csv *c)
{
    size_t from = c->at;
    while (from < c->filled && (is_line_end(c->chunk[from]) || c->chunk[from] == ' '))
        from++;
    size_t to = from;
    while (to < c->filled && !is_line_end(c->chunk[to]))
        to++;
    return (struct nst_str){ c->chunk + from, to - from };
}

static size_t count_outside_quotes(struct nst_str line, char separator)
{
    bool is_quoted = false;
    size_t n = 0;
    for (size_t i = 0; i < line.n; i++) {
        is_quoted ^= line.p[i] == '"';
        n += !is_quoted && line.p[i] == separator;
    }
    return n;
}

/* `sep=;` in the first line of a file tells its separator, and is no row. */
static bool takes_declaration(struct nst_csv *c, struct nst_str line)
{
    if (line.p != c->chunk + c->at || line.n != 5 || !nst_str_starts(line, NST_STR("sep=")))
        return false;
    c->separator = line.p[4];
    c->at += line.n;
    return true;
}

/* Spreadsheets separate by what is usual in their language. */
static void find_separator(struct nst_csv *c)
{
    static const char candidate[] = { ',', ';', '\t' };
    struct nst_str line = first_line(c);
    size_t most = 0;
    if (takes_declaration(c, line))
        return;
    for (size_t i = 0; i < sizeof(candidate); i++) {
        size_t n = count_outside_quotes(line, candidate[i]);
        if (n <= most)
            continue;
        c->separator = candidate[i];
        most = n;
    }
}

static bool has_first_line(const struct nst_csv *c)
{
    struct nst_str line = first_line(c);
    return c->filled == CHUNK || (line.n > 0 && line.p + line.n < c->chunk + c->filled);
}

/* The first bytes: what kind of file it is. */
static enum nst_csv_step begin(struct nst_csv *c)
{
    c->has_begun = true;
    while (!has_first_line(c) && !c->has_ended)
        if (!fill(c))
            return NST_CSV_FAILED;
    struct nst_str start = { c->chunk, c->filled };
    if (nst_str_starts(start, NST_STR("\xFF\xFE")) || nst_str_starts(start, NST_STR("\xFE\xFF")))
        return NST_CSV_WIDE;
    if (nst_str_starts(start, NST_STR(BOM)))
        c->at = 3;
    find_separator(c);
    csv_set_delim(&c->parser, (unsigned char)c->separator);
    c->offset = c->at;
    return NST_CSV_ROW;
}

/* What is at hand, up to the end of its line. */
static struct nst_str next_piece(const struct nst_csv *c)
{
    size_t n = c->at;
    while (n < c->filled && c->chunk[n] != '\n' && c->chunk[n] != '\r')
        n++;
    return (struct nst_str){ c->chunk + c->at, n + (n < c->filled) - c->at };
}

/* Put the parser back to a line's start; the rest of this one is not looked at. */
static void give_up(struct nst_csv *c, enum nst_csv_fault fault)
{
    if (c->row->fault == NST_CSV_GOOD)
        c->row->fault = fault;
    csv_free(&c->parser);
    start_parser(c);
    c->is_skipping = true;
}

static void parse(struct nst_csv *c, struct nst_str piece)
{
    size_t done = csv_parse(&c->parser, piece.p, piece.n, take_field, take_row, c);
    if (done < piece.n)
        give_up(c, NST_CSV_QUOTES);
    else if (c->parser.entry_pos > c->rules.field_max)
        give_up(c, NST_CSV_TOO_LONG);
}

static void begin_row(struct nst_csv *c)
{
    nst_arena_reset(c->row_arena);
    *c->row = (struct nst_csv_row){ .line = c->line, .begin = c->offset, .field = c->field };
    c->row_bytes = 0;
    c->is_between = false;
}

/* Where a field holds no line break, a quote that is open at the end of its line is a slip,
 * and would take all lines up to the next quote along. What libcsv has of the row by
 * then is not told. */
static void end_row(struct nst_csv *c)
{
    bool is_open = !c->is_skipping && c->parser.quoted;
    if (is_open && c->rules.has_breaks)
        return;
    if (is_open)
        give_up(c, NST_CSV_UNCLOSED);
    c->row->is_whole = true;
    c->is_row_done |= c->is_skipping;
    c->is_skipping = false;
    c->is_between = true;
}

/* Read one piece. Its line end ends a row, so that a piece ends at most one. */
static void read_piece(struct nst_csv *c)
{
    struct nst_str piece = next_piece(c);
    char end = piece.p[piece.n - 1];
    bool is_second_half = piece.n == 1 && end == '\n' && c->last == '\r';
    if (c->is_between)
        begin_row(c);
    if (!c->is_skipping)
        parse(c, piece);
    c->at += piece.n;
    c->offset += piece.n;
    c->last = end;
    if (!is_line_end(end))
        return;
    c->line += !is_second_half;
    end_row(c);
}

/* The end of the file ends a row, too. */
static void finish(struct nst_csv *c)
{
    if (c->is_between)
        return;
    c->row->is_whole = false;
    if (csv_fini(&c->parser, take_field, take_row, c) != 0) {
        c->row->fault = NST_CSV_UNCLOSED;
        c->is_row_done = true;
    }
    c->is_row_done |= c->is_skipping;
    c->is_between = true;
}

static void judge(struct nst_csv *c)
{
    struct nst_csv_row *row = c->row;
    row->end = c->offset;
    row->next_line = c->line;
    if (row->fault != NST_CSV_GOOD)
        row->count = 0;
    for (size_t i = 0; i < row->count; i++) {
        if (nst_str_find(row->field[i], '\0') < row->field[i].n)
            row->fault = NST_CSV_NUL;
        else if (row->fault == NST_CSV_GOOD && !nst_utf8_valid(row->field[i]))
            row->fault = NST_CSV_ENCODING;
    }
}

static enum nst_csv_step read_row(struct nst_csv *c)
{
    c->is_row_done = false;
    while (!c->is_row_done) {
        if (c->at < c->filled) {
            read_piece(c);
        } else if (!c->has_ended) {
            c->at = c->filled = 0;
            if (!fill(c))
                return NST_CSV_FAILED;
        } else if (!c->is_between) {
            finish(c);
        } else {
            return NST_CSV_END;
        }
    }
    judge(c);
    return NST_CSV_ROW;
}

/* Spreadsheets leave rows of separators behind where something was deleted. */
static bool is_blank(const struct nst_csv_row *row)
{
    size_t i = 0;
    while (i < row->count && row->field[i].n == 0)
        i++;
    return row->fault == NST_CSV_GOOD && i == row->count;
}

enum nst_csv_step nst_csv_next(struct nst_csv_row *row, struct nst_csv *c)
{
    c->row = row;
    enum nst_csv_step step = c->has_begun ? NST_CSV_ROW : begin(c);
    if (step != NST_CSV_ROW)
        return step;
    do
        step = read_row(c);
    while (step == NST_CSV_ROW && is_blank(row));
    return step;
}

/* ---- Writing ---- */

static bool needs_quotes(struct nst_str field)
{
    if (field.n == 0)
        return false;
    if (field.p[0] == ' ' || field.p[0] == '\t' || nst_str_starts(field, NST_STR(BOM)))
        return true;
    for (size_t i = 0; i < field.n; i++)
        if (field.p[i] == '"' || field.p[i] == ',' || is_line_end(field.p[i]))
            return true;
    return field.p[field.n - 1] == ' ' || field.p[field.n - 1] == '\t';
}

void nst_csv_put(struct nst_buf *out, struct nst_str field)
{
    if (!needs_quotes(field)) {
        nst_put(out, field);
        return;
    }
    nst_put_char(out, '"');
    for (size_t i = 0; i < field.n; i++) {
        if (field.p[i] == '"')
            nst_put_char(out, '"');
        nst_put_char(out, field.p[i]);
    }
    nst_put_char(out, '"');
}
