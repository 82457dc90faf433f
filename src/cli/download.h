/* Fetching a file of any size for verbs that take --server: a download that is cut goes on where it
 * was, as long as the server has the same file; nothing is kept in memory. */
#ifndef NESTOR_CLI_DOWNLOAD_H
#define NESTOR_CLI_DOWNLOAD_H

#include "cli.h"

/* What the server said of the file; null: it did not. Good while the download runs. */
struct cli_file_head {
    struct nst_str etag, disposition, digest; /* digest: that of Repr-Digest (RFC 9530) */
    int64_t size;                             /* bytes of the whole file; -1: not said */
};

struct cli_download {
    struct nst_arena *arena;
    const char *url;
    struct nst_str authorization; /* value of that header; sent to that server alone */
    /* Before the first byte, and again where the file became another one meanwhile. Returns false
     * where it cannot go on. */
    bool (*begin)(void *arg, const struct cli_file_head *head);
    bool (*take)(void *arg, struct nst_str bytes);
    void *arg;

    long status;         /* of the last answer: 200 when all is there; 0: none came */
    struct nst_str body; /* of an answer that is no file, its beginning */
    int64_t got;         /* bytes of the file so far */
    bool is_stopped;     /* begin or take returned false, or the user wants it */
};

/* Fetch it. Tries as often as cli_http_send does, and anew after each that brought something.
 * Returns true when all bytes have been taken. Blocks. */
bool cli_download(struct cli_download *d);

#endif
