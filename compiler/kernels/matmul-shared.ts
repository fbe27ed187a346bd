// A tile of a matrix product through workgroup memory: both operands' blocks are staged there with the inner axis outermost,
// so that an invocation reads its rows and columns as vec4; the next block is on its way from memory while the products of
// this one are made. Rows in workgroup memory are padded by one vec4 against bank conflicts. Outside, operands are zero.
import type { Tile } from "../plan/plan.ts";
import { storeQuad } from "./matmul-direct.ts";
import type { TileTask, TileText } from "./matmul-tile.ts";

const LANES = ["x", "y", "z", "w"] as const;

/** Bytes of workgroup memory that a tile takes. */
export function workgroupMemoryOf({ rows, columns, inner }: Tile): number {
  return inner * (rows + 4 + columns + 4) * 4;
}

export function sharedTile(task: TileTask): TileText {
  const { tile, k } = task;
  const { rows, columns, inner, rowsEach, columnsEach } = tile;
  const [across, down] = [columns / columnsEach, rows / rowsEach];
  const steps = Math.ceil(k / inner);
  const [rowQuads, columnQuads] = [rowsEach / 4, columnsEach / 4];
  const left = staging(task, "left");
  const right = staging(task, "right");

  const turns = turnsOf(task, steps);
  const compute: string[] = [`for (var k = 0u; k < ${turns.depth}; k++) {`];
  for (let i = 0; i < rowQuads; i++)
    compute.push(`  let a${i} = left_block[k * ${(rows + 4) / 4}u + ${i * down}u + local.y];`);
  for (let j = 0; j < columnQuads; j++)
    compute.push(`  let b${j} = right_block[k * ${(columns + 4) / 4}u + ${j * across}u + local.x];`);
  for (let i = 0; i < rowsEach; i++) {
    for (let j = 0; j < columnQuads; j++)
      compute.push(`  c${i}_${j} += a${i >> 2}.${LANES[i & 3] ?? "x"} * b${j};`);
  }
  compute.push("}");
  const own = turns.own === undefined ? compute : [`if (${turns.own}) {`, ...compute, "}"];

  const lines = [
    `let thread = local.y * ${across}u + local.x;`,
    `let m0 = tile_row * ${rows}u;`,
    `let n0 = tile_column * ${columns}u;`,
  ];
  for (let i = 0; i < rowsEach; i++)
    for (let j = 0; j < columnQuads; j++) lines.push(`var c${i}_${j} = vec4<f32>();`);
  const first = [...left.fetch("0u"), ...right.fetch("0u")];
  lines.push(...left.declare, ...right.declare, ...turns.declare);
  lines.push(...(turns.isSure ? first : ["if (turns > 0u) {", ...first, "}"]));
  lines.push(
    `for (var step = 0u; step < ${turns.count}; step++) {`,
    ...[...left.put, ...right.put, "workgroupBarrier();"].map((line) => `  ${line}`),
    ...(steps > 1
      ? [
          `  if (${turns.isSure ? `step < ${steps - 1}u` : "step + 1u < turns"}) {`,
          ...[...left.fetch("(step + 1u)"), ...right.fetch("(step + 1u)")].map((line) => `    ${line}`),
          "  }",
        ]
      : []),
    ...[...own, "workgroupBarrier();"].map((line) => `  ${line}`),
    "}",
  );
  for (let i = 0; i < rowsEach; i++) {
    const row = `m0 + (${(i >> 2) * down}u + local.y) * 4u + ${i & 3}u`;
    const guard = task.m % rows === 0 ? "" : `${row} < ${task.m}u`;
    for (let j = 0; j < columnQuads; j++) {
      const column = `n0 + (${j * across}u + local.x) * 4u`;
      lines.push(...storeQuad(row, column, `c${i}_${j}`, task.n, task.n % columns === 0, task.lanes, guard));
    }
  }
  return {
    globals: [
      `var<workgroup> left_block: array<vec4<f32>, ${(inner * (rows + 4)) / 4}>;`,
      `var<workgroup> right_block: array<vec4<f32>, ${(inner * (columns + 4)) / 4}>;`,
    ],
    body: lines.map((line) => `  ${line}`).join("\n"),
    workgroupMemory: workgroupMemoryOf(tile),
  };
}

interface Turns {
  readonly declare: readonly string[];
  /** Blocks along the inner axis; none where the whole tile is behind an end, unless `isSure`. */
  readonly count: string;
  readonly isSure: boolean;
  /** Steps of a block. */
  readonly depth: string;
  /** The condition under which an invocation has outputs before the ends. */
  readonly own: string | undefined;
}

/** The loops of a tile: constant ones, which GPUs like best, unless an axis ends early. */
function turnsOf({ tile: { inner }, ends }: TileTask, steps: number): Turns {
  const inside = (m: string, n: string): string | undefined => {
    const conditions = [
      ...(ends.m === undefined ? [] : [`${m} < ${ends.m}`]),
      ...(ends.n === undefined ? [] : [`${n} < ${ends.n}`]),
    ];
    return conditions.length === 0 ? undefined : conditions.join(" && ");
  };
  const whole = inside("m0", "n0");
  if (whole === undefined && ends.k === undefined)
    return { declare: [], count: `${steps}u`, isSure: true, depth: `${inner}u`, own: undefined };
  const most = ends.k === undefined ? `${steps}u` : `min(${steps}u, (${ends.k} + ${inner - 1}u) / ${inner}u)`;
  return {
    declare: [`let turns = ${whole === undefined ? most : `select(0u, ${most}, ${whole})`};`],
    count: "turns",
    isSure: false,
    depth: ends.k === undefined ? `${inner}u` : `min(${inner}u, ${ends.k} - step * ${inner}u)`,
    own: inside("m0 + local.y * 4u", "n0 + local.x * 4u"),
  };
}

interface Staging {
  readonly declare: readonly string[];
  /** Reads a block into registers. */
  fetch(step: string): readonly string[];
  /** Puts the registers into workgroup memory. */
  readonly put: readonly string[];
}

/** How the invocations of a workgroup bring a block of one operand. */
function staging(task: TileTask, side: "left" | "right"): Staging {
  const { tile, k } = task;
  const { lanes, along } = task[side];
  const width = side === "left" ? tile.rows : tile.columns;
  const size = side === "left" ? task.m : task.n;
  const threads = (tile.rows / tile.rowsEach) * (tile.columns / tile.columnsEach);
  const isInner = along === "inner";
  // Items: single elements or groups of four, the contiguous axis fastest.
  const fast = (isInner ? tile.inner : width) / lanes;
  const items = (tile.inner * width) / lanes;
  const count = Math.ceil(items / threads);
  const type = lanes === 4 ? "vec4<f32>" : "f32";
  const start = side === "left" ? "m0" : "n0";
  const stride = (width + 4) / 4;
  const [scaleInner, scaleOuter] = [isInner ? lanes : 1, isInner ? 1 : lanes];

  const names = Array.from({ length: count }, (_, index) => `${side}_${index}`);
  const item = (index: number): string => (index === 0 ? "thread" : `(thread + ${index * threads}u)`);
  const inside = (index: number): string[] =>
    items % threads === 0 || index < count - 1 ? [] : [`${item(index)} < ${items}u`];
  const [quick, slow] = [
    (index: number) => `${item(index)} % ${fast}u`,
    (index: number) => `${item(index)} / ${fast}u`,
  ];
  const innerOf = (index: number): string => (isInner ? quick(index) : slow(index));
  const outerOf = (index: number): string => (isInner ? slow(index) : quick(index));

  return {
    declare: names.map((name) => `var ${name} = ${type}();`),
    fetch: (step) =>
      names.flatMap((name, index) => {
        const p = `${step} * ${tile.inner / scaleInner}u + ${innerOf(index)}`;
        const o = `${start}${scaleOuter === 1 ? "" : " / 4u"} + ${outerOf(index)}`;
        const conditions = [
          ...inside(index),
          ...(k % tile.inner === 0 ? [] : [`p < ${k / scaleInner}u`]),
          ...(size % width === 0 ? [] : [`o < ${size / scaleOuter}u`]),
        ];
        const call = side === "left" ? "left(batch, o, p)" : "right(batch, p, o)";
        const read =
          conditions.length === 0
            ? [`${name} = ${call};`]
            : [`${name} = ${type}();`, `if (${conditions.join(" && ")}) { ${name} = ${call}; }`];
        return [`{ let p = ${p}; let o = ${o};`, ...read.map((line) => `  ${line}`), "}"];
      }),
    put: names.flatMap((name, index) => {
      const [p, o] = [innerOf(index), outerOf(index)];
      const block = `${side}_block`;
      const lines =
        lanes === 4 && !isInner
          ? [`${block}[(${p}) * ${stride}u + ${o}] = ${name};`]
          : LANES.slice(0, lanes).map((lane, step) => {
              const row = lanes === 4 ? `((${p}) * 4u + ${step}u)` : `(${p})`;
              return `${block}[${row} * ${stride}u + (${o}) / 4u][(${o}) % 4u] = ${lanes === 4 ? `${name}.${lane}` : name};`;
            });
      const conditions = inside(index);
      return conditions.length === 0
        ? lines
        : [`if (${conditions.join(" && ")}) {`, ...lines.map((line) => `  ${line}`), "}"];
    }),
  };
}
