/* Answers in pieces. Each piece is a read of its own, on the loop or on a thread of the
 * store; memory is one arena, emptied between pieces. What a piece changes counts only
 * once its read has ended well, since the store may run it again. */
#include "model.h"

#include "nestor/base/log.h"
#include "nestor/base/zip.h"

#include <assert.h>
#include <string.h>

#define SCRATCH_FIRST ((size_t)512 << 10) /* holds a usual piece and what it takes */

struct nst_stream {
    struct nst_req rq;
    nst_piece *piece;
    void *state, *trial;
    size_t size;
    bool is_last;                   /* according to the trial */
    struct nst_zip *zip, zip_trial; /* NULL: pieces leave as they are made */
    struct nst_arena *scratch;
};

static void free_scratch(void *arg)
{
    nst_arena_free(arg);
}

/* Rows above what the path is about may be the loop's, which drops them when the data changes. */
static void keep_chain(struct nst_req *rq)
{
    unsigned targets = rq->endpoint->target < rq->endpoint->count ? 1 : 0;
    for (unsigned i = 0; i + targets < rq->depth; i++) {
        struct nst_object *o = &rq->chain[i];
        o->row = nst_row_copy(rq->arena, o->model->resource, o->row);
        nst_keep_texts(rq->arena, o->model, &o->model->core, o->row);
    }
}

void nst_answer_in_pieces(struct nst_req *rq, nst_piece *piece, void *state, size_t size)
{
    assert(!rq->is_internal);
    keep_chain(rq);
    struct nst_stream *s = NST_NEW(rq->arena, struct nst_stream);
    s->piece = piece;
    s->state = state;
    s->trial = nst_alloc(rq->arena, size);
    s->size = size;
    rq->stream = s;
    s->rq = *rq;
    s->rq.cache = NULL;
}

void nst_stream_pack(struct nst_stream *s, struct nst_zip *zip)
{
    s->zip = zip;
}

static enum nst_err pack(struct nst_stream *s)
{
    s->zip_trial = *s->zip;
    return nst_zip_body(&s->rq.x->out, &s->zip_trial, s->is_last) ? NST_OK : NST_E_INTERNAL;
}

/* A right may be lost while an answer leaves: each piece is judged as the first was. What the
 * path names stays what it was then; a word such as `latest` may stand for another by now. */
static enum nst_err judge(const struct nst_stream *s)
{
    struct nst_req rq = s->rq;
    unsigned status = rq.x->status;
    enum nst_err e = nst_judge(&rq);
    rq.x->status = status;
    rq.x->out.n = 0;
    return e;
}

static enum nst_err try_piece(struct nst_stream *s, struct nst_db *db)
{
    nst_buf_init(&s->rq.x->out, s->scratch, NST_PIECE_MAX);
    memcpy(s->trial, s->state, s->size);
    s->is_last = false;
    s->rq.problem = NULL;
    s->rq.db = db;
    return s->piece(&s->is_last, &s->rq, s->trial);
}

static enum nst_err read_piece(struct nst_stream *s, struct nst_db *db)
{
    struct nst_db *replica = NULL;
    if (nst_may_read_elsewhere(&s->rq))
        NST_TRY(nst_replica_enter(&replica, db));
    if (replica == NULL)
        return try_piece(s, db);
    enum nst_err e = nst_replica_leave(replica, try_piece(s, replica));
    return e == NST_OK || e == NST_E_BUSY ? e : try_piece(s, db);
}

static enum nst_err make_piece(struct nst_db *db, void *arg)
{
    struct nst_stream *s = arg;
    nst_arena_reset(s->scratch);
    nst_buf_init(&s->rq.x->out, s->scratch, NST_PIECE_MAX);
    s->rq.db = db;
    NST_TRY(judge(s));
    NST_TRY(read_piece(s, db));
    return s->zip != NULL ? pack(s) : NST_OK;
}

static void take_piece(struct nst_stream *s, enum nst_err err)
{
    struct nst_exchange *x = s->rq.x;
    if (err != NST_OK) {
        x->is_broken = true;
        nst_log(NST_LOG_ERROR, "a piece of an answer failed",
                NST_LOG_STR("reason", nst_str_z(nst_err_message(err))),
                NST_LOG_STR("request", x->id));
        return;
    }
    memcpy(s->state, s->trial, s->size);
    if (s->zip != NULL)
        *s->zip = s->zip_trial;
    if (s->is_last)
        x->more = NULL;
}

static void after_piece(enum nst_err err, void *arg)
{
    struct nst_stream *s = arg;
    take_piece(s, err);
    nst_http_resume(s->rq.x);
}

enum nst_http_next nst_stream_next(struct nst_stream *s, struct nst_store *store,
                                   struct nst_db *reader, enum nst_err err)
{
    if (s->scratch == NULL) {
        s->scratch = nst_arena_new(SCRATCH_FIRST);
        s->rq.arena = s->scratch;
        nst_arena_defer(s->rq.x->arena, free_scratch, s->scratch);
    }
    if (reader == NULL) {
        nst_store_submit(store, NST_MODE_READ, make_piece, after_piece, s);
        return NST_HTTP_LATER;
    }
    take_piece(s, err == NST_OK ? make_piece(reader, s) : err);
    return NST_HTTP_ANSWERED;
}
