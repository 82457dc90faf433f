/* What is kept of exports: which file a version has, whether it says still what the version says,
 * and which task is about to make one. */
#include "export.h"

#include "ocl/content/tally.h"

#define ONCE "export:" /* what `once` of tasks begins with */

/* ---- Rows ---- */

/* Columns of `repo` that a version does not keep. */
#define SAID         "r.description, r.retired, r.public_access, r.updated_at, r.updated_by"
#define SAID_COLUMNS "description, retired, public_access, source_updated_at, source_updated_by"

/* Sources that mappings in x lead to and that not every reader of it may see. `mapping_end` has the
 * few that mappings of the source have ever led to, the tallies those of a revision. */
#define HIDDEN_ENDS(x, r) \
    "mapping_end e JOIN known_repo far ON far.id = e.end_id WHERE e.repo_id = " x ".repo_id " \
    "AND " OCL_HIDDEN_FROM_READERS("far", \
                                   r) " AND EXISTS (SELECT 1 FROM tally t WHERE t.repo_id = " x \
                                      ".repo_id AND t.rev_from <= " x ".rev AND t.rev_to > " x \
                                      ".rev AND t.count > 0 AND (t.from_id = e.end_id " \
                                      "OR t.to_id = e.end_id))"

static enum nst_err hide(int64_t *hidden, struct nst_db *db, int64_t id)
{
    return nst_exec_with(hidden, db,
                         "INSERT INTO repo_export_hidden (export_id, end_id, repo_id) "
                         "SELECT x.id, e.end_id, x.repo_id FROM repo_export x "
                         "JOIN repo r ON r.id = x.repo_id CROSS JOIN " HIDDEN_ENDS(
                             "x", "r") " AND x.id = $1 ON CONFLICT (export_id, end_id) DO NOTHING",
                         NST_INT(id));
}

static enum nst_err add(int64_t *id, struct nst_db *db, const struct ocl_export_key *key)
{
    int64_t hidden;
    NST_TRY(nst_next_id(id, db, "repo_export", 1));
    NST_TRY(nst_exec_with(
        NULL, db,
        "INSERT INTO repo_export (id, repo_id, version_id, is_head, rev, turn, " SAID_COLUMNS
        ") SELECT $1, r.id, v.id, $2, v.rev, 0, " SAID
        " FROM repo_version v JOIN repo r ON r.id = v.repo_id WHERE v.id = $3 "
        "ON CONFLICT (version_id, is_head) DO NOTHING",
        NST_INT(*id), NST_BOOL(key->is_head), NST_INT(key->version_id)));
    return hide(&hidden, db, *id);
}

enum nst_err ocl_export_open(struct nst_req *rq, int64_t version_id)
{
    int64_t id;
    return add(&id, rq->db, &(struct ocl_export_key){ .version_id = version_id });
}

/* ---- Reading ---- */

#define SELECT \
    "SELECT x.id, x.repo_id, x.version_id, x.is_head, x.rev, x.turn, x.stamp, x.file, x.size, " \
    "x.digest, v.is_active AND r.is_active AND r.owner_is_active, v.created_at, v.updated_at, " \
    "r.rev, r.updated_at, r.owner, r.owner_url, r.mnemonic, v.mnemonic, " \
    "r.copied_from IS NOT NULL, " \
    "EXISTS (SELECT 1 FROM " HIDDEN_ENDS( \
        "x", \
        "r") " AND NOT EXISTS (SELECT 1 FROM " \
             "repo_export_hidden h WHERE h.export_id = x.id AND h.end_id = e.end_id)) FROM " \
             "repo_export x " \
             "JOIN repo_version v ON v.id = x.version_id JOIN repo r ON r.id = x.repo_id WHERE "

static void put_part(struct nst_buf *b, struct nst_str part)
{
    nst_put_percent(b, part, "@");
}

/* OWNER_REPO_vVERSION.YYYY-MM-DD_HHMMSS.zip */
static struct nst_str name_of(struct nst_arena *a, struct nst_rows *rows, struct nst_str version,
                              int64_t time)
{
    struct nst_buf b, at;
    nst_buf_init(&b, a, 4096);
    nst_buf_init(&at, a, 64);
    nst_put_time(&at, time, NST_TIME_SECOND_Z);
    struct nst_str t = nst_buf_str(&at);
    put_part(&b, nst_rows_text(rows, 15));
    nst_put_char(&b, '_');
    put_part(&b, nst_rows_text(rows, 17));
    nst_put_lit(&b, "_v");
    put_part(&b, version);
    nst_putf(&b, ".%.*s_%.*s%.*s%.*s.zip", 10, t.p, 2, t.p + 11, 2, t.p + 14, 2, t.p + 17);
    return nst_buf_str(&b);
}

static void read_names(struct ocl_export *out, struct nst_arena *a, struct nst_rows *rows)
{
    struct nst_str version = out->is_head ? NST_STR("HEAD") : nst_rows_text(rows, 18);
    out->version = nst_str_copy(a, version);
    out->name = name_of(a, rows, version, out->is_head ? nst_rows_int(rows, 14) : out->time);
    out->url = nst_strf(a, "%.*ssources/%.*s/%.*s/", NST_FMT(nst_rows_text(rows, 16)),
                        NST_FMT(nst_rows_text(rows, 17)), NST_FMT(version));
}

/* A document is another one after each turn, each change of the version; of the present content
 * each change of that and of the source. */
static struct nst_str stamp_of(struct nst_arena *a, struct nst_rows *rows, bool is_head)
{
    return nst_strf(a, "%lld.%lld.%lld", (long long)nst_rows_int(rows, 5),
                    (long long)nst_rows_int(rows, 4),
                    (long long)nst_rows_int(rows, is_head ? 14 : 12));
}

static void read_row(struct ocl_export *out, struct nst_arena *a, struct nst_rows *rows)
{
    *out = (struct ocl_export){ .id = nst_rows_int(rows, 0),
                                .repo_id = nst_rows_int(rows, 1),
                                .version_id = nst_rows_int(rows, 2),
                                .is_head = nst_rows_bool(rows, 3),
                                .rev = nst_rows_int(rows, 4),
                                .file = nst_str_copy(a, nst_rows_text(rows, 7)),
                                .size = nst_rows_int(rows, 8),
                                .digest = nst_str_copy(a, nst_rows_text(rows, 9)),
                                .is_there = nst_rows_bool(rows, 10),
                                .time = nst_rows_int(rows, 11) };
    bool has_moved = out->is_head && out->rev != nst_rows_int(rows, 13);
    out->stamp = stamp_of(a, rows, out->is_head);
    out->is_current = out->file.p != NULL && nst_str_eq(out->stamp, nst_rows_text(rows, 6)) &&
                      !has_moved && !nst_rows_bool(rows, 20);
    out->is_copied = nst_rows_bool(rows, 19) && !out->is_head;
    out->is_current |= out->is_copied && out->file.p != NULL;
    read_names(out, a, rows);
}

static enum nst_err end_row(struct ocl_export *out, struct nst_arena *a, struct nst_rows *rows)
{
    *out = (struct ocl_export){ 0 };
    if (nst_rows_step(rows))
        read_row(out, a, rows);
    return nst_rows_end(rows);
}

enum nst_err ocl_export_find(struct ocl_export *out, struct nst_arena *a, struct nst_db *db,
                             const struct ocl_export_key *key)
{
    struct nst_rows *rows;
    NST_TRY(nst_query_with(&rows, db, SELECT "x.version_id = $1 AND x.is_head = $2",
                           NST_INT(key->version_id), NST_BOOL(key->is_head)));
    return end_row(out, a, rows);
}

enum nst_err ocl_export_load(struct ocl_export *out, struct nst_arena *a, struct nst_db *db,
                             int64_t id)
{
    struct nst_rows *rows;
    NST_TRY(nst_query_with(&rows, db, SELECT "x.id = $1", NST_INT(id)));
    return end_row(out, a, rows);
}

/* ---- Changing ---- */

/* Its row, held: whoever changes what is exported and whoever ends the task that exports follow one
 * another, and the second one knows of the first. *id 0: there is none. */
static enum nst_err hold_row(int64_t *id, struct nst_arena *a, struct nst_db *db,
                             const struct ocl_export_key *key)
{
    struct nst_sql q;
    *id = 0;
    nst_sql_init(&q, a);
    nst_sql_add(&q, "SELECT repo_export.id FROM repo_export WHERE repo_export.version_id = ");
    nst_sql_bind(&q, NST_INT(key->version_id));
    nst_sql_add(&q, " AND repo_export.is_head = ");
    nst_sql_bind(&q, NST_BOOL(key->is_head));
    nst_sql_hold(&q, db, "repo_export");
    return nst_sql_int(id, NULL, db, &q);
}

static enum nst_err take_present(struct nst_db *db, int64_t id)
{
    return nst_exec_with(NULL, db,
                         "UPDATE repo_export SET (rev, " SAID_COLUMNS ") = (SELECT r.rev, " SAID
                         " FROM repo r WHERE r.id = repo_export.repo_id) WHERE id = $1",
                         NST_INT(id));
}

enum nst_err ocl_export_renew(int64_t *id, struct nst_arena *a, struct nst_db *db,
                              const struct ocl_export_key *key)
{
    int64_t hidden;
    NST_TRY(hold_row(id, a, db, key));
    if (*id == 0)
        NST_TRY(add(id, db, key));
    if (key->is_head)
        NST_TRY(take_present(db, *id));
    NST_TRY(hide(&hidden, db, *id));
    return hidden == 0
               ? NST_OK
               : nst_exec_with(NULL, db, "UPDATE repo_export SET turn = turn + 1 WHERE id = $1",
                               NST_INT(*id));
}

enum nst_err ocl_export_keep(bool *is_kept, struct nst_arena *a, struct nst_db *db,
                             const struct ocl_export *made)
{
    const struct ocl_export_key key = { made->version_id, made->is_head };
    struct ocl_export now;
    int64_t id;
    NST_TRY(hold_row(&id, a, db, &key));
    NST_TRY(ocl_export_load(&now, a, db, made->id));
    *is_kept = now.is_there && nst_str_eq(now.stamp, made->stamp);
    if (!*is_kept)
        return NST_OK;
    return nst_exec_with(
        NULL, db,
        "UPDATE repo_export SET stamp = $1, file = $2, size = $3, digest = $4 WHERE id = $5",
        NST_TEXT(made->stamp), NST_TEXT(made->file), NST_INT(made->size), NST_TEXT(made->digest),
        NST_INT(made->id));
}

/* Sources that the user owns or has written in; and what says who made or changed it. */
enum nst_err ocl_exports_renamed(struct nst_db *db, int64_t user)
{
    return nst_exec_with(
        NULL, db,
        "UPDATE repo_export SET turn = turn + 1 WHERE source_updated_by = $1 OR repo_id IN "
        "(SELECT r.id FROM repo r WHERE (r.owner_type = 'User' AND r.owner_id = $1) "
        "OR r.created_by = $1 OR r.updated_by = $1) OR repo_id IN (SELECT t.repo_id FROM tally t "
        "WHERE t.kind IN ('" OCL_TALLY_AUTHOR "', '" OCL_TALLY_MAP_AUTHOR
        "') AND t.value = CAST($1 AS text)) OR version_id IN "
        "(SELECT v.id FROM repo_version v WHERE v.created_by = $1 OR v.updated_by = $1)",
        NST_INT(user));
}

/* ---- Tasks ---- */

static struct nst_str once_of(struct nst_arena *a, int64_t id)
{
    return nst_strf(a, ONCE "%lld", (long long)id);
}

/* Of one that this server alone makes. */
static struct nst_str once_here(struct nst_arena *a, int64_t id)
{
    return nst_strf(a, ONCE "%lld:%.*s", (long long)id, NST_FMT(nst_worker_host()));
}

enum nst_err ocl_export_work_of(enum ocl_export_work *out, struct nst_db *db, struct nst_str once,
                                struct nst_str other)
{
    struct nst_rows *rows;
    *out = OCL_NOT_ASKED;
    NST_TRY(nst_query_with(&rows, db, "SELECT state FROM task WHERE once IN ($1, $2)",
                           NST_TEXT(once), NST_TEXT(other)));
    while (nst_rows_step(rows)) {
        bool is_begun = nst_str_eq(nst_rows_text(rows, 0), NST_STR(NST_TASK_STARTED));
        *out = is_begun || *out == OCL_BEING_MADE ? OCL_BEING_MADE : OCL_QUEUED;
    }
    return nst_rows_end(rows);
}

enum nst_err ocl_export_work_on(enum ocl_export_work *out, struct nst_arena *a, struct nst_db *db,
                                int64_t id)
{
    return ocl_export_work_of(out, db, once_of(a, id), once_here(a, id));
}

static struct nst_task_order order_of(struct nst_arena *a, int64_t id)
{
    return (struct nst_task_order){ .kind = &ocl_export_task,
                                    .username = NST_STR(""),
                                    .kwargs = nst_strf(a, "{\"export\":%lld}", (long long)id),
                                    .once = once_of(a, id) };
}

enum nst_err ocl_export_order(int64_t *task, struct nst_req *rq, int64_t id)
{
    struct nst_task_order order = order_of(rq->arena, id);
    if (rq->caller.is_known) {
        order.user = rq->caller.id;
        order.username = rq->caller.name;
    }
    return nst_task_add(task, rq, &order);
}

enum nst_err ocl_export_queue(struct nst_req *rq, int64_t version_id)
{
    const struct ocl_export_key key = { .version_id = version_id };
    int64_t id, task;
    bool is_copied;
    NST_TRY(nst_exists_with(&is_copied, rq->db,
                            "SELECT 1 FROM subscription s JOIN repo_version v ON v.repo_id = "
                            "s.repo_id WHERE v.id = $1",
                            NST_INT(version_id)));
    if (is_copied)
        return NST_OK;
    NST_TRY(ocl_export_renew(&id, rq->arena, rq->db, &key));
    enum nst_err e = ocl_export_order(&task, rq, id);
    return e == NST_E_CONFLICT ? NST_OK : e;
}

/* ---- A copy of this server's own ---- */

struct copy {
    struct nst_arena *arena;
    int64_t id;
};

static enum nst_err order_copy(struct nst_db *db, void *arg)
{
    const struct copy *c = arg;
    struct nst_task_order order = order_of(c->arena, c->id);
    int64_t task;
    order.host = nst_worker_host();
    order.once = once_here(c->arena, c->id);
    enum nst_err e = nst_task_add_at(&task, c->arena, db, &order, nst_now());
    return e == NST_E_CONFLICT ? NST_OK : e;
}

static void copy_ordered(enum nst_err err, void *arg)
{
    struct copy *c = arg;
    if (err == NST_OK)
        nst_workers_wake();
    nst_arena_free(c->arena);
}

void ocl_export_copy_later(struct nst_req *rq, int64_t id)
{
    struct nst_arena *a = nst_arena_new(1024);
    struct copy *c = NST_NEW(a, struct copy);
    *c = (struct copy){ a, id };
    nst_store_submit(nst_db_store(rq->db), NST_MODE_WRITE, order_copy, copy_ordered, c);
}

/* ---- Taking back ---- */

/* Some of them: one is for all servers, and each may have one of its own. */
struct unfinished {
    int64_t task[8];
    size_t count;
};

static enum nst_err find_unfinished(struct unfinished *u, struct nst_req *rq, int64_t id)
{
    struct nst_rows *rows;
    u->count = 0;
    NST_TRY(nst_query_with(&rows, rq->db, "SELECT id FROM task WHERE once = $1 OR once LIKE $2",
                           NST_TEXT(once_of(rq->arena, id)),
                           NST_TEXT(nst_strf(rq->arena, ONCE "%lld:%%", (long long)id))));
    while (u->count < NST_COUNT(u->task) && nst_rows_step(rows))
        u->task[u->count++] = nst_rows_int(rows, 0);
    return nst_rows_end(rows);
}

static enum nst_err revoke_some(bool *any, struct unfinished *u, struct nst_req *rq, int64_t id)
{
    NST_TRY(find_unfinished(u, rq, id));
    for (size_t i = 0; i < u->count; i++) {
        bool revoked;
        NST_TRY(nst_task_revoke(&revoked, rq->db, u->task[i], rq->now));
        *any |= revoked;
    }
    return NST_OK;
}

static enum nst_err forget(bool *was_there, struct nst_db *db, int64_t id)
{
    int64_t changed;
    NST_TRY(nst_exec_with(&changed, db,
                          "UPDATE repo_export SET stamp = NULL, file = NULL, size = NULL, "
                          "digest = NULL WHERE id = $1 AND file IS NOT NULL",
                          NST_INT(id)));
    *was_there |= changed > 0;
    return NST_OK;
}

enum nst_err ocl_export_drop(bool *was_there, struct nst_req *rq, const struct ocl_export_key *key)
{
    struct unfinished u;
    int64_t id;
    *was_there = false;
    NST_TRY(hold_row(&id, rq->arena, rq->db, key));
    if (id == 0)
        return NST_OK;
    rq->when_durable = nst_workers_tidy;
    do
        NST_TRY(revoke_some(was_there, &u, rq, id));
    while (u.count == NST_COUNT(u.task));
    return forget(was_there, rq->db, id);
}
