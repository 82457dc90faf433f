/* Files of exports: packing them, their names, and which are left over. */
#include "difference.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK_BYTES ((size_t)1 << 20) /* changing it changes the bytes of every export */
#define PACKED_MAX  (2 * CHUNK_BYTES) /* what a chunk becomes */
#define PREFIX      "export-"
#define NAME_DIGITS 16 /* of the digest */

/* ---- Packing ---- */

void ocl_packer_init(struct ocl_packer *p, const char *entry, int64_t time,
                     bool (*write)(void *arg, struct nst_str bytes), void *arg)
{
    *p = (struct ocl_packer){ .arena = nst_arena_new(CHUNK_BYTES + 4096),
                              .zip = { .name = entry, .time = time },
                              .write = write,
                              .arg = arg };
    nst_buf_init(&p->chunk, p->arena, CHUNK_BYTES);
    nst_buf_reserve(&p->chunk, CHUNK_BYTES);
    nst_sha256_init(&p->hash);
}

void ocl_packer_release(struct ocl_packer *p)
{
    nst_arena_free(p->arena);
    p->arena = NULL;
}

static bool pack_chunk(struct ocl_packer *p, bool is_last)
{
    struct nst_mark before = nst_arena_mark(p->arena);
    struct nst_buf out;
    nst_buf_init(&out, p->arena, PACKED_MAX);
    bool good = nst_zip_put(&p->zip, &out, nst_buf_str(&p->chunk), is_last) && !out.is_full;
    struct nst_str bytes = nst_buf_str(&out);
    nst_sha256_add(&p->hash, bytes);
    p->size += (int64_t)bytes.n;
    p->chunk.n = 0;
    good = good && p->write(p->arg, bytes);
    nst_arena_rewind(p->arena, before);
    return good;
}

/* A full chunk waits for more: the last one is told to be the last. */
bool ocl_packer_put(struct ocl_packer *p, struct nst_str piece, bool is_last)
{
    bool good = true;
    while (good && piece.n > 0) {
        if (p->chunk.n == CHUNK_BYTES)
            good = pack_chunk(p, false);
        size_t room = CHUNK_BYTES - p->chunk.n, n = piece.n < room ? piece.n : room;
        nst_put(&p->chunk, nst_str_slice(piece, 0, n));
        piece = nst_str_slice(piece, n, piece.n);
    }
    return good && (!is_last || pack_chunk(p, true));
}

struct nst_str ocl_packer_digest(struct ocl_packer *p, struct nst_arena *a)
{
    return nst_sha256_end(&p->hash, a);
}

enum nst_err ocl_export_fail(struct nst_task *t, const char *too_large)
{
    if (nst_err_of_write(errno) == NST_E_FULL)
        return NST_E_FULL;
    t->error = errno == 0 ? nst_str_z(too_large)
                          : nst_strf(t->arena, "The file cannot be written: %s.", strerror(errno));
    return NST_E_INTERNAL;
}

/* ---- Names ---- */

struct nst_str ocl_export_file_name(struct nst_arena *a, int64_t id, struct nst_str digest)
{
    return nst_strf(a, PREFIX "%lld-%.*s.zip", (long long)id,
                    NST_FMT(nst_str_slice(digest, 0, NAME_DIGITS)));
}

int ocl_export_file_open(struct nst_arena *a, const struct ocl_export *x)
{
    struct nst_str folder = nst_worker_folder();
    struct stat s;
    if (folder.p == NULL || x->file.p == NULL)
        return -1;
    struct nst_str path = nst_strf(a, "%.*s/%.*s", NST_FMT(folder), NST_FMT(x->file));
    int fd = open(path.p, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && (fstat(fd, &s) != 0 || s.st_size != x->size)) {
        close(fd);
        fd = -1;
    }
    return fd;
}

/* ---- What is left over ---- */

/* A task that has not ended may have given the file its name already. */
static enum nst_err is_needed(bool *out, struct nst_arena *a, struct nst_db *db,
                              struct nst_str name)
{
    int64_t id = strtoll(nst_str_to_z(a, name) + sizeof(PREFIX) - 1, NULL, 10);
    enum ocl_export_work work = OCL_NOT_ASKED;
    NST_TRY(nst_exists_with(out, db, "SELECT 1 FROM repo_export WHERE file = $1", NST_TEXT(name)));
    if (!*out)
        NST_TRY(ocl_export_work_on(&work, a, db, id));
    *out |= work != OCL_NOT_ASKED;
    return NST_OK;
}

const struct nst_file_kind ocl_export_files = { .prefix = PREFIX, .is_needed = is_needed };

void ocl_export_sweep(struct nst_str folder, struct nst_store *store)
{
    nst_files_sweep(folder, store, &ocl_export_files);
    nst_files_sweep(folder, store, &ocl_difference_files);
}
