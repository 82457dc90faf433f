/* Checks sets of rows: their names, the field that paths find them by, the switches that choose
 * how they are shown, and the members that they have besides. */
#include "check.h"
#include "openapi.h"

/* ---- Names and keys ---- */

static bool set_lacks_name(const struct nst_at *at)
{
    return at->set->name == NULL || at->set->doc == NULL;
}

static bool set_is_second(const struct nst_at *at)
{
    for (size_t i = 0; i < at->index; i++)
        if (nst_is_same(at->reg->model[i].set.name, at->set->name))
            return true;
    return false;
}

static unsigned count_keys(const struct nst_at *at)
{
    unsigned count = 0;
    for (size_t i = 0; i < at->resource->fields; i++)
        count += nst_is_key(at->set, &at->resource->field[i]);
    return count;
}

static bool key_is_unknown(const struct nst_at *at)
{
    return at->set->key != NULL && count_keys(at) == 0;
}

static bool has_two_keys(const struct nst_at *at)
{
    return count_keys(at) > 1;
}

static bool key_is_not_held(const struct nst_at *at)
{
    for (size_t i = 0; i < at->resource->fields; i++) {
        const struct nst_field *f = &at->resource->field[i];
        if (nst_is_key(at->set, f) && (!nst_has_column(f) || f->rep == NST_REP_BOOL))
            return true;
    }
    return false;
}

static const struct nst_check set_checks[] = {
    { set_lacks_name, "a resource or set without name or doc",
      "give it .name and a sentence in .doc" },
    { set_is_second, "two resources or sets have this name", "rename one, or list it once" },
    { key_is_unknown, ".key names no field", "name a field" },
    { has_two_keys, "two fields have NST_KEY", "leave it to one" },
    { key_is_not_held, "a key is a text or a number with a column", "choose another field" },
    { 0 },
};

bool nst_check_set(struct nst_registry *reg, size_t index)
{
    const struct nst_model *m = &reg->model[index];
    const struct nst_at at = {
        .reg = reg,
        .table = nst_str_z(m->set.name != NULL ? m->set.name : "?"),
        .row = m->declared == NULL ? NST_STR("resource") : NST_STR("set"),
        .index = index,
        .resource = m->resource,
        .set = &m->set,
    };
    return nst_passes(&at, set_checks);
}

/* ---- Switches ---- */

static bool has_serializer(const struct nst_set *set, const struct nst_face *face, enum nst_use use)
{
    for (size_t i = 0; i < set->serializers; i++)
        if (set->serializer[i].face == face && set->serializer[i].use == use)
            return true;
    return false;
}

static bool switch_shows_nothing(const struct nst_at *at)
{
    for (size_t i = 0; i < at->reg->faces; i++)
        if (has_serializer(at->set, at->reg->face[i], at->query_switch->of) &&
            has_serializer(at->set, at->reg->face[i], at->query_switch->as))
            return false;
    return true;
}

static bool switch_lacks_doc(const struct nst_at *at)
{
    const struct nst_switch *s = at->query_switch;
    return s->doc == NULL || (s->also != NULL && s->also_doc == NULL);
}

/* What a list reads of the query already. */
static bool switch_is_taken(const struct nst_at *at)
{
    const struct nst_switch *s = at->query_switch;
    for (const struct nst_switch *before = at->set->switches; before != s; before++)
        if (before->of == s->of && strcmp(before->name, s->name) == 0 &&
            (before->also == NULL || nst_is_same(before->also, s->also)))
            return true; /* the first that is true counts: this one never would */
    for (size_t i = 0; i < at->reg->faces; i++)
        if (nst_is_list_parameter(at->reg->face[i], nst_str_z(s->name)))
            return true;
    return nst_is_filter(nst_model_of(at->reg, at->resource), nst_str_z(s->name));
}

/* A table is a form of a list, not what a switch shows. */
static bool switch_shows_table(const struct nst_at *at)
{
    return at->query_switch->of == NST_TABLE || at->query_switch->as == NST_TABLE;
}

static const struct nst_check switch_checks[] = {
    { switch_shows_table, "a switch for the rows of a table", "take another .of and .as" },
    { switch_is_taken, "the query has this name already", "rename the switch, or take it out" },
    { switch_lacks_doc, "a switch without doc", "give it a sentence in .doc" },
    { switch_shows_nothing, "no face has serializers for both uses of this switch",
      "write the serializer, or take the switch out" },
    { 0 },
};

static void check_switches(struct nst_registry *reg, const struct nst_model *m)
{
    for (const struct nst_switch *s = m->set.switches; s != NULL && s->name != NULL; s++) {
        const struct nst_at at = {
            .reg = reg,
            .table = nst_str_z(m->set.name),
            .row = nst_strf(reg->arena, "switch %s", s->name),
            .resource = m->resource,
            .set = &m->set,
            .query_switch = s,
        };
        nst_passes(&at, switch_checks);
    }
}

/* ---- Members ---- */

static bool member_is_bare(const struct nst_at *at)
{
    const struct nst_member *m = at->member;
    return m->face == NULL || m->make == NULL || m->schema == NULL || m->doc == NULL;
}

static bool member_has_no_place(const struct nst_at *at)
{
    for (int use = 0; use < NST_CREATE; use++)
        if ((at->member->uses >> use & 1) != 0 &&
            has_serializer(at->set, at->member->face, (enum nst_use)use))
            return false;
    return true;
}

static bool is_member_parameter(const struct nst_set *set, struct nst_str name)
{
    for (const struct nst_parameter *p = set->member_asked; p != NULL && p->name != NULL; p++)
        if (nst_str_eq(nst_str_z(p->name), name))
            return true;
    return false;
}

static bool member_is_never_asked(const struct nst_at *at)
{
    struct nst_str rest = nst_str_z(at->member->asked);
    while (rest.p != NULL)
        if (!is_member_parameter(at->set, nst_str_cut(&rest, '|')))
            return true;
    return false;
}

static const struct nst_check member_checks[] = {
    { member_is_bare, "a member lacks face, make, schema or doc", "write what it lacks" },
    { member_has_no_place, "nothing that its face shows has this member", "correct .uses" },
    { member_is_never_asked, "a switch of the member is no parameter",
      "write it into .member_asked" },
    { 0 },
};

static void check_members(struct nst_registry *reg, const struct nst_model *model)
{
    for (const struct nst_member *m = model->set.member; m != NULL && m->name != NULL; m++) {
        const struct nst_at at = {
            .reg = reg,
            .table = nst_str_z(model->set.name),
            .row = nst_strf(reg->arena, "member %s", m->name),
            .resource = model->resource,
            .set = &model->set,
            .member = m,
        };
        nst_passes(&at, member_checks);
    }
}

void nst_check_shown(struct nst_registry *reg, const struct nst_model *m)
{
    bool is_own = m->declared == NULL || m->declared->serializer != NULL;
    if (is_own)
        nst_check_serializers(reg, m);
    if (is_own || m->declared->switches != NULL)
        check_switches(reg, m);
    if (is_own || m->declared->member != NULL)
        check_members(reg, m);
}
