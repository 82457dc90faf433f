/* Checks faces and resources; fields, sets, serializers and routes have files of their
 * own. A wrong table is a programming error and stops the start, not a request:
 * every fault is one line of the log, with what mends it. */
#include "check.h"
#include "openapi.h"

#include "nestor/base/log.h"

void nst_log_fault(struct nst_str table, struct nst_str row, const char *fault, const char *remedy)
{
    nst_log(NST_LOG_ERROR, "table_fault", NST_LOG_STR("table", table), NST_LOG_STR("row", row),
            NST_LOG_STR("fault", nst_str_z(fault)), NST_LOG_STR("remedy", nst_str_z(remedy)));
}

void nst_refuse(const struct nst_at *at, const char *fault, const char *remedy)
{
    nst_log_fault(at->table, at->row, fault, remedy);
    at->reg->faults++;
}

bool nst_passes(const struct nst_at *at, const struct nst_check *check)
{
    for (; check->is_wrong != NULL; check++) {
        if (!check->is_wrong(at))
            continue;
        nst_refuse(at, check->fault, check->remedy);
        return false;
    }
    return true;
}

bool nst_lists_face(const struct nst_registry *reg, const struct nst_face *face)
{
    for (size_t i = 0; i < reg->faces; i++)
        if (reg->face[i] == face)
            return true;
    return false;
}

bool nst_lists_resource(const struct nst_registry *reg, const struct nst_resource *r)
{
    for (size_t i = 0; i < reg->models; i++)
        if (reg->model[i].resource == r)
            return true;
    return false;
}

bool nst_is_same(const char *a, const char *b)
{
    return a != NULL && b != NULL && nst_str_eq(nst_str_z(a), nst_str_z(b));
}

/* ---- Faces ---- */

#define NAME_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"

static bool face_lacks_name(const struct nst_at *at)
{
    return at->face->name == NULL || at->face->doc == NULL;
}

static bool mount_is_malformed(const struct nst_at *at)
{
    struct nst_str mount = nst_str_z(at->face->mount);
    return mount.p != NULL &&
           (mount.n < 2 || mount.p[0] != '/' || nst_str_ends(mount, NST_STR("/")));
}

static bool face_is_second(const struct nst_at *at)
{
    for (size_t i = 0; i < at->index; i++)
        if (nst_is_same(at->reg->face[i]->name, at->face->name) ||
            nst_is_same(at->reg->face[i]->mount, at->face->mount))
            return true;
    return false;
}

static bool texts_are_missing(const struct nst_at *at)
{
    const struct nst_texts *t = at->face->text;
    return t != NULL && (t->required == NULL || t->blank == NULL || t->null == NULL ||
                         t->pattern == NULL || t->invalid == NULL || t->choice == NULL ||
                         t->twice == NULL || t->not_object == NULL || t->not_object_key == NULL);
}

static bool choice_shows_no_value(const struct nst_at *at)
{
    return at->face->text != NULL && strstr(at->face->text->choice, "%s") == NULL;
}

static bool credentials_are_unknown(const struct nst_at *at)
{
    struct nst_str rest = nst_str_z(at->face->credentials);
    while (rest.p != NULL)
        if (!nst_is_scheme(nst_str_cut(&rest, ' ')))
            return true;
    return false;
}

static bool pages_are_unbounded(const struct nst_at *at)
{
    const struct nst_list_grammar *g = nst_lists_of(at->face);
    return g->limit_default == 0 || g->limit_default > g->limit_max;
}

static bool pages_have_no_place(const struct nst_at *at)
{
    const struct nst_list_grammar *g = nst_lists_of(at->face);
    return g->page == NULL && g->offset == NULL;
}

/* A sign is one mark of ASCII, and means one thing. */
static bool signs_are_mixed(const struct nst_at *at)
{
    const struct nst_list_grammar *g = nst_lists_of(at->face);
    const char sign[] = { g->either, g->neither, g->some, g->literal };
    for (size_t i = 0; i < sizeof(sign); i++) {
        bool is_mark = sign[i] > ' ' && sign[i] < 0x7F && strchr(NAME_CHARACTERS, sign[i]) == NULL;
        bool is_minus = sign[i] == '-'; /* which names may hold as well */
        if (sign[i] != 0 && ((!is_mark && !is_minus) || memchr(sign, sign[i], i) != NULL))
            return true;
    }
    return false;
}

static bool list_word_is_none(const struct nst_at *at)
{
    const char *word[NST_LIST_WORDS];
    nst_list_words(word, at->face);
    for (size_t i = 0; i < NST_LIST_WORDS; i++)
        if (word[i] != NULL &&
            (word[i][0] == '\0' || word[i][strspn(word[i], NAME_CHARACTERS)] != '\0'))
            return true;
    return false;
}

static bool limit_is_only_second(const struct nst_at *at)
{
    const struct nst_list_grammar *g = nst_lists_of(at->face);
    return g->limit_too != NULL && g->limit == NULL;
}

static bool list_words_are_one(const struct nst_at *at)
{
    const char *word[NST_LIST_WORDS];
    nst_list_words(word, at->face);
    for (size_t i = 0; i < NST_LIST_WORDS; i++)
        for (size_t k = 0; k < i; k++)
            if (nst_is_same(word[i], word[k]))
                return true;
    return false;
}

static bool table_has_no_format(const struct nst_at *at)
{
    const struct nst_list_grammar *g = nst_lists_of(at->face);
    return g->table != NULL && g->format == NULL;
}

static bool zip_header_is_none(const struct nst_at *at)
{
    const char *name = at->face->zip_header;
    return name != NULL && (name[0] == '\0' || name[strspn(name, NAME_CHARACTERS)] != '\0');
}

/* What is asked for would be left out. */
static bool zip_is_never_made(const struct nst_at *at)
{
    nst_phase *const *phase = nst_phases_of(at->face);
    while (*phase != NULL && *phase != nst_phase_packed)
        phase++;
    return at->face->zip_header != NULL && *phase == NULL;
}

static const struct nst_check face_checks[] = {
    { face_lacks_name, "a face without name or doc", "give it .name and a sentence in .doc" },
    { mount_is_malformed, "a mount that is no path", "begin .mount with a slash, end it without" },
    { face_is_second, "two faces have one name or mount", "change one, or list it once" },
    { texts_are_missing, "a text is missing", "write all of .text, or leave it out" },
    { credentials_are_unknown, "a word of .credentials is no scheme",
      "choose among token, bearer, jwt, basic, session" },
    { choice_shows_no_value, "the text `choice` shows no value", "write %s where it belongs" },
    { pages_are_unbounded, "the size of a page is 0, or more than the most",
      "write .limit_default, and .limit_max, which is no less" },
    { pages_have_no_place, "nothing says which page of a list", "name .page or .offset in .lists" },
    { list_word_is_none, "a parameter of a list is no name", "take letters, digits, `_` and `-`" },
    { signs_are_mixed, "a sign of filters is no mark, or stands for two things",
      "take four marks such as `,` `!` `*` `\"`, or leave one out" },
    { limit_is_only_second, "a second name of what has no first", "name .limit, not .limit_too" },
    { zip_header_is_none, "a header that is no name", "take letters, digits, `_` and `-`" },
    { zip_is_never_made, ".zip_header without the phase that packs",
      "put nst_phase_packed behind the view" },
    { table_has_no_format, "the address of what has none", "name .format, not .table alone" },
    { list_words_are_one, "two parameters of a list have one name", "rename one in .lists" },
    { 0 },
};

static void check_face(struct nst_registry *reg, size_t index)
{
    const struct nst_face *face = reg->face[index];
    const struct nst_at at = {
        .reg = reg,
        .table = NST_STR("faces"),
        .row = nst_strf(reg->arena, "face %s", face->name != NULL ? face->name : "?"),
        .index = index,
        .face = face,
    };
    nst_passes(&at, face_checks);
}

/* ---- Resources ---- */

static bool lacks_size(const struct nst_at *at)
{
    for (size_t i = 0; at->resource->size == 0 && i < at->resource->fields; i++)
        if (at->resource->field[i].size > 0)
            return true;
    return false;
}

/* A struct that only takes what a body says has no column. */
static bool lacks_table(const struct nst_at *at)
{
    for (size_t i = 0; at->resource->table == NULL && i < at->resource->fields; i++)
        if (at->resource->field[i].size > 0 && nst_has_column(&at->resource->field[i]))
            return true;
    return false;
}

static bool lacks_identity(const struct nst_at *at)
{
    const struct nst_resource *r = at->resource;
    unsigned identities = 0;
    for (size_t i = 0; i < r->fields; i++)
        identities += r->field[i].type == &nst_identity;
    return nst_has_rows(r) && identities != 1;
}

static bool parent_is_no_number(const struct nst_at *at)
{
    const struct nst_resource *r = at->resource;
    if (r->parent == NULL)
        return false;
    int i = nst_field_index(r, nst_str_z(r->parent));
    return i < 0 || r->field[i].rep != NST_REP_INT || !nst_is_stored(&r->field[i]) ||
           r->field[i].type == &nst_identity;
}

static const struct nst_check resource_checks[] = {
    { lacks_size, "fields of a struct, and no .size", "say .size = sizeof(struct ...)" },
    { lacks_table, "a struct with columns, and no .table",
      "name the table of the database in .table, or say .column = \"\"" },
    { lacks_identity, "a stored resource needs its number, once", "add one NST_IDENTITY row" },
    { parent_is_no_number, ".parent names no stored whole number",
      "name a field of type nst_int that holds the number of the row above" },
    { 0 },
};

/* ---- Sorts ---- */

static bool sort_is_second(const struct nst_at *at)
{
    for (const struct nst_sort *s = at->resource->sort; s != at->sort; s++)
        if (nst_is_alike(nst_str_z(s->name), nst_str_z(at->sort->name)))
            return true;
    return false;
}

static const struct nst_check sort_checks[] = {
    { sort_is_second, "two sorts have this name", "take one out" },
    { 0 },
};

static void check_sorts(struct nst_registry *reg, const struct nst_resource *r)
{
    for (const struct nst_sort *s = r->sort; s != NULL && s->name != NULL; s++) {
        const struct nst_at at = {
            .reg = reg,
            .table = nst_str_z(r->name),
            .row = nst_strf(reg->arena, "sort %s", s->name),
            .resource = r,
            .sort = s,
        };
        nst_passes(&at, sort_checks);
    }
}

/* ---- Filters ---- */

static bool filter_lacks_doc(const struct nst_at *at)
{
    return at->filter->doc == NULL;
}

static bool filter_is_second(const struct nst_at *at)
{
    struct nst_str name = nst_str_z(at->filter->name);
    int field = nst_field_index(at->resource, name);
    for (const struct nst_filter *f = at->resource->filter; f != at->filter; f++)
        if (nst_is_alike(nst_str_z(f->name), name))
            return true;
    return field >= 0 && (at->resource->field[field].flags & NST_FILTER) != 0;
}

static bool filter_is_of_lists(const struct nst_at *at)
{
    for (size_t i = 0; i < at->reg->faces; i++)
        if (nst_is_list_parameter(at->reg->face[i], nst_str_z(at->filter->name)))
            return true;
    return false;
}

static bool filter_has_no_column(const struct nst_at *at)
{
    int field = nst_field_index(at->resource, nst_str_z(at->filter->name));
    return at->filter->column == NULL &&
           (field < 0 || !nst_has_column(&at->resource->field[field]));
}

static bool filter_leads_nowhere(const struct nst_at *at)
{
    const struct nst_filter *f = at->filter;
    return (f->among != NULL) != (f->other != NULL) || (f->among != NULL && f->or_column != NULL) ||
           (f->among != NULL && strchr(f->among, '?') == NULL);
}

/* Values are looked up in the table of the resource, in one column. */
static bool filter_is_few_elsewhere(const struct nst_at *at)
{
    return at->filter->few && (at->filter->among != NULL || at->filter->or_column != NULL);
}

static bool filter_holds_in_vain(const struct nst_at *at)
{
    bool holds = at->filter->how == NST_HOLDS;
    return holds != (at->filter->mark != '\0') || (holds && !at->filter->few);
}

static const struct nst_check filter_checks[] = {
    { filter_lacks_doc, "a filter without doc", "give it a sentence in .doc" },
    { filter_is_second, "two filters have this name", "take one out" },
    { filter_is_of_lists, "a filter has the name of a parameter of lists", "rename the filter" },
    { filter_has_no_column, "there is no column to filter by", "write .column" },
    { filter_leads_nowhere, ".among and .other belong together, with a place for the condition",
      "write both, `?` where it belongs, and no .or_column" },
    { filter_is_few_elsewhere, "values are looked up in one column of this table",
      "take .few, .among or .or_column out" },
    { filter_holds_in_vain, "a set is NST_HOLDS with .mark and .few, and nothing else is",
      "write all three, or none" },
    { 0 },
};

static void check_filters(struct nst_registry *reg, const struct nst_resource *r)
{
    for (const struct nst_filter *f = r->filter; f != NULL && f->name != NULL; f++) {
        const struct nst_at at = {
            .reg = reg,
            .table = nst_str_z(r->name),
            .row = nst_strf(reg->arena, "filter %s", f->name),
            .resource = r,
            .filter = f,
        };
        nst_passes(&at, filter_checks);
    }
}

static bool check_resource(struct nst_registry *reg, const struct nst_resource *r)
{
    const struct nst_at at = {
        .reg = reg,
        .table = nst_str_z(r->name),
        .row = NST_STR("resource"),
        .resource = r,
    };
    if (!nst_passes(&at, resource_checks) || !nst_check_fields(reg, r))
        return false;
    check_sorts(reg, r);
    check_filters(reg, r);
    return true;
}

/* What a resource says for all of its sets is checked with the first. */
static void check_model(struct nst_registry *reg, size_t index)
{
    const struct nst_model *m = &reg->model[index];
    if (nst_check_set(reg, index) && (m->declared != NULL || check_resource(reg, m->resource)))
        nst_check_shown(reg, m);
}

void nst_check_tables(struct nst_registry *reg)
{
    unsigned faults = 0; /* before those of the resource: its sets would have them, too */
    for (size_t i = 0; i < reg->faces; i++)
        check_face(reg, i);
    for (size_t i = 0; i < reg->models; i++) {
        if (reg->model[i].declared == NULL)
            faults = reg->faults;
        if (reg->faults == faults)
            check_model(reg, i);
    }
}
