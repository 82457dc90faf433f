/* A tiny application on the HTTP layer, for the black-box tests and for load
 * measurements. Settings come as name=value arguments; the port is printed on
 * standard output; end of file on standard input stops the server. */
#include "app.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static unsigned release_ms; /* what is held is let go so long after stopping began; 0: not */

static bool set_number(struct nst_http_options *o, struct nst_str name, int64_t n)
{
    const struct {
        struct nst_str name;
        unsigned *number;
        size_t *size;
    } setting[] = {
        { NST_STR("loops"), &o->loops, NULL },
        { NST_STR("connections"), &o->connections, NULL },
        { NST_STR("per_address"), &o->per_address, NULL },
        { NST_STR("header_fields"), &o->header_fields, NULL },
        { NST_STR("idle"), &o->idle_seconds, NULL },
        { NST_STR("request"), &o->request_seconds, NULL },
        { NST_STR("drain"), &o->drain_seconds, NULL },
        { NST_STR("release_ms"), &release_ms, NULL },
        { NST_STR("header_bytes"), NULL, &o->header_bytes },
        { NST_STR("target_bytes"), NULL, &o->target_bytes },
        { NST_STR("gzip_from"), NULL, &o->gzip_from },
        { NST_STR("body"), NULL, &app_body_limit },
    };
    for (size_t i = 0; i < sizeof(setting) / sizeof(setting[0]); i++) {
        if (!nst_str_eq(name, setting[i].name))
            continue;
        if (setting[i].number != NULL)
            *setting[i].number = (unsigned)n;
        else
            *setting[i].size = (size_t)n;
        return true;
    }
    return false;
}

static bool set_option(struct nst_http_options *o, const char *text)
{
    struct nst_str rest = nst_str_z(text);
    struct nst_str name = nst_str_cut(&rest, '=');
    int64_t n;
    if (nst_str_eq(name, NST_STR("listen"))) {
        o->listen = rest;
        return rest.p != NULL;
    }
    if (nst_str_eq(name, NST_STR("proxies"))) {
        o->proxies = rest;
        return rest.p != NULL;
    }
    if (nst_str_eq(name, NST_STR("file"))) {
        app_file = rest.p; /* of an argument, hence a C string */
        return rest.p != NULL;
    }
    if (rest.p == NULL || !nst_str_int(&n, rest))
        return false;
    if (nst_str_eq(name, NST_STR("log"))) {
        o->access_log = n != 0;
        return true;
    }
    return set_number(o, name, n);
}

static void *release_late(void *arg)
{
    (void)arg;
    usleep(release_ms * 1000);
    app_hold(false);
    return NULL;
}

static void stop_all(struct nst_http *h)
{
    pthread_t releaser;
    bool is_late = release_ms > 0;
    if (is_late && pthread_create(&releaser, NULL, release_late, NULL) != 0)
        abort();
    nst_http_stop(h);
    if (is_late)
        pthread_join(releaser, NULL);
    app_work_end();
}

int main(int argc, char **argv)
{
    struct nst_http_options o = { .listen = NST_STR("127.0.0.1:0"), .loops = 1 };
    for (int i = 1; i < argc; i++) {
        if (!set_option(&o, argv[i])) {
            fprintf(stderr, "http_probe: unknown setting %s\n", argv[i]);
            return 2;
        }
    }
    struct nst_http *h;
    enum nst_err err = nst_http_start(&h, &o, &app);
    if (err != NST_OK) {
        printf("%s\n", nst_err_key(err));
        return 1;
    }
    app_work_start();
    printf("%u\n", nst_http_port(h));
    fflush(stdout);
    char byte;
    while (read(STDIN_FILENO, &byte, 1) > 0)
        continue;
    stop_all(h);
    return 0;
}
