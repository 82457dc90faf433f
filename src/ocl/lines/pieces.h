/* An export as it is written (V619): the rows of its lists, and the text around them. Nothing is
 * made of them: put together they are the document again, byte for byte. */
#ifndef OCL_LINES_PIECES_H
#define OCL_LINES_PIECES_H

#include "nestor/base/arena.h"
#include "nestor/base/err.h"

struct ocl_pieces;

/* A piece of the document. Rows of one list have a comma between them, which belongs to none. */
struct ocl_piece {
    uint64_t from, to; /* its bytes, in the document */
    bool is_row;       /* of a list; else what stands before, between or behind lists */
};

/* Begin to read the document of an export.
 *   out     set where true is returned; to be closed
 *   why     set where false is returned: as that of ocl_lines_open
 *   fd      a regular file, the export inside of a ZIP or as it is; read from its first byte; stays
 *           the caller's, open and unchanged
 *   folder  where a nameless file is made for what is unpacked
 * Blocks for unpacking; memory is constant. */
NST_CHECKED bool ocl_pieces_open(struct ocl_pieces **out, struct nst_str *why, struct nst_arena *a,
                                 int fd, const char *folder);

/* The next piece. False at the end, and where the document cannot be read on
 * (ocl_pieces_are_whole). Blocks on the file. */
bool ocl_pieces_next(struct ocl_piece *piece, struct ocl_pieces *p);

/* Behind the last piece: it was the end of a document as we write them. */
bool ocl_pieces_are_whole(const struct ocl_pieces *p);

/* Its bytes, in a. Blocks on the file. */
struct nst_str ocl_piece_text(struct nst_arena *a, struct ocl_pieces *p,
                              const struct ocl_piece *piece);

/* The number of a row, which is its `uuid`; 0: it has none. Blocks on the file. */
int64_t ocl_piece_number(struct nst_arena *a, struct ocl_pieces *p, const struct ocl_piece *row);

/* What bytes of all pieces there are. */
uint64_t ocl_pieces_size(const struct ocl_pieces *p);

/* Give up what open took. NULL is allowed. */
void ocl_pieces_close(struct ocl_pieces *p);

#endif
