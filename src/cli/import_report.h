/* What an import refused of a file, in two files beside it: why (BASE.errors.jsonl), and the lines
 * themselves, to be mended and imported (BASE.refused.jsonl, of a table BASE.refused.csv). They are
 * those of the last run that ended; a file of refused lines that somebody has changed since it was
 * written is kept under another name. */
#ifndef NESTOR_CLI_IMPORT_REPORT_H
#define NESTOR_CLI_IMPORT_REPORT_H

#include "cli.h"
#include "ocl/import.h"

/* Where a line comes from: of one stream lines come in the order of their numbers. */
enum { REPORT_FAULTS = OCL_IMPORT_TURNS, REPORT_STREAMS };

struct import_report;

/* Begin the report of a file.
 *   base      what its names begin with
 *   errors    name of the file of reasons; NULL: BASE.errors.jsonl
 *   is_table  the lines are rows */
struct import_report *import_report_new(struct nst_arena *a, const char *base, const char *errors,
                                        bool is_table);

/* A line that was refused. */
struct import_refused {
    size_t number;
    enum ocl_outcome outcome;
    struct nst_str detail; /* why, as JSON; empty: nobody said */
    struct nst_str given;  /* what is to be mended; null: it is too long to be given back */
};

/* Note one; it goes to a file without a name, not into memory.
 *   stream  the line's turn, or REPORT_FAULTS for one that could not be read */
void import_report_add(struct import_report *r, unsigned stream, const struct import_refused *line);

/* How the reading of a file ended. */
struct import_ending {
    struct nst_str header; /* what the refused lines begin with; null: nothing */
    size_t total;          /* lines that were looked at */
    bool has_ended;        /* it was read to its end: what another run told of it holds no more */
    bool is_trial;         /* nothing was stored */
};

/* Write the two files, or none where nothing was refused.
 *   said  set to what a person has to know: lines of text, of the report's arena; may be empty
 * False after saying what cannot be written. Blocks on the disk. */
bool import_report_finish(struct nst_str *said, struct import_report *r,
                          const struct import_ending *how);

/* Close what is open; NULL is allowed. */
void import_report_free(struct import_report *r);

#endif
