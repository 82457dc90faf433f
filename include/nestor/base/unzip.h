/* What is in a ZIP file (APPNOTE.TXT 6.3.10) that holds exactly one file.
 *
 * The directory at the end of the ZIP file is what counts; it is walked, not kept, so that memory
 * is constant however many entries a hostile one names. Members are stored or deflated, their
 * sizes may stand behind them or in ZIP64 fields. Folders, and what lies in `__MACOSX/`, do not
 * count. */
#ifndef NESTOR_BASE_UNZIP_H
#define NESTOR_BASE_UNZIP_H

#include "nestor/base/arena.h"
#include "nestor/base/err.h"

/* Bytes of the file inside: of an export that is some ten million concepts. */
#define NST_UNZIP_MAX ((uint64_t)16 << 30)

/* Deflate reaches 1032 to 1. Concepts that differ in a number reach 30 to 1 (measured), one concept
 * again and again 230 to 1. What is small may be anything: it harms nobody. */
#define NST_UNZIP_RATIO 400
#define NST_UNZIP_SMALL ((uint64_t)16 << 20)

/* Folders and the like beside the one file. */
#define NST_UNZIP_ENTRIES 10000

/* The first bytes of every ZIP file, an empty one's among them. */
bool nst_unzip_is_zip(struct nst_str start);

/* Unpack the one file.
 *   why   set where false is returned: a sentence without subject ("is encrypted"), owned by a
 *   to    written from its present place on; of no use where false is returned
 *   from  a seekable file, read from wherever is needed; its place stays
 * Returns true when all of it is there and its checksum is right. Blocks on both files. */
NST_CHECKED bool nst_unzip(struct nst_str *why, struct nst_arena *a, int to, int from);

#endif
