/* Checks the serializers of a resource, whose fields are good: each as a whole, its
 * words, its rules. */
#include "check.h"

static const char *const use_name[NST_USE_COUNT] = { "list",   "detail", "brief",  "verbose",
                                                     "digest", "table",  "create", "update" };

static bool reads(const struct nst_serializer *s)
{
    return s->use >= NST_CREATE;
}

/* ---- A serializer ---- */

static bool face_is_unlisted(const struct nst_at *at)
{
    return !nst_lists_face(at->reg, at->serializer->face);
}

static bool table_has_no_format(const struct nst_at *at)
{
    return at->serializer->use == NST_TABLE && nst_lists_of(at->serializer->face)->format == NULL;
}

static bool use_is_unknown(const struct nst_at *at)
{
    return (unsigned)at->serializer->use >= NST_USE_COUNT;
}

static bool is_second(const struct nst_at *at)
{
    for (const struct nst_serializer *s = at->set->serializer; s != at->serializer; s++)
        if (s->face == at->serializer->face && s->use == at->serializer->use)
            return true;
    return false;
}

static bool names_nothing(const struct nst_at *at)
{
    return nst_str_trim(nst_str_z(at->serializer->fields)).n == 0;
}

static bool duplicate_is_never_said(const struct nst_at *at)
{
    return at->serializer->duplicate.text != NULL && !reads(at->serializer);
}

static bool duplicate_lacks_key(const struct nst_at *at)
{
    const struct nst_duplicate *d = &at->serializer->duplicate;
    return (d->key == NULL) != (d->text == NULL);
}

static bool duplicate_is_open(const struct nst_at *at)
{
    const char *text = at->serializer->duplicate.text;
    return text != NULL && nst_has_open_brace(text);
}

static bool duplicate_names_nothing(const struct nst_at *at)
{
    const char *text = at->serializer->duplicate.text;
    return text != NULL && nst_refers_to_nothing(at->resource, text, nst_has_column);
}

static const struct nst_check serializer_checks[] = {
    { face_is_unlisted, "its face is not in the list of faces", "add the face" },
    { use_is_unknown, "its use is none", "choose one of enum nst_use" },
    { is_second, "a second serializer of this face and use", "take one out" },
    { table_has_no_format, "a table in a face whose lists have none", "name .format in .lists" },
    { names_nothing, "it names no field", "name what is shown or taken" },
    { duplicate_is_never_said, "only input can violate a unique key",
      "move .duplicate to NST_CREATE and NST_UPDATE" },
    { duplicate_lacks_key, "a duplicate needs both key and text", "write both, or none" },
    { duplicate_is_open, "a brace of the duplicate's text is open", "close it" },
    { duplicate_names_nothing, "the duplicate's text names no field with a column",
      "name one between the braces" },
    { 0 },
};

/* ---- Its words ---- */

static const struct nst_field *field_of(const struct nst_at *at)
{
    return &at->resource->field[nst_field_index(at->resource, at->word.name)];
}

static bool names_no_field(const struct nst_at *at)
{
    return nst_field_index(at->resource, at->word.name) < 0;
}

static bool requires_in_vain(const struct nst_at *at)
{
    return at->word.is_required && at->serializer->use != NST_CREATE;
}

static bool sets_what_is_not_stored(const struct nst_at *at)
{
    return reads(at->serializer) && nst_has_rows(at->resource) && !nst_is_stored(field_of(at));
}

static bool sets_number(const struct nst_at *at)
{
    return reads(at->serializer) && field_of(at)->type == &nst_identity;
}

static bool sets_parent(const struct nst_at *at)
{
    return reads(at->serializer) && at->resource->parent != NULL &&
           nst_str_eq(at->word.name, nst_str_z(at->resource->parent));
}

/* Input that is read twice would be complained of twice; JSON has a name once. */
static bool word_is_second(const struct nst_at *at)
{
    struct nst_str rest = nst_str_z(at->serializer->fields);
    struct nst_word w;
    while (nst_next_word(&w, &rest) && w.text.p != at->word.text.p)
        if (reads(at->serializer) ? nst_str_eq(w.name, at->word.name)
                                  : nst_str_eq(w.shown, at->word.shown))
            return true;
    return false;
}

static bool children_lack_serializer(const struct nst_at *at)
{
    const struct nst_resource *r = field_of(at)->children;
    enum nst_use use = reads(at->serializer) ? NST_CREATE : NST_DETAIL;
    for (size_t i = 0; r != NULL && i < r->serializers; i++)
        if (r->serializer[i].face == at->serializer->face && r->serializer[i].use == use)
            return false;
    return r != NULL;
}

static const struct nst_check word_checks[] = {
    { names_no_field, "a serializer names no field", "correct the word, or add the field" },
    { requires_in_vain, "only a create serializer can require", "take the * out" },
    { sets_what_is_not_stored, "what is not stored cannot be set", "take the word out" },
    { sets_number, "the number of a row cannot be set", "take the word out" },
    { sets_parent, "the parent comes from the path", "take the word out" },
    { word_is_second, "a field stands twice", "take one of the two out" },
    { children_lack_serializer, "the children have no serializer on this face",
      "give them one: NST_CREATE to be read, NST_DETAIL to be shown" },
    { 0 },
};

static void check_words(struct nst_at at)
{
    struct nst_str serializer = at.row, rest = nst_str_z(at.serializer->fields);
    while (nst_next_word(&at.word, &rest)) {
        at.row =
            nst_strf(at.reg->arena, "%.*s, word %.*s", NST_FMT(serializer), NST_FMT(at.word.text));
        nst_passes(&at, word_checks);
    }
}

/* ---- Its rules ---- */

static bool rule_names_no_field(const struct nst_at *at)
{
    return nst_field_index(at->resource, nst_str_z(at->rule->field)) < 0;
}

static bool rule_is_second(const struct nst_at *at)
{
    for (const struct nst_rule *rule = at->serializer->rules; rule != at->rule; rule++)
        if (nst_str_eq(nst_str_z(rule->field), nst_str_z(at->rule->field)))
            return true;
    return false;
}

static const struct nst_field *ruled_field(const struct nst_at *at)
{
    return &at->resource->field[nst_field_index(at->resource, nst_str_z(at->rule->field))];
}

static bool rules_no_text(const struct nst_at *at)
{
    const struct nst_type *type = ruled_field(at)->type;
    const struct nst_rule *rule = at->rule;
    bool limits_text = rule->choices != NULL || rule->charset != NULL || rule->refused != NULL;
    return limits_text && (type->rep != NST_REP_STR || type->holds_json);
}

static bool charset_is_reversed(const struct nst_at *at)
{
    const char *set = at->rule->charset;
    for (; set != NULL && *set != '\0'; set++) {
        if (set[1] != '-' || set[2] == '\0')
            continue;
        if (set[0] > set[2])
            return true;
        set += 2;
    }
    return false;
}

static bool rule_falls_back_wrongly(const struct nst_at *at)
{
    const char *fallback = at->rule->fallback;
    return fallback != NULL &&
           !nst_is_fallback(at->reg->arena, at->resource, ruled_field(at), fallback);
}

static bool fallback_is_no_choice(const struct nst_at *at)
{
    const char *own = at->rule->fallback;
    const char *fallback = own != NULL ? own : ruled_field(at)->fallback;
    struct nst_str rest = nst_str_z(at->rule->choices);
    while (fallback != NULL && rest.p != NULL)
        if (nst_str_eq(nst_str_cut(&rest, '|'), nst_str_z(fallback)))
            return false;
    return fallback != NULL && at->rule->choices != NULL;
}

static const struct nst_check rule_checks[] = {
    { rule_names_no_field, "a rule names no field", "correct the name, or take the rule out" },
    { rule_is_second, "two rules for one field", "bring them together" },
    { rules_no_text, "choices, charset and refused are for texts", "take them out" },
    { charset_is_reversed, "a range of the charset runs backwards", "turn it round" },
    { rule_falls_back_wrongly, "the fallback is no value of the field",
      "write a value of its type, form and length; JSON where the field holds JSON" },
    { fallback_is_no_choice, "the fallback is none of the choices", "add it to them" },
    { 0 },
};

static void check_rules(struct nst_at at)
{
    struct nst_str serializer = at.row;
    for (at.rule = at.serializer->rules; at.rule != NULL && at.rule->field != NULL; at.rule++) {
        at.row = nst_strf(at.reg->arena, "%.*s, rule %s", NST_FMT(serializer), at.rule->field);
        nst_passes(&at, rule_checks);
    }
}

void nst_check_serializers(struct nst_registry *reg, const struct nst_model *m)
{
    for (size_t i = 0; i < m->set.serializers; i++) {
        const struct nst_serializer *s = &m->set.serializer[i];
        const char *face = s->face != NULL && s->face->name != NULL ? s->face->name : "?";
        const char *use = (unsigned)s->use < NST_USE_COUNT ? use_name[s->use] : "?";
        const struct nst_at at = {
            .reg = reg,
            .table = nst_str_z(m->set.name),
            .row = nst_strf(reg->arena, "serializer %s %s", face, use),
            .resource = m->resource,
            .set = &m->set,
            .serializer = s,
        };
        if (!nst_passes(&at, serializer_checks))
            continue;
        check_words(at);
        check_rules(at);
    }
}
