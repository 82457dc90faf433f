/* Making an export: a task whose steps read some hundred rows each. Between two steps they are
 * packed into a file that goes with its task; it gets its name once it is whole, and the row of
 * the export says so in the transaction that ends the task. */
#include "export.h"

#include "nestor/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What a worker has in its hands. */
struct making {
    struct nst_arena *home;  /* of this, and of texts of `of` */
    struct nst_arena *piece; /* of what the last step read */
    struct ocl_packer packer;
    const char *part;              /* the file's name until it is whole */
    int fd;                        /* of it; -1: there is none */
    struct ocl_document now, next; /* behind what is packed; behind the piece */
    struct nst_buf text;           /* the piece */
    bool has_begun, has_piece;
    bool is_whole; /* the file has its name: now.of says which */
};

/* ---- The file ---- */

static bool write_bytes(void *arg, struct nst_str bytes)
{
    const struct making *m = arg;
    return nst_write_all(m->fd, bytes);
}

static void close_file(struct making *m)
{
    if (m->fd >= 0)
        close(m->fd);
    if (m->packer.arena != NULL)
        ocl_packer_release(&m->packer);
    m->fd = -1;
}

static enum nst_err fail(struct nst_task *t)
{
    return ocl_export_fail(
        t, "The document has more than 4 GB, which a ZIP of this kind cannot hold.");
}

/* ---- Beginning, again where the version changed meanwhile ---- */

static struct making *making_new(struct nst_task *t)
{
    struct nst_arena *home = nst_arena_new(4096);
    struct making *m = NST_NEW(home, struct making);
    *m = (struct making){ .home = home, .piece = nst_arena_new((size_t)1 << 21), .fd = -1 };
    m->part = nst_strf(home, "%.*s/%.*s.export.part", NST_FMT(t->folder), NST_FMT(t->uuid)).p;
    return m;
}

static enum nst_err begin_file(struct nst_task *t, struct making *m)
{
    close_file(m);
    m->fd = open(m->part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (m->fd < 0)
        return fail(t);
    ocl_packer_init(&m->packer, OCL_EXPORT_ENTRY, m->now.of.time, write_bytes, m);
    return NST_OK;
}

/* ---- Between two steps ---- */

static enum nst_err end_file(struct nst_task *t, struct making *m)
{
    struct ocl_export *x = &m->now.of;
    x->digest = ocl_packer_digest(&m->packer, m->home);
    x->size = m->packer.size;
    x->file = ocl_export_file_name(m->home, x->id, x->digest);
    struct nst_str path = nst_strf(t->arena, "%.*s/%.*s", NST_FMT(t->folder), NST_FMT(x->file));
    bool good =
        fsync(m->fd) == 0 && nst_rename_durably(m->part, path.p, nst_str_to_z(t->arena, t->folder));
    m->is_whole = good;
    return good ? NST_OK : fail(t);
}

static enum nst_err pack_piece(struct nst_task *t, struct making *m)
{
    if (m->now.part == 0)
        NST_TRY(begin_file(t, m));
    errno = 0;
    if (!ocl_packer_put(&m->packer, nst_buf_str(&m->text), m->next.is_over))
        return fail(t);
    m->now = m->next;
    m->has_piece = false;
    return m->now.is_over ? end_file(t, m) : NST_OK;
}

/* What was packed in vain, since the disk was full, cannot be packed again: it begins anew. */
static enum nst_err prepare(struct nst_task *t)
{
    struct making *m = t->state;
    if (m == NULL) {
        t->state = making_new(t);
        return NST_OK;
    }
    enum nst_err e = m->has_piece ? pack_piece(t, m) : NST_OK;
    if (e != NST_OK) {
        m->has_begun = m->has_piece = false;
        close_file(m);
    }
    return e;
}

/* ---- Steps ---- */

static enum nst_err count_rows(int64_t *out, struct nst_task *t, struct nst_db *db,
                               const struct ocl_export *x)
{
    struct nst_sql q;
    nst_sql_init(&q, t->arena);
    nst_sql_addf(&q, "SELECT concepts + mappings FROM %s WHERE id = ",
                 x->is_head ? "repo" : "repo_version");
    nst_sql_bind(&q, NST_INT(x->is_head ? x->repo_id : x->version_id));
    return nst_sql_int(out, NULL, db, &q);
}

static enum nst_err load(struct ocl_export *x, struct nst_task *t, struct nst_db *db,
                         struct nst_arena *a)
{
    NST_TRY(ocl_export_load(x, a, db, nst_task_number(t, "export")));
    if (x->is_there && !x->is_copied)
        return NST_OK;
    if (x->is_copied) {
        t->error = NST_STR("The source is a copy: its exports come from where it was copied.");
        return NST_E_CONFLICT;
    }
    t->error = NST_STR("The version was deleted.");
    return NST_E_NOT_FOUND;
}

static enum nst_err begin(struct nst_task *t, struct making *m, struct nst_db *db)
{
    struct ocl_export x;
    NST_TRY(load(&x, t, db, m->home));
    NST_TRY(count_rows(&t->total, t, db, &x));
    m->now = (struct ocl_document){ .of = x };
    m->has_begun = true;
    m->is_whole = false;
    t->done = 0;
    t->message = nst_strf(t->arena, "Exporting %.*s", NST_FMT(x.url));
    return NST_OK;
}

static enum nst_err read_piece(struct nst_task *t, struct making *m, struct nst_db *db)
{
    m->has_piece = false;
    m->next = m->now;
    NST_TRY(ocl_document_read(&m->text, &m->next, m->piece, t->registry, db));
    m->has_piece = true;
    t->done = m->next.rows;
    return NST_OK;
}

static void tell_result(struct nst_task *t, const struct ocl_export *x)
{
    struct nst_buf b;
    nst_buf_init(&b, t->arena, 65536);
    nst_put_lit(&b, "{\"url\":");
    nst_json_put_str(&b, nst_strf(t->arena, "%.*sexport/", NST_FMT(x->url)));
    nst_putf(&b, ",\"size\":%lld,\"sha256\":\"%.*s\"}", (long long)x->size, NST_FMT(x->digest));
    t->result = nst_buf_str(&b);
}

/* The file is whole: of what the version says still? `finish` asks again, holding it. */
static enum nst_err end(struct nst_task *t, struct making *m, struct nst_db *db)
{
    struct ocl_export now;
    NST_TRY(load(&now, t, db, t->arena));
    if (!nst_str_eq(now.stamp, m->now.of.stamp)) {
        m->has_begun = false;
        return NST_OK;
    }
    t->is_over = true;
    t->message = nst_strf(t->arena, "Exported %.*s", NST_FMT(now.url));
    tell_result(t, &m->now.of);
    return NST_OK;
}

static enum nst_err step(struct nst_task *t, struct nst_db *db)
{
    struct making *m = t->state;
    if (m->has_begun && m->is_whole)
        return end(t, m, db);
    if (!m->has_begun)
        NST_TRY(begin(t, m, db));
    return read_piece(t, m, db);
}

static enum nst_err finish(struct nst_task *t, struct nst_db *db)
{
    struct making *m = t->state;
    bool is_kept;
    NST_TRY(ocl_export_keep(&is_kept, t->arena, db, &m->now.of));
    if (is_kept)
        return NST_OK;
    m->has_begun = t->is_over = false;
    t->result = (struct nst_str){ 0 };
    return NST_OK;
}

static void release(struct nst_task *t)
{
    struct making *m = t->state;
    if (m != NULL) {
        close_file(m);
        nst_arena_free(m->piece);
        nst_arena_free(m->home);
    }
    t->state = NULL;
    ocl_export_sweep(t->folder, t->store);
}

const struct nst_task_kind ocl_export_task = { .name = "export",
                                               .mode = NST_MODE_READ,
                                               .prepare = prepare,
                                               .step = step,
                                               .finish = finish,
                                               .release = release };
