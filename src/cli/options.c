/* Options: one table for all verbs, since an option means the same everywhere. */
#include "grammar.h"

#include "nestor/base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FAULTS_MAX 65536 /* bytes of what is wrong with settings */
#define FLAGS_MAX  64
#define WORD_MAX   65536

#define OPTION(n, v, member, text) \
    { \
        n, v, text, offsetof(struct cli_options, member), NULL \
    }
#define SWITCH(n, member, text) \
    { \
        n, NULL, text, offsetof(struct cli_options, member), NULL \
    }
#define SETTING(n, v, member, text) \
    { \
        "--" n, v, text, offsetof(struct cli_options, member), n \
    }

const struct cli_option cli_option_list[] = {
    OPTION("--data", "DIR", data, "folder of the installation (./data): --data /var/lib/nestor"),
    SETTING("database", "URL", database,
            "instead of nestor.db in DIR: --database postgresql:///nestor"),
    SETTING("listen", "ADDRESS", listen, "where to serve: --listen 127.0.0.1:9000"),
    OPTION("--server", "URL", server,
           "a server instead of a database: --server http://127.0.0.1:8000"),
    OPTION("--token-file", "FILE", token_file, "token for that server: --token-file ada.token"),
    OPTION("--client-id", "ID", client_id, "fetch tokens as this client: --client-id registrar"),
    OPTION("--client-secret-file", "FILE", client_secret_file,
           "its secret: --client-secret-file registrar.secret"),
    OPTION("--admin", "NAME", admin, "name of the first administrator: --admin ada"),
    OPTION("--admin-token-file", "FILE", admin_token_file,
           "where that one's token is written: --admin-token-file ada.token"),
    OPTION("--user", "NAME", user, "the account that is meant or acts: --user ada"),
    OPTION("--name", "TEXT", name, "a name to show: --name \"Ada Lovelace\""),
    OPTION("--email", "ADDRESS", email, "mail address: --email ada@example.org"),
    OPTION("--password-file", "FILE", password_file,
           "file that holds the password: --password-file new-password"),
    OPTION("--from-file", "FILE", from_file, "file that holds the token: --from-file old.token"),
    OPTION("--expires", "TIME", expires,
           "when it ends: --expires 2030-01-01T00:00:00Z, --expires 90d"),
    SWITCH("--staff", staff, "the user may administer content"),
    SWITCH("--superuser", superuser, "the user may do everything"),
    SWITCH("--erase", erase, "with it all that it has, for good"),
    SWITCH("--restricted", restricted, "the client's tokens open only what grants scopes"),
    OPTION("--program", "UUID", program,
           "stands in for a column: --program 6f1c1f9e-2f8a-4f43-8a4e-1f3c0d7b5a10"),
    OPTION("--course", "KEY", course, "a course run: --course course-v1:HillsU+MAP1+2019"),
    OPTION("--curriculum", "UUID", curriculum,
           "stands in for a column: --curriculum 0a3d7c52-7d67-4a6e-9a5b-6a52d6b3a001"),
    SWITCH("--change", change, "change rows that are there, instead of making them"),
    OPTION("--outcomes", "FILE", outcomes,
           "where outcomes go (FILE.csv.outcomes.csv): --outcomes today.csv"),
    SWITCH("--resume", resume, "go on after the last row that has its outcome"),
    OPTION("--errors", "FILE", errors,
           "for the reasons of refused lines, which go to FILE.refused.jsonl (.csv): --errors "
           "why.jsonl"),
    OPTION("--only", "NAME", only, "one kind of items: --only programs"),
    SWITCH("--all", all, "all: every program; tasks that are over, too"),
    SWITCH("--courses", courses, "rows of courses, not of programs"),
    OPTION("--source", "ADDRESS", source, "one source: --source /orgs/MoH/sources/Dictionary/"),
    OPTION("--format", "csv|jsonl", format, "how rows are written: --format jsonl"),
    OPTION("--output", "FILE", output, "a file, not standard output: --output all.csv"),
    OPTION("--days", "N", days, "how long something has waited: --days 365"),
    OPTION("--as", "OWNER", as, "who is to have the copy: --as /orgs/Clinic/"),
    OPTION("--every", "TIME", every, "how often, as 90s, 15m, 2h, 1d or never: --every 15m"),
    OPTION("--to", "PLACE", to, "where it goes: --to /backups"),
    OPTION("--keep", "N", keep, "remove the oldest beyond so many: --keep 14"),
    SWITCH("--once", once, "once and now, whatever the interval"),
    SWITCH("--list", list, "show them"),
    SWITCH("--remove", remove, "end it"),
    SWITCH("--moved", moved, "the copy that is here is of this address from now on"),
    OPTION("--since", "TIME", since, "from when on: --since 2030-01-01T00:00:00Z, --since 7d"),
    OPTION("--older-than", "DAYS", older_than, "deleted before so many days: --older-than 90d"),
    OPTION("--kind", "KIND", kind, "one kind alone: --kind users"),
    OPTION("--reason", "TEXT", reason, "why, for colleagues: --reason \"new disk\""),
    SWITCH("--force", force, "make it again though it is there"),
    OPTION("--undo", "TASK", undo,
           "the import to take back: --undo 6f1c1f9e-2f8a-4f43-8a4e-1f3c0d7b5a10-ada~default"),
    SWITCH("--dry-run", dry_run, "look only, store nothing"),
    SWITCH("--stay", stay, "the database was moved, and is to be served here all the same"),
    SWITCH("--reindex", reindex, "make all indexes anew, too"),
    SWITCH("--repair", repair, "repair what is safe to repair"),
    SWITCH("--json", json, "print JSON"),
    SWITCH("--no-vocabularies", bare, "leave the vocabularies of OpenMRS out"),
    SWITCH("--example", example, "a settings file that says what may be set"),
    SWITCH("--quiet", quiet, "show no progress"),
    { "--set", "NAME=VALUE", "a setting, see `nestor config`: --set log.level=debug", CLI_NOWHERE,
      NULL },
    { "--help", NULL, "this text, as -h and `nestor help`", CLI_NOWHERE, NULL },
};

const size_t cli_option_count = NST_COUNT(cli_option_list);

static const struct cli_option *find(const char *word, size_t length)
{
    for (size_t i = 0; i < cli_option_count; i++)
        if (strlen(cli_option_list[i].name) == length &&
            strncmp(cli_option_list[i].name, word, length) == 0)
            return &cli_option_list[i];
    return NULL;
}

/* What parsing builds up. */
struct reading {
    struct cli_options *o;
    const struct cli_verb *verb;
    char *flag[FLAGS_MAX];
    size_t flags;
};

static bool add_flag(struct reading *r, char *flag)
{
    if (r->flags == FLAGS_MAX) {
        r->o->status = cli_misuse(r->verb, "too many settings");
        return false;
    }
    r->flag[r->flags++] = flag;
    return true;
}

static bool set_option(struct reading *r, const struct cli_option *option, const char *value)
{
    void *member = (char *)r->o + option->offset;
    if (option->value == NULL)
        *(bool *)member = true;
    else
        *(const char **)member = value;
    if (option->setting == NULL || value == NULL)
        return true;
    struct nst_str flag = nst_strf(r->o->arena, "%s=%s", option->setting, value);
    return add_flag(r, nst_str_to_z(r->o->arena, flag));
}

static bool names(const char *text, const char *option)
{
    size_t length = strlen(option);
    for (const char *at = strstr(text, option); at != NULL; at = strstr(at + 1, option))
        if (at[length] != '-' && (at[length] < 'a' || at[length] > 'z'))
            return true;
    return false;
}

/* Does the verb take the option? Settings, and which installation is meant, can be
 * said to all of them; of the rest those that its help names: what would have no effect
 * is refused, and what has one is documented. */
static bool takes(const struct cli_verb *verb, const struct cli_option *option)
{
    return option->offset == CLI_NOWHERE || option->setting != NULL ||
           strcmp(option->name, "--data") == 0 || names(verb->usage, option->name) ||
           names(verb->help, option->name);
}

/* Settings of `nestor serve` are in no usage line but its own. */
bool cli_shows(const struct cli_verb *verb, const struct cli_option *option)
{
    return takes(verb, option) &&
           (verb == &cli_serve || option->setting == NULL || names(verb->usage, option->name) ||
            strcmp(option->name, "--listen") != 0);
}

static void print_option(const struct cli_option *option)
{
    char left[64];
    snprintf(left, sizeof(left), "%s%s%s", option->name, option->value != NULL ? " " : "",
             option->value != NULL ? option->value : "");
    printf("  %-27s %s\n", left, option->doc);
}

static void print_help(const struct cli_verb *verb)
{
    printf("usage: nestor %s\n\n%s.\n\n%s\nOptions:\n", verb->usage, verb->summary, verb->help);
    for (size_t i = 0; i < cli_option_count; i++)
        if (cli_shows(verb, &cli_option_list[i]))
            print_option(&cli_option_list[i]);
}

int cli_options_before_verb(int argc, char **argv)
{
    int i = 1;
    while (i < argc && argv[i][0] == '-') {
        const struct cli_option *option = find(argv[i], strlen(argv[i]));
        i += option != NULL && option->value != NULL ? 2 : 1;
    }
    return i < argc ? i : argc;
}

static bool refuse_unknown(struct reading *r, struct nst_str word)
{
    const struct cli_names all = { &cli_option_list[0].name, sizeof(cli_option_list[0]),
                                   cli_option_count };
    const char *nearest = cli_nearest(nst_str_to_z(r->o->arena, word), all);
    r->o->status = nearest == NULL
                       ? cli_misuse(r->verb, "there is no option %.*s", NST_FMT(word))
                       : cli_misuse(r->verb, "there is no option %.*s; did you mean %s?",
                                    NST_FMT(word), nearest);
    return false;
}

static bool answer_help(struct reading *r)
{
    print_help(r->verb);
    r->o->status = EXIT_DONE;
    return false;
}

/* An option whose value is called "csv|jsonl" takes one of these words. */
static bool fits(const struct cli_option *option, const char *value)
{
    return strchr(option->value, '|') == NULL || cli_is_choice(option->value, nst_str_z(value));
}

/* Files may be called anything; what else is stored or looked for is text. */
static bool is_text(const struct cli_option *option, const char *value)
{
    bool may_be_bytes = option->offset == CLI_NOWHERE || option->setting != NULL ||
                        cli_is_choice("DIR|FILE|PLACE", nst_str_z(option->value));
    return may_be_bytes || nst_utf8_is_plain(nst_str_z(value));
}

static bool take_value(struct reading *r, const struct cli_option *option, char *value)
{
    if (value != NULL && !is_text(option, value)) {
        r->o->status =
            cli_misuse(r->verb, "%s wants UTF-8 text without control characters", option->name);
        return false;
    }
    if (value == NULL || !fits(option, value)) {
        r->o->status = value == NULL ? cli_misuse(r->verb, "%s wants a value", option->name)
                                     : cli_misuse(r->verb, "%s is \"%s\", not one of %s",
                                                  option->name, value, option->value);
        return false;
    }
    return option->offset == CLI_NOWHERE ? add_flag(r, value) : set_option(r, option, value);
}

static bool take_switch(struct reading *r, const struct cli_option *option, const char *value)
{
    if (value != NULL) {
        r->o->status = cli_misuse(r->verb, "%s takes no value", option->name);
        return false;
    }
    return option->offset == CLI_NOWHERE ? answer_help(r) : set_option(r, option, NULL);
}

/* One word that starts with `-`; moves *i over its value. */
static bool read_option(struct reading *r, int *i, int argc, char **argv)
{
    char *word = strcmp(argv[*i], "-h") == 0 ? (char[]){ "--help" } : argv[*i];
    char *equals = strchr(word, '=');
    struct nst_str name =
        nst_str_slice(nst_str_z(word), 0, equals != NULL ? (size_t)(equals - word) : strlen(word));
    const struct cli_option *option = find(name.p, name.n);
    if (option == NULL)
        return refuse_unknown(r, name);
    if (!takes(r->verb, option)) {
        r->o->status = cli_misuse(r->verb, "%s is not for this verb", option->name);
        return false;
    }
    if (option->value == NULL)
        return take_switch(r, option, equals);
    return take_value(r, option, equals != NULL ? equals + 1 : *i + 1 < argc ? argv[++*i] : NULL);
}

void cli_log_level(const struct cli_config *config, bool is_serving)
{
    enum nst_log_level level = NST_LOG_INFO;
    nst_log_level_parse(&level, cli_text(config, "log.level"));
    nst_log_set_level(level == NST_LOG_OFF && !is_serving ? NST_LOG_ERROR : level);
}

/* https://no-color.org: set, and not to nothing. */
static bool wants_colour(void)
{
    const char *none = getenv("NO_COLOR"), *terminal = getenv("TERM");
    return (none == NULL || none[0] == '\0') && terminal != NULL && strcmp(terminal, "dumb") != 0;
}

static void configure_log(const struct cli_config *config)
{
    struct nst_str format = cli_text(config, "log.format");
    bool is_terminal = isatty(STDERR_FILENO) != 0;
    cli_log_level(config, false);
    nst_log_set_text(nst_str_eq(format, NST_STR("text")) ||
                     (nst_str_eq(format, NST_STR("auto")) && is_terminal));
    nst_log_set_colour(is_terminal && wants_colour());
    cli_config_warn(config);
}

/* All words; behind `--` none is an option, and `-` alone is standard input. */
static bool read_words(struct reading *r, int argc, char **argv)
{
    struct cli_options *o = r->o;
    bool is_over = false;
    for (int i = 1; i < argc; i++) {
        if (!is_over && strcmp(argv[i], "--") == 0)
            is_over = true;
        else if (is_over || argv[i][0] != '-' || argv[i][1] == '\0')
            o->rest[o->rest_count++] = argv[i];
        else if (!read_option(r, &i, argc, argv))
            return false;
    }
    if (o->rest_count <= r->verb->words)
        return true;
    o->status = cli_misuse(r->verb, "\"%s\" is too much", o->rest[r->verb->words]);
    return false;
}

bool cli_options_again(struct cli_config *config, struct nst_arena *a, const struct cli_options *o)
{
    struct nst_str path = nst_strf(a, "%s/nestor.conf", o->data);
    struct stat about;
    /* A link that leads nowhere is no missing file, nor is one in a folder that is closed: what it
     * should say is not known. Where the folder of the shell is closed, nobody meant one there. */
    bool is_missing = lstat(path.p, &about) != 0 && (errno == ENOENT || errno == ENOTDIR);
    bool is_beyond = !o->says_data && lstat(o->data, &about) != 0 && errno == EACCES;
    const char *file = is_missing || is_beyond ? NULL : path.p;
    return cli_config_load(config, a, file, o->flags, o->flag_count);
}

bool cli_options_judge(struct cli_config *config, struct nst_str *faults, struct nst_arena *a,
                       const struct cli_options *o)
{
    char *text = nst_alloc_text(a, FAULTS_MAX);
    *config = (struct cli_config){ .told = fmemopen(text, FAULTS_MAX, "w") };
    text[0] = '\0';
    bool is_good = config->told != NULL && cli_options_again(config, a, o);
    if (config->told != NULL)
        fclose(config->told);
    *faults = nst_str_z(text);
    bool is_cut = faults->n >= FAULTS_MAX - 2;
    while (is_cut && faults->n > 0 && faults->p[faults->n - 1] != '\n')
        faults->n--; /* half a line */
    *faults = nst_str_trim(*faults);
    return is_good;
}

void cli_warn_of_no_folder(const struct cli_verb *verb, const struct cli_options *o)
{
    if (o->says_data && access(o->data, F_OK) != 0)
        fprintf(stderr, "nestor %s: %s: %s; these are the defaults\n", verb->name, o->data,
                strerror(errno));
}

bool cli_has_credentials(struct nst_str url)
{
    const char *scheme = memmem(url.p, url.n, "://", 3);
    size_t at = scheme != NULL ? (size_t)(scheme - url.p) + 3 : 0;
    struct nst_str host = nst_str_slice(url, at, url.n);
    return !nst_str_starts(url, NST_STR("unix:")) &&
           nst_str_find(host, '@') < nst_str_find(host, '/');
}

const char *cli_word(struct nst_arena *a, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_-./:@%+=,";
    struct nst_buf out;
    if (*word != '\0' && strspn(word, plain) == strlen(word))
        return word;
    nst_buf_init(&out, a, WORD_MAX);
    nst_put_char(&out, '\'');
    for (; *word != '\0'; word++)
        if (*word == '\'')
            nst_put_lit(&out, "'\\''");
        else
            nst_put_char(&out, *word);
    nst_put_char(&out, '\'');
    return nst_str_to_z(a, nst_buf_str(&out));
}

/* A URL with a password is not told: the command is to fail rather than to mean another one. */
static const char *database_word(const struct cli_options *o)
{
    struct nst_str url = cli_text(&o->config, "database"), shown = cli_shown_url(o->arena, url);
    return nst_str_eq(url, shown) ? cli_word(o->arena, nst_str_to_z(o->arena, url)) : "URL";
}

const char *cli_where(const struct cli_options *o)
{
    bool says_database = strcmp(cli_origin(&o->config, "database"), "flag") == 0;
    return nst_strf(o->arena, "%s%s%s%s", o->says_data ? " --data " : "",
                    o->says_data ? cli_word(o->arena, o->data) : "",
                    says_database ? " --database " : "", says_database ? database_word(o) : "")
        .p;
}

bool cli_options_parse(struct cli_options *o, const struct cli_verb *verb, int argc, char **argv)
{
    static const char here[] = "data";
    struct reading r = { .o = o, .verb = verb };
    memset(o, 0, sizeof(*o));
    o->arena = nst_arena_new(65536);
    o->data = here;
    o->rest = NST_NEW_ARRAY(o->arena, char *, (size_t)argc + 1);
    if (!read_words(&r, argc, argv))
        return false;
    o->says_data = o->data != here;
    if (o->server != NULL && cli_has_credentials(nst_str_z(o->server))) {
        o->status = cli_misuse(verb, "--server takes no user and no password in the address");
        return false;
    }
    o->flag_count = r.flags;
    o->flags = NST_NEW_ARRAY(o->arena, char *, r.flags + 1);
    memcpy(o->flags, r.flag, r.flags * sizeof(r.flag[0]));
    if (!cli_options_again(&o->config, o->arena, o)) {
        o->status = EXIT_USAGE;
        o->has_bad_settings = true;
        return false;
    }
    configure_log(&o->config);
    return true;
}
