/* A JSON configuration by what it holds: DeepSeek-V3 style sections, or a Hugging Face config.json. */
#include "config/json_file.h"

int json_read(struct config *config, const char *path, struct error *err)
{
    json_t *root = json_file_read(path, config->arena, err);
    bool sections;

    if (!root)
        return -1;
    sections = json_is_object(json_object_get(root, "model"));
    json_decref(root);
    return sections ? deepseek_read(config, path, err) : hf_read(config, path, err);
}
