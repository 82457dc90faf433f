/* The audit log as the faces show it: to staff and superusers, to be read only. What stands there
 * is written by nst_audit. */
#include "ocl/app.h"

struct audit {
    struct nst_row row;
    struct nst_str who, via, address, request, act, object, before, after;
    int64_t number, at;
};

static const struct nst_field audit_field[] = {
    NST_IDENTITY("uuid", audit, at, .doc = "Its number."),
    NST_FIELD("id", audit, number, &nst_int, .column = "(audit.id)",
              .flags = NST_CORE | NST_NEVER_NULL, .doc = "Its number."),
    NST_FIELD("at", audit, at, &nst_datetime, .flags = NST_CORE | NST_NEVER_NULL, .doc = "When."),
    NST_FIELD("who", audit, who, &nst_text, .flags = NST_CORE | NST_NEVER_NULL,
              .doc =
                  "The name of who did it, as it was then: of the user, or of the account of the "
                  "operating system."),
    NST_FIELD("via", audit, via, &nst_text, .flags = NST_CORE | NST_NEVER_NULL,
              .doc = "How: api, command line or task."),
    NST_FIELD("address", audit, address, &nst_text, .doc = "From which address."),
    NST_FIELD("request", audit, request, &nst_text, .doc = "By which request."),
    NST_FIELD("act", audit, act, &nst_text, .flags = NST_CORE | NST_NEVER_NULL,
              .doc = "What was done."),
    NST_FIELD("object", audit, object, &nst_text, .flags = NST_CORE | NST_NEVER_NULL,
              .doc = "On whom or what."),
    NST_FIELD("before", audit, before, &nst_json_value, .doc = "What it changed, as it was."),
    NST_FIELD("after", audit, after, &nst_json_value, .doc = "The same as it is since."),
};

#define SHOWN "id at who via address request act object before after"

static const struct nst_serializer audit_serializer[] = {
    { V2, NST_LIST, SHOWN },
    { GUIDE, NST_LIST, SHOWN },
};

#define ROUTE(face) \
    { \
        face, "/admin/audit/", .get = { nst_list, ocl_staff_only }, \
                               .doc = "What administrators did, the last first." \
    }

static const struct nst_route audit_route[] = { ROUTE(V2), ROUTE(GUIDE) };

static const struct nst_filter audit_filter[] = {
    { "who", NST_ONE_OF, .column = "audit.who", .doc = "Who did it." },
    { "act", NST_ONE_OF, .column = "audit.act", .doc = "What was done." },
    { "object", NST_ONE_OF, .column = "audit.object", .doc = "On whom or what." },
    { "since", NST_SINCE, .column = "audit.at", .doc = "When." },
    { 0 },
};

const struct nst_resource ocl_audit = {
    .name = "audit",
    .table = "audit",
    .order = "audit.id DESC",
    .size = sizeof(struct audit),
    NST_FIELDS(audit_field),
    NST_SERIALIZERS(audit_serializer),
    NST_ROUTES(audit_route),
    .filter = audit_filter,
    .doc = "What administrators did.",
};
