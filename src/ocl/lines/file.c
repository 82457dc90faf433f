/* Bytes of a file: a window that moves, and the places of values in it. Nothing is kept of what
 * was read, so that files of any size take the same memory. */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

bool ocl_lines_file_init(struct ocl_lines_file *f, struct nst_arena *a, int fd)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return false;
    if (!S_ISREG(st.st_mode)) {
        errno = ESPIPE;
        return false;
    }
    *f = (struct ocl_lines_file){
        .fd = fd, .size = (uint64_t)st.st_size, .window = nst_alloc_text(a, LINES_WINDOW), .line = 1
    };
    return true;
}

/* As many of the n bytes as there are. */
static size_t read_at(struct ocl_lines_file *f, char *to, size_t n, uint64_t place)
{
    size_t got = 0;
    while (got < n && f->failure == 0) {
        ssize_t step = pread(f->fd, to + got, n - got, (off_t)(place + got));
        if (step == 0)
            break;
        if (step > 0)
            got += (size_t)step;
        else if (errno != EINTR)
            f->failure = errno;
    }
    return got;
}

bool ocl_lines_fill(struct ocl_lines_file *f, uint64_t place)
{
    if (place >= f->size || f->failure != 0)
        return false;
    f->at = place;
    f->filled = read_at(f, f->window, LINES_WINDOW, place);
    return f->filled > 0;
}

uint64_t ocl_lines_find(struct ocl_lines_file *f, struct ocl_lines_range range, char c)
{
    while (range.from < range.to && ocl_lines_byte(f, range.from) >= 0) {
        const char *from = f->window + (range.from - f->at);
        uint64_t left = range.to - range.from, here = f->filled - (range.from - f->at);
        size_t n = (size_t)(left < here ? left : here);
        const char *found = memchr(from, c, n);
        if (found != NULL)
            return range.from + (uint64_t)(found - from);
        range.from += n;
    }
    return range.to;
}

static bool is_blank(int c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

uint64_t ocl_lines_skip_blanks(struct ocl_lines_file *f, uint64_t place)
{
    while (is_blank(ocl_lines_byte(f, place)))
        place++;
    return place < f->size ? place : f->size;
}

bool ocl_lines_is_blank(struct ocl_lines_file *f, uint64_t from, uint64_t to)
{
    while (from < to && is_blank(ocl_lines_byte(f, from)))
        from++;
    return from >= to;
}

struct nst_str ocl_lines_span(struct ocl_lines_file *f, struct nst_arena *a, uint64_t from,
                              uint64_t to)
{
    size_t n = to - from < OCL_LINE_MAX ? (size_t)(to - from) : OCL_LINE_MAX;
    char *p = nst_alloc_text(a, n + 1);
    if (from - f->at < f->filled && n <= f->filled - (size_t)(from - f->at))
        memcpy(p, f->window + (from - f->at), n);
    else
        n = read_at(f, p, n, from);
    return (struct nst_str){ p, n };
}

void ocl_lines_locate(size_t *line, size_t *column, struct ocl_lines_file *f, uint64_t place)
{
    if (place < f->known) {
        f->line = 1;
        f->known = f->line_begin = 0;
    }
    for (uint64_t end; f->known < place; f->known = end) {
        end = ocl_lines_find(f, (struct ocl_lines_range){ f->known, place }, '\n');
        if (end == place)
            continue;
        f->line_begin = ++end;
        f->line++;
    }
    *line = (size_t)f->line;
    *column = (size_t)(place - f->line_begin) + 1;
}

/* No character begins in the last bytes that ends behind them. */
static size_t whole_characters(struct nst_str s)
{
    size_t n = s.n;
    while (n > 0 && s.n - n < 3 && ((unsigned char)s.p[n - 1] & 0xC0) == 0x80)
        n--;
    return n > 1 && (unsigned char)s.p[n - 1] >= 0xC0 ? n - 1 : s.n;
}

static size_t good_bytes(struct nst_str s)
{
    size_t good = 0, n = 1;
    while (good < s.n && n <= 4) {
        bool is_good = nst_utf8_valid(nst_str_slice(s, good, good + n));
        good += is_good ? n : 0;
        n = is_good ? 1 : n + 1;
    }
    return good;
}

bool ocl_lines_is_utf8(uint64_t *bad, struct ocl_lines_file *f, uint64_t from)
{
    while (ocl_lines_fill(f, from)) {
        struct nst_str s = { f->window, f->filled };
        bool is_last = f->at + f->filled >= f->size;
        s.n = is_last ? s.n : whole_characters(s);
        if (!nst_utf8_valid(s)) {
            *bad = from + good_bytes(s);
            return false;
        }
        from += s.n;
    }
    return true;
}

int ocl_lines_scratch(const char *folder)
{
    char path[PATH_MAX];
    const char *variable = getenv("TMPDIR");
    if (folder == NULL)
        folder = variable != NULL && variable[0] != '\0' ? variable : P_tmpdir;
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR))
        return fd;
    /* Some file systems have no files without a name. */
    if ((size_t)snprintf(path, sizeof(path), "%s/nestor-XXXXXX", folder) >= sizeof(path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0)
        unlink(path);
    return fd;
}

/* ---- Values ---- */

static uint64_t string_end(struct ocl_lines_file *f, uint64_t place)
{
    int c;
    while ((c = ocl_lines_byte(f, ++place)) >= 0) {
        if (c == '"')
            return place + 1;
        if (c == '\n')
            return place;
        if (c == '\\' && ocl_lines_byte(f, place + 1) != '\n')
            place++;
    }
    return 0;
}

static uint64_t nested_end(struct ocl_lines_file *f, uint64_t place)
{
    uint64_t depth = 0;
    int c;
    while ((c = ocl_lines_byte(f, place)) >= 0) {
        if (c == '"') {
            place = string_end(f, place);
            if (place == 0)
                return 0;
            continue;
        }
        depth += c == '{' || c == '[';
        depth -= c == '}' || c == ']';
        place++;
        if (depth == 0)
            return place;
    }
    return 0;
}

uint64_t ocl_lines_value_end(struct ocl_lines_file *f, uint64_t place)
{
    int c = ocl_lines_byte(f, place);
    if (c == '"')
        return string_end(f, place);
    if (c == '{' || c == '[')
        return nested_end(f, place);
    while (c >= 0 && c != ',' && c != ']' && c != '}' && !is_blank(c))
        c = ocl_lines_byte(f, ++place);
    return c >= 0 ? place : 0;
}

void ocl_lines_walk_begin(struct ocl_lines_walk *w, struct ocl_lines_file *f, uint64_t place)
{
    *w = (struct ocl_lines_walk){ .place = place + 1,
                                  .close = ocl_lines_byte(f, place) == '{' ? '}' : ']',
                                  .is_first = true };
}

/* A name and its colon. */
static bool walk_name(struct ocl_lines_walk *w, struct ocl_lines_file *f)
{
    w->name = w->place;
    w->name_end = ocl_lines_byte(f, w->place) == '"' ? string_end(f, w->place) : w->place;
    if (w->name_end <= w->name)
        return false;
    w->place = ocl_lines_skip_blanks(f, w->name_end);
    if (ocl_lines_byte(f, w->place) != ':')
        return false;
    w->place = ocl_lines_skip_blanks(f, w->place + 1);
    return true;
}

enum ocl_lines_step ocl_lines_walk_next(struct ocl_lines_walk *w, struct ocl_lines_file *f)
{
    w->place = ocl_lines_skip_blanks(f, w->place);
    int c = ocl_lines_byte(f, w->place);
    if (c == w->close) {
        w->place++;
        return LINES_END;
    }
    if (!w->is_first && c != ',')
        return LINES_BROKEN;
    if (!w->is_first)
        w->place = ocl_lines_skip_blanks(f, w->place + 1);
    w->is_first = false;
    if (w->close == '}' && !walk_name(w, f))
        return LINES_BROKEN;
    w->from = w->place;
    w->to = ocl_lines_value_end(f, w->place);
    w->place = w->to != 0 ? w->to : f->size;
    return w->to > w->from ? LINES_ITEM : LINES_BROKEN; /* or nothing stands there */
}
