/* Telling the service manager how the process is: the datagrams of sd_notify(3). Without
 * NOTIFY_SOCKET in the environment nobody listens, and nothing is sent. */
#ifndef NESTOR_BASE_NOTIFY_H
#define NESTOR_BASE_NOTIFY_H

#include "nestor/base/str.h"

/* Tell it `state`: lines such as "READY=1", "STATUS=What it does now", "STOPPING=1",
 * "WATCHDOG=1". Any thread; blocks for five seconds at most when the manager does not keep up, and
 * is lost then, which changes nothing for the process. */
void nst_notify(struct nst_str state);

/* How long the manager waits for a WATCHDOG=1 before it takes the process for dead, in
 * microseconds; 0: it does not wait. */
int64_t nst_notify_watchdog(void);

#endif
