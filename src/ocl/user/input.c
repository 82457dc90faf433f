/* What a user may be given: a password, names, an address. A password is checked and hashed
 * before the transaction that writes it. */
#include "user.h"
#include "views.h"

#include "ocl/app.h"

/* ---- Passwords ---- */

static void refuse_groups(struct nst_req *rq, const char *text)
{
    nst_add_problem(rq, NST_STR("auth_groups"), nst_str_z(text), true);
}

/* There is one group (V212, V809). */
static void check_groups(struct nst_req *rq)
{
    const struct nst_json *v = nst_body_member(rq, "auth_groups");
    bool is_good = v == NULL || v->kind == NST_JSON_NULL || v->kind == NST_JSON_ARRAY;
    for (const struct nst_json *i = is_good && v != NULL ? v->first : NULL; i != NULL; i = i->next)
        is_good = is_good && i->kind == NST_JSON_STRING &&
                  nst_str_eq(i->text, NST_STR(OCL_GROUP_GRAPHQL));
    if (!is_good)
        refuse_groups(rq, "Invalid auth group.");
}

/* Who is no staff may leave a group, and nothing else: it would be no barrier. */
static enum nst_err take_groups(struct nst_req *rq, struct ocl_user *u, const struct ocl_user *was)
{
    const struct nst_json *v = rq->face != GUIDE ? nst_body_member(rq, "auth_groups") : NULL;
    bool may_give = rq->caller.is_staff || rq->caller.is_superuser || rq->is_internal;
    if (v == NULL || v->kind != NST_JSON_ARRAY)
        return NST_OK;
    u->auth_groups = v->count > 0 ? NST_STR("[\"" OCL_GROUP_GRAPHQL "\"]") : NST_STR("[]");
    nst_mark_set(&ocl_user, u, "auth_groups");
    if (may_give || v->count == 0 || nst_str_eq(u->auth_groups, was->auth_groups))
        return NST_OK;
    refuse_groups(rq, "Only staff may give groups.");
    return NST_E_INVALID;
}

static enum nst_err check_password(struct nst_req *rq, struct nst_str password)
{
    struct nst_str fault[NST_PASSWORD_FAULTS];
    size_t faults = nst_password_faults(fault, rq->arena, password);
    for (size_t i = 0; i < faults; i++)
        nst_add_problem(rq, NST_STR("password"), fault[i], true);
    return faults == 0 ? NST_OK : NST_E_INVALID;
}

/* Everything that can be wrong with the body, before a password is hashed. */
enum nst_err ocl_user_gather(struct nst_req *rq)
{
    const struct nst_object *o = nst_object(rq);
    struct ocl_user *u = o == NULL ? nst_row_new(rq, &ocl_user) : o->row;
    struct ocl_user_secrets *secrets = NST_NEW(rq->arena, struct ocl_user_secrets);
    rq->prepared = secrets;
    if (rq->face != GUIDE)
        check_groups(rq);
    NST_TRY(nst_bind(u, rq, &ocl_user, o == NULL ? NST_CREATE : NST_UPDATE));
    if (!nst_is_set(&ocl_user, u, "password"))
        return NST_OK;
    if (u->password.p != NULL) {
        secrets->password = u->password;
        return check_password(rq, u->password);
    }
    /* A new user may have none; nobody loses one. */
    return o == NULL
               ? NST_OK
               : nst_fail(rq, NST_E_INVALID, "password", nst_str_z(nst_texts_of(rq->face)->null));
}

enum nst_err ocl_user_prepare(struct nst_req *rq)
{
    struct ocl_user_secrets *s = rq->prepared;
    return s->password.p != NULL ? nst_password_hash(&s->password, rq->arena, s->password) : NST_OK;
}

/* What is stored of the password is what was prepared, and never what was sent. */
static void take_hash(struct nst_req *rq, struct ocl_user *u)
{
    const struct ocl_user_secrets *s = rq->prepared;
    u->password = s != NULL ? s->password : (struct nst_str){ 0 };
}

/* ---- Names ---- */

static struct nst_str join(struct nst_req *rq, const struct ocl_user *u)
{
    if (u->first_name.n == 0 || u->last_name.n == 0)
        return u->first_name.n > 0 ? u->first_name : u->last_name;
    return nst_strf(rq->arena, "%.*s %.*s", NST_FMT(u->first_name), NST_FMT(u->last_name));
}

/* The name in full and its parts say the same: what changed decides for the other, so that a
 * document that is sent back with one of them changed is understood. */
static enum nst_err settle_names(struct nst_req *rq, struct ocl_user *u, const struct ocl_user *was)
{
    bool is_whole = !nst_str_eq(u->name, was->name);
    bool is_parts =
        !nst_str_eq(u->first_name, was->first_name) || !nst_str_eq(u->last_name, was->last_name);
    struct nst_str joined = join(rq, u);
    const struct nst_texts *text = nst_texts_of(rq->face);
    if (is_parts && nst_utf8_is_blank(joined))
        return nst_fail(rq, NST_E_INVALID, "first_name", nst_str_z(text->blank));
    if (is_parts && is_whole && !nst_str_eq(joined, u->name))
        return nst_fail(rq, NST_E_INVALID, "name", nst_str_z(text->twice));
    if (is_parts) {
        u->name = joined;
        nst_mark_set(&ocl_user, u, "name");
    } else if (is_whole) {
        u->first_name = u->name;
        u->last_name = NST_STR("");
        nst_mark_set(&ocl_user, u, "first_name");
        nst_mark_set(&ocl_user, u, "last_name");
    }
    return NST_OK;
}

/* ---- What others have already (V211) ---- */

static enum nst_err refuse_taken(struct nst_req *rq, const struct ocl_user *u,
                                 const struct ocl_user *was)
{
    bool has_name = false, has_email = false;
    if (!nst_str_eq(u->username, was->username))
        NST_TRY(nst_exists_with(&has_name, rq->db,
                                "SELECT 1 FROM account WHERE username = $1 AND is_active",
                                NST_TEXT(u->username)));
    if (!nst_str_eq_nocase(u->email, was->email))
        NST_TRY(
            nst_exists_with(&has_email, rq->db,
                            "SELECT 1 FROM account WHERE lower(email) = lower($1) AND is_active "
                            "AND id <> $2",
                            NST_TEXT(u->email), NST_INT(u->row.id)));
    if (has_name)
        nst_add_problem(rq, NST_STR("username"), NST_STR(OCL_USERNAME_TAKEN), true);
    if (has_email)
        nst_add_problem(rq, NST_STR("email"), NST_STR(OCL_EMAIL_TAKEN), true);
    return has_name || has_email ? NST_E_INVALID : NST_OK;
}

enum nst_err ocl_user_before_create(struct nst_req *rq, void *row)
{
    const struct ocl_user nobody = { .first_name = NST_STR(""), .last_name = NST_STR("") };
    struct ocl_user *u = row;
    take_hash(rq, u);
    NST_TRY(take_groups(rq, u, &nobody));
    NST_TRY(nst_next_id(&u->row.id, rq->db, "account", 1));
    NST_TRY(settle_names(rq, u, &nobody));
    return ocl_face_of(rq)->emails_are_unique ? refuse_taken(rq, u, &nobody) : NST_OK;
}

enum nst_err ocl_user_before_update(struct nst_req *rq, void *row)
{
    struct ocl_user *u = row, *was;
    int64_t unused;
    NST_TRY(nst_load_id((void **)&was, rq, &ocl_user, NST_LOAD_ALL, u->row.id));
    if (was == NULL)
        return NST_E_NOT_FOUND;
    u->former = was;
    if (nst_is_set(&ocl_user, u, "password"))
        take_hash(rq, u);
    NST_TRY(take_groups(rq, u, was));
    NST_TRY(settle_names(rq, u, was));
    if (!ocl_face_of(rq)->emails_are_unique)
        return NST_OK;
    /* No index keeps addresses apart, since the guide does not: who takes one waits, as new
     * users do, for whoever else is being given one. */
    if (!nst_str_eq_nocase(u->email, was->email))
        NST_TRY(nst_next_id(&unused, rq->db, "account", 0));
    return refuse_taken(rq, u, was);
}
