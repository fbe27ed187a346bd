// Runs a fused region on a device, kernel after kernel, as a plan would: for tests that need no plan.
import type { Region, Value } from "../../../compiler/ir/graph.ts";
import { sizeOf, topological } from "../../../compiler/ir/graph.ts";
import type { Tensor } from "../../../compiler/ops/operation.ts";
import { isRepeat, readRepeat } from "../../../compiler/passes/rebuild-repeat.ts";
import { runNode, type Bench } from "./harness.ts";

export async function runFused(bench: Bench, region: Region, inputs: readonly Tensor[]): Promise<Tensor[]> {
  const values = new Map<Value, Tensor>();
  const get = (value: Value): Tensor => {
    const found = values.get(value);
    if (found === undefined) throw new Error(`${value.node.operation} has no value`);
    return found;
  };
  region.parameters.forEach((parameter, index) =>
    values.set(parameter, inputs[index] ?? { shape: [], data: new Float64Array() }),
  );
  for (const node of topological(region.results)) {
    let outputs: readonly Tensor[] = [];
    if (node.operation === "parameter") continue;
    if (node.operation === "fused") outputs = await runNode(bench, node, node.inputs.map(get));
    else if (node.operation === "reshape") {
      outputs = node.outputs.map(({ shape }) => ({
        shape,
        data: node.inputs.map(get)[0]?.data ?? new Float64Array(),
      }));
    } else if (isRepeat(node)) {
      const { count, reverse, constants, carried, stacked, collected } = readRepeat(node);
      let state = carried.map(({ initial }) => get(initial));
      const stacks = collected.map(({ shape }) => ({
        shape: [count, ...shape],
        data: new Float64Array(count * sizeOf(shape)),
      }));
      const [body] = node.regions;
      if (body === undefined) throw new Error("a repeat without a body");
      for (let turn = 0; turn < count; turn++) {
        const slice = reverse ? count - 1 - turn : turn;
        const slices = stacked.map(({ outer }) => sliceOf(get(outer), slice));
        const results = await runFused(bench, body, [
          ...constants.map(({ outer }) => get(outer)),
          ...state,
          ...slices,
        ]);
        state = results.slice(0, carried.length);
        stacks.forEach(({ data }, index) => {
          const part = results[carried.length + index];
          if (part !== undefined) data.set(part.data, slice * part.data.length);
        });
      }
      outputs = [...state, ...stacks];
    } else throw new Error(`${node.operation} is in no kernel`);
    node.outputs.forEach((output, index) =>
      values.set(output, outputs[index] ?? { shape: [], data: new Float64Array() }),
    );
  }
  return region.results.map(get);
}

function sliceOf({ shape, data }: Tensor, index: number): Tensor {
  const rest = shape.slice(1);
  const size = sizeOf(rest);
  return { shape: rest, data: data.subarray(index * size, (index + 1) * size) };
}
