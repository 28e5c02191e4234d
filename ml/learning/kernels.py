"""Loops over trees, compiled by numba where the extra `fast` is installed, else plain (and slow) Python."""

# numba finds the types of the loops by itself.
# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator"
# ruff: noqa: ANN001, ANN201, ANN202

from collections.abc import Callable
from typing import Any

import numpy as np

numba: Any
try:
    import numba
    from llvmlite import ir
    from numba.extending import intrinsic
except ImportError:  # `martlet[fast]` is not installed
    numba = None

IS_COMPILED = numba is not None


def jit(loop: Callable[..., Any]) -> Any:  # noqa: ANN401 -- what numba makes of a loop
    """Compile a loop that releases the interpreter's lock; kept on disk wherever a place can be written."""
    if numba is None:
        return loop
    try:
        return numba.njit(loop, cache=True, nogil=True)
    except RuntimeError:  # nowhere to keep it: neither beside the code nor in the user's cache
        return numba.njit(loop, nogil=True)


if numba is None:

    def lowest(bits: Any) -> int:  # noqa: ANN401 -- what numba makes of a loop
        """The place of the lowest bit that is set."""
        return (int(bits) & -int(bits)).bit_length() - 1

else:

    @intrinsic
    def lowest(_context, bits):
        """The place of the lowest bit that is set: one instruction."""

        def generate(_context, builder, _signature, arguments):
            place = builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))
            return place if bits.bitwidth == 64 else builder.zext(place, ir.IntType(64))

        return numba.types.int64(bits), generate


@jit
def encode(matrix, columns, missing, starts, thresholds, codes):
    """Fill `codes` (columns, rows): how many of a column's sorted thresholds lie below the value; `missing` for NaN."""
    for place in range(len(columns)):
        first, last = starts[place], starts[place + 1]
        for row in range(matrix.shape[0]):
            value = matrix[row, columns[place]]
            low, size = first, last - first
            while size > 0:
                half = size >> 1
                if thresholds[low + half] < value:
                    low += half + 1
                    size -= half + 1
                else:
                    size = half
            codes[place, row] = missing[place] if np.isnan(value) else low - first


@jit
def add_trees(codes, starts, features, limits, tables, goes_right, masks, leaf_starts, leaves, full, alive, sums):
    """Add each tree's value to `sums` (rows,), by bit vectors of leaves (QuickScorer; Lucchese et al., 2015).

    A row goes right at a node if its code exceeds `limits`, or, where the node has a table, if `goes_right` (tables,
    codes) says so; then `masks` takes away the leaves on the left. The first leaf that is left is the row's. Rows are
    inner, so that one vector instruction compares several of them. `full` has a bit for each leaf.
    """
    for tree in range(len(starts) - 1):
        alive[:] = full
        for node in range(starts[tree], starts[tree + 1]):
            code, mask = codes[features[node]], masks[node]
            if tables[node] < 0:
                limit = limits[node]
                for row in range(codes.shape[1]):
                    alive[row] &= mask if code[row] > limit else full
            else:
                right = goes_right[tables[node]]
                for row in range(codes.shape[1]):
                    alive[row] &= mask if right[code[row]] else full
        first = leaf_starts[tree]
        for row in range(codes.shape[1]):
            sums[row] += leaves[first + lowest(alive[row])]
