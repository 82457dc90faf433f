/* /admin/purge/: GET tells what a purge would erase now, POST has a task do it. */
#include "ocl/task/task.h"
#include "purge.h"

#define ONCE     "purge" /* one such task at a time */
#define DAY      (86400 * NST_SECOND)
#define DAYS_MAX 36500

/* What POST has to say. */
struct wish {
    struct nst_row row;
    int64_t older_than_days;
    struct nst_str kind;
};

extern const struct nst_resource ocl_purge_api;

/* ---- The task ---- */

/* "PHASE AFTER IS_OVER", then the counts. */
static struct nst_str place_of(struct nst_arena *a, const struct ocl_purge *p)
{
    struct nst_buf b;
    nst_buf_init(&b, a, 512);
    nst_putf(&b, "%lld %lld", (long long)p->phase, (long long)p->after);
    for (size_t i = 0; i < NST_COUNT(p->count); i++)
        nst_putf(&b, " %lld", (long long)p->count[i]);
    return nst_buf_str(&b);
}

static bool read_place(struct ocl_purge *p, struct nst_str place)
{
    int64_t *const number[] = { &p->phase,    &p->after,    &p->count[0], &p->count[1],
                                &p->count[2], &p->count[3], &p->count[4] };
    bool is_good = true;
    for (size_t i = 0; i < NST_COUNT(number) && place.p != NULL; i++)
        is_good = is_good && nst_str_int(number[i], nst_str_cut(&place, ' '));
    return is_good;
}

static enum nst_err step(struct nst_task *t, struct nst_db *db)
{
    struct nst_req rq = { .arena = t->arena, .db = db, .caller = t->caller, .now = nst_now() };
    struct ocl_purge p = { .before = nst_task_number(t, "before"),
                           .kind = nst_task_number(t, "kind") };
    struct nst_buf b;
    if (!read_place(&p, t->place))
        return NST_E_INTERNAL;
    NST_TRY(ocl_purge_step(&p, &rq));
    nst_buf_init(&b, t->arena, 512);
    ocl_purge_put(&b, &p);
    t->place = place_of(t->arena, &p);
    t->summary = nst_buf_str(&b);
    t->done = 0;
    for (size_t i = 0; i < NST_COUNT(p.count); i++)
        t->done += p.count[i];
    t->message = nst_strf(t->arena, "%lld rows are gone", (long long)t->done);
    t->is_over = p.is_over;
    if (p.is_over)
        t->result = t->summary;
    return NST_OK;
}

/* Exports of what is gone are gone with it. */
static void release(struct nst_task *t)
{
    (void)t;
    nst_workers_tidy();
}

const struct nst_task_kind ocl_purge_task = {
    .name = "purge", .mode = NST_MODE_WRITE, .step = step, .release = release
};

/* ---- Asking ---- */

static enum nst_err take_kind(struct ocl_purge *p, struct nst_req *rq, struct nst_str kind)
{
    return ocl_purge_kind(&p->kind, kind)
               ? NST_OK
               : nst_fail(rq, NST_E_INVALID, "kind", NST_STR("It is " OCL_PURGE_WORDS "."));
}

static enum nst_err take_days(struct ocl_purge *p, struct nst_req *rq, const char *name,
                              int64_t days)
{
    if (days < 0 || days > DAYS_MAX)
        return nst_fail(rq, NST_E_INVALID, name,
                        NST_STR("A number of days from 0 to " NST_DIGITS(DAYS_MAX) "."));
    p->before = rq->now - days * DAY;
    return NST_OK;
}

static enum nst_err look(struct nst_req *rq)
{
    struct ocl_purge p = { 0 };
    int64_t days = 0;
    struct nst_str kind = nst_query_value(rq, "kind"), text = nst_query_value(rq, "olderThanDays");
    if (text.p != NULL && !nst_str_int(&days, text))
        days = -1;
    NST_TRY(take_days(&p, rq, "olderThanDays", days));
    NST_TRY(take_kind(&p, rq, kind.n > 0 ? kind : (struct nst_str){ 0 }));
    NST_TRY(ocl_purge_look(&p, rq->arena, rq->db));
    ocl_purge_put(&rq->x->out, &p);
    return nst_answer_json(rq, 200);
}

static enum nst_err add_task(struct nst_req *rq, const struct ocl_purge *p)
{
    const struct nst_task_order order = {
        .kind = &ocl_purge_task,
        .user = rq->caller.id,
        .username = rq->caller.name,
        .kwargs = nst_strf(rq->arena, "{\"before\":%lld,\"kind\":%lld}", (long long)p->before,
                           (long long)p->kind),
        .once = NST_STR(ONCE),
    };
    int64_t id;
    enum nst_err e = nst_task_add(&id, rq, &order);
    if (e == NST_E_CONFLICT)
        return nst_fail_bare(rq, e, "detail", NST_STR("A purge is running already."));
    NST_TRY(e);
    NST_TRY(ocl_purge_begin(p, rq));
    return ocl_answer_task(rq, id, 202);
}

static enum nst_err start(struct nst_req *rq)
{
    struct wish *wish = nst_row_new(rq, &ocl_purge_api);
    struct ocl_purge p = { 0 };
    NST_TRY(nst_bind(wish, rq, &ocl_purge_api, NST_CREATE));
    NST_TRY(take_days(&p, rq, "older_than_days", wish->older_than_days));
    NST_TRY(take_kind(&p, rq, wish->kind));
    if (nst_worker_host().p == NULL)
        return nst_fail_bare(rq, NST_E_BUSY, "detail", NST_STR("No tasks are run on this server."));
    return add_task(rq, &p);
}

/* ---- Tables ---- */

static const struct nst_field wish_field[] = {
    NST_FIELD("older_than_days", wish, older_than_days, &nst_int, .column = "",
              .flags = NST_NOT_EMPTY, .doc = "What was deleted before so many days."),
    NST_FIELD("kind", wish, kind, &nst_text, .column = "", .doc = OCL_PURGE_WORDS "; else all."),
};

#define SETTABLE "older_than_days* kind"

static const struct nst_serializer wish_serializer[] = {
    { V2, NST_CREATE, SETTABLE, .but = "" },
    { GUIDE, NST_CREATE, SETTABLE, .but = "" },
};

#define DAYS  "{\"type\":\"integer\",\"minimum\":0,\"maximum\":" NST_DIGITS(DAYS_MAX) "}"
#define KIND  "{\"type\":\"string\",\"enum\":[\"sources\",\"organizations\",\"users\"]}"
#define COUNT "{\"type\":\"integer\",\"minimum\":0}"
#define COUNTS \
    "{\"type\":\"object\",\"required\":[\"sources\",\"organizations\",\"users\"," \
    "\"concept_versions\",\"mapping_versions\"],\"properties\":{\"sources\":" COUNT \
    ",\"organizations\":" COUNT ",\"users\":" COUNT ",\"concept_versions\":" COUNT \
    ",\"mapping_versions\":" COUNT "}}"
#define TASK \
    "{\"type\":\"object\",\"required\":[\"id\",\"state\",\"name\",\"queue\",\"username\"," \
    "\"task\"]}"

static const struct nst_parameter look_parameter[] = {
    { "olderThanDays", DAYS,
      "What was deleted before so many days; left out, all that was deleted." },
    { "kind", KIND, "One kind alone, with the sources of its owners." },
    { 0 },
};
static const struct nst_response look_response[] = {
    { 200, "What a purge would erase now.", { .schema = COUNTS } },
    { 400, "The days are none, or the kind is unknown.", { .schema = OCL_REASON } },
    { 0 },
};
static const struct nst_response start_response[] = {
    { 202, "The task.", { .schema = TASK } },
    { 400, "The days are missing or none, or the kind is unknown.", { .schema = OCL_REASON } },
    { 409, "One is running.", { .schema = OCL_REASON } },
    { 503, "This server runs no tasks.", { .schema = OCL_REASON } },
    { 0 },
};
static const struct nst_description looking = { .parameter = look_parameter,
                                                .response = look_response };
static const struct nst_description starting = {
    .request = { .schema = "{\"type\":\"object\",\"required\":[\"older_than_days\"],"
                           "\"properties\":{\"older_than_days\":" DAYS ",\"kind\":" KIND "}}" },
    .response = start_response,
};

#define ROUTE(face) \
    { \
        face, "/admin/purge/", \
            .get = { look, ocl_superuser_only, NST_SLOW, .describe = &looking }, \
            .post = { start, ocl_superuser_only, .describe = &starting }, \
            .doc = "What was deleted, erased for good after some time." \
    }

static const struct nst_route purge_route[] = { ROUTE(V2), ROUTE(GUIDE) };

const struct nst_resource ocl_purge_api = {
    .name = "purge",
    .size = sizeof(struct wish),
    NST_FIELDS(wish_field),
    NST_SERIALIZERS(wish_serializer),
    NST_ROUTES(purge_route),
    .doc = "Erasing for good what was deleted.",
};
