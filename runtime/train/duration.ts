// How many steps a run has: known before the first, because schedules and the log count them.
// Comes in: the recipe's duration and the batches. Goes out: a number of steps, at least 1.
import type { Duration } from "../../compiler/language/settings.ts";
import type { Batches } from "../data/batches.ts";

/**
 * `epochs` may have a fraction: a part of a batch is a batch. `tokens` are positions that are not padding; the step that reaches
 * the number is the last. `tokensPerEpoch` is their sum over all rows.
 */
export function totalSteps(duration: Duration, data: Batches, tokensPerEpoch: number): number {
  const { count } = duration;
  switch (duration.kind) {
    case "steps":
      return count;
    case "epochs":
      return Math.max(1, Math.ceil(count * data.stepsPerEpoch));
    case "tokens": {
      const whole = Math.floor(count / tokensPerEpoch);
      let steps = whole * data.stepsPerEpoch;
      for (let left = count - whole * tokensPerEpoch; left > 0;) {
        steps += 1;
        left -= data.at(steps).tokens;
      }
      return Math.max(1, steps);
    }
    default:
      return duration.kind satisfies never;
  }
}
