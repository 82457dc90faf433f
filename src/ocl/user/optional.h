/* What users have besides where the query asks for it (V214). */
#ifndef OCL_USER_OPTIONAL_H
#define OCL_USER_OPTIONAL_H

#include "ocl/app.h"

/* Rows of .member and .member_asked. */
extern const struct nst_member ocl_user_member[];
extern const struct nst_parameter ocl_user_member_asked[];

#endif
