/* Pages for people: the start page, which somebody sees who opens the server's address in a
 * browser, made once, at the start, from the tables of faces and routes; and those of views. No
 * script, nothing from elsewhere: the policy lets in the one style sheet inside them, by its hash.
 */
#include "model.h"

#include <sodium.h>

#define PAGE_MAX ((size_t)1 << 20)

#define STYLE \
    ":root{color-scheme:light dark}" \
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:48rem;margin:2rem auto;padding:0 1rem}" \
    "h1,h2{line-height:1.2}h2{margin-top:2rem}" \
    "code,ul{overflow-wrap:anywhere}" \
    "small{color:GrayText}"

void nst_put_html(struct nst_buf *out, struct nst_str text)
{
    static const char special[] = "&<>\"'";
    static const char *const as[] = { "&amp;", "&lt;", "&gt;", "&quot;", "&#39;" };
    for (size_t i = 0; i < text.n; i++) {
        const char *at = text.p[i] != '\0' ? strchr(special, text.p[i]) : NULL;
        if (at != NULL)
            nst_put_z(out, as[at - special]);
        else
            nst_put_char(out, text.p[i]);
    }
}

bool nst_accepts_html(const struct nst_exchange *x)
{
    return nst_list_has(nst_http_request_header(x, "Accept"), "text/html");
}

/* A sentence of a table: what stands in it between backticks is code. */
static void put_sentence(struct nst_buf *out, const char *text)
{
    struct nst_str rest = nst_str_z(text);
    for (bool is_code = false; rest.p != NULL; is_code = !is_code) {
        nst_put_z(out, is_code ? "<code>" : "");
        nst_put_html(out, nst_str_cut(&rest, '`'));
        nst_put_z(out, is_code ? "</code>" : "");
    }
}

static void put_paragraph(struct nst_buf *out, const char *text)
{
    if (text == NULL)
        return;
    nst_put_lit(out, "<p>");
    put_sentence(out, text);
    nst_put_lit(out, "</p>\n");
}

/* What a link can open: a path of words that answers GET. */
static bool is_open(const struct nst_endpoint *e, const struct nst_face *face)
{
    bool is_words = true;
    for (size_t i = 0; i < e->count; i++)
        is_words &= e->step[i].kind == STEP_LITERAL;
    return is_words && e->route->face == face && e->action[NST_GET] != NULL;
}

static void put_links(struct nst_buf *out, const struct nst_registry *reg,
                      const struct nst_face *face)
{
    const char *begin = "<ul>\n", *end = "";
    for (size_t i = 0; i < reg->endpoints; i++) {
        const struct nst_endpoint *e = reg->endpoint[i];
        if (!is_open(e, face))
            continue;
        struct nst_str path = nst_strf(out->arena, "%s%.*s", face->mount, NST_FMT(e->path));
        nst_put_z(out, begin);
        nst_put_lit(out, "<li><a href=\"");
        nst_put_html(out, path);
        nst_put_lit(out, "\">");
        nst_put_html(out, path);
        nst_put_lit(out, "</a> ");
        put_sentence(out, e->route->doc);
        nst_put_lit(out, "</li>\n");
        begin = "";
        end = "</ul>\n";
    }
    nst_put_z(out, end);
}

static void put_face(struct nst_buf *out, const struct nst_registry *reg,
                     const struct nst_face *face, bool is_root)
{
    nst_put_lit(out, "<h2><code>");
    nst_put_html(out, nst_str_z(face->mount));
    nst_put_lit(out, "/</code></h2>\n");
    put_paragraph(out, face->doc);
    put_paragraph(out, is_root ? "Its paths answer without that prefix, too." : NULL);
    put_paragraph(out, face->token_hint);
    put_links(out, reg, face);
}

/* ---- All of a face ---- */

void nst_put_operations(struct nst_buf *out, const struct nst_registry *reg,
                        const struct nst_face *face)
{
    nst_put_lit(out, "<dl>\n");
    for (size_t i = 0; i < reg->endpoints; i++) {
        const struct nst_endpoint *e = reg->endpoint[i];
        if (e->route->face != face)
            continue;
        nst_put_lit(out, "<dt><code>");
        nst_put_html(out, nst_strf(out->arena, "%s%.*s", face->mount, NST_FMT(e->path)));
        nst_put_lit(out, "</code> <small>");
        nst_put_html(out, e->allow);
        nst_put_lit(out, "</small></dt>\n<dd>");
        put_sentence(out, e->route->doc);
        nst_put_lit(out, "</dd>\n");
    }
    nst_put_lit(out, "</dl>\n");
}

/* ---- A page ---- */

static void put_head(struct nst_buf *out, struct nst_str title)
{
    nst_put_lit(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                     "<meta name=\"viewport\" content=\"width=device-width\">\n<title>");
    nst_put_html(out, title);
    nst_put_lit(out, "</title>\n<style>" STYLE "</style>\n</head>\n<body>\n<h1>");
    nst_put_html(out, title);
}

void nst_page_begin(struct nst_buf *out, struct nst_str title)
{
    put_head(out, title);
    nst_put_lit(out, "</h1>\n");
}

static void end_page(struct nst_buf *out)
{
    nst_put_lit(out, "</body>\n</html>\n");
}

enum nst_err nst_answer_page(struct nst_req *rq)
{
    end_page(&rq->x->out);
    NST_TRY(nst_answer_json(rq, 200));
    rq->x->content_type = NST_STR("text/html; charset=utf-8");
    nst_http_add_header(rq->x, "Content-Security-Policy", nst_page_policy(rq->arena));
    return NST_OK;
}

struct nst_str nst_page_make(struct nst_arena *a, const struct nst_registry *reg,
                             const struct nst_face *root)
{
    struct nst_str title = nst_str_z(reg->title != NULL ? reg->title : "Nestor");
    struct nst_buf b;
    nst_buf_init(&b, a, PAGE_MAX);
    put_head(&b, title);
    if (reg->version != NULL) {
        nst_put_lit(&b, " <small>");
        nst_put_html(&b, nst_str_z(reg->version));
        nst_put_lit(&b, "</small>");
    }
    nst_put_lit(&b, "</h1>\n<p>This is an API: programs talk to it in JSON. "
                    "<a href=\"/openapi.json\">/openapi.json</a> describes every path, for people "
                    "and for tools that read OpenAPI. <a href=\"/healthz\">/healthz</a> and "
                    "<a href=\"/readyz\">/readyz</a> say how the server is.</p>\n");
    for (size_t i = 0; i < reg->faces; i++)
        if (reg->face[i]->mount != NULL)
            put_face(&b, reg, reg->face[i], reg->face[i] == root);
    end_page(&b);
    return nst_buf_str(&b);
}

struct nst_str nst_page_policy(struct nst_arena *a)
{
    unsigned char hash[crypto_hash_sha256_BYTES];
    char text[sodium_base64_ENCODED_LEN(sizeof(hash), sodium_base64_VARIANT_ORIGINAL)];
    crypto_hash_sha256(hash, (const unsigned char *)STYLE, sizeof(STYLE) - 1);
    sodium_bin2base64(text, sizeof(text), hash, sizeof(hash), sodium_base64_VARIANT_ORIGINAL);
    return nst_strf(a,
                    "default-src 'none'; style-src 'sha256-%s'; base-uri 'none'; "
                    "form-action 'self'; frame-ancestors 'none'",
                    text);
}
