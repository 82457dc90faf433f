/* nestor export --server: has the server make the file, waits, fetches it, and sees that it is the
 * one that the server means. */
#include "export.h"

#include "client_http.h"
#include "download.h"
#include "stop.h"

#include <sodium.h>
#include <string.h>
#include <unistd.h>

#define WAIT_SECONDS 1 /* between two questions */
#define MADE_MAX     3 /* times that it is asked for, where making it fails */

struct fetching {
    struct cli_export *x;
    struct cli_http *client;
    struct nst_arena *arena; /* of one question */
    struct nst_str path;     /* of the export */
    struct nst_str task;     /* that was begun for us; null: none */
    crypto_hash_sha256_state hash;
    struct nst_str digest; /* that the server names; null: none */
};

/* ---- Having it made ---- */

static struct cli_answer ask(struct fetching *f, const char *method, struct nst_str path)
{
    const struct cli_request request = { .method = method, .path = path };
    return cli_http_send(f->client, f->arena, &request);
}

static const struct nst_json *member_of(struct fetching *f, struct nst_str text, const char *name)
{
    struct nst_json *tree;
    return nst_json_read(&tree, NULL, f->arena, text, NULL) == NST_OK
               ? nst_json_get(tree, nst_str_z(name))
               : NULL;
}

static void note_task(struct fetching *f, struct nst_str body)
{
    const struct nst_json *id = member_of(f, body, "id");
    f->task = id != NULL ? nst_str_copy(f->x->o->arena, id->text) : (struct nst_str){ 0 };
}

/* Why the task that was begun for us made none. */
static int fail_task(struct fetching *f)
{
    struct cli_answer answer =
        ask(f, "GET", nst_strf(f->arena, "/v2/tasks/%.*s/", NST_FMT(f->task)));
    const struct nst_json *error =
        answer.status == 200 ? member_of(f, answer.body, "error_message") : NULL;
    if (error == NULL || error->text.n == 0)
        return cli_fail(&cli_export_verb, "the server cannot make it; its log says why");
    return cli_fail(&cli_export_verb, "the server cannot make it: %.*s", NST_FMT(error->text));
}

/* It is asked for again and again: the server says whether it is there. */
static int have_made(struct fetching *f)
{
    unsigned begun = 0;
    const char *query = f->x->o->force ? "?force=true&noRedirect=true" : "?noRedirect=true";
    while (!cli_is_stopped()) {
        nst_arena_reset(f->arena);
        struct cli_answer answer =
            ask(f, "POST", nst_strf(f->arena, "%.*s%s", NST_FMT(f->path), query));
        query = "?noRedirect=true";
        if (answer.status == 204)
            return EXIT_DONE;
        if (answer.status == 202 && ++begun > MADE_MAX)
            return fail_task(f);
        if (answer.status == 202)
            note_task(f, answer.body);
        else if (answer.status != 208 && answer.status != 409)
            return cli_http_fail(f->x->o, &cli_export_verb, &answer);
        sleep(WAIT_SECONDS);
    }
    return cli_fail(&cli_export_verb, "stopped");
}

/* ---- Fetching it ---- */

/* What a server names is taken where it cannot lead anywhere else. */
static bool is_plain_name(struct nst_str name)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.@%";
    bool is_plain = name.n > 0 && name.n < 250 && name.p[0] != '.' && name.p[0] != '-';
    for (size_t i = 0; i < name.n; i++)
        is_plain = is_plain && name.p[i] != '\0' && strchr(plain, name.p[i]) != NULL;
    return is_plain;
}

/* `attachment; filename="..."` */
static struct nst_str name_of(const struct fetching *f, struct nst_str disposition)
{
    struct nst_str rest = disposition;
    nst_str_cut(&rest, '"');
    struct nst_str name = nst_str_cut(&rest, '"'), made;
    made =
        nst_strf(f->x->o->arena, "%.*s_v%.*s.zip", NST_FMT(f->x->source), NST_FMT(f->x->version));
    return is_plain_name(name) ? name : is_plain_name(made) ? made : NST_STR("export.zip");
}

static bool begin(void *arg, const struct cli_file_head *head)
{
    struct fetching *f = arg;
    struct cli_export *x = f->x;
    crypto_hash_sha256_init(&f->hash);
    f->digest = nst_str_copy(x->o->arena, head->digest);
    x->progress.count = 0;
    x->progress.bytes = 0;
    x->progress.size = head->size;
    if (!x->is_open)
        return cli_export_open(x, name_of(f, head->disposition));
    return cli_output_restart(&x->out);
}

static bool take(void *arg, struct nst_str bytes)
{
    struct fetching *f = arg;
    crypto_hash_sha256_update(&f->hash, (const unsigned char *)bytes.p, bytes.n);
    f->x->progress.count += bytes.n;
    f->x->progress.bytes += (int64_t)bytes.n;
    cli_progress_show(&f->x->progress, false);
    return cli_output_put(&f->x->out, bytes);
}

/* Is it what the server says that it is? `sha-256=:...:` */
static bool has_digest(struct fetching *f)
{
    unsigned char hash[crypto_hash_sha256_BYTES];
    char coded[sodium_base64_ENCODED_LEN(sizeof(hash), sodium_base64_VARIANT_ORIGINAL)];
    crypto_hash_sha256_final(&f->hash, hash);
    sodium_bin2base64(coded, sizeof(coded), hash, sizeof(hash), sodium_base64_VARIANT_ORIGINAL);
    return !nst_str_starts(f->digest, NST_STR("sha-256=")) ||
           nst_str_eq(f->digest, nst_strf(f->arena, "sha-256=:%s:", coded));
}

static int fail_download(const struct fetching *f, const struct cli_download *d)
{
    struct cli_answer answer = { d->status, d->body };
    if (f->x->out.has_failed)
        return EXIT_FAILED;
    if (d->is_stopped || cli_is_stopped())
        return cli_fail(&cli_export_verb, "stopped");
    if (d->got > 0)
        return cli_fail(&cli_export_verb, "the download was cut after %lld bytes",
                        (long long)d->got);
    return cli_http_fail(f->x->o, &cli_export_verb, &answer);
}

static int fetch(struct fetching *f, struct nst_str authorization)
{
    const struct cli_options *o = f->x->o;
    struct nst_str server = nst_str_z(o->server);
    while (nst_str_ends(server, NST_STR("/")))
        server.n--;
    struct cli_download d = {
        .arena = o->arena,
        .url = nst_strf(o->arena, "%.*s%.*s", NST_FMT(server), NST_FMT(f->path)).p,
        .authorization = authorization,
        .begin = begin,
        .take = take,
        .arg = f,
    };
    if (!cli_download(&d))
        return fail_download(f, &d);
    cli_progress_show(&f->x->progress, true);
    return has_digest(f) ? EXIT_DONE
                         : cli_fail(&cli_export_verb, "what arrived is not what the server sent");
}

/* ---- All of it ---- */

static struct nst_str path_of(const struct cli_export *x)
{
    struct nst_buf b;
    nst_buf_init(&b, x->o->arena, 65536);
    nst_put_lit(&b, "/v2");
    nst_put_percent(&b, x->owner_url, "/");
    nst_put_lit(&b, "sources/");
    nst_put_percent(&b, x->source, "");
    nst_put_char(&b, '/');
    nst_put_percent(&b, x->version, "");
    nst_put_lit(&b, "/export/");
    return nst_buf_str(&b);
}

int cli_export_fetch(struct cli_export *x)
{
    struct nst_str token;
    int status = cli_http_token(&token, x->o, &cli_export_verb);
    if (status != EXIT_DONE)
        return status;
    if (sodium_init() < 0)
        return cli_fail(&cli_export_verb, "libsodium cannot start");
    struct nst_str authorization = nst_strf(x->o->arena, "Token %.*s", NST_FMT(token));
    struct fetching f = { .x = x,
                          .client = cli_http_new(x->o->arena, x->o->server),
                          .arena = nst_arena_new(65536),
                          .path = path_of(x) };
    cli_http_authorize(f.client, authorization);
    status = cli_http_reach(f.client, x->o, &cli_export_verb);
    if (status == EXIT_DONE)
        status = have_made(&f);
    if (status == EXIT_DONE)
        status = fetch(&f, authorization);
    cli_http_free(f.client);
    nst_arena_free(f.arena);
    return status;
}
