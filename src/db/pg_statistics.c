/* PostgreSQL's statistics of young tables. The server plans a prepared statement a
 * few times and then keeps the plan until the statistics of its tables change. The
 * plan that is right for a hundred rows reads all rows of a large program; the
 * server's own autovacuum looks after a minute, in which a hundred thousand rows can
 * arrive. Hence the store asks for new statistics itself, each time that it has
 * written twice as much as before. */
#include "internal.h"

#define FIRST_STATEMENTS 512 /* of writes; fewer rows are read quickly by any plan */

/* Only the tables where ours are: others in the database are not our business. */
static const char renew[] =
    "SET LOCAL statement_timeout = 0; DO $$ BEGIN EXECUTE (SELECT 'ANALYZE ' || "
    "string_agg(format('%I.%I', schemaname, "
    "tablename), ', ' ORDER BY tablename) FROM pg_tables WHERE schemaname = current_schema()); "
    "END $$";

enum nst_err nst_pg_renew_statistics(struct nst_db *db)
{
    return db->engine->script(db, renew);
}

/* Of those who add at the same time one passes each power of two. */
static bool passes_a_power_of_two(uint64_t before, uint64_t after)
{
    return before == 0 || __builtin_clzll(before) != __builtin_clzll(after);
}

void nst_pg_note_write(struct nst_db *db, uint64_t statements)
{
    if (statements == 0 || db->handle == NULL)
        return;
    uint64_t before = atomic_fetch_add(&db->store->written, statements);
    uint64_t after = before + statements;
    if (after < FIRST_STATEMENTS || !passes_a_power_of_two(before, after))
        return;
    db->is_patient = true;
    if (nst_pg_renew_statistics(db) != NST_OK)
        nst_log(NST_LOG_WARN, "statistics not renewed", NST_LOG_INT("statements", (int64_t)after));
}
