/* The command line: verbs, settings, and what they share. */
#ifndef NESTOR_CLI_H
#define NESTOR_CLI_H

#include "nestor/base/random.h"
#include "nestor/rest.h"

#include <stdio.h>

#define CLI_SAMPLES "history.samples" /* in the data folder: the server's figures of two weeks */

/* Exit codes: done, failed, wrong usage. */
enum { EXIT_DONE, EXIT_FAILED, EXIT_USAGE };

/* The first column of the rows of a table: `count` names, each `stride` bytes behind the
 * one before. */
struct cli_names {
    const char *const *first;
    size_t stride, count;
};

#define CLI_NAMES(rows) { &(rows)[0].name, sizeof((rows)[0]), NST_COUNT(rows) }

/* A verb: `nestor NAME ...`. */
struct cli_verb {
    const char *name;
    const char *usage;                 /* "init --data DIR --admin NAME ..." */
    const char *summary;               /* one line */
    const char *help;                  /* options and examples */
    size_t words;                      /* how many words that are no option it takes at most */
    struct cli_names actions;          /* what the first of these must be; none: anything */
    bool only_reads;                   /* works on a database that cannot be written, too */
    int (*run)(int argc, char **argv); /* argv[0] is the verb */
};

/* The commit of the build; "" when it is not known. */
extern const char cli_commit[];

extern const struct cli_verb cli_serve, cli_init, cli_user, cli_token, cli_client, cli_import,
    cli_export_verb, cli_load, cli_dump, cli_enroll, cli_enrollments, cli_migrate, cli_config,
    cli_openapi, cli_doctor, cli_verify, cli_subscribe, cli_top, cli_man, cli_completion,
    cli_health, cli_maintenance, cli_audit, cli_purge, cli_backup, cli_restore, cli_move,
    cli_compact, cli_task;

/* The name of row i. */
const char *cli_name_at(struct cli_names names, size_t i);

/* The name that was probably meant by word; NULL when none is near. */
const char *cli_nearest(const char *word, struct cli_names names);

/* ---- Settings: flag > NESTOR_* > file > default ---- */

enum cli_setting_kind { CLI_TEXT, CLI_NUMBER, CLI_SWITCH, CLI_CHOICE, CLI_URL, CLI_ORIGINS, CLI_PROXIES, CLI_LISTENER, CLI_DATABASE,
                        CLI_REPLICA, CLI_PATH,
                        CLI_KEYS /* a path, or an address */ };

struct cli_setting {
    const char *name; /* dotted: "ocl.root" */
    enum cli_setting_kind kind;
    const char *fallback;
    int64_t low, high;   /* of numbers, inclusive */
    const char *choices; /* separated by `|` */
    const char *doc;
    bool is_live; /* a running server takes it over on SIGHUP */
};

extern const struct cli_setting cli_settings[];
extern const size_t cli_setting_count;

/* Where a value came from: "flag", "environment", "file" or "default". */
struct cli_value {
    struct nst_str text;
    const char *origin;
};

/* The settings of this run. Unknown names and values out of range are reported, with the
 * nearest known name. */
struct cli_config {
    struct nst_arena *arena;
    FILE *told; /* where that is reported, lines of text; NULL: standard error */
    struct cli_value *value; /* one a setting */
};

/* Read file (may be NULL), environment and "name=value" flags.
 * Returns false after reporting faults. */
bool cli_config_load(struct cli_config *config, struct nst_arena *a, const char *file,
                     char *const *flags, size_t flag_count);
/* Log what the environment has of NESTOR_* that is no setting. */
void cli_config_warn(const struct cli_config *config);

/* Where the value of a setting that there is came from: see cli_value. */
const char *cli_origin(const struct cli_config *config, const char *name);

/* The value of a setting that there is, as its kind has it. */
struct nst_str cli_text(const struct cli_config *config, const char *name);
int64_t cli_number(const struct cli_config *config, const char *name);
bool cli_is_on(const struct cli_config *config, const char *name);

/* ---- Options of a verb ---- */

/* What nearly every verb takes; `rest` are the words that are no option. */
struct cli_options {
    struct nst_arena *arena;
    bool says_data; /* `data` is what --data says */
    const char *data, *database, *listen, *admin, *admin_token_file, *user, *from_file, *name;
    const char *server, *token_file, *errors, *password_file, *email, *expires;
    const char *client_id, *client_secret_file; /* instead of token_file */
    const char *as, *every, *to, *keep;
    const char *reason, *since, *older_than, *kind;
    const char *only, *source, *output, *format, *program, *course, *curriculum, *outcomes, *days, *undo;
    bool json, dry_run, quiet, bare, staff, superuser, erase, restricted, resume, change, all,
        courses, force, repair, once, list, remove, moved, example,
        reindex, stay;
    struct cli_config config;
    char **flags; /* of --set and its like, as they came */
    size_t flag_count;
    char **rest;
    size_t rest_count;
    int status; /* when not ready: what to exit with */
    bool has_bad_settings; /* why not: cli_options_again tells more */
};

/* Read the settings of these options anew, with nestor.conf as it is now, into config, which a
 * owns, and whose `told` is set. Returns false after reporting faults. */
bool cli_options_again(struct cli_config *config, struct nst_arena *a,
                       const struct cli_options *o);

/* The same for who tells the faults elsewhere than on standard error.
 *   faults  lines of text in a, cut where they are many; empty where there is none */
bool cli_options_judge(struct cli_config *config, struct nst_str *faults, struct nst_arena *a,
                       const struct cli_options *o);

/* A value as it may be shown, in c->arena. */
struct nst_str cli_shown(const struct cli_config *c, size_t setting);

/* Whether it begins with http:// or https://, in any case. */
bool cli_is_address(struct nst_str text);

#define CLI_KEY_SETTINGS 2

/* The settings that name files with keys of web tokens. */
extern const char *const cli_key_settings[CLI_KEY_SETTINGS];

/* The file that a setting names; null where it is empty, or names an address instead (CLI_KEYS). */
struct nst_str cli_named_file(const struct cli_config *config, const char *name);

/* Whether the address names a user: addresses are told in messages, and seen in the list of
 * processes. */
bool cli_has_credentials(struct nst_str url);

/* Have the log obey log.level; before it serves, why it fails is told in any case. */
void cli_log_level(const struct cli_config *config, bool is_serving);

/* Where the verb stands in argv, behind options with their values: argc when there is
 * none. */
int cli_options_before_verb(int argc, char **argv);

/* Parse argv of a verb; answers --help. Returns false when the verb is to end
 * with o->status. o->arena is to be freed by the caller in any case. */
bool cli_options_parse(struct cli_options *o, const struct cli_verb *verb, int argc, char **argv);

/* The word as a shell takes it, quoted where it must be; itself or in a. */
const char *cli_word(struct nst_arena *a, const char *word);

/* What a command that is told to the user has to end with, so that it means the same installation:
 * " --data DIR --database URL" for a shell, what of these the options say. For a URL with a password
 * stands the word URL. Ends with a NUL. In o's arena. */
const char *cli_where(const struct cli_options *o);

/* Warn on standard error where the folder that --data names is not there: defaults are told for an
 * installation otherwise. */
void cli_warn_of_no_folder(const struct cli_verb *verb, const struct cli_options *o);

/* Read a time as --every has it: a span of 366 days at most; "never" is 0. In microseconds.
 * Returns false for anything else; out is 0 then. */
bool cli_every_read(int64_t *out, const char *text);

/* Read a span of time: "90s", "15m", "2h", "1d". In microseconds, at most max. Returns false for
 * anything else, 0 included; out is 0 then. */
bool cli_span_read(int64_t *out, const char *text, int64_t max);

/* A point in time as people say it: "2030-01-01T00:00:00Z", "2030-01-01" (its beginning in UTC), or
 * "7d", so long ago or from now on, 100 years at most. In microseconds. Returns false for anything
 * else. */
bool cli_time_read(int64_t *out, struct nst_arena *a, const char *text, bool is_ago);

/* "2030-01-01T00:00:00Z" of microseconds, in a. */
struct nst_str cli_time_text(struct nst_arena *a, int64_t time);

/* Print "nestor VERB: ..." to standard error and return EXIT_FAILED. */
int cli_fail(const struct cli_verb *verb, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Print the fault and where help is, return EXIT_USAGE. */
int cli_misuse(const struct cli_verb *verb, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The row of the verb's actions that the first word names, whose first column is the name; NULL:
 * there is none. */
const void *cli_action(const struct cli_verb *verb, const struct cli_options *o);

/* The same where the first word is none of the verb's actions, or there is none: with the
 * one that was probably meant. */
int cli_misuse_action(const struct cli_verb *verb, const struct cli_options *o);

/* ---- The store of a verb ---- */

/* An opened installation. */
struct cli_site {
    struct nst_store *store;
    struct nst_registry *registry;
    unsigned applied; /* steps that have brought the database to this program's version */
    struct nst_str secret; /* a new one that is still to be written; else null */
};

/* The number of the newest step that this program has. */
int64_t cli_newest_step(void);

/* In a data folder while `nestor restore` fills it: no verb opens the database there. */
#define CLI_RESTORING ".restoring"

/* Open the database that the options name (default: nestor.db in the data
 * folder), bring it to the newest migration, configure accounts with the folder's
 * secret. With `may_create` a missing folder, database and secret are made.
 * Returns false after saying why. Close with cli_site_close. */
bool cli_site_open(struct cli_site *site, struct cli_options *o, const struct cli_verb *verb,
                   bool may_create);
void cli_site_close(struct cli_site *site);

/* Open a store as it is, without bringing it to this program's version.
 *   how  url null: that of the options, which must be there; otherwise one that may be made. Of the
 *        rest is_alone, is_filled and is_read_only count
 * Returns NULL after saying why. Close with nst_store_close. */
struct nst_store *cli_store_open(struct cli_options *o, const struct cli_verb *verb,
                                 struct nst_store_options how);

/* What is told of a database whose rows have gone to `where` (nst_copy_left), behind its name. In
 * o's arena. */
const char *cli_was_moved(const struct cli_options *o, struct nst_str where);

/* As cli_site_open, for verbs that only read the database: the data folder's secret
 * is not needed, nor is there a registry. */
bool cli_site_open_store(struct cli_site *site, struct cli_options *o, const struct cli_verb *verb);

/* The folder of tasks, which may be missing still; ends with a NUL. In o's arena. */
struct nst_str cli_task_folder(const struct cli_options *o);

/* Find the account that a verb writes as: --user, or the first superuser. Its name
 * is in o->arena. Returns an exit code, after saying why there is none. */
int cli_find_author(struct nst_caller *out, struct cli_site *site, struct cli_options *o,
                    const struct cli_verb *verb);

/* The database that the settings name: a URL, or the path of a file; owned by o->arena. */
struct nst_str cli_database(struct cli_options *o);

/* A database as it may be shown: *** stands for what is secret of it. In a. */
struct nst_str cli_shown_url(struct nst_arena *a, struct nst_str url);

/* Run work in one transaction and wait. */
enum nst_err cli_run(struct cli_site *site, nst_work *work, void *arg);

/* Read the keys that auth.jwt.* names, from files and addresses, and believe them.
 * Returns what is wrong, owned by o's arena, and leaves the former keys; NULL when
 * nothing is. May be called again while the server runs. */
const char *cli_keys_read(struct cli_options *o);

/* The same for `nestor serve`, nothing for other verbs. Returns false after saying
 * why. */
bool cli_keys_configure(struct cli_options *o, const struct cli_verb *verb);

/* The registry of the whole program: all faces and resources. */
bool cli_registry(struct nst_registry **out, struct nst_arena *a);

/* Where a browser or curl finds what listens there: "http://127.0.0.1:8000", with the
 * name of this machine for every address, null for a Unix socket. In a. */
struct nst_str cli_url_of(struct nst_arena *a, struct nst_str listen);

/* Whether only this machine can reach what listens there. */
bool cli_is_local(struct nst_str listen);

/* Make a file of mode 0600 that holds text and a line end; it must not exist
 * unless `may_replace`. Returns false with errno set. */
bool cli_write_secret(const char *path, struct nst_str text, bool may_replace);

/* The folder that a file is in: "/var/lib/", or "." for a bare name. In a. */
const char *cli_folder_of(struct nst_arena *a, struct nst_str file);

/* What root made at `path` (a file, or a folder with all in it) belongs to whom the folder `like` does from
 * then on: a service runs as somebody else. Others than root change nothing. Returns false with
 * errno set. */
bool cli_give_away(const char *path, const char *like);

/* Read a file of at most `max` bytes, blanks at its ends cut off. Null when it
 * cannot be read (errno is set). */
struct nst_str cli_read_file(struct nst_arena *a, const char *path, size_t max);

/* Append all that `in` holds, which stays open, to out. Returns false when that was not
 * read to its end: out is full, or errno is set. */
bool cli_read_stream(struct nst_buf *out, FILE *in);

/* A request of the guide face from inside the program, in the transaction of db.
 *   rq    with arena, registry and caller; rq->x is made anew and holds the answer
 *   body  NULL: none */
enum nst_err cli_call(struct nst_req *rq, struct nst_db *db, enum nst_method method,
                      struct nst_str path, struct nst_json *body);

#endif
