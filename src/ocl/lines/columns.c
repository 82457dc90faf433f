/* Which columns tables have (V614), as one table; those of a file are looked up in it once. */
#include "table.h"

#define ORG        (1U << TABLE_ORG)
#define SOURCE     (1U << TABLE_SOURCE)
#define COLLECTION (1U << TABLE_COLLECTION)
#define CONCEPT    (1U << TABLE_CONCEPT)
#define MAPPING    (1U << TABLE_MAPPING)
#define VERSION    (1U << TABLE_SOURCE_VERSION | 1U << TABLE_COLLECTION_VERSION)
#define REFERENCE  (1U << TABLE_REFERENCE)
#define REPO       (SOURCE | COLLECTION)
#define CONTENT    (CONCEPT | MAPPING)
#define ALL        ((1U << TABLE_TYPES) - 1)
#define OWNED      (ALL & ~ORG)
#define NAMED      (ALL & ~REFERENCE)

static const char *const type_word[TABLE_TYPES] = {
    [TABLE_ORG] = "Organization",
    [TABLE_SOURCE] = "Source",
    [TABLE_COLLECTION] = "Collection",
    [TABLE_CONCEPT] = "Concept",
    [TABLE_MAPPING] = "Mapping",
    [TABLE_SOURCE_VERSION] = "Source Version",
    [TABLE_COLLECTION_VERSION] = "Collection Version",
    [TABLE_REFERENCE] = "Reference",
};

const char *ocl_table_type_word(enum ocl_table_type type)
{
    return type_word[type];
}

enum ocl_table_type ocl_table_type_of(struct nst_str word)
{
    enum ocl_table_type type = 0;
    if (nst_str_eq_nocase(word, NST_STR("External Mapping")))
        return TABLE_MAPPING;
    while (type < TABLE_TYPES && !nst_str_eq_nocase(word, nst_str_z(type_word[type])))
        type++;
    return type;
}

#define T(name, member, types) \
    { \
        name, member, TABLE_TEXT, types, TABLE_PLAIN \
    }
#define V(name, member, kind, types) \
    { \
        name, member, kind, types, TABLE_PLAIN \
    }

static const struct ocl_table_known plain[] = {
    T("resource_type", NULL, ALL),
    T("owner_id", "owner", OWNED),
    T("owner", "owner", OWNED),
    T("owner_type", "owner_type", OWNED),
    T("source", "source", CONTENT | 1U << TABLE_SOURCE_VERSION),
    T("collection", "collection", REFERENCE | 1U << TABLE_COLLECTION_VERSION),
    T("collection_url", "collection_url", REFERENCE),
    V("data/expressions", "data", TABLE_EXPRESSIONS, REFERENCE),
    V("data:expressions", "data", TABLE_EXPRESSIONS, REFERENCE),
    T("id", "id", NAMED),
    V("short_code", NULL, TABLE_ID_AGAIN, REPO),
    T("name", "name", ORG | REPO),
    T("company", "company", ORG),
    T("location", "location", ORG),
    T("full_name", "full_name", REPO),
    T("description", "description", ORG | REPO | VERSION),
    T("website", "website", ORG | REPO),
    T("public_access", "public_access", ORG | REPO),
    T("text", "text", ORG | REPO),
    T("source_type", "source_type", SOURCE),
    T("collection_type", "collection_type", COLLECTION),
    T("default_locale", "default_locale", REPO),
    V("supported_locales", "supported_locales", TABLE_LIST, REPO),
    T("custom_validation_schema", "custom_validation_schema", REPO),
    T("canonical_url", "canonical_url", REPO),
    T("identifier", "identifier", REPO),
    T("contact", "contact", REPO),
    T("jurisdiction", "jurisdiction", REPO),
    T("meta", "meta", REPO),
    T("publisher", "publisher", REPO),
    T("purpose", "purpose", REPO),
    T("copyright", "copyright", REPO),
    T("revision_date", "revision_date", REPO),
    T("content_type", "content_type", REPO),
    V("experimental", "experimental", TABLE_BOOL, REPO),
    V("case_sensitive", "case_sensitive", TABLE_BOOL, SOURCE),
    V("compositional", "compositional", TABLE_BOOL, SOURCE),
    T("collection_reference", "collection_reference", SOURCE),
    T("hierarchy_meaning", "hierarchy_meaning", SOURCE),
    T("hierarchy_root_url", "hierarchy_root_url", SOURCE),
    T("version_needed", "version_needed", SOURCE),
    V("immutable", "immutable", TABLE_BOOL, COLLECTION),
    V("released", "released", TABLE_BOOL, VERSION),
    V("retired", "retired", TABLE_BOOL, REPO | CONTENT | VERSION),
    T("retire_reason", "retire_reason", CONTENT),
    T("update_comment", "update_comment", CONTENT),
    T("external_id", "external_id", REPO | CONTENT | VERSION),
    T("concept_class", "concept_class", CONCEPT),
    T("datatype", "datatype", CONCEPT),
    V("parent_concept_urls", "parent_concept_urls", TABLE_LIST, CONCEPT),
    V("parent_concept_url", "parent_concept_urls", TABLE_LIST, CONCEPT),
    V("sort_weight", "sort_weight", TABLE_FLOAT, MAPPING),
};

#define E(title, member, kind, where) \
    { \
        title, member, kind, CONCEPT, where \
    }
#define MERE(title, member, kind, where) \
    { \
        title, member, kind, CONCEPT, where, .is_mere = true \
    }

static const struct ocl_table_known element[] = {
    E("name", "name", TABLE_TEXT, TABLE_NAME),
    MERE("name_locale", "locale", TABLE_TEXT, TABLE_NAME),
    MERE("name_type", "name_type", TABLE_TEXT, TABLE_NAME),
    MERE("name_locale_preferred", "locale_preferred", TABLE_BOOL, TABLE_NAME),
    E("name_external_id", "external_id", TABLE_TEXT, TABLE_NAME),
    E("description", "description", TABLE_TEXT, TABLE_DESCRIPTION),
    MERE("description_locale", "locale", TABLE_TEXT, TABLE_DESCRIPTION),
    MERE("description_type", "description_type", TABLE_TEXT, TABLE_DESCRIPTION),
    MERE("description_locale_preferred", "locale_preferred", TABLE_BOOL, TABLE_DESCRIPTION),
    E("description_external_id", "external_id", TABLE_TEXT, TABLE_DESCRIPTION),
};

#define HAS_EXTRAS (ORG | REPO | CONTENT | VERSION)
static const struct ocl_table_known pair[] = {
    { "attr_key", "key", TABLE_TEXT, HAS_EXTRAS, TABLE_PAIR, .is_mere = true },
    { "attr_value", "value", TABLE_TEXT, HAS_EXTRAS, TABLE_PAIR },
};

#define S(name, which) \
    { \
        name, NULL, TABLE_TEXT, GROUP_TYPES, GROUP, which \
    }
#define MERELY(name, which) \
    { \
        name, NULL, TABLE_TEXT, GROUP_TYPES, GROUP, which, true \
    }
#define ENDS(side, first) \
    S(side "_concept_url", (first) + END_URL), S(side "_source_url", (first) + END_SOURCE_URL), \
        S(side "_source_version", (first) + END_SOURCE_VERSION), \
        S(side "_concept_id", (first) + END_CODE), S(side "_concept_code", (first) + END_CODE), \
        S(side "_concept_name", (first) + END_NAME), \
        MERELY(side "_concept_owner_id", (first) + END_OWNER), \
        MERELY(side "_concept_owner_type", (first) + END_OWNER_TYPE), \
        MERELY(side "_concept_source", (first) + END_SOURCE)
#define SLOT_ROWS \
    MERELY("type", SLOT_TYPE), MERELY("target", SLOT_TARGET), MERELY("owner_id", SLOT_OWNER), \
        MERELY("owner_type", SLOT_OWNER_TYPE), MERELY("source", SLOT_SOURCE), \
        ENDS("from", SLOT_FROM), ENDS("to", SLOT_TO)

/* Behind `map_`; those of the ends stand for themselves in rows of mappings. */
#define GROUP       TABLE_MAP
#define GROUP_TYPES CONTENT
static const struct ocl_table_known map_slot[] = { SLOT_ROWS };
#undef GROUP
#undef GROUP_TYPES

/* Behind `extmap_`. */
#define GROUP       TABLE_EXTMAP
#define GROUP_TYPES CONCEPT
static const struct ocl_table_known extmap_slot[] = { SLOT_ROWS };

/* ---- What a title means ---- */

/* Have c mean what is called `name`, in rows of its types, where nothing else is meant. */
static void mean(struct ocl_table_column *c, const struct ocl_table_known *known, size_t count,
                 struct nst_str name, unsigned types)
{
    size_t at = 0;
    while (at < count && !nst_str_eq_nocase(name, nst_str_z(known[at].name)))
        at++;
    for (unsigned i = 0; at < count && i < TABLE_TYPES; i++)
        if ((known[at].types & types & 1U << i) != 0 && c->of[i] == NULL)
            c->of[i] = &known[at];
}

#define MEAN(c, table, name, types) mean((c), (table), NST_COUNT(table), (name), (types))

static bool starts(struct nst_str *rest, struct nst_str title, const char *prefix)
{
    size_t n = strlen(prefix);
    *rest = nst_str_slice(title, n, title.n);
    return title.n > n && nst_str_eq_nocase(nst_str_slice(title, 0, n), nst_str_z(prefix));
}

/* Cut `[index]` off a title; leading zeros of the index do not count. */
static struct nst_str cut_index(struct nst_str *index, struct nst_str title)
{
    size_t open = nst_str_find(title, '[');
    *index = NST_STR("");
    if (open == title.n || title.p[title.n - 1] != ']')
        return title;
    *index = nst_str_slice(title, open + 1, title.n - 1);
    while (index->n > 1 && index->p[0] == '0')
        *index = nst_str_slice(*index, 1, index->n);
    return nst_str_slice(title, 0, open);
}

static const struct {
    const char *word;
    enum ocl_table_cell cell;
} attribute_types[] = {
    { ":bool", TABLE_BOOL },   { ":str", TABLE_TEXT },  { ":int", TABLE_INT },
    { ":float", TABLE_FLOAT }, { ":list", TABLE_LIST }, { ":json", TABLE_JSON },
};

/* `attr:KEY` or `attr:KEY:TYPE`; a key may have colons itself. */
static bool read_attribute(struct ocl_table_column *c)
{
    struct nst_str key;
    if (!starts(&key, c->title, "attr:"))
        return false;
    for (size_t i = 0; i < NST_COUNT(attribute_types); i++) {
        struct nst_str word = nst_str_z(attribute_types[i].word);
        if (key.n <= word.n || !nst_str_ends(key, word))
            continue;
        c->cell = attribute_types[i].cell;
        key = nst_str_slice(key, 0, key.n - word.n);
        break;
    }
    c->key = nst_str_trim(key);
    return c->key.n > 0;
}

static bool read_title(struct ocl_table_column *c, struct nst_str title)
{
    struct nst_str rest;
    *c = (struct ocl_table_column){ .title = title, .next = SIZE_MAX };
    if (read_attribute(c))
        return true;
    struct nst_str name = cut_index(&c->index, title);
    MEAN(c, element, name, ALL);
    MEAN(c, pair, name, ALL);
    if (starts(&rest, name, "map_"))
        MEAN(c, map_slot, rest, c->index.n > 0 ? CONCEPT : ALL);
    if (starts(&rest, name, "extmap_"))
        MEAN(c, extmap_slot, rest, ALL);
    if (c->index.n == 0 && name.n == title.n) {
        MEAN(c, plain, name, ALL);
        if (starts(&rest, name, "from_") || starts(&rest, name, "to_"))
            MEAN(c, map_slot, name, MAPPING);
    }
    for (size_t i = 0; i < TABLE_TYPES; i++)
        if (c->of[i] != NULL)
            return true;
    return title.n == 0;
}

bool ocl_table_is_title(struct nst_str title)
{
    struct ocl_table_column c;
    return title.n > 0 && read_title(&c, title);
}

/* ---- Parts ---- */

/* The group of a column: one at most, as titles have it. */
static enum ocl_table_group group_of(const struct ocl_table_column *c)
{
    enum ocl_table_group group = c->key.p != NULL ? TABLE_ATTRIBUTE : TABLE_PLAIN;
    for (size_t i = 0; i < TABLE_TYPES; i++)
        if (c->of[i] != NULL && c->of[i]->group != TABLE_PLAIN)
            group = c->of[i]->group;
    return group;
}

static void join_part(struct ocl_table_header *h, size_t column)
{
    struct ocl_table_column *c = &h->column[column];
    enum ocl_table_group group = group_of(c);
    size_t i = 0;
    while (i < h->parts && (h->part[i].group != group || !nst_str_eq(h->part[i].index, c->index)))
        i++;
    if (i == h->parts) {
        h->part[h->parts++] = (struct ocl_table_part){ group, c->index, column };
        return;
    }
    size_t last = h->part[i].first;
    while (h->column[last].next != SIZE_MAX)
        last = h->column[last].next;
    h->column[last].next = column;
}

static bool is_again(const struct ocl_table_header *h, size_t column)
{
    const struct ocl_table_column *c = &h->column[column];
    size_t i = 0;
    while (i < column && !nst_str_eq_nocase(h->column[i].title, c->title) &&
           (c->key.p == NULL || !nst_str_eq(h->column[i].key, c->key)))
        i++;
    return i < column && c->title.n > 0;
}

static bool refuse_unknown(struct nst_str *why, struct nst_arena *a,
                           const struct ocl_table_header *h, const bool *unknown)
{
    struct nst_buf b;
    size_t named = 0;
    nst_buf_init(&b, a, 65536);
    for (size_t i = 0; i < h->count; i++) {
        if (!unknown[i] || named++ >= TABLE_UNKNOWN)
            continue;
        nst_putf(&b, "%s\"%.*s\"", named > 1 ? ", " : "",
                 NST_FMT(nst_str_slice(h->column[i].title, 0, 255)));
    }
    *why = nst_strf(a,
                    "has columns that are not known (docs/import.md): %.*s%s; rename or remove "
                    "them",
                    NST_FMT(nst_buf_str(&b)), named > TABLE_UNKNOWN ? " and more" : "");
    return false;
}

bool ocl_table_read_header(struct ocl_table_header *h, struct nst_str *why, struct nst_arena *a,
                           const struct nst_csv_row *row)
{
    bool *unknown = NST_NEW_ARRAY(a, bool, row->count + 1);
    size_t known = 0, blank = 0;
    *h = (struct ocl_table_header){ .column =
                                        NST_NEW_ARRAY(a, struct ocl_table_column, row->count + 1),
                                    .count = row->count,
                                    .part = NST_NEW_ARRAY(a, struct ocl_table_part, row->count + 1),
                                    .id = SIZE_MAX,
                                    .type = SIZE_MAX };
    for (size_t i = 0; i < row->count; i++) {
        struct nst_str title = nst_str_copy(a, nst_str_trim(row->field[i]));
        unknown[i] = !read_title(&h->column[i], title);
        known += !unknown[i];
        blank += title.n == 0;
        if (!unknown[i] && is_again(h, i)) {
            *why = nst_strf(a, "has the column \"%.*s\" twice; remove one", NST_FMT(title));
            return false;
        }
        h->id = nst_str_eq_nocase(title, NST_STR("id")) ? i : h->id;
        h->type = nst_str_eq_nocase(title, NST_STR("resource_type")) ? i : h->type;
        join_part(h, i);
    }
    if (known == blank)
        return false;
    return known == row->count || refuse_unknown(why, a, h, unknown);
}
