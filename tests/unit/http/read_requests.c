/* Reads requests for tests/blackbox/http_differential_test.py and says what it made of
 * each. Usage: read_requests CUTS: each is read whole, byte by byte, and cut in two at
 * about so many places.
 *
 * Standard input: a length of four bytes, the lowest first, and so many bytes of what a
 * client sends; again and again. Standard output: the same, of parts that a zero byte
 * separates: done, more, refused or cut; key of the error; its sentence, or what depended
 * on the cut; bytes used; 1 when the connection is kept; method; path; '?' and query;
 * authority; fields as name:value and LF; body. */
#include "message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nestor/base/buf.h"

#define REQUEST_MAX ((size_t)1 << 20)
#define ANSWER_MAX  (4 * REQUEST_MAX)

static const struct nst_http_limits limits = { 16384, 8000, 100 };

static bool read_length(size_t *n)
{
    unsigned char b[4];
    if (fread(b, 1, sizeof(b), stdin) != sizeof(b))
        return false;
    *n = (size_t)b[0] | (size_t)b[1] << 8 | (size_t)b[2] << 16 | (size_t)b[3] << 24;
    return *n <= REQUEST_MAX;
}

static void write_answer(struct nst_str s)
{
    const unsigned char b[4] = { (unsigned char)s.n, (unsigned char)(s.n >> 8),
                                 (unsigned char)(s.n >> 16), (unsigned char)(s.n >> 24) };
    if (fwrite(b, 1, sizeof(b), stdout) != sizeof(b) || fwrite(s.p, 1, s.n, stdout) != s.n)
        exit(1);
}

static void put_part(struct nst_buf *b, struct nst_str part)
{
    nst_put(b, part);
    nst_put_char(b, '\0');
}

static void put_message(struct nst_buf *b, const struct message *m, const char *difference)
{
    static const char *const verdict[] = { "more", "done", "refused" };
    const struct nst_http_head *h = &m->head;
    put_part(b, nst_str_z(difference != NULL ? "cut" : verdict[m->result]));
    put_part(b, nst_str_z(nst_err_key(m->err)));
    put_part(b, nst_str_z(difference != NULL ? difference : m->detail));
    nst_putf(b, "%zu%c%d%c", m->used, '\0', h->keeps_alive, '\0');
    put_part(b, h->method);
    put_part(b, h->path);
    if (h->query.p != NULL)
        nst_put_char(b, '?');
    put_part(b, h->query);
    put_part(b, h->authority);
    for (unsigned i = 0; i < h->fields; i++)
        nst_putf(b, "%.*s:%.*s\n", NST_FMT(m->field[i].name), NST_FMT(m->field[i].value));
    nst_put_char(b, '\0');
    nst_put(b, (struct nst_str){ m->body, m->body_n });
}

int main(int argc, char **argv)
{
    static struct message m;
    size_t n, cuts = argc == 2 ? strtoul(argv[1], NULL, 10) : 0;
    struct nst_arena *a = nst_arena_new(65536);
    if (cuts == 0)
        return 2;
    while (read_length(&n)) {
        struct nst_buf b;
        char *bytes = malloc(n > 0 ? n : 1); /* of its own size, so that ASan sees a read past it */
        if (bytes == NULL || fread(bytes, 1, n, stdin) != n)
            return 1;
        nst_buf_init(&b, a, ANSWER_MAX);
        const char *difference = message_read_cut(&m, &limits, (struct nst_str){ bytes, n }, cuts);
        put_message(&b, &m, difference);
        write_answer(nst_buf_str(&b));
        free(bytes);
        nst_arena_reset(a);
    }
    nst_arena_free(a);
    return fflush(stdout) == 0 ? 0 : 1;
}
