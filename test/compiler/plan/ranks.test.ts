// A range of ranks costs the memory of its largest rank: the plan of Qwen2.5-0.5B at 1..64 against that of LoRA at 64.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { compile } from "../../../compiler/compile.ts";

const recipes = fileURLToPath(new URL("../../fixtures/recipes/", import.meta.url));

function planned(adapter: string) {
  const text = `recipe ranks {
    model     "configs/qwen2.5-0.5b"
    adapter   ${adapter}
    data      "rows.jsonl" { format: tokens, length: 512 }
    batch     4
    accumulation 2
    checkpoint every 1
    optimizer adamw { rate: 2e-4, clip: 1.0 }
    training  10 steps
  }`;
  const read = (path: string): string | undefined => {
    try {
      return readFileSync(path, "utf8");
    } catch {
      return undefined;
    }
  };
  const { plan, diagnostics } = compile(text, { path: `${recipes}ranks.ftl`, read });
  if (plan === undefined) throw new Error(diagnostics.map(({ message }) => message).join("\n"));
  return plan;
}

test.each(["all", "last"])("1..64, changing %s, has the peak of rank 64", (update) => {
  const range = planned(`dylora { rank: 1..64, alpha: 16, dropout: 0.05, update: ${update} }`);
  const one = planned("lora { rank: 64, alpha: 16, dropout: 0.05 }");
  expect(Math.abs(range.peakBytes - one.peakBytes)).toBeLessThanOrEqual(1024);
  expect(range.parameters).toEqual(one.parameters);
  const peak = (name: string): number =>
    (range.programs.find((each) => each.name === name)?.peakBytes ?? NaN) -
    (one.programs.find((each) => each.name === name)?.peakBytes ?? NaN);
  for (const name of ["micro", "update"]) expect(peak(name), name).toBeLessThanOrEqual(1024);
});
