/* Who is who: the parallel coordinates of every rank. Dense and expert ranks are two grids over the
 * same ranks (megatron/core/parallel_state.py, RankGenerator); the leftmost axis of the order
 * varies fastest.
 *
 *   dense   tp-gtp-cp-dp-pp     expert  etp-ep-egtp-edp-pp
 *   with --use-tp-pp-dp-mapping pp comes before dp and edp.
 *
 * Up to 0.9 experts are carved out of the dense grid: ep is the fast part of dp. */
#ifndef MEMORY_RANK_GRID_H
#define MEMORY_RANK_GRID_H

#include "memory/shape.h"

enum grid_axis {
    AXIS_TP,
    AXIS_GTP,
    AXIS_CP,
    AXIS_DP,
    AXIS_PP, /* dense */
    AXIS_ETP,
    AXIS_EP,
    AXIS_EGTP,
    AXIS_EDP, /* expert */
    AXIS_COUNT
};

extern const char *const grid_axis_names[AXIS_COUNT]; /* "tp", "gtp" ... */

struct rank_grid {
    int64_t world_size;
    int64_t size[AXIS_COUNT];
    int64_t stride[AXIS_COUNT]; /* distance of neighbours along the axis, in ranks */
};

struct rank_coordinates {
    int64_t at[AXIS_COUNT];
};

void rank_grid_of(const struct shape *shape, bool use_tp_pp_dp_mapping, struct rank_grid *grid);

void rank_coordinates_of(const struct rank_grid *grid, int64_t rank, struct rank_coordinates *out);

/* Writes the ranks that differ from 'rank' only along 'axis', ascending, to 'ranks'
 * (grid->size[axis] of them). For dense data parallel groups with context parallelism take AXIS_CP
 * inside AXIS_DP. */
void rank_group(const struct rank_grid *grid, int64_t rank, enum grid_axis axis, int64_t *ranks);

#endif
