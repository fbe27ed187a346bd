// Kernel choice as the scheduler asks for it: each structure and layout once, so that the iterations of a repetition share their
// kernels, as do training and evaluation, and work does not grow with depth.
import type { Node } from "../ir/graph.ts";
import { structureOf } from "../ir/structure.ts";
import type { ChooseKernel, Kernel, Layouts } from "../kernels/kernel.ts";
import type { DeviceProfile } from "./plan.ts";
import type { InPlacePairs } from "./targets.ts";

/** Where kernels come from. */
export interface KernelSource {
  readonly choose: ChooseKernel;
  inPlaceCandidates(node: Node, profile: DeviceProfile): readonly (readonly [number, number])[];
}

/** Chooses kernels, each structure and layout once. */
export interface Chooser {
  kernels(node: Node, layouts: Layouts): readonly Kernel[];
  readonly pairs: InPlacePairs;
}

export function chooser(source: KernelSource, profile: DeviceProfile): Chooser {
  // Structures are long texts; each is looked at once a node and goes by its number from then on.
  const numbers = new Map<string, number>();
  const numbered = new WeakMap<Node, number>();
  const chosen = new Map<string, readonly Kernel[]>();
  const paired = new Map<number, readonly (readonly [number, number])[]>();
  const structure = (node: Node): number => {
    const known = numbered.get(node);
    if (known !== undefined) return known;
    const text = structureOfFused(node);
    const number = numbers.get(text) ?? numbers.size;
    numbers.set(text, number);
    numbered.set(node, number);
    return number;
  };
  const kernels = (node: Node, layouts: Layouts): readonly Kernel[] => {
    const { inputStrides, outputStrides, inputCuts, outputCuts, inPlace } = layouts;
    const cuts = [inputCuts, outputCuts].map((each) => each?.map((own) => own.join()).join(";") ?? "");
    const key = `${structure(node)} ${inputStrides.join()} ${outputStrides.join()} ${inPlace.join(" ")} ${cuts.join(" ")}`;
    const known = chosen.get(key) ?? source.choose(node, layouts, profile);
    chosen.set(key, known);
    return known;
  };
  const pairs = (node: Node): readonly (readonly [number, number])[] => {
    const key = structure(node);
    const known = paired.get(key) ?? source.inPlaceCandidates(node, profile);
    paired.set(key, known);
    return known;
  };
  return { kernels, pairs };
}

/** What a fused node computes and how: equal for nodes that one kernel serves. */
function structureOfFused({ attributes, regions, inputs }: Node): string {
  const bodies = regions.map((region) => structureOf(region));
  const types = inputs.map(({ type, shape }) => `${type} ${shape.join(" ")}`);
  return [JSON.stringify(attributes), ...types, ...bodies].join("\n\n");
}

/** Of several dispatches, none may read an input after another has written over it. */
export function checkOrder(kernels: readonly Kernel[], inPlace: Layouts["inPlace"]): void {
  for (const [output, input] of inPlace) {
    const writer = kernels.findIndex(({ values }) => values.some((value) => value.output === output));
    const late = kernels
      .slice(writer + 1)
      .find(({ values }) => values.some((value) => value.input === input && value.output !== output));
    if (late !== undefined)
      throw new RangeError(`'${late.about}' reads input ${input} after output ${output} is written over it`);
  }
}
