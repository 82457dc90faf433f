/* The free JSON object of a row under an address of its own, a key at a time (V208). */
#ifndef OCL_EXTRAS_H
#define OCL_EXTRAS_H

#include "ocl/app.h"

/* How a row with other extras is stored: the `arg` of these actions, where it is not as an
 * update of the row, hooks included. */
struct ocl_extras_store {
    /* Store `row`, which has been loaded with all its columns; it may answer, where there is
     * more to say than the view does.
     * Errors: any, with the problem recorded. */
    enum nst_err (*store)(struct nst_req *rq, void *row);
};

/* Views on the row that the path names last, which has a field `extras`: all of them; one,
 * which the path names behind it. */
nst_view ocl_extras, ocl_extra, ocl_extra_set, ocl_extra_remove;

extern const struct nst_description ocl_extras_description, ocl_extra_description,
    ocl_extra_setting;

/* The same of content, where what changes nothing is told by 208 (V404). */
extern const struct nst_description ocl_content_extra_setting;

/* The two routes below a path.
 *   view, change  permissions: to see the row, to update it
 *   how           const struct ocl_extras_store *, or NULL
 *   setting       describes a change */
#define OCL_EXTRAS(path, view, change) \
    OCL_EXTRAS_AS(path, view, change, NULL, ocl_extra_setting)
#define OCL_EXTRAS_AS(path, view, change, how, setting) \
    { V2, path "extras/", .get = { ocl_extras, view, .describe = &ocl_extras_description }, \
      .doc = "Free JSON object." }, \
    { \
        V2, path "extras/:key?/", \
            .get = { ocl_extra, view, .describe = &ocl_extra_description }, \
            .put = { ocl_extra_set, change, .arg = (how), .describe = &(setting) }, \
            .delete = { ocl_extra_remove, change, .arg = (how), \
                        .describe = &nst_answers_nothing }, \
            .doc = "One member of the free JSON object." \
    }

#endif
