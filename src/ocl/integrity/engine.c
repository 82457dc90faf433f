/* What the engine says of its own: pages, indexes and foreign keys. */
#include "integrity.h"

/* The next table of the database; null behind the last one. */
static enum nst_err find_table(struct nst_str *name, struct ocl_integrity *v, struct nst_db *db)
{
    int64_t *at = v->inside;
    struct nst_rows *rows;
    if (at == NULL) {
        at = NST_NEW(v->home, int64_t);
        *at = 0;
        v->inside = at;
    }
    *name = (struct nst_str){ 0 };
    NST_TRY(nst_query_with(&rows, db,
                           "SELECT name FROM sqlite_schema WHERE type = 'table' AND "
                           "name NOT LIKE 'sqlite_%' ORDER BY name LIMIT 1 OFFSET $1",
                           NST_INT(*at)));
    if (nst_rows_step(rows))
        *name = nst_str_copy(v->step, nst_rows_text(rows, 0));
    return nst_rows_end(rows);
}

static enum nst_err tell_rows(struct ocl_integrity *v, struct nst_db *db, struct nst_str sql,
                              struct nst_str table)
{
    struct nst_rows *rows;
    NST_TRY(nst_query(&rows, db, sql, NULL, 0));
    while (nst_rows_step(rows))
        if (!nst_str_eq(nst_rows_text(rows, 0), NST_STR("ok")))
            ocl_integrity_tell(v, table.p != NULL ? table : nst_rows_text(rows, 1),
                               nst_rows_text(rows, 0), false);
    return nst_rows_end(rows);
}

/* PostgreSQL holds its constraints; what it was told to leave out can be seen. */
#define NOT_HELD \
    "SELECT 'it is not held: ' || c.conname, CAST(c.conrelid AS regclass)::text " \
    "FROM pg_constraint c WHERE NOT c.convalidated AND c.connamespace = " \
    "CAST(current_schema() AS regnamespace) UNION ALL " \
    "SELECT 'it is not valid: ' || r.relname, CAST(i.indrelid AS regclass)::text " \
    "FROM pg_index i JOIN pg_class r ON r.oid = i.indexrelid WHERE NOT i.indisvalid AND " \
    "r.relnamespace = CAST(current_schema() AS regnamespace)"

static enum nst_err look_at_engine(struct ocl_integrity *v, struct nst_db *db)
{
    const char *pragma = v->found.check->arg;
    struct nst_str table;
    if (nst_db_dialect(db) != NST_SQLITE)
        return strcmp(pragma, "integrity_check") == 0
                   ? tell_rows(v, db, NST_STR(NOT_HELD), (struct nst_str){ 0 })
                   : NST_OK;
    NST_TRY(find_table(&table, v, db));
    v->stays = table.p != NULL;
    if (!v->stays)
        return NST_OK;
    return tell_rows(v, db, nst_strf(v->step, "PRAGMA %s(\"%.*s\")", pragma, NST_FMT(table)),
                     table);
}

static void took_table(struct ocl_integrity *v)
{
    int64_t *at = v->inside;
    if (v->stays)
        ++*at;
    else
        v->inside = NULL;
}

const struct ocl_check ocl_engine_checks[] = {
    { .name = "engine.pages",
      .meaning = "The database itself is damaged: a page, an index or a constraint.",
      .remedy = "None is made: bring a backup back (docs/operations.md), or REINDEX what the "
                "detail names.",
      .look = look_at_engine,
      .took = took_table,
      .arg = "integrity_check" },
    { 0 },
};

const struct ocl_check ocl_foreign_key_checks[] = {
    { .name = "engine.foreign_keys",
      .meaning = "A row leads to a row that is gone, by a foreign key.",
      .remedy = "The checks of references repair most of them; the detail names the table.",
      .look = look_at_engine,
      .took = took_table,
      .arg = "foreign_key_check" },
    { 0 },
};
