/* What both ways of `nestor export` share: from a store, and from a server. */
#ifndef NESTOR_CLI_EXPORT_H
#define NESTOR_CLI_EXPORT_H

#include "cli.h"
#include "output.h"
#include "progress.h"

struct cli_export {
    struct cli_options *o;
    struct cli_output out;
    struct cli_progress progress;
    /* The address in pieces: "/orgs/WHO/", "ICD", "v1". */
    struct nst_str owner_url, source, version;
    bool is_open; /* the output is */
};

extern const struct cli_verb cli_export_verb;

/* Open what is written to: --output, or a file of that name in this folder. Returns false after
 * saying why. */
bool cli_export_open(struct cli_export *x, struct nst_str name);

/* From a server. Returns an exit code, after saying why. */
int cli_export_fetch(struct cli_export *x);

#endif
