// Kernels without sums: every output element is an expression of the same place, one invocation for a few neighbours.
// All results have as many elements; shapes may differ. Where some of them lie in windows, a kernel computes the elements between two
// cuts, so that it binds one window of each.
import { sizeOf } from "../ir/graph.ts";
import { countLanes, describe, has16Bit, isSerial, lanesFor, powerOfTwo, type Drafter } from "./draft.ts";
import { add, bounded, constant, scale, unravel, variable } from "./index.ts";
import { NoExpression, Tracer } from "./trace.ts";
import { Writer } from "./writer.ts";

export const draftMap: Drafter = ({ region, profile, survey, range }, scene) => {
  const total = sizeOf(region.results[0]?.shape ?? []);
  if (region.results.some(({ shape }) => sizeOf(shape) !== total))
    throw new NoExpression("results of different sizes");
  const lanes = lanesFor(region, [total]);
  const { from, to } = range ?? { from: 0, to: total };
  const units = Math.ceil((to - from) / lanes);
  const most = Math.min(isSerial(profile) ? 64 : 256, profile.limits.maxComputeInvocationsPerWorkgroup);
  const size = Math.min(most, powerOfTwo(units));
  const groups = Math.ceil(units / size);

  const writer = new Writer(units);
  const tracer = new Tracer(scene, writer);
  writer.line(`let unit = group * ${size}u + local.x;`);
  writer.declare("unit");
  if (units % size !== 0) writer.line(`if (unit >= ${units}u) { return; }`);
  const unit = variable("unit", units);
  const odd = total % lanes !== 0;
  const places = Array.from({ length: lanes }, (_, lane) => {
    const flat = add(scale(unit, lanes), constant(from + lane));
    if (!odd || lane === 0) return flat;
    // The last pair of an odd number of elements: its second half is padding, and holds some element.
    writer.line(`let last = min(${writer.index(flat)}, ${total - 1}u);`);
    writer.declare("last");
    return bounded(variable("last", total), from, to - 1);
  });
  const at = region.results.map(({ shape }) => places.map((flat) => unravel(flat, shape)));
  if (survey === true && lanes === 4) {
    const lane = (number: number): void =>
      region.results.forEach((result, index) => tracer.stored(result, at[index]?.[number] ?? []));
    countLanes(scene, writer, lane);
  } else {
    const values = region.results.map((result, index) =>
      (at[index] ?? []).map((place) => tracer.stored(result, place)),
    );
    // All loads come before the first store: an output may lie over an input.
    region.results.forEach((_, index) =>
      scene.memory.store(
        writer,
        index,
        at[index] ?? [],
        values[index] ?? [],
        odd && has16Bit(region),
        places,
      ),
    );
  }
  return {
    about: describe("map", region),
    scene,
    globals: [],
    functions: [],
    body: writer.text(),
    workgroupSize: [size, 1, 1],
    groups,
    workgroupMemory: 0,
    flops: writer.count.flops,
  };
};
