/* /admin/clients/: programs that fetch access tokens (OAuth 2), for superusers: each speaks for an
 * account. A secret is shown once, when it is made. */
#include "nestor/base/random.h"
#include "ocl/app.h"

#define SECRET_BYTES 32

/* What POST has to say. */
struct wish {
    struct nst_row row;
    struct nst_str id, user;
    bool is_restricted;
};

extern const struct nst_resource ocl_admin_clients;

/* ---- Looking ---- */

static void put_client(void *arg, const struct nst_client_shown *c)
{
    struct nst_buf *out = arg;
    bool is_first = out->n == 0 || out->p[out->n - 1] == '[';
    nst_put_z(out, is_first ? "{\"id\":" : ",{\"id\":");
    nst_json_put_str(out, c->id);
    nst_put_lit(out, ",\"user\":");
    nst_json_put_str(out, c->username);
    nst_putf(out, ",\"is_restricted\":%s}", c->is_restricted ? "true" : "false");
}

static enum nst_err list_clients(struct nst_req *rq)
{
    nst_put_char(&rq->x->out, '[');
    NST_TRY(nst_clients_each(rq->db, (struct nst_str){ 0 }, put_client, &rq->x->out));
    nst_put_char(&rq->x->out, ']');
    return nst_answer_json(rq, 200);
}

static enum nst_err show_client(struct nst_req *rq)
{
    NST_TRY(nst_clients_each(rq->db, rq->var[0], put_client, &rq->x->out));
    return rq->x->out.n > 0 ? nst_answer_json(rq, 200) : NST_E_NOT_FOUND;
}

/* ---- Making, changing, removing ---- */

static enum nst_err answer_secret(struct nst_req *rq, struct nst_str id, struct nst_str secret,
                                  unsigned status)
{
    struct nst_buf *out = &rq->x->out;
    nst_no_store(rq);
    nst_put_lit(out, "{\"id\":");
    nst_json_put_str(out, id);
    nst_put_lit(out, ",\"secret\":");
    nst_json_put_str(out, secret);
    nst_put_char(out, '}');
    return nst_answer_json(rq, status);
}

static enum nst_err record(struct nst_req *rq, const char *act, struct nst_str id)
{
    return nst_audit(rq,
                     &(struct nst_act){ .name = act,
                                        .on = nst_strf(rq->arena, "/clients/%.*s/", NST_FMT(id)) });
}

static enum nst_err check_wish(struct nst_account_shown *a, struct nst_req *rq,
                               const struct wish *wish)
{
    const char *fault = nst_client_id_fault(wish->id);
    if (fault != NULL)
        return nst_fail(rq, NST_E_INVALID, "id", nst_str_z(fault));
    enum nst_err e = nst_account_show(a, rq, wish->user, true);
    return e == NST_E_NOT_FOUND
               ? nst_fail(rq, NST_E_INVALID, "user", NST_STR("There is no such user."))
               : e;
}

static void say_where(struct nst_req *rq, struct nst_str id)
{
    struct nst_buf b;
    nst_buf_init(&b, rq->arena, 4096);
    nst_put_lit(&b, "/admin/clients/");
    nst_put_percent(&b, id, "");
    nst_put_char(&b, '/');
    nst_http_add_header(rq->x, "Location", nst_buf_str(&b));
}

static enum nst_err add_client(struct nst_req *rq)
{
    struct wish *wish = nst_row_new(rq, &ocl_admin_clients);
    struct nst_account_shown a;
    NST_TRY(nst_bind(wish, rq, &ocl_admin_clients, NST_CREATE));
    NST_TRY(check_wish(&a, rq, wish));
    const struct nst_client client = { .id = wish->id,
                                       .secret = nst_random_hex(rq->arena, SECRET_BYTES),
                                       .account = a.id,
                                       .is_restricted = wish->is_restricted,
                                       .created = rq->now };
    enum nst_err e = nst_client_add(rq->db, &client);
    if (e == NST_E_CONFLICT)
        return nst_fail(rq, e, "id", NST_STR("This id is taken."));
    NST_TRY(e);
    NST_TRY(record(rq, "client.add", client.id));
    say_where(rq, client.id);
    return answer_secret(rq, client.id, client.secret, 201);
}

static enum nst_err remove_client(struct nst_req *rq)
{
    NST_TRY(nst_client_remove(rq->db, rq->var[0]));
    NST_TRY(record(rq, "client.remove", rq->var[0]));
    return nst_answer_empty(rq, 204);
}

static enum nst_err rotate_secret(struct nst_req *rq)
{
    struct nst_str secret = nst_random_hex(rq->arena, SECRET_BYTES);
    NST_TRY(nst_client_rotate(rq->db, rq->var[0], secret));
    NST_TRY(record(rq, "client.rotate", rq->var[0]));
    return answer_secret(rq, rq->var[0], secret, 200);
}

/* ---- Tables ---- */

static const struct nst_field wish_field[] = {
    NST_FIELD("id", wish, id, &nst_text, .column = "", .flags = NST_NOT_EMPTY, .max = 255,
              .doc = "What the client is called."),
    NST_FIELD("user", wish, user, &nst_text, .column = "", .flags = NST_NOT_EMPTY, .max = 255,
              .doc = "Whom it speaks for."),
    NST_FIELD("is_restricted", wish, is_restricted, &nst_bool, .column = "", .flags = NST_NOT_EMPTY,
              .fallback = "false", .doc = "Its tokens open only what grants scopes."),
};

static const struct nst_serializer wish_serializer[] = {
    { V2, NST_CREATE, "id* user* is_restricted", .but = "" },
    { GUIDE, NST_CREATE, "id* user* is_restricted", .but = "" },
};

#define STRING "{\"type\":\"string\"}"
#define CLIENT \
    "{\"type\":\"object\",\"required\":[\"id\",\"user\",\"is_restricted\"],\"properties\":{" \
    "\"id\":" STRING ",\"user\":" STRING ",\"is_restricted\":{\"type\":\"boolean\"}}}"
#define SECRET \
    "{\"type\":\"object\",\"required\":[\"id\",\"secret\"],\"properties\":{\"id\":" STRING \
    ",\"secret\":" STRING "}}"

static const struct nst_response list_response[] = {
    { 200, "Clients.", { .schema = "{\"type\":\"array\",\"items\":" CLIENT "}" } },
    { 0 },
};
static const struct nst_response show_response[] = {
    { 200, "The client.", { .schema = CLIENT } },
    { 0 },
};
static const struct nst_response add_response[] = {
    { 201, "Its secret, which is not shown again.", { .schema = SECRET } },
    { 400, "The id is none, or nobody is called that.", { .schema = OCL_REASON } },
    { 409, "The id is taken.", { .schema = OCL_REASON } },
    { 0 },
};
static const struct nst_response rotate_response[] = {
    { 200, "The new secret, which is not shown again.", { .schema = SECRET } },
    { 0 },
};
static const struct nst_description listing = { .response = list_response };
static const struct nst_description showing = { .response = show_response };
static const struct nst_description adding = {
    .request = { .schema = "{\"type\":\"object\",\"required\":[\"id\",\"user\"],\"properties\":{"
                           "\"id\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":255},"
                           "\"user\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":255},"
                           "\"is_restricted\":{\"type\":\"boolean\"}}}" },
    .response = add_response,
};
static const struct nst_description rotating = { .response = rotate_response };

#define ROUTES(face) \
    { face, "/admin/clients/", .get = { list_clients, ocl_superuser_only, .describe = &listing }, \
      .post = { add_client, ocl_superuser_only, .describe = &adding }, \
      .doc = "Programs that fetch access tokens." }, \
        { face, "/admin/clients/:client?/", \
          .get = { show_client, ocl_superuser_only, .describe = &showing }, \
          .delete = { remove_client, ocl_superuser_only, .describe = &nst_answers_nothing }, \
          .doc = "One of them; with it go the tokens that it fetched." }, \
    { \
        face, "/admin/clients/:client?/secret/", \
            .post = { rotate_secret, ocl_superuser_only, .describe = &rotating }, \
            .doc = "Its secret, which is replaced by another." \
    }

static const struct nst_route admin_client_route[] = { ROUTES(V2), ROUTES(GUIDE) };

const struct nst_resource ocl_admin_clients = {
    .name = "admin_client",
    .size = sizeof(struct wish),
    NST_FIELDS(wish_field),
    NST_SERIALIZERS(wish_serializer),
    NST_ROUTES(admin_client_route),
    .doc = "Programs that fetch access tokens.",
};
