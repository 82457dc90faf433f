/* The reader; see reader.h. One table has the grammar of heads, chunks and
 * trailers; walk() follows it, and what it cannot follow is refused. What a part
 * means (forms of the target, framing) is judged when the part is complete. */
#include "reader.h"

#include <string.h>
#include <strings.h>

#define METHOD_MAX  32
#define VERSION_MAX 8 /* "HTTP/1.1" */

#define SIZE_DIGITS_MAX 32 /* of a chunk, with leading zeros */

enum class {
    C_TOKEN = 1, /* of a method or field name, RFC 9110, 5.6.2 */
    C_VALUE = 2, /* of a field value, RFC 9110, 5.5 */
    C_BLANK = 4,
    C_TARGET = 8,
    C_HOST = 16,
    C_HEX = 32,
    C_ID = 64
};

/* Classes of bytes, filled before main. */
static unsigned char class_of[256];

static bool is_alnum(int c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static unsigned classes(int c)
{
    bool is_visible = c > 0x20 && c != 0x7F, is_blank = c == ' ' || c == '\t';
    unsigned set = is_blank ? C_BLANK | C_VALUE : 0;
    if (is_alnum(c) || (c != 0 && c < 0x80 && strchr("!#$%&'*+-.^_`|~", c) != NULL))
        set |= C_TOKEN;
    if (is_visible)
        set |= C_VALUE;
    if (is_visible && c != '#')
        set |= C_TARGET;
    if (is_visible && c < 0x80 && strchr("/\\?#@,\"<>", c) == NULL)
        set |= C_HOST;
    if (is_alnum(c) && (c <= '9' || (c | 0x20) <= 'f'))
        set |= C_HEX;
    if (is_alnum(c) || c == '.' || c == '_' || c == '-')
        set |= C_ID;
    return set;
}

__attribute__((constructor)) static void fill_classes(void)
{
    for (int c = 0; c < 256; c++)
        class_of[c] = (unsigned char)classes(c);
}

static bool is_all(struct nst_str s, enum class wanted)
{
    for (size_t i = 0; i < s.n; i++)
        if ((class_of[(unsigned char)s.p[i]] & wanted) == 0)
            return false;
    return true;
}

/* ---- The grammar ---- */

enum state {
    NOWHERE, /* no state: a rule without an exit leads here */
    START,   /* empty lines before the request line are let pass, RFC 9112, 2.2 */
    START_LF,
    METHOD,
    TARGET,
    VERSION,
    LINE_LF,
    FIELD, /* at the start of a line */
    NAME,
    BLANK, /* before a value */
    VALUE,
    VALUE_LF,
    HEAD_LF,
    END,
    SIZE, /* of a chunk */
    EXTENSION,
    SIZE_LF,
    DATA, /* counted, not walked over */
    DATA_CR,
    DATA_LF
};

/* Bytes of class `run` are walked over; an exit byte leads on; `falls` is where
 * any other byte is looked at again. All else is refused with the sentence. */
struct rule {
    unsigned char run;
    struct {
        char byte;
        unsigned char to;
    } exit[2];
    unsigned char falls;
    const char *sentence;
};

#define LINE_END "A line must end with CR and LF."

static const struct rule rules[] = {
    [START] = { 0, { { '\r', START_LF } }, METHOD, NULL },
    [START_LF] = { 0, { { '\n', START } }, 0, LINE_END },
    [METHOD] = { C_TOKEN, { { ' ', TARGET } }, 0, "The method is malformed." },
    [TARGET] = { C_TARGET, { { ' ', VERSION } }, 0, "The request target is malformed." },
    [VERSION] = { C_TARGET, { { '\r', LINE_LF } }, 0, "The request line is malformed." },
    [LINE_LF] = { 0, { { '\n', FIELD } }, 0, LINE_END },
    [FIELD] = { 0, { { '\r', HEAD_LF } }, NAME, NULL },
    [NAME] = { C_TOKEN, { { ':', BLANK } }, 0, "A header field is malformed." },
    [BLANK] = { C_BLANK, { { 0 } }, VALUE, NULL },
    [VALUE] = { C_VALUE, { { '\r', VALUE_LF } }, 0, "A header field is malformed." },
    [VALUE_LF] = { 0, { { '\n', FIELD } }, 0, "A header field is malformed." },
    [HEAD_LF] = { 0, { { '\n', END } }, 0, LINE_END },
    [SIZE] = { C_HEX, { { '\r', SIZE_LF }, { ';', EXTENSION } }, 0, "A chunk is malformed." },
    [EXTENSION] = { C_VALUE, { { '\r', SIZE_LF } }, 0, "A chunk extension is malformed." },
    [SIZE_LF] = { 0, { { '\n', DATA } }, 0, "A chunk is malformed." },
    [DATA_CR] = { 0, { { '\r', DATA_LF } }, 0, "A chunk is longer than it says." },
    [DATA_LF] = { 0, { { '\n', SIZE } }, 0, "A chunk is longer than it says." },
};

enum step { STEP_WAITS, STEP_LEFT, STEP_FELL, STEP_STUCK };

/* Walk as far as the rule of the state allows and take its exit. */
static enum step walk(unsigned char *state, size_t *at, struct nst_str text)
{
    const struct rule *r = &rules[*state];
    size_t i = *at;
    while (i < text.n && (class_of[(unsigned char)text.p[i]] & r->run) != 0)
        i++;
    *at = i;
    if (i == text.n)
        return STEP_WAITS;
    for (unsigned k = 0; k < NST_COUNT(r->exit); k++) {
        if (r->exit[k].to != NOWHERE && r->exit[k].byte == text.p[i]) {
            *state = r->exit[k].to;
            *at = i + 1;
            return STEP_LEFT;
        }
    }
    if (r->falls == NOWHERE)
        return STEP_STUCK;
    *state = r->falls;
    return STEP_FELL;
}

/* ---- What the parts of a head mean ---- */

static bool refuse(struct nst_http_head *h, enum nst_err err, const char *detail)
{
    h->err = err;
    h->detail = detail;
    return false;
}

static bool malformed(struct nst_http_head *h, const char *detail)
{
    return refuse(h, NST_E_MALFORMED, detail);
}

static bool take_method(struct nst_http_head *h, struct nst_str part)
{
    h->method = part;
    return (part.n > 0 && part.n <= METHOD_MAX) || malformed(h, rules[METHOD].sentence);
}

/* Length of "http://" or "https://" in front of an absolute target, else 0. */
static size_t scheme_of(struct nst_str target)
{
    static const char *const scheme[] = { "http://", "https://" };
    for (size_t i = 0; i < NST_COUNT(scheme); i++) {
        size_t n = strlen(scheme[i]);
        if (target.n >= n && strncasecmp(target.p, scheme[i], n) == 0)
            return n;
    }
    return 0;
}

/* RFC 9112, 3.2: origin form, absolute form, and `*` of OPTIONS. */
static bool take_target(struct nst_http_head *h, struct nst_str part)
{
    size_t scheme = scheme_of(part), end = scheme;
    while (scheme > 0 && end < part.n && part.p[end] != '/' && part.p[end] != '?')
        end++;
    if (scheme > 0)
        h->authority = nst_str_slice(part, scheme, end);
    struct nst_str rest = nst_str_slice(part, end, part.n);
    size_t mark = nst_str_find(rest, '?');
    bool is_options = nst_str_eq(h->method, NST_STR("OPTIONS"));
    h->path = nst_str_slice(rest, 0, mark);
    if (mark < rest.n)
        h->query = nst_str_slice(rest, mark + 1, rest.n);
    if (scheme > 0 && h->path.n == 0)
        h->path = is_options && h->query.p == NULL ? NST_STR("*") : NST_STR("/");
    bool is_path = h->path.n > 0 && h->path.p[0] == '/';
    bool is_server = is_options && nst_str_eq(rest, NST_STR("*"));
    bool has_authority = scheme == 0 || (h->authority.n > 0 && is_all(h->authority, C_HOST));
    if ((is_path || is_server || scheme > 0) && has_authority)
        return true;
    return malformed(h, rules[TARGET].sentence);
}

static bool take_version(struct nst_http_head *h, struct nst_str part)
{
    bool is_version = part.n == VERSION_MAX && memcmp(part.p, "HTTP/", 5) == 0 &&
                      part.p[6] == '.' && part.p[5] >= '0' && part.p[5] <= '9' &&
                      part.p[7] >= '0' && part.p[7] <= '9';
    if (!is_version)
        return malformed(h, rules[VERSION].sentence);
    h->is_http_1_0 = part.p[7] == '0';
    if (part.p[5] != '1' || part.p[7] > '1')
        return refuse(h, NST_E_VERSION, NULL);
    return true;
}

static bool take_name(struct nst_http_head *h, struct nst_str part)
{
    if (part.n == 0)
        return malformed(h, rules[NAME].sentence);
    if (h->fields == h->limits->fields)
        return refuse(h, NST_E_HEADERS, "The request has too many header fields.");
    h->field[h->fields].name = part;
    return true;
}

/* Where a field goes that the layer itself needs. */
static const struct {
    struct nst_str name;
    size_t offset;
} named[] = {
    { NST_STR_INIT("Host"), offsetof(struct nst_http_head, host) },
    { NST_STR_INIT("Expect"), offsetof(struct nst_http_head, expect) },
    { NST_STR_INIT("Connection"), offsetof(struct nst_http_head, connection) },
    { NST_STR_INIT("X-Request-Id"), offsetof(struct nst_http_head, request_id) },
    { NST_STR_INIT("Content-Length"), offsetof(struct nst_http_head, content_length) },
    { NST_STR_INIT("Transfer-Encoding"), offsetof(struct nst_http_head, transfer_encoding) },
};

static void take_value(struct nst_http_head *h, struct nst_str part)
{
    struct nst_http_header *f = &h->field[h->fields++];
    f->value = nst_str_trim(part);
    for (size_t i = 0; i < NST_COUNT(named); i++) {
        if (f->name.n != named[i].name.n || !nst_str_eq_nocase(f->name, named[i].name))
            continue;
        struct nst_http_named *at = (struct nst_http_named *)(void *)((char *)h + named[i].offset);
        if (at->count++ == 0)
            at->value = f->value;
    }
}

static bool take(struct nst_http_head *h, enum state state, struct nst_str part)
{
    switch (state) {
    case METHOD:
        return take_method(h, part);
    case TARGET:
        return take_target(h, part);
    case VERSION:
        return take_version(h, part);
    case NAME:
        return take_name(h, part);
    case VALUE:
        take_value(h, part);
        return true;
    default:
        return true;
    }
}

/* ---- The whole head ---- */

static bool take_length(struct nst_http_head *h)
{
    struct nst_str text = h->content_length.value;
    h->length = 0;
    for (size_t i = 0; i < text.n; i++) {
        unsigned digit = (unsigned char)text.p[i] - (unsigned)'0';
        if (digit > 9)
            return false;
        bool is_too_large = h->length > (UINT64_MAX - digit) / 10;
        h->length = is_too_large ? UINT64_MAX : h->length * 10 + digit;
    }
    return text.n > 0;
}

/* RFC 9112, 6.3, without what it lets a server guess. */
static bool judge_framing(struct nst_http_head *h)
{
    unsigned lengths = h->content_length.count, codings = h->transfer_encoding.count;
    if (lengths > 1 || codings > 1 || (lengths > 0 && codings > 0))
        return malformed(h, "The length of the body is stated more than once.");
    if (codings > 0 &&
        (h->is_http_1_0 || !nst_str_eq_nocase(h->transfer_encoding.value, NST_STR("chunked"))))
        return malformed(h, "Transfer-Encoding must be chunked.");
    if (lengths > 0 && !take_length(h))
        return malformed(h, "Content-Length is malformed.");
    if (codings > 0)
        h->framing = NST_HTTP_CHUNKED;
    else if (h->length > 0)
        h->framing = NST_HTTP_LENGTH;
    return true;
}

static bool connection_says(const struct nst_http_head *h, const char *token)
{
    for (unsigned i = 0; h->connection.count > 0 && i < h->fields; i++)
        if (nst_str_eq_nocase(h->field[i].name, NST_STR("Connection")) &&
            nst_http_list_has(h->field[i].value, token))
            return true;
    return false;
}

static bool judge(struct nst_http_head *h)
{
    if (h->host.count > 1 || (h->host.count == 0 && !h->is_http_1_0))
        return malformed(h, "A request needs exactly one Host.");
    if (!is_all(h->host.value, C_HOST))
        return malformed(h, "Host is malformed.");
    if (!judge_framing(h))
        return false;
    if (h->authority.p != NULL) /* RFC 9112, 3.2.2 */
        h->host.value = h->authority;
    if (!is_all(h->request_id.value, C_ID))
        h->request_id.value.n = 0;
    h->keeps_alive =
        !connection_says(h, "close") && (!h->is_http_1_0 || connection_says(h, "keep-alive"));
    h->expects_continue =
        !h->is_http_1_0 && nst_str_eq_nocase(h->expect.value, NST_STR("100-continue"));
    return true;
}

void nst_http_head_init(struct nst_http_head *h, const struct nst_http_limits *limits,
                        struct nst_http_header *field)
{
    *h = (struct nst_http_head){ .limits = limits, .state = START, .field = field };
    h->path = NST_STR("/");
}

/* The part of the state is too long, whatever comes after it. */
static bool is_within(struct nst_http_head *h, enum state state, struct nst_str part)
{
    if (state == TARGET && part.n > h->limits->target_bytes)
        return refuse(h, NST_E_URI_TOO_LONG, NULL);
    if (state == METHOD && part.n > METHOD_MAX)
        return malformed(h, rules[METHOD].sentence);
    if (state == VERSION && part.n > VERSION_MAX)
        return malformed(h, rules[VERSION].sentence);
    return true;
}

/* The path as far as it is known names the face that words the refusal. */
static void keep_path(struct nst_http_head *h, enum state state, struct nst_str part)
{
    struct nst_str path = nst_str_slice(part, 0, nst_str_find(part, '?'));
    if (state == TARGET && path.n > 0 && path.p[0] == '/')
        h->path = path;
    if (h->path.n == 0 || (h->path.p[0] != '/' && h->path.p[0] != '*'))
        h->path = NST_STR("/");
}

enum nst_http_read nst_http_read_head(struct nst_http_head *h, struct nst_str text)
{
    struct nst_str seen = nst_str_slice(text, 0, h->limits->head_bytes);
    while (h->state != END) {
        enum state before = (enum state)h->state;
        enum step step = walk(&h->state, &h->at, seen);
        size_t end = step == STEP_LEFT ? h->at - 1 : h->at;
        struct nst_str part = nst_str_slice(seen, h->mark, end);
        bool is_good = is_within(h, before, part);
        if (is_good && step == STEP_WAITS) {
            if (text.n == seen.n)
                return NST_HTTP_MORE;
            is_good = refuse(h, NST_E_HEADERS, NULL);
        } else if (is_good) {
            is_good =
                step == STEP_STUCK ? malformed(h, rules[before].sentence) : take(h, before, part);
        }
        if (!is_good) {
            keep_path(h, before, part);
            return NST_HTTP_REFUSED;
        }
        h->mark = h->at;
    }
    return judge(h) ? NST_HTTP_DONE : NST_HTTP_REFUSED;
}

/* ---- Bodies in chunks ---- */

void nst_http_chunks_init(struct nst_http_chunks *c, const struct nst_http_limits *limits)
{
    *c = (struct nst_http_chunks){ .limits = limits, .state = SIZE };
}

static unsigned hex_digit(char c)
{
    return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c | 0x20) - 'a' + 10;
}

static void add_size(struct nst_http_chunks *c, struct nst_str digits)
{
    for (size_t i = 0; i < digits.n; i++)
        c->left = c->left > UINT64_MAX >> 4 ? UINT64_MAX : c->left << 4 | hex_digit(digits.p[i]);
}

/* What is no data is bounded, too: who sends it wants something else. */
static bool is_bounded(struct nst_http_chunks *c, enum state before, size_t n)
{
    if (before == EXTENSION || (before >= FIELD && before <= HEAD_LF))
        c->overhead += n;
    c->trailers += before == NAME && c->state == BLANK;
    if (c->overhead > c->limits->head_bytes || c->trailers > c->limits->fields ||
        (before == SIZE && c->part > SIZE_DIGITS_MAX))
        c->detail = "The body has too much beside its data.";
    return c->detail == NULL;
}

/* One step through what stands between the data. Returns false when it is refused. */
static bool step_between(struct nst_http_chunks *c, struct nst_str *in)
{
    enum state before = (enum state)c->state;
    size_t at = 0;
    enum step step = walk(&c->state, &at, *in);
    size_t run = step == STEP_LEFT ? at - 1 : at;
    c->part += run;
    if (before == SIZE)
        add_size(c, nst_str_slice(*in, 0, run));
    *in = nst_str_slice(*in, at, in->n);
    bool is_empty = step == STEP_LEFT && c->part == 0 && (before == SIZE || before == NAME);
    if (step == STEP_STUCK || is_empty)
        c->detail = rules[before].sentence;
    if (!is_bounded(c, before, at))
        return false;
    if (c->state != before)
        c->part = 0;
    if (c->state == DATA && c->left == 0)
        c->state = FIELD;
    return true;
}

enum nst_http_read nst_http_read_chunks(struct nst_http_chunks *c, struct nst_str *data,
                                        struct nst_str *in)
{
    *data = (struct nst_str){ in->p, 0 };
    while (in->n > 0 && c->state != END) {
        if (c->state == DATA) {
            size_t n = c->left < in->n ? (size_t)c->left : in->n;
            *data = nst_str_slice(*in, 0, n);
            *in = nst_str_slice(*in, n, in->n);
            c->left -= n;
            if (c->left == 0)
                c->state = DATA_CR;
            return NST_HTTP_MORE;
        }
        if (!step_between(c, in))
            return NST_HTTP_REFUSED;
    }
    return c->state == END ? NST_HTTP_DONE : NST_HTTP_MORE;
}

/* ---- Lists ---- */

static bool has_digit_above_zero(struct nst_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] >= '1' && s.p[i] <= '9')
            return true;
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
