/* What the tools of a cluster would say, as far as launch scripts ask: nodes are node1, node2 ...;
 * printed on standard output. Each returns an exit status. */
#ifndef EXPAND_ANSWERS_H
#define EXPAND_ANSWERS_H

#include <stdbool.h>

int answer_scontrol(int argc, const char *const *argv);
int answer_nvidia_smi(int argc, const char *const *argv, int gpus);
int answer_hostname(int argc, const char *const *argv);

#endif
