// Sums too large for one kernel are made in two: partial results by many workgroups, then their sum. Requires nothing; ensures
// the same meaning in float64, and that no fold or product leaves most of the device idle while a few workgroups work.
//
// Which are split, and into how many parts, depends on the profile and the sizes alone, so that the order of every sum is fixed.
// A library call's region is left alone: its kernel stands for it.
import { apply } from "../ir/build.ts";
import type { Node, Region, Value } from "../ir/graph.ts";
import { busyGroups, isSerial } from "../kernels/draft.ts";
import { foldOf, foldsRows, type Fold } from "../kernels/folds.ts";
import { pickTile } from "../kernels/matmul.ts";
import { isProduct, readProduct } from "../kernels/product.ts";
import { operationOf } from "../ops/index.ts";
import type { DeviceProfile } from "../plan/plan.ts";
import { at, rebuild } from "./rebuild.ts";

export function split(region: Region, profile: DeviceProfile): Region {
  return rebuild(
    region,
    (node, inputs) => {
      const { lowering } = operationOf(node.operation);
      if (lowering.kind === "reduce") return splitFold(node, at(inputs, 0), profile);
      if (isProduct(node)) return splitProduct(node, at(inputs, 0), at(inputs, 1), profile);
      if (lowering.kind === "join") return splitJoin(node, inputs, profile);
      return undefined;
    },
    (body, node) => (node.operation === "repeat" ? split(body, profile) : body),
  );
}

/** Elements that a workgroup should at least fold; a processor's core more than a GPU's. */
function fewest(rows: boolean, profile: DeviceProfile): number {
  return (rows ? 2048 : 128) * (isSerial(profile) ? 8 : 1);
}

function splitFold(node: Node, source: Value, profile: DeviceProfile): readonly Value[] | undefined {
  const fold = foldOf(node);
  if (fold === undefined) return undefined;
  const rows = foldsRows(fold);
  const columns = !rows && foldsColumns(fold);
  if (!rows && !columns) return undefined;
  const { kept, folded, result } = fold;
  const groups = rows ? kept : Math.ceil(kept / 32);
  const wanted = Math.min(
    Math.ceil(busyGroups(profile) / groups),
    Math.floor(folded / fewest(rows, profile)),
  );
  // Zeros may be put behind what is summed, so that any size can be split.
  const parts = partsOf(folded, wanted, Number.parseFloat(fold.identity) === 0);
  if (groups * 4 > busyGroups(profile) || parts === undefined) return undefined;
  const { count, each } = parts;
  const again = (value: Value, axis: number): Value =>
    apply(node.operation, [value], { ...node.attributes, axes: [axis] }, [], node.origin);
  const flat = reshape(source, rows ? [kept, folded] : [folded, kept]);
  if (rows) {
    const cut = reshape(padded(flat, 1, count * each), [kept, count, each]);
    return [reshape(again(reshape(again(cut, 2), [kept, count]), 1), result.shape)];
  }
  const cut = reshape(padded(flat, 0, count * each), [count, each, kept]);
  return [reshape(again(reshape(again(cut, 1), [count, kept]), 0), result.shape)];
}

/** Whether the folded axes are the first ones, sizes of 1 aside. */
function foldsColumns({ source, axes }: Fold): boolean {
  const large = source.shape.flatMap((size, axis) => (size > 1 ? [axis] : []));
  const last = large.findLastIndex((axis) => axes.includes(axis));
  return large.slice(0, last + 1).every((axis) => axes.includes(axis));
}

/** Steps of the inner axis that a workgroup should at least do. */
const FEWEST_STEPS = 256;

/** a · b as the sum of products over parts of the inner axis. */
function splitProduct(node: Node, a: Value, b: Value, profile: DeviceProfile): readonly Value[] | undefined {
  const { batches, m, n, k, result } = readProduct(node);
  const tile = pickTile(profile, m, n, k);
  const groups = Math.ceil(m / tile.rows) * Math.ceil(n / tile.columns) * batches;
  // A processor's few cores are busy sooner, and small tiles make many groups.
  const enough = busyGroups(profile) / (isSerial(profile) ? 1 : 2);
  const wanted = Math.min(Math.ceil(busyGroups(profile) / groups), Math.floor(k / FEWEST_STEPS));
  const parts = partsOf(k, wanted, true);
  if (groups >= enough || parts === undefined || batches > 1) return undefined;
  const flipA = node.attributes["transpose_a"] === true;
  const flipB = node.attributes["transpose_b"] === true;
  const left = inParts(reshape(a, flipA ? [k, m] : [m, k]), flipA ? 0 : 1, parts);
  const right = inParts(reshape(b, flipB ? [n, k] : [k, n]), flipB ? 1 : 0, parts);
  const products = apply("matmul", [left, right], node.attributes, [], node.origin);
  return [reshape(apply("sum", [products], { axes: [0] }, [], node.origin), result.shape)];
}

/** A matrix as a stack of its parts along one axis. */
function inParts(matrix: Value, axis: number, { count, each }: Parts): Value {
  const whole = padded(matrix, axis, count * each);
  const [rows = 1, columns = 1] = whole.shape;
  if (axis === 0) return reshape(whole, [count, each, columns]);
  return apply(
    "permute",
    [reshape(whole, [rows, count, each])],
    { permutation: [1, 0, 2] },
    [],
    matrix.node.origin,
  );
}

/** A join of more values than a kernel can read, as a join of joins. */
function splitJoin(
  node: Node,
  inputs: readonly Value[],
  { limits }: DeviceProfile,
): readonly Value[] | undefined {
  const most = limits.maxStorageBuffersPerShaderStage - 1;
  if (inputs.length <= most) return undefined;
  const size = Math.ceil(inputs.length / Math.ceil(inputs.length / most));
  const join = (values: readonly Value[]): Value =>
    apply(node.operation, values, node.attributes, [], node.origin);
  let values = inputs;
  while (values.length > most) {
    const before = values;
    values = Array.from({ length: Math.ceil(before.length / size) }, (_, index) =>
      join(before.slice(index * size, (index + 1) * size)),
    );
  }
  return [join(values)];
}

interface Parts {
  readonly count: number;
  readonly each: number;
}

/** About `wanted` equal parts of a size; with `padding`, of a size somewhat larger. */
function partsOf(size: number, wanted: number, padding: boolean): Parts | undefined {
  if (wanted < 2) return undefined;
  for (let count = wanted; count * 2 > wanted && count > 1; count--) {
    if (size % count === 0 && (size / count) % 4 === 0) return { count, each: size / count };
  }
  if (!padding) return undefined;
  const each = Math.ceil(size / wanted / 4) * 4;
  return { count: Math.ceil(size / each), each };
}

/** Zeros behind a matrix along one axis. */
function padded(matrix: Value, axis: number, size: number): Value {
  const missing = size - (matrix.shape[axis] ?? 0);
  if (missing === 0) return matrix;
  const after = matrix.shape.map((_, other) => (other === axis ? missing : 0));
  return apply("pad", [matrix], { before: after.map(() => 0), after }, [], matrix.node.origin);
}

function reshape(value: Value, shape: readonly number[]): Value {
  const same = value.shape.length === shape.length && value.shape.every((size, axis) => size === shape[axis]);
  return same ? value : apply("reshape", [value], { shape }, [], value.node.origin);
}
