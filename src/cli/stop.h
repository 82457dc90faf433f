/* Ctrl-C and SIGTERM end a long verb between two steps: what was sent is waited for
 * and written down. The second signal ends the program at once. */
#ifndef NESTOR_CLI_STOP_H
#define NESTOR_CLI_STOP_H

#include <stdbool.h>

/* Take the signals from now on; once, before the work begins. */
void cli_stop_on_signals(void);

/* Has one of them come? */
bool cli_is_stopped(void);

#endif
