/* nestor top: how a server goes, in a terminal. It asks over HTTP for /metrics and works out the
 * figures that the server keeps samples of; the lines of their history are those samples, or, where
 * none are kept, what was seen since the start. */
#include "client_http.h"
#include "stop.h"

#include "nestor/base/time.h"
#include "rest/figure.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define PERIOD       (2 * NST_SECOND)
#define PERIOD_ONCE  NST_SECOND
#define PATIENCE     5 /* seconds for an answer */
#define LINE_MAX     60
#define LEFT_COLUMNS 38 /* before the line of history */
#define HISTORY_PATH "/metrics/history?step=10&last=600"

struct top {
    struct cli_options *o;
    struct cli_http *http;
    struct nst_arena *scratch; /* of one look */
    const char *server;
    int64_t period;
    bool is_live, has_blocks;       /* a terminal, and one that shows UTF-8 */
    struct nst_reading now, before; /* at 0: there is none yet */
    double value[NST_FIGURES];
    double line[NST_FIGURES][LINE_MAX]; /* the last is the newest; NAN: not known */
    bool has_samples;
    char about[128]; /* program, version, database */
    int64_t started; /* seconds since 1970; 0: not known */
};

/* ---- Asking ---- */

static struct cli_answer ask(struct top *t, const char *path)
{
    const struct cli_request r = { .method = "GET",
                                   .path = nst_str_z(path),
                                   .is_anonymous = t->o->token_file == NULL,
                                   .seconds = PATIENCE };
    return cli_http_send(t->http, t->scratch, &r);
}

/* A terminal obeys what it is sent: of what a server says nothing but plain text gets there. */
static void make_plain(char *text)
{
    for (; *text != '\0'; text++)
        if (*text < ' ' || *text > '~')
            *text = '?';
}

/* What is between `before` and the next `end`; null where that is not in text. */
static struct nst_str find(struct nst_str text, const char *before, char end)
{
    const char *at = text.n > 0 ? memmem(text.p, text.n, before, strlen(before)) : NULL;
    if (at == NULL)
        return (struct nst_str){ 0 };
    size_t from = (size_t)(at - text.p) + strlen(before);
    struct nst_str rest = nst_str_slice(text, from, text.n);
    return nst_str_cut(&rest, end);
}

static bool read_about(struct top *t, struct nst_str text)
{
    struct nst_str build = find(text, "\nnestor_build_info{", '}');
    struct nst_str program = find(build, "program=\"", '"');
    struct nst_str version = find(build, "version=\"", '"');
    struct nst_str database = find(build, "database=\"", '"');
    struct nst_str started = find(text, "\nnestor_process_start_time_seconds ", '.');
    snprintf(t->about, sizeof(t->about), "%.*s %.*s, %.*s", NST_FMT(program), NST_FMT(version),
             NST_FMT(database));
    make_plain(t->about);
    if (!nst_str_int(&t->started, started))
        t->started = 0;
    return build.n > 0;
}

/* Samples of the server, as lines; false where it keeps none. */
static bool read_samples(struct top *t)
{
    struct nst_json *told;
    struct nst_json_fault fault;
    struct cli_answer a = ask(t, HISTORY_PATH);
    if (a.status != 200 || nst_json_read(&told, &fault, t->scratch, a.body, NULL) != NST_OK)
        return false;
    const struct nst_json *kept = nst_json_get(told, NST_STR("kept"));
    if (kept == NULL || kept->kind != NST_JSON_BOOL || !kept->boolean)
        return false;
    const struct nst_json *series = nst_json_get(told, NST_STR("series"));
    const struct nst_json *s = series != NULL ? series->first : NULL;
    for (unsigned i = 0; i < NST_FIGURES && s != NULL; i++, s = s->next) {
        const struct nst_json *values = nst_json_get(s, NST_STR("values"));
        const struct nst_json *v = values != NULL ? values->first : NULL;
        for (unsigned k = 0; k < LINE_MAX; k++, v = v != NULL ? v->next : NULL)
            t->line[i][k] = v != NULL && v->kind == NST_JSON_NUMBER
                                ? strtod(nst_str_to_z(t->scratch, v->text), NULL)
                                : NAN;
    }
    return true;
}

static void push_line(struct top *t)
{
    for (unsigned i = 0; i < NST_FIGURES; i++) {
        memmove(t->line[i], t->line[i] + 1, (LINE_MAX - 1) * sizeof(t->line[i][0]));
        t->line[i][LINE_MAX - 1] = t->value[i];
    }
}

/* Why there is nothing to show, a sentence in the scratch. */
static const char *problem_of(const struct top *t, const struct cli_answer *a)
{
    bool has_token = t->o->token_file != NULL;
    if (a->status == 0)
        return nst_strf(t->scratch, "nobody answers at %s", t->server).p;
    if (a->status == 401)
        return has_token ? nst_strf(t->scratch, "the server does not know the token in %s (401)",
                                    t->o->token_file)
                               .p
                         : "the server tells its metrics to staff: give a token with --token-file "
                           "(401)";
    if (a->status == 403)
        return "the token is not one of staff, to whom alone the server tells its metrics (403)";
    if (a->status == 404)
        return nst_strf(t->scratch,
                        "%s has no /metrics (404): is it told on a listener of its own "
                        "(metrics.listen)?",
                        t->server)
            .p;
    if (a->status != 200)
        return nst_strf(t->scratch, "the server answered %ld", a->status).p;
    return nst_strf(t->scratch, "what answers at %s is no Nestor", t->server).p;
}

/* One look; NULL, or what is wrong. */
static const char *look(struct top *t)
{
    nst_arena_reset(t->scratch);
    struct cli_answer a = ask(t, "/metrics");
    if (a.status != 200 || !read_about(t, a.body))
        return problem_of(t, &a);
    t->before = t->now;
    t->now = (struct nst_reading){ .at = nst_ticks() };
    nst_reading_take(&t->now, a.body);
    nst_figures_make(t->value, &t->now, t->before.at != 0 ? &t->before : NULL);
    if (!t->is_live)
        return NULL;
    t->has_samples = read_samples(t);
    if (!t->has_samples)
        push_line(t);
    return NULL;
}

/* ---- Showing ---- */

static void put_bytes(struct nst_buf *b, double v)
{
    static const char *const size[] = { "B", "KiB", "MiB", "GiB", "TiB" };
    unsigned i = 0;
    for (; v >= 1024 && i + 1 < NST_COUNT(size); i++)
        v /= 1024;
    nst_putf(b, i > 0 ? "%.1f %s" : "%.0f %s", v, size[i]);
}

static void put_seconds(struct nst_buf *b, double v)
{
    if (v < 1e-3)
        nst_putf(b, "%.0f us", v * 1e6);
    else if (v < 1)
        nst_putf(b, "%.1f ms", v * 1e3);
    else
        nst_putf(b, "%.2f s", v);
}

static void put_value(struct nst_buf *b, const struct nst_figure *f, double v)
{
    if (!isfinite(v)) {
        nst_put_lit(b, "-");
    } else if (strcmp(f->unit, "bytes") == 0) {
        put_bytes(b, v);
    } else if (strcmp(f->unit, "s") == 0) {
        put_seconds(b, v);
    } else if (strcmp(f->unit, "1/s") == 0) {
        nst_putf(b, "%.1f/s", v);
    } else if (f->unit[0] != '\0') {
        nst_putf(b, "%.2f %s", v, f->unit);
    } else {
        nst_putf(b, "%.0f", v);
    }
}

/* The highest of the line is the whole height. */
static void put_line(struct nst_buf *b, const struct top *t, const double *line, unsigned width)
{
    static const char *const block[] = { "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
    static const char *const sign[] = { "_", ".", ":", "-", "=", "+", "*", "#" };
    double most = 0;
    for (unsigned k = LINE_MAX - width; k < LINE_MAX; k++)
        most = isfinite(line[k]) && line[k] > most ? line[k] : most;
    for (unsigned k = LINE_MAX - width; k < LINE_MAX; k++) {
        double part = most > 0 ? line[k] / most * 7 : 0;
        unsigned height = isfinite(part) && part > 0 ? (unsigned)part : 0;
        nst_put_z(b, !isfinite(line[k]) ? " " : (t->has_blocks ? block : sign)[height]);
    }
}

static unsigned width_of_lines(void)
{
    struct winsize size;
    unsigned columns = 80;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        columns = size.ws_col;
    return columns <= LEFT_COLUMNS             ? 0
           : columns - LEFT_COLUMNS > LINE_MAX ? LINE_MAX
                                               : columns - LEFT_COLUMNS;
}

static void put_head(struct nst_buf *b, const struct top *t, const char *problem)
{
    int64_t now = nst_now(), up = now / NST_SECOND - t->started;
    nst_putf(b, "nestor top  %s\033[K\n", t->server);
    if (problem != NULL)
        nst_putf(b, "%s", problem);
    else if (t->started > 0)
        nst_putf(b, "%s, up %lldd %02lld:%02lld", t->about, (long long)(up / 86400),
                 (long long)(up / 3600 % 24), (long long)(up / 60 % 60));
    else
        nst_put_z(b, t->about);
    nst_put_lit(b, "   ");
    nst_put_time(b, now, NST_TIME_SECOND_Z);
    nst_put_lit(b, "\033[K\n\033[K\n");
}

/* From the top left corner, each line to its end, and nothing below. */
static void show_screen(const struct top *t, const char *problem)
{
    struct nst_buf b;
    unsigned width = width_of_lines();
    nst_buf_init(&b, t->scratch, 65536);
    nst_put_lit(&b, "\033[H");
    put_head(&b, t, problem);
    for (unsigned i = 0; i < NST_FIGURES; i++) {
        size_t from = b.n;
        char room[32];
        struct nst_buf v = { .p = room, .cap = sizeof(room), .max = sizeof(room) };
        put_value(&v, &nst_figures[i], problem == NULL ? t->value[i] : NAN);
        nst_putf(&b, "%-20s %14.*s", nst_figures[i].name, (int)v.n, v.p);
        while (b.n - from < LEFT_COLUMNS)
            nst_put_char(&b, ' ');
        put_line(&b, t, t->line[i], width);
        nst_put_lit(&b, "\033[K\n");
    }
    nst_putf(&b, "\033[K\n%s   Ctrl-C ends.\033[K\n\033[J",
             t->has_samples ? "Lines: the last 10 minutes, as the server kept them."
                            : "Lines: what was seen since the start.");
    fwrite(b.p, 1, b.n, stdout);
}

static void show_text(const struct top *t)
{
    struct nst_buf b;
    nst_buf_init(&b, t->scratch, 4096);
    nst_put_time(&b, nst_now(), NST_TIME_SECOND_Z);
    for (unsigned i = 0; i < NST_FIGURES; i++) {
        nst_putf(&b, "  %s=", nst_figures[i].name);
        put_value(&b, &nst_figures[i], t->value[i]);
    }
    printf("%.*s\n", (int)b.n, b.p);
}

/* A member a figure, in the units of /metrics/history; null: not known. */
static void show_json(const struct top *t)
{
    struct nst_buf b;
    nst_buf_init(&b, t->scratch, 4096);
    nst_put_lit(&b, "{\"time\":\"");
    nst_put_time(&b, nst_now(), NST_TIME_SECOND_Z);
    nst_put_char(&b, '"');
    for (unsigned i = 0; i < NST_FIGURES; i++) {
        nst_putf(&b, ",\"%s\":", nst_figures[i].name);
        if (isfinite(t->value[i]))
            nst_putf(&b, "%.9g", t->value[i]);
        else
            nst_put_lit(&b, "null");
    }
    printf("%.*s}\n", (int)b.n, b.p);
}

static void show(const struct top *t, const char *problem)
{
    if (t->is_live)
        show_screen(t, problem);
    else if (problem != NULL)
        fprintf(stderr, "nestor top: %s\n", problem);
    else if (t->o->json)
        show_json(t);
    else
        show_text(t);
    fflush(stdout);
}

/* ---- Going on ---- */

/* A signal ends it early. */
static void pause_for(int64_t time)
{
    struct timespec left = { .tv_sec = (time_t)(time / NST_SECOND),
                             .tv_nsec = (long)(time % NST_SECOND * 1000) };
    if (!cli_is_stopped())
        nanosleep(&left, NULL);
}

/* The first look tells no rates yet: shown at once in a terminal, else with the second. A server
 * that goes away meanwhile may come back; whoever reads the output may not. */
static int watch(struct top *t)
{
    const char *problem = look(t);
    if (problem != NULL)
        return cli_fail(&cli_top, "%s", problem);
    if (t->is_live) {
        fputs("\033[2J\033[?25l", stdout); /* clear, and hide the cursor */
        show(t, NULL);
    }
    do {
        pause_for(t->o->once ? PERIOD_ONCE : t->period);
        if (cli_is_stopped())
            break;
        problem = look(t);
        show(t, problem);
    } while (!t->o->once && ferror(stdout) == 0);
    if (t->is_live)
        fputs("\033[?25h\n", stdout);
    return t->o->once && problem != NULL ? EXIT_FAILED : EXIT_DONE;
}

static bool shows_utf8(void)
{
    static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };
    for (size_t i = 0; i < NST_COUNT(names); i++) {
        const char *value = getenv(names[i]);
        if (value != NULL && value[0] != '\0')
            return strcasestr(value, "utf-8") != NULL || strcasestr(value, "utf8") != NULL;
    }
    return false;
}

/* The server of this installation's settings, where none is named. */
static const char *default_server(struct cli_options *o)
{
    struct nst_str listen = cli_text(&o->config, "metrics.listen");
    if (listen.n == 0)
        listen = cli_text(&o->config, "listen");
    return nst_str_starts(listen, NST_STR("unix:"))
               ? nst_str_to_z(o->arena, listen)
               : nst_str_to_z(o->arena, cli_url_of(o->arena, listen));
}

static bool is_address(const char *server)
{
    struct nst_str s = nst_str_z(server);
    return nst_str_starts(s, NST_STR("http://")) || nst_str_starts(s, NST_STR("https://")) ||
           nst_str_starts(s, NST_STR("unix:"));
}

static int check_words(struct top *t)
{
    const struct cli_options *o = t->o;
    if (!is_address(t->server))
        return cli_misuse(&cli_top,
                          "%s is no address: it begins with http://, https:// or unix:", t->server);
    if (cli_has_credentials(nst_str_z(t->server)))
        return cli_misuse(&cli_top, "URL takes no user and no password in the address");
    if (o->every != NULL && o->once)
        return cli_misuse(&cli_top, "--every is for more than --once");
    if (o->every != NULL && (!cli_every_read(&t->period, o->every) || t->period == 0))
        return cli_misuse(&cli_top, "--every wants a time such as 2s or 1m, not %s", o->every);
    return EXIT_DONE;
}

static int run_parsed(struct cli_options *o)
{
    struct top t = { .o = o, .period = PERIOD, .has_blocks = shows_utf8() };
    struct nst_str token = { 0 };
    if (o->rest_count == 0)
        cli_warn_of_no_folder(&cli_top, o);
    t.server = o->rest_count > 0 ? o->rest[0] : default_server(o);
    int status = check_words(&t);
    if (status == EXIT_DONE && o->token_file != NULL)
        status = cli_http_token(&token, o, &cli_top);
    if (status != EXIT_DONE)
        return status;
    for (unsigned i = 0; i < NST_FIGURES; i++)
        for (unsigned k = 0; k < LINE_MAX; k++)
            t.line[i][k] = NAN;
    t.is_live = isatty(STDOUT_FILENO) != 0 && !o->json && !o->once;
    t.scratch = nst_arena_new(65536);
    t.http = cli_http_new(o->arena, t.server);
    cli_http_authorize(t.http, nst_strf(o->arena, "Token %.*s", NST_FMT(token)));
    cli_stop_on_signals();
    status = watch(&t);
    cli_http_free(t.http);
    nst_arena_free(t.scratch);
    return status;
}

static int top_run(int argc, char **argv)
{
    struct cli_options o;
    int status = cli_options_parse(&o, &cli_top, argc, argv) ? run_parsed(&o) : o.status;
    nst_arena_free(o.arena);
    return status;
}

const struct cli_verb cli_top = {
    .name = "top",
    .usage = "top [URL] [--token-file FILE] [--every TIME] [--once] [--json]",
    .summary = "show how a running server goes",
    .help =
        "Asks the server at URL for its metrics every two seconds (--every) and shows what an\n"
        "operator looks at: requests and errors a second, latencies, connections, the writer's\n"
        "queue, the database, memory, processor time, tasks and copies. In a terminal with\n"
        "the last ten minutes of each; elsewhere a line each time, with --json an object.\n"
        "--once looks twice, a second apart, and prints one.\n\n"
        "URL is the server's, with a token of staff, or where `metrics.listen` says, without;\n"
        "without URL that of the settings of this installation (--data DIR).\n\n"
        "Examples:\n"
        "  nestor top --data ./data --token-file ada.token\n"
        "  nestor top https://terms.example.org --token-file ada.token\n"
        "  nestor top http://127.0.0.1:9464 --every 10s --json >> figures.jsonl\n"
        "  nestor top unix:/run/nestor/metrics --once\n",
    .words = 1,
    .run = top_run,
};
