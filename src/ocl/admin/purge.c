/* Purging, the rows: which they are, how many, and erasing some of them. */
#include "purge.h"

#include "ocl/export/export.h"
#include "ocl/source/source.h"

#define STEP_ROWS 1000

/* ---- Which ---- */

/* Conditions on a source: what stands before the time, and behind it. Sources go with their owner,
 * who may come back later, so they are asked for by what the owner says. */
#define OWNER(table, type) \
    { \
        "(repo.owner_type = '" type "' AND repo.owner_id IN (SELECT id FROM " table \
        " WHERE NOT is_active AND updated_at < ", \
            "))" \
    }

static const struct {
    const char *head, *tail;
} source_of[OCL_PURGE_KINDS] = {
    [OCL_PURGED_SOURCES] = { "(NOT repo.is_active AND repo.updated_at < ", ")" },
    [OCL_PURGED_ORGS] = OWNER("org", "Organization"),
    [OCL_PURGED_USERS] = OWNER("account", "User"),
};

/* In the order in which they go: what belongs to others first. */
static const struct phase {
    enum ocl_purged what;
    const char *table, *address, *act;
} phases[] = {
    { OCL_PURGED_SOURCES, "repo", "repo.owner_url || 'sources/' || repo.mnemonic || '/'",
      "source.purge" },
    { OCL_PURGED_ORGS, "org", "'/orgs/' || org.mnemonic || '/'", "organization.purge" },
    { OCL_PURGED_USERS, "account", "'/users/' || account.username || '/'", "user.purge" },
};

static const char *const names[] = {
    [OCL_PURGED_SOURCES] = "sources",
    [OCL_PURGED_ORGS] = "organizations",
    [OCL_PURGED_USERS] = "users",
    [OCL_PURGED_CONCEPTS] = "concept_versions",
    [OCL_PURGED_MAPPINGS] = "mapping_versions",
};

const char *ocl_purged_name(enum ocl_purged what)
{
    return names[what];
}

bool ocl_purge_kind(int64_t *out, struct nst_str name)
{
    *out = -1;
    for (int64_t i = 0; i < OCL_PURGE_KINDS && name.p != NULL; i++)
        if (nst_str_eq(name, nst_str_z(names[i])))
            *out = i;
    return name.p == NULL || *out >= 0;
}

static bool is_wanted(const struct ocl_purge *p, enum ocl_purged kind)
{
    return p->kind < 0 || p->kind == (int64_t)kind;
}

/* Append " WHERE ..." for the rows of a phase; none of a kind that is not wanted. */
static void put_which(struct nst_sql *q, const struct ocl_purge *p, const struct phase *phase)
{
    const char *between = "";
    if (phase->what != OCL_PURGED_SOURCES) {
        nst_sql_addf(q, " WHERE NOT %s.is_active AND %s.updated_at < ", phase->table, phase->table);
        nst_sql_bind(q, NST_INT(p->before));
        return;
    }
    nst_sql_add(q, " WHERE (repo.kind = '" OCL_KIND_PURGED "' OR repo.kind = 'source') AND (");
    for (int i = 0; i < OCL_PURGE_KINDS; i++) {
        if (!is_wanted(p, (enum ocl_purged)i))
            continue;
        nst_sql_addf(q, "%s%s", between, source_of[i].head);
        nst_sql_bind(q, NST_INT(p->before));
        nst_sql_add(q, source_of[i].tail);
        between = " OR ";
    }
    nst_sql_add(q, ")");
}

/* Sources of what is purged go in any case. */
static bool has_phase(const struct ocl_purge *p, const struct phase *phase)
{
    return phase->what == OCL_PURGED_SOURCES || is_wanted(p, phase->what);
}

/* ---- Counting ---- */

static const struct {
    enum ocl_purged what;
    const char *table;
} content[] = {
    { OCL_PURGED_MAPPINGS, "mapping_version" },
    { OCL_PURGED_CONCEPTS, "concept_version" },
};

static enum nst_err count_content(struct ocl_purge *p, struct nst_arena *a, struct nst_db *db)
{
    for (size_t i = 0; i < NST_COUNT(content); i++) {
        struct nst_sql q;
        nst_sql_init(&q, a);
        nst_sql_addf(&q, "SELECT count(*) FROM %s WHERE repo_id IN (SELECT repo.id FROM repo",
                     content[i].table);
        put_which(&q, p, &phases[0]);
        nst_sql_add(&q, ")");
        NST_TRY(nst_sql_int(&p->count[content[i].what], NULL, db, &q));
    }
    return NST_OK;
}

enum nst_err ocl_purge_look(struct ocl_purge *p, struct nst_arena *a, struct nst_db *db)
{
    for (size_t i = 0; i < NST_COUNT(phases); i++) {
        struct nst_sql q;
        if (!has_phase(p, &phases[i]))
            continue;
        nst_sql_init(&q, a);
        nst_sql_addf(&q, "SELECT count(*) FROM %s", phases[i].table);
        put_which(&q, p, &phases[i]);
        NST_TRY(nst_sql_int(&p->count[phases[i].what], NULL, db, &q));
    }
    return count_content(p, a, db);
}

enum nst_err ocl_purge_each(const struct ocl_purge *p, struct nst_arena *a, struct nst_db *db,
                            ocl_purge_sink *sink, void *arg)
{
    for (size_t i = 0; i < NST_COUNT(phases); i++) {
        const struct phase *phase = &phases[i];
        struct nst_rows *rows;
        struct nst_sql q;
        if (!has_phase(p, phase))
            continue;
        nst_sql_init(&q, a);
        nst_sql_addf(&q, "SELECT %s, %s.updated_at FROM %s", phase->address, phase->table,
                     phase->table);
        put_which(&q, p, phase);
        nst_sql_addf(&q, " ORDER BY %s.id", phase->table);
        NST_TRY(nst_sql_query(&rows, db, &q));
        while (nst_rows_step(rows))
            sink(arg, nst_rows_text(rows, 0), nst_rows_int(rows, 1));
        NST_TRY(nst_rows_end(rows));
    }
    return NST_OK;
}

/* ---- Erasing ---- */

struct victim {
    int64_t id; /* 0: there is none any more */
    struct nst_str address;
};

static enum nst_err find_next(struct victim *v, const struct ocl_purge *p, struct nst_req *rq)
{
    const struct phase *phase = &phases[p->phase];
    struct nst_sql q;
    struct nst_rows *rows;
    *v = (struct victim){ 0 };
    nst_sql_init(&q, rq->arena);
    nst_sql_addf(&q, "SELECT %s.id, %s FROM %s", phase->table, phase->address, phase->table);
    put_which(&q, p, phase);
    nst_sql_addf(&q, " AND %s.id > ", phase->table);
    nst_sql_bind(&q, NST_INT(p->after));
    nst_sql_addf(&q, " ORDER BY %s.id LIMIT 1", phase->table);
    nst_sql_hold_alone(&q, rq->db, phase->table);
    NST_TRY(nst_sql_query(&rows, rq->db, &q));
    if (nst_rows_step(rows))
        *v = (struct victim){ nst_rows_int(rows, 0),
                              nst_str_copy(rq->arena, nst_rows_text(rows, 1)) };
    return nst_rows_end(rows);
}

/* A source that is begun does not come back with its owner, and is no damage until it is gone. */
static enum nst_err close_source(struct nst_req *rq, int64_t id)
{
    return nst_exec_with(NULL, rq->db,
                         "UPDATE repo SET is_active = FALSE, kind = '" OCL_KIND_PURGED
                         "' WHERE id = $1 AND kind = 'source'",
                         NST_INT(id));
}

/* Rows of its content, at most *left, which it takes them from. */
static enum nst_err erase_content(struct ocl_purge *p, struct nst_req *rq, int64_t id,
                                  int64_t *left)
{
    for (size_t i = 0; i < NST_COUNT(content); i++) {
        struct nst_sql q;
        int64_t gone = 0;
        nst_sql_init(&q, rq->arena);
        nst_sql_addf(&q, "DELETE FROM %s WHERE repo_id = ", content[i].table);
        nst_sql_bind(&q, NST_INT(id));
        nst_sql_addf(&q, " AND id IN (SELECT id FROM %s WHERE repo_id = ", content[i].table);
        nst_sql_bind(&q, NST_INT(id));
        nst_sql_add(&q, " ORDER BY id LIMIT ");
        nst_sql_bind(&q, NST_INT(*left));
        nst_sql_add(&q, ")");
        NST_TRY(nst_sql_exec(&gone, rq->db, &q));
        p->count[content[i].what] += gone;
        *left -= gone;
    }
    return NST_OK;
}

/* The row itself, with what hangs on it still. */
static enum nst_err erase_row(struct nst_req *rq, const struct phase *phase, int64_t id)
{
    if (phase->what == OCL_PURGED_USERS)
        return nst_account_erase(rq->db, id, rq->now);
    return ocl_erase_row(rq->arena, rq->db, phase->table, id);
}

static enum nst_err erase_one(struct ocl_purge *p, struct nst_req *rq, const struct victim *v,
                              int64_t *left)
{
    const struct phase *phase = &phases[p->phase];
    if (phase->what == OCL_PURGED_SOURCES) {
        NST_TRY(close_source(rq, v->id));
        NST_TRY(erase_content(p, rq, v->id, left));
        if (*left == 0) /* there may be more */
            return NST_OK;
    }
    NST_TRY(erase_row(rq, phase, v->id));
    p->count[phase->what]++;
    p->after = v->id;
    *left -= 1;
    return nst_audit(rq, &(struct nst_act){ .name = phase->act, .on = v->address });
}

static void next_phase(struct ocl_purge *p)
{
    p->after = 0;
    do
        p->phase++;
    while (p->phase < (int64_t)NST_COUNT(phases) && !has_phase(p, &phases[p->phase]));
    p->is_over = p->phase == (int64_t)NST_COUNT(phases);
}

enum nst_err ocl_purge_step(struct ocl_purge *p, struct nst_req *rq)
{
    int64_t left = STEP_ROWS;
    while (left > 0 && !p->is_over) {
        struct victim v;
        NST_TRY(find_next(&v, p, rq));
        if (v.id != 0)
            NST_TRY(erase_one(p, rq, &v, &left));
        else
            next_phase(p);
    }
    return NST_OK;
}

/* ---- Telling ---- */

enum nst_err ocl_purge_begin(const struct ocl_purge *p, struct nst_req *rq)
{
    struct nst_buf b;
    nst_buf_init(&b, rq->arena, 256);
    nst_putf(&b, "{\"kind\":\"%s\",\"before\":\"", p->kind < 0 ? "all" : names[p->kind]);
    nst_put_time(&b, p->before, NST_TIME_MICRO_Z);
    nst_put_lit(&b, "\"}");
    return nst_audit(rq, &(struct nst_act){
                             .name = "purge", .on = NST_STR("/"), .after = nst_buf_str(&b) });
}

void ocl_purge_put(struct nst_buf *out, const struct ocl_purge *p)
{
    for (int i = 0; i < OCL_PURGED_COUNT; i++)
        nst_putf(out, "%s\"%s\":%lld", i == 0 ? "{" : ",", names[i], (long long)p->count[i]);
    nst_put_char(out, '}');
}
