/* Signing in: passwords for new users, a token for a password. Hashing never runs inside
 * a transaction. */
#include "user.h"
#include "views.h"

#include "ocl/app.h"

/* ---- Passwords ---- */

/* Everything that can be wrong with a new user, before a password is hashed. */
enum nst_err ocl_user_gather(struct nst_req *rq)
{
    struct ocl_user *u = nst_row_new(rq, &ocl_user);
    NST_TRY(nst_bind(u, rq, &ocl_user, NST_CREATE));
    rq->prepared = NULL;
    if (u->password.p == NULL)
        return NST_OK;
    struct nst_str fault[NST_PASSWORD_FAULTS];
    size_t faults = nst_password_faults(fault, rq->arena, u->password);
    for (size_t i = 0; i < faults; i++)
        nst_add_problem(rq, NST_STR("password"), fault[i], true);
    rq->prepared = NST_NEW(rq->arena, struct nst_str);
    *(struct nst_str *)rq->prepared = u->password;
    return faults == 0 ? NST_OK : NST_E_INVALID;
}

enum nst_err ocl_user_prepare(struct nst_req *rq)
{
    struct nst_str *password = rq->prepared;
    return password != NULL ? nst_password_hash(password, rq->arena, *password) : NST_OK;
}

/* ---- A token for a password (G85) ---- */

struct login {
    struct nst_str name, password, hash;
    int64_t id, serial;
    bool is_right;
};

static enum nst_err login_field(struct nst_str *out, struct nst_req *rq, const char *name)
{
    const struct nst_json *v = nst_json_get(rq->body, nst_str_z(name));
    const struct nst_texts *text = nst_texts_of(rq->face);
    if (v == NULL || v->kind == NST_JSON_NULL)
        return nst_fail(rq, NST_E_INVALID, name, nst_str_z(text->required));
    if (!nst_text.parse(rq, NULL, v, out))
        return nst_fail(rq, NST_E_INVALID, name, nst_str_z(text->invalid));
    return out->n > 0 ? NST_OK : nst_fail(rq, NST_E_INVALID, name, nst_str_z(text->required));
}

enum nst_err ocl_login_gather(struct nst_req *rq)
{
    struct login *l = NST_NEW(rq->arena, struct login);
    if (rq->body->kind != NST_JSON_OBJECT)
        return nst_fail(rq, NST_E_INVALID, nst_texts_of(rq->face)->not_object_key,
                        nst_str_z(nst_texts_of(rq->face)->not_object));
    enum nst_err name_err = login_field(&l->name, rq, "username");
    enum nst_err password_err = login_field(&l->password, rq, "password");
    if (name_err != NST_OK || password_err != NST_OK)
        return NST_E_INVALID;
    NST_TRY(nst_attempt_begin(rq, NST_ATTEMPT_USER, l->name));
    struct nst_sql q;
    struct ocl_user *u;
    nst_sql_init(&q, rq->arena);
    nst_sql_add(&q, " AND account.username = ");
    nst_sql_bind(&q, NST_TEXT(l->name));
    nst_sql_add(&q, " AND account.is_enabled");
    NST_TRY(nst_load_where((void **)&u, rq, &ocl_user, NST_LOAD_ALL, &q));
    if (u != NULL) {
        l->hash = u->password;
        l->id = u->row.id;
        l->serial = u->token_serial;
    }
    rq->prepared = l;
    return NST_OK;
}

enum nst_err ocl_login_prepare(struct nst_req *rq)
{
    struct login *l = rq->prepared;
    l->is_right = nst_password_verify(l->hash, l->password);
    if (l->is_right)
        nst_attempt_was_right(rq, NST_ATTEMPT_USER, l->name);
    return NST_OK;
}

static const struct nst_response login_response[] = {
    { 200,
      "The token of the user.",
      { .schema = "{\"type\":\"object\",\"required\":[\"token\"],\"properties\":{\"token\":"
                  "{\"type\":\"string\"}}}" } },
    { 0 },
};

const struct nst_description ocl_login_description = {
    .request = { .schema = "{\"type\":\"object\",\"required\":[\"username\",\"password\"],"
                           "\"properties\":{\"username\":{\"type\":\"string\",\"minLength\":1},"
                           "\"password\":{\"type\":\"string\",\"minLength\":1}}}" },
    .response = login_response,
};

enum nst_err ocl_login(struct nst_req *rq)
{
    const struct login *l = rq->prepared;
    bool is_right = l->is_right;
    if (is_right)
        NST_TRY(nst_sign_in_note(&is_right, rq->db, l->id, l->hash, rq->now));
    if (!is_right)
        return nst_fail(rq, NST_E_INVALID, "non_field_errors",
                        NST_STR("Unable to log in with provided credentials."));
    nst_no_store(rq);
    nst_put_lit(&rq->x->out, "{\"token\":");
    nst_json_put_str(&rq->x->out, nst_token_derive(rq->arena, l->id, l->serial));
    nst_put_char(&rq->x->out, '}');
    return nst_answer_json(rq, 200);
}
