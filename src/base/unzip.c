/* The container is read here, zlib unpacks. Every number in the file is taken for a lie until it
 * fits the file's size: a fault is a sentence, and nothing is read outside of what was checked. */
#include "nestor/base/unzip.h"

#include "nestor/base/file.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define CHUNK 65536

#define END_SIZE       22 /* 4.3.16, without its comment */
#define COMMENT_MAX    65535
#define LOCATOR_SIZE   20 /* 4.3.15 */
#define END64_SIZE     56 /* 4.3.14, without what may follow */
#define ENTRY_SIZE     46 /* 4.3.12, without name, extra fields and comment */
#define LOCAL_SIZE     30 /* 4.3.7, without name and extra fields */
#define EXTRA_ZIP64    1  /* 4.5.3 */
#define NAME_SHOWN     80
#define FLAG_ENCRYPTED 0x0041 /* of either kind (4.4.4) */
#define STORED         0
#define DEFLATED       8

static const char broken[] = "is a broken ZIP archive, perhaps cut short; send it again";

/* An entry of the directory, as far as it matters. */
struct entry {
    unsigned flags, method;
    uint32_t crc;
    uint64_t packed, plain, local; /* bytes; where its local header stands */
    struct nst_str name;
};

struct unzip {
    struct nst_arena *arena;
    struct nst_str why;
    int from, to;
    uint64_t size, directory, directory_end; /* of the ZIP file; places in it */
    struct entry file;                       /* the one that counts */
    uint64_t data, plain;                    /* where its bytes begin; bytes that are written */
    uLong crc;
    unsigned char in[CHUNK], out[CHUNK];
};

static bool refuse(struct unzip *z, const char *why)
{
    z->why = nst_str_z(why);
    return false;
}

static uint64_t number(const unsigned char *p, unsigned bytes)
{
    uint64_t n = 0;
    while (bytes-- > 0)
        n = n << 8 | p[bytes];
    return n;
}

static bool is_signed(const unsigned char *p, const char *signature)
{
    return p[0] == 'P' && p[1] == 'K' && memcmp(p + 2, signature, 2) == 0;
}

/* All n bytes at that place, which have to be before `limit`. */
static bool read_at(struct unzip *z, void *to, size_t n, uint64_t place, uint64_t limit)
{
    size_t got = 0;
    if (place > limit || n > limit - place)
        return refuse(z, broken);
    while (got < n) {
        ssize_t step = pread(z->from, (char *)to + got, n - got, (off_t)(place + got));
        if (step < 0 && errno == EINTR)
            continue;
        if (step <= 0)
            return refuse(z, step < 0 ? "cannot be read" : broken);
        got += (size_t)step;
    }
    return true;
}

/* ---- The end, which tells where the directory stands ---- */

struct end {
    uint64_t place, entries, size, directory;
};

/* 4.3.16: the last place where it can begin, such that its comment ends the file. */
static bool find_end(struct end *e, struct unzip *z)
{
    uint64_t tail = z->size < END_SIZE + COMMENT_MAX ? z->size : END_SIZE + COMMENT_MAX;
    unsigned char *p = (unsigned char *)nst_alloc_text(z->arena, (size_t)tail);
    if (z->size < END_SIZE || !read_at(z, p, (size_t)tail, z->size - tail, z->size))
        return refuse(z, broken);
    for (size_t at = (size_t)tail - END_SIZE + 1; at-- > 0;) {
        if (!is_signed(p + at, "\5\6") || number(p + at + 20, 2) != tail - at - END_SIZE)
            continue;
        *e = (struct end){ .place = z->size - tail + at,
                           .entries = number(p + at + 10, 2),
                           .size = number(p + at + 12, 4),
                           .directory = number(p + at + 16, 4) };
        return number(p + at + 4, 4) == 0 || refuse(z, "is one of several parts of a ZIP archive");
    }
    return refuse(z, broken);
}

/* 4.3.14: where numbers did not fit, they stand in another record before. */
static bool find_end64(struct end *e, struct unzip *z)
{
    unsigned char p[END64_SIZE];
    bool fits = e->entries != UINT16_MAX && e->size != UINT32_MAX && e->directory != UINT32_MAX;
    if (e->place < LOCATOR_SIZE)
        return fits || refuse(z, broken);
    if (!read_at(z, p, LOCATOR_SIZE, e->place - LOCATOR_SIZE, z->size))
        return false;
    if (!is_signed(p, "\6\7"))
        return fits || refuse(z, broken);
    uint64_t place = number(p + 8, 8);
    if (!read_at(z, p, END64_SIZE, place, e->place - LOCATOR_SIZE))
        return false;
    if (!is_signed(p, "\6\6"))
        return refuse(z, broken);
    *e = (struct end){ .place = place,
                       .entries = number(p + 32, 8),
                       .size = number(p + 40, 8),
                       .directory = number(p + 48, 8) };
    return true;
}

static bool find_directory(uint64_t *entries, struct unzip *z)
{
    struct end e;
    if (!find_end(&e, z) || !find_end64(&e, z))
        return false;
    if (e.directory > e.place || e.size != e.place - e.directory)
        return refuse(z, broken);
    if (e.entries > NST_UNZIP_ENTRIES)
        return refuse(z, "holds more than " NST_DIGITS(NST_UNZIP_ENTRIES) " files and folders");
    z->directory = e.directory;
    z->directory_end = e.place;
    *entries = e.entries;
    return true;
}

/* ---- The directory ---- */

/* 4.5.3: those of the three numbers that did not fit into 32 bits, in this order. */
static bool take_zip64(struct entry *f, const unsigned char *p, size_t n)
{
    uint64_t *wide[] = { &f->plain, &f->packed, &f->local };
    for (size_t i = 0; i < NST_COUNT(wide); i++) {
        if (*wide[i] != UINT32_MAX)
            continue;
        if (n < 8)
            return false;
        *wide[i] = number(p, 8);
        p += 8;
        n -= 8;
    }
    return true;
}

static bool take_extra(struct entry *f, const unsigned char *p, size_t n)
{
    while (n >= 4) {
        size_t length = (size_t)number(p + 2, 2);
        if (length > n - 4)
            return false;
        if (number(p, 2) == EXTRA_ZIP64)
            return take_zip64(f, p + 4, length);
        p += 4 + length;
        n -= 4 + length;
    }
    return true;
}

/* A name that would lead out of a folder is the mark of an attack, even where nothing of it is
 * used: such an archive is refused whole. */
static bool is_safe(struct nst_str name)
{
    bool is_absolute = name.n == 0 || name.p[0] == '/' || (name.n > 1 && name.p[1] == ':');
    if (is_absolute || nst_str_find(name, '\\') < name.n || nst_str_find(name, '\0') < name.n)
        return false;
    while (name.p != NULL)
        if (nst_str_eq(nst_str_cut(&name, '/'), NST_STR("..")))
            return false;
    return true;
}

/* Read the entry at *place, and pass it. */
static bool read_entry(struct entry *f, struct unzip *z, uint64_t *place)
{
    unsigned char p[ENTRY_SIZE];
    if (!read_at(z, p, sizeof(p), *place, z->directory_end))
        return false;
    size_t name = (size_t)number(p + 28, 2), extra = (size_t)number(p + 30, 2);
    unsigned char *rest = (unsigned char *)nst_alloc_text(z->arena, name + extra + 1);
    if (!is_signed(p, "\1\2") ||
        !read_at(z, rest, name + extra, *place + sizeof(p), z->directory_end))
        return refuse(z, broken);
    *f = (struct entry){ .flags = (unsigned)number(p + 8, 2),
                         .method = (unsigned)number(p + 10, 2),
                         .crc = (uint32_t)number(p + 16, 4),
                         .packed = number(p + 20, 4),
                         .plain = number(p + 24, 4),
                         .local = number(p + 42, 4),
                         .name = { (char *)rest, name } };
    *place += sizeof(p) + name + extra + number(p + 32, 2);
    if (!take_extra(f, rest + name, extra))
        return refuse(z, broken);
    return is_safe(f->name) ||
           refuse(z, "holds a file whose name leads out of its folder; pack it anew");
}

static bool counts(const struct entry *f)
{
    return !nst_str_ends(f->name, NST_STR("/")) && !nst_str_starts(f->name, NST_STR("__MACOSX/"));
}

/* Names are shown as far as they can be: they come in any charset. */
static bool refuse_second(struct unzip *z, const struct entry *f)
{
    struct nst_str one = nst_str_slice(z->file.name, 0, NAME_SHOWN);
    struct nst_str two = nst_str_slice(f->name, 0, NAME_SHOWN);
    if (!nst_utf8_valid(one) || !nst_utf8_valid(two))
        return refuse(z, "holds more than one file; send each by itself");
    z->why = nst_strf(z->arena, "holds more than one file (%.*s, %.*s); send each by itself",
                      NST_FMT(one), NST_FMT(two));
    return false;
}

static bool find_file(struct unzip *z, uint64_t entries)
{
    uint64_t place = z->directory;
    for (uint64_t i = 0; i < entries; i++) {
        struct nst_mark mark = nst_arena_mark(z->arena);
        struct entry f;
        if (!read_entry(&f, z, &place))
            return false;
        if (!counts(&f)) {
            nst_arena_rewind(z->arena, mark);
            continue;
        }
        if (z->file.name.p != NULL)
            return refuse_second(z, &f);
        z->file = f;
    }
    if (place > z->directory_end)
        return refuse(z, broken);
    return z->file.name.p != NULL || refuse(z, "is a ZIP archive without a file");
}

/* ---- The file ---- */

static bool judge_file(struct unzip *z)
{
    const struct entry *f = &z->file;
    if ((f->flags & FLAG_ENCRYPTED) != 0)
        return refuse(z, "is an encrypted ZIP archive; pack it without a password");
    if (f->method != STORED && f->method != DEFLATED)
        return refuse(z, "is packed in a way that is not read here; use deflate, as zip does");
    if (f->method == STORED && f->packed != f->plain)
        return refuse(z, broken);
    if (f->plain > NST_UNZIP_MAX)
        return refuse(z, "holds a file of more than 16 GiB; split it");
    if (f->plain > NST_UNZIP_SMALL && f->plain / NST_UNZIP_RATIO > f->packed)
        return refuse(z, "unpacks to more than " NST_DIGITS(
                             NST_UNZIP_RATIO) " times its size, as no file of data does");
    return true;
}

/* 4.3.7: only how long its name and extra fields are is of use; the directory has the rest. */
static bool find_data(struct unzip *z)
{
    unsigned char p[LOCAL_SIZE];
    if (!read_at(z, p, sizeof(p), z->file.local, z->directory))
        return false;
    z->data = z->file.local + sizeof(p) + number(p + 26, 2) + number(p + 28, 2);
    bool is_inside = z->data <= z->directory && z->file.packed <= z->directory - z->data;
    return (is_signed(p, "\3\4") && is_inside) || refuse(z, broken);
}

static bool put(struct unzip *z, const unsigned char *p, size_t n)
{
    if (n > z->file.plain - z->plain)
        return refuse(z, broken);
    z->crc = n > 0 ? crc32(z->crc, p, (uInt)n) : z->crc; /* of NULL it would begin anew */
    z->plain += n;
    if (!nst_write_all(z->to, (struct nst_str){ (const char *)p, n }))
        return refuse(z, errno == ENOSPC ? "is a ZIP archive, and there is no room to unpack it"
                                         : "is a ZIP archive that cannot be unpacked here");
    return true;
}

/* Unpack what of a piece is at hand; *ended once the stream says so. */
static bool inflate_piece(bool *ended, struct unzip *z, z_stream *s)
{
    do {
        s->next_out = z->out;
        s->avail_out = CHUNK;
        int outcome = inflate(s, Z_NO_FLUSH);
        if (outcome != Z_OK && outcome != Z_STREAM_END && outcome != Z_BUF_ERROR)
            return refuse(z, broken);
        *ended = outcome == Z_STREAM_END;
        if (!put(z, z->out, CHUNK - s->avail_out))
            return false;
    } while (!*ended && (s->avail_in > 0 || s->avail_out == 0));
    return s->avail_in == 0 || refuse(z, broken);
}

static bool copy_data(struct unzip *z, z_stream *s)
{
    bool is_stored = z->file.method == STORED, ended = is_stored;
    for (uint64_t done = 0; done < z->file.packed;) {
        uint64_t left = z->file.packed - done;
        size_t n = left < CHUNK ? (size_t)left : CHUNK;
        if (!read_at(z, z->in, n, z->data + done, z->directory))
            return false;
        s->next_in = z->in;
        s->avail_in = (uInt)n;
        if (!(is_stored ? put(z, z->in, n) : inflate_piece(&ended, z, s)))
            return false;
        done += n;
        if (ended && !is_stored && done < z->file.packed)
            return refuse(z, broken);
    }
    return (ended && z->plain == z->file.plain && z->crc == z->file.crc) || refuse(z, broken);
}

static bool unpack(struct unzip *z)
{
    z_stream s = { 0 };
    if (inflateInit2(&s, -MAX_WBITS) != Z_OK)
        return refuse(z, "is a ZIP archive, and there is no memory to unpack it");
    z->crc = crc32(0, NULL, 0);
    bool is_good = copy_data(z, &s);
    inflateEnd(&s);
    return is_good;
}

bool nst_unzip_is_zip(struct nst_str start)
{
    return nst_str_starts(start, NST_STR("PK\3\4")) || nst_str_starts(start, NST_STR("PK\5\6"));
}

bool nst_unzip(struct nst_str *why, struct nst_arena *a, int to, int from)
{
    struct unzip *z = NST_NEW(a, struct unzip);
    struct stat st;
    uint64_t entries;
    *z = (struct unzip){ .arena = a, .from = from, .to = to };
    z->size = fstat(from, &st) == 0 ? (uint64_t)st.st_size : 0;
    bool is_good = find_directory(&entries, z) && find_file(z, entries) && judge_file(z) &&
                   find_data(z) && unpack(z);
    *why = z->why;
    return is_good;
}
