/* A row of a table becomes lines: one about the row itself, and one for each mapping that the row
 * of a concept has. A fault names its line and column; what it is about stays in the line as the
 * text of the cell, so that it can be mended there. */
#include "table.h"

#define SHOWN 40 /* bytes of a cell that a fault shows */

/* ---- Cells ---- */

struct nst_str ocl_table_cell(const struct ocl_table_row *r, size_t column)
{
    return column < r->row->count ? nst_str_trim(r->row->field[column]) : NST_STR("");
}

void ocl_table_fault(struct ocl_table_row *r, size_t column, const char *sentence)
{
    bool is_first = r->fault.n == 0;
    struct nst_str title = { 0 };
    nst_putf(&r->fault, "%sLine %zu", is_first ? "" : " ", r->row->line);
    if (column < r->header->count) {
        title = nst_str_slice(r->header->column[column].title, 0, 255);
        nst_putf(&r->fault, ", column \"%.*s\"", NST_FMT(title));
    }
    nst_putf(&r->fault, ": %s", sentence);
    if (is_first)
        r->fault_column = title;
}

/* No more of it than ends with a whole character. */
static struct nst_str shown(struct nst_str text)
{
    size_t n = text.n < SHOWN ? text.n : SHOWN;
    while (n > 0 && n < text.n && ((unsigned char)text.p[n] & 0xC0) == 0x80)
        n--;
    return nst_str_slice(text, 0, n);
}

static struct nst_json *text_value(struct ocl_table_row *r, struct nst_str text)
{
    struct nst_json *v = NST_NEW(r->arena, struct nst_json);
    *v = (struct nst_json){ .kind = NST_JSON_STRING, .text = text };
    return v;
}

static bool read_bool(struct nst_json *v, struct nst_str text)
{
    static const char *const words[] = { "false", "true", "no", "yes", "0", "1" };
    for (size_t i = 0; i < NST_COUNT(words); i++) {
        if (!nst_str_eq_nocase(text, nst_str_z(words[i])))
            continue;
        *v = (struct nst_json){ .kind = NST_JSON_BOOL, .boolean = i % 2 != 0 };
        return true;
    }
    return false;
}

static bool read_list(struct nst_json *v, struct nst_arena *a, struct nst_str text)
{
    struct ocl_lines_maker m;
    ocl_lines_begin(&m, a, NST_JSON_ARRAY);
    while (text.p != NULL) {
        struct nst_str item = nst_str_trim(nst_str_cut(&text, ','));
        if (item.n > 0)
            ocl_lines_add_text(&m, NULL, item);
    }
    *v = *m.value;
    return true;
}

static bool read_expressions(struct nst_json *v, struct nst_arena *a, struct nst_str text)
{
    struct nst_json list;
    struct ocl_lines_maker m;
    ocl_lines_begin(&m, a, NST_JSON_OBJECT);
    if (read_list(&list, a, text))
        ocl_lines_add(&m, "expressions", &list);
    *v = *m.value;
    return true;
}

static bool read_json(struct nst_json *v, struct nst_arena *a, struct nst_str text)
{
    const struct nst_json_limits limits = { OCL_LINE_DEPTH - 2, NST_JSON_NODES };
    struct nst_json *read;
    if (nst_json_read(&read, NULL, a, text, &limits) != NST_OK)
        return false;
    *v = *read;
    return true;
}

static const char *const wanted[] = {
    [TABLE_BOOL] = "true or false",
    [TABLE_INT] = "a whole number",
    [TABLE_FLOAT] = "a number such as 2.5",
    [TABLE_JSON] = "a JSON value",
    [TABLE_ID_AGAIN] = "the same as in the column id, or nothing",
};

static bool read_value(struct nst_json *v, struct ocl_table_row *r, enum ocl_table_cell cell,
                       struct nst_str text)
{
    int64_t n;
    switch (cell) {
    case TABLE_BOOL:
        return read_bool(v, text);
    case TABLE_INT:
        if (!nst_str_int(&n, text))
            return false;
        *v = (struct nst_json){ .kind = NST_JSON_NUMBER,
                                .text = nst_strf(r->arena, "%lld", (long long)n) };
        return true;
    case TABLE_FLOAT:
        return read_json(v, r->arena, text) && v->kind == NST_JSON_NUMBER;
    case TABLE_LIST:
        return read_list(v, r->arena, text);
    case TABLE_JSON:
        return read_json(v, r->arena, text);
    case TABLE_EXPRESSIONS:
        return read_expressions(v, r->arena, text);
    case TABLE_ID_AGAIN:
        return nst_str_eq(text, ocl_table_cell(r, r->header->id));
    default:
        return true;
    }
}

struct nst_json *ocl_table_value(struct ocl_table_row *r, size_t column, enum ocl_table_cell cell,
                                 struct nst_str text)
{
    text = nst_str_copy(r->arena, text); /* that of the row ends with it */
    struct nst_json *v = text_value(r, text);
    if (read_value(v, r, cell, text))
        return v;
    ocl_table_fault(r, column,
                    nst_strf(r->arena, "\"%.*s\" stands where %s should.", NST_FMT(shown(text)),
                             wanted[cell])
                        .p);
    return text_value(r, text);
}

/* ---- Names, descriptions, attributes ---- */

/* The element that a part of the row makes; NULL: its main cell (`name`, `description`) is empty.
 * Cells that alone say nothing may be filled all the same. */
static struct nst_json *make_element(struct ocl_table_row *r, const struct ocl_table_part *part,
                                     const char *main)
{
    struct ocl_lines_maker m;
    size_t orphan = SIZE_MAX;
    bool has_main = false;
    ocl_lines_begin(&m, r->arena, NST_JSON_OBJECT);
    for (size_t i = part->first; i != SIZE_MAX; i = r->header->column[i].next) {
        const struct ocl_table_known *k = r->header->column[i].of[r->type];
        struct nst_str text = ocl_table_cell(r, i);
        if (k == NULL || k->group != part->group || text.n == 0)
            continue;
        has_main |= strcmp(k->member, main) == 0;
        orphan = k->is_mere ? orphan : i;
        ocl_lines_add(&m, k->member, ocl_table_value(r, i, k->cell, text));
    }
    if (!has_main && orphan != SIZE_MAX)
        ocl_table_fault(r, orphan,
                        nst_strf(r->arena,
                                 "this is filled, and the %s that it belongs to "
                                 "is empty.",
                                 main)
                            .p);
    return has_main ? m.value : NULL;
}

/* What V614 has for cells that are empty; the first name and those with an index differ. */
static void add_defaults(struct nst_json *element, struct nst_arena *a, enum ocl_table_group group,
                         bool is_first)
{
    struct ocl_lines_maker m = { a, element, &element->first };
    while (*m.end != NULL)
        m.end = &(*m.end)->next;
    if (nst_json_get(element, NST_STR("locale")) == NULL)
        ocl_lines_add_text(&m, "locale", NST_STR("en"));
    if (group != TABLE_NAME || !is_first)
        return;
    if (nst_json_get(element, NST_STR("name_type")) == NULL)
        ocl_lines_add_text(&m, "name_type", NST_STR("Fully Specified"));
    if (nst_json_get(element, NST_STR("locale_preferred")) == NULL)
        ocl_lines_add_bool(&m, "locale_preferred", true);
}

static void add_elements(struct ocl_lines_maker *m, struct ocl_table_row *r,
                         enum ocl_table_group group, const char *list, const char *main)
{
    struct ocl_lines_maker elements;
    ocl_lines_begin(&elements, r->arena, NST_JSON_ARRAY);
    for (size_t i = 0; i < r->header->parts; i++) {
        const struct ocl_table_part *part = &r->header->part[i];
        struct nst_json *element = part->group == group ? make_element(r, part, main) : NULL;
        if (element == NULL)
            continue;
        add_defaults(element, r->arena, group, part->index.n == 0);
        ocl_lines_add(&elements, NULL, element);
    }
    if (elements.value->count > 0)
        ocl_lines_add(m, list, elements.value);
}

static void add_pair(struct ocl_lines_maker *extras, struct ocl_table_row *r,
                     const struct ocl_table_part *part)
{
    struct nst_json *pair = make_element(r, part, "key");
    const struct nst_json *key = nst_json_get(pair, NST_STR("key"));
    const struct nst_json *value = nst_json_get(pair, NST_STR("value"));
    if (key != NULL && nst_json_get(extras->value, key->text) != NULL)
        ocl_table_fault(r, part->first, "another column has the same key.");
    else if (key != NULL && value != NULL)
        ocl_lines_add(extras, nst_str_to_z(r->arena, key->text), value);
}

static void add_extras(struct ocl_lines_maker *m, struct ocl_table_row *r)
{
    const struct ocl_table_header *h = r->header;
    struct ocl_lines_maker extras;
    ocl_lines_begin(&extras, r->arena, NST_JSON_OBJECT);
    for (size_t i = 0; i < h->count; i++) {
        struct nst_str text = ocl_table_cell(r, i);
        if (h->column[i].key.p != NULL && text.n > 0)
            ocl_lines_add(&extras, nst_str_to_z(r->arena, h->column[i].key),
                          ocl_table_value(r, i, h->column[i].cell, text));
    }
    for (size_t i = 0; i < h->parts; i++)
        if (h->part[i].group == TABLE_PAIR)
            add_pair(&extras, r, &h->part[i]);
    if (extras.value->count > 0)
        ocl_lines_add(m, "extras", extras.value);
}

/* ---- The row ---- */

/* Two columns may mean one member: owner and owner_id. */
static void add_member(struct ocl_lines_maker *m, struct ocl_table_row *r, size_t column,
                       const struct ocl_table_known *k)
{
    struct nst_str text = ocl_table_cell(r, column);
    struct nst_json *v = ocl_table_value(r, column, k->cell, text);
    const struct nst_json *before =
        k->member != NULL ? nst_json_get(m->value, nst_str_z(k->member)) : NULL;
    if (before != NULL && !nst_json_equal(before, v))
        ocl_table_fault(r, column, "another column says something else of the same.");
    else if (before == NULL && k->member != NULL)
        ocl_lines_add(m, k->member, v);
}

static void add_members(struct ocl_lines_maker *m, struct ocl_table_row *r)
{
    const struct ocl_table_header *h = r->header;
    for (size_t i = 0; i < r->row->count; i++) {
        const struct ocl_table_known *k = i < h->count ? h->column[i].of[r->type] : NULL;
        if (ocl_table_cell(r, i).n == 0 || (i < h->count && h->column[i].key.p != NULL))
            continue;
        if (k != NULL && k->group == TABLE_PLAIN)
            add_member(m, r, i, k);
        else if (i >= h->count || h->column[i].title.n == 0)
            ocl_table_fault(
                r, i,
                nst_strf(r->arena, "cell %zu is filled, and its column has no name.", i + 1).p);
        else if (k == NULL)
            ocl_table_fault(r, i,
                            nst_strf(r->arena,
                                     "rows of the type %s have no such column; empty "
                                     "it.",
                                     ocl_table_type_word(r->type))
                                .p);
    }
}

void ocl_table_find_place(struct ocl_table_row *r)
{
    const struct {
        const char *member;
        struct nst_str *text;
    } wanted_here[] = { { "owner", &r->owner },
                        { "owner_type", &r->owner_type },
                        { "source", &r->source },
                        { "id", &r->id } };
    for (size_t w = 0; w < NST_COUNT(wanted_here); w++)
        *wanted_here[w].text = NST_STR("");
    for (size_t i = 0; i < r->header->count; i++) {
        const struct ocl_table_known *k = r->header->column[i].of[r->type];
        for (size_t w = 0; k != NULL && k->group == TABLE_PLAIN && w < NST_COUNT(wanted_here); w++)
            if (k->member != NULL && strcmp(k->member, wanted_here[w].member) == 0 &&
                wanted_here[w].text->n == 0)
                *wanted_here[w].text = ocl_table_cell(r, i);
    }
    if (r->owner_type.n == 0)
        r->owner_type = NST_STR("Organization");
}

static bool has_member(const struct ocl_lines_maker *m, const char *name)
{
    return nst_json_get(m->value, nst_str_z(name)) != NULL;
}

struct nst_json *ocl_table_make_line(struct ocl_table_row *r)
{
    struct ocl_lines_maker m;
    ocl_lines_begin(&m, r->arena, NST_JSON_OBJECT);
    ocl_lines_add_text(&m, "type", nst_str_z(ocl_table_type_word(r->type)));
    add_members(&m, r);
    if (has_member(&m, "owner") && !has_member(&m, "owner_type"))
        ocl_lines_add_text(&m, "owner_type", NST_STR("Organization"));
    if (r->type == TABLE_CONCEPT) {
        if (!has_member(&m, "datatype"))
            ocl_lines_add_text(&m, "datatype", NST_STR("None"));
        add_elements(&m, r, TABLE_NAME, "names", "name");
        add_elements(&m, r, TABLE_DESCRIPTION, "descriptions", "description");
    }
    if (r->type == TABLE_MAPPING)
        ocl_table_add_mapping(&m, r);
    add_extras(&m, r);
    return m.value;
}
