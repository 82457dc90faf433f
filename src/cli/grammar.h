/* What can be said on the command line, as tables: the parser, `--help`, the pages of
 * the manual and the completions of shells all read these. */
#ifndef NESTOR_CLI_GRAMMAR_H
#define NESTOR_CLI_GRAMMAR_H

#include "cli.h"

/* All verbs, in the order in which they are listed; NULL ends them. */
extern const struct cli_verb *const cli_verbs[];

/* What the program is; its first commands, two blanks before each; its exit codes. Lines
 * of at most 100 characters that end with a line end. */
extern const char cli_about[], cli_first_steps[], cli_exit_codes[];

struct cli_option {
    const char *name;    /* "--data" */
    const char *value;   /* what it is called: "DIR" and "FILE" are completed as such, "csv|jsonl"
                          * are all that there are; NULL: a switch */
    const char *doc;     /* an example may stand behind ": --" */
    size_t offset;       /* of the member of struct cli_options; CLI_NOWHERE */
    const char *setting; /* also sets this; NULL: none */
};

/* Of `--set` and `--help`, which are no member. */
#define CLI_NOWHERE SIZE_MAX

extern const struct cli_option cli_option_list[];
extern const size_t cli_option_count;

/* Whether help, manual and completions show the option with that verb. The parser takes
 * settings such as `--listen` with every verb. */
bool cli_shows(const struct cli_verb *verb, const struct cli_option *option);

/* Whether value is one of the words in choices, which are separated by `|`. */
bool cli_is_choice(const char *choices, struct nst_str value);

/* "NESTOR_OCL_ROOT" of "ocl.root", in a. */
const char *cli_variable_of(struct nst_arena *a, const char *setting);

/* The setting of that name; NULL: there is none. */
const struct cli_setting *cli_setting_of(struct nst_str name);

/* What values the setting may have, as a phrase in a: "a number from 1 to 1000"; NULL when
 * any text will do. */
const char *cli_values_of(struct nst_arena *a, const struct cli_setting *s);

/* Set what is found at place ("data/nestor.conf:3"), which has that origin; false after reporting
 * that there is no such setting or that its value does not fit. */
bool cli_config_set(struct cli_config *config, const char *origin, const char *place,
                    struct nst_str name, struct nst_str value);

/* The setting that a line of the settings file sets, "tasks.folder", in a or in line; empty where
 * it has no name, null where it sets none: a comment, a blank or a section.
 *   value    what stands behind the `=`, in line; null where there is none
 *   section  the one that the line is in, null at first; a line in brackets begins another, whose
 *            name lies in it
 * A byte order mark before the line is none of it. */
struct nst_str cli_config_line(struct nst_str *value, struct nst_str *section, struct nst_str line,
                               struct nst_arena *a);

/* Set what stands in the settings file, which is a regular one of 1 MiB at most: a relative path
 * in it counts from its folder, whatever folder the program is called in. False after reporting
 * faults with their lines. */
bool cli_config_read(struct cli_config *config, const char *path);

/* Cut from *rest the words that fit into width bytes (one at least), without the blanks
 * around them; *rest is null behind the last. */
struct nst_str cli_wrap(struct nst_str *rest, size_t width);

#endif
