// The structure of a region as a text: equal for regions that compute the same from parameters of the same types, whatever their values
// are called and wherever they came from. What is known of one such region is known of all.
import { topological, type Node, type Region, type Value } from "./graph.ts";

/** `nodes`: what the region computes with, each after its inputs; to be given where the parameters are values of a larger graph. */
export function structureOf(
  { parameters, results }: Region,
  nodes: readonly Node[] = topological(results),
): string {
  const places = new Map<Value, number>();
  const lines = parameters.map((value) => {
    places.set(value, places.size);
    return `${value.type} ${value.shape.join(" ")}`;
  });
  const refer = (values: readonly Value[]): string =>
    values.map((value) => places.get(value) ?? -1).join(" ");
  for (const { operation, inputs, attributes, outputs, regions } of nodes) {
    if (operation === "parameter") continue;
    lines.push(`${operation} ${refer(inputs)} ${JSON.stringify(attributes)}`);
    for (const region of regions) lines.push("{", structureOf(region), "}");
    for (const output of outputs) if (!places.has(output)) places.set(output, places.size);
  }
  lines.push(refer(results));
  return lines.join("\n");
}
