/* The overview of an organisation: free JSON that its page is made of (V219, V223). */
#include "overview.h"

#include "org.h"

#include "ocl/logo/logo.h"

static const struct nst_field overview_field[] = {
    NST_IDENTITY("uuid", ocl_org, created_at, .doc = "Number of the organisation."),
    NST_FIELD("id", ocl_org, id, &nst_slug, .column = "mnemonic", .flags = NST_CORE,
              .doc = "Short code of the organisation."),
    NST_FIELD("name", ocl_org, name, &nst_text, .flags = NST_NEVER_NULL, .doc = "Its name."),
    NST_FIELD("overview", ocl_org, overview, &nst_json_object, .fallback = "{}",
              .doc = "What its page is made of: a free JSON object."),
    NST_FIELD("text", ocl_org, text, &nst_text, .doc = "A longer text."),
    NST_FIELD("description", ocl_org, description, &nst_text, .doc = "A few sentences."),
    OCL_STAMPS(ocl_org, "org"),
    OCL_LOGO_FIELDS(ocl_org, "logo.org_id = org.id", "/orgs/{id}/"),
    NST_LINK("url", "/orgs/{id}/", .doc = "Address of the organisation."),
};

static const struct nst_serializer overview_serializer[] = {
    { V2, NST_DETAIL, "id name url overview text logo_url description" },
    { V2, NST_UPDATE, "overview" },
};

static enum nst_err load(struct ocl_org **o, struct nst_req *rq, const struct nst_row *org)
{
    NST_TRY(nst_load_id((void **)o, rq, &ocl_overview, NST_LOAD_ALL, org->id));
    return *o != NULL ? NST_OK : NST_E_NOT_FOUND;
}

static enum nst_err show(struct nst_req *rq)
{
    return nst_answer_row(rq, &ocl_overview, ((const struct nst_row *)nst_object(rq)->row)->id,
                          200);
}

static enum nst_err change(struct nst_req *rq)
{
    struct ocl_org *o;
    NST_TRY(load(&o, rq, nst_object(rq)->row));
    NST_TRY(nst_bind(o, rq, &ocl_overview, NST_UPDATE));
    NST_TRY(nst_update_row(rq, &ocl_overview, o));
    return show(rq);
}

#define TEXT "{\"type\":[\"string\",\"null\"]}"

static const struct nst_response response[] = {
    { 200,
      "The overview, and what names the organisation.",
      { .schema = "{\"type\":\"object\",\"required\":[\"id\",\"overview\"],\"properties\":{"
                  "\"id\":{\"type\":\"string\"},\"name\":{\"type\":\"string\"},"
                  "\"url\":{\"type\":\"string\"},\"overview\":{\"type\":\"object\"},"
                  "\"text\":" TEXT ",\"logo_url\":" TEXT ",\"description\":" TEXT "}}" } },
    { 0 },
};

static const struct nst_description showing = { .response = response };
static const struct nst_description changing = {
    .request = { .schema = "{\"type\":\"object\",\"properties\":{\"overview\":{"
                           "\"type\":\"object\"}}}" },
    .response = response,
};

static const struct nst_route overview_route[] = {
    { V2, "/orgs/:org/overview/", .get = { show, ocl_may_view_org, .describe = &showing },
      .put = { change, ocl_has_ownership, .describe = &changing },
      .doc = "What the page of an organisation is made of." },
};

const struct nst_resource ocl_overview = {
    .name = "overview",
    .table = "org",
    .where = "org.is_active",
    .order = "org.id",
    .size = sizeof(struct ocl_org),
    NST_FIELDS(overview_field),
    NST_SERIALIZERS(overview_serializer),
    NST_ROUTES(overview_route),
    .doc = "What the page of an organisation is made of.",
};

/* ---- Inside of the organisation itself ---- */

enum nst_err ocl_make_overview(struct nst_req *rq, const struct nst_shown *shown)
{
    struct ocl_org *o;
    for (size_t i = 0; i < shown->count; i++) {
        NST_TRY(load(&o, rq, shown->row[i]));
        shown->value[i] = o->overview;
    }
    return NST_OK;
}
