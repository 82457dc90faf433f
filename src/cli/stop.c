/* The signals that ask a verb to stop; see stop.h. */
#include "stop.h"

#include <signal.h>
#include <stddef.h>

static volatile sig_atomic_t is_stopped;

static void note(int signal)
{
    (void)signal;
    is_stopped = 1;
}

void cli_stop_on_signals(void)
{
    struct sigaction action = { .sa_handler = note, .sa_flags = (int)SA_RESETHAND };
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

bool cli_is_stopped(void)
{
    return is_stopped != 0;
}
