/* nestor verify: checks of tables that the terminology does not know. */
#ifndef NESTOR_CLI_VERIFY_H
#define NESTOR_CLI_VERIFY_H

#include "cli.h"

#include "ocl/integrity/integrity.h"

/* Of enrolments in programs and courses; it ends with a row without name. */
extern const struct ocl_check cli_enrollment_checks[];

#endif
