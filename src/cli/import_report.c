/* The two reports of an import. A file is read once a turn, and faulty lines are told before those
 * that are with the store: each of these streams is in order by itself, and they are merged at the
 * end, so that whoever mends goes through the file once. */
#include "import_report.h"

#include "import.h"
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* What stands in a stream before the texts of a line. */
struct record {
    size_t number, why, given; /* bytes of both texts */
    bool is_given;
};

struct import_report {
    struct nst_arena *arena;
    const char *base;
    const char *errors, *refused; /* names */
    FILE *stream[REPORT_STREAMS]; /* NULL: nothing was refused there */
    size_t count, lost;           /* lines; of them those that are too long */
    int failure;                  /* errno of a stream */
};

/* ---- Names ---- */

static const char *refused_name(const struct import_report *r, const char *insert, bool is_table)
{
    return nst_strf(r->arena, "%s.refused%s.%s", r->base, insert, is_table ? "csv" : "jsonl").p;
}

struct import_report *import_report_new(struct nst_arena *a, const char *base, const char *errors,
                                        bool is_table)
{
    struct import_report *r = NST_NEW(a, struct import_report);
    *r = (struct import_report){ .arena = a, .base = base };
    r->errors = errors != NULL ? errors : nst_strf(a, "%s.errors.jsonl", base).p;
    r->refused = refused_name(r, "", is_table);
    return r;
}

void import_report_free(struct import_report *r)
{
    for (size_t i = 0; r != NULL && i < REPORT_STREAMS; i++)
        if (r->stream[i] != NULL)
            fclose(r->stream[i]);
}

/* ---- Lines ---- */

static void put(struct import_report *r, FILE *to, const void *p, size_t n)
{
    if (r->failure == 0 && fwrite(p, 1, n, to) != n)
        r->failure = errno;
}

static struct nst_str why(struct nst_arena *a, const struct import_refused *line)
{
    struct nst_str detail = line->detail.n > 0 ? line->detail : NST_STR("{}");
    return nst_strf(a, "{\"line\":%zu,\"outcome\":\"%s\",\"errors\":%.*s}\n", line->number,
                    ocl_outcome_word(line->outcome), NST_FMT(detail));
}

static void put_line(struct import_report *r, FILE *to, const struct import_refused *line)
{
    struct nst_mark before = nst_arena_mark(r->arena);
    struct nst_str text = why(r->arena, line), given = line->given;
    const struct record head = { line->number, text.n, given.n, given.p != NULL };
    put(r, to, &head, sizeof(head));
    put(r, to, text.p, text.n);
    put(r, to, given.p != NULL ? given.p : "", given.n);
    nst_arena_rewind(r->arena, before);
}

void import_report_add(struct import_report *r, unsigned stream, const struct import_refused *line)
{
    FILE **to = &r->stream[stream];
    if (*to == NULL)
        *to = tmpfile();
    r->count++;
    r->lost += line->given.p == NULL;
    if (*to == NULL && r->failure == 0)
        r->failure = errno;
    if (r->failure == 0)
        put_line(r, *to, line);
}

/* ---- Merging ---- */

struct merge {
    struct import_report *report;
    struct record head[REPORT_STREAMS];
    bool has_head[REPORT_STREAMS];
    struct cli_output errors, refused;
    size_t last; /* number of the line that was given last: a row is given once */
};

static void read_head(struct merge *m, size_t i)
{
    FILE *from = m->report->stream[i];
    m->has_head[i] = from != NULL && fread(&m->head[i], sizeof(m->head[i]), 1, from) == 1;
    if (from != NULL && ferror(from) && m->report->failure == 0)
        m->report->failure = errno;
}

/* The stream with the first line; REPORT_STREAMS: they have ended. */
static size_t next_stream(const struct merge *m)
{
    size_t next = REPORT_STREAMS;
    for (size_t i = 0; i < REPORT_STREAMS; i++)
        if (m->has_head[i] && (next == REPORT_STREAMS || m->head[i].number < m->head[next].number))
            next = i;
    return next;
}

/* To NULL: it is passed over. */
static bool copy(struct cli_output *to, FILE *from, size_t n)
{
    char piece[16384];
    while (n > 0) {
        size_t step = n < sizeof(piece) ? n : sizeof(piece);
        if (fread(piece, 1, step, from) != step)
            return false;
        if (to != NULL && !cli_output_put(to, (struct nst_str){ piece, step }))
            return false;
        n -= step;
    }
    return true;
}

static bool copy_line(struct merge *m, size_t i)
{
    FILE *from = m->report->stream[i];
    const struct record *head = &m->head[i];
    bool is_new = head->is_given && head->number != m->last;
    if (!copy(&m->errors, from, head->why) || !copy(is_new ? &m->refused : NULL, from, head->given))
        return false;
    m->last = is_new ? head->number : m->last;
    return !is_new || cli_output_put(&m->refused, NST_STR("\n"));
}

static bool copy_lines(struct merge *m, struct nst_str header)
{
    size_t i;
    bool good = header.p == NULL ||
                (cli_output_put(&m->refused, header) && cli_output_put(&m->refused, NST_STR("\n")));
    for (i = 0; i < REPORT_STREAMS; i++) {
        if (m->report->stream[i] != NULL)
            rewind(m->report->stream[i]);
        read_head(m, i);
    }
    while (good && (i = next_stream(m)) < REPORT_STREAMS) {
        good = copy_line(m, i);
        read_head(m, i);
    }
    return good && m->report->failure == 0;
}

static bool write_both(struct import_report *r, struct nst_str header)
{
    struct merge m = { .report = r };
    if (!cli_output_open(&m.errors, r->arena, r->errors, &cli_import))
        return false;
    if (!cli_output_open(&m.refused, r->arena, r->refused, &cli_import))
        return cli_output_close(&m.errors, EXIT_FAILED) == EXIT_DONE;
    int status = copy_lines(&m, header) ? EXIT_DONE : EXIT_FAILED;
    int refused = cli_output_close(&m.refused, status);
    return cli_output_close(&m.errors, refused) == EXIT_DONE;
}

/* ---- What is there from another run ---- */

/* Both are given one time when they are written, which no change of either leaves alone. */
static void mark_as_written(const struct import_report *r)
{
    struct timespec now[2];
    clock_gettime(CLOCK_REALTIME, &now[0]);
    now[1] = now[0];
    (void)utimensat(AT_FDCWD, r->errors, now, 0);
    (void)utimensat(AT_FDCWD, r->refused, now, 0);
}

static bool is_as_written(const struct import_report *r, const char *refused)
{
    struct stat a, b;
    return stat(refused, &a) == 0 && stat(r->errors, &b) == 0 &&
           a.st_mtim.tv_sec == b.st_mtim.tv_sec && a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
}

static bool complain(const char *path)
{
    cli_fail(&cli_import, "%s cannot be moved away: %s", path, strerror(errno));
    return false;
}

/* Give it the first number that is free, and the reasons the same. */
static bool keep_aside(struct nst_buf *said, const struct import_report *r, const char *refused,
                       bool is_table)
{
    const char *to = NULL, *number = NULL;
    for (unsigned i = 1; to == NULL || access(to, F_OK) == 0; i++) {
        number = nst_strf(r->arena, ".%u", i).p;
        to = refused_name(r, number, is_table);
    }
    if (rename(refused, to) != 0)
        return complain(refused);
    const char *errors = nst_strf(r->arena, "%s.errors%s.jsonl", r->base, number).p;
    if (rename(r->errors, errors) != 0 && errno != ENOENT)
        return complain(r->errors);
    nst_putf(said, "%s was changed since it was written: it is kept as %s\n", refused, to);
    return true;
}

static bool settle_one(struct nst_buf *said, const struct import_report *r, bool is_table)
{
    const char *refused = refused_name(r, "", is_table);
    if (access(refused, F_OK) != 0)
        return true;
    if (!is_as_written(r, refused))
        return keep_aside(said, r, refused, is_table);
    return unlink(refused) == 0 || complain(refused);
}

/* The form of a file may have changed between two runs. */
static bool settle(struct nst_buf *said, const struct import_report *r)
{
    if (!settle_one(said, r, false) || !settle_one(said, r, true))
        return false;
    return unlink(r->errors) == 0 || errno == ENOENT || complain(r->errors);
}

/* ---- The end ---- */

static void tell(struct nst_buf *said, const struct import_report *r,
                 const struct import_ending *how)
{
    nst_putf(said,
             "%zu of %zu lines %s refused: %s has them, to be mended and imported, %s says why, "
             "line by line\n",
             r->count, how->total, how->is_trial ? "would be" : "were", r->refused, r->errors);
    if (r->lost > 0)
        nst_putf(said, "%zu of them are too long to be given back; %s says which\n", r->lost,
                 r->errors);
}

bool import_report_finish(struct nst_str *said, struct import_report *r,
                          const struct import_ending *how)
{
    struct nst_buf b;
    nst_buf_init(&b, r->arena, SIZE_MAX / 4);
    bool good = (r->count == 0 && !how->has_ended) || settle(&b, r);
    if (good && r->count > 0) {
        good = write_both(r, how->header);
        mark_as_written(r);
    }
    if (r->failure != 0)
        cli_fail(&cli_import, "what was refused cannot be kept: %s", strerror(r->failure));
    if (good && r->count > 0)
        tell(&b, r, how);
    *said = nst_buf_str(&b);
    return good;
}
