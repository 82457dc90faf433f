/* Rows that an organisation or a user has: columns org_id and user_id of their table, of which one
 * is not null; neither where all have it. */
#ifndef OCL_OWNED_H
#define OCL_OWNED_H

#include "ocl/app.h"

/* Whose a row is, as it is shown. */
struct ocl_owner {
    int64_t org_id, user_id;
    struct nst_str id, type, url;
};

/* What such a table is read with. */
#define OCL_OWNED_FROM(table) \
    table " LEFT JOIN org ON org.id = " table ".org_id " \
          "LEFT JOIN account ON account.id = " table ".user_id"

#define OCL_OWNER_TYPE(table) \
    "(CASE WHEN " table ".org_id IS NOT NULL THEN 'Organization' " \
    "WHEN " table ".user_id IS NOT NULL THEN 'User' END)"
#define OCL_OWNER_URL(table) \
    "(CASE WHEN " table ".org_id IS NOT NULL THEN '/orgs/' || org.mnemonic || '/' " \
    "WHEN " table ".user_id IS NOT NULL THEN '/users/' || account.username || '/' ELSE '/' END)"

/* The fields, of struct s with a member `owner`. */
#define OCL_OWNER_FIELDS(s, table) \
    NST_FIELD("owner", s, owner.id, &nst_text, .column = "coalesce(org.mnemonic, account.username)", \
              .doc = "Whose it is; null: everybody's."), \
        NST_FIELD("owner_type", s, owner.type, &nst_text, .column = OCL_OWNER_TYPE(table), \
                  .doc = "Organization or User."), \
        NST_FIELD("owner_url", s, owner.url, &nst_url, .column = OCL_OWNER_URL(table), \
                  .flags = NST_NEVER_NULL, .doc = "Address of the owner."), \
        NST_FIELD("org_id", s, owner.org_id, &nst_int, .doc = "The organisation whose it is."), \
        NST_FIELD("user_id", s, owner.user_id, &nst_int, .doc = "The user whose it is.")

/* Append " AND ...": what parent has, or everybody where it is NULL. */
void ocl_put_owned(struct nst_sql *q, const struct nst_object *parent, const char *table);

/* Give a new row of r to whom the path names last.
 *   owner  inside of row */
void ocl_set_owner(struct ocl_owner *owner, struct nst_req *rq, const struct nst_resource *r,
                   void *row);

/* A view: erase the row that the path leads to, of a table to whose rows none leads, and answer
 * 204. It is not kept as closed. */
NST_CHECKED enum nst_err ocl_erase(struct nst_req *rq);

#endif
