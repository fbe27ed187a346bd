// Kernel choice as the scheduler asks for it: each node and layout once, so that the iterations of a repetition share their kernels
// and work does not grow with depth.
import type { Node } from "../ir/graph.ts";
import type { ChooseKernel, Kernel, Layouts } from "../kernels/kernel.ts";
import type { DeviceProfile } from "./plan.ts";
import type { InPlacePairs } from "./targets.ts";

/** Where kernels come from. */
export interface KernelSource {
  readonly choose: ChooseKernel;
  inPlaceCandidates(node: Node, profile: DeviceProfile): readonly (readonly [number, number])[];
}

/** Chooses kernels, each node and layout once. */
export interface Chooser {
  kernels(node: Node, layouts: Layouts): readonly Kernel[];
  readonly pairs: InPlacePairs;
}

export function chooser(source: KernelSource, profile: DeviceProfile): Chooser {
  const chosen = new Map<Node, Map<string, readonly Kernel[]>>();
  const paired = new Map<Node, readonly (readonly [number, number])[]>();
  const kernels = (node: Node, layouts: Layouts): readonly Kernel[] => {
    const ofNode = chosen.get(node) ?? new Map<string, readonly Kernel[]>();
    chosen.set(node, ofNode);
    const key = JSON.stringify([layouts.inputStrides, layouts.outputStrides, layouts.inPlace]);
    const known = ofNode.get(key);
    if (known !== undefined) return known;
    const made = source.choose(node, layouts, profile);
    ofNode.set(key, made);
    return made;
  };
  const pairs = (node: Node): readonly (readonly [number, number])[] => {
    const known = paired.get(node) ?? source.inPlaceCandidates(node, profile);
    paired.set(node, known);
    return known;
  };
  return { kernels, pairs };
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
