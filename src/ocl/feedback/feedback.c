/* Feedback (V276). No mail is sent: it is kept until somebody of the staff has read it and takes it
 * away. How much is kept of one account, and of all who are not known, has a limit, so that nobody
 * fills the disk; what is beyond is refused, since what was taken is not lost. */
#include "ocl/owned.h"

#define OF_ACCOUNT 100
#define OF_UNKNOWN 1000

struct feedback {
    struct nst_row row;
    struct nst_str name, email, description, url, username;
    int64_t number, user_id, created_at;
};

extern const struct nst_resource ocl_feedback;

/* ---- Taking it ---- */

/* An account is known by its name and address. */
static void put_author(struct nst_req *rq, struct feedback *f)
{
    if (rq->caller.is_known) {
        f->user_id = rq->caller.id;
        f->name = f->email = (struct nst_str){ 0 };
    }
    nst_mark_null(&ocl_feedback, f, "user_id");
}

/* The number comes first: it is given to one at a time, who counts what is there. */
static enum nst_err check_room(struct nst_req *rq, struct feedback *f)
{
    struct nst_sql q;
    int64_t waiting = 0;
    NST_TRY(nst_next_id(&f->row.id, rq->db, "feedback", 1));
    nst_sql_init(&q, rq->arena);
    nst_sql_add(&q, "SELECT count(*) FROM feedback WHERE user_id");
    nst_sql_add(&q, rq->caller.is_known ? " = " : " IS NULL");
    if (rq->caller.is_known)
        nst_sql_bind(&q, NST_INT(rq->caller.id));
    NST_TRY(nst_sql_int(&waiting, NULL, rq->db, &q));
    return waiting < (rq->caller.is_known ? OF_ACCOUNT : OF_UNKNOWN)
               ? NST_OK
               : nst_fail_bare(rq, NST_E_THROTTLED, "detail",
                               NST_STR("Too much feedback waits to be read."));
}

static enum nst_err take_feedback(struct nst_req *rq)
{
    struct feedback *f = nst_row_new(rq, &ocl_feedback);
    NST_TRY(nst_bind(f, rq, &ocl_feedback, NST_CREATE));
    if (nst_utf8_is_blank(f->description) && nst_utf8_is_blank(f->url))
        return nst_fail(rq, NST_E_INVALID, "description",
                        nst_str_z(nst_texts_of(rq->face)->required));
    put_author(rq, f);
    NST_TRY(check_room(rq, f));
    NST_TRY(nst_insert(rq, &ocl_feedback, f));
    return nst_answer_empty(rq, 200);
}

/* ---- Reading it ---- */

/* Others are refused before one is looked for: no answer tells which numbers there are. */
static enum nst_err staff_scope(struct nst_sql *q, struct nst_req *rq,
                                const struct nst_object *parent)
{
    (void)q;
    (void)parent;
    return ocl_staff_only(rq);
}

static enum nst_err take_away(struct nst_req *rq)
{
    NST_TRY(ocl_audit_act(rq, "feedback.remove"));
    return ocl_erase(rq);
}

/* ---- Tables ---- */

static const struct nst_field feedback_field[] = {
    NST_IDENTITY("uuid", feedback, created_at, .doc = "Number of it."),
    NST_FIELD("id", feedback, number, &nst_int, .column = "feedback.id",
              .flags = NST_KEY | NST_NEVER_NULL, .doc = "The same, as a number."),
    NST_FIELD("description", feedback, description, &nst_text, .max = 4000,
              .doc = "What there is to say."),
    NST_FIELD("url", feedback, url, &nst_text, .max = 2000, .doc = "Address that it is about."),
    NST_FIELD("name", feedback, name, &nst_text, .max = 255,
              .doc = "Who says it, as told by somebody who is not known."),
    NST_FIELD("email", feedback, email, &nst_email, .max = 255, .doc = "Their address."),
    NST_FIELD("user_id", feedback, user_id, &nst_int, .doc = "Number of the account."),
    NST_FIELD("username", feedback, username, &nst_text, .column = OCL_NAME_OF("feedback.user_id"),
              .doc = "Whose account it is."),
    NST_FIELD("created_at", feedback, created_at, &nst_datetime, .fill = NST_AUTO_CREATED,
              .doc = "When it came."),
};

#define SHOWN "id description url username name email created_at"

static const struct nst_serializer feedback_serializer[] = {
    { V2, NST_LIST, SHOWN },
    { V2, NST_DETAIL, SHOWN },
    { V2, NST_CREATE, "description url name email", .not_yet = "image" },
};

static const struct nst_response taking_response[] = {
    { 200, "It is kept." },
    { 400, "Nothing is said.", { .schema = "{\"type\":\"object\"}" } },
    { 429, "Too much waits to be read.", { .schema = "{\"type\":\"object\"}" } },
    { 0 },
};

static const struct nst_description taking = {
    .request = { .schema = "{\"type\":\"object\",\"properties\":{\"description\":{\"type\":"
                           "\"string\",\"maxLength\":4000},\"url\":{\"type\":\"string\","
                           "\"maxLength\":2000},\"name\":{\"type\":\"string\",\"maxLength\":255},"
                           "\"email\":{\"type\":\"string\",\"maxLength\":255,\"format\":"
                           "\"email\"}}}" },
    .response = taking_response,
};

static const struct nst_route feedback_route[] = {
    { V2, "/feedback/", .post = { take_feedback, ocl_any_caller, .describe = &taking },
      .doc = "What callers have to say." },
    { V2, "/admin/feedback/", .get = { nst_list, ocl_staff_only },
      .doc = "What callers had to say." },
    { V2, "/admin/feedback/:feedback/", .get = { nst_retrieve, ocl_staff_only },
      .delete = { take_away, ocl_staff_only, .describe = &nst_answers_nothing },
      .doc = "One of it, until it is taken away." },
};

const struct nst_resource ocl_feedback = {
    .name = "feedback",
    .table = "feedback",
    .order = "feedback.created_at DESC, feedback.id DESC",
    .size = sizeof(struct feedback),
    NST_FIELDS(feedback_field),
    NST_SERIALIZERS(feedback_serializer),
    NST_ROUTES(feedback_route),
    .hook = { .scope = staff_scope },
    .doc = "What callers had to say.",
};
