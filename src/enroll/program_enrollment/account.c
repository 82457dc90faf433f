/* Accounts of learners (section 12): program, first owner, its one provider, link. */
#include "nestor/base/log.h"
#include "program_enrollment.h"

#include <stdatomic.h>

/* ---- The provider ---- */

#define PROVIDER \
    "SELECT min(p.slug), count(*) FROM program_owner o " \
    "JOIN catalog_organization g ON g.key = o.organization_key " \
    "JOIN saml_provider p ON p.organization_id = g.id AND p.enabled " \
    "WHERE o.program_id = $1 AND o.position = 0"

static enum nst_err find_provider(struct nst_str *slug, struct nst_req *rq, int64_t program)
{
    struct nst_rows *rows;
    NST_TRY(nst_query_with(&rows, rq->db, PROVIDER, NST_INT(program)));
    if (nst_rows_step(rows) && nst_rows_int(rows, 1) == 1)
        *slug = nst_str_copy(rq->arena, nst_rows_text(rows, 0));
    return nst_rows_end(rows);
}

/* P38 wants one line a program. Each has a place here by its id; two that share one,
 * which takes more programs than there are places, may be told again. */
#define TOLD_PLACES 4096

static void tell_once(const struct enroll_program *p)
{
    static _Atomic int64_t told[TOLD_PLACES];
    if (atomic_exchange(&told[p->id % TOLD_PLACES], p->id) != p->id)
        nst_log(NST_LOG_WARN, "accounts cannot be found: the program's owner has no one provider",
                NST_LOG_STR("program", p->uuid));
}

/* ---- Links ---- */

static void set_user(struct enroll_batch *b, struct nst_str slug, struct nst_str uid, int64_t user)
{
    struct nst_str key = nst_str_slice(uid, slug.n + 1, uid.n);
    for (size_t i = 0; i < b->count; i++)
        if (enroll_may_exist(&b->record[i]) && nst_str_eq(b->record[i].value, key))
            b->record[i].user = user;
}

/* " IN (...)" of `<slug>:<key>`. */
static void bind_uids(struct nst_sql *q, struct nst_req *rq, const struct enroll_batch *b,
                      struct nst_str slug)
{
    size_t count = 0;
    for (size_t i = 0; i < b->count; i++)
        if (enroll_may_exist(&b->record[i]))
            nst_sql_in(q, &count,
                       NST_TEXT(nst_strf(rq->arena, "%.*s:%.*s", NST_FMT(slug),
                                         NST_FMT(b->record[i].value))));
    nst_sql_in_end(q, count);
}

static bool is_any(const struct enroll_batch *b, enroll_wants *wants)
{
    for (size_t i = 0; i < b->count; i++)
        if (wants(&b->record[i]))
            return true;
    return false;
}

enum nst_err enroll_find_accounts(struct enroll_batch *b, struct nst_req *rq,
                                  const struct enroll_program *p)
{
    struct nst_sql q;
    struct nst_rows *rows;
    struct nst_str slug = { 0 };
    if (!is_any(b, enroll_may_exist))
        return NST_OK;
    NST_TRY(find_provider(&slug, rq, p->id));
    if (slug.p == NULL) {
        tell_once(p);
        return NST_OK;
    }
    nst_sql_init(&q, rq->arena);
    nst_sql_add(&q, "SELECT uid, account_id FROM social_auth WHERE uid");
    bind_uids(&q, rq, b, slug);
    nst_sql_add(&q, " ORDER BY id");
    NST_TRY(nst_sql_query(&rows, rq->db, &q));
    while (nst_rows_step(rows)) {
        set_user(b, slug, nst_rows_text(rows, 0), nst_rows_int(rows, 1));
    }
    return nst_rows_end(rows);
}

/* ---- One row an account, program and curriculum ---- */

static bool has_user(const struct enroll_record *r)
{
    return r->result == NULL && r->user != 0;
}

static bool clashes_in_batch(const struct enroll_batch *b)
{
    for (size_t i = 0; i < b->count; i++)
        for (size_t k = i + 1; k < b->count; k++)
            if (has_user(&b->record[i]) && has_user(&b->record[k]) &&
                b->record[i].user == b->record[k].user &&
                nst_str_eq(b->record[i].curriculum, b->record[k].curriculum))
                return true;
    return false;
}

static bool clashes_with(const struct enroll_batch *b, int64_t user, struct nst_str curriculum)
{
    for (size_t i = 0; i < b->count; i++)
        if (has_user(&b->record[i]) && b->record[i].user == user &&
            nst_str_eq(b->record[i].curriculum, curriculum))
            return true;
    return false;
}

enum nst_err enroll_find_clash(bool *clash, const struct enroll_batch *b, struct nst_req *rq,
                               int64_t program)
{
    struct nst_sql q;
    struct nst_rows *rows;
    *clash = clashes_in_batch(b);
    if (!is_any(b, has_user))
        return NST_OK;
    nst_sql_init(&q, rq->arena);
    nst_sql_add(&q, "SELECT user_id, curriculum_uuid FROM program_enrollment WHERE program_id = ");
    nst_sql_bind(&q, NST_INT(program));
    nst_sql_add(&q, " AND user_id");
    enroll_bind_users(&q, b, has_user);
    NST_TRY(nst_sql_query(&rows, rq->db, &q));
    while (nst_rows_step(rows)) {
        *clash |= clashes_with(b, nst_rows_int(rows, 0), nst_rows_text(rows, 1));
    }
    return nst_rows_end(rows);
}
