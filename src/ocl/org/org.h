/* The row of an organisation, for resources that lie under one. */
#ifndef OCL_ORG_H
#define OCL_ORG_H

#include "nestor/rest.h"

struct ocl_org {
    struct nst_row row;
    struct nst_str id, name, company, website, location, public_access, description, text, extras;
    struct nst_str overview;
    bool is_active;
    int64_t created_at, updated_at, created_by, updated_by, members, public_sources;
    struct nst_str creator, updater, logo;
};

extern const struct nst_resource ocl_org;

#endif
