/* What `nestor move` and `nestor restore` share. */
#ifndef NESTOR_CLI_COPY_H
#define NESTOR_CLI_COPY_H

#include "cli.h"

#include "nestor/copy.h"

/* Run the copy, whose stores and is_alone are set, until it is done or a signal stops it.
 *   again  what is said besides when it failed: what to do then, or ""
 * Returns an exit code, after saying why it failed. Blocks for as long as it takes. */
int cli_copy_rows(struct nst_copy *copy, struct cli_options *o, const struct cli_verb *verb,
                  const char *again);

#endif
