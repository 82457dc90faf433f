/* Trees of lines that are made, not read. */
#include "internal.h"

void ocl_lines_begin(struct ocl_lines_maker *m, struct nst_arena *a, enum nst_json_kind kind)
{
    m->arena = a;
    m->value = NST_NEW(a, struct nst_json);
    m->value->kind = kind;
    m->end = &m->value->first;
}

void ocl_lines_add(struct ocl_lines_maker *m, const char *name, const struct nst_json *value)
{
    struct nst_json *member = NST_NEW(m->arena, struct nst_json);
    *member = *value;
    member->name = nst_str_z(name);
    member->next = NULL;
    *m->end = member;
    m->end = &member->next;
    m->value->count++;
}

void ocl_lines_add_text(struct ocl_lines_maker *m, const char *name, struct nst_str text)
{
    const struct nst_json value = { .kind = NST_JSON_STRING, .text = nst_str_copy(m->arena, text) };
    ocl_lines_add(m, name, &value);
}

void ocl_lines_add_bool(struct ocl_lines_maker *m, const char *name, bool value)
{
    const struct nst_json truth = { .kind = NST_JSON_BOOL, .boolean = value };
    ocl_lines_add(m, name, &truth);
}

void ocl_lines_give(struct ocl_line_text *line, struct nst_arena *a, struct nst_json *tree)
{
    struct nst_buf b;
    nst_buf_init(&b, a, 8 * OCL_LINE_MAX);
    nst_json_put(&b, tree);
    line->tree = tree;
    line->text = nst_buf_str(&b);
}
