/* Writing concepts: every write closes the present version at the repository's
 * next revision and opens another, so that releases keep what they had. */
#include "concept.h"

#include "ocl/app.h"

/* A flag of an input element, in either spelling, or of a stored one. */
static bool is_preferred(struct nst_req *rq, const struct nst_json *e)
{
    bool flag = false;
    const struct nst_json *v = nst_json_get(e, NST_STR("locale_preferred"));
    if (v == NULL)
        v = nst_json_get(e, NST_STR("localePreferred"));
    return v != NULL && nst_bool.parse(rq, NULL, v, &flag) && flag;
}

/* The names of the version, as a tree: what the request set, so that the text that
 * was just made of it need not be read again, else what is stored. */
static const struct nst_json *names_of(struct nst_req *rq, const struct ocl_concept *c)
{
    struct nst_json *list;
    if (nst_is_set(&ocl_concept, c, "names"))
        return nst_json_get(rq->body, NST_STR("names"));
    return nst_json_read(&list, NULL, rq->arena, c->names, NULL) == NST_OK ? list : NULL;
}

/* G122: the first preferred name, else the first. */
static void choose_display(struct nst_req *rq, struct ocl_concept *c)
{
    const struct nst_json *list = names_of(rq, c);
    c->display_name = c->display_locale = (struct nst_str){ 0 };
    if (list == NULL || list->first == NULL)
        return;
    const struct nst_json *chosen = list->first;
    for (const struct nst_json *e = list->first; e != NULL; e = e->next) {
        if (is_preferred(rq, e)) {
            chosen = e;
            break;
        }
    }
    nst_text.parse(rq, NULL, nst_json_get(chosen, NST_STR("name")), &c->display_name);
    nst_text.parse(rq, NULL, nst_json_get(chosen, NST_STR("locale")), &c->display_locale);
}

/* What every new version has, the first one included. */
static void open_version(struct nst_req *rq, struct ocl_concept *c, int64_t rev, int64_t previous)
{
    c->rev_from = rev;
    c->rev_to = OCL_OPEN;
    c->previous_id = previous;
    c->version_created_by = rq->caller.id;
    choose_display(rq, c);
}

/* Numbers for the concept and its first version. */
static struct ocl_delta new_concept(const struct ocl_concept *c)
{
    return (struct ocl_delta){ .numbers = 2, .concepts = 1, .active = !c->retired };
}

enum nst_err ocl_concept_open(struct nst_req *rq, void *row)
{
    struct ocl_concept *c = row;
    const struct ocl_source *s = nst_ancestor(rq, "source")->row;
    struct ocl_change change = { 0 };
    NST_TRY(ocl_source_advance(&change, rq, s->row.id, new_concept(c)));
    c->repo_id = s->row.id;
    c->source = s->id;
    c->concept_id = change.number;
    c->row.id = change.number + 1;
    c->created_at = rq->now;
    c->created_by = rq->caller.id;
    open_version(rq, c, change.rev, 0);
    return NST_OK;
}

/* Close the version that `c` was loaded from and store `c` as the next one. The source is
 * held, so that nobody came between. */
static enum nst_err store_next(struct nst_req *rq, struct ocl_concept *c, bool was_retired)
{
    struct ocl_change change = { 0 };
    int64_t former = c->row.id;
    NST_TRY(ocl_source_advance(&change, rq, c->repo_id,
                               (struct ocl_delta){ 1, 0, (int)was_retired - (int)c->retired }));
    NST_TRY(nst_exec_with(NULL, rq->db,
                          "UPDATE concept_version SET rev_to = $1 WHERE repo_id = $2 AND id = $3",
                          NST_INT(change.rev), NST_INT(c->repo_id), NST_INT(former)));
    c->row.id = change.number;
    open_version(rq, c, change.rev, former);
    return nst_insert(rq, &ocl_concept, c);
}

static enum nst_err gone(struct nst_req *rq, const char *text)
{
    return nst_fail_bare(rq, NST_E_NOT_FOUND, "non_field_errors", nst_str_z(text));
}

enum nst_err ocl_concept_update(struct nst_req *rq)
{
    struct ocl_concept *c = nst_object(rq)->row;
    if (c == NULL)
        return gone(rq, "Could not find concept to update"); /* G125 */
    bool was_retired = c->retired;
    NST_TRY(nst_bind(c, rq, &ocl_concept, NST_UPDATE));
    NST_TRY(store_next(rq, c, was_retired));
    return nst_answer_row(rq, &ocl_concept, c->row.id, 200);
}

enum nst_err ocl_concept_retire(struct nst_req *rq)
{
    struct ocl_concept *c = nst_object(rq)->row;
    if (c == NULL)
        return gone(rq, "Could not find concept to retire"); /* G125 */
    if (c->retired)
        return nst_fail_bare(rq, NST_E_INVALID, "__all__", NST_STR("Concept is already retired"));
    c->retired = true;
    NST_TRY(store_next(rq, c, false));
    return nst_answer_empty(rq, 204);
}

/* ---- Lines of an import: create, replace, or leave alone ---- */

static bool same_element(const struct nst_json *x, const struct nst_json *y)
{
    static const char *const member[] = { "name",         "description",
                                          "locale",       "locale_preferred",
                                          "name_type",    "description_type",
                                          "external_id",  "retired",
                                          "retire_reason" };
    for (size_t i = 0; i < NST_COUNT(member); i++) {
        struct nst_str name = nst_str_z(member[i]);
        const struct nst_json *a = nst_json_get(x, name), *b = nst_json_get(y, name);
        if ((a == NULL) != (b == NULL) || (a != NULL && !nst_json_equal(a, b)))
            return false;
    }
    return true;
}

static bool take_equal(const struct nst_json *list, bool *taken, const struct nst_json *wanted)
{
    size_t i = 0;
    for (const struct nst_json *v = list->first; v != NULL; v = v->next, i++)
        if (!taken[i] && same_element(v, wanted))
            return taken[i] = true;
    return false;
}

/* Elements equal but for their numbers, in any order (V611). */
static bool same_list(struct nst_req *rq, struct nst_str x, struct nst_str y)
{
    struct nst_json *a, *b;
    if (x.p == NULL || y.p == NULL)
        return x.p == y.p;
    if (nst_json_read(&a, NULL, rq->arena, x, NULL) != NST_OK ||
        nst_json_read(&b, NULL, rq->arena, y, NULL) != NST_OK || a->count != b->count)
        return false;
    bool *taken = NST_NEW_ARRAY(rq->arena, bool, b->count + 1);
    for (const struct nst_json *v = a->first; v != NULL; v = v->next)
        if (!take_equal(b, taken, v))
            return false;
    return true;
}

/* The object without the keys that are an importer's own (V417). */
static void drop_private(struct nst_json *object)
{
    struct nst_json **at = &object->first;
    while (*at != NULL) {
        if (nst_str_starts((*at)->name, NST_STR("__")))
            *at = (*at)->next;
        else
            at = &(*at)->next;
    }
}

static bool same_extras(struct nst_req *rq, struct nst_str x, struct nst_str y)
{
    struct nst_json *a, *b;
    if (nst_str_eq(x, y) || x.p == NULL || y.p == NULL)
        return nst_str_eq(x, y);
    if (nst_json_read(&a, NULL, rq->arena, x, NULL) != NST_OK ||
        nst_json_read(&b, NULL, rq->arena, y, NULL) != NST_OK)
        return false;
    drop_private(a);
    drop_private(b);
    return nst_json_equal(a, b);
}

static bool same_concept(struct nst_req *rq, const struct ocl_concept *x,
                         const struct ocl_concept *y)
{
    return nst_str_eq(x->concept_class, y->concept_class) && nst_str_eq(x->datatype, y->datatype) &&
           x->retired == y->retired && nst_str_eq(x->external_id, y->external_id) &&
           same_extras(rq, x->extras, y->extras) && same_list(rq, x->names, y->names) &&
           same_list(rq, x->descriptions, y->descriptions);
}

static enum nst_err import_existing(struct nst_req *rq, struct ocl_concept *stored)
{
    struct ocl_concept *next = NST_NEW(rq->arena, struct ocl_concept);
    *next = *stored;
    NST_TRY(nst_bind(next, rq, &ocl_concept, NST_UPDATE));
    if (same_concept(rq, stored, next))
        return nst_answer_empty(rq, 208);
    NST_TRY(store_next(rq, next, stored->retired));
    return nst_answer_empty(rq, 200);
}

/* The present version of the concept with that id; NULL when there is none. */
static enum nst_err find_stored(struct ocl_concept **stored, struct nst_req *rq, struct nst_str id)
{
    struct nst_sql q;
    *stored = NULL;
    if (id.p == NULL)
        return NST_OK;
    nst_sql_init(&q, rq->arena);
    nst_sql_add(&q, " AND concept_version.repo_id = ");
    nst_sql_bind(&q, NST_INT(((struct nst_row *)nst_object(rq)->row)->id));
    nst_sql_add(&q, " AND concept_version.mnemonic = ");
    nst_sql_bind(&q, NST_TEXT(id));
    nst_sql_add(&q, " AND concept_version.rev_to = " OCL_OPEN_SQL);
    return nst_load_where((void **)stored, rq, &ocl_concept, NST_LOAD_ALL, &q);
}

/* A line that could not make a concept may still change one. */
static enum nst_err import_partial(struct nst_req *rq, struct nst_str id)
{
    struct ocl_concept *stored;
    NST_TRY(find_stored(&stored, rq, id));
    if (stored == NULL)
        return NST_E_INVALID;
    rq->problem = NULL;
    return import_existing(rq, stored);
}

/* Most lines are new: the insert tells by itself when one is not, and its counts are taken
 * back. One that clashes and yet is not to be found went in between: it is tried again, and is
 * that line's failure when it clashes once more, never that of the run. */
enum nst_err ocl_concept_import(struct nst_req *rq)
{
    struct ocl_concept *c = nst_row_new(rq, &ocl_concept), *stored;
    bool inserted = false;
    if (nst_bind(c, rq, &ocl_concept, NST_CREATE) != NST_OK)
        return import_partial(rq, c->id);
    for (int attempt = 0; attempt < 2; attempt++) {
        NST_TRY(ocl_concept_open(rq, c));
        NST_TRY(
            nst_insert_unless_there(&inserted, rq, &ocl_concept, c, "(repo_id, mnemonic, rev_to)"));
        if (inserted)
            return nst_answer_empty(rq, 201);
        NST_TRY(ocl_source_take_back(rq, c->repo_id, new_concept(c)));
        NST_TRY(find_stored(&stored, rq, c->id));
        if (stored != NULL)
            return import_existing(rq, stored);
    }
    return nst_fail_duplicate(rq, &ocl_concept, NST_CREATE, c);
}
