// The two products that attention on a GPU is made of, as WGSL for one workgroup. Both work on a tile of `rows` by `columns`
// pairs of positions, of which each invocation has four neighbouring rows and some columns, one vec4 over its rows a column:
//   score  rows · columns: vectors of rows times vectors of columns, along the head's width, staged in chunks;
//   mix    tile · columns: the tile, kept in workgroup memory with the column outermost, times vectors of columns.
// The invocation's place is `x` among the columns and `y` among the rows; `thread` counts both. Positions past the last one are read
// as the last one: what becomes of them is the caller's to mask.
import type { Node } from "../ir/graph.ts";
import type { DeviceProfile } from "../plan/plan.ts";
import { each } from "./attention-text.ts";
import type { Layouts } from "./kernel.ts";

export interface AttentionTask {
  readonly node: Node;
  readonly layouts: Layouts;
  readonly profile: DeviceProfile;
}

export interface AttentionTile {
  readonly rows: number;
  readonly columns: number;
  /** Invocations along columns and along rows. */
  readonly across: number;
  readonly down: number;
  /** Quads of the width that are staged at once for a score. */
  readonly chunk: number;
  /** Columns that are staged at once for a mix. */
  readonly slab: number;
  /** Quads of the head's width, and how many of them an invocation mixes. */
  readonly quads: number;
  readonly quadsEach: number;
  /** vec4s of workgroup memory for the tile and for what is staged. */
  readonly tileSize: number;
  readonly stageSize: number;
}

/** Columns of one invocation. */
export const columnsEach = 4;

/** The largest tile that the device has memory and invocations for. */
export function tileFor({ limits }: DeviceProfile, width: number): AttentionTile | undefined {
  for (const [rows, columns] of [
    [64, 64],
    [64, 32],
    [32, 32],
    [32, 16],
  ] as const) {
    const tile = makeTile(rows, columns, width, Math.floor(limits.maxComputeWorkgroupStorageSize / 16));
    if (tile === undefined || tile.across * tile.down > limits.maxComputeInvocationsPerWorkgroup) continue;
    if (tile.across <= limits.maxComputeWorkgroupSizeX && tile.down <= limits.maxComputeWorkgroupSizeY)
      return tile;
  }
  return undefined;
}

/** `memory` in vec4s. */
function makeTile(rows: number, columns: number, width: number, memory: number): AttentionTile | undefined {
  const quads = Math.ceil(width / 4);
  const across = columns / columnsEach;
  const down = rows / 4;
  const tileSize = columns * (down + 1);
  for (const most of [4, 2, 1]) {
    const chunk = Math.min(most, 2 ** Math.ceil(Math.log2(quads)));
    const stageSize = Math.max((rows + columns) * (chunk + 1), across * down, quads);
    if (tileSize + stageSize > memory) continue;
    const slab = Math.min(columns, 2 ** Math.floor(Math.log2(stageSize / quads)));
    const quadsEach = Math.ceil(quads / across);
    return { rows, columns, across, down, chunk, slab, quads, quadsEach, tileSize, stageSize };
  }
  return undefined;
}

export function tileGlobals({ tileSize, stageSize }: AttentionTile): string[] {
  return [
    `var<workgroup> tile: array<vec4<f32>, ${tileSize}>;`,
    `var<workgroup> stage: array<vec4<f32>, ${stageSize}>;`,
  ];
}

/** Names the invocation's place and the quads it mixes; reads past the last quad repeat it. */
export function tilePlace({ across, quads, quadsEach }: AttentionTile): string[] {
  return [
    "let x = local.x;",
    "let y = local.y;",
    `let thread = y * ${across}u + x;`,
    ...each(quadsEach, (j) => `let quad${j} = min(x + ${j * across}u, ${quads - 1}u);`),
  ];
}

/**
 * Declares `NAME0` … `NAME3`: the products of the invocation's rows with each of its columns, column j being x + j · across.
 * `row` and `column` give the quad of a position counted from the tile's corner. Nobody may still read the stage before.
 */
export function score(
  name: string,
  tile: AttentionTile,
  row: (position: string, quad: string) => string,
  column: (position: string, quad: string) => string,
): string[] {
  const { rows, columns, across, down, chunk, quads } = tile;
  const threads = across * down;
  const stride = chunk + 1;
  const chunks = Math.ceil(quads / chunk);
  const bring = (
    size: number,
    offset: number,
    read: (position: string, quad: string) => string,
  ): string[] => {
    const items = size * chunk;
    const lines = [
      `let position = item / ${chunk}u;`,
      `let part = item % ${chunk}u;`,
      `let quad = chunk * ${chunk}u + part;`,
      ...(quads % chunk === 0
        ? [`let value = ${read("position", "quad")};`]
        : ["var value = vec4<f32>();", `if (quad < ${quads}u) { value = ${read("position", "quad")}; }`]),
      `stage[${offset}u + position * ${stride}u + part] = value;`,
    ];
    return perItem(items, threads, lines);
  };
  const lanes = ["x", "y", "z", "w"] as const;
  return [
    ...each(columnsEach, (j) => `var ${name}${j} = vec4<f32>();`),
    `for (var chunk = 0u; chunk < ${chunks}u; chunk++) {`,
    ...indent([...bring(rows, 0, row), ...bring(columns, rows * stride, column)]),
    "  workgroupBarrier();",
    `  for (var part = 0u; part < ${chunk}u; part++) {`,
    ...each(4, (i) => `    let r${i} = stage[(y * 4u + ${i}u) * ${stride}u + part];`),
    ...each(
      columnsEach,
      (j) => `    let c${j} = stage[${rows * stride}u + (x + ${j * across}u) * ${stride}u + part];`,
    ),
    ...lanes.flatMap((lane) => [
      `    let ${lane}4 = vec4<f32>(r0.${lane}, r1.${lane}, r2.${lane}, r3.${lane});`,
      ...each(columnsEach, (j) => `    ${name}${j} += ${lane}4 * c${j}.${lane};`),
    ]),
    "  }",
    "  workgroupBarrier();",
    "}",
  ];
}

/** Puts the invocation's part of a tile, one vec4 over its rows for each column, where `mix` reads it. */
export function putTile({ across, down }: AttentionTile, value: (column: number) => string): string[] {
  return each(columnsEach, (j) => `tile[(x + ${j * across}u) * ${down + 1}u + y] = ${value(j)};`);
}

/** Declares what `mix` adds to: `NAMEi_j`, row i and quad j of the invocation. */
export function mixed(name: string, { quadsEach }: AttentionTile): string[] {
  return each(4 * quadsEach, (at) => `var ${name}${at % 4}_${Math.floor(at / 4)} = vec4<f32>();`);
}

/** Adds the tile times the vectors of its columns. Nobody may still read the stage before; afterwards nobody reads the tile. */
export function mix(
  name: string,
  tile: AttentionTile,
  column: (position: string, quad: string) => string,
): string[] {
  const { columns, across, down, slab, quads, quadsEach } = tile;
  const lanes = ["x", "y", "z", "w"] as const;
  const staging = [
    `let position = slab * ${slab}u + item / ${quads}u;`,
    `let quad = item % ${quads}u;`,
    `stage[item] = ${column("position", "quad")};`,
  ];
  return [
    `for (var slab = 0u; slab < ${columns / slab}u; slab++) {`,
    ...indent(perItem(slab * quads, across * down, staging)),
    "  workgroupBarrier();",
    `  for (var part = 0u; part < ${slab}u; part++) {`,
    `    let weights = tile[(slab * ${slab}u + part) * ${down + 1}u + y];`,
    ...each(quadsEach, (j) => `    let c${j} = stage[part * ${quads}u + quad${j}];`),
    ...each(quadsEach, (j) => j).flatMap((j) =>
      lanes.map((lane, i) => `    ${name}${i}_${j} += c${j} * weights.${lane};`),
    ),
    "  }",
    "  workgroupBarrier();",
    "}",
  ];
}

/** Stores what `mix` made: rows counted from `start`, up to `tokens`. */
export function storeMixed(
  name: string,
  tile: AttentionTile,
  tokens: number,
  start: string,
  put: (position: string, quad: string, value: string, row: number) => string,
): string[] {
  const { across, quads, quadsEach } = tile;
  return each(4, (i) => i).flatMap((i) => [
    `if (${start} + y * 4u + ${i}u < ${tokens}u) {`,
    ...each(quadsEach, (j) => {
      const store = put(`${start} + y * 4u + ${i}u`, `x + ${j * across}u`, `${name}${i}_${j}`, i);
      return (j + 1) * across <= quads ? `  ${store}` : `  if (x + ${j * across}u < ${quads}u) { ${store} }`;
    }),
    "}",
  ]);
}

/** Lines for each `item` of many, shared among the invocations. */
export function perItem(items: number, threads: number, lines: readonly string[]): string[] {
  const rounds = Math.ceil(items / threads);
  const inner = [`let item = thread + round * ${threads}u;`, ...lines];
  const guarded =
    items % threads === 0
      ? inner
      : [inner[0] ?? "", `if (item < ${items}u) {`, ...indent(inner.slice(1)), "}"];
  return [`for (var round = 0u; round < ${rounds}u; round++) {`, ...indent(guarded), "}"];
}

export function indent(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${line}`);
}
