"""Weighted sums of rows of a table, held in registers until they are whole.

A compiler makes vectors of a loop over columns, but keeps the sums in memory while the loop over
edges around it runs: every edge then loads and stores them once more. Here that loop is written in
LLVM's own vectors, a tile of columns at a time; where registers are narrower than a vector, LLVM
takes it in pieces.

Letters: m rows, n sums, E edges, D width.
"""

from __future__ import annotations

from typing import Any

import numba
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

VECTOR = 64  # bytes: a line of the cache, and the widest register
TILE = 4  # vectors summed at once
VECTORS = not vars(numba.config)["DISABLE_JIT"]  # else all columns are rest


def _summing(vectors: int) -> Any:
    """sum_row for a few vectors of columns; goal: out, row, factor, and the first column."""

    @intrinsic
    def summing(typing, edges, span, x, base, goal):  # type: ignore[no-untyped-def]
        tables = [x, goal[0], *([] if isinstance(base, types.NoneType) else [base])]
        numbers = {edges[1].dtype, goal[2], *(table.dtype for table in tables)}
        if len(numbers) > 1 or any(array.layout != "C" for array in (*edges, *tables)):
            return None
        return types.void(edges, span, x, base, goal), _emitter(vectors)

    return summing


def _emitter(vectors: int) -> Any:
    """What writes the loop over edges, and what comes after it."""

    def emit(context, builder, signature, args):  # type: ignore[no-untyped-def]
        kinds = signature.args
        number = kinds[2].dtype
        many = ir.VectorType(context.get_value_type(number), VECTOR * 8 // number.bitwidth)
        align = number.bitwidth // 8
        (target, _), (weight, _) = _parts(context, builder, args[0], kinds[0])
        (first, _), (stop, _) = _parts(context, builder, args[1], kinds[1])
        x, width = _part(context, builder, args[2], kinds[2])
        base, _ = _part(context, builder, args[3], kinds[3])
        (out, _), (row, _), (factor, _), (column, _) = _parts(context, builder, args[4], kinds[4])

        def places(table: ir.Value, at: ir.Value) -> list[ir.Value]:
            """Where the vectors of a row begin."""
            begin = builder.gep(table, [builder.add(builder.mul(at, width), column)])
            begin = builder.bitcast(begin, many.as_pointer())
            return [builder.gep(begin, [width.type(k)]) for k in range(vectors)]

        def added(total: ir.Value, factor: ir.Value, other: ir.Value) -> ir.Value:
            """total + factor * other, rounded once where the processor can."""
            part = builder.fmul(factor, other, flags=["contract"])
            return builder.fadd(total, part, flags=["contract"])

        sums = [_kept(builder, many(None)) for _ in range(vectors)]
        with cgutils.for_range_slice(builder, first, stop, first.type(1), inc=True) as (edge, _):
            node = builder.load(builder.gep(target, [edge]))
            node = context.cast(builder, node, kinds[0][0].dtype, types.intp)
            here = _spread(builder, builder.load(builder.gep(weight, [node])), many)
            for place, total in zip(places(x, node), sums, strict=True):
                other = builder.load(place, align=align)
                builder.store(added(builder.load(total), here, other), total)
        beside = [many(None)] * vectors
        if base is not None:
            beside = [builder.load(place, align=align) for place in places(base, row)]
        factor = _spread(builder, factor, many)
        for place, other, total in zip(places(out, row), beside, sums, strict=True):
            builder.store(added(other, factor, builder.load(total)), place, align=align)
        return context.get_dummy_value()

    return emit


def _part(context: Any, builder: ir.IRBuilder, value: ir.Value, kind: Any) -> tuple[Any, Any]:
    """Of an array its data and its width, of an index its value as intp, of None nothing."""
    if isinstance(kind, types.NoneType):
        return None, None
    if isinstance(kind, types.Array):
        array = context.make_array(kind)(context, builder, value)
        return array.data, builder.extract_value(array.shape, kind.ndim - 1)
    if isinstance(kind, types.Integer):
        return context.cast(builder, value, kind, types.intp), None
    return value, None


def _parts(context: Any, builder: ir.IRBuilder, several: ir.Value, kinds: Any) -> list[Any]:
    values = cgutils.unpack_tuple(builder, several)  # type: ignore[no-untyped-call]
    return [_part(context, builder, *each) for each in zip(values, kinds, strict=True)]


def _kept(builder: ir.IRBuilder, value: ir.Value) -> ir.Value:
    """Where a value stands that changes, from here on; LLVM makes a register of it."""
    return cgutils.alloca_once_value(builder, value)  # type: ignore[no-untyped-call]


def _spread(builder: ir.IRBuilder, one: ir.Value, many: ir.VectorType) -> ir.Value:
    """A vector of equal numbers."""
    first = builder.insert_element(many(ir.Undefined), one, ir.IntType(32)(0))
    zeros = ir.VectorType(ir.IntType(32), many.count)(None)
    return builder.shuffle_vector(first, many(ir.Undefined), zeros)


_sum_tile, _sum_vector = _summing(TILE), _summing(1)


@njit(cache=True, error_model="numpy", forceinline=True)
def sum_row(edges, span, x, base, goal):  # type: ignore[no-untyped-def]
    """out[row] = base[row] + factor * the sum over edges p of weight[target[p]] x[target[p]].

    Summed in the order of the edges. All floats are of one type, float32 or float64.

    Args:
        edges: target [E], weight [m].
        span: the first edge and the one after the last.
        x: [m, D], rows one after the other, as base and out.
        base: [n, D], or None for nothing.
        goal: out [n, D], row, factor.
    """
    out, row, factor = goal
    width, lanes = x.shape[1], VECTOR // x.itemsize
    column = 0
    while VECTORS and column + TILE * lanes <= width:
        _sum_tile(edges, span, x, base, (out, row, factor, column))
        column += TILE * lanes
    while VECTORS and column + lanes <= width:
        _sum_vector(edges, span, x, base, (out, row, factor, column))
        column += lanes
    if column < width:
        _sum_rest(edges, span, x, base, (out, row, factor, column))


@njit(cache=True, error_model="numpy")
def _sum_rest(edges, span, x, base, goal):  # type: ignore[no-untyped-def]
    """sum_row for the columns from goal = (out, row, factor, column) on, too few for a vector."""
    target, weight = edges
    out, row, factor, column = goal
    for d in range(column, x.shape[1]):
        out[row, d] = 0
    for p in range(span[0], span[1]):
        node = target[p]
        for d in range(column, x.shape[1]):
            out[row, d] += weight[node] * x[node, d]
    for d in range(column, x.shape[1]):
        out[row, d] *= factor
        if base is not None:
            out[row, d] += base[row, d]
