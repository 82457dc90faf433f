/* nestor user: who has an account. */
#include "account.h"

#include <errno.h>
#include <stdio.h>

#define LINK_LIFE (86400 * NST_SECOND)
#define RIGHTS    (CLI_WITH_STAFF | CLI_WITH_SUPERUSER)

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

static enum nst_err user_add(struct nst_db *db, void *arg)
{
    struct cli_account *t = arg;
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
    return cli_user_give(t, db, true);
}

static enum nst_err user_set_password(struct nst_db *db, void *arg)
{
    struct cli_account *t = arg;
    struct ocl_user *user;
    NST_TRY(cli_account_find(&user, t, db));
    NST_TRY(nst_password_set(&t->ended, db, user->row.id, t->password));
    return cli_account_record(t, db, (struct nst_act){ .name = "user.password" });
}

/* By the request that an administrator would send. What is erased may be closed already. */
static enum nst_err user_remove(struct nst_db *db, void *arg)
{
    struct cli_account *t = arg;
    struct nst_req rq = { .arena = t->o->arena, .registry = t->site->registry };
    struct nst_buf path;
    nst_buf_init(&path, rq.arena, 4096);
    nst_put_lit(&path, "/users/");
    nst_put_percent(&path, nst_str_z(t->name), "");
    nst_put_z(&path, t->o->erase ? "/?hardDelete=true" : "/");
    rq.caller = (struct nst_caller){ true, true, true, 0, NST_STR("nestor") };
    enum nst_err e = cli_call(&rq, db, NST_DELETE, nst_buf_str(&path), NULL);
    t->is_missing = e == NST_E_NOT_FOUND;
    if (e != NST_OK)
        t->problem = nst_buf_str(&rq.x->out);
    return e;
}

static enum nst_err user_list(struct nst_db *db, void *arg)
{
    struct cli_table *table = &((struct cli_account *)arg)->table;
    struct nst_rows *rows;
    nst_db_run_once(db);
    NST_TRY(nst_query(&rows, db,
                      NST_STR("SELECT username, name, email, is_staff, is_superuser, is_enabled "
                              "FROM account "
                              "WHERE is_active ORDER BY username"),
                      NULL, 0));
    cli_table_begin(table, "USER|NAME|ADDRESS|RIGHTS|STATE");
    while (nst_rows_step(rows)) {
        bool is_enabled = nst_rows_bool(rows, 5);
        const struct nst_str cell[] = { nst_rows_text(rows, 0), nst_rows_text(rows, 1),
                                        nst_rows_text(rows, 2),
                                        nst_rows_bool(rows, 4)   ? NST_STR("superuser")
                                        : nst_rows_bool(rows, 3) ? NST_STR("staff")
                                                                 : NST_STR("user"),
                                        NST_STR("disabled") };
        cli_table_put(table, cell, NST_COUNT(cell) - is_enabled);
    }
    cli_table_end(table);
    return nst_rows_end(rows);
}

static enum nst_err user_link(struct nst_db *db, void *arg)
{
    struct cli_account *t = arg;
    struct ocl_user *user;
    NST_TRY(cli_account_find(&user, t, db));
    if (t->is_off) {
        t->problem =
            nst_strf(t->o->arena, "%s is disabled, and no link would open anything", t->name);
        return NST_E_CONFLICT;
    }
    NST_TRY(nst_sign_in_make(&t->token, db, t->o->arena, user->row.id, nst_now() + LINK_LIFE));
    return cli_account_record(t, db, (struct nst_act){ .name = "user.link" });
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

static int print_link(struct cli_account *t)
{
    int status = cli_account_report(&cli_user, t, cli_run(t->site, user_link, t));
    struct nst_str url = public_url(t->o);
    if (status == EXIT_DONE)
        printf("%.*s/accounts/link/?code=%.*s\n", NST_FMT(url), NST_FMT(t->token));
    if (status == EXIT_DONE && url.n == 0)
        fputs("Put the address of the server in front: of a Unix socket it is known by the setting "
              "http.public_url only.\n",
              stderr);
    else if (status == EXIT_DONE && cli_text(&t->o->config, "http.public_url").n == 0)
        fputs("It leads here by the setting `listen`; where others reach the server is for the "
              "setting http.public_url.\n",
              stderr);
    return status;
}

static int read_password(struct cli_account *t)
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

static int user_list_run(struct cli_account *t)
{
    return cli_account_report(&cli_user, t,
                              nst_store_run(t->site->store, NST_MODE_READ, user_list, t));
}

static int user_add_run(struct cli_account *t)
{
    int status = read_password(t);
    if (status == EXIT_DONE)
        status = cli_account_report(&cli_user, t, cli_run(t->site, user_add, t));
    if (status == EXIT_DONE)
        printf("%s is added, as %s; `nestor user link %s%s` makes a link to sign in with.\n",
               t->name,
               t->o->superuser ? "a superuser"
               : t->o->staff   ? "staff"
                               : "a user",
               cli_word(t->o->arena, t->name), cli_where(t->o));
    return status;
}

static int user_remove_run(struct cli_account *t)
{
    return cli_account_report(&cli_user, t, cli_run(t->site, user_remove, t));
}

static int user_password_run(struct cli_account *t)
{
    int status = read_password(t);
    if (status == EXIT_DONE)
        status = cli_account_report(&cli_user, t, cli_run(t->site, user_set_password, t));
    if (status == EXIT_DONE)
        printf("The password of %s is set. What ended: %lld sessions, and its sign-in links. What "
               "stays: its tokens.\n",
               t->name, (long long)t->ended);
    return status;
}

static const struct cli_account_action user_actions[] = {
    { "list", 0, 0, user_list_run },
    { "add", CLI_WITH_WORD, CLI_WITH_NAME | CLI_WITH_EMAIL | CLI_WITH_PASSWORD_FILE | RIGHTS,
      user_add_run },
    { "link", CLI_WITH_WORD, 0, print_link },
    { "remove", CLI_WITH_WORD, CLI_WITH_ERASE, user_remove_run, "is removed." },
    { "enable", CLI_WITH_WORD, 0, cli_user_enable, "is enabled: passwords and tokens open again." },
    { "disable", CLI_WITH_WORD, 0, cli_user_disable,
      "is disabled: no password and no token opens anything." },
    { "grant", CLI_WITH_WORD, RIGHTS, cli_user_grant, "has these rights now." },
    { "revoke", CLI_WITH_WORD, RIGHTS, cli_user_revoke, "has none of these rights now." },
    { "sessions", CLI_WITH_WORD, 0, cli_user_sessions },
    { "sign-out", CLI_WITH_WORD, 0, cli_user_sign_out },
    { "password", CLI_WITH_WORD | CLI_WITH_PASSWORD_FILE, 0, user_password_run },
};

static int user_run(int argc, char **argv)
{
    return cli_account_run(&cli_user, argc, argv);
}

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
        "  nestor user remove ada    (closes the account, as DELETE does; with --erase it, closed\n"
        "                            or not, and all that it owns are gone for good)\n\n"
        "The last superuser who may sign in is neither removed, switched off nor revoked.\n",
    .words = 2,
    .run = user_run,
};
