/* Files by their paths, as a value: what was read of them. A path that is not listed was not looked for. */
#ifndef BASE_FILES_H
#define BASE_FILES_H

#include <string.h>

struct file {
    const char *path; /* as it is written where it is named */
    const char *text; /* NULL: certainly not there, or empty for all anyone can read */
};

struct files {
    int count;
    const struct file *file;
};

/* The file named 'path', or NULL when it was not looked for. */
static inline const struct file *files_find(const struct files *files, const char *path)
{
    for (int i = 0; files && i < files->count; i++)
        if (strcmp(files->file[i].path, path) == 0)
            return &files->file[i];
    return NULL;
}

#endif
