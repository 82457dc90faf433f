/* nestor doctor in parts: what is looked at, and how a finding is told. */
#ifndef NESTOR_CLI_DOCTOR_H
#define NESTOR_CLI_DOCTOR_H

#include "cli.h"

#define CLI_DAY  (INT64_C(86400) * NST_SECOND)
#define CLI_SOON (14 * CLI_DAY) /* what ends by then is told */

/* One visit. Findings are printed as they are met or, with --json, gathered. */
struct cli_doctor {
    struct cli_options *o;
    struct cli_site *site;   /* NULL before the store is open */
    const char *check;       /* which one looks: "disk" */
    struct nst_buf findings; /* elements of the JSON array */
    unsigned faults;         /* warnings */
};

/* A thing that the machine, its files or the settings show; it tells by cli_found and cli_noted. */
struct cli_check {
    const char *name;
    void (*look)(struct cli_doctor *d);
};

/* Of the machine and the files of the installation (doctor_machine.c), and of the settings
 * (doctor_settings.c), ended by one without a name. */
extern const struct cli_check cli_machine_checks[], cli_settings_checks[];

/* Look at the certificate that http.public_url shows; asks that address, up to 10 seconds. */
void cli_check_certificate(struct cli_doctor *d);

/* "13 days", "7 hours" (the last two days); in the arena of the options. */
struct nst_str cli_doctor_left(const struct cli_doctor *d, int64_t time);

/* Tell a fault, a sentence with what to do about it. */
__attribute__((format(printf, 2, 3))) void cli_found(struct cli_doctor *d, const char *format, ...);

/* Tell what need not be wrong; it does not count. */
__attribute__((format(printf, 2, 3))) void cli_noted(struct cli_doctor *d, const char *format, ...);

/* Tell what OpenMRS would refuse (review.c): of the sources whose validation schema it is and of
 * the one at that address, or NULL. Blocks on the database. */
NST_CHECKED enum nst_err cli_review_openmrs(struct cli_doctor *d, const char *address);

#endif
