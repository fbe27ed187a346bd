// What the kernels with sums share: the folds of a region (its `reduce` operations), in the order in which they depend on
// each other, and the tree that joins the parts of a fold in workgroup memory, always in the same order.
import { sizeOf, type Node, type Region, type Value } from "../ir/graph.ts";
import { operationOf } from "../ops/index.ts";
import { registerType } from "../ops/wgsl.ts";
import { nodesOf } from "./draft.ts";
import { ravel, type Index } from "./index.ts";
import type { Resolve } from "./trace.ts";
import type { Writer } from "./writer.ts";

export interface Fold {
  readonly node: Node;
  readonly source: Value;
  readonly result: Value;
  /** The axes that are folded. */
  readonly axes: readonly number[];
  /** Elements of the result, and elements folded into each. */
  readonly kept: number;
  readonly folded: number;
  /** 0 for folds that use no other fold, else one more than the highest it uses. */
  readonly level: number;
  readonly type: "f32" | "i32" | "u32" | "bool";
  readonly identity: string;
  combine(a: string, b: string): string;
}

export function foldsIn(region: Region): readonly Fold[] {
  const levels = new Map<Value, number>();
  const folds: Fold[] = [];
  for (const node of nodesOf(region)) {
    const below = Math.max(0, ...node.inputs.map((input) => levels.get(input) ?? 0));
    const fold = foldOf(node, below);
    for (const output of node.outputs) levels.set(output, below + (fold === undefined ? 0 : 1));
    if (fold !== undefined) folds.push(fold);
  }
  return folds;
}

/** The fold that a node is, if it is one. */
export function foldOf(node: Node, level: number = 0): Fold | undefined {
  const { lowering } = operationOf(node.operation);
  const [source] = node.inputs;
  const [result] = node.outputs;
  if (lowering.kind !== "reduce" || source === undefined || result === undefined) return undefined;
  const kept = sizeOf(result.shape);
  return {
    node,
    source,
    result,
    axes: lowering.axes(node.attributes),
    kept,
    folded: sizeOf(source.shape) / kept,
    level,
    type: registerType(result.type),
    identity: lowering.identity(result.type),
    combine: (a, b) => lowering.combine(a, b),
  };
}

/** Whether the folded axes are the last ones, sizes of 1 aside. */
export function foldsRows({ source, axes }: Fold): boolean {
  const large = source.shape.flatMap((size, axis) => (size > 1 ? [axis] : []));
  const first = large.findIndex((axis) => axes.includes(axis));
  return first < 0 || large.slice(first).every((axis) => axes.includes(axis));
}

/** The registers of finished folds, to be read at one place only: the element with number `own`. */
export function finished(registers: ReadonlyMap<Value, string>, own: () => Index): Resolve {
  return (value, coordinates) => {
    const register = registers.get(value);
    return register !== undefined && ravel(coordinates, value.shape).key === own().key ? register : undefined;
  };
}

/**
 * Joins `count` partial results of each fold, a power of two of them. Invocation `place` of `count` gives its part; all get
 * the whole. `base` is the first place of the workgroup memory that belongs to these invocations.
 */
export function joinParts(
  writer: Writer,
  folds: readonly { readonly fold: Fold; readonly part: string; readonly scratch: string }[],
  count: number,
  step: number,
  own: string,
  lane: string,
  base: string,
): string[] {
  if (count === 1) return folds.map(({ part }) => part);
  for (const { part, scratch } of folds) writer.line(`${scratch}[${own}] = ${part};`);
  writer.line("workgroupBarrier();");
  for (let half = count / 2; half >= 1; half /= 2) {
    writer.line(`if (${lane} < ${half}u) {`);
    for (const { fold, scratch } of folds) {
      const joined = fold.combine(`${scratch}[${own}]`, `${scratch}[${own} + ${half * step}u]`);
      writer.line(`  ${scratch}[${own}] = ${joined};`);
    }
    writer.line("}");
    writer.line("workgroupBarrier();");
  }
  const results = folds.map(({ scratch }) => {
    const name = writer.fresh("whole");
    writer.line(`let ${name} = ${scratch}[${base}];`);
    writer.declare(name);
    return name;
  });
  writer.line("workgroupBarrier();");
  return results;
}
