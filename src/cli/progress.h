/* How far a verb has come, on a terminal. */
#ifndef NESTOR_CLI_PROGRESS_H
#define NESTOR_CLI_PROGRESS_H

#include "cli.h"

/* Counts are the verb's to set; the rest is zero but for `started`. */
struct cli_progress {
    const char *what;       /* "lines" */
    size_t count;           /* done so far */
    int64_t bytes, size;    /* read so far, and in all; size 0: not known */
    int64_t started, shown; /* nst_ticks() */
    bool is_quiet;
};

/* Show count, share and rate on standard error: now and then on a terminal, the
 * last time anywhere. */
void cli_progress_show(struct cli_progress *p, bool is_last);

#endif
