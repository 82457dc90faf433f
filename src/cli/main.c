/* nestor: finds the verb and runs it. */
#include "grammar.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

const struct cli_verb *const cli_verbs[] = {
    &cli_serve,       &cli_init,        &cli_load,        &cli_dump,    &cli_import,
    &cli_export_verb, &cli_enroll,      &cli_enrollments, &cli_user,    &cli_token,
    &cli_client,      &cli_config,      &cli_migrate,     &cli_openapi, &cli_doctor,
    &cli_verify,      &cli_subscribe,   &cli_top,         &cli_health,  &cli_man,
    &cli_completion,  &cli_maintenance, &cli_audit,       &cli_purge,   &cli_backup,
    &cli_restore,     &cli_move,        &cli_compact,     &cli_task,    NULL,
};

const char cli_about[] =
    "Serves nested, versioned resources over REST: the Open Concept Lab terminology API\n"
    "and the program enrollments API of edX.\n";

const char cli_first_steps[] =
    "  nestor init --data ./data --admin ada --admin-token-file ada.token\n"
    "  nestor serve --data ./data\n"
    "  curl -H \"Authorization: Token $(cat ada.token)\" http://127.0.0.1:8000/user/\n";

const char cli_exit_codes[] = "0 done, 1 failed, 2 wrong usage.\n";

static int help(FILE *out)
{
    fprintf(out, "usage: nestor VERB [OPTION ...]\n\n%s\nVerbs:\n", cli_about);
    for (size_t i = 0; cli_verbs[i] != NULL; i++)
        fprintf(out, "  %-12s %s\n", cli_verbs[i]->name, cli_verbs[i]->summary);
    fprintf(out, "\nFirst steps:\n%s\n`nestor VERB --help` tells more. Exit codes: %s",
            cli_first_steps, cli_exit_codes);
    return out == stdout ? EXIT_DONE : EXIT_USAGE;
}

static int say(const struct cli_verb *verb, const char *format, va_list args, const char *tail)
{
    fprintf(stderr, "nestor %s: ", verb->name);
    vfprintf(stderr, format, args);
    fputs(tail, stderr);
    return 0;
}

int cli_fail(const struct cli_verb *verb, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(verb, format, args, "\n");
    va_end(args);
    return EXIT_FAILED;
}

int cli_misuse(const struct cli_verb *verb, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(verb, format, args, "\n");
    va_end(args);
    fprintf(stderr, "usage: nestor %s\nTry `nestor %s --help`.\n", verb->usage, verb->name);
    return EXIT_USAGE;
}

static const struct cli_verb *verb_named(const char *name)
{
    for (size_t i = 0; cli_verbs[i] != NULL; i++)
        if (strcmp(name, cli_verbs[i]->name) == 0)
            return cli_verbs[i];
    return NULL;
}

static int refuse_verb(const char *word)
{
    const char *name[NST_COUNT(cli_verbs)]; /* NOLINT(bugprone-sizeof-expression): of pointers */
    size_t count = 0;
    for (; cli_verbs[count] != NULL; count++)
        name[count] = cli_verbs[count]->name;
    const char *nearest = cli_nearest(word, (struct cli_names){ name, sizeof(name[0]), count });
    fprintf(stderr, "nestor: there is no verb \"%s\"", word);
    if (nearest == NULL) {
        fputc('\n', stderr);
        return help(stderr);
    }
    fprintf(stderr, "; did you mean \"%s\"?\n`nestor --help` lists them.\n", nearest);
    return EXIT_USAGE;
}

/* `nestor --data d serve` is `nestor serve --data d`. */
static int run_behind_options(int argc, char **argv, int at)
{
    char *verb = argv[at];
    if (verb_named(verb) == NULL)
        return refuse_verb(verb);
    memmove(argv + 2, argv + 1, (size_t)(at - 1) * sizeof(*argv));
    argv[1] = verb;
    return verb_named(verb)->run(argc - 1, argv + 1);
}

static int run_help(int argc, char **argv)
{
    char *words[] = { argv[1], (char[]){ "--help" }, NULL };
    if (argc < 3)
        return help(stdout);
    words[0] = argv[2];
    return verb_named(words[0]) != NULL ? verb_named(words[0])->run(2, words)
                                        : refuse_verb(words[0]);
}

/* Whoever limits the memory should not have to guess. */
static void explain_abort(int number)
{
    static const char text[] = "nestor: aborted. Is memory short (ulimit -v, the service's "
                               "MemoryMax)? If it is not, this is a fault of the program: please "
                               "report it with the lines above.\n";
    ssize_t n = write(STDERR_FILENO, text, sizeof(text) - 1);
    (void)n;
    signal(number, SIG_DFL);
    raise(number);
}

int main(int argc, char **argv)
{
    signal(SIGABRT, explain_abort);
    if (argc < 2)
        return help(stderr);
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return help(stdout);
    if (strcmp(argv[1], "help") == 0)
        return run_help(argc, argv);
    if (strcmp(argv[1], "--version") == 0) {
        printf("nestor %s%s%s%s\n", NESTOR_VERSION, cli_commit[0] != '\0' ? " (" : "", cli_commit,
               cli_commit[0] != '\0' ? ")" : "");
        return EXIT_DONE;
    }
    int at = cli_options_before_verb(argc, argv);
    return at < argc ? run_behind_options(argc, argv, at) : help(stderr);
}
