/* Files of lines: what a file is, and the forms that are JSON. What is none at all is told once,
 * not line by line. */
#include "internal.h"

#include "nestor/base/unzip.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#define START 4096 /* first bytes that tell what a file is */
#define BOM   "\xEF\xBB\xBF"

static bool refuse(struct nst_str *why, const char *sentence)
{
    *why = nst_str_z(sentence);
    return false;
}

/* ---- A line of JSON ---- */

/* A faulty line is shown in one line as well, whatever it is. */
static struct nst_str in_one_line(struct nst_arena *a, struct nst_str text)
{
    if (nst_str_find(text, '\n') == text.n && nst_str_find(text, '\r') == text.n)
        return text;
    char *p = nst_alloc_text(a, text.n);
    for (size_t i = 0; i < text.n; i++)
        p[i] = (char)(text.p[i] == '\n' || text.p[i] == '\r' ? ' ' : text.p[i]);
    return (struct nst_str){ p, text.n };
}

/* Where the JSON fault in a text that begins at `from` stands in the file. */
static struct nst_str place_of(struct ocl_lines *l, struct nst_arena *a, uint64_t from,
                               const struct nst_json_fault *fault)
{
    size_t line, column;
    if (l->form->is_backwards)
        return nst_strf(a, "line %zu of it, column %zu", fault->line, fault->column);
    ocl_lines_locate(&line, &column, &l->file, from);
    column = fault->line == 1 ? column + fault->column - 1 : fault->column;
    return nst_strf(a, "line %zu, column %zu", line + fault->line - 1, column);
}

void ocl_lines_take_object(struct ocl_line_text *line, struct ocl_lines *l, struct nst_arena *a,
                           struct ocl_lines_range range, struct nst_str what)
{
    const struct nst_json_limits limits = { OCL_LINE_DEPTH, NST_JSON_NODES };
    struct nst_json_fault fault = { 1, 1, NULL };
    struct nst_json *tree;
    line->text = (struct nst_str){ 0 };
    if (range.to - range.from > OCL_LINE_MAX) {
        line->fault = nst_strf(a,
                               "%.*s%s is longer than 16 MiB; split it where it came "
                               "from: it is too long to be given back.",
                               NST_FMT(what), place_of(l, a, range.from, &fault).p);
        return;
    }
    line->text = ocl_lines_span(&l->file, a, range.from, range.to);
    bool is_read = nst_json_read(&tree, &fault, a, line->text, &limits) == NST_OK;
    if (is_read && tree->kind == NST_JSON_OBJECT) {
        line->tree = tree;
        if (nst_str_find(line->text, '\n') < line->text.n)
            ocl_lines_give(line, a, tree);
        return;
    }
    if (is_read) {
        fault = (struct nst_json_fault){ 1, 1, "this is no JSON object" };
        range.from = ocl_lines_skip_blanks(&l->file, range.from);
    }
    struct nst_str place = place_of(l, a, range.from, &fault);
    if (!nst_utf8_valid(line->text))
        line->fault = nst_strf(a,
                               "JSON parse error - %.*s%.*s: this is not UTF-8; save the file as "
                               "UTF-8 or convert it (" LINES_ICONV "), and import it again.",
                               NST_FMT(what), NST_FMT(place));
    else
        line->fault = nst_strf(a, "JSON parse error - %.*s%.*s: %s; mend it and import it again.",
                               NST_FMT(what), NST_FMT(place), fault.reason);
    line->text = in_one_line(a, line->text);
}

/* ---- JSON lines ---- */

static bool next_json_line(struct ocl_line_text *line, struct ocl_lines *l, struct nst_arena *a)
{
    while (l->place < l->file.size) {
        uint64_t from = l->place,
                 end =
                     ocl_lines_find(&l->file, (struct ocl_lines_range){ from, l->file.size }, '\n');
        l->place = end < l->file.size ? end + 1 : end;
        l->number++;
        if (ocl_lines_is_blank(&l->file, from, end))
            continue;
        if (end > from && ocl_lines_byte(&l->file, end - 1) == '\r')
            end--;
        ocl_lines_take_object(line, l, a, (struct ocl_lines_range){ from, end },
                              (struct nst_str){ 0 });
        return true;
    }
    return false;
}

const struct ocl_lines_form ocl_lines_json_lines = { .next = next_json_line };

/* False where none of the first lines is a JSON object; *why has the fault of the first. */
static bool begin_json_lines(struct nst_str *why, struct ocl_lines *l, struct nst_arena *a)
{
    size_t seen = 0;
    bool is_good = false;
    l->form = &ocl_lines_json_lines;
    l->place = l->begin;
    while (!is_good && seen < OCL_LINE_FAULTS) {
        struct ocl_line_text line = { 0 };
        if (!next_json_line(&line, l, l->scratch))
            break;
        is_good = line.tree != NULL;
        if (seen++ == 0 && !is_good)
            *why = nst_strf(a,
                            "holds neither JSON lines nor one of the other forms "
                            "(docs/import.md): %.*s",
                            NST_FMT(line.fault));
    }
    return is_good || seen == 0;
}

/* ---- Arrays, and one object ---- */

static bool next_item(struct ocl_line_text *line, struct ocl_lines *l, struct nst_arena *a)
{
    struct ocl_lines_walk *w = l->state;
    if (ocl_lines_walk_next(w, &l->file) != LINES_ITEM)
        return false; /* the file was walked through when it was opened */
    l->number++;
    l->place = w->place;
    ocl_lines_take_object(line, l, a, (struct ocl_lines_range){ w->from, w->to },
                          nst_strf(a, "item %zu, ", l->number));
    return true;
}

static void rewind_array(struct ocl_lines *l)
{
    ocl_lines_walk_begin(l->state, &l->file, l->first);
}

const struct ocl_lines_form ocl_lines_json_array = { .next = next_item, .rewind = rewind_array };

static bool refuse_array(struct nst_str *why, struct ocl_lines *l, struct nst_arena *a,
                         uint64_t place)
{
    size_t line, column;
    ocl_lines_locate(&line, &column, &l->file, place);
    *why =
        nst_strf(a, "is no JSON array: line %zu, column %zu: %s", line, column,
                 place >= l->file.size ? "it ends here, perhaps cut short; send it again"
                                       : "something else than an item, a comma or ] stands here");
    return false;
}

/* An array on one line, or what looks like the beginning of one, may be a line that was refused
 * and comes back in front of others: of an array no object stands alone on the line behind its
 * first, unless a comma is missing there or a bracket stands alone. */
static bool are_lines(struct ocl_lines *l)
{
    struct nst_str why = { 0 };
    struct ocl_lines_range rest = { l->first, l->file.size };
    uint64_t end = ocl_lines_find(&l->file, rest, '\n'), last = end;
    while (last > l->first && isspace(ocl_lines_byte(&l->file, last - 1)))
        last--;
    int c = last > l->first ? ocl_lines_byte(&l->file, last - 1) : '[';
    return end < l->file.size && c != '[' && c != ',' && begin_json_lines(&why, l, l->scratch);
}

/* An array that breaks off is refused before anything of it is stored: nobody would know what of
 * it was meant. */
static bool begin_array(struct nst_str *why, struct ocl_lines *l, struct nst_arena *a)
{
    struct ocl_lines_walk *w = NST_NEW(l->home, struct ocl_lines_walk);
    enum ocl_lines_step step;
    l->form = &ocl_lines_json_array;
    l->state = w;
    rewind_array(l);
    while ((step = ocl_lines_walk_next(w, &l->file)) == LINES_ITEM)
        continue;
    bool has_ended = step == LINES_END;
    uint64_t end = has_ended ? ocl_lines_skip_blanks(&l->file, w->place) : w->place;
    return (has_ended && end == l->file.size) || are_lines(l) || refuse_array(why, l, a, end);
}

static bool next_object(struct ocl_line_text *line, struct ocl_lines *l, struct nst_arena *a)
{
    if (l->place >= l->file.size)
        return false;
    ocl_lines_take_object(line, l, a, (struct ocl_lines_range){ l->place, l->file.size },
                          (struct nst_str){ 0 });
    l->place = l->file.size;
    l->number = 1;
    return true;
}

const struct ocl_lines_form ocl_lines_json_object = { .next = next_object };

/* One object in several lines, and nothing behind it. */
static bool is_lone_object(struct ocl_lines *l)
{
    uint64_t end = ocl_lines_value_end(&l->file, l->first);
    return end != 0 && ocl_lines_skip_blanks(&l->file, end) == l->file.size &&
           ocl_lines_find(&l->file, (struct ocl_lines_range){ l->first, end }, '\n') < end;
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
        return "is compressed by gzip; unpack it first: zcat FILE.gz";
    if (nst_str_starts(start, NST_STR("\xD0\xCF\x11\xE0")))
        return "is a workbook of Excel (.xls); save its sheet as \"CSV UTF-8\", and send that";
    return NULL;
}

static struct nst_str start_of(struct ocl_lines *l)
{
    return ocl_lines_byte(&l->file, 0) < 0
               ? NST_STR("")
               : nst_str_slice((struct nst_str){ l->file.window, l->file.filled }, 0, START);
}

/* Names of members stand in the directory, at the end of a ZIP file, as they are. */
static bool has_member(struct ocl_lines *l, const char *name)
{
    uint64_t from = l->file.size > LINES_WINDOW ? l->file.size - LINES_WINDOW : 0;
    struct nst_str end = ocl_lines_span(&l->file, l->scratch, from, l->file.size);
    return memmem(end.p, end.n, name, strlen(name)) != NULL;
}

/* Spreadsheets are ZIP files of many; people send them for tables. */
static const struct {
    const char *member, *why;
} sheets[] = {
    { "xl/workbook.xml",
      "is a workbook of Excel (.xlsx); save its sheet as \"CSV UTF-8\", and send that" },
    { "xl/workbook.bin",
      "is a workbook of Excel (.xlsb); save its sheet as \"CSV UTF-8\", and send that" },
    { "META-INF/manifest.xml", "is a document of LibreOffice (.ods); save its sheet as \"Text "
                               "CSV\" in UTF-8, and send that" },
};

static bool is_sheet(struct nst_str *why, struct ocl_lines *l)
{
    for (size_t i = 0; i < NST_COUNT(sheets); i++)
        if (has_member(l, sheets[i].member))
            return !refuse(why, sheets[i].why);
    return false;
}

int ocl_lines_unpack(struct nst_str *why, struct ocl_lines_file *f, struct nst_arena *home,
                     struct nst_arena *a, const char *folder)
{
    int to = ocl_lines_scratch(folder);
    bool is_good = to >= 0 ? nst_unzip(why, a, to, f->fd)
                           : refuse(why, "is a ZIP archive, and there is no place to unpack it");
    if (is_good && !ocl_lines_file_init(f, home, to))
        is_good = refuse(why, "is a ZIP archive that cannot be unpacked here");
    if (is_good || to < 0)
        return to;
    close(to);
    return -1;
}

static bool unpack(struct nst_str *why, struct ocl_lines *l, struct nst_arena *a)
{
    if (is_sheet(why, l))
        return false;
    l->unpacked = ocl_lines_unpack(why, &l->file, l->home, a, l->folder);
    if (l->unpacked < 0)
        return false;
    return !nst_unzip_is_zip(start_of(l)) ||
           refuse(why, "is a ZIP archive inside of a ZIP archive; send the inner one");
}

/* The forms by their first byte; a table has any. */
static bool find_form(struct nst_str *why, struct ocl_lines *l, struct nst_arena *a)
{
    l->first = ocl_lines_skip_blanks(&l->file, l->begin);
    int c = ocl_lines_byte(&l->file, l->first);
    if (c == '[')
        return begin_array(why, l, a);
    if (c != '{' && ocl_lines_table_begin(why, l))
        return true;
    if (c == '{' && ocl_lines_export_begin(why, l))
        return true;
    if (why->p != NULL)
        return false;
    if (c == '{' && is_lone_object(l))
        l->form = &ocl_lines_json_object;
    else if (!begin_json_lines(why, l, a))
        return false;
    return true;
}

static bool begin(struct nst_str *why, struct ocl_lines *l, struct nst_arena *a)
{
    if (nst_unzip_is_zip(start_of(l)) && !unpack(why, l, a))
        return false;
    struct nst_str start = start_of(l);
    const char *fault = fault_of_start(start);
    if (fault != NULL)
        return refuse(why, fault);
    l->begin = nst_str_starts(start, NST_STR(BOM)) ? 3 : 0;
    bool is_good = find_form(why, l, a);
    *why = nst_str_copy(a, *why);
    if (l->file.failure != 0)
        return refuse(why, nst_strf(a, "cannot be read: %s", strerror(l->file.failure)).p);
    return is_good;
}

bool ocl_lines_open(struct ocl_lines **out, struct nst_str *why, struct nst_arena *a, int fd,
                    const char *folder)
{
    struct nst_arena *home = nst_arena_new(131072);
    struct ocl_lines *l = NST_NEW(home, struct ocl_lines);
    *l = (struct ocl_lines){
        .home = home, .scratch = nst_arena_new(65536), .unpacked = -1, .folder = folder
    };
    *why = (struct nst_str){ 0 };
    bool is_good = ocl_lines_file_init(&l->file, home, fd);
    if (!is_good)
        *why = nst_strf(a, "cannot be read: %s", strerror(errno));
    is_good = is_good && begin(why, l, a);
    if (is_good)
        ocl_lines_rewind(l);
    else
        ocl_lines_close(l);
    *out = is_good ? l : NULL;
    return is_good;
}

/* ---- All forms ---- */

bool ocl_lines_next(struct ocl_line_text *line, struct ocl_lines *l, struct nst_arena *a)
{
    *line = (struct ocl_line_text){ 0 };
    l->is_over = l->is_over || !l->form->next(line, l, a) || l->file.failure != 0;
    if (l->is_over)
        return false;
    if (l->form->header == NULL)
        line->given = line->text;
    l->done = l->place > l->done ? l->place : l->done;
    line->number = line->number != 0 ? line->number : l->number;
    line->done = l->done;
    return true;
}

uint64_t ocl_lines_size(const struct ocl_lines *l)
{
    return l->file.size;
}

struct nst_str ocl_lines_header(struct ocl_lines *l, struct nst_arena *a)
{
    return l->form->header != NULL ? l->form->header(l, a) : (struct nst_str){ 0 };
}

int ocl_lines_failure(const struct ocl_lines *l)
{
    return l->file.failure;
}

void ocl_lines_rewind(struct ocl_lines *l)
{
    l->place = l->begin;
    l->number = 0;
    l->done = 0;
    l->is_over = false;
    if (l->form->rewind != NULL)
        l->form->rewind(l);
}

void ocl_lines_close(struct ocl_lines *l)
{
    if (l == NULL)
        return;
    if (l->form != NULL && l->form->close != NULL)
        l->form->close(l);
    if (l->unpacked >= 0)
        close(l->unpacked);
    nst_arena_free(l->scratch);
    nst_arena_free(l->home);
}
