/* Has the store read what the tables make statements of, before the first request:
 * a column, condition, order or sort that is none stops the start. Nothing is run.
 * Statements that hooks and views write are not known here. */
#include "check.h"

struct proof {
    struct nst_db *db;
    const struct nst_model *m;
    struct nst_at at;
};

/* Ask the store about a statement; refuse the row of p that it comes from. */
static enum nst_err ask(bool *is_good, struct proof *p, const struct nst_sql *q, const char *remedy)
{
    struct nst_str why;
    NST_TRY(nst_sql_refused(&why, p->db, q));
    *is_good = why.p == NULL;
    if (!*is_good)
        nst_refuse(&p->at, nst_strf(p->at.reg->arena, "the store says: %.*s", NST_FMT(why)).p,
                   remedy);
    return NST_OK;
}

static void start(struct nst_sql *q, struct proof *p, const char *row)
{
    p->at.row = nst_str_z(row);
    nst_sql_init(q, p->at.reg->arena);
}

/* A value of the type that the field binds. */
static struct nst_value some_value(const struct nst_field *f)
{
    if (f->rep == NST_REP_STR)
        return NST_TEXT(NST_STR(""));
    return f->rep == NST_REP_INT ? NST_INT(0) : NST_BOOL(false);
}

/* ---- What is read ---- */

static void start_select(struct nst_sql *q, struct proof *p, const char *row)
{
    const struct nst_resource *r = p->m->resource;
    unsigned *field = NST_NEW_ARRAY(p->at.reg->arena, unsigned, r->fields + 1), count = 0;
    for (unsigned i = 0; i < r->fields; i++)
        if (nst_has_column(&r->field[i]))
            field[count++] = i;
    start(q, p, row);
    nst_select_text(&q->text, p->m, &(struct nst_columns){ field, count });
}

static enum nst_err prove_source(bool *is_good, struct proof *p)
{
    struct nst_sql q;
    start(&q, p, "table");
    nst_sql_add(&q, "SELECT 1 FROM ");
    nst_sql_add(&q, p->m->set.from);
    return ask(is_good, p, &q, "correct .table or .from, or write the migration");
}

static enum nst_err prove_where(bool *is_good, struct proof *p)
{
    struct nst_sql q;
    start(&q, p, "where");
    nst_sql_addf(&q, "SELECT 1 FROM %s WHERE ", p->m->set.from);
    nst_sql_add(&q, p->m->set.where);
    return ask(is_good, p, &q, "correct .where, or write the migration");
}

/* All fields at once, and one by one to find those that are wrong. */
static enum nst_err prove_fields(bool *is_good, struct proof *p)
{
    const struct nst_resource *r = p->m->resource;
    struct nst_sql q;
    struct nst_str why;
    start_select(&q, p, "fields");
    NST_TRY(nst_sql_refused(&why, p->db, &q));
    *is_good = why.p == NULL;
    for (unsigned i = 0; !*is_good && i < r->fields; i++) {
        bool is_held = true;
        if (!nst_has_column(&r->field[i]))
            continue;
        start(&q, p, nst_strf(p->at.reg->arena, "field %s", r->field[i].name).p);
        nst_select_text(&q.text, p->m, &(struct nst_columns){ &i, 1 });
        NST_TRY(ask(&is_held, p, &q, "correct .column, or write the migration"));
    }
    return NST_OK;
}

static enum nst_err prove_order(bool *is_good, struct proof *p)
{
    struct nst_sql q;
    if (p->m->set.order == NULL)
        return NST_OK;
    start_select(&q, p, "order");
    nst_sql_add(&q, " ORDER BY ");
    nst_sql_add(&q, p->m->set.order);
    return ask(is_good, p, &q, "correct .order");
}

static enum nst_err prove_sort(bool *is_good, struct proof *p, const struct nst_sort *s)
{
    struct nst_sql q;
    struct nst_str rest = nst_str_z(s->columns);
    const char *between = " ORDER BY ";
    start_select(&q, p, nst_strf(p->at.reg->arena, "sort %s", s->name).p);
    while (rest.p != NULL) {
        nst_sql_add(&q, between);
        nst_sql_add_str(&q, nst_str_cut(&rest, '|'));
        nst_sql_add(&q, " DESC NULLS LAST");
        between = ", ";
    }
    return ask(is_good, p, &q, "correct its columns");
}

static enum nst_err prove_sorts(bool *is_good, struct proof *p)
{
    const struct nst_sort *s = p->m->resource->sort;
    for (; *is_good && s != NULL && s->name != NULL; s++)
        NST_TRY(prove_sort(is_good, p, s));
    return NST_OK;
}

/* Whether the columns of a filter are some, and what it is looked up by. */
static enum nst_err prove_filter(bool *is_good, struct proof *p, const struct nst_filter *f)
{
    const struct nst_resource *r = p->m->resource;
    const char *row = nst_strf(p->at.reg->arena, "filter %s", f->name).p;
    struct nst_str rest = nst_str_z(f->among);
    struct nst_sql q;
    start_select(&q, p, row);
    nst_sql_add(&q, " AND ");
    if (f->column != NULL)
        nst_sql_add(&q, f->column);
    else
        nst_column_put(&q.text, r, &r->field[nst_field_index(r, nst_str_z(f->name))]);
    nst_sql_add(&q, " IS NOT NULL");
    if (f->or_column != NULL)
        nst_sql_addf(&q, " AND %s IS NOT NULL", f->or_column);
    NST_TRY(ask(is_good, p, &q, "correct its column"));
    if (!*is_good || f->among == NULL)
        return NST_OK;
    start(&q, p, row);
    nst_sql_add_str(&q, nst_str_cut(&rest, '?'));
    nst_sql_add(&q, f->other);
    nst_sql_add(&q, " IS NOT NULL");
    nst_sql_add_str(&q, rest);
    return ask(is_good, p, &q, "correct .among or .other");
}

static enum nst_err prove_filters(bool *is_good, struct proof *p)
{
    const struct nst_filter *f = p->m->resource->filter;
    for (; *is_good && f != NULL && f->name != NULL; f++)
        NST_TRY(prove_filter(is_good, p, f));
    return NST_OK;
}

/* A row is looked for by its key, and by that of its parent. */
static enum nst_err prove_condition(bool *is_good, struct proof *p, int field, const char *row)
{
    const struct nst_resource *r = p->m->resource;
    struct nst_sql q;
    if (field < 0)
        return NST_OK;
    start_select(&q, p, row);
    nst_sql_add(&q, " AND ");
    nst_column_put(&q.text, r, &r->field[field]);
    nst_sql_add(&q, " = ");
    nst_sql_bind(&q, some_value(&r->field[field]));
    return ask(is_good, p, &q, "let the type of the field and that of the column agree");
}

/* ---- What is written ---- */

static bool has_use(const struct nst_model *m, enum nst_use use)
{
    for (size_t i = 0; i < m->registry->faces; i++)
        if (m->shape[i][use] != NULL)
            return true;
    return false;
}

static enum nst_err prove_insert(bool *is_good, struct proof *p)
{
    const struct nst_resource *r = p->m->resource;
    struct nst_sql q;
    if (!has_use(p->m, NST_CREATE))
        return NST_OK;
    start(&q, p, "create");
    nst_sql_add_str(&q, p->m->insert);
    for (unsigned i = 0; i < r->fields; i++)
        if (nst_is_stored(&r->field[i]))
            nst_sql_push(&q, some_value(&r->field[i]));
    return ask(is_good, p, &q, "let the types of the fields and those of the columns agree");
}

static enum nst_err prove_update(bool *is_good, struct proof *p)
{
    const struct nst_resource *r = p->m->resource;
    struct nst_sql q;
    const char *between = " SET ";
    if (!has_use(p->m, NST_UPDATE))
        return NST_OK;
    start(&q, p, "update");
    nst_sql_add(&q, "UPDATE ");
    nst_sql_add(&q, r->table);
    for (unsigned i = 0; i < r->fields; i++) {
        const struct nst_field *f = &r->field[i];
        if (!nst_is_stored(f))
            continue;
        nst_sql_add(&q, between);
        nst_sql_add(&q, f->column != NULL ? f->column : f->name);
        nst_sql_add(&q, " = ");
        nst_sql_bind(&q, some_value(f));
        between = ", ";
    }
    nst_sql_add(&q, " WHERE id = ");
    nst_sql_bind(&q, NST_INT(0));
    return ask(is_good, p, &q, "let the types of the fields and those of the columns agree");
}

static enum nst_err prove_number(bool *is_good, struct proof *p)
{
    struct nst_sql q;
    if (!has_use(p->m, NST_CREATE))
        return NST_OK;
    start(&q, p, "number");
    nst_sql_add(&q, NST_NEXT_ID);
    nst_sql_push(&q, NST_TEXT(NST_STR("")));
    nst_sql_push(&q, NST_INT(0));
    nst_sql_push(&q, NST_INT(0));
    return ask(is_good, p, &q, "run nst_numbers_step, as nst_main does");
}

/* ---- All ---- */

/* One fault a resource, or one a field: the others would follow from it. */
static enum nst_err prove_model(struct proof *p)
{
    bool is_good = true;
    NST_TRY(prove_source(&is_good, p));
    if (is_good)
        NST_TRY(prove_where(&is_good, p));
    if (is_good)
        NST_TRY(prove_fields(&is_good, p));
    if (is_good)
        NST_TRY(prove_order(&is_good, p));
    if (is_good)
        NST_TRY(prove_sorts(&is_good, p));
    if (is_good)
        NST_TRY(prove_filters(&is_good, p));
    if (is_good)
        NST_TRY(prove_condition(&is_good, p, p->m->key, "key"));
    if (is_good)
        NST_TRY(prove_condition(&is_good, p, p->m->parent, "parent"));
    if (is_good)
        NST_TRY(prove_insert(&is_good, p));
    if (is_good)
        NST_TRY(prove_update(&is_good, p));
    return is_good ? prove_number(&is_good, p) : NST_OK;
}

/* Of the same tables as its resource, a set makes statements with what it says itself. */
static enum nst_err prove_set(struct proof *p)
{
    const struct nst_set *s = p->m->declared;
    bool is_good = true;
    if (s == NULL || s->from != NULL)
        return prove_model(p);
    if (s->where != NULL)
        NST_TRY(prove_where(&is_good, p));
    if (is_good && s->order != NULL)
        NST_TRY(prove_order(&is_good, p));
    return is_good && s->key != NULL ? prove_condition(&is_good, p, p->m->key, "key") : NST_OK;
}

static enum nst_err prove_all(struct nst_db *db, void *arg)
{
    struct nst_registry *reg = arg;
    unsigned faults = reg->faults = 0; /* before those of the resource */
    for (size_t i = 0; i < reg->models; i++) {
        const struct nst_model *m = &reg->model[i];
        struct proof p = {
            .db = db,
            .m = m,
            .at = { .reg = reg, .table = nst_str_z(m->set.name), .resource = m->resource },
        };
        if (m->declared == NULL)
            faults = reg->faults;
        if (nst_has_rows(m->resource) && reg->faults == faults)
            NST_TRY(prove_set(&p));
    }
    return NST_OK;
}

enum nst_err nst_registry_prove(struct nst_registry *reg, struct nst_store *store)
{
    NST_TRY(nst_store_run(store, NST_MODE_READ, prove_all, reg));
    return reg->faults > 0 ? NST_E_INTERNAL : NST_OK;
}
