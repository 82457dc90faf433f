/* Views of the catalog's own API: the entities' tables do the work; here they meet
 * requests. */
#include "api.h"

#include "enroll/fixture/fixture.h"
#include "nestor/accounts.h"

#define LIMIT         100
#define LIMIT_MAX     1000
#define BODY_MAX      ((size_t)16 << 20)
#define PASSWORDS_MAX 10 /* of a request: each takes the writer for some 40 ms */

/* ---- The entity of a route ---- */

static const struct enroll_entity *entity_of(const struct nst_req *rq)
{
    return rq->action->arg;
}

/* The member that alone is the natural key. */
static const struct enroll_member *key_of(const struct enroll_entity *entity)
{
    for (size_t i = 0; i < entity->shape.count; i++)
        if ((entity->shape.member[i].flags & ENROLL_KEY) != 0)
            return &entity->shape.member[i];
    return NULL;
}

static void put_equal(struct nst_sql *q, const struct enroll_entity *entity,
                      const struct enroll_member *m, struct nst_str text)
{
    if (m->show != NULL)
        nst_sql_addf(q, " AND %s = ", m->show);
    else
        nst_sql_addf(q, " AND %s.%s = ", entity->table, m->column);
    nst_sql_bind(q, NST_TEXT(text));
}

/* ---- Lists ---- */

static int64_t number_in(struct nst_req *rq, const char *name, int64_t low, int64_t high)
{
    int64_t n;
    bool good = nst_str_int(&n, nst_str_trim(nst_query_value(rq, name)));
    return good && n >= low && n <= high ? n : -1;
}

static void put_filters(struct nst_sql *q, struct nst_req *rq, const struct enroll_entity *entity)
{
    for (size_t i = 0; i < entity->shape.count; i++) {
        const struct enroll_member *m = &entity->shape.member[i];
        struct nst_str value = nst_query_value(rq, m->name);
        if ((m->flags & ENROLL_KEY) != 0 && value.p != NULL)
            put_equal(q, entity, m, value);
    }
}

static enum nst_err put_rows(size_t *count, struct nst_req *rq, const struct nst_sql *q,
                             int64_t limit)
{
    struct nst_rows *rows;
    NST_TRY(nst_sql_query(&rows, rq->db, q));
    for (*count = 0; nst_rows_step(rows); ++*count) {
        if ((int64_t)*count == limit) {
            ++*count;
            break;
        }
        nst_put_z(&rq->x->out, *count > 0 ? "," : "");
        nst_rows_fail(rows, enroll_entity_print(&rq->x->out, rq->db, entity_of(rq), rows));
    }
    return nst_rows_end(rows);
}

static void put_next(struct nst_buf *out, struct nst_req *rq, int64_t limit, int64_t offset)
{
    struct nst_buf url;
    nst_buf_init(&url, rq->arena, 65536);
    nst_put_address(&url, rq, "limit|offset");
    nst_putf(&url, "limit=%lld&offset=%lld", (long long)limit, (long long)offset);
    nst_json_put_str(out, nst_buf_str(&url));
}

enum nst_err enroll_catalog_list(struct nst_req *rq)
{
    const struct enroll_entity *entity = entity_of(rq);
    struct nst_buf *out = &rq->x->out;
    int64_t limit = number_in(rq, "limit", 1, LIMIT_MAX);
    int64_t offset = number_in(rq, "offset", 0, INT64_MAX / 2);
    struct nst_sql q;
    size_t count = 0;
    limit = limit < 0 ? LIMIT : limit;
    offset = offset < 0 ? 0 : offset;
    nst_sql_init(&q, rq->arena);
    enroll_entity_select(&q, entity);
    put_filters(&q, rq, entity);
    if (entity->number != NULL)
        nst_sql_addf(&q, " ORDER BY %s LIMIT ", entity->order);
    else
        nst_sql_addf(&q, " ORDER BY %s.id LIMIT ", entity->table);
    nst_sql_bind(&q, NST_INT(limit + 1));
    nst_sql_add(&q, " OFFSET ");
    nst_sql_bind(&q, NST_INT(offset));
    nst_put_lit(out, "{\"results\":[");
    NST_TRY(put_rows(&count, rq, &q, limit));
    nst_put_lit(out, "],\"next\":");
    if ((int64_t)count > limit)
        put_next(out, rq, limit, offset + limit);
    else
        nst_put_lit(out, "null");
    nst_put_char(out, '}');
    return nst_answer_json(rq, 200);
}

/* ---- One row ---- */

enum nst_err enroll_catalog_detail(struct nst_req *rq)
{
    const struct enroll_entity *entity = entity_of(rq);
    struct nst_sql q;
    size_t count = 0;
    nst_sql_init(&q, rq->arena);
    enroll_entity_select(&q, entity);
    put_equal(&q, entity, key_of(entity), rq->var[0]);
    NST_TRY(put_rows(&count, rq, &q, 1));
    return count > 0 ? nst_answer_json(rq, 200) : NST_E_NOT_FOUND;
}

/* ---- Writing ---- */

static void put_texts(struct nst_buf *out, const struct nst_str *list, size_t count)
{
    nst_put_char(out, '[');
    for (size_t i = 0; i < count; i++) {
        nst_put_z(out, i > 0 ? "," : "");
        nst_json_put_str(out, list[i]);
    }
    nst_put_char(out, ']');
}

/* 400 with every fault and its place, and nothing is written; or what was done. */
static enum nst_err apply(struct nst_req *rq, const struct nst_json *document)
{
    const struct enroll_load_options options = { .passwords = PASSWORDS_MAX, .rq = rq };
    struct enroll_report *r = NST_NEW(rq->arena, struct enroll_report);
    struct nst_buf *out = &rq->x->out, faults;
    enum nst_err e = enroll_load(r, rq->db, rq->arena, document, &options);
    if (e == NST_E_INVALID) {
        nst_buf_init(&faults, rq->arena, NST_HTTP_ANSWER_MAX);
        put_texts(&faults, r->fault, r->faults);
        nst_add_problem(rq, NST_STR("developer_message"),
                        NST_STR("The document has faults; nothing was written."), false);
        nst_add_problem(rq, NST_STR("errors_json"), nst_buf_str(&faults), false);
    }
    NST_TRY(e);
    nst_put_char(out, '{');
    enroll_put_tallies(out, r);
    nst_put_z(out, out->n > 1 ? "," : "");
    nst_put_lit(out, "\"warnings\":");
    put_texts(out, r->warning, r->warnings);
    nst_put_char(out, '}');
    return nst_answer_json(rq, 200);
}

enum nst_err enroll_catalog_load(struct nst_req *rq)
{
    return apply(rq, rq->body);
}

/* An object with one member. */
static struct nst_json *wrap(struct nst_arena *a, const char *name, const struct nst_json *value)
{
    struct nst_json *object = NST_NEW(a, struct nst_json), *member = NST_NEW(a, struct nst_json);
    *member = *value;
    member->name = nst_str_z(name);
    member->next = NULL;
    *object = (struct nst_json){ .kind = NST_JSON_OBJECT, .first = member, .count = 1 };
    return object;
}

static struct nst_json *list_of(struct nst_arena *a, struct nst_json *item)
{
    struct nst_json *list = NST_NEW(a, struct nst_json);
    *list = (struct nst_json){ .kind = NST_JSON_ARRAY, .first = item, .count = 1 };
    return list;
}

enum nst_err enroll_catalog_put(struct nst_req *rq)
{
    struct nst_json *items = rq->body;
    if (items->kind != NST_JSON_ARRAY)
        items = list_of(rq->arena, items);
    return apply(rq, wrap(rq->arena, entity_of(rq)->name, items));
}

/* 204, or 404 when there was no such row; 400 when something refers to it. */
enum nst_err enroll_catalog_remove(struct nst_req *rq)
{
    const struct enroll_entity *entity = entity_of(rq);
    const struct nst_json key = { .kind = NST_JSON_STRING, .text = rq->var[0] };
    struct nst_json *item = wrap(rq->arena, key_of(entity)->name, &key);
    struct nst_json *list = list_of(rq->arena, item);
    NST_TRY(enroll_catalog_detail(rq));
    rq->x->out.n = 0;
    NST_TRY(apply(rq, wrap(rq->arena, "absent", wrap(rq->arena, entity->name, list))));
    return nst_answer_empty(rq, 204);
}

/* ---- The face ---- */

enum nst_err enroll_is_administrator(struct nst_req *rq)
{
    if (!rq->caller.is_known)
        return NST_E_UNAUTHENTICATED;
    return rq->caller.is_superuser && !nst_is_barred(rq) ? NST_OK : NST_E_FORBIDDEN;
}

/* The token of the other faces is good here, too: the first administrator has it. */
static enum nst_err authenticate(struct nst_req *rq)
{
    NST_TRY(nst_authenticate_token(rq));
    return rq->caller.is_known ? NST_OK : nst_authenticate_edx(rq);
}

static nst_phase *const phases[] = {
    nst_phase_negotiate,
    nst_phase_authenticate,
    nst_phase_method,
    nst_phase_permit,
    nst_phase_bind,
    nst_phase_view,
    NULL,
};

const struct nst_face enroll_catalog_face = {
    .name = "catalog",
    .mount = "/api/catalog/v1",
    .doc = "What the program enrollments API leans on, for administrators.",
    .token_hint = "The tokens of /api/program_enrollments/v1/, of an administrator.",
    .phase = phases,
    .authenticate = authenticate,
    .error = nst_edx_error,
    .error_schema = NST_EDX_ERROR,
    .paginate = nst_edx_paginate,
    .time = NST_TIME_SECOND_Z,
    .inserts_slash = true,
    .text = &nst_default_texts,
    .body_limit = BODY_MAX,
    .credentials = "token jwt bearer session",
};

static const struct nst_route routes[] = {
    { &enroll_catalog_face, "/load/",
      .post = { enroll_catalog_load, enroll_is_administrator, .describe = &enroll_catalog_fixture },
      .doc = "Apply a fixture document, whole or not at all." },
};

const struct nst_resource enroll_catalog = {
    .name = "catalog",
    NST_ROUTES(routes),
    .doc = "Fixture documents.",
};
