/* A run through the checks, step by step. */
#include "integrity.h"

#include "ocl/source/source.h"

const struct ocl_check *const ocl_content_checks[] = { ocl_reference_checks, ocl_interval_checks,
                                                       ocl_count_checks, ocl_sum_checks, NULL };

struct ocl_integrity *ocl_integrity_new(const struct ocl_check *const *tables,
                                        struct nst_registry *registry)
{
    struct nst_arena *home = nst_arena_new(65536);
    struct ocl_integrity *v = NST_NEW(home, struct ocl_integrity);
    size_t count = 0;
    for (size_t t = 0; tables[t] != NULL; t++)
        for (const struct ocl_check *c = tables[t]; c->name != NULL; c++)
            count++;
    *v = (struct ocl_integrity){ .home = home,
                                 .registry = registry,
                                 .finding = NST_NEW_ARRAY(home, struct ocl_finding, count),
                                 .from = INT64_MIN,
                                 .step = nst_arena_new(65536) };
    for (size_t t = 0; tables[t] != NULL; t++)
        for (const struct ocl_check *c = tables[t]; c->name != NULL; c++)
            v->finding[v->checks++].check = c;
    return v;
}

void ocl_integrity_free(struct ocl_integrity *v)
{
    if (!ocl_integrity_is_over(v) && v->inside != NULL) {
        v->stays = false;
        v->finding[v->at].check->took(v);
    }
    nst_arena_free(v->step);
    nst_arena_free(v->home);
}

bool ocl_integrity_is_over(const struct ocl_integrity *v)
{
    return v->at == v->checks;
}

static const struct ocl_check *check_of(const struct ocl_integrity *v)
{
    return v->finding[v->at].check;
}

/* ---- Looking ---- */

/* The last key of the step. */
static enum nst_err find_range(struct ocl_integrity *v, struct nst_db *db)
{
    const struct ocl_check *c = check_of(v);
    unsigned rows = c->rows > 0 ? c->rows : OCL_INTEGRITY_ROWS;
    struct nst_sql q;
    bool found = false;
    v->to = INT64_MAX;
    if (c->key == NULL) {
        v->is_last = true;
        return NST_OK;
    }
    nst_sql_init(&q, v->step);
    nst_sql_addf(&q, "SELECT %s.%s FROM %s WHERE %s.%s > ", c->table, c->key, c->table, c->table,
                 c->key);
    nst_sql_bind(&q, NST_INT(v->from));
    nst_sql_addf(&q, " ORDER BY %s.%s LIMIT 1 OFFSET %u", c->table, c->key, rows - 1);
    NST_TRY(nst_sql_int(&v->to, &found, db, &q));
    v->is_last = !found;
    return NST_OK;
}

/* Which of their columns has the source. */
static const struct {
    const char *table, *column;
} of_source[] = {
    { "repo", "id" },
    { "repo_version", "repo_id" },
    { "concept_version", "repo_id" },
    { "mapping_version", "repo_id" },
};

/* What is being purged is in pieces, and rightly so. */
static void put_kept(struct nst_sql *q, const struct ocl_check *c)
{
    for (size_t i = 0; i < NST_COUNT(of_source); i++)
        if (strcmp(of_source[i].table, c->table) == 0)
            nst_sql_addf(q,
                         " AND NOT EXISTS (SELECT 1 FROM repo purged WHERE purged.id = %s.%s AND "
                         "purged.kind = '" OCL_KIND_PURGED "')",
                         c->table, of_source[i].column);
}

/* " WHERE ...": the rows of the step where it is so. */
static void put_rows(struct nst_sql *q, const struct ocl_integrity *v)
{
    const struct ocl_check *c = check_of(v);
    nst_sql_addf(q, " WHERE (%s)", c->where);
    put_kept(q, c);
    if (c->key == NULL)
        return;
    nst_sql_addf(q, " AND %s.%s > ", c->table, c->key);
    nst_sql_bind(q, NST_INT(v->from));
    nst_sql_addf(q, " AND %s.%s <= ", c->table, c->key);
    nst_sql_bind(q, NST_INT(v->to));
}

static enum nst_err find_rows(struct ocl_integrity *v, struct nst_db *db)
{
    const struct ocl_check *c = check_of(v);
    struct nst_rows *rows;
    struct nst_sql q;
    nst_sql_init(&q, v->step);
    nst_sql_addf(&q, "SELECT %s, %s, %s FROM %s", c->address, c->detail,
                 c->mend == NULL        ? "FALSE"
                 : c->mend_when == NULL ? "TRUE"
                                        : c->mend_when,
                 c->table);
    put_rows(&q, v);
    NST_TRY(nst_sql_query(&rows, db, &q));
    while (nst_rows_step(rows))
        ocl_integrity_tell(v, nst_rows_text(rows, 0), nst_rows_text(rows, 1),
                           nst_rows_bool(rows, 2));
    return nst_rows_end(rows);
}

enum nst_err ocl_integrity_look(struct ocl_integrity *v, struct nst_db *db)
{
    const struct ocl_check *c = check_of(v);
    nst_arena_reset(v->step);
    v->found = (struct ocl_finding){ .check = c };
    v->stays = false;
    if (v->inside == NULL)
        NST_TRY(find_range(v, db));
    return c->look != NULL ? c->look(v, db) : find_rows(v, db);
}

void ocl_integrity_tell(struct ocl_integrity *v, struct nst_str address, struct nst_str detail,
                        bool is_mendable)
{
    struct ocl_finding *f = &v->found;
    if (f->examples < OCL_EXAMPLES_MAX)
        f->example[f->examples++] =
            (struct ocl_example){ nst_str_copy(v->step, address), nst_str_copy(v->step, detail) };
    f->count++;
    f->mendable += is_mendable ? 1 : 0;
}

/* ---- Repairing ---- */

bool ocl_integrity_wants_repair(const struct ocl_integrity *v)
{
    return v->found.mendable > 0;
}

/* Who counts or joins anew must see all that others have written: they wait from here on. */
static enum nst_err hold(struct ocl_integrity *v, struct nst_db *db)
{
    const struct ocl_check *c = check_of(v);
    struct nst_rows *rows;
    struct nst_sql q;
    nst_sql_init(&q, v->step);
    if (c->repo != NULL)
        nst_sql_addf(&q, "SELECT repo.id FROM repo WHERE repo.id IN (SELECT %s.%s FROM %s",
                     c->table, c->repo, c->table);
    else
        nst_sql_addf(&q, "SELECT 1 FROM %s", c->table);
    put_rows(&q, v);
    nst_sql_add(&q, c->repo != NULL ? ") ORDER BY repo.id" : "");
    nst_sql_hold(&q, db, c->repo != NULL ? "repo" : c->table);
    NST_TRY(nst_sql_query(&rows, db, &q));
    while (nst_rows_step(rows))
        continue;
    return nst_rows_end(rows);
}

static enum nst_err repair_rows(struct ocl_integrity *v, struct nst_db *db)
{
    const struct ocl_check *c = check_of(v);
    struct nst_sql q;
    nst_sql_init(&q, v->step);
    NST_TRY(hold(v, db));
    if (strcmp(c->mend, OCL_MEND_ERASE) == 0)
        nst_sql_addf(&q, "DELETE FROM %s", c->table);
    else
        nst_sql_addf(&q, "UPDATE %s %s", c->table, c->mend);
    put_rows(&q, v);
    if (c->mend_when != NULL)
        nst_sql_addf(&q, " AND (%s)", c->mend_when);
    return nst_sql_exec(&v->found.mended, db, &q);
}

enum nst_err ocl_integrity_repair(struct ocl_integrity *v, struct nst_db *db)
{
    const struct ocl_check *c = check_of(v);
    v->found.mended = 0;
    return c->repair != NULL ? c->repair(&v->found.mended, v, db) : repair_rows(v, db);
}

/* ---- Going on ---- */

static void add_found(struct ocl_integrity *v)
{
    struct ocl_finding *f = &v->finding[v->at];
    for (size_t i = 0; i < v->found.examples && f->examples < OCL_EXAMPLES_MAX; i++) {
        const struct ocl_example *e = &v->found.example[i];
        f->example[f->examples++] = (struct ocl_example){ nst_str_copy(v->home, e->address),
                                                          nst_str_copy(v->home, e->detail) };
    }
    f->count += v->found.count;
    f->mendable += v->found.mendable;
    f->mended += v->found.mended < v->found.mendable ? v->found.mended : v->found.mendable;
}

void ocl_integrity_take(struct ocl_integrity *v)
{
    const struct ocl_check *c = check_of(v);
    add_found(v);
    if (c->took != NULL)
        c->took(v);
    if (v->stays)
        return;
    v->from = v->to;
    if (!v->is_last)
        return;
    v->at++;
    v->from = INT64_MIN;
}
