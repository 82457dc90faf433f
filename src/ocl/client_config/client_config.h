/* How clients show an organisation or a source (V267). */
#ifndef OCL_CLIENT_CONFIG_H
#define OCL_CLIENT_CONFIG_H

#include "ocl/app.h"

extern const struct nst_resource ocl_client_config;

/* Of each row, an organisation or a source, its configurations. For struct nst_member.
 * Errors: those of nst_query. */
enum nst_err ocl_make_client_configs(struct nst_req *rq, const struct nst_shown *shown);

#define OCL_CLIENT_CONFIGS_MEMBER \
    { \
        V2, 1U << NST_DETAIL, "client_configs", "includeClientConfigs", ocl_make_client_configs, \
            "{\"type\":\"array\",\"items\":{\"$ref\":" \
            "\"#/components/schemas/v2.client_config.Detail\"}}", \
            "How clients show it." \
    }
#define OCL_CLIENT_CONFIGS_ASKED \
    { \
        "includeClientConfigs", NST_SWITCH_SCHEMA, "With `client_configs`: how clients show it." \
    }

#endif
