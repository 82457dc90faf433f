/* nestor completion: scripts by which shells complete what is typed. The tables of verbs,
 * options and settings become tables of the shell; behind them stands text that does not
 * depend on what is in them. */
#include "grammar.h"

#include <stdio.h>
#include <string.h>

/* What stands around the words of a table. */
struct shell {
    const char *name;
    const char *head, *tail;
    void (*put_tables)(void);
};

/* ---- Words ---- */

/* "a|b" as "a b". */
static void put_words(const char *choices)
{
    for (; *choices != '\0'; choices++)
        putchar(*choices == '|' ? ' ' : *choices);
}

static bool is_choices(const char *value)
{
    return value != NULL && strchr(value, '|') != NULL;
}

static const char *choices_of(const struct cli_setting *s)
{
    return s->kind == CLI_CHOICE ? s->choices : s->kind == CLI_SWITCH ? "true|false" : NULL;
}

/* Within '...': each shell has another way to write a quote there. */
static void put_quoted(struct nst_str text, const char *quote)
{
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] == '\'')
            fputs(quote, stdout);
        else
            putchar(text.p[i]);
}

/* What an option is for, without its example. */
static struct nst_str purpose(const struct cli_option *option)
{
    const char *example = strstr(option->doc, ": --");
    struct nst_str doc = nst_str_z(option->doc);
    return example == NULL ? doc : nst_str_slice(doc, 0, (size_t)(example - option->doc));
}

/* Whether the words that are no option are files, as the usage calls them. */
static bool takes_files(const struct cli_verb *verb)
{
    struct nst_str rest = nst_str_z(verb->usage), before = NST_STR("");
    while (rest.p != NULL) {
        struct nst_str word = nst_str_cut(&rest, ' ');
        bool is_value =
            (nst_str_starts(before, NST_STR("-")) || nst_str_starts(before, NST_STR("[-"))) &&
            !nst_str_ends(before, NST_STR("]"));
        if (nst_str_starts(word, NST_STR("FILE")) && !is_value)
            return true;
        before = word;
    }
    return false;
}

/* ---- Functions that both bash and zsh read ---- */

static void put_verb_list(void)
{
    for (size_t i = 0; cli_verbs[i] != NULL; i++)
        printf("%s ", cli_verbs[i]->name);
}

static void put_actions(void)
{
    puts("_nestor_actions() {\n    case $1 in");
    for (size_t i = 0; cli_verbs[i] != NULL; i++) {
        if (cli_verbs[i]->actions.count == 0)
            continue;
        printf("    %s) echo \"", cli_verbs[i]->name);
        for (size_t k = 0; k < cli_verbs[i]->actions.count; k++)
            printf("%s ", cli_name_at(cli_verbs[i]->actions, k));
        puts("\" ;;");
    }
    fputs("    man | help) echo \"", stdout);
    put_verb_list();
    puts("\" ;;\n    esac\n}");
}

/* 0 when words of the verb that are no option are files. */
static void put_takes_files(void)
{
    fputs("_nestor_takes_files() {\n    case $1 in ", stdout);
    const char *between = "";
    for (size_t i = 0; cli_verbs[i] != NULL; i++) {
        if (!takes_files(cli_verbs[i]))
            continue;
        printf("%s%s", between, cli_verbs[i]->name);
        between = " | ";
    }
    puts(") return 0 ;; esac\n    return 1\n}");
}

static void put_settings(void)
{
    fputs("_nestor_settings=\"", stdout);
    for (size_t i = 0; i < cli_setting_count; i++)
        printf("%s ", cli_settings[i].name);
    puts("\"\n_nestor_choices() {\n    case $1 in");
    for (size_t i = 0; i < cli_setting_count; i++) {
        if (choices_of(&cli_settings[i]) == NULL)
            continue;
        printf("    %s) echo \"", cli_settings[i].name);
        put_words(choices_of(&cli_settings[i]));
        puts("\" ;;");
    }
    for (size_t i = 0; i < cli_option_count; i++) {
        if (!is_choices(cli_option_list[i].value))
            continue;
        printf("    %s) echo \"", cli_option_list[i].name);
        put_words(cli_option_list[i].value);
        puts("\" ;;");
    }
    puts("    esac\n}");
}

/* ---- bash ---- */

/* What stands behind an option: its value's name, nothing behind a switch. */
static void put_bash_options(void)
{
    puts("_nestor_options() {\n    case $1 in");
    for (size_t i = 0; cli_verbs[i] != NULL; i++) {
        printf("    %s) echo \"", cli_verbs[i]->name);
        for (size_t k = 0; k < cli_option_count; k++)
            if (cli_shows(cli_verbs[i], &cli_option_list[k]))
                printf("%s ", cli_option_list[k].name);
        puts("\" ;;");
    }
    puts("    esac\n}\n_nestor_value() {\n    case $1 in");
    for (size_t k = 0; k < cli_option_count; k++)
        if (cli_option_list[k].value != NULL)
            printf("    %s) echo '%s' ;;\n", cli_option_list[k].name, cli_option_list[k].value);
    puts("    esac\n}");
}

static void put_bash_tables(void)
{
    fputs("_nestor_verbs=\"", stdout);
    put_verb_list();
    puts("\"");
    put_actions();
    put_takes_files();
    put_settings();
    put_bash_options();
}

static const char bash_head[] = "# bash completion of nestor, made by `nestor completion bash`.\n";

/* A `=` is a word of its own to bash: `--set a=b` are four. */
static const char bash_tail[] =
    "_nestor() {\n"
    "    local word=${COMP_WORDS[COMP_CWORD]} verb=${COMP_WORDS[1]} at=$((COMP_CWORD - 1)) option\n"
    "    COMPREPLY=()\n"
    "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
    "        mapfile -t COMPREPLY < <(compgen -W \"$_nestor_verbs help --help --version\" -- "
    "\"$word\")\n"
    "        return\n"
    "    fi\n"
    "    if [ \"$word\" = = ]; then\n"
    "        word=\n"
    "        at=$COMP_CWORD\n"
    "    fi\n"
    "    if [ \"${COMP_WORDS[at]}\" = = ]; then\n"
    "        option=${COMP_WORDS[at - 1]}\n"
    "        if [ \"${COMP_WORDS[at - 2]}\" = --set ]; then\n"
    "            mapfile -t COMPREPLY < <(compgen -W \"$(_nestor_choices \"$option\")\" -- "
    "\"$word\")\n"
    "            return\n"
    "        fi\n"
    "    else\n"
    "        option=${COMP_WORDS[at]}\n"
    "    fi\n"
    "    case $(_nestor_value \"$option\") in\n"
    "    '') ;;\n"
    "    NAME=VALUE)\n"
    "        mapfile -t COMPREPLY < <(compgen -S = -W \"$_nestor_settings\" -- \"$word\")\n"
    "        compopt -o nospace 2> /dev/null\n"
    "        return\n"
    "        ;;\n"
    "    DIR)\n"
    "        compopt -o filenames 2> /dev/null\n"
    "        mapfile -t COMPREPLY < <(compgen -d -- \"$word\")\n"
    "        return\n"
    "        ;;\n"
    "    FILE)\n"
    "        compopt -o filenames 2> /dev/null\n"
    "        mapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n"
    "        return\n"
    "        ;;\n"
    "    *)\n"
    "        mapfile -t COMPREPLY < <(compgen -W \"$(_nestor_choices \"$option\")\" -- \"$word\")\n"
    "        return\n"
    "        ;;\n"
    "    esac\n"
    "    if [[ $word == -* ]]; then\n"
    "        mapfile -t COMPREPLY < <(compgen -W \"$(_nestor_options \"$verb\")\" -- \"$word\")\n"
    "    elif [ \"$COMP_CWORD\" -eq 2 ] && [ -n \"$(_nestor_actions \"$verb\")\" ]; then\n"
    "        mapfile -t COMPREPLY < <(compgen -W \"$(_nestor_actions \"$verb\")\" -- \"$word\")\n"
    "    elif _nestor_takes_files \"$verb\"; then\n"
    "        compopt -o filenames 2> /dev/null\n"
    "        mapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n"
    "    fi\n"
    "}\n"
    "complete -F _nestor nestor\n";

/* ---- zsh ---- */

/* In a specification of _arguments these three end a part. */
static void put_zsh_text(struct nst_str text)
{
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '[' || text.p[i] == ']' || text.p[i] == ':')
            putchar('\\');
        put_quoted(nst_str_slice(text, i, i + 1), "'\\''");
    }
}

static void put_zsh_value(const struct cli_option *option)
{
    printf(":%s:", is_choices(option->value) ? "value" : option->value);
    if (is_choices(option->value)) {
        putchar('(');
        put_words(option->value);
        putchar(')');
    } else if (strcmp(option->value, "DIR") == 0) {
        fputs("_directories", stdout);
    } else if (strcmp(option->value, "FILE") == 0) {
        fputs("_files", stdout);
    } else if (strcmp(option->value, "NAME=VALUE") == 0) {
        fputs("_nestor_set", stdout);
    }
}

static void put_zsh_option(const struct cli_option *option)
{
    printf(" \\\n            '*%s%s[", option->name, option->value != NULL ? "=" : "");
    put_zsh_text(purpose(option));
    putchar(']');
    if (option->value != NULL)
        put_zsh_value(option);
    putchar('\'');
}

static void put_zsh_verb(const struct cli_verb *verb)
{
    printf("    %s)\n        _arguments", verb->name);
    for (size_t k = 0; k < cli_option_count; k++)
        if (cli_shows(verb, &cli_option_list[k]))
            put_zsh_option(&cli_option_list[k]);
    puts(" \\\n            '*:word:_nestor_word'\n        ;;");
}

static void put_zsh_tables(void)
{
    puts("_nestor_verbs=(");
    for (size_t i = 0; cli_verbs[i] != NULL; i++) {
        printf("    '%s:", cli_verbs[i]->name);
        put_quoted(nst_str_z(cli_verbs[i]->summary), "'\\''");
        puts("'");
    }
    puts("    'help:tell more of a verb'\n)");
    put_actions();
    put_takes_files();
    put_settings();
    puts("_nestor_of_verb() {\n    case $1 in");
    for (size_t i = 0; cli_verbs[i] != NULL; i++)
        put_zsh_verb(cli_verbs[i]);
    puts("    *) _arguments '*:word:_nestor_word' ;;\n    esac\n}");
}

static const char zsh_head[] = "#compdef nestor\n"
                               "# zsh completion of nestor, made by `nestor completion zsh`.\n"
                               "typeset -ga _nestor_verbs\n"
                               "typeset -g _nestor_settings _nestor_verb\n";

static const char zsh_tail[] = "_nestor_set() {\n"
                               "    local -a names\n"
                               "    if compset -P '*='; then\n"
                               "        names=(${=\"$(_nestor_choices ${${IPREFIX%=}##*=})\"})\n"
                               "        (( $#names )) && compadd -a names\n"
                               "    else\n"
                               "        names=(${=_nestor_settings})\n"
                               "        compadd -S = -a names\n"
                               "    fi\n"
                               "}\n"
                               "_nestor_word() {\n"
                               "    local -a names\n"
                               "    names=(${=\"$(_nestor_actions $_nestor_verb)\"})\n"
                               "    if (( CURRENT == 2 && $#names )); then\n"
                               "        compadd -a names\n"
                               "    elif _nestor_takes_files $_nestor_verb; then\n"
                               "        _files\n"
                               "    fi\n"
                               "}\n"
                               "_nestor() {\n"
                               "    if (( CURRENT == 2 )); then\n"
                               "        _describe verb _nestor_verbs\n"
                               "        return\n"
                               "    fi\n"
                               "    _nestor_verb=$words[2]\n"
                               "    shift words\n"
                               "    (( CURRENT-- ))\n"
                               "    _nestor_of_verb $_nestor_verb\n"
                               "}\n"
                               "if [ \"${funcstack[1]}\" = _nestor ]; then\n"
                               "    _nestor \"$@\"\n"
                               "else\n"
                               "    compdef _nestor nestor\n"
                               "fi\n";

/* ---- fish ---- */

static void put_fish_value(const struct cli_option *option)
{
    if (is_choices(option->value)) {
        fputs(" -x -a '", stdout);
        put_words(option->value);
        putchar('\'');
    } else if (strcmp(option->value, "DIR") == 0) {
        fputs(" -x -a '(__fish_complete_directories)'", stdout);
    } else if (strcmp(option->value, "NAME=VALUE") == 0) {
        fputs(" -x -a '(__nestor_settings)'", stdout);
    } else {
        fputs(strcmp(option->value, "FILE") == 0 ? " -r -F" : " -x", stdout);
    }
}

static void put_fish_option(const struct cli_verb *verb, const struct cli_option *option)
{
    printf("complete -c nestor -n '__nestor_verb_is %s' -l %s", verb->name, option->name + 2);
    if (option->value != NULL)
        put_fish_value(option);
    fputs(" -d '", stdout);
    put_quoted(purpose(option), "\\'");
    puts("'");
}

static void put_fish_verb(const struct cli_verb *verb)
{
    printf("complete -c nestor -n '__nestor_needs_verb' -a '%s' -d '", verb->name);
    put_quoted(nst_str_z(verb->summary), "\\'");
    puts("'");
    for (size_t k = 0; k < verb->actions.count; k++)
        printf("complete -c nestor -n '__nestor_needs_action %s' -a '%s'\n", verb->name,
               cli_name_at(verb->actions, k));
    if (takes_files(verb))
        printf("complete -c nestor -n '__nestor_verb_is %s' -F\n", verb->name);
    for (size_t k = 0; k < cli_option_count; k++)
        if (cli_shows(verb, &cli_option_list[k]))
            put_fish_option(verb, &cli_option_list[k]);
}

/* All that a setting may be is offered at once: fish completes whole words. */
static void put_fish_setting(const struct cli_setting *s)
{
    struct nst_str rest = nst_str_z(choices_of(s));
    if (rest.p == NULL)
        printf("    echo '%s='\n", s->name);
    while (rest.p != NULL) {
        struct nst_str choice = nst_str_cut(&rest, '|');
        printf("    echo '%s=%.*s'\n", s->name, NST_FMT(choice));
    }
}

static void put_fish_tables(void)
{
    puts("function __nestor_settings");
    for (size_t i = 0; i < cli_setting_count; i++)
        put_fish_setting(&cli_settings[i]);
    puts("end");
    for (size_t i = 0; cli_verbs[i] != NULL; i++)
        put_fish_verb(cli_verbs[i]);
    fputs("complete -c nestor -n '__nestor_needs_action man' -a '", stdout);
    put_verb_list();
    fputs("'\ncomplete -c nestor -n '__nestor_needs_action help' -a '", stdout);
    put_verb_list();
    puts("'");
}

static const char fish_head[] =
    "# fish completion of nestor, made by `nestor completion fish`.\n"
    "function __nestor_needs_verb\n"
    "    set -l words (commandline -opc)\n"
    "    test (count $words) -eq 1\n"
    "end\n"
    "function __nestor_verb_is\n"
    "    set -l words (commandline -opc)\n"
    "    test (count $words) -ge 2; and test $words[2] = $argv[1]\n"
    "end\n"
    "function __nestor_needs_action\n"
    "    set -l words (commandline -opc)\n"
    "    test (count $words) -eq 2; and test $words[2] = $argv[1]\n"
    "end\n"
    "complete -c nestor -f\n"
    "complete -c nestor -n '__nestor_needs_verb' -a 'help' -d 'tell more of a verb'\n";

/* ---- nestor completion ---- */

static const struct shell shells[] = {
    { "bash", bash_head, bash_tail, put_bash_tables },
    { "zsh", zsh_head, zsh_tail, put_zsh_tables },
    { "fish", fish_head, "", put_fish_tables },
};

static const struct shell *shell_named(const char *name)
{
    for (size_t i = 0; i < NST_COUNT(shells); i++)
        if (strcmp(shells[i].name, name) == 0)
            return &shells[i];
    return NULL;
}

static void print_script(const struct shell *shell)
{
    fputs(shell->head, stdout);
    shell->put_tables();
    fputs(shell->tail, stdout);
}

static int completion_run(int argc, char **argv)
{
    struct cli_options o;
    int status = EXIT_DONE;
    if (!cli_options_parse(&o, &cli_completion, argc, argv))
        status = o.status;
    else if (o.rest_count == 0 || shell_named(o.rest[0]) == NULL)
        status = cli_misuse_action(&cli_completion, &o);
    else
        print_script(shell_named(o.rest[0]));
    nst_arena_free(o.arena);
    return status;
}

const struct cli_verb cli_completion = {
    .name = "completion",
    .usage = "completion bash|zsh|fish",
    .summary = "print a script by which a shell completes verbs, options and settings",
    .help =
        "The Debian package brings these scripts along. Elsewhere put them where the shell looks\n"
        "for them, or read one for the shell that is open.\n\n"
        "Examples:\n"
        "  source <(nestor completion bash)\n"
        "  nestor completion zsh > ~/.zfunc/_nestor\n"
        "  nestor completion fish > ~/.config/fish/completions/nestor.fish\n",
    .words = 1,
    .actions = CLI_NAMES(shells),
    .run = completion_run,
};
