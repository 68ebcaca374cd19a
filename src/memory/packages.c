#include "memory/packages.h"

/* Images: each release's lock file and CI settings (NVIDIA PyTorch containers 24.01 .. 26.06). */
static const struct {
    const char *transformer_engine, *torch;
} usual[RELEASE_COUNT] = {
    [RELEASE_0_8_0] = { "1.7", "2.3" },    [RELEASE_0_9_0] = { "1.11", "2.4" },
    [RELEASE_0_10_0] = { "1.13", "2.6" },  [RELEASE_0_11_0] = { "2.0", "2.6" },
    [RELEASE_0_12_0] = { "2.3", "2.7" },   [RELEASE_0_13_0] = { "2.5", "2.8" },
    [RELEASE_0_14_0] = { "2.7", "2.8" },   [RELEASE_0_15_0] = { "2.9", "2.9" },
    [RELEASE_0_16_0] = { "2.12", "2.10" }, [RELEASE_0_17_0] = { "2.14", "2.11" },
    [RELEASE_0_18_2] = { "2.16", "2.12" }, [RELEASE_0_19_0] = { "2.17.1", "2.12" },
    [RELEASE_MAIN] = { "2.17.1", "2.12" },
};

const char *usual_transformer_engine(enum release release)
{
    return usual[release].transformer_engine;
}

const char *usual_torch(enum release release)
{
    return usual[release].torch;
}
