/* Exports of versions (V619): one object, with the repository as a member and its content as
 * arrays. It is walked once when it is opened, and the places of the rows are kept in a file
 * beside: rows stand newest first, lines come oldest first, so that a store that imports them
 * numbers them in the order they had, but parents before their children (order.c): a parent gets a
 * version with each child, and is newer than all of them.
 *
 * Which members of a row become members of its line is said by tables alone: those that the
 * import face takes (the serializers of face IMPORT in the folders beside). What else an export
 * has, the new store makes by itself. */
#include "internal.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* ---- What is picked ---- */

struct pick {
    const char *name;        /* in the line */
    const char *from;        /* in the row; NULL: the same */
    const struct pick *each; /* of the objects that it lists; NULL: the value as it is */
};

#define END \
    { \
        NULL \
    }

static const struct pick name_picks[] = {
    { "name" },        { "locale" },  { "locale_preferred" }, { "name_type" },
    { "external_id" }, { "retired" }, { "retire_reason" },    END,
};

static const struct pick description_picks[] = {
    { "description" }, { "locale" },  { "locale_preferred" }, { "description_type" },
    { "external_id" }, { "retired" }, { "retire_reason" },    END,
};

static const struct pick concept_picks[] = {
    { "owner" },
    { "owner_type" },
    { "source" },
    { "id" },
    { "concept_class" },
    { "datatype" },
    { "names", NULL, name_picks },
    { "descriptions", NULL, description_picks },
    { "external_id" },
    { "extras" },
    { "retired" },
    { "retire_reason" },
    { "update_comment" },
    { "parent_concept_urls" },
    END,
};

static const struct pick mapping_picks[] = {
    { "owner" },
    { "owner_type" },
    { "source" },
    { "id" },
    { "map_type" },
    { "from_concept_url" },
    { "from_source_url" },
    { "from_source_version" },
    { "from_concept_code" },
    { "from_concept_name" },
    { "to_concept_url" },
    { "to_source_url" },
    { "to_source_version" },
    { "to_concept_code" },
    { "to_concept_name" },
    { "external_id" },
    { "extras" },
    { "sort_weight" },
    { "retired" },
    { "retire_reason" },
    { "update_comment" },
    END,
};

/* The address of the topmost concept is no member of a line: that concept comes behind it. */
#define REPO_PICKS \
    { "owner" }, { "owner_type" }, { "id", "short_code" }, { "name" }, { "full_name" }, \
        { "description" }, { "public_access" }, { "default_locale" }, { "supported_locales" }, \
        { "website" }, { "external_id" }, { "extras" }, { "custom_validation_schema" }, \
        { "canonical_url" }, { "identifier" }, { "contact" }, { "jurisdiction" }, { "meta" }, \
        { "publisher" }, { "purpose" }, { "copyright" }, { "revision_date" }, { "text" }, \
        { "content_type" }, { "experimental" }, \
    { \
        "retired" \
    }

static const struct pick source_picks[] = {
    REPO_PICKS,
    { "source_type" },
    { "collection_reference" },
    { "hierarchy_meaning" },
    { "version_needed" },
    { "case_sensitive" },
    { "compositional" },
    { "properties" },
    { "filters" },
    { "match_algorithms" },
    { "autoid_concept_mnemonic" },
    { "autoid_concept_external_id" },
    { "autoid_concept_name_external_id" },
    { "autoid_concept_description_external_id" },
    { "autoid_mapping_mnemonic" },
    { "autoid_mapping_external_id" },
    { "autoid_concept_mnemonic_start_from" },
    { "autoid_concept_external_id_start_from" },
    { "autoid_mapping_mnemonic_start_from" },
    { "autoid_mapping_external_id_start_from" },
    END,
};

static const struct pick collection_picks[] = {
    REPO_PICKS, { "collection_type" }, { "immutable" }, { "autoexpand_head" }, END,
};

/* A version, whose repository the line names by that member. */
#define VERSION_PICKS(repo) \
    { "owner" }, { "owner_type" }, { repo, "short_code" }, { "id", "version" }, { "description" }, \
        { "released" }, { "retired" }, { "external_id" }, \
    { \
        "extras" \
    }

static const struct pick source_version_picks[] = { VERSION_PICKS("source"), END };

static const struct pick collection_version_picks[] = { VERSION_PICKS("collection"), END };

static struct nst_json *pick_all(struct nst_arena *a, const struct nst_json *row,
                                 const struct pick *picks);

static struct nst_json *pick_each(struct nst_arena *a, const struct nst_json *list,
                                  const struct pick *picks)
{
    struct ocl_lines_maker m;
    ocl_lines_begin(&m, a, NST_JSON_ARRAY);
    for (const struct nst_json *item = list->first; item != NULL; item = item->next)
        ocl_lines_add(&m, NULL, item->kind == NST_JSON_OBJECT ? pick_all(a, item, picks) : item);
    return m.value;
}

/* A member that is null is left out: that is what null says where something is made. */
static struct nst_json *pick_all(struct nst_arena *a, const struct nst_json *row,
                                 const struct pick *picks)
{
    struct ocl_lines_maker m;
    ocl_lines_begin(&m, a, NST_JSON_OBJECT);
    for (const struct pick *p = picks; p->name != NULL; p++) {
        const char *from = p->from != NULL ? p->from : p->name;
        const struct nst_json *value = nst_json_get(row, nst_str_z(from));
        if (value == NULL || value->kind == NST_JSON_NULL)
            continue;
        if (p->each != NULL && value->kind == NST_JSON_ARRAY)
            value = pick_each(a, value, p->each);
        ocl_lines_add(&m, p->name, value);
    }
    return m.value;
}

/* ---- Where things are ---- */

enum part { REPO, CONCEPTS, REFERENCES, MAPPINGS, VERSION, PARTS };

static const char *const list_name[PARTS] = {
    [CONCEPTS] = "concepts", [REFERENCES] = "references", [MAPPINGS] = "mappings"
};

/* The members of the version, which are read once all of them are known. */
static const char *const version_name[] = { "owner",   "owner_type",  "short_code",
                                            "version", "description", "released",
                                            "retired", "external_id", "extras" };

#define INDEX_BUFFER 1024 /* rows that are written at a time */

/* A row of a list, as the index has it. */
struct row {
    struct ocl_lines_range at;
    uint64_t hash; /* of a concept */
};

struct export
{
    int index;     /* rows, in their order */
    uint64_t rows; /* in it, those in the buffer included */
    struct row buffer[INDEX_BUFFER];
    uint64_t first[PARTS], count[PARTS];
    struct ocl_lines_range repo, member[NST_COUNT(version_name)];
    struct nst_str owner, owner_type, code; /* of the repository */
    bool is_collection, has_list, has_parents;
    struct ocl_lines_order *order; /* of its concepts; NULL: the oldest first */
    enum part part;                /* that lines come from, and how many of it have come */
    uint64_t taken;
};

/* Every line of an export: its type, and what it has of a row; NULL: it is made otherwise. */
static const struct {
    const char *type;
    const struct pick *picks;
} made[2][PARTS] = {
    { [REPO] = { "Source", source_picks },
      [CONCEPTS] = { "Concept", concept_picks },
      [MAPPINGS] = { "Mapping", mapping_picks },
      [VERSION] = { "Source Version", source_version_picks } },
    /* Its concepts and mappings belong to other repositories, which export them themselves. */
    { [REPO] = { "Collection", collection_picks },
      [REFERENCES] = { "Reference", NULL },
      [VERSION] = { "Collection Version", collection_version_picks } },
};

static bool flush_index(struct export *e)
{
    size_t n = e->rows % INDEX_BUFFER;
    uint64_t begin = e->rows - (n == 0 ? INDEX_BUFFER : n);
    size_t bytes = (size_t)(e->rows - begin) * sizeof(struct row);
    return e->rows == 0 || pwrite(e->index, e->buffer, bytes,
                                  (off_t)(begin * sizeof(struct row))) == (ssize_t)bytes;
}

static bool keep_row(struct export *e, struct row row)
{
    e->buffer[e->rows++ % INDEX_BUFFER] = row;
    return e->rows % INDEX_BUFFER != 0 || flush_index(e);
}

static const char no_room[] = "is an export, and there is no room beside for the places of its "
                              "rows";

/* Where the walk came to an end that should not be there. */
static bool refuse_export(struct nst_str *why, struct ocl_lines *l, uint64_t place)
{
    size_t line, column;
    ocl_lines_locate(&line, &column, &l->file, place);
    *why = nst_strf(l->scratch,
                    "is an export that is cut short or broken at line %zu, column %zu; "
                    "fetch it again",
                    line, column);
    return false;
}

/* Concepts are looked into for their order. */
static struct row look_at(struct ocl_lines *l, enum part part, struct ocl_lines_range at)
{
    struct export *e = l->state;
    struct row row = { .at = at };
    struct ocl_line_text line = { 0 };
    struct nst_mark mark = nst_arena_mark(l->scratch);
    if (part == CONCEPTS)
        ocl_lines_take_object(&line, l, l->scratch, at, NST_STR(""));
    const struct nst_json *parents = nst_json_get(line.tree, NST_STR("parent_concept_urls"));
    e->has_parents |= parents != NULL && parents->count > 0;
    row.hash = ocl_lines_concept_hash(l->scratch, nst_json_get(line.tree, NST_STR("id")));
    nst_arena_rewind(l->scratch, mark);
    return row;
}

static bool index_list(struct nst_str *why, struct ocl_lines *l, enum part part, uint64_t place)
{
    struct export *e = l->state;
    struct ocl_lines_walk w;
    enum ocl_lines_step step;
    e->first[part] = e->rows;
    e->has_list = true;
    ocl_lines_walk_begin(&w, &l->file, place);
    while ((step = ocl_lines_walk_next(&w, &l->file)) == LINES_ITEM) {
        if (!keep_row(e, look_at(l, part, (struct ocl_lines_range){ w.from, w.to }))) {
            *why = nst_str_z(no_room);
            return false;
        }
    }
    e->count[part] = e->rows - e->first[part];
    return step == LINES_END || refuse_export(why, l, w.place);
}

#define NAME_MAX_BYTES 64 /* of the members that are looked for */

static void note_member(struct export *e, struct nst_str name, const struct ocl_lines_walk *w,
                        int c)
{
    struct ocl_lines_range span = { w->from, w->to };
    bool is_collection = nst_str_eq(name, NST_STR("collection"));
    if (c == '{' && (is_collection || nst_str_eq(name, NST_STR("source")))) {
        e->repo = span;
        e->is_collection = is_collection;
    }
    for (size_t i = 0; i < NST_COUNT(version_name); i++)
        if (nst_str_eq(name, nst_str_z(version_name[i])))
            e->member[i] = span;
}

/* Note what the member is that the walk stands on. False after saying why it cannot be. */
static bool take_member(struct nst_str *why, struct ocl_lines *l, const struct ocl_lines_walk *w)
{
    uint64_t end = w->name_end - w->name < NAME_MAX_BYTES ? w->name_end : w->name + NAME_MAX_BYTES;
    struct nst_mark mark = nst_arena_mark(l->scratch);
    struct nst_str name = ocl_lines_span(&l->file, l->scratch, w->name + 1, end - 1);
    int c = ocl_lines_byte(&l->file, w->from);
    note_member(l->state, name, w, c);
    enum part part = 0;
    while (part < PARTS && !nst_str_eq(name, nst_str_z(list_name[part])))
        part++;
    nst_arena_rewind(l->scratch, mark);
    return c != '[' || part == PARTS || index_list(why, l, part, w->from);
}

static bool walk_export(struct nst_str *why, struct ocl_lines *l)
{
    struct export *e = l->state;
    struct ocl_lines_walk w;
    enum ocl_lines_step step;
    ocl_lines_walk_begin(&w, &l->file, l->first);
    while ((step = ocl_lines_walk_next(&w, &l->file)) == LINES_ITEM)
        if (!take_member(why, l, &w))
            return false;
    bool is_export = e->repo.to != 0 && (e->has_list || step == LINES_BROKEN);
    if (!is_export)
        return false;
    if (step == LINES_BROKEN)
        return refuse_export(why, l, w.place);
    uint64_t behind = ocl_lines_skip_blanks(&l->file, w.place);
    if (behind < l->file.size)
        return refuse_export(why, l, behind);
    if (flush_index(e))
        return true;
    *why = nst_str_z(no_room);
    return false;
}

/* ---- Lines ---- */

/* The span's value; NULL after telling its fault. */
static const struct nst_json *read_span(struct ocl_line_text *line, struct ocl_lines *l,
                                        struct nst_arena *a, struct ocl_lines_range span,
                                        struct nst_str what)
{
    ocl_lines_take_object(line, l, a, span, what);
    return line->tree;
}

/* The members of the version, as an object. A value of theirs that cannot be read is left to the
 * import, which misses it. */
static struct nst_json *read_version(struct ocl_lines *l, struct nst_arena *a)
{
    struct export *e = l->state;
    struct ocl_lines_maker m;
    ocl_lines_begin(&m, a, NST_JSON_OBJECT);
    for (size_t i = 0; i < NST_COUNT(version_name); i++) {
        struct nst_json *value;
        struct nst_str text = ocl_lines_span(&l->file, a, e->member[i].from, e->member[i].to);
        if (e->member[i].to != 0 && nst_json_read(&value, NULL, a, text, NULL) == NST_OK)
            ocl_lines_add(&m, version_name[i], value);
    }
    return m.value;
}

bool ocl_lines_export_head(struct nst_json **version, struct nst_json **source, struct ocl_lines *l,
                           struct nst_arena *a)
{
    struct ocl_line_text line = { 0 };
    struct export *e = l->state;
    if (l->form != &ocl_lines_export)
        return false;
    *version = read_version(l, a);
    ocl_lines_take_object(&line, l, a, e->repo, NST_STR("source, "));
    *source = e->is_collection ? NULL : line.tree;
    return line.tree != NULL;
}

/* A copy of HEAD is no version that could be made (HEAD is what is imported). */
static bool is_head(const struct nst_json *version)
{
    const struct nst_json *id = nst_json_get(version, NST_STR("version"));
    return id == NULL || nst_str_eq(id->text, NST_STR("HEAD"));
}

static void give(struct ocl_line_text *line, struct nst_arena *a, const char *type,
                 struct nst_json *picked)
{
    struct nst_json *member = NST_NEW(a, struct nst_json);
    *member = (struct nst_json){ .kind = NST_JSON_STRING,
                                 .text = nst_str_z(type),
                                 .name = NST_STR("type"),
                                 .next = picked->first };
    picked->first = member;
    picked->count++;
    ocl_lines_give(line, a, picked);
}

/* V505: what a collection has is said by an expression; `include` false is V503's `exclude`. */
static struct nst_json *make_reference(const struct export *e, struct nst_arena *a,
                                       const struct nst_json *row)
{
    const struct nst_json *expression = nst_json_get(row, NST_STR("expression"));
    const struct nst_json *include = nst_json_get(row, NST_STR("include"));
    struct ocl_lines_maker m, data, list;
    ocl_lines_begin(&list, a, NST_JSON_ARRAY);
    if (expression != NULL)
        ocl_lines_add(&list, NULL, expression);
    ocl_lines_begin(&data, a, NST_JSON_OBJECT);
    ocl_lines_add(&data, "expressions", list.value);
    if (include != NULL && include->kind == NST_JSON_BOOL && !include->boolean)
        ocl_lines_add_bool(&data, "exclude", true);
    ocl_lines_begin(&m, a, NST_JSON_OBJECT);
    ocl_lines_add_text(&m, "owner", e->owner);
    ocl_lines_add_text(&m, "owner_type", e->owner_type);
    ocl_lines_add_text(&m, "collection", e->code);
    ocl_lines_add(&m, "data", data.value);
    return m.value;
}

/* The row with that number in its list; false where the disk fails. */
static bool find_row(struct row *row, struct ocl_lines *l, uint64_t number)
{
    struct export *e = l->state;
    off_t at = (off_t)((e->first[e->part] + number) * sizeof(*row));
    if (pread(e->index, row, sizeof(*row), at) != (ssize_t)sizeof(*row))
        l->file.failure = EIO;
    return l->file.failure == 0;
}

static const struct nst_json *read_row(struct ocl_line_text *line, struct ocl_lines *l,
                                       struct nst_arena *a, uint64_t number)
{
    struct export *e = l->state;
    struct row row;
    if (!find_row(&row, l, number))
        return NULL;
    l->place += row.at.to - row.at.from;
    return read_span(line, l, a, row.at,
                     nst_strf(a, "%s[%llu], ", list_name[e->part], (unsigned long long)number));
}

/* The oldest concept that is left, or the topmost of those above it. */
static const struct nst_json *read_concept(struct ocl_line_text *line, struct ocl_lines *l,
                                           struct nst_arena *a)
{
    struct export *e = l->state;
    uint64_t number;
    while (ocl_lines_order_top(&number, e->order)) {
        struct nst_mark mark = nst_arena_mark(a);
        uint64_t place = l->place;
        const struct nst_json *read = read_row(line, l, a, number);
        if (l->file.failure != 0 || ocl_lines_order_take(e->order, a, read))
            return read;
        nst_arena_rewind(a, mark);
        *line = (struct ocl_line_text){ 0 };
        l->place = place;
    }
    return NULL;
}

static void next_row(struct ocl_line_text *line, struct ocl_lines *l, struct nst_arena *a)
{
    struct export *e = l->state;
    const struct pick *picks = made[e->is_collection][e->part].picks;
    bool is_ordered = e->part == CONCEPTS && e->order != NULL;
    const struct nst_json *read = is_ordered
                                      ? read_concept(line, l, a)
                                      : read_row(line, l, a, e->count[e->part] - 1 - e->taken);
    if (read != NULL)
        give(line, a, made[e->is_collection][e->part].type,
             picks != NULL ? pick_all(a, read, picks) : make_reference(e, a, read));
}

/* The part that the next line comes from. */
static bool find_part(struct export *e)
{
    while (e->part < PARTS) {
        bool is_single = e->part == REPO || e->part == VERSION;
        uint64_t all = is_single ? 1 : e->count[e->part];
        if (made[e->is_collection][e->part].type != NULL && e->taken < all)
            return true;
        e->part++;
        e->taken = 0;
    }
    return false;
}

static bool next_line(struct ocl_line_text *line, struct ocl_lines *l, struct nst_arena *a)
{
    struct export *e = l->state;
    if (!find_part(e))
        return false;
    const struct pick *picks = made[e->is_collection][e->part].picks;
    const char *type = made[e->is_collection][e->part].type;
    if (e->part == VERSION) {
        const struct nst_json *version = read_version(l, a);
        l->place = l->file.size;
        if (is_head(version))
            return false;
        give(line, a, type, pick_all(a, version, picks));
    } else if (e->part == REPO) {
        const struct nst_json *row = read_span(line, l, a, e->repo, NST_STR("the repository, "));
        if (row != NULL)
            give(line, a, type, pick_all(a, row, picks));
    } else {
        next_row(line, l, a);
    }
    e->taken++;
    l->number++;
    return true;
}

static void rewind_export(struct ocl_lines *l)
{
    struct export *e = l->state;
    e->part = REPO;
    e->taken = 0;
    l->place = 0;
    if (e->order != NULL)
        ocl_lines_order_begin(e->order, false);
}

static void close_export(struct ocl_lines *l)
{
    struct export *e = l->state;
    ocl_lines_order_free(e->order);
    close(e->index);
}

const struct ocl_lines_form ocl_lines_export = {
    .is_backwards = true, .next = next_line, .rewind = rewind_export, .close = close_export
};

static struct nst_str text_of(struct nst_arena *a, const struct nst_json *row, const char *name)
{
    const struct nst_json *v = nst_json_get(row, nst_str_z(name));
    return nst_str_copy(a, v != NULL && v->kind == NST_JSON_STRING ? v->text : NST_STR(""));
}

/* References do not say whose they are: the repository does. */
static void read_owner(struct ocl_lines *l)
{
    struct export *e = l->state;
    struct ocl_line_text line = { 0 };
    const struct nst_json *row = read_span(&line, l, l->scratch, e->repo, NST_STR(""));
    e->owner = text_of(l->home, row, "owner");
    e->owner_type = text_of(l->home, row, "owner_type");
    e->code = text_of(l->home, row, "short_code");
}

/* What parents need: a walk through the index. */
static bool begin_order(struct ocl_lines *l)
{
    struct export *e = l->state;
    struct row row;
    int fd = ocl_lines_scratch(l->folder);
    e->part = CONCEPTS;
    e->order = fd >= 0 ? ocl_lines_order_new(l->home, fd, e->count[CONCEPTS]) : NULL;
    for (uint64_t i = 0; e->order != NULL && i < e->count[CONCEPTS] && find_row(&row, l, i); i++)
        ocl_lines_order_set(e->order, i, row.hash);
    if (e->order != NULL)
        ocl_lines_order_begin(e->order, true);
    if (fd >= 0)
        close(fd);
    return e->order != NULL;
}

static bool begin_export(struct nst_str *why, struct ocl_lines *l)
{
    struct export *e = l->state;
    if (!walk_export(why, l))
        return false;
    read_owner(l);
    if (!e->has_parents || e->is_collection || begin_order(l))
        return true;
    *why = nst_str_z(no_room);
    return false;
}

bool ocl_lines_export_begin(struct nst_str *why, struct ocl_lines *l)
{
    struct export *e = NST_NEW(l->home, struct export);
    l->state = e;
    l->form = &ocl_lines_export;
    e->index = ocl_lines_scratch(l->folder);
    if (e->index >= 0 && begin_export(why, l))
        return true;
    if (e->index < 0)
        *why = nst_str_z(no_room);
    else
        close(e->index);
    l->form = NULL;
    return false;
}
