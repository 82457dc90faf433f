/* nestor doctor, of the certificate that clients are shown at http.public_url: a proxy has it, so
 * it is asked for there. */
#include "doctor.h"

#include "nestor/base/time.h"

#include <curl/curl.h>
#include <strings.h>

#define ASK_SECONDS 10L

static size_t drop(char *data, size_t size, size_t n, void *user)
{
    (void)data, (void)user;
    return size * n;
}

/* When the first certificate of the chain ends, in seconds since 1970; -1: not told. */
static time_t end_of(CURL *curl)
{
    struct curl_certinfo *info = NULL;
    if (curl_easy_getinfo(curl, CURLINFO_CERTINFO, &info) != CURLE_OK || info == NULL ||
        info->num_of_certs < 1)
        return -1;
    for (struct curl_slist *at = info->certinfo[0]; at != NULL; at = at->next)
        if (strncasecmp(at->data, "Expire date:", 12) == 0)
            return curl_getdate(at->data + 12, NULL);
    return -1;
}

/* An end says more than "not accepted", which follows from it. */
static void judge(struct cli_doctor *d, CURL *curl, CURLcode outcome, const char *url)
{
    int64_t left = (int64_t)end_of(curl) - nst_now() / NST_SECOND;
    long verified = 0;
    curl_easy_getinfo(curl, CURLINFO_SSL_VERIFYRESULT, &verified);
    if (end_of(curl) >= 0 && left < 0)
        cli_found(d, "the certificate of %s has ended; renew it", url);
    else if (end_of(curl) >= 0 && left < CLI_SOON / NST_SECOND)
        cli_found(d, "the certificate of %s ends in %s; renew it", url,
                  cli_doctor_left(d, left * NST_SECOND).p);
    else if (outcome == CURLE_PEER_FAILED_VERIFICATION)
        cli_found(d, "the certificate of %s is not for that name; clients refuse it", url);
    else if (outcome != CURLE_OK)
        cli_noted(d, "http.public_url is %s, which does not answer from here: %s", url,
                  curl_easy_strerror(outcome));
    else if (verified != 0)
        cli_found(d,
                  "the certificate of %s is signed by nobody whom this machine trusts; others may "
                  "refuse it, too",
                  url);
}

/* What would be refused is looked at, too: nothing but the certificate counts here. */
void cli_check_certificate(struct cli_doctor *d)
{
    struct nst_str url = cli_text(&d->o->config, "http.public_url");
    if (!nst_str_starts(url, NST_STR("https://")))
        return;
    const char *address = nst_str_to_z(d->o->arena, url);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    CURL *curl = curl_easy_init();
    curl_easy_setopt(curl, CURLOPT_URL, address);
    curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    curl_easy_setopt(curl, CURLOPT_CERTINFO, 1L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, ASK_SECONDS);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, drop);
    judge(d, curl, curl_easy_perform(curl), address);
    curl_easy_cleanup(curl);
}
