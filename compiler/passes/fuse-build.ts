// Builds the region that a finished fusion plan means: one `fused` node for each kernel with a closed region, repeats with
// their bodies fused, reshapes outside of kernels where a value is wanted under another shape than it was written.
import { apply, applyAll, parameter } from "../ir/build.ts";
import type { Node, Origin, Region, Value } from "../ir/graph.ts";
import { operationOf } from "../ops/index.ts";
import { homeOf, type FusionPlan, type Unit } from "./fuse-units.ts";
import { at, nodesBetween, rebuildValues, type Substitution } from "./rebuild.ts";

export function buildFused(plan: FusionPlan, fuseBody: (body: Region, node: Node) => Region): Region {
  const made: Substitution = new Map(plan.region.parameters.map((value) => [value, value]));
  for (const unit of inOrder(plan)) {
    const outputs =
      unit.fixed === undefined ? buildKernel(unit, made) : buildFixed(unit.fixed, made, fuseBody);
    unit.outputs.forEach((output, index) => made.set(output, at(outputs, index)));
  }
  return {
    parameters: plan.region.parameters,
    results: plan.region.results.map((value) => stored(value, made)),
  };
}

/** The value in memory, under its shape. */
function stored(value: Value, made: Substitution): Value {
  const known = made.get(value);
  if (known !== undefined) return known;
  const home = made.get(homeOf(value));
  if (home === undefined) throw new Error(`${value.node.operation} is in no kernel`);
  const same =
    home.shape.length === value.shape.length && home.shape.every((size, axis) => size === value.shape[axis]);
  const shaped = same ? home : apply("reshape", [home], { shape: value.shape }, [], value.node.origin);
  made.set(value, shaped);
  return shaped;
}

function buildKernel(unit: Unit, made: Substitution): readonly Value[] {
  const parameters = unit.reads.map((value) => parameter(value, nameOf(value), value.node.origin));
  const inside: Substitution = new Map(unit.reads.map((value, index) => [value, at(parameters, index)]));
  const results = rebuildValues(unit.outputs, inside);
  const inputs = unit.reads.map((value) => stored(value, made));
  return applyAll(
    "fused",
    inputs,
    { template: unit.analysis.template },
    [{ parameters, results }],
    originOf(unit),
  );
}

function buildFixed(
  node: Node,
  made: Substitution,
  fuseBody: (body: Region, node: Node) => Region,
): readonly Value[] {
  const inputs = node.inputs.map((input) => stored(input, made));
  if (node.operation !== "call") {
    return applyAll(
      node.operation,
      inputs,
      node.attributes,
      node.regions.map((body) => fuseBody(body, node)),
      node.origin,
    );
  }
  const attributes = { ...node.attributes, template: String(node.attributes["kernel"]) };
  return applyAll("fused", inputs, attributes, node.regions, node.origin);
}

/** Units after those they read from, otherwise as the region's results ask for them. */
function inOrder(plan: FusionPlan): readonly Unit[] {
  const order: Unit[] = [];
  const seen = new Set<Unit>();
  const stack: { readonly unit: Unit; next: number }[] = [];
  const enter = (value: Value): void => {
    const unit = plan.owners.get(homeOf(value)) ?? plan.owners.get(value);
    if (unit === undefined || seen.has(unit)) return;
    seen.add(unit);
    stack.push({ unit, next: 0 });
  };
  for (const result of plan.region.results) {
    enter(result);
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const input = top.unit.inputs[top.next];
      top.next += 1;
      if (input !== undefined) enter(input);
      else {
        order.push(top.unit);
        stack.pop();
      }
    }
  }
  return order;
}

function nameOf(value: Value): string {
  const name = value.node.attributes["name"];
  return value.node.operation === "parameter" && typeof name === "string" ? name : value.node.operation;
}

/** Where the heaviest part of a kernel comes from. */
function originOf(unit: Unit): Origin {
  const nodes = nodesBetween(unit.outputs, new Set(unit.reads));
  const heavy = nodes.find((node) => operationOf(node.operation).lowering.kind === "product");
  const fold = nodes.findLast((node) => operationOf(node.operation).lowering.kind === "reduce");
  return (heavy ?? fold ?? at(unit.outputs, 0).node).origin;
}
