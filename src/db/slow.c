/* Statements that take long: told in the log with their text, which has no values in it, and now
 * and then with their plan. The plan is asked for by a connection of its own, behind the request:
 * what is not slow pays for two looks at the clock. */
#include "internal.h"

#include "nestor/base/time.h"

#include <stdlib.h>
#include <string.h>

#define PLAN_BYTES ((size_t)16 << 10)
#define PLAN_EVERY (INT64_C(3600) * NST_SECOND) /* of one text */

/* What the plan is asked for. */
struct question {
    struct nst_arena *arena;
    struct nst_str sql;
    struct nst_str types; /* PostgreSQL: of the values, a name a value */
    unsigned parameters;
    struct nst_buf plan;
};

/* ---- Which ones, and when ---- */

static bool has_plan(struct nst_str sql)
{
    static const char *const first[] = { "SELECT", "INSERT", "UPDATE", "DELETE", "WITH" };
    for (size_t i = 0; i < NST_COUNT(first); i++)
        if (nst_str_starts(sql, nst_str_z(first[i])))
            return true;
    return false;
}

/* Two texts of one place displace each other, which costs a plan more. */
static bool is_due(struct nst_store *store, uint64_t hash)
{
    struct nst_plan_turn *turn = &store->plan[hash % NST_COUNT(store->plan)];
    int64_t now = nst_ticks();
    pthread_mutex_lock(&store->log_lock);
    bool due = turn->hash != hash || now - turn->at >= PLAN_EVERY;
    if (due)
        *turn = (struct nst_plan_turn){ hash, now };
    pthread_mutex_unlock(&store->log_lock);
    return due;
}

/* ---- The question ---- */

/* PostgreSQL's key has a letter for the type of each value in front, and a blank. */
static struct nst_str text_of(struct nst_str *letters, const struct nst_rows *rows)
{
    struct nst_str key = { rows->stmt->key, rows->stmt->key_size };
    *letters = NST_STR("");
    if (rows->db->store->dialect == NST_POSTGRESQL)
        *letters = nst_str_cut(&key, ' ');
    return key;
}

static struct question *question_new(struct nst_str sql, struct nst_str letters,
                                     unsigned parameters)
{
    struct nst_arena *a = nst_arena_new(PLAN_BYTES);
    struct question *q = NST_NEW(a, struct question);
    *q = (struct question){ .arena = a, .sql = nst_str_copy(a, sql), .parameters = parameters };
    nst_buf_init(&q->plan, a, PLAN_BYTES);
    if (letters.n > 0)
        q->types = nst_pg_types(a, letters);
    return q;
}

static enum nst_err ask(struct question *q, struct nst_db *db, struct nst_str text, unsigned values,
                        unsigned column)
{
    struct nst_value *none = NST_NEW_ARRAY(q->arena, struct nst_value, values + 1);
    struct nst_rows *rows;
    for (unsigned i = 0; i < values; i++)
        none[i] = NST_NULL;
    q->plan.n = 0;
    NST_TRY(nst_query(&rows, db, text, none, values));
    while (nst_rows_step(rows)) {
        nst_put_z(&q->plan, q->plan.n > 0 ? "\n" : "");
        nst_put(&q->plan, nst_rows_text(rows, column));
    }
    return nst_rows_end(rows);
}

/* The plan for any values: with those that were bound it would be another one, and told. */
static enum nst_err ask_server(struct question *q, struct nst_db *db)
{
    unsigned number = ++db->names;
    struct nst_buf call;
    NST_TRY(db->engine->script(db, "SET LOCAL plan_cache_mode = force_generic_plan"));
    NST_TRY(db->engine->script(db, nst_strf(q->arena, "PREPARE nst_plan_%u%.*s AS %.*s", number,
                                            NST_FMT(q->types), NST_FMT(q->sql))
                                       .p));
    nst_buf_init(&call, q->arena, PLAN_BYTES);
    nst_putf(&call, "EXPLAIN EXECUTE nst_plan_%u", number);
    for (unsigned i = 0; i < q->parameters; i++)
        nst_put_z(&call, i == 0 ? "(NULL" : ", NULL");
    nst_put_z(&call, q->parameters > 0 ? ")" : "");
    NST_TRY(ask(q, db, nst_buf_str(&call), 0, 0));
    return db->engine->script(db, nst_strf(q->arena, "DEALLOCATE nst_plan_%u", number).p);
}

static enum nst_err explain(struct nst_db *db, void *arg)
{
    struct question *q = arg;
    if (db->store->dialect == NST_POSTGRESQL)
        return ask_server(q, db);
    return ask(q, db, nst_strf(q->arena, "EXPLAIN QUERY PLAN %.*s", NST_FMT(q->sql)), q->parameters,
               3);
}

static void explained(enum nst_err err, void *arg)
{
    struct question *q = arg;
    if (err == NST_OK)
        nst_log(NST_LOG_WARN, "plan of a slow statement", NST_LOG_STR("sql", q->sql),
                NST_LOG_STR("plan", nst_buf_str(&q->plan)));
    nst_arena_free(q->arena);
}

void nst_slow_end(struct nst_rows *rows)
{
    struct nst_store *store = rows->db->store;
    int64_t us = nst_ticks() - rows->began;
    if (us < (int64_t)store->options.slow_ms * 1000 || rows->stmt == NULL)
        return;
    struct nst_str letters, sql = text_of(&letters, rows);
    if (nst_str_starts(sql, NST_STR("EXPLAIN"))) /* our own question */
        return;
    nst_log(NST_LOG_WARN, "slow statement", NST_LOG_STR("sql", sql), NST_LOG_INT("us", us),
            NST_LOG_INT("rows", rows->count));
    if (!has_plan(sql) || !is_due(store, nst_str_hash(sql)))
        return;
    unsigned parameters = letters.n > 0 ? (unsigned)letters.n : rows->stmt->parameters;
    nst_store_submit_probe(store, explain, explained, question_new(sql, letters, parameters));
}
