/* Program enrolments: P of the contract. A batch is validated as a whole and then
 * written by a fixed number of statements (section 6). */
#include "program_enrollment.h"
#include "uuid.h"

#include "enroll/describe.h"
#include "enroll/history.h"

#include <string.h>

/* ---- Validation ---- */

static const char *status_of(const struct nst_json *v)
{
    return v->kind == NST_JSON_STRING ? enroll_word(enroll_statuses, v->text) : NULL;
}

static bool is_good_key(const struct enroll_record *r)
{
    return r->value.p != NULL && r->value.n > 0 && nst_str_find(r->value, '\0') == r->value.n &&
           nst_utf8_length(r->value) <= ENROLL_KEY_MAX;
}

bool enroll_may_exist(const struct enroll_record *r)
{
    return r->result == NULL && is_good_key(r);
}

static bool is_new(const struct enroll_record *r)
{
    return r->result == NULL;
}

/* P13 to P26 for what is neither duplicated nor there; false: IER. */
static bool validate(struct enroll_record *r, struct nst_arena *a)
{
    if (r->status == NULL || r->status->kind == NST_JSON_NULL)
        return false;
    if (status_of(r->status) == NULL) {
        r->result = "invalid-status";
        return true;
    }
    return is_good_key(r) &&
           enroll_uuid_read(&r->curriculum, a, nst_json_get(r->body, NST_STR("curriculum_uuid")));
}

/* Every copy of a duplicate is dropped (P36). */
static void mark_duplicates(struct enroll_batch *b)
{
    for (size_t i = 0; i < b->count; i++)
        for (size_t k = i + 1; k < b->count; k++)
            if (enroll_same_key(&b->record[i], &b->record[k], true))
                b->record[i].result = b->record[k].result = "duplicated";
}

/* P31: a row in any curriculum. */
static enum nst_err mark_existing(struct enroll_batch *b, struct nst_req *rq, int64_t program)
{
    struct nst_sql q;
    struct nst_rows *rows;
    nst_sql_init(&q, rq->arena);
    nst_sql_add(&q, "SELECT external_user_key FROM program_enrollment WHERE program_id = ");
    nst_sql_bind(&q, NST_INT(program));
    nst_sql_add(&q, " AND external_user_key");
    enroll_bind_values(&q, b, enroll_may_exist);
    NST_TRY(nst_sql_query(&rows, rq->db, &q));
    while (nst_rows_step(rows)) {
        struct nst_str key = nst_rows_text(rows, 0);
        for (size_t i = 0; i < b->count; i++)
            if (b->record[i].result == NULL && nst_str_eq(b->record[i].value, key))
                b->record[i].result = "conflict";
    }
    return nst_rows_end(rows);
}

/* ---- Saving ---- */

/* $1 program, $2 its uuid, $3 now; one row a record. */
static enum nst_err insert_rows(const struct enroll_batch *b, struct nst_req *rq,
                                const struct enroll_program *p)
{
    struct nst_sql q;
    size_t rows = 0;
    nst_sql_init(&q, rq->arena);
    nst_sql_push(&q, NST_INT(p->id));
    nst_sql_push(&q, NST_TEXT(p->uuid));
    nst_sql_push(&q, NST_INT(rq->now));
    nst_sql_add(&q, "INSERT INTO program_enrollment (id, external_user_key, user_id, "
                    "curriculum_uuid, status, program_id, program_uuid, created_at, modified_at) "
                    "VALUES ");
    for (size_t i = 0; i < b->count; i++) {
        const struct enroll_record *r = &b->record[i];
        if (!is_new(r))
            continue;
        const struct nst_value own[] = { NST_INT(r->id), NST_TEXT(r->value),
                                         nst_int_or_null(r->user), NST_TEXT(r->curriculum),
                                         NST_TEXT(nst_str_z(status_of(r->status))) };
        nst_sql_row(&q, &rows, own, NST_COUNT(own), ", $1, $2, $3, $3");
    }
    return nst_sql_exec(NULL, rq->db, &q);
}

/* New numbers follow each other: the rows of this batch are those from the first. */
static enum nst_err insert_history(struct nst_req *rq, const struct enroll_program *p)
{
    const struct enroll_note note = { "+", NULL, rq->now, rq->caller.id };
    struct nst_sql q;
    nst_sql_init(&q, rq->arena);
    enroll_history(&q, ENROLL_PROGRAM_ROW, p->id, &note);
    nst_sql_add(&q, " AND e.id >= ");
    nst_sql_bind(&q, NST_INT(p->number));
    return nst_sql_exec(NULL, rq->db, &q);
}

static enum nst_err save(struct enroll_batch *b, struct nst_req *rq, const struct enroll_program *p)
{
    int64_t number = p->number;
    for (size_t i = 0; i < b->count; i++)
        if (is_new(&b->record[i]))
            b->record[i].id = number++;
    if (number == p->number)
        return NST_OK;
    NST_TRY(insert_rows(b, rq, p));
    NST_TRY(insert_history(rq, p));
    for (size_t i = 0; i < b->count; i++)
        if (is_new(&b->record[i]))
            b->record[i].result = status_of(b->record[i].status);
    return NST_OK;
}

/* ---- Views ---- */

/* Equal names count once; stops beyond the limit. */
static size_t count_names(const struct nst_json *object)
{
    struct nst_str seen[ENROLL_BATCH + 1];
    size_t n = 0;
    for (const struct nst_json *m = object->first; m != NULL && n <= ENROLL_BATCH; m = m->next) {
        size_t i = 0;
        while (i < n && !nst_str_eq(seen[i], m->name))
            i++;
        seen[i] = m->name;
        n += i == n;
    }
    return n;
}

/* 6.1: how many there are decides before what they are. */
static size_t count_items(const struct nst_json *body)
{
    if (body->kind == NST_JSON_STRING)
        return nst_utf8_length(body->text);
    if (body->kind == NST_JSON_OBJECT)
        return count_names(body);
    return body->kind == NST_JSON_ARRAY ? body->count : SIZE_MAX;
}

static enum nst_err answer_by_size(bool *answered, struct nst_req *rq)
{
    size_t count = count_items(rq->body);
    *answered = true;
    if (count == SIZE_MAX)
        return enroll_invalid_record(rq);
    if (count > ENROLL_BATCH)
        return nst_answer_empty(rq, 413);
    if (count == 0) {
        nst_put_lit(&rq->x->out, "{}");
        return nst_answer_json(rq, 422);
    }
    if (rq->body->kind != NST_JSON_ARRAY)
        return enroll_invalid_record(rq);
    *answered = false;
    return NST_OK;
}

/* What every batch begins with: its program, held, and its records, duplicates marked.
 *   answered  true when the size or the form of the body was the answer */
static enum nst_err take_batch(struct enroll_batch *b, struct enroll_program *p, bool *answered,
                               struct nst_req *rq)
{
    NST_TRY(enroll_take_program(p, rq));
    NST_TRY(nst_phase_bind(rq));
    NST_TRY(answer_by_size(answered, rq));
    if (!*answered)
        NST_TRY(enroll_read_batch(b, answered, rq, "external_user_key"));
    if (!*answered)
        mark_duplicates(b);
    return NST_OK;
}

static enum nst_err create(struct nst_req *rq)
{
    struct enroll_program p = { 0 };
    struct enroll_batch *b = NST_NEW(rq->arena, struct enroll_batch);
    bool answered = false, clash = false;
    NST_TRY(take_batch(b, &p, &answered, rq));
    if (answered)
        return NST_OK;
    NST_TRY(mark_existing(b, rq, p.id));
    NST_TRY(enroll_find_accounts(b, rq, &p));
    for (size_t i = 0; i < b->count; i++)
        if (is_new(&b->record[i]) && !validate(&b->record[i], rq->arena))
            return enroll_invalid_record(rq);
    NST_TRY(enroll_find_clash(&clash, b, rq, p.id));
    if (clash)
        return enroll_invalid_record(rq);
    NST_TRY(save(b, rq, &p));
    return enroll_answer_map(rq, b, 201);
}

/* ---- Changing a status (R42, R43): from inside only, the API has no PATCH here ---- */

/* Where a key stands in several curricula, all its rows follow. */
static void match_row(struct enroll_batch *b, struct nst_rows *rows)
{
    struct nst_str key = nst_rows_text(rows, 1), status = nst_rows_text(rows, 2);
    for (size_t i = 0; i < b->count; i++) {
        struct enroll_record *r = &b->record[i];
        if (!enroll_may_exist(r) || !nst_str_eq(r->value, key))
            continue;
        r->is_same = r->id == 0 ? nst_str_eq(status, r->status->text)
                                : r->is_same && nst_str_eq(status, r->status->text);
        r->id = nst_rows_int(rows, 0);
    }
}

static enum nst_err find_rows(struct enroll_batch *b, struct nst_req *rq, int64_t program)
{
    struct nst_sql q;
    struct nst_rows *rows;
    nst_sql_init(&q, rq->arena);
    nst_sql_add(&q, "SELECT id, external_user_key, status FROM program_enrollment "
                    "WHERE program_id = ");
    nst_sql_bind(&q, NST_INT(program));
    nst_sql_add(&q, " AND external_user_key");
    enroll_bind_values(&q, b, enroll_may_exist);
    NST_TRY(nst_sql_query(&rows, rq->db, &q));
    while (nst_rows_step(rows)) {
        match_row(b, rows);
    }
    return nst_rows_end(rows);
}

/* Rows of the key that say something else, each with its history. */
static enum nst_err set_status(struct enroll_record *r, struct nst_req *rq, int64_t program)
{
    const struct enroll_note note = { "~", NULL, rq->now, rq->caller.id };
    struct nst_sql q;
    nst_sql_init(&q, rq->arena);
    nst_sql_push(&q, NST_TEXT(r->status->text));
    nst_sql_add(&q,
                "UPDATE program_enrollment SET " ENROLL_COUNTED ", status = $1, modified_at = ");
    nst_sql_later(&q, "modified_at", rq->now);
    nst_sql_add(&q, " WHERE program_id = ");
    nst_sql_bind(&q, NST_INT(program));
    nst_sql_add(&q, " AND external_user_key = ");
    nst_sql_bind(&q, NST_TEXT(r->value));
    nst_sql_add(&q, " AND status <> $1");
    return enroll_update(&q, rq->db, ENROLL_PROGRAM_ROW, program, &note);
}

/* What a change can be told of without the store; false: IER. */
static bool validate_change(struct enroll_record *r)
{
    if (r->status == NULL || r->status->kind == NST_JSON_NULL)
        return false;
    if (status_of(r->status) == NULL)
        r->result = "invalid-status";
    return r->result != NULL || is_good_key(r);
}

static enum nst_err change(struct nst_req *rq)
{
    struct enroll_program p = { 0 };
    struct enroll_batch *b = NST_NEW(rq->arena, struct enroll_batch);
    bool answered = false;
    NST_TRY(take_batch(b, &p, &answered, rq));
    if (answered)
        return NST_OK;
    for (size_t i = 0; i < b->count; i++)
        if (is_new(&b->record[i]) && !validate_change(&b->record[i]))
            return enroll_invalid_record(rq);
    NST_TRY(find_rows(b, rq, p.id));
    for (size_t i = 0; i < b->count; i++) {
        struct enroll_record *r = &b->record[i];
        if (r->result != NULL)
            continue;
        r->result = r->id == 0 ? "not-in-program" : status_of(r->status);
        if (r->id != 0 && !r->is_same)
            NST_TRY(set_status(r, rq, p.id));
    }
    return enroll_answer_map(rq, b, 200);
}

static enum nst_err list(struct nst_req *rq)
{
    struct enroll_program p = { 0 };
    struct nst_sql where;
    NST_TRY(enroll_find_program(&p, rq));
    nst_sql_init(&where, rq->arena);
    nst_sql_add(&where, "program_enrollment.program_id = ");
    nst_sql_bind(&where, NST_INT(p.id));
    const struct enroll_list page = { .from = "program_enrollment",
                                      .id = "program_enrollment.id",
                                      .status = "program_enrollment.status",
                                      .where = &where };
    return enroll_answer_page(rq, &page);
}

#define VIEW(view, what, flags) \
    { \
        view, enroll_is_permitted, flags, .arg = &enroll_program_described, \
                                          .describe = &enroll_##what##_description \
    }

static const struct nst_route routes[] = {
    { &enroll_face, "/programs/:program?/enrollments/", .get = VIEW(list, page, NST_LISTS),
      .post = VIEW(create, program, 0),
      .doc = "Learners of a program. GET: a page of them (`page_size`, 100 by default, and "
             "`cursor`), each with student_key, status, account_exists and curriculum_uuid. POST: "
             "enrol up to 25, a list of external_user_key, status (enrolled, pending, suspended, "
             "withdrawn) and curriculum_uuid. The answer maps every key to its status, or to "
             "duplicated (twice in the request), conflict (enrolled in this program already) or "
             "invalid-status. 201: all were enrolled, 207: some, 422: none, or the request is "
             "invalid, 413: more than 25. 401: not authenticated, 403: not allowed, 404: no such "
             "program." },
    { &enroll_desk_face, "/programs/:program?/enrollments/",
      .patch = { change, enroll_is_permitted }, .doc = "Change the status of program rows." },
};

static const struct nst_field fields[] = {
    NST_CHILD("external_user_key", &nst_text, .max = ENROLL_KEY_MAX,
              .doc = "The learner in the partner's system."),
    NST_CHILD("status", &nst_text, .doc = "enrolled, pending, suspended or withdrawn."),
    NST_CHILD("curriculum_uuid", &nst_text, .doc = "Curriculum of the enrolment."),
};

static const struct nst_serializer serializers[] = {
    { &enroll_face, NST_CREATE, "external_user_key status curriculum_uuid" },
};

const struct nst_resource enroll_program_enrollment = {
    .name = "program_enrollment",
    NST_FIELDS(fields),
    NST_SERIALIZERS(serializers),
    NST_ROUTES(routes),
    .doc = "A learner in a program.",
};
