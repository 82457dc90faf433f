/* nestor enroll: what its parts share. A file is read row by row; rows are sent in
 * batches; every row gets an outcome, in the order of the file. */
#ifndef NESTOR_CLI_ROSTER_H
#define NESTOR_CLI_ROSTER_H

#include "api.h"
#include "enroll/app.h"
#include "nestor/base/csv.h"
#include "progress.h"

#define ROSTER_PENDING   100         /* rows in hand at most, those that are not sent included */
#define ROSTER_UNCHANGED "unchanged" /* the outcome of a row that is there as it is asked for */

enum roster_value {
    ROSTER_PROGRAM,
    ROSTER_COURSE,
    ROSTER_KEY,
    ROSTER_STATUS,
    ROSTER_CURRICULUM,
    ROSTER_VALUES
};

/* A column of a file. */
struct roster_column {
    enum roster_value value;
    const char *name[4]; /* the first is the one in reports; NULL-terminated */
    size_t option;       /* member of cli_options that stands in for it; 0: none does */
    const char *flag;    /* that option */
};

/* What a file is about: "program" or "course". */
struct roster_kind {
    const char *name;
    struct roster_column column[4];
    const char *const *statuses; /* NULL-terminated */
    bool is_course;
};

extern const struct roster_kind cli_roster_kinds[2];

/* A row, and what became of it. */
struct roster_row {
    size_t line;
    struct nst_str value[ROSTER_VALUES];
    struct nst_str outcome; /* null: not yet known */
};

/* ---- The file (roster_file.c) ---- */

struct roster_file {
    struct nst_str path;
    int fd;
    struct nst_csv *csv;
    struct nst_csv_row row;
    size_t count;          /* columns of the header */
    int at[ROSTER_VALUES]; /* place of a value, -1: `given` stands in */
    struct nst_str given[ROSTER_VALUES];
    int64_t size;
};

/* Open the file and find its columns. Returns an exit code, after saying why. */
int roster_file_open(struct roster_file *f, struct cli_options *o, const struct roster_kind *kind);

/* Close it; also after a failed open. */
void roster_file_close(struct roster_file *f);

/* Read the next row into f->row; empty cells beyond the columns are dropped. */
enum nst_csv_step roster_file_next(struct roster_file *f);

/* What is wrong with f->row, as a sentence; NULL: nothing that the row alone tells. */
const char *roster_file_fault(const struct roster_file *f);

/* Turn f->row into a row; texts are in a. A row that is never to be sent has its
 * outcome already. */
void roster_file_take(struct roster_row *row, const struct roster_file *f, struct nst_arena *a,
                      const struct roster_kind *kind);

/* What the row alone tells of its outcome: what it is refused for on any database, or
 * its status. For rows that have no outcome yet. */
struct nst_str roster_file_foretell(const struct roster_row *row, struct nst_arena *a,
                                    const struct roster_kind *kind);

/* ---- Outcomes (roster_outcomes.c) ---- */

struct roster_outcomes;

/* Make the file of outcomes, or with --resume go on with one: a torn last row is cut
 * off. Returns an exit code, after saying why. With --dry-run nothing is kept. */
int roster_outcomes_open(struct roster_outcomes **out, struct cli_options *o,
                         const struct roster_kind *kind);

/* Close the file; NULL is allowed. */
void roster_outcomes_close(struct roster_outcomes *w);

/* True for a row that has its outcome from the run that is resumed. *is_other is set
 * when that run was about another file. */
bool roster_outcomes_has(bool *is_other, const struct roster_outcomes *w,
                         const struct roster_row *row);

/* True until a row has been added to what a former run left. */
bool roster_outcomes_resumes(const struct roster_outcomes *w);

/* Write the outcomes of rows, which have one, and count them. a is for scratch.
 * False after saying why they cannot be written. */
bool roster_outcomes_add(struct roster_outcomes *w, const struct roster_row *row, size_t count,
                         struct nst_arena *a);

/* Print the summary; returns EXIT_DONE when every row succeeded. */
int roster_outcomes_sum_up(const struct roster_outcomes *w);

/* ---- Requests (roster_send.c) ---- */

struct roster_send_how {
    const struct cli_verb *verb;
    const struct roster_kind *kind;
    enum nst_method method;
    bool resumes; /* a run that was cut short may have sent these rows */
    struct roster_known *known;
    struct nst_arena *arena;
};

/* Send the rows, at most ENROLL_BATCH with distinct keys in one program and course,
 * and set their outcomes. Memory comes from how->arena.
 * Returns EXIT_FAILED after saying why the run must stop; rows that were answered
 * by then have their outcome. */
int roster_send(struct roster_row *const *row, size_t count, struct cli_api *api,
                const struct roster_send_how *how);

/* ---- What is there already (roster_known.c) ---- */

/* Empty; it lives in a. */
struct roster_known *roster_known_new(struct nst_arena *a);

/* Look at rows that were answered: a conflict with a row that is there just so becomes
 * ROSTER_UNCHANGED or, where the rows may be this file's own, their status. Reads the
 * list of a program or run when it shows its first conflict.
 * Returns EXIT_FAILED after saying why that cannot be read. */
int roster_known_settle(struct roster_row *const *row, size_t count, struct cli_api *api,
                        const struct roster_send_how *how);

#endif
