/* Rows as a table of CSV: a column a field of their serializer. They come as the JSON that
 * shows them, so that each value stands there as a client of the list knows it. */
#include "select.h"

#include "nestor/base/csv.h"

/* Behind the fields come the members that the query asks for. */
static size_t columns_of(const struct nst_waiting *w)
{
    return w->shape->count + w->members;
}

static struct nst_str column_name(const struct nst_waiting *w, size_t i)
{
    return i < w->shape->count ? w->shape->slot[i].name
                               : nst_str_z(w->member[i - w->shape->count]->name);
}

static void put_title(struct nst_buf *out, const struct nst_shape *shape, struct nst_str name)
{
    struct nst_buf title;
    bool has_blanks = shape->serializer->use == NST_TABLE;
    nst_buf_init(&title, out->arena, name.n);
    for (size_t i = 0; i < name.n; i++)
        nst_put_char(&title, has_blanks && name.p[i] == '_' ? ' ' : name.p[i]);
    nst_csv_put(out, nst_buf_str(&title));
}

void nst_table_put_titles(struct nst_buf *out, const struct nst_waiting *w)
{
    for (size_t i = 0; i < columns_of(w); i++) {
        nst_put_z(out, i > 0 ? "," : "");
        put_title(out, w->shape, column_name(w, i));
    }
    nst_put_lit(out, "\r\n");
}

/* The signs that begin a formula; the last are the wide ones of East Asian keyboards. */
static const char *const formula_signs[] = {
    "=",           "+", "-", "@", "\t", "\r", "\n", "\xEF\xBC\x9D", "\xEF\xBC\x8B", "\xEF\xBC\x8D",
    "\xEF\xBC\xA0"
};

static bool is_formula(struct nst_str text)
{
    size_t at = 0;
    while (at < text.n && text.p[at] == ' ')
        at++;
    for (size_t i = 0; i < NST_COUNT(formula_signs); i++)
        if (nst_str_starts(nst_str_slice(text, at, text.n), nst_str_z(formula_signs[i])))
            return true;
    return false;
}

/* What a spreadsheet would take for a formula is one no more. */
static void put_text(struct nst_buf *cell, struct nst_str text)
{
    nst_put_z(cell, is_formula(text) ? "'" : "");
    nst_put(cell, text);
}

static bool holds_only_texts(const struct nst_json *list)
{
    for (const struct nst_json *item = list->first; item != NULL; item = item->next)
        if (item->kind != NST_JSON_STRING)
            return false;
    return list->kind == NST_JSON_ARRAY;
}

static void put_texts(struct nst_buf *cell, const struct nst_json *list)
{
    struct nst_buf all;
    nst_buf_init(&all, cell->arena, cell->max);
    for (const struct nst_json *item = list->first; item != NULL; item = item->next) {
        nst_put_z(&all, all.n > 0 ? "," : "");
        nst_put(&all, item->text);
    }
    put_text(cell, nst_buf_str(&all));
}

static void put_cell(struct nst_buf *out, const struct nst_json *value)
{
    struct nst_buf cell;
    if (value == NULL || value->kind == NST_JSON_NULL)
        return;
    nst_buf_init(&cell, out->arena, out->max);
    if (value->kind == NST_JSON_STRING)
        put_text(&cell, value->text);
    else if (holds_only_texts(value))
        put_texts(&cell, value);
    else
        nst_json_put(&cell, value);
    nst_csv_put(out, nst_buf_str(&cell));
}

void nst_table_put_rows(struct nst_buf *out, const struct nst_waiting *w,
                        const struct nst_json *rows)
{
    for (const struct nst_json *row = rows->first; row != NULL; row = row->next) {
        for (size_t i = 0; i < columns_of(w); i++) {
            nst_put_z(out, i > 0 ? "," : "");
            put_cell(out, nst_json_get(row, column_name(w, i)));
        }
        nst_put_lit(out, "\r\n");
    }
}
