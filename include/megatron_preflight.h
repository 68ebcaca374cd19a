/* The public face of libmegatron-preflight.a (link with -lyaml -ljansson -lm -ldl): check a job, read the
 * report. Nothing else of the library is public. */
#ifndef MEGATRON_PREFLIGHT_H
#define MEGATRON_PREFLIGHT_H

/* 'record' is one JSON object as 'megatron-preflight check --batch' reads them ("argv", "world", "env",
 * "megatron", "gpu", "facts" ...); the answer is the report, schema 1, as compact JSON, with "error" set when
 * the record is broken. Pure: nothing of this machine is looked at. The caller frees it; NULL when there is no
 * memory. Any thread may call it. */
char *megatron_preflight_check(const char *record);

#endif
