// Canonicalization: equal values become one, and the rules of `simplify-rules`, `simplify-views` and `simplify-repeat` are
// applied wherever they fit, in nested regions too; then what nobody uses is removed, until nothing changes.
//
// Ensures: the float64 meaning of every result is kept (but for the sign of a zero); a region that is already simple is returned
// as the same object; every node is visited once a sweep, after its inputs, so a rule sees inputs that are simple already.
import { applyAll } from "../ir/build.ts";
import type { Attributes, Node, Origin, Region, Value } from "../ir/graph.ts";
import type { Builder } from "../ops/operation.ts";
import { at, rebuild } from "./rebuild.ts";
import { isRepeat, readRepeat } from "./rebuild-repeat.ts";
import { makeKeys, type Keys } from "./simplify-keys.ts";
import { prune } from "./simplify-prune.ts";
import { loopRules } from "./simplify-repeat.ts";
import { rowsByCounter } from "./simplify-repeat-rows.ts";
import { arithmeticRules, differentiatedRules, type Rule } from "./simplify-rules.ts";
import { viewRules } from "./simplify-views.ts";

export interface Simplification {
  /** Nothing will be differentiated any more: marks for differentiation go. */
  readonly differentiated?: boolean;
}

/** All rules on single nodes, in the order in which they are tried. */
export const rules: readonly Rule[] = [...arithmeticRules, ...viewRules];

const allLoopRules = [...loopRules, rowsByCounter];

/** Rules, and the regions that are known to stay as they are under them: what a pass has left alone is not looked through again. */
interface RuleSet {
  readonly rules: readonly Rule[];
  readonly settled: WeakSet<Region>;
}

const before: RuleSet = { rules, settled: new WeakSet() };
const after: RuleSet = { rules: [...differentiatedRules, ...rules], settled: new WeakSet() };

export function simplify(region: Region, { differentiated = false }: Simplification = {}): Region {
  const all = differentiated ? after : before;
  for (let last = region; ;) {
    const next = prune(sweep(last, all, makeKeys()));
    if (next === last) return next;
    last = next;
  }
}

/** One pass over the region and those inside it. */
function sweep(region: Region, all: RuleSet, keys: Keys): Region {
  if (all.settled.has(region)) return region;
  const swept = sweepNodes(region, all, keys);
  if (swept === region) all.settled.add(region);
  return swept;
}

function sweepNodes(region: Region, all: RuleSet, keys: Keys): Region {
  const { make } = makeCanonical(all.rules, keys);
  return rebuild(
    region,
    (node, inputs, regions) => {
      if (node.operation === "parameter") return undefined;
      if (isRepeat(node)) {
        const builder = builderOf(make, node.origin);
        const outputs = simplifyLoop(node, inputs, at(regions, 0), builder, (body) => sweep(body, all, keys));
        if (outputs !== undefined) return outputs;
      }
      return make(node.operation, inputs, node.attributes, regions, node.origin, node);
    },
    (body) => sweep(body, all, keys),
  );
}

/** The outputs after the first rule on repeats that fits, itself simplified on; undefined where none fits. */
function simplifyLoop(
  node: Node,
  inputs: readonly Value[],
  body: Region,
  builder: Builder,
  simplifyBody: (body: Region) => Region,
): readonly Value[] | undefined {
  const loop = readRepeat(node, inputs, body);
  for (const rule of allLoopRules) {
    const outputs = rule.apply(loop, builder, simplifyBody);
    if (outputs === undefined) continue;
    const next = outputs.find((output) => isRepeat(output.node))?.node;
    const simpler = next && simplifyLoop(next, next.inputs, at(next.regions, 0), builder, simplifyBody);
    return outputs.map((output) => (output.node === next ? (simpler?.[output.index] ?? output) : output));
  }
  return undefined;
}

type Make = (
  operation: string,
  inputs: readonly Value[],
  attributes: Attributes,
  regions: readonly Region[],
  origin: Origin,
  original?: Node,
) => readonly Value[];

/** Makes nodes of one region such that equal ones are one and none fits a rule. `original` is used again if it is the same. */
function makeCanonical(all: readonly Rule[], keys: Keys): { make: Make } {
  const known = new Map<string, readonly Value[]>();
  const numbering = keys.numbering();
  const make: Make = (operation, inputs, attributes, regions, origin, original) => {
    const key = numbering.keyOf(operation, inputs, attributes, regions);
    const found = known.get(key);
    if (found !== undefined) return found;
    const same =
      original !== undefined &&
      inputs.every((input, index) => input === original.inputs[index]) &&
      regions.every((region, index) => region === original.regions[index]);
    const plain = same ? original.outputs : applyAll(operation, inputs, attributes, regions, origin);
    const { node } = at(plain, 0);
    let outputs = plain;
    for (const rule of regions.length === 0 ? all : []) {
      const simpler = rule.apply(node, builderOf(make, origin));
      if (simpler === undefined) continue;
      outputs = [simpler];
      break;
    }
    known.set(key, outputs);
    return outputs;
  };
  return { make };
}

function builderOf(make: Make, origin: Origin): Builder {
  const applyAll: Builder["applyAll"] = (operation, inputs, attributes = {}, regions = []) =>
    make(operation, inputs, attributes, regions, origin);
  return {
    applyAll,
    apply: (operation, inputs, attributes, regions) =>
      at(applyAll(operation, inputs, attributes, regions), 0),
    constant: (value, type = "f32", shape = []) => at(applyAll("constant", [], { value, type, shape }), 0),
  };
}
