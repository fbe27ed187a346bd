// What the ways of computing a tile of a matrix product are given, and what they give: WGSL in its parts.
import type { Tile } from "../plan/plan.ts";
import type { Ends } from "./ends.ts";

/** What a way of computing a tile is given. */
export interface TileTask {
  readonly tile: Tile;
  readonly batches: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly left: { readonly lanes: 1 | 4; readonly along: "inner" | "outer" };
  readonly right: { readonly lanes: 1 | 4; readonly along: "inner" | "outer" };
  /** Neighbouring columns that `finish` stores. */
  readonly lanes: 1 | 2 | 4;
  /** Where the axes end early. A tile saves the work behind; what it makes of it is right all the same, for operands are zero there. */
  readonly ends: Ends;
}

/** `body` computes and stores the tile. */
export interface TileText {
  readonly globals: readonly string[];
  readonly body: string;
  readonly workgroupMemory: number;
}
