/* /admin/maintenance/ (G168): GET tells whether it is on, PUT switches it. Both are answered while
 * it is. */
#include "nestor/maintenance.h"

#include "nestor/accounts.h"
#include "ocl/app.h"

#define OBJECT NST_STR("maintenance")

/* What PUT may say. */
struct wish {
    struct nst_row row;
    bool is_on;
    struct nst_str reason;
};

extern const struct nst_resource ocl_maintenance;

static void put_state(struct nst_req *rq, const struct nst_maintenance *m)
{
    struct nst_buf *out = &rq->x->out;
    nst_put_z(out, m->is_on ? "{\"is_on\":true,\"since\":\"" : "{\"is_on\":false,\"since\":null");
    if (m->is_on) {
        nst_put_time(out, m->since, NST_TIME_MICRO_Z);
        nst_put_char(out, '"');
    }
    nst_put_lit(out, ",\"who\":");
    nst_json_put_str_or_null(out, m->who);
    nst_put_lit(out, ",\"reason\":");
    nst_json_put_str_or_null(out, m->reason);
    nst_put_char(out, '}');
}

static enum nst_err show(struct nst_req *rq)
{
    struct nst_maintenance m;
    NST_TRY(nst_maintenance_read(&m, rq->arena, rq->db));
    put_state(rq, &m);
    return nst_answer_json(rq, 200);
}

/* ---- Switching ---- */

static enum nst_err record(struct nst_req *rq, const char *name, struct nst_str was,
                           struct nst_str is)
{
    return nst_audit(rq, &(struct nst_act){ .name = name,
                                            .on = OBJECT,
                                            .before = nst_audit_member(rq->arena, "reason", was),
                                            .after = nst_audit_member(rq->arena, "reason", is) });
}

static enum nst_err switch_on(struct nst_req *rq, const struct nst_maintenance *was,
                              struct nst_str reason)
{
    const struct nst_maintenance m = { .since = rq->now, .who = rq->caller.name, .reason = reason };
    NST_TRY(nst_maintenance_begin(rq->db, &m));
    rq->when_durable = nst_maintenance_began;
    return record(rq, "maintenance.on", was->reason, reason);
}

static enum nst_err switch_off(struct nst_req *rq, const struct nst_maintenance *was)
{
    NST_TRY(nst_maintenance_end(rq->db));
    rq->when_durable = nst_maintenance_ended;
    return record(rq, "maintenance.off", was->reason, (struct nst_str){ 0 });
}

/* What GET showed can be sent back, and changes nothing. */
static enum nst_err change(struct nst_req *rq)
{
    struct wish *wish = nst_row_new(rq, &ocl_maintenance);
    struct nst_maintenance was;
    NST_TRY(nst_bind(wish, rq, &ocl_maintenance, NST_CREATE));
    NST_TRY(nst_maintenance_read(&was, rq->arena, rq->db));
    if (!nst_is_set(&ocl_maintenance, wish, "reason")) /* that of a colleague stays */
        wish->reason = was.reason;
    if (wish->is_on && (!was.is_on || !nst_str_eq(wish->reason, was.reason)))
        NST_TRY(switch_on(rq, &was, wish->reason));
    else if (!wish->is_on && was.is_on)
        NST_TRY(switch_off(rq, &was));
    return show(rq);
}

/* ---- Tables ---- */

static const struct nst_field maintenance_field[] = {
    NST_FIELD("is_on", wish, is_on, &nst_bool, .column = "", .flags = NST_NOT_EMPTY,
              .doc = "Whether it is on."),
    NST_FIELD("reason", wish, reason, &nst_text, .column = "", .max = NST_MAINTENANCE_REASON_MAX,
              .doc = "Why, for colleagues; left out, it stays as it is."),
};

static const struct nst_serializer maintenance_serializer[] = {
    { V2, NST_CREATE, "is_on* reason", .but = "since who" },
    { GUIDE, NST_CREATE, "is_on* reason", .but = "since who" },
};

#define TEXT_OR_NULL "{\"type\":[\"string\",\"null\"]}"
#define REASON \
    "{\"type\":[\"string\",\"null\"],\"maxLength\":" NST_DIGITS(NST_MAINTENANCE_REASON_MAX) "}"
#define STATE \
    "{\"type\":\"object\",\"required\":[\"is_on\",\"since\",\"who\",\"reason\"],\"properties\":{" \
    "\"is_on\":{\"type\":\"boolean\"},\"since\":" TEXT_OR_NULL ",\"who\":" TEXT_OR_NULL \
    ",\"reason\":" TEXT_OR_NULL "}}"

static const struct nst_response state_response[] = {
    { 200, "How it is now.", { .schema = STATE } },
    { 0 },
};
static const struct nst_response change_response[] = {
    { 200, "How it is now.", { .schema = STATE } },
    { 400,
      "It is not said whether it is to be on, or the reason is no text or too long.",
      { .schema = "{\"type\":\"object\"}" } },
    { 0 },
};
static const struct nst_description state = { .response = state_response };
static const struct nst_description changing = {
    .request = { .schema =
                     "{\"type\":\"object\",\"required\":[\"is_on\"],\"properties\":{\"is_on\":{"
                     "\"type\":\"boolean\"},\"reason\":" REASON "}}" },
    .response = change_response,
};

#define ROUTE(face) \
    { \
        face, "/admin/maintenance/", \
            .get = { show, ocl_staff_only, NST_IN_MAINTENANCE, .describe = &state }, \
            .put = { change, ocl_superuser_only, NST_IN_MAINTENANCE, .describe = &changing }, \
            .doc = "Maintenance: while it is on, all else is answered with 503." \
    }

static const struct nst_route maintenance_route[] = { ROUTE(V2), ROUTE(GUIDE) };

const struct nst_resource ocl_maintenance = {
    .name = "maintenance",
    .size = sizeof(struct wish),
    NST_FIELDS(maintenance_field),
    NST_SERIALIZERS(maintenance_serializer),
    NST_ROUTES(maintenance_route),
    .doc = "Whether the service is in maintenance.",
};
