/* Files and schemas for tests of the store and of what stands on it. */
#include "place.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

struct nst_store *place_open(const struct place *p, unsigned queue)
{
    struct nst_store_options o = { .url = p->url, .queue = queue, .pool = 4 };
    struct nst_store *store = NULL;
    assert_int_equal(nst_store_open(&store, &o), NST_OK);
    return store;
}

enum nst_err place_exec(struct nst_db *db, void *arg)
{
    return nst_exec(NULL, db, nst_str_z(arg), NULL, 0);
}

enum nst_err place_write(struct nst_store *store, const char *sql)
{
    return nst_store_run(store, NST_MODE_WRITE, place_exec, (void *)(uintptr_t)sql);
}

/* A schema of its own keeps PostgreSQL tests apart. */
static void make_schema(struct place *p)
{
    static unsigned number;
    p->url = nst_str_z(getenv("NESTOR_TEST_PG"));
    struct nst_store *store = place_open(p, 0);
    struct nst_str name = nst_strf(p->arena, "t%d_%u", (int)getpid(), ++number);
    struct nst_str sql = nst_strf(p->arena, "CREATE SCHEMA %.*s", NST_FMT(name));
    assert_int_equal(place_write(store, nst_str_to_z(p->arena, sql)), NST_OK);
    nst_store_close(store);
    p->url = nst_strf(p->arena, "%s&options=-csearch_path%%3D%.*s", getenv("NESTOR_TEST_PG"),
                      NST_FMT(name));
}

void place_init(struct place *p, bool is_remote)
{
    *p = (struct place){ .arena = nst_arena_new(4096), .is_remote = is_remote };
    if (is_remote) {
        make_schema(p);
        return;
    }
    snprintf(p->directory, sizeof(p->directory), "/tmp/nestor-db.XXXXXX");
    assert_non_null(mkdtemp(p->directory));
    p->url = nst_strf(p->arena, "%s/test.db", p->directory);
}

void place_release(struct place *p)
{
    static const char *const suffixes[] = { "", "-wal", "-shm" };
    for (size_t i = 0; !p->is_remote && i < 3; i++)
        unlink(nst_str_to_z(p->arena, nst_strf(p->arena, "%.*s%s", NST_FMT(p->url), suffixes[i])));
    if (!p->is_remote)
        rmdir(p->directory);
    nst_arena_free(p->arena);
}
