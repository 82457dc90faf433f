/* Lists that verbs print: on a terminal columns below their heads; elsewhere a row a line, with a
 * tab between two cells and without heads, so that programs read them. Either way a cell is one
 * line: for a control character, which a terminal would obey, stands a question mark. */
#ifndef NESTOR_CLI_TABLE_H
#define NESTOR_CLI_TABLE_H

#include "cli.h"

#define CLI_COLUMNS_MAX 8

struct cli_table {
    struct nst_arena *arena; /* of rows that wait for the widths of their columns; NULL: none do */
    struct cli_table_row *first, **last;
    size_t rows;
};

/* Begin a list with at most CLI_COLUMNS_MAX columns, whose heads are like "USER|NAME"; ended by
 * cli_table_end. */
void cli_table_begin(struct cli_table *t, const char *heads);

/* Print a row, or keep a copy of it: at most some hundred rows are kept. `count`, at most
 * CLI_COLUMNS_MAX, may be less than there are heads. */
void cli_table_put(struct cli_table *t, const struct nst_str *cell, size_t count);

/* Print what was kept. */
void cli_table_end(struct cli_table *t);

/* Print a line; for each control character in it stands a question mark. Its text is made in a. */
void cli_say(struct nst_arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
