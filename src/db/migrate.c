/* Migrations: numbered steps, forward only, one transaction each; a new database gets all of them
 * in one, and is whole or empty. What the database has run is read inside that transaction, behind
 * a lock, so that several processes may migrate at once. Steps are known by number, not by the
 * highest one: a program may get its steps from several places. */
#include "internal.h"

#include "nestor/base/time.h"

#define STEP_MAX       ((size_t)1 << 20)
#define CHECKSUM_CHARS 16

struct progress {
    struct nst_arena *arena; /* of the whole migration */
    const struct nst_migration *steps;
    unsigned count;
    bool *is_done;        /* a step each: the store has run it */
    bool lacks_checksums; /* of a step that it has run */
    unsigned run;         /* steps of the last transaction */
    bool is_copy;         /* into a store that is being filled, and has the mark */
};

/* ---- Reading a step ---- */

/* The line as it counts on this engine; the null string: not at all. */
static struct nst_str choose(struct nst_str line, enum nst_dialect dialect)
{
    struct nst_str trimmed = nst_str_trim(line);
    struct nst_str mark = dialect == NST_SQLITE ? NST_STR("--sqlite:") : NST_STR("--postgresql:");
    if (nst_str_starts(trimmed, mark))
        return nst_str_slice(trimmed, mark.n, trimmed.n);
    return nst_str_starts(trimmed, NST_STR("--")) ? (struct nst_str){ 0 } : line;
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

/* Over the statements that this engine runs: a comment may be mended. */
static struct nst_str checksum_of(struct nst_arena *a, const char *sql, enum nst_dialect dialect)
{
    struct nst_str rest = nst_str_z(sql);
    struct nst_buf text, hex;
    nst_buf_init(&text, a, STEP_MAX);
    nst_buf_init(&hex, a, CHECKSUM_CHARS + 1);
    while (rest.p != NULL) {
        struct nst_str line = nst_str_trim(choose(nst_str_cut(&rest, '\n'), dialect));
        if (line.n == 0)
            continue;
        nst_put(&text, line);
        nst_put_char(&text, '\n');
    }
    nst_put_hex(&hex, nst_str_hash(nst_buf_str(&text)), CHECKSUM_CHARS);
    return nst_buf_str(&hex);
}

/* ---- What the store has run ---- */

static enum nst_err has_checksums(bool *out, struct progress *p, struct nst_db *db)
{
    struct nst_sql q;
    struct nst_str why_not;
    nst_sql_init(&q, p->arena);
    nst_sql_add(&q, "SELECT checksum FROM nst_migration");
    NST_TRY(nst_sql_refused(&why_not, db, &q));
    *out = why_not.p == NULL;
    return NST_OK;
}

/* SQLite's writer holds the database's only write lock already. */
static enum nst_err lock(struct nst_db *db)
{
    if (db->store->dialect == NST_SQLITE)
        return NST_OK;
    return db->engine->script(db, "LOCK TABLE nst_migration IN ACCESS EXCLUSIVE MODE");
}

static enum nst_err mark_copy(struct nst_db *db)
{
    return nst_exec_with(
        NULL, db,
        "INSERT INTO nst_migration (number, name, applied) VALUES ($1, 'copy', $2) "
        "ON CONFLICT (number) DO NOTHING",
        NST_INT(NST_COPY_STEP), NST_INT(nst_now()));
}

/* The first programs kept no checksums: what a store has run then is believed. */
static enum nst_err create_table(struct nst_db *db, void *arg)
{
    const struct progress *p = arg;
    bool has = false;
    NST_TRY(nst_db_be_patient(db));
    NST_TRY(db->engine->script(db, "CREATE TABLE IF NOT EXISTS nst_migration ("
                                   " number bigint PRIMARY KEY, name text NOT NULL,"
                                   " applied bigint NOT NULL, checksum text)"));
    if (p->is_copy)
        NST_TRY(mark_copy(db));
    NST_TRY(has_checksums(&has, arg, db));
    if (has)
        return NST_OK;
    NST_TRY(lock(db));
    NST_TRY(has_checksums(&has, arg, db));
    if (has)
        return NST_OK;
    return db->engine->script(db, "ALTER TABLE nst_migration ADD COLUMN checksum text");
}

static enum nst_err refuse_newer(const struct progress *p, int64_t number)
{
    unsigned newest = 0;
    for (unsigned i = 0; i < p->count; i++)
        newest = p->steps[i].number > newest ? p->steps[i].number : newest;
    nst_log(NST_LOG_ERROR,
            "the database was made by a newer version of this program; install that version",
            NST_LOG_INT("database", number), NST_LOG_INT("program", newest));
    return NST_E_CONFLICT;
}

static enum nst_err refuse_half(void)
{
    nst_log(NST_LOG_ERROR, "the database is half a copy",
            NST_LOG_STR("remedy", NST_STR("run the same `nestor move` or `nestor restore` again")));
    return NST_E_CONFLICT;
}

static enum nst_err refuse_left(struct nst_str where)
{
    nst_log(NST_LOG_ERROR,
            "the database was moved, and what is written here would be missing there",
            NST_LOG_STR("to", where),
            NST_LOG_STR("remedy", NST_STR("serve that one; or this one after all, behind `nestor "
                                          "move --stay`")));
    return NST_E_CONFLICT;
}

static enum nst_err refuse_changed(const struct nst_migration *step)
{
    nst_log(NST_LOG_ERROR,
            "a migration is not the one that the database ran; put it back and write a new one",
            NST_LOG_INT("number", step->number), NST_LOG_STR("name", nst_str_z(step->name)));
    return NST_E_INTERNAL;
}

static enum nst_err note_done(struct progress *p, struct nst_db *db, int64_t number,
                              struct nst_str checksum)
{
    unsigned i = 0;
    if (number == NST_COPY_STEP)
        return p->is_copy ? NST_OK : refuse_half();
    while (i < p->count && p->steps[i].number != number)
        i++;
    if (i == p->count)
        return refuse_newer(p, number);
    struct nst_str own = checksum_of(p->arena, p->steps[i].sql, db->store->dialect);
    if (checksum.p != NULL && !nst_str_eq(checksum, own))
        return refuse_changed(&p->steps[i]);
    p->is_done[i] = true;
    p->lacks_checksums |= checksum.p == NULL;
    return NST_OK;
}

static enum nst_err read_done(struct progress *p, struct nst_db *db)
{
    struct nst_rows *rows;
    memset(p->is_done, 0, p->count * sizeof(*p->is_done));
    NST_TRY(nst_query(&rows, db,
                      NST_STR("SELECT number, checksum, name FROM nst_migration "
                              "ORDER BY number DESC"),
                      NULL, 0));
    while (nst_rows_step(rows)) {
        int64_t number = nst_rows_int(rows, 0);
        nst_rows_fail(rows, number == NST_LEFT_STEP
                                ? refuse_left(nst_rows_text(rows, 2))
                                : note_done(p, db, number, nst_rows_text(rows, 1)));
    }
    return nst_rows_end(rows);
}

static enum nst_err add_checksums(struct nst_db *db, void *arg)
{
    struct progress *p = arg;
    NST_TRY(nst_db_be_patient(db));
    NST_TRY(lock(db));
    for (unsigned i = 0; i < p->count; i++)
        NST_TRY(nst_exec_with(
            NULL, db,
            "UPDATE nst_migration SET checksum = $1 WHERE number = $2 AND checksum IS NULL",
            NST_TEXT(checksum_of(p->arena, p->steps[i].sql, db->store->dialect)),
            NST_INT(p->steps[i].number)));
    return NST_OK;
}

/* ---- Running the steps ---- */

static enum nst_err run_step(struct nst_db *db, const struct nst_migration *step)
{
    struct nst_arena *a = nst_arena_new(SCRATCH_BYTES);
    enum nst_err err = run_lines(db, a, step->sql);
    if (err == NST_OK)
        err = nst_exec_with(
            NULL, db,
            "INSERT INTO nst_migration (number, name, applied, checksum) VALUES ($1, $2, $3, $4)",
            NST_INT(step->number), NST_TEXT(nst_str_z(step->name)), NST_INT(nst_now()),
            NST_TEXT(checksum_of(a, step->sql, db->store->dialect)));
    nst_arena_free(a);
    if (err != NST_OK && err != NST_E_RETRY)
        nst_log(NST_LOG_ERROR, "migration failed", NST_LOG_INT("number", step->number),
                NST_LOG_STR("name", nst_str_z(step->name)));
    /* A conflict says "newer" to the caller of nst_migrate. */
    return err == NST_E_CONFLICT ? NST_E_DB : err;
}

static unsigned count_done(const struct progress *p)
{
    unsigned done = 0;
    for (unsigned i = 0; i < p->count; i++)
        done += p->is_done[i];
    return done;
}

static enum nst_err next_steps(struct nst_db *db, void *arg)
{
    struct progress *p = arg;
    p->run = 0;
    NST_TRY(nst_db_be_patient(db));
    NST_TRY(lock(db));
    NST_TRY(read_done(p, db));
    unsigned most = count_done(p) == 0 ? p->count : 1;
    for (unsigned i = 0; i < p->count && p->run < most; i++) {
        if (p->is_done[i])
            continue;
        NST_TRY(run_step(db, &p->steps[i]));
        p->run++;
    }
    return NST_OK;
}

static bool stands_twice(const struct nst_migration *steps, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        for (unsigned k = 0; k < i; k++)
            if (steps[i].number == steps[k].number) {
                nst_log(NST_LOG_ERROR, "two migrations have one number; give one another",
                        NST_LOG_INT("number", steps[i].number),
                        NST_LOG_STR("name", nst_str_z(steps[i].name)),
                        NST_LOG_STR("other", nst_str_z(steps[k].name)));
                return true;
            }
    return false;
}

static enum nst_err run_steps(unsigned *run, struct nst_store *store, struct progress *p)
{
    enum nst_err err = nst_store_run(store, NST_MODE_WRITE, create_table, p);
    /* Two PostgreSQL sessions that create a table at once: one meets a conflict
     * in the catalogue, and the table is there when it tries again. */
    if (err == NST_E_CONFLICT)
        err = nst_store_run(store, NST_MODE_WRITE, create_table, p);
    do {
        p->run = 0;
        if (err == NST_OK)
            err = nst_store_run(store, NST_MODE_WRITE, next_steps, p);
        *run += err == NST_OK ? p->run : 0;
    } while (err == NST_OK && p->run > 0);
    if (err == NST_OK && p->lacks_checksums)
        err = nst_store_run(store, NST_MODE_WRITE, add_checksums, p);
    return err;
}

/* Of a store that cannot be written: is there nothing to run? */
static enum nst_err check_steps(struct nst_db *db, void *arg)
{
    struct progress *p = arg;
    unsigned done = 0;
    NST_TRY(read_done(p, db));
    while (done < p->count && p->is_done[done])
        done++;
    if (done == p->count)
        return NST_OK;
    nst_log(NST_LOG_ERROR,
            "the database cannot be written, and has to be brought to this program's version first",
            NST_LOG_INT("step", p->steps[done].number));
    return NST_E_DB;
}

enum nst_err nst_migrate(unsigned *applied, struct nst_store *store,
                         const struct nst_migration *steps, unsigned count)
{
    unsigned run = 0;
    if (stands_twice(steps, count))
        return NST_E_INTERNAL;
    struct nst_arena *a = nst_arena_new(SCRATCH_BYTES);
    struct progress p = {
        .arena = a, .steps = steps, .count = count, .is_done = NST_NEW_ARRAY(a, bool, count + 1)
    };
    enum nst_err err = store->options.is_read_only
                           ? nst_store_run(store, NST_MODE_READ, check_steps, &p)
                           : run_steps(&run, store, &p);
    nst_arena_free(a);
    if (applied != NULL)
        *applied = run;
    return err;
}

enum nst_err nst_migrate_copy(struct nst_store *store, const struct nst_migration *steps,
                              unsigned count)
{
    unsigned run = 0;
    struct nst_arena *a = nst_arena_new(SCRATCH_BYTES);
    struct progress p = { .arena = a,
                          .steps = steps,
                          .count = count,
                          .is_done = NST_NEW_ARRAY(a, bool, count + 1),
                          .is_copy = true };
    enum nst_err err = run_steps(&run, store, &p);
    nst_arena_free(a);
    return err;
}
