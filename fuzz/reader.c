/* Fuzzes the reader of requests under small limits, so that every border is near: the
 * verdict is the same however the bytes were cut, and what it points at lies in them. */
#include "message.h"

#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

static const struct nst_http_limits limits = { .head_bytes = 160, .target_bytes = 40, .fields = 5 };

static void must(bool holds)
{
    if (!holds)
        abort();
}

static bool is_inside(struct nst_str part, struct nst_str text)
{
    uintptr_t at = (uintptr_t)part.p, from = (uintptr_t)text.p;
    return part.p == NULL || (at >= from && at + part.n <= from + text.n);
}

static bool has_control(struct nst_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < ' ' && s.p[i] != '\t')
            return true;
    return false;
}

static void check_text(struct nst_str part, struct nst_str text)
{
    must(is_inside(part, text) && !has_control(part));
}

/* A path that an absolute target left out is the reader's own. */
static bool is_default(struct nst_str path)
{
    return path.n == 1 && (path.p[0] == '/' || path.p[0] == '*');
}

static void check_done(const struct message *m, struct nst_str text)
{
    const struct nst_http_head *h = &m->head;
    struct nst_str head = nst_str_slice(text, 0, h->at);
    must(m->used >= h->at && m->used <= text.n && nst_str_ends(head, NST_STR("\r\n\r\n")));
    must(h->method.n > 0 && h->fields <= limits.fields && h->at <= limits.head_bytes);
    must(h->path.n + h->query.n <= limits.target_bytes);
    check_text(h->method, head);
    check_text(h->query, head);
    check_text(h->authority, head);
    must(is_default(h->path) || is_inside(h->path, head));
    must(!has_control(h->path));
    for (unsigned i = 0; i < h->fields; i++) {
        check_text(m->field[i].name, head);
        check_text(m->field[i].value, head);
        must(m->field[i].name.n > 0 && nst_str_trim(m->field[i].value).n == m->field[i].value.n);
    }
    must((h->framing == NST_HTTP_LENGTH) == (h->length > 0));
    must(h->framing == NST_HTTP_CHUNKED || m->body_n == h->length);
    must(h->framing != NST_HTTP_NO_BODY || m->used == h->at);
}

static void check_refused(const struct message *m)
{
    unsigned status = nst_err_status(m->err);
    must(m->err != NST_OK && ((status >= 400 && status < 500) || status == 505));
    must(m->err != NST_E_MALFORMED || m->detail != NULL);
    must(m->head.path.n > 0 && (m->head.path.p[0] == '/' || m->head.path.p[0] == '*'));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct message whole, cut;
    struct nst_str text = { size > 0 ? (const char *)data : "", size };
    size_t middle = size > 0 ? (data[size - 1] * 257u + data[size / 2]) % size : 0;
    message_read(&whole, &limits, text, size, 1);
    message_read(&cut, &limits, text, middle, 1 + middle % 9);
    must(message_difference(&whole, &cut) == NULL);
    if (whole.result == NST_HTTP_DONE)
        check_done(&whole, text);
    else if (whole.result == NST_HTTP_REFUSED)
        check_refused(&whole);
    else
        must(whole.head.at <= limits.head_bytes);
    return 0;
}
