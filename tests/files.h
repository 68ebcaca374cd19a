/* Small trees of files for tests, in a temporary directory that is removed again. */
#ifndef TESTS_FILES_H
#define TESTS_FILES_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static inline char *files_begin(void)
{
    char *root = strdup("/tmp/preflight-test-XXXXXX");

    return mkdtemp(root);
}

static inline void files_write(const char *root, const char *name, const char *text)
{
    char path[4096];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", root, name);
    for (char *slash = strchr(path + strlen(root) + 1, '/'); slash;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0777);
        *slash = '/';
    }
    file = fopen(path, "w");
    fputs(text, file);
    fclose(file);
}

static inline int files_remove_one(const char *path, const struct stat *st, int type,
                                   struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static inline void files_end(char *root)
{
    nftw(root, files_remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(root);
}

#endif
