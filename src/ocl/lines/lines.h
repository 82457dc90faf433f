/* Lines of an import (V609) from a file in any of its forms (V602, V614).
 *
 * A file is JSON lines, one JSON array, one JSON object that is a line, a table of CSV, the
 * export of a version (V619), or a ZIP with exactly one of these. Which it is, is read from its
 * bytes, never from its name. All forms are read in constant memory; a ZIP, and the places and
 * the order of an export's rows, take room in nameless files beside, which are gone with the
 * reader; of the order 25 bytes a concept are mapped.
 *
 * Two readings of one file give the same lines in the same order: whoever has taken N lines may
 * open the file again and skip N. */
#ifndef OCL_LINES_H
#define OCL_LINES_H

#include "nestor/json.h"

#define OCL_LINE_MAX    ((size_t)16 << 20) /* bytes of a line, an item or a row */
#define OCL_LINE_DEPTH  NST_JSON_DEPTH     /* of JSON inside of JSON */
#define OCL_LINE_FAULTS 5                  /* first lines that are looked at: one object will do */

struct ocl_lines;

/* A line, or why there is none. */
struct ocl_line_text {
    size_t number;         /* where it stands, from 1: its line of JSON lines, its item of an
                              array, its row of CSV (in lines of the file, several lines of an
                              import may share one), its place among the lines of an export */
    struct nst_str text;   /* JSON in one line of text; with a fault of no use */
    struct nst_str given;  /* what is to be mended and given again where the line is refused, behind
                              ocl_lines_header: the row of a table as it came, maybe in several
                              lines; of all other forms the text. Maybe no UTF-8; null where it is
                              too long to be given at all */
    struct nst_json *tree; /* the same, read: an object; NULL with a fault */
    struct nst_str fault;  /* a sentence: what is wrong where, and what to do; null: nothing */
    struct nst_str key;    /* the member or column that the fault is about; null: the line */
    uint64_t done;         /* of ocl_lines_size, this line included; never falls */
};

/* Find out what file fd is, and begin to read it.
 *   out     set where true is returned; to be closed
 *   why     set where false is returned: a sentence without subject ("is …", "holds …") that
 *           says what the file is instead and what to do; owned by a
 *   fd      a regular file, open for reading; it is read from its first byte, wherever its
 *           place is, stays the caller's, and has to stay open and unchanged
 *   folder  where nameless files are made, kept by reference; NULL: that of $TMPDIR, or /tmp
 * Blocks for a reading of the whole file where that is a ZIP, an export or a table; memory is
 * constant. */
NST_CHECKED bool ocl_lines_open(struct ocl_lines **out, struct nst_str *why, struct nst_arena *a,
                                int fd, const char *folder);

/* Read the next line; blank ones are no lines.
 *   line  its texts and its tree are owned by a, so that a caller may rewind what it skips
 * Returns false at the end, and where the file cannot be read any more (ocl_lines_failure). A
 * line with a fault does not end the reading, unless nothing can be told apart behind it: then
 * it is the last one, and its fault says so. Blocks on the file. */
bool ocl_lines_next(struct ocl_line_text *line, struct ocl_lines *l, struct nst_arena *a);

/* What an export says of itself, as it stands there, in a.
 *   version  an object with its owner, owner_type, short_code, version, description, released,
 *            retired, external_id and extras, as far as it has them
 *   source   the source as it was then; NULL where it is the export of a collection
 * Returns false where the file is no export, or cannot be read. */
NST_CHECKED bool ocl_lines_export_head(struct nst_json **version, struct nst_json **source,
                                       struct ocl_lines *l, struct nst_arena *a);

/* Open a file without a name in folder (NULL: where $TMPDIR says); -1 with errno set. */
int ocl_lines_scratch(const char *folder);

/* What `done` reaches at the end: bytes of the file, of a ZIP those of what is in it. */
uint64_t ocl_lines_size(const struct ocl_lines *l);

/* Why reading ended early (the disk failed), as errno has it; 0: it did not. */
int ocl_lines_failure(const struct ocl_lines *l);

/* What an extra file of lines that were refused begins with, in a: the first row of a table, with
 * what stands before it. Null: nothing has to. */
struct nst_str ocl_lines_header(struct ocl_lines *l, struct nst_arena *a);

/* Begin again with the first line. */
void ocl_lines_rewind(struct ocl_lines *l);

/* Give up what open took. NULL is allowed. */
void ocl_lines_close(struct ocl_lines *l);

#endif
