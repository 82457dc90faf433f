/* Parents and children: how they are shown and given, and what a change of them changes. */
#include "family.h"

#include <stdlib.h>

#define PARENTS_MAX 500 /* of one concept, as of its names */

#define FIELD "parent_concept_urls"

/* ---- Codes, a line each ---- */

struct codes {
    struct nst_str *code;
    size_t count;
};

static int compare(const void *a, const void *b)
{
    return nst_str_cmp(*(const struct nst_str *)a, *(const struct nst_str *)b);
}

static struct codes lines_of(struct nst_arena *a, struct nst_str text)
{
    struct codes c = { 0 };
    size_t lines = text.n > 0;
    for (size_t i = 0; i < text.n; i++)
        lines += text.p[i] == '\n';
    c.code = NST_NEW_ARRAY(a, struct nst_str, lines + 1);
    while (text.n > 0)
        c.code[c.count++] = nst_str_cut(&text, '\n');
    return c;
}

/* In order, each once. */
static void put_in_order(struct codes *c)
{
    size_t kept = 0;
    qsort(c->code, c->count, sizeof(*c->code), compare);
    for (size_t i = 0; i < c->count; i++)
        if (kept == 0 || !nst_str_eq(c->code[kept - 1], c->code[i]))
            c->code[kept++] = c->code[i];
    c->count = kept;
}

static struct nst_str text_of(struct nst_arena *a, const struct codes *c)
{
    struct nst_buf b;
    nst_buf_init(&b, a, SIZE_MAX);
    for (size_t i = 0; i < c->count; i++) {
        nst_put_z(&b, i > 0 ? "\n" : "");
        nst_put(&b, c->code[i]);
    }
    return c->count > 0 ? nst_buf_str(&b) : (struct nst_str){ 0 };
}

static bool has(struct nst_str lines, struct nst_str code)
{
    while (lines.n > 0)
        if (nst_str_eq(nst_str_cut(&lines, '\n'), code))
            return true;
    return false;
}

static struct nst_str with(struct nst_arena *a, struct nst_str lines, struct nst_str code)
{
    return lines.n == 0 ? code : nst_strf(a, "%.*s\n%.*s", NST_FMT(lines), NST_FMT(code));
}

static struct nst_str without(struct nst_arena *a, struct nst_str lines, struct nst_str code)
{
    struct codes c = lines_of(a, lines);
    size_t kept = 0;
    for (size_t i = 0; i < c.count; i++)
        if (!nst_str_eq(c.code[i], code))
            c.code[kept++] = c.code[i];
    c.count = kept;
    return text_of(a, &c);
}

/* ---- Showing ---- */

#define SCRATCH_FIRST 4096 /* bytes: a few codes */

void ocl_put_concept_urls(struct nst_buf *out, struct nst_str home, struct nst_str codes)
{
    struct nst_arena *scratch = nst_arena_new(SCRATCH_FIRST);
    struct codes c = lines_of(scratch, codes);
    put_in_order(&c);
    nst_put_char(out, '[');
    for (size_t i = 0; i < c.count; i++) {
        nst_put_z(out, i > 0 ? ",\"" : "\"");
        nst_put(out, home);
        nst_put_lit(out, "concepts/");
        nst_put_percent(out, c.code[i], "");
        nst_put_lit(out, "/\"");
    }
    nst_put_char(out, ']');
    nst_arena_free(scratch);
}

static void put_urls(struct nst_buf *out, const struct ocl_content *c, struct nst_str codes)
{
    if (codes.n == 0) {
        nst_put_lit(out, "[]");
        return;
    }
    struct nst_arena *scratch = nst_arena_new(SCRATCH_FIRST);
    ocl_put_concept_urls(out, ocl_source_url(scratch, c->owner_url, c->source), codes);
    nst_arena_free(scratch);
}

static void print_parents(struct nst_buf *out, const struct nst_face *face,
                          const struct nst_field *f, const void *row)
{
    const struct ocl_concept *c = row;
    (void)face;
    (void)f;
    put_urls(out, &c->content, c->parents);
}

static void print_children(struct nst_buf *out, const struct nst_face *face,
                           const struct nst_field *f, const void *row)
{
    const struct ocl_concept *c = row;
    (void)face;
    (void)f;
    put_urls(out, &c->content, c->children);
}

/* ---- What a client gives ----
 * Addresses, a line each behind an empty one, until they are made codes. */

#define GIVEN "\n"

static bool parse_given(struct nst_req *rq, const struct nst_field *f, const struct nst_json *v,
                        void *member)
{
    struct nst_buf b;
    (void)f;
    if (v->kind != NST_JSON_ARRAY)
        return false;
    nst_buf_init(&b, rq->arena, SIZE_MAX);
    nst_put_lit(&b, GIVEN);
    for (const struct nst_json *e = v->first; e != NULL; e = e->next) {
        struct nst_str url;
        if (e->kind != NST_JSON_STRING || !nst_text.parse(rq, NULL, e, &url) || url.n == 0 ||
            nst_str_find(url, '\n') < url.n)
            return false;
        nst_put_z(&b, e != v->first ? "\n" : "");
        nst_put(&b, url);
    }
    *(struct nst_str *)member = nst_buf_str(&b);
    return true;
}

const struct nst_type ocl_parent_urls = {
    .name = "parents", .rep = NST_REP_INT, .schema = "array", .print = print_parents
};
const struct nst_type ocl_child_urls = {
    .name = "children", .rep = NST_REP_INT, .schema = "array", .print = print_children
};
const struct nst_type ocl_given_parents = { .name = "given_parents",
                                            .rep = NST_REP_STR,
                                            .column = "text",
                                            .schema = "array",
                                            .parse = parse_given,
                                            .print = print_parents };

/* The codes of what was given; what is no concept of this source by its address is told. */
static enum nst_err read_given(struct codes *codes, struct nst_req *rq, const struct ocl_concept *c)
{
    struct nst_str home = ocl_home_url(rq);
    enum nst_err e = NST_OK;
    *codes = lines_of(rq->arena, nst_str_slice(c->parents, sizeof(GIVEN) - 1, c->parents.n));
    if (codes->count > PARENTS_MAX)
        return nst_fail(rq, NST_E_INVALID, FIELD,
                        NST_STR("max limit " NST_DIGITS(PARENTS_MAX) " of " FIELD " exceeded"));
    for (size_t i = 0; i < codes->count; i++) {
        struct ocl_address at;
        struct nst_str url = codes->code[i];
        bool is_ours =
            ocl_read_address(&at, rq, url) && at.code.p != NULL && nst_str_eq(at.source_url, home);
        if (!is_ours)
            e = nst_fail(rq, NST_E_INVALID, FIELD,
                         nst_strf(rq->arena, "%.*s is no address of a concept of this source.",
                                  NST_FMT(url)));
        codes->code[i] = at.code;
    }
    return e;
}

/* Of these codes those that present concepts of the source have, a line each. */
static enum nst_err find_present(struct nst_str *lines, struct nst_req *rq,
                                 const struct codes *codes)
{
    const struct nst_row *source = nst_ancestor(rq, "source")->row;
    struct nst_sql q;
    struct nst_rows *rows;
    size_t count = 0;
    *lines = (struct nst_str){ 0 };
    nst_sql_init(&q, rq->arena);
    nst_sql_add(&q, "SELECT mnemonic FROM concept_version WHERE repo_id = ");
    nst_sql_bind(&q, NST_INT(source->id));
    nst_sql_add(&q, " AND rev_to = " OCL_OPEN_SQL " AND mnemonic");
    for (size_t i = 0; i < codes->count; i++)
        nst_sql_in(&q, &count, NST_TEXT(codes->code[i]));
    nst_sql_in_end(&q, count);
    NST_TRY(nst_sql_query(&rows, rq->db, &q));
    while (nst_rows_step(rows))
        *lines = with(rq->arena, *lines, nst_str_copy(rq->arena, nst_rows_text(rows, 0)));
    return nst_rows_end(rows);
}

static enum nst_err check_present(struct nst_req *rq, const struct codes *parents)
{
    struct nst_str home = ocl_home_url(rq), present;
    enum nst_err e = NST_OK;
    if (parents->count == 0)
        return NST_OK;
    NST_TRY(find_present(&present, rq, parents));
    for (size_t i = 0; i < parents->count; i++) {
        struct nst_str url = ocl_concept_url(rq->arena, home, parents->code[i]);
        if (has(present, parents->code[i]))
            continue;
        if (rq->missing == NULL)
            rq->missing_at = url;
        rq->missing = OCL_PARENT;
        e = nst_fail(rq, NST_E_INVALID, FIELD,
                     nst_strf(rq->arena, "%.*s is no concept of this source.", NST_FMT(url)));
    }
    return e;
}

/* ---- Cycles ---- */

#define NAMED_MAX 20 /* concepts of a cycle that are named */

/* Edges on the way up: `code` is above `below`. */
struct edge {
    struct nst_str code, below;
};

struct way {
    struct edge *edge;
    size_t count, room;
};

static void add_edge(struct way *w, struct nst_arena *a, struct nst_rows *rows)
{
    if (w->count == w->room) {
        struct edge *more = NST_NEW_ARRAY(a, struct edge, w->room * 2 + 16);
        if (w->count > 0)
            memcpy(more, w->edge, w->count * sizeof(*more));
        w->edge = more;
        w->room = w->room * 2 + 16;
    }
    w->edge[w->count++] = (struct edge){ nst_str_copy(a, nst_rows_text(rows, 0)),
                                         nst_str_copy(a, nst_rows_text(rows, 1)) };
}

/* Walk up from these concepts, each edge once, until a code is met. */
static enum nst_err walk_up(struct way *w, struct nst_req *rq, const struct codes *from,
                            struct nst_str until)
{
    const struct nst_row *source = nst_ancestor(rq, "source")->row;
    struct nst_sql q;
    struct nst_rows *rows;
    size_t count = 0;
    bool is_met = false;
    nst_sql_init(&q, rq->arena);
    nst_sql_add(&q, "WITH RECURSIVE up(code, below) AS (SELECT e.parent, e.child "
                    "FROM concept_parent e WHERE e.rev_to = " OCL_OPEN_SQL " AND e.repo_id = ");
    nst_sql_bind(&q, NST_INT(source->id));
    nst_sql_add(&q, " AND e.child");
    for (size_t i = 0; i < from->count; i++)
        nst_sql_in(&q, &count, NST_TEXT(from->code[i]));
    nst_sql_in_end(&q, count);
    nst_sql_add(&q, " UNION SELECT e.parent, e.child FROM up JOIN concept_parent e "
                    "ON e.child = up.code AND e.rev_to = " OCL_OPEN_SQL " AND e.repo_id = ");
    nst_sql_bind(&q, NST_INT(source->id));
    nst_sql_add(&q, ") SELECT code, below FROM up");
    NST_TRY(nst_sql_query(&rows, rq->db, &q));
    while (!is_met && nst_rows_step(rows)) {
        add_edge(w, rq->arena, rows);
        is_met = nst_str_eq(w->edge[w->count - 1].code, until);
    }
    return nst_rows_end(rows);
}

static const struct edge *edge_to(const struct way *w, struct nst_str code)
{
    for (size_t i = 0; i < w->count; i++)
        if (nst_str_eq(w->edge[i].code, code))
            return &w->edge[i];
    return NULL;
}

/* From the concept down to itself, by the way that led up to it. */
static enum nst_err tell_cycle(struct nst_req *rq, struct nst_str code, const struct way *w)
{
    struct nst_buf b;
    const struct edge *e = edge_to(w, code);
    nst_buf_init(&b, rq->arena, 65536);
    nst_putf(&b, "A concept cannot be below itself: %.*s", NST_FMT(code));
    for (int i = 0; e != NULL && i < NAMED_MAX; i++) {
        nst_putf(&b, " > %.*s", NST_FMT(e->below));
        e = edge_to(w, e->below);
    }
    nst_put_z(&b, e != NULL ? " > ... > " : " > ");
    nst_putf(&b, "%.*s", NST_FMT(code));
    return nst_fail(rq, NST_E_INVALID, FIELD, nst_buf_str(&b));
}

/* The source is held: nobody puts another edge there meanwhile. A concept without children is
 * above none. */
static enum nst_err check_cycle(struct nst_req *rq, const struct ocl_concept *c,
                                const struct codes *parents)
{
    struct way w = { 0 };
    for (size_t i = 0; i < parents->count; i++)
        if (nst_str_eq(parents->code[i], c->content.id))
            return tell_cycle(rq, c->content.id, &w);
    if (parents->count == 0 || c->children.n == 0)
        return NST_OK;
    NST_TRY(walk_up(&w, rq, parents, c->content.id));
    return edge_to(&w, c->content.id) != NULL ? tell_cycle(rq, c->content.id, &w) : NST_OK;
}

enum nst_err ocl_settle_parents(struct nst_req *rq, struct ocl_concept *c)
{
    struct codes codes;
    if (!nst_str_starts(c->parents, NST_STR(GIVEN)))
        return NST_OK;
    NST_TRY(read_given(&codes, rq, c));
    put_in_order(&codes);
    NST_TRY(check_cycle(rq, c, &codes));
    NST_TRY(check_present(rq, &codes));
    c->parents = text_of(rq->arena, &codes);
    return NST_OK;
}

void ocl_give_parents(struct nst_req *rq, struct ocl_concept *c)
{
    struct nst_str home = ocl_home_url(rq), rest = c->parents;
    struct nst_buf b;
    if (rest.n == 0)
        return;
    nst_buf_init(&b, rq->arena, SIZE_MAX);
    nst_put_lit(&b, GIVEN);
    while (rest.n > 0) {
        nst_put_z(&b, b.n > sizeof(GIVEN) - 1 ? "\n" : "");
        nst_put(&b, ocl_concept_url(rq->arena, home, nst_str_cut(&rest, '\n')));
    }
    c->parents = nst_buf_str(&b);
}

/* ---- Lists ---- */

const struct ocl_relatives ocl_children = { .of = "parent", .are = "child" };
const struct ocl_relatives ocl_parents = { .of = "child", .are = "parent" };

void ocl_relatives_scope(struct nst_sql *q, const struct ocl_relatives *r,
                         const struct ocl_content *c, int64_t rev)
{
    nst_sql_addf(q,
                 " AND concept_version.mnemonic IN (SELECT e.%s FROM concept_parent e "
                 "WHERE e.%s = ",
                 r->are, r->of);
    nst_sql_bind(q, NST_TEXT(c->id));
    nst_sql_add(q, " AND e.repo_id = ");
    nst_sql_bind(q, NST_INT(c->repo_id));
    ocl_put_moment(q, "e", rev);
    nst_sql_add(q, ")");
}

/* ---- What else changes ---- */

/* One edge that begins or ends. */
struct change {
    struct nst_req *rq;
    int64_t rev;
    struct nst_str child, parent;
    bool begins;
};

static enum nst_err store_edge(const struct change *ch)
{
    const struct nst_row *source = nst_ancestor(ch->rq, "source")->row;
    if (ch->begins)
        return nst_exec_with(NULL, ch->rq->db,
                             "INSERT INTO concept_parent (repo_id, parent, child, rev_from, "
                             "rev_to) VALUES ($1, $2, $3, $4, " OCL_OPEN_SQL ")",
                             NST_INT(source->id), NST_TEXT(ch->parent), NST_TEXT(ch->child),
                             NST_INT(ch->rev));
    return nst_exec_with(NULL, ch->rq->db,
                         "UPDATE concept_parent SET rev_to = $4 WHERE repo_id = $1 AND "
                         "parent = $2 AND child = $3 AND rev_to = " OCL_OPEN_SQL,
                         NST_INT(source->id), NST_TEXT(ch->parent), NST_TEXT(ch->child),
                         NST_INT(ch->rev));
}

/* V406: the parent has other children, and says so in a version of its own. */
static enum nst_err change_parent(const struct change *ch)
{
    struct nst_arena *a = ch->rq->arena;
    struct ocl_concept *next, *stored;
    NST_TRY(store_edge(ch));
    NST_TRY(ocl_content_begin_other((void **)&next, (void **)&stored, ch->rq, &ocl_concept_kind,
                                    ch->parent));
    if (stored == NULL)
        return NST_OK; /* it is being erased */
    next->children =
        ch->begins ? with(a, stored->children, ch->child) : without(a, stored->children, ch->child);
    return ocl_content_end_other(ch->rq, &ocl_concept_kind, next, stored);
}

/* The parents that only `these` has. */
static enum nst_err change_parents(struct change *ch, struct nst_str these, struct nst_str others)
{
    while (these.n > 0) {
        ch->parent = nst_str_cut(&these, '\n');
        if (!has(others, ch->parent))
            NST_TRY(change_parent(ch));
    }
    return NST_OK;
}

/* Those below what is erased lose a parent. */
static enum nst_err leave_children(struct nst_req *rq, const struct ocl_concept *erased)
{
    struct nst_str rest = erased->children;
    while (rest.n > 0) {
        struct ocl_concept *next, *stored;
        NST_TRY(ocl_content_begin_other((void **)&next, (void **)&stored, rq, &ocl_concept_kind,
                                        nst_str_cut(&rest, '\n')));
        if (stored == NULL)
            continue;
        next->parents = without(rq->arena, stored->parents, erased->content.id);
        NST_TRY(ocl_content_end_other(rq, &ocl_concept_kind, next, stored));
    }
    return nst_exec_with(NULL, rq->db,
                         "UPDATE repo SET hierarchy_root = NULL WHERE id = $1 AND "
                         "hierarchy_root = $2",
                         NST_INT(erased->content.repo_id), NST_TEXT(erased->content.id));
}

enum nst_err ocl_concept_follow(struct nst_req *rq, int64_t rev, const void *row,
                                const void *former)
{
    static const struct ocl_concept nothing = { 0 };
    const struct ocl_concept *now = row != NULL ? row : &nothing;
    const struct ocl_concept *then = former != NULL ? former : &nothing;
    struct change ch = { .rq = rq,
                         .rev = rev,
                         .child = row != NULL ? now->content.id : then->content.id };
    if (nst_str_eq(now->parents, then->parents))
        return row == NULL ? leave_children(rq, then) : NST_OK;
    NST_TRY(change_parents(&ch, then->parents, now->parents));
    ch.begins = true;
    NST_TRY(change_parents(&ch, now->parents, then->parents));
    return row == NULL ? leave_children(rq, then) : NST_OK;
}
