/* The download: libcurl, ranges (RFC 9110, 14) and the entity tag that says whether they fit. */
#include "download.h"

#include "stop.h"

#include <curl/curl.h>
#include <string.h>
#include <unistd.h>

#define TRIES         6
#define WAIT_MAX      60  /* seconds that an answer may ask to wait */
#define STALL_SECONDS 120 /* without a byte: as if the connection were cut */
#define BODY_MAX      ((size_t)16 << 10)

/* One request. */
struct attempt {
    struct cli_download *d;
    CURL *curl;
    struct cli_file_head head;
    struct nst_buf body;
    bool has_begun; /* its headers were looked at */
    bool is_file;
};

static struct nst_str header_of(const struct attempt *t, const char *name)
{
    struct curl_header *h = NULL;
    if (curl_easy_header(t->curl, name, 0, CURLH_HEADER, -1, &h) != CURLHE_OK)
        return (struct nst_str){ 0 };
    return nst_str_copy(t->d->arena, nst_str_z(h->value));
}

/* "bytes 10-19/2000" */
static int64_t size_of_range(struct nst_str range)
{
    int64_t size;
    nst_str_cut(&range, '/');
    return range.p != NULL && nst_str_int(&size, range) && size >= 0 ? size : -1;
}

static void read_head(struct attempt *t, long status)
{
    curl_off_t length = -1;
    curl_easy_getinfo(t->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    t->head = (struct cli_file_head){ .etag = header_of(t, "ETag"),
                                      .disposition = header_of(t, "Content-Disposition"),
                                      .digest = header_of(t, "Repr-Digest"),
                                      .size = length };
    if (status == 206)
        t->head.size = size_of_range(header_of(t, "Content-Range"));
}

/* The first bytes are here: of the rest, of another file, or of a message. */
static bool begin(struct attempt *t)
{
    struct cli_download *d = t->d;
    long status = 0;
    curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
    t->has_begun = true;
    t->is_file = status == 200 || (status == 206 && d->got > 0);
    read_head(t, status);
    if (status != 200)
        return true;
    d->got = 0;
    return d->begin(d->arg, &t->head);
}

static size_t receive(char *data, size_t size, size_t n, void *user)
{
    struct attempt *t = user;
    struct cli_download *d = t->d;
    struct nst_str bytes = { data, size * n };
    if (cli_is_stopped() || (!t->has_begun && !begin(t))) {
        d->is_stopped = true;
        return 0;
    }
    if (!t->is_file) {
        nst_put(&t->body, bytes);
        return bytes.n;
    }
    d->is_stopped = !d->take(d->arg, bytes);
    d->got += (int64_t)bytes.n;
    return d->is_stopped ? 0 : bytes.n;
}

static struct curl_slist *headers_of(const struct cli_download *d, struct nst_str etag)
{
    struct curl_slist *list =
        curl_slist_append(NULL,
                          nst_strf(d->arena, "Authorization: %.*s", NST_FMT(d->authorization)).p);
    if (d->got == 0)
        return list;
    list = curl_slist_append(list, nst_strf(d->arena, "Range: bytes=%lld-", (long long)d->got).p);
    return curl_slist_append(list, nst_strf(d->arena, "If-Range: %.*s", NST_FMT(etag)).p);
}

static CURLcode run(struct attempt *t, struct nst_str etag)
{
    struct curl_slist *headers = headers_of(t->d, etag);
    curl_easy_reset(t->curl);
    curl_easy_setopt(t->curl, CURLOPT_URL, t->d->url);
    curl_easy_setopt(t->curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(t->curl, CURLOPT_WRITEFUNCTION, receive);
    curl_easy_setopt(t->curl, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(t->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(t->curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(t->curl, CURLOPT_LOW_SPEED_TIME, (long)STALL_SECONDS);
    CURLcode outcome = curl_easy_perform(t->curl);
    curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &t->d->status);
    curl_slist_free_all(headers);
    return outcome;
}

static bool is_whole(const struct attempt *t, CURLcode outcome)
{
    return outcome == CURLE_OK && t->is_file && (t->head.size < 0 || t->head.size == t->d->got);
}

/* Whether another try may help: nothing came, the rest is missing, the server is busy, or has
 * another file than the one whose beginning we have. */
static bool may_pass(struct attempt *t, CURLcode outcome)
{
    struct cli_download *d = t->d;
    if (d->status == 416 && d->got > 0) {
        d->got = 0;
        return true;
    }
    return outcome != CURLE_OK || t->is_file || d->status == 503 || d->status == 429;
}

static void pause_before(const struct attempt *t, unsigned tries)
{
    curl_off_t wait = 0;
    curl_easy_getinfo(t->curl, CURLINFO_RETRY_AFTER, &wait);
    wait = wait > 0 ? wait : (curl_off_t)1 << tries;
    sleep(wait < WAIT_MAX ? (unsigned)wait : WAIT_MAX);
}

bool cli_download(struct cli_download *d)
{
    struct attempt t = { .d = d };
    struct nst_str etag = { 0 };
    bool good = false, goes_on = true;
    curl_global_init(CURL_GLOBAL_DEFAULT);
    t.curl = curl_easy_init();
    for (unsigned tries = 0; !good && goes_on && tries < TRIES; tries++) {
        int64_t before = d->got;
        t.has_begun = t.is_file = false;
        nst_buf_init(&t.body, d->arena, BODY_MAX);
        CURLcode outcome = run(&t, etag);
        good = is_whole(&t, outcome);
        goes_on = !d->is_stopped && may_pass(&t, outcome);
        etag = t.is_file ? t.head.etag : etag;
        if (etag.p == NULL || nst_str_starts(etag, NST_STR("W/")))
            d->got = good ? d->got : 0; /* no range of it can be asked for */
        if (d->got > before)
            tries = 0;
        if (!good && goes_on && tries + 1 < TRIES)
            pause_before(&t, tries);
    }
    d->body = nst_buf_str(&t.body);
    curl_easy_cleanup(t.curl);
    curl_global_cleanup();
    return good;
}
