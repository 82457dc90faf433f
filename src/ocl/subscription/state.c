/* Rows of subscriptions, and the tasks that are asked for by them. */
#include "subscription.h"

#include "nestor/base/log.h"
#include "ocl/source/source.h"

#define ONCE "subscription:" /* what `once` of tasks begins with */

/* ---- Reading ---- */

#define COLUMNS \
    "id, coalesce(parent_id, 0), repo_id, user_id, every, host, remote, owner_url, source, " \
    "phase, " \
    "state, problem, failures, due_at, last_tried, last_success, held_version, held_tag, " \
    "new_version, new_tag, file_tag, digest, held_time, new_time, size, loaded, since"

static struct nst_str text_at(struct nst_arena *a, struct nst_rows *rows, unsigned column)
{
    return nst_str_copy(a, nst_rows_text(rows, column));
}

static void read_row(struct ocl_subscription *s, struct nst_arena *a, struct nst_rows *rows)
{
    *s = (struct ocl_subscription){
        .id = nst_rows_int(rows, 0),
        .parent = nst_rows_int(rows, 1),
        .repo = nst_rows_int(rows, 2),
        .user = nst_rows_int(rows, 3),
        .every = nst_rows_int(rows, 4),
        .host = text_at(a, rows, 5),
        .remote = text_at(a, rows, 6),
        .owner_url = text_at(a, rows, 7),
        .source = text_at(a, rows, 8),
        .phase = text_at(a, rows, 9),
        .state = text_at(a, rows, 10),
        .problem = text_at(a, rows, 11),
        .failures = nst_rows_int(rows, 12),
        .due_at = nst_rows_int(rows, 13),
        .last_tried = nst_rows_int(rows, 14),
        .last_success = nst_rows_int(rows, 15),
        .held_version = text_at(a, rows, 16),
        .held_tag = text_at(a, rows, 17),
        .new_version = text_at(a, rows, 18),
        .new_tag = text_at(a, rows, 19),
        .file_tag = text_at(a, rows, 20),
        .digest = text_at(a, rows, 21),
        .held_time = nst_rows_int(rows, 22),
        .new_time = nst_rows_int(rows, 23),
        .size = nst_rows_int(rows, 24),
        .loaded = nst_rows_int(rows, 25),
        .since = text_at(a, rows, 26),
    };
}

static enum nst_err end_row(struct ocl_subscription *out, struct nst_arena *a,
                            struct nst_rows *rows)
{
    *out = (struct ocl_subscription){ 0 };
    if (nst_rows_step(rows))
        read_row(out, a, rows);
    return nst_rows_end(rows);
}

enum nst_err ocl_subscription_load(struct ocl_subscription *out, struct nst_arena *a,
                                   struct nst_db *db, int64_t id)
{
    struct nst_rows *rows;
    NST_TRY(nst_query_with(&rows, db, "SELECT " COLUMNS " FROM subscription WHERE id = $1",
                           NST_INT(id)));
    return end_row(out, a, rows);
}

enum nst_err ocl_subscription_next(struct ocl_subscription *out, struct nst_arena *a,
                                   struct nst_db *db, int64_t behind)
{
    struct nst_rows *rows;
    NST_TRY(nst_query_with(&rows, db,
                           "SELECT " COLUMNS " FROM subscription WHERE id > $1 ORDER BY id LIMIT 1",
                           NST_INT(behind)));
    return end_row(out, a, rows);
}

enum nst_err ocl_subscription_find(struct ocl_subscription *out, struct nst_arena *a,
                                   struct nst_db *db, struct nst_str remote,
                                   struct nst_str owner_url)
{
    struct nst_rows *rows;
    struct nst_sql q;
    nst_sql_init(&q, a);
    nst_sql_add(&q, "SELECT " COLUMNS " FROM subscription WHERE remote = ");
    nst_sql_bind(&q, NST_TEXT(remote));
    if (owner_url.p != NULL) {
        nst_sql_add(&q, " AND owner_url = ");
        nst_sql_bind(&q, NST_TEXT(owner_url));
    }
    nst_sql_add(&q, " ORDER BY id LIMIT 1");
    NST_TRY(nst_sql_query(&rows, db, &q));
    return end_row(out, a, rows);
}

/* ---- Writing ---- */

/* A source that is here already is somebody's own work. */
static enum nst_err is_taken(bool *out, struct nst_arena *a, struct nst_db *db,
                             const struct ocl_subscription *s)
{
    *out = false;
    if (s->source.p != NULL)
        NST_TRY(nst_exists_with(out, db, "SELECT 1 FROM repo WHERE " OCL_AT("repo") "$1",
                                NST_TEXT(ocl_subscription_url(a, s))));
    return NST_OK;
}

enum nst_err ocl_subscription_add(struct ocl_subscription *s, struct nst_arena *a,
                                  struct nst_db *db, int64_t now)
{
    bool taken;
    int64_t added;
    NST_TRY(is_taken(&taken, a, db, s));
    if (taken)
        return NST_E_CONFLICT;
    NST_TRY(nst_next_id(&s->id, db, "subscription", 1));
    s->phase = NST_STR(OCL_SUB_ASK);
    s->state = NST_STR(OCL_SUB_NEW);
    s->due_at = now;
    NST_TRY(nst_exec_with(
        &added, db,
        "INSERT INTO subscription (id, parent_id, host, remote, owner_url, source, repo_id, "
        "user_id, every, phase, state, failures, due_at, size, loaded, created_at) "
        "VALUES ($1, $2, $3, $4, $5, $6, 0, $7, $8, $9, $10, 0, $11, 0, 0, $11) "
        "ON CONFLICT DO NOTHING",
        NST_INT(s->id), nst_int_or_null(s->parent), NST_TEXT(s->host), NST_TEXT(s->remote),
        NST_TEXT(s->owner_url), NST_TEXT(s->source), NST_INT(s->user), NST_INT(s->every),
        NST_TEXT(s->phase), NST_TEXT(s->state), NST_INT(now)));
    return added == 1 ? NST_OK : NST_E_CONFLICT;
}

enum nst_err ocl_subscription_save(const struct ocl_subscription *s, struct nst_db *db)
{
    return nst_exec_with(
        NULL, db,
        "UPDATE subscription SET repo_id = $1, phase = $2, state = $3, problem = $4, "
        "failures = $5, due_at = $6, last_tried = $7, last_success = $8, held_version = $9, "
        "held_time = $10, held_tag = $11, new_version = $12, new_time = $13, new_tag = $14, "
        "file_tag = $15, digest = $16, size = $17, loaded = $18, since = $19 WHERE id = $20",
        NST_INT(s->repo), NST_TEXT(s->phase), NST_TEXT(s->state), NST_TEXT(s->problem),
        NST_INT(s->failures), NST_INT(s->due_at), nst_int_or_null(s->last_tried),
        nst_int_or_null(s->last_success), NST_TEXT(s->held_version), nst_int_or_null(s->held_time),
        NST_TEXT(s->held_tag), NST_TEXT(s->new_version), nst_int_or_null(s->new_time),
        NST_TEXT(s->new_tag), NST_TEXT(s->file_tag), NST_TEXT(s->digest), NST_INT(s->size),
        NST_INT(s->loaded), NST_TEXT(s->since), NST_INT(s->id));
}

enum nst_err ocl_subscription_set_every(struct nst_db *db, int64_t id, int64_t every)
{
    return nst_exec_with(
        NULL, db, "UPDATE subscription SET every = $1, due_at = 0 WHERE id = $2 OR parent_id = $2",
        NST_INT(every), NST_INT(id));
}

enum nst_err ocl_subscription_at(struct ocl_subscription *out, struct nst_arena *a,
                                 struct nst_db *db, struct nst_str url)
{
    *out = (struct ocl_subscription){ 0 };
    do
        NST_TRY(ocl_subscription_next(out, a, db, out->id));
    while (out->id != 0 && !nst_str_eq(url, ocl_subscription_url(a, out)));
    return NST_OK;
}

/* Tags are those of the former address: what is there is asked for anew. */
enum nst_err ocl_subscription_move(struct nst_db *db, int64_t id, struct nst_str remote)
{
    NST_TRY(nst_exec_with(NULL, db,
                          "UPDATE subscription SET held_tag = NULL, file_tag = NULL, remote = CASE "
                          "WHEN id = $2 THEN $1 ELSE $1 || 'sources/' || source || '/' END "
                          "WHERE id = $2 OR parent_id = $2",
                          NST_TEXT(remote), NST_INT(id)));
    return nst_exec_with(
        NULL, db,
        "UPDATE repo SET copied_from = (SELECT s.remote FROM subscription s WHERE s.repo_id = "
        "repo.id) WHERE repo.id IN (SELECT s.repo_id FROM subscription s WHERE (s.id = $1 OR "
        "s.parent_id = $1) AND s.repo_id <> 0) AND copied_from IS NOT NULL",
        NST_INT(id));
}

enum nst_err ocl_subscription_take_over(struct nst_db *db, int64_t id)
{
    return nst_exec_with(NULL, db,
                         "UPDATE subscription SET host = $1 WHERE id = $2 OR parent_id = $2",
                         NST_TEXT(nst_worker_host()), NST_INT(id));
}

enum nst_err ocl_subscriptions_settle(struct nst_db *db, void *unused)
{
    (void)unused;
    return nst_exec_with(NULL, db, "UPDATE subscription SET host = $1 WHERE host <> $1 AND $2",
                         NST_TEXT(nst_worker_host()), NST_BOOL(nst_db_dialect(db) == NST_SQLITE));
}

/* ---- Ending one ---- */

enum nst_err ocl_copy_erase(struct nst_arena *a, struct nst_db *db, int64_t repo)
{
    NST_TRY(ocl_erase_below(a, db, "repo", repo));
    return nst_exec_with(NULL, db, "DELETE FROM repo WHERE id = $1", NST_INT(repo));
}

static enum nst_err remove_source(struct nst_arena *a, struct nst_db *db, int64_t repo, bool erases)
{
    bool is_there;
    NST_TRY(nst_exists_with(&is_there, db, "SELECT 1 FROM repo WHERE id = $1 AND is_active",
                            NST_INT(repo)));
    if (!is_there || erases)
        return ocl_copy_erase(a, db, repo);
    return nst_exec_with(NULL, db, "UPDATE repo SET copied_from = NULL WHERE id = $1",
                         NST_INT(repo));
}

static enum nst_err revoke(struct nst_arena *a, struct nst_db *db, int64_t id)
{
    struct nst_rows *rows;
    int64_t task = 0;
    bool revoked;
    NST_TRY(nst_query_with(&rows, db, "SELECT id FROM task WHERE once = $1",
                           NST_TEXT(nst_strf(a, ONCE "%lld", (long long)id))));
    if (nst_rows_step(rows))
        task = nst_rows_int(rows, 0);
    NST_TRY(nst_rows_end(rows));
    return task != 0 ? nst_task_revoke(&revoked, db, task, nst_now()) : NST_OK;
}

static enum nst_err remove_one(struct nst_arena *a, struct nst_db *db,
                               const struct ocl_subscription *s, bool erases)
{
    NST_TRY(revoke(a, db, s->id));
    NST_TRY(nst_exec_with(NULL, db, "DELETE FROM subscription WHERE id = $1", NST_INT(s->id)));
    return s->repo != 0 ? remove_source(a, db, s->repo, erases) : NST_OK;
}

enum nst_err ocl_subscription_remove(struct nst_arena *a, struct nst_db *db,
                                     const struct ocl_subscription *s, bool erases)
{
    struct ocl_subscription next = { 0 };
    do {
        NST_TRY(ocl_subscription_next(&next, a, db, next.id));
        if (next.id != 0 && next.parent == s->id)
            NST_TRY(remove_one(a, db, &next, erases));
    } while (next.id != 0);
    return remove_one(a, db, s, erases);
}

/* ---- Tasks ---- */

/* One at a time on a server, so that slow remotes take one slot. */
static struct nst_str queue_of(struct nst_arena *a, struct nst_str host)
{
    return nst_strf(a, "subscriptions-%.*s", NST_FMT(host));
}

enum nst_err ocl_subscription_has_others(bool *out, struct nst_db *db)
{
    return nst_exists_with(
        out, db,
        "SELECT 1 FROM task WHERE name = $1 AND host = $2 AND state = '" NST_TASK_PENDING "'",
        NST_TEXT(nst_str_z(ocl_subscription_task.name)), NST_TEXT(nst_worker_host()));
}

enum nst_err ocl_subscription_order(struct nst_arena *a, struct nst_db *db,
                                    const struct ocl_subscription *s, int64_t now)
{
    const struct nst_task_order order = {
        .kind = &ocl_subscription_task,
        .username = NST_STR(""),
        .queue = queue_of(a, s->host),
        .kwargs = nst_strf(a, "{\"subscription\":%lld}", (long long)s->id),
        .once = nst_strf(a, ONCE "%lld", (long long)s->id),
        .host = s->host,
    };
    int64_t task;
    NST_TRY(nst_exec_with(
        NULL, db,
        "DELETE FROM task WHERE name = $1 AND kwargs = $2 AND state = '" NST_TASK_SUCCESS "'",
        NST_TEXT(nst_str_z(ocl_subscription_task.name)), NST_TEXT(order.kwargs)));
    enum nst_err e = nst_task_add_at(&task, a, db, &order, now);
    return e == NST_E_CONFLICT ? NST_OK : e;
}

enum nst_err ocl_subscription_goes_on(bool *out, struct nst_str *message, struct nst_arena *a,
                                      struct nst_db *db, int64_t id)
{
    struct nst_rows *rows;
    *message = (struct nst_str){ 0 };
    NST_TRY(nst_query_with(&rows, db,
                           "SELECT t.message FROM subscription s JOIN task t ON t.once = '" ONCE
                           "' || CAST(s.id AS text) WHERE s.host = $2 AND "
                           "($1 = 0 OR s.id = $1 OR s.parent_id = $1) ORDER BY t.state DESC, t.id "
                           "LIMIT 1",
                           NST_INT(id), NST_TEXT(nst_worker_host())));
    *out = nst_rows_step(rows);
    if (*out)
        *message = text_at(a, rows, 0);
    return nst_rows_end(rows);
}

/* ---- Whose time has come ---- */

static enum nst_err is_any_due(struct nst_db *db, void *arg)
{
    return nst_exists_with(arg, db,
                           "SELECT 1 FROM subscription WHERE every > 0 AND due_at <= $1 "
                           "AND host = $2",
                           NST_INT(nst_now()), NST_TEXT(nst_worker_host()));
}

/* The next time counts from now on, whatever becomes of this round: one that fails says when. */
static enum nst_err order_due(struct nst_db *db, void *arg)
{
    struct nst_arena *a = arg;
    struct ocl_subscription s = { 0 };
    int64_t now = nst_now();
    do {
        NST_TRY(ocl_subscription_next(&s, a, db, s.id));
        if (s.id == 0 || s.every == 0 || s.due_at > now || !nst_str_eq(s.host, nst_worker_host()))
            continue;
        NST_TRY(ocl_subscription_order(a, db, &s, now));
        NST_TRY(nst_exec_with(NULL, db, "UPDATE subscription SET due_at = $1 WHERE id = $2",
                              NST_INT(now + s.every), NST_INT(s.id)));
    } while (s.id != 0);
    return NST_OK;
}

void ocl_subscriptions_tend(struct nst_store *store)
{
    bool is_due = false;
    if (nst_store_run(store, NST_MODE_READ, is_any_due, &is_due) != NST_OK || !is_due)
        return;
    struct nst_arena *a = nst_arena_new(4096);
    if (nst_store_run(store, NST_MODE_WRITE, order_due, a) == NST_OK)
        nst_workers_wake();
    else
        nst_log(NST_LOG_WARN, "rounds of subscriptions not begun",
                NST_LOG_STR("host", nst_worker_host()));
    nst_arena_free(a);
}

/* ---- Addresses ---- */

struct nst_str ocl_subscription_url(struct nst_arena *a, const struct ocl_subscription *s)
{
    return s->source.p == NULL
               ? s->owner_url
               : nst_strf(a, "%.*ssources/%.*s/", NST_FMT(s->owner_url), NST_FMT(s->source));
}

bool ocl_copy_is_id(struct nst_str id)
{
    bool is_good = nst_str_is_segment(id) && id.n <= 255;
    for (size_t i = 0; i < id.n; i++)
        is_good &= id.p[i] > ' ' && id.p[i] < 0x7F && strchr("/?#%\\\"<>", id.p[i]) == NULL;
    return is_good;
}

/* The place of the last "/orgs/" or "/users/" behind the host; url.n: there is none. */
static size_t find_owner(struct nst_str url)
{
    size_t host = nst_str_starts(url, NST_STR("https://")) ? 8 : 7;
    size_t at = host + nst_str_find(nst_str_slice(url, host, url.n), '/');
    while (at < url.n && !nst_str_starts(nst_str_slice(url, at, url.n), NST_STR("/orgs/")) &&
           !nst_str_starts(nst_str_slice(url, at, url.n), NST_STR("/users/")))
        at++;
    return at;
}

const char *ocl_subscription_read(struct ocl_subscription *out, struct nst_arena *a,
                                  struct nst_str url)
{
    struct nst_str part[5];
    size_t n = 0;
    if (!nst_str_starts(url, NST_STR("http://")) && !nst_str_starts(url, NST_STR("https://")))
        return "the address begins with https:// (or http://)";
    if (nst_str_find(url, '?') < url.n || nst_str_find(url, '#') < url.n ||
        nst_str_find(url, '@') < url.n)
        return "the address has neither ?, # nor @: a token goes into --token-file";
    if (url.n > 2000 || !nst_str_is_uri(url))
        return "that is no address";
    struct nst_str rest = nst_str_slice(url, find_owner(url), url.n);
    while (n < NST_COUNT(part) && rest.p != NULL)
        part[n++] = nst_str_cut(&rest, '/');
    bool is_whole = rest.p == NULL || rest.n == 0;
    if (n == 4 && part[3].n == 0)
        n = 3;
    bool is_owner = n == 3 && ocl_copy_is_id(part[2]);
    bool is_source = n == 5 && ocl_copy_is_id(part[2]) && ocl_copy_is_id(part[4]) &&
                     nst_str_eq(part[3], NST_STR("sources"));
    if (!is_whole || !(is_owner || is_source))
        return "the address is that of a source, like https://host/orgs/WHO/sources/ICD/, or of "
               "an owner, like https://host/orgs/WHO/";
    out->owner_url = nst_strf(a, "/%.*s/%.*s/", NST_FMT(part[1]), NST_FMT(part[2]));
    out->source = is_source ? nst_str_copy(a, part[4]) : (struct nst_str){ 0 };
    out->remote = nst_strf(a, "%.*s%s", NST_FMT(url), nst_str_ends(url, NST_STR("/")) ? "" : "/");
    return NULL;
}
