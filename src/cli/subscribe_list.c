/* nestor subscribe --list: what GET /v2/subscriptions/ has, for people or as it is. */
#include "subscribe.h"

#include "table.h"

#include <inttypes.h>
#include <stdio.h>

#define LIST_PAGE 1000

struct page {
    struct cli_subscribing *g;
    int number;
    struct nst_json *rows;
    struct nst_str text;
};

static enum nst_err read_page(struct nst_db *db, void *arg)
{
    struct page *p = arg;
    struct nst_req rq = { 0 };
    p->g->caller = (struct nst_caller){ .is_known = true, .is_staff = true, .name = NST_STR("") };
    NST_TRY(cli_subscribe_call(&rq, p->g, db, NST_GET,
                               nst_strf(p->g->o->arena,
                                        "/subscriptions/?limit=" NST_DIGITS(LIST_PAGE) "&page=%d",
                                        p->number)));
    p->text = nst_buf_str(&rq.x->out);
    return nst_json_read(&p->rows, NULL, p->g->o->arena, p->text, NULL);
}

static struct nst_str shown(const struct nst_json *row, const char *name)
{
    const struct nst_json *v = nst_json_get(row, nst_str_z(name));
    return v != NULL && v->kind != NST_JSON_NULL ? v->text : NST_STR("-");
}

/* "3d 4h", of seconds; "-": it never was. */
static void print_age(char *out, size_t size, struct nst_str seconds)
{
    int64_t n = 0;
    if (!nst_str_int(&n, seconds))
        snprintf(out, size, "-");
    else if (n < 3600)
        snprintf(out, size, "%" PRId64 "m %" PRId64 "s", n / 60, n % 60);
    else if (n < 86400)
        snprintf(out, size, "%" PRId64 "h %" PRId64 "m", n / 3600, n / 60 % 60);
    else
        snprintf(out, size, "%" PRId64 "d %" PRId64 "h", n / 86400, n / 3600 % 24);
}

static void print_row(struct nst_arena *a, const struct nst_json *row)
{
    const struct nst_json *problem = nst_json_get(row, NST_STR("problem"));
    struct nst_str state = shown(row, "state"), version = shown(row, "version"),
                   url = shown(row, "url"), here = shown(row, "source_url");
    char age[48];
    print_age(age, sizeof(age), shown(row, "lag_seconds"));
    cli_say(a, "%-8.*s %-12.*s %10s  %.*s -> %.*s", NST_FMT(state), NST_FMT(version), age,
            NST_FMT(url), NST_FMT(here));
    if (problem != NULL && problem->kind == NST_JSON_STRING)
        cli_say(a, "         %.*s", NST_FMT(problem->text));
}

static void print_page(const struct cli_options *o, const struct page *p)
{
    if (!o->json && p->number == 1 && p->rows->count > 0)
        printf("%-8s %-12s %10s  %s\n", "STATE", "VERSION", "ASKED", "COPY");
    if (!o->json && p->number == 1 && p->rows->count == 0)
        fputs("nestor subscribe: there are no subscriptions\n", stderr);
    if (o->json && p->text.n > 2)
        printf("%s%.*s", p->number > 1 ? "," : "",
               NST_FMT(nst_str_slice(p->text, 1, p->text.n - 1)));
    for (const struct nst_json *row = p->rows->first; row != NULL && !o->json; row = row->next)
        print_row(o->arena, row);
}

int cli_subscribe_list(struct cli_subscribing *g)
{
    struct page p = { .g = g };
    size_t count = LIST_PAGE;
    fputs(g->o->json ? "[" : "", stdout);
    while (count == LIST_PAGE) {
        p.number++;
        enum nst_err e = nst_store_run(g->site->store, NST_MODE_READ, read_page, &p);
        if (e != NST_OK)
            return cli_subscribe_fail(g, e);
        print_page(g->o, &p);
        count = p.rows->count;
    }
    fputs(g->o->json ? "]\n" : "", stdout);
    return EXIT_DONE;
}
