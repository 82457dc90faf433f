/* The end of a server by signals. A thread of its own waits for what is in flight, so that this one
 * hears of somebody who does not want to. */
#include "nestor/ending.h"

#include "nestor/base/log.h"
#include "nestor/rest.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

/* What the thread says when it is over: a signal that does nothing to who does not wait for it. */
#define OVER SIGURG

struct ending {
    struct nst_server *server;
    pthread_t waiter;
    atomic_bool is_over;
};

static void *drain(void *arg)
{
    struct ending *e = arg;
    nst_server_drain(e->server);
    atomic_store(&e->is_over, true);
    pthread_kill(e->waiter, OVER);
    return NULL;
}

static void put_last(sigset_t *last)
{
    sigemptyset(last);
    sigaddset(last, SIGINT);
    sigaddset(last, SIGTERM);
}

/* The second signal has come: from now on either ends the process, as it does where nobody takes
 * it. */
static void give_up(int number)
{
    sigset_t last;
    put_last(&last);
    nst_log(NST_LOG_WARN, "stopping at once", NST_LOG_INT("signal", number));
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    pthread_sigmask(SIG_UNBLOCK, &last, NULL);
}

/* The drain was over before a second signal came: whatever else the process waits for, it hears
 * of that one and of the third. */
static void *hear_on(void *unused)
{
    sigset_t last;
    int number = 0;
    put_last(&last);
    while (sigwait(&last, &number) != 0)
        continue;
    give_up(number);
    while (pause() < 0)
        continue;
    return unused;
}

static void leave_a_listener(void)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, hear_on, NULL) == 0)
        pthread_detach(thread);
}

void nst_server_end(struct nst_server *s, const sigset_t *signals)
{
    struct ending e = { .server = s, .waiter = pthread_self() };
    sigset_t wait = *signals, over;
    pthread_t thread;
    int number;
    sigemptyset(&over);
    sigaddset(&over, OVER);
    sigaddset(&wait, OVER);
    pthread_sigmask(SIG_BLOCK, &over, NULL);
    bool is_heard = false, is_alone = pthread_create(&thread, NULL, drain, &e) != 0;
    while (!is_alone && !atomic_load(&e.is_over)) {
        if (sigwait(&wait, &number) != 0 || (number != SIGINT && number != SIGTERM))
            continue;
        sigdelset(&wait, SIGINT);
        sigdelset(&wait, SIGTERM);
        give_up(number);
        nst_server_hurry(s);
        is_heard = true;
    }
    if (!is_alone)
        pthread_join(thread, NULL);
    if (!is_heard)
        leave_a_listener();
    nst_server_stop(s);
}
