/* /manage/brokenreferences/ (G42, G158): POST has a task look, GET shows what the last one found,
 * DELETE repairs: a small store at once, a large one by a task. */
#include "tasks.h"

#include "nestor/accounts.h"
#include "ocl/task/task.h"

#define ONCE      "integrity" /* one such task at a time */
#define SMALL_MAX 1000        /* versions of content that a request repairs among at once */

static enum nst_err refuse(struct nst_req *rq, enum nst_err err, struct nst_str text)
{
    return nst_fail_bare(rq, err, "detail", text);
}

/* ---- Asking for it ---- */

static enum nst_err refuse_second(struct nst_req *rq)
{
    return refuse(rq, NST_E_CONFLICT, NST_STR("A check or a repair is running already."));
}

static enum nst_err start(struct nst_req *rq, const struct nst_task_kind *kind)
{
    const struct nst_task_order order = { .kind = kind,
                                          .user = rq->caller.id,
                                          .username = rq->caller.name,
                                          .kwargs = NST_STR("{}"),
                                          .once = NST_STR(ONCE) };
    int64_t id;
    if (nst_worker_host().p == NULL)
        return refuse(rq, NST_E_BUSY, NST_STR("No tasks are run on this server."));
    enum nst_err e = nst_task_add(&id, rq, &order);
    if (e == NST_E_CONFLICT)
        return refuse_second(rq);
    NST_TRY(e);
    return ocl_answer_task(rq, id, 202);
}

static enum nst_err start_check(struct nst_req *rq)
{
    return start(rq, &ocl_verify_task);
}

/* ---- What was found ---- */

/* The last task that ended well; id 0: there is none. */
static enum nst_err find_last(int64_t *id, struct nst_str *finished, struct nst_str *result,
                              struct nst_req *rq)
{
    struct nst_rows *rows;
    struct nst_buf time;
    *id = 0;
    *finished = *result = (struct nst_str){ 0 };
    NST_TRY(nst_query_with(&rows, rq->db,
                           "SELECT id, finished_at, result FROM task WHERE name IN ($1, $2) AND "
                           "state = $3 ORDER BY finished_at DESC, id DESC LIMIT 1",
                           NST_TEXT(nst_str_z(ocl_verify_task.name)),
                           NST_TEXT(nst_str_z(ocl_repair_task.name)),
                           NST_TEXT(NST_STR(NST_TASK_SUCCESS))));
    if (nst_rows_step(rows)) {
        *id = nst_rows_int(rows, 0);
        nst_buf_init(&time, rq->arena, 64);
        nst_put_time(&time, nst_rows_int(rows, 1), NST_TIME_MICRO_Z);
        *finished = nst_buf_str(&time);
        *result = nst_str_copy(rq->arena, nst_rows_text(rows, 2));
    }
    return nst_rows_end(rows);
}

/* The name of the task that runs, or waits to; null: none. */
static enum nst_err find_running(struct nst_str *key, struct nst_req *rq)
{
    struct nst_rows *rows;
    *key = (struct nst_str){ 0 };
    NST_TRY(nst_query_with(&rows, rq->db, "SELECT key FROM task WHERE once = $1",
                           NST_TEXT(NST_STR(ONCE))));
    if (nst_rows_step(rows))
        *key = nst_str_copy(rq->arena, nst_rows_text(rows, 0));
    return nst_rows_end(rows);
}

static enum nst_err show_report(struct nst_req *rq)
{
    struct nst_buf *out = &rq->x->out;
    struct nst_str running, finished, result;
    int64_t id;
    NST_TRY(find_running(&running, rq));
    NST_TRY(find_last(&id, &finished, &result, rq));
    nst_put_lit(out, "{\"running\":");
    nst_json_put_str_or_null(out, running);
    nst_put_lit(out, ",\"finished_at\":");
    nst_json_put_str_or_null(out, finished);
    nst_put_lit(out, ",\"report\":");
    nst_put(out, result.p != NULL ? result : NST_STR("null"));
    nst_put_char(out, '}');
    return nst_answer_json(rq, 200);
}

/* ---- Repairing ---- */

static enum nst_err is_small(bool *out, struct nst_req *rq)
{
    struct nst_sql q;
    int64_t count = 0;
    nst_sql_init(&q, rq->arena);
    nst_sql_add(&q, "SELECT count(*) FROM (SELECT 1 FROM (SELECT id FROM concept_version UNION ALL "
                    "SELECT id FROM mapping_version) c LIMIT " NST_DIGITS(SMALL_MAX) ") few");
    NST_TRY(nst_sql_int(&count, NULL, rq->db, &q));
    *out = count < SMALL_MAX;
    return NST_OK;
}

/* All checks, in the transaction of the request. */
static enum nst_err run_through(struct ocl_integrity *v, struct nst_req *rq, bool repairs)
{
    while (!ocl_integrity_is_over(v)) {
        NST_TRY(ocl_integrity_look(v, rq->db));
        if (repairs && ocl_integrity_wants_repair(v))
            NST_TRY(ocl_integrity_repair(v, rq->db));
        ocl_integrity_take(v);
    }
    return NST_OK;
}

static enum nst_err report(struct nst_buf *out, struct nst_req *rq, bool repairs)
{
    struct ocl_integrity *v = ocl_integrity_new(ocl_content_checks, rq->registry);
    enum nst_err e = run_through(v, rq, repairs);
    if (e == NST_OK)
        ocl_integrity_put(out, v);
    ocl_integrity_free(v);
    return e;
}

/* What the last check found is no longer so: GET tells what is left. */
static enum nst_err replace_last(struct nst_req *rq)
{
    struct nst_str finished, result;
    struct nst_buf left;
    int64_t id;
    NST_TRY(find_last(&id, &finished, &result, rq));
    if (id == 0)
        return NST_OK;
    nst_buf_init(&left, rq->arena, SIZE_MAX);
    NST_TRY(report(&left, rq, false));
    return nst_exec_with(NULL, rq->db, "UPDATE task SET result = $1 WHERE id = $2",
                         NST_TEXT(nst_buf_str(&left)), NST_INT(id));
}

static enum nst_err repair(struct nst_req *rq)
{
    struct nst_str running;
    bool small;
    NST_TRY(find_running(&running, rq));
    if (running.p != NULL)
        return refuse_second(rq);
    NST_TRY(is_small(&small, rq));
    NST_TRY(nst_audit(rq, &(struct nst_act){ .name = "integrity.repair",
                                             .on = NST_STR("/manage/brokenreferences/") }));
    if (!small)
        return start(rq, &ocl_repair_task);
    NST_TRY(report(&rq->x->out, rq, true));
    NST_TRY(replace_last(rq));
    return nst_answer_json(rq, 200);
}

/* ---- Tables ---- */

#define TASK \
    "{\"type\":\"object\",\"required\":[\"id\",\"state\",\"name\",\"queue\",\"username\"," \
    "\"task\"]}"
#define COUNT "{\"type\":\"integer\",\"minimum\":0}"
#define REPORT(type) \
    "{\"type\":" type ",\"required\":[\"checks\",\"damage\",\"repaired\",\"left\",\"notes\"," \
    "\"findings\"],\"properties\":{\"checks\":" COUNT ",\"damage\":" COUNT ",\"repaired\":" COUNT \
    ",\"left\":" COUNT ",\"notes\":" COUNT ",\"findings\":{\"type\":\"array\",\"items\":{" \
    "\"type\":\"object\",\"required\":[\"check\",\"level\",\"meaning\",\"remedy\",\"count\"," \
    "\"repairable\",\"repaired\",\"examples\"]}}}}"
#define REASON \
    "{\"type\":\"object\",\"required\":[\"detail\"],\"properties\":{\"detail\":{\"type\":" \
    "\"string\"}}}"

#define REFUSED \
    { 409, "One is running.", { .schema = REASON } }, \
    { \
        503, "This server runs no tasks.", \
        { \
            .schema = "{\"type\":\"object\"}" \
        } \
    }

static const struct nst_response post_response[] = {
    { 202, "The task.", { .schema = TASK } },
    REFUSED,
    { 0 },
};
static const struct nst_description posting = { .response = post_response };

static const struct nst_response get_response[] = {
    { 200,
      "What the last check found, if there was one, and whether one is running.",
      { .schema =
            "{\"type\":\"object\",\"required\":[\"running\",\"finished_at\",\"report\"],"
            "\"properties\":{\"running\":{\"type\":[\"string\",\"null\"]},\"finished_at\":{"
            "\"type\":[\"string\",\"null\"]},\"report\":" REPORT("[\"object\",\"null\"]") "}}" } },
    { 0 },
};
static const struct nst_description getting = { .response = get_response };

static const struct nst_response delete_response[] = {
    { 200, "What was found and repaired.", { .schema = REPORT("\"object\"") } },
    { 202, "The task that repairs, where there is much to look at.", { .schema = TASK } },
    REFUSED,
    { 0 },
};
static const struct nst_description deleting = { .response = delete_response };

#define ROUTE(face) \
    { \
        face, "/manage/brokenreferences/", \
            .get = { show_report, ocl_superuser_only, .describe = &getting }, \
            .post = { start_check, ocl_superuser_only, .describe = &posting }, \
            .delete = { repair, ocl_superuser_only, .describe = &deleting }, \
            .doc = "What is damaged in the store: look for it, see it, repair it." \
    }

static const struct nst_route integrity_route[] = { ROUTE(V2), ROUTE(GUIDE) };

const struct nst_resource ocl_integrity_api = {
    .name = "brokenreferences",
    NST_ROUTES(integrity_route),
    .doc = "Integrity of what is stored.",
};
