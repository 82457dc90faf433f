/* What the server says about itself on the v2 face (V276, V326). */
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

static const struct nst_route about_route[] = {
    { V2, "/version/", .get = { show_version, ocl_any_caller, .describe = &version_description },
      .doc = "Version of the program." },
    { V2, "/toggles/", .get = { show_toggles, ocl_any_caller, .describe = &toggles_description },
      .doc = "Features that are switched on for some." },
};

const struct nst_resource ocl_about = {
    .name = "about",
    NST_ROUTES(about_route),
    .doc = "The server itself.",
};
