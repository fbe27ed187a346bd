// A rule on repeats: rows that the body takes, by the number of its iteration, from what is the same in all iterations. Together they
// are a stack, made outside in one go: the body need not make the whole table each time, and the gradient of a row goes to its
// place in the table instead of being added to a sum of the table's size.
import { topological, type Value } from "../ir/graph.ts";
import type { Builder } from "../ops/operation.ts";
import { makeParameter, rebuildValues, type Substitution } from "./rebuild.ts";
import { buildRepeat, type Entry, type Loop } from "./rebuild-repeat.ts";
import { numberIn } from "./simplify-rules.ts";
import { inOrder, substitute, type LoopRule } from "./simplify-repeat.ts";

export const rowsByCounter: LoopRule = {
  name: "rows taken by the iteration's number are a stack",
  apply(loop, outside) {
    const counters = new Map(
      loop.stacked.flatMap(({ outer, inner }) => {
        const counting = countingOf(outer);
        return counting === undefined ? [] : [[inner, { outer, ...counting }] as const];
      }),
    );
    if (counters.size === 0) return undefined;
    const results = [...loop.carried.map(({ next }) => next), ...loop.collected];
    const constants: Substitution = new Map(loop.constants.map(({ inner, outer }) => [inner, outer]));
    const replaced: Substitution = new Map();
    const stacked: Entry[] = [];
    for (const { operation, inputs, outputs } of topological(results)) {
      const [table, index] = operation === "take" ? inputs : [];
      const counter = index === undefined ? undefined : counters.get(index);
      const [row] = outputs;
      if (table === undefined || counter === undefined || row === undefined) continue;
      if (!dependsOnlyOn(table, loop)) continue;
      const [whole] = rebuildValues([table], constants);
      if (whole === undefined) continue;
      const parameter = makeParameter("row", row);
      stacked.push({ outer: rowsOf(whole, counter, loop.count, outside), inner: parameter });
      replaced.set(row, parameter);
    }
    if (stacked.length === 0) return undefined;
    const rest = substitute(loop, replaced);
    return inOrder(buildRepeat({ ...rest, stacked: [...rest.stacked, ...stacked] }));
  },
};

/** Numbers first, first + step, …, one an iteration. */
interface Counting {
  readonly first: number;
  readonly step: number;
}

/** Reads a stack of numbers as `step · iota + first`. */
function countingOf({ node, type }: Value): Counting | undefined {
  if (type !== "i32" && type !== "u32") return undefined;
  if (node.operation === "iota" && node.outputs[0]?.shape.length === 1) return { first: 0, step: 1 };
  const [a, b] = node.inputs;
  const number = numberIn(b);
  const of = a === undefined || number === undefined ? undefined : countingOf(a);
  if (of === undefined || number === undefined) return undefined;
  if (node.operation === "add") return { ...of, first: of.first + number };
  return node.operation === "multiply" ? { first: of.first * number, step: of.step * number } : undefined;
}

/** Whether a value of the body is made of the loop's constants and of nothing that changes. */
function dependsOnlyOn(value: Value, { constants, carried, stacked }: Loop): boolean {
  const same = new Set(constants.map(({ inner }) => inner.node));
  const changing = new Set([...carried, ...stacked].map(({ inner }) => inner.node));
  const nodes = topological([value]);
  return nodes.some((node) => same.has(node)) && !nodes.some((node) => changing.has(node));
}

/** The table's rows of all iterations: a part of it where they stand side by side and within it. */
function rowsOf(
  table: Value,
  { outer, first, step }: Counting & { readonly outer: Value },
  count: number,
  outside: Builder,
): Value {
  const within = step === 1 && first >= 0 && first + count <= (table.shape[0] ?? 0);
  if (!within) return outside.apply("take", [table, outer]);
  const rest = table.shape.slice(1);
  return outside.apply("slice", [table], { starts: [first, ...rest.map(() => 0)], sizes: [count, ...rest] });
}
