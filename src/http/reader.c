/* The reader; see reader.h. One table has the grammar of heads, chunks and
 * trailers; walk() follows it, and what it cannot follow is refused. What a part
 * means (forms of the target, framing) is judged when the part is complete. */
#include "reader.h"

#include <string.h>
#include <strings.h>

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
static unsigned char class_of[256] = { ['\t'] = C_BLANK | C_VALUE, [' '] = C_BLANK | C_VALUE };

__attribute__((constructor)) static void fill_classes(void)
{
    for (int c = 0x21; c < 256; c++) {
        bool is_ascii = c < 0x7F, is_digit = c >= '0' && c <= '9';
        bool is_letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        unsigned set = c != 0x7F ? C_VALUE : 0;
        if (c != 0x7F && c != '#')
            set |= C_TARGET;
        if (is_letter || is_digit || (is_ascii && strchr("!#$%&'*+-.^_`|~", c) != NULL))
            set |= C_TOKEN;
        if (is_ascii && strchr("/\\?#@,\"<>^`{|}", c) == NULL)
            set |= C_HOST;
        if (is_digit || (is_letter && (c | 0x20) <= 'f'))
            set |= C_HEX;
        if (is_letter || is_digit || c == '.' || c == '_' || c == '-')
            set |= C_ID;
        class_of[c] = (unsigned char)set;
    }
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
 * any other byte is looked at again. All else is refused with the sentence, and so is
 * a part that is shorter or longer than it may be (most 0: no limit here). */
struct rule {
    unsigned char run;
    struct {
        char byte;
        unsigned char to;
    } exit[2];
    unsigned char falls, least, most;
    const char *sentence;
};

#define LINE_END      "A line must end with CR and LF."
#define BAD_FIELD     "A header field is malformed."
#define BAD_CHUNK     "A chunk is malformed."
#define TOO_LONG      "A chunk is longer than it says."
#define BAD_EXTENSION "A chunk extension is malformed."

static const struct rule rules[] = {
    [START] = { 0, { { '\r', START_LF } }, METHOD, 0, 0, NULL },
    [START_LF] = { 0, { { '\n', START } }, 0, 0, 0, LINE_END },
    [METHOD] = { C_TOKEN, { { ' ', TARGET } }, 0, 1, 32, "The method is malformed." },
    [TARGET] = { C_TARGET, { { ' ', VERSION } }, 0, 1, 0, "The request target is malformed." },
    [VERSION] = { C_TARGET, { { '\r', LINE_LF } }, 0, 8, 8, "The request line is malformed." },
    [LINE_LF] = { 0, { { '\n', FIELD } }, 0, 0, 0, LINE_END },
    [FIELD] = { 0, { { '\r', HEAD_LF } }, NAME, 0, 0, NULL },
    [NAME] = { C_TOKEN, { { ':', BLANK } }, 0, 1, 0, BAD_FIELD },
    [BLANK] = { C_BLANK, { { 0 } }, VALUE, 0, 0, NULL },
    [VALUE] = { C_VALUE, { { '\r', VALUE_LF } }, 0, 0, 0, BAD_FIELD },
    [VALUE_LF] = { 0, { { '\n', FIELD } }, 0, 0, 0, BAD_FIELD },
    [HEAD_LF] = { 0, { { '\n', END } }, 0, 0, 0, LINE_END },
    [SIZE] = { C_HEX, { { '\r', SIZE_LF }, { ';', EXTENSION } }, 0, 1, 32, BAD_CHUNK },
    [EXTENSION] = { C_VALUE, { { '\r', SIZE_LF } }, 0, 0, 0, BAD_EXTENSION },
    [SIZE_LF] = { 0, { { '\n', DATA } }, 0, 0, 0, BAD_CHUNK },
    [DATA_CR] = { 0, { { '\r', DATA_LF } }, 0, 0, 0, TOO_LONG },
    [DATA_LF] = { 0, { { '\n', SIZE } }, 0, 0, 0, TOO_LONG },
};

enum step { STEP_WAITS, STEP_LEFT, STEP_FELL, STEP_STUCK };

/* Walk as far as the rule of the state allows and take its exit.
 *   part   bytes of the present part before text[*at] */
static enum step walk(unsigned char *state, size_t *at, struct nst_str text, size_t part)
{
    const struct rule *r = &rules[*state];
    size_t i = *at;
    while (i < text.n && (class_of[(unsigned char)text.p[i]] & r->run) != 0)
        i++;
    part += i - *at;
    *at = i;
    if (r->most != 0 && part > r->most)
        return STEP_STUCK;
    if (i == text.n)
        return STEP_WAITS;
    for (unsigned k = 0; k < NST_COUNT(r->exit); k++) {
        if (r->exit[k].to == NOWHERE || r->exit[k].byte != text.p[i] || part < r->least)
            continue;
        *state = r->exit[k].to;
        *at = i + 1;
        return STEP_LEFT;
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

/* RFC 9112, 3.2: origin form, absolute form, and `*` of OPTIONS; CONNECT has none of
 * them, and no body for those who know it. */
static bool take_target(struct nst_http_head *h, struct nst_str part)
{
    bool is_http = strncasecmp(part.p, "http://", 7) == 0; /* a blank stands behind part */
    size_t scheme = is_http ? 7 : strncasecmp(part.p, "https://", 8) == 0 ? 8 : 0, end;
    for (end = scheme; scheme > 0 && end < part.n && part.p[end] != '/' && part.p[end] != '?';)
        end++;
    struct nst_str rest = nst_str_slice(part, end, part.n);
    size_t mark = nst_str_find(rest, '?');
    bool is_options = nst_str_eq(h->method, NST_STR("OPTIONS"));
    h->path = nst_str_slice(rest, 0, mark);
    if (nst_str_eq(h->method, NST_STR("CONNECT"))) /* a tunnel: for proxies, RFC 9110, 9.3.6 */
        return malformed(h, rules[TARGET].sentence);
    if (mark < rest.n)
        h->query = nst_str_slice(rest, mark + 1, rest.n);
    if (scheme == 0)
        return (h->path.n > 0 && h->path.p[0] == '/') || nst_str_eq(rest, NST_STR("*")) ||
               malformed(h, rules[TARGET].sentence);
    h->authority = nst_str_slice(part, scheme, end);
    if (h->path.n == 0)
        h->path = is_options && h->query.p == NULL ? NST_STR("*") : NST_STR("/");
    return (h->authority.n > 0 && h->authority.p[0] != ':' && is_all(h->authority, C_HOST)) ||
           malformed(h, rules[TARGET].sentence);
}

static bool take_version(struct nst_http_head *h, struct nst_str part)
{
    if (memcmp(part.p, "HTTP/", 5) != 0 || part.p[6] != '.' || part.p[5] < '0' || part.p[5] > '9' ||
        part.p[7] < '0' || part.p[7] > '9')
        return malformed(h, rules[VERSION].sentence);
    h->is_http_1_0 = part.p[7] == '0';
    if (part.p[5] != '1' || part.p[7] > '1') /* before `*` is judged: HTTP/2 begins with PRI * */
        return refuse(h, NST_E_VERSION, NULL);
    return h->path.p[0] != '*' || nst_str_eq(h->method, NST_STR("OPTIONS")) ||
           malformed(h, rules[TARGET].sentence);
}

/* Where a field goes that the layer itself needs; which bytes it must have, to be taken at
 * all, where not any that a value may have will do. */
static const struct {
    struct nst_str name;
    size_t offset;
    enum class made_of;
} named[] = {
    { NST_STR_INIT("Host"), offsetof(struct nst_http_head, host), 0 },
    { NST_STR_INIT("Expect"), offsetof(struct nst_http_head, expect), 0 },
    { NST_STR_INIT("Connection"), offsetof(struct nst_http_head, connection), 0 },
    { NST_STR_INIT("X-Request-Id"), offsetof(struct nst_http_head, request_id), C_ID },
    { NST_STR_INIT("Content-Length"), offsetof(struct nst_http_head, content_length), 0 },
    { NST_STR_INIT("Transfer-Encoding"), offsetof(struct nst_http_head, transfer_encoding), 0 },
};

static void take_value(struct nst_http_head *h, struct nst_str part)
{
    struct nst_http_header *f = &h->field[h->fields++];
    f->value = nst_str_trim(part);
    for (size_t i = 0; i < NST_COUNT(named); i++) {
        if (f->name.n != named[i].name.n || !nst_str_eq_nocase(f->name, named[i].name))
            continue;
        struct nst_http_named *at = (struct nst_http_named *)(void *)((char *)h + named[i].offset);
        if (at->count++ == 0 && (named[i].made_of == 0 || is_all(f->value, named[i].made_of)))
            at->value = f->value;
    }
}

/* The part of the state is complete. */
static bool take(struct nst_http_head *h, enum state state, struct nst_str part)
{
    if (state == TARGET)
        return take_target(h, part);
    if (state == VERSION)
        return take_version(h, part);
    if (state == NAME && h->fields == h->limits->fields)
        return refuse(h, NST_E_HEADERS, "The request has too many header fields.");
    if (state == NAME)
        h->field[h->fields].name = part;
    if (state == METHOD)
        h->method = part;
    if (state == VALUE)
        take_value(h, part);
    return true;
}

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
            nst_list_has(h->field[i].value, token))
            return true;
    return false;
}

static bool judge(struct nst_http_head *h)
{
    bool is_one = h->host.count == 1 || (h->host.count == 0 && h->is_http_1_0);
    if (!is_one || !is_all(h->host.value, C_HOST)) {
        h->host.value = (struct nst_str){ 0 }; /* no answer shall repeat it */
        return malformed(h, is_one ? "Host is malformed." : "A request needs exactly one Host.");
    }
    if (!judge_framing(h))
        return false;
    if (h->authority.p != NULL) /* RFC 9112, 3.2.2 */
        h->host.value = h->authority;
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

/* The path as far as it is known names the face that words the refusal. */
static enum nst_http_read refused(struct nst_http_head *h, enum state state, struct nst_str part)
{
    struct nst_str known = nst_str_slice(part, 0, h->limits->target_bytes);
    if (state == TARGET)
        h->path = nst_str_slice(known, 0, nst_str_find(known, '?'));
    if (h->path.n == 0 || (h->path.p[0] != '/' && h->path.p[0] != '*'))
        h->path = NST_STR("/");
    return NST_HTTP_REFUSED;
}

enum nst_http_read nst_http_read_head(struct nst_http_head *h, struct nst_str text)
{
    struct nst_str seen = nst_str_slice(text, 0, h->limits->head_bytes);
    while (h->state != END) {
        enum state before = (enum state)h->state;
        enum step step = walk(&h->state, &h->at, seen, h->at - h->mark);
        struct nst_str part = { seen.p + h->mark, h->at - h->mark - (step == STEP_LEFT) };
        bool is_good;
        if (before == TARGET && part.n > h->limits->target_bytes)
            is_good = refuse(h, NST_E_URI_TOO_LONG, NULL);
        else if (step == STEP_STUCK)
            is_good = malformed(h, rules[before].sentence);
        else if (step != STEP_WAITS)
            is_good = take(h, before, part);
        else if (text.n == seen.n)
            return NST_HTTP_MORE;
        else
            is_good = refuse(h, NST_E_HEADERS, NULL);
        if (!is_good)
            return refused(h, before, part);
        h->mark = h->at;
    }
    return judge(h) ? NST_HTTP_DONE : NST_HTTP_REFUSED;
}

/* ---- Bodies in chunks ---- */

void nst_http_chunks_init(struct nst_http_chunks *c, const struct nst_http_limits *limits)
{
    *c = (struct nst_http_chunks){ .limits = limits, .state = SIZE };
}

/* One step through what stands between the data. Returns false when it is refused. */
static bool step_between(struct nst_http_chunks *c, struct nst_str *in)
{
    enum state before = (enum state)c->state;
    size_t at = 0;
    enum step step = walk(&c->state, &at, *in, c->part);
    size_t run = at - (step == STEP_LEFT);
    for (size_t i = 0; before == SIZE && i < run && c->part + i < rules[SIZE].most; i++) {
        unsigned byte = (unsigned char)in->p[i];
        uint64_t digit = (byte & 15) + 9 * (byte >> 6); /* a letter has bit 6 */
        c->left = c->left > UINT64_MAX >> 4 ? UINT64_MAX : c->left << 4 | digit;
    }
    *in = nst_str_slice(*in, at, in->n);
    c->part = c->state == before ? c->part + run : 0;
    if (before == EXTENSION || (before >= FIELD && before <= HEAD_LF))
        c->overhead += at;
    c->trailers += before == NAME && step == STEP_LEFT;
    if (c->overhead > c->limits->head_bytes || c->trailers > c->limits->fields)
        c->detail = "The body has too much beside its data.";
    else if (step == STEP_STUCK)
        c->detail = rules[before].sentence;
    if (c->state == DATA && c->left == 0)
        c->state = FIELD;
    return c->detail == NULL;
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
