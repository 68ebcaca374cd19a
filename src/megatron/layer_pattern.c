#include "megatron/layer_pattern.h"

#include <string.h>

bool layer_is_moe(const struct job *job, int64_t layer)
{
    const struct freq *freq = &job->moe_layer_freq;

    if (job->num_experts == NONE_INT || job->num_experts == 0)
        return false;
    switch (freq->kind) {
    case FREQ_INT:
        return freq->every > 0 && layer % freq->every == 0;
    case FREQ_LIST:
        return layer >= 0 && layer < freq->count && freq->item[layer] == 1;
    case FREQ_NONE:
    case FREQ_UNKNOWN:
        break;
    }
    return true; /* releases before the option: every layer */
}

int64_t moe_layer_count(const struct job *job)
{
    const struct freq *freq = &job->moe_layer_freq;
    int64_t count = 0;

    if (job->num_experts == NONE_INT || job->num_experts == 0 || job->num_layers <= 0)
        return 0;
    switch (freq->kind) {
    case FREQ_INT:
        return freq->every > 0 ? (job->num_layers - 1) / freq->every + 1 : 0;
    case FREQ_LIST:
        for (int i = 0; i < freq->count && i < job->num_layers; i++)
            count += freq->item[i] == 1;
        return count;
    case FREQ_NONE:
    case FREQ_UNKNOWN:
        break;
    }
    return job->num_layers;
}

bool layer_is_linear_attention(const struct job *job, int64_t layer)
{
    const struct freq *freq = &job->linear_attention_freq;

    switch (freq->kind) {
    case FREQ_INT:
        return freq->every > 0 && (layer + 1) % freq->every != 0;
    case FREQ_LIST:
        return layer >= 0 && layer < freq->count && freq->item[layer] == 1;
    case FREQ_NONE:
    case FREQ_UNKNOWN:
        break;
    }
    return false;
}

struct hybrid_pattern hybrid_pattern_of(const char *text)
{
    struct hybrid_pattern pattern = { .segments = 1 };
    const char *slash;

    if (!text)
        return pattern;
    pattern.main_part = text;
    pattern.main_length = (int)strcspn(text, "/");
    for (int i = 0; i < pattern.main_length; i++)
        pattern.segments += text[i] == '|';
    pattern.layers = pattern.main_length - (pattern.segments - 1);

    for (slash = strchr(text, '/'); slash; slash = strchr(slash + 1, '/')) {
        if (!pattern.mtp_depths++) {
            pattern.mtp_part = slash + 1;
            pattern.mtp_length = (int)strcspn(slash + 1, "/");
        }
    }
    return pattern;
}

/* Counts 'symbol' (or, with '\0', every layer) of one segment or of all (-1). */
static int64_t count(const struct hybrid_pattern *pattern, int segment, char symbol)
{
    int64_t found = 0;
    int at = 0;

    for (int i = 0; i < pattern->main_length; i++) {
        char c = pattern->main_part[i];

        if (c == '|')
            at++;
        else if ((segment < 0 || at == segment) && (!symbol || c == symbol))
            found++;
    }
    return found;
}

int64_t hybrid_count(const struct hybrid_pattern *pattern, int segment, char symbol)
{
    return count(pattern, segment, symbol);
}

int64_t hybrid_segment_layers(const struct hybrid_pattern *pattern, int segment)
{
    return count(pattern, segment, '\0');
}
