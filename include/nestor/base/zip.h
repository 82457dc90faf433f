/* A ZIP file with one member (APPNOTE.TXT 6.3.10), made piece by piece in constant memory.
 *
 * The same pieces give the same bytes: the member has the time that it is given, or none. Its sizes
 * stand behind it (4.3.9), since they are not known before. There is no ZIP64: older readers of
 * streams stumble over it, hence a member has at most 4 GB. */
#ifndef NESTOR_BASE_ZIP_H
#define NESTOR_BASE_ZIP_H

#include "nestor/base/buf.h"
#include "nestor/base/err.h"

/* Where the file stands: a value, which may be copied, and given up at any time. Begins with
 * nothing but name and time. */
struct nst_zip {
    const char *name; /* of the member: ASCII, without a folder */
    int64_t time;     /* of the member, microseconds since 1970; 0: none */
    uint32_t crc;
    uint64_t plain, packed; /* bytes of the member so far */
    bool has_begun;
};

/* Append what the next bytes of the member become, and what stands around them: before the
 * first piece, behind the last, which may be empty.
 * Returns false when the member takes 4 GB or memory is short: the file ends there, broken. */
NST_CHECKED bool nst_zip_put(struct nst_zip *z, struct nst_buf *out, struct nst_str piece,
                             bool is_last);

#endif
