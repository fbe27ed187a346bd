// What sizes of micro-batch would need that nobody has planned. Comes in: two sizes that were measured with nothing computed again, and
// the ladder of the larger. Goes out: for any size between them its bytes and the time of a step within a budget. Bytes grow evenly with
// the rows and time with the number of micro-batches; the errors seen are below 5 %.
import { leastSaved, type Tried } from "./fit.ts";
import type { Settings } from "./language/settings.ts";
import type { Way } from "./choose.ts";

export interface Foretold {
  /** Where nothing is computed again that the recipe does not ask for. */
  readonly bytes: number;
  /** With the policy that needs least. */
  readonly least: number;
  /** Of a step that fits, as work is counted; without what segments of several layers would cost. */
  readonly time: number;
}

/** A size, and what it needs with what the recipe says of checkpointing; where that is open, with nothing computed again. */
export interface Known {
  readonly way: Pick<Way, "accumulation" | "rows" | "candidates">;
  readonly measured: Tried;
}

/** Foretells sizes between two: the bytes by the rows, the time by the number of micro-batches, both along a line. */
export function foretelling(
  { way, measured: plain }: Known,
  { way: last, measured: small }: Known,
  { batch, checkpoint }: Settings,
  budget: number,
): (accumulation: number) => Foretold {
  const between = (at: number, [from, a]: Point, [to, b]: Point): number =>
    from === to ? a : a + ((at - from) / (to - from)) * (b - a);
  const rungs = checkpoint.value === "auto" ? way.candidates.ladder() : [];
  const [top] = rungs;
  return (accumulation) => {
    const rows = batch.value / accumulation;
    const bytes = between(rows, [last.rows, small.bytes], [way.rows, plain.bytes]);
    const time = between(
      accumulation,
      [way.accumulation, way.accumulation * plain.work],
      [last.accumulation, last.accumulation * small.work],
    );
    const over = bytes - budget;
    if (top === undefined) return { bytes, least: bytes, time };
    const least = bytes - ((top.bytes - leastSaved(rungs, way.candidates.layers)) * rows) / way.rows;
    if (over <= 0) return { bytes, least, time };
    // The bytes that a rung saves, and the time that a step takes longer for it.
    const points = rungs.map((rung): Point => [
      ((top.bytes - rung.bytes) * rows) / way.rows,
      (rung.work - top.work) * way.accumulation,
    ]);
    const after = points.findIndex(([saved]) => saved >= over);
    const [low, high] = [points[after - 1], points[after] ?? points.at(-1)];
    const again = after > 0 && low !== undefined && high !== undefined ? between(over, low, high) : high?.[1];
    return { bytes, least, time: time + (again ?? 0) };
  };
}

type Point = readonly [number, number];
