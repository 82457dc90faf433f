/* Bulk imports (V601 to V613): a file becomes a task, whose steps are batches of its lines. */
#ifndef OCL_BULK_IMPORT_H
#define OCL_BULK_IMPORT_H

#include "ocl/import.h"
#include "ocl/task/task.h"

/* The kinds of these tasks: one imports, the other tells what would become of each line and stores
 * nothing else. What they were asked for (kwargs): {"update_if_exists": true, "size": 1000}, the
 * bytes of their file, which is FOLDER/UUID.input, or {"file_url": "https://…"} besides. */
extern const struct nst_task_kind ocl_bulk_import_task, ocl_rehearsal_task;

#define OCL_IMPORT_FILE     ".input"
#define OCL_IMPORT_FILE_MAX ((uint64_t)4 << 30) /* bytes */

/* Whether an address is one of the internet, and none of a network that is somebody's own, of this
 * machine, or of nobody (RFC 6890). */
struct sockaddr;
bool ocl_address_is_public(const struct sockaddr *address);

/* Fetch what url names into the file at path, which is whole then or not there. Blocks, for hours
 * at most; asks nst_task_is_cut.
 * Errors: NST_E_BUSY where it was cut, NST_E_FULL; NST_E_INVALID with t->error. */
NST_CHECKED enum nst_err ocl_import_fetch(struct nst_task *t, struct nst_str url,
                                          const char *path);

/* Media types of refused lines: of a table, of other files. */
#define OCL_IMPORT_TABLE "text/csv"
#define OCL_IMPORT_LINES "application/x-ndjson"

/* How far an import is: numbers alone, saved as they stand here; what is counted by its word. Who
 * changes what stands before that, or what it means, changes OCL_IMPORT_PLACE. */
#define OCL_IMPORT_PLACE "v1"
struct ocl_import_place {
    int64_t turn;                    /* -1: lines are counted */
    int64_t at;                      /* lines of the file that this turn has passed */
    int64_t lines[OCL_IMPORT_TURNS]; /* how many there are of each turn */
    int64_t seen;                    /* of those of this turn */
    int64_t pass;                    /* 0: the file is read; else what is early still, behind it */
    int64_t pass_at;                 /* the last of them that this pass has looked at; -1: none */
    int64_t early, early_next;       /* lines that wait, or of the present pass; of the next one */
    int64_t woken;                   /* of those that wait: what they wait for is there */
    int64_t got_on;                  /* lines that this pass has stored */
    int64_t is_last;                 /* of the pass: who is early still is refused */
    int64_t steps;
    int64_t count[OCL_OUTCOME_COUNT];
};

/* Read one that ocl_import_place_put has written; a null text is the beginning. False where another
 * release has written it in another way. */
NST_CHECKED bool ocl_import_place_read(struct ocl_import_place *out, struct nst_str text);
void ocl_import_place_put(struct nst_buf *out, const struct ocl_import_place *p);

/* What a place begins with, that of an undoing too: OCL_IMPORT_PLACE and so many numbers. Reading
 * cuts them off the text; false where another release has written it. */
NST_CHECKED bool ocl_place_read_numbers(int64_t *number, size_t count, struct nst_str *text);
void ocl_place_put_numbers(struct nst_buf *out, const int64_t *number, size_t count);

/* Lines that are done with, and all that there are. */
int64_t ocl_import_done(const struct ocl_import_place *p);
int64_t ocl_import_total(const struct ocl_import_place *p);

/* A line of a batch beside what the importer knows of it. */
struct ocl_import_line {
    int64_t at, line;    /* as in the tables */
    struct nst_str text;  /* JSON; of a faulty line of no use */
    struct nst_str given; /* what comes back where it is refused; null: too long to keep */
};

/* Keep what became of a batch, and count it in the place: lines that are early are put off, if the
 * place says that they may be.
 *   of  beside each of the lines
 * Errors: those of nst_query. */
NST_CHECKED enum nst_err ocl_import_keep(struct ocl_import_place *p, const struct nst_task *t,
                                         struct nst_db *db, const struct ocl_batch *batch,
                                         const struct ocl_import_line *of);

/* Keep what a batch did to sources, and which rows it created or deleted: for undoing it.
 *   step  of the import, by which what several did keeps its order
 * Errors: those of nst_query. */
NST_CHECKED enum nst_err ocl_effects_keep(const struct nst_task *t, struct nst_db *db,
                                          const struct ocl_effects *effects, int64_t step);

/* Keep what stands before the refused lines that come back; null: nothing.
 * Errors: those of nst_query. */
NST_CHECKED enum nst_err ocl_import_keep_header(const struct nst_task *t, struct nst_db *db,
                                                struct nst_str header);

/* Append the counters of V612 as JSON; the same in a line of words.
 *   elapsed  microseconds */
void ocl_import_put_counters(struct nst_buf *out, const struct ocl_import_place *p,
                             int64_t elapsed);
void ocl_import_put_words(struct nst_buf *out, const struct ocl_import_place *p, int64_t elapsed);

/* What `content` of a refused line holds, in a: the bytes as they came. Those that are no text of the
 * store are kept as hexadecimal digits behind OCL_IMPORT_BYTES. Null stays null. */
#define OCL_IMPORT_BYTES "\x01"
struct nst_str ocl_import_content_put(struct nst_arena *a, struct nst_str given);
struct nst_str ocl_import_content_read(struct nst_arena *a, struct nst_str content);

/* The view of the refused lines alone, of an import that is over or was ended: as they came, and of a
 * table behind its first line.
 * Errors: those of nst_query. */
NST_CHECKED enum nst_err ocl_import_answer_refused(struct nst_req *rq, const struct ocl_task *task);

/* The view of what became of an import that is over (V606): line by line, in pieces, or in words.
 *   format  what the query asks for as result
 * Errors: NST_E_INVALID, named as result; those of nst_query. */
NST_CHECKED enum nst_err ocl_import_answer(struct nst_req *rq, const struct ocl_task *task,
                                           struct nst_str format);

/* Schemas of what these views answer: a task, and why there is none (V603, V604). */
#define OCL_IMPORT_TASK \
    "{\"type\":\"object\",\"required\":[\"id\",\"state\",\"name\",\"queue\",\"username\"," \
    "\"task\"]}"
#define OCL_IMPORT_REASON \
    "{\"type\":\"object\",\"required\":[\"exception\"],\"properties\":{\"exception\":" \
    "{\"type\":\"string\"}}}"

/* For a list: of imports alone; of one queue where the path names it. */
enum nst_err ocl_bulk_import_scope(struct nst_sql *q, struct nst_req *rq,
                                   const struct nst_object *parent);

#endif
