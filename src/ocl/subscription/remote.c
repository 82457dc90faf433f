/* Questions to the other Nestor, by libcurl: bounded in time and size, cut with their task, and
 * never sent on to where an answer points: a token is for the host that it was given for. */
#include "subscription.h"

#include "nestor/base/file.h"

#include <curl/curl.h>
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <unistd.h>

#define CONNECT_SECONDS 15L
#define SLOW_BYTES      100L /* a second, for SLOW_SECONDS: as if it were cut */
#define SLOW_SECONDS    60L
#define ASK_SECONDS     120L               /* of a small answer */
#define FETCH_TIME      (5 * NST_SECOND)   /* of one go: then the task says how far it is */
#define FILE_MAX        ((int64_t)4 << 30) /* an export has no more (docs/export.md) */
#define TRIES           6
#define SAID_MAX        200 /* bytes of an answer that a sentence shows */

/* One request under way. */
struct asking {
    const struct ocl_question *q;
    CURL *curl;
    struct nst_buf body;
    struct ocl_fetch *fetch; /* NULL: a small answer */
    int fd;
    int64_t until; /* ticks; 0: no limit */
    bool has_begun, has_come, is_file, is_enough, is_too_large;
    char error[CURL_ERROR_SIZE];
};

/* ---- What comes ---- */

static bool is_plain(char c)
{
    return c >= ' ' && c < 0x7F;
}

/* Null where it has anything but letters that can be shown, too. */
static struct nst_str header_of(const struct asking *k, const char *name)
{
    struct curl_header *h = NULL;
    if (curl_easy_header(k->curl, name, 0, CURLH_HEADER, -1, &h) != CURLHE_OK)
        return (struct nst_str){ 0 };
    for (const char *p = h->value; *p != '\0'; p++)
        if (!is_plain(*p))
            return (struct nst_str){ 0 };
    return nst_str_copy(k->q->arena, nst_str_z(h->value));
}

struct nst_str ocl_plain(struct nst_arena *a, struct nst_str text)
{
    char *p = nst_alloc_text(a, text.n + 1);
    for (size_t i = 0; i < text.n; i++)
        p[i] = (char)(is_plain(text.p[i]) ? text.p[i] : '?');
    return (struct nst_str){ p, text.n };
}

/* "sha-256=:...:" as hex; null: it is none. */
static struct nst_str digest_of(struct nst_arena *a, struct nst_str header)
{
    unsigned char hash[crypto_hash_sha256_BYTES];
    struct nst_buf b;
    size_t n = 0;
    nst_str_cut(&header, ':');
    struct nst_str coded = header.p != NULL ? nst_str_cut(&header, ':') : header;
    if (coded.p == NULL ||
        sodium_base642bin(hash, sizeof(hash), coded.p, coded.n, NULL, &n, NULL,
                          sodium_base64_VARIANT_ORIGINAL) != 0 ||
        n != sizeof(hash))
        return (struct nst_str){ 0 };
    nst_buf_init(&b, a, sizeof(hash) * 2 + 1);
    nst_put_bytes_hex(&b, hash, sizeof(hash));
    return nst_buf_str(&b);
}

/* "bytes 10-19/2000": that it goes on where we are, and how much there is. */
static bool continues(const struct asking *k, const struct ocl_fetch *f)
{
    struct nst_str range = header_of(k, "Content-Range");
    return nst_str_eq(range, nst_strf(k->q->arena, "bytes %lld-%lld/%lld", (long long)f->got,
                                      (long long)f->size - 1, (long long)f->size));
}

static bool is_strong(struct nst_str tag)
{
    return tag.n > 0 && !nst_str_starts(tag, NST_STR("W/"));
}

/* Another file than the one that we have the beginning of, or the same by one who knows no ranges.
 */
static bool begin_anew(struct asking *k)
{
    struct ocl_fetch *f = k->fetch;
    curl_off_t length = -1;
    curl_easy_getinfo(k->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    k->is_too_large = length > FILE_MAX;
    f->problem = length < 1        ? NST_STR("The remote does not say how large the export is.")
                 : k->is_too_large ? NST_STR("The export has more than 4 GB.")
                                   : f->problem;
    if (length < 1 || k->is_too_large)
        return false;
    struct nst_str tag = header_of(k, "ETag");
    bool is_again = f->got > 0 && nst_str_eq(tag, f->tag);
    f->is_in_one_go |= is_again || !is_strong(tag);
    f->tag = tag;
    f->digest = digest_of(k->q->arena, header_of(k, "Repr-Digest"));
    f->got = 0;
    f->size = length;
    f->is_full = ftruncate(k->fd, 0) != 0 || lseek(k->fd, 0, SEEK_SET) != 0;
    return !f->is_full;
}

/* The first bytes are here: of the file, or of a message. */
static bool begin_file(struct asking *k)
{
    long status = 0;
    curl_easy_getinfo(k->curl, CURLINFO_RESPONSE_CODE, &status);
    k->has_begun = true;
    struct ocl_fetch *f = k->fetch;
    k->is_file = status == 200 || status == 206;
    if (status == 200)
        return begin_anew(k);
    if (status == 206 && !continues(k, f)) {
        f->got = f->size = 0;
        f->problem = NST_STR("The remote sent another part of the export than was asked "
                             "for.");
        return false;
    }
    return true;
}

static size_t take_file(struct asking *k, struct nst_str bytes)
{
    struct ocl_fetch *f = k->fetch;
    if (f->got + (int64_t)bytes.n > f->size || !nst_write_all(k->fd, bytes)) {
        f->is_full = f->got + (int64_t)bytes.n <= f->size;
        f->problem =
            f->is_full ? nst_strf(k->q->arena, "The export cannot be written: %s.", strerror(errno))
                       : NST_STR("The remote sent more than the export has.");
        return 0;
    }
    f->got += (int64_t)bytes.n;
    k->has_come = true;
    return bytes.n;
}

static size_t receive(char *data, size_t size, size_t n, void *arg)
{
    struct asking *k = arg;
    struct nst_str bytes = { data, size * n };
    if (k->fetch != NULL && !k->has_begun && !begin_file(k))
        return 0;
    if (k->fetch != NULL && k->is_file)
        return take_file(k, bytes);
    nst_put(&k->body, bytes);
    k->is_too_large = k->body.is_full;
    return k->is_too_large ? 0 : bytes.n;
}

static int look(void *arg, curl_off_t all, curl_off_t now, curl_off_t up_all, curl_off_t up_now)
{
    struct asking *k = arg;
    (void)all, (void)now, (void)up_all, (void)up_now;
    k->is_enough =
        k->until != 0 && k->has_come && !k->fetch->is_in_one_go && nst_ticks() > k->until;
    return k->is_enough || nst_task_is_cut(k->q->task);
}

/* ---- Asking ---- */

static struct curl_slist *headers_of(const struct asking *k)
{
    const struct ocl_question *q = k->q;
    const struct ocl_fetch *f = k->fetch;
    struct curl_slist *list = curl_slist_append(NULL, "Accept: application/json, application/zip");
    if (q->token.n > 0)
        list =
            curl_slist_append(list,
                              nst_strf(q->arena, "Authorization: Token %.*s", NST_FMT(q->token)).p);
    if (q->tag.n > 0 && (f == NULL || f->got == 0))
        list =
            curl_slist_append(list, nst_strf(q->arena, "If-None-Match: %.*s", NST_FMT(q->tag)).p);
    if (f == NULL || f->got == 0)
        return list;
    list = curl_slist_append(list, nst_strf(q->arena, "Range: bytes=%lld-", (long long)f->got).p);
    return curl_slist_append(list, nst_strf(q->arena, "If-Range: %.*s", NST_FMT(f->tag)).p);
}

static void set_up(struct asking *k, struct curl_slist *headers)
{
    CURL *curl = k->curl;
    curl_easy_setopt(curl, CURLOPT_URL, k->q->url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "nestor/" NESTOR_VERSION);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, SLOW_BYTES);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, SLOW_SECONDS);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, k->fetch == NULL ? ASK_SECONDS : 0L);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, k->error);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, receive);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, k);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, look);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, k);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, k->q->method);
}

static CURLcode run(struct asking *k)
{
    struct curl_slist *headers = headers_of(k);
    k->has_begun = k->has_come = k->is_file = k->is_enough = k->is_too_large = false;
    k->error[0] = '\0';
    nst_buf_init(&k->body, k->q->arena, OCL_REPLY_MAX);
    curl_easy_reset(k->curl);
    set_up(k, headers);
    CURLcode code = curl_easy_perform(k->curl);
    curl_slist_free_all(headers);
    return code;
}

void ocl_wait_until(const struct nst_task *t, int64_t until)
{
    while (nst_ticks() < until && !nst_task_is_cut(t))
        usleep(20000);
}

static void pause_before(const struct ocl_question *q, unsigned tries)
{
    ocl_wait_until(q->task, nst_ticks() + (NST_SECOND / 8 << tries));
}

/* ---- What it means ---- */

static struct nst_str why_none(const struct asking *k, CURLcode code)
{
    const char *error = k->error[0] != '\0' ? k->error : curl_easy_strerror(code);
    struct nst_str shown = ocl_plain(k->q->arena, nst_str_z(error));
    bool is_tls = code == CURLE_SSL_CONNECT_ERROR;
    return nst_strf(k->q->arena, "The remote cannot be reached: %.*s%s.", NST_FMT(shown),
                    is_tls ? " (perhaps its address begins with http://)" : "");
}

/* A few letters of an answer. */
static struct nst_str said(const struct asking *k)
{
    struct nst_str text = nst_str_trim(nst_str_slice(nst_buf_str(&k->body), 0, SAID_MAX));
    return ocl_plain(k->q->arena, text);
}

static struct nst_str refuse_redirect(struct nst_arena *a, struct nst_str to, long status)
{
    struct nst_str shown = ocl_plain(a, nst_str_slice(to, 0, SAID_MAX));
    return nst_strf(a,
                    "The remote points to %.*s, where the token does not go: if that is meant, "
                    "subscribe to that address (%ld).",
                    NST_FMT(shown), status);
}

static struct nst_str why_refused(const struct asking *k, long status)
{
    struct nst_arena *a = k->q->arena;
    char *location = NULL;
    curl_easy_getinfo(k->curl, CURLINFO_REDIRECT_URL, &location);
    if (status == 401)
        return k->q->token.n > 0
                   ? NST_STR("The remote does not know the token: give another one with "
                             "--token-file (401).")
                   : NST_STR("The remote wants a token: give one with --token-file (401).");
    struct nst_str answer = said(k);
    if (status == 403)
        return nst_strf(a, "The remote does not let the token's user do this (403): %.*s",
                        NST_FMT(answer));
    if (location != NULL)
        return refuse_redirect(a, nst_str_z(location), status);
    return nst_strf(a, "The remote answered %ld: %.*s", status, NST_FMT(answer));
}

/* Cut inside of the headers, what came counts as whole to libcurl. */
static bool is_cut_short(const struct asking *k, long status)
{
    return (status == 200 || status == 206) && !k->is_file && k->body.n == 0;
}

static bool may_pass(CURLcode code, long status)
{
    return code != CURLE_OK || status == 503 || status == 429 || status == 502 || status == 504;
}

void ocl_remote_ask(struct ocl_reply *out, const struct ocl_question *q)
{
    struct asking k = { .q = q, .curl = curl_easy_init(), .fd = -1 };
    CURLcode code = CURLE_OK;
    *out = (struct ocl_reply){ 0 };
    for (unsigned i = 0; i < TRIES; i++) {
        if (i > 0)
            pause_before(q, i);
        code = run(&k);
        out->status = 0;
        if (code == CURLE_OK)
            curl_easy_getinfo(k.curl, CURLINFO_RESPONSE_CODE, &out->status);
        bool is_whole = !may_pass(code, out->status) && !is_cut_short(&k, out->status);
        if (is_whole || k.is_too_large || nst_task_is_cut(q->task))
            break;
    }
    out->body = nst_buf_str(&k.body);
    if (k.is_too_large)
        out->problem = NST_STR("The remote's answer has no end.");
    else if (code != CURLE_OK)
        out->problem = why_none(&k, code);
    else if (out->status != 200 && out->status != 304)
        out->problem = why_refused(&k, out->status);
    if (code == CURLE_OK)
        out->tag = header_of(&k, "ETag");
    curl_easy_cleanup(k.curl);
}

/* ---- Files ---- */

/* A range is good for the very same bytes alone. */
static void forget_unless_strong(struct ocl_fetch *f)
{
    if (f->is_in_one_go && f->got < f->size)
        f->got = f->size = 0;
}

static bool has_failed(struct ocl_fetch *f, const struct asking *k, CURLcode code)
{
    f->status = 0;
    curl_easy_getinfo(k->curl, CURLINFO_RESPONSE_CODE, &f->status);
    if (f->status == 416)
        f->got = f->size = 0;
    if (f->problem.p != NULL || f->is_full)
        return true;
    if (code != CURLE_OK || k->is_file || f->status == 416 || is_cut_short(k, f->status))
        return false;
    if (f->status >= 300 && f->status != 304 && !may_pass(code, f->status))
        f->problem = why_refused(k, f->status);
    return !may_pass(code, f->status);
}

void ocl_remote_fetch(struct ocl_fetch *f, const struct ocl_question *q, int fd)
{
    struct asking k = {
        .q = q, .curl = curl_easy_init(), .fetch = f, .fd = fd, .until = nst_ticks() + FETCH_TIME
    };
    bool goes_on = true;
    for (unsigned tries = 0; goes_on; tries++) {
        int64_t before = f->got;
        if (tries > 0)
            pause_before(q, tries);
        CURLcode code = run(&k);
        bool is_over = has_failed(f, &k, code) || (f->size > 0 && f->got == f->size);
        if (f->got > before && !f->is_in_one_go)
            tries = 0;
        forget_unless_strong(f);
        goes_on = !is_over && !k.is_enough && !nst_task_is_cut(q->task) && tries + 1 < TRIES;
        if (!is_over && !goes_on && !k.is_enough && !nst_task_is_cut(q->task))
            f->problem = code != CURLE_OK              ? why_none(&k, code)
                         : is_cut_short(&k, f->status) ? NST_STR("The remote sent an export "
                                                                 "without a byte.")
                                                       : why_refused(&k, f->status);
    }
    curl_easy_cleanup(k.curl);
}
