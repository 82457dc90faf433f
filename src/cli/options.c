/* Options: one table for all verbs, since an option means the same everywhere. */
#include "cli.h"

#include "nestor/base/log.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FLAGS_MAX 64

struct option {
    const char *name;
    size_t offset;
    bool is_switch;
    const char *setting; /* also sets this */
};

#define OPTION(n, member) \
    { \
        n, offsetof(struct cli_options, member), false, NULL \
    }
#define SWITCH(n, member) \
    { \
        n, offsetof(struct cli_options, member), true, NULL \
    }

static const struct option options[] = {
    OPTION("--data", data),
    { "--database", offsetof(struct cli_options, database), false, "database" },
    { "--listen", offsetof(struct cli_options, listen), false, "listen" },
    OPTION("--admin", admin),
    OPTION("--admin-token-file", admin_token_file),
    OPTION("--user", user),
    OPTION("--from-file", from_file),
    OPTION("--name", name),
    OPTION("--server", server),
    OPTION("--token-file", token_file),
    OPTION("--errors", errors),
    OPTION("--password-file", password_file),
    OPTION("--email", email),
    OPTION("--expires", expires),
    OPTION("--only", only),
    OPTION("--output", output),
    OPTION("--client-id", client_id),
    OPTION("--client-secret-file", client_secret_file),
    OPTION("--format", format),
    OPTION("--program", program),
    OPTION("--course", course),
    OPTION("--curriculum", curriculum),
    OPTION("--outcomes", outcomes),
    OPTION("--days", days),
    SWITCH("--json", json),
    SWITCH("--dry-run", dry_run),
    SWITCH("--quiet", quiet),
    SWITCH("--staff", staff),
    SWITCH("--superuser", superuser),
    SWITCH("--erase", erase),
    SWITCH("--restricted", restricted),
    SWITCH("--resume", resume),
    SWITCH("--change", change),
    SWITCH("--all", all),
    SWITCH("--courses", courses),
};

static const struct option *find(const char *word, size_t length)
{
    for (size_t i = 0; i < NST_COUNT(options); i++)
        if (strlen(options[i].name) == length && strncmp(options[i].name, word, length) == 0)
            return &options[i];
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

static bool set_option(struct reading *r, const struct option *option, const char *value)
{
    void *member = (char *)r->o + option->offset;
    if (option->is_switch)
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
static bool takes(const struct cli_verb *verb, const struct option *option)
{
    return option->setting != NULL || strcmp(option->name, "--data") == 0 ||
           names(verb->usage, option->name) || names(verb->help, option->name);
}

static void print_help(const struct cli_verb *verb)
{
    printf("usage: nestor %s\n\n%s.\n\n%s", verb->usage, verb->summary, verb->help);
}

/* One word that starts with `--`; moves *i over its value. */
static bool read_option(struct reading *r, int *i, int argc, char **argv)
{
    char *word = argv[*i], *equals = strchr(word, '=');
    size_t length = equals != NULL ? (size_t)(equals - word) : strlen(word);
    bool is_set = length == 5 && strncmp(word, "--set", 5) == 0;
    const struct option *option = find(word, length);
    if (strcmp(word, "--help") == 0) {
        print_help(r->verb);
        r->o->status = EXIT_DONE;
        return false;
    }
    if (option == NULL && !is_set) {
        r->o->status = cli_misuse(r->verb, "there is no option %.*s", (int)length, word);
        return false;
    }
    if (option != NULL && !takes(r->verb, option)) {
        r->o->status = cli_misuse(r->verb, "%s is not for this verb", option->name);
        return false;
    }
    if (option != NULL && option->is_switch)
        return set_option(r, option, NULL);
    char *value = equals != NULL ? equals + 1 : *i + 1 < argc ? argv[++*i] : NULL;
    if (value == NULL) {
        r->o->status = cli_misuse(r->verb, "%s wants a value", word);
        return false;
    }
    return is_set ? add_flag(r, value) : set_option(r, option, value);
}

static const char *config_file(struct cli_options *o)
{
    struct nst_str path = nst_strf(o->arena, "%s/nestor.conf", o->data);
    return access(path.p, R_OK) == 0 ? path.p : NULL;
}

bool cli_options_parse(struct cli_options *o, const struct cli_verb *verb, int argc, char **argv)
{
    struct reading r = { .o = o, .verb = verb };
    memset(o, 0, sizeof(*o));
    o->arena = nst_arena_new(65536);
    o->data = "data";
    o->rest = NST_NEW_ARRAY(o->arena, char *, (size_t)argc + 1);
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "--", 2) != 0)
            o->rest[o->rest_count++] = argv[i];
        else if (!read_option(&r, &i, argc, argv))
            return false;
    }
    if (o->rest_count > verb->words) {
        o->status = cli_misuse(verb, "\"%s\" is too much", o->rest[verb->words]);
        return false;
    }
    if (!cli_config_load(&o->config, o->arena, config_file(o), r.flag, r.flags)) {
        o->status = EXIT_USAGE;
        return false;
    }
    enum nst_log_level level = NST_LOG_INFO;
    nst_log_level_parse(&level, cli_text(&o->config, "log.level"));
    nst_log_set_level(level);
    return true;
}
