/* Tasks (V270, G167): who asked for long work sees how far it is, and can end it. Both faces show
 * the same bytes (G87). */
#include "task.h"

#include "nestor/accounts.h"
#include "ocl/admin/purge.h"
#include "ocl/bulk_import/undo.h"
#include "ocl/export/difference.h"
#include "ocl/export/export.h"
#include "ocl/integrity/tasks.h"
#include "ocl/subscription/subscription.h"

const struct nst_task_kind *const ocl_task_kinds[] = {
    &ocl_bulk_import_task, &ocl_rehearsal_task,
    &ocl_undo_task,        &ocl_export_task,
    &ocl_difference_task,  &ocl_verify_task,
    &ocl_repair_task,      &ocl_subscription_task,
    &ocl_purge_task,       NULL,
};

const struct nst_file_kind *const ocl_kept_files[] = { &ocl_export_files, &ocl_difference_files,
                                                       &ocl_copied_files, NULL };

/* ---- What is shown ---- */

static const void *member_of(const struct nst_field *f, const void *row)
{
    return (const char *)row + f->offset;
}

/* The same on both faces. */
static void print_time(struct nst_buf *out, const struct nst_face *face, const struct nst_field *f,
                       const void *row)
{
    (void)face;
    nst_put_char(out, '"');
    nst_put_time(out, *(const int64_t *)member_of(f, row), NST_TIME_MICRO_Z);
    nst_put_char(out, '"');
}

static void print_seconds(struct nst_buf *out, const struct nst_face *face,
                          const struct nst_field *f, const void *row)
{
    int64_t time = *(const int64_t *)member_of(f, row);
    (void)face;
    nst_putf(out, "%lld.%06lld", (long long)(time / NST_SECOND), (long long)(time % NST_SECOND));
}

static const struct nst_type task_time = { .name = "task_time",
                                           .rep = NST_REP_INT,
                                           .column = "bigint",
                                           .schema = "string",
                                           .format = "date-time",
                                           .print = print_time };
static const struct nst_type task_seconds = { .name = "task_seconds",
                                              .rep = NST_REP_INT,
                                              .column = "bigint",
                                              .schema = "number",
                                              .print = print_seconds };

/* One that was ended has no time left. */
static void print_message(struct nst_buf *out, const struct nst_face *face,
                          const struct nst_field *f, const void *row)
{
    const struct ocl_task *task = row;
    struct nst_str rest = task->message, done = nst_str_cut(&rest, ',');
    bool was_ended = nst_str_eq(task->state, NST_STR(NST_TASK_REVOKED)) ||
                     nst_str_eq(task->state, NST_STR(NST_TASK_FAILURE));
    (void)face;
    (void)f;
    nst_json_put_str_or_null(out, was_ended && nst_str_ends(rest, NST_STR(" left"))
                                      ? done
                                      : task->message);
}

static const struct nst_type task_message = { .name = "task_message",
                                              .rep = NST_REP_STR,
                                              .column = "text",
                                              .schema = "string",
                                              .print = print_message };

#define TEXT(n, m, sentence) NST_FIELD(n, ocl_task, m, &nst_text, .doc = sentence)
#define CORE(n, m, sentence) \
    NST_FIELD(n, ocl_task, m, &nst_text, .flags = NST_CORE | NST_NEVER_NULL, .doc = sentence)
#define JSON(n, m, sentence) NST_FIELD(n, ocl_task, m, &nst_json_value, .doc = sentence)

static const struct nst_field task_field[] = {
    NST_IDENTITY("uuid", ocl_task, created_at, .doc = "Its number."),
    NST_FIELD("key", ocl_task, key, &nst_text, .flags = NST_KEY | NST_CORE | NST_NEVER_NULL,
              .doc = "What it is called: UUID-USER~QUEUE."),
    NST_FIELD("unique", ocl_task, uuid, &nst_text, .column = "uuid",
              .flags = NST_CORE | NST_NEVER_NULL, .doc = "The first part of that."),
    CORE("name", name, "Of which kind it is."),
    CORE("queue", queue, "Those of one queue of a user follow one another."),
    CORE("state", state, "PENDING, STARTED, SUCCESS, FAILURE or REVOKED."),
    CORE("username", username, "Who asked for it."),
    NST_FIELD("user_id", ocl_task, user_id, &nst_int, .flags = NST_CORE,
              .doc = "Number of who asked for it."),
    NST_FIELD("created_at", ocl_task, created_at, &task_time, .flags = NST_CORE | NST_NEVER_NULL,
              .doc = "When it was asked for."),
    NST_FIELD("started_at", ocl_task, started_at, &task_time, .doc = "When it began."),
    NST_FIELD("finished_at", ocl_task, finished_at, &task_time, .doc = "When it was over."),
    NST_FIELD("runtime", ocl_task, runtime, &task_seconds,
              .column = "(coalesce(task.finished_at, task.updated_at) - task.started_at)",
              .doc = "Seconds that it took, or has taken so far."),
    JSON("summary", summary, "What it has done, in numbers."),
    NST_CONSTANT("children", "[]", .doc = "Tasks have no parts that are tasks."),
    NST_FIELD("message", ocl_task, message, &task_message,
              .doc = "What it does, and how long it will take."),
    JSON("kwargs", kwargs, "What it was asked for."),
    JSON("result", result, "What it made."),
    TEXT("report", report, "The same in words."),
    NST_FIELD("error_message", ocl_task, error, &nst_text, .column = "error",
              .doc = "Why it failed."),
    NST_CONSTANT("traceback", "null", .doc = "The log of the server has more."),
    NST_CONSTANT("retry", "0", .doc = "What fails is not begun again by itself."),
};

#define BRIEF "id=key state name queue username task=key"
#define LIST \
    BRIEF " created_at=created_at started_at=started_at finished_at=finished_at runtime summary " \
          "children message"
#define DETAIL LIST " report result kwargs error_message=error_message traceback retry"

static const struct nst_serializer task_serializer[] = {
    { V2, NST_BRIEF, BRIEF },    { V2, NST_LIST, LIST },    { V2, NST_DETAIL, DETAIL },
    { GUIDE, NST_BRIEF, BRIEF }, { GUIDE, NST_LIST, LIST }, { GUIDE, NST_DETAIL, DETAIL },
};

/* ---- Whose ---- */

static bool is_own(const struct nst_req *rq, const struct ocl_task *task)
{
    return rq->caller.is_known && rq->caller.id == task->user_id;
}

static bool sees_all(const struct nst_req *rq)
{
    return rq->caller.is_staff || rq->caller.is_superuser;
}

static enum nst_err may_view(struct nst_req *rq, const struct nst_object *o)
{
    if (!rq->caller.is_known)
        return NST_E_UNAUTHENTICATED;
    return is_own(rq, o->row) || sees_all(rq) ? NST_OK : NST_E_FORBIDDEN;
}

static void put_user(struct nst_sql *q, int64_t user)
{
    nst_sql_add(q, " AND task.user_id = ");
    nst_sql_bind(q, NST_INT(user));
}

static enum nst_err visible(struct nst_sql *q, struct nst_req *rq)
{
    if (!sees_all(rq))
        put_user(q, rq->caller.id);
    return NST_OK;
}

static enum nst_err scope(struct nst_sql *q, struct nst_req *rq, const struct nst_object *parent)
{
    (void)rq;
    if (parent != NULL)
        put_user(q, ((const struct nst_row *)parent->row)->id);
    return NST_OK;
}

/* ---- One task ---- */

enum nst_err ocl_find_task(struct ocl_task **task, struct nst_req *rq, struct nst_str key)
{
    struct nst_sql q;
    void *row;
    nst_sql_init(&q, rq->arena);
    nst_sql_add(&q, " AND task.key = ");
    nst_sql_bind(&q, NST_TEXT(key));
    NST_TRY(nst_load_where(&row, rq, &ocl_task, NST_LOAD_ALL, &q));
    if (row == NULL)
        return NST_E_NOT_FOUND;
    *task = row;
    return is_own(rq, row) || sees_all(rq) ? NST_OK : NST_E_FORBIDDEN;
}

enum nst_err ocl_answer_task(struct nst_req *rq, int64_t id, unsigned status)
{
    void *row;
    NST_TRY(nst_load_id(&row, rq, &ocl_task, NST_LOAD_ALL, id));
    if (row == NULL)
        return NST_E_NOT_FOUND;
    nst_render(&rq->x->out, rq, &ocl_task, NST_LIST, row);
    return nst_answer_json(rq, status);
}

enum nst_err ocl_cancel_task(struct nst_req *rq, const struct ocl_task *task)
{
    bool revoked;
    NST_TRY(nst_task_revoke(&revoked, rq->db, task->row.id, rq->now));
    rq->when_durable = nst_workers_tidy;
    if (revoked && !is_own(rq, task))
        NST_TRY(nst_audit(rq, &(struct nst_act){
                                  .name = "task.cancel",
                                  .on = nst_strf(rq->arena, "/tasks/%.*s/", NST_FMT(task->key)) }));
    return revoked
               ? nst_answer_empty(rq, 204)
               : nst_fail_bare(rq, NST_E_INVALID, "detail", NST_STR("Task is already finished."));
}

static enum nst_err task_destroy(struct nst_req *rq)
{
    return ocl_cancel_task(rq, nst_object(rq)->row);
}

/* ---- Tables ---- */

static const struct nst_response removal_response[] = {
    { 204, "It is cancelled.", { 0 } },
    { 400, "It is over already.", { .schema = "{\"type\":\"object\"}" } },
    { 0 },
};
static const struct nst_description removal = { .response = removal_response };

#define ROUTES(face) \
    { face, "/tasks/", .get = { nst_list, ocl_staff_only }, \
      .doc = "All tasks, the newest first." }, \
        { face, "/(users/:user|user~user)/tasks/", .get = { nst_list, ocl_owner_or_staff }, \
          .doc = "Tasks of a user, the newest first." }, \
    { \
        face, "/tasks/:task/", .get = { nst_retrieve, ocl_any_token }, \
                               .delete = { task_destroy, ocl_any_token, .describe = &removal }, \
                               .doc = "One task; DELETE ends it." \
    }

static const struct nst_route task_route[] = { ROUTES(V2), ROUTES(GUIDE) };

static const struct nst_filter task_filter[] = {
    { "state", NST_ONE_OF, .column = "task.state", .doc = "How far it is." },
    { "queue", NST_ONE_OF, .column = "task.queue", .doc = "Its queue." },
    { "name", NST_ONE_OF, .column = "task.name", .doc = "Its kind." },
    { 0 },
};

const struct nst_set ocl_task_sets[] = {
    { "bulk_import_task", .hook = { .scope = ocl_bulk_import_scope }, .doc = "An import." },
    { 0 },
};

const struct nst_resource ocl_task = {
    .name = "task",
    .table = "task",
    .order = "task.id DESC",
    .size = sizeof(struct ocl_task),
    NST_FIELDS(task_field),
    NST_SERIALIZERS(task_serializer),
    NST_ROUTES(task_route),
    .filter = task_filter,
    .sets = ocl_task_sets,
    .hook = { .scope = scope, .visible = visible, .may_view = may_view },
    .doc = "Long work that somebody asked for.",
};
