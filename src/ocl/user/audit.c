/* What the audit log has of users: who made, changed or removed one who is not themself. */
#include "views.h"

#include "nestor/accounts.h"

static struct nst_str url_of(struct nst_req *rq, struct nst_str name)
{
    return nst_strf(rq->arena, "/users/%.*s/", NST_FMT(name));
}

enum nst_err ocl_user_audit(struct nst_req *rq, const char *act, struct nst_str name)
{
    return nst_audit(rq, &(struct nst_act){ .name = act, .on = url_of(rq, name) });
}

/* ---- What of a user is told ---- */

static const struct told {
    const char *name;
    size_t offset;
    bool is_json; /* what stands there is JSON, not text */
} told[] = {
    { "username", offsetof(struct ocl_user, username), false },
    { "name", offsetof(struct ocl_user, name), false },
    { "email", offsetof(struct ocl_user, email), false },
    { "auth_groups", offsetof(struct ocl_user, auth_groups), true },
    { "company", offsetof(struct ocl_user, company), false },
    { "location", offsetof(struct ocl_user, location), false },
    { "website", offsetof(struct ocl_user, website), false },
    { "bio", offsetof(struct ocl_user, bio), false },
    { "preferred_locale", offsetof(struct ocl_user, preferred_locale), false },
    { "extras", offsetof(struct ocl_user, extras), true },
};

/* What somebody new is told with. */
#define TOLD_OF_NEW 4

static struct nst_str text_of(const struct ocl_user *u, const struct told *t)
{
    return *(const struct nst_str *)((const char *)u + t->offset);
}

static void put_member(struct nst_buf *out, const struct ocl_user *u, const struct told *t)
{
    nst_putf(out, "%s\"%s\":", out->n > 0 ? "," : "{", t->name);
    if (t->is_json && text_of(u, t).p != NULL)
        nst_put(out, text_of(u, t));
    else
        nst_json_put_str_or_null(out, text_of(u, t));
}

/* What of u differs from `other` (NULL: what is told of somebody new), as JSON; null where nothing
 * does. */
static struct nst_str differing(struct nst_req *rq, const struct ocl_user *u,
                                const struct ocl_user *other)
{
    struct nst_buf b;
    nst_buf_init(&b, rq->arena, SIZE_MAX);
    for (size_t i = 0; i < (other == NULL ? TOLD_OF_NEW : NST_COUNT(told)); i++)
        if (other == NULL || !nst_str_eq(text_of(u, &told[i]), text_of(other, &told[i])))
            put_member(&b, u, &told[i]);
    if (b.n == 0)
        return (struct nst_str){ 0 };
    nst_put_char(&b, '}');
    return nst_buf_str(&b);
}

/* ---- Acts ---- */

enum nst_err ocl_user_audit_new(struct nst_req *rq, const struct ocl_user *u)
{
    return nst_audit(rq, &(struct nst_act){ .name = "user.add",
                                            .on = url_of(rq, u->username),
                                            .after = differing(rq, u, NULL) });
}

/* Staff alone gives groups, to themselves as well: that is an act on oneself. */
static enum nst_err audit_group(struct nst_req *rq, const struct ocl_user *u)
{
    const struct ocl_user *was = u->former;
    if (nst_str_eq(u->auth_groups, was->auth_groups) || nst_str_eq(u->auth_groups, NST_STR("[]")))
        return NST_OK;
    return nst_audit(rq, &(struct nst_act){ .name = "user.change",
                                            .on = url_of(rq, was->username),
                                            .before = nst_strf(rq->arena, "{\"auth_groups\":%.*s}",
                                                               NST_FMT(was->auth_groups)),
                                            .after = nst_strf(rq->arena, "{\"auth_groups\":%.*s}",
                                                              NST_FMT(u->auth_groups)) });
}

enum nst_err ocl_user_audit_change(struct nst_req *rq, const struct ocl_user *u)
{
    const struct ocl_user *was = u->former;
    if (rq->caller.id == u->row.id)
        return audit_group(rq, u);
    if (nst_is_set(&ocl_user, u, "password"))
        NST_TRY(ocl_user_audit(rq, "user.password", was->username));
    struct nst_str before = differing(rq, was, u);
    if (before.p == NULL)
        return NST_OK;
    return nst_audit(rq, &(struct nst_act){ .name = "user.change",
                                            .on = url_of(rq, was->username),
                                            .before = before,
                                            .after = differing(rq, u, was) });
}
