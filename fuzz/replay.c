/* Runs a fuzz target over every file of the folders given, without libFuzzer:
 * so corpora and former crashes are part of the ordinary test run. */
#include "fuzz.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

/* Each input is a block of its own size, so that ASan sees a read past it. */
static bool replay_file(const char *path, size_t size)
{
    FILE *f = fopen(path, "rb");
    if (f == NULL)
        return false;
    uint8_t *data = malloc(size > 0 ? size : 1);
    bool is_read = data != NULL && fread(data, 1, size, f) == size;
    fclose(f);
    if (is_read)
        LLVMFuzzerTestOneInput(data, size);
    free(data);
    return is_read;
}

/* Returns the number of files replayed, -1 after a failure. */
static int replay_folder(const char *folder)
{
    DIR *d = opendir(folder);
    if (d == NULL) {
        perror(folder);
        return -1;
    }
    int count = 0;
    for (struct dirent *e = readdir(d); e != NULL && count >= 0; e = readdir(d)) {
        char path[4096];
        struct stat st;
        int n = snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
        if (n < 0 || (size_t)n >= sizeof(path) || stat(path, &st) != 0)
            count = -1;
        else if (S_ISREG(st.st_mode))
            count = replay_file(path, (size_t)st.st_size) ? count + 1 : -1;
        if (count < 0)
            perror(e->d_name);
    }
    closedir(d);
    return count;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        int count = replay_folder(argv[i]);
        if (count < 1) {
            fprintf(stderr, "%s: no input replayed\n", argv[i]);
            return 1;
        }
        printf("%s: %d inputs\n", argv[i], count);
    }
    return argc > 1 ? 0 : 2;
}
