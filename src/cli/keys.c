/* The keys of web tokens: a shared secret from a file, a JWK set from a file or
 * an address. Only the server fetches; the other verbs verify nothing. */
#include "cli.h"

#include "nestor/accounts.h"

#include <curl/curl.h>
#include <errno.h>
#include <string.h>

#define SECRET_MAX    4096
#define SET_MAX       ((size_t)1 << 20)
#define FETCH_SECONDS 10L

static bool is_local(struct nst_str url)
{
    static const char *const host[] = { "127.0.0.1", "localhost", "[::1]" };
    struct nst_str rest = nst_str_slice(url, sizeof("http://") - 1, url.n);
    for (size_t i = 0; i < NST_COUNT(host); i++) {
        struct nst_str name = nst_str_z(host[i]);
        if (nst_str_starts(rest, name) &&
            (rest.n == name.n || rest.p[name.n] == ':' || rest.p[name.n] == '/'))
            return true;
    }
    return false;
}

static size_t receive(char *bytes, size_t size, size_t count, void *arg)
{
    struct nst_buf *body = arg;
    nst_put(body, (struct nst_str){ bytes, size * count });
    return body->is_full ? 0 : size * count;
}

/* Redirects are not followed: the keys come from the address that was named. */
static const char *fetch(struct nst_buf *body, struct nst_arena *a, struct nst_str url)
{
    long status = 0;
    curl_global_init(CURL_GLOBAL_DEFAULT);
    CURL *curl = curl_easy_init();
    if (curl == NULL)
        return "libcurl cannot start";
    curl_easy_setopt(curl, CURLOPT_URL, nst_str_to_z(a, url));
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, FETCH_SECONDS);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, receive);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, body);
    CURLcode code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_cleanup(curl);
    if (code != CURLE_OK)
        return curl_easy_strerror(code);
    return status == 200 ? NULL : "the answer is not 200";
}

/* NULL, or what is wrong. */
static const char *read_set(struct nst_str *out, struct cli_options *o)
{
    struct nst_str from = cli_text(&o->config, "auth.jwt.jwks");
    bool is_plain = cli_is_address(from) && from.p[4] == ':'; /* without TLS */
    if (from.n == 0)
        return NULL;
    if (is_plain && !is_local(from))
        return "auth.jwt.jwks: http:// is for this machine alone; elsewhere use https://";
    const char *fault = NULL;
    if (cli_is_address(from)) {
        struct nst_buf body;
        nst_buf_init(&body, o->arena, SET_MAX);
        fault = fetch(&body, o->arena, from);
        *out = nst_buf_str(&body);
    } else {
        *out = cli_read_file(o->arena, nst_str_to_z(o->arena, from), SET_MAX);
        fault = out->p == NULL ? strerror(errno) : NULL;
    }
    if (fault == NULL)
        return NULL;
    return nst_strf(o->arena, "auth.jwt.jwks: %.*s cannot be read: %s", NST_FMT(from), fault).p;
}

const char *cli_keys_read(struct cli_options *o)
{
    struct nst_str file = cli_text(&o->config, "auth.jwt.secret_file");
    struct nst_jwt_settings settings = {
        .issuers = cli_text(&o->config, "auth.jwt.issuer"),
        .audience = cli_text(&o->config, "auth.jwt.audience"),
        .leeway = cli_number(&o->config, "auth.jwt.leeway_seconds"),
        .secret = nst_jwt_own_secret(o->arena),
    };
    if (file.n > 0) {
        settings.secret = cli_read_file(o->arena, nst_str_to_z(o->arena, file), SECRET_MAX);
        if (settings.secret.p == NULL)
            return nst_strf(o->arena, "auth.jwt.secret_file: %.*s cannot be read: %s",
                            NST_FMT(file), strerror(errno))
                .p;
        if (settings.secret.n == 0)
            return nst_strf(o->arena, "auth.jwt.secret_file: %.*s is empty", NST_FMT(file)).p;
    }
    const char *fault = read_set(&settings.jwks, o);
    if (fault != NULL)
        return fault;
    fault = nst_jwt_configure(&settings, o->arena);
    return fault != NULL ? nst_strf(o->arena, "auth.jwt: %s", fault).p : NULL;
}

bool cli_keys_configure(struct cli_options *o, const struct cli_verb *verb)
{
    const char *fault = verb == &cli_serve ? cli_keys_read(o) : NULL;
    if (fault != NULL)
        cli_fail(verb, "%s", fault);
    return fault == NULL;
}
