/* The container is written here, zlib packs. Every piece is packed by itself, up to a border of
 * bytes (Z_SYNC_FLUSH): so a few numbers are all that is kept between them. */
#include "nestor/base/zip.h"

#include "nestor/base/time.h"

#include <assert.h>
#include <time.h>
#include <zlib.h>

#define CHUNK    16384
#define VERSION  20     /* of the format: deflate */
#define MADE_BY  0x0314 /* Unix, 2.0 */
#define FLAGS    0x0008 /* crc and sizes stand behind the member */
#define DEFLATED 8
#define NO_TIME  0x00210000u /* 1 January 1980, the first that there is */
#define MODE     (0100644u << 16)

/* What stands around the member counts as well. */
#define MEMBER_MAX (UINT32_MAX - 4096)

static void put16(struct nst_buf *out, unsigned n)
{
    nst_put_char(out, (char)(n & 0xFF));
    nst_put_char(out, (char)(n >> 8 & 0xFF));
}

static void put32(struct nst_buf *out, uint64_t n)
{
    put16(out, (unsigned)(n & 0xFFFF));
    put16(out, (unsigned)(n >> 16 & 0xFFFF));
}

static void put_sums(struct nst_buf *out, const struct nst_zip *z)
{
    put32(out, z->crc);
    put32(out, z->packed);
    put32(out, z->plain);
}

/* 4.4.6: in UTC, since a file must not differ by where it is made; seconds are even. */
static uint32_t dos_time(int64_t time)
{
    const time_t seconds = (time_t)(time / NST_SECOND);
    struct tm at;
    if (time <= 0 || gmtime_r(&seconds, &at) == NULL || at.tm_year < 80 || at.tm_year > 207)
        return NO_TIME;
    return (uint32_t)(at.tm_year - 80) << 25 | (uint32_t)(at.tm_mon + 1) << 21 |
           (uint32_t)at.tm_mday << 16 | (uint32_t)at.tm_hour << 11 | (uint32_t)at.tm_min << 5 |
           (uint32_t)at.tm_sec / 2;
}

static void put_kind(struct nst_buf *out, const struct nst_zip *z)
{
    put16(out, VERSION);
    put16(out, FLAGS);
    put16(out, DEFLATED);
    put32(out, dos_time(z->time));
}

/* 4.3.7: local file header. */
static void put_local_header(struct nst_buf *out, const struct nst_zip *z)
{
    nst_put_lit(out, "PK\3\4");
    put_kind(out, z);
    put_sums(out, z);
    put16(out, (unsigned)strlen(z->name));
    put16(out, 0);
    nst_put_z(out, z->name);
}

#define LOCAL_HEADER 30 /* bytes, without the name */
#define DESCRIPTOR   16

/* 4.3.12: the central directory, with its one entry; returns its bytes. */
static size_t put_directory(struct nst_buf *out, const struct nst_zip *z)
{
    size_t begin = out->n;
    nst_put_lit(out, "PK\1\2");
    put16(out, MADE_BY);
    put_kind(out, z);
    put_sums(out, z);
    put16(out, (unsigned)strlen(z->name));
    put32(out, 0); /* extra field, comment */
    put32(out, 0); /* disk, internal attributes */
    put32(out, MODE);
    put32(out, 0); /* where the local header stands */
    nst_put_z(out, z->name);
    return out->n - begin;
}

/* 4.3.9 and 4.3.16: what stands behind the member. */
static void put_end(struct nst_buf *out, const struct nst_zip *z)
{
    nst_put_lit(out, "PK\7\10");
    put_sums(out, z);
    size_t directory = put_directory(out, z);
    nst_put_lit(out, "PK\5\6");
    put32(out, 0); /* disks */
    put16(out, 1);
    put16(out, 1);
    put32(out, directory);
    put32(out, LOCAL_HEADER + strlen(z->name) + z->packed + DESCRIPTOR);
    put16(out, 0);
}

/* Append what the stream has to say, all of it. */
static void drain(struct nst_buf *out, z_stream *s, int flush)
{
    unsigned char chunk[CHUNK];
    do {
        s->next_out = chunk;
        s->avail_out = CHUNK;
        int outcome = deflate(s, flush);
        assert(outcome != Z_STREAM_ERROR);
        (void)outcome;
        nst_put(out, (struct nst_str){ (char *)chunk, CHUNK - s->avail_out });
    } while (s->avail_out == 0);
}

static bool pack(struct nst_zip *z, struct nst_buf *out, struct nst_str piece, bool is_last)
{
    z_stream s = { .next_in = (unsigned char *)piece.p, .avail_in = (uInt)piece.n };
    size_t begin = out->n;
    if (deflateInit2(&s, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -MAX_WBITS, MAX_MEM_LEVEL - 1,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        return false;
    drain(out, &s, is_last ? Z_FINISH : Z_SYNC_FLUSH);
    deflateEnd(&s);
    if (piece.n > 0) /* of NULL it would begin anew */
        z->crc = (uint32_t)crc32(z->crc, (const unsigned char *)piece.p, (uInt)piece.n);
    z->plain += piece.n;
    z->packed += out->n - begin;
    return z->plain < MEMBER_MAX && z->packed < MEMBER_MAX;
}

bool nst_zip_put(struct nst_zip *z, struct nst_buf *out, struct nst_str piece, bool is_last)
{
    if (!z->has_begun)
        put_local_header(out, z);
    z->has_begun = true;
    if (!pack(z, out, piece, is_last))
        return false;
    if (is_last)
        put_end(out, z);
    return true;
}
