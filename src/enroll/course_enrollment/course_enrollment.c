/* Program course enrolments: C of the contract. Pass 1 judges the whole batch,
 * pass 2 decides row by row in memory (section 7); write.c writes the outcome. */
#include "course_enrollment.h"

#include "enroll/describe.h"

/* ---- Pass 1 ---- */

static bool is_good_key(const struct enroll_record *r)
{
    if (r->key->kind == NST_JSON_NUMBER)
        return true; /* never matches anything, but is no fault (C11) */
    return r->key->kind == NST_JSON_STRING && r->value.n > 0 &&
           nst_str_find(r->name, '\0') == r->name.n;
}

/* C4 to C8; false: IER. */
static bool validate(struct enroll_record *r)
{
    if (r->key == NULL || r->status == NULL || r->status->kind == NST_JSON_NULL)
        return false;
    if (!enroll_is_text(r->status, "active") && !enroll_is_text(r->status, "inactive"))
        r->result = "invalid-status";
    return r->result != NULL || is_good_key(r);
}

/* C7: a blank key goes under its own text, which is what was sent. */
static bool pass_one(struct enroll_batch *b)
{
    for (size_t i = 0; i < b->count; i++) {
        bool is_later = false;
        if (b->record[i].key == NULL)
            return false;
        for (size_t k = 0; k < i && !is_later; k++) {
            is_later = enroll_same_key(&b->record[k], &b->record[i], false);
            if (is_later)
                b->record[k].result = b->record[i].result = "duplicated";
        }
        if (!is_later && !validate(&b->record[i]))
            return false;
    }
    return true;
}

/* ---- Pass 2 ---- */

static bool is_asked(const struct enroll_record *r)
{
    return r->result == NULL && r->key->kind == NST_JSON_STRING &&
           nst_utf8_length(r->name) <= ENROLL_KEY_MAX;
}

/* Keys are compared raw here (C11): the value bound is the trimmed one, so what it
 * finds is compared with the key as it was sent. The highest number wins (C18). */
static void match_enrollment(struct enroll_batch *b, struct nst_rows *rows)
{
    struct nst_str key = nst_rows_text(rows, 1);
    int64_t id = nst_rows_int(rows, 0);
    for (size_t i = 0; i < b->count; i++) {
        struct enroll_record *r = &b->record[i];
        if (!is_asked(r) || !nst_str_eq(r->name, key) || id < r->enrollment)
            continue;
        r->enrollment = id;
        r->user = nst_rows_int(rows, 2);
    }
}

/* Without ORDER BY: SQLite would walk the whole program in that order. */
static enum nst_err find_enrollments(struct course_write *w, struct nst_req *rq)
{
    struct nst_sql q;
    struct nst_rows *rows;
    nst_sql_init(&q, rq->arena);
    nst_sql_add(&q, "SELECT id, external_user_key, user_id FROM program_enrollment "
                    "WHERE program_id = ");
    nst_sql_bind(&q, NST_INT(w->program.id));
    nst_sql_add(&q, " AND external_user_key");
    enroll_bind_values(&q, &w->batch, is_asked);
    NST_TRY(nst_sql_query(&rows, rq->db, &q));
    while (nst_rows_step(rows)) {
        match_enrollment(&w->batch, rows);
    }
    return nst_rows_end(rows);
}

static void bind_enrollments(struct nst_sql *q, const struct enroll_batch *b)
{
    size_t count = 0;
    for (size_t i = 0; i < b->count; i++)
        if (enroll_is_open(&b->record[i]))
            nst_sql_in(q, &count, NST_INT(b->record[i].enrollment));
    nst_sql_in_end(q, count);
}

/* The rows of this run that are there: id, link, and whether they say the same. */
static enum nst_err find_rows(struct course_write *w, struct nst_req *rq)
{
    struct nst_sql q;
    struct nst_rows *rows;
    nst_sql_init(&q, rq->arena);
    nst_sql_add(&q, "SELECT id, program_enrollment_id, course_enrollment_id, status "
                    "FROM program_course_enrollment WHERE program_id = ");
    nst_sql_bind(&q, NST_INT(w->program.id));
    nst_sql_add(&q, " AND course_key = ");
    nst_sql_bind(&q, NST_TEXT(w->key));
    nst_sql_add(&q, " AND program_enrollment_id");
    bind_enrollments(&q, &w->batch);
    NST_TRY(nst_sql_query(&rows, rq->db, &q));
    while (nst_rows_step(rows)) {
        for (size_t i = 0; i < w->batch.count; i++) {
            struct enroll_record *r = &w->batch.record[i];
            if (!enroll_is_open(r) || r->enrollment != nst_rows_int(rows, 1))
                continue;
            r->id = nst_rows_int(rows, 0);
            r->link = nst_rows_int(rows, 2);
            r->is_same =
                enroll_is_text(r->status, nst_str_eq(nst_rows_text(rows, 3), NST_STR("active"))
                                              ? "active"
                                              : "inactive");
        }
    }
    return nst_rows_end(rows);
}

static void decide(struct course_write *w)
{
    for (size_t i = 0; i < w->batch.count; i++) {
        struct enroll_record *r = &w->batch.record[i];
        if (!enroll_is_open(r))
            continue;
        if (r->enrollment == 0)
            r->result = "not-in-program";
        else if (w->is_patch && r->id == 0)
            r->result = "not-found";
        else if (!w->is_patch && r->id != 0)
            r->result = "conflict";
    }
}

static void report(struct course_write *w)
{
    for (size_t i = 0; i < w->batch.count; i++)
        if (enroll_is_open(&w->batch.record[i]))
            w->batch.record[i].result =
                enroll_wants_active(&w->batch.record[i]) ? "active" : "inactive";
}

/* ---- Views ---- */

/* Section 3, step 6 and 7 of a write. */
static enum nst_err find_place(struct course_write *w, struct nst_req *rq)
{
    bool is_there = false;
    NST_TRY(enroll_parse_course(&w->key, rq));
    NST_TRY(enroll_course_is_known(&is_there, rq, w->key));
    if (!is_there)
        return NST_E_NOT_FOUND;
    NST_TRY(enroll_take_program(&w->program, rq));
    NST_TRY(enroll_course_is_in(&is_there, rq, w->program.id, w->key));
    return is_there ? NST_OK : NST_E_NOT_FOUND;
}

static enum nst_err answer_by_size(bool *answered, struct nst_req *rq)
{
    *answered = true;
    if (rq->body->kind != NST_JSON_ARRAY)
        return enroll_invalid_record(rq);
    if (rq->body->count == 0) {
        nst_put_lit(&rq->x->out, "{}");
        return nst_answer_json(rq, 422);
    }
    if (rq->body->count > ENROLL_BATCH) {
        nst_put_lit(&rq->x->out, "\"enrollment limit 25\"");
        return nst_answer_json(rq, 413);
    }
    *answered = false;
    return NST_OK;
}

static enum nst_err write_batch(struct nst_req *rq, bool is_patch)
{
    struct course_write *w = NST_NEW(rq->arena, struct course_write);
    bool answered = false;
    w->is_patch = is_patch;
    NST_TRY(find_place(w, rq));
    NST_TRY(nst_phase_bind(rq));
    NST_TRY(answer_by_size(&answered, rq));
    if (!answered)
        NST_TRY(enroll_read_batch(&w->batch, &answered, rq, "student_key"));
    if (answered)
        return NST_OK;
    if (!pass_one(&w->batch))
        return enroll_invalid_record(rq);
    NST_TRY(find_enrollments(w, rq));
    NST_TRY(find_rows(w, rq));
    decide(w);
    NST_TRY(is_patch ? enroll_change_rows(w, rq) : enroll_create_rows(w, rq));
    report(w);
    return enroll_answer_map(rq, &w->batch, 200);
}

static enum nst_err create(struct nst_req *rq)
{
    return write_batch(rq, false);
}

static enum nst_err change(struct nst_req *rq)
{
    return write_batch(rq, true);
}

static enum nst_err unknown_course(struct nst_req *rq)
{
    struct nst_str text =
        nst_strf(rq->arena, "Requested grade for unknown course %.*s", NST_FMT(rq->var[1]));
    return enroll_fail(rq, NST_E_NOT_FOUND, text.p, "course_does_not_exist");
}

static enum nst_err list(struct nst_req *rq)
{
    struct enroll_program p = { 0 };
    struct nst_str key;
    struct nst_sql where;
    bool is_known = false;
    NST_TRY(enroll_parse_course(&key, rq));
    NST_TRY(enroll_course_is_known(&is_known, rq, key));
    if (!is_known)
        return unknown_course(rq); /* N2, N5 */
    NST_TRY(enroll_find_program(&p, rq));
    nst_sql_init(&where, rq->arena);
    nst_sql_add(&where, "program_course_enrollment.program_id = ");
    nst_sql_bind(&where, NST_INT(p.id));
    nst_sql_add(&where, " AND program_course_enrollment.course_key = ");
    nst_sql_bind(&where, NST_TEXT(key));
    const struct enroll_list page = {
        .from = "program_course_enrollment JOIN program_enrollment ON "
                "program_enrollment.program_id = program_course_enrollment.program_id AND "
                "program_enrollment.id = program_course_enrollment.program_enrollment_id",
        .id = "program_course_enrollment.id",
        .status = "program_course_enrollment.status",
        .where = &where,
    };
    return enroll_answer_page(rq, &page);
}

#define VIEW(view, what, flags) \
    { \
        view, enroll_is_permitted, flags, .arg = &enroll_course_described, \
                                          .describe = &enroll_##what##_description \
    }

static const struct nst_route routes[] = {
    { &enroll_face, "/programs/:program?/courses/:course?/enrollments/",
      .get = VIEW(list, page, NST_LISTS),
      .post = VIEW(create, course, 0), .patch = VIEW(change, course, 0),
      .doc = "Learners of a program in one of its course runs. GET: a page of them, as of the "
             "program, with status active or inactive. POST: enrol up to 25, PATCH: change their "
             "status; a list of student_key and status. The answer maps every key to its status, "
             "or to duplicated, conflict (POST: enrolled already), not-found (PATCH: not "
             "enrolled), not-in-program or invalid-status. 200: all were written, 207: some, 422: "
             "none, or the request is invalid, 413: more than 25. 401: not authenticated, 403: not "
             "allowed, 404: no such program or course, or the course is not in the program." },
};

static const struct nst_field fields[] = {
    NST_CHILD("student_key", &nst_text, .doc = "The learner in the partner's system."),
    NST_CHILD("status", &nst_text, .doc = "active or inactive."),
};

static const struct nst_serializer serializers[] = {
    { &enroll_face, NST_CREATE, "student_key status" },
    { &enroll_face, NST_UPDATE, "student_key status" },
};

const struct nst_resource enroll_course_enrollment = {
    .name = "program_course_enrollment",
    NST_FIELDS(fields),
    NST_SERIALIZERS(serializers),
    NST_ROUTES(routes),
    .doc = "A learner of a program in a course run.",
};
