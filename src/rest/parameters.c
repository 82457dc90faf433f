/* The parameters of the query before the view reads them: switches that say neither yes nor
 * no, names that nothing answers yet, names that are nearly right. Others are ignored. */
#include "openapi.h"

/* ---- Not yet ---- */

/* A switch may be given as false. */
static bool is_refused(const struct nst_not_yet *words, const struct nst_query_pair *p)
{
    const struct nst_refused *word = nst_not_yet_find(words, p->name);
    bool flag = true;
    return word != NULL && !(word->is_switch && nst_query_flag(&flag, p->value) && !flag);
}

static void refuse(struct nst_req *rq, struct nst_str name)
{
    nst_add_problem(rq, name, NST_STR("Not supported yet: leave it out."), true);
}

static bool is_asked_by_header(struct nst_req *rq, struct nst_str word)
{
    struct nst_str value = nst_http_request_header(rq->x, nst_str_to_z(rq->arena, word));
    bool flag = true;
    return value.n > 0 && !(nst_query_flag(&flag, value) && !flag);
}

/* The next header that the face refuses and the request has; null: none. */
static struct nst_str next_refused(struct nst_req *rq, struct nst_str *words)
{
    while (words->p != NULL) {
        struct nst_str word = nst_str_cut(words, ' ');
        if (is_asked_by_header(rq, word))
            return word;
    }
    return (struct nst_str){ 0 };
}

static void refuse_headers(struct nst_req *rq)
{
    struct nst_str words = nst_str_z(rq->face->not_yet_headers), word;
    while ((word = next_refused(rq, &words)).p != NULL)
        refuse(rq, word);
}

/* A header that says neither yes nor no is not taken for no. */
static void check_zip_header(struct nst_req *rq)
{
    bool flag;
    if (rq->zip_asked.n > 0 && !nst_query_flag(&flag, rq->zip_asked))
        nst_add_problem(rq, nst_str_z(rq->face->zip_header),
                        nst_str_z(nst_texts_of(rq->face)->invalid), true);
}

bool nst_refuses_headers(struct nst_req *rq)
{
    struct nst_str words = nst_str_z(rq->face->not_yet_headers);
    return next_refused(rq, &words).p != NULL;
}

static bool is_among(const struct nst_parameter *p, struct nst_str name)
{
    for (; p != NULL && p->name != NULL; p++)
        if (nst_str_eq(nst_str_z(p->name), name))
            return true;
    return false;
}

/* What the members of the rows read that the operation shows. */
static const struct nst_parameter *member_parameters(struct nst_req *rq)
{
    const struct nst_model *m = nst_answered_model(rq->endpoint);
    nst_view *view = nst_view_of(rq->action);
    bool shows = view == nst_list || view == nst_retrieve;
    return shows && nst_has_members(m, rq->face) ? m->set.member_asked : NULL;
}

/* A switch that chooses, with another, how the face shows a list. */
static bool is_switch_of_list(struct nst_req *rq, const struct nst_model *m, struct nst_str name)
{
    const struct nst_switch *s = nst_view_of(rq->action) == nst_list ? m->set.switches : NULL;
    for (; s != NULL && s->name != NULL; s++)
        if (s->of == NST_LIST && s->also != NULL && nst_str_eq(nst_str_z(s->also), name))
            return nst_shape_of(m, rq->face, s->as) != NULL;
    return false;
}

/* What the scopes of what the path names read of the query. */
static bool is_read_on_the_way(struct nst_req *rq, struct nst_str name)
{
    for (size_t i = 0; i < rq->endpoint->count; i++) {
        const struct nst_model *m = rq->endpoint->step[i].model;
        const struct nst_parameter *p = m != NULL ? m->set.asked : NULL;
        for (; p != NULL && p->name != NULL; p++)
            if (p->is_of_scope && nst_str_eq(nst_str_z(p->name), name))
                return true;
    }
    return false;
}

/* What a list reads, or an operation describes, is not refused there, though others do not
 * know it. */
static bool is_answered(struct nst_req *rq, struct nst_str name)
{
    const struct nst_model *m = nst_answered_model(rq->endpoint);
    const struct nst_description *own = rq->action->describe;
    const struct nst_parameter *p = own != NULL ? own->parameter : NULL;
    return is_among(p, name) || is_read_on_the_way(rq, name) ||
           is_among(member_parameters(rq), name) || is_switch_of_list(rq, m, name) ||
           (nst_view_of(rq->action) == nst_list &&
            (nst_is_list_parameter(rq->face, name) || nst_is_filter(m, name) ||
             is_among(m->set.asked, name)));
}

static void refuse_words(struct nst_req *rq, const struct nst_not_yet *words)
{
    for (size_t i = 0; i < rq->queries; i++)
        if (rq->query[i].value.n > 0 && is_refused(words, &rq->query[i]) &&
            !is_answered(rq, rq->query[i].name))
            refuse(rq, rq->query[i].name);
}

/* A switch that says neither yes nor no is not taken for no. */
static void check_switch(struct nst_req *rq, const char *name)
{
    bool flag;
    for (size_t i = 0; i < rq->queries; i++)
        if (nst_str_eq(rq->query[i].name, nst_str_z(name)) && rq->query[i].value.n > 0 &&
            !nst_query_flag(&flag, rq->query[i].value))
            nst_add_problem(rq, rq->query[i].name, nst_str_z(nst_texts_of(rq->face)->invalid),
                            true);
}

static void check_parameters(struct nst_req *rq, const struct nst_parameter *p)
{
    for (; p != NULL && p->name != NULL; p++)
        if (p->schema != NULL && strcmp(p->schema, NST_SWITCH_SCHEMA) == 0)
            check_switch(rq, p->name);
}

/* There are tables of lists alone. */
static void check_format(struct nst_req *rq, bool is_list)
{
    const struct nst_list_grammar *g = nst_lists_of(rq->face);
    struct nst_str format = nst_query_value(rq, g->format);
    if (is_list && g->table != NULL)
        check_switch(rq, g->table);
    if (format.n == 0 || nst_str_eq(format, NST_STR("json")) ||
        (is_list && nst_str_eq(format, NST_STR("csv"))))
        return;
    nst_refuse_choice(rq, nst_str_z(g->format), format);
}

static void check_switches(struct nst_req *rq)
{
    const struct nst_set *set = &nst_answered_model(rq->endpoint)->set;
    nst_view *view = nst_view_of(rq->action);
    enum nst_use use = view == nst_list       ? NST_LIST
                       : view == nst_retrieve ? NST_DETAIL
                                              : NST_USE_COUNT;
    for (const struct nst_switch *s = set->switches; s != NULL && s->name != NULL; s++) {
        if (s->of != use)
            continue;
        check_switch(rq, s->name);
        if (s->also != NULL)
            check_switch(rq, s->also);
    }
    if (rq->method == NST_GET)
        check_format(rq, view == nst_list);
    check_parameters(rq, view == nst_list ? set->asked : NULL);
    check_parameters(rq, member_parameters(rq));
}

/* ---- Names that are nearly right ---- */

/* A name of the query, and the one that it is like. */
struct spelling {
    struct nst_str given, meant;
    bool is_known;
};

static void consider(struct spelling *s, struct nst_str known)
{
    if (!nst_is_alike(s->given, known))
        return;
    if (nst_str_eq(s->given, known))
        s->is_known = true;
    else if (s->meant.p == NULL)
        s->meant = known;
}

/* A filter on keys is none without a key. */
static void consider_key(struct spelling *s, struct nst_req *rq, const struct nst_filter_slot *f)
{
    if (nst_is_key_of(f, s->given))
        s->is_known = true;
    else if (nst_is_alike(s->given, f->snake) && s->meant.p == NULL)
        s->meant = nst_strf(rq->arena, "%.*s%sKEY", NST_FMT(f->snake),
                            f->row.joint != NULL ? f->row.joint : ".");
}

static void consider_parameters(struct spelling *s, const struct nst_parameter *p)
{
    for (; p != NULL && p->name != NULL; p++)
        consider(s, nst_str_z(p->name));
}

static void consider_refused(struct spelling *s, const struct nst_not_yet *words)
{
    for (size_t i = 0; i < words->count - words->beginnings; i++)
        consider(s, words->word[i].name);
}

static void consider_filters(struct spelling *s, struct nst_req *rq, const struct nst_model *m)
{
    bool is_camel =
        rq->face->spelling == NST_CAMEL_CASE || nst_lists_of(rq->face)->spelling == NST_CAMEL_CASE;
    for (const struct nst_filter_slot *f = m->filter; f < m->filter + m->filters; f++) {
        if (f->row.how == NST_KEYS) {
            consider_key(s, rq, f);
            continue;
        }
        consider(s, is_camel ? f->camel : f->snake);
        consider(s, is_camel ? f->snake : f->camel);
    }
}

static void consider_list(struct spelling *s, struct nst_req *rq, const struct nst_model *m)
{
    const char *word[NST_LIST_WORDS];
    nst_list_words(word, rq->face);
    for (size_t i = 0; i < NST_LIST_WORDS; i++)
        if (word[i] != NULL)
            consider(s, nst_str_z(word[i]));
    consider_filters(s, rq, m);
    consider_parameters(s, m->set.asked);
}

/* A parameter that differs from one that is read in case or `_` alone is a slip: ignored, it
 * would ask for something else than was meant. */
static void check_spelling(struct nst_req *rq, struct nst_str name, const struct nst_not_yet *own)
{
    const struct nst_model *m = nst_answered_model(rq->endpoint);
    struct spelling s = { .given = name };
    if (nst_view_of(rq->action) == nst_list)
        consider_list(&s, rq, m);
    for (const struct nst_switch *w = m->set.switches; w != NULL && w->name != NULL; w++) {
        consider(&s, nst_str_z(w->name));
        if (w->also != NULL)
            consider(&s, nst_str_z(w->also));
    }
    consider_parameters(&s, member_parameters(rq));
    if (rq->action->describe != NULL)
        consider_parameters(&s, rq->action->describe->parameter);
    consider_refused(&s, own);
    consider_refused(&s, &rq->registry->not_yet[nst_face_index(rq->registry, rq->face)]);
    if (!s.is_known && s.meant.p != NULL)
        nst_add_problem(rq, name, nst_strf(rq->arena, "Misspelt: write %.*s.", NST_FMT(s.meant)),
                        true);
}

/* ---- The phase ---- */

static void check_query(struct nst_req *rq, const struct nst_description *own)
{
    struct nst_not_yet words = { 0 };
    check_switches(rq);
    check_parameters(rq, own != NULL ? own->parameter : NULL);
    if (rq->method == NST_GET)
        refuse_words(rq, &rq->registry->not_yet[nst_face_index(rq->registry, rq->face)]);
    if (own != NULL && own->not_yet != NULL) {
        nst_not_yet_compile(&words, rq->arena, own->not_yet);
        refuse_words(rq, &words);
    }
    for (size_t i = 0; i < rq->queries; i++)
        if (rq->query[i].value.n > 0)
            check_spelling(rq, rq->query[i].name, &words);
}

/* What the contract knows and nothing answers yet is not ignored: a client would take the
 * answer for what it asked for. */
enum nst_err nst_phase_query(struct nst_req *rq)
{
    if (rq->is_internal)
        return NST_OK;
    if (rq->method == NST_GET)
        refuse_headers(rq);
    check_zip_header(rq);
    if (rq->queries > 0)
        check_query(rq, rq->action->describe);
    return rq->problem != NULL ? NST_E_INVALID : NST_OK;
}
