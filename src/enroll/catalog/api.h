/* The catalog's own API, under /api/catalog/v1/: administrators read the entities of
 * fixture documents, load them and remove them. The form is that of `nestor load`. */
#ifndef ENROLL_CATALOG_API_H
#define ENROLL_CATALOG_API_H

#include "enroll/app.h"

/* Views of an entity, which the route names as its argument.
 *
 * List: `{"next", "results"}`, `limit` (100, at most 1000) and `offset`; a query
 * parameter named as a member of the natural key limits the list to that value.
 * Detail and removal by the natural key, where it is one member.
 * Put: a body of one item, or a list of them, applied as `nestor load` would; answers
 * what was made, changed, unchanged. */
nst_view enroll_catalog_list, enroll_catalog_detail, enroll_catalog_put, enroll_catalog_remove;

/* Apply a whole document. */
nst_view enroll_catalog_load;

/* Superusers only, and not through a restricted token. */
nst_permission enroll_is_administrator;

/* What OpenAPI says of an entity's views, in the order above, and of loading. */
extern const struct nst_description enroll_catalog_page, enroll_catalog_row, enroll_catalog_items,
    enroll_catalog_gone, enroll_catalog_fixture;

/* Routes of an entity: of its list, and of one row where one member is the key. */
#define ENROLL_CATALOG_VIEW(view, entity, what) \
    { \
        view, enroll_is_administrator, .arg = &(entity), .describe = &enroll_catalog_##what \
    }
#define ENROLL_CATALOG_LIST(entity, name, what) \
    { \
        &enroll_catalog_face, "/" name "/", \
            .get = ENROLL_CATALOG_VIEW(enroll_catalog_list, entity, page), \
            .post = ENROLL_CATALOG_VIEW(enroll_catalog_put, entity, items), .doc = what \
    }
#define ENROLL_CATALOG_DETAIL(entity, name, key, what) \
    { \
        &enroll_catalog_face, "/" name "/:" key "?/", \
            .get = ENROLL_CATALOG_VIEW(enroll_catalog_detail, entity, row), \
            .delete = ENROLL_CATALOG_VIEW(enroll_catalog_remove, entity, gone), .doc = what \
    }

#endif
