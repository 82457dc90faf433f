/* What a remote has: its newest release, the sources of an owner. */
#include "round.h"

#define PAGE_ROWS  100
#define PAGES_MAX  100
#define PAGE_LIMIT NST_DIGITS(PAGE_ROWS)

static void ask(struct ocl_reply *out, struct ocl_round *m, struct nst_task *t, struct nst_str url,
                struct nst_str tag)
{
    const struct ocl_question q = {
        .arena = m->turn,
        .task = t,
        .method = "GET",
        .url = nst_str_to_z(m->turn, url),
        .token = ocl_copy_token(m->turn, m->s.parent != 0 ? m->s.parent : m->s.id),
        .tag = tag,
    };
    ocl_remote_ask(out, &q);
}

/* ---- The newest release ---- */

static struct nst_str text_of(const struct nst_json *object, const char *const *names)
{
    for (; *names != NULL; names++) {
        const struct nst_json *v = nst_json_get(object, nst_str_z(*names));
        if (nst_json_is_text(v) && v->text.n > 0)
            return v->text;
    }
    return (struct nst_str){ 0 };
}

/* The times of the faces are told to a thousandth or a millionth of a second. */
static bool read_release(struct ocl_round *m, struct nst_str body)
{
    static const char *const ids[] = { "id", NULL }, *const times[] = { "created_on", "createdOn",
                                                                        NULL };
    struct nst_json *tree;
    if (nst_json_read(&tree, NULL, m->turn, body, NULL) != NST_OK)
        return false;
    struct nst_str id = text_of(tree, ids);
    int64_t time;
    if (!ocl_copy_is_id(id) || !nst_time_parse_query(&time, text_of(tree, times)))
        return false;
    time -= time % 1000;
    if (!nst_str_eq(id, m->s.new_version) || time != m->s.new_time) {
        m->s.file_tag = m->s.digest = m->s.since = (struct nst_str){ 0 }; /* of another one */
        m->s.size = 0;
    }
    m->s.new_version = id;
    m->s.new_time = time;
    return true;
}

static struct nst_str no_release(struct ocl_round *m)
{
    m->is_waiting = m->s.held_version.p == NULL;
    return m->s.held_version.p == NULL
               ? NST_STR("The remote has no release yet.")
               : NST_STR("The remote has no release any more: the copy stays as it is.");
}

/* Nothing is released, or nothing is there at all. */
static struct nst_str why_missing(struct ocl_round *m, struct nst_task *t)
{
    struct ocl_reply reply;
    ask(&reply, m, t, m->s.remote, (struct nst_str){ 0 });
    if (reply.status == 200)
        return no_release(m);
    if (reply.status != 404)
        return reply.problem;
    return m->s.held_version.p == NULL
               ? NST_STR("The remote has no source at that address, or does not show it (404).")
               : NST_STR("The remote has no such source any more, or does not show it (404): the "
                         "copy stays as it is.");
}

static void judge(struct ocl_round *m)
{
    bool is_same = nst_str_eq(m->s.new_version, m->s.held_version);
    bool is_unreleased = nst_str_eq(m->s.new_version, NST_STR("INITIAL")) ||
                         nst_str_eq(m->s.new_version, NST_STR("HEAD"));
    if (is_unreleased)
        m->problem = no_release(m);
    else if (m->s.held_version.p != NULL && !is_same && m->s.new_time < m->s.held_time)
        m->problem = nst_strf(m->turn,
                              "The newest release of the remote, %.*s, is older than %.*s, which "
                              "is here and perhaps was taken back there: the copy stays as it is.",
                              NST_FMT(m->s.new_version), NST_FMT(m->s.held_version));
    else
        m->s.phase = NST_STR(OCL_SUB_FETCH);
}

void ocl_round_ask(struct ocl_round *m, struct nst_task *t)
{
    struct nst_str tag = m->s.held_tag, url;
    struct ocl_reply reply;
    if (!ocl_round_has_held(m))
        tag = (struct nst_str){ 0 }; /* its export has to come again */
    url = nst_strf(m->turn, "%.*slatest/", NST_FMT(m->s.remote));
    ask(&reply, m, t, url, tag);
    if (reply.status == 304 && tag.p != NULL) {
        m->is_current = true;
        m->s.new_version = m->s.held_version;
        m->s.new_time = m->s.held_time;
        m->s.new_tag = m->s.held_tag;
        return;
    }
    if (reply.status == 404)
        m->problem = why_missing(m, t);
    else if (reply.status != 200)
        m->problem = reply.problem.p != NULL ? reply.problem
                                             : NST_STR("The remote answers 304 to "
                                                       "what was not asked.");
    else if (!read_release(m, reply.body))
        m->problem = NST_STR("What the remote answers is no version of a source: is there a Nestor "
                             "at that address?");
    else
        judge(m);
    m->s.new_tag = reply.tag;
}

/* ---- Sources of an owner ---- */

static bool take_page(struct ocl_round *m, struct nst_str body, size_t *rows)
{
    static const char *const ids[] = { "short_code", "shortCode", "id", NULL };
    struct nst_json *tree;
    *rows = 0;
    if (nst_json_read(&tree, NULL, m->turn, body, NULL) != NST_OK || tree->kind != NST_JSON_ARRAY)
        return false;
    for (const struct nst_json *row = tree->first; row != NULL; row = row->next) {
        struct nst_str id = text_of(row, ids);
        if (!ocl_copy_is_id(id))
            return false;
        m->found[m->founds++] = id;
        if (++*rows == PAGE_ROWS)
            break;
    }
    return true;
}

void ocl_round_list(struct ocl_round *m, struct nst_task *t)
{
    size_t rows = PAGE_ROWS;
    m->found = NST_NEW_ARRAY(m->turn, struct nst_str, (size_t)PAGE_ROWS * PAGES_MAX);
    m->founds = 0;
    for (int page = 1; page <= PAGES_MAX && rows == PAGE_ROWS && m->problem.p == NULL; page++) {
        struct ocl_reply reply;
        ask(&reply, m, t,
            nst_strf(m->turn, "%.*ssources/?limit=" PAGE_LIMIT "&page=%d", NST_FMT(m->s.remote),
                     page),
            (struct nst_str){ 0 });
        if (reply.status == 404)
            m->problem = NST_STR("The remote has no such owner, or does not show it (404).");
        else if (reply.status != 200)
            m->problem = reply.problem;
        else if (!take_page(m, reply.body, &rows))
            m->problem = NST_STR("What the remote answers is no list of sources: is there a Nestor "
                                 "at that address?");
    }
}

/* One that is here under that id already, and no copy, stays what it is. */
static enum nst_err follow(bool *is_taken, struct ocl_round *m, struct nst_task *t,
                           struct nst_db *db, struct nst_str id)
{
    struct ocl_subscription child = { .parent = m->s.id,
                                      .host = m->s.host,
                                      .owner_url = m->s.owner_url,
                                      .source = id,
                                      .user = m->s.user,
                                      .every = m->s.every };
    bool is_there;
    *is_taken = false;
    child.remote = nst_strf(t->arena, "%.*ssources/%.*s/", NST_FMT(m->s.remote), NST_FMT(id));
    NST_TRY(nst_exists_with(&is_there, db,
                            "SELECT 1 FROM subscription WHERE owner_url = $1 AND source = $2",
                            NST_TEXT(child.owner_url), NST_TEXT(id)));
    if (is_there)
        return NST_OK;
    enum nst_err e = ocl_subscription_add(&child, t->arena, db, nst_now());
    *is_taken = e == NST_E_CONFLICT;
    return e == NST_OK           ? ocl_subscription_order(t->arena, db, &child, nst_now())
           : e == NST_E_CONFLICT ? NST_OK
                                 : e;
}

enum nst_err ocl_round_follow(struct ocl_round *m, struct nst_task *t, struct nst_db *db)
{
    int64_t now = nst_now();
    m->saved.state = NST_STR(OCL_SUB_CURRENT);
    m->saved.problem = (struct nst_str){ 0 };
    m->saved.failures = 0;
    m->saved.last_success = now;
    m->saved.due_at = now + m->saved.every;
    t->is_over = true;
    t->message = nst_strf(t->arena, "%zu sources", m->founds);
    for (size_t i = 0; i < m->founds; i++) {
        bool is_taken;
        NST_TRY(follow(&is_taken, m, t, db, m->found[i]));
        if (is_taken)
            m->saved.problem = nst_strf(t->arena,
                                        "%.*ssources/%.*s/ is a source of its own here: it is not "
                                        "copied.",
                                        NST_FMT(m->s.owner_url), NST_FMT(m->found[i]));
    }
    return NST_OK;
}
