/* Rows and the store: loading, inserting and updating by the field table. */
#include "model.h"

#include "nestor/base/log.h"

#include <assert.h>

static void *member_of(const struct nst_field *f, void *row)
{
    return (char *)row + f->offset;
}

void nst_row_read(const struct nst_model *m, const struct nst_columns *columns,
                  struct nst_rows *rows, void *row)
{
    for (unsigned column = 0; column < columns->count; column++) {
        unsigned i = columns->field[column];
        const struct nst_field *f = &m->resource->field[i];
        void *member = member_of(f, row);
        if (f->rep == NST_REP_STR) {
            *(struct nst_str *)member = nst_rows_text(rows, column);
            continue;
        }
        if (nst_rows_is_null(rows, column))
            nst_put_null(row, i, true);
        else if (f->rep == NST_REP_INT)
            *(int64_t *)member = nst_rows_int(rows, column);
        else
            *(bool *)member = nst_rows_bool(rows, column);
    }
}

void nst_keep_texts(struct nst_arena *a, const struct nst_model *m,
                    const struct nst_columns *columns, void *row)
{
    for (unsigned column = 0; column < columns->count; column++) {
        const struct nst_field *f = &m->resource->field[columns->field[column]];
        if (f->rep == NST_REP_STR) {
            struct nst_str *text = member_of(f, row);
            *text = nst_str_copy(a, *text);
        }
    }
}

enum nst_err nst_load_row(void **row, struct nst_req *rq, const struct nst_model *m,
                          const struct nst_selection *what)
{
    struct nst_sql q;
    struct nst_rows *rows;
    *row = NULL;
    nst_sql_init(&q, rq->arena);
    nst_buf_reserve(&q.text, what->select.n + what->conditions->text.n);
    nst_sql_add_str(&q, what->select);
    nst_sql_add_str(&q, nst_buf_str(&what->conditions->text));
    if (what->is_held)
        nst_sql_hold(&q, rq->db, m->resource->table);
    NST_TRY(nst_query(&rows, rq->db, nst_buf_str(&q.text), what->conditions->bound,
                      what->conditions->count));
    if (nst_rows_step(rows)) {
        *row = nst_row_alloc(rq->arena, m->resource);
        nst_row_read(m, what->columns, rows, *row);
        nst_keep_texts(rq->arena, m, what->columns, *row);
    }
    return nst_rows_end(rows);
}

enum nst_err nst_load_where(void **row, struct nst_req *rq, const struct nst_resource *r,
                            enum nst_depth depth, const struct nst_sql *conditions)
{
    const struct nst_model *m = nst_model_of(rq->registry, r);
    const struct nst_selection what = {
        .select = depth == NST_LOAD_ALL ? m->select_all : m->select_core,
        .columns = depth == NST_LOAD_ALL ? &m->all : &m->core,
        .conditions = conditions,
        .is_held = depth == NST_LOAD_HELD && nst_is_write(rq),
    };
    return nst_load_row(row, rq, m, &what);
}

enum nst_err nst_scope(struct nst_sql *q, struct nst_req *rq, const struct nst_model *m,
                       const struct nst_object *parent)
{
    const struct nst_resource *r = m->resource;
    if (m->set.hook.scope != NULL)
        NST_TRY(m->set.hook.scope(q, rq, parent));
    if (m->parent < 0 || parent == NULL)
        return NST_OK;
    nst_sql_add(q, " AND ");
    nst_column_put(&q->text, r, &r->field[m->parent]);
    nst_sql_add(q, " = ");
    nst_sql_bind(q, NST_INT(((const struct nst_row *)parent->row)->id));
    return NST_OK;
}

void nst_sql_by_id(struct nst_sql *q, struct nst_req *rq, const struct nst_resource *r, int64_t id)
{
    nst_sql_init(q, rq->arena);
    nst_sql_add(q, " AND ");
    nst_sql_add(q, r->table);
    nst_sql_add(q, ".id = ");
    nst_sql_bind(q, NST_INT(id));
}

enum nst_err nst_load_id(void **row, struct nst_req *rq, const struct nst_resource *r,
                         enum nst_depth depth, int64_t id)
{
    struct nst_sql q;
    nst_sql_by_id(&q, rq, r, id);
    return nst_load_where(row, rq, r, depth, &q);
}

/* ---- Writing ---- */

static struct nst_value value_of(const struct nst_field *f, unsigned index, void *row)
{
    const void *member = member_of(f, row);
    if (f->rep == NST_REP_STR)
        return NST_TEXT(*(const struct nst_str *)member);
    /* A hook that gives a number need not know of the marks. */
    int64_t number = f->rep == NST_REP_INT ? *(const int64_t *)member : *(const bool *)member;
    if (number == 0 && nst_null_at(row, index))
        return NST_NULL;
    return f->rep == NST_REP_INT ? NST_INT(number) : NST_BOOL(number != 0);
}

static void fill_auto(struct nst_req *rq, const struct nst_field *f, unsigned index, void *row)
{
    void *member = member_of(f, row);
    nst_put_null(row, index, false);
    /* A clock that was set back makes no change older than the one before. */
    if (f->fill == NST_AUTO_CREATED || f->fill == NST_AUTO_UPDATED)
        *(int64_t *)member = rq->now > *(int64_t *)member ? rq->now : *(int64_t *)member;
    else if (f->rep == NST_REP_STR)
        *(struct nst_str *)member = rq->caller.name;
    else
        *(int64_t *)member = rq->caller.id;
}

static const char *column_of(const struct nst_field *f)
{
    return f->column != NULL ? f->column : f->name;
}

void nst_insert_text(struct nst_buf *b, const struct nst_resource *r)
{
    const char *between = " (";
    unsigned count = 0;
    nst_put_lit(b, "INSERT INTO ");
    nst_put_z(b, r->table);
    for (unsigned i = 0; i < r->fields; i++) {
        if (!nst_is_stored(&r->field[i]))
            continue;
        nst_put_z(b, between);
        nst_put_z(b, column_of(&r->field[i]));
        between = ", ";
        count++;
    }
    nst_put_lit(b, ") VALUES (");
    for (unsigned i = 1; i <= count; i++)
        nst_putf(b, i == 1 ? "$%u" : ", $%u", i);
    nst_put_lit(b, ")");
}

/* The text is the model's; the values stand in the order of the table. A row without
 * a number gets the next of its table. */
static enum nst_err build_insert(struct nst_sql *q, struct nst_req *rq,
                                 const struct nst_resource *r, void *row)
{
    struct nst_row *head = row;
    if (head->id == 0)
        NST_TRY(nst_next_id(&head->id, rq->db, r->table, 1));
    nst_sql_init(q, rq->arena);
    nst_sql_add_str(q, nst_model_of(rq->registry, r)->insert);
    for (unsigned i = 0; i < r->fields; i++) {
        const struct nst_field *f = &r->field[i];
        if (!nst_is_stored(f))
            continue;
        if (f->fill != NST_AUTO_NONE)
            fill_auto(rq, f, i, row);
        nst_sql_push(q, value_of(f, i, row));
    }
    return NST_OK;
}

enum nst_err nst_insert(struct nst_req *rq, const struct nst_resource *r, void *row)
{
    struct nst_sql q;
    NST_TRY(build_insert(&q, rq, r, row));
    return nst_sql_exec(NULL, rq->db, &q);
}

enum nst_err nst_insert_unless_there(bool *inserted, struct nst_req *rq,
                                     const struct nst_resource *r, void *row, const char *key)
{
    struct nst_sql q;
    int64_t changed = 0;
    NST_TRY(build_insert(&q, rq, r, row));
    nst_sql_add(&q, " ON CONFLICT ");
    nst_sql_add(&q, key);
    nst_sql_add(&q, " DO NOTHING");
    NST_TRY(nst_sql_exec(&changed, rq->db, &q));
    *inserted = changed > 0;
    return NST_OK;
}

enum nst_err nst_update_row(struct nst_req *rq, const struct nst_resource *r, void *row)
{
    struct nst_sql q;
    const struct nst_row *head = row;
    const char *between = " SET ";
    nst_sql_init(&q, rq->arena);
    nst_sql_add(&q, "UPDATE ");
    nst_sql_add(&q, r->table);
    for (unsigned i = 0; i < r->fields; i++) {
        const struct nst_field *f = &r->field[i];
        bool is_automatic = f->fill == NST_AUTO_UPDATED || f->fill == NST_AUTO_UPDATER;
        if (!nst_is_stored(f) || (!is_automatic && !nst_set_at(row, i)))
            continue;
        if (is_automatic)
            fill_auto(rq, f, i, row);
        nst_sql_add(&q, between);
        nst_sql_add(&q, column_of(f));
        nst_sql_add(&q, " = ");
        nst_sql_bind(&q, value_of(f, i, row));
        between = ", ";
    }
    if (q.count == 0)
        return NST_OK;
    nst_sql_add(&q, " WHERE id = ");
    nst_sql_bind(&q, NST_INT(head->id));
    return nst_sql_exec(NULL, rq->db, &q);
}

void nst_copy_field(const struct nst_resource *to, void *row, const struct nst_resource *from,
                    const void *other, const char *field)
{
    int i = nst_field_index(to, nst_str_z(field)), k = nst_field_index(from, nst_str_z(field));
    assert(i >= 0 && k >= 0 && to->field[i].rep == from->field[k].rep);
    const void *value = (const char *)other + from->field[k].offset;
    nst_put_null(row, (unsigned)i, nst_null_at(other, (unsigned)k));
    if (to->field[i].rep == NST_REP_STR)
        *(struct nst_str *)member_of(&to->field[i], row) = *(const struct nst_str *)value;
    else if (to->field[i].rep == NST_REP_INT)
        *(int64_t *)member_of(&to->field[i], row) = *(const int64_t *)value;
    else
        *(bool *)member_of(&to->field[i], row) = *(const bool *)value;
}

/* ---- Unique keys ---- */

/* Fill the {field} references of a text. */
static struct nst_str fill_in(struct nst_req *rq, const struct nst_resource *r, const char *text,
                              void *row)
{
    struct nst_buf b;
    struct nst_str rest = nst_str_z(text);
    nst_buf_init(&b, rq->arena, 65536);
    while (rest.p != NULL) {
        nst_put(&b, nst_str_cut(&rest, '{'));
        if (rest.p == NULL)
            break;
        const struct nst_field *f = &r->field[nst_field_index(r, nst_str_cut(&rest, '}'))];
        const void *member = member_of(f, row);
        if (f->rep == NST_REP_STR)
            nst_put(&b, *(const struct nst_str *)member);
        else
            nst_put_int(&b,
                        f->rep == NST_REP_INT ? *(const int64_t *)member : *(const bool *)member);
    }
    return nst_buf_str(&b);
}

enum nst_err nst_fail_duplicate(struct nst_req *rq, const struct nst_resource *r, enum nst_use use,
                                void *row)
{
    const struct nst_shape *shape = nst_shape_of(nst_model_here(rq, r), rq->face, use);
    const struct nst_duplicate *d = &shape->serializer->duplicate;
    enum nst_err err = d->err != NST_OK ? d->err : NST_E_INVALID;
    if (d->text == NULL)
        return NST_E_CONFLICT;
    struct nst_str keys = nst_str_z(d->key), text = fill_in(rq, r, d->text, row);
    while (keys.p != NULL)
        nst_add_problem(rq, nst_str_cut(&keys, '|'), text, d->is_list);
    return err;
}
