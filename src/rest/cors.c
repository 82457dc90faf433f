/* Scripts of other origins (CORS, of the Fetch standard): which may see an answer, and
 * what a browser asks before it sends their request. The lines of every answer are made
 * once, at the start: a request costs a look at its Origin, and with `*` not even that. */
#include "model.h"

#define MAX_AGE   "86400" /* seconds; browsers cap it */
#define LINES_MAX ((size_t)1 << 16)

/* What every face reads and says; a face names its own. */
#define USUAL_REQUEST \
    "Accept, Accept-Encoding, Accept-Language, Authorization, Content-Type, DNT, If-Match, " \
    "If-None-Match, If-Range, Origin, Range, User-Agent, X-CSRFToken, X-Request-Id, " \
    "X-Requested-With"
#define USUAL_ANSWER \
    "Accept-Ranges, Allow, Content-Disposition, Content-Length, Content-Range, Date, ETag, Link, " \
    "Location, Repr-Digest, Retry-After, Total-Count, WWW-Authenticate, X-Request-Id"

struct allowed {
    struct nst_str origin, lines;
};

struct nst_cors {
    struct allowed *allowed; /* `*` alone, or the origins that are named */
    size_t count;
    bool is_any;
    struct nst_str request_headers;
};

/* ---- What the setting may say ---- */

/* "https://app.example.org:8443" in parts; what follows the port is `rest`. */
struct origin {
    struct nst_str whole, scheme, host, port, rest;
};

static struct origin split(struct nst_str text)
{
    struct origin o = { .whole = text, .rest = text };
    size_t colon = nst_str_find(text, ':');
    o.scheme = nst_str_slice(text, 0, colon);
    if (!nst_str_starts(nst_str_slice(text, colon, text.n), NST_STR("://")))
        return o;
    struct nst_str after = nst_str_slice(text, colon + 3, text.n);
    size_t slash = nst_str_find(after, '/'), i = 0;
    struct nst_str authority = nst_str_slice(after, 0, slash);
    o.rest = nst_str_slice(after, slash, after.n);
    if (nst_str_starts(authority, NST_STR("["))) /* the colons of an IPv6 address */
        i = nst_str_find(authority, ']');
    i += nst_str_find(nst_str_slice(authority, i, authority.n), ':');
    o.host = nst_str_slice(authority, 0, i);
    if (i < authority.n)
        o.port = nst_str_slice(authority, i + 1, authority.n);
    return o;
}

static bool is_made_of(struct nst_str s, const char *others)
{
    for (size_t i = 0; s.p != NULL && i < s.n; i++) {
        char c = nst_lower(s.p[i]);
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') &&
            nst_str_find(nst_str_z(others), c) == strlen(others))
            return false;
    }
    return s.n > 0;
}

/* An IPv6 address stands in brackets, and nothing else has them. */
static bool is_host(struct nst_str host)
{
    bool has_bracket = nst_str_starts(host, NST_STR("[")), is_empty = false;
    struct nst_str rest = host;
    if (has_bracket)
        return nst_str_ends(host, NST_STR("]")) && host.n > 3 &&
               is_made_of(nst_str_slice(host, 1, host.n - 1), ":.");
    while (rest.p != NULL)
        is_empty |= nst_str_cut(&rest, '.').n == 0;
    return !is_empty && is_made_of(host, "-._");
}

static bool is_none(const struct origin *o)
{
    return o->scheme.n == 0 || !is_made_of(nst_str_slice(o->scheme, 0, 1), "") ||
           !is_made_of(o->scheme, "+-.") || !is_host(o->host);
}

static bool has_path(const struct origin *o)
{
    return o->rest.n > 0;
}

static bool has_capital(const struct origin *o)
{
    for (size_t i = 0; i < o->whole.n; i++)
        if (nst_lower(o->whole.p[i]) != o->whole.p[i])
            return true;
    return false;
}

static bool has_wrong_port(const struct origin *o)
{
    int64_t n;
    return o->port.p != NULL &&
           (!nst_str_int(&n, o->port) || n < 1 || n > 65535 || o->port.p[0] < '1');
}

static bool has_own_port(const struct origin *o)
{
    return nst_str_eq(o->port, nst_str_eq(o->scheme, NST_STR("https"))  ? NST_STR("443")
                               : nst_str_eq(o->scheme, NST_STR("http")) ? NST_STR("80")
                                                                        : NST_STR("-"));
}

/* Browsers write an origin in one way only, and it is compared to the letter. */
static const struct {
    bool (*is_wrong)(const struct origin *o);
    const char *sentence;
} faults[] = {
    { is_none, "neither * alone nor origins such as https://app.example.org, separated by blanks" },
    { has_path, "but an origin ends with its host or port, without a slash" },
    { has_capital, "but browsers send an origin in lower case" },
    { has_wrong_port, "but a port is a number from 1 to 65535" },
    { has_own_port, "but browsers leave out the port that http (80) and https (443) have anyway" },
};

static bool next_origin(struct nst_str *origin, struct nst_str *rest)
{
    do {
        if (rest->p == NULL)
            return false;
        *origin = nst_str_cut(rest, ' ');
    } while (origin->n == 0);
    return true;
}

static bool is_star(struct nst_str origins)
{
    return nst_str_eq(nst_str_trim(origins), NST_STR("*"));
}

const char *nst_origins_fault(struct nst_str origins)
{
    struct nst_str rest = origins, origin;
    while (!is_star(origins) && next_origin(&origin, &rest)) {
        const struct origin o = split(origin);
        for (size_t i = 0; i < NST_COUNT(faults); i++)
            if (faults[i].is_wrong(&o))
                return faults[i].sentence;
    }
    return NULL;
}

/* ---- At the start ---- */

static void add_name(struct nst_buf *b, const char *name)
{
    if (nst_list_has(nst_buf_str(b), name))
        return;
    nst_put_z(b, b->n > 0 ? ", " : "");
    nst_put_z(b, name);
}

static void add_names(struct nst_buf *b, const char *names)
{
    struct nst_str rest = nst_str_z(names);
    while (rest.p != NULL)
        add_name(b, nst_str_to_z(b->arena, nst_str_trim(nst_str_cut(&rest, ','))));
}

static void add_described(struct nst_buf *b, const struct nst_parameter *header)
{
    for (; header != NULL && header->name != NULL; header++)
        add_name(b, header->name);
}

static struct nst_str requests(const struct nst_registry *reg, struct nst_arena *a)
{
    struct nst_buf b;
    nst_buf_init(&b, a, LINES_MAX);
    add_names(&b, USUAL_REQUEST);
    for (size_t i = 0; i < reg->faces; i++)
        add_names(&b, reg->face[i]->request_headers);
    return nst_buf_str(&b);
}

static struct nst_str answers(const struct nst_registry *reg, struct nst_arena *a)
{
    struct nst_buf b;
    nst_buf_init(&b, a, LINES_MAX);
    add_names(&b, USUAL_ANSWER);
    for (size_t i = 0; i < reg->faces; i++) {
        add_described(&b, reg->face[i]->page_header);
        add_described(&b, reg->face[i]->header);
        add_names(&b, reg->face[i]->answer_headers);
    }
    return nst_buf_str(&b);
}

/* Credentials are cookies: whoever may use them is named. */
static void allow(struct nst_cors *c, struct nst_arena *a, struct nst_str origin,
                  struct nst_str exposed)
{
    c->allowed[c->count++] = (struct allowed){
        origin,
        nst_strf(a,
                 "Access-Control-Allow-Origin: %.*s\r\n%s"
                 "Access-Control-Expose-Headers: %.*s\r\n",
                 NST_FMT(origin), c->is_any ? "" : "Access-Control-Allow-Credentials: true\r\n",
                 NST_FMT(exposed)),
    };
}

struct nst_cors *nst_cors_new(struct nst_arena *a, struct nst_str origins,
                              const struct nst_registry *reg)
{
    struct nst_cors *c = NST_NEW(a, struct nst_cors);
    struct nst_str rest = origins, origin;
    struct nst_str exposed = answers(reg, a);
    c->request_headers = requests(reg, a);
    c->allowed = NST_NEW_ARRAY(a, struct allowed, origins.n / 2 + 1);
    c->is_any = is_star(origins);
    while (next_origin(&origin, &rest))
        allow(c, a, nst_str_copy(a, origin), exposed);
    return c->count > 0 ? c : NULL;
}

/* ---- In a request ---- */

void nst_cors_mark(const struct nst_cors *c, struct nst_exchange *x)
{
    if (c == NULL)
        return;
    if (c->is_any) {
        x->lines = c->allowed[0].lines;
        return;
    }
    nst_http_vary(x, "Origin");
    struct nst_str origin = nst_http_request_header(x, "Origin");
    for (size_t i = 0; origin.p != NULL && i < c->count; i++)
        if (nst_str_eq(c->allowed[i].origin, origin))
            x->lines = c->allowed[i].lines;
}

bool nst_cors_is_preflight(const struct nst_cors *c, const struct nst_exchange *x)
{
    return c != NULL && nst_str_eq(x->method, NST_STR("OPTIONS")) &&
           nst_http_request_header(x, "Origin").p != NULL &&
           nst_http_request_header(x, "Access-Control-Request-Method").p != NULL;
}

/* Whoever may not is told nothing more; its browser goes no further. */
enum nst_http_next nst_cors_answer(const struct nst_cors *c, struct nst_exchange *x,
                                   struct nst_str methods)
{
    nst_cors_mark(c, x);
    x->status = 204;
    if (x->lines.p != NULL) {
        nst_http_add_header(x, "Access-Control-Allow-Methods",
                            methods.p != NULL ? methods : NST_STR(NST_EVERY_METHOD));
        nst_http_add_header(x, "Access-Control-Allow-Headers", c->request_headers);
        nst_http_add_header(x, "Access-Control-Max-Age", NST_STR(MAX_AGE));
    }
    return NST_HTTP_ANSWERED;
}
