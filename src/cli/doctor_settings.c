/* nestor doctor, of settings that are at risk, or that a server would not start with. */
#include "doctor.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static void check_listener(struct cli_doctor *d)
{
    const struct cli_config *c = &d->o->config;
    if (!cli_is_local(cli_text(c, "listen")) && cli_text(c, "http.trusted_proxies").n == 0)
        cli_found(
            d, "it listens beyond this machine without TLS; put a proxy in front, and name it in "
               "http.trusted_proxies");
}

/* Half of the IPv4 addresses are as good as all; fc00::/7 are the private ones of IPv6. */
static bool is_everybody(struct nst_str network)
{
    int64_t length;
    size_t slash = nst_str_find(network, '/');
    bool is_ipv6 = nst_str_find(network, ':') < network.n;
    return slash < network.n &&
           nst_str_int(&length, nst_str_slice(network, slash + 1, network.n)) &&
           length < (is_ipv6 ? 7 : 8);
}

static void check_proxies(struct cli_doctor *d)
{
    struct nst_str rest = cli_text(&d->o->config, "http.trusted_proxies");
    while (rest.n > 0) {
        struct nst_str network = nst_str_cut(&rest, ' ');
        if (is_everybody(network))
            cli_found(d,
                      "http.trusted_proxies has %.*s and so trusts everybody: anybody can make up "
                      "addresses; name the proxies",
                      NST_FMT(network));
    }
}

static void check_metrics(struct cli_doctor *d)
{
    struct nst_str listen = cli_text(&d->o->config, "metrics.listen");
    if (listen.n > 0 && !cli_is_local(listen))
        cli_noted(
            d,
            "metrics.listen is %.*s, and asks nobody who they are; have a firewall let in who "
            "reads metrics, and nobody else",
            NST_FMT(listen));
}

/* A server ends at its start without it. */
static void check_keys(struct cli_doctor *d)
{
    for (size_t i = 0; i < CLI_KEY_SETTINGS; i++) {
        struct nst_str file = cli_named_file(&d->o->config, cli_key_settings[i]);
        if (file.p != NULL && access(nst_str_to_z(d->o->arena, file), R_OK) != 0)
            cli_found(d, "%s: %.*s cannot be read: %s", cli_key_settings[i], NST_FMT(file),
                      strerror(errno));
    }
}

static void check_origins(struct cli_doctor *d)
{
    struct nst_str rest = cli_text(&d->o->config, "http.cors_origins");
    while (rest.n > 0) {
        struct nst_str origin = nst_str_cut(&rest, ' ');
        if (nst_str_starts(origin, NST_STR("http://")) &&
            !cli_is_local(
                nst_strf(d->o->arena, "%.*s:", NST_FMT(nst_str_slice(origin, 7, origin.n)))))
            cli_found(
                d,
                "http.cors_origins has %.*s, whose scripts may use cookies: who listens in can "
                "change these; name it by https",
                NST_FMT(origin));
    }
}

static void check_fetch(struct cli_doctor *d)
{
    if (nst_str_eq(cli_text(&d->o->config, "tasks.fetch"), NST_STR("any")))
        cli_found(d,
                  "tasks.fetch is any: whoever may import can reach hosts of the own network; set "
                  "public");
}

static void check_grants(struct cli_doctor *d)
{
    if (cli_is_on(&d->o->config, "enroll.username_param_grants")) /* A21 */
        cli_found(d, "enroll.username_param_grants is on: any learner can read and write every "
                     "program");
}

const struct cli_check cli_settings_checks[] = {
    { "listener", check_listener }, { "metrics", check_metrics },
    { "proxies", check_proxies },   { "origins", check_origins },
    { "keys", check_keys },         { "fetch", check_fetch },
    { "grants", check_grants },     { NULL, NULL },
};
