/* The lists of a program. Courses hang on the program itself (curriculum -1) or on
 * one of its curricula, by position. */
#include "lists.h"

#include "enroll/course_key/course_key.h"
#include "enroll/course_overview/course_overview.h"
#include "enroll/fixture/entity.h"

#define OF_PROGRAM INT64_C(-1)

/* Whose courses; `load` only where they are replaced. */
struct owner {
    struct nst_db *db;
    int64_t program, curriculum;
    struct enroll_load *load;
};

/* ---- As stored ---- */

/* Runs print_one on every row, commas between them, brackets around. */
static enum nst_err print_rows(struct nst_buf *out, struct nst_rows *rows, const struct owner *o,
                               enum nst_err (*print_one)(struct nst_buf *, struct nst_rows *,
                                                         const struct owner *))
{
    const char *between = "[";
    while (nst_rows_step(rows)) {
        nst_put_z(out, between);
        between = ",";
        nst_rows_fail(rows, print_one(out, rows, o));
    }
    enum nst_err e = nst_rows_end(rows);
    nst_put_z(out, between[0] == '[' ? "[]" : "]");
    return e;
}

static enum nst_err print_text(struct nst_buf *out, struct nst_rows *rows, const struct owner *o)
{
    (void)o;
    nst_json_put_str(out, nst_rows_text(rows, 0));
    return NST_OK;
}

static void put_pair(struct nst_buf *out, struct nst_str key, struct nst_str title)
{
    nst_put_lit(out, "{\"key\":");
    nst_json_put_str(out, key);
    nst_put_lit(out, ",\"title\":");
    nst_json_put_str(out, title.p != NULL ? title : NST_STR(""));
}

static enum nst_err print_run(struct nst_buf *out, struct nst_rows *rows, const struct owner *o)
{
    (void)o;
    put_pair(out, nst_rows_text(rows, 0), nst_rows_text(rows, 1));
    nst_put_char(out, '}');
    return NST_OK;
}

static enum nst_err print_course(struct nst_buf *out, struct nst_rows *rows, const struct owner *o)
{
    struct nst_rows *runs;
    put_pair(out, nst_rows_text(rows, 0), nst_rows_text(rows, 1));
    nst_put_lit(out, ",\"course_runs\":");
    NST_TRY(nst_query_with(&runs, o->db,
                           "SELECT key, title FROM program_course_run WHERE program_id = $1 "
                           "AND curriculum = $2 AND course = $3 ORDER BY position",
                           NST_INT(o->program), NST_INT(o->curriculum),
                           NST_INT(nst_rows_int(rows, 2))));
    NST_TRY(print_rows(out, runs, o, print_run));
    nst_put_char(out, '}');
    return NST_OK;
}

static enum nst_err print_courses_of(struct nst_buf *out, const struct owner *o)
{
    struct nst_rows *rows;
    NST_TRY(nst_query_with(&rows, o->db,
                           "SELECT key, title, position FROM program_course "
                           "WHERE program_id = $1 AND curriculum = $2 ORDER BY position",
                           NST_INT(o->program), NST_INT(o->curriculum)));
    return print_rows(out, rows, o, print_course);
}

static enum nst_err print_curriculum(struct nst_buf *out, struct nst_rows *rows,
                                     const struct owner *o)
{
    const struct owner own = { o->db, o->program, nst_rows_int(rows, 2), NULL };
    nst_put_lit(out, "{\"uuid\":");
    nst_json_put_str(out, nst_rows_text(rows, 0));
    nst_put_lit(out, ",\"is_active\":");
    nst_json_put_bool(out, nst_rows_bool(rows, 1));
    nst_put_lit(out, ",\"courses\":");
    NST_TRY(print_courses_of(out, &own));
    nst_put_char(out, '}');
    return NST_OK;
}

enum nst_err enroll_print_owners(struct nst_buf *out, struct nst_db *db, int64_t id)
{
    struct nst_rows *rows;
    NST_TRY(nst_query_with(&rows, db,
                           "SELECT organization_key FROM program_owner WHERE program_id = $1 "
                           "ORDER BY position",
                           NST_INT(id)));
    return print_rows(out, rows, NULL, print_text);
}

enum nst_err enroll_print_curricula(struct nst_buf *out, struct nst_db *db, int64_t id)
{
    const struct owner o = { db, id, OF_PROGRAM, NULL };
    struct nst_rows *rows;
    NST_TRY(nst_query_with(&rows, db,
                           "SELECT uuid, is_active, position FROM curriculum "
                           "WHERE program_id = $1 ORDER BY position",
                           NST_INT(id)));
    return print_rows(out, rows, &o, print_curriculum);
}

enum nst_err enroll_print_courses(struct nst_buf *out, struct nst_db *db, int64_t id)
{
    const struct owner o = { db, id, OF_PROGRAM, NULL };
    return print_courses_of(out, &o);
}

/* ---- As given ---- */

static bool is_active(const struct nst_json *curriculum)
{
    const struct nst_json *v = nst_json_get(curriculum, NST_STR("is_active"));
    return v == NULL || v->boolean;
}

static void put_list(struct nst_buf *out, const struct nst_json *list,
                     void (*put_one)(struct nst_buf *, const struct nst_json *))
{
    nst_put_char(out, '[');
    for (const struct nst_json *v = list != NULL ? list->first : NULL; v != NULL; v = v->next) {
        put_one(out, v);
        nst_put_z(out, v->next != NULL ? "," : "");
    }
    nst_put_char(out, ']');
}

static void put_text(struct nst_buf *out, const struct nst_json *v)
{
    nst_json_put_str(out, v->text);
}

static void put_run(struct nst_buf *out, const struct nst_json *v)
{
    put_pair(out, enroll_inner_text(v, "key"),
             v->kind == NST_JSON_STRING ? NST_STR("") : enroll_inner_text(v, "title"));
    nst_put_char(out, '}');
}

static void put_course(struct nst_buf *out, const struct nst_json *v)
{
    put_pair(out, enroll_inner_text(v, "key"), enroll_inner_text(v, "title"));
    nst_put_lit(out, ",\"course_runs\":");
    put_list(out, nst_json_get(v, NST_STR("course_runs")), put_run);
    nst_put_char(out, '}');
}

static void put_curriculum(struct nst_buf *out, const struct nst_json *v)
{
    nst_put_lit(out, "{\"uuid\":");
    nst_json_put_str(out, enroll_inner_text(v, "uuid"));
    nst_put_lit(out, ",\"is_active\":");
    nst_json_put_bool(out, is_active(v));
    nst_put_lit(out, ",\"courses\":");
    put_list(out, nst_json_get(v, NST_STR("courses")), put_course);
    nst_put_char(out, '}');
}

void enroll_put_owners(struct nst_buf *out, const struct nst_json *list)
{
    put_list(out, list, put_text);
}

void enroll_put_curricula(struct nst_buf *out, const struct nst_json *list)
{
    put_list(out, list, put_curriculum);
}

void enroll_put_courses(struct nst_buf *out, const struct nst_json *list)
{
    put_list(out, list, put_course);
}

/* ---- Replacing ---- */

static enum nst_err insert_run(const struct owner *o, int64_t course, int64_t position,
                               const struct nst_json *run)
{
    struct nst_arena *a = nst_arena_new(1024);
    struct nst_str key = enroll_inner_text(run, "key"), parsed = { 0 }, title = { 0 };
    enum nst_err e = NST_OK;
    if (run->kind == NST_JSON_OBJECT)
        title = enroll_inner_text(run, "title");
    if (enroll_course_key_parse(&parsed, a, key) && !enroll_lists_course(o->load, parsed))
        e = enroll_know_course(o->db, parsed);
    if (e == NST_OK)
        e = nst_exec_with(NULL, o->db,
                          "INSERT INTO program_course_run (program_id, curriculum, course, "
                          "position, key, title, parsed) VALUES ($1, $2, $3, $4, $5, $6, $7)",
                          NST_INT(o->program), NST_INT(o->curriculum), NST_INT(course),
                          NST_INT(position), NST_TEXT(key),
                          NST_TEXT(title.p != NULL ? title : NST_STR("")), NST_TEXT(parsed));
    nst_arena_free(a);
    return e;
}

static enum nst_err insert_courses(const struct owner *o, const struct nst_json *list)
{
    int64_t position = 0;
    for (const struct nst_json *c = list != NULL ? list->first : NULL; c != NULL; c = c->next) {
        struct nst_str title = enroll_inner_text(c, "title");
        const struct nst_json *runs = nst_json_get(c, NST_STR("course_runs"));
        int64_t at = 0;
        NST_TRY(nst_exec_with(NULL, o->db,
                              "INSERT INTO program_course (program_id, curriculum, position, key, "
                              "title) VALUES ($1, $2, $3, $4, $5)",
                              NST_INT(o->program), NST_INT(o->curriculum), NST_INT(position),
                              NST_TEXT(enroll_inner_text(c, "key")),
                              NST_TEXT(title.p != NULL ? title : NST_STR(""))));
        for (const struct nst_json *r = runs != NULL ? runs->first : NULL; r != NULL; r = r->next)
            NST_TRY(insert_run(o, position, at++, r));
        position++;
    }
    return NST_OK;
}

static enum nst_err run_all(struct nst_db *db, int64_t program, const char *const *statements)
{
    const struct nst_value id = NST_INT(program);
    for (; *statements != NULL; statements++)
        NST_TRY(nst_exec(NULL, db, nst_str_z(*statements), &id, 1));
    return NST_OK;
}

enum nst_err enroll_replace_owners(struct enroll_load *l, int64_t program,
                                   const struct nst_json *list)
{
    static const char *const clear[] = { "DELETE FROM program_owner WHERE program_id = $1", NULL };
    int64_t position = 0;
    NST_TRY(run_all(enroll_load_db(l), program, clear));
    for (const struct nst_json *v = list->first; v != NULL; v = v->next, position++)
        NST_TRY(nst_exec_with(NULL, enroll_load_db(l),
                              "INSERT INTO program_owner (program_id, position, organization_key) "
                              "VALUES ($1, $2, $3)",
                              NST_INT(program), NST_INT(position), NST_TEXT(v->text)));
    return NST_OK;
}

enum nst_err enroll_replace_curricula(struct enroll_load *l, int64_t program,
                                      const struct nst_json *list)
{
    static const char *const clear[] = {
        "DELETE FROM program_course_run WHERE program_id = $1 AND curriculum >= 0",
        "DELETE FROM program_course WHERE program_id = $1 AND curriculum >= 0",
        "DELETE FROM curriculum WHERE program_id = $1",
        NULL,
    };
    struct owner o = { enroll_load_db(l), program, 0, l };
    NST_TRY(run_all(enroll_load_db(l), program, clear));
    for (const struct nst_json *v = list->first; v != NULL; v = v->next, o.curriculum++) {
        NST_TRY(nst_exec_with(NULL, enroll_load_db(l),
                              "INSERT INTO curriculum (program_id, position, uuid, is_active) "
                              "VALUES ($1, $2, $3, $4)",
                              NST_INT(program), NST_INT(o.curriculum),
                              NST_TEXT(enroll_inner_text(v, "uuid")), NST_BOOL(is_active(v))));
        NST_TRY(insert_courses(&o, nst_json_get(v, NST_STR("courses"))));
    }
    return NST_OK;
}

enum nst_err enroll_replace_courses(struct enroll_load *l, int64_t program,
                                    const struct nst_json *list)
{
    static const char *const clear[] = {
        "DELETE FROM program_course_run WHERE program_id = $1 AND curriculum = -1",
        "DELETE FROM program_course WHERE program_id = $1 AND curriculum = -1",
        NULL,
    };
    const struct owner o = { enroll_load_db(l), program, OF_PROGRAM, l };
    NST_TRY(run_all(enroll_load_db(l), program, clear));
    return insert_courses(&o, list);
}
