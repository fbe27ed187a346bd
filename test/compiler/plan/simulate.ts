// Runs a plan on simulated memory, dispatch by dispatch, and a module by its meaning; both with the same stand-in for arithmetic.
// What the plan leaves in the variables is then what the module says, or some value was overwritten, moved or read too early.
import {
  bytesOf,
  sizeOf,
  topological,
  type Module,
  type Node,
  type Region,
  type Value,
} from "../../../compiler/ir/graph.ts";
import type { Kernel, Layouts } from "../../../compiler/kernels/kernel.ts";
import type { Plan, PlanKernel } from "../../../compiler/plan/plan.ts";
import type { KernelSource } from "../../../compiler/plan/choice.ts";

export type Values = readonly number[];

/** Computes a fused node's outputs from its inputs. */
export type Evaluate = (node: Node, inputs: readonly Values[]) => readonly Values[];

const prime = 1_000_003;

/** Numbers that depend on the node's label and on every element of every input. */
export const digest: Evaluate = (node, inputs) => {
  const label = String(node.attributes["label"] ?? "copy");
  if (label === "copy") return inputs;
  let sum = 7;
  for (let at = 0; at < label.length; at += 1) sum = (sum * 31 + label.charCodeAt(at)) % prime;
  for (const input of inputs)
    for (const value of [...input, 13]) sum = (sum * 29 + Math.trunc(value)) % prime;
  return node.outputs.map(({ shape }, output) =>
    Array.from({ length: sizeOf(shape) }, (_, at) => (sum * 37 + output * 131 + at * 17) % prime),
  );
};

/** A kernel source that remembers what each text computes. */
export function remembering(source: KernelSource): KernelSource & { find(kernel: PlanKernel): Chosen } {
  const known = new Map<string, Chosen>();
  const key = ({ wgsl, bindings, workgroups }: Kernel | PlanKernel): string =>
    JSON.stringify([wgsl, bindings, workgroups]);
  return {
    choose: (node, layouts, profile) => {
      const kernels = source.choose(node, layouts, profile);
      kernels.forEach((kernel, at) =>
        known.set(key(kernel), { node, layouts, kernel, isLast: at === kernels.length - 1 }),
      );
      return kernels;
    },
    inPlaceCandidates: (node, profile) => source.inPlaceCandidates(node, profile),
    find: (kernel) => {
      const found = known.get(key(kernel));
      if (found === undefined) throw new Error(`nobody knows what ${kernel.name} computes`);
      return found;
    },
  };
}

export interface Chosen {
  readonly node: Node;
  readonly layouts: Layouts;
  readonly kernel: Kernel;
  /** Whether it is the last of the node's dispatches. */
  readonly isLast: boolean;
}

/** The variables' values after the programs have run one after the other, by the plan. */
export function runPlan(
  plan: Plan,
  programs: readonly string[],
  find: (kernel: PlanKernel) => Chosen,
  first: ReadonlyMap<string, Values>,
  evaluate: Evaluate = digest,
): Map<string, Values> {
  const memory = plan.buffers.map(({ size }) => new Float64Array(size / 2).fill(Number.NaN));
  /** Addresses of a value's elements, in units of two bytes. */
  const addresses = (
    tensor: number,
    { shape, type }: Pick<Value, "shape" | "type">,
    stride: number | undefined,
  ): number[] => {
    const start = (plan.tensors[tensor]?.offset ?? 0) / 2;
    const unit = bytesOf[type] / 2;
    const slice = sizeOf(shape.slice(1));
    return Array.from(
      { length: sizeOf(shape) },
      (_, at) => start + unit * (Math.floor(at / slice) * (stride ?? slice) + (at % slice)),
    );
  };
  const bufferOf = (tensor: number): Float64Array =>
    memory[plan.tensors[tensor]?.buffer ?? -1] ?? new Float64Array();
  for (const { name, parts, shape } of plan.variables) {
    const values = first.get(name) ?? [];
    const size = sizeOf(shape) / parts.length;
    parts.forEach((part, at) => {
      const tensor = plan.tensors[part];
      if (tensor === undefined) return;
      addresses(part, tensor, undefined).forEach(
        (address, index) => (bufferOf(part)[address] = values[at * size + index] ?? Number.NaN),
      );
    });
  }
  for (const program of programs) {
    // A node of several dispatches is computed with the last of them, from all that they bind.
    let inputs: Values[] = [];
    let outputs: { readonly output: number; readonly tensor: number }[] = [];
    const { dispatches = [], transfers = [] } = plan.programs.find(({ name }) => name === program) ?? {};
    /** What is copied between the memories before a dispatch. */
    const transferBefore = (dispatch: number): void => {
      for (const { direction, before, host, device } of transfers) {
        const [a, b] = [plan.tensors[host], plan.tensors[device]];
        if (before !== dispatch || a === undefined || b === undefined) continue;
        const [from, to] = direction === "up" ? [a, b] : [b, a];
        const bytes = memory[from.buffer]?.slice(from.offset / 2, (from.offset + from.size) / 2) ?? [];
        memory[to.buffer]?.set(bytes, to.offset / 2);
      }
    };
    for (const [at, { kernel, tensors }] of dispatches.entries()) {
      transferBefore(at);
      const planned = plan.kernels[kernel];
      if (planned === undefined) throw new Error("no kernel");
      const { node, layouts, kernel: chosen, isLast } = find(planned);
      chosen.values.forEach(({ input, output }, slot) => {
        const value = node.inputs[input ?? -1];
        const tensor = tensors[slot] ?? -1;
        if (output !== undefined) outputs.push({ output, tensor });
        if (input === undefined || value === undefined) return;
        const from = addresses(tensor, value, layouts.inputStrides[input]);
        inputs[input] = from.map((address) => bufferOf(tensor)[address] ?? Number.NaN);
      });
      if (!isLast) continue;
      // What no kernel binds has no part in the result.
      const given = node.inputs.map(
        ({ shape }, at) => inputs[at] ?? Array.from({ length: sizeOf(shape) }, () => 0),
      );
      const made = evaluate(node, given);
      for (const { output, tensor } of outputs) {
        const value = node.outputs[output];
        if (value === undefined) throw new Error("no output");
        const to = addresses(tensor, value, layouts.outputStrides[output]);
        to.forEach((address, at) => (bufferOf(tensor)[address] = made[output]?.[at] ?? Number.NaN));
      }
      inputs = [];
      outputs = [];
    }
    transferBefore(dispatches.length);
  }
  return new Map(
    plan.variables.map(({ name, parts }) => [
      name,
      parts.flatMap((part) => {
        const tensor = plan.tensors[part];
        return tensor === undefined
          ? []
          : addresses(part, tensor, undefined).map((address) => bufferOf(part)[address] ?? Number.NaN);
      }),
    ]),
  );
}

/** The same by the module's meaning. */
export function runModule(
  module: Module,
  programs: readonly string[],
  first: ReadonlyMap<string, Values>,
  evaluate: Evaluate = digest,
): Map<string, Values> {
  const variables = new Map(first);
  for (const name of programs) {
    const program = module.programs.find((one) => one.name === name);
    if (program === undefined) throw new Error(`no program ${name}`);
    const results = runRegion(
      program.region,
      program.reads.map((read) => variables.get(read) ?? []),
      evaluate,
    );
    program.writes.forEach((write, at) => variables.set(write, results[at] ?? []));
  }
  return variables;
}

function runRegion(region: Region, inputs: readonly Values[], evaluate: Evaluate): Values[] {
  const values = new Map<Value, Values>(
    region.parameters.map((parameter, at) => [parameter, inputs[at] ?? []]),
  );
  const valueOf = (value: Value): Values => values.get(value) ?? [];
  for (const node of topological(region.results)) {
    if (node.operation === "parameter") continue;
    const given = node.inputs.map(valueOf);
    const made =
      node.operation === "reshape"
        ? given
        : node.operation === "repeat"
          ? runRepeat(node, given, evaluate)
          : evaluate(node, given);
    node.outputs.forEach((value, at) => values.set(value, made[at] ?? []));
  }
  return region.results.map(valueOf);
}

function runRepeat(node: Node, inputs: readonly Values[], evaluate: Evaluate): Values[] {
  const [body] = node.regions;
  const { count, constants, carried, reverse } = node.attributes;
  if (
    body === undefined ||
    typeof count !== "number" ||
    typeof constants !== "number" ||
    typeof carried !== "number"
  )
    throw new Error("repeat");
  let carry = inputs.slice(constants, constants + carried);
  const stacks: Values[][] = body.results.slice(carried).map(() => []);
  for (let turn = 0; turn < count; turn += 1) {
    const at = reverse === true ? count - 1 - turn : turn;
    const slices = inputs.slice(constants + carried).map((whole) => {
      const size = whole.length / count;
      return whole.slice(at * size, (at + 1) * size);
    });
    const results = runRegion(body, [...inputs.slice(0, constants), ...carry, ...slices], evaluate);
    carry = results.slice(0, carried);
    results.slice(carried).forEach((result, index) => {
      const stack = stacks[index];
      if (stack !== undefined) stack[at] = result;
    });
  }
  return [...carry, ...stacks.map((stack) => stack.flat())];
}

/** A first value for every variable, each element another number. */
export function firstValues({ variables }: Module): Map<string, Values> {
  return new Map(
    variables.map(({ name, shape }, at) => [
      name,
      Array.from({ length: sizeOf(shape) }, (_, index) => (at * 1009 + index * 7) % prime),
    ]),
  );
}
