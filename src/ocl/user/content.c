/* What a user owns, counted as far as the caller may see it (V117, V216). */
#include "user.h"
#include "views.h"

#include "ocl/app.h"
#include "ocl/content/content.h"
#include "ocl/mapping/mapping.h"
#include "ocl/source/source.h"

struct owned {
    int64_t sources, concepts, mappings;
};

/* Mappings are counted where some may lead to what is hidden; elsewhere their number is kept. */
static void put_mappings(struct nst_sql *q, struct nst_req *rq)
{
    nst_sql_add(q, "CASE WHEN repo.id IN ");
    ocl_hiding_repos(q, rq);
    nst_sql_add(q, " THEN (SELECT count(*) FROM mapping_version WHERE mapping_version.repo_id = "
                   "repo.id AND mapping_version.rev_to = " OCL_OPEN_SQL
                   " AND NOT mapping_version.retired");
    ocl_ends_visible(q, rq);
    nst_sql_add(q, ") ELSE repo.active_mappings END");
}

static enum nst_err count_owned(struct owned *o, struct nst_req *rq, int64_t user)
{
    struct nst_sql q;
    struct nst_rows *rows;
    nst_sql_init(&q, rq->arena);
    nst_sql_add(&q, "SELECT repo.active_concepts, ");
    put_mappings(&q, rq);
    nst_sql_addf(&q, " FROM repo WHERE %s AND repo.owner_type = 'User' AND repo.owner_id = ",
                 ocl_source.where);
    nst_sql_bind(&q, NST_INT(user));
    NST_TRY(ocl_visible_repos(&q, rq));
    NST_TRY(nst_sql_query(&rows, rq->db, &q));
    *o = (struct owned){ 0 };
    for (; nst_rows_step(rows); o->sources++) {
        o->concepts += nst_rows_int(rows, 0);
        o->mappings += nst_rows_int(rows, 1);
    }
    return nst_rows_end(rows);
}

enum nst_err ocl_user_content(struct nst_req *rq)
{
    struct owned o;
    NST_TRY(count_owned(&o, rq, ((const struct nst_row *)nst_object(rq)->row)->id));
    nst_putf(&rq->x->out,
             "{\"sources\":%lld,\"collections\":0,\"concepts\":%lld,\"mappings\":%lld}",
             (long long)o.sources, (long long)o.concepts, (long long)o.mappings);
    return nst_answer_json(rq, 200);
}

#define COUNT "{\"type\":\"integer\",\"minimum\":0}"

static const struct nst_response response[] = {
    { 200,
      "How many of each: of concepts and mappings those that are not retired.",
      { .schema = "{\"type\":\"object\",\"required\":[\"sources\",\"collections\",\"concepts\","
                  "\"mappings\"],\"properties\":{\"sources\":" COUNT ",\"collections\":" COUNT
                  ",\"concepts\":" COUNT ",\"mappings\":" COUNT "}}" } },
    { 0 },
};

const struct nst_description ocl_user_content_description = { .response = response };
