/* What the actions of nestor enrollments share. */
#ifndef NESTOR_CLI_ENROLLMENTS_H
#define NESTOR_CLI_ENROLLMENTS_H

#include "cli.h"

/* Run the export that the options describe; site is NULL with --server. Returns an
 * exit code, after saying why. */
int cli_export(struct cli_site *site, struct cli_options *o);

/* What is wrong with the options of an export, as a sentence; NULL: nothing. */
const char *cli_export_fault(const struct cli_options *o);

#endif
