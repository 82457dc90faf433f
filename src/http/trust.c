/* Which other ends are proxies that are believed, and what they say of the client: its
 * address and how it came. A proxy appends the address that it sees to X-Forwarded-For,
 * hence the list is read from its right end: what stands left of the first stranger, the
 * client may have written itself. Forwarded (RFC 7239) is not read, since proxies that
 * write X-Forwarded-For pass a client's Forwarded on as it is. */
#include "internal.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#define V4_PREFIX  12 /* bytes of an IPv6 address before the IPv4 address that it maps */
#define BITS       128u
#define PORT_MAX_N 5

struct network {
    unsigned char address[NST_HTTP_ADDRESS];
    unsigned bits; /* of address, that count */
};

struct nst_http_trust {
    bool unix_sockets;
    unsigned count;
    struct network network[];
};

/* ---- Addresses ---- */

static const unsigned char mapped[V4_PREFIX] = { [10] = 0xFF, [11] = 0xFF };

/* Every address has one form, whichever family a socket or a header has it in. */
static bool parse_address(unsigned char out[NST_HTTP_ADDRESS], struct nst_str text)
{
    char z[INET6_ADDRSTRLEN];
    if (text.n >= sizeof(z))
        return false;
    memcpy(z, text.p, text.n);
    z[text.n] = '\0';
    memcpy(out, mapped, V4_PREFIX);
    return strlen(z) == text.n &&
           (inet_pton(AF_INET, z, out + V4_PREFIX) == 1 || inet_pton(AF_INET6, z, out) == 1);
}

static bool take_address(unsigned char out[NST_HTTP_ADDRESS], const struct sockaddr *a)
{
    memcpy(out, mapped, V4_PREFIX);
    if (a->sa_family == AF_INET)
        memcpy(out + V4_PREFIX, (const char *)a + offsetof(struct sockaddr_in, sin_addr), 4);
    else if (a->sa_family == AF_INET6)
        memcpy(out, (const char *)a + offsetof(struct sockaddr_in6, sin6_addr), NST_HTTP_ADDRESS);
    return a->sa_family == AF_INET || a->sa_family == AF_INET6;
}

static bool is_v4(const unsigned char address[NST_HTTP_ADDRESS])
{
    return memcmp(address, mapped, V4_PREFIX) == 0;
}

static struct nst_str show_address(struct nst_arena *a,
                                   const unsigned char address[NST_HTTP_ADDRESS])
{
    char *text = nst_alloc_text(a, INET6_ADDRSTRLEN);
    if (is_v4(address))
        inet_ntop(AF_INET, address + V4_PREFIX, text, INET6_ADDRSTRLEN);
    else
        inet_ntop(AF_INET6, address, text, INET6_ADDRSTRLEN);
    return nst_str_z(text);
}

static bool bit_of(const unsigned char address[NST_HTTP_ADDRESS], unsigned i)
{
    return (address[i / 8] >> (7 - i % 8) & 1) != 0;
}

static bool has(const struct network *n, const unsigned char address[NST_HTTP_ADDRESS])
{
    unsigned char rest = (unsigned char)(0xFF00 >> n->bits % 8), at = (unsigned char)(n->bits / 8);
    return memcmp(n->address, address, at) == 0 &&
           (n->bits % 8 == 0 || ((n->address[at] ^ address[at]) & rest) == 0);
}

/* ---- Networks ---- */

static const char not_a_network[] =
    "not addresses such as 127.0.0.1, networks such as 10.0.0.0/8 or fd00::/8, or unix, "
    "separated by blanks";
static const char too_long[] =
    "with a network whose address goes on behind its length: 10.0.0.1/8 is 10.0.0.0/8";

static const char *parse_network(struct network *n, struct nst_str word)
{
    struct nst_str length = word, address = nst_str_cut(&length, '/');
    int64_t bits = BITS;
    if (!parse_address(n->address, address))
        return not_a_network;
    unsigned before =
        is_v4(n->address) && nst_str_find(address, ':') == address.n ? V4_PREFIX * 8 : 0;
    if (length.p != NULL && (!nst_str_int(&bits, length) || bits < 0 || bits > BITS - before))
        return not_a_network;
    n->bits = length.p != NULL ? (unsigned)bits + before : BITS;
    for (unsigned i = n->bits; i < BITS; i++)
        if (bit_of(n->address, i))
            return too_long;
    return NULL;
}

static bool next_word(struct nst_str *word, struct nst_str *rest)
{
    do {
        if (rest->n == 0)
            return false;
        *word = nst_str_cut(rest, ' ');
    } while (word->n == 0);
    return true;
}

static bool is_unix(struct nst_str word)
{
    return nst_str_eq(word, NST_STR("unix"));
}

const char *nst_http_proxies_fault(struct nst_str proxies)
{
    struct nst_str rest = proxies, word;
    struct network n;
    const char *fault = NULL;
    while (fault == NULL && next_word(&word, &rest))
        fault = is_unix(word) ? NULL : parse_network(&n, word);
    return fault;
}

struct nst_http_trust *nst_http_trust_new(struct nst_str proxies)
{
    struct nst_str rest = proxies, word;
    size_t words = 0;
    while (next_word(&word, &rest))
        words++;
    struct nst_http_trust *t = calloc(1, sizeof(*t) + words * sizeof(t->network[0]));
    if (t == NULL)
        abort();
    for (rest = proxies; next_word(&word, &rest);) {
        if (is_unix(word))
            t->unix_sockets = true;
        else if (parse_network(&t->network[t->count], word) == NULL)
            t->count++;
    }
    return t;
}

static bool covers(const struct nst_http_trust *t, const unsigned char address[NST_HTTP_ADDRESS])
{
    for (unsigned i = 0; i < t->count; i++)
        if (has(&t->network[i], address))
            return true;
    return false;
}

bool nst_http_trusts(const struct nst_http_trust *t, const struct sockaddr *a)
{
    unsigned char address[NST_HTTP_ADDRESS];
    return t != NULL && (a->sa_family == AF_UNIX ? t->unix_sockets
                                                 : take_address(address, a) && covers(t, address));
}

/* ---- What they say ---- */

static bool is_port(struct nst_str s)
{
    bool is_good = s.n > 0 && s.n <= PORT_MAX_N;
    for (size_t i = 0; is_good && i < s.n; i++)
        is_good = s.p[i] >= '0' && s.p[i] <= '9';
    return is_good;
}

/* A link-local address has a zone, which is the proxy's name of the link: fe80::1%eth0. */
static bool parse_six(unsigned char out[NST_HTTP_ADDRESS], struct nst_str text)
{
    struct nst_str zone = text, address = nst_str_cut(&zone, '%');
    return parse_address(out, address) &&
           (zone.p == NULL || (zone.n > 0 && out[0] == 0xFE && (out[1] & 0xC0) == 0x80));
}

/* Some proxies write the port, too: 192.0.2.1:5000, [2001:db8::1]:5000. */
static bool parse_hop(unsigned char out[NST_HTTP_ADDRESS], struct nst_str hop)
{
    struct nst_str port = hop, host = nst_str_cut(&port, ':');
    if (hop.n > 0 && hop.p[0] == '[') {
        size_t end = nst_str_find(hop, ']');
        struct nst_str behind = nst_str_slice(hop, end + 1, hop.n),
                       six = nst_str_slice(hop, 1, end);
        return end < hop.n && nst_str_find(six, ':') < six.n && parse_six(out, six) &&
               (behind.n == 0 ||
                (behind.p[0] == ':' && is_port(nst_str_slice(behind, 1, behind.n))));
    }
    if (is_port(port) && parse_address(out, host) && is_v4(out))
        return true;
    return parse_six(out, hop);
}

static struct nst_str cut_last(struct nst_str *rest, char sep)
{
    size_t at = rest->n;
    while (at > 0 && rest->p[at - 1] != sep)
        at--;
    struct nst_str last = nst_str_slice(*rest, at, rest->n);
    *rest = at > 0 ? nst_str_slice(*rest, 0, at - 1) : (struct nst_str){ NULL, 0 };
    return last;
}

/* The first from the right that is no proxy of ours; the leftmost where all are. */
static bool find_client(unsigned char out[NST_HTTP_ADDRESS], const struct exchange *x)
{
    bool is_found = false;
    for (unsigned i = x->head.fields; i-- > 0;) {
        struct nst_str rest = x->in[i].value;
        if (!nst_str_eq_nocase(x->in[i].name, NST_STR("X-Forwarded-For")))
            continue;
        while (rest.p != NULL) {
            if (!parse_hop(out, nst_str_trim(cut_last(&rest, ','))))
                return false;
            if (!covers(x->pub.loop->server->trust, out))
                return true;
            is_found = true;
        }
    }
    return is_found;
}

void nst_http_take_forwarded(struct exchange *x)
{
    unsigned char client[NST_HTTP_ADDRESS];
    struct nst_str scheme = nst_http_request_header(&x->pub, "X-Forwarded-Proto");
    if (find_client(client, x))
        x->pub.peer = show_address(x->pub.arena, client);
    /* Of several proxies the first one met the client, and its word comes first. */
    x->pub.is_tls = scheme.p != NULL &&
                    nst_str_eq_nocase(nst_str_trim(nst_str_cut(&scheme, ',')), NST_STR("https"));
}
