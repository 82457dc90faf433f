/* Settings: one table makes flags, environment, file, `nestor config` and the
 * reference page. Precedence: flag > NESTOR_* > file > default. */
#include "grammar.h"

#include "nestor/base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const struct cli_setting cli_settings[] = {
    { "listen", CLI_LISTENER, "127.0.0.1:8000",
      .doc = "Where to serve: ADDRESS:PORT, localhost:PORT, :PORT for every IPv4 address of "
             "this machine, or unix:PATH." },
    { "database", CLI_DATABASE, "",
      .doc = "postgresql://... or a file; empty: nestor.db in the data "
             "folder." },
    { "ocl.root", CLI_CHOICE, "guide", .choices = "guide|v2",
      .doc = "The face that also answers at the root." },
    { "ocl.require_authentication", CLI_SWITCH, "false",
      .doc = "Under /v2/ nobody is answered without a token, but for who signs in." },
    { "ocl.upgrade_url", CLI_TEXT, "",
      .doc = "Where somebody gets an account, as that refusal tells; empty: not told." },
    { "log.level", CLI_CHOICE, "info", .choices = "debug|info|warn|error|off",
      .doc =
          "What is logged on standard error; off: only why a verb or a start fails. Read again on "
          "SIGHUP.",
      .is_live = true },
    { "log.format", CLI_CHOICE, "auto", .choices = "auto|json|text",
      .doc =
          "A line of the log: a JSON object, or for people; auto: for people on a terminal, where "
          "it has colours unless NO_COLOR is set." },
    { "log.access", CLI_SWITCH, "true", .doc = "Log a line for each request; read again on SIGHUP.",
      .is_live = true },
    { "metrics.listen", CLI_LISTENER, "",
      .doc =
          "Where metrics are told to whoever asks: ADDRESS:PORT, :PORT or unix:PATH; nothing but "
          "/metrics, /metrics/history, /healthz and /readyz is answered there. Empty: beside the "
          "API, to staff alone." },
    { "metrics.samples", CLI_SWITCH, "true",
      .doc = "Keep samples of the server's figures for 14 days, in a file of 2 MB in the data "
             "folder." },
    { "http.loops", CLI_NUMBER, "0", 0, 256, .doc = "Event loops; 0: one a core." },
    { "http.connections", CLI_NUMBER, "10000", 1, 1000000,
      .doc = "Connections at a time, in all; fewer where fewer files may be open." },
    { "http.per_address", CLI_NUMBER, "0", 0, 1000000,
      .doc = "Connections of one address, but of trusted proxies; 0: no limit." },
    { "http.header_bytes", CLI_NUMBER, "16384", 1024, 65536,
      .doc = "Bytes of request line and headers together; beyond: 431." },
    { "http.header_fields", CLI_NUMBER, "100", 8, 1000,
      .doc = "Header fields of a request; beyond: 431." },
    { "http.target_bytes", CLI_NUMBER, "8000", 256, 32768,
      .doc = "Bytes of a request target; beyond: 414." },
    { "http.body_bytes", CLI_NUMBER, "16777216", 262144, 16777216,
      .doc = "Bytes of a request body at most; most routes allow less by themselves." },
    { "http.idle_seconds", CLI_NUMBER, "60", 1, 86400,
      .doc = "How long a connection may wait without a request, or a client take nothing of its "
             "answer." },
    { "http.request_seconds", CLI_NUMBER, "30", 1, 3600,
      .doc = "How long the head of a request may take to arrive, and its body, which may go on "
             "while it brings 1,000 bytes a second." },
    { "http.drain_seconds", CLI_NUMBER, "10", 1, 3600,
      .doc = "How long to finish requests on stop." },
    { "http.gzip_from", CLI_NUMBER, "1024", 0, 1000000000,
      .doc = "Smallest answer to compress, in bytes; 0: none." },
    { "http.cors_origins", CLI_ORIGINS, "*",
      .doc = "Whose scripts may see answers (CORS): `*` for every origin, without cookies; or "
             "origins such as https://app.example.org, separated by blanks; empty: none." },
    { "http.public_url", CLI_URL, "",
      .doc = "Where clients find the server, such as https://terms.example.org: in links that are "
             "printed. Empty: http:// and `listen`." },
    { "http.trusted_proxies", CLI_PROXIES, "",
      .doc = "Proxies in front whose X-Forwarded-For, X-Forwarded-Proto and X-Request-Id are "
             "believed: addresses, networks such as 10.0.0.0/8, or unix for Unix sockets, "
             "separated by blanks; empty: none." },
    { "enroll.profile", CLI_CHOICE, "original", .choices = "original",
      .doc = "Which edition of the program enrollments API is served." },
    { "enroll.username_param_grants", CLI_SWITCH, "false",
      .doc = "Let `?username=` of the caller's own name open every program (unsafe)." },
    { "enroll.page_max", CLI_NUMBER, "0", 0, 1000000000,
      .doc = "Rows of a page of enrolments at most; 0: as many as a client asks for." },
    { "db.pool", CLI_NUMBER, "8", 1, 1000, .doc = "PostgreSQL connections." },
    { "db.readers", CLI_NUMBER, "2", 0, 1000,
      .doc = "Of these, connections that writes never take, so that reads go on when writers wait "
             "for each other." },
    { "db.pooler", CLI_SWITCH, "false",
      .doc = "Between here and PostgreSQL is a pooler that has another session for each "
             "transaction (PgBouncer, pool_mode=transaction): statements are not prepared." },
    { "db.replica", CLI_REPLICA, "",
      .doc = "PostgreSQL servers that follow the one of `database`: postgresql://... or "
             "key=value, several hosts separated by commas. Lists are read there once they have "
             "everything that was answered; empty: from `database`." },
    { "db.batch", CLI_NUMBER, "256", 1, 10000, .doc = "Writes to a SQLite commit at most." },
    { "db.queue", CLI_NUMBER, "10000", 1, 1000000, .doc = "Writes waiting at most." },
    { "db.map_mib", CLI_NUMBER, "1024", 0, 1048576,
      .doc = "MiB of the SQLite file that are mapped into memory, where the kernel keeps them as "
             "long as it has room; 0: none." },
    { "db.busy_ms", CLI_NUMBER, "10000", 0, 600000,
      .doc = "How long to wait for another process that writes, for a row that another writer "
             "holds, or for a free connection; then the answer is 503." },
    { "db.statement_seconds", CLI_NUMBER, "30", 0, 3600,
      .doc = "How long a statement of the server may take on PostgreSQL; then the answer is 503. "
             "0: no limit." },
    { "db.slow_ms", CLI_NUMBER, "1000", 0, 3600000,
      .doc = "A statement of the server that takes as long is logged, and its plan once an hour; "
             "0: none is." },
    { "db.connect_seconds", CLI_NUMBER, "5", 2, 600,
      .doc = "How long connecting to PostgreSQL may take." },
    { "tasks.slots", CLI_NUMBER, "2", 0, 64,
      .doc =
          "Tasks (imports, exports, checks) that run at a time; 0: none are run by this server." },
    { "tasks.folder", CLI_PATH, "",
      .doc = "Where uploads and what tasks make are kept; empty: tasks in the data folder." },
    { "tasks.fetch", CLI_CHOICE, "none", .choices = "none|public|any",
      .doc = "Where an import may be fetched from that names an address (file_url): nowhere, hosts "
             "with public addresses, or any host, those of the own network included." },
    { "tasks.keep_days", CLI_NUMBER, "30", 0, 3650,
      .doc = "Tasks that are over are forgotten after so many days; 0: never." },
    { "auth.password.min_length", CLI_NUMBER, "15", 8, 256,
      .doc = "Characters of a password at least." },
    { "auth.password.queue", CLI_NUMBER, "64", 1, 10000,
      .doc = "Passwords that may wait to be hashed or compared; one more is answered 503." },
    { "auth.jwt.issuer", CLI_TEXT, "nestor",
      .doc = "Issuers of web tokens that are believed, separated by blanks; the first signs." },
    { "auth.jwt.audience", CLI_TEXT, "",
      .doc = "Audience that a web token must be for; empty: not checked." },
    { "auth.jwt.secret_file", CLI_PATH, "",
      .doc = "File with the shared secret of HS256, 32 bytes or more; also signs. Empty: a secret "
             "that follows from secret.key." },
    { "auth.jwt.jwks", CLI_KEYS, "",
      .doc = "JWK set with public keys: a file, https://..., or http:// on this machine; read at "
             "the start of the server and on SIGHUP." },
    { "auth.jwt.leeway_seconds", CLI_NUMBER, "1", 0, 300, .doc = "How far clocks may differ." },
    { "auth.jwt.enforce_restricted", CLI_SWITCH, "false",
      .doc = "Bar restricted applications from routes that declare no scopes." },
};

const size_t cli_setting_count = NST_COUNT(cli_settings);

/* Settings of former programs. Whoever has one means something by it, hence the start is
 * refused, from the environment, too. */
static const struct {
    const char *name, *instead;
} former[] = {
    { "http.trust_proxy", "name the proxies in http.trusted_proxies, as in 127.0.0.1" },
};

const struct cli_setting *cli_setting_of(struct nst_str name)
{
    for (size_t i = 0; i < cli_setting_count; i++)
        if (nst_str_eq(nst_str_z(cli_settings[i].name), name))
            return &cli_settings[i];
    return NULL;
}

static const char *nearest_setting(const char *name)
{
    return cli_nearest(name, (struct cli_names)CLI_NAMES(cli_settings));
}

static FILE *told(const struct cli_config *c)
{
    return c->told != NULL ? c->told : stderr;
}

static bool report_former(const struct cli_config *c, const char *place, const char *name)
{
    for (size_t i = 0; i < NST_COUNT(former); i++) {
        if (strcmp(former[i].name, name) != 0)
            continue;
        fprintf(told(c), "nestor: %s: the setting \"%s\" is no more; %s\n", place, name,
                former[i].instead);
        return true;
    }
    return false;
}

static void report_unknown(const struct cli_config *c, const char *place, const char *name)
{
    if (report_former(c, place, name))
        return;
    const char *nearest = nearest_setting(name);
    fprintf(told(c), "nestor: %s: there is no setting \"%s\"", place, name);
    if (nearest != NULL)
        fprintf(told(c), "; did you mean \"%s\"?\n", nearest);
    else
        fputs("; `nestor config` lists them\n", told(c));
}

bool cli_is_choice(const char *choices, struct nst_str value)
{
    struct nst_str rest = nst_str_z(choices);
    while (rest.p != NULL)
        if (nst_str_eq(nst_str_cut(&rest, '|'), value))
            return true;
    return false;
}

/* http://HOST or https://HOST, perhaps with a path: it is printed, so it names nobody. */
static bool is_address(struct nst_str value)
{
    bool is_http =
        nst_str_starts(value, NST_STR("http://")) || nst_str_starts(value, NST_STR("https://"));
    return is_http && nst_str_is_uri(value) && nst_str_find(value, '@') == value.n;
}

/* What is wrong with a value that has a grammar of its own, as the end of a sentence; NULL:
 * nothing. */
static const char *fault_of(const struct cli_setting *s, struct nst_str value)
{
    if (s->kind == CLI_DATABASE)
        return nst_url_fault(value);
    if (s->kind == CLI_LISTENER)
        return value.n == 0 && s->fallback[0] == '\0' ? NULL : nst_http_listen_fault(value);
    return s->kind == CLI_PROXIES ? nst_http_proxies_fault(value) : nst_origins_fault(value);
}

static bool fits(const struct cli_setting *s, struct nst_str value)
{
    int64_t n;
    switch (s->kind) {
    case CLI_NUMBER:
        return nst_str_int(&n, value) && n >= s->low && n <= s->high;
    case CLI_SWITCH:
        return cli_is_choice("true|false|1|0|on|off", value);
    case CLI_CHOICE:
        return cli_is_choice(s->choices, value);
    case CLI_URL:
        return value.n == 0 || is_address(value);
    case CLI_ORIGINS:
    case CLI_PROXIES:
    case CLI_LISTENER:
    case CLI_DATABASE:
        return fault_of(s, value) == NULL;
    case CLI_REPLICA:
    case CLI_TEXT:
    case CLI_PATH:
    case CLI_KEYS:
        return true;
    }
    return false;
}

const char *cli_values_of(struct nst_arena *a, const struct cli_setting *s)
{
    switch (s->kind) {
    case CLI_NUMBER:
        return nst_strf(a, "a number from %lld to %lld", (long long)s->low, (long long)s->high).p;
    case CLI_SWITCH:
        return "one of true|false";
    case CLI_CHOICE:
        return nst_strf(a, "one of %s", s->choices).p;
    case CLI_URL:
        return "an address that begins with http:// or https://, without a name or password";
    case CLI_ORIGINS:
    case CLI_PROXIES:
    case CLI_LISTENER:
    case CLI_DATABASE:
    case CLI_REPLICA:
    case CLI_TEXT:
    case CLI_PATH:
    case CLI_KEYS:
        return NULL;
    }
    return NULL;
}

static void report_unfit(const struct cli_config *c, const char *place, const struct cli_setting *s,
                         struct nst_str value)
{
    const char *values = cli_values_of(c->arena, s);
    if (s->kind == CLI_DATABASE) { /* which may have a password */
        fprintf(told(c), "nestor: %s: %s %s\n", place, s->name, fault_of(s, value));
        return;
    }
    fprintf(told(c), "nestor: %s: %s is \"%.*s\", ", place, s->name, NST_FMT(value));
    if (values != NULL)
        fprintf(told(c), "not %s\n", values);
    else
        fprintf(told(c), "%s\n", fault_of(s, value));
}

bool cli_config_set(struct cli_config *c, const char *origin, const char *place,
                    struct nst_str name, struct nst_str value)
{
    const struct cli_setting *s = cli_setting_of(name);
    if (s == NULL) {
        report_unknown(c, place, nst_str_to_z(c->arena, name));
        return false;
    }
    if (!nst_utf8_valid(value)) {
        fprintf(told(c), "nestor: %s: %s is no UTF-8\n", place, s->name);
        return false;
    }
    if (!fits(s, value)) {
        report_unfit(c, place, s, value);
        return false;
    }
    c->value[s - cli_settings] = (struct cli_value){ nst_str_copy(c->arena, value), origin };
    return true;
}

/* "ocl.root" is NESTOR_OCL_ROOT. */
const char *cli_variable_of(struct nst_arena *a, const char *setting)
{
    struct nst_buf b;
    nst_buf_init(&b, a, 256);
    nst_put_lit(&b, "NESTOR_");
    for (; *setting != '\0'; setting++)
        nst_put_char(&b, *setting == '.' ? '_' : nst_upper(*setting));
    return nst_str_to_z(a, nst_buf_str(&b));
}

static bool from_environment(struct cli_config *c)
{
    bool good = true;
    for (size_t i = 0; i < cli_setting_count; i++) {
        const char *name = cli_settings[i].name;
        const char *value = getenv(cli_variable_of(c->arena, name));
        if (value != NULL)
            good &=
                cli_config_set(c, "environment", "environment", nst_str_z(name), nst_str_z(value));
    }
    for (size_t i = 0; i < NST_COUNT(former); i++)
        if (getenv(cli_variable_of(c->arena, former[i].name)) != NULL)
            good &= !report_former(c, "environment", former[i].name);
    return good;
}

static bool is_variable(struct nst_arena *a, struct nst_str name)
{
    for (size_t i = 0; i < cli_setting_count; i++)
        if (nst_str_eq(name, nst_str_z(cli_variable_of(a, cli_settings[i].name))))
            return true;
    /* The store's and the tests' own. */
    return nst_str_eq(name, NST_STR("NESTOR_SQL_LOG")) ||
           nst_str_eq(name, NST_STR("NESTOR_FAIL_DB_CALL")) ||
           nst_str_starts(name, NST_STR("NESTOR_TEST_"));
}

/* NESTOR_OCL_ROOT may have been "ocl.root". */
static const char *meant_by(struct nst_arena *a, struct nst_str variable)
{
    struct nst_buf b;
    nst_buf_init(&b, a, variable.n + 1);
    for (size_t i = sizeof("NESTOR_") - 1; i < variable.n; i++)
        nst_put_char(&b, variable.p[i] == '_' ? '.' : nst_lower(variable.p[i]));
    const char *setting = nearest_setting(nst_str_to_z(a, nst_buf_str(&b)));
    return setting != NULL ? cli_variable_of(a, setting) : NULL;
}

/* Not refused: a cluster sets variables of its own for a service of this name. */
void cli_config_warn(const struct cli_config *c)
{
    for (char **at = environ; *at != NULL; at++) {
        struct nst_str rest = nst_str_z(*at), name = nst_str_cut(&rest, '=');
        if (!nst_str_starts(name, NST_STR("NESTOR_")) || is_variable(c->arena, name))
            continue;
        nst_log(NST_LOG_WARN, "a variable of the environment is no setting",
                NST_LOG_STR("name", name),
                NST_LOG_STR("meant", nst_str_z(meant_by(c->arena, name))));
    }
}

static bool from_flags(struct cli_config *c, char *const *flags, size_t count)
{
    bool good = true;
    for (size_t i = 0; i < count; i++) {
        struct nst_str value = nst_str_z(flags[i]), name = nst_str_cut(&value, '=');
        if (value.p == NULL) {
            fprintf(told(c), "nestor: --set wants name=value, not \"%s\"\n", flags[i]);
            good = false;
            continue;
        }
        good &= cli_config_set(c, "flag", "flag", name, value);
    }
    return good;
}

/* ---- Settings that contradict each other ---- */

/* Of two numbers the first must be smaller than the second, or as large. A default gives way. */
static const struct {
    const char *name, *limit;
    bool may_be_equal;
} ordered[] = {
    { "db.readers", "db.pool", false },
    { "http.per_address", "http.connections", true },
    { "http.target_bytes", "http.header_bytes", true },
};

const char *cli_origin(const struct cli_config *c, const char *name)
{
    return c->value[cli_setting_of(nst_str_z(name)) - cli_settings].origin;
}

static bool is_said(const struct cli_config *c, const char *name)
{
    return strcmp(cli_origin(c, name), "default") != 0;
}

static bool fit_together(const struct cli_config *c)
{
    bool good = true;
    struct nst_str metrics = cli_text(c, "metrics.listen");
    for (size_t i = 0; i < NST_COUNT(ordered); i++) {
        int64_t n = cli_number(c, ordered[i].name), limit = cli_number(c, ordered[i].limit);
        if (!is_said(c, ordered[i].name) || n < limit || (ordered[i].may_be_equal && n == limit))
            continue;
        fprintf(told(c), "nestor: %s is %lld, which does not go with %s, %lld: make it smaller\n",
                ordered[i].name, (long long)n, ordered[i].limit, (long long)limit);
        good = false;
    }
    if (metrics.n > 0 && nst_str_eq(metrics, cli_text(c, "listen")) &&
        !nst_str_ends(metrics, NST_STR(":0"))) {
        fprintf(told(c), "nestor: metrics.listen is %.*s, and so is listen: name another port\n",
                NST_FMT(metrics));
        good = false;
    }
    return good;
}

bool cli_config_load(struct cli_config *c, struct nst_arena *a, const char *file,
                     char *const *flags, size_t flag_count)
{
    c->arena = a;
    c->value = NST_NEW_ARRAY(a, struct cli_value, cli_setting_count);
    for (size_t i = 0; i < cli_setting_count; i++)
        c->value[i] = (struct cli_value){ nst_str_z(cli_settings[i].fallback), "default" };
    bool good = file == NULL || cli_config_read(c, file);
    good &= from_environment(c);
    good &= from_flags(c, flags, flag_count);
    return good && fit_together(c);
}

struct nst_str cli_shown(const struct cli_config *c, size_t setting)
{
    struct nst_str value = c->value[setting].text;
    if (cli_settings[setting].kind == CLI_REPLICA && value.n > 0)
        return nst_conninfo_shown(c->arena, value);
    return cli_settings[setting].kind == CLI_DATABASE ? cli_shown_url(c->arena, value) : value;
}

struct nst_str cli_text(const struct cli_config *c, const char *name)
{
    return c->value[cli_setting_of(nst_str_z(name)) - cli_settings].text;
}

bool cli_is_address(struct nst_str text)
{
    static const char *const schemes[] = { "http://", "https://" };
    bool is_one = false;
    for (size_t i = 0; i < NST_COUNT(schemes); i++)
        is_one |=
            nst_str_eq_nocase(nst_str_slice(text, 0, strlen(schemes[i])), nst_str_z(schemes[i]));
    return is_one;
}

const char *const cli_key_settings[CLI_KEY_SETTINGS] = { "auth.jwt.secret_file", "auth.jwt.jwks" };

struct nst_str cli_named_file(const struct cli_config *c, const char *name)
{
    struct nst_str text = cli_text(c, name);
    bool is_elsewhere = cli_setting_of(nst_str_z(name))->kind == CLI_KEYS && cli_is_address(text);
    return text.n > 0 && !is_elsewhere ? text : (struct nst_str){ 0 };
}

int64_t cli_number(const struct cli_config *c, const char *name)
{
    int64_t n = 0;
    nst_str_int(&n, cli_text(c, name));
    return n;
}

bool cli_is_on(const struct cli_config *c, const char *name)
{
    return cli_is_choice("true|1|on", cli_text(c, name));
}
