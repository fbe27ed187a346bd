// Kernels with folds whose results are elements of their own: sums over the rows (gradients of biases and of norm weights),
// over mixed axes, over everything. Neighbouring results lie side by side in a workgroup, so that loads of a column sum are
// contiguous; some invocations share the fold of one result.
import { sizeOf, type Value } from "../ir/graph.ts";
import { describe, has16Bit, isSerial, powerOfTwo, turns, type Drafter, type Task } from "./draft.ts";
import { finished, foldsIn, joinParts, type Fold } from "./folds.ts";
import { add, constant, scale, unravel, variable, zero, type Index } from "./index.ts";
import { NoExpression, Tracer } from "./trace.ts";
import { Writer } from "./writer.ts";

export const draftReduce: Drafter = (task, scene) => {
  const { region } = task;
  const folds = foldsIn(region);
  const [first] = folds;
  if (first === undefined) throw new NoExpression("no fold");
  const { kept, folded } = first;
  const agree = folds.every((fold) => fold.level === 0 && fold.kept === kept && fold.folded === folded);
  // Two results of 16 bits share a word, so one invocation makes both.
  const lanes = has16Bit(region) ? 2 : 1;
  if (!agree || kept % lanes !== 0 || region.results.some(({ shape }) => sizeOf(shape) !== kept)) {
    throw new NoExpression("no common results");
  }
  const units = kept / lanes;
  const { side, threads } = shareOut(units, folded, task);
  const writer = new Writer(units * threads);
  const all = units % side === 0;
  writer.line(all ? `let result = group * ${side}u + local.x;` : `let place = group * ${side}u + local.x;`);
  if (!all) writer.line(`let result = min(place, ${units - 1}u);`);
  writer.declare("result");
  if (threads > 1) writer.line(`let own = local.y * ${side}u + local.x;`);
  const results = Array.from({ length: lanes }, (_, lane) =>
    add(scale(variable("result", units), lanes), constant(lane)),
  );
  const registers = results.map(() => new Map<Value, string>());
  const resolves = results.map((result, lane) => finished(registers[lane] ?? new Map(), () => result));
  const tracer = new Tracer(scene, writer, (value, at) => {
    for (const resolve of resolves) {
      const found = resolve(value, at);
      if (found !== undefined) return found;
    }
    return undefined;
  });

  const named = folds.flatMap((fold, slot) =>
    results.map((result, lane) => {
      const part = writer.fresh("part");
      writer.line(`var ${part} = ${fold.identity};`);
      writer.declare(part);
      return { fold, part, lane, result, scratch: `scratch_${slot * lanes + lane}` };
    }),
  );
  const steps = Math.ceil(folded / threads);
  const guarded = folded % threads !== 0;
  writer.open(`for (var step = 0u; step < ${turns(steps, task.profile)}; step++)`, {
    names: ["step", "item"],
    times: folded / threads,
  });
  writer.line(threads === 1 ? "let item = step;" : `let item = step * ${threads}u + local.y;`);
  if (guarded) writer.open(`if (item < ${folded}u)`, { names: ["item"] });
  const item = variable("item", folded);
  for (const { fold, part, result } of named) {
    const element = tracer.expression(fold.source, placeOf(fold, result, item));
    writer.line(`${part} = ${fold.combine(part, element)};`);
  }
  if (guarded) writer.close();
  writer.close();

  const wholes = joinParts(writer, named, threads, side, "own", "local.y", "local.x");
  named.forEach(({ fold, lane }, index) => registers[lane]?.set(fold.result, wholes[index] ?? ""));
  const conditions = [...(all ? [] : [`place < ${units}u`]), ...(threads > 1 ? ["local.y == 0u"] : [])];
  if (conditions.length > 0)
    writer.open(`if (${conditions.join(" && ")})`, { conditional: true, times: 1 / threads });
  const stores = region.results.map((value) => {
    const at = results.map((result) => unravel(result, value.shape));
    return { at, elements: at.map((place) => tracer.stored(value, place)) };
  });
  stores.forEach(({ at, elements }, index) => scene.memory.store(writer, index, at, elements, true));
  if (conditions.length > 0) writer.close();
  return {
    about: describe("reduce", region),
    scene,
    globals:
      threads === 1
        ? []
        : named.map(
            ({ fold, scratch }) => `var<workgroup> ${scratch}: array<${fold.type}, ${threads * side}>;`,
          ),
    functions: [],
    body: writer.text(),
    workgroupSize: [side, threads, 1],
    groups: Math.ceil(units / side),
    workgroupMemory: threads === 1 ? 0 : named.length * threads * side * 4,
    flops: writer.count.flops + folds.length * kept * folded,
  };
};

/** Results (or pairs of them) side by side, and invocations for each of them. */
function shareOut(
  kept: number,
  folded: number,
  { profile }: Task,
): { readonly side: number; readonly threads: number } {
  const limit = Math.min(isSerial(profile) ? 16 : 256, profile.limits.maxComputeInvocationsPerWorkgroup);
  const side = Math.min(isSerial(profile) ? 16 : 32, powerOfTwo(kept));
  // A thread folds at least four elements, or the tree costs more than it saves.
  const useful = powerOfTwo(Math.ceil(folded / 4));
  return { side, threads: Math.max(1, Math.min(limit / side, useful)) };
}

/** Coordinates of one of the elements that are folded into a result. */
function placeOf({ source, result, axes }: Fold, own: Index, item: Index): readonly Index[] {
  const kept = unravel(own, result.shape);
  const inside = unravel(
    item,
    axes.map((axis) => source.shape[axis] ?? 1),
  );
  return source.shape.map((_, axis) => {
    const among = axes.indexOf(axis);
    return (among < 0 ? kept[axis] : inside[among]) ?? zero;
  });
}
