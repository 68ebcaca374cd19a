#include "memory/rank_grid.h"

#include <stddef.h>

const char *const grid_axis_names[AXIS_COUNT] = {
    [AXIS_TP] = "tp", [AXIS_GTP] = "gtp",   [AXIS_CP] = "cp",
    [AXIS_DP] = "dp", [AXIS_PP] = "pp",     [AXIS_ETP] = "etp",
    [AXIS_EP] = "ep", [AXIS_EGTP] = "egtp", [AXIS_EDP] = "edp",
};

/* Orders of the axes, fastest first; the pipeline axis belongs to both grids. */
static const enum grid_axis dense_order[] = { AXIS_TP, AXIS_GTP, AXIS_CP, AXIS_DP, AXIS_PP };
static const enum grid_axis dense_pp_order[] = { AXIS_TP, AXIS_GTP, AXIS_CP, AXIS_PP, AXIS_DP };
static const enum grid_axis expert_order[] = { AXIS_ETP, AXIS_EP, AXIS_EGTP, AXIS_EDP, AXIS_PP };
static const enum grid_axis expert_pp_order[] = { AXIS_ETP, AXIS_EP, AXIS_EGTP, AXIS_PP, AXIS_EDP };
enum { ORDER_LENGTH = 5 };

static void set_strides(struct rank_grid *grid, const enum grid_axis *order)
{
    int64_t stride = 1;

    for (int i = 0; i < ORDER_LENGTH; i++) {
        grid->stride[order[i]] = stride;
        stride *= grid->size[order[i]];
    }
}

/* 0.8 and 0.9: experts live on the fast part of the dense dp axis, replicated over cp. */
static void set_expert_strides_inside_dp(struct rank_grid *grid, const struct shape *shape)
{
    grid->size[AXIS_EDP] = (int64_t)(shape->dp / shape->ep);
    grid->stride[AXIS_ETP] = grid->stride[AXIS_TP];
    grid->stride[AXIS_EP] = grid->stride[AXIS_DP];
    grid->stride[AXIS_EGTP] = 1;
    grid->stride[AXIS_EDP] = grid->stride[AXIS_DP] * (int64_t)shape->ep;
}

void rank_grid_of(const struct shape *shape, bool use_tp_pp_dp_mapping, struct rank_grid *grid)
{
    *grid = (struct rank_grid) {
        .world_size = (int64_t)shape->world_size,
        .size = { [AXIS_TP] = (int64_t)shape->tp,
                  [AXIS_GTP] = (int64_t)shape->gtp,
                  [AXIS_CP] = (int64_t)shape->cp,
                  [AXIS_DP] = (int64_t)shape->dp,
                  [AXIS_PP] = (int64_t)shape->pp,
                  [AXIS_ETP] = (int64_t)shape->etp,
                  [AXIS_EP] = (int64_t)shape->ep,
                  [AXIS_EGTP] = (int64_t)shape->egtp,
                  [AXIS_EDP] = (int64_t)shape->edp },
    };
    set_strides(grid, use_tp_pp_dp_mapping ? dense_pp_order : dense_order);
    if (shape->release < RELEASE_0_10_0)
        set_expert_strides_inside_dp(grid, shape);
    else
        set_strides(grid, use_tp_pp_dp_mapping ? expert_pp_order : expert_order);
}

void rank_coordinates_of(const struct rank_grid *grid, int64_t rank, struct rank_coordinates *out)
{
    for (int axis = 0; axis < AXIS_COUNT; axis++)
        out->at[axis] = rank / grid->stride[axis] % grid->size[axis];
}

void rank_group(const struct rank_grid *grid, int64_t rank, enum grid_axis axis, int64_t *ranks)
{
    int64_t at = rank / grid->stride[axis] % grid->size[axis];
    int64_t first = rank - at * grid->stride[axis];

    for (int64_t i = 0; i < grid->size[axis]; i++)
        ranks[i] = first + i * grid->stride[axis];
}
