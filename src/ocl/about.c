/* What the server says about itself on the v2 face (V276, V326): its version and what changed in
 * it, what it answers, and how it is. */
#include "about.h"

#include "app.h"

static enum nst_err show_version(struct nst_req *rq)
{
    nst_json_put_str(&rq->x->out, NST_STR(NESTOR_VERSION));
    return nst_answer_json(rq, 200);
}

/* Features that are switched on for some: there are none. */
static enum nst_err show_toggles(struct nst_req *rq)
{
    nst_put_lit(&rq->x->out, "{}");
    return nst_answer_json(rq, 200);
}

/* ---- Pages ---- */

static enum nst_err show_changelog(struct nst_req *rq)
{
    nst_page_begin(&rq->x->out, NST_STR("Changelog"));
    for (const char *const *line = ocl_changelog; *line != NULL; line++)
        nst_put_z(&rq->x->out, *line);
    return nst_answer_page(rq);
}

/* The reference has two pages that draw its description, with programs from elsewhere. */
static enum nst_err show_operations(struct nst_req *rq)
{
    struct nst_buf *out = &rq->x->out;
    nst_page_begin(out, NST_STR("OCL API"));
    nst_put_lit(out, "<p>What can be asked for. <a href=\"/openapi.json\">/openapi.json</a> has "
                     "parameters, bodies and answers of each, for tools that read OpenAPI.</p>\n");
    nst_put_operations(out, rq->registry, V2);
    return nst_answer_page(rq);
}

/* ---- How it is ---- */

static const char no_service[] = "none"; /* .arg */

static enum nst_err answer_health(struct nst_req *rq, const char *json)
{
    nst_put_z(&rq->x->out, json);
    nst_http_add_header(rq->x, "Cache-Control", NST_STR("no-store"));
    rq->is_tagged = true; /* as of now: no answer of before is good */
    return nst_answer_json(rq, 200);
}

/* The database is the only service that there is; of others there is nothing to tell. */
static enum nst_err show_health(struct nst_req *rq)
{
    bool any;
    if (rq->action->arg == no_service)
        return answer_health(rq, "{}");
    NST_TRY(nst_exists(&any, rq->db, NST_STR("SELECT 1 FROM nst_migration"), NULL, 0));
    return answer_health(rq, "{\"DatabaseBackend\":\"working\"}");
}

/* ---- Tables ---- */

static const struct nst_response page_response[] = {
    { 200, "A page.", { .media = "text/html", .schema = "{\"type\":\"string\"}" } },
    { 0 },
};

static const struct nst_response health_response[] = {
    { 200,
      "The services that it depends on, and that they work.",
      { .schema = "{\"type\":\"object\",\"additionalProperties\":{\"type\":\"string\"}}" } },
    { 0 },
};

static const struct nst_description page_description = { .response = page_response };
static const struct nst_description health_description = { .response = health_response };

#define HEALTH(path, what) \
    { \
        V2, "/healthcheck/" path, \
            .get = { show_health, ocl_any_caller, NST_ANONYMOUS, .arg = (what), \
                     .describe = &health_description }, \
            .doc = "How the server is." \
    }

static const struct nst_response version_response[] = {
    { 200, "The version.", { .schema = "{\"type\":\"string\"}" } },
    { 0 },
};

static const struct nst_response toggles_response[] = {
    { 200,
      "Names of features, and whether they are on.",
      { .schema = "{\"type\":\"object\",\"additionalProperties\":{\"type\":\"boolean\"}}" } },
    { 0 },
};

static const struct nst_description version_description = { .response = version_response };
static const struct nst_description toggles_description = { .response = toggles_response };

/* V806: who may not read is told how the server is, and how it is asked. */
static const struct nst_route about_route[] = {
    { V2, "/version/",
      .get = { show_version, ocl_any_caller, NST_ANONYMOUS, .describe = &version_description },
      .doc = "Version of the program." },
    { V2, "/toggles/", .get = { show_toggles, ocl_any_caller, .describe = &toggles_description },
      .doc = "Features that are switched on for some." },
    { V2, "/changelog/",
      .get = { show_changelog, ocl_any_caller, NST_ANONYMOUS, .describe = &page_description },
      .doc = "What changed, as a page." },
    { V2, "/swagger/",
      .get = { show_operations, ocl_any_caller, NST_ANONYMOUS, .describe = &page_description },
      .doc = "What can be asked for, as a page." },
    { V2, "/redoc/",
      .get = { show_operations, ocl_any_caller, NST_ANONYMOUS, .describe = &page_description },
      .doc = "The same." },
    HEALTH("", NULL),
    HEALTH("critical/", NULL),
    HEALTH("db/", NULL),
    HEALTH("(redis|es|flower|celery)/", no_service),
    HEALTH("(celery@default|celery@indexing|celery@concurrent|celery@bulk_import_root)/",
           no_service),
    HEALTH("(celery@bulk_import_0|celery@bulk_import_1|celery@bulk_import_2|celery@bulk_import_3)/",
           no_service),
};

const struct nst_resource ocl_about = {
    .name = "about",
    NST_ROUTES(about_route),
    .doc = "The server itself.",
};
