/* Properties of a concept: what its extras have under the codes that its source declares. */
#ifndef OCL_PROPERTY_H
#define OCL_PROPERTY_H

#include "nestor/rest.h"

/* Of struct ocl_concept, made of `declared` and `declared_values`. */
extern const struct nst_type ocl_property;

#endif
