/* The file of outcomes: one row for every row of the registrar's file, in its order,
 * whole at any time but for its last row. That is also what a resumed run goes by. */
#include "roster.h"

#include "nestor/base/file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define WORDS_MAX 32 /* different outcomes that are counted by name */
#define FIXED_MAX 6  /* columns: line, at most three of the key, status, outcome */

struct word {
    struct nst_str text;
    size_t count;
};

struct roster_outcomes {
    struct cli_options *o;
    const struct roster_kind *kind;
    const char *path;
    int fd; /* -1 in a dry run */
    struct word word[WORDS_MAX];
    size_t words, rows, succeeded;
    size_t last_line; /* of what a former run left; 0: nothing */
    struct nst_str last_key;
    bool has_added;
};

/* ---- Counting ---- */

/* The row is as the file has it: its status was stored, or was there. */
static bool is_success(struct nst_str outcome, struct nst_str status)
{
    return nst_str_eq(outcome, status) || nst_str_eq(outcome, NST_STR(ROSTER_UNCHANGED));
}

static void count(struct roster_outcomes *w, struct nst_str outcome, bool is_good)
{
    size_t i = 0;
    w->rows++;
    w->succeeded += is_good;
    while (i < w->words && !nst_str_eq(w->word[i].text, outcome))
        i++;
    if (i == WORDS_MAX)
        i = WORDS_MAX - 1; /* answers have a dozen words; a strange server may have more */
    if (i == w->words)
        w->word[w->words++].text = nst_str_copy(w->o->arena, outcome);
    w->word[i].count++;
}

/* ---- Columns ---- */

static bool is_shown(const struct roster_column *c)
{
    return c->value != ROSTER_CURRICULUM && c->value != ROSTER_STATUS;
}

static void put_header(struct nst_buf *out, const struct roster_kind *kind)
{
    nst_put_lit(out, "line");
    for (size_t i = 0; i < NST_COUNT(kind->column); i++)
        if (is_shown(&kind->column[i]))
            nst_putf(out, ",%s", kind->column[i].name[0]);
    nst_put_lit(out, ",status,outcome\n");
}

static void put_row(struct nst_buf *out, const struct roster_kind *kind,
                    const struct roster_row *row)
{
    nst_put_int(out, (int64_t)row->line);
    for (size_t i = 0; i < NST_COUNT(kind->column); i++) {
        if (!is_shown(&kind->column[i]))
            continue;
        nst_put_char(out, ',');
        nst_csv_put(out, row->value[kind->column[i].value]);
    }
    nst_put_char(out, ',');
    nst_csv_put(out, row->value[ROSTER_STATUS]);
    nst_put_char(out, ',');
    nst_csv_put(out, row->outcome);
    nst_put_char(out, '\n');
}

/* ---- What a former run left ---- */

static ssize_t read_outcomes(void *arg, char *to, size_t n)
{
    const struct roster_outcomes *w = arg;
    return read(w->fd, to, n);
}

static bool is_header(struct nst_arena *a, const struct nst_csv_row *row,
                      const struct roster_kind *kind)
{
    struct nst_buf want, got;
    nst_buf_init(&want, a, 4096);
    nst_buf_init(&got, a, SIZE_MAX / 4);
    put_header(&want, kind);
    for (size_t i = 0; i < row->count; i++) {
        nst_put_z(&got, i > 0 ? "," : "");
        nst_put(&got, row->field[i]);
    }
    nst_put_char(&got, '\n');
    return nst_str_eq(nst_buf_str(&want), nst_buf_str(&got));
}

/* False for what no run of this verb has written. */
static bool take_former(struct roster_outcomes *w, const struct nst_csv_row *row,
                        struct nst_buf *key)
{
    size_t n = w->kind->is_course ? FIXED_MAX : FIXED_MAX - 1;
    int64_t line;
    if (row->fault != NST_CSV_GOOD || row->count != n || !nst_str_int(&line, row->field[0]) ||
        line <= (int64_t)w->last_line)
        return false;
    struct nst_str status = row->field[n - 2], outcome = row->field[n - 1];
    w->last_line = (size_t)line;
    key->n = 0;
    nst_put(key, row->field[n - 3]);
    count(w, outcome, is_success(outcome, status));
    return true;
}

static int read_former(struct roster_outcomes *w, struct nst_arena *a)
{
    struct nst_csv *csv = nst_csv_new(a, read_outcomes, w);
    struct nst_csv_row *row = NST_NEW(a, struct nst_csv_row);
    struct nst_buf key;
    uint64_t end = 0;
    bool is_good = true;
    nst_buf_init(&key, w->o->arena, NST_CSV_FIELD_MAX);
    enum nst_csv_step step = nst_csv_next(row, csv);
    if (step == NST_CSV_ROW && row->is_whole)
        is_good = is_header(a, row, w->kind);
    while (is_good && step == NST_CSV_ROW && row->is_whole) {
        end = row->end;
        step = nst_csv_next(row, csv);
        if (step == NST_CSV_ROW && row->is_whole)
            is_good = take_former(w, row, &key);
    }
    w->last_key = nst_buf_str(&key);
    if (!is_good || step == NST_CSV_WIDE)
        return cli_fail(&cli_enroll, "%s holds no outcomes of this kind of file", w->path);
    if (step == NST_CSV_FAILED || ftruncate(w->fd, (off_t)end) != 0 ||
        lseek(w->fd, (off_t)end, SEEK_SET) < 0)
        return cli_fail(&cli_enroll, "%s cannot be read: %s", w->path, strerror(errno));
    return EXIT_DONE;
}

/* ---- Writing ---- */

static bool write_all(const struct roster_outcomes *w, struct nst_str text)
{
    bool good = nst_write_all(w->fd, text);
    if (!good)
        cli_fail(&cli_enroll, "%s cannot be written: %s", w->path, strerror(errno));
    return good;
}

static int open_file(struct roster_outcomes *w)
{
    int how = w->o->resume ? O_RDWR | O_CREAT : O_RDWR | O_CREAT | O_EXCL;
    w->fd = open(w->path, how | O_CLOEXEC, 0600);
    if (w->fd >= 0)
        return EXIT_DONE;
    if (errno == EEXIST)
        return cli_fail(&cli_enroll,
                        "%s is there already: --resume goes on after its last line, --outcomes "
                        "names another file",
                        w->path);
    return cli_fail(&cli_enroll, "%s cannot be made: %s", w->path, strerror(errno));
}

static int start_file(struct roster_outcomes *w)
{
    struct nst_arena *a = nst_arena_new(65536);
    struct nst_buf header;
    int status = w->o->resume ? read_former(w, a) : EXIT_DONE;
    nst_buf_init(&header, a, 4096);
    put_header(&header, w->kind);
    assert(w->fd >= 0);
    if (status == EXIT_DONE && lseek(w->fd, 0, SEEK_CUR) == 0 &&
        !write_all(w, nst_buf_str(&header)))
        status = EXIT_FAILED;
    nst_arena_free(a);
    return status;
}

int roster_outcomes_open(struct roster_outcomes **out, struct cli_options *o,
                         const struct roster_kind *kind)
{
    struct roster_outcomes *w = NST_NEW(o->arena, struct roster_outcomes);
    w->o = o;
    w->kind = kind;
    w->fd = -1;
    w->path =
        o->outcomes != NULL ? o->outcomes : nst_strf(o->arena, "%s.outcomes.csv", o->rest[1]).p;
    *out = w;
    if (o->dry_run)
        return EXIT_DONE;
    int status = open_file(w);
    return status == EXIT_DONE ? start_file(w) : status;
}

void roster_outcomes_close(struct roster_outcomes *w)
{
    if (w != NULL && w->fd >= 0)
        close(w->fd);
}

bool roster_outcomes_has(bool *is_other, const struct roster_outcomes *w,
                         const struct roster_row *row)
{
    *is_other = row->line == w->last_line && !nst_str_eq(row->value[ROSTER_KEY], w->last_key) &&
                row->value[ROSTER_KEY].n + w->last_key.n > 0;
    return row->line <= w->last_line;
}

bool roster_outcomes_resumes(const struct roster_outcomes *w)
{
    return w->last_line > 0 && !w->has_added;
}

bool roster_outcomes_add(struct roster_outcomes *w, const struct roster_row *row, size_t rows,
                         struct nst_arena *a)
{
    struct nst_buf text;
    nst_buf_init(&text, a, SIZE_MAX / 4);
    for (size_t i = 0; i < rows; i++)
        put_row(&text, w->kind, &row[i]);
    if (w->fd >= 0 && !write_all(w, nst_buf_str(&text)))
        return false;
    for (size_t i = 0; i < rows; i++)
        count(w, row[i].outcome, is_success(row[i].outcome, row[i].value[ROSTER_STATUS]));
    w->has_added |= rows > 0;
    return true;
}

/* ---- The summary ---- */

static void print_json(const struct roster_outcomes *w)
{
    struct nst_buf b;
    nst_buf_init(&b, w->o->arena, SIZE_MAX / 4);
    nst_putf(&b, "{\"rows\":%zu,\"succeeded\":%zu,\"dry_run\":%s,\"file\":", w->rows, w->succeeded,
             w->fd < 0 ? "true" : "false");
    nst_json_put_str_or_null(&b, w->fd < 0 ? (struct nst_str){ 0 } : nst_str_z(w->path));
    nst_put_lit(&b, ",\"outcomes\":{");
    for (size_t i = 0; i < w->words; i++) {
        nst_put_z(&b, i > 0 ? "," : "");
        nst_json_put_str(&b, w->word[i].text);
        nst_putf(&b, ":%zu", w->word[i].count);
    }
    nst_put_lit(&b, "}}");
    printf("%.*s\n", NST_FMT(nst_buf_str(&b)));
}

static void print_text(const struct roster_outcomes *w)
{
    for (size_t i = 0; i < w->words; i++)
        printf("%.*s: %zu\n", NST_FMT(w->word[i].text), w->word[i].count);
    if (w->fd < 0)
        puts("dry run: nothing was sent");
    else if (w->succeeded < w->rows)
        printf("%zu of %zu rows did not succeed; %s says why, line by line\n",
               w->rows - w->succeeded, w->rows, w->path);
}

int roster_outcomes_sum_up(const struct roster_outcomes *w)
{
    if (w->o->json)
        print_json(w);
    else
        print_text(w);
    return w->succeeded == w->rows ? EXIT_DONE : EXIT_FAILED;
}
