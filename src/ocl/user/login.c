/* Signing in: a token for a password. It is verified before the transaction that notes it. */
#include "user.h"
#include "views.h"

#include "ocl/app.h"

struct login {
    struct nst_str name, password, hash, email;
    int64_t id, serial;
    bool is_deactivated; /* deleted, or switched off */
    bool is_right;
};

static enum nst_err login_field(struct nst_str *out, struct nst_req *rq, const char *name)
{
    const struct nst_json *v = nst_json_get(rq->body, nst_str_z(name));
    const struct nst_texts *text = nst_texts_of(rq->face);
    if (v == NULL || v->kind == NST_JSON_NULL)
        return nst_fail(rq, NST_E_INVALID, name,
                        nst_str_z(v == NULL ? text->required : text->null));
    if (!nst_text.parse(rq, NULL, v, out))
        return nst_fail(rq, NST_E_INVALID, name, nst_str_z(text->invalid));
    return out->n > 0 ? NST_OK : nst_fail(rq, NST_E_INVALID, name, nst_str_z(text->blank));
}

/* The user of the name: the one who is there, or the one who was deleted last. */
static enum nst_err find_user(struct login *l, struct nst_req *rq)
{
    struct nst_rows *rows;
    NST_TRY(nst_query_with(&rows, rq->db,
                           "SELECT id, password, token_serial, email, is_active AND is_enabled "
                           "FROM account WHERE username = $1 "
                           "ORDER BY is_active DESC, updated_at DESC, id DESC LIMIT 1",
                           NST_TEXT(l->name)));
    if (nst_rows_step(rows)) {
        l->id = nst_rows_int(rows, 0);
        l->serial = nst_rows_int(rows, 2);
        l->email = nst_str_copy(rq->arena, nst_rows_text(rows, 3));
        l->is_deactivated = !nst_rows_bool(rows, 4);
        if (!l->is_deactivated || ocl_face_of(rq)->tells_deactivated)
            l->hash = nst_str_copy(rq->arena, nst_rows_text(rows, 1));
    }
    return nst_rows_end(rows);
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
    rq->prepared = l;
    NST_TRY(nst_attempt_begin(rq, NST_ATTEMPT_USER, l->name));
    return find_user(l, rq);
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

/* V802. Only who knows the password hears it. */
static enum nst_err refuse_deactivated(struct nst_req *rq, const struct login *l)
{
    nst_add_problem(rq, NST_STR("detail"),
                    NST_STR("A verification email has been sent to the address on record. Verify "
                            "your email address to re-activate your account."),
                    false);
    nst_add_problem(rq, NST_STR("email"), l->email, false);
    return NST_E_UNAUTHENTICATED;
}

enum nst_err ocl_login(struct nst_req *rq)
{
    const struct login *l = rq->prepared;
    bool is_right = l->is_right;
    if (is_right && l->is_deactivated)
        return refuse_deactivated(rq, l);
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
