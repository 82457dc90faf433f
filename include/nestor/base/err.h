/* The one table of errors: code, HTTP status, stable text key, message.
 *
 * Functions that can fail return `enum nst_err`; NST_OK is 0. Client errors
 * carry a status that a face renders in its own form; system errors are logged
 * where they happen and never show their details to a client. */
#ifndef NESTOR_BASE_ERR_H
#define NESTOR_BASE_ERR_H

/* NST_E_RETRY never leaves the server: the transaction is to be run again. */
#define NST_ERRORS(X) \
    X(OK, 200, "ok", "Success.") \
    X(MALFORMED, 400, "malformed", "Bad Request.") \
    X(INVALID, 400, "invalid", "Bad Request.") \
    X(UNAUTHENTICATED, 401, "unauthenticated", "Authentication credentials were not provided.") \
    X(FORBIDDEN, 403, "forbidden", "You do not have permission to perform this action.") \
    X(NOT_FOUND, 404, "not_found", "Not found.") \
    X(METHOD, 405, "method_not_allowed", "Method not allowed.") \
    X(NOT_ACCEPTABLE, 406, "not_acceptable", "Could not satisfy the request Accept header.") \
    X(TIMEOUT, 408, "timeout", "The request took too long to arrive.") \
    X(CONFLICT, 409, "conflict", "Conflict.") \
    X(PRECONDITION, 412, "precondition_failed", "The resource has changed in the meantime.") \
    X(TOO_LARGE, 413, "too_large", "The request body is too large.") \
    X(URI_TOO_LONG, 414, "uri_too_long", "The request URI is too long.") \
    X(MEDIA_TYPE, 415, "unsupported_media_type", "Unsupported media type in request.") \
    X(RANGE, 416, "range_not_satisfiable", "The range lies beyond the end.") \
    X(UNPROCESSABLE, 422, "unprocessable", "The request could not be processed.") \
    X(THROTTLED, 429, "throttled", "Request was throttled.") \
    X(HEADERS, 431, "headers_too_large", "The request headers are too large.") \
    X(INTERNAL, 500, "internal", "The server failed; the log has the details.") \
    X(DB, 500, "storage", "The store failed; the log has the details.") \
    X(VERSION, 505, "http_version", "Only HTTP/1.0 and HTTP/1.1 are spoken here.") \
    X(BUSY, 503, "busy", "The server is busy; try again.") \
    X(FULL, 507, "full", "The store is full.") \
    X(RETRY, 503, "retry", "The transaction has to run again.")

enum nst_err {
#define X(name, status, key, message) NST_E_##name,
    NST_ERRORS(X)
#undef X
        NST_ERR_COUNT
};

#define NST_OK NST_E_OK

#define NST_CHECKED __attribute__((warn_unused_result))

/* Return from the calling function when the expression is an error. */
#define NST_TRY(expression) \
    do { \
        enum nst_err nst_try_err = (expression); \
        if (nst_try_err != NST_OK) \
            return nst_try_err; \
    } while (0)

/* Status, key and message of an error; e must be a member of the enum. */
unsigned nst_err_status(enum nst_err e);
const char *nst_err_key(enum nst_err e);
const char *nst_err_message(enum nst_err e);

/* What it means that writing a file failed with that errno: NST_E_FULL where the disk, a quota
 * or a limit of the process is the reason, else NST_E_INTERNAL. */
enum nst_err nst_err_of_write(int error);

#endif
