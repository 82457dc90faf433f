/* Batches of enrolments: a write takes as many statements as any other of its kind,
 * however many records it has. On SQLite always, on PostgreSQL when NESTOR_TEST_PG
 * says where. */
#include "enroll/app.h"

#include "../db/place.h"
#include "nestor/base/log.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define STATEMENTS_MAX 12  /* of one write, whatever is in it */
#define ACCOUNTS       700 /* each is the learner of the same number */
#define BASE           "/programs/6f1c1f9e-2f8a-4f43-8a4e-1f3c0d7b5a1"
#define RUN            "course-v1:HillsU+MAP1+2019"
#define CURRICULUM     "0a3d7c52-7d67-4a6e-9a5b-6a52d6b3a001"

/* Writes of courses ignore the curriculum. */
#define RECORD "%c{\"%s\":\"%s%d\",\"status\":\"%s\",\"curriculum_uuid\":\"" CURRICULUM "\"}"

extern const struct nst_migration nestor_migrations[];
extern const unsigned nestor_migration_count;

/* ---- A small university: two programs with one run ---- */

static const char *const catalog[] = {
    "INSERT INTO catalog_organization (id, key, name) VALUES (1, 'HillsU', '')",
    "INSERT INTO saml_provider (organization_id, position, slug, enabled) "
    "VALUES (1, 0, 'hills', TRUE)",
    "INSERT INTO program (id, uuid, title, type, marketing_slug, is_empty, next_number) VALUES "
    "(1, '6f1c1f9e-2f8a-4f43-8a4e-1f3c0d7b5a11', '', '', '', FALSE, 1), "
    "(2, '6f1c1f9e-2f8a-4f43-8a4e-1f3c0d7b5a12', '', '', '', FALSE, 1)",
    "INSERT INTO program_owner (program_id, position, organization_key) "
    "VALUES (1, 0, 'HillsU'), (2, 0, 'HillsU')",
    "INSERT INTO program_course_run (program_id, curriculum, course, position, key, title, "
    "parsed) VALUES (1, -1, 0, 0, '" RUN "', '', '" RUN "'), (2, -1, 0, 0, '" RUN "', '', '" RUN
    "')",
    "INSERT INTO course_overview (id, key, display_name) VALUES (1, '" RUN "', '')",
};

static enum nst_err add_accounts(struct nst_db *db, void *arg)
{
    struct nst_arena *a = arg;
    for (int i = 1; i <= ACCOUNTS; i++) {
        NST_TRY(nst_exec_with(NULL, db,
                              "INSERT INTO account (id, username, token_serial, is_staff, "
                              "is_superuser, is_active, created_at, updated_at) "
                              "VALUES ($1, $2, 0, FALSE, FALSE, TRUE, 0, 0)",
                              NST_INT(i), NST_TEXT(nst_strf(a, "user%d", i))));
        NST_TRY(nst_exec_with(NULL, db,
                              "INSERT INTO social_auth (id, account_id, provider, uid) "
                              "VALUES ($1, $1, 'tpa-saml', $2)",
                              NST_INT(i), NST_TEXT(nst_strf(a, "hills:account%d", i))));
    }
    return NST_OK;
}

struct fixture {
    struct place place;
    struct nst_store *store;
    struct nst_registry *registry;
    int learners; /* numbers that batches have used so far */
};

static bool on_postgresql;

static int set_up(void **state)
{
    static const struct nst_face *const faces[] = { &enroll_face, &enroll_desk_face,
                                                    &enroll_catalog_face, NULL };
    struct fixture *f = calloc(1, sizeof(*f));
    place_init(&f->place, on_postgresql);
    f->store = place_open(&f->place, 0);
    f->learners = 1;
    *state = f;
    assert_int_equal(nst_migrate(NULL, f->store, nestor_migrations, nestor_migration_count),
                     NST_OK);
    for (size_t i = 0; i < NST_COUNT(catalog); i++)
        assert_int_equal(place_write(f->store, catalog[i]), NST_OK);
    assert_int_equal(nst_store_run(f->store, NST_MODE_WRITE, add_accounts, f->place.arena), NST_OK);
    assert_int_equal(nst_registry_new(&f->registry, f->place.arena, enroll_resources, faces),
                     NST_OK);
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    nst_store_close(f->store);
    place_release(&f->place);
    free(f);
    return 0;
}

/* ---- Kinds of writes ---- */

/* One write of a kind: which of the learners of the batch, and what they become. */
struct write {
    enum nst_method method;
    int program; /* 1 or 2; 0: no further write */
    bool is_course;
    int every; /* the first of so many learners only; 0: all */
    const char *status;
    unsigned answer;
    const char *other; /* status of every second pair of learners; NULL: the same */
};

#define ENROL(p) \
    { \
        NST_POST, (p), false, 0, "enrolled", 201 \
    }
#define TAKE(p) \
    { \
        NST_POST, (p), true, 0, "active", 200 \
    }
#define DROP(p) \
    { \
        NST_PATCH, (p), true, 0, "inactive", 200 \
    }

/* The last write is the one that counts; those before prepare it. */
struct kind {
    const char *name;
    bool has_accounts;
    size_t smallest; /* the size from which on the mixture is the same */
    struct write write[4];
};

static const struct kind kinds[] = {
    { "POST P, new", false, 1, { ENROL(1) } },
    { "POST P, with accounts", true, 1, { ENROL(1) } },
    { "POST P, conflicts", true, 1, { ENROL(1), { NST_POST, 1, false, 0, "pending", 422 } } },
    { "POST P, half conflicts",
      true,
      2,
      { { NST_POST, 1, false, 2, "enrolled", 201 }, { NST_POST, 1, false, 0, "pending", 207 } } },
    { "POST P, invalid status", true, 1, { { NST_POST, 1, false, 0, "lost", 422 } } },
    { "POST C, waiting", false, 1, { ENROL(1), TAKE(1) } },
    { "POST C, with accounts", true, 1, { ENROL(1), TAKE(1) } },
    { "POST C, active already", true, 1, { ENROL(1), TAKE(1), ENROL(2), TAKE(2) } },
    { "POST C, reactivated",
      true,
      1,
      { ENROL(1), { NST_POST, 1, true, 0, "inactive", 200 }, ENROL(2), TAKE(2) } },
    { "POST C, half conflicts",
      true,
      2,
      { ENROL(1),
        { NST_POST, 1, true, 2, "active", 200 },
        { NST_POST, 1, true, 0, "inactive", 207 } } },
    { "POST C, not in the program", true, 1, { { NST_POST, 1, true, 0, "active", 422 } } },
    { "PATCH C, waiting", false, 1, { ENROL(1), TAKE(1), DROP(1) } },
    { "PATCH C, with accounts", true, 1, { ENROL(1), TAKE(1), DROP(1) } },
    { "PATCH C, as it is",
      true,
      1,
      { ENROL(1), TAKE(1), { NST_PATCH, 1, true, 0, "active", 200 } } },
    { "PATCH C, not found", true, 1, { ENROL(1), { NST_PATCH, 1, true, 0, "active", 422 } } },
    { "POST C, everything",
      true,
      4,
      { ENROL(1),
        ENROL(2),
        { NST_POST, 1, true, 2, "active", 200 },
        { NST_POST, 2, true, 0, "active", 200, "inactive" } } },
    { "PATCH C, both ways",
      true,
      4,
      { ENROL(1),
        { NST_POST, 1, true, 0, "active", 200, "inactive" },
        { NST_PATCH, 1, true, 0, "inactive", 200, "active" } } },
};

/* ---- Running them ---- */

struct run {
    struct fixture *fixture;
    struct nst_arena *arena;
    const struct kind *kind;
    const struct write *write;
    size_t size;
    uint64_t statements;
};

static struct nst_str body_of(const struct run *r)
{
    const struct write *w = r->write;
    struct nst_buf b;
    nst_buf_init(&b, r->arena, 65536);
    for (size_t i = 0; i < r->size; i++) {
        if (w->every > 0 && i % (size_t)w->every != 0)
            continue;
        const char *status = w->other != NULL && i / 2 % 2 == 1 ? w->other : w->status;
        nst_put(&b, nst_strf(r->arena, RECORD, b.n == 0 ? '[' : ',',
                             w->is_course ? "student_key" : "external_user_key",
                             r->kind->has_accounts ? "account" : "nobody",
                             r->fixture->learners + (int)i, status));
    }
    nst_put_char(&b, ']');
    return nst_buf_str(&b);
}

static enum nst_err call(struct nst_db *db, void *arg)
{
    struct run *r = arg;
    struct nst_json *body;
    struct nst_exchange x = { .arena = r->arena };
    struct nst_req rq = { .arena = r->arena,
                          .x = &x,
                          .registry = r->fixture->registry,
                          .db = db,
                          .caller = { .is_known = true, .is_staff = true, .id = 1 } };
    uint64_t before = nst_db_statements(db);
    NST_TRY(nst_json_read(&body, NULL, r->arena, body_of(r), NULL));
    NST_TRY(nst_call(&rq, &enroll_face, r->write->method,
                     nst_strf(r->arena, BASE "%d%s/enrollments/", r->write->program,
                              r->write->is_course ? "/courses/" RUN : ""),
                     body));
    r->statements = nst_db_statements(db) - before;
    assert_int_equal(x.status, r->write->answer);
    return NST_OK;
}

/* Statements of the last write of the kind, for so many records. */
static uint64_t count_statements(struct fixture *f, const struct kind *kind, size_t size)
{
    struct run r = { .fixture = f, .kind = kind, .size = size };
    for (size_t i = 0; i < NST_COUNT(kind->write) && kind->write[i].program > 0; i++) {
        r.arena = nst_arena_new(65536);
        r.write = &kind->write[i];
        assert_int_equal(nst_store_run(f->store, NST_MODE_WRITE, call, &r), NST_OK);
        nst_arena_free(r.arena);
    }
    f->learners += (int)size;
    return r.statements;
}

/* rows: P10 P31 P36 P41 C13 C14 C15 C16 C20 C21 */
static void test_batch__statements_do_not_grow_with_records(void **state)
{
    static const size_t sizes[] = { 1, 2, 10, ENROLL_BATCH };
    struct fixture *f = *state;
    for (size_t i = 0; i < NST_COUNT(kinds); i++) {
        uint64_t wanted = 0;
        for (size_t k = 0; k < NST_COUNT(sizes); k++) {
            if (sizes[k] < kinds[i].smallest)
                continue;
            uint64_t n = count_statements(f, &kinds[i], sizes[k]);
            wanted = wanted == 0 ? n : wanted;
            assert_in_range(n, 1, STATEMENTS_MAX);
            assert_int_equal(n, wanted);
        }
        assert_true(f->learners <= ACCOUNTS);
        print_message("%-28s %2d statements\n", kinds[i].name, (int)wanted);
    }
}

static int run_all(const char *name)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_batch__statements_do_not_grow_with_records, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int main(void)
{
    nst_log_set_level(getenv("NESTOR_TEST_LOG") != NULL ? NST_LOG_DEBUG : NST_LOG_OFF);
    if (sodium_init() < 0)
        return 1;
    int failed = run_all("batches on sqlite");
    if (getenv("NESTOR_TEST_PG") != NULL) {
        on_postgresql = true;
        failed += run_all("batches on postgresql");
    }
    return failed;
}
