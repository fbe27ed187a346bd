// The package as others import it: every entry of `exports` has a source, and the README's first lines of an embedding program work.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import * as compiler from "../../compiler/index.ts";
import * as runtime from "../../runtime/index.ts";
import { fixtures, root } from "./run.ts";

const { exports: entries }: { exports: Record<string, string | Record<string, string>> } = JSON.parse(
  readFileSync(join(root, "package.json"), "utf8"),
);

test.each(Object.entries(entries))("%s is there", (_, entry) => {
  for (const path of typeof entry === "string" ? [entry] : Object.values(entry)) {
    const source = path.replace(/^\.\/dist\//, "./").replace(/(\.d\.ts|\.js)$/, ".ts");
    expect(existsSync(join(root, source)), path).toBe(true);
  }
});

test("a program compiles a recipe with files of its own, and the runtime passes its plan", () => {
  const config = readFileSync(join(fixtures, "reference/models/llama/base/config.json"), "utf8");
  const files = new Map([["base/config.json", config]]);
  const source = `recipe own {
    model "base"
    adapter lora { rank: 4, alpha: 8 }
    data "rows.jsonl" { format: tokens, length: 16 }
    batch 2
    optimizer adamw { rate: 1e-3 }
    training 1 steps
  }`;
  const { plan, diagnostics } = compiler.compile(source, {
    path: "recipe.ftl",
    read: (path) => files.get(path),
  });
  expect(diagnostics).toEqual([]);
  if (plan === undefined) throw new Error("no plan");
  expect(runtime.verify(plan).refusals).toEqual([]);
  expect(compiler.reportJson(plan)).toMatchObject({ recipe: "own", verified: true });
});
