/* The audit log: a row for each administrative act, written in its transaction, so that there is
 * no act without its row. Nothing here reads, changes or removes one; the applications show them.
 */
#include "internal.h"

#define COMMAND_LINE "command line"

/* By whom and from where an act comes. */
struct origin {
    struct nst_str who;
    const char *via;
    struct nst_str address, request; /* null where it came through no connection */
};

static struct origin origin_of(const struct nst_req *rq)
{
    const struct nst_exchange *x = rq->x;
    struct nst_str operator= nst_operator();
    if (x != NULL && x->loop != NULL)
        return (struct origin){ rq->caller.name, "api", x->peer, x->id };
    if (operator.n> 0)
        return (struct origin){ .who = operator, .via = COMMAND_LINE };
    return (struct origin){ .who = rq->caller.name, .via = "task" };
}

enum nst_err nst_audit(struct nst_req *rq, const struct nst_act *act)
{
    const struct origin from = origin_of(rq);
    int64_t id;
    if (!nst_utf8_valid(act->on) || !nst_utf8_valid(act->before) || !nst_utf8_valid(act->after))
        return NST_E_INVALID;
    NST_TRY(nst_next_id(&id, rq->db, "audit", 1));
    return nst_exec_with(NULL, rq->db,
                         "INSERT INTO audit (id, at, who, via, address, request, act, object, "
                         "before, after) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
                         NST_INT(id), NST_INT(rq->now != 0 ? rq->now : nst_now()),
                         NST_TEXT(from.who.p != NULL ? from.who : NST_STR("")),
                         NST_TEXT(nst_str_z(from.via)), NST_TEXT(from.address),
                         NST_TEXT(from.request), NST_TEXT(nst_str_z(act->name)), NST_TEXT(act->on),
                         NST_TEXT(act->before), NST_TEXT(act->after));
}

struct nst_str nst_audit_member(struct nst_arena *a, const char *name, struct nst_str text)
{
    struct nst_buf b;
    nst_buf_init(&b, a, SIZE_MAX);
    nst_putf(&b, "{\"%s\":", name);
    nst_json_put_str_or_null(&b, text);
    nst_put_char(&b, '}');
    return nst_buf_str(&b);
}

struct nst_str nst_audit_flag(struct nst_arena *a, const char *name, bool value)
{
    return nst_strf(a, "{\"%s\":%s}", name, value ? "true" : "false");
}
