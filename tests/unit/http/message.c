/* Reading one request; see message.h. */
#include "message.h"

#include <string.h>

static void refuse(struct message *m, enum nst_err err, const char *detail)
{
    m->result = NST_HTTP_REFUSED;
    m->err = err;
    m->detail = detail;
}

static void take_length(struct message *m, struct nst_str rest)
{
    m->result = NST_HTTP_MORE;
    if (rest.n < m->head.length)
        return;
    m->result = NST_HTTP_DONE;
    m->body_n = (size_t)m->head.length;
    memcpy(m->body, rest.p, m->body_n);
    m->used += m->body_n;
}

/* The same order of checks as in src/http/conn.c. */
static void take_chunks(struct message *m, struct nst_http_chunks *c, struct nst_str in)
{
    struct nst_str data;
    size_t before = in.n;
    do {
        m->result = nst_http_read_chunks(c, &data, &in);
        size_t room = MESSAGE_BODY_MAX - m->body_n;
        if (data.n > room || c->left > room - data.n) {
            refuse(m, NST_E_TOO_LARGE, NULL);
            return;
        }
        memcpy(m->body + m->body_n, data.p, data.n);
        m->body_n += data.n;
    } while (m->result == NST_HTTP_MORE && in.n > 0);
    m->used += before - in.n;
    if (m->result == NST_HTTP_REFUSED)
        refuse(m, NST_E_MALFORMED, c->detail);
}

static size_t next(size_t here, size_t step, size_t n)
{
    return n - here < step ? n : here + step;
}

static void read_body(struct message *m, struct nst_str text, size_t here, size_t step)
{
    m->used = m->head.at;
    if (m->head.length > MESSAGE_BODY_MAX) {
        refuse(m, NST_E_TOO_LARGE, NULL);
    } else if (m->head.framing != NST_HTTP_CHUNKED) {
        take_length(m, nst_str_slice(text, m->used, text.n));
    } else {
        struct nst_http_chunks c;
        nst_http_chunks_init(&c, m->head.limits);
        take_chunks(m, &c, nst_str_slice(text, m->used, here));
        while (m->result == NST_HTTP_MORE && here < text.n) {
            size_t from = here;
            here = next(here, step, text.n);
            take_chunks(m, &c, nst_str_slice(text, from, here));
        }
    }
}

void message_read(struct message *m, const struct nst_http_limits *limits, struct nst_str text,
                  size_t first, size_t step)
{
    size_t here = first < text.n ? first : text.n;
    m->err = NST_OK;
    m->detail = NULL;
    m->used = m->body_n = 0;
    nst_http_head_init(&m->head, limits, m->field);
    m->result = nst_http_read_head(&m->head, nst_str_slice(text, 0, here));
    while (m->result == NST_HTTP_MORE && here < text.n) {
        here = next(here, step, text.n);
        m->result = nst_http_read_head(&m->head, nst_str_slice(text, 0, here));
    }
    if (m->result == NST_HTTP_REFUSED)
        refuse(m, m->head.err, m->head.detail);
    else if (m->result == NST_HTTP_DONE)
        read_body(m, text, here, step);
}

static bool is_same(struct nst_str a, struct nst_str b)
{
    return a.n == b.n && (a.p == NULL) == (b.p == NULL) && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static const char *field_difference(const struct message *a, const struct message *b)
{
    if (a->head.fields != b->head.fields)
        return "the number of fields";
    for (unsigned i = 0; i < a->head.fields; i++)
        if (!is_same(a->field[i].name, b->field[i].name) ||
            !is_same(a->field[i].value, b->field[i].value))
            return "a field";
    return NULL;
}

static const char *head_difference(const struct nst_http_head *a, const struct nst_http_head *b)
{
    if (!is_same(a->method, b->method))
        return "the method";
    if (!is_same(a->query, b->query))
        return "the query";
    if (!is_same(a->authority, b->authority) || !is_same(a->host.value, b->host.value))
        return "the host";
    if (a->framing != b->framing || a->length != b->length)
        return "the framing";
    if (a->is_http_1_0 != b->is_http_1_0 || a->keeps_alive != b->keeps_alive ||
        a->expects_continue != b->expects_continue ||
        !is_same(a->request_id.value, b->request_id.value))
        return "the meaning of a field";
    return NULL;
}

const char *message_difference(const struct message *a, const struct message *b)
{
    const char *difference = NULL;
    if (a->result != b->result || a->err != b->err || a->detail != b->detail)
        return "the verdict";
    if (a->result == NST_HTTP_REFUSED && !is_same(a->head.path, b->head.path))
        return "the path of a refusal";
    if (a->result != NST_HTTP_DONE)
        return NULL;
    if (!is_same(a->head.path, b->head.path))
        return "the path";
    difference = head_difference(&a->head, &b->head);
    if (difference == NULL)
        difference = field_difference(a, b);
    if (difference != NULL)
        return difference;
    if (a->used != b->used)
        return "the end";
    return a->body_n == b->body_n && memcmp(a->body, b->body, a->body_n) == 0 ? NULL : "the body";
}

const char *message_read_cut(struct message *m, const struct nst_http_limits *limits,
                             struct nst_str text, size_t cuts)
{
    static struct message other;
    size_t stride = text.n / cuts + 1;
    message_read(m, limits, text, text.n, 1);
    message_read(&other, limits, text, 0, 1);
    const char *difference = message_difference(m, &other);
    for (size_t at = 0; difference == NULL && at < text.n; at += stride) {
        message_read(&other, limits, text, at, text.n);
        difference = message_difference(m, &other);
    }
    return difference;
}
