// Kernels with folds along rows: norms, softmax, cross-entropy and what stands around them. A row is a run of elements that
// belong to one result of a fold; some invocations share it. Each stage folds along the row, reading memory again for what it
// needs; the last walk writes the results that have an element for each column, and one invocation those of one a row.
import { bytesOf, sizeOf, type Region, type Value } from "../ir/graph.ts";
import {
  countLanes,
  describe,
  isSerial,
  powerOfTwo,
  turns,
  type Draft,
  type Drafter,
  type Task,
} from "./draft.ts";
import { finished, foldsIn, foldsRows, joinParts, type Fold } from "./folds.ts";
import { add, constant, scale, unravel, variable, type Index } from "./index.ts";
import { NoExpression, Tracer } from "./trace.ts";
import { Writer } from "./writer.ts";

/** How the rows are shared out. */
interface Walk {
  readonly rows: number;
  /** Invocations that share a row, a power of two. */
  readonly threads: number;
  /** Rows of a workgroup. */
  readonly side: number;
}

export const draftRow: Drafter = (task, scene): Draft => {
  const { region } = task;
  const folds = foldsIn(region);
  const rows = rowsOf(region, folds);
  const full = region.results.filter(({ shape }) => sizeOf(shape) !== rows);
  const widths = [...folds.map(({ folded }) => folded), ...full.map(({ shape }) => sizeOf(shape) / rows)];
  const walk = shareOut(rows, Math.max(...widths), task);
  const writer = new Writer(rows * walk.threads);
  const { threads, side } = walk;

  const all = rows % side === 0;
  writer.line(all ? `let row = group * ${side}u + local.y;` : `let place = group * ${side}u + local.y;`);
  if (!all) writer.line(`let row = min(place, ${rows - 1}u);`);
  writer.declare("row");
  if (threads * side > 1) writer.line(`let own = local.y * ${threads}u + local.x;`);
  const row = variable("row", rows);
  const registers = new Map<Value, string>();
  const tracer = new Tracer(
    scene,
    writer,
    finished(registers, () => row),
  );

  const scratches = new Map<string, string>();
  for (const stage of stagesOf(folds)) {
    const named = stage.map((fold, slot) => {
      const part = writer.fresh("part");
      writer.line(`var ${part} = ${fold.identity};`);
      writer.declare(part);
      const scratch = `scratch_${fold.type}_${slot}`;
      scratches.set(scratch, `var<workgroup> ${scratch}: array<${fold.type}, ${threads * side}>;`);
      return { fold, part, scratch };
    });
    const width = stage[0]?.folded ?? 1;
    const lanes = lanesAlong(width, false);
    walkRow(tracer, task, width, lanes, threads, (column) => {
      for (const { fold, part } of named) {
        for (const place of column) {
          const flat = add(scale(row, width), place);
          const element = tracer.expression(fold.source, alongRow(fold, flat));
          writer.line(`${part} = ${fold.combine(part, element)};`);
        }
      }
    });
    const base = `local.y * ${threads}u`;
    const results = joinParts(writer, named, threads, 1, "own", "local.x", base);
    stage.forEach(({ result }, index) => registers.set(result, results[index] ?? ""));
  }

  if (!all) writer.open(`if (place < ${rows}u)`, { conditional: true });
  writeRows(tracer, task, rows, row, threads);
  if (!all) writer.close();
  return {
    about: describe("row", region),
    scene,
    globals: threads > 1 ? [...scratches.values()] : [],
    functions: [],
    body: writer.text(),
    workgroupSize: [threads, side, 1],
    groups: Math.ceil(rows / side),
    workgroupMemory: threads > 1 ? scratches.size * threads * side * 4 : 0,
    flops: writer.count.flops + folds.reduce((total, { kept, folded }) => total + kept * folded, 0),
  };
};

/** The number of rows that all folds and results agree on. */
function rowsOf(region: Region, folds: readonly Fold[]): number {
  const rows = folds[0]?.kept ?? 0;
  const agree =
    folds.length > 0 &&
    folds.every((fold) => fold.kept === rows && foldsRows(fold)) &&
    region.results.every((result) => {
      const size = sizeOf(result.shape);
      if (bytesOf[result.type] === 2) return size !== rows && (size / rows) % 2 === 0;
      return size % rows === 0;
    });
  if (!agree) throw new NoExpression("no common rows");
  return rows;
}

function shareOut(rows: number, width: number, { profile }: Task): Walk {
  const { maxComputeInvocationsPerWorkgroup: limit } = profile.limits;
  const units = Math.ceil(width / 4);
  if (isSerial(profile)) {
    // Barriers are dear: rows side by side where there are enough of them.
    if (rows >= 32 || width <= 16) return { rows, threads: 1, side: Math.min(8, powerOfTwo(rows)) };
    return { rows, threads: Math.min(16, powerOfTwo(units)), side: 1 };
  }
  const threads = Math.min(256, limit, powerOfTwo(units));
  const side = Math.min(powerOfTwo(rows), Math.max(1, 64 / threads));
  return { rows, threads, side };
}

/** Folds that need only earlier ones, along rows of one width, share a walk. */
function stagesOf(folds: readonly Fold[]): readonly (readonly Fold[])[] {
  const stages = new Map<string, Fold[]>();
  for (const fold of folds.toSorted((a, b) => a.level - b.level)) {
    const key = `${fold.level} ${fold.folded}`;
    stages.set(key, [...(stages.get(key) ?? []), fold]);
  }
  return [...stages.values()];
}

function lanesAlong(width: number, paired: boolean): number {
  if (width % 4 === 0) return 4;
  return paired ? 2 : 1;
}

/** Coordinates of an element of what is folded, given its number counted by rows. */
function alongRow({ source }: Fold, flat: Index): readonly Index[] {
  return unravel(flat, source.shape);
}

/** Visits the elements of a row, some neighbours at once. */
function walkRow(
  { scene, writer }: Tracer,
  { profile, survey }: Task,
  width: number,
  lanes: number,
  threads: number,
  visit: (column: readonly Index[]) => void,
): void {
  const units = width / lanes;
  const steps = Math.ceil(units / threads);
  const unit = variable("unit", units);
  const column = Array.from({ length: lanes }, (_, lane) => add(scale(unit, lanes), constant(lane)));
  const guarded = units % threads !== 0;
  // Work is counted by rows and invocations; here each of them takes its share of the units.
  const times = units / threads;
  const visitAll = (): void => {
    if (survey === true && lanes === 4)
      countLanes(scene, writer, (lane) => visit(column.slice(lane, lane + 1)));
    else visit(column);
  };
  if (steps === 1 && threads === 1) {
    visitAll();
    return;
  }
  writer.open(`for (var step = 0u; step < ${turns(steps, profile)}; step++)`, {
    names: ["step", "unit"],
    times,
  });
  writer.line(threads === 1 ? "let unit = step;" : `let unit = step * ${threads}u + local.x;`);
  // What depends on the unit stays under the condition; what depends on the row alone may leave it.
  if (guarded) writer.open(`if (unit < ${units}u)`, { names: ["unit"] });
  visitAll();
  if (guarded) writer.close();
  writer.close();
}

function writeRows(tracer: Tracer, task: Task, rows: number, row: Index, threads: number): void {
  const { writer, scene } = tracer;
  const { region, survey } = task;
  const results = region.results.map((result, index) => ({
    result,
    index,
    width: sizeOf(result.shape) / rows,
  }));
  const widths = [...new Set(results.map(({ width }) => width))].filter((width) => width > 1);
  // All loads come before the stores of the same element: an output may lie over an input.
  for (const width of widths) {
    const here = results.filter((each) => each.width === width);
    const lanes = lanesAlong(
      width,
      here.some(({ result }) => bytesOf[result.type] === 2),
    );
    walkRow(tracer, task, width, lanes, threads, (column) => {
      const stores = here.map(({ result, index }) => {
        const at = column.map((place) => unravel(add(scale(row, width), place), result.shape));
        return { index, at, values: at.map((place) => tracer.stored(result, place)) };
      });
      if (survey === true) return;
      for (const { index, at, values } of stores) scene.memory.store(writer, index, at, values);
    });
  }
  const single = results.filter(({ width }) => width === 1);
  if (single.length === 0) return;
  if (threads > 1) writer.open("if (local.x == 0u)", { conditional: true });
  const stores = single.map(({ result, index }) => {
    const at = unravel(row, result.shape);
    return { index, at, value: tracer.expression(result, at) };
  });
  for (const { index, at, value } of stores) scene.memory.store(writer, index, [at], [value]);
  if (threads > 1) writer.close();
}
