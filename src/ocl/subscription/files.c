/* Files of copies: exports that come, exports that are whole, tokens. */
#include "subscription.h"

#include "nestor/base/digest.h"
#include "nestor/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX      "copy-"
#define PART        ".part"
#define TOKEN       ".token"
#define NEW         ".new" /* until it is whole */
#define NAME_DIGITS 16     /* of the digest */
#define STEP        ((size_t)1 << 20)

/* ---- Names ---- */

struct nst_str ocl_copy_part(struct nst_arena *a, int64_t id)
{
    return nst_strf(a, PREFIX "%lld" PART, (long long)id);
}

struct nst_str ocl_copy_name(struct nst_arena *a, int64_t id, struct nst_str digest)
{
    return nst_strf(a, PREFIX "%lld-%.*s.zip", (long long)id,
                    NST_FMT(nst_str_slice(digest, 0, NAME_DIGITS)));
}

const char *ocl_copy_path(struct nst_arena *a, struct nst_str name)
{
    struct nst_str folder = nst_worker_folder();
    return nst_strf(a, "%.*s/%.*s", NST_FMT(folder), NST_FMT(name)).p;
}

/* ---- Tokens ---- */

/* Whole or the former one: it is made beside, and renamed. */
bool ocl_copy_token_keep(struct nst_arena *a, struct nst_str folder, int64_t id,
                         struct nst_str token)
{
    const char *path = nst_strf(a, "%.*s/" PREFIX "%lld" TOKEN, NST_FMT(folder), (long long)id).p;
    const char *made = nst_strf(a, "%s" NEW, path).p;
    if (token.n == 0)
        return unlink(path) == 0 || errno == ENOENT;
    int fd = open(made, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return false;
    bool good = fchmod(fd, 0600) == 0 && nst_write_all(fd, token) && fsync(fd) == 0;
    close(fd);
    return good && nst_rename_durably(made, path, nst_str_to_z(a, folder));
}

struct nst_str ocl_copy_token(struct nst_arena *a, int64_t id)
{
    char *text = nst_alloc_text(a, OCL_TOKEN_MAX);
    int fd = open(ocl_copy_path(a, nst_strf(a, PREFIX "%lld" TOKEN, (long long)id)),
                  O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, OCL_TOKEN_MAX) : -1;
    if (fd >= 0)
        close(fd);
    return n > 0 ? nst_str_trim((struct nst_str){ text, (size_t)n }) : (struct nst_str){ 0 };
}

/* ---- Digests ---- */

struct nst_str ocl_copy_digest(struct nst_arena *a, const char *path, const struct nst_task *t)
{
    struct nst_sha256 digest;
    char *bytes = nst_alloc_text(a, STEP);
    ssize_t n = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return (struct nst_str){ 0 };
    nst_sha256_init(&digest);
    while (!nst_task_is_cut(t) && ((n = read(fd, bytes, STEP)) > 0 || (n < 0 && errno == EINTR)))
        nst_sha256_add(&digest, (struct nst_str){ bytes, n > 0 ? (size_t)n : 0 });
    close(fd);
    return n == 0 ? nst_sha256_end(&digest, a) : (struct nst_str){ 0 };
}

/* ---- What is left over ---- */

/* Its token; what is being fetched; what came whole, and the round goes on with. */
static bool is_needed_by(const struct ocl_subscription *s, struct nst_arena *a, struct nst_str name)
{
    if (nst_str_ends(name, NST_STR(TOKEN)) || nst_str_ends(name, NST_STR(TOKEN NEW)) ||
        nst_str_eq(s->phase, NST_STR(OCL_SUB_FETCH)))
        return true;
    if (nst_str_ends(name, NST_STR(PART)))
        return s->file_tag.p != NULL;
    return s->digest.p != NULL && nst_str_eq(ocl_copy_name(a, s->id, s->digest), name);
}

static enum nst_err is_needed(bool *out, struct nst_arena *a, struct nst_db *db,
                              struct nst_str name)
{
    struct ocl_subscription s;
    int64_t id = strtoll(nst_str_to_z(a, name) + sizeof(PREFIX) - 1, NULL, 10);
    NST_TRY(nst_exists_with(out, db, "SELECT 1 FROM repo_export WHERE file = $1", NST_TEXT(name)));
    NST_TRY(ocl_subscription_load(&s, a, db, id));
    *out |= s.id != 0 && is_needed_by(&s, a, name);
    return NST_OK;
}

const struct nst_file_kind ocl_copied_files = { .prefix = PREFIX, .is_needed = is_needed };

void ocl_copies_sweep(struct nst_str folder, struct nst_store *store)
{
    nst_files_sweep(folder, store, &ocl_copied_files);
}

void ocl_copy_sweep(struct nst_str folder, struct nst_store *store, int64_t id)
{
    char prefix[64];
    snprintf(prefix, sizeof(prefix), PREFIX "%lld", (long long)id);
    const struct nst_file_kind files = { .prefix = prefix, .is_needed = is_needed };
    if (id != 0)
        nst_files_sweep(folder, store, &files);
}
