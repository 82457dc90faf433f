/* The guard: what a request must look like before the application sees it.
 *
 * libmicrohttpd 0.9.75 parses leniently: it takes two Hosts, two lengths, a
 * length beside chunks, folded headers (whose continuation it appends to the
 * field's name), bare line feeds, and values cut at a NUL. All of these are
 * ways to make two servers read one message differently. The request lies in
 * one piece in the connection's buffer, hence the guard also checks that every
 * field stands exactly where the one before it ended. It does not parse: what
 * libmicrohttpd cannot read at all it answers itself. */
#include "internal.h"

#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#define METHOD_MAX     32
#define REQUEST_ID_MAX 64
#define VERSION_LENGTH 8 /* "HTTP/1.1"; libmicrohttpd refused all else */

enum char_class {
    C_TOKEN = 1, /* of a method or field name, RFC 9110, 5.6.2 */
    C_VALUE = 2, /* of a field value */
    C_TARGET = 4,
    C_HOST = 8,
    C_ID = 16
};

/* Classes of bytes, filled before main. */
static unsigned char class_of[256];

static bool is_alnum(int c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

__attribute__((constructor)) static void fill_classes(void)
{
    for (int c = 0; c < 256; c++) {
        bool is_plain = c > 0x20 && c != 0x7F;
        unsigned set = 0;
        if (is_alnum(c) || (c != 0 && c < 0x80 && strchr("!#$%&'*+-.^_`|~", c) != NULL))
            set |= C_TOKEN;
        if (is_plain || c == ' ' || c == '\t')
            set |= C_VALUE;
        if (is_plain && c != '#')
            set |= C_TARGET;
        if (is_plain && c < 0x80 && strchr("/\\?#@,\"<>", c) == NULL)
            set |= C_HOST;
        if (is_alnum(c) || c == '.' || c == '_' || c == '-')
            set |= C_ID;
        class_of[c] = (unsigned char)set;
    }
}

static bool is_all(struct nst_str s, enum char_class wanted)
{
    for (size_t i = 0; i < s.n; i++) {
        if ((class_of[(unsigned char)s.p[i]] & wanted) == 0)
            return false;
    }
    return true;
}

/* Where the walk over the fields stands. */
struct walk {
    struct exchange *x;
    const char *at; /* where the next field must begin */
    unsigned count;
    bool is_bad;
};

static bool is_blank(const char *from, const char *to)
{
    for (; from < to; from++) {
        if (*from != ' ' && *from != '\t')
            return false;
    }
    return true;
}

/* NOLINTNEXTLINE(readability-function-size): libmicrohttpd's signature */
static enum MHD_Result take_field(void *arg, enum MHD_ValueKind kind, const char *key, size_t key_n,
                                  const char *value, size_t value_n)
{
    struct walk *w = arg;
    struct exchange *x = w->x;
    struct nst_http_header h = { { key, key_n }, { value, value_n } };
    (void)kind;
    if (key != w->at || key_n == 0 || value == NULL || value < key + key_n + 1 ||
        !is_blank(key + key_n + 1, value) || !is_all(h.name, C_TOKEN) ||
        !is_all(h.value, C_VALUE)) {
        w->is_bad = true;
        return MHD_NO;
    }
    w->at = value + value_n + 2; /* CR and LF; a bare LF makes the next field fail */
    w->count++;
    if (x->in_count < x->pub.loop->server->options.header_fields)
        x->in[x->in_count++] = h;
    return MHD_YES;
}

static size_t header_size(struct MHD_Connection *mhd)
{
    return MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE)->header_size;
}

/* Split the target; undoes nst_http_hide_query. */
/* RFC 9112, 3.2.2: servers accept the absolute form; what it adds is not used. */
static void to_origin_form(struct nst_str *path)
{
    bool is_tls = nst_str_starts(*path, NST_STR("https://"));
    if (!is_tls && !nst_str_starts(*path, NST_STR("http://")))
        return;
    struct nst_str rest = nst_str_slice(*path, is_tls ? 8 : 7, path->n);
    rest = nst_str_slice(rest, nst_str_find(rest, '/'), rest.n);
    *path = rest.n > 0 ? rest : NST_STR("/");
}

static bool take_target(struct exchange *x, const char *url, const char *version)
{
    struct conn *c = x->conn;
    size_t n = (size_t)(version - 1 - url);
    x->pub.path = (struct nst_str){ url, n };
    x->pub.query = (struct nst_str){ NULL, 0 };
    if (c->query != NULL) {
        *c->query = c->query_first;
        x->pub.path.n = (size_t)(c->query - 1 - url);
        x->pub.query = (struct nst_str){ c->query, n - x->pub.path.n - 1 };
    }
    to_origin_form(&x->pub.path);
    bool is_asterisk =
        x->pub.path.n == 1 && *url == '*' && nst_str_eq(x->pub.method, NST_STR("OPTIONS"));
    return (is_asterisk || (x->pub.path.n > 0 && *x->pub.path.p == '/')) &&
           is_all(x->pub.path, C_TARGET) && is_all(x->pub.query, C_TARGET);
}

struct framing {
    unsigned hosts, lengths, encodings;
    struct nst_str host, length, encoding, id;
};

static bool name_is(struct nst_str name, const char *literal, size_t n)
{
    return name.n == n && strncasecmp(name.p, literal, n) == 0;
}

#define NAME_IS(name, literal) name_is((name), literal, sizeof(literal) - 1)

static void take_framing(struct framing *f, struct exchange *x)
{
    for (unsigned i = 0; i < x->in_count; i++) {
        struct nst_str name = x->in[i].name, value = x->in[i].value;
        if (NAME_IS(name, "Host")) {
            f->hosts++;
            f->host = nst_str_trim(value);
        } else if (NAME_IS(name, "Content-Length")) {
            f->lengths++;
            f->length = nst_str_trim(value);
        } else if (NAME_IS(name, "Transfer-Encoding")) {
            f->encodings++;
            f->encoding = nst_str_trim(value);
        } else if (NAME_IS(name, "X-Request-Id")) {
            f->id = nst_str_trim(value);
        }
    }
}

/* libmicrohttpd has refused what is no number of 64 bits before we see it. */
static bool take_length(struct exchange *x, struct nst_str length)
{
    uint64_t n = 0;
    for (size_t i = 0; i < length.n; i++) {
        if (length.p[i] < '0' || length.p[i] > '9' || n > UINT64_MAX / 10 - 1)
            return false;
        n = n * 10 + (uint64_t)(length.p[i] - '0');
    }
    x->content_length = n;
    return length.n > 0;
}

static const char *check_framing(struct exchange *x, const struct framing *f)
{
    if (f->hosts > 1 || (f->hosts == 0 && !x->is_http_1_0))
        return "A request needs exactly one Host.";
    if (f->hosts == 1 && !is_all(f->host, C_HOST))
        return "Host is malformed.";
    if (f->lengths > 1 || f->encodings > 1 || (f->lengths > 0 && f->encodings > 0))
        return "The length of the body is stated more than once.";
    if (f->encodings > 0 && (x->is_http_1_0 || !nst_str_eq_nocase(f->encoding, NST_STR("chunked"))))
        return "Transfer-Encoding must be chunked.";
    if (f->lengths > 0 && !take_length(x, f->length))
        return "Content-Length is malformed.";
    return NULL;
}

/* Links need a host, also when the client named none: where it came in. */
static struct nst_str own_address(const struct exchange *x)
{
    struct sockaddr_storage a = { 0 };
    socklen_t n = sizeof(a);
    char host[INET6_ADDRSTRLEN + 1 + IF_NAMESIZE], port[sizeof("65535")];
    if (getsockname(x->conn->fd, (struct sockaddr *)&a, &n) != 0 ||
        getnameinfo((struct sockaddr *)&a, n, host, sizeof(host), port, sizeof(port),
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return NST_STR("localhost");
    bool is_v6 = a.ss_family == AF_INET6;
    return nst_strf(x->pub.arena, "%s%s%s:%s", is_v6 ? "[" : "", host, is_v6 ? "]" : "", port);
}

static void take_id(struct exchange *x, struct nst_str sent)
{
    if (sent.n > 0 && sent.n <= REQUEST_ID_MAX && is_all(sent, C_ID))
        x->pub.id = sent;
}

/* The limits on size, in the order in which the parts arrive. */
static enum nst_err check_sizes(const struct exchange *x, const struct walk *w, size_t target,
                                const char **detail)
{
    const struct nst_http_options *o = &x->pub.loop->server->options;
    *detail = NULL;
    if (target > o->target_bytes)
        return NST_E_URI_TOO_LONG;
    if (header_size(x->mhd) > o->header_bytes)
        return NST_E_HEADERS;
    if (w->count > o->header_fields) {
        *detail = "The request has too many header fields.";
        return NST_E_HEADERS;
    }
    return NST_OK;
}

enum nst_err nst_http_guard(struct exchange *x, const char **detail, const char *url,
                            const char *method, const char *version)
{
    x->pub.method = nst_str_z(method);
    x->is_http_1_0 = version[VERSION_LENGTH - 1] == '0';
    bool is_target_good = take_target(x, url, version);
    struct walk w = { .x = x, .at = version + VERSION_LENGTH + 2 };
    MHD_get_connection_values_n(x->mhd, MHD_HEADER_KIND, take_field, &w);
    struct framing f = { 0 };
    take_framing(&f, x);
    take_id(x, f.id);
    x->pub.host = f.host.n > 0 ? f.host : own_address(x);
    enum nst_err err = check_sizes(x, &w, (size_t)(version - 1 - url), detail);
    if (err != NST_OK)
        return err;
    if (x->pub.method.n > METHOD_MAX || !is_all(x->pub.method, C_TOKEN) ||
        url != method + x->pub.method.n + 1)
        *detail = "The method is malformed.";
    else if (!is_target_good)
        *detail = "The request target is malformed.";
    else if (w.is_bad || w.at + 2 != method + header_size(x->mhd))
        *detail = "A header field is malformed.";
    else
        *detail = check_framing(x, &f);
    return *detail == NULL ? NST_OK : NST_E_MALFORMED;
}

static bool has_digit_above_zero(struct nst_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] >= '1' && s.p[i] <= '9')
            return true;
    }
    return false;
}

/* q=0, q=0.0 ... in the parameters of a list member. */
static bool is_refused(struct nst_str parameters)
{
    while (parameters.p != NULL) {
        struct nst_str one = nst_str_trim(nst_str_cut(&parameters, ';'));
        if (one.n >= 2 && (one.p[0] | 0x20) == 'q' && one.p[1] == '=')
            return !has_digit_above_zero(one);
    }
    return false;
}

bool nst_http_list_has(struct nst_str list, const char *token)
{
    while (list.p != NULL) {
        struct nst_str rest = nst_str_cut(&list, ',');
        struct nst_str name = nst_str_trim(nst_str_cut(&rest, ';'));
        if (nst_str_eq_nocase(name, nst_str_z(token)))
            return !is_refused(rest);
    }
    return false;
}

struct nst_str nst_http_request_header(const struct nst_exchange *x, const char *name)
{
    const struct exchange *in = (const struct exchange *)x;
    size_t n = strlen(name);
    if (x->loop == NULL)
        return (struct nst_str){ NULL, 0 };
    for (unsigned i = 0; i < in->in_count; i++) {
        if (name_is(in->in[i].name, name, n))
            return nst_str_trim(in->in[i].value);
    }
    return (struct nst_str){ NULL, 0 };
}

unsigned nst_http_request_header_count(const struct nst_exchange *x, const char *name)
{
    const struct exchange *in = (const struct exchange *)x;
    size_t n = strlen(name);
    unsigned count = 0;
    for (unsigned i = 0; x->loop != NULL && i < in->in_count; i++)
        count += name_is(in->in[i].name, name, n);
    return count;
}
