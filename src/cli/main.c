/* nestor: finds the verb and runs it. */
#include "cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct cli_verb *const verbs[] = {
    &cli_serve,  &cli_init,        &cli_load,    &cli_dump,   &cli_import,
    &cli_enroll, &cli_enrollments, &cli_user,    &cli_token,  &cli_client,
    &cli_config, &cli_migrate,     &cli_openapi, &cli_doctor, NULL,
};

static int help(FILE *out)
{
    fputs("usage: nestor VERB [OPTION ...]\n\n"
          "Serves nested, versioned resources over REST: the Open Concept Lab terminology API\n"
          "and the program enrollments API of edX.\n\n"
          "Verbs:\n",
          out);
    for (size_t i = 0; verbs[i] != NULL; i++)
        fprintf(out, "  %-12s %s\n", verbs[i]->name, verbs[i]->summary);
    fputs("\nFirst steps:\n"
          "  nestor init --data ./data --admin ada --admin-token-file ada.token\n"
          "  nestor serve --data ./data\n"
          "  curl -H \"Authorization: Token $(cat ada.token)\" http://127.0.0.1:8000/user/\n\n"
          "`nestor VERB --help` tells more. Exit codes: 0 done, 1 failed, 2 wrong usage.\n",
          out);
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

int main(int argc, char **argv)
{
    if (argc < 2)
        return help(stderr);
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)
        return help(stdout);
    if (strcmp(argv[1], "--version") == 0) {
        puts("nestor " NESTOR_VERSION);
        return EXIT_DONE;
    }
    for (size_t i = 0; verbs[i] != NULL; i++)
        if (strcmp(argv[1], verbs[i]->name) == 0)
            return verbs[i]->run(argc - 1, argv + 1);
    fprintf(stderr, "nestor: there is no verb \"%s\"\n", argv[1]);
    return help(stderr);
}
