// The structure of a region as a text: equal for regions that compute the same from parameters of the same types, whatever their values
// are called and wherever they came from. What is known of one such region is known of all.
import { topological, type Node, type Origin, type Region, type Value } from "./graph.ts";

/** `nodes`: what the region computes with, each after its inputs; to be given where the parameters are values of a larger graph. */
export function structureOf(
  { parameters, results }: Region,
  nodes: readonly Node[] = topological(results),
): string {
  return written(parameters, results, nodes, "\n", textOf);
}

/** The same with names and origins, told apart by `number`: equal for regions of which nobody can tell which is which. */
export function identityOf(region: Region, number: (origin: Origin) => number): string {
  const named = ({ node }: Value): string => `${textOf(node)} ${number(node.origin)}`;
  const nodeText = (node: Node): string => {
    const bodies = node.regions.map((body) => `{${identityOf(body, number)}}`);
    return `${ownText(node)}${bodies.join("")} ${number(node.origin)}`;
  };
  const head = region.parameters.map(named).join(";");
  return head + written(region.parameters, region.results, topological(region.results), ";", nodeText);
}

function written(
  parameters: readonly Value[],
  results: readonly Value[],
  nodes: readonly Node[],
  end: string,
  nodeText: (node: Node) => string,
): string {
  const places = new Map<Value, number>();
  let text = "";
  for (const value of parameters) {
    places.set(value, places.size);
    text += `${value.type} ${value.shape.join(" ")}${end}`;
  }
  for (const node of nodes) {
    if (node.operation === "parameter") continue;
    text += nodeText(node);
    for (const input of node.inputs) text += ` ${places.get(input) ?? -1}`;
    text += end;
    for (const output of node.outputs) if (!places.has(output)) places.set(output, places.size);
  }
  for (const value of results) text += ` ${places.get(value) ?? -1}`;
  return text;
}

const texts = new WeakMap<Node, string>();

/** A node without its inputs. Fusion asks many questions about the same nodes, so each is written once. */
function textOf(node: Node): string {
  const known = texts.get(node);
  if (known !== undefined) return known;
  const made = ownText(node) + node.regions.map((region) => `{\n${structureOf(region)}\n}`).join("");
  texts.set(node, made);
  return made;
}

function ownText({ operation, attributes }: Node): string {
  return `${operation} ${JSON.stringify(attributes)}`;
}
