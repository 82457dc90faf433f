/* nestor init: a new installation, with its first administrator or still without. */
#include "cli.h"

#include "nestor/accounts.h"

#include "ocl/openmrs/openmrs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct init {
    struct cli_options *o;
    struct cli_site *site;
    struct nst_str token;
    bool is_used;  /* the database has accounts already */
    bool has_file; /* for the token, made by this run */
};

static struct nst_json *object(struct nst_arena *a, const char *const pairs[][2])
{
    struct nst_json *o = NST_NEW(a, struct nst_json), **at = &o->first;
    o->kind = NST_JSON_OBJECT;
    for (; (*pairs)[0] != NULL; pairs++, at = &(*at)->next) {
        *at = NST_NEW(a, struct nst_json);
        (*at)->kind = NST_JSON_STRING;
        (*at)->name = nst_str_z((*pairs)[0]);
        (*at)->text = nst_str_z((*pairs)[1]);
        o->count++;
    }
    return o;
}

#define IS_USED "this installation has users already; nothing was changed"

static enum nst_err look_for_users(struct nst_db *db, void *arg)
{
    struct init *init = arg;
    return nst_exists(&init->is_used, db, NST_STR("SELECT 1 FROM account LIMIT 1"), NULL, 0);
}

/* Administrator and organisation OCL are made by the requests that anybody would
 * send, as a superuser that has the first number. */
static enum nst_err make_first(struct nst_db *db, void *arg)
{
    struct init *init = arg;
    struct nst_arena *a = init->o->arena;
    struct nst_req rq = { .arena = a, .registry = init->site->registry };
    NST_TRY(look_for_users(db, init));
    if (init->is_used)
        return NST_E_CONFLICT;
    rq.caller = (struct nst_caller){ true, true, true, 1, nst_str_z(init->o->admin) };
    const char *email = init->o->email != NULL ? init->o->email : "admin@localhost";
    const char *const user[][2] = { { "username", init->o->admin },
                                    { "name", init->o->admin },
                                    { "email", email },
                                    { NULL, NULL } };
    const char *const org[][2] = { { "id", "OCL" }, { "name", "OCL" }, { NULL, NULL } };
    NST_TRY(cli_call(&rq, db, NST_POST, NST_STR("/users/"), object(a, user)));
    NST_TRY(nst_exec_with(NULL, db,
                          "UPDATE account SET is_staff = TRUE, is_superuser = TRUE "
                          "WHERE id = $1",
                          NST_INT(1)));
    NST_TRY(cli_call(&rq, db, NST_POST, NST_STR("/orgs/"), object(a, org)));
    NST_TRY(ocl_make_vocabularies(db, rq.registry, &rq.caller, !init->o->bare));
    return nst_token_renew(&init->token, db, a, 1, nst_now());
}

static int init_without_users(struct cli_options *o, struct cli_site *site)
{
    struct init init = { .o = o, .site = site };
    if (nst_store_run(site->store, NST_MODE_READ, look_for_users, &init) != NST_OK)
        return cli_fail(&cli_init, "the database cannot be read; the log line above says why");
    if (init.is_used)
        return cli_fail(&cli_init, IS_USED);
    if (!o->quiet)
        printf("The installation in %s is ready and has no users. This makes the first one:\n"
               "  nestor init%s --admin NAME --admin-token-file FILE\n",
               o->data, cli_where(o));
    return EXIT_DONE;
}

/* The token's file comes before its user: whoever has no token could not sign in, and a file that
 * is there may hold another. What is none (/dev/stdout) is written to as it is. */
static bool reserve(struct init *init)
{
    struct stat there;
    const char *path = init->o->admin_token_file;
    if (stat(path, &there) == 0 && !S_ISREG(there.st_mode))
        return true;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    init->has_file = fd >= 0;
    if (init->has_file)
        close(fd);
    return init->has_file;
}

static bool is_empty(const char *path)
{
    struct stat there;
    int kept = errno;
    bool is = stat(path, &there) == 0 && S_ISREG(there.st_mode) && there.st_size == 0;
    errno = kept;
    return is;
}

static int make_administrator(struct init *init)
{
    struct cli_options *o = init->o;
    enum nst_err e = cli_run(init->site, make_first, init);
    if (e == NST_OK)
        return EXIT_DONE;
    if (init->has_file)
        unlink(o->admin_token_file);
    if (init->is_used)
        return cli_fail(&cli_init, IS_USED);
    return cli_fail(&cli_init, "the administrator \"%s\" could not be made: %s", o->admin,
                    nst_err_message(e));
}

static int init_site(struct cli_options *o, struct cli_site *site)
{
    struct init init = { .o = o, .site = site };
    if (o->admin == NULL)
        return init_without_users(o, site);
    if (nst_store_run(site->store, NST_MODE_READ, look_for_users, &init) == NST_OK && init.is_used)
        return cli_fail(&cli_init, IS_USED);
    if (!reserve(&init))
        return cli_fail(&cli_init, "%s cannot be made for the token: %s; there is no user yet%s",
                        o->admin_token_file, strerror(errno),
                        is_empty(o->admin_token_file)
                            ? " (it is empty: remove it if a run that was cut left it)"
                            : "");
    if (make_administrator(&init) != EXIT_DONE)
        return EXIT_FAILED;
    if (!cli_write_secret(o->admin_token_file, init.token, true))
        return cli_fail(
            &cli_init,
            "%s cannot be written: %s (`nestor token show --user %s%s` prints the token)",
            o->admin_token_file, strerror(errno), cli_word(o->arena, o->admin), cli_where(o));
    if (!o->quiet)
        printf("The installation in %s is ready; the token of %s is in %s.\n", o->data, o->admin,
               o->admin_token_file);
    return EXIT_DONE;
}

static int init_run(int argc, char **argv)
{
    struct cli_options o;
    struct cli_site site;
    int status = EXIT_FAILED;
    if (!cli_options_parse(&o, &cli_init, argc, argv)) {
        status = o.status;
    } else if ((o.admin == NULL) != (o.admin_token_file == NULL)) {
        status = cli_misuse(&cli_init, "--admin and --admin-token-file belong together");
    } else if (o.admin == NULL && (o.email != NULL || o.bare)) {
        status = cli_misuse(&cli_init, "%s wants --admin NAME",
                            o.bare ? "--no-vocabularies" : "--email");
    } else if (cli_site_open(&site, &o, &cli_init, true)) {
        status = init_site(&o, &site);
        cli_site_close(&site);
    }
    nst_arena_free(o.arena);
    return status;
}

const struct cli_verb cli_init = {
    .name = "init",
    .usage = "init --data DIR [--admin NAME --admin-token-file FILE [--email ADDRESS] "
             "[--no-vocabularies]] [--database URL] [--quiet]",
    .summary = "make a new installation with its first administrator",
    .help =
        "Makes DIR with the database and the secret that tokens are derived with, a user NAME\n"
        "with all rights, and the organisation OCL with NAME as member. The token of NAME is\n"
        "written to FILE (mode 0600), which must not be there yet. Asks nothing; refuses a\n"
        "database that has users.\n"
        "Without --admin nobody has rights yet: the same verb makes the administrator later.\n"
        "OCL owns the vocabularies that OpenMRS goes by: sources Classes, Datatypes, NameTypes,\n"
        "DescriptionTypes, Locales and MapTypes. --no-vocabularies leaves them out; a source with\n"
        "the validation schema OpenMRS accepts nothing without them.\n\n"
        "Examples:\n"
        "  nestor init --data ./data --admin ada --admin-token-file ada.token\n"
        "  nestor init --data ./data --admin ada --admin-token-file ada.token \\\n"
        "    --database postgresql:///nestor?host=/run/postgresql\n",
    .run = init_run,
};
