/* Migrations: numbered steps, forward only, one transaction each. The number in
 * the database is read inside that transaction, behind a lock, so that several
 * processes may migrate at once. */
#include "internal.h"

#include "nestor/base/time.h"

#define STEP_MAX ((size_t)1 << 20)

struct progress {
    const struct nst_migration *steps;
    unsigned count;
    unsigned at;  /* step to run next */
    bool has_run; /* the last transaction ran a step */
};

/* ---- Reading a step ---- */

static bool is_comment(struct nst_str line)
{
    return nst_str_starts(nst_str_trim(line), NST_STR("--"));
}

/* The line as it counts on this engine; the null string: not at all. */
static struct nst_str choose(struct nst_str line, enum nst_dialect dialect)
{
    struct nst_str trimmed = nst_str_trim(line);
    struct nst_str mark = dialect == NST_SQLITE ? NST_STR("--sqlite:") : NST_STR("--postgresql:");
    if (nst_str_starts(trimmed, mark))
        return nst_str_slice(trimmed, mark.n, trimmed.n);
    return is_comment(line) ? (struct nst_str){ 0 } : line;
}

static enum nst_err run_statement(struct nst_db *db, struct nst_buf *text)
{
    struct nst_str sql = nst_str_trim(nst_buf_str(text));
    if (sql.n == 0)
        return NST_OK;
    db->statements++;
    enum nst_err err = NST_E_DB;
    if (!text->is_full && !nst_db_fails(db))
        err = db->engine->script(db, nst_str_to_z(text->arena, sql));
    text->n = 0;
    return err;
}

static enum nst_err run_lines(struct nst_db *db, struct nst_arena *a, const char *sql)
{
    struct nst_str rest = nst_str_z(sql);
    struct nst_buf text;
    nst_buf_init(&text, a, STEP_MAX);
    while (rest.p != NULL) {
        struct nst_str line = choose(nst_str_cut(&rest, '\n'), db->store->dialect);
        nst_put(&text, line);
        nst_put_char(&text, '\n');
        if (nst_str_ends(nst_str_trim(line), NST_STR(";")))
            NST_TRY(run_statement(db, &text));
    }
    return run_statement(db, &text);
}

/* ---- Running the steps ---- */

static enum nst_err create_table(struct nst_db *db, void *arg)
{
    (void)arg;
    NST_TRY(nst_db_be_patient(db));
    return db->engine->script(db, "CREATE TABLE IF NOT EXISTS nst_migration ("
                                  " number bigint PRIMARY KEY, name text NOT NULL,"
                                  " applied bigint NOT NULL)");
}

/* SQLite's writer holds the database's only write lock already. */
static enum nst_err newest_number(int64_t *out, struct nst_db *db)
{
    if (db->store->dialect == NST_POSTGRESQL)
        NST_TRY(db->engine->script(db, "LOCK TABLE nst_migration IN EXCLUSIVE MODE"));
    struct nst_rows *rows;
    NST_TRY(nst_query(&rows, db, NST_STR("SELECT max(number) FROM nst_migration"), NULL, 0));
    bool has_row;
    enum nst_err err = nst_rows_next(&has_row, rows);
    *out = err == NST_OK && has_row ? nst_rows_int(rows, 0) : 0;
    nst_rows_end(rows);
    return err;
}

static enum nst_err refuse(const struct progress *p, int64_t newest)
{
    nst_log(NST_LOG_ERROR,
            "the database was made by a newer version of this program; install that version",
            NST_LOG_INT("database", newest),
            NST_LOG_INT("program", p->count > 0 ? p->steps[p->count - 1].number : 0));
    return NST_E_CONFLICT;
}

static enum nst_err run_step(struct nst_db *db, const struct nst_migration *step)
{
    struct nst_arena *a = nst_arena_new(SCRATCH_BYTES);
    enum nst_err err = run_lines(db, a, step->sql);
    nst_arena_free(a);
    if (err == NST_OK)
        err = nst_exec_with(NULL, db,
                            "INSERT INTO nst_migration (number, name, applied) VALUES ($1, $2, $3)",
                            NST_INT(step->number), NST_TEXT(nst_str_z(step->name)),
                            NST_INT(nst_now()));
    if (err != NST_OK && err != NST_E_RETRY)
        nst_log(NST_LOG_ERROR, "migration failed", NST_LOG_INT("number", step->number),
                NST_LOG_STR("name", nst_str_z(step->name)));
    /* A conflict says "newer" to the caller of nst_migrate. */
    return err == NST_E_CONFLICT ? NST_E_DB : err;
}

static enum nst_err next_step(struct nst_db *db, void *arg)
{
    struct progress *p = arg;
    p->has_run = false;
    int64_t newest;
    NST_TRY(nst_db_be_patient(db));
    NST_TRY(newest_number(&newest, db));
    if (newest > (p->count > 0 ? (int64_t)p->steps[p->count - 1].number : 0))
        return refuse(p, newest);
    while (p->at < p->count && p->steps[p->at].number <= newest)
        p->at++;
    if (p->at == p->count)
        return NST_OK;
    NST_TRY(run_step(db, &p->steps[p->at]));
    p->has_run = true;
    return NST_OK;
}

enum nst_err nst_migrate(unsigned *applied, struct nst_store *store,
                         const struct nst_migration *steps, unsigned count)
{
    struct progress p = { .steps = steps, .count = count };
    unsigned run = 0;
    enum nst_err err = nst_store_run(store, NST_MODE_WRITE, create_table, NULL);
    /* Two PostgreSQL sessions that create a table at once: one meets a conflict
     * in the catalogue, and the table is there when it tries again. */
    if (err == NST_E_CONFLICT)
        err = nst_store_run(store, NST_MODE_WRITE, create_table, NULL);
    do {
        p.has_run = false;
        if (err == NST_OK)
            err = nst_store_run(store, NST_MODE_WRITE, next_step, &p);
        run += err == NST_OK && p.has_run;
    } while (err == NST_OK && p.has_run);
    if (applied != NULL)
        *applied = run;
    return err;
}
