/* Checks of the enrolments: who is enrolled where, and that each row has its history. */
#include "verify.h"

#define BOTH(t, column)   "'" column " ' || CAST(" t "." column " AS text)"
#define PROGRAM_NUMBER(t) "'program number ' || CAST(" t ".program_id AS text)"
#define PROGRAM_UUID(t)   "'program ' || (SELECT p.uuid FROM program p WHERE p.id = " t ".program_id)"
#define PROGRAM(t)        "coalesce(" PROGRAM_UUID(t) ", " PROGRAM_NUMBER(t) ")"
#define NUMBER(t)         "'number ' || CAST(" t ".id AS text)"

#define P         "program_enrollment"
#define C         "program_course_enrollment"
#define LEARNER   "coalesce(" P ".external_user_key, " NUMBER(P) ")"
#define P_ADDRESS PROGRAM(P) " || ' learner ' || " LEARNER
#define C_ADDRESS PROGRAM(C) " || ' course ' || " C ".course_key || ' ' || " NUMBER(C)

#define HISTORY "None is made. Bring a backup back, or go on: the history begins anew."

#define ENROLLED(t, its_name, sentence, its_remedy, condition, its_address, its_detail) \
    { \
        .name = its_name, .meaning = sentence, .remedy = its_remedy, .table = t, .key = "id", \
        .where = condition, .address = its_address, .detail = its_detail \
    }
#define NO_HISTORY(t) \
    "NOT EXISTS (SELECT 1 FROM " t "_history h WHERE h.program_id = " t \
    ".program_id AND h.change = " t ".changes AND h.id = " t ".id)"
#define OTHER_HISTORY(t) \
    "EXISTS (SELECT 1 FROM " t "_history h WHERE h.program_id = " t \
    ".program_id AND h.change = " t ".changes AND h.id = " t ".id AND h.status <> " t ".status)"
#define MORE_HISTORY(t) \
    "EXISTS (SELECT 1 FROM " t "_history h WHERE h.program_id = " t \
    ".program_id AND h.change = " t ".changes + 1 AND h.id = " t ".id)"
#define FIRST_HISTORY(t) \
    "NOT EXISTS (SELECT 1 FROM " t "_history h WHERE h.program_id = " t \
    ".program_id AND h.change = 1 AND h.id = " t ".id)"
#define HISTORY_IS_WRONG(t) \
    NO_HISTORY(t) " OR " FIRST_HISTORY(t) " OR " OTHER_HISTORY(t) " OR " MORE_HISTORY(t)
#define CHANGES(t)        "CAST(" t ".changes AS text) || ' changes, '"
#define SAYS_NO_LAST(t)   " WHEN " NO_HISTORY(t) " THEN 'the last is not in the history'"
#define SAYS_NO_FIRST(t)  " WHEN " FIRST_HISTORY(t) " THEN 'the first is not in the history'"
#define SAYS_OTHER(t)     " WHEN " OTHER_HISTORY(t) " THEN 'the last says another status'"
#define SAYS_MORE         " ELSE 'the history has more' END"
#define WHY(t)            "CASE" SAYS_NO_LAST(t) SAYS_NO_FIRST(t) SAYS_OTHER(t) SAYS_MORE
#define HISTORY_DETAIL(t) CHANGES(t) " || " WHY(t)

const struct ocl_check cli_enrollment_checks[] = {
    ENROLLED(P, P ".program_id", "Somebody is enrolled in a program that is gone.",
             "None is made: load the program's document again.",
             "NOT EXISTS (SELECT 1 FROM program o WHERE o.id = " P ".program_id)", P_ADDRESS,
             BOTH(P, "program_id")),
    ENROLLED(P, P ".user_id", "The account of somebody who is enrolled is gone.",
             "None is made: the learner is still enrolled by the key of the partner.",
             "coalesce(" P
             ".user_id, 0) <> 0 AND NOT EXISTS (SELECT 1 FROM account o WHERE o.id = " P
             ".user_id)",
             P_ADDRESS, BOTH(P, "user_id")),
    ENROLLED(C, C ".program_enrollment_id",
             "Somebody is enrolled in a course of a program, and not in the program.",
             "None is made: enrol the learner in the program, or bring a backup back.",
             "NOT EXISTS (SELECT 1 FROM " P " o WHERE o.program_id = " C ".program_id AND o.id = " C
             ".program_enrollment_id)",
             C_ADDRESS, BOTH(C, "program_enrollment_id")),
    ENROLLED(C, C ".course_enrollment_id", "The seat that follows from an enrolment is gone.",
             "None is made: write the enrolment once more.",
             "coalesce(" C ".course_enrollment_id, 0) <> 0 AND NOT EXISTS (SELECT 1 FROM "
             "course_enrollment o WHERE o.id = " C ".course_enrollment_id)",
             C_ADDRESS, BOTH(C, "course_enrollment_id")),
    ENROLLED(P, P ".history", "The history of an enrolment in a program has a gap.", HISTORY,
             HISTORY_IS_WRONG(P), P_ADDRESS, HISTORY_DETAIL(P)),
    ENROLLED(C, C ".history", "The history of an enrolment in a course has a gap.", HISTORY,
             HISTORY_IS_WRONG(C), C_ADDRESS, HISTORY_DETAIL(C)),
    { 0 },
};
