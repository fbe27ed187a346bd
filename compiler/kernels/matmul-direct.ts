// A tile of a matrix product without workgroup memory: each invocation holds a block of outputs and reads its rows and columns
// four steps of the inner axis at a time. For processors that pose as GPUs, where workgroup memory and barriers only cost.
// Places outside are clamped to the last row or column; what they compute is not stored.
import type { TileTask, TileText } from "./matmul-tile.ts";

const LANES = ["x", "y", "z", "w"] as const;

export function directTile(task: TileTask): TileText {
  const { tile, m, n, k, left, right } = task;
  const { rows, columns, rowsEach, columnsEach } = tile;
  const quads = columnsEach / 4;
  const lines: string[] = [
    `let m0 = tile_row * ${rows}u + local.y * ${rowsEach}u;`,
    `let n0 = tile_column * ${columns}u + local.x * ${columnsEach}u;`,
  ];
  const each = (count: number, line: (index: number) => string): string[] =>
    Array.from({ length: count }, (_, i) => line(i));
  const exact = (size: number, block: number): boolean => size % block === 0;

  if (left.lanes === 4 && left.along === "outer") {
    lines.push(
      ...each(rowsEach / 4, (i) => `let m${i + 1} = ${clamped(`m0 / 4u + ${i}u`, m / 4, exact(m, rows))};`),
    );
  } else lines.push(...each(rowsEach, (i) => `let m${i + 1} = ${clamped(`m0 + ${i}u`, m, exact(m, rows))};`));
  if (right.lanes === 4 && right.along === "outer") {
    lines.push(
      ...each(quads, (j) => `let n${j + 1} = ${clamped(`n0 / 4u + ${j}u`, n / 4, exact(n, columns))};`),
    );
  } else
    lines.push(
      ...each(columnsEach, (j) => `let n${j + 1} = ${clamped(`n0 + ${j}u`, n, exact(n, columns))};`),
    );
  for (let i = 0; i < rowsEach; i++) lines.push(...each(quads, (j) => `var c${i}_${j} = vec4<f32>();`));

  const steps = Math.floor(k / 4);
  const turns = turnsOf(task, steps);
  lines.push(...turns.declare);
  if (steps > 0) {
    lines.push(
      `for (var k4 = 0u; k4 < ${turns.count} * once; k4++) {`,
      ...group(task, 4, "k4").map((line) => `  ${line}`),
      "}",
    );
  }
  if (k % 4 !== 0)
    lines.push(`${turns.rest}{`, ...group(task, k % 4, `${steps}u`).map((line) => `  ${line}`), "}");
  lines.push(...finish(task));
  return { globals: [], body: lines.map((line) => `  ${line}`).join("\n"), workgroupMemory: 0 };
}

/** How often the loop runs, and under which condition the steps after it: not at all where every output is behind an end. */
function turnsOf(
  { ends }: TileTask,
  steps: number,
): { readonly declare: readonly string[]; readonly count: string; readonly rest: string } {
  const inside = [
    ...(ends.m === undefined ? [] : [`m0 < ${ends.m}`]),
    ...(ends.n === undefined ? [] : [`n0 < ${ends.n}`]),
  ];
  const conditions = [...inside, ...(ends.k === undefined ? [] : [`${steps * 4}u < ${ends.k}`])];
  if (conditions.length === 0) return { declare: [], count: `${steps}u`, rest: "" };
  const most = ends.k === undefined ? `${steps}u` : `min(${steps}u, (${ends.k} + 3u) / 4u)`;
  const count = inside.length === 0 ? most : `select(0u, ${most}, ${inside.join(" && ")})`;
  return {
    declare: steps === 0 ? [] : [`let turns = ${count};`],
    count: "turns",
    rest: `if (${conditions.join(" && ")}) `,
  };
}

/** A coordinate kept inside. */
function clamped(text: string, size: number, exact: boolean): string {
  return exact ? text : `min(${text}, ${size - 1}u)`;
}

/** The products of up to four steps along the inner axis, from step 4 · `k4` on. */
function group({ tile, left, right }: TileTask, count: number, k4: string): string[] {
  const { rowsEach, columnsEach } = tile;
  const lines: string[] = [];
  const lanes = LANES.slice(0, count);
  const at = (lane: number): string =>
    /^\d/.test(k4) ? `${Number.parseInt(k4, 10) * 4 + lane}u` : `${k4} * 4u + ${lane}u`;

  // Rows of the left-hand side, each a vec4 along the inner axis.
  if (left.lanes === 4 && left.along === "inner") {
    for (let i = 0; i < rowsEach; i++) lines.push(`let a${i} = left(batch, m${i + 1}, ${k4});`);
  } else {
    for (let i = 0; i < (left.lanes === 4 ? rowsEach / 4 : rowsEach); i++) {
      lanes.forEach((_, lane) => lines.push(`let s${i}_${lane} = left(batch, m${i + 1}, ${at(lane)});`));
    }
    for (let i = 0; i < rowsEach; i++) {
      const parts = LANES.map((_, lane) => {
        if (lane >= count) return "0.0f";
        return left.lanes === 4 ? `s${i >> 2}_${lane}.${LANES[i & 3] ?? "x"}` : `s${i}_${lane}`;
      });
      lines.push(`let a${i} = vec4<f32>(${parts.join(", ")});`);
    }
  }

  if (right.lanes === 4 && right.along === "inner") {
    for (let j = 0; j < columnsEach; j++) lines.push(`let b${j} = right(batch, ${k4}, n${j + 1});`);
    for (let i = 0; i < rowsEach; i++) {
      for (let j = 0; j < columnsEach / 4; j++) {
        const dots = LANES.map((_, lane) => `dot(a${i}, b${j * 4 + lane})`);
        lines.push(`c${i}_${j} += vec4<f32>(${dots.join(", ")});`);
      }
    }
    return lines;
  }
  lanes.forEach((_, lane) => {
    for (let j = 0; j < columnsEach / 4; j++) {
      const name = `b${lane}_${j}`;
      if (right.lanes === 4) lines.push(`let ${name} = right(batch, ${at(lane)}, n${j + 1});`);
      else {
        const parts = LANES.map((_unused, column) => `right(batch, ${at(lane)}, n${j * 4 + column + 1})`);
        lines.push(`let ${name} = vec4<f32>(${parts.join(", ")});`);
      }
    }
  });
  for (let i = 0; i < rowsEach; i++) {
    for (let j = 0; j < columnsEach / 4; j++) {
      lines.push(`c${i}_${j} += ${lanes.map((lane, step) => `a${i}.${lane} * b${step}_${j}`).join(" + ")};`);
    }
  }
  return lines;
}

/** The sums handed over row by row, in a loop: what is done with them stands in the text once. */
function finish({ tile, m, n, lanes }: TileTask): string[] {
  const { rows, columns, rowsEach, columnsEach } = tile;
  const quads = Array.from({ length: columnsEach / 4 }, (_, j) => j);
  const guard = m % rows === 0 ? "" : `m0 + i < ${m}u`;
  const store = (j: number): string[] =>
    storeQuad("m0 + i", `n0 + ${j * 4}u`, `sums${j}[i]`, n, n % columns === 0, lanes, guard);
  return [
    ...quads.map((j) => {
      const own = Array.from({ length: rowsEach }, (_, i) => `c${i}_${j}`);
      return `var sums${j} = array<vec4<f32>, ${rowsEach}>(${own.join(", ")});`;
    }),
    `for (var i = 0u; i < ${rowsEach}u * once; i++) {`,
    ...quads.flatMap(store).map((line) => `  ${line}`),
    "}",
  ];
}

/** Calls of `finish` for four neighbouring columns, those outside left out. */
export function storeQuad(
  row: string,
  column: string,
  value: string,
  n: number,
  exact: boolean,
  lanes: 1 | 2 | 4,
  guard: string,
): string[] {
  const lines: string[] = [];
  for (let lane = 0; lane < 4; lane += lanes) {
    const place = lane === 0 ? column : `${column} + ${lane}u`;
    const conditions = [...(guard === "" ? [] : [guard]), ...(exact ? [] : [`${place} < ${n}u`])];
    const part =
      lanes === 4
        ? value
        : lanes === 2
          ? `${value}.${lane === 0 ? "xy" : "zw"}`
          : `${value}.${LANES[lane] ?? "x"}`;
    const at = lanes === 1 ? place : `(${place}) / ${lanes}u`;
    const call = `finish(batch, ${row}, ${at}, ${part});`;
    lines.push(conditions.length === 0 ? call : `if (${conditions.join(" && ")}) { ${call} }`);
  }
  return lines;
}
