/* The store on both engines: SQLite always, PostgreSQL when NESTOR_TEST_PG says
 * where. Every test gets a fresh file or a fresh schema. */
#include "place.h"

#include "../../../src/db/internal.h"

#include "nestor/base/log.h"
#include "nestor/base/time.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define WRITERS 64

struct fixture {
    struct nst_store *store;
    struct place place;
};

static bool on_postgresql;

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    place_init(&f->place, on_postgresql);
    f->store = place_open(&f->place, 0);
    *state = f;
    const char *sql = "CREATE TABLE t (id bigint PRIMARY KEY, name text, ok boolean)";
    return place_write(f->store, sql) == NST_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    nst_store_close(f->store);
    place_release(&f->place);
    free(f);
    return 0;
}

static enum nst_err count_work(struct nst_db *db, void *arg)
{
    struct nst_rows *rows;
    NST_TRY(nst_query(&rows, db, NST_STR("SELECT count(*) FROM t"), NULL, 0));
    *(int64_t *)arg = nst_rows_step(rows) ? nst_rows_int(rows, 0) : -1;
    return nst_rows_end(rows);
}

static int64_t count_rows(struct nst_store *store)
{
    int64_t n = -1;
    assert_int_equal(nst_store_run(store, NST_MODE_READ, count_work, &n), NST_OK);
    return n;
}

static enum nst_err insert(struct nst_db *db, int64_t id)
{
    return nst_exec_with(NULL, db, "INSERT INTO t (id) VALUES ($1)", NST_INT(id));
}

/* ---- Values ---- */

static enum nst_err check_value(struct nst_db *db, int64_t id, struct nst_value name,
                                struct nst_value ok)
{
    int64_t changed = 0;
    struct nst_str sql = NST_STR("INSERT INTO t (name, id, ok) VALUES ($2, $1, $3)");
    const struct nst_value values[] = { NST_INT(id), name, ok };
    NST_TRY(nst_exec(&changed, db, sql, values, 3));
    assert_int_equal(changed, 1);
    struct nst_rows *rows;
    NST_TRY(
        nst_query_with(&rows, db, "SELECT id, name, ok, '$1' FROM t WHERE id = $1", NST_INT(id)));
    assert_true(nst_rows_step(rows));
    assert_true(nst_rows_int(rows, 0) == id);
    assert_true(nst_str_eq(nst_rows_text(rows, 1), name.text));
    assert_int_equal(nst_rows_is_null(rows, 1), name.kind == NST_VALUE_NULL);
    assert_int_equal(nst_rows_is_null(rows, 2), ok.kind == NST_VALUE_NULL);
    assert_int_equal(nst_rows_bool(rows, 2), ok.number != 0);
    assert_int_equal(nst_rows_int(rows, 2), ok.number != 0);
    assert_true(nst_str_eq(nst_rows_text(rows, 3), NST_STR("$1")));
    assert_false(nst_rows_step(rows));
    return nst_rows_end(rows);
}

static enum nst_err values_work(struct nst_db *db, void *arg)
{
    (void)arg;
    NST_TRY(check_value(db, INT64_MIN, NST_TEXT(NST_STR("")), NST_BOOL(true)));
    NST_TRY(check_value(db, INT64_MAX, NST_NULL, NST_NULL));
    NST_TRY(check_value(db, 0, NST_TEXT(NST_STR("Gr\xc3\xbc\xc3\x9f' \xf0\x9f\x90\xa6")),
                        NST_BOOL(false)));
    return NST_OK;
}

static void test_db__values_round_trip(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(nst_store_run(f->store, NST_MODE_WRITE, values_work, NULL), NST_OK);
    assert_int_equal(count_rows(f->store), 3);
}

static enum nst_err cursors_work(struct nst_db *db, void *arg)
{
    (void)arg;
    NST_TRY(insert(db, 1));
    NST_TRY(insert(db, 2));
    struct nst_rows *rows[2];
    for (int i = 0; i < 2; i++)
        NST_TRY(nst_query_with(&rows[i], db, "SELECT id FROM t WHERE id >= $1 ORDER BY id",
                               NST_INT(i + 1)));
    assert_true(nst_rows_step(rows[0]));
    assert_true(nst_rows_step(rows[1]));
    assert_int_equal(nst_rows_int(rows[0], 0), 1);
    assert_int_equal(nst_rows_int(rows[1], 0), 2);
    assert_true(nst_rows_step(rows[0]));
    assert_int_equal(nst_rows_int(rows[0], 0), 2);
    assert_false(nst_rows_step(rows[1]));
    NST_TRY(nst_rows_end(rows[1]));
    return nst_rows_end(rows[0]);
}

static void test_db__two_cursors_of_one_text(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(nst_store_run(f->store, NST_MODE_WRITE, cursors_work, NULL), NST_OK);
}

/* What was made of a row ends the walk, and is what nst_rows_end returns: the first of it. */
static enum nst_err failing_work(struct nst_db *db, void *arg)
{
    struct nst_rows *rows;
    int *seen = arg;
    NST_TRY(insert(db, 1));
    NST_TRY(insert(db, 2));
    NST_TRY(nst_query(&rows, db, NST_STR("SELECT id FROM t ORDER BY id"), NULL, 0));
    for (; nst_rows_step(rows); ++*seen) {
        nst_rows_fail(rows, NST_OK);
        nst_rows_fail(rows, NST_E_FORBIDDEN);
        nst_rows_fail(rows, NST_E_NOT_FOUND);
    }
    return nst_rows_end(rows);
}

static void test_db__a_failure_ends_the_walk(void **state)
{
    struct fixture *f = *state;
    int seen = 0;
    assert_int_equal(nst_store_run(f->store, NST_MODE_WRITE, failing_work, &seen), NST_E_FORBIDDEN);
    assert_int_equal(seen, 1);
}

/* More texts than the cache holds, then the first one again. */
static enum nst_err many_texts_work(struct nst_db *db, void *arg)
{
    (void)arg;
    uint64_t before = nst_db_statements(db);
    char sql[64];
    for (int i = 0; i < 601; i++) {
        snprintf(sql, sizeof(sql), "SELECT %d", i % 600);
        NST_TRY(nst_exec(NULL, db, nst_str_z(sql), NULL, 0));
    }
    assert_int_equal(nst_db_statements(db) - before, 601);
    return NST_OK;
}

static void test_db__cache_is_bounded(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(nst_store_run(f->store, NST_MODE_WRITE, many_texts_work, NULL), NST_OK);
}

static enum nst_err built_work(struct nst_db *db, void *arg)
{
    NST_TRY(insert(db, 41));
    struct nst_sql q;
    nst_sql_init(&q, arg);
    nst_sql_add(&q, "SELECT id + 1 FROM t WHERE id = ");
    nst_sql_bind(&q, NST_INT(41));
    nst_sql_add(&q, " AND coalesce(name, '') <> ");
    nst_sql_bind(&q, NST_TEXT(NST_STR("x")));
    int64_t n = 7;
    bool found = false;
    NST_TRY(nst_sql_int(&n, &found, db, &q));
    assert_true(found);
    assert_int_equal(n, 42);
    q.bound[0] = NST_INT(1);
    NST_TRY(nst_sql_int(&n, &found, db, &q));
    assert_false(found);
    assert_int_equal(n, 42);
    NST_TRY(nst_exists_with(&found, db, "SELECT 1 FROM t WHERE id = $1", NST_INT(41)));
    assert_true(found);
    NST_TRY(nst_exists_with(&found, db, "SELECT 1 FROM t WHERE id = $1", NST_INT(1)));
    assert_false(found);
    return NST_OK;
}

static void test_sql__builds_and_reads_numbers_and_existence(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(nst_store_run(f->store, NST_MODE_WRITE, built_work, f->place.arena), NST_OK);
}

static enum nst_err lists_work(struct nst_db *db, void *arg)
{
    const struct nst_value first[] = { NST_INT(1) }, second[] = { NST_INT(2) };
    struct nst_sql q;
    size_t rows = 0, count = 0;
    int64_t found = 0;
    nst_sql_init(&q, arg);
    nst_sql_push(&q, NST_TEXT(NST_STR("same")));
    nst_sql_add(&q, "INSERT INTO t (id, name) VALUES ");
    nst_sql_row(&q, &rows, first, NST_COUNT(first), ", $1");
    nst_sql_row(&q, &rows, second, NST_COUNT(second), ", $1");
    NST_TRY(nst_sql_exec(NULL, db, &q));
    for (int64_t last = 0; last <= 3; last++, count = 0) {
        nst_sql_init(&q, arg);
        nst_sql_add(&q, "SELECT count(*) FROM t WHERE name = 'same' AND id");
        for (int64_t id = 1; id <= last; id++)
            nst_sql_in(&q, &count, NST_INT(id));
        nst_sql_in_end(&q, count);
        NST_TRY(nst_sql_int(&found, NULL, db, &q));
        assert_int_equal(found, last < 2 ? last : 2);
    }
    return NST_OK;
}

/* X76: also a list that holds nothing. */
static void test_sql__lists_values_and_rows(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(nst_store_run(f->store, NST_MODE_WRITE, lists_work, f->place.arena), NST_OK);
}

#define MANY_VALUES 5000 /* the first 16 stand in the first room, the others in larger ones */

static enum nst_err many_values_work(struct nst_db *db, void *arg)
{
    struct nst_sql list, q;
    int64_t found = 0;
    nst_sql_init(&list, arg);
    for (int i = 1; i <= MANY_VALUES; i++) {
        nst_sql_add(&list, i == 1 ? "(" : ", ");
        nst_sql_bind(&list, NST_INT(i));
    }
    nst_sql_init(&q, arg);
    nst_sql_add(&q, "SELECT CASE WHEN 5000 IN ");
    nst_sql_add_str(&q, nst_buf_str(&list.text));
    nst_sql_push_all(&q, &list);
    nst_sql_add(&q, ") THEN 1 ELSE 0 END");
    NST_TRY(nst_sql_int(&found, NULL, db, &q));
    assert_int_equal(found, 1);
    return NST_OK;
}

/* X73 */
static void test_sql__takes_any_number_of_values(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(nst_store_run(f->store, NST_MODE_READ, many_values_work, f->place.arena),
                     NST_OK);
}

static struct nst_str why_refused(struct nst_db *db, struct nst_arena *a, const char *sql)
{
    struct nst_sql q;
    struct nst_str why;
    nst_sql_init(&q, a);
    nst_sql_add(&q, sql);
    nst_sql_bind(&q, NST_INT(1));
    assert_int_equal(nst_sql_refused(&why, db, &q), NST_OK);
    return why;
}

/* The transaction lives on after a refusal, and a refused text is not run. */
static enum nst_err refused_work(struct nst_db *db, void *arg)
{
    int64_t n = 0;
    struct nst_sql q;
    assert_null(why_refused(db, arg, "DELETE FROM t WHERE id = ").p);
    struct nst_str why = why_refused(db, arg, "SELECT nonsense FROM t WHERE id = ");
    assert_non_null(strstr(nst_str_to_z(arg, why), "nonsense"));
    nst_sql_init(&q, arg);
    nst_sql_add(&q, "SELECT count(*) FROM t");
    NST_TRY(nst_sql_int(&n, NULL, db, &q));
    assert_int_equal(n, 0);
    return NST_OK;
}

/* X72 */
static void test_sql__says_why_an_engine_refuses(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(nst_store_run(f->store, NST_MODE_READ, refused_work, f->place.arena), NST_OK);
}

/* ---- Savepoints and errors ---- */

static enum nst_err savepoints_work(struct nst_db *db, void *arg)
{
    (void)arg;
    NST_TRY(insert(db, 1));
    NST_TRY(nst_savepoint(db));
    NST_TRY(insert(db, 2));
    NST_TRY(nst_savepoint(db));
    NST_TRY(insert(db, 3));
    assert_int_equal(insert(db, 1), NST_E_CONFLICT);
    NST_TRY(nst_savepoint_rollback(db));
    NST_TRY(insert(db, 4));
    NST_TRY(nst_savepoint_release(db));
    int64_t n;
    NST_TRY(count_work(db, &n));
    assert_int_equal(n, 3);
    return NST_OK;
}

static void test_db__savepoints_nest_around_a_conflict(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(nst_store_run(f->store, NST_MODE_WRITE, savepoints_work, NULL), NST_OK);
    assert_int_equal(count_rows(f->store), 3);
    assert_int_equal(place_write(f->store, "DELETE FROM t WHERE id = 3"), NST_OK);
    assert_int_equal(count_rows(f->store), 3);
}

static void test_db__bad_statement_and_wrong_count(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(place_write(f->store, "SELEC 1"), NST_E_DB);
    assert_int_equal(place_write(f->store, "INSERT INTO t (id) VALUES ($1)"), NST_E_DB);
    assert_int_equal(place_write(f->store, "INSERT INTO t (id) VALUES (1)"), NST_OK);
    assert_int_equal(count_rows(f->store), 1);
}

/* ---- Groups ---- */

struct batch {
    struct nst_store *store;
    sem_t gate, ready, done;
    _Atomic unsigned succeeded, failed;
};

struct item {
    struct batch *batch;
    int64_t id;
    bool must_fail;
    enum nst_err err;
};

static void batch_init(struct batch *b, struct nst_store *store)
{
    *b = (struct batch){ .store = store };
    sem_init(&b->gate, 0, 0);
    sem_init(&b->ready, 0, 0);
    sem_init(&b->done, 0, 0);
}

static void batch_release(struct batch *b)
{
    sem_destroy(&b->gate);
    sem_destroy(&b->ready);
    sem_destroy(&b->done);
}

/* Holds a store thread until the gate opens, so that work piles up behind it. */
static enum nst_err gate_work(struct nst_db *db, void *arg)
{
    (void)db;
    struct batch *b = arg;
    sem_post(&b->ready);
    sem_wait(&b->gate);
    return NST_OK;
}

/* As gate_work, with every row held through nst_sql_hold. */
static enum nst_err hold_work(struct nst_db *db, void *arg)
{
    struct nst_arena *a = nst_arena_new(1024);
    struct nst_sql q;
    int64_t id;
    nst_sql_init(&q, a);
    nst_sql_add(&q, "SELECT id FROM t");
    nst_sql_hold(&q, db, "t");
    enum nst_err e = nst_sql_int(&id, NULL, db, &q);
    nst_arena_free(a);
    return e == NST_OK ? gate_work(db, arg) : e;
}

static void gate_done(enum nst_err err, void *arg)
{
    (void)err;
    sem_post(&((struct batch *)arg)->done);
}

static enum nst_err item_work(struct nst_db *db, void *arg)
{
    struct item *i = arg;
    NST_TRY(insert(db, i->id));
    return i->must_fail ? NST_E_INVALID : NST_OK;
}

static void item_done(enum nst_err err, void *arg)
{
    struct item *i = arg;
    i->err = err;
    sem_post(&i->batch->done);
}

static void wait_done(struct batch *b, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        sem_wait(&b->done);
}

static void test_store__failing_work_leaves_its_neighbours(void **state)
{
    struct fixture *f = *state;
    struct batch b;
    batch_init(&b, f->store);
    nst_store_submit(f->store, NST_MODE_WRITE, gate_work, gate_done, &b);
    sem_wait(&b.ready);
    struct item items[9];
    for (int i = 0; i < 9; i++) {
        items[i] = (struct item){ .batch = &b, .id = i, .must_fail = i % 3 == 1 };
        nst_store_submit(f->store, NST_MODE_WRITE, item_work, item_done, &items[i]);
    }
    sem_post(&b.gate);
    wait_done(&b, 10);
    for (int i = 0; i < 9; i++)
        assert_int_equal(items[i].err, i % 3 == 1 ? NST_E_INVALID : NST_OK);
    assert_int_equal(count_rows(f->store), 6);
    batch_release(&b);
}

static void test_store__failed_commit_tells_everybody(void **state)
{
    struct fixture *f = *state;
    if (f->place.is_remote)
        skip(); /* no groups there */
    struct batch b;
    batch_init(&b, f->store);
    nst_store_submit(f->store, NST_MODE_WRITE, gate_work, gate_done, &b);
    sem_wait(&b.ready);
    struct item items[5];
    for (int i = 0; i < 5; i++) {
        items[i] = (struct item){ .batch = &b, .id = i, .must_fail = i == 2 };
        nst_store_submit(f->store, NST_MODE_WRITE, item_work, item_done, &items[i]);
    }
    /* Calls from here: the gate's commit, five inserts, their commit. */
    nst_store_fail_call(f->store, 7);
    sem_post(&b.gate);
    wait_done(&b, 6);
    for (int i = 0; i < 5; i++)
        assert_int_equal(items[i].err, i == 2 ? NST_E_INVALID : NST_E_DB);
    assert_int_equal(count_rows(f->store), 0);
    assert_int_equal(place_write(f->store, "INSERT INTO t (id) VALUES (1)"), NST_OK);
    batch_release(&b);
}

static void test_store__each_injected_failure_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    for (uint64_t n = 1; n <= 2; n++) {
        nst_store_fail_call(f->store, n);
        assert_int_equal(place_write(f->store, "INSERT INTO t (id) VALUES (1)"), NST_E_DB);
        assert_int_equal(count_rows(f->store), 0);
    }
    nst_store_fail_call(f->store, 3);
    assert_int_equal(place_write(f->store, "INSERT INTO t (id) VALUES (1)"), NST_OK);
    nst_store_fail_call(f->store, 0);
    assert_int_equal(count_rows(f->store), 1);
}

static void *writer_thread(void *arg)
{
    struct item *i = arg;
    i->err = nst_store_run(i->batch->store, NST_MODE_WRITE, item_work, i);
    struct nst_db *reader = NULL;
    int64_t n = 0;
    if (nst_store_reads_inline(i->batch->store)) {
        /* Acknowledged, hence visible to the next reader. */
        assert_int_equal(nst_reader_open(&reader, i->batch->store), NST_OK);
        assert_int_equal(nst_reader_enter(reader, NULL), NST_OK);
        struct nst_rows *rows;
        assert_int_equal(nst_query_with(&rows, reader, "SELECT id FROM t WHERE id = $1",
                                        NST_INT(i->id)),
                         NST_OK);
        n = nst_rows_step(rows);
        assert_int_equal(nst_rows_end(rows), NST_OK);
        nst_reader_close(reader);
        assert_int_equal(n, 1);
    }
    return NULL;
}

static void test_store__many_threads_write(void **state)
{
    struct fixture *f = *state;
    struct batch b = { .store = f->store };
    pthread_t thread[WRITERS];
    struct item items[WRITERS];
    for (int i = 0; i < WRITERS; i++) {
        items[i] = (struct item){ .batch = &b, .id = i };
        pthread_create(&thread[i], NULL, writer_thread, &items[i]);
    }
    for (int i = 0; i < WRITERS; i++) {
        pthread_join(thread[i], NULL);
        assert_int_equal(items[i].err, NST_OK);
    }
    nst_store_close(f->store);
    f->store = place_open(&f->place, 0);
    assert_int_equal(count_rows(f->store), WRITERS);
}

static void test_store__full_queue_is_busy(void **state)
{
    struct fixture *f = *state;
    struct nst_store_options o = { .url = f->place.url, .queue = 2, .pool = 1 };
    struct nst_store *store;
    assert_int_equal(nst_store_open(&store, &o), NST_OK);
    struct batch b;
    batch_init(&b, store);
    nst_store_submit(store, NST_MODE_WRITE, gate_work, gate_done, &b);
    sem_wait(&b.ready);
    struct item items[3];
    for (int i = 0; i < 3; i++) {
        items[i] = (struct item){ .batch = &b, .id = i };
        nst_store_submit(store, NST_MODE_WRITE, item_work, item_done, &items[i]);
    }
    assert_int_equal(items[2].err, NST_E_BUSY);
    sem_post(&b.gate);
    wait_done(&b, 4);
    assert_int_equal(items[0].err, NST_OK);
    assert_int_equal(items[1].err, NST_OK);
    nst_store_close(store);
    assert_int_equal(count_rows(f->store), 2);
    batch_release(&b);
}

static enum nst_err job_work(struct nst_db *db, void *arg)
{
    assert_null(db);
    ((struct item *)arg)->id = 5;
    return NST_E_THROTTLED;
}

static void test_store__job_has_no_connection(void **state)
{
    struct fixture *f = *state;
    struct batch b;
    batch_init(&b, f->store);
    struct item i = { .batch = &b };
    nst_store_submit_job(f->store, job_work, item_done, &i);
    wait_done(&b, 1);
    assert_int_equal(i.id, 5);
    assert_int_equal(i.err, NST_E_THROTTLED);
    batch_release(&b);
}

struct later {
    sem_t go, done;
    bool has_request;
    char request[16];
};

static enum nst_err say_request(struct nst_db *db, void *arg)
{
    struct later *l = arg;
    struct nst_str request;
    (void)db;
    sem_wait(&l->go);
    request = nst_log_request();
    l->has_request = request.p != NULL;
    snprintf(l->request, sizeof(l->request), "%.*s", NST_FMT(request));
    return NST_OK;
}

static void say_done(enum nst_err err, void *arg)
{
    struct later *l = arg;
    assert_int_equal(err, NST_OK);
    sem_post(&l->done);
}

/* The plan of a slow statement is asked for when its request has long been answered. */
static void test_store__a_job_outlives_its_request(void **state)
{
    struct fixture *f = *state;
    char id[] = "request";
    struct later l = { .request = "" };
    sem_init(&l.go, 0, 0);
    sem_init(&l.done, 0, 0);
    nst_log_for(nst_str_z(id));
    nst_store_submit_probe(f->store, say_request, say_done, &l);
    nst_log_for((struct nst_str){ 0 });
    memset(id, 'x', sizeof(id) - 1);
    sem_post(&l.go);
    sem_wait(&l.done);
    assert_string_equal(l.request, "request");
    /* Of none there is none. */
    nst_store_submit_probe(f->store, say_request, say_done, &l);
    sem_post(&l.go);
    sem_wait(&l.done);
    assert_false(l.has_request);
    sem_destroy(&l.go);
    sem_destroy(&l.done);
}

/* ---- Readers ---- */

static void test_reader__sees_other_process(void **state)
{
    struct fixture *f = *state;
    if (f->place.is_remote)
        skip();
    struct nst_db *reader;
    bool changed = false;
    int64_t n;
    assert_int_equal(nst_reader_open(&reader, f->store), NST_OK);
    assert_int_equal(nst_reader_enter(reader, &changed), NST_OK);
    assert_true(changed);
    assert_int_equal(nst_reader_enter(reader, &changed), NST_OK);
    assert_false(changed);
    /* Another store shares nothing with this one, as another process would. */
    struct nst_store *other = place_open(&f->place, 0);
    assert_int_equal(place_write(other, "INSERT INTO t (id) VALUES (1)"), NST_OK);
    nst_store_close(other);
    assert_int_equal(count_work(reader, &n), NST_OK);
    assert_int_equal(n, 0);
    nst_reader_leave(reader);
    assert_int_equal(nst_reader_enter(reader, &changed), NST_OK);
    assert_true(changed);
    assert_int_equal(count_work(reader, &n), NST_OK);
    assert_int_equal(n, 1);
    nst_reader_leave(reader);
    assert_int_equal(nst_reader_enter(reader, &changed), NST_OK);
    assert_false(changed);
    assert_int_equal(place_write(f->store, "INSERT INTO t (id) VALUES (2)"), NST_OK);
    assert_int_equal(nst_reader_enter(reader, &changed), NST_OK);
    assert_true(changed);
    assert_int_equal(insert(reader, 9), NST_E_DB);
    nst_reader_close(reader);
}

/* ---- Repetition on PostgreSQL ---- */

struct crossing {
    struct batch *batch;
    int64_t first, second;
    unsigned runs;
    pthread_barrier_t *barrier;
};

static enum nst_err crossing_work(struct nst_db *db, void *arg)
{
    struct crossing *c = arg;
    NST_TRY(nst_exec_with(NULL, db, "UPDATE t SET name = 'x' WHERE id = $1", NST_INT(c->first)));
    if (c->runs++ == 0)
        pthread_barrier_wait(c->barrier);
    return nst_exec_with(NULL, db, "UPDATE t SET name = 'x' WHERE id = $1", NST_INT(c->second));
}

static void crossing_done(enum nst_err err, void *arg)
{
    struct crossing *c = arg;
    atomic_fetch_add(err == NST_OK ? &c->batch->succeeded : &c->batch->failed, 1);
    sem_post(&c->batch->done);
}

static void test_pg__deadlock_is_run_again(void **state)
{
    struct fixture *f = *state;
    if (!f->place.is_remote)
        skip();
    struct batch b;
    batch_init(&b, f->store);
    assert_int_equal(place_write(f->store, "INSERT INTO t (id) VALUES (1), (2)"), NST_OK);
    pthread_barrier_t barrier;
    pthread_barrier_init(&barrier, NULL, 2);
    struct crossing c[2] = { { &b, 1, 2, 0, &barrier }, { &b, 2, 1, 0, &barrier } };
    for (int i = 0; i < 2; i++)
        nst_store_submit(f->store, NST_MODE_WRITE, crossing_work, crossing_done, &c[i]);
    wait_done(&b, 2);
    assert_int_equal(b.succeeded, 2);
    assert_true(c[0].runs + c[1].runs > 2);
    pthread_barrier_destroy(&barrier);
    batch_release(&b);
}

/* The first run loses its connection, the second one works. */
static enum nst_err lose_connection(struct nst_db *db, void *arg)
{
    unsigned *runs = arg;
    NST_TRY(insert(db, 1));
    if ((*runs)++ == 0)
        return nst_exec(NULL, db, NST_STR("SELECT pg_terminate_backend(pg_backend_pid())"), NULL,
                        0);
    return insert(db, 2);
}

static void test_pg__lost_connection_is_run_again(void **state)
{
    struct fixture *f = *state;
    if (!f->place.is_remote)
        skip();
    unsigned runs = 0;
    assert_int_equal(nst_store_run(f->store, NST_MODE_WRITE, lose_connection, &runs), NST_OK);
    assert_int_equal(runs, 2);
    assert_int_equal(count_rows(f->store), 2);
}

static void test_pg__read_cannot_write(void **state)
{
    struct fixture *f = *state;
    char sql[] = "INSERT INTO t (id) VALUES (1)";
    assert_int_not_equal(nst_store_run(f->store, NST_MODE_READ, place_exec, sql), NST_OK);
    assert_int_equal(count_rows(f->store), 0);
}

static struct nst_store *open_with(const struct fixture *f, struct nst_store_options o)
{
    struct nst_store *store = NULL;
    o.url = f->place.url;
    assert_int_equal(nst_store_open(&store, &o), NST_OK);
    return store;
}

static void test_pg__writes_that_wait_leave_reads_alone(void **state)
{
    const struct nst_store_options o = { .pool = 3, .readers = 1 };
    struct fixture *f = *state;
    if (!f->place.is_remote)
        skip();
    struct nst_store *store = open_with(f, o);
    struct item items[2];
    struct batch b;
    batch_init(&b, store);
    for (int i = 0; i < 2; i++) {
        nst_store_submit(store, NST_MODE_WRITE, gate_work, gate_done, &b);
        sem_wait(&b.ready);
    }
    for (int i = 0; i < 2; i++) {
        items[i] = (struct item){ .batch = &b, .id = i };
        nst_store_submit(store, NST_MODE_WRITE, item_work, item_done, &items[i]);
    }
    assert_int_equal(count_rows(store), 0);
    for (int i = 0; i < 2; i++)
        sem_post(&b.gate);
    wait_done(&b, 4);
    assert_int_equal(count_rows(store), 2);
    nst_store_close(store);
    batch_release(&b);
}

/* A statement, a held row, a thread: each wait has its end. */
static void test_pg__what_waits_too_long_is_busy(void **state)
{
    struct fixture *f = *state;
    const struct nst_store_options o = {
        .pool = 1, .busy_ms = 100, .lock_ms = 100, .statement_ms = 200
    };
    if (!f->place.is_remote)
        skip();
    struct nst_store *store = open_with(f, o);
    struct item late = { .batch = NULL };
    struct batch b;
    batch_init(&b, store);
    assert_int_equal(place_write(store, "SELECT pg_sleep(9)"), NST_E_BUSY);
    assert_int_equal(place_write(store, "INSERT INTO t (id) VALUES (1)"), NST_OK);

    nst_store_submit(f->store, NST_MODE_WRITE, hold_work, gate_done, &b);
    sem_wait(&b.ready);
    assert_int_equal(place_write(store, "DELETE FROM t"), NST_E_BUSY);
    sem_post(&b.gate);
    wait_done(&b, 1);

    nst_store_submit(store, NST_MODE_WRITE, gate_work, gate_done, &b);
    sem_wait(&b.ready);
    late.batch = &b;
    nst_store_submit(store, NST_MODE_WRITE, item_work, item_done, &late);
    for (int64_t start = nst_ticks(); nst_ticks() - start < o.busy_ms * INT64_C(2000);)
        sched_yield();
    sem_post(&b.gate);
    wait_done(&b, 2);
    assert_int_equal(late.err, NST_E_BUSY);
    nst_store_close(store);
    batch_release(&b);
}

#define ENOUGH_STATEMENTS 600

static enum nst_err insert_many(struct nst_db *db, void *arg)
{
    (void)arg;
    for (int64_t i = 0; i < ENOUGH_STATEMENTS; i++)
        NST_TRY(insert(db, i));
    return NST_OK;
}

static enum nst_err read_estimate(struct nst_db *db, void *arg)
{
    struct nst_rows *rows;
    NST_TRY(nst_query(&rows, db,
                      NST_STR("SELECT CAST(reltuples AS bigint) FROM pg_class "
                              "WHERE oid = CAST('t' AS regclass)"),
                      NULL, 0));
    *(int64_t *)arg = nst_rows_step(rows) ? nst_rows_int(rows, 0) : -1;
    return nst_rows_end(rows);
}

/* Without it a plan made for an empty table stays until autovacuum comes by. */
static void test_pg__growth_renews_statistics(void **state)
{
    struct fixture *f = *state;
    int64_t rows = 0;
    if (!f->place.is_remote)
        skip();
    assert_int_equal(nst_store_run(f->store, NST_MODE_WRITE, insert_many, NULL), NST_OK);
    nst_store_close(f->store); /* it ends what it does after a write */
    f->store = place_open(&f->place, 0);
    assert_int_equal(nst_store_run(f->store, NST_MODE_READ, read_estimate, &rows), NST_OK);
    assert_int_equal(rows, ENOUGH_STATEMENTS);
}

/* ---- Migrations ---- */

static const struct nst_migration steps[] = {
    { 1, "first",
      "-- a comment; with a semicolon;\n"
      "CREATE TABLE m (id bigint PRIMARY KEY,\n  name text);\n"
      "--sqlite: CREATE TABLE only_sqlite (id bigint);\n"
      "--postgresql: CREATE TABLE only_postgresql (id bigint);\n"
      "INSERT INTO m VALUES (1, 'a;b');\n" },
    { 2, "second", "INSERT INTO m VALUES (2, NULL)" },
    { 4, "broken", "INSERT INTO m VALUES (3, NULL);\nINSERT INTO m VALUES (3, NULL);\n" },
};

static void test_migrate__fresh_again_broken_newer(void **state)
{
    struct fixture *f = *state;
    unsigned applied = 9;
    assert_int_equal(nst_migrate(&applied, f->store, steps, 1), NST_OK);
    assert_int_equal(applied, 1);
    assert_int_equal(nst_migrate(&applied, f->store, steps, 2), NST_OK);
    assert_int_equal(applied, 1);
    assert_int_equal(nst_migrate(&applied, f->store, steps, 2), NST_OK);
    assert_int_equal(applied, 0);
    assert_int_equal(nst_migrate(&applied, f->store, steps, 3), NST_E_DB);
    assert_int_equal(applied, 0);
    assert_int_equal(place_write(f->store, "INSERT INTO m VALUES (3, NULL)"), NST_OK);
    assert_int_equal(nst_migrate(&applied, f->store, steps, 1), NST_E_CONFLICT);
    assert_int_equal(place_write(f->store, "INSERT INTO only_sqlite VALUES (1)"),
                     f->place.is_remote ? NST_E_DB : NST_OK);
    assert_int_equal(place_write(f->store, "INSERT INTO only_postgresql VALUES (1)"),
                     f->place.is_remote ? NST_OK : NST_E_DB);
}

/* A new database is whole or empty; what ran before stays when a later step fails. */
static void test_migrate__a_new_one_whole(void **state)
{
    struct fixture *f = *state;
    unsigned applied = 9;
    assert_int_equal(nst_migrate(&applied, f->store, steps, 3), NST_E_DB);
    assert_int_equal(applied, 0);
    assert_int_equal(place_write(f->store, "INSERT INTO m VALUES (9, NULL)"), NST_E_DB);
    assert_int_equal(nst_migrate(&applied, f->store, steps, 2), NST_OK);
    assert_int_equal(applied, 2);
    assert_int_equal(nst_migrate(&applied, f->store, steps, 3), NST_E_DB);
    assert_int_equal(place_write(f->store, "INSERT INTO m VALUES (9, NULL)"), NST_OK);
}

/* X72: a step that another part of a program brings later runs, whatever its number;
 * one that is changed after it ran is noticed, its comments are not. */
static void test_migrate__by_number_and_checksum(void **state)
{
    struct fixture *f = *state;
    unsigned applied = 9;
    const struct nst_migration late[] = { steps[1], steps[0] }, twice[] = { steps[0], steps[0] };
    struct nst_migration commented = steps[0], changed = steps[0];
    commented.sql = "CREATE TABLE m (id bigint PRIMARY KEY,\n -- why\n  name text);  \n"
                    "--sqlite: CREATE TABLE only_sqlite (id bigint);\n"
                    "--postgresql: CREATE TABLE only_postgresql (id bigint);\n"
                    "INSERT INTO m VALUES (1, 'a;b');\n";
    changed.sql = "CREATE TABLE m (id bigint PRIMARY KEY, name text, more text);\n";
    assert_int_equal(nst_migrate(&applied, f->store, twice, 2), NST_E_INTERNAL);
    assert_int_equal(nst_migrate(&applied, f->store, &steps[0], 1), NST_OK);
    assert_int_equal(nst_migrate(&applied, f->store, &changed, 1), NST_E_INTERNAL);
    assert_int_equal(nst_migrate(&applied, f->store, &commented, 1), NST_OK);
    assert_int_equal(applied, 0);
    assert_int_equal(nst_migrate(&applied, f->store, late, 2), NST_OK);
    assert_int_equal(applied, 1);
    assert_int_equal(place_write(f->store, "DELETE FROM nst_migration WHERE number = 1"), NST_OK);
    assert_int_equal(place_write(f->store, "DROP TABLE m"), NST_OK);
    assert_int_equal(place_write(f->store, f->place.is_remote ? "DROP TABLE only_postgresql"
                                                              : "DROP TABLE only_sqlite"),
                     NST_OK);
    assert_int_equal(nst_migrate(&applied, f->store, late, 2), NST_OK);
    assert_int_equal(applied, 1);
}

/* A database of the time before checksums gets them, of the steps as they are. */
static void test_migrate__checksums_are_added(void **state)
{
    struct fixture *f = *state;
    struct nst_migration changed = steps[0];
    changed.sql = "CREATE TABLE m (id bigint);\n";
    assert_int_equal(nst_migrate(NULL, f->store, steps, 1), NST_OK);
    assert_int_equal(place_write(f->store, "ALTER TABLE nst_migration DROP COLUMN checksum"),
                     NST_OK);
    assert_int_equal(nst_migrate(NULL, f->store, steps, 1), NST_OK);
    assert_int_equal(nst_migrate(NULL, f->store, &changed, 1), NST_E_INTERNAL);
}

struct migrator {
    struct fixture *fixture;
    unsigned applied;
    enum nst_err err;
};

static void *migrate_thread(void *arg)
{
    struct migrator *m = arg;
    struct nst_store *store = place_open(&m->fixture->place, 0);
    m->err = nst_migrate(&m->applied, store, steps, 2);
    nst_store_close(store);
    return NULL;
}

static void test_migrate__two_at_once(void **state)
{
    struct migrator m[2] = { { .fixture = *state }, { .fixture = *state } };
    pthread_t thread[2];
    for (int i = 0; i < 2; i++)
        pthread_create(&thread[i], NULL, migrate_thread, &m[i]);
    for (int i = 0; i < 2; i++)
        pthread_join(thread[i], NULL);
    assert_int_equal(m[0].err, NST_OK);
    assert_int_equal(m[1].err, NST_OK);
    assert_int_equal(m[0].applied + m[1].applied, 2);
}

/* ---- Statement log ---- */

static void test_store__logs_each_text_once(void **state)
{
    struct fixture *f = *state;
    char path[] = "/tmp/nestor-sql.XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    setenv("NESTOR_SQL_LOG", path, 1);
    struct nst_store *store = place_open(&f->place, 0);
    unsetenv("NESTOR_SQL_LOG");
    for (int i = 0; i < 3; i++)
        assert_int_equal(place_write(store, "DELETE\n    FROM t"), NST_OK);
    nst_store_close(store);
    char text[128] = "";
    assert_true(read(fd, text, sizeof(text) - 1) > 0);
    assert_string_equal(text, "DELETE FROM t\n");
    close(fd);
    unlink(path);
}

#define LOGGERS     2
#define LOGGED_EACH 400
#define LONG_SQL    9000

struct logger {
    struct nst_store *store;
    char letter;
};

/* Statements of one letter, one longer than the next. */
static void *log_long_ones(void *arg)
{
    const struct logger *l = arg;
    char sql[LONG_SQL];
    memset(sql, l->letter, sizeof(sql));
    for (size_t i = 0; i < LOGGED_EACH; i++)
        nst_store_log_sql(l->store, (struct nst_str){ sql, sizeof(sql) - i });
    return NULL;
}

/* Two stores know of each other as little as two processes do. */
static void test_store__lines_of_two_stay_whole(void **state)
{
    struct fixture *f = *state;
    char path[] = "/tmp/nestor-sql.XXXXXX";
    int fd = mkstemp(path);
    setenv("NESTOR_SQL_LOG", path, 1);
    struct logger logger[LOGGERS];
    pthread_t thread[LOGGERS];
    for (int i = 0; i < LOGGERS; i++)
        logger[i] = (struct logger){ place_open(&f->place, 0), (char)('a' + i) };
    unsetenv("NESTOR_SQL_LOG");
    for (int i = 0; i < LOGGERS; i++)
        pthread_create(&thread[i], NULL, log_long_ones, &logger[i]);
    for (int i = 0; i < LOGGERS; i++) {
        pthread_join(thread[i], NULL);
        nst_store_close(logger[i].store);
    }
    FILE *log = fdopen(fd, "r");
    char line[LONG_SQL + 2];
    int lines = 0;
    for (; fgets(line, sizeof(line), log) != NULL; lines++) {
        size_t n = strspn(line, (char[]){ line[0], '\0' });
        assert_string_equal(line + n, "\n");
    }
    assert_int_equal(lines, LOGGERS * LOGGED_EACH);
    fclose(log);
    unlink(path);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static int run_all(const char *name)
{
    const struct CMUnitTest tests[] = {
        TEST(test_db__values_round_trip),
        TEST(test_db__two_cursors_of_one_text),
        TEST(test_db__a_failure_ends_the_walk),
        TEST(test_db__cache_is_bounded),
        TEST(test_sql__builds_and_reads_numbers_and_existence),
        TEST(test_sql__takes_any_number_of_values),
        TEST(test_sql__lists_values_and_rows),
        TEST(test_sql__says_why_an_engine_refuses),
        TEST(test_db__savepoints_nest_around_a_conflict),
        TEST(test_db__bad_statement_and_wrong_count),
        TEST(test_store__failing_work_leaves_its_neighbours),
        TEST(test_store__a_job_outlives_its_request),
        TEST(test_store__failed_commit_tells_everybody),
        TEST(test_store__each_injected_failure_leaves_nothing),
        TEST(test_store__many_threads_write),
        TEST(test_store__full_queue_is_busy),
        TEST(test_store__job_has_no_connection),
        TEST(test_reader__sees_other_process),
        TEST(test_pg__deadlock_is_run_again),
        TEST(test_pg__lost_connection_is_run_again),
        TEST(test_pg__read_cannot_write),
        TEST(test_pg__writes_that_wait_leave_reads_alone),
        TEST(test_pg__what_waits_too_long_is_busy),
        TEST(test_pg__growth_renews_statistics),
        TEST(test_migrate__fresh_again_broken_newer),
        TEST(test_migrate__a_new_one_whole),
        TEST(test_migrate__by_number_and_checksum),
        TEST(test_migrate__checksums_are_added),
        TEST(test_migrate__two_at_once),
        TEST(test_store__logs_each_text_once),
        TEST(test_store__lines_of_two_stay_whole),
    };
    return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int main(void)
{
    nst_log_set_level(getenv("NESTOR_TEST_LOG") != NULL ? NST_LOG_DEBUG : NST_LOG_OFF);
    int failed = run_all("sqlite");
    if (getenv("NESTOR_TEST_PG") != NULL) {
        on_postgresql = true;
        failed += run_all("postgresql");
    }
    return failed;
}
