/* The row of a user, for resources that lie under one. */
#ifndef OCL_USER_H
#define OCL_USER_H

#include "nestor/rest.h"

struct ocl_user {
    struct nst_row row;
    struct nst_str username, name, email, company, location, website, bio, preferred_locale;
    struct nst_str extras, password, auth_groups;
    int64_t token_serial;
    bool is_staff, is_superuser, is_active;
    int64_t last_login, created_at, updated_at, created_by, updated_by;
    int64_t orgs, public_sources, sources, owned_orgs;
    struct nst_str first_name, last_name, creator, updater, status, logo;
    int64_t deactivated_at;
    const struct ocl_user *former; /* while a change is made: as it was */
};

extern const struct nst_resource ocl_user;

/* The group that GraphQL takes (V275). */
#define OCL_GROUP_GRAPHQL "graphql_api"

/* What a request that makes or changes a user has prepared (rq->prepared). */
struct ocl_user_secrets {
    struct nst_str password; /* as it was given, its hash once that is made; null: none */
    struct nst_str token;    /* set when a user was made: the new one's own */
};

#endif
