/* Views about users beside the generic ones. */
#ifndef OCL_USER_VIEWS_H
#define OCL_USER_VIEWS_H

#include "user.h"

/* Creating or changing a user, with a password perhaps: check everything, then hash it (G98,
 * V210, V212). */
nst_view ocl_user_gather, ocl_user_prepare;

/* Hooks of the user: complete and check a new row, a changed one. */
enum nst_err ocl_user_before_create(struct nst_req *rq, void *row);
enum nst_err ocl_user_before_update(struct nst_req *rq, void *row);

/* V211 */
#define OCL_USERNAME_TAKEN "A user with this username already exists"
#define OCL_EMAIL_TAKEN    "A user with this email already exists"

/* Write down that an administrator made or changed the user, in its transaction; what users do
 * to themselves is no such act. u->former is set. */
NST_CHECKED enum nst_err ocl_user_audit_new(struct nst_req *rq, const struct ocl_user *u);
NST_CHECKED enum nst_err ocl_user_audit_change(struct nst_req *rq, const struct ocl_user *u);

/* The same of another act on a user of that name. */
NST_CHECKED enum nst_err ocl_user_audit(struct nst_req *rq, const char *act, struct nst_str name);

/* A deleted user comes back; staff or not is turned round (V215). */
nst_view ocl_user_reactivate, ocl_user_toggle_staff;

/* A token for a password (G85, V802): look the user up, verify, answer. */
nst_view ocl_login_gather, ocl_login_prepare, ocl_login;

/* Membership of the user that the path names (G66). */
nst_view ocl_member, ocl_member_add, ocl_member_remove;

/* The administrators' view of tokens (G86). */
nst_view ocl_token_list, ocl_token_detail;

/* What these answer. */
extern const struct nst_description ocl_login_description, ocl_token_list_description,
    ocl_token_description, ocl_named_description;

/* What a user has beside the own token: the list, and the end of one. */
nst_view ocl_named_list, ocl_named_end;

/* What the user that the path names owns, counted (V216). */
nst_view ocl_user_content;

extern const struct nst_description ocl_user_content_description;

#endif
