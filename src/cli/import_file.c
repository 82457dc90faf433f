/* Files of lines: a pipe is copied, since what it holds is read more than once. */
#include "import.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool is_file(FILE *in)
{
    struct stat st;
    return fstat(fileno(in), &st) == 0 && S_ISREG(st.st_mode);
}

static bool copy(FILE *to, FILE *from)
{
    char piece[65536];
    size_t n;
    while ((n = fread(piece, 1, sizeof(piece), from)) > 0 && fwrite(piece, 1, n, to) == n)
        continue;
    return !ferror(from) && !ferror(to) && fflush(to) == 0;
}

/* NULL with errno set. */
static FILE *open_file(const char *path)
{
    FILE *in = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    if (in == NULL || is_file(in))
        return in;
    FILE *kept = tmpfile();
    bool good = kept != NULL && copy(kept, in);
    int why = errno;
    if (in != stdin)
        fclose(in);
    if (good)
        return kept;
    if (kept != NULL)
        fclose(kept);
    errno = why;
    return NULL;
}

bool import_open_lines(struct import *im, const char *path)
{
    struct nst_str why;
    im->in = open_file(path);
    if (im->in == NULL) {
        cli_fail(&cli_import, "%s cannot be read: %s", path, strerror(errno));
        return false;
    }
    if (ocl_lines_open(&im->lines, &why, im->o->arena, fileno(im->in), NULL))
        return true;
    cli_fail(&cli_import, "%s %.*s", path, NST_FMT(why));
    import_close_lines(im);
    return false;
}

void import_close_lines(struct import *im)
{
    ocl_lines_close(im->lines);
    im->lines = NULL;
    if (im->in != stdin)
        fclose(im->in);
    im->in = NULL;
}
