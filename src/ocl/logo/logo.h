/* Pictures of users, organisations and sources (V216, V223, V235). */
#ifndef OCL_LOGO_H
#define OCL_LOGO_H

#include "ocl/app.h"

/* Two fields of a resource that has a picture, of struct s with a member `logo`: the end of its
 * address, null where there is none, and the address, which begins with `address`.
 *   is_of  which row of the table `logo` it is: "logo.repo_id = repo.id" */
#define OCL_LOGO_FIELDS(s, is_of, address) \
    NST_FIELD("logo", s, logo, &nst_text, .column = "(SELECT 'logo' FROM logo WHERE " is_of ")", \
              .flags = NST_LAZY, .doc = "The end of the address of a picture."), \
        NST_LINK("logo_url", address "{logo}/", .doc = "Address of a picture.")

#endif
