/* Imports: a line becomes a request of the import face, so that validation,
 * rights and storage are those of every other request. */
#include "import.h"

#include "content/content.h"

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

/* A kind of line: where it is posted, whether an existing one is left alone, and its turn:
 * what others lie in comes first (V610). */
struct kind {
    const char *type, *below;
    bool has_owner, has_source, keeps_existing;
    unsigned turn;
};

static const struct kind kinds[] = {
    { "Organization", "/orgs/", false, false, true, 0 },
    { "Source", "sources/", true, false, true, 1 },
    { "Source Version", "versions/", true, true, true, OCL_IMPORT_TURNS - 1 },
    { "Concept", "concepts/", true, true, false, OCL_IMPORT_TURNS - 1 },
    { "Mapping", "mappings/", true, true, false, OCL_IMPORT_TURNS - 1 },
};

static struct nst_str text_of(const struct nst_json *line, const char *name)
{
    const struct nst_json *v = nst_json_get(line, nst_str_z(name));
    return v != NULL && v->kind == NST_JSON_STRING ? v->text : (struct nst_str){ 0 };
}

/* V609: a number names a row as its text. Null when it is left out; *is_wrong for what can
 * be no name. */
static struct nst_str name_of(bool *is_wrong, const struct nst_json *line, const char *name)
{
    const struct nst_json *v = nst_json_get(line, nst_str_z(name));
    if (v == NULL || v->kind == NST_JSON_NULL)
        return (struct nst_str){ 0 };
    *is_wrong |= (v->kind != NST_JSON_STRING && v->kind != NST_JSON_NUMBER) || v->has_surrogate;
    return v->text;
}

static void put_segment(struct nst_buf *path, struct nst_str id)
{
    nst_put_percent(path, id, "");
    nst_put_char(path, '/');
}

/* One that two words make, "/orgs/WHO/"; false for any other. */
static bool put_address(struct nst_buf *path, struct nst_str url)
{
    struct nst_str rest = nst_str_slice(url, 1, url.n), kind = nst_str_cut(&rest, '/');
    struct nst_str id = rest.p != NULL ? nst_str_cut(&rest, '/') : rest;
    bool is_user = nst_str_eq(kind, NST_STR("users"));
    if ((!is_user && !nst_str_eq(kind, NST_STR("orgs"))) || !nst_str_is_segment(id) || rest.n > 0)
        return false;
    nst_put_z(path, is_user ? "/users/" : "/orgs/");
    put_segment(path, id);
    return true;
}

/* An owner by its id and kind, or (V609) by its address. NULL, or what is wrong. */
static const char *put_owner(struct nst_buf *path, const char **key, const struct nst_json *line)
{
    bool is_wrong = false;
    struct nst_str owner = name_of(&is_wrong, line, "owner"), type = text_of(line, "owner_type");
    *key = "owner";
    if (is_wrong)
        return ocl_import.face.text->invalid;
    if (nst_str_starts(owner, NST_STR("/")))
        return put_address(path, owner) ? NULL : "This is no address of an owner.";
    *key = "detail";
    if (owner.n == 0)
        return "\"owner\" should be present in each line";
    bool is_user = nst_str_eq_nocase(type, NST_STR("User"));
    if (!is_user && type.n > 0 && !nst_str_eq_nocase(type, NST_STR("Organization")))
        return "\"owner_type\" should be Organization or User";
    nst_put_z(path, is_user ? "/users/" : "/orgs/");
    put_segment(path, owner);
    return NULL;
}

/* The same of a source, of which the owner's members are not asked where it has an address. */
static const char *put_source(struct nst_buf *path, const char **key, struct nst_arena *a,
                              const struct nst_json *line)
{
    bool is_wrong = false;
    struct nst_req rq = { .arena = a };
    struct nst_str source = name_of(&is_wrong, line, "source");
    struct ocl_address at;
    const char *fault = NULL;
    *key = "source";
    if (is_wrong)
        return ocl_import.face.text->invalid;
    if (nst_str_starts(source, NST_STR("/"))) {
        bool is_source = ocl_read_address(&at, &rq, source) && at.code.p == NULL;
        nst_put(path, is_source ? at.source_url : NST_STR(""));
        return is_source ? NULL : "This is no address of a source.";
    }
    fault = put_owner(path, key, line);
    if (fault != NULL)
        return fault;
    *key = "detail";
    if (source.n == 0)
        return "\"source\" should be present in each line";
    nst_put_lit(path, "sources/");
    put_segment(path, source);
    return NULL;
}

/* The list that the line belongs to; a sentence when it cannot be told, and which member
 * of the line it is about. */
static const char *make_path(struct nst_buf *path, const char **key, const struct kind *k,
                             const struct nst_json *line)
{
    const char *fault = NULL;
    if (k->has_source)
        fault = put_source(path, key, path->arena, line);
    else if (k->has_owner)
        fault = put_owner(path, key, line);
    if (fault == NULL)
        nst_put_z(path, k->below);
    return fault;
}

static const struct kind *kind_of(struct nst_str type)
{
    for (size_t i = 0; i < NST_COUNT(kinds); i++)
        if (nst_str_eq_nocase(nst_str_z(kinds[i].type), type))
            return &kinds[i];
    return NULL;
}

static void say(struct ocl_line *line, struct nst_arena *a, const char *key, struct nst_str text)
{
    struct nst_buf b;
    nst_buf_init(&b, a, 65536);
    nst_putf(&b, "{\"%s\":", key);
    nst_json_put_str(&b, text);
    nst_put_char(&b, '}');
    line->outcome = OCL_INVALID;
    line->detail = nst_buf_str(&b);
}

/* One request of the import face. */
static enum nst_err call(struct nst_req *rq, struct ocl_importer *im, struct nst_db *db,
                         enum nst_method method, struct nst_str path)
{
    struct nst_json *body = rq->body;
    *rq = (struct nst_req){ .arena = im->arena,
                            .x = NST_NEW(im->arena, struct nst_exchange),
                            .registry = im->registry,
                            .db = db,
                            .cache = im->is_careful ? NULL : im->cache,
                            .context = im->is_careful ? NULL : im->run,
                            .caller = im->caller };
    rq->x->arena = im->arena;
    return nst_call(rq, &ocl_import.face, method, path, body);
}

static bool spoils(enum nst_err e)
{
    return nst_err_status(e) >= 500;
}

/* The concept that a line is about, in the words of OCL_PARENT's address. */
static uint64_t concept_made(struct nst_arena *a, const struct kind *k, struct nst_str list,
                             struct nst_str id)
{
    const struct nst_json given = { .kind = NST_JSON_STRING, .text = id };
    struct nst_req rq = { .arena = a };
    size_t below = strlen(k->below);
    struct nst_str code;
    if (strcmp(k->below, "concepts/") != 0 || id.n == 0 ||
        !nst_code.parse(&rq, NULL, &given, &code))
        return 0;
    return nst_str_hash(ocl_concept_url(a, nst_str_slice(list, 0, list.n - below), code));
}

/* The address of what a list has under that id. */
static struct nst_str address_in(struct nst_arena *a, struct nst_str list, struct nst_str id)
{
    struct nst_buf path;
    bool is_version = nst_str_ends(list, NST_STR("versions/"));
    nst_buf_init(&path, a, 65536);
    nst_put(&path, is_version ? nst_str_slice(list, 0, list.n - 9) : list);
    put_segment(&path, id);
    return nst_buf_str(&path);
}

/* The number of what the list has under that id; 0: nothing that the caller may see. */
static enum nst_err find(int64_t *row, struct ocl_importer *im, struct nst_db *db,
                         struct nst_str list, struct nst_str id)
{
    struct nst_req rq = { 0 };
    enum nst_err e = call(&rq, im, db, NST_GET, address_in(im->arena, list, id));
    bool is_there = e == NST_OK && rq.x->status == 200;
    *row = is_there ? ((const struct nst_row *)nst_object(&rq)->row)->id : 0;
    return spoils(e) ? e : NST_OK;
}

/* ---- What it did ---- */

/* The first time that a batch comes there: the request has loaded the source before it wrote. */
static void note_touched(struct ocl_effects *effects, const struct nst_object *source)
{
    const struct ocl_source *s = source != NULL ? source->row : NULL;
    struct ocl_touched *t = effects->touched;
    while (t != NULL && s != NULL && t->repo != s->row.id)
        t = t->next;
    if (s == NULL || t != NULL)
        return;
    t = NST_NEW(effects->arena, struct ocl_touched);
    *t = (struct ocl_touched){ effects->touched, s->row.id, s->rev };
    effects->touched = t;
}

static void note_made(struct ocl_effects *effects, const char *type, int64_t id, bool is_deleted)
{
    struct ocl_made *made = NST_NEW(effects->arena, struct ocl_made);
    *made = (struct ocl_made){ effects->made, type, id, is_deleted };
    effects->made = made;
}

static enum ocl_outcome outcome_of(enum nst_err e, unsigned status)
{
    if (e == NST_E_FORBIDDEN || e == NST_E_UNAUTHENTICATED)
        return OCL_DENIED;
    if (e != NST_OK)
        return OCL_INVALID;
    switch (status) {
    case 201:
        return OCL_CREATED;
    case 204:
        return OCL_DELETED;
    case 208:
        return OCL_UNCHANGED;
    case OCL_IMPORT_KEPT:
        return OCL_EXISTS;
    default:
        return OCL_UPDATED;
    }
}

/* Address, with so many pairs of words: /orgs/WHO/, /orgs/WHO/sources/S/. */
static struct nst_str begin_of(struct nst_str path, unsigned pairs)
{
    size_t i = 1;
    for (unsigned slashes = 0; i < path.n && slashes < 2 * pairs; i++)
        slashes += path.p[i] == '/';
    return nst_str_slice(path, 0, i);
}

/* Which of the rows that the line lies in is not there, and where it would be. */
static void say_missing(struct ocl_line *line, struct nst_arena *a, const char *resource,
                        struct nst_str path)
{
    static const struct {
        const char *resource, *word;
        unsigned pairs;
    } known[] = { { "org", "organization", 1 }, { "user", "user", 1 }, { "source", "source", 2 } };
    path = nst_str_slice(path, 0, nst_str_find(path, '?'));
    for (size_t i = 0; resource != NULL && i < NST_COUNT(known); i++) {
        if (strcmp(known[i].resource, resource) != 0)
            continue;
        path = begin_of(path, known[i].pairs);
        say(line, a, "detail",
            nst_strf(a, "Not found: there is no %s %.*s", known[i].word, NST_FMT(path)));
        return;
    }
    say(line, a, "detail", nst_strf(a, "Not found: there is nothing at %.*s", NST_FMT(path)));
}

static enum nst_err send(struct ocl_line *line, struct ocl_importer *im, struct nst_db *db,
                         const struct kind *k, struct nst_str path)
{
    enum nst_method method = line->deletes ? NST_DELETE : NST_POST;
    struct nst_req rq = { .body = line->tree };
    if (im->is_careful)
        NST_TRY(nst_savepoint(db));
    enum nst_err e = call(&rq, im, db, method, path);
    if (spoils(e))
        return e;
    if (im->is_careful)
        NST_TRY(e == NST_OK ? nst_savepoint_release(db) : nst_savepoint_rollback(db));
    line->outcome = outcome_of(e, rq.x->status);
    if (e == NST_OK)
        note_touched(&im->effects, nst_ancestor(&rq, "source"));
    if (line->outcome == OCL_DELETED && k->keeps_existing && nst_object(&rq)->row != NULL)
        note_made(&im->effects, k->type, ((const struct nst_row *)nst_object(&rq)->row)->id, true);
    line->detail = e == NST_OK ? NST_STR("") : nst_buf_str(&rq.x->out);
    line->is_early = e == NST_E_INVALID && nst_str_eq(nst_str_z(rq.missing), NST_STR(OCL_PARENT));
    line->awaits = line->is_early ? nst_str_hash(rq.missing_at) : 0;
    if (e == NST_E_NOT_FOUND && method == NST_DELETE)
        *line = (struct ocl_line){ .tree = line->tree, .outcome = OCL_NOT_FOUND };
    else if (e == NST_E_NOT_FOUND)
        say_missing(line, im->arena, rq.missing, path);
    return NST_OK;
}

/* What is wrong with `__action`, which says DELETE where it says anything. */
static const char *read_action(bool *deletes, const char **key, const struct nst_json *line)
{
    const struct nst_json *v = nst_json_get(line, NST_STR("__action"));
    bool is_wrong = false;
    *deletes =
        v != NULL && v->kind == NST_JSON_STRING && nst_str_eq_nocase(v->text, NST_STR("DELETE"));
    *key = "__action";
    if (v != NULL && !*deletes)
        return "The only action is DELETE; a line without one creates or changes.";
    *key = "id";
    return *deletes && name_of(&is_wrong, line, "id").n == 0 ? "What is deleted is named by its id."
                                                             : NULL;
}

/* Where the line is to be sent; false after saying why nowhere. */
static bool place(const struct kind **k, struct nst_buf *path, struct ocl_line *line,
                  struct nst_arena *a)
{
    struct nst_str type = text_of(line->tree, "type");
    *k = kind_of(type);
    nst_buf_init(path, a, 65536);
    const char *key = NULL;
    const char *fault = *k != NULL ? make_path(path, &key, *k, line->tree) : NULL;
    if (fault == NULL)
        fault = read_action(&line->deletes, &key, line->tree);
    if (type.n == 0)
        say(line, a, "type", NST_STR("\"type\" should be present in each line"));
    else if (*k == NULL)
        say(line, a, "type", nst_strf(a, "\"%.*s\" lines cannot be imported.", NST_FMT(type)));
    else if (fault != NULL)
        say(line, a, key, nst_str_z(fault));
    return line->outcome != OCL_INVALID;
}

/* What changes what the run and the cache hold: owners, sources and versions. */
static enum nst_err look_anew(struct ocl_importer *im, struct nst_db *db)
{
    nst_cache_drop(im->cache);
    return ocl_run_flush(im->run, db);
}

static enum nst_err create(struct ocl_line *line, struct ocl_importer *im, struct nst_db *db,
                           const struct kind *k, struct nst_str list)
{
    bool is_wrong = false;
    int64_t row = 0;
    struct nst_str id = name_of(&is_wrong, line->tree, "id"), path = list;
    if (k->keeps_existing && id.n > 0 && !is_wrong)
        NST_TRY(find(&row, im, db, list, id));
    if (row != 0)
        return NST_OK;
    if (im->keeps_existing && !k->keeps_existing)
        path = nst_strf(im->arena, "%.*s?" OCL_IMPORT_KEEPS "=true", NST_FMT(list));
    else if (im->copies)
        path = nst_strf(im->arena, "%.*s?" OCL_IMPORT_COPIES "=true", NST_FMT(list));
    NST_TRY(send(line, im, db, k, path));
    if (line->outcome != OCL_CREATED || !k->keeps_existing)
        return NST_OK;
    NST_TRY(find(&row, im, db, list, id));
    note_made(&im->effects, k->type, row, false);
    return NST_OK;
}

static enum nst_err import_line(struct ocl_line *line, struct ocl_importer *im, struct nst_db *db)
{
    const struct kind *k;
    struct nst_buf path;
    bool is_wrong = false;
    struct nst_str id = name_of(&is_wrong, line->tree, "id");
    line->outcome = OCL_EXISTS;
    line->is_early = false;
    line->makes = line->awaits = 0;
    line->detail = line->fault.p != NULL ? line->fault : line->cycle;
    if (line->detail.p != NULL) {
        line->outcome = OCL_INVALID;
        return NST_OK;
    }
    line->detail = NST_STR("");
    if (!place(&k, &path, line, im->arena))
        return NST_OK;
    line->makes = concept_made(im->arena, k, nst_buf_str(&path), id);
    if (k->keeps_existing)
        NST_TRY(look_anew(im, db));
    if (!line->deletes)
        return create(line, im, db, k, nst_buf_str(&path));
    struct nst_str address = address_in(im->arena, nst_buf_str(&path), id);
    if (im->copies)
        address = nst_strf(im->arena, "%.*s?" OCL_IMPORT_COPIES "=true", NST_FMT(address));
    return send(line, im, db, k, address);
}

unsigned ocl_import_turn(const struct nst_json *line)
{
    const struct kind *k = kind_of(text_of(line, "type"));
    return k != NULL ? k->turn : OCL_IMPORT_TURNS - 1;
}

/* The lines whose turn it is, in their order. */
static enum nst_err import_turn(struct ocl_batch *batch, struct ocl_importer *im, struct nst_db *db,
                                unsigned turn, const size_t *order)
{
    for (size_t i = 0; i < batch->count && !batch->again; i++) {
        struct ocl_line *line = &batch->line[order[i]];
        if (ocl_import_turn(line->tree) != turn)
            continue;
        nst_arena_reset(im->arena);
        NST_TRY(import_line(line, im, db));
        line->detail = nst_str_copy(batch->arena, line->detail);
        batch->again = ocl_outcome_is_error(line->outcome) && !im->is_careful;
    }
    return NST_OK;
}

enum nst_err ocl_import_lines(struct ocl_batch *batch, struct ocl_importer *im, struct nst_db *db)
{
    const size_t *order = ocl_import_order(batch);
    batch->again = false;
    im->effects = (struct ocl_effects){ .arena = batch->arena };
    ocl_run_begin(im->run, im->counts);
    nst_cache_drop(im->cache);
    for (unsigned turn = 0; turn < OCL_IMPORT_TURNS && !batch->again; turn++)
        NST_TRY(import_turn(batch, im, db, turn, order));
    im->is_careful = batch->again;
    if (batch->again)
        return NST_OK;
    return ocl_run_flush(im->run, db);
}

struct ocl_importer *ocl_importer_new(struct nst_registry *registry,
                                      const struct nst_caller *caller)
{
    struct nst_arena *home = nst_arena_new(1024);
    struct ocl_importer *im = NST_NEW(home, struct ocl_importer);
    *im = (struct ocl_importer){ .home = home,
                                 .registry = registry,
                                 .caller = *caller,
                                 .arena = nst_arena_new(65536),
                                 .counts = nst_arena_new(65536),
                                 .cache = nst_cache_new(),
                                 .run = NST_NEW(home, struct ocl_run) };
    return im;
}

void ocl_importer_free(struct ocl_importer *im)
{
    nst_cache_free(im->cache);
    nst_arena_free(im->arena);
    nst_arena_free(im->counts);
    nst_arena_free(im->home);
}

/* ---- Over HTTP: a batch of lines in one request ---- */

static void put_result(struct nst_buf *out, const struct ocl_line *line)
{
    if (out->p[out->n - 1] != '[')
        nst_put_char(out, ',');
    nst_putf(out, "{\"outcome\":\"%s\"", word[line->outcome]);
    if (line->detail.n > 0) {
        nst_put_lit(out, ",\"errors\":");
        nst_put(out, line->detail);
    }
    nst_put_char(out, '}');
}

#define LINES_MAX 1000

static enum nst_err read_batch(struct ocl_batch *batch, struct nst_req *rq)
{
    struct nst_json *lines = nst_json_get(rq->body, NST_STR("lines"));
    if (lines == NULL || lines->kind != NST_JSON_ARRAY)
        return nst_fail(rq, NST_E_INVALID, "lines", NST_STR("A list of lines is required."));
    if (lines->count > LINES_MAX)
        return nst_fail(rq, NST_E_INVALID, "lines", NST_STR("At most 1000 lines in a request."));
    batch->arena = rq->arena;
    batch->line = NST_NEW_ARRAY(rq->arena, struct ocl_line, lines->count + 1);
    for (struct nst_json *v = lines->first; v != NULL; v = v->next)
        batch->line[batch->count++].tree = v;
    return NST_OK;
}

static void free_importer(void *im)
{
    ocl_importer_free(im);
}

static enum nst_err try_batch(struct ocl_batch *batch, struct ocl_importer *im, struct nst_req *rq)
{
    bool is_trial = nst_query_is_true(rq, "dryRun");
    NST_TRY(nst_savepoint(rq->db));
    NST_TRY(ocl_import_lines(batch, im, rq->db));
    return batch->again || is_trial ? nst_savepoint_rollback(rq->db)
                                    : nst_savepoint_release(rq->db);
}

static enum nst_err import_view(struct nst_req *rq)
{
    struct ocl_batch batch = { 0 };
    NST_TRY(read_batch(&batch, rq));
    struct ocl_importer *im = ocl_importer_new(rq->registry, &rq->caller);
    nst_arena_defer(rq->arena, free_importer, im);
    NST_TRY(try_batch(&batch, im, rq));
    if (batch.again)
        NST_TRY(try_batch(&batch, im, rq));
    nst_put_lit(&rq->x->out, "{\"results\":[");
    for (size_t i = 0; i < batch.count; i++)
        put_result(&rq->x->out, &batch.line[i]);
    nst_put_lit(&rq->x->out, "]}");
    return nst_answer_json(rq, 200);
}

#define LINES_BODY_MAX ((size_t)16 << 20)

static const struct nst_parameter import_parameter[] = {
    { "dryRun", NST_SWITCH_SCHEMA, "Judge the lines, and store nothing." },
    { 0 },
};

static void put_results_schema(struct nst_buf *out, const struct nst_action *action)
{
    (void)action;
    nst_put_lit(out, "{\"type\":\"object\",\"required\":[\"results\"],\"properties\":{"
                     "\"results\":{\"type\":\"array\",\"items\":{\"type\":\"object\","
                     "\"required\":[\"outcome\"],\"properties\":{\"errors\":{\"type\":\"object\"},"
                     "\"outcome\":{\"type\":\"string\",\"enum\":[");
    for (size_t i = 0; i < NST_COUNT(word); i++)
        nst_putf(out, "%s\"%s\"", i > 0 ? "," : "", word[i]);
    nst_put_lit(out, "]}}}}}}");
}

static const struct nst_response import_response[] = {
    { 200, "The outcome of each line, in their order.", { .put = put_results_schema } },
    { 0 },
};

static const struct nst_description import_description = {
    .request = { .schema = "{\"type\":\"object\",\"required\":[\"lines\"],\"properties\":{"
                           "\"lines\":{\"type\":\"array\",\"maxItems\":" NST_DIGITS(
                               LINES_MAX) ",\"items\":{\"type\":\"object\"}}}}" },
    .parameter = import_parameter,
    .response = import_response,
};

static const struct nst_route import_route[] = {
    { GUIDE, "/importers/lines/",
      .post = { import_view, ocl_any_token, .describe = &import_description },
      .body_limit = LINES_BODY_MAX,
      .doc =
          "Import up to 1000 lines; answers the outcome of each. `dryRun=true` stores nothing." },
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
