/* nestor man: the pages of the manual, written from the tables of verbs, options and
 * settings in the macros of man(7). The help of a verb is text for a terminal: its
 * paragraphs become paragraphs, its columns lists, its examples stay as they are. */
#include "grammar.h"

#include "nestor/base/time.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_WIDTH 60 /* dashes take two bytes each */

/* ---- Text ---- */

struct escape {
    char c;
    const char *text;
};

/* What a formatter would print as something else than it is. */
static const struct escape escapes[] = {
    { '\\', "\\e" },  { '-', "\\-" },   { '\'', "\\(aq" },
    { '`', "\\(ga" }, { '^', "\\(ha" }, { '~', "\\(ti" },
};

static void put(struct nst_str text)
{
    for (size_t i = 0; i < text.n; i++) {
        size_t k = 0;
        while (k < NST_COUNT(escapes) && escapes[k].c != text.p[i])
            k++;
        if (k < NST_COUNT(escapes))
            fputs(escapes[k].text, stdout);
        else
            putchar(text.p[i]);
    }
}

/* A line of its own; a dot at its start would be a macro. */
static void put_line(struct nst_str line)
{
    if (nst_str_starts(line, NST_STR(".")))
        fputs("\\&", stdout);
    put(line);
    putchar('\n');
}

static void put_filled(struct nst_str text)
{
    while (text.p != NULL) {
        struct nst_str line = cli_wrap(&text, LINE_WIDTH);
        put_line(line);
    }
}

/* ---- Help as paragraphs ---- */

/* Cut the first paragraph from *rest, which is null behind the last. */
static struct nst_str cut_paragraph(struct nst_str *rest)
{
    size_t n = 0;
    while (n < rest->n && !nst_str_starts(nst_str_slice(*rest, n, rest->n), NST_STR("\n\n")))
        n++;
    struct nst_str paragraph = nst_str_slice(*rest, 0, n);
    *rest = n + 2 < rest->n ? nst_str_slice(*rest, n + 2, rest->n) : (struct nst_str){ 0 };
    return paragraph;
}

/* "add     register a client": bytes of the first column, 0 when the line has none. */
static size_t column_of(struct nst_str line)
{
    size_t n = 0;
    while (n < line.n && line.p[n] != ' ')
        n++;
    return n > 0 && n + 1 < line.n && line.p[n + 1] == ' ' ? n : 0;
}

static void put_columns(struct nst_str paragraph)
{
    while (paragraph.p != NULL) {
        struct nst_str line = nst_str_cut(&paragraph, '\n');
        size_t n = column_of(line);
        if (n > 0) {
            fputs(".TP\n.B ", stdout);
            put_line(nst_str_slice(line, 0, n));
        }
        if (line.n > 0)
            put_filled(nst_str_slice(line, n, line.n));
    }
}

static void put_verbatim(struct nst_str text)
{
    puts(".EX");
    while (text.p != NULL) {
        struct nst_str line = nst_str_cut(&text, '\n');
        if (line.n > 0)
            put_line(nst_str_starts(line, NST_STR("  ")) ? nst_str_slice(line, 2, line.n) : line);
    }
    puts(".EE");
}

static bool is_exit_codes(struct nst_str p)
{
    return nst_str_starts(p, NST_STR("Exit codes:"));
}

static bool is_examples(struct nst_str p)
{
    return nst_str_starts(p, NST_STR("Example"));
}

static bool is_prose(struct nst_str p)
{
    return !is_exit_codes(p) && !is_examples(p);
}

/* Right behind a heading a paragraph begins without a macro. */
static void put_prose(struct nst_str p, bool is_first)
{
    if (column_of(p) > 0) {
        put_columns(p);
        return;
    }
    if (!is_first)
        puts(".PP");
    put_filled(p);
}

static void put_examples(struct nst_str p, bool is_first)
{
    if (is_first)
        puts(".SH EXAMPLES");
    nst_str_cut(&p, '\n');
    put_verbatim(p);
}

static void put_exit_codes(struct nst_str p, bool is_first)
{
    if (is_first)
        puts(".SH EXIT STATUS");
    nst_str_cut(&p, ':');
    put_filled(p);
}

/* Those paragraphs of a verb's help that are of a kind. */
static bool put_those(const struct cli_verb *verb, bool (*are)(struct nst_str),
                      void (*as)(struct nst_str, bool is_first))
{
    struct nst_str rest = nst_str_z(verb->help);
    bool has_any = false;
    while (rest.p != NULL) {
        struct nst_str paragraph = cut_paragraph(&rest);
        if (!are(paragraph))
            continue;
        as(paragraph, !has_any);
        has_any = true;
    }
    return has_any;
}

/* ---- Pages ---- */

/* As generators do: the time that a build is made reproducible with, else today. */
static struct nst_str date(struct nst_arena *a)
{
    const char *epoch = getenv("SOURCE_DATE_EPOCH");
    int64_t seconds;
    struct nst_buf b;
    nst_buf_init(&b, a, 64);
    if (epoch == NULL || !nst_str_int(&seconds, nst_str_z(epoch)) || seconds < 0)
        seconds = nst_now() / NST_SECOND;
    nst_put_time(&b, seconds * NST_SECOND, NST_TIME_MICRO_Z);
    return nst_str_slice(nst_buf_str(&b), 0, sizeof("2026-01-31") - 1);
}

static void put_head(struct nst_arena *a, const char *name, int section, const char *summary)
{
    struct nst_str today = date(a), title = nst_str_z(name);
    fputs(".TH ", stdout);
    for (size_t i = 0; i < title.n; i++)
        putchar(nst_upper(title.p[i]));
    printf(" %d %.*s \"nestor %s\" Nestor\n.SH NAME\n%s \\-\n", section, NST_FMT(today),
           NESTOR_VERSION, name);
    put_filled(nst_str_z(summary));
}

/* "man" pages in bold, as readers expect references. */
static void put_reference(const char *name, int section, const char *tail)
{
    fputs(".BR ", stdout);
    put(nst_str_z(name));
    printf(" (%d)%s\n", section, tail);
}

static void put_option(const struct cli_option *option)
{
    fputs(".TP\n.B ", stdout);
    put(nst_str_z(option->name));
    if (option->value != NULL) {
        fputs(" \\fI", stdout);
        put(nst_str_z(option->value));
        fputs("\\fR", stdout);
    }
    putchar('\n');
    put_filled(nst_str_z(option->doc));
}

static void put_synopsis(const struct cli_verb *verb)
{
    struct nst_str rest = nst_str_z(verb->usage);
    puts(".SH SYNOPSIS");
    for (bool is_first = true; rest.p != NULL; is_first = false) {
        struct nst_str line = nst_str_trim(nst_str_cut(&rest, '\n'));
        if (nst_str_starts(line, NST_STR("nestor ")))
            line = nst_str_slice(line, sizeof("nestor ") - 1, line.n);
        fputs(is_first ? ".B nestor\n" : ".br\n.B nestor\n", stdout);
        put_filled(line);
    }
}

static void put_verb_page(struct nst_arena *a, const struct cli_verb *verb)
{
    put_head(a, nst_strf(a, "nestor-%s", verb->name).p, 1, verb->summary);
    put_synopsis(verb);
    puts(".SH DESCRIPTION");
    if (!put_those(verb, is_prose, put_prose))
        put_filled(nst_strf(a, "With this verb the program can %s.", verb->summary));
    puts(".SH OPTIONS");
    for (size_t i = 0; i < cli_option_count; i++)
        if (cli_shows(verb, &cli_option_list[i]))
            put_option(&cli_option_list[i]);
    put_those(verb, is_examples, put_examples);
    if (!put_those(verb, is_exit_codes, put_exit_codes))
        put_exit_codes(nst_strf(a, "Exit codes: %s", cli_exit_codes), true);
    puts(".SH SEE ALSO");
    put_reference("nestor", 1, ",");
    put_reference("nestor.conf", 5, "");
}

static void put_verbs(void)
{
    puts(".SH VERBS");
    for (size_t i = 0; cli_verbs[i] != NULL; i++) {
        fputs(".TP\n", stdout);
        printf(".BR nestor\\-%s (1)\n", cli_verbs[i]->name);
        put_line(nst_str_z(cli_verbs[i]->summary));
    }
}

static const struct {
    const char *name, *what;
} files[] = {
    { "DIR/nestor.conf", "The settings, see nestor.conf(5)." },
    { "DIR/nestor.db", "The database of SQLite, with -wal and -shm beside it." },
    { "DIR/secret.key", "What the users' own tokens are derived from: keep it with the backups." },
    { "DIR/tasks", "What uploads, imports and exports need while they run." },
};

static void put_files(void)
{
    puts(".SH FILES\nDIR is what \\fB\\-\\-data\\fR names; of the Debian package it is "
         "/var/lib/nestor.");
    for (size_t i = 0; i < NST_COUNT(files); i++) {
        fputs(".TP\n.I ", stdout);
        put_line(nst_str_z(files[i].name));
        put_line(nst_str_z(files[i].what));
    }
}

static void put_program_page(struct nst_arena *a)
{
    put_head(a, "nestor", 1, "serve terminologies and program enrollments over REST");
    puts(".SH SYNOPSIS\n.B nestor\n.I VERB\n[\\fIOPTION\\fR ...]\n.SH DESCRIPTION");
    put_filled(nst_str_z(cli_about));
    put_verbs();
    put_files();
    puts(".SH ENVIRONMENT\n.TP\n.B NESTOR_*\nEach setting has a variable, which\n"
         ".BR nestor.conf (5)\nnames.");
    puts(".SH EXIT STATUS");
    put_filled(nst_str_z(cli_exit_codes));
    puts(".SH EXAMPLES");
    put_verbatim(nst_str_z(cli_first_steps));
    puts(".SH SEE ALSO");
    put_reference("nestor-serve", 1, ",");
    put_reference("nestor-init", 1, ",");
    put_reference("nestor.conf", 5, "");
}

static void put_setting(struct nst_arena *a, const struct cli_setting *s)
{
    const char *values = cli_values_of(a, s);
    fputs(".TP\n.B ", stdout);
    put_line(nst_str_z(s->name));
    put_filled(nst_str_z(s->doc));
    puts(".br");
    struct nst_str facts =
        nst_strf(a, "Default: %s%s%s. Variable: %s.",
                 s->fallback[0] != '\0' ? s->fallback : "empty", values != NULL ? "; " : "",
                 values != NULL ? values : "", cli_variable_of(a, s->name));
    put_filled(facts);
}

static const char settings_prose[] =
    "A setting is looked for in the flag --set NAME=VALUE (or --listen, --database), then in the "
    "environment, then in the file nestor.conf of the data folder, which the Debian package keeps "
    "as /etc/nestor/nestor.conf; else it has its default. A name that there is not, or a value "
    "that does not fit, stops the program with a sentence. A change counts from the next start, "
    "that of log.level and log.access from SIGHUP on.\n\n"
    "The file has one NAME = VALUE a line, of any length; the value is all behind the =, without "
    "the blanks around it: no quotes, no comment behind it, and no line that goes on with the one "
    "before. Lines that begin with # or ; are comments. It is UTF-8, and 1 MiB at most. Names may "
    "be grouped by their first word in brackets. A relative path in it counts from the data "
    "folder; one in a flag or a variable counts from the folder where the program is called.\n\n";

static const char settings_example[] = "  listen = 127.0.0.1:9000\n"
                                       "  [http]\n"
                                       "  per_address = 64\n";

static void put_settings_page(struct nst_arena *a)
{
    struct nst_str prose = nst_str_z(settings_prose);
    put_head(a, "nestor.conf", 5, "settings of nestor");
    puts(".SH DESCRIPTION");
    for (bool is_first = true; prose.p != NULL; is_first = false)
        put_prose(cut_paragraph(&prose), is_first);
    puts(".SH SETTINGS");
    for (size_t i = 0; i < cli_setting_count; i++)
        put_setting(a, &cli_settings[i]);
    puts(".SH EXAMPLES");
    put_verbatim(nst_str_z(settings_example));
    puts(".SH SEE ALSO");
    put_reference("nestor", 1, ",");
    put_reference("nestor-config", 1, "");
}

/* ---- nestor man ---- */

static void print_names(void)
{
    puts("nestor.1\nnestor.conf.5");
    for (size_t i = 0; cli_verbs[i] != NULL; i++)
        printf("nestor-%s.1\n", cli_verbs[i]->name);
}

/* "serve", "nestor-serve" and "nestor-serve.1" are one page. */
static bool is_page(struct nst_arena *a, struct nst_str word, const char *name, int section)
{
    struct nst_str whole = nst_strf(a, "%s.%d", name, section);
    return nst_str_eq(word, whole) || nst_str_eq(word, nst_str_z(name)) ||
           nst_str_eq(nst_strf(a, "nestor-%.*s", NST_FMT(word)), nst_str_z(name));
}

static const struct cli_verb *verb_of_page(struct nst_arena *a, struct nst_str word)
{
    for (size_t i = 0; cli_verbs[i] != NULL; i++)
        if (is_page(a, word, nst_strf(a, "nestor-%s", cli_verbs[i]->name).p, 1))
            return cli_verbs[i];
    return NULL;
}

static int print_page(struct nst_arena *a, struct nst_str word)
{
    const struct cli_verb *verb = verb_of_page(a, word);
    if (is_page(a, word, "nestor", 1))
        put_program_page(a);
    else if (is_page(a, word, "nestor.conf", 5))
        put_settings_page(a);
    else if (verb != NULL)
        put_verb_page(a, verb);
    else
        return cli_misuse(&cli_man, "there is no page \"%.*s\"; --list has their names",
                          NST_FMT(word));
    return EXIT_DONE;
}

static int man_run(int argc, char **argv)
{
    struct cli_options o;
    int status = EXIT_DONE;
    if (!cli_options_parse(&o, &cli_man, argc, argv))
        status = o.status;
    else if (o.list && o.rest_count > 0)
        status = cli_misuse(&cli_man, "a PAGE, or --list?");
    else if (o.list)
        print_names();
    else
        status = print_page(o.arena, nst_str_z(o.rest_count > 0 ? o.rest[0] : "nestor"));
    nst_arena_free(o.arena);
    return status;
}

const struct cli_verb cli_man = {
    .name = "man",
    .usage = "man [PAGE | --list]",
    .summary = "print a page of the manual",
    .help = "PAGE is a verb, or nestor.conf for the settings; without it the page of the program.\n"
            "--list prints the names of all. The pages are written for man(1).\n\n"
            "Examples:\n"
            "  nestor man serve | man -l -\n"
            "  nestor man nestor.conf > nestor.conf.5\n"
            "  nestor man --list\n",
    .words = 1,
    .run = man_run,
};
