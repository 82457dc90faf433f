/* What belongs to what, said once: closing a row hides what belongs to it, opening it again
 * shows that, erasing one takes that with it. */
#include "app.h"
#include "export/export.h"

/* Rows of `table` belong to the row of `of` whose id is in `column`. */
struct belonging {
    const char *table, *column, *of;
    const char *which; /* a condition, where `column` may name rows of several tables; or NULL */
    const char *hidden_by; /* column that is false once the owner is closed; NULL: hidden anyway */
};

#define OWNED_BY(kind) "owner_type = '" kind "'", "owner_is_active"

/* What lies deeper stands first. */
static const struct belonging belongings[] = {
    { "tally", "repo_id", "repo", NULL, NULL },
    { "tombstone", "repo_id", "repo", NULL, NULL },
    { "import_run", "repo_id", "repo", NULL, NULL },
    { "event", "repo_id", "repo", NULL, NULL },
    { "event", "of_org_id", "org", NULL, NULL },
    { "event", "user_id", "account", NULL, NULL },
    { "event", "object_id", "account", NULL, NULL },
    { "event", "actor_id", "account", NULL, NULL },
    { "client_config", "repo_id", "repo", NULL, NULL },
    { "client_config", "org_id", "org", NULL, NULL },
    { "logo", "repo_id", "repo", NULL, NULL },
    { "logo", "org_id", "org", NULL, NULL },
    { "logo", "user_id", "account", NULL, NULL },
    { "follow", "repo_id", "repo", NULL, NULL },
    { "follow", "org_id", "org", NULL, NULL },
    { "follow", "user_id", "account", NULL, NULL },
    { "follow", "follower_id", "account", NULL, NULL },
    { "pin", "repo_id", "repo", NULL, NULL },
    { "pin", "pinned_org_id", "org", NULL, NULL },
    { "pin", "org_id", "org", NULL, NULL },
    { "pin", "user_id", "account", NULL, NULL },
    { "feedback", "user_id", "account", NULL, NULL },
    { "map_project", "org_id", "org", NULL, NULL },
    { "map_project", "user_id", "account", NULL, NULL },
    { "url_registry", "org_id", "org", NULL, NULL },
    { "url_registry", "user_id", "account", NULL, NULL },
    { "repo_export_hidden", "repo_id", "repo", NULL, NULL },
    { "repo_export", "repo_id", "repo", NULL, NULL },
    { "subscription", "repo_id", "repo", NULL, NULL },
    { "mapping_end", "repo_id", "repo", NULL, NULL },
    { "mapping_end", "end_id", "repo", "end_id NOT IN (SELECT id FROM ended_repo)", NULL },
    { "present_name", "repo_id", "repo", NULL, NULL },
    { "mapping_version", "repo_id", "repo", NULL, NULL },
    { "concept_parent", "repo_id", "repo", NULL, NULL },
    { "concept_version", "repo_id", "repo", NULL, NULL },
    { "repo_version", "repo_id", "repo", NULL, NULL },
    { "repo", "owner_id", "org", OWNED_BY("Organization") },
    { "repo", "owner_id", "account", OWNED_BY("User") },
    { "member", "org_id", "org", NULL, NULL },
    { "member", "user_id", "account", NULL, NULL },
};

/* A row on the way down from the one that is erased. */
struct below {
    const struct below *above; /* NULL: directly below it */
    const struct belonging *by;
};

static void put_below(struct nst_sql *q, const struct below *b, int64_t id)
{
    nst_sql_add(q, b->by->column);
    if (b->above == NULL) {
        nst_sql_add(q, " = ");
        nst_sql_bind(q, NST_INT(id));
    } else {
        nst_sql_addf(q, " IN (SELECT id FROM %s WHERE ", b->by->of);
        put_below(q, b->above, id);
        nst_sql_add(q, ")");
    }
    if (b->by->which != NULL)
        nst_sql_addf(q, " AND %s", b->by->which);
}

static bool is_of(const struct belonging *b, const char *table)
{
    return nst_str_eq(nst_str_z(b->of), nst_str_z(table));
}

static bool has_below(const char *table)
{
    size_t i = 0;
    while (i < NST_COUNT(belongings) && !is_of(&belongings[i], table))
        i++;
    return i < NST_COUNT(belongings);
}

/* Rows that others refer to are held before those are erased. */
static enum nst_err hold_alone(struct nst_arena *a, struct nst_db *db, const struct below *b,
                               int64_t id)
{
    struct nst_sql q;
    struct nst_rows *rows;
    if (!has_below(b->by->table))
        return NST_OK;
    nst_sql_init(&q, a);
    nst_sql_addf(&q, "SELECT id FROM %s WHERE ", b->by->table);
    put_below(&q, b, id);
    nst_sql_hold_alone(&q, db, b->by->table);
    NST_TRY(nst_sql_query(&rows, db, &q));
    while (nst_rows_step(rows))
        continue;
    return nst_rows_end(rows);
}

/* Mappings that lead to a private source stay hidden from whom it was hidden from. */
static enum nst_err keep_hidden(struct nst_arena *a, struct nst_db *db, const struct below *above,
                                int64_t id)
{
    struct nst_sql q;
    nst_sql_init(&q, a);
    nst_sql_add(&q, "INSERT INTO ended_repo (id, public_access, owner_type, owner_id) "
                    "SELECT id, public_access, owner_type, owner_id FROM repo WHERE "
                    "public_access = 'None' AND EXISTS (SELECT 1 FROM mapping_end WHERE "
                    "mapping_end.end_id = repo.id) AND ");
    if (above != NULL) {
        put_below(&q, above, id);
    } else {
        nst_sql_add(&q, "id = ");
        nst_sql_bind(&q, NST_INT(id));
    }
    return nst_sql_exec(NULL, db, &q);
}

static enum nst_err erase_below(struct nst_arena *a, struct nst_db *db, const char *table,
                                const struct below *above, int64_t id)
{
    if (nst_str_eq(nst_str_z(table), NST_STR("repo")))
        NST_TRY(keep_hidden(a, db, above, id));
    for (size_t i = 0; i < NST_COUNT(belongings); i++) {
        const struct below b = { above, &belongings[i] };
        struct nst_sql q;
        if (!is_of(b.by, table))
            continue;
        NST_TRY(hold_alone(a, db, &b, id));
        NST_TRY(erase_below(a, db, b.by->table, &b, id));
        nst_sql_init(&q, a);
        nst_sql_addf(&q, "DELETE FROM %s WHERE ", b.by->table);
        put_below(&q, &b, id);
        NST_TRY(nst_sql_exec(NULL, db, &q));
    }
    return NST_OK;
}

/* Note whether the row above is there, where something is hidden by that. */
static enum nst_err mark_below(struct nst_arena *a, struct nst_db *db, const char *table,
                               int64_t id, bool is_there)
{
    for (size_t i = 0; i < NST_COUNT(belongings); i++) {
        const struct below b = { NULL, &belongings[i] };
        struct nst_sql q;
        if (!is_of(b.by, table) || b.by->hidden_by == NULL)
            continue;
        nst_sql_init(&q, a);
        nst_sql_addf(&q, "UPDATE %s SET %s = %s WHERE ", b.by->table, b.by->hidden_by,
                     is_there ? "TRUE" : "FALSE");
        put_below(&q, &b, id);
        NST_TRY(nst_sql_exec(NULL, db, &q));
    }
    return NST_OK;
}

enum nst_err ocl_hide_below(struct nst_arena *a, struct nst_db *db, const char *table, int64_t id)
{
    return mark_below(a, db, table, id, false);
}

static enum nst_err show_below(struct nst_arena *a, struct nst_db *db, const char *table,
                               int64_t id)
{
    return mark_below(a, db, table, id, true);
}

enum nst_err ocl_erase_below(struct nst_arena *a, struct nst_db *db, const char *table, int64_t id)
{
    NST_TRY(ocl_hide_below(a, db, table, id));
    return erase_below(a, db, table, NULL, id);
}

/* ---- For good, every row of an id ---- */

#define PURGE_STEP ((size_t)1000) /* rows of one id that are erased at a time */

enum nst_err ocl_erase_row(struct nst_arena *a, struct nst_db *db, const char *table, int64_t id)
{
    struct nst_sql q;
    NST_TRY(ocl_erase_below(a, db, table, id));
    nst_sql_init(&q, a);
    nst_sql_addf(&q, "DELETE FROM %s WHERE id = ", table);
    nst_sql_bind(&q, NST_INT(id));
    return nst_sql_exec(NULL, db, &q);
}

/* Some of them; *count is how many. */
static enum nst_err purge_some(size_t *count, struct nst_req *rq, const struct nst_sql *which,
                               const char *table)
{
    int64_t *ids = NST_NEW_ARRAY(rq->arena, int64_t, PURGE_STEP);
    struct nst_rows *rows;
    *count = 0;
    NST_TRY(nst_sql_query(&rows, rq->db, which));
    while (*count < PURGE_STEP && nst_rows_step(rows))
        ids[(*count)++] = nst_rows_int(rows, 0);
    NST_TRY(nst_rows_end(rows));
    for (size_t i = 0; i < *count; i++)
        NST_TRY(ocl_erase_row(rq->arena, rq->db, table, ids[i]));
    return NST_OK;
}

enum nst_err ocl_purge_all(struct nst_req *rq, struct nst_sql *which, const char *table)
{
    bool any = false;
    nst_sql_hold_alone(which, rq->db, table);
    for (size_t count = PURGE_STEP; count == PURGE_STEP; any |= count > 0)
        NST_TRY(purge_some(&count, rq, which, table));
    if (!any)
        return NST_E_NOT_FOUND;
    NST_TRY(ocl_audit_act(rq, "content.erase"));
    return nst_answer_empty(rq, 204);
}

/* ---- What accounts own ---- */

static enum nst_err with_account(struct nst_db *db, int64_t account,
                                 enum nst_err (*how)(struct nst_arena *, struct nst_db *,
                                                     const char *, int64_t))
{
    struct nst_arena *a = nst_arena_new(4096);
    enum nst_err e = how(a, db, "account", account);
    nst_arena_free(a);
    return e;
}

static enum nst_err close_account(struct nst_db *db, int64_t account, int64_t now)
{
    (void)now;
    return with_account(db, account, ocl_hide_below);
}

static enum nst_err erase_account(struct nst_db *db, int64_t account, int64_t now)
{
    (void)now;
    NST_TRY(ocl_exports_renamed(db, account));
    return with_account(db, account, ocl_erase_below);
}

static enum nst_err reopen_account(struct nst_db *db, int64_t account, int64_t now)
{
    (void)now;
    return with_account(db, account, show_below);
}

const struct nst_belongings ocl_belongings = { .close = close_account,
                                               .erase = erase_account,
                                               .reopen = reopen_account };
