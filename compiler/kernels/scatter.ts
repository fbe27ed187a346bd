// Rows added up by their index, without atomics: one workgroup for each row of the result and block of its columns looks for
// the positions with that index, all invocations at once, and adds their updates in rising position.
import { sizeOf } from "../ir/graph.ts";
import { operationOf } from "../ops/index.ts";
import { describe, has16Bit, isSerial, nodesOf, powerOfTwo, turns, type Drafter } from "./draft.ts";
import { add, ravel, scale, unravel, variable } from "./index.ts";
import { NoExpression, Tracer } from "./trace.ts";
import { Writer } from "./writer.ts";

export const draftScatter: Drafter = ({ region, profile }, scene) => {
  const scatters = nodesOf(region).filter(
    ({ operation }) => operationOf(operation).lowering.kind === "scatter",
  );
  const [node] = scatters;
  const [updates, indices] = node?.inputs ?? [];
  const [result] = node?.outputs ?? [];
  if (scatters.length !== 1 || updates === undefined || indices === undefined || result === undefined) {
    throw new NoExpression("not one scatter");
  }
  const total = sizeOf(result.shape);
  if (has16Bit(region) || region.results.some(({ shape }) => sizeOf(shape) !== total))
    throw new NoExpression("no common results");
  const count = result.shape[0] ?? 1;
  const width = total / count;
  const positions = sizeOf(indices.shape);
  const threads = Math.min(
    isSerial(profile) ? 16 : 128,
    profile.limits.maxComputeInvocationsPerWorkgroup,
    powerOfTwo(Math.max(width, Math.ceil(positions / 32))),
  );
  const blocks = Math.ceil(width / threads);
  const tiles = Math.ceil(positions / (32 * threads));

  const writer = new Writer(count * blocks * threads);
  writer.line(`let row = group / ${blocks}u;`);
  writer.line(`let place = (group % ${blocks}u) * ${threads}u + local.x;`);
  writer.line(`let column = min(place, ${width - 1}u);`);
  for (const name of ["row", "column"]) writer.declare(name);
  const row = variable("row", count);
  const column = variable("column", width);
  const own = add(scale(row, width), column);
  const tracer = new Tracer(scene, writer, (value, at) =>
    value === result && ravel(at, result.shape).key === own.key ? "total" : undefined,
  );
  writer.line("var total = 0.0f;");
  writer.declare("total");
  writer.open(`for (var tile = 0u; tile < ${turns(tiles, profile)}; tile++)`, {
    names: ["tile"],
    times: tiles,
  });
  writer.line("var mask = 0u;");
  writer.open(`for (var bit = 0u; bit < ${turns(32, profile)}; bit++)`, {
    names: ["bit", "position"],
    times: 32,
  });
  writer.line(`let position = (tile * ${threads}u + local.x) * 32u + bit;`);
  writer.open(`if (position < ${positions}u)`, { names: ["position"] });
  const index = tracer.expression(indices, unravel(variable("position", positions), indices.shape));
  writer.line(`if (u32(${index}) == row) { mask |= 1u << bit; }`);
  writer.close();
  writer.close();
  writer.line("masks[local.x] = mask;");
  writer.line("workgroupBarrier();");
  writer.open(`for (var word = 0u; word < ${turns(threads, profile)}; word++)`, {
    names: ["word"],
    times: threads,
  });
  writer.line("var rest = masks[word];");
  // Each update is added once, to its row.
  writer.open("while (rest != 0u)", {
    names: ["found"],
    conditional: true,
    times: positions / (count * tiles * threads),
  });
  writer.line(`let found = (tile * ${threads}u + word) * 32u + firstTrailingBit(rest);`);
  writer.line("rest &= rest - 1u;");
  const flat = add(scale(variable("found", positions), width), column);
  writer.line(`total += ${tracer.expression(updates, unravel(flat, updates.shape))};`);
  writer.close();
  writer.close();
  writer.line("workgroupBarrier();");
  writer.close();

  writer.open(`if (place < ${width}u)`, { conditional: true });
  const stores = region.results.map((value) => {
    const at = unravel(own, value.shape);
    return { at, element: tracer.expression(value, at) };
  });
  stores.forEach(({ at, element }, output) => scene.memory.store(writer, output, [at], [element]));
  writer.close();
  return {
    about: describe("scatter", region),
    scene,
    globals: [`var<workgroup> masks: array<u32, ${threads}>;`],
    functions: [],
    body: writer.text(),
    workgroupSize: [threads, 1, 1],
    groups: count * blocks,
    workgroupMemory: threads * 4,
    flops: writer.count.flops + sizeOf(updates.shape),
  };
};
