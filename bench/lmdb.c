/* Reads by primary key through the db layer, inside one held read transaction,
 * against LMDB on the same keys and values; and two reader threads against one,
 * with a read transaction for every 32 reads as under the event loops. The loads
 * take turns.
 *
 *   bench-lmdb FOLDER [ROUNDS]    prints a line a load: its name and a number for
 *                                 each round, nanoseconds a read (held, lmdb) or
 *                                 reads a second (one, two) */
#include "nestor/base/arena.h"
#include "nestor/base/time.h"
#include "nestor/db.h"

#include <lmdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS        200000
#define READS       400000
#define VALUE_BYTES 300
#define TICK        32
#define ROUNDS_MAX  31
#define TEXT        "SELECT body FROM item WHERE id = $1"

struct bench {
    struct nst_store *store;
    MDB_env *env;
    MDB_dbi dbi;
    char value[VALUE_BYTES + 1];
};

/* A stream of keys, the same for both sides: xorshift, never 0. */
static int64_t next_key(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (int64_t)(*state % ROWS) + 1;
}

static void require(bool is_good, const char *what)
{
    if (is_good)
        return;
    fprintf(stderr, "bench-lmdb: %s failed\n", what);
    exit(1);
}

/* ---- Filling ---- */

static enum nst_err fill_store(struct nst_db *db, void *arg)
{
    const struct bench *b = arg;
    NST_TRY(nst_exec(NULL, db,
                     NST_STR("CREATE TABLE item (id INTEGER PRIMARY KEY, body text NOT NULL)"),
                     NULL, 0));
    for (int64_t id = 1; id <= ROWS; id++)
        NST_TRY(nst_exec_with(NULL, db, "INSERT INTO item (id, body) VALUES ($1, $2)", NST_INT(id),
                              NST_TEXT(nst_str_z(b->value))));
    return NST_OK;
}

static void fill_lmdb(struct bench *b, const char *folder)
{
    MDB_txn *txn;
    char path[4096];
    snprintf(path, sizeof(path), "%s/lmdb.mdb", folder);
    require(mdb_env_create(&b->env) == 0, "mdb_env_create");
    require(mdb_env_set_mapsize(b->env, (size_t)1 << 30) == 0, "mdb_env_set_mapsize");
    require(mdb_env_open(b->env, path, MDB_NOSUBDIR, 0600) == 0, path);
    require(mdb_txn_begin(b->env, NULL, 0, &txn) == 0, "mdb_txn_begin");
    require(mdb_dbi_open(txn, NULL, MDB_INTEGERKEY, &b->dbi) == 0, "mdb_dbi_open");
    for (size_t id = 1; id <= ROWS; id++) {
        MDB_val key = { sizeof(id), &id }, value = { VALUE_BYTES, b->value };
        require(mdb_put(txn, b->dbi, &key, &value, MDB_APPEND) == 0, "mdb_put");
    }
    require(mdb_txn_commit(txn) == 0, "mdb_txn_commit");
}

/* ---- One load: nanoseconds a read ---- */

static size_t read_one(struct nst_db *db, int64_t key)
{
    struct nst_rows *rows;
    require(nst_query_with(&rows, db, TEXT, NST_INT(key)) == NST_OK, "nst_query");
    require(nst_rows_step(rows), "nst_rows_step");
    struct nst_str body = nst_rows_text(rows, 0);
    size_t seen = body.n + (unsigned char)body.p[body.n - 1];
    require(nst_rows_end(rows) == NST_OK, "nst_rows_end");
    return seen;
}

/* READS reads, `tick` to a read transaction. */
static size_t read_store(struct nst_db *db, size_t tick)
{
    uint64_t state = 88172645463325252u;
    size_t seen = 0;
    for (size_t i = 0; i < READS; i++) {
        if (i % tick == 0)
            require(nst_reader_enter(db, NULL) == NST_OK, "nst_reader_enter");
        seen += read_one(db, next_key(&state));
        if (i % tick == tick - 1)
            nst_reader_leave(db);
    }
    nst_reader_leave(db);
    return seen;
}

static size_t read_lmdb(struct bench *b)
{
    uint64_t state = 88172645463325252u;
    MDB_txn *txn;
    size_t seen = 0;
    require(mdb_txn_begin(b->env, NULL, MDB_RDONLY, &txn) == 0, "mdb_txn_begin");
    for (size_t i = 0; i < READS; i++) {
        size_t id = (size_t)next_key(&state);
        MDB_val key = { sizeof(id), &id }, value;
        require(mdb_get(txn, b->dbi, &key, &value) == 0, "mdb_get");
        seen += value.mv_size + ((unsigned char *)value.mv_data)[value.mv_size - 1];
    }
    mdb_txn_abort(txn);
    return seen;
}

static double since(int64_t begun)
{
    return (double)(nst_ticks() - begun) / (double)NST_SECOND * 1e9;
}

static double time_held(struct bench *b)
{
    struct nst_db *db;
    require(nst_reader_open(&db, b->store) == NST_OK, "nst_reader_open");
    int64_t begun = nst_ticks();
    require(read_store(db, READS) > 0, "reading");
    double ns = since(begun) / READS;
    nst_reader_close(db);
    return ns;
}

static double time_lmdb(struct bench *b)
{
    int64_t begun = nst_ticks();
    require(read_lmdb(b) > 0, "reading");
    return since(begun) / READS;
}

static void *reader(void *arg)
{
    struct bench *b = arg;
    struct nst_db *db;
    require(nst_reader_open(&db, b->store) == NST_OK, "nst_reader_open");
    require(read_store(db, TICK) > 0, "reading");
    nst_reader_close(db);
    return NULL;
}

/* Reads a second of `count` threads. */
static double rate_of(struct bench *b, unsigned count)
{
    pthread_t thread[2];
    int64_t begun = nst_ticks();
    for (unsigned i = 0; i < count; i++)
        require(pthread_create(&thread[i], NULL, reader, b) == 0, "pthread_create");
    for (unsigned i = 0; i < count; i++)
        pthread_join(thread[i], NULL);
    return READS * (double)count / since(begun) * 1e9;
}

/* ---- Rounds ---- */

static void print(const char *name, const double *value, size_t n)
{
    fputs(name, stdout);
    for (size_t i = 0; i < n; i++)
        printf(" %.1f", value[i]);
    putchar('\n');
}

int main(int argc, char **argv)
{
    struct bench b = { 0 };
    double held[ROUNDS_MAX], lmdb[ROUNDS_MAX], one[ROUNDS_MAX], two[ROUNDS_MAX];
    size_t rounds = argc == 3 ? (size_t)strtoul(argv[2], NULL, 10) : 5;
    if (argc < 2 || argc > 3 || rounds < 1 || rounds > ROUNDS_MAX) {
        fputs("usage: bench-lmdb FOLDER [ROUNDS]\n", stderr);
        return 2;
    }
    struct nst_arena *a = nst_arena_new(4096);
    struct nst_store_options options = { .url = nst_strf(a, "%s/store.db", argv[1]) };
    memset(b.value, 'x', VALUE_BYTES);
    require(nst_store_open(&b.store, &options) == NST_OK, "nst_store_open");
    require(nst_store_run(b.store, NST_MODE_WRITE, fill_store, &b) == NST_OK, "filling");
    fill_lmdb(&b, argv[1]);
    for (size_t i = 0; i < rounds; i++) {
        held[i] = time_held(&b);
        lmdb[i] = time_lmdb(&b);
        one[i] = rate_of(&b, 1);
        two[i] = rate_of(&b, 2);
    }
    print("held", held, rounds);
    print("lmdb", lmdb, rounds);
    print("one", one, rounds);
    print("two", two, rounds);
    nst_store_close(b.store);
    mdb_env_close(b.env);
    nst_arena_free(a);
    return 0;
}
