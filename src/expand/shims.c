#include "expand/shims.h"

#include <string.h>

#include "launch/launchers.h"

static const struct {
    const char *names; /* separated by blanks */
    enum shim_role role;
} rows[] = {
    { "python python2 python3 python3.6 python3.7 python3.8 python3.9 python3.10 python3.11 "
      "python3.12 "
      "python3.13 python3.14 pypy3",
      SHIM_PYTHON },
    /* These run nothing in between. */
    { "torchrun ft_launcher deepspeed ds accelerate accelerate-launch msrun horovodrun swift "
      "megatron ray "
      "torch_distributed_launch",
      SHIM_LEAF },
    { "sh dash zsh ksh", SHIM_SHELL },
    { "bash env parallel xargs time", SHIM_NONE },
    { "sbatch", SHIM_BATCH },
    { "ssh pdsh pssh parallel-ssh clush rsh", SHIM_REMOTE },
    { "sudo doas", SHIM_THROUGH },
    { "scontrol", SHIM_SCONTROL },
    { "nvidia-smi", SHIM_NVIDIA_SMI },
    { "hostname", SHIM_HOSTNAME },
    { "tee", SHIM_TEE },
    { "git", SHIM_GIT },
    { "conda mamba micromamba", SHIM_CONDA },
    { "cp mv ln mkdir tar unzip gunzip", SHIM_FILES },
    { "sleep wget curl aria2c scp rsync sftp aws gsutil gcloud az azcopy s3cmd s5cmd rclone "
      "huggingface-cli "
      "hf wandb mlflow pip pip3 pipx poetry pdm apt apt-get yum dnf brew make cmake ninja nvcc gcc "
      "g++ "
      "squeue sinfo scancel sacct sacctmgr sattach strigger qstat bjobs mail sendmail notify-send "
      "pkill killall fuser systemctl service module ml modulecmd spack deactivate nvm pyenv "
      "ldconfig ulimit nvidia-cuda-mps-control dcgmi ibdev2netdev ibstat ibv_devinfo rdma rocm-smi "
      "amd-smi npu-smi tensorboard jupyter tmux screen reboot shutdown crontab at chown chgrp "
      "mount "
      "umount sysctl modprobe swapon swapoff pigz",
      SHIM_NOTHING },
    { ".gap", SHIM_GAP },
    { ".quote", SHIM_QUOTE },
};

static size_t row_count(void)
{
    return sizeof(rows) / sizeof(rows[0]);
}

static bool lists(const char *list, const char *name)
{
    size_t length = strlen(name);

    for (const char *p = list; *p; p += strspn(p, " ")) {
        size_t n = strcspn(p, " ");

        if (n == length && memcmp(p, name, n) == 0)
            return true;
        p += n;
    }
    return false;
}

enum shim_role shim_role(const char *program)
{
    const char *name = launcher_base_name(program);

    for (size_t i = 0; i < row_count(); i++)
        if (lists(rows[i].names, name))
            return rows[i].role;
    return launcher_find(name) ? SHIM_THROUGH : SHIM_NONE;
}

static size_t add_names(const char *list, struct arena *arena, const char **name, size_t count)
{
    for (const char *p = list; *p; p += strspn(p, " ")) {
        size_t n = strcspn(p, " ");
        const char *word = arena_strndup(arena, p, n);

        if (name && shim_role(word) != SHIM_NONE)
            name[count] = word;
        count += shim_role(word) != SHIM_NONE;
        p += n;
    }
    return count;
}

static size_t add_all(struct arena *arena, const char **name)
{
    size_t count = 0;

    for (size_t i = 0; i < row_count(); i++)
        count = add_names(rows[i].names, arena, name, count);
    for (size_t i = 0; i < launcher_count; i++)
        count = add_names(launchers[i].names, arena, name, count);
    return count;
}

const char *const *shim_names(struct arena *arena)
{
    const char **name = arena_alloc(arena, (add_all(arena, NULL) + 1) * sizeof(*name));

    add_all(arena, name);
    return name;
}
