/* The address of an export (V615 to V617, G154): fetch it, have it made, drop it. */
#include "difference.h"

#include "ocl/task/task.h"
#include "ocl/version/version.h"

#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

static const char of_head[] = "HEAD"; /* .arg of the routes of the present content */

static bool is_of_head(const struct nst_req *rq)
{
    return rq->action->arg == of_head;
}

/* ---- Who may ---- */

/* The present content is exported for administrators alone; others hear that the method is not
 * allowed there (V615). */
static enum nst_err admits(struct nst_req *rq)
{
    NST_TRY(ocl_any_token(rq));
    if (!is_of_head(rq) || ocl_staff_only(rq) == NST_OK)
        return NST_OK;
    nst_http_add_header(rq->x, "Allow", NST_STR("OPTIONS"));
    return nst_answer_empty(rq, 405);
}

/* V617 */
static enum nst_err admits_removal(struct nst_req *rq)
{
    NST_TRY(admits(rq));
    if (rq->x->status != 0)
        return NST_OK;
    enum nst_err e = ocl_has_private_access(rq);
    return e == NST_E_FORBIDDEN && rq->problem == NULL ? nst_answer_empty(rq, 403) : e;
}

/* ---- Which one ---- */

/* The present content is kept with the version that every source begins with. */
static enum nst_err initial_of(int64_t *id, struct nst_req *rq, int64_t repo)
{
    struct nst_sql q;
    nst_sql_init(&q, rq->arena);
    nst_sql_add(&q, "SELECT id FROM repo_version WHERE mnemonic = 'INITIAL' AND repo_id = ");
    nst_sql_bind(&q, NST_INT(repo));
    return nst_sql_int(id, NULL, rq->db, &q);
}

static enum nst_err key_of(struct ocl_export_key *key, struct nst_req *rq)
{
    *key = (struct ocl_export_key){ .is_head = is_of_head(rq) };
    if (key->is_head)
        return initial_of(&key->version_id, rq, ((struct nst_row *)nst_object(rq)->row)->id);
    key->version_id = ((struct nst_row *)nst_object(rq)->row)->id;
    return NST_OK;
}

static bool has_file(struct nst_req *rq, const struct ocl_export *x)
{
    int fd = x->is_current ? ocl_export_file_open(rq->arena, x) : -1;
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

/* ---- Which difference ---- */

static bool wants_difference(struct nst_req *rq)
{
    return nst_query_value(rq, "since").p != NULL;
}

static enum nst_err refuse_difference(struct nst_req *rq, struct nst_str why)
{
    return nst_fail_bare(rq, NST_E_NOT_FOUND, "detail", why);
}

static enum nst_err version_of(int64_t *id, struct nst_req *rq, int64_t repo, struct nst_str name)
{
    struct nst_sql q;
    nst_sql_init(&q, rq->arena);
    nst_sql_add(&q, "SELECT id FROM repo_version WHERE is_active AND repo_id = ");
    nst_sql_bind(&q, NST_INT(repo));
    nst_sql_add(&q, " AND mnemonic = ");
    nst_sql_bind(&q, NST_TEXT(name));
    *id = 0;
    return nst_sql_int(id, NULL, rq->db, &q);
}

/* The export that `since` names: it has to be here. */
static enum nst_err find_older(struct ocl_export *out, struct nst_req *rq,
                               const struct ocl_export_key *newer)
{
    struct nst_str since = nst_query_value(rq, "since");
    const struct nst_row *source = nst_ancestor(rq, "source")->row;
    struct ocl_export_key key = { 0 };
    if (is_of_head(rq))
        return nst_fail(rq, NST_E_INVALID, "since",
                        NST_STR("What a source holds at present has no differences."));
    NST_TRY(version_of(&key.version_id, rq, source->id, since));
    if (key.version_id == 0)
        return refuse_difference(rq, NST_STR("\"since\" names no version of this source."));
    if (key.version_id == newer->version_id)
        return refuse_difference(rq, NST_STR("\"since\" names the version itself."));
    NST_TRY(ocl_export_find(out, rq->arena, rq->db, &key));
    return has_file(rq, out)
               ? NST_OK
               : refuse_difference(rq, nst_strf(rq->arena,
                                                "There is no export of %.*s to compare with: have "
                                                "it made first.",
                                                NST_FMT(since)));
}

/* ---- GET ---- */

/* RFC 9530: a client sees whether it has all of it, whatever pieces it came in. */
static void add_digest(struct nst_req *rq, struct nst_str digest)
{
    unsigned char hash[crypto_hash_sha256_BYTES];
    char coded[sodium_base64_ENCODED_LEN(sizeof(hash), sodium_base64_VARIANT_ORIGINAL)];
    if (sodium_hex2bin(hash, sizeof(hash), digest.p, digest.n, NULL, NULL, NULL) != 0)
        return;
    sodium_bin2base64(coded, sizeof(coded), hash, sizeof(hash), sodium_base64_VARIANT_ORIGINAL);
    nst_http_add_header(rq->x, "Repr-Digest", nst_strf(rq->arena, "sha-256=:%s:", coded));
}

static enum nst_err answer_file(struct nst_req *rq, const struct ocl_export *x, int fd)
{
    rq->wants_zip = false; /* it is one already */
    /* V901: who asks from its Date on is told what changed since the version, and not only since
     * somebody fetched it. */
    if (!x->is_head)
        rq->x->made_at = x->time;
    nst_http_add_header(rq->x, "Content-Disposition",
                        nst_strf(rq->arena, "attachment; filename=\"%.*s\"", NST_FMT(x->name)));
    if (nst_is_known(rq, nst_str_slice(x->digest, 0, OCL_EXPORT_TAG))) {
        close(fd);
        return NST_OK;
    }
    add_digest(rq, x->digest);
    rq->x->content_type = NST_STR("application/zip");
    return nst_answer_file(rq, fd, (uint64_t)x->size);
}

/* It is on its way. */
static enum nst_err answer_soon(struct nst_req *rq, unsigned status)
{
    nst_http_add_header(rq->x, "Retry-After", NST_STR("1"));
    return nst_answer_empty(rq, status);
}

static enum nst_err answer_unmade(struct nst_req *rq, enum ocl_export_work work)
{
    if (work == OCL_NOT_ASKED)
        return nst_answer_empty(rq, 204);
    return answer_soon(rq, work == OCL_BEING_MADE ? 208 : 204);
}

/* What another server has made, this one makes for itself: the bytes are the same. */
static enum nst_err answer_copy(struct nst_req *rq, const struct ocl_export *x,
                                enum ocl_export_work work)
{
    if (work == OCL_NOT_ASKED && !rq->is_internal)
        ocl_export_copy_later(rq, x->id);
    return answer_soon(rq, 208);
}

/* ".zip" becomes ".since_v1.zip". */
static struct nst_str name_since(struct nst_req *rq, const struct ocl_export *newer)
{
    struct nst_buf b;
    nst_buf_init(&b, rq->arena, 4096);
    nst_put(&b, nst_str_slice(newer->name, 0, newer->name.n - 4));
    nst_put_lit(&b, ".since_");
    nst_put_percent(&b, nst_query_value(rq, "since"), "@");
    nst_put_lit(&b, ".zip");
    return nst_buf_str(&b);
}

static enum nst_err answer_difference(struct nst_req *rq, const struct ocl_export *newer,
                                      const struct ocl_export *older, int fd)
{
    struct stat st;
    struct nst_str half = nst_str_slice(newer->digest, 0, OCL_EXPORT_TAG / 2),
                   other = nst_str_slice(older->digest, 0, OCL_EXPORT_TAG / 2),
                   name = name_since(rq, newer);
    rq->wants_zip = false; /* it is one already */
    nst_http_add_header(rq->x, "Content-Disposition",
                        nst_strf(rq->arena, "attachment; filename=\"%.*s\"", NST_FMT(name)));
    bool is_known =
        nst_is_known(rq, nst_strf(rq->arena, "%.*s%.*s", NST_FMT(half), NST_FMT(other)));
    if (is_known || fstat(fd, &st) != 0) {
        close(fd);
        return is_known ? NST_OK : NST_E_INTERNAL;
    }
    rq->x->content_type = NST_STR("application/zip");
    return nst_answer_file(rq, fd, (uint64_t)st.st_size);
}

static const char no_use[] = "The difference is no smaller than half the export: fetch that.";

static enum nst_err show_difference(struct nst_req *rq, const struct ocl_export *newer,
                                    const struct ocl_export *older)
{
    enum ocl_export_work work;
    int fd;
    switch (ocl_difference_find(&fd, rq->arena, newer, older)) {
    case OCL_DIFFERENCE_MADE:
        return answer_difference(rq, newer, older, fd);
    case OCL_DIFFERENCE_NO_USE:
        return refuse_difference(rq, nst_str_z(no_use));
    case OCL_DIFFERENCE_MISSING:
        break;
    }
    NST_TRY(ocl_difference_work_on(&work, rq->arena, rq->db, newer, older));
    return answer_unmade(rq, work);
}

static enum nst_err show(struct nst_req *rq)
{
    struct ocl_export_key key;
    struct ocl_export x;
    enum ocl_export_work work;
    struct ocl_export older = { 0 };
    NST_TRY(key_of(&key, rq));
    NST_TRY(ocl_export_find(&x, rq->arena, rq->db, &key));
    if (wants_difference(rq))
        NST_TRY(find_older(&older, rq, &key));
    int fd = x.is_current ? ocl_export_file_open(rq->arena, &x) : -1;
    if (fd >= 0 && wants_difference(rq)) {
        close(fd);
        return show_difference(rq, &x, &older);
    }
    if (fd >= 0)
        return answer_file(rq, &x, fd);
    if (x.is_copied)
        return nst_answer_empty(rq, 204); /* its subscription may bring it again */
    NST_TRY(ocl_export_work_on(&work, rq->arena, rq->db, x.id));
    if (x.is_current)
        return answer_copy(rq, &x, work);
    return answer_unmade(rq, work);
}

/* ---- POST ---- */

static enum nst_err answer_made(struct nst_req *rq)
{
    if (nst_query_is_true(rq, "noRedirect"))
        return nst_answer_empty(rq, 204);
    struct nst_str since = nst_query_value(rq, "since"), url = rq->x->path;
    struct nst_buf b;
    nst_buf_init(&b, rq->arena, 8192);
    nst_put(&b, url);
    if (since.p != NULL) {
        nst_put_lit(&b, "?since=");
        nst_put_percent(&b, since, "");
    }
    url = nst_buf_str(&b);
    nst_http_add_header(rq->x, "URL", url);
    nst_http_add_header(rq->x, "Location", url);
    return nst_answer_empty(rq, 303);
}

static enum nst_err answer_queued(struct nst_req *rq)
{
    nst_put_lit(&rq->x->out, "{\"detail\":\"Already Queued\"}");
    return nst_answer_json(rq, 409);
}

/* It was asked for before. */
static enum nst_err answer_asked(struct nst_req *rq, enum ocl_export_work work)
{
    return work == OCL_QUEUED ? answer_queued(rq) : nst_answer_empty(rq, 208);
}

/* Made again it would be the same. */
static enum nst_err refuse_force(struct nst_req *rq)
{
    return nst_query_value(rq, "force").p != NULL
               ? nst_fail(rq, NST_E_INVALID, "force",
                          NST_STR("It is for the export itself, without \"since\"."))
               : NST_OK;
}

/* What asking for a task came to. */
static enum nst_err answer_order(struct nst_req *rq, enum nst_err e, int64_t task)
{
    return e == NST_OK           ? ocl_answer_task(rq, task, 202)
           : e == NST_E_CONFLICT ? answer_queued(rq)
                                 : e;
}

static enum nst_err make_difference(struct nst_req *rq, const struct ocl_export *newer,
                                    const struct ocl_export *older)
{
    enum ocl_export_work work;
    int64_t task;
    int fd;
    NST_TRY(ocl_difference_work_on(&work, rq->arena, rq->db, newer, older));
    if (work != OCL_NOT_ASKED)
        return answer_asked(rq, work);
    switch (ocl_difference_find(&fd, rq->arena, newer, older)) {
    case OCL_DIFFERENCE_MADE:
        close(fd);
        return answer_made(rq);
    case OCL_DIFFERENCE_NO_USE:
        return refuse_difference(rq, nst_str_z(no_use));
    case OCL_DIFFERENCE_MISSING:
        break;
    }
    enum nst_err e = ocl_difference_order(&task, rq, newer, older);
    return answer_order(rq, e, task);
}

static enum nst_err make(struct nst_req *rq)
{
    struct ocl_export_key key;
    struct ocl_export x;
    enum ocl_export_work work;
    int64_t task;
    struct ocl_export older = { 0 };
    NST_TRY(key_of(&key, rq));
    NST_TRY(ocl_export_find(&x, rq->arena, rq->db, &key));
    if (wants_difference(rq)) {
        NST_TRY(refuse_force(rq));
        NST_TRY(find_older(&older, rq, &key));
    }
    NST_TRY(ocl_export_work_on(&work, rq->arena, rq->db, x.id));
    if (work != OCL_NOT_ASKED)
        return answer_asked(rq, work);
    if (has_file(rq, &x) && wants_difference(rq))
        return make_difference(rq, &x, &older);
    if (has_file(rq, &x) && (x.is_copied || !nst_query_is_true(rq, "force")))
        return answer_made(rq);
    if (x.is_copied)
        return ocl_refuse_copy(rq, nst_ancestor(rq, "source")->row);
    NST_TRY(ocl_export_renew(&x.id, rq->arena, rq->db, &key));
    enum nst_err e = ocl_export_order(&task, rq, x.id);
    return answer_order(rq, e, task);
}

/* ---- DELETE ---- */

static enum nst_err drop(struct nst_req *rq)
{
    struct ocl_export_key key;
    bool was_there;
    if (wants_difference(rq))
        return nst_fail(rq, NST_E_INVALID, "since",
                        NST_STR(
                            "A difference is not dropped by itself: it goes with its exports."));
    NST_TRY(key_of(&key, rq));
    NST_TRY(ocl_export_drop(&was_there, rq, &key));
    return was_there ? nst_answer_empty(rq, 204) : NST_E_NOT_FOUND;
}

/* ---- Tables ---- */

#define ONLY_ADMINISTRATORS \
    { \
        405, "Of HEAD, by somebody who is no administrator.", \
        { \
            0 \
        } \
    }

static const struct nst_response showing_response[] = {
    { 200,
      "The ZIP; by ranges where Range asks for one.",
      { .schema = "{\"type\":\"string\",\"format\":\"binary\"}", .media = "application/zip" } },
    { 204, "There is none, or it is not begun yet.", { 0 } },
    { 206,
      "The range of it.",
      { .schema = "{\"type\":\"string\",\"format\":\"binary\"}", .media = "application/zip" } },
    { 208, "It is being made.", { 0 } },
    ONLY_ADMINISTRATORS,
    { 416, "The range lies behind the end.", { .schema = "{\"type\":\"object\"}" } },
    { 0 },
};
#define SINCE \
    { \
        "since", "{\"type\":\"string\"}", \
            "Id of another version whose export is here: what makes that into this one." \
    }

static const struct nst_parameter showing_parameter[] = { SINCE, { 0 } };
static const struct nst_description showing = { .parameter = showing_parameter,
                                                .response = showing_response };

static const struct nst_parameter making_parameter[] = {
    SINCE,
    { "force", NST_SWITCH_SCHEMA, "Make it again though it is there." },
    { "noRedirect", NST_SWITCH_SCHEMA, "204 instead of 303 where it is there." },
    { 0 },
};
static const struct nst_response making_response[] = {
    { 202,
      "The task that makes it.",
      { .schema = "{\"$ref\":\"#/components/schemas/v2.task.List\"}" } },
    { 204, "It is there (noRedirect).", { 0 } },
    { 208, "It is being made.", { 0 } },
    { 303, "It is there.", { 0 } },
    ONLY_ADMINISTRATORS,
    { 409,
      "It was asked for and is not begun yet.",
      { .schema = "{\"type\":\"object\",\"required\":[\"detail\"],\"properties\":{\"detail\":{"
                  "\"type\":\"string\"}}}" } },
    { 0 },
};
static const struct nst_description making = { .parameter = making_parameter,
                                               .response = making_response };

static const struct nst_response removal_response[] = {
    { 204, "It is gone.", { 0 } },
    ONLY_ADMINISTRATORS,
    { 0 },
};
static const struct nst_description removal = { .response = removal_response };

#define EXPORT(face, path, of, sentence) \
    { \
        face, path "export/", \
            .get = { show, admits, .arg = (of), .describe = &showing }, \
            .post = { make, admits, .arg = (of), .describe = &making }, \
            .delete = { drop, admits_removal, .arg = (of), .describe = &removal }, \
            .ignores_slash = true, .doc = sentence \
    }

static const struct nst_route export_route[] = {
    EXPORT(V2, S "HEAD/", of_head, "What a source holds at present, as a file."),
    EXPORT(V2, S_VERSION, NULL, "What a version of a source holds, as a file."),
    EXPORT(GUIDE, S "HEAD/", of_head, "What a source holds at present, as a file."),
    EXPORT(GUIDE, S_VERSION, NULL, "What a version of a source holds, as a file."),
};

const struct nst_resource ocl_export_file = {
    .name = "export",
    NST_ROUTES(export_route),
    .doc = "What a version of a source holds, as one file.",
};
