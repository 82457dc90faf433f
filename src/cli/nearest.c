/* Which name was meant: the one that is called so, or the nearest one by edit distance. */
#include "cli.h"

#include <string.h>

#define NAME_MAX_BYTES 63

/* How many letters have to be changed, put in or left out to make b of a. */
static size_t distance(const char *a, const char *b)
{
    size_t row[NAME_MAX_BYTES + 1] = { 0 }, na = strlen(a), nb = strlen(b);
    if (na > NAME_MAX_BYTES || nb > NAME_MAX_BYTES)
        return SIZE_MAX;
    for (size_t j = 0; j <= nb; j++)
        row[j] = j;
    for (size_t i = 1; i <= na; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= nb; j++) {
            size_t change = diagonal + (a[i - 1] != b[j - 1]);
            size_t insert = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = change < insert ? change : insert;
        }
    }
    return row[nb];
}

const char *cli_name_at(struct cli_names names, size_t i)
{
    return *(const char *const *)((const char *)names.first + i * names.stride);
}

/* A third of the letters may differ: of "foo" one, so that it is not "db.pool". */
const char *cli_nearest(const char *word, struct cli_names names)
{
    const char *nearest = NULL;
    size_t best = (strlen(word) + 2) / 3 + 1;
    for (size_t i = 0; i < names.count; i++) {
        const char *name = cli_name_at(names, i);
        size_t d = distance(word, name);
        if (d >= best)
            continue;
        best = d;
        nearest = name;
    }
    return nearest;
}

const void *cli_action(const struct cli_verb *verb, const struct cli_options *o)
{
    for (size_t i = 0; o->rest_count > 0 && i < verb->actions.count; i++)
        if (strcmp(cli_name_at(verb->actions, i), o->rest[0]) == 0)
            return (const char *)verb->actions.first + i * verb->actions.stride;
    return NULL;
}

int cli_misuse_action(const struct cli_verb *verb, const struct cli_options *o)
{
    if (o->rest_count == 0)
        return cli_misuse(verb, "an action is needed");
    const char *nearest = cli_nearest(o->rest[0], verb->actions);
    return nearest == NULL ? cli_misuse(verb, "there is no action \"%s\"", o->rest[0])
                           : cli_misuse(verb, "there is no action \"%s\"; did you mean \"%s\"?",
                                        o->rest[0], nearest);
}
