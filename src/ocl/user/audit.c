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
};

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

/* What of u differs from `other` (NULL: all of it), as JSON; null where nothing does. */
static struct nst_str differing(struct nst_req *rq, const struct ocl_user *u,
                                const struct ocl_user *other)
{
    struct nst_buf b;
    nst_buf_init(&b, rq->arena, 65536);
    for (size_t i = 0; i < NST_COUNT(told); i++)
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

enum nst_err ocl_user_audit_change(struct nst_req *rq, const struct ocl_user *u)
{
    const struct ocl_user *was = u->former;
    if (rq->caller.id == u->row.id)
        return NST_OK;
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
