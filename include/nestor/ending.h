/* The end of a server by signals. */
#ifndef NESTOR_ENDING_H
#define NESTOR_ENDING_H

#include <sys/select.h> /* sigset_t, in strict C, too */

struct nst_server;

/* Stop it (nst_server_stop) because one of the signals came, which every thread blocks: SIGINT or
 * SIGTERM ends the drain at once, and another one the process, until that ends: whatever else it
 * stops afterwards. Blocks. */
void nst_server_end(struct nst_server *s, const sigset_t *signals);

#endif
