/* Checks of integrity that run beside requests. */
#ifndef OCL_INTEGRITY_TASKS_H
#define OCL_INTEGRITY_TASKS_H

#include "integrity.h"

#include "tasks/tasks.h"

/* The kinds of these tasks: looking, and looking and repairing. They are asked for nothing ({});
 * the result is a report (ocl_integrity_put). */
extern const struct nst_task_kind ocl_verify_task, ocl_repair_task;

#endif
