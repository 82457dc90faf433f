/* Map projects (V272): workspaces of clients that map rows of a table to concepts. The server keeps
 * what a client says of one, checks its form, and counts what has been decided; it matches nothing
 * itself. Who may change a project may see what is in it. */
#include "ocl/owned.h"

#define PROJECT_BODY_MAX ((size_t)8 << 20)

struct map_project {
    struct nst_row row;
    struct nst_str name, description, public_access, input_file_name, target_repo_url;
    struct nst_str matches, columns, candidates, analysis, logs, algorithms, filters;
    struct nst_str lookup_config, score_configuration, input_locales, encoder_model;
    struct nst_str prompt_template_key, prompt_output_locale;
    bool include_retired, use_lexical_variants;
    struct ocl_owner owner;
    int64_t number, created_at, updated_at, created_by, updated_by;
    struct nst_str creator, updater;
};

extern const struct nst_resource ocl_map_project;

/* What is kept; NULL: nothing. */
static const struct nst_json *kept(struct nst_arena *a, struct nst_str text)
{
    struct nst_json *read = NULL;
    if (text.n > 0 && nst_json_read(&read, NULL, a, text, NULL) != NST_OK)
        read = NULL;
    return read;
}

/* ---- Locales: "en", "pt-BR" ---- */

static bool are_letters(struct nst_str text, size_t from, size_t to, char first, char last)
{
    for (size_t i = from; i < to; i++)
        if (text.p[i] < first || text.p[i] > last)
            return false;
    return true;
}

static bool is_locale(struct nst_str text)
{
    size_t language = nst_str_find(text, '-');
    bool has_region = language < text.n;
    return (language == 2 || language == 3) && are_letters(text, 0, language, 'a', 'z') &&
           (!has_region ||
            (text.n == language + 3 && are_letters(text, language + 1, text.n, 'A', 'Z')));
}

static bool is_output_locale(struct nst_str text)
{
    return text.n == 0 || nst_str_eq(text, NST_STR("auto")) || is_locale(text);
}

static enum nst_err check_locales(struct nst_req *rq, const struct map_project *p)
{
    const struct nst_json *locales = kept(rq->arena, p->input_locales);
    const struct nst_json *one = locales != NULL ? locales->first : NULL;
    for (; one != NULL; one = one->next) {
        if (one->kind != NST_JSON_STRING)
            return nst_fail(rq, NST_E_INVALID, "input_locales",
                            nst_str_z(nst_texts_of(rq->face)->invalid));
        if (one->text.n > 0 && !is_locale(one->text))
            return nst_fail(rq, NST_E_INVALID, "input_locales",
                            nst_strf(rq->arena,
                                     "Invalid locale \"%.*s\". Use BCP-47 codes like \"en\" or "
                                     "\"pt-BR\".",
                                     NST_FMT(one->text)));
    }
    return NST_OK;
}

/* ---- Whose they are, and who sees them ---- */

static enum nst_err is_mine(bool *out, struct nst_req *rq)
{
    enum nst_err e = ocl_owner_or_staff(rq);
    *out = e == NST_OK;
    return e == NST_E_FORBIDDEN || e == NST_E_UNAUTHENTICATED ? NST_OK : e;
}

static enum nst_err project_scope(struct nst_sql *q, struct nst_req *rq,
                                  const struct nst_object *parent)
{
    NST_TRY(ocl_may_view_owner(rq));
    ocl_put_owned(q, parent, "map_project");
    return NST_OK;
}

static enum nst_err project_visible(struct nst_sql *q, struct nst_req *rq)
{
    bool mine;
    NST_TRY(is_mine(&mine, rq));
    if (!mine)
        nst_sql_add(q, " AND map_project.public_access <> 'None'");
    return NST_OK;
}

/* What is not in the list of the caller is not there. */
static enum nst_err project_may_view(struct nst_req *rq, const struct nst_object *o)
{
    const struct map_project *p = o->row;
    bool mine;
    NST_TRY(is_mine(&mine, rq));
    return mine || !nst_str_eq(p->public_access, NST_STR("None")) ? NST_OK : NST_E_NOT_FOUND;
}

static enum nst_err project_before_create(struct nst_req *rq, void *row)
{
    struct map_project *p = row;
    NST_TRY(check_locales(rq, p));
    ocl_set_owner(&p->owner, rq, &ocl_map_project, p);
    return nst_next_id(&p->row.id, rq->db, "map_project", 1);
}

static enum nst_err project_before_update(struct nst_req *rq, void *row)
{
    return nst_is_set(&ocl_map_project, row, "input_locales") ? check_locales(rq, row) : NST_OK;
}

/* ---- What has been decided ---- */

struct counted {
    struct nst_str state;
    size_t count;
};

#define STATES_MAX 50 /* different ones; clients have a handful */

/* What comes after STATES_MAX others is not counted. */
static void count_state(struct counted *c, size_t *states, struct nst_str state)
{
    size_t i = 0;
    while (i < *states && !nst_str_eq(c[i].state, state))
        i++;
    if (i == STATES_MAX)
        return;
    if (i == *states)
        c[(*states)++] = (struct counted){ state, 0 };
    c[i].count++;
}

static void put_states(struct nst_buf *out, const struct nst_json *matches)
{
    struct counted c[STATES_MAX];
    size_t states = 0;
    for (const struct nst_json *m = matches->first; m != NULL; m = m->next) {
        const struct nst_json *state = nst_json_get(m, NST_STR("state"));
        if (state != NULL && state->kind == NST_JSON_STRING)
            count_state(c, &states, state->text);
    }
    nst_put_char(out, '{');
    for (size_t i = 0; i < states; i++) {
        nst_put_z(out, i > 0 ? "," : "");
        nst_json_put_str(out, c[i].state);
        nst_putf(out, ":%zu", c[i].count);
    }
    nst_put_char(out, '}');
}

/* The labels of the columns that are not hidden. */
static void put_labels(struct nst_buf *out, const struct nst_json *columns)
{
    const char *between = "";
    const struct nst_json *c = columns != NULL ? columns->first : NULL;
    nst_put_char(out, '[');
    for (; c != NULL; c = c->next) {
        const struct nst_json *hidden = nst_json_get(c, NST_STR("hidden"));
        const struct nst_json *label = nst_json_get(c, NST_STR("label"));
        if ((hidden != NULL && (hidden->kind != NST_JSON_BOOL || hidden->boolean)) ||
            label == NULL || label->kind != NST_JSON_STRING || label->text.n == 0)
            continue;
        nst_put_z(out, between);
        nst_json_put_str(out, label->text);
        between = ",";
    }
    nst_put_char(out, ']');
}

static void print_summary(struct nst_buf *out, const struct nst_face *face,
                          const struct nst_field *f, const void *row)
{
    const struct map_project *p = row;
    const struct nst_json *matches = kept(out->arena, p->matches);
    (void)face;
    (void)f;
    nst_put_lit(out, "{\"matches\":");
    if (matches != NULL && matches->first != NULL)
        put_states(out, matches);
    else
        nst_put_lit(out, "null");
    nst_put_lit(out, ",\"columns\":");
    put_labels(out, kept(out->arena, p->columns));
    nst_put_char(out, '}');
}

static const struct nst_type summary = {
    .name = "project_summary", .rep = NST_REP_INT, .schema = "object", .print = print_summary
};

/* ---- Parts of a project under addresses of their own ---- */

static const enum nst_use of_summary = NST_BRIEF, of_logs = NST_DIGEST,
                          of_configurations = NST_VERBOSE; /* .arg */

static enum nst_err show_part(struct nst_req *rq)
{
    const enum nst_use *use = rq->action->arg;
    void *row;
    NST_TRY(nst_load_id(&row, rq, &ocl_map_project, NST_LOAD_ALL,
                        ((struct nst_row *)nst_object(rq)->row)->id));
    if (row == NULL)
        return NST_E_NOT_FOUND;
    nst_render(&rq->x->out, rq, &ocl_map_project, *use, row);
    return nst_answer_json(rq, 200);
}

/* What comes takes the place of what was there; nothing leaves that alone. */
static enum nst_err set_logs(struct nst_req *rq)
{
    struct map_project *p = nst_object(rq)->row;
    const struct nst_json *logs = nst_body_member(rq, "logs");
    if (logs == NULL || logs->kind == NST_JSON_NULL)
        return show_part(rq);
    if (!nst_json_object.parse(rq, NULL, logs, &p->logs))
        return nst_fail(rq, NST_E_INVALID, "logs", nst_str_z(nst_texts_of(rq->face)->invalid));
    if (!nst_str_eq(p->logs, NST_STR("{}"))) {
        nst_mark_set(&ocl_map_project, p, "logs");
        NST_TRY(nst_update_row(rq, &ocl_map_project, p));
    }
    return show_part(rq);
}

/* A client that asks the server for matches tells it of a run: none is made yet. */
static enum nst_err list_runs(struct nst_req *rq)
{
    nst_put_lit(&rq->x->out, "[]");
    return nst_answer_json(rq, 200);
}

static enum nst_err refuse_run(struct nst_req *rq)
{
    return nst_fail(rq, NST_E_INVALID, "detail",
                    NST_STR("Auto-match runs need $match, which is not supported yet."));
}

/* ---- Tables ---- */

#define TEXT(n, limit, sentence) \
    NST_FIELD(#n, map_project, n, &nst_text, .max = (limit), .doc = sentence)
#define JSON(n, type, nothing, sentence) \
    NST_FIELD(#n, map_project, n, type, .fallback = nothing, .doc = sentence)

static const struct nst_field project_field[] = {
    NST_IDENTITY("uuid", map_project, created_at, .doc = "Number of the project."),
    NST_FIELD("id", map_project, number, &nst_int, .column = "map_project.id",
              .flags = NST_KEY | NST_NEVER_NULL | NST_CORE, .doc = "The same, as a number."),
    NST_LINK("url", "{owner_url}map-projects/{id}/", .doc = "Address of the project."),
    NST_FIELD("name", map_project, name, &nst_text, .flags = NST_NEVER_NULL | NST_NOT_EMPTY,
              .max = 1024, .doc = "What it is called."),
    TEXT(description, 0, "A few sentences."),
    NST_FIELD("public_access", map_project, public_access, &nst_text, .flags = NST_CORE,
              .fallback = "None", .doc = "Whether others see that it is there: View or None."),
    TEXT(input_file_name, 1024, "Name of the table that is mapped."),
    NST_CONSTANT("file_url", "null", .doc = "Address of the table; none is kept."),
    TEXT(target_repo_url, 2000, "Address of the repository whose concepts are looked for."),
    JSON(matches, &nst_json_list, "[]", "What has been decided, a row of the table an element."),
    JSON(columns, &nst_json_list, "[]", "Columns of the table."),
    JSON(candidates, &nst_json_object, "{}", "Concepts that may be meant."),
    JSON(analysis, &nst_json_object, "{}", "What a model said of them."),
    JSON(logs, &nst_json_object, "{}", "What happened."),
    JSON(algorithms, &nst_json_list, "[]", "Ways to find candidates."),
    JSON(filters, &nst_json_object, "{}", "What candidates have in common."),
    JSON(lookup_config, &nst_json_object, "{}", "How candidates are looked up."),
    JSON(score_configuration, &nst_json_object, "{\"recommended\":100,\"available\":70}",
         "From which scores on candidates count."),
    JSON(input_locales, &nst_json_list, "[]", "Languages of the table."),
    TEXT(encoder_model, 1024, "Model that scores candidates."),
    TEXT(prompt_template_key, 1024, "What a model is asked."),
    TEXT(prompt_output_locale, 10, "Language that it is to answer in, or auto."),
    NST_FIELD("include_retired", map_project, include_retired, &nst_bool, .fallback = "false",
              .doc = "Retired concepts are candidates, too."),
    NST_FIELD("use_lexical_variants", map_project, use_lexical_variants, &nst_bool,
              .fallback = "false", .doc = "Other forms of words are looked for, too."),
    NST_MADE("summary", &summary, "{matches}{columns}", .doc = "How much has been decided."),
    NST_CONSTANT("is_active", "true", .doc = "It is there."),
    OCL_OWNER_FIELDS(map_project, "map_project"),
    OCL_STAMPS(map_project, "map_project"),
};

static const struct nst_rule project_rule[] = {
    { "public_access", .choices = "View|None" },
    { "prompt_output_locale", .fits = is_output_locale,
      .unfit = "Invalid locale. Use \"auto\" or a BCP-47 code like \"en\" or \"pt-BR\"." },
    { 0 },
};

#define CONFIGURATION \
    "target_repo_url include_retired score_configuration filters algorithms lookup_config " \
    "encoder_model prompt_template_key prompt_output_locale input_locales use_lexical_variants"
#define STAMPS "created_by updated_by created_at updated_at"
#define OWNER  "owner owner_type owner_url"
#define SETTABLE \
    CONFIGURATION " description public_access input_file_name matches columns candidates analysis"

static const struct nst_serializer project_serializer[] = {
    { V2, NST_LIST, "id name " STAMPS " url is_active " OWNER },
    { V2, NST_DETAIL,
      "id url name " CONFIGURATION " description input_file_name " STAMPS " is_active " OWNER
      " public_access candidates analysis file_url matches columns" },
    { V2, NST_BRIEF, "id summary url" },
    { V2, NST_DIGEST, "id logs url" },
    { V2, NST_VERBOSE, "id url name " CONFIGURATION },
    { V2, NST_CREATE, "name* " SETTABLE, .rules = project_rule, .not_yet = "file" },
    { V2, NST_UPDATE, "name " SETTABLE, .rules = project_rule, .not_yet = "file" },
};

#define PART(member) \
    "{\"type\":\"object\",\"required\":[\"id\",\"url\"],\"properties\":{\"id\":{\"type\":" \
    "\"integer\"},\"url\":{\"type\":\"string\"}" member "}}"

static const struct nst_response summary_response[] = {
    { 200, "How much has been decided.", { .schema = PART(",\"summary\":{\"type\":\"object\"}") } },
    { 0 },
};
static const struct nst_response logs_response[] = {
    { 200, "What happened.", { .schema = PART(",\"logs\":{\"type\":[\"object\",\"null\"]}") } },
    { 0 },
};
static const struct nst_response configurations_response[] = {
    { 200,
      "How candidates are found.",
      { .schema = "{\"type\":\"object\",\"additionalProperties\":true}" } },
    { 0 },
};
static const struct nst_response set_logs_response[] = {
    { 200, "They are kept.", { .schema = PART(",\"logs\":{\"type\":[\"object\",\"null\"]}") } },
    { 400, "They are no object.", { .schema = "{\"type\":\"object\"}" } },
    { 0 },
};
static const struct nst_response runs_response[] = {
    { 200,
      "There are none yet.",
      { .schema = "{\"type\":\"array\",\"maxItems\":0,\"items\":{}}" } },
    { 0 },
};
static const struct nst_response run_response[] = {
    { 400, "Runs are not supported yet.", { .schema = "{\"type\":\"object\"}" } },
    { 0 },
};

static const struct nst_description summary_description = { .response = summary_response };
static const struct nst_description logs_description = { .response = logs_response };
static const struct nst_description configurations_description = { .response =
                                                                       configurations_response };
static const struct nst_description setting_logs = {
    .request = { .schema = "{\"type\":\"object\",\"properties\":{\"logs\":{\"type\":"
                           "[\"object\",\"null\"]}}}" },
    .response = set_logs_response,
};
static const struct nst_description runs_description = { .response = runs_response };
static const struct nst_description run_description = { .response = run_response };

/* Algorithms may have credentials in them: who sees that a project is there does not see these. */
static const struct nst_description listing = { .as = nst_list, .not_yet = "verbose?" };

/* What a detail may have besides, some day. */
static const struct nst_description detail = { .as = nst_retrieve, .not_yet = "includeLogs?" };

#define PROJECT O "map-projects/:map_project/"
#define CHANGE \
    { \
        nst_update, ocl_owner_or_staff \
    }

static const struct nst_route project_route[] = {
    { V2, O "map-projects/", .get = { nst_list, ocl_may_view_owner, .describe = &listing },
      .post = { nst_create, ocl_owner_or_staff }, .body_limit = PROJECT_BODY_MAX,
      .doc = "Map projects of an owner." },
    { V2, PROJECT, .get = { nst_retrieve, ocl_owner_or_staff, .describe = &detail }, .put = CHANGE,
      .patch = CHANGE,
      .delete = { ocl_erase, ocl_owner_or_staff, .describe = &nst_answers_nothing },
      .body_limit = PROJECT_BODY_MAX, .doc = "One map project." },
    { V2, PROJECT "summary/",
      .get = { show_part, ocl_owner_or_staff, .arg = &of_summary,
               .describe = &summary_description },
      .doc = "How much of it has been decided." },
    { V2, PROJECT "logs/",
      .get = { show_part, ocl_owner_or_staff, .arg = &of_logs, .describe = &logs_description },
      .post = { set_logs, ocl_owner_or_staff, .arg = &of_logs, .describe = &setting_logs },
      .body_limit = PROJECT_BODY_MAX, .doc = "What happened in it." },
    { V2, PROJECT "configurations/",
      .get = { show_part, ocl_owner_or_staff, .arg = &of_configurations,
               .describe = &configurations_description },
      .doc = "How candidates are found in it." },
    { V2, PROJECT "auto-match-runs/",
      .get = { list_runs, ocl_owner_or_staff, .describe = &runs_description },
      .post = { refuse_run, ocl_owner_or_staff, .describe = &run_description },
      .doc = "Runs of an automatic search." },
};

static const struct nst_filter project_filter[] = {
    { "updated_since", NST_SINCE, .column = "map_project.updated_at",
      .doc = "Time of the last change." },
    { 0 },
};

static const struct nst_sort project_sort[] = {
    OCL_RANKED,
    { "name", "lower(map_project.name)|map_project.id", .never_null = true },
    { "last_update", "map_project.updated_at" },
    { 0 },
};

const struct nst_resource ocl_map_project = {
    .name = "map_project",
    .table = "map_project",
    .from = OCL_OWNED_FROM("map_project"),
    .order = "map_project.updated_at DESC, map_project.id DESC",
    .size = sizeof(struct map_project),
    NST_FIELDS(project_field),
    NST_SERIALIZERS(project_serializer),
    NST_ROUTES(project_route),
    .sort = project_sort,
    .filter = project_filter,
    .hook = { .scope = project_scope,
              .visible = project_visible,
              .may_view = project_may_view,
              .before_create = project_before_create,
              .before_update = project_before_update },
    .doc = "What a client keeps of a table whose rows it maps to concepts.",
};
