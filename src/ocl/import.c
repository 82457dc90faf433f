/* Imports: a line becomes a request of the import face, so that validation,
 * rights and storage are those of every other request. */
#include "import.h"

#include "app.h"

#include <assert.h>

static const char *const word[OCL_OUTCOME_COUNT] = {
#define X(name, text) text,
    OCL_OUTCOMES(X)
#undef X
};

const char *ocl_outcome_word(enum ocl_outcome outcome)
{
    return word[outcome];
}

bool ocl_outcome_is_error(enum ocl_outcome outcome)
{
    return outcome >= OCL_INVALID;
}

/* A kind of line: where it is posted, and whether an existing one is left alone. */
struct kind {
    const char *type, *below;
    bool has_owner, has_source, keeps_existing;
};

static const struct kind kinds[] = {
    { "Organization", "/orgs/", false, false, true },
    { "Source", "sources/", true, false, true },
    { "Source Version", "versions/", true, true, true },
    { "Concept", "concepts/", true, true, false },
};

static struct nst_str text_of(const struct nst_json *line, const char *name)
{
    const struct nst_json *v = nst_json_get(line, nst_str_z(name));
    return v != NULL && v->kind == NST_JSON_STRING ? v->text : (struct nst_str){ 0 };
}

static void put_segment(struct nst_buf *path, struct nst_str id)
{
    nst_put_percent(path, id, "");
    nst_put_char(path, '/');
}

/* The list that the line belongs to; a sentence when it cannot be told. */
static const char *make_path(struct nst_buf *path, const struct kind *k,
                             const struct nst_json *line)
{
    struct nst_str owner = text_of(line, "owner"), source = text_of(line, "source");
    struct nst_str owner_type = text_of(line, "owner_type");
    if (k->has_owner) {
        if (owner.n == 0)
            return "\"owner\" should be present in each line";
        bool is_user = nst_str_eq_nocase(owner_type, NST_STR("User"));
        if (!is_user && owner_type.n > 0 && !nst_str_eq_nocase(owner_type, NST_STR("Organization")))
            return "\"owner_type\" should be Organization or User";
        nst_put_z(path, is_user ? "/users/" : "/orgs/");
        put_segment(path, owner);
    }
    if (k->has_source) {
        if (source.n == 0)
            return "\"source\" should be present in each line";
        nst_put_lit(path, "sources/");
        put_segment(path, source);
    }
    nst_put_z(path, k->below);
    return NULL;
}

static const struct kind *kind_of(struct nst_str type)
{
    for (size_t i = 0; i < NST_COUNT(kinds); i++)
        if (nst_str_eq(nst_str_z(kinds[i].type), type))
            return &kinds[i];
    return NULL;
}

static enum nst_err say(enum ocl_outcome *outcome, struct nst_str *detail, struct nst_arena *a,
                        const char *key, struct nst_str text)
{
    struct nst_buf b;
    nst_buf_init(&b, a, 65536);
    nst_putf(&b, "{\"%s\":", key);
    nst_json_put_str(&b, text);
    nst_put_char(&b, '}');
    *outcome = OCL_INVALID;
    *detail = nst_buf_str(&b);
    return NST_OK;
}

/* One request of the import face. */
static enum nst_err call(struct nst_req *rq, struct ocl_importer *im, struct nst_db *db)
{
    *rq = (struct nst_req){ .arena = im->arena,
                            .x = NST_NEW(im->arena, struct nst_exchange),
                            .registry = im->registry,
                            .db = db,
                            .caller = im->caller };
    rq->x->arena = im->arena;
    return NST_OK;
}

static bool spoils(enum nst_err e)
{
    return nst_err_status(e) >= 500;
}

static enum nst_err exists(bool *out, struct ocl_importer *im, struct nst_db *db,
                           struct nst_str list, struct nst_str id)
{
    struct nst_req rq;
    struct nst_buf path;
    nst_buf_init(&path, im->arena, 65536);
    nst_put(&path, list.p != NULL && nst_str_ends(list, NST_STR("versions/"))
                       ? nst_str_slice(list, 0, list.n - 9)
                       : list);
    put_segment(&path, id);
    NST_TRY(call(&rq, im, db));
    enum nst_err e = nst_call(&rq, &ocl_import.face, NST_GET, nst_buf_str(&path), NULL);
    *out = e == NST_OK && rq.x->status == 200;
    return spoils(e) ? e : NST_OK;
}

static enum ocl_outcome outcome_of(enum nst_err e, unsigned status)
{
    if (e == NST_E_FORBIDDEN || e == NST_E_UNAUTHENTICATED)
        return OCL_DENIED;
    if (e != NST_OK)
        return OCL_INVALID;
    if (status == 208)
        return OCL_UNCHANGED;
    return status == 201 ? OCL_CREATED : OCL_UPDATED;
}

static enum nst_err post(enum ocl_outcome *outcome, struct nst_str *detail, struct ocl_importer *im,
                         struct nst_db *db, struct nst_str path, struct nst_json *line)
{
    struct nst_req rq;
    NST_TRY(nst_savepoint(db));
    NST_TRY(call(&rq, im, db));
    enum nst_err e = nst_call(&rq, &ocl_import.face, NST_POST, path, line);
    if (spoils(e))
        return e;
    NST_TRY(e == NST_OK ? nst_savepoint_release(db) : nst_savepoint_rollback(db));
    *outcome = outcome_of(e, rq.x->status);
    *detail = e == NST_OK ? NST_STR("") : nst_buf_str(&rq.x->out);
    return NST_OK;
}

enum nst_err ocl_import_line(enum ocl_outcome *outcome, struct nst_str *detail,
                             struct ocl_importer *im, struct nst_db *db, struct nst_json *line)
{
    struct nst_buf path;
    struct nst_str type = text_of(line, "type");
    *detail = NST_STR("");
    if (type.n == 0)
        return say(outcome, detail, im->arena, "type",
                   NST_STR("\"type\" should be present in each line"));
    const struct kind *k = kind_of(type);
    if (k == NULL)
        return say(outcome, detail, im->arena, "type",
                   nst_strf(im->arena, "\"%.*s\" lines cannot be imported.", NST_FMT(type)));
    if (nst_json_get(line, NST_STR("__action")) != NULL)
        return say(outcome, detail, im->arena, "__action", NST_STR("Lines can only add."));
    nst_buf_init(&path, im->arena, 65536);
    const char *fault = make_path(&path, k, line);
    if (fault != NULL)
        return say(outcome, detail, im->arena, "detail", nst_str_z(fault));
    bool is_there = false;
    struct nst_str id = text_of(line, "id");
    if (k->keeps_existing && id.n > 0)
        NST_TRY(exists(&is_there, im, db, nst_buf_str(&path), id));
    if (is_there) {
        *outcome = OCL_EXISTS;
        return NST_OK;
    }
    return post(outcome, detail, im, db, nst_buf_str(&path), line);
}

/* ---- Over HTTP: a batch of lines in one request ---- */

static enum nst_err put_result(struct nst_req *rq, enum ocl_outcome outcome, struct nst_str detail)
{
    struct nst_buf *out = &rq->x->out;
    if (out->p[out->n - 1] != '[')
        nst_put_char(out, ',');
    nst_putf(out, "{\"outcome\":\"%s\"", word[outcome]);
    if (detail.n > 0) {
        nst_put_lit(out, ",\"errors\":");
        nst_put(out, detail);
    }
    nst_put_char(out, '}');
    return out->is_full ? NST_E_INTERNAL : NST_OK;
}

#define LINES_MAX 1000

static enum nst_err import_lines(struct nst_req *rq)
{
    struct nst_json *lines = nst_json_get(rq->body, NST_STR("lines"));
    if (lines == NULL || lines->kind != NST_JSON_ARRAY)
        return nst_fail(rq, NST_E_INVALID, "lines", NST_STR("A list of lines is required."));
    if (lines->count > LINES_MAX)
        return nst_fail(rq, NST_E_INVALID, "lines", NST_STR("At most 1000 lines in a request."));
    bool is_trial = nst_query_is_true(rq, "dryRun");
    struct ocl_importer im = { rq->registry, rq->caller, nst_arena_new(65536) };
    nst_arena_defer(rq->arena, (nst_cleanup *)nst_arena_free, im.arena);
    NST_TRY(nst_savepoint(rq->db));
    nst_put_lit(&rq->x->out, "{\"results\":[");
    for (struct nst_json *line = lines->first; line != NULL; line = line->next) {
        enum ocl_outcome outcome;
        struct nst_str detail;
        NST_TRY(ocl_import_line(&outcome, &detail, &im, rq->db, line));
        NST_TRY(put_result(rq, outcome, detail));
        nst_arena_reset(im.arena);
    }
    nst_put_lit(&rq->x->out, "]}");
    NST_TRY(is_trial ? nst_savepoint_rollback(rq->db) : nst_savepoint_release(rq->db));
    return nst_answer_json(rq, 200);
}

#define LINES_BODY_MAX ((size_t)16 << 20)

static const struct nst_route import_route[] = {
    { GUIDE, "/importers/lines/", .post = { import_lines, ocl_any_token },
      .body_limit = LINES_BODY_MAX,
      .doc = "Import up to 1000 lines; answers the outcome of each. `dryRun=true` stores nothing." },
};

static const struct nst_field import_field[] = {
    NST_CHILD("lines", &nst_json_value, .doc = "Lines in the form of the bulk import."),
};

const struct nst_resource ocl_import_batch = {
    .name = "import",
    NST_FIELDS(import_field),
    NST_ROUTES(import_route),
    .doc = "Lines on their way into the store.",
};
