/* What the two ways of importing share. */
#ifndef NESTOR_CLI_IMPORT_H
#define NESTOR_CLI_IMPORT_H

#include "cli.h"
#include "ocl/import.h"
#include "ocl/lines/lines.h"
#include "import_report.h"
#include "progress.h"

#include <pthread.h>
#include <stdio.h>

#define IMPORT_BATCH 1000 /* lines to a transaction or request */

/* Lines on their way: one batch is read while another is stored. */
struct import_batch {
    struct nst_arena *arena;
    struct ocl_line line[IMPORT_BATCH];
    struct nst_str text[IMPORT_BATCH], given[IMPORT_BATCH]; /* as the reader has them */
    size_t number[IMPORT_BATCH];
    size_t count;
    struct import *im;
    struct ocl_batch lines; /* as the store gets it */
    enum nst_err err;       /* how storing ended */
    bool is_away;           /* handed to the store, not yet back */
};

struct import {
    struct cli_options *o;
    struct cli_site *site;
    struct ocl_importer *importer;
    struct nst_caller caller;
    /* Hand the batch on; false after saying why it cannot be done. `wait` makes
     * sure that a batch is back. */
    bool (*send)(struct import *im, struct import_batch *b);
    bool (*wait)(struct import *im, struct import_batch *b);
    struct import_batch batch[2];
    size_t present; /* index of the batch that is being read into */
    pthread_mutex_t lock;
    pthread_cond_t is_back;
    struct cli_progress progress;
    FILE *in; /* the file that is read, and its lines */
    struct ocl_lines *lines;
    int64_t read_before; /* bytes of the files before it */
    unsigned turn;       /* of the lines that are read (V610) */
    size_t number, count[OCL_OUTCOME_COUNT];
    struct import_report *report; /* of the file that is read */
    struct nst_buf said;          /* of the files before it */
    size_t lines_before;          /* of these */
    bool dry_run, failed;
    const char *stopped_by, *go_on; /* why it stopped, and what to do; NULL: as usual */
    struct cli_http *client; /* over HTTP only */
};

/* Open a file of lines, "-" being standard input, as im->lines. False after saying why it is no
 * such file. */
bool import_open_lines(struct import *im, const char *path);

/* Close it again. */
void import_close_lines(struct import *im);

/* Record every outcome of a batch that came back. */
void import_record_batch(struct import *im, const struct import_batch *b);

/* Prepare to send batches to o->server. Returns an exit code. */
int import_to_server(struct import *im);

/* Have the server at o->server undo the import o->undo, wait for that, and tell what was left.
 * Returns an exit code: EXIT_FAILED where something was left. */
int import_undo(struct cli_options *o);

/* Release what import_to_server took; nothing otherwise. */
void import_disconnect(struct import *im);

#endif
