/* nestor user, nestor token: accounts from the command line. */
#include "cli.h"

#include "nestor/accounts.h"
#include "ocl/user/user.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define TOKEN_FILE_MAX 4096
#define TOKEN_LIFE     (NST_SECOND * 86400 * 365) /* of a machine's, where nothing is said */

struct task {
    struct cli_options *o;
    struct cli_site *site;
    const char *name;     /* of the user */
    struct nst_str token; /* to store, or made */
    int64_t expires;
    struct nst_str password; /* hash */
    int64_t ended;           /* sessions */
    bool is_missing;         /* there is no such user */
    bool is_taken;           /* the user has a token of this name */
    struct nst_str problem;  /* error body of a request */
};

static enum nst_err find_user(struct ocl_user **user, struct task *t, struct nst_db *db)
{
    struct nst_req rq = { .arena = t->o->arena, .registry = t->site->registry, .db = db };
    struct nst_sql q;
    nst_sql_init(&q, rq.arena);
    nst_sql_add(&q, " AND account.username = ");
    nst_sql_bind(&q, NST_TEXT(nst_str_z(t->name)));
    NST_TRY(nst_load_where((void **)user, &rq, &ocl_user, NST_LOAD_ALL, &q));
    t->is_missing = *user == NULL;
    return *user != NULL ? NST_OK : NST_E_NOT_FOUND;
}

/* ---- The audit log ---- */

static struct nst_str url_of(const struct task *t)
{
    return nst_strf(t->o->arena, "/users/%s/", t->name);
}

static enum nst_err record(const struct task *t, struct nst_db *db, const char *act)
{
    struct nst_req rq = { .arena = t->o->arena, .db = db };
    return nst_audit(&rq, &(struct nst_act){ .name = act, .on = url_of(t) });
}

static enum nst_err record_token(const struct task *t, struct nst_db *db, const char *act)
{
    struct nst_req rq = { .arena = t->o->arena, .db = db };
    struct nst_str name = nst_audit_member(rq.arena, "name", nst_str_z(t->o->name));
    struct nst_act it = { .name = act, .on = url_of(t) };
    *(strcmp(act, "token.add") == 0 ? &it.after : &it.before) = name;
    return nst_audit(&rq, &it);
}

/* ---- Tokens ---- */

static enum nst_err token_show(struct nst_db *db, void *arg)
{
    struct task *t = arg;
    struct ocl_user *user;
    NST_TRY(find_user(&user, t, db));
    t->token = nst_token_derive(t->o->arena, user->row.id, user->token_serial);
    return record(t, db, "token.read");
}

static enum nst_err token_renew(struct nst_db *db, void *arg)
{
    struct task *t = arg;
    struct ocl_user *user;
    NST_TRY(find_user(&user, t, db));
    NST_TRY(nst_token_renew(&t->token, db, t->o->arena, user->row.id, nst_now()));
    return record(t, db, "token.renew");
}

static enum nst_err token_store(struct nst_db *db, void *arg)
{
    struct task *t = arg;
    struct ocl_user *user;
    bool is_free = true;
    NST_TRY(find_user(&user, t, db));
    if (t->o->name != NULL)
        NST_TRY(nst_token_name_free(&is_free, db, user->row.id, nst_str_z(t->o->name), nst_now()));
    t->is_taken = !is_free;
    if (t->is_taken)
        return NST_E_CONFLICT;
    const struct nst_token token = {
        .account = user->row.id,
        .token = t->token,
        .kind = t->o->from_file != NULL ? NST_TOKEN_CARRIED : NST_TOKEN_MACHINE,
        .name = nst_str_z(t->o->name),
        .expires = t->expires,
    };
    NST_TRY(nst_token_store(db, &token, nst_now()));
    return record_token(t, db, "token.add");
}

static bool is_token_text(struct nst_str text)
{
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] <= ' ' || text.p[i] > '~')
            return false;
    return text.n >= NST_CARRIED_TOKEN_MIN && text.n <= NST_CARRIED_TOKEN_MAX;
}

static int report(const struct cli_verb *verb, const struct task *t, enum nst_err e)
{
    if (e == NST_OK)
        return EXIT_DONE;
    if (t->is_missing)
        return cli_fail(verb, "there is no user \"%s\"", t->name);
    if (t->is_taken)
        return cli_fail(verb, "%s has a token \"%s\" already; `nestor token end` ends it", t->name,
                        t->o->name);
    if (t->problem.n > 0)
        return cli_fail(verb, "refused: %.*s", NST_FMT(t->problem));
    return cli_fail(verb, "%s",
                    e == NST_E_CONFLICT ? "this token is known already" : nst_err_message(e));
}

static int print_token(const struct cli_verb *verb, struct task *t, nst_work *work)
{
    int status = report(verb, t, cli_run(t->site, work, t));
    if (status == EXIT_DONE)
        printf("%.*s\n", NST_FMT(t->token));
    return status;
}

/* --expires TIME, `never`, or what is said when it is left out. Returns what is wrong. */
static const char *read_expiry(struct task *t, int64_t otherwise)
{
    const char *given = t->o->expires;
    t->expires = given == NULL ? otherwise : 0;
    if (given == NULL || strcmp(given, "never") == 0)
        return NULL;
    if (!nst_time_parse(&t->expires, nst_str_z(given)))
        return "--expires wants a time such as 2030-01-01T00:00:00Z, or never";
    return t->expires <= nst_now() ? "--expires names a time that has passed" : NULL;
}

static int token_add(struct task *t)
{
    const char *fault = read_expiry(t, 0);
    if (fault != NULL)
        return cli_misuse(&cli_token, "%s", fault);
    t->token = cli_read_file(t->o->arena, t->o->from_file, TOKEN_FILE_MAX);
    if (t->token.p == NULL)
        return cli_fail(&cli_token, "%s cannot be read: %s", t->o->from_file, strerror(errno));
    if (!is_token_text(t->token))
        return cli_fail(&cli_token,
                        "%s does not hold a token of %d to %d printable characters without blanks",
                        t->o->from_file, NST_CARRIED_TOKEN_MIN, NST_CARRIED_TOKEN_MAX);
    int status = report(&cli_token, t, cli_run(t->site, token_store, t));
    if (status == EXIT_DONE)
        printf("The token in %s is one of %s now.\n", t->o->from_file, t->name);
    return status;
}

/* "2027-01-31T09:00:00Z", or "never". */
static struct nst_str time_text(struct nst_arena *a, int64_t time)
{
    struct nst_buf b;
    nst_buf_init(&b, a, 64);
    if (time == 0)
        return NST_STR("never");
    nst_put_time(&b, time, NST_TIME_SECOND_Z);
    return nst_buf_str(&b);
}

/* The token alone goes to standard output, since that is redirected into a file. */
static int token_create(struct task *t)
{
    const char *fault = read_expiry(t, nst_now() + TOKEN_LIFE);
    if (fault != NULL)
        return cli_misuse(&cli_token, "%s", fault);
    t->token = nst_random_hex(t->o->arena, 32);
    int status = print_token(&cli_token, t, token_store);
    if (status == EXIT_DONE)
        fprintf(
            stderr,
            "It expires: %.*s (--expires says when). `nestor token end --user %s --name %s` ends "
            "it at once.\n",
            NST_FMT(time_text(t->o->arena, t->expires)), t->name, t->o->name);
    return status;
}

static void print_named(void *arg, const struct nst_token_shown *shown)
{
    struct task *t = arg;
    printf("%.*s\t%.*s\t%s\t%.*s\t%.*s\n", NST_FMT(shown->username), NST_FMT(shown->name),
           nst_token_kind_name(shown->kind), NST_FMT(time_text(t->o->arena, shown->created)),
           NST_FMT(time_text(t->o->arena, shown->expires)));
}

static enum nst_err token_list(struct nst_db *db, void *arg)
{
    struct task *t = arg;
    struct ocl_user *user = NULL;
    if (t->name != NULL)
        NST_TRY(find_user(&user, t, db));
    return nst_tokens_each(db, user != NULL ? user->row.id : 0, print_named, t);
}

static int token_list_run(struct task *t)
{
    return report(&cli_token, t, nst_store_run(t->site->store, NST_MODE_READ, token_list, t));
}

static enum nst_err token_end(struct nst_db *db, void *arg)
{
    struct task *t = arg;
    struct ocl_user *user;
    NST_TRY(find_user(&user, t, db));
    NST_TRY(nst_token_end(db, user->row.id, nst_str_z(t->o->name)));
    return record_token(t, db, "token.end");
}

static int token_end_run(struct task *t)
{
    enum nst_err e = cli_run(t->site, token_end, t);
    if (e == NST_E_NOT_FOUND && !t->is_missing)
        return cli_fail(&cli_token, "%s has no token \"%s\"", t->name, t->o->name);
    return report(&cli_token, t, e);
}

static int token_show_run(struct task *t)
{
    return print_token(&cli_token, t, token_show);
}

static int token_renew_run(struct task *t)
{
    return print_token(&cli_token, t, token_renew);
}

/* ---- Users ---- */

static struct nst_json *member(struct nst_json *object, struct nst_arena *a, const char *name,
                               const char *value)
{
    struct nst_json *v = NST_NEW(a, struct nst_json);
    *v = (struct nst_json){ .kind = NST_JSON_STRING,
                            .name = nst_str_z(name),
                            .text = nst_str_z(value),
                            .next = object->first };
    object->first = v;
    return object;
}

/*   is_held  by verbs that write */
static enum nst_err find_account(struct nst_account_shown *out, struct nst_req *rq, struct task *t,
                                 bool is_held)
{
    enum nst_err e = nst_account_show(out, rq, nst_str_z(t->name), is_held);
    t->is_missing = e == NST_E_NOT_FOUND;
    return e;
}

/* Those that are named; who is a superuser is staff, too. */
static enum nst_err give_flags(struct task *t, struct nst_db *db, bool value)
{
    struct nst_req rq = { .arena = t->o->arena, .db = db };
    struct nst_account_shown a;
    NST_TRY(find_account(&a, &rq, t, true));
    if (t->o->staff || (value && t->o->superuser))
        NST_TRY(nst_account_set_flag(&rq, &a, NST_FLAG_STAFF, value));
    if (t->o->superuser)
        NST_TRY(nst_account_set_flag(&rq, &a, NST_FLAG_SUPERUSER, value));
    return NST_OK;
}

static enum nst_err user_grant(struct nst_db *db, void *arg)
{
    return give_flags(arg, db, true);
}

static enum nst_err user_revoke(struct nst_db *db, void *arg)
{
    return give_flags(arg, db, false);
}

static enum nst_err set_enabled(struct task *t, struct nst_db *db, bool value)
{
    struct nst_req rq = { .arena = t->o->arena, .db = db };
    struct nst_account_shown a;
    NST_TRY(find_account(&a, &rq, t, true));
    return nst_account_set_flag(&rq, &a, NST_FLAG_ENABLED, value);
}

static enum nst_err user_enable(struct nst_db *db, void *arg)
{
    return set_enabled(arg, db, true);
}

static enum nst_err user_disable(struct nst_db *db, void *arg)
{
    return set_enabled(arg, db, false);
}

static void print_session(void *arg, const struct nst_session_shown *s)
{
    struct task *t = arg;
    printf("%.*s\t%.*s\n", NST_FMT(s->name), NST_FMT(time_text(t->o->arena, s->expires)));
}

static enum nst_err user_sessions(struct nst_db *db, void *arg)
{
    struct task *t = arg;
    struct nst_req rq = { .arena = t->o->arena, .db = db };
    struct nst_account_shown a;
    NST_TRY(find_account(&a, &rq, t, false));
    return nst_sessions_each(&rq, a.id, print_session, t);
}

static enum nst_err user_sign_out(struct nst_db *db, void *arg)
{
    struct task *t = arg;
    struct nst_req rq = { .arena = t->o->arena, .db = db };
    struct nst_account_shown a;
    NST_TRY(find_account(&a, &rq, t, true));
    return nst_sessions_end(&t->ended, &rq, &a, (struct nst_str){ 0 });
}

static enum nst_err user_add(struct nst_db *db, void *arg)
{
    struct task *t = arg;
    struct nst_arena *a = t->o->arena;
    struct nst_req rq = { .arena = a, .registry = t->site->registry };
    struct nst_json *body = NST_NEW(a, struct nst_json);
    rq.caller = (struct nst_caller){ true, true, true, 1, NST_STR("nestor") };
    struct ocl_user_secrets secrets = { .password = t->password };
    rq.prepared = &secrets;
    body->kind = NST_JSON_OBJECT;
    member(body, a, "username", t->name);
    member(body, a, "name", t->o->name != NULL ? t->o->name : t->name);
    member(body, a, "email",
           t->o->email != NULL ? t->o->email : nst_strf(a, "%s@localhost", t->name).p);
    enum nst_err e = cli_call(&rq, db, NST_POST, NST_STR("/users/"), body);
    if (e != NST_OK) {
        t->problem = nst_buf_str(&rq.x->out);
        return e;
    }
    return give_flags(t, db, true);
}

static enum nst_err user_set_password(struct nst_db *db, void *arg)
{
    struct task *t = arg;
    struct ocl_user *user;
    NST_TRY(find_user(&user, t, db));
    NST_TRY(nst_password_set(&t->ended, db, user->row.id, t->password));
    return record(t, db, "user.password");
}

/* By the request that an administrator would send. */
static enum nst_err user_remove(struct nst_db *db, void *arg)
{
    struct task *t = arg;
    struct nst_req rq = { .arena = t->o->arena, .registry = t->site->registry };
    struct ocl_user *user;
    struct nst_buf path;
    NST_TRY(find_user(&user, t, db));
    nst_buf_init(&path, rq.arena, 4096);
    nst_put_lit(&path, "/users/");
    nst_put_percent(&path, nst_str_z(t->name), "");
    nst_put_z(&path, t->o->erase ? "/?hardDelete=true" : "/");
    rq.caller = (struct nst_caller){ true, true, true, 0, NST_STR("nestor") };
    enum nst_err e = cli_call(&rq, db, NST_DELETE, nst_buf_str(&path), NULL);
    if (e != NST_OK)
        t->problem = nst_buf_str(&rq.x->out);
    return e;
}

static enum nst_err user_list(struct nst_db *db, void *arg)
{
    struct nst_rows *rows;
    (void)arg;
    NST_TRY(nst_query(&rows, db,
                      NST_STR("SELECT username, name, email, is_staff, is_superuser, is_enabled "
                              "FROM account "
                              "WHERE is_active ORDER BY username"),
                      NULL, 0));
    while (nst_rows_step(rows)) {
        printf("%.*s\t%.*s\t%.*s\t%s%s\n", NST_FMT(nst_rows_text(rows, 0)),
               NST_FMT(nst_rows_text(rows, 1)), NST_FMT(nst_rows_text(rows, 2)),
               nst_rows_bool(rows, 4)   ? "superuser"
               : nst_rows_bool(rows, 3) ? "staff"
                                        : "user",
               nst_rows_bool(rows, 5) ? "" : "\tdisabled");
    }
    return nst_rows_end(rows);
}

#define LINK_LIFE (86400 * NST_SECOND)

static enum nst_err user_link(struct nst_db *db, void *arg)
{
    struct task *t = arg;
    struct ocl_user *user;
    NST_TRY(find_user(&user, t, db));
    NST_TRY(nst_sign_in_make(&t->token, db, t->o->arena, user->row.id, nst_now() + LINK_LIFE));
    return record(t, db, "user.link");
}

/* Where a browser reaches the server, without a slash at the end; null when that is up to
 * a proxy in front of a Unix socket. */
static struct nst_str public_url(struct cli_options *o)
{
    struct nst_str url = cli_text(&o->config, "http.public_url");
    if (url.n == 0)
        return cli_url_of(o->arena, cli_text(&o->config, "listen"));
    return nst_str_slice(url, 0, url.n - nst_str_ends(url, NST_STR("/")));
}

static int print_link(struct task *t)
{
    int status = report(&cli_user, t, cli_run(t->site, user_link, t));
    struct nst_str url = public_url(t->o);
    if (status == EXIT_DONE)
        printf("%.*s/accounts/link/?code=%.*s\n", NST_FMT(url), NST_FMT(t->token));
    if (status == EXIT_DONE && url.n == 0)
        fputs("Put the address of the server in front: of a Unix socket it is known by the setting "
              "http.public_url only.\n",
              stderr);
    return status;
}

static int read_password(struct task *t)
{
    if (t->o->password_file == NULL)
        return EXIT_DONE;
    struct nst_str text = cli_read_file(t->o->arena, t->o->password_file, NST_PASSWORD_MAX);
    if (text.p == NULL)
        return cli_fail(&cli_user, "%s cannot be read: %s", t->o->password_file, strerror(errno));
    struct nst_str fault[NST_PASSWORD_FAULTS];
    size_t faults = nst_password_faults(fault, t->o->arena, text);
    for (size_t i = 0; i < faults; i++)
        cli_fail(&cli_user, "%.*s", NST_FMT(fault[i]));
    if (faults > 0)
        return EXIT_FAILED;
    return nst_password_hash(&t->password, t->o->arena, text) == NST_OK
               ? EXIT_DONE
               : cli_fail(&cli_user, "the password cannot be hashed: memory is short");
}

static int user_list_run(struct task *t)
{
    return report(&cli_user, t, nst_store_run(t->site->store, NST_MODE_READ, user_list, t));
}

static int user_add_run(struct task *t)
{
    int status = read_password(t);
    if (status == EXIT_DONE)
        status = report(&cli_user, t, cli_run(t->site, user_add, t));
    if (status == EXIT_DONE)
        printf("%s is added, as %s; `nestor user link %s` makes a link to sign in with.\n", t->name,
               t->o->superuser ? "a superuser"
               : t->o->staff   ? "staff"
                               : "a user",
               t->name);
    return status;
}

/* What is so already is no fault. */
static int flag_run(struct task *t, nst_work *work)
{
    enum nst_err e = cli_run(t->site, work, t);
    return e == NST_E_CONFLICT
               ? cli_fail(&cli_user,
                          "there must be a superuser who may sign in; %s is the last one", t->name)
               : report(&cli_user, t, e);
}

static int user_enable_run(struct task *t)
{
    return flag_run(t, user_enable);
}

static int user_disable_run(struct task *t)
{
    return flag_run(t, user_disable);
}

static int rights_run(struct task *t, nst_work *work)
{
    if (!t->o->staff && !t->o->superuser)
        return cli_misuse(&cli_user, "%s wants --staff or --superuser", t->o->rest[0]);
    return flag_run(t, work);
}

static int user_grant_run(struct task *t)
{
    return rights_run(t, user_grant);
}

static int user_revoke_run(struct task *t)
{
    return rights_run(t, user_revoke);
}

static int user_sessions_run(struct task *t)
{
    return report(&cli_user, t, nst_store_run(t->site->store, NST_MODE_READ, user_sessions, t));
}

static int user_sign_out_run(struct task *t)
{
    int status = report(&cli_user, t, cli_run(t->site, user_sign_out, t));
    if (status == EXIT_DONE)
        printf("Sessions of %s that ended: %lld.\n", t->name, (long long)t->ended);
    return status;
}

static int user_remove_run(struct task *t)
{
    return report(&cli_user, t, cli_run(t->site, user_remove, t));
}

static int user_password_run(struct task *t)
{
    int status = read_password(t);
    if (status == EXIT_DONE)
        status = report(&cli_user, t, cli_run(t->site, user_set_password, t));
    if (status == EXIT_DONE)
        printf("The password of %s is set. What ended: %lld sessions, and its sign-in links. What "
               "stays: its tokens.\n",
               t->name, (long long)t->ended);
    return status;
}

/* ---- Which of them ---- */

enum need {
    NEEDS_USER = 1 << 0,
    NEEDS_WORD = 1 << 1, /* the user's name behind the action */
    NEEDS_FROM_FILE = 1 << 2,
    NEEDS_NAME = 1 << 3,
    NEEDS_PASSWORD_FILE = 1 << 4,
};

struct action {
    const char *name;
    unsigned needs;
    int (*run)(struct task *t);
};

static const struct action token_actions[] = {
    { "add", NEEDS_USER | NEEDS_FROM_FILE, token_add },
    { "create", NEEDS_USER | NEEDS_NAME, token_create },
    { "list", 0, token_list_run },
    { "end", NEEDS_USER | NEEDS_NAME, token_end_run },
    { "show", NEEDS_USER, token_show_run },
    { "renew", NEEDS_USER, token_renew_run },
};

static const struct action user_actions[] = {
    { "list", 0, user_list_run },
    { "add", NEEDS_WORD, user_add_run },
    { "link", NEEDS_WORD, print_link },
    { "remove", NEEDS_WORD, user_remove_run },
    { "enable", NEEDS_WORD, user_enable_run },
    { "disable", NEEDS_WORD, user_disable_run },
    { "grant", NEEDS_WORD, user_grant_run },
    { "revoke", NEEDS_WORD, user_revoke_run },
    { "sessions", NEEDS_WORD, user_sessions_run },
    { "sign-out", NEEDS_WORD, user_sign_out_run },
    { "password", NEEDS_WORD | NEEDS_PASSWORD_FILE, user_password_run },
};

/* What the action still wants; NULL when it has all. */
static const char *wanted(const struct action *action, const struct cli_options *o)
{
    const struct {
        unsigned need;
        bool is_there;
        const char *what;
    } check[] = {
        { NEEDS_USER, o->user != NULL, "--user NAME" },
        { NEEDS_WORD, o->rest_count == 2, "the user's name" },
        { NEEDS_FROM_FILE, o->from_file != NULL, "--from-file FILE" },
        { NEEDS_NAME, o->name != NULL, "--name TEXT" },
        { NEEDS_PASSWORD_FILE, o->password_file != NULL, "--password-file FILE" },
    };
    for (size_t i = 0; i < NST_COUNT(check); i++)
        if ((action->needs & check[i].need) != 0 && !check[i].is_there)
            return check[i].what;
    return NULL;
}

static int run_action(const struct cli_verb *verb, struct cli_options *o)
{
    const struct action *action = cli_action(verb, o);
    struct cli_site site;
    struct task task = { .o = o, .site = &site };
    if (action == NULL)
        return cli_misuse_action(verb, o);
    if (wanted(action, o) != NULL)
        return cli_misuse(verb, "%s wants %s", action->name, wanted(action, o));
    task.name = (action->needs & NEEDS_WORD) != 0 ? o->rest[1] : o->user;
    if (!cli_site_open(&site, o, verb, false))
        return EXIT_FAILED;
    int status = action->run(&task);
    cli_site_close(&site);
    return status;
}

static int run(const struct cli_verb *verb, int argc, char **argv)
{
    struct cli_options o;
    int status = cli_options_parse(&o, verb, argc, argv) ? run_action(verb, &o) : o.status;
    nst_arena_free(o.arena);
    return status;
}

static int token_run(int argc, char **argv)
{
    return run(&cli_token, argc, argv);
}

static int user_run(int argc, char **argv)
{
    return run(&cli_user, argc, argv);
}

const struct cli_verb cli_token = {
    .name = "token",
    .actions = CLI_NAMES(token_actions),
    .usage = "token add|create|list|end|show|renew --user NAME [--from-file FILE] [--name TEXT] "
             "[--expires TIME|never] [--data DIR]",
    .summary = "show, renew, create, list, end or bring along tokens",
    .help = "add     bring an existing token of 40 or more characters along, from FILE\n"
            "create  make a further token for a machine, printed once; a year long good unless\n"
            "        --expires says otherwise; no two of a user have one name\n"
            "list    print what a user, or without --user everybody, has beside the own token:\n"
            "        user, name, kind, made, expires\n"
            "end     end one of these by its name\n"
            "show    print the user's own token\n"
            "renew   give the user a new one; the former stops working, the others stay\n\n"
            "Examples:\n"
            "  nestor token show --user ada\n"
            "  nestor token add --user ada --from-file old-server.token\n"
            "  nestor token create --user ada --name nightly --expires 2030-01-01T00:00:00Z\n"
            "  nestor token end --user ada --name nightly\n",
    .words = 1,
    .run = token_run,
};

const struct cli_verb cli_user = {
    .name = "user",
    .actions = CLI_NAMES(user_actions),
    .usage = "user list | add|link|password|remove|enable|disable NAME | grant|revoke NAME | "
             "sessions|sign-out NAME [--name TEXT] "
             "[--email ADDRESS] [--password-file FILE] [--staff] [--superuser] [--erase] "
             "[--data DIR]",
    .summary = "list, add, switch off and remove users, give rights, end sessions",
    .help =
        "Examples:\n"
        "  nestor user list\n"
        "  nestor user add ada --email ada@example.org --staff\n"
        "  nestor user password ada --password-file new-password\n"
        "  nestor user link ada      (a link that gives the token once, for a day; where it leads\n"
        "                            is the setting http.public_url)\n"
        "  nestor user disable ada   (her tokens and passwords open nothing, sessions and sign-in\n"
        "                            links end; enable lets her in again)\n"
        "  nestor user grant ada --superuser\n"
        "  nestor user revoke ada --superuser --staff\n"
        "  nestor user sessions ada\n"
        "  nestor user sign-out ada  (ends them all)\n"
        "  nestor user remove ada    (closes the account, as DELETE does; with --erase it and\n"
        "                            all that it owns are gone for good)\n\n"
        "The last superuser who may sign in is neither removed, switched off nor revoked.\n",
    .words = 2,
    .run = user_run,
};
