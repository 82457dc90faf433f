/* Writing content: every write closes the present version at the source's next revision and
 * opens another. */
#include "content.h"

#include "tombstone.h"

static const struct ocl_kind *kind_of(const struct nst_req *rq)
{
    return rq->action->arg;
}

/* What every new version has, the first one included. */
static void open_version(struct ocl_content *c, const struct ocl_change *change, int64_t previous)
{
    c->rev_from = change->rev;
    c->version_created_at = change->at;
    c->rev_to = OCL_OPEN;
    c->previous_id = previous;
}

static void seal(struct nst_req *rq, const struct ocl_kind *kind, struct ocl_content *c)
{
    const struct ocl_checksums sums = kind->sums(rq, c);
    c->standard_checksum = sums.standard;
    c->smart_checksum = sums.smart;
}

/* Complete what follows from what was given, before it is stored. */
static enum nst_err settle(struct nst_req *rq, const struct ocl_kind *kind, struct ocl_content *c)
{
    if (kind->settle != NULL)
        NST_TRY(kind->settle(rq, c));
    if (!c->retired)
        c->retire_reason = (struct nst_str){ 0 };
    seal(rq, kind, c);
    return NST_OK;
}

/* Numbers for the thing and its first version. */
static struct ocl_delta opened(const struct ocl_kind *kind, const struct ocl_content *c)
{
    return (struct ocl_delta){ .numbers = 2, .kind = kind, .next = c };
}

static enum nst_err follow(struct nst_req *rq, const struct ocl_kind *kind, int64_t rev,
                           const void *row, const void *former)
{
    return kind->follow != NULL ? kind->follow(rq, rev, row, former) : NST_OK;
}

/* The present version of the thing with that code; NULL when there is none. */
static enum nst_err find_stored(struct ocl_content **stored, struct nst_req *rq,
                                const struct ocl_kind *kind, struct nst_str id)
{
    const char *t = kind->resource->table;
    struct nst_sql q;
    *stored = NULL;
    if (id.p == NULL)
        return NST_OK;
    nst_sql_init(&q, rq->arena);
    NST_TRY(ocl_present_scope(&q, rq, nst_ancestor(rq, "source"), t));
    nst_sql_addf(&q, " AND %s.mnemonic = ", t);
    nst_sql_bind(&q, NST_TEXT(id));
    return nst_load_where((void **)stored, rq, kind->resource, NST_LOAD_ALL, &q);
}

/* V238: as the source says, else its number, or the next one that nobody took for an id. */
static enum nst_err give_id(struct nst_req *rq, const struct ocl_kind *kind, struct ocl_content *c)
{
    struct ocl_content *other = NULL;
    NST_TRY(ocl_give_id(&c->id, rq, kind, &kind->id));
    for (int64_t n = c->object_id; c->id.p == NULL; n++) {
        struct nst_str id = nst_strf(rq->arena, "%lld", (long long)n);
        NST_TRY(find_stored(&other, rq, kind, id));
        if (other == NULL)
            c->id = id;
    }
    return NST_OK;
}

enum nst_err ocl_content_open(struct nst_req *rq, const struct ocl_kind *kind, void *row)
{
    struct ocl_content *c = row;
    const struct ocl_source *s = nst_ancestor(rq, "source")->row;
    struct ocl_change change = { 0 };
    c->repo_id = s->row.id;
    c->source = s->id;
    c->owner_url = s->owner_url;
    c->version_created_by = rq->caller.id;
    NST_TRY(ocl_give_id(&c->external_id, rq, kind, &kind->external_id));
    NST_TRY(settle(rq, kind, c));
    const struct ocl_delta delta = opened(kind, c);
    NST_TRY(ocl_advance(&change, rq, s->row.id, &delta));
    c->object_id = change.number;
    c->row.id = change.number + 1;
    c->created_at = change.at;
    c->created_by = rq->caller.id;
    open_version(c, &change, 0);
    return give_id(rq, kind, c);
}

enum nst_err ocl_content_opened(struct nst_req *rq, const struct ocl_kind *kind, const void *row)
{
    return follow(rq, kind, ((const struct ocl_content *)row)->rev_from, row, NULL);
}

enum nst_err ocl_content_create(struct nst_req *rq)
{
    enum nst_err of_list = kind_of(rq)->of_list;
    return rq->body->kind == NST_JSON_ARRAY && of_list != NST_OK ? of_list : nst_create(rq);
}

bool ocl_is_copying(struct nst_req *rq)
{
    return rq->face == IMPORT && nst_query_is_true(rq, OCL_IMPORT_COPIES);
}

/* ---- Updating ---- */

static enum nst_err close_version(struct nst_req *rq, const struct ocl_kind *kind,
                                  const struct ocl_content *c, int64_t rev)
{
    struct nst_sql q;
    nst_sql_init(&q, rq->arena);
    nst_sql_addf(&q, "UPDATE %s SET rev_to = ", kind->resource->table);
    nst_sql_bind(&q, NST_INT(rev));
    nst_sql_add(&q, " WHERE repo_id = ");
    nst_sql_bind(&q, NST_INT(c->repo_id));
    nst_sql_add(&q, " AND id = ");
    nst_sql_bind(&q, NST_INT(c->row.id));
    return nst_sql_exec(NULL, rq->db, &q);
}

/* Close the version that `next` was made from and store `next` in its place. The source is
 * held, so that nobody came between. */
static enum nst_err store_next(struct nst_req *rq, const struct ocl_kind *kind,
                               struct ocl_content *next, const struct ocl_content *former)
{
    const struct ocl_delta delta = { .numbers = 1, kind, former, next };
    struct ocl_change change = { 0 };
    next->version_created_by = rq->caller.id;
    NST_TRY(ocl_advance(&change, rq, next->repo_id, &delta));
    NST_TRY(close_version(rq, kind, former, change.rev));
    next->row.id = change.number;
    open_version(next, &change, former->row.id);
    NST_TRY(nst_insert(rq, kind->resource, next));
    return follow(rq, kind, change.rev, next, former);
}

enum nst_err ocl_content_store(struct nst_req *rq, const struct ocl_kind *kind, void *next,
                               const void *former)
{
    NST_TRY(settle(rq, kind, next));
    return store_next(rq, kind, next, former);
}

/* The next version before it differs; why the former one was made is told by that alone. */
static void *next_of(struct nst_req *rq, const struct ocl_kind *kind, const void *row)
{
    struct ocl_content *next = nst_row_copy(rq->arena, kind->resource, row);
    next->update_comment = (struct nst_str){ 0 };
    next->former = row;
    return next;
}

enum nst_err ocl_content_begin_other(void **next, void **stored, struct nst_req *rq,
                                     const struct ocl_kind *kind, struct nst_str id)
{
    struct ocl_content *found;
    NST_TRY(find_stored(&found, rq, kind, id));
    *stored = found;
    *next = found != NULL ? next_of(rq, kind, found) : NULL;
    return NST_OK;
}

enum nst_err ocl_content_end_other(struct nst_req *rq, const struct ocl_kind *kind, void *next,
                                   const void *stored)
{
    seal(rq, kind, next);
    return store_next(rq, kind, next, stored);
}

/* The path may go on behind the thing, which is not whole then. */
enum nst_err ocl_content_begin(void **next, void **stored, struct nst_req *rq,
                               const struct ocl_kind *kind)
{
    const struct nst_row *row = nst_object(rq)->row;
    NST_TRY(nst_load_id(stored, rq, kind->resource, NST_LOAD_ALL, row->id));
    if (*stored == NULL)
        return NST_E_NOT_FOUND;
    *next = next_of(rq, kind, *stored);
    return NST_OK;
}

/* Both settled: what says the same has the same standard checksum (V404). */
static bool is_same(const struct ocl_content *next, const struct ocl_content *stored)
{
    return nst_str_eq(next->standard_checksum, stored->standard_checksum);
}

/* Extras beside it: keys that begin with two underscores count for no checksum (V404). */
static enum nst_err has_same_extras(bool *out, struct nst_req *rq, const struct ocl_content *c,
                                    const struct ocl_content *stored)
{
    struct nst_json *before, *after;
    NST_TRY(nst_json_read(&before, NULL, rq->arena, stored->extras, &ocl_stored_limits));
    NST_TRY(nst_json_read(&after, NULL, rq->arena, c->extras, &ocl_stored_limits));
    *out = nst_json_equal(before, after);
    return NST_OK;
}

#define UNCHANGED "No changes detected. Standard checksum is same as last version."

enum nst_err ocl_content_unchanged(struct nst_req *rq)
{
    nst_put_lit(&rq->x->out, "{\"__all__\":[\"" UNCHANGED "\"]}");
    return nst_answer_json(rq, 208);
}

enum nst_err ocl_content_end(bool *changed, struct nst_req *rq, const struct ocl_kind *kind,
                             void *next, const void *stored)
{
    NST_TRY(settle(rq, kind, next));
    *changed = !ocl_face_of(rq)->tells_unchanged || !is_same(next, stored);
    return *changed ? store_next(rq, kind, next, stored) : ocl_content_unchanged(rq);
}

/* G125 */
static enum nst_err gone(struct nst_req *rq, const struct ocl_kind *kind, const char *verb)
{
    return nst_fail_bare(rq, NST_E_NOT_FOUND, "non_field_errors",
                         nst_strf(rq->arena, "Could not find %s to %s", kind->noun, verb));
}

/* V247: a list that PUT leaves out is given as an empty one. */
static void empty_lists(struct nst_req *rq, const struct ocl_kind *kind)
{
    for (const char *const *name = kind->lists; name != NULL && *name != NULL; name++) {
        if (rq->body->kind != NST_JSON_OBJECT || nst_body_member(rq, *name) != NULL)
            continue;
        struct nst_json *list = NST_NEW(rq->arena, struct nst_json);
        *list = (struct nst_json){ .kind = NST_JSON_ARRAY,
                                   .name = nst_str_z(*name),
                                   .next = rq->body->first };
        rq->body->first = list;
        rq->body->count++;
    }
}

enum nst_err ocl_content_update(struct nst_req *rq)
{
    const struct ocl_kind *kind = kind_of(rq);
    const struct ocl_content *stored = nst_object(rq)->row;
    bool changed;
    if (stored == NULL)
        return gone(rq, kind, "update");
    struct ocl_content *next = next_of(rq, kind, stored);
    if (ocl_face_of(rq)->replaces_lists && rq->method == NST_PUT)
        empty_lists(rq, kind);
    NST_TRY(nst_bind(next, rq, kind->resource, NST_UPDATE));
    NST_TRY(ocl_content_end(&changed, rq, kind, next, stored));
    return changed ? nst_answer_row(rq, kind->resource, next->row.id, 200) : NST_OK;
}

/* Keys that no checksum counts are kept as well. */
enum nst_err ocl_content_store_extras(struct nst_req *rq, const struct ocl_kind *kind,
                                      const void *row)
{
    struct ocl_content *next, *stored;
    bool has_same;
    NST_TRY(ocl_content_begin((void **)&next, (void **)&stored, rq, kind));
    next->extras = ((const struct ocl_content *)row)->extras;
    NST_TRY(has_same_extras(&has_same, rq, next, stored));
    return has_same ? ocl_content_unchanged(rq) : ocl_content_store(rq, kind, next, stored);
}

/* ---- Retiring and bringing back ---- */

static enum nst_err retire(struct nst_req *rq, const struct ocl_retirement *why)
{
    const struct ocl_kind *kind = kind_of(rq);
    const struct ocl_content *stored = nst_object(rq)->row;
    if (stored->retired)
        return nst_fail_bare(rq, NST_E_INVALID, "__all__",
                             nst_strf(rq->arena, "%s is already retired", kind->word));
    struct ocl_content *next = next_of(rq, kind, stored);
    next->retired = true;
    next->retire_reason = why->retire_reason;
    next->update_comment = why->update_comment.n > 0
                               ? why->update_comment
                               : nst_strf(rq->arena, "%s was retired", kind->word);
    NST_TRY(ocl_content_store(rq, kind, next, stored));
    return nst_answer_empty(rq, 204);
}

enum nst_err ocl_content_retire(struct nst_req *rq)
{
    const struct ocl_retirement why = { 0 };
    return nst_object(rq)->row != NULL ? retire(rq, &why) : gone(rq, kind_of(rq), "retire");
}

enum nst_err ocl_content_reactivate(struct nst_req *rq)
{
    const struct ocl_kind *kind = kind_of(rq);
    struct ocl_content *stored, *next;
    NST_TRY(ocl_content_begin((void **)&next, (void **)&stored, rq, kind));
    if (!stored->retired)
        return nst_fail_bare(rq, NST_E_INVALID, "__all__",
                             nst_strf(rq->arena, "%s is already not retired", kind->word));
    next->retired = false;
    next->retire_reason = (struct nst_str){ 0 };
    next->update_comment = nst_strf(rq->arena, "%s was un-retired", kind->word);
    NST_TRY(ocl_content_store(rq, kind, next, stored));
    return nst_answer_empty(rq, 204);
}

/* ---- Erasing (V249) ---- */

/* Conditions that name all versions of a thing; the code is there for the index alone. */
static void put_all_versions(struct nst_sql *q, const struct ocl_kind *kind,
                             const struct ocl_content *c)
{
    nst_sql_add(q, " WHERE repo_id = ");
    nst_sql_bind(q, NST_INT(c->repo_id));
    nst_sql_add(q, " AND mnemonic = ");
    nst_sql_bind(q, NST_TEXT(c->id));
    nst_sql_addf(q, " AND %s = ", kind->object);
    nst_sql_bind(q, NST_INT(c->object_id));
}

enum nst_err ocl_content_is_released(bool *out, struct nst_req *rq, const struct ocl_kind *kind,
                                     const struct ocl_content *c)
{
    struct nst_sql q;
    nst_sql_init(&q, rq->arena);
    nst_sql_addf(&q, "SELECT 1 FROM (SELECT rev_from, rev_to FROM %s", kind->resource->table);
    put_all_versions(&q, kind, c);
    nst_sql_add(&q, ") c JOIN repo_version v ON v.rev >= c.rev_from AND v.rev < c.rev_to "
                    "WHERE v.is_active AND v.mnemonic <> 'INITIAL' AND v.repo_id = ");
    nst_sql_bind(&q, NST_INT(c->repo_id));
    return nst_exists(out, rq->db, nst_buf_str(&q.text), q.bound, q.count);
}

/* The revision that it came with. */
static enum nst_err find_first(int64_t *rev, struct nst_req *rq, const struct ocl_kind *kind,
                               const struct ocl_content *c)
{
    struct nst_sql q;
    nst_sql_init(&q, rq->arena);
    nst_sql_addf(&q, "SELECT min(rev_from) FROM %s", kind->resource->table);
    put_all_versions(&q, kind, c);
    return nst_sql_int(rev, NULL, rq->db, &q);
}

/* What is left of it is a tombstone, which has a number as rows have. */
enum nst_err ocl_content_erase(struct nst_req *rq, const struct ocl_kind *kind,
                               const struct ocl_content *c)
{
    const struct ocl_delta delta = { .numbers = 1, .kind = kind, .former = c };
    struct ocl_change change;
    struct nst_sql q;
    int64_t made_rev;
    NST_TRY(find_first(&made_rev, rq, kind, c));
    nst_sql_init(&q, rq->arena);
    nst_sql_addf(&q, "DELETE FROM %s", kind->resource->table);
    put_all_versions(&q, kind, c);
    NST_TRY(nst_sql_exec(NULL, rq->db, &q));
    NST_TRY(ocl_advance(&change, rq, c->repo_id, &delta));
    NST_TRY(ocl_bury(rq, kind, c, made_rev, &change));
    return follow(rq, kind, change.rev, NULL, c);
}

/* As erasing it, but that what it was stays for whoever asks for a version that has it. */
static enum nst_err leave(struct nst_req *rq, const struct ocl_kind *kind,
                          const struct ocl_content *c)
{
    const struct ocl_delta delta = { .numbers = 1, .kind = kind, .former = c };
    struct ocl_change change;
    int64_t made_rev;
    NST_TRY(find_first(&made_rev, rq, kind, c));
    NST_TRY(ocl_advance(&change, rq, c->repo_id, &delta));
    NST_TRY(close_version(rq, kind, c, change.rev));
    NST_TRY(ocl_bury(rq, kind, c, made_rev, &change));
    NST_TRY(follow(rq, kind, change.rev, NULL, c));
    return nst_answer_empty(rq, 204);
}

enum nst_err ocl_content_discard(struct nst_req *rq)
{
    const struct ocl_content *stored = nst_object(rq)->row;
    if (ocl_is_copying(rq))
        return leave(rq, kind_of(rq), stored);
    return stored->retired ? nst_answer_empty(rq, 208) : ocl_content_retire(rq);
}

enum nst_err ocl_content_remove(struct nst_req *rq)
{
    const struct ocl_kind *kind = kind_of(rq);
    const struct ocl_content *c = nst_object(rq)->row;
    struct ocl_retirement *why = nst_row_new(rq, &ocl_retirement);
    bool is_held = false;
    NST_TRY(nst_bind(why, rq, &ocl_retirement, NST_CREATE));
    if (!ocl_wants_purge(rq))
        return retire(rq, why);
    if (kind->may_erase != NULL)
        NST_TRY(kind->may_erase(rq));
    NST_TRY(ocl_content_is_released(&is_held, rq, kind, c));
    if (is_held)
        return nst_fail_bare(rq, NST_E_CONFLICT, "detail",
                             nst_strf(rq->arena,
                                      "%s cannot be hard deleted because it belongs to a source "
                                      "version.",
                                      kind->word));
    NST_TRY(ocl_content_erase(rq, kind, c));
    return nst_answer_empty(rq, 204);
}

/* ---- What is said of these views ---- */

static const struct nst_response updating_response[] = {
    { 208,
      "Nothing changes: no version was made.",
      { .schema = "{\"type\":\"object\",\"required\":[\"__all__\"],\"properties\":{"
                  "\"__all__\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}}}}" } },
    { 0 },
};

#define NULLABLE_TEXT "{\"type\":[\"string\",\"null\"],\"maxLength\":65535}"

const struct nst_description ocl_content_creation = { .as = nst_create };
const struct nst_description ocl_content_updating = { .as = nst_update,
                                                      .response = updating_response };
const struct nst_description ocl_content_removal = {
    .as = nst_destroy,
    .request = { .schema = "{\"type\":\"object\",\"properties\":{"
                           "\"update_comment\":" NULLABLE_TEXT ",\"comment\":" NULLABLE_TEXT
                           ",\"retire_reason\":" NULLABLE_TEXT "}}",
                 .is_optional = true },
    .parameter = ocl_purge_parameter,
};
const struct nst_description ocl_content_return = { .as = nst_destroy };

/* What the body of a retirement says. */
static const struct nst_field retirement_field[] = {
    NST_FIELD("update_comment", ocl_retirement, update_comment, &nst_text, .column = "",
              .doc = "Why it changed."),
    NST_FIELD("retire_reason", ocl_retirement, retire_reason, &nst_text, .column = "",
              .doc = "Why it retired."),
};

static const struct nst_rule retirement_rule[] = { { "update_comment", .alias = "comment" },
                                                   { 0 } };

static const struct nst_serializer retirement_serializer[] = {
    { V2, NST_CREATE, "update_comment retire_reason", .rules = retirement_rule },
};

const struct nst_resource ocl_retirement = {
    .name = "retirement",
    .size = sizeof(struct ocl_retirement),
    NST_FIELDS(retirement_field),
    NST_SERIALIZERS(retirement_serializer),
    .doc = "Why something is retired.",
};

/* ---- Lines of an import: create, replace, or leave alone ---- */

static enum nst_err import_existing(struct nst_req *rq, const struct ocl_kind *kind,
                                    const struct ocl_content *stored)
{
    struct ocl_content *next = next_of(rq, kind, stored);
    if (nst_query_is_true(rq, OCL_IMPORT_KEEPS))
        return nst_answer_empty(rq, OCL_IMPORT_KEPT);
    NST_TRY(nst_bind(next, rq, kind->resource, NST_UPDATE));
    NST_TRY(settle(rq, kind, next));
    if (is_same(next, stored))
        return nst_answer_empty(rq, 208);
    NST_TRY(store_next(rq, kind, next, stored));
    return nst_answer_empty(rq, 200);
}

/* A line that could not make a thing may still change one. */
static enum nst_err import_partial(struct nst_req *rq, const struct ocl_kind *kind,
                                   struct nst_str id)
{
    struct ocl_content *stored;
    NST_TRY(find_stored(&stored, rq, kind, id));
    if (stored == NULL)
        return NST_E_INVALID;
    rq->problem = NULL;
    return import_existing(rq, kind, stored);
}

/* A line that would be given a number for nothing: nothing would give it back. */
static bool wastes_id(struct nst_req *rq, const struct ocl_kind *kind, const struct ocl_content *c)
{
    return c->id.p != NULL && c->external_id.p == NULL && ocl_counts_ids(rq, &kind->external_id);
}

static enum nst_err answer_made(struct nst_req *rq, const struct ocl_kind *kind, const void *row)
{
    NST_TRY(ocl_content_opened(rq, kind, row));
    return nst_answer_empty(rq, 201);
}

/* Most lines are new: the insert tells by itself when one is not, and its counts are taken
 * back. One that clashes and yet is not to be found went in between: it is tried again, and is
 * that line's failure when it clashes once more, never that of the run. */
static enum nst_err import_new(struct nst_req *rq, const struct ocl_kind *kind,
                               struct ocl_content *c)
{
    struct ocl_content *stored;
    bool inserted = false;
    for (int attempt = 0; attempt < 2; attempt++) {
        NST_TRY(ocl_content_open(rq, kind, c));
        const struct ocl_delta delta = opened(kind, c);
        NST_TRY(nst_insert_unless_there(&inserted, rq, kind->resource, c,
                                        "(repo_id, mnemonic, rev_to)"));
        if (inserted)
            return answer_made(rq, kind, c);
        NST_TRY(ocl_take_back(rq, c->repo_id, &delta));
        NST_TRY(find_stored(&stored, rq, kind, c->id));
        if (stored != NULL)
            return import_existing(rq, kind, stored);
    }
    return nst_fail_duplicate(rq, kind->resource, NST_CREATE, c);
}

/* The line in the place of what is there: made as something new is, but that it goes on with it. */
static enum nst_err import_copy(struct nst_req *rq, const struct ocl_kind *kind,
                                struct ocl_content *c)
{
    struct ocl_content *stored;
    NST_TRY(find_stored(&stored, rq, kind, c->id));
    if (stored == NULL)
        return import_new(rq, kind, c);
    c->repo_id = stored->repo_id;
    c->object_id = stored->object_id;
    c->created_at = stored->created_at;
    c->created_by = stored->created_by;
    c->source = stored->source;
    c->owner_url = stored->owner_url;
    c->former = stored;
    if (kind->carry != NULL)
        kind->carry(c, stored);
    bool has_same;
    NST_TRY(settle(rq, kind, c));
    NST_TRY(has_same_extras(&has_same, rq, c, stored));
    if (has_same && is_same(c, stored))
        return nst_answer_empty(rq, 208);
    NST_TRY(store_next(rq, kind, c, stored));
    return nst_answer_empty(rq, 200);
}

enum nst_err ocl_content_import(struct nst_req *rq)
{
    const struct ocl_kind *kind = kind_of(rq);
    struct ocl_content *c = nst_row_new(rq, kind->resource), *stored;
    bool copies = ocl_is_copying(rq);
    if (nst_bind(c, rq, kind->resource, NST_CREATE) != NST_OK)
        return copies ? NST_E_INVALID : import_partial(rq, kind, c->id);
    if (copies)
        return import_copy(rq, kind, c);
    if (c->id.p == NULL && kind->name != NULL)
        NST_TRY(kind->name(rq, c));
    if (wastes_id(rq, kind, c)) {
        NST_TRY(find_stored(&stored, rq, kind, c->id));
        if (stored != NULL)
            return import_existing(rq, kind, stored);
    }
    return import_new(rq, kind, c);
}
