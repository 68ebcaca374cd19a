#include "base/whole_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int whole_file_open(struct whole_file *file, const char *path, struct error *err)
{
    *file = (struct whole_file) { .path = path };
    if (asprintf(&file->beside, "%s.new", path) < 0)
        return error_set(err, "out of memory");
    file->out = fopen(file->beside, "we");
    if (file->out)
        return 0;
    error_set(err, "cannot write '%s': %s", path, strerror(errno));
    free(file->beside);
    return -1;
}

int whole_file_close(struct whole_file *file, struct error *err)
{
    int rc = 0;

    if (ferror(file->out) | fclose(file->out) || rename(file->beside, file->path) < 0) {
        rc = error_set(err, "cannot write '%s': %s", file->path, strerror(errno));
        unlink(file->beside);
    }
    free(file->beside);
    return rc;
}

void whole_file_abandon(struct whole_file *file)
{
    fclose(file->out);
    unlink(file->beside);
    free(file->beside);
}
