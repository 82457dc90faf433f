/* What a verb writes for --output: a file that gets its name when it is whole, or
 * standard output. */
#ifndef NESTOR_CLI_OUTPUT_H
#define NESTOR_CLI_OUTPUT_H

#include "cli.h"

#include <stdio.h>

struct cli_output {
    const struct cli_verb *verb;
    const char *path; /* NULL: standard output */
    const char *part; /* the file's name while it is written */
    FILE *file;
    bool has_written, has_failed; /* a failure has been said already */
};

/* Start a file `path.part` of mode 0600, since what is written is about persons; or
 * standard output when path is NULL. Names are in a. Returns false after saying why. */
bool cli_output_open(struct cli_output *w, struct nst_arena *a, const char *path,
                     const struct cli_verb *verb);

/* Write a piece. Returns false after saying why, the first time. */
bool cli_output_put(struct cli_output *w, struct nst_str text);

/* To be called where work begins that may run again: takes back what was written, which
 * only a file allows. Returns false when it cannot. */
bool cli_output_restart(struct cli_output *w);

/* End it: with EXIT_DONE the file, once it is on the disk, replaces that of its name;
 * with another status it goes. Returns the status, or EXIT_FAILED after saying why. */
int cli_output_close(struct cli_output *w, int status);

#endif
