/* nestor config: what is set and where it comes from, for people, for programs, and as a
 * file to begin with. */
#include "grammar.h"

#include <stdio.h>

#define EXAMPLE_WIDTH 96

static void print_json(const struct cli_config *c)
{
    struct nst_buf b;
    nst_buf_init(&b, c->arena, (size_t)1 << 20);
    for (size_t i = 0; i < cli_setting_count; i++) {
        nst_put_z(&b, i == 0 ? "{" : ",");
        nst_json_put_str(&b, nst_str_z(cli_settings[i].name));
        nst_put_lit(&b, ":{\"value\":");
        nst_json_put_str(&b, cli_shown(c, i));
        nst_putf(&b, ",\"origin\":\"%s\",\"default\":", c->value[i].origin);
        nst_json_put_str(&b, nst_str_z(cli_settings[i].fallback));
        nst_put_lit(&b, ",\"doc\":");
        nst_json_put_str(&b, nst_str_z(cli_settings[i].doc));
        nst_put_char(&b, '}');
    }
    printf("%.*s}\n", NST_FMT(nst_buf_str(&b)));
}

struct nst_str cli_wrap(struct nst_str *rest, size_t width)
{
    struct nst_str text = nst_str_trim(*rest);
    size_t n = 0;
    for (size_t i = 0; i <= text.n; i++) {
        bool is_end = i == text.n || text.p[i] == ' ' || text.p[i] == '\n';
        if (is_end && n > 0 && i > width)
            break;
        n = is_end ? i : n;
    }
    *rest = nst_str_trim(nst_str_slice(text, n, text.n));
    if (rest->n == 0)
        *rest = (struct nst_str){ 0 };
    return nst_str_slice(text, 0, n);
}

static void print_comment(const char *text)
{
    struct nst_str rest = nst_str_z(text);
    while (rest.p != NULL) {
        struct nst_str line = cli_wrap(&rest, EXAMPLE_WIDTH);
        printf("# %.*s\n", NST_FMT(line));
    }
}

/* Nothing is set in it: what is not named follows the program from release to release. */
static void print_example(struct nst_arena *a)
{
    print_comment(
        "Settings of Nestor. A line NAME = VALUE sets one; those below are the defaults: take "
        "away the # to change one. A relative path counts from the data folder. nestor.conf(5) "
        "tells more, `nestor config` what is "
        "in force. A change counts from the next start, that of log.level and log.access from "
        "SIGHUP on.");
    for (size_t i = 0; i < cli_setting_count; i++) {
        const struct cli_setting *s = &cli_settings[i];
        const char *values = cli_values_of(a, s);
        putchar('\n');
        print_comment(s->doc);
        if (values != NULL)
            printf("# It is %s.\n", values);
        printf("#%s =%s%s\n", s->name, s->fallback[0] != '\0' ? " " : "", s->fallback);
    }
}

static void print_text(const struct cli_config *c)
{
    for (size_t i = 0; i < cli_setting_count; i++) {
        struct nst_str value = cli_shown(c, i);
        printf("%s = %.*s   (%s)\n    %s\n", cli_settings[i].name, NST_FMT(value),
               c->value[i].origin, cli_settings[i].doc);
    }
}

static int print_settings(struct cli_options *o)
{
    if (o->json && o->example)
        return cli_misuse(&cli_config, "--json, or --example?");
    cli_warn_of_no_folder(&cli_config, o);
    if (o->json)
        print_json(&o->config);
    else if (o->example)
        print_example(o->arena);
    else
        print_text(&o->config);
    return EXIT_DONE;
}

static int config_run(int argc, char **argv)
{
    struct cli_options o;
    int status = cli_options_parse(&o, &cli_config, argc, argv) ? print_settings(&o) : o.status;
    nst_arena_free(o.arena);
    return status;
}

const struct cli_verb cli_config = {
    .name = "config",
    .usage = "config [--data DIR] [--json | --example] [--set NAME=VALUE]",
    .summary = "show every setting, its value and where it comes from",
    .help = "Settings come from --set NAME=VALUE, else from the environment (NESTOR_OCL_ROOT for\n"
            "ocl.root), else from nestor.conf in the data folder, else they have a default.\n\n"
            "Examples:\n"
            "  nestor config\n"
            "  nestor config --data ./data --json\n"
            "  nestor config --example > ./data/nestor.conf\n"
            "  nestor serve --data ./data --set ocl.root=v2\n",
    .run = config_run,
};
