/* Our HTTP layer with nothing in front of it: one loop that answers every request
 * with the same body of 1 KB, `/stream` with 10 MB in pieces, and takes bodies of up
 * to 4 KB. What it costs more than bench-raw is the price of reading strictly and of a
 * whole head; what the server costs more is of its views.
 *
 *   bench-bare    prints its port, serves 127.0.0.1 until it is killed */
#include "nestor/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BODY_BYTES  1024
#define TAKEN_BYTES 4096
#define PIECE_BYTES 65536
#define PIECES      160 /* 10 MB */

static char body[BODY_BYTES], piece[PIECE_BYTES];

static size_t body_limit(struct nst_exchange *x)
{
    (void)x;
    return TAKEN_BYTES;
}

/* x->app counts the pieces that are left. */
static enum nst_http_next more(struct nst_exchange *x)
{
    uintptr_t left = (uintptr_t)x->app - 1;
    x->app = (void *)left;
    x->out.n = 0;
    nst_put(&x->out, (struct nst_str){ piece, PIECE_BYTES });
    x->more = left > 0 ? more : NULL;
    return NST_HTTP_ANSWERED;
}

static enum nst_http_next handle(struct nst_exchange *x)
{
    if (nst_str_eq(x->path, NST_STR("/stream"))) {
        x->status = 200;
        x->app = (void *)(uintptr_t)PIECES;
        return more(x);
    }
    x->status = 200;
    x->content_type = NST_STR("application/json");
    nst_put(&x->out, (struct nst_str){ body, BODY_BYTES });
    return NST_HTTP_ANSWERED;
}

static void error(struct nst_exchange *x, enum nst_err err, const char *detail)
{
    (void)detail;
    x->status = nst_err_status(err);
}

int main(void)
{
    static const struct nst_http_app app = { .body_limit = body_limit,
                                             .handle = handle,
                                             .error = error };
    struct nst_http_options options = { .listen = NST_STR("127.0.0.1:0"), .loops = 1 };
    struct nst_http *server;
    memset(body, 'x', sizeof(body));
    memset(piece, 'x', sizeof(piece));
    if (nst_http_start(&server, &options, &app) != NST_OK)
        return 1;
    printf("%u\n", nst_http_port(server));
    fflush(stdout);
    for (;;)
        pause();
}
