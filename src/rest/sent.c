/* Answers that are files: kept open by the request until it is sure that it does not fail, since
 * a transaction may run again. */
#include "model.h"

#include <unistd.h>

struct nst_sent_file {
    int fd; /* -1: the HTTP layer has it */
    uint64_t size;
};

static void close_file(void *arg)
{
    const struct nst_sent_file *file = arg;
    if (file->fd >= 0)
        close(file->fd);
}

enum nst_err nst_answer_file(struct nst_req *rq, int fd, uint64_t size)
{
    struct nst_sent_file *file = NST_NEW(rq->arena, struct nst_sent_file);
    *file = (struct nst_sent_file){ fd, size };
    nst_arena_defer(rq->arena, close_file, file);
    rq->file = file;
    rq->x->status = 200;
    return NST_OK;
}

void nst_send_file(struct nst_req *rq)
{
    struct nst_sent_file *file = rq->file;
    if (file == NULL || rq->x->status != 200)
        return;
    nst_http_answer_file(rq->x, file->fd, file->size);
    file->fd = -1;
    rq->file = NULL;
}
