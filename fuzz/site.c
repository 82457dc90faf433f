/* The installation behind the fuzz targets; see site.h. */
#include "site.h"

#include "nestor/accounts.h"
#include "nestor/base/log.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

extern const struct nst_migration nestor_migrations[];
extern const unsigned nestor_migration_count;

static struct fuzz_site site;

static const char *const seed[][2] = {
    { "/users/", "{\"username\":\"ada\",\"name\":\"Ada\",\"email\":\"ada@example.org\"}" },
    { "/orgs/", "{\"id\":\"WHO\",\"name\":\"World Health\"}" },
    { "/orgs/WHO/sources/", "{\"id\":\"ICD\",\"name\":\"Diseases\"}" },
    { "/orgs/WHO/sources/ICD/concepts/",
      "{\"id\":\"B54\",\"conceptClass\":\"Diagnosis\",\"names\":[{\"name\":\"Malaria\","
      "\"locale\":\"en\"},{\"name\":\"Paludisme\",\"locale\":\"fr\"}]}" },
    { "/orgs/WHO/sources/ICD/concepts/",
      "{\"id\":\"A00\",\"conceptClass\":\"Diagnosis\",\"names\":[{\"name\":\"Cholera\","
      "\"locale\":\"en\"}]}" },
    { "/orgs/WHO/sources/ICD/versions/", "{\"id\":\"v1\",\"description\":\"first\"}" },
};

static enum nst_err call(struct nst_req *rq, const struct fuzz_request *request, struct nst_db *db)
{
    rq->registry = site.registry;
    rq->db = db;
    rq->x = NST_NEW(rq->arena, struct nst_exchange);
    rq->x->arena = rq->arena;
    rq->caller = request->is_anonymous ? (struct nst_caller){ 0 }
                                       : (struct nst_caller){ true, true, true, 1, NST_STR("ada") };
    return nst_call(rq, request->face, request->method, request->path, request->body);
}

/* What the server's errors may not be, whatever comes in. */
static unsigned check(const struct nst_req *rq, enum nst_err e)
{
    struct nst_json *tree;
    struct nst_str out = nst_buf_str(&rq->x->out);
    unsigned status = rq->x->status;
    if (status < 200 || status >= 500 || nst_err_status(e) >= 500 || (e != NST_OK && status < 400))
        abort();
    if (out.n > 0 && nst_json_read(&tree, NULL, rq->arena, out, NULL) != NST_OK)
        abort();
    return status;
}

unsigned fuzz_read(const struct fuzz_request *request, struct nst_arena *a)
{
    struct nst_req rq = { .arena = a };
    fuzz_site();
    if (nst_reader_enter(site.reader, NULL) != NST_OK)
        abort();
    unsigned status = check(&rq, call(&rq, request, site.reader));
    nst_reader_leave(site.reader);
    return status;
}

struct writing {
    const struct fuzz_request *request;
    struct nst_arena *arena;
    unsigned status;
};

static enum nst_err write_and_forget(struct nst_db *db, void *arg)
{
    struct writing *w = arg;
    struct nst_req rq = { .arena = w->arena };
    w->status = check(&rq, call(&rq, w->request, db));
    return NST_E_PRECONDITION;
}

unsigned fuzz_write(const struct fuzz_request *request, struct nst_arena *a)
{
    struct writing w = { request, a, 0 };
    fuzz_site();
    if (nst_store_run(site.store, NST_MODE_WRITE, write_and_forget, &w) != NST_E_PRECONDITION)
        abort();
    return w.status;
}

size_t fuzz_choice(const uint8_t **data, size_t *size, size_t n)
{
    if (*size == 0)
        return 0;
    size_t chosen = **data % n;
    ++*data;
    --*size;
    return chosen;
}

/* ---- Making it ---- */

static void remove_site(void)
{
    static const char *const file[] = { "nestor.db", "nestor.db-wal", "nestor.db-shm" };
    char path[128];
    nst_reader_close(site.reader);
    nst_store_close(site.store);
    for (size_t i = 0; i < NST_COUNT(file); i++) {
        snprintf(path, sizeof(path), "%s/%s", site.folder, file[i]);
        unlink(path);
    }
    rmdir(site.folder);
}

static enum nst_err fill(struct nst_db *db, void *arg)
{
    struct nst_arena *a = arg;
    for (size_t i = 0; i < NST_COUNT(seed); i++) {
        struct nst_req rq = { .arena = a };
        struct fuzz_request request = { .face = GUIDE,
                                        .method = NST_POST,
                                        .path = nst_str_z(seed[i][0]) };
        if (nst_json_read(&request.body, NULL, a, nst_str_z(seed[i][1]), NULL) != NST_OK)
            abort();
        NST_TRY(call(&rq, &request, db));
    }
    return nst_token_renew(&site.token, db, a, 1, 1);
}

static void make_site(void)
{
    static const struct nst_face *const faces[] = { GUIDE, V2, IMPORT, NULL };
    static const struct nst_accounts_settings accounts = { .password_min = 15 };
    struct nst_arena *a = nst_arena_new(65536);
    snprintf(site.folder, sizeof(site.folder), "/tmp/nestor-fuzz-XXXXXX");
    if (sodium_init() < 0 || mkdtemp(site.folder) == NULL)
        abort();
    nst_log_set_level(NST_LOG_ERROR);
    nst_accounts_configure(&accounts);
    struct nst_store_options options = { .url = nst_strf(a, "%s/nestor.db", site.folder) };
    if (nst_registry_new(&site.registry, a, ocl_resources, faces) != NST_OK ||
        nst_store_open(&site.store, &options) != NST_OK ||
        nst_migrate(NULL, site.store, nestor_migrations, nestor_migration_count) != NST_OK ||
        nst_store_run(site.store, NST_MODE_WRITE, fill, a) != NST_OK ||
        nst_reader_open(&site.reader, site.store) != NST_OK)
        abort();
    atexit(remove_site);
}

const struct fuzz_site *fuzz_site(void)
{
    if (site.store == NULL)
        make_site();
    return &site;
}
