/* A registrar's CSV file: its columns, and what can be told of a row without asking
 * anybody. */
#include "roster.h"

#include "enroll/course_key/course_key.h"
#include "enroll/fixture/entity.h"
#include "enroll/program_enrollment/uuid.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OF(member) offsetof(struct cli_options, member)

const struct roster_kind cli_roster_kinds[2] = {
    { .name = "program",
      .column = { { ROSTER_PROGRAM, { "program" }, OF(program), "--program" },
                  { ROSTER_KEY, { "external_user_key", "student_key" }, 0, NULL },
                  { ROSTER_STATUS, { "status" }, 0, NULL },
                  { ROSTER_CURRICULUM, { "curriculum_uuid" }, OF(curriculum), "--curriculum" } },
      .statuses = enroll_statuses },
    { .name = "course",
      .column = { { ROSTER_PROGRAM, { "program" }, OF(program), "--program" },
                  { ROSTER_COURSE,
                    { "course", "course_key", "course_id" },
                    OF(course),
                    "--course" },
                  { ROSTER_KEY, { "student_key", "external_user_key" }, 0, NULL },
                  { ROSTER_STATUS, { "status" }, 0, NULL } },
      .statuses = enroll_course_statuses,
      .is_course = true },
};

static int refuse(const struct roster_file *f, const char *what, struct nst_str detail)
{
    fprintf(stderr, "nestor enroll: %.*s: %s%.*s\n", NST_FMT(f->path), what, NST_FMT(detail));
    return EXIT_USAGE;
}

/* ---- Columns ---- */

/* "External User Key" is external_user_key. */
static struct nst_str folded(struct nst_arena *a, struct nst_str name)
{
    struct nst_buf b;
    nst_buf_init(&b, a, NST_CSV_FIELD_MAX);
    name = nst_str_trim(name);
    for (size_t i = 0; i < name.n; i++)
        nst_put_char(&b, name.p[i] == ' ' ? '_' : nst_lower(name.p[i]));
    return nst_buf_str(&b);
}

static const struct roster_column *column_named(const struct roster_kind *kind, struct nst_str name)
{
    for (size_t i = 0; i < NST_COUNT(kind->column); i++)
        for (const char *const *alias = kind->column[i].name; *alias != NULL; alias++)
            if (nst_str_eq(nst_str_z(*alias), name))
                return &kind->column[i];
    return NULL;
}

static int read_names(struct roster_file *f, struct nst_arena *a, const struct roster_kind *kind)
{
    while (f->row.count > 0 && f->row.field[f->row.count - 1].n == 0)
        f->row.count--; /* cells that a spreadsheet has left behind */
    f->count = f->row.count;
    for (size_t i = 0; i < f->row.count; i++) {
        struct nst_str name = folded(a, f->row.field[i]);
        const struct roster_column *column = column_named(kind, name);
        if (column == NULL)
            fprintf(stderr, "nestor enroll: note: column \"%.*s\" is ignored\n", NST_FMT(name));
        else if (f->at[column->value] >= 0)
            return refuse(f, "there are two columns for ", nst_str_z(column->name[0]));
        else
            f->at[column->value] = (int)i;
    }
    return EXIT_DONE;
}

static int check_column(struct roster_file *f, struct cli_options *o,
                        const struct roster_column *column)
{
    const char *given =
        column->option == 0 ? NULL : *(const char *const *)((const char *)o + column->option);
    bool is_there = f->at[column->value] >= 0;
    /* A change leaves the curriculum as it is. */
    bool is_needed = !o->change || column->value != ROSTER_CURRICULUM;
    f->given[column->value] = nst_str_z(given);
    if (is_there && given != NULL)
        return refuse(f, "there is a column for what an option gives: ", nst_str_z(column->flag));
    if (is_there || given != NULL || !is_needed)
        return EXIT_DONE;
    struct nst_str hint =
        nst_strf(o->arena, "%s%s%s", column->name[0], column->flag != NULL ? ", and no " : "",
                 column->flag != NULL ? column->flag : "");
    return refuse(f, "there is no column ", hint);
}

static int read_header(struct roster_file *f, struct cli_options *o, const struct roster_kind *kind)
{
    enum nst_csv_step step = nst_csv_next(&f->row, f->csv);
    if (step == NST_CSV_WIDE)
        return refuse(f, "the file is in UTF-16; save it as CSV in UTF-8", NST_STR(""));
    if (step == NST_CSV_FAILED)
        return cli_fail(&cli_enroll, "%.*s cannot be read: %s", NST_FMT(f->path), strerror(errno));
    if (step == NST_CSV_END)
        return refuse(f, "the file is empty: a line with the names of the columns is wanted",
                      NST_STR(""));
    if (f->row.fault != NST_CSV_GOOD)
        return refuse(f, "the line with the names of the columns cannot be read: ",
                      nst_str_z(nst_csv_reason(f->row.fault)));
    int status = read_names(f, o->arena, kind);
    for (size_t i = 0; i < NST_COUNT(kind->column) && status == EXIT_DONE; i++)
        status = check_column(f, o, &kind->column[i]);
    return status;
}

/* ---- The file ---- */

static ssize_t read_file(void *arg, char *to, size_t n)
{
    struct roster_file *f = arg;
    ssize_t got;
    do
        got = read(f->fd, to, n);
    while (got < 0 && errno == EINTR);
    return got;
}

int roster_file_open(struct roster_file *f, struct cli_options *o, const struct roster_kind *kind)
{
    struct stat info;
    memset(f, 0, sizeof(*f));
    f->path = nst_str_z(o->rest[1]);
    for (size_t i = 0; i < ROSTER_VALUES; i++)
        f->at[i] = -1;
    f->fd = open(o->rest[1], O_RDONLY | O_CLOEXEC);
    if (f->fd < 0)
        return cli_fail(&cli_enroll, "%s cannot be read: %s", o->rest[1], strerror(errno));
    f->size = fstat(f->fd, &info) == 0 ? info.st_size : 0;
    f->csv = nst_csv_new(o->arena, read_file, f);
    return read_header(f, o, kind);
}

void roster_file_close(struct roster_file *f)
{
    if (f->fd >= 0)
        close(f->fd);
}

enum nst_csv_step roster_file_next(struct roster_file *f)
{
    struct nst_csv_row *row = &f->row;
    enum nst_csv_step step = nst_csv_next(row, f->csv);
    while (step == NST_CSV_ROW && row->count > f->count && row->field[row->count - 1].n == 0)
        row->count--;
    return step;
}

/* ---- Rows ---- */

/* "1.23457E+12", or with a comma: what a spreadsheet has made of a long number. Its
 * last digits are gone, and another learner may have those that are left. */
static bool is_shortened(struct nst_str key)
{
    size_t n = 0;
    while (n < key.n &&
           ((key.p[n] >= '0' && key.p[n] <= '9') || key.p[n] == '.' || key.p[n] == ','))
        n++;
    return n > 0 && n + 2 < key.n && nst_lower(key.p[n]) == 'e' && key.p[n + 1] == '+' &&
           key.p[n + 2] >= '0' && key.p[n + 2] <= '9';
}

const char *roster_file_fault(const struct roster_file *f)
{
    int at = f->at[ROSTER_KEY];
    if (f->row.fault != NST_CSV_GOOD)
        return nst_csv_reason(f->row.fault);
    if (f->row.count != f->count)
        return f->row.count < f->count ? "there are too few fields" : "there are too many fields";
    return is_shortened(f->row.field[at])
               ? "the key is a number that a spreadsheet has shortened: format its column as text "
                 "there, enter the keys anew and save the file again"
               : NULL;
}

/* Words are taken without case and blanks around; what is none stays as it came. */
static struct nst_str status_of(struct nst_arena *a, struct nst_str text,
                                const struct roster_kind *kind)
{
    const char *word = enroll_word(kind->statuses, folded(a, text));
    return word != NULL ? nst_str_z(word) : text;
}

/* What no request could carry: in a path it would mean something else. */
static struct nst_str judge(const struct roster_row *row, struct nst_arena *a,
                            const struct roster_kind *kind)
{
    struct nst_str canonical;
    if (is_shortened(row->value[ROSTER_KEY]))
        return NST_STR("shortened-key");
    if (!enroll_is_program_text(row->value[ROSTER_PROGRAM]))
        return NST_STR("program-not-found");
    if (kind->is_course && !enroll_course_key_parse(&canonical, a, row->value[ROSTER_COURSE]))
        return NST_STR("invalid-course-key");
    return (struct nst_str){ 0 };
}

void roster_file_take(struct roster_row *row, const struct roster_file *f, struct nst_arena *a,
                      const struct roster_kind *kind)
{
    bool is_encoding = f->row.fault == NST_CSV_ENCODING;
    *row = (struct roster_row){ .line = f->row.line };
    if (f->row.count != f->count || (f->row.fault != NST_CSV_GOOD && !is_encoding)) {
        row->outcome = is_encoding ? NST_STR("invalid-encoding") : NST_STR("invalid-row");
        return;
    }
    for (size_t i = 0; i < ROSTER_VALUES; i++) {
        struct nst_str value = f->at[i] >= 0 ? f->row.field[f->at[i]] : f->given[i];
        if (nst_utf8_valid(value))
            row->value[i] = nst_str_copy(a, value);
    }
    row->value[ROSTER_STATUS] = status_of(a, row->value[ROSTER_STATUS], kind);
    row->outcome = is_encoding ? NST_STR("invalid-encoding") : judge(row, a, kind);
}

/* P14, P17, P21, P24; C5, C12. */
struct nst_str roster_file_foretell(const struct roster_row *row, struct nst_arena *a,
                                    const struct roster_kind *kind)
{
    const struct nst_json curriculum = { .kind = NST_JSON_STRING,
                                         .text = row->value[ROSTER_CURRICULUM] };
    struct nst_str key, canonical;
    if (enroll_word(kind->statuses, row->value[ROSTER_STATUS]) == NULL)
        return NST_STR("invalid-status");
    bool is_good =
        kind->is_course
            ? nst_str_trim(row->value[ROSTER_KEY]).n > 0
            : enroll_form_key.read(&key, a, nst_str_trim(row->value[ROSTER_KEY])) &&
                  (curriculum.text.p == NULL || enroll_uuid_read(&canonical, a, &curriculum));
    return is_good ? row->value[ROSTER_STATUS] : NST_STR("invalid-enrollment-record");
}
