/* Pins: what a user or an organisation has put first (V266). What was deleted, or is hidden from
 * the caller, is not among them: it is not shown, does not count, and has no place in the order
 * that the caller sees; it is there again with what it pins. */
#include "pin.h"

#include "ocl/org/org.h"
#include "ocl/source/source.h"
#include "ocl/user/user.h"

#define PINS_MAX 4
#define READ_MAX 100 /* pins of one owner, with those that some do not see */

/* What a body says. */
struct pin_input {
    struct nst_row row;
    struct nst_str resource_type;
    int64_t resource_id, order;
};

/* A pin that the caller may see. */
struct pin {
    int64_t id, created_at, user_id, org_id, repo_id, pinned_org_id;
};

struct owner {
    bool is_org;
    int64_t id;
    struct nst_str url;
};

struct pins {
    struct owner owner;
    struct pin one[READ_MAX];
    size_t count;
};

/* ---- Whose they are ---- */

static struct owner user_as_owner(struct nst_arena *a, const struct ocl_user *u)
{
    return (struct owner){ false, u->row.id, nst_strf(a, "/users/%.*s/", NST_FMT(u->username)) };
}

/* The one that the path names last. */
static struct owner owner_of(struct nst_req *rq)
{
    const struct nst_object *o = nst_object(rq);
    const struct ocl_org *org = o->row;
    return nst_is(o, &ocl_org)
               ? (struct owner){ true, org->row.id,
                                 nst_strf(rq->arena, "/orgs/%.*s/", NST_FMT(org->id)) }
               : user_as_owner(rq->arena, o->row);
}

static struct pins *new_pins(struct nst_req *rq, struct owner owner)
{
    struct pins *pins = NST_NEW(rq->arena, struct pins);
    pins->owner = owner;
    return pins;
}

static void put_owner(struct nst_sql *q, const struct owner *owner)
{
    nst_sql_add(q, owner->is_org ? "pin.org_id = " : "pin.user_id = ");
    nst_sql_bind(q, NST_INT(owner->id));
}

/* ---- Reading ---- */

/* " AND (...)": what is pinned is there, and the caller may see it. */
static enum nst_err put_seen(struct nst_sql *q, struct nst_req *rq)
{
    nst_sql_add(q, " AND (pin.repo_id IN (SELECT repo.id FROM repo WHERE repo.is_active "
                   "AND repo.owner_is_active");
    NST_TRY(ocl_visible_repos(q, rq));
    nst_sql_add(q, ") OR pin.pinned_org_id IN (SELECT org.id FROM org WHERE org.is_active");
    NST_TRY(ocl_visible_orgs(q, rq));
    nst_sql_add(q, "))");
    return NST_OK;
}

static enum nst_err read_pins(struct pins *pins, struct nst_req *rq)
{
    struct nst_sql q;
    struct nst_rows *rows;
    pins->count = 0;
    nst_sql_init(&q, rq->arena);
    nst_sql_add(&q, "SELECT pin.id, pin.created_at, pin.user_id, pin.org_id, pin.repo_id, "
                    "pin.pinned_org_id FROM pin WHERE ");
    put_owner(&q, &pins->owner);
    NST_TRY(put_seen(&q, rq));
    nst_sql_add(&q, " ORDER BY pin.place, pin.id");
    NST_TRY(nst_sql_query(&rows, rq->db, &q));
    while (pins->count < READ_MAX && nst_rows_step(rows))
        pins->one[pins->count++] =
            (struct pin){ nst_rows_int(rows, 0), nst_rows_int(rows, 1), nst_rows_int(rows, 2),
                          nst_rows_int(rows, 3), nst_rows_int(rows, 4), nst_rows_int(rows, 5) };
    return nst_rows_end(rows);
}

/* The place of the pin that the path ends with.
 * Errors: NST_E_NOT_FOUND; those of nst_query. */
static enum nst_err find(size_t *place, struct pins *pins, struct nst_req *rq)
{
    int64_t id = 0;
    NST_TRY(read_pins(pins, rq));
    if (nst_str_int(&id, rq->var[rq->vars - 1]))
        for (*place = 0; *place < pins->count; (*place)++)
            if (pins->one[*place].id == id)
                return NST_OK;
    return NST_E_NOT_FOUND;
}

/* ---- Showing ---- */

static void put_number(struct nst_buf *out, const char *name, int64_t number)
{
    nst_putf(out, ",\"%s\":", name);
    if (number != 0)
        nst_putf(out, "%lld", (long long)number);
    else
        nst_put_lit(out, "null");
}

/* The detail of what is pinned, as its own address answers. */
static enum nst_err take_resource(struct nst_str *text, struct nst_req *rq, const struct pin *p)
{
    size_t before = rq->x->out.n;
    NST_TRY(p->repo_id != 0 ? nst_put_row(rq, &ocl_source, p->repo_id)
                            : nst_put_row(rq, &ocl_org, p->pinned_org_id));
    struct nst_str all = nst_buf_str(&rq->x->out);
    *text = nst_str_copy(rq->arena, nst_str_slice(all, before, all.n));
    rq->x->out.n = before;
    return NST_OK;
}

static struct nst_str uri_of(struct nst_req *rq, const struct pins *pins, size_t order)
{
    return nst_strf(rq->arena, "%.*spins/%lld/", NST_FMT(pins->owner.url),
                    (long long)pins->one[order].id);
}

static enum nst_err put_pin(struct nst_req *rq, const struct pins *pins, size_t order)
{
    const struct pin *p = &pins->one[order];
    struct nst_buf *out = &rq->x->out;
    struct nst_str resource;
    struct nst_json *tree;
    NST_TRY(take_resource(&resource, rq, p));
    NST_TRY(nst_json_read(&tree, NULL, rq->arena, resource, NULL));
    nst_putf(out, "{\"id\":%lld,\"created_at\":\"", (long long)p->id);
    nst_put_time(out, p->created_at, NST_TIME_MICRO_Z);
    nst_put_lit(out, "\",\"resource_uri\":");
    nst_json_put_str(out, nst_json_get(tree, NST_STR("url"))->text);
    put_number(out, "user_id", p->user_id);
    put_number(out, "organization_id", p->org_id);
    nst_put_lit(out, ",\"resource\":");
    nst_put(out, resource);
    nst_put_lit(out, ",\"uri\":");
    nst_json_put_str(out, uri_of(rq, pins, order));
    nst_putf(out, ",\"order\":%zu}", order);
    return NST_OK;
}

static enum nst_err put_pins(struct nst_req *rq, struct pins *pins)
{
    NST_TRY(read_pins(pins, rq));
    nst_put_char(&rq->x->out, '[');
    for (size_t i = 0; i < pins->count; i++) {
        nst_put_z(&rq->x->out, i > 0 ? "," : "");
        NST_TRY(put_pin(rq, pins, i));
    }
    nst_put_char(&rq->x->out, ']');
    return NST_OK;
}

static enum nst_err list_pins(struct nst_req *rq)
{
    NST_TRY(put_pins(rq, new_pins(rq, owner_of(rq))));
    return nst_answer_json(rq, 200);
}

static enum nst_err show_pin(struct nst_req *rq)
{
    struct pins *pins = new_pins(rq, owner_of(rq));
    size_t place;
    NST_TRY(find(&place, pins, rq));
    NST_TRY(put_pin(rq, pins, place));
    return nst_answer_json(rq, 200);
}

/* ---- Pinning ---- */

/* What is to be pinned: its column, and a condition that finds it. */
static const struct {
    const char *word, *column, *table, *is_there;
} types[] = {
    { "source", "repo_id", "repo",
      "repo.kind = 'source' AND repo.is_active AND "
      "repo.owner_is_active" },
    { "organization", "pinned_org_id", "org", "org.is_active" },
    { "org", "pinned_org_id", "org", "org.is_active" },
};

static enum nst_err is_seen(bool *out, struct nst_req *rq, size_t type, int64_t id)
{
    struct nst_sql q;
    nst_sql_init(&q, rq->arena);
    nst_sql_addf(&q, "SELECT 1 FROM %s WHERE %s AND %s.id = ", types[type].table,
                 types[type].is_there, types[type].table);
    nst_sql_bind(&q, NST_INT(id));
    NST_TRY(type == 0 ? ocl_visible_repos(&q, rq) : ocl_visible_orgs(&q, rq));
    return nst_exists(out, rq->db, nst_buf_str(&q.text), q.bound, q.count);
}

/* What is not there, or hidden from the caller, cannot be told apart (V117). */
static enum nst_err find_type(size_t *type, struct nst_req *rq, const struct pin_input *in)
{
    bool is_there = false;
    for (*type = 0; *type < NST_COUNT(types); (*type)++)
        if (nst_str_eq_nocase(in->resource_type, nst_str_z(types[*type].word)))
            break;
    if (*type < NST_COUNT(types))
        NST_TRY(is_seen(&is_there, rq, *type, in->resource_id));
    return is_there
               ? NST_OK
               : nst_fail_bare(rq, NST_E_INVALID, "resource",
                               nst_strf(rq->arena,
                                        "Resource type %.*s with id %lld does not exists.",
                                        NST_FMT(in->resource_type), (long long)in->resource_id));
}

/* Behind all others of the owner. */
static enum nst_err insert(bool *inserted, int64_t *id, struct nst_req *rq, const char *column,
                           int64_t pinned)
{
    const struct owner owner = owner_of(rq);
    int64_t changed = 0;
    struct nst_sql q;
    NST_TRY(nst_next_id(id, rq->db, "pin", 1));
    nst_sql_init(&q, rq->arena);
    nst_sql_addf(&q, "INSERT INTO pin (%s, %s, id, created_at, place) VALUES (",
                 owner.is_org ? "org_id" : "user_id", column);
    nst_sql_bind(&q, NST_INT(owner.id));
    nst_sql_add(&q, ", ");
    nst_sql_bind(&q, NST_INT(pinned));
    nst_sql_add(&q, ", ");
    nst_sql_bind(&q, NST_INT(*id));
    nst_sql_add(&q, ", ");
    nst_sql_bind(&q, NST_INT(rq->now));
    nst_sql_add(&q, ", (SELECT coalesce(max(pin.place), 0) + 1 FROM pin WHERE ");
    put_owner(&q, &owner);
    nst_sql_add(&q, ")) ON CONFLICT DO NOTHING");
    NST_TRY(nst_sql_exec(&changed, rq->db, &q));
    *inserted = changed > 0;
    return NST_OK;
}

static enum nst_err answer_new(struct nst_req *rq, struct pins *pins, int64_t id)
{
    NST_TRY(read_pins(pins, rq));
    for (size_t i = 0; i < pins->count; i++)
        if (pins->one[i].id == id) {
            nst_http_add_header(rq->x, "Location", uri_of(rq, pins, i));
            NST_TRY(put_pin(rq, pins, i));
        }
    return nst_answer_json(rq, 201);
}

extern const struct nst_resource ocl_pin;

static enum nst_err add_pin(struct nst_req *rq)
{
    struct pins *pins = new_pins(rq, owner_of(rq));
    struct pin_input *in = nst_row_new(rq, &ocl_pin);
    bool inserted = false;
    size_t type;
    int64_t id;
    NST_TRY(read_pins(pins, rq));
    if (pins->count >= PINS_MAX)
        return nst_fail(rq, NST_E_NOT_FOUND, "error",
                        NST_STR("Can only keep max " NST_DIGITS(PINS_MAX) " items pinned"));
    NST_TRY(nst_bind(in, rq, &ocl_pin, NST_CREATE));
    NST_TRY(find_type(&type, rq, in));
    NST_TRY(insert(&inserted, &id, rq, types[type].column, in->resource_id));
    return inserted
               ? answer_new(rq, pins, id)
               : nst_fail_bare(rq, NST_E_INVALID, "__all__", NST_STR("This pin already exists."));
}

/* ---- Moving and taking away ---- */

/* The place of another pin; behind all of the owner where there is none. */
static enum nst_err place_of(int64_t *place, struct nst_req *rq, const struct pins *pins,
                             const struct pin *other)
{
    struct nst_sql q;
    nst_sql_init(&q, rq->arena);
    nst_sql_add(&q, "SELECT coalesce(max(place), 0) + 1 FROM pin WHERE ");
    put_owner(&q, &pins->owner);
    if (other != NULL) {
        nst_sql_add(&q, " AND place < (SELECT o.place FROM pin o WHERE o.id = ");
        nst_sql_bind(&q, NST_INT(other->id));
        nst_sql_add(&q, ")");
    }
    return nst_sql_int(place, NULL, rq->db, &q);
}

/* Before the other one of those that the caller sees; NULL: behind all. What is there moves on. */
static enum nst_err move_before(struct nst_req *rq, const struct pins *pins, const struct pin *p,
                                const struct pin *other)
{
    int64_t place = 0;
    struct nst_sql q;
    NST_TRY(place_of(&place, rq, pins, other));
    nst_sql_init(&q, rq->arena);
    nst_sql_add(&q, "UPDATE pin SET place = place + 1 WHERE ");
    put_owner(&q, &pins->owner);
    nst_sql_add(&q, " AND place >= ");
    nst_sql_bind(&q, NST_INT(place));
    NST_TRY(nst_sql_exec(NULL, rq->db, &q));
    return nst_exec_with(NULL, rq->db, "UPDATE pin SET place = $1 WHERE id = $2", NST_INT(place),
                         NST_INT(p->id));
}

static enum nst_err move_pin(struct nst_req *rq)
{
    struct pins *pins = new_pins(rq, owner_of(rq));
    struct pin_input *in = nst_row_new(rq, &ocl_pin);
    size_t place, to;
    NST_TRY(find(&place, pins, rq));
    in->order = (int64_t)place;
    NST_TRY(nst_bind(in, rq, &ocl_pin, NST_UPDATE));
    if (in->order < 0)
        return nst_fail(rq, NST_E_INVALID, "order", nst_str_z(nst_texts_of(rq->face)->invalid));
    to = in->order < (int64_t)pins->count ? (size_t)in->order : pins->count - 1;
    if (to != place) {
        size_t behind = to > place ? to + 1 : to;
        NST_TRY(move_before(rq, pins, &pins->one[place],
                            behind < pins->count ? &pins->one[behind] : NULL));
    }
    return show_pin(rq);
}

static enum nst_err remove_pin(struct nst_req *rq)
{
    struct pins *pins = new_pins(rq, owner_of(rq));
    size_t place;
    NST_TRY(find(&place, pins, rq));
    NST_TRY(
        nst_exec_with(NULL, rq->db, "DELETE FROM pin WHERE id = $1", NST_INT(pins->one[place].id)));
    return nst_answer_empty(rq, 204);
}

/* ---- Inside of a user (V214) ---- */

/* A page is being written: what is put behind it is taken away again. */
enum nst_err ocl_make_pins(struct nst_req *rq, const struct nst_shown *shown)
{
    for (size_t i = 0; i < shown->count; i++) {
        size_t before = rq->x->out.n;
        NST_TRY(put_pins(rq, new_pins(rq, user_as_owner(rq->arena, shown->row[i]))));
        struct nst_str all = nst_buf_str(&rq->x->out);
        shown->value[i] = nst_str_copy(rq->arena, nst_str_slice(all, before, all.n));
        rq->x->out.n = before;
    }
    return NST_OK;
}

/* ---- Tables ---- */

static const struct nst_field pin_field[] = {
    NST_FIELD("resource_type", pin_input, resource_type, &nst_text, .column = "", .max = 255,
              .doc = "Source or Organization."),
    NST_FIELD("resource_id", pin_input, resource_id, &nst_int, .column = "",
              .doc = "Number of what is pinned, its `uuid`."),
    NST_FIELD("order", pin_input, order, &nst_int, .column = "", .doc = "Place among the others."),
};

static const struct nst_serializer pin_serializer[] = {
    { V2, NST_CREATE, "resource_type* resource_id*" },
    { V2, NST_UPDATE, "order" },
};

#define NULLABLE_INT "{\"type\":[\"integer\",\"null\"]}"
#define PIN \
    "{\"type\":\"object\",\"required\":[\"id\",\"resource\",\"order\"],\"properties\":{" \
    "\"id\":{\"type\":\"integer\"},\"created_at\":{\"type\":\"string\",\"format\":" \
    "\"date-time\"},\"resource_uri\":{\"type\":\"string\"},\"user_id\":" NULLABLE_INT \
    ",\"organization_id\":" NULLABLE_INT ",\"resource\":{\"type\":\"object\"},\"uri\":{" \
    "\"type\":\"string\"},\"order\":{\"type\":\"integer\",\"minimum\":0}}}"
#define ERROR "{\"type\":\"object\"}"

static const struct nst_response list_response[] = {
    { 200, "The pins, in their order.", { .schema = "{\"type\":\"array\",\"items\":" PIN "}" } },
    { 0 },
};

static const struct nst_response pin_response[] = {
    { 200, "The pin.", { .schema = PIN } },
    { 0 },
};

static const struct nst_response adding_response[] = {
    { 201, "The new pin.", { .schema = PIN } },
    { 400, "A field is not right, or it is pinned already.", { .schema = ERROR } },
    { 404, "Four are pinned.", { .schema = ERROR } },
    { 0 },
};

static const struct nst_description listing = { .response = list_response };
static const struct nst_description showing = { .response = pin_response };
static const struct nst_description adding = {
    .request = { .schema = "{\"type\":\"object\",\"required\":[\"resource_type\",\"resource_id\"],"
                           "\"properties\":{\"resource_type\":{\"type\":\"string\"},"
                           "\"resource_id\":{\"type\":[\"integer\",\"string\"]}}}" },
    .response = adding_response,
};
static const struct nst_description moving = {
    .request = { .schema = "{\"type\":\"object\",\"properties\":{\"order\":{\"type\":"
                           "\"integer\",\"minimum\":0}}}" },
    .response = pin_response,
};

#define OWNER "/(orgs/:org|users/:user|user~user)/"

static const struct nst_route pin_route[] = {
    { V2, OWNER "pins/", .get = { list_pins, ocl_may_view_owner, .describe = &listing },
      .post = { add_pin, ocl_has_ownership, .describe = &adding },
      .doc = "What an owner has put first." },
    { V2, OWNER "pins/:pin?/", .get = { show_pin, ocl_may_view_owner, .describe = &showing },
      .put = { move_pin, ocl_has_ownership, .describe = &moving },
      .delete = { remove_pin, ocl_has_ownership, .describe = &nst_answers_nothing },
      .doc = "One of them." },
};

const struct nst_resource ocl_pin = {
    .name = "pin",
    .size = sizeof(struct pin_input),
    NST_FIELDS(pin_field),
    NST_SERIALIZERS(pin_serializer),
    NST_ROUTES(pin_route),
    .doc = "What an owner has put first.",
};
