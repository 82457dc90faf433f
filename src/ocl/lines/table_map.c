/* Mappings in tables: those that the row of a concept has, and rows of their own. An end is an
 * address, or a code with the source that it is of; what is left out is taken from the row. */
#include "table.h"

struct cells {
    struct nst_str text[SLOTS];
    size_t column[SLOTS]; /* SIZE_MAX: none */
    size_t orphan;        /* a column that says something by itself; SIZE_MAX: none */
};

static void take_cell(struct cells *c, struct ocl_table_row *r, size_t column)
{
    const struct ocl_table_known *k = r->header->column[column].of[r->type];
    struct nst_str text = ocl_table_cell(r, column);
    if (k == NULL || (k->group != TABLE_MAP && k->group != TABLE_EXTMAP) || text.n == 0)
        return;
    if (c->text[k->slot].n > 0 && !nst_str_eq(c->text[k->slot], text))
        ocl_table_fault(r, column, "another column says something else of the same.");
    c->text[k->slot] = text;
    c->column[k->slot] = column;
    c->orphan = k->is_mere ? c->orphan : column;
}

static void collect(struct cells *c, struct ocl_table_row *r, const struct ocl_table_part *part)
{
    *c = (struct cells){ .orphan = SIZE_MAX };
    for (size_t i = 0; i < SLOTS; i++)
        c->column[i] = SIZE_MAX;
    for (size_t i = part != NULL ? part->first : SIZE_MAX; i != SIZE_MAX;
         i = r->header->column[i].next)
        take_cell(c, r, i);
}

static const struct ocl_table_part *find_part(const struct ocl_table_header *h,
                                              enum ocl_table_group group)
{
    for (size_t i = 0; i < h->parts; i++)
        if (h->part[i].group == group && h->part[i].index.n == 0)
            return &h->part[i];
    return NULL;
}

static struct nst_str either(struct nst_str text, struct nst_str other)
{
    return text.n > 0 ? text : other;
}

/* What columns without an index say of whose the mappings are holds for all of the row. */
static void inherit(struct cells *c, struct ocl_table_row *r, const struct ocl_table_part *part)
{
    static const enum ocl_table_slot inherited[] = { SLOT_TARGET, SLOT_OWNER, SLOT_OWNER_TYPE,
                                                     SLOT_SOURCE };
    struct cells all;
    if (part->index.n == 0)
        return;
    collect(&all, r, find_part(r->header, part->group));
    for (size_t i = 0; i < NST_COUNT(inherited); i++)
        c->text[inherited[i]] = either(c->text[inherited[i]], all.text[inherited[i]]);
}

/* ---- Ends ---- */

static struct nst_str source_url(struct ocl_table_row *r, const struct nst_str *end)
{
    struct nst_str owner = either(end[END_OWNER], r->owner);
    struct nst_str type =
        end[END_OWNER].n > 0 ? end[END_OWNER_TYPE] : either(end[END_OWNER_TYPE], r->owner_type);
    struct nst_str source = either(end[END_SOURCE], r->source);
    struct nst_buf b;
    nst_buf_init(&b, r->arena, 8 * TABLE_CELL_MAX);
    nst_put_z(&b, nst_str_eq_nocase(type, NST_STR("User")) ? "/users/" : "/orgs/");
    nst_put_percent(&b, owner, "");
    nst_put_lit(&b, "/sources/");
    nst_put_percent(&b, source, "");
    nst_put_char(&b, '/');
    return nst_buf_str(&b);
}

struct end_names {
    const char *url, *source_url, *source_version, *code, *name;
};

static const struct end_names from_names = { "from_concept_url", "from_source_url",
                                             "from_source_version", "from_concept_code",
                                             "from_concept_name" };
static const struct end_names to_names = { "to_concept_url", "to_source_url", "to_source_version",
                                           "to_concept_code", "to_concept_name" };

static void add_given(struct ocl_lines_maker *m, const char *name, struct nst_str text)
{
    if (text.n > 0)
        ocl_lines_add_text(m, name, text);
}

static void add_end(struct ocl_lines_maker *m, struct ocl_table_row *r, const struct nst_str *end,
                    const struct end_names *names)
{
    bool is_by_code = end[END_URL].n == 0 && end[END_CODE].n > 0;
    add_given(m, names->url, end[END_URL]);
    add_given(m, names->source_url,
              is_by_code && end[END_SOURCE_URL].n == 0 ? source_url(r, end) : end[END_SOURCE_URL]);
    add_given(m, names->source_version, end[END_SOURCE_VERSION]);
    add_given(m, names->code, end[END_CODE]);
    add_given(m, names->name, end[END_NAME]);
}

static void check_target(struct ocl_table_row *r, const struct cells *c)
{
    struct nst_str target = c->text[SLOT_TARGET];
    if (target.n > 0 && !nst_str_eq_nocase(target, NST_STR("Internal")) &&
        !nst_str_eq_nocase(target, NST_STR("External")))
        ocl_table_fault(r, c->column[SLOT_TARGET], "this is Internal or External, or nothing.");
}

static void add_mapping(struct ocl_lines_maker *m, struct ocl_table_row *r, const struct cells *c)
{
    check_target(r, c);
    ocl_lines_add_text(m, "map_type", either(c->text[SLOT_TYPE], NST_STR("Same As")));
    add_end(m, r, c->text + SLOT_FROM, &from_names);
    add_end(m, r, c->text + SLOT_TO, &to_names);
}

/* ---- Both ways ---- */

void ocl_table_add_mapping(struct ocl_lines_maker *m, struct ocl_table_row *r)
{
    struct cells c;
    collect(&c, r, find_part(r->header, TABLE_MAP));
    add_mapping(m, r, &c);
}

/* An end of its own must say of which source it is: nothing leads out of the row's by itself. */
static void check_external(struct ocl_table_row *r, const struct ocl_table_part *part,
                           const struct cells *c)
{
    const struct nst_str *to = c->text + SLOT_TO;
    if (part->group == TABLE_EXTMAP && to[END_URL].n == 0 && to[END_SOURCE_URL].n == 0 &&
        to[END_SOURCE].n == 0)
        ocl_table_fault(r, c->column[SLOT_TO + END_CODE],
                        "extmap_to_concept_source has to say of which source this is.");
}

struct nst_json *ocl_table_make_mapping(struct ocl_table_row *r, const struct ocl_table_part *part)
{
    struct ocl_lines_maker m;
    struct cells c;
    if (part->group != TABLE_MAP && part->group != TABLE_EXTMAP)
        return NULL;
    collect(&c, r, part);
    bool has_end = c.text[SLOT_TO + END_URL].n > 0 || c.text[SLOT_TO + END_CODE].n > 0;
    if (!has_end && c.orphan == SIZE_MAX && r->fault.n == 0)
        return NULL;
    if (!has_end)
        ocl_table_fault(r, c.orphan,
                        "this is filled, and the mapping has neither an id nor a url "
                        "that it leads to.");
    else
        check_external(r, part, &c);
    inherit(&c, r, part);
    if (c.text[SLOT_FROM + END_URL].n == 0)
        c.text[SLOT_FROM + END_CODE] = either(c.text[SLOT_FROM + END_CODE], r->id);
    ocl_lines_begin(&m, r->arena, NST_JSON_OBJECT);
    ocl_lines_add_text(&m, "type", NST_STR("Mapping"));
    add_given(&m, "owner", either(c.text[SLOT_OWNER], r->owner));
    ocl_lines_add_text(&m, "owner_type",
                       c.text[SLOT_OWNER].n > 0 && c.text[SLOT_OWNER_TYPE].n == 0
                           ? NST_STR("Organization")
                           : either(c.text[SLOT_OWNER_TYPE], r->owner_type));
    add_given(&m, "source", either(c.text[SLOT_SOURCE], r->source));
    add_mapping(&m, r, &c);
    return m.value;
}
