/* The file of an import that is somewhere else (V601, file_url): fetched by its task, bounded in
 * size and time. Which hosts it may come from is asked of each address that is connected to, behind
 * names and redirects, so that nobody has this server ask in its own network for them. */
#include "bulk_import.h"

#include "nestor/base/file.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <unistd.h>

#define REDIRECTS_MAX   5L
#define CONNECT_SECONDS 15L
#define SLOW_BYTES      1000L /* a second, for SLOW_SECONDS: given up */
#define SLOW_SECONDS    60L
#define TIME_MAX        7200L /* seconds */

struct fetch {
    struct nst_task *task;
    int fd;
    uint64_t size;
    enum nst_err err; /* of the disk */
    bool is_refused;  /* the address is not public */
};

/* ---- Which addresses are public ---- */

struct network {
    uint32_t base;
    unsigned bits;
};

/* RFC 6890, and multicast. */
static const struct network private_networks[] = {
    { 0x00000000, 8 },  { 0x0A000000, 8 },  { 0x64400000, 10 }, { 0x7F000000, 8 },
    { 0xA9FE0000, 16 }, { 0xAC100000, 12 }, { 0xC0000000, 24 }, { 0xC0000200, 24 },
    { 0xC0A80000, 16 }, { 0xC6120000, 15 }, { 0xC6336400, 24 }, { 0xCB007100, 24 },
    { 0xE0000000, 3 },
};

static bool is_public_4(uint32_t address)
{
    for (size_t i = 0; i < NST_COUNT(private_networks); i++)
        if ((address ^ private_networks[i].base) >> (32 - private_networks[i].bits) == 0)
            return false;
    return true;
}

static uint32_t word_at(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Addresses of the global unicast range; those that carry one of IPv4 are judged by that. */
static bool is_public_6(const unsigned char a[16])
{
    static const unsigned char mapped[12] = { [10] = 0xFF, [11] = 0xFF },
                               translated[12] = { 0x00, 0x64, 0xFF, 0x9B };
    if (memcmp(a, mapped, sizeof(mapped)) == 0 || memcmp(a, translated, sizeof(translated)) == 0)
        return is_public_4(word_at(a + 12));
    if (a[0] == 0x20 && a[1] == 0x02)
        return is_public_4(word_at(a + 2));
    bool is_documented = word_at(a) == 0x20010DB8, is_special = word_at(a) >> 9 == 0x20010000 >> 9;
    return (a[0] & 0xE0) == 0x20 && !is_documented && !is_special;
}

bool ocl_address_is_public(const struct sockaddr *address)
{
    const struct sockaddr_in *four = (const struct sockaddr_in *)(const void *)address;
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)(const void *)address;
    if (address->sa_family == AF_INET)
        return is_public_4(ntohl(four->sin_addr.s_addr));
    return address->sa_family == AF_INET6 && is_public_6(six->sin6_addr.s6_addr);
}

static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct fetch *f = arg;
    (void)purpose;
    f->is_refused = nst_worker_fetch() != NST_FETCH_ANY && !ocl_address_is_public(&address->addr);
    return f->is_refused
               ? CURL_SOCKET_BAD
               : socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* ---- Fetching ---- */

static size_t take(char *data, size_t one, size_t n, void *arg)
{
    struct fetch *f = arg;
    (void)one;
    f->size += n;
    if (f->size > OCL_IMPORT_FILE_MAX)
        return 0;
    if (nst_write_all(f->fd, (struct nst_str){ data, n }))
        return n;
    f->err = nst_err_of_write(errno);
    return 0;
}

static int look(void *arg, curl_off_t all, curl_off_t now, curl_off_t up_all, curl_off_t up_now)
{
    const struct fetch *f = arg;
    (void)all, (void)now, (void)up_all, (void)up_now;
    return nst_task_is_cut(f->task);
}

static void set_up(CURL *curl, struct fetch *f, const char *url, char *error)
{
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(curl, CURLOPT_MAXREDIRS, REDIRECTS_MAX);
    curl_easy_setopt(curl, CURLOPT_PROXY, ""); /* its address would be judged, not the host's */
    curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, SLOW_BYTES);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, SLOW_SECONDS);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, TIME_MAX);
    curl_easy_setopt(curl, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)OCL_IMPORT_FILE_MAX);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "nestor/" NESTOR_VERSION);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, f);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, f);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, look);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, f);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
}

static enum nst_err fail(struct nst_task *t, const char *why)
{
    t->error = nst_strf(t->arena, "The file cannot be fetched: %s.", why);
    return NST_E_INVALID;
}

static enum nst_err judge(struct fetch *f, CURLcode code, const char *error)
{
    if (code == CURLE_OK)
        return NST_OK;
    if (nst_task_is_cut(f->task))
        return NST_E_BUSY;
    if (f->err != NST_OK)
        return f->err;
    if (f->is_refused)
        return fail(f->task,
                    "its host has no public address, and this server fetches from no other "
                    "(tasks.fetch)");
    if (code == CURLE_FILESIZE_EXCEEDED || f->size > OCL_IMPORT_FILE_MAX)
        return fail(f->task, "it has more than 4 GB");
    return fail(f->task, *error != '\0' ? error : curl_easy_strerror(code));
}

static enum nst_err fetch_into(struct nst_task *t, const char *url, int fd)
{
    struct fetch f = { .task = t, .fd = fd };
    char error[CURL_ERROR_SIZE] = "";
    CURL *curl = curl_easy_init();
    if (curl == NULL)
        return NST_E_BUSY;
    set_up(curl, &f, url, error);
    enum nst_err e = judge(&f, curl_easy_perform(curl), error);
    curl_easy_cleanup(curl);
    return e == NST_OK && fsync(fd) != 0 ? nst_err_of_write(errno) : e;
}

enum nst_err ocl_import_fetch(struct nst_task *t, struct nst_str url, const char *path)
{
    const char *part = nst_strf(t->arena, "%s.part", path).p;
    if (nst_worker_fetch() == NST_FETCH_NONE)
        return fail(t, "this server fetches no files any more (tasks.fetch)");
    int fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return nst_err_of_write(errno);
    enum nst_err e = fetch_into(t, nst_str_to_z(t->arena, url), fd);
    close(fd);
    if (e == NST_OK && !nst_rename_durably(part, path, nst_str_to_z(t->arena, t->folder)))
        e = nst_err_of_write(errno);
    if (e != NST_OK)
        (void)unlink(part);
    return e;
}
