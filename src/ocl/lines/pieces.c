/* The pieces of an export: two walks, one over the members of the document, one over the rows of
 * the list that it stands on. */
#include "pieces.h"

#include "internal.h"

#include "nestor/base/unzip.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

struct ocl_pieces {
    struct nst_arena *home;
    struct ocl_lines_file file;
    int unpacked; /* a file of ours; -1: there is none */
    struct ocl_lines_walk members, rows;
    uint64_t behind; /* the end of the last piece */
    bool is_in_list, is_first, is_over, is_broken;
};

/* ---- Opening ---- */

static bool begin(struct nst_str *why, struct ocl_pieces *p, struct nst_arena *a, int fd,
                  const char *folder)
{
    if (!ocl_lines_file_init(&p->file, p->home, fd)) {
        *why = nst_strf(a, "cannot be read: %s", strerror(errno));
        return false;
    }
    if (nst_unzip_is_zip(ocl_lines_span(&p->file, p->home, 0, 4))) {
        p->unpacked = ocl_lines_unpack(why, &p->file, p->home, a, folder);
        if (p->unpacked < 0)
            return false;
    }
    if (ocl_lines_byte(&p->file, 0) != '{') {
        *why = NST_STR("is no export");
        return false;
    }
    ocl_lines_walk_begin(&p->members, &p->file, 0);
    return true;
}

bool ocl_pieces_open(struct ocl_pieces **out, struct nst_str *why, struct nst_arena *a, int fd,
                     const char *folder)
{
    struct nst_arena *home = nst_arena_new(131072);
    struct ocl_pieces *p = NST_NEW(home, struct ocl_pieces);
    *p = (struct ocl_pieces){ .home = home, .unpacked = -1 };
    bool is_good = begin(why, p, a, fd, folder);
    if (!is_good)
        ocl_pieces_close(p);
    *out = is_good ? p : NULL;
    return is_good;
}

void ocl_pieces_close(struct ocl_pieces *p)
{
    if (p == NULL)
        return;
    if (p->unpacked >= 0)
        close(p->unpacked);
    nst_arena_free(p->home);
}

/* ---- Pieces ---- */

static bool end_piece(struct ocl_piece *piece, struct ocl_pieces *p, uint64_t to)
{
    *piece = (struct ocl_piece){ p->behind, to, false };
    p->behind = to;
    return to - piece->from <= OCL_LINE_MAX;
}

static bool is_list(struct ocl_pieces *p)
{
    return p->members.to - p->members.from > 1 &&
           ocl_lines_byte(&p->file, p->members.from) == '[' &&
           ocl_lines_byte(&p->file, p->members.from + 1) == '{';
}

/* What stands up to the next list that has rows, or up to the end. */
static bool next_text(struct ocl_piece *piece, struct ocl_pieces *p)
{
    enum ocl_lines_step step;
    while ((step = ocl_lines_walk_next(&p->members, &p->file)) == LINES_ITEM)
        if (is_list(p)) {
            ocl_lines_walk_begin(&p->rows, &p->file, p->members.from);
            p->is_in_list = p->is_first = true;
            return end_piece(piece, p, p->members.from + 1);
        }
    p->is_over = true;
    return step == LINES_END && p->members.place == p->file.size &&
           end_piece(piece, p, p->file.size);
}

/* False where nothing comes: at the end of the list, and where it is none of ours. */
static bool next_row(struct ocl_piece *piece, struct ocl_pieces *p)
{
    enum ocl_lines_step step = ocl_lines_walk_next(&p->rows, &p->file);
    uint64_t begin = step == LINES_END ? p->rows.place - 1 : p->rows.from;
    uint64_t comma = step == LINES_ITEM && !p->is_first ? 1 : 0;
    p->is_first = false;
    p->is_in_list = step == LINES_ITEM;
    p->is_broken = step == LINES_BROKEN || begin != p->behind + comma;
    if (step != LINES_ITEM || p->is_broken)
        return false;
    *piece = (struct ocl_piece){ p->rows.from, p->rows.to, true };
    p->behind = p->rows.to;
    p->is_broken = piece->to - piece->from > OCL_LINE_MAX;
    return !p->is_broken;
}

bool ocl_pieces_next(struct ocl_piece *piece, struct ocl_pieces *p)
{
    if (p->is_in_list && next_row(piece, p))
        return true;
    if (p->is_broken || p->is_over)
        return false;
    p->is_broken = !next_text(piece, p);
    return !p->is_broken;
}

bool ocl_pieces_are_whole(const struct ocl_pieces *p)
{
    return p->is_over && !p->is_broken && p->file.failure == 0;
}

struct nst_str ocl_piece_text(struct nst_arena *a, struct ocl_pieces *p,
                              const struct ocl_piece *piece)
{
    return ocl_lines_span(&p->file, a, piece->from, piece->to);
}

int64_t ocl_piece_number(struct nst_arena *a, struct ocl_pieces *p, const struct ocl_piece *row)
{
    struct ocl_lines_walk w;
    int64_t number = 0;
    ocl_lines_walk_begin(&w, &p->file, row->from);
    while (ocl_lines_walk_next(&w, &p->file) == LINES_ITEM) {
        struct nst_str name = { 0 };
        if (w.name_end - w.name == sizeof("\"uuid\"") - 1)
            name = ocl_lines_span(&p->file, a, w.name, w.name_end);
        if (!nst_str_eq(name, NST_STR("\"uuid\"")))
            continue;
        bool is_number = w.to - w.from > 2 && w.to - w.from < 22 &&
                         nst_str_int(&number, ocl_lines_span(&p->file, a, w.from + 1, w.to - 1));
        return is_number ? number : 0;
    }
    return 0;
}

uint64_t ocl_pieces_size(const struct ocl_pieces *p)
{
    return p->file.size;
}
