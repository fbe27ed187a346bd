// The matrix product's kernel: which tile, which order of workgroups, and the two ways of computing a tile.
import { sizeOf } from "../ir/graph.ts";
import type { DeviceProfile, Tile } from "../plan/plan.ts";
import { describe, type Draft, type Drafter } from "./draft.ts";
import { endsText } from "./ends.ts";
import { directTile } from "./matmul-direct.ts";
import { sharedTile } from "./matmul-shared.ts";
import type { TileTask } from "./matmul-tile.ts";
import { finishText, lanesOfResult, operandText, productIn, readingOf } from "./product.ts";

/** The first tile of the profile's table that is small enough for the product. */
export function pickTile(profile: DeviceProfile, m: number, n: number, k: number): Tile {
  const fitting = profile.tiles.find(
    ({ atLeast: [rows, columns, inner] }) => m >= rows && n >= columns && k >= inner,
  );
  const tile = fitting ?? profile.tiles.at(-1);
  if (tile === undefined) throw new RangeError(`the profile ${profile.name} has no tiles`);
  return tile;
}

export const draftMatmul: Drafter = (task, scene): Draft => {
  const { region, profile } = task;
  const product = productIn(region);
  const { batches, m, n, k } = product;
  const tile = pickTile(profile, m, n, k);
  const lanes = lanesOfResult(product, region);
  const [left, right] = [readingOf(product, "left", task), readingOf(product, "right", task)];
  const { ends, resolve, ...early } = endsText(product, region, scene, tile.kind === "shared");
  const functions = [
    operandText(product, "left", left, scene, batches * m * k, resolve),
    operandText(product, "right", right, scene, batches * n * k, resolve),
    finishText(product, lanes, region, scene, resolve),
  ];
  const tiles = [Math.ceil(m / tile.rows), Math.ceil(n / tile.columns)] as const;
  const work: TileTask = { tile, batches, m, n, k, left, right, lanes, ends };
  const text = tile.kind === "shared" ? sharedTile(work) : directTile(work);
  return {
    about: describe("matmul", region),
    scene,
    globals: [...text.globals, ...early.globals],
    functions: functions.map((each) => each.text),
    body: [order(tiles[0], tiles[1], batches), ...early.lines.map((line) => `  ${line}`), text.body].join(
      "\n",
    ),
    workgroupSize: [tile.columns / tile.columnsEach, tile.rows / tile.rowsEach, 1],
    groups: tiles[0] * tiles[1] * batches,
    workgroupMemory: text.workgroupMemory + early.workgroupMemory,
    flops: 2 * sizeOf([batches, m, n, k]) + functions.reduce((total, { flops }) => total + flops, 0),
  };
};

/** Workgroups that run together share rows and columns: blocks of eight rows of tiles, walked column by column. */
function order(rows: number, columns: number, batches: number): string {
  const lines =
    batches === 1
      ? ["let batch = 0u;", "let tile = group;"]
      : [`let batch = group / ${rows * columns}u;`, `let tile = group % ${rows * columns}u;`];
  const band = 8;
  if (rows <= band || columns === 1) {
    lines.push(`let tile_row = tile % ${rows}u;`, `let tile_column = tile / ${rows}u;`);
  } else {
    lines.push(
      `let band = tile / ${band * columns}u;`,
      `let height = min(${band}u, ${rows}u - band * ${band}u);`,
      `let inside = tile - band * ${band * columns}u;`,
      `let tile_row = band * ${band}u + inside % height;`,
      "let tile_column = inside / height;",
    );
  }
  return lines.map((line) => `  ${line}`).join("\n");
}
