// The work that PyTorch did for each reference model, as this project says it: rows and recipe. For tests, and for benchmarks, which have
// no test runner about them.
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** The batch in a reference model's folder as rows of `format: tokens`. */
export function referenceRows(folder: string): string {
  const batch = JSON.parse(readFileSync(join(folder, "batch.json"), "utf8")) as Record<string, unknown[]>;
  const rows = (batch["input_ids"] ?? []).map((_, row) =>
    JSON.stringify(Object.fromEntries(Object.entries(batch).map(([name, list]) => [name, list[row]]))),
  );
  return rows.join("\n");
}

/** The work of `expected.json` as a recipe; `what` are its model and adapter. */
export function referenceRecipe(what: string, precision: string = "f32"): string {
  return `recipe parity {
  ${what}
  precision ${precision}
  data      "rows.jsonl" { format: tokens, length: 48, shuffle: false }
  batch     2
  optimizer adamw { rate: 3e-3, weight_decay: 0.01, clip: 1.0 }
  schedule  constant { warmup: 4 steps }
  training  20 steps
  output    "out"
}`;
}
