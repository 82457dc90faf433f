/* nestor verify: is what is stored what should be stored, and what can be repaired (G158)? */
#include "verify.h"

#include "nestor/accounts.h"
#include "progress.h"
#include "stop.h"
#include "table.h"

#include <stdio.h>

static const struct ocl_check *const all_checks[] = {
    ocl_engine_checks, ocl_reference_checks,  ocl_interval_checks,    ocl_count_checks,
    ocl_sum_checks,    cli_enrollment_checks, ocl_foreign_key_checks, NULL,
};

struct verify {
    struct cli_options *o;
    struct cli_site *site;
    struct ocl_integrity *run;
    struct cli_progress progress;
    bool is_told; /* the audit log has that something was repaired */
};

static enum nst_err look(struct nst_db *db, void *arg)
{
    return ocl_integrity_look(arg, db);
}

/* One row for all repairs of a run, with the first of them. */
static enum nst_err repair(struct nst_db *db, void *arg)
{
    struct verify *v = arg;
    struct nst_req rq = { .arena = v->o->arena, .db = db };
    NST_TRY(ocl_integrity_repair(v->run, db));
    if (v->is_told || v->run->found.mended == 0)
        return NST_OK;
    return nst_audit(&rq, &(struct nst_act){ .name = "integrity.repair",
                                             .on = NST_STR("/manage/brokenreferences/") });
}

/* What is read by a damaged index is not to be written down. */
static bool may_repair(const struct verify *v)
{
    const struct ocl_finding *engine = &v->run->finding[0];
    return v->o->repair && !v->o->dry_run && engine->count == 0;
}

static enum nst_err look_and_repair(struct verify *v)
{
    NST_TRY(nst_store_run(v->site->store, NST_MODE_READ, look, v->run));
    if (!may_repair(v) || !ocl_integrity_wants_repair(v->run))
        return NST_OK;
    NST_TRY(nst_store_run(v->site->store, NST_MODE_WRITE, repair, v));
    v->is_told |= v->run->found.mended > 0;
    return NST_OK;
}

static enum nst_err walk(struct verify *v)
{
    while (!ocl_integrity_is_over(v->run) && !cli_is_stopped()) {
        NST_TRY(look_and_repair(v));
        ocl_integrity_take(v->run);
        v->progress.count = v->run->at;
        v->progress.bytes = (int64_t)v->run->at;
        cli_progress_show(&v->progress, ocl_integrity_is_over(v->run));
    }
    return NST_OK;
}

/* ---- What is printed ---- */

static void print_finding(const struct cli_options *o, const struct ocl_finding *f)
{
    const struct ocl_check *c = f->check;
    printf("%s %s: %lld. %s %s\n", c->is_note ? "note:" : "damage:", c->name, (long long)f->count,
           c->meaning, c->remedy);
    if (f->mendable > 0 && o->repair)
        printf("  %s: %lld of %lld\n", o->dry_run ? "would be repaired" : "repaired",
               (long long)(o->dry_run ? f->mendable : f->mended), (long long)f->count);
    for (size_t i = 0; i < f->examples; i++)
        cli_say(o->arena, "  %.*s: %.*s", NST_FMT(f->example[i].address),
                NST_FMT(f->example[i].detail));
    if (f->count > (int64_t)f->examples)
        printf("  ... and %lld more\n", (long long)(f->count - (int64_t)f->examples));
}

static void print_end(const struct verify *v)
{
    int64_t left = ocl_integrity_damage(v->run), mendable = 0, mended = 0;
    for (size_t i = 0; i < v->run->checks; i++) {
        mendable += v->run->finding[i].mendable;
        mended += v->run->finding[i].mended;
    }
    if (left == 0)
        printf("The store is sound: %zu checks%s\n", v->run->checks,
               mended > 0 ? ", and what they found is repaired." : ".");
    else if (v->run->finding[0].count > 0)
        puts("The database itself is damaged: nothing is repaired before it is whole again.");
    else
        printf("The store is damaged in %lld place%s; %s\n", (long long)left, left > 1 ? "s" : "",
               mendable > mended
                   ? nst_strf(v->o->arena, "`nestor verify --repair%s` repairs what is safe to.",
                              cli_where(v->o))
                         .p
                   : "nothing of that is safe to repair without you.");
}

static void print_json(const struct verify *v)
{
    struct nst_buf out;
    nst_buf_init(&out, v->o->arena, SIZE_MAX);
    ocl_integrity_put(&out, v->run);
    printf("%.*s\n", NST_FMT(nst_buf_str(&out)));
}

static void print(const struct verify *v)
{
    if (v->o->json) {
        print_json(v);
        return;
    }
    for (size_t i = 0; i < v->run->checks; i++)
        if (v->run->finding[i].count > 0)
            print_finding(v->o, &v->run->finding[i]);
    print_end(v);
}

/* ---- The verb ---- */

static int verify(struct cli_options *o, struct cli_site *site)
{
    struct verify v = { .o = o,
                        .site = site,
                        .run = ocl_integrity_new(all_checks, site->registry),
                        .progress = { .what = "checks", .is_quiet = o->quiet } };
    int status = EXIT_DONE;
    v.progress.started = nst_ticks();
    v.progress.size = (int64_t)v.run->checks;
    cli_stop_on_signals();
    enum nst_err e = walk(&v);
    if (e != NST_OK) {
        status = cli_fail(&cli_verify, "the database cannot be %s; the log line above says why",
                          ocl_integrity_wants_repair(v.run) && o->repair ? "repaired" : "read");
    } else if (!ocl_integrity_is_over(v.run)) {
        status = cli_fail(&cli_verify, "stopped; what was repaired until then stays so");
    } else {
        print(&v);
        status = ocl_integrity_damage(v.run) > 0 ? EXIT_FAILED : EXIT_DONE;
    }
    ocl_integrity_free(v.run);
    return status;
}

static int verify_run(int argc, char **argv)
{
    struct cli_options o;
    struct cli_site site;
    int status = EXIT_FAILED;
    if (!cli_options_parse(&o, &cli_verify, argc, argv)) {
        status = o.status;
    } else if (o.dry_run && !o.repair) {
        status = cli_misuse(&cli_verify, "--dry-run says what --repair would do: give both");
    } else if (cli_site_open(&site, &o, &cli_verify, false)) {
        status = verify(&o, &site);
        cli_site_close(&site);
    }
    nst_arena_free(o.arena);
    return status;
}

const struct cli_verb cli_verify = {
    .name = "verify",
    .usage = "verify [--data DIR] [--repair [--dry-run]] [--json] [--quiet]",
    .summary = "find damage in what is stored, and repair what is safe to repair",
    .help = "Looks at every row: what leads to what is gone, versions that overlap or leave gaps,\n"
            "counts, checksums, enrolments, and what the database says of itself. A server may\n"
            "run meanwhile. Each finding has a name, its number of places, and up to 20 of them.\n"
            "A note is no damage: mappings may lead to what was deleted.\n"
            "--repair repairs where only one repair is right, and says what it left; make a\n"
            "backup first. docs/verify.md has every check and its remedy.\n\n"
            "Examples:\n"
            "  nestor verify --data /var/lib/nestor\n"
            "  nestor verify --repair --dry-run\n"
            "  nestor verify --json --quiet > findings.json\n\n"
            "Exit codes: 0 sound, or all that was found is repaired; 1 damage is left, or the\n"
            "verb failed; 2 wrong usage.\n",
    .only_reads = true,
    .run = verify_run,
};
