/* Pictures of users, organisations and sources (V216, V223, V235). They are kept in the database
 * and answered as what their first bytes say they are: pictures that cannot hold scripts. */
#include "logo.h"

#include "ocl/org/org.h"
#include "ocl/source/source.h"
#include "ocl/user/user.h"

#include <sodium.h>

#define PICTURE_MAX 1048576 /* bytes */

/* ---- What is a picture ---- */

static const struct {
    const char *media;
    size_t at; /* where the bytes stand that tell */
    struct nst_str bytes;
} kinds[] = {
    { "image/png", 0, { "\x89PNG\r\n\x1a\n", 8 } },
    { "image/jpeg", 0, { "\xff\xd8\xff", 3 } },
    { "image/gif", 0, { "GIF8", 4 } },
    { "image/webp", 8, { "WEBP", 4 } },
};

/* NULL: it is none. */
static const char *media_of(struct nst_str picture)
{
    for (size_t i = 0; i < NST_COUNT(kinds); i++)
        if (nst_str_eq(nst_str_slice(picture, kinds[i].at, kinds[i].at + kinds[i].bytes.n),
                       kinds[i].bytes))
            return kinds[i].media;
    return NULL;
}

static enum nst_err refuse(struct nst_req *rq, const char *text)
{
    return nst_fail(rq, NST_E_INVALID, "base64", nst_str_z(text));
}

/* The text behind "data:image/png;base64,", or all of it. */
static struct nst_str without_head(struct nst_str text)
{
    struct nst_str rest = text;
    if (!nst_str_starts(text, NST_STR("data:")))
        return text;
    nst_str_cut(&rest, ',');
    return rest.p != NULL ? rest : NST_STR("");
}

static bool decode(struct nst_str *out, struct nst_arena *a, struct nst_str text)
{
    char *bytes = NST_NEW_ARRAY(a, char, text.n + 1);
    out->p = bytes;
    return sodium_base642bin((unsigned char *)bytes, text.n, text.p, text.n, " \r\n\t", &out->n,
                             NULL, sodium_base64_VARIANT_ORIGINAL) == 0;
}

struct picture {
    const char *media;    /* NULL: none, the one that is there is taken away */
    struct nst_str coded; /* base64 without blanks */
};

static enum nst_err read_picture(struct picture *p, struct nst_req *rq)
{
    const struct nst_texts *texts = nst_texts_of(rq->face);
    const struct nst_json *v = nst_body_member(rq, "base64");
    struct nst_str plain;
    *p = (struct picture){ 0 };
    if (v == NULL)
        return refuse(rq, texts->required);
    if (v->kind == NST_JSON_NULL)
        return NST_OK;
    if (v->kind != NST_JSON_STRING)
        return refuse(rq, texts->invalid);
    if (!decode(&plain, rq->arena, without_head(v->text)))
        return refuse(rq, "This is no base64.");
    if (plain.n > PICTURE_MAX)
        return refuse(rq, "A picture has at most " NST_DIGITS(PICTURE_MAX) " bytes.");
    p->media = media_of(plain);
    if (p->media == NULL)
        return refuse(rq, "A picture is PNG, JPEG, GIF or WebP.");
    size_t room = sodium_base64_encoded_len(plain.n, sodium_base64_VARIANT_ORIGINAL);
    char *coded = NST_NEW_ARRAY(rq->arena, char, room);
    sodium_bin2base64(coded, room, (const unsigned char *)plain.p, plain.n,
                      sodium_base64_VARIANT_ORIGINAL);
    p->coded = (struct nst_str){ coded, room - 1 };
    return NST_OK;
}

/* ---- Whose it is ---- */

static const struct owner {
    const struct nst_resource *resource;
    const char *column;
    const char *act; /* where staff does it to others; NULL: it is content */
} owners[] = { { &ocl_user, "user_id", "user.logo" },
               { &ocl_org, "org_id", "organization.logo" },
               { &ocl_source, "repo_id", NULL } };

static const struct owner *owner_of(struct nst_req *rq)
{
    const struct owner *o = owners;
    while (!nst_is(nst_object(rq), o->resource))
        o++;
    return o;
}

static int64_t id_of(struct nst_req *rq)
{
    return ((const struct nst_row *)nst_object(rq)->row)->id;
}

/* ---- Views ---- */

static enum nst_err show(struct nst_req *rq)
{
    struct nst_sql q;
    struct nst_rows *rows;
    struct nst_str picture = { 0 };
    nst_sql_init(&q, rq->arena);
    nst_sql_addf(&q, "SELECT media, picture FROM logo WHERE %s = ", owner_of(rq)->column);
    nst_sql_bind(&q, NST_INT(id_of(rq)));
    NST_TRY(nst_sql_query(&rows, rq->db, &q));
    if (nst_rows_step(rows) && decode(&picture, rq->arena, nst_rows_text(rows, 1))) {
        nst_put(&rq->x->out, picture);
        rq->x->status = 200;
        rq->x->content_type = nst_str_copy(rq->x->arena, nst_rows_text(rows, 0));
    }
    NST_TRY(nst_rows_end(rows));
    return picture.p != NULL ? NST_OK : NST_E_NOT_FOUND;
}

static enum nst_err store(struct nst_req *rq, const struct owner *o, const struct picture *p)
{
    struct nst_sql q;
    nst_sql_init(&q, rq->arena);
    if (p->media == NULL) {
        nst_sql_addf(&q, "DELETE FROM logo WHERE %s = ", o->column);
        nst_sql_bind(&q, NST_INT(id_of(rq)));
        return nst_sql_exec(NULL, rq->db, &q);
    }
    nst_sql_addf(&q, "INSERT INTO logo (%s, media, picture) VALUES (", o->column);
    nst_sql_bind(&q, NST_INT(id_of(rq)));
    nst_sql_add(&q, ", ");
    nst_sql_bind(&q, NST_TEXT(nst_str_z(p->media)));
    nst_sql_add(&q, ", ");
    nst_sql_bind(&q, NST_TEXT(p->coded));
    nst_sql_addf(&q,
                 ") ON CONFLICT (%s) DO UPDATE SET media = excluded.media, "
                 "picture = excluded.picture",
                 o->column);
    return nst_sql_exec(NULL, rq->db, &q);
}

/* It is a change of the owner, who is shown with another address or the same. */
static enum nst_err touch(struct nst_req *rq, const struct owner *o)
{
    struct nst_sql q;
    nst_sql_init(&q, rq->arena);
    nst_sql_addf(&q, "UPDATE %s SET updated_by = ", o->resource->table);
    nst_sql_bind(&q, NST_INT(rq->caller.id));
    nst_sql_add(&q, ", updated_at = ");
    nst_sql_later(&q, "updated_at", rq->now);
    nst_sql_add(&q, " WHERE id = ");
    nst_sql_bind(&q, NST_INT(id_of(rq)));
    return nst_sql_exec(NULL, rq->db, &q);
}

static enum nst_err change(struct nst_req *rq)
{
    const struct owner *o = owner_of(rq);
    struct picture p;
    NST_TRY(read_picture(&p, rq));
    NST_TRY(store(rq, o, &p));
    NST_TRY(touch(rq, o));
    if (o->act != NULL)
        NST_TRY(ocl_audit_others(rq, o->act, nst_object(rq), (struct nst_str){ 0 }));
    return nst_answer_row(rq, o->resource, id_of(rq), 200);
}

static enum nst_err may_see(struct nst_req *rq)
{
    return nst_is(nst_object(rq), &ocl_org) ? ocl_may_view_org(rq) : ocl_any_caller(rq);
}

/* ---- Tables ---- */

static const struct nst_response picture_response[] = {
    { 200,
      "The picture.",
      { .schema = "{\"type\":\"string\",\"format\":\"binary\"}", .media = "image/*" } },
    { 0 },
};

static const struct nst_description showing = { .response = picture_response };

#define CHANGING(owner) \
    { \
        .request = { .schema = "{\"type\":\"object\",\"required\":[\"base64\"],\"properties\":{" \
                               "\"base64\":{\"type\":[\"string\",\"null\"]}}}" }, \
        .response = (const struct nst_response[]){ \
            { 200, \
              "Whose picture it is.", \
              { .schema = "{\"$ref\":\"#/components/schemas/v2." owner ".Detail\"}" } }, \
            { 400, \
              "It is no picture, or too large.", \
              { .schema = "{\"$ref\":\"#/components/schemas/v2.Error\"}" } }, \
            { 0 }, \
        }, \
    }

static const struct nst_description changing_user = CHANGING("user");
static const struct nst_description changing_org = CHANGING("org");
static const struct nst_description changing_source = CHANGING("source");

#define LOGO(path, right, changing) \
    { \
        V2, path "logo/", .get = { show, may_see, .describe = &showing }, \
                          .post = { change, right, .describe = &(changing) }, .doc = "A picture." \
    }

static const struct nst_route logo_route[] = {
    LOGO("/(users/:user|user~user)/", ocl_may_change_user, changing_user),
    LOGO("/orgs/:org/", ocl_has_ownership, changing_org),
    LOGO(S, ocl_may_edit, changing_source),
};

const struct nst_resource ocl_logo = {
    .name = "logo",
    NST_ROUTES(logo_route),
    .doc = "A picture of an owner or a source.",
};
