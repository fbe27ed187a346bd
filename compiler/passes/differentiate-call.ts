// The gradient of a `call` whose kernel has a backward kernel: one call of that, whose region is the differentiated body, so
// that its meaning stays the mathematics and a device without the kernel can still compute it.
//
// Ensures: the backward call's inputs are the gradients of the outputs that have one, the inputs and the outputs (which a
// kernel may start from; the region does not use them), its results the gradients of the inputs that want one. Attributes `of`
// and `to` list which outputs and which inputs those are.
import { builderFor } from "../ir/build.ts";
import type { Node, Value } from "../ir/graph.ts";
import { activeIn } from "./differentiate-activity.ts";
import type { Context, Seed } from "./differentiate-context.ts";
import { prepare } from "./differentiate-prepare.ts";
import { at, copyRegion, makeParameter } from "./rebuild.ts";

export function pullCall(
  node: Node,
  gradients: readonly (Value | undefined)[],
  isActive: (input: Value) => boolean,
  { kernels, pull }: Context,
): readonly (Value | undefined)[] {
  const body = prepare(copyRegion(at(node.regions, 0)), kernels);
  const wanted = new Set(body.parameters.filter((_, index) => isActive(at(node.inputs, index))));
  const activity = activeIn(body, wanted);

  const seeds: Seed[] = [];
  const of: number[] = [];
  body.results.forEach((result, index) => {
    const gradient = gradients[index];
    if (gradient === undefined || !activity.values.has(result)) return;
    seeds.push([result, makeParameter("gradient", result)]);
    of.push(index);
  });
  const pulled = pull(seeds, activity);
  const results = body.parameters.map((parameter) =>
    wanted.has(parameter) ? pulled.get(parameter) : undefined,
  );
  const to = results.flatMap((result, index) => (result === undefined ? [] : [index]));
  if (to.length === 0) return [];

  const parameters = [
    ...seeds.map(([, inner]) => inner),
    ...body.parameters,
    ...node.outputs.map((output) => makeParameter("output", output)),
  ];
  const region = { parameters, results: results.filter((result) => result !== undefined) };
  const attributes = {
    ...node.attributes,
    function: `${String(node.attributes["function"])} backward`,
    kernel: kernels.get(String(node.attributes["kernel"])) ?? "",
    of,
    to,
  };
  const flowing = of.map((index) => gradients[index]).filter((gradient) => gradient !== undefined);
  const inputs = [...flowing, ...node.inputs, ...node.outputs];
  const outputs = builderFor(node.origin).applyAll("call", inputs, attributes, [region]);
  return results.map((_, index) => outputs[to.indexOf(index)]);
}
