/* Writing a copy: lines of an import, requests as any other, as somebody who may do everything.
 * What keeps others from it (the mark of a copy) and from seeing it is taken away inside of the
 * transaction alone. */
#include "subscription.h"

#include "ocl/content/content.h"
#include "ocl/export/export.h"
#include "ocl/source/source.h"

#define RETRIED_MAX 10000 /* lines that are refused and may be told again */
#define SAID_MAX    300   /* bytes of a refusal that a sentence shows */

/* ---- Asking for it ---- */

/* Not inside of a letter. */
static struct nst_str begin_of(struct nst_str text)
{
    size_t n = text.n < SAID_MAX ? text.n : SAID_MAX;
    while (n < text.n && n > 0 && ((unsigned char)text.p[n] & 0xC0) == 0x80)
        n--;
    return nst_str_slice(text, 0, n);
}

static enum nst_err refuse(struct ocl_copying *c, struct nst_str what, struct nst_str why)
{
    struct nst_str shown = begin_of(why);
    c->problem = nst_strf(c->task->arena, "This server cannot take %.*s: %.*s", NST_FMT(what),
                          NST_FMT(shown));
    return NST_E_INVALID;
}

/* Whoever subscribed; where that account is closed, the first who may everything. */
static enum nst_err find_caller(struct ocl_copying *c)
{
    struct nst_caller *caller = &c->importer->caller;
    struct nst_rows *rows;
    NST_TRY(nst_query_with(&rows, c->db,
                           "SELECT id, username FROM account WHERE is_active AND is_enabled AND "
                           "(id = $1 OR is_superuser) ORDER BY CASE WHEN id = $1 THEN 0 ELSE 1 "
                           "END, id LIMIT 1",
                           NST_INT(c->s->user)));
    *caller = (struct nst_caller){ .is_known = false };
    if (nst_rows_step(rows))
        *caller = (struct nst_caller){ .is_known = true,
                                       .id = nst_rows_int(rows, 0),
                                       .name = nst_str_copy(c->task->arena, nst_rows_text(rows, 1)),
                                       .is_staff = true,
                                       .is_superuser = true };
    NST_TRY(nst_rows_end(rows));
    return caller->is_known
               ? NST_OK
               : refuse(c, NST_STR("a copy"), NST_STR("there is no superuser to write it as."));
}

static enum nst_err call(struct ocl_copying *c, const struct nst_face *face, enum nst_method method,
                         struct nst_str path, struct nst_json *body)
{
    struct nst_req rq = { .arena = c->task->arena,
                          .x = NST_NEW(c->task->arena, struct nst_exchange),
                          .registry = c->task->registry,
                          .db = c->db,
                          .caller = c->importer->caller };
    rq.x->arena = rq.arena;
    enum nst_err e = nst_call(&rq, face, method, path, body);
    if (e == NST_OK && rq.x->status < 300)
        return NST_OK;
    return nst_err_status(e) >= 500 ? e : refuse(c, path, nst_buf_str(&rq.x->out));
}

/* ---- Bodies ---- */

static void put_member(struct nst_arena *a, struct nst_json *object, struct nst_str name,
                       const struct nst_json *value)
{
    struct nst_json *member = NST_NEW(a, struct nst_json);
    *member = value != NULL ? *value : (struct nst_json){ .kind = NST_JSON_NULL };
    member->name = name;
    member->next = object->first;
    object->first = member;
    object->count++;
}

/* Those of the members that are given, or (with_nulls) all: what is left out is null. */
static struct nst_json *body_of(struct nst_arena *a, const struct nst_json *from, const char *names,
                                bool with_nulls)
{
    struct nst_json *body = NST_NEW(a, struct nst_json);
    struct nst_str rest = nst_str_z(names);
    *body = (struct nst_json){ .kind = NST_JSON_OBJECT };
    while (rest.p != NULL) {
        struct nst_str name = nst_str_cut(&rest, ' ');
        const struct nst_json *value = nst_json_get(from, name);
        if (with_nulls || (value != NULL && value->kind != NST_JSON_NULL))
            put_member(a, body, name, value);
    }
    return body;
}

static void put_id(struct nst_arena *a, struct nst_json *body, struct nst_str id)
{
    const struct nst_json value = { .kind = NST_JSON_STRING, .text = id };
    put_member(a, body, NST_STR("id"), &value);
}

#define SOURCE_SAYS  "name public_access retired " OCL_METADATA
#define VERSION_SAYS "description released retired external_id extras"

/* ---- Opening and hiding ---- */

static enum nst_err make_source(struct ocl_copying *c)
{
    struct nst_arena *a = c->task->arena;
    struct nst_json *body = body_of(a, c->source, SOURCE_SAYS, false);
    struct nst_rows *rows;
    put_id(a, body, c->s->source);
    NST_TRY(call(c, IMPORT, NST_POST, nst_strf(a, "%.*ssources/", NST_FMT(c->s->owner_url)), body));
    NST_TRY(nst_query_with(&rows, c->db, "SELECT id FROM repo WHERE " OCL_AT("repo") "$1",
                           NST_TEXT(ocl_subscription_url(a, c->s))));
    c->s->repo = nst_rows_step(rows) ? nst_rows_int(rows, 0) : 0;
    return nst_rows_end(rows);
}

static enum nst_err mark(struct ocl_copying *c, bool is_seen, struct nst_str copied_from)
{
    return nst_exec_with(NULL, c->db,
                         "UPDATE repo SET is_active = $1, copied_from = $2 WHERE id = $3",
                         NST_BOOL(is_seen), NST_TEXT(copied_from), NST_INT(c->s->repo));
}

static enum nst_err refuse_address(struct ocl_copying *c)
{
    return refuse(c, ocl_subscription_url(c->task->arena, c->s),
                  NST_STR("there is another source of that id here."));
}

/* Somebody made another one at its address while it was hidden. */
static enum nst_err is_free(struct ocl_copying *c)
{
    bool taken;
    NST_TRY(nst_exists_with(&taken, c->db,
                            "SELECT 1 FROM repo WHERE " OCL_AT("repo") "$1 AND repo.id <> $2",
                            NST_TEXT(ocl_subscription_url(c->task->arena, c->s)),
                            NST_INT(c->s->repo)));
    return taken ? refuse_address(c) : NST_OK;
}

/* Ids that come with the lines are all that there are: the source gives none of its own. */
enum nst_err ocl_copy_open(struct ocl_copying *c)
{
    c->problem = (struct nst_str){ 0 };
    c->importer->copies = true;
    NST_TRY(find_caller(c));
    NST_TRY(is_free(c));
    if (c->s->repo == 0)
        NST_TRY(make_source(c));
    enum nst_err e = mark(c, true, (struct nst_str){ 0 });
    if (e == NST_E_CONFLICT) /* by somebody who ends a moment later */
        return refuse_address(c);
    NST_TRY(e);
    return nst_exec_with(NULL, c->db,
                         "UPDATE repo SET autoid_concept_mnemonic = NULL, "
                         "autoid_concept_external_id = NULL, autoid_concept_name_external_id = "
                         "NULL, autoid_concept_description_external_id = NULL, "
                         "autoid_mapping_mnemonic = NULL, autoid_mapping_external_id = NULL "
                         "WHERE id = $1",
                         NST_INT(c->s->repo));
}

enum nst_err ocl_copy_hide(struct ocl_copying *c)
{
    return mark(c, false, c->s->remote);
}

/* ---- Lines ---- */

/* Once without savepoints; again, with one a line, where a line is refused. */
static enum nst_err try_lines(struct ocl_copying *c, struct ocl_batch *batch)
{
    for (int i = 0; i < 2; i++) {
        NST_TRY(nst_savepoint(c->db));
        NST_TRY(ocl_import_lines(batch, c->importer, c->db));
        NST_TRY(batch->again ? nst_savepoint_rollback(c->db) : nst_savepoint_release(c->db));
        if (!batch->again)
            return NST_OK;
    }
    return NST_E_INTERNAL;
}

static enum nst_err refuse_line(struct ocl_copying *c, const struct ocl_line *line)
{
    struct nst_arena *a = c->task->arena;
    const struct nst_json *type = nst_json_get(line->tree, NST_STR("type"));
    const struct nst_json *id = nst_json_get(line->tree, NST_STR("id"));
    struct nst_str kind = type != NULL ? type->text : NST_STR("line"),
                   code = id != NULL ? id->text : NST_STR("");
    return refuse(c, nst_strf(a, "%.*s %.*s", NST_FMT(kind), NST_FMT(code)), line->detail);
}

enum nst_err ocl_copy_lines(struct ocl_copying *c, struct ocl_batch *batch)
{
    NST_TRY(try_lines(c, batch));
    for (size_t i = 0; i < batch->count; i++)
        if (ocl_outcome_is_error(batch->line[i].outcome))
            return refuse_line(c, &batch->line[i]);
    return NST_OK;
}

/* ---- Changes ---- */

/* Lines that were refused: others may have to come first, as a mapping whose place another one is
 * about to leave. */
struct refused {
    struct refused_line {
        struct nst_str text;
        struct nst_str mapping; /* the id of one; null: it is none */
    } line[RETRIED_MAX];
    size_t count;
};

#define NO_PLACE "~" /* before the key of a mapping, which begins with a digit of a hash */

static void turn_round(struct refused *r)
{
    for (size_t i = 0; i < r->count / 2; i++) {
        struct refused_line first = r->line[i];
        r->line[i] = r->line[r->count - 1 - i];
        r->line[r->count - 1 - i] = first;
    }
}

static struct nst_str mapping_of(struct nst_arena *a, const struct nst_json *line)
{
    const struct nst_json *type = nst_json_get(line, NST_STR("type")),
                          *id = nst_json_get(line, NST_STR("id"));
    bool is_mapping = type != NULL && nst_str_eq(type->text, NST_STR("Mapping")) && id != NULL;
    return is_mapping ? nst_str_copy(a, id->text) : (struct nst_str){ 0 };
}

static enum nst_err keep_refused(struct ocl_copying *c, struct refused *r,
                                 const struct ocl_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        const struct ocl_line *line = &batch->line[i];
        struct nst_buf b;
        if (!ocl_outcome_is_error(line->outcome))
            continue;
        if (r->count == RETRIED_MAX)
            return refuse_line(c, line);
        nst_buf_init(&b, c->task->arena, 2 * OCL_LINE_MAX);
        nst_json_put(&b, line->tree);
        r->line[r->count++] =
            (struct refused_line){ nst_buf_str(&b), mapping_of(c->task->arena, line->tree) };
    }
    return NST_OK;
}

static enum nst_err write_file(struct ocl_copying *c, struct refused *r, struct ocl_lines *lines)
{
    struct ocl_batch batch = { .arena = c->batch };
    struct ocl_line_text line;
    bool is_over = false;
    ocl_lines_rewind(lines);
    while (!is_over) {
        nst_arena_reset(c->batch);
        batch.line = NST_NEW_ARRAY(c->batch, struct ocl_line, OCL_COPY_LINES);
        batch.count = 0;
        while (batch.count < OCL_COPY_LINES && !is_over) {
            is_over = !ocl_lines_next(&line, lines, c->batch);
            if (!is_over && line.tree == NULL)
                return NST_E_INTERNAL; /* we wrote it */
            if (!is_over)
                batch.line[batch.count++] = (struct ocl_line){ .tree = line.tree };
        }
        NST_TRY(try_lines(c, &batch));
        NST_TRY(keep_refused(c, r, &batch));
    }
    return ocl_lines_failure(lines) == 0 ? NST_OK : NST_E_INTERNAL;
}

/* One of them, alone. */
static enum nst_err write_again(bool *is_done, struct ocl_copying *c, struct nst_str text)
{
    struct ocl_line line = { 0 };
    struct ocl_batch batch = { .line = &line, .count = 1, .arena = c->batch };
    nst_arena_reset(c->batch);
    if (nst_json_read(&line.tree, NULL, c->batch, text, NULL) != NST_OK)
        return NST_E_INTERNAL;
    NST_TRY(try_lines(c, &batch));
    *is_done = !ocl_outcome_is_error(line.outcome);
    if (!*is_done && c->problem.p == NULL)
        (void)refuse_line(c, &line);
    return NST_OK;
}

/* Mappings that take each other's places: none of those that wait has one until it is written
 * again. */
static enum nst_err make_room(struct ocl_copying *c, const struct refused *r)
{
    for (size_t i = 0; i < r->count; i++)
        if (r->line[i].mapping.p != NULL)
            NST_TRY(nst_exec_with(NULL, c->db,
                                  "UPDATE mapping_version SET natural_key = '" NO_PLACE
                                  "' || natural_key WHERE repo_id = $1 AND mnemonic = $2 AND "
                                  "rev_to = " OCL_OPEN_SQL,
                                  NST_INT(c->s->repo), NST_TEXT(r->line[i].mapping)));
    return NST_OK;
}

/* Those that were written again are former versions now, which say what they said. */
static enum nst_err give_places_back(struct ocl_copying *c)
{
    return nst_exec_with(NULL, c->db,
                         "UPDATE mapping_version SET natural_key = substr(natural_key, 2) WHERE "
                         "repo_id = $1 AND natural_key LIKE '" NO_PLACE "%'",
                         NST_INT(c->s->repo));
}

/* Each of them once; those that are refused again are left. */
static enum nst_err write_pass(struct ocl_copying *c, struct refused *r)
{
    size_t count = r->count;
    r->count = 0;
    c->problem = (struct nst_str){ 0 };
    for (size_t i = 0; i < count; i++) {
        bool is_done;
        if (nst_task_is_cut(c->task))
            return NST_E_BUSY;
        NST_TRY(write_again(&is_done, c, r->line[i].text));
        if (!is_done)
            r->line[r->count++] = r->line[i];
    }
    return NST_OK;
}

/* Forwards and backwards in turn, while any is taken: parents come first, or last. */
static enum nst_err write_all_again(struct ocl_copying *c, struct refused *r)
{
    size_t before;
    do {
        before = r->count;
        NST_TRY(write_pass(c, r));
        turn_round(r);
    } while (r->count > 0 && r->count < before);
    return r->count == 0 ? NST_OK : NST_E_INVALID; /* c->problem is about one of them */
}

static enum nst_err write_refused(struct ocl_copying *c, struct refused *r)
{
    if (r->count == 0)
        return NST_OK;
    NST_TRY(make_room(c, r));
    NST_TRY(write_all_again(c, r));
    return give_places_back(c);
}

enum nst_err ocl_copy_changes(struct ocl_copying *c, struct ocl_changes *changes)
{
    struct refused *r = NST_NEW(c->task->arena, struct refused);
    r->count = 0;
    for (size_t i = 0; i < OCL_CHANGE_FILES; i++)
        if (changes->lines[i] != NULL)
            NST_TRY(write_file(c, r, changes->lines[i]));
    return write_refused(c, r);
}

/* ---- Showing it ---- */

static enum nst_err write_source(struct ocl_copying *c)
{
    struct nst_arena *a = c->task->arena;
    struct nst_json *body = body_of(a, c->source, SOURCE_SAYS " hierarchy_root_url", true);
    ocl_copy_line(a, body, c->from, ocl_subscription_url(a, c->s));
    struct nst_str url = ocl_subscription_url(a, c->s);
    return call(c, IMPORT, NST_PATCH, nst_strf(a, "%.*s?" OCL_IMPORT_COPIES "=true", NST_FMT(url)),
                body);
}

static enum nst_err find_version(int64_t *id, struct ocl_copying *c)
{
    struct nst_rows *rows;
    NST_TRY(nst_query_with(&rows, c->db,
                           "SELECT id FROM repo_version WHERE repo_id = $1 AND mnemonic = $2 AND "
                           "is_active",
                           NST_INT(c->s->repo), NST_TEXT(c->s->new_version)));
    *id = nst_rows_step(rows) ? nst_rows_int(rows, 0) : 0;
    return nst_rows_end(rows);
}

static struct nst_str version_url(struct ocl_copying *c)
{
    struct nst_str url = ocl_subscription_url(c->task->arena, c->s);
    return nst_strf(c->task->arena, "%.*s%.*s/", NST_FMT(url), NST_FMT(c->s->new_version));
}

/* A version that is here already says something else, or has other rows: what of it is private
 * there was withdrawn. */
static enum nst_err change_version(struct ocl_copying *c, int64_t id)
{
    struct nst_arena *a = c->task->arena;
    NST_TRY(call(c, V2, NST_PATCH, version_url(c), body_of(a, c->version, VERSION_SAYS, true)));
    NST_TRY(nst_exec_with(
        NULL, c->db,
        "UPDATE repo_version SET (rev, concepts, active_concepts, child_concepts, mappings, "
        "active_mappings) = (SELECT r.rev, r.concepts, r.active_concepts, r.child_concepts, "
        "r.mappings, r.active_mappings FROM repo r WHERE r.id = repo_version.repo_id) "
        "WHERE id = $1",
        NST_INT(id)));
    NST_TRY(nst_exec_with(NULL, c->db, "UPDATE repo SET labelled_rev = rev WHERE id = $1",
                          NST_INT(c->s->repo)));
    return nst_exec_with(NULL, c->db,
                         "UPDATE repo_export SET rev = (SELECT v.rev FROM repo_version v WHERE "
                         "v.id = repo_export.version_id) WHERE version_id = $1 AND NOT is_head",
                         NST_INT(id));
}

static enum nst_err make_version(int64_t *id, struct ocl_copying *c)
{
    struct nst_arena *a = c->task->arena;
    struct nst_json *body = body_of(a, c->version, VERSION_SAYS, false);
    struct nst_str url = ocl_subscription_url(a, c->s);
    put_id(a, body, c->s->new_version);
    NST_TRY(call(c, IMPORT, NST_POST, nst_strf(a, "%.*sversions/", NST_FMT(url)), body));
    return find_version(id, c);
}

/* What came is the export. */
static enum nst_err keep_export(struct ocl_copying *c, int64_t version)
{
    const struct ocl_export_key key = { .version_id = version };
    struct ocl_export x;
    bool is_kept;
    NST_TRY(ocl_export_find(&x, c->task->arena, c->db, &key));
    x.file = ocl_copy_name(c->task->arena, c->s->id, c->s->digest);
    x.digest = c->s->digest;
    x.size = c->s->size;
    NST_TRY(ocl_export_keep(&is_kept, c->task->arena, c->db, &x));
    return is_kept ? NST_OK : NST_E_INTERNAL;
}

/* There it was deleted, and another one has its id. */
static enum nst_err drop_former(int64_t *id, struct ocl_copying *c)
{
    const struct ocl_subscription *s = c->s;
    bool is_held = nst_str_eq(s->new_version, s->held_version) && s->new_time == s->held_time;
    if (*id == 0 || is_held)
        return NST_OK;
    *id = 0;
    return call(c, IMPORT, NST_DELETE, version_url(c), NULL);
}

enum nst_err ocl_copy_show(struct ocl_copying *c)
{
    int64_t version;
    NST_TRY(write_source(c));
    NST_TRY(find_version(&version, c));
    NST_TRY(drop_former(&version, c));
    if (version != 0)
        NST_TRY(change_version(c, version));
    else
        NST_TRY(make_version(&version, c));
    NST_TRY(keep_export(c, version));
    return mark(c, true, c->s->remote);
}
