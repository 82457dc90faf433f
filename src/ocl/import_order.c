/* In which order the lines of a batch are imported (V610): as they stand, but that concepts come
 * behind those of the batch that are above them. */
#include "import.h"

#include "content/content.h"

#include <stdlib.h>

/* A concept that a line makes: its source's address, and its code. */
struct place {
    struct nst_str address;
    size_t line;
};

/* A line on the way up, and the next of its parents to look at. */
struct step {
    size_t line;
    const struct nst_json *parent;
};

enum state { UNSEEN, OPEN, DONE };

struct sorting {
    struct ocl_batch *batch;
    struct place *place; /* in the order of their addresses; of several the first line is first */
    size_t places;
    enum state *state; /* of each line */
    struct step *step;
    size_t depth;
    size_t *order, count;
};

static const struct nst_json *parents_of(const struct nst_json *line)
{
    const struct nst_json *v = nst_json_get(line, NST_STR("parent_concept_urls"));
    if (v == NULL)
        v = nst_json_get(line, NST_STR("parentConceptUrls"));
    return v != NULL && v->kind == NST_JSON_ARRAY ? v->first : NULL;
}

static struct nst_str text_of(const struct nst_json *line, const char *name)
{
    const struct nst_json *v = nst_json_get(line, nst_str_z(name));
    bool names = v != NULL && (v->kind == NST_JSON_STRING || v->kind == NST_JSON_NUMBER);
    return names ? v->text : (struct nst_str){ 0 };
}

static struct nst_str address_of(struct nst_arena *a, const struct nst_json *line)
{
    struct nst_req rq = { .arena = a };
    const struct nst_json id = { .kind = NST_JSON_STRING, .text = text_of(line, "id") };
    struct nst_str owner = text_of(line, "owner"), source = text_of(line, "source"), code;
    bool is_user = nst_str_eq_nocase(text_of(line, "owner_type"), NST_STR("User"));
    if (!nst_str_eq_nocase(text_of(line, "type"), NST_STR("Concept")) || id.text.n == 0 ||
        !nst_code.parse(&rq, NULL, &id, &code))
        return (struct nst_str){ 0 };
    return nst_strf(a, "/%s/%.*s/sources/%.*s/%.*s", is_user ? "users" : "orgs", NST_FMT(owner),
                    NST_FMT(source), NST_FMT(code));
}

static int compare(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    int order = nst_str_cmp(x->address, y->address);
    return order != 0 ? order : (x->line > y->line) - (x->line < y->line);
}

/* The first line that makes the concept at that address; NULL: none of the batch does. */
static const struct place *find(const struct sorting *s, struct nst_str address)
{
    size_t low = 0, high = s->places;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (nst_str_cmp(s->place[middle].address, address) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    bool is_it = low < s->places && nst_str_eq(s->place[low].address, address);
    return is_it ? &s->place[low] : NULL;
}

static const struct place *find_parent(const struct sorting *s, const struct nst_json *url)
{
    struct nst_req rq = { .arena = s->batch->arena };
    struct ocl_address at;
    if (url->kind != NST_JSON_STRING || !ocl_read_address(&at, &rq, url->text) || at.code.p == NULL)
        return NULL;
    return find(s, nst_strf(rq.arena, "%.*s%.*s", NST_FMT(at.source_url), NST_FMT(at.code)));
}

static struct nst_str id_of(const struct sorting *s, size_t line)
{
    return text_of(s->batch->line[line].tree, "id");
}

#define NAMED_MAX 20 /* concepts of a cycle that are named */

/* The line that is looked at leads back to one that led to it. */
static void refuse_cycle(struct sorting *s, size_t back_to)
{
    struct nst_arena *a = s->batch->arena;
    struct nst_buf text, b;
    size_t first = s->depth - 1, named = 0;
    while (s->step[first].line != back_to)
        first--;
    nst_buf_init(&text, a, 65536);
    nst_put_lit(&text, "A concept cannot be below itself: ");
    for (size_t i = s->depth; i-- > first && named < NAMED_MAX; named++)
        nst_putf(&text, "%.*s > ", NST_FMT(id_of(s, s->step[i].line)));
    nst_putf(&text, "%s%.*s", named == NAMED_MAX ? "... > " : "",
             NST_FMT(id_of(s, s->step[s->depth - 1].line)));
    nst_buf_init(&b, a, 131072);
    nst_put_lit(&b, "{\"parent_concept_urls\":[");
    nst_json_put_str(&b, nst_buf_str(&text));
    nst_put_lit(&b, "]}");
    s->batch->line[s->step[s->depth - 1].line].cycle = nst_buf_str(&b);
}

static void open_line(struct sorting *s, size_t line)
{
    s->state[line] = OPEN;
    s->step[s->depth++] = (struct step){ line, parents_of(s->batch->line[line].tree) };
}

static void close_line(struct sorting *s)
{
    size_t line = s->step[--s->depth].line;
    s->state[line] = DONE;
    s->order[s->count++] = line;
}

/* What is above a line, then the line. */
static void put_line(struct sorting *s, size_t line)
{
    if (s->state[line] != UNSEEN)
        return;
    open_line(s, line);
    while (s->depth > 0) {
        struct step *at = &s->step[s->depth - 1];
        const struct nst_json *url = at->parent;
        if (url == NULL) {
            close_line(s);
            continue;
        }
        at->parent = url->next;
        const struct place *above = find_parent(s, url);
        if (above != NULL && s->state[above->line] == OPEN)
            refuse_cycle(s, above->line);
        else if (above != NULL && s->state[above->line] == UNSEEN)
            open_line(s, above->line);
    }
}

static bool has_parents(const struct ocl_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++)
        if (parents_of(batch->line[i].tree) != NULL)
            return true;
    return false;
}

static void find_places(struct sorting *s)
{
    for (size_t i = 0; i < s->batch->count; i++) {
        struct nst_str address = address_of(s->batch->arena, s->batch->line[i].tree);
        if (address.p != NULL)
            s->place[s->places++] = (struct place){ address, i };
    }
    qsort(s->place, s->places, sizeof(*s->place), compare);
}

size_t *ocl_import_order(struct ocl_batch *batch)
{
    struct nst_arena *a = batch->arena;
    struct sorting s = { .batch = batch, .order = NST_NEW_ARRAY(a, size_t, batch->count + 1) };
    for (size_t i = 0; i < batch->count; i++) {
        s.order[i] = i;
        batch->line[i].cycle = (struct nst_str){ 0 };
    }
    if (!has_parents(batch))
        return s.order;
    s.place = NST_NEW_ARRAY(a, struct place, batch->count);
    s.state = NST_NEW_ARRAY(a, enum state, batch->count);
    s.step = NST_NEW_ARRAY(a, struct step, batch->count);
    find_places(&s);
    for (size_t i = 0; i < batch->count; i++)
        put_line(&s, i);
    return s.order;
}
