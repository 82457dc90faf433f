/* One line that is written over itself. */
#include "progress.h"

#include <stdio.h>
#include <unistd.h>

#define SHOW_EVERY (NST_SECOND / 2)

void cli_progress_show(struct cli_progress *p, bool is_last)
{
    int64_t now = nst_ticks();
    if (p->is_quiet || (!is_last && now - p->shown < SHOW_EVERY))
        return;
    p->shown = now;
    double seconds = (double)(now - p->started) / (double)NST_SECOND;
    double rate = seconds > 0 ? (double)p->count / seconds : 0;
    bool is_terminal = isatty(STDERR_FILENO) != 0;
    if (!is_terminal && !is_last)
        return;
    fprintf(stderr, "%s%zu %s", is_terminal ? "\r" : "", p->count, p->what);
    if (p->size > 0)
        fprintf(stderr, " (%d %%)", (int)(p->bytes * 100 / p->size));
    fprintf(stderr, ", %.0f/s%s", rate, is_last ? "\n" : "   ");
}
