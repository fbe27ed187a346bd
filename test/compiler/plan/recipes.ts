// Modules of real recipes, as kernels are chosen for them.
import { readFileSync } from "node:fs";
import { compile } from "../../../compiler/compile.ts";
import type { Module } from "../../../compiler/ir/graph.ts";
import type { DeviceProfile } from "../../../compiler/plan/plan.ts";

/** A small model with the shape of a large one. */
const folder = new URL("../../fixtures/reference/models/llama/", import.meta.url);

/** A recipe for it. */
export function recipe(options: string, model = ""): string {
  return `recipe parity {
  model     "base"${model}
  precision f32
  data      "rows.jsonl" { format: tokens, length: 16 }
  batch     2
  optimizer adamw { rate: 3e-3, weight_decay: 0.01, clip: 1.0 }
  training  20 steps
  ${options}
}`;
}

/** The recipe in mixed precision. */
export function in16Bits(text: string, options = "compute: f16"): string {
  return text.replace("precision f32", `precision mixed { ${options} }`);
}

export const lora = "adapter lora { rank: 4, alpha: 8, on: [all_linear] }";

/** The module that kernels are chosen for. */
export function moduleOf(text: string, profile: DeviceProfile): Module {
  const path = new URL("recipe.ftl", folder).pathname;
  const read = (name: string): string | undefined => {
    try {
      return readFileSync(name, "utf8");
    } catch {
      return undefined;
    }
  };
  const { modules, diagnostics } = compile(text, { path, read, profile });
  const module = modules.get("fuse");
  if (module === undefined) throw new Error(diagnostics.map(({ message }) => message).join("\n"));
  return module;
}
