/* What the two ways of importing share. */
#ifndef NESTOR_CLI_IMPORT_H
#define NESTOR_CLI_IMPORT_H

#include "cli.h"
#include "ocl/import.h"

#include <stdio.h>

#define IMPORT_BATCH 500   /* lines to a transaction or request */

struct import_line {
    size_t number;
    struct nst_str text;
    struct nst_json *tree;
    enum ocl_outcome outcome;
    struct nst_str detail;
};

struct import {
    struct cli_options *o;
    struct cli_site *site;
    struct ocl_importer importer;
    bool (*send)(struct import *im);   /* the batch; false after saying why not */
    struct nst_arena *batch_arena;
    struct import_line batch[IMPORT_BATCH];
    size_t batch_count;
    size_t number, lines, count[OCL_OUTCOME_COUNT];
    int64_t bytes, size, started, shown;
    const char *errors_path;
    FILE *errors;
    bool dry_run, is_quiet, failed;
    struct import_client *client;      /* over HTTP only */
};

/* Count an outcome; errors go to the error file. */
void import_record(struct import *im, size_t line, enum ocl_outcome outcome,
                   struct nst_str detail);

/* Prepare to send batches to o->server. Returns an exit code. */
int import_to_server(struct import *im);

/* Release what import_to_server took; nothing otherwise. */
void import_disconnect(struct import *im);

#endif
