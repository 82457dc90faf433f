/* Working out a difference, and following one. Rows stand newest first in both documents, so that
 * one walk through both finds those that are in both. */
#include "difference.h"

#include "nestor/base/file.h"
#include "ocl/lines/lines.h"
#include "ocl/lines/pieces.h"

#include <errno.h>
#include <string.h>

#define ROWS_AT_ONCE 2000
#define SWAP_MAX     2048 /* bytes: what the longest id of a version takes */
#define ENTRY        "difference.jsonl"
#define ROW_BEGIN    "{\"row\":" /* a row stands in its line as it is, up to the last brace */
#define TEXT_MAX     (2 * OCL_LINE_MAX)

/* ---- Rows of both ---- */

/* Every mapping says which version it was exported with (V622): `is` where it `was` that makes no
 * other row of it. */
struct swap {
    struct nst_str was, is;
};

static struct nst_str member_of(struct nst_arena *a, struct nst_str version)
{
    struct nst_buf b;
    nst_buf_init(&b, a, TEXT_MAX);
    nst_put_lit(&b, "\"latest_source_version\":");
    nst_json_put_str(&b, version);
    return nst_buf_str(&b);
}

static struct nst_str swap_in(struct nst_arena *a, struct nst_str row, const struct swap *s)
{
    const char *at = s->was.n > 0 ? memmem(row.p, row.n, s->was.p, s->was.n) : NULL;
    if (at == NULL)
        return row;
    size_t before = (size_t)(at - row.p);
    return nst_strf(a, "%.*s%.*s%.*s", NST_FMT(nst_str_slice(row, 0, before)), NST_FMT(s->is),
                    NST_FMT(nst_str_slice(row, before + s->was.n, row.n)));
}

/* ---- Working it out ---- */

struct ocl_difference {
    struct nst_arena *home, *scratch;
    struct ocl_pieces *older, *newer;
    struct ocl_piece old; /* the next one of the older document */
    bool has_old;
    struct swap swap;
    struct ocl_packer packer;
    uint64_t kept, dropped; /* rows that are not written yet */
    uint64_t done;
    bool is_broken; /* nothing more can be written */
};

static void put(struct ocl_difference *d, struct nst_str line)
{
    d->is_broken = d->is_broken || !ocl_packer_put(&d->packer, line, false) ||
                   !ocl_packer_put(&d->packer, NST_STR("\n"), false);
}

static void put_count(struct ocl_difference *d, const char *what, uint64_t *count)
{
    if (*count > 0)
        put(d, nst_strf(d->scratch, "{\"%s\":%llu}", what, (unsigned long long)*count));
    *count = 0;
}

static void keep(struct ocl_difference *d)
{
    put_count(d, "drop", &d->dropped);
    d->kept++;
}

static void drop(struct ocl_difference *d)
{
    put_count(d, "keep", &d->kept);
    d->dropped++;
}

static void put_counts(struct ocl_difference *d)
{
    put_count(d, "keep", &d->kept);
    put_count(d, "drop", &d->dropped);
}

static void put_text(struct ocl_difference *d, struct nst_str text)
{
    struct nst_buf b;
    put_counts(d);
    nst_buf_init(&b, d->scratch, TEXT_MAX);
    nst_put_lit(&b, "{\"text\":");
    nst_json_put_str(&b, text);
    nst_put_char(&b, '}');
    d->is_broken |= b.is_full;
    put(d, nst_buf_str(&b));
}

static void put_row(struct ocl_difference *d, struct nst_str row)
{
    put_counts(d);
    put(d, nst_strf(d->scratch, ROW_BEGIN "%.*s}", NST_FMT(row)));
}

static void put_head(struct ocl_difference *d, const struct ocl_differing *what)
{
    struct nst_buf b;
    nst_buf_init(&b, d->scratch, TEXT_MAX);
    nst_putf(&b, "{\"type\":\"Difference\",\"older\":\"%.*s\",\"newer\":\"%.*s\",\"time\":%lld",
             NST_FMT(what->older_digest), NST_FMT(what->newer_digest), (long long)what->time);
    nst_put_lit(&b, ",\"was\":");
    nst_json_put_str(&b, d->swap.was);
    nst_put_lit(&b, ",\"is\":");
    nst_json_put_str(&b, d->swap.is);
    nst_put_char(&b, '}');
    put(d, nst_buf_str(&b));
}

static void next_old(struct ocl_difference *d)
{
    d->has_old = ocl_pieces_next(&d->old, d->older);
}

/* The list of the older document that stands at the same place is over, too. */
static void take_text(struct ocl_difference *d, const struct ocl_piece *piece)
{
    for (; d->has_old && d->old.is_row; next_old(d))
        drop(d);
    put_text(d, ocl_piece_text(d->scratch, d->newer, piece));
    next_old(d);
}

static void take_row(struct ocl_difference *d, const struct ocl_piece *piece)
{
    struct nst_arena *a = d->scratch;
    struct nst_str row = ocl_piece_text(a, d->newer, piece);
    int64_t number = ocl_piece_number(a, d->newer, piece), old = INT64_MAX;
    while (d->has_old && d->old.is_row && old > number) {
        old = ocl_piece_number(a, d->older, &d->old);
        if (old > number)
            drop(d);
        if (old > number)
            next_old(d);
    }
    bool is_there = d->has_old && d->old.is_row && old == number;
    if (is_there && nst_str_eq(swap_in(a, ocl_piece_text(a, d->older, &d->old), &d->swap), row)) {
        keep(d);
    } else {
        if (is_there)
            drop(d);
        put_row(d, row);
    }
    if (is_there)
        next_old(d);
}

static bool refuse(struct nst_str *why, struct nst_arena *a, const struct ocl_difference *d)
{
    if (!d->is_broken)
        *why = nst_strf(a, "The exports cannot be compared: one of them is none of ours.");
    return false;
}

bool ocl_difference_go_on(bool *is_over, struct nst_str *why, struct nst_arena *a,
                          struct ocl_difference *d)
{
    *is_over = false;
    *why = (struct nst_str){ 0 };
    for (unsigned n = 0; n < ROWS_AT_ONCE && !*is_over && !d->is_broken; n++) {
        struct ocl_piece piece;
        nst_arena_reset(d->scratch);
        *is_over = !ocl_pieces_next(&piece, d->newer);
        if (*is_over)
            break;
        if (piece.is_row)
            take_row(d, &piece);
        else
            take_text(d, &piece);
        d->done = piece.to;
    }
    if (*is_over && !d->is_broken) {
        put_counts(d);
        d->is_broken = d->is_broken || !ocl_packer_put(&d->packer, NST_STR(""), true);
    }
    bool is_whole = !*is_over || ocl_pieces_are_whole(d->newer);
    return (is_whole && !d->is_broken) || refuse(why, a, d);
}

bool ocl_difference_open(struct ocl_difference **out, struct nst_str *why, struct nst_arena *a,
                         const struct ocl_differing *what)
{
    struct nst_arena *home = nst_arena_new(4096);
    struct ocl_difference *d = NST_NEW(home, struct ocl_difference);
    struct nst_str reason;
    *d = (struct ocl_difference){ .home = home, .scratch = nst_arena_new((size_t)1 << 20) };
    d->swap.was = member_of(home, what->older_version);
    d->swap.is = member_of(home, what->newer_version);
    ocl_packer_init(&d->packer, ENTRY, what->time, what->write, what->arg);
    bool good = ocl_pieces_open(&d->older, &reason, a, what->older, what->folder) &&
                ocl_pieces_open(&d->newer, &reason, a, what->newer, what->folder);
    if (!good) {
        *why = nst_strf(a, "The exports cannot be compared: one of them %.*s.", NST_FMT(reason));
        ocl_difference_close(d);
        return false;
    }
    put_head(d, what);
    next_old(d);
    *out = d;
    return true;
}

uint64_t ocl_difference_done(const struct ocl_difference *d)
{
    return d->done;
}

uint64_t ocl_difference_total(const struct ocl_difference *d)
{
    return ocl_pieces_size(d->newer);
}

int64_t ocl_difference_size(const struct ocl_difference *d)
{
    return d->packer.size;
}

void ocl_difference_close(struct ocl_difference *d)
{
    if (d == NULL)
        return;
    ocl_pieces_close(d->older);
    ocl_pieces_close(d->newer);
    ocl_packer_release(&d->packer);
    nst_arena_free(d->scratch);
    nst_arena_free(d->home);
}

/* ---- Following it ---- */

struct follower {
    const struct ocl_following *what;
    struct nst_arena *home, *scratch;
    struct ocl_lines *lines;
    struct ocl_pieces *older;
    struct ocl_packer packer;
    struct swap swap;
    struct nst_str promised; /* the digest of what comes out */
    int64_t time;
    bool has_row;       /* before: a comma stands between */
    struct nst_str why; /* null: nothing is wrong, or it was cut */
    int failure;        /* errno of a write; 0: none */
};

static bool fail(struct follower *f, const char *why)
{
    if (f->why.p == NULL)
        f->why = nst_str_z(why);
    return false;
}

static bool write_bytes(void *arg, struct nst_str bytes)
{
    struct follower *f = arg;
    bool good = nst_write_all(f->what->to, bytes);
    if (!good)
        f->failure = errno;
    return good;
}

static bool pack(struct follower *f, struct nst_str bytes, bool is_last)
{
    return ocl_packer_put(&f->packer, bytes, is_last) ||
           fail(f, f->failure != 0 ? strerror(f->failure) : "what it makes has more than 4 GB");
}

static bool pack_row(struct follower *f, struct nst_str row)
{
    bool good = (!f->has_row || pack(f, NST_STR(","), false)) && pack(f, row, false);
    f->has_row = true;
    return good;
}

/* Rows alone count of the older document. */
static bool next_old_row(struct ocl_piece *row, struct follower *f)
{
    while (ocl_pieces_next(row, f->older))
        if (row->is_row)
            return true;
    return fail(f, "it names rows that the older export does not have");
}

static bool pass_rows(struct follower *f, uint64_t count, bool are_kept)
{
    struct ocl_piece row;
    for (uint64_t i = 0; i < count; i++) {
        if (nst_task_is_cut(f->what->task) || !next_old_row(&row, f))
            return false;
        nst_arena_reset(f->scratch);
        struct nst_str text = { 0 };
        if (are_kept)
            text = swap_in(f->scratch, ocl_piece_text(f->scratch, f->older, &row), &f->swap);
        if (are_kept && !pack_row(f, text))
            return false;
    }
    return true;
}

static bool count_of(int64_t *out, const struct nst_json *line, const char *name)
{
    const struct nst_json *v = nst_json_get(line, nst_str_z(name));
    return v != NULL && v->kind == NST_JSON_NUMBER && nst_str_int(out, v->text) && *out >= 0;
}

static bool take_line(struct follower *f, const struct ocl_line_text *line)
{
    struct nst_str bytes = line->text;
    int64_t count;
    if (nst_str_starts(bytes, NST_STR(ROW_BEGIN)) && nst_str_ends(bytes, NST_STR("}")))
        return pack_row(f, nst_str_slice(bytes, sizeof(ROW_BEGIN) - 1, bytes.n - 1));
    const struct nst_json *text = nst_json_get(line->tree, NST_STR("text"));
    if (text != NULL && text->kind == NST_JSON_STRING) {
        f->has_row = false;
        return pack(f, text->text, false);
    }
    if (count_of(&count, line->tree, "keep"))
        return pass_rows(f, (uint64_t)count, true);
    if (count_of(&count, line->tree, "drop"))
        return pass_rows(f, (uint64_t)count, false);
    return fail(f, "it has a line that is not known");
}

static struct nst_str text_of(struct nst_arena *a, const struct nst_json *line, const char *name)
{
    const struct nst_json *v = nst_json_get(line, nst_str_z(name));
    return v != NULL && v->kind == NST_JSON_STRING ? nst_str_copy(a, v->text)
                                                   : (struct nst_str){ 0 };
}

static bool read_head(struct follower *f, const struct nst_json *tree)
{
    if (!nst_str_eq(text_of(f->scratch, tree, "type"), NST_STR("Difference")))
        return fail(f, "it is none");
    if (!nst_str_eq(text_of(f->scratch, tree, "older"), f->what->older_digest))
        return fail(f, "it is one from another export than the one that is here");
    f->promised = text_of(f->home, tree, "newer");
    f->swap.was = text_of(f->home, tree, "was");
    f->swap.is = text_of(f->home, tree, "is");
    if (f->swap.was.n > SWAP_MAX || f->swap.is.n > SWAP_MAX)
        return fail(f, "it changes too much in each row");
    return count_of(&f->time, tree, "time") || fail(f, "it is none");
}

static bool next_line(struct ocl_line_text *line, struct follower *f)
{
    nst_arena_reset(f->scratch);
    return ocl_lines_next(line, f->lines, f->scratch) &&
           (line->tree != NULL || fail(f, "it has a line that is no JSON"));
}

/* What is cut short has another digest. */
static bool follow_lines(struct follower *f)
{
    struct ocl_line_text line;
    bool good = (next_line(&line, f) || fail(f, "it is empty")) && read_head(f, line.tree);
    if (good)
        ocl_packer_init(&f->packer, OCL_EXPORT_ENTRY, f->time, write_bytes, f);
    while (good && next_line(&line, f))
        good = take_line(f, &line);
    return good && f->why.p == NULL && pack(f, NST_STR(""), true);
}

static bool open_files(struct follower *f)
{
    struct nst_str why;
    if (!ocl_pieces_open(&f->older, &why, f->home, f->what->older, f->what->folder))
        return fail(f, "the export that is here cannot be read");
    return ocl_lines_open(&f->lines, &why, f->home, f->what->difference, f->what->folder) ||
           fail(f, nst_strf(f->home, "it %.*s", NST_FMT(why)).p);
}

static bool follow(struct ocl_followed *out, struct follower *f, struct nst_arena *a)
{
    if (!open_files(f) || !follow_lines(f))
        return false;
    out->size = f->packer.size;
    out->digest = ocl_packer_digest(&f->packer, a);
    return nst_str_eq(out->digest, f->promised) ||
           fail(f, "what it makes has another SHA-256 than it says");
}

bool ocl_difference_follow(struct ocl_followed *out, struct nst_str *why, struct nst_arena *a,
                           const struct ocl_following *what)
{
    struct follower f = { .what = what,
                          .home = nst_arena_new(4096),
                          .scratch = nst_arena_new((size_t)1 << 20) };
    *out = (struct ocl_followed){ 0 };
    bool good = follow(out, &f, a);
    *why = nst_str_copy(a, f.why);
    ocl_lines_close(f.lines);
    if (f.packer.arena != NULL)
        ocl_packer_release(&f.packer);
    ocl_pieces_close(f.older);
    nst_arena_free(f.scratch);
    nst_arena_free(f.home);
    return good;
}
