// From a fused node to its kernels: the template it was fused for, or the library kernel it calls, writes the text.
import { sizeOf, type Node, type Region, type Value } from "../ir/graph.ts";
import { operationOf } from "../ops/index.ts";
import type { DeviceProfile } from "../plan/plan.ts";
import { draftOnce, kernelOf, nodesOf, parametersOf, type Drafter } from "./draft.ts";
import { foldsIn } from "./folds.ts";
import { plainLayouts, type ChooseKernel, type Layouts } from "./kernel.ts";
import { libraryKernels } from "./library.ts";
import { draftMap } from "./map.ts";
import { draftMatmul } from "./matmul.ts";
import { draftReduce } from "./reduce.ts";
import { draftRow } from "./row.ts";
import { draftScatter } from "./scatter.ts";

/** How a region of each kind is computed by one kernel, in the order in which fusion tries them. */
export const templates: ReadonlyMap<string, Drafter> = new Map([
  ["matmul", draftMatmul],
  ["scatter", draftScatter],
  ["row", draftRow],
  ["reduce", draftReduce],
  ["map", draftMap],
]);

export const chooseKernel: ChooseKernel = (node, layouts, profile) => {
  const { template, region } = read(node);
  const library = libraryKernels.get(template);
  if (library !== undefined) {
    const kernels = library.choose(node, layouts, profile);
    if (kernels === undefined) throw new Error(`the kernel ${template} declines what it was chosen for`);
    return kernels;
  }
  const drafter = templates.get(template);
  if (drafter === undefined) throw new Error(`no template is called ${template}`);
  const task = { region, layouts, profile };
  if (template !== "map") return [kernelOf(drafter, task)];
  return rangesBetween(region, layouts).map((range) => kernelOf(drafter, { ...task, range }));
};

/** The elements of a map, cut where what has as many elements is cut into windows. */
function rangesBetween(
  { parameters, results }: Region,
  { inputCuts = [], outputCuts = [], inputStrides, outputStrides }: Layouts,
): readonly { readonly from: number; readonly to: number }[] {
  const total = sizeOf(results[0]?.shape ?? []);
  const cuts = new Set<number>();
  const look = ({ shape }: Value, own: readonly number[] | undefined, stride: number | undefined): void => {
    if (own === undefined || sizeOf(shape) !== total) return;
    const slice = sizeOf(shape.slice(1));
    const step = stride ?? slice;
    for (const cut of own) cuts.add(Math.floor(cut / step) * slice + Math.min(cut % step, slice));
  };
  parameters.forEach((value, input) => look(value, inputCuts[input], inputStrides[input]));
  results.forEach((value, output) => look(value, outputCuts[output], outputStrides[output]));
  // An invocation computes up to four elements: a kernel that would begin between them crosses the cut instead.
  const ends = [...cuts].filter((cut) => cut % 4 === 0 && cut < total).toSorted((a, b) => a - b);
  return [0, ...ends].map((from, at) => ({ from, to: ends[at] ?? total }));
}

/**
 * The pairs [output, input] of which the output may be written over the input: of one type and size, and every element of
 * the input is read only by the invocation that writes the same element of the output, before it does.
 */
export function inPlaceCandidates(
  node: Node,
  profile: DeviceProfile,
): readonly (readonly [number, number])[] {
  const { template, region } = read(node);
  const drafter = templates.get(template);
  if (drafter === undefined) return [];
  const shared = readByMany(region, template);
  const alike = region.results.flatMap((result, output) => {
    if (region.results.indexOf(result) !== output) return [];
    return region.parameters.flatMap((parameter, input) => {
      if (shared.has(parameter) || parameter.type !== result.type) return [];
      return sizeOf(parameter.shape) === sizeOf(result.shape) ? [[output, input] as const] : [];
    });
  });
  // Most products and many others have no such pair, and need no draft.
  if (alike.length === 0) return [];
  const { scene, workgroupSize } = draftOnce(drafter, { region, layouts: plainLayouts, profile });
  const { memory } = scene;
  // Where several invocations share a row, results of one element a row are written while others may still read theirs.
  const rows = template === "row" && workgroupSize[0] > 1 ? (foldsIn(region)[0]?.kept ?? 0) : -1;
  return alike.filter(([output, input]) => {
    if (sizeOf(region.results[output]?.shape ?? []) === rows) return false;
    const own = memory.stored.flatMap((store) => (store.output === output ? [store.address.key] : []));
    const loads = memory.loaded.filter((load) => load.input === input);
    return loads.length > 0 && loads.every(({ address }) => own.includes(address.key));
  });
}

/** Parameters that a product, a scatter or a fold over many rows reads: every element by more than one invocation. */
function readByMany(region: Region, template: string): ReadonlySet<Value> {
  if (template === "map" || template === "row") return new Set();
  const sources = nodesOf(region).filter(({ operation }) => {
    const { kind } = operationOf(operation).lowering;
    return kind === "product" || kind === "scatter" || kind === "reduce";
  });
  return parametersOf(
    region,
    sources.flatMap(({ inputs }) => inputs),
  );
}

function read(node: Node): { readonly template: string; readonly region: Region } {
  const template = node.attributes["template"];
  const [region] = node.regions;
  if (typeof template !== "string" || region === undefined)
    throw new TypeError(`${node.operation} is no fused node`);
  return { template, region };
}
