/* What rows of other tables lead to: found by its address, shown as lists show it, and left out
 * where the caller may not see it. What is asked of each kind is a row of `kinds`. */
#include "thing.h"

#include "ocl/content/content.h"
#include "ocl/org/org.h"
#include "ocl/source/source.h"
#include "ocl/user/user.h"
#include "ocl/version/version.h"

enum { USER, ORG, SOURCE, FOLLOWED, VERSION = FOLLOWED }; /* those before FOLLOWED can be */

static const struct kind {
    const struct nst_resource *resource;
    enum nst_use use;
    size_t offset;      /* of its number in struct ocl_thing */
    const char *column; /* the same in a table that leads to it; NULL: none does */
    const char *word;   /* what its address begins with, "/WORD/KEY/"; NULL: it has an owner */
    const char *key;
    enum nst_err (*visible)(struct nst_sql *q, struct nst_req *rq);
} kinds[] = {
    [USER] = { &ocl_user, NST_LIST, offsetof(struct ocl_thing, user_id), "user_id", "users",
               "account.username", nst_all_visible },
    [ORG] = { &ocl_org, NST_LIST, offsetof(struct ocl_thing, org_id), "org_id", "orgs",
              "org.mnemonic", ocl_visible_orgs },
    [SOURCE] = { &ocl_source, NST_BRIEF, offsetof(struct ocl_thing, repo_id), "repo_id", NULL,
                 OCL_ADDRESS("repo"), ocl_visible_repos },
    [VERSION] = { &ocl_version, NST_LIST, offsetof(struct ocl_thing, version_id), NULL, NULL, NULL,
                  ocl_visible_repos },
};

static int64_t *number_of(struct ocl_thing *t, const struct kind *k)
{
    return (int64_t *)((char *)t + k->offset);
}

/* ---- Finding ---- */

/* The kind that an address is of, and the key that it has there; NULL: it is no address. */
static const struct kind *read_address(struct nst_str *key, struct nst_req *rq,
                                       struct nst_str address)
{
    struct ocl_address at;
    struct nst_str rest =
        nst_str_slice(address, 0, address.n - nst_str_ends(address, NST_STR("/")));
    struct nst_str nothing = nst_str_cut(&rest, '/'), word;
    if (ocl_read_address(&at, rq, address)) {
        *key = at.source_url;
        return at.version.p == NULL && at.code.p == NULL ? &kinds[SOURCE] : NULL;
    }
    if (nothing.n > 0 || rest.p == NULL)
        return NULL;
    word = nst_str_cut(&rest, '/');
    *key = rest;
    if (rest.n == 0 || nst_str_find(rest, '/') < rest.n)
        return NULL;
    for (size_t i = 0; i < SOURCE; i++)
        if (nst_str_eq(word, nst_str_z(kinds[i].word)))
            return &kinds[i];
    return NULL;
}

enum nst_err ocl_find_thing(struct ocl_thing *thing, bool *found, struct nst_req *rq,
                            struct nst_str address)
{
    struct nst_str key;
    struct nst_sql q;
    const struct kind *k = read_address(&key, rq, address);
    *thing = (struct ocl_thing){ 0 };
    *found = false;
    if (k == NULL)
        return NST_OK;
    nst_sql_init(&q, rq->arena);
    nst_sql_addf(&q, "SELECT %s.id FROM %s WHERE %s AND %s = ", k->resource->table,
                 k->resource->table, k->resource->where, k->key);
    nst_sql_bind(&q, NST_TEXT(key));
    NST_TRY(k->visible(&q, rq));
    nst_sql_hold(&q, rq->db, k->resource->table);
    return nst_sql_int(number_of(thing, k), found, rq->db, &q);
}

enum nst_err ocl_things_visible(struct nst_sql *q, struct nst_req *rq, const char *table)
{
    for (size_t i = 0; i < FOLLOWED; i++) {
        const struct nst_resource *r = kinds[i].resource;
        nst_sql_add(q, i == 0 ? " AND (" : " OR ");
        nst_sql_addf(q, "EXISTS (SELECT 1 FROM %s WHERE %s AND %s.id = %s.%s", r->table, r->where,
                     r->table, table, kinds[i].column);
        NST_TRY(kinds[i].visible(q, rq));
        nst_sql_add(q, ")");
    }
    nst_sql_add(q, ")");
    return NST_OK;
}

/* ---- Showing ---- */

/* Things of a page, and what is known of them so far. */
struct showing {
    struct nst_req *rq;
    const struct kind *kind;
    struct ocl_thing *thing;
    struct nst_str *value;
    size_t count;
};

static void take(void *arg, const void *row, struct nst_str json)
{
    const struct showing *s = arg;
    struct nst_str kept = nst_str_copy(s->rq->arena, json);
    for (size_t i = 0; i < s->count; i++)
        if (*number_of(&s->thing[i], s->kind) == ((const struct nst_row *)row)->id)
            s->value[i] = kept;
}

static enum nst_err show_kind(struct showing *s)
{
    struct nst_sql q;
    size_t count = 0;
    const struct nst_resource *r = s->kind->resource;
    const struct nst_inner inner = { .resource = r,
                                     .set = s->kind->column != NULL ? &r->sets[0] : NULL,
                                     .use = s->kind->use,
                                     .conditions = &q,
                                     .limit = INT64_MAX,
                                     .is_judged = true,
                                     .take = take,
                                     .arg = s };
    nst_sql_init(&q, s->rq->arena);
    nst_sql_addf(&q, " AND %s.id", r->table);
    for (size_t i = 0; i < s->count; i++)
        if (*number_of(&s->thing[i], s->kind) != 0)
            nst_sql_in(&q, &count, NST_INT(*number_of(&s->thing[i], s->kind)));
    nst_sql_in_end(&q, count);
    NST_TRY(s->kind->visible(&q, s->rq));
    return count > 0 ? nst_each_row(s->rq, &inner) : NST_OK;
}

enum nst_err ocl_show_things(struct nst_str *value, struct nst_req *rq, struct ocl_thing *thing,
                             size_t count)
{
    for (size_t i = 0; i < count; i++)
        value[i] = (struct nst_str){ 0 };
    for (size_t k = 0; k < NST_COUNT(kinds); k++)
        NST_TRY(show_kind(&(struct showing){ rq, &kinds[k], thing, value, count }));
    return NST_OK;
}
