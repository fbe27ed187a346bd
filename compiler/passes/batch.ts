// Turns repeats over stacks back into operations on whole stacks, where iterations do not depend on one another: an update
// written for one layer's tensor then takes a few kernels for all layers, whatever their number.
//
// Requires nothing. Ensures: the same results; a repeat stays where it carries values, where an operation has no rule for stacks
// (`batch` in its record), where the values at its ends are not whole stacks in memory or do not fit one binding, where
// values between them would take more than `roomBytes` for all slices together, and where a stack that is brought from the host would
// have to be on the device as a whole.
import { broadcastTo, builderFor } from "../ir/build.ts";
import { bytesOf, sizeOf, type Node, type Region, type Value } from "../ir/graph.ts";
import { operationOf } from "../ops/index.ts";
import type { DeviceProfile } from "../plan/plan.ts";
import { at, nodesBetween, rebuild } from "./rebuild.ts";
import { buildRepeat, isRepeat, outputsOf, readRepeat } from "./rebuild-repeat.ts";

/** Bytes that one value between a repeat's ends may take for all slices together. */
export const roomBytes = 32 * 1024 * 1024;

/** Bytes of a stack that comes from the host and goes back as a whole, at most; with more, its parts take turns on the device. */
export const broughtBytes = 2 ** 20;

/** `brought`: parameters whose values live in the host's memory. */
export function batch(
  region: Region,
  profile: DeviceProfile,
  brought: ReadonlySet<Value> = new Set(),
): Region {
  return rebuild(region, (node, inputs, [body]) => {
    if (!isRepeat(node) || body === undefined) return undefined;
    const loop = readRepeat(node, inputs, body);
    const { count } = loop;
    const ends = [...loop.stacked.map(({ outer }) => outer), ...outputsOf(node).collected];
    if (loop.carried.length > 0 || !ends.every((value) => fits(value, profile))) return undefined;
    if (!loop.stacked.every(({ outer }) => isStored(outer)) || !isLean(body, count)) return undefined;
    if (loop.stacked.some(({ outer }) => brought.has(outer) && bytesIn(outer) > broughtBytes))
      return undefined;
    const known = new Map<Value, Batched>();
    for (const { outer, inner } of loop.constants) known.set(inner, { value: outer, isStack: false });
    for (const { outer, inner } of loop.stacked) known.set(inner, { value: outer, isStack: true });
    const results = batchValues(loop.collected, known, count);
    return results?.map((result) => stackOf(result, count));
  });
}

/** What stands for a value of the body: a stack of it, or the value itself where it is the same in all iterations. */
interface Batched {
  readonly value: Value;
  readonly isStack: boolean;
}

function bytesIn({ shape, type }: Value): number {
  return sizeOf(shape) * bytesOf[type];
}

/** A stack as the plan lays it: slices aligned apart. */
function fits({ shape, type }: Value, { limits }: DeviceProfile): boolean {
  const alignment = limits.minStorageBufferOffsetAlignment;
  const slice = Math.ceil((sizeOf(shape.slice(1)) * bytesOf[type]) / alignment) * alignment;
  return slice * at(shape, 0) <= Math.min(limits.maxStorageBufferBindingSize, limits.maxBufferSize);
}

/** Whether a whole stack is there to be bound: a variable, or what another kernel leaves. */
function isStored({ node }: Value): boolean {
  return node.operation !== "slice" && node.operation !== "concat" && node.operation !== "reshape";
}

/**
 * Whether all slices together of what one iteration makes on its way take little room. What is computed place by place takes none,
 * and what is folded last is a result.
 */
function isLean({ results }: Region, count: number): boolean {
  const nodes = nodesBetween(results, new Map());
  const between = nodes.filter((node) => {
    const { kind } = operationOf(node.operation).lowering;
    const isWork = kind === "reduce" || kind === "product" || kind === "region";
    return isWork && !results.some((result) => isViewOf(result, node));
  });
  const bytes = ({ shape, type }: Value): number => count * sizeOf(shape) * bytesOf[type];
  return (
    between.length === 0 ||
    nodes.every(({ outputs }) => outputs.every((output) => bytes(output) <= roomBytes))
  );
}

function isViewOf({ node }: Value, of: Node): boolean {
  const { kind } = operationOf(node.operation).lowering;
  return node === of || (kind === "view" && isViewOf(at(node.inputs, 0), of));
}

/** The values for all slices at once; undefined where an operation between has no rule. */
function batchValues(
  values: readonly Value[],
  known: Map<Value, Batched>,
  count: number,
): readonly Batched[] | undefined {
  for (const node of nodesBetween(values, known)) {
    const inputs = node.inputs.map((input) =>
      at(
        [known.get(input)].filter((found) => found !== undefined),
        0,
      ),
    );
    const outputs = batchNode(node, inputs, count);
    if (outputs === undefined) return undefined;
    node.outputs.forEach((output, index) => known.set(output, at(outputs, index)));
  }
  return values.flatMap((value) => known.get(value) ?? []);
}

function batchNode(node: Node, inputs: readonly Batched[], count: number): readonly Batched[] | undefined {
  const builder = builderFor(node.origin);
  const plain = inputs.map(({ value }) => value);
  if (inputs.every(({ isStack }) => !isStack)) {
    const outputs = builder.applyAll(node.operation, plain, node.attributes, node.regions);
    return outputs.map((value) => ({ value, isStack: false }));
  }
  if (isRepeat(node)) return batchRepeat(node, inputs, count);
  const { batch: rule, lowering } = operationOf(node.operation);
  const stacks = inputs.map((input) => stackOf(input, count));
  const value =
    lowering.kind === "elementwise"
      ? builder.apply(node.operation, stacks, node.attributes)
      : rule?.(stacks, node.attributes, count, builder);
  return value === undefined ? undefined : [{ value, isStack: true }];
}

/** A repeat in the body that only hands values on: the same repeat of stacks. */
function batchRepeat(node: Node, inputs: readonly Batched[], count: number): readonly Batched[] | undefined {
  const loop = readRepeat(node);
  if (loop.stacked.length > 0 || loop.collected.length > 0) return undefined;
  const stacks = inputs.map((input) => stackOf(input, count));
  const body = at(node.regions, 0);
  const parameters = stacks.map(({ shape, type, node: { origin } }, index) =>
    builderFor(origin).apply("parameter", [], {
      name: String(at(body.parameters, index).node.attributes["name"]),
      type,
      shape,
    }),
  );
  const known = new Map<Value, Batched>();
  body.parameters.forEach((parameter, index) =>
    known.set(parameter, { value: at(parameters, index), isStack: true }),
  );
  const next = batchValues(
    loop.carried.map((carry) => carry.next),
    known,
    count,
  );
  if (next === undefined) return undefined;
  const first = loop.constants.length;
  const { carried } = buildRepeat({
    ...loop,
    constants: loop.constants.map((_, index) => ({ outer: at(stacks, index), inner: at(parameters, index) })),
    carried: next.map((result, index) => ({
      initial: at(stacks, first + index),
      inner: at(parameters, first + index),
      next: stackOf(result, count),
    })),
  });
  return carried.map((value) => ({ value, isStack: true }));
}

function stackOf({ value, isStack }: Batched, count: number): Value {
  return isStack ? value : broadcastTo(value, [count, ...value.shape]);
}
