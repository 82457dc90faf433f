/* Taking back organisations, sources and versions of sources: what the import created is deleted as
 * its address deletes it, where nothing was put there since; what it deleted stays so. */
#include "undo.h"

#define MADE_AT_ONCE 20

/* What keeps a row: a condition over x, and what is said. */
struct hold {
    const char *where, *reason;
};

#define HOLDS_MAX 4

static const struct made {
    const char *type;
    const char *from, *address, *is_there; /* SQL over x */
    const char *held; /* the row in it that whoever puts something there holds */
    struct hold hold[HOLDS_MAX];
} kinds[] = {
    { .type = "Source Version",
      .from = "repo_version x JOIN repo r ON r.id = x.repo_id",
      .address = OCL_ADDRESS("r") " || x.mnemonic || '/'",
      .is_there = "x.is_active AND r.is_active AND r.owner_is_active",
      .held = "r",
      .hold = { { "EXISTS (SELECT 1 FROM repo_version c WHERE c.parent_id = x.id AND c.is_active)",
                  "It is the parent of another version." } } },
    { .type = "Source",
      .from = "repo x",
      .address = OCL_ADDRESS("x"),
      .is_there = "x.is_active AND x.owner_is_active",
      .held = "x",
      .hold = { { "x.concepts + x.mappings > 0", "There is content in it." },
                { "EXISTS (SELECT 1 FROM repo_version c WHERE c.repo_id = x.id AND c.is_active "
                  "AND c.mnemonic <> 'INITIAL')",
                  "It has versions." } } },
    { .type = "Organization",
      .from = "org x",
      .address = "'/orgs/' || x.mnemonic || '/'",
      .is_there = "x.is_active",
      .held = "x",
      .hold = { { "EXISTS (SELECT 1 FROM repo r WHERE r.owner_type = 'Organization' "
                  "AND r.owner_id = x.id AND r.is_active)",
                  "There are sources in it." },
                { "EXISTS (SELECT 1 FROM member m WHERE m.org_id = x.id "
                  "AND m.user_id <> x.created_by)",
                  "It has other members." },
                { "EXISTS (SELECT 1 FROM url_registry g WHERE g.org_id = x.id)",
                  "There is something in its registry." },
                { "EXISTS (SELECT 1 FROM map_project g WHERE g.org_id = x.id)",
                  "There are mapping projects in it." } } },
};

static const struct made *made_of(const char *type)
{
    const struct made *m = kinds;
    while (!nst_str_eq(nst_str_z(m->type), nst_str_z(type)))
        m++;
    return m;
}

/* A row as it is now. */
struct row {
    bool is_there, was_created;
    struct ocl_left left; /* url, and why it stays, if it does */
};

/* Its address, whether it is there, who changed it and when, then each hold. */
static void put_state(struct nst_sql *q, const struct made *m, int64_t id)
{
    nst_sql_addf(q,
                 "SELECT %s, CASE WHEN %s THEN 1 ELSE 0 END, "
                 "CASE WHEN x.updated_at > x.created_at "
                 "THEN coalesce(" OCL_NAME_OF("x.updated_by") ", '') END, x.updated_at",
                 m->address, m->is_there);
    for (size_t i = 0; i < HOLDS_MAX && m->hold[i].where != NULL; i++)
        nst_sql_addf(q, ", CASE WHEN %s THEN 1 ELSE 0 END", m->hold[i].where);
    nst_sql_addf(q, " FROM %s WHERE x.id = ", m->from);
    nst_sql_bind(q, NST_INT(id));
}

enum { ADDRESS, IS_THERE, WHO, WHEN, HOLDS };

static void read_holds(struct row *row, const struct made *m, struct nst_rows *rows)
{
    if (row->left.who.p != NULL)
        row->left.reason = NST_STR("It was changed since.");
    for (unsigned i = 0; i < HOLDS_MAX && m->hold[i].where != NULL; i++)
        if (row->left.reason.p == NULL && nst_rows_int(rows, HOLDS + i) == 1)
            row->left.reason = nst_str_z(m->hold[i].reason);
}

/* What is read behind this stays so. */
static enum nst_err hold_row(struct ocl_undo *u, const struct made *m, int64_t id)
{
    struct nst_sql q;
    int64_t held;
    nst_sql_init(&q, u->arena);
    nst_sql_addf(&q, "SELECT x.id FROM %s WHERE x.id = ", m->from);
    nst_sql_bind(&q, NST_INT(id));
    nst_sql_hold(&q, u->db, m->held);
    return nst_sql_int(&held, NULL, u->db, &q);
}

static enum nst_err read_state(struct row *row, struct ocl_undo *u, const struct made *m,
                               int64_t id)
{
    struct nst_sql q;
    struct nst_rows *rows;
    nst_sql_init(&q, u->arena);
    put_state(&q, m, id);
    NST_TRY(nst_sql_query(&rows, u->db, &q));
    if (nst_rows_step(rows)) {
        row->is_there = nst_rows_int(rows, IS_THERE) == 1;
        row->left.url =
            ocl_undo_path(u->arena, nst_rows_text(rows, ADDRESS), "", (struct nst_str){ 0 });
        row->left.who = nst_str_copy(u->arena, nst_rows_text(rows, WHO));
        row->left.when = nst_rows_int(rows, WHEN);
        read_holds(row, m, rows);
    }
    return nst_rows_end(rows);
}

static enum nst_err delete_it(struct ocl_undo *u, struct row *row)
{
    struct ocl_undo_ask ask = { NST_DELETE, row->left.url, NULL, NST_OK };
    struct nst_req rq;
    NST_TRY(ocl_undo_call(&rq, &ask, u));
    u->place.deleted += ask.why == NST_OK;
    if (ask.why == NST_OK)
        return NST_OK;
    row->left.errors = nst_buf_str(&rq.x->out);
    row->left.reason = ask.why == NST_E_FORBIDDEN || ask.why == NST_E_NOT_FOUND
                           ? NST_STR("You may not delete it any more.")
                           : ocl_left_reason(u->arena, row->left.errors);
    row->left.remedy = "Have it deleted by somebody who may.";
    return ocl_left_keep(u, &row->left);
}

static enum nst_err undo_row(struct ocl_undo *u, const struct made *m, int64_t id, bool was_created)
{
    struct row row = { .left = { .type = m->type } };
    NST_TRY(hold_row(u, m, id));
    NST_TRY(read_state(&row, u, m, id));
    if (was_created && row.is_there && row.left.reason.p == NULL)
        return delete_it(u, &row);
    if (row.left.url.p == NULL || row.is_there != was_created)
        return NST_OK; /* it is as it was before */
    row.left.remedy = "Delete it by hand, if nobody needs it.";
    if (!was_created) {
        row.left.who = (struct nst_str){ 0 };
        row.left.reason = NST_STR("The import deleted it.");
        row.left.remedy = "Create it again: what is deleted is not brought back.";
    }
    return ocl_left_keep(u, &row.left);
}

struct found {
    int64_t at, id;
    bool was_created;
};

static enum nst_err find_rows(struct found *found, size_t *n, struct ocl_undo *u, const char *type)
{
    struct nst_rows *rows;
    int64_t before = u->place.at != 0 ? u->place.at : INT64_MAX;
    NST_TRY(
        nst_query_with(&rows, u->db,
                       "SELECT at, row_id, did FROM import_made WHERE task_id = $1 "
                       "AND type = $2 AND at < $3 ORDER BY at DESC LIMIT " NST_DIGITS(MADE_AT_ONCE),
                       NST_INT(u->import), NST_TEXT(nst_str_z(type)), NST_INT(before)));
    while (nst_rows_step(rows))
        found[(*n)++] =
            (struct found){ nst_rows_int(rows, 0), nst_rows_int(rows, 1),
                            nst_str_eq(nst_rows_text(rows, 2), NST_STR(OCL_DID_CREATE)) };
    return nst_rows_end(rows);
}

enum nst_err ocl_undo_made(bool *is_over, struct ocl_undo *u, const char *type)
{
    struct found found[MADE_AT_ONCE];
    size_t n = 0;
    NST_TRY(find_rows(found, &n, u, type));
    for (size_t i = 0; i < n; i++) {
        nst_arena_reset(u->arena);
        NST_TRY(undo_row(u, made_of(type), found[i].id, found[i].was_created));
        u->place.at = found[i].at;
        u->place.done++;
    }
    *is_over = n < MADE_AT_ONCE;
    return NST_OK;
}
