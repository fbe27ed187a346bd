// Layers that take turns: how they are joined, how what they hold is named, and that depth adds nothing but turns.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { compile } from "../../../compiler/compile.ts";
import { runsOf } from "../../../compiler/elaborate/layer-runs.ts";
import { topological } from "../../../compiler/ir/graph.ts";
import { inTurn } from "../../../compiler/ir/place.ts";
import { desktop } from "../../../compiler/profile/builtin.ts";
import { modelFolder } from "../parity/reference.ts";

describe("runs of equal layers and of turns", () => {
  const text = (layers: string): string =>
    runsOf(layers.split(""))
      .map(({ first, period, turns }) => `${layers.slice(first, first + period)}×${turns}`)
      .join(" ");
  test.each([
    ["", ""],
    ["A", "A×1"],
    ["AB", "A×1 B×1"],
    ["AAAA", "A×4"],
    ["ABAB", "AB×2"],
    ["ABABA", "AB×2 A×1"],
    ["AAAAAAB", "A×6 B×1"],
    ["AABAABAAB", "AAB×3"],
    ["AAAAAABBBB", "A×6 B×4"],
    ["AAAAAABAAAAAAB", "A×6 B×1 A×6 B×1"],
    ["CABABABD", "C×1 AB×3 D×1"],
  ])("%s", (layers, expected) => expect(text(layers)).toBe(expected));
});

test("a name in a turn", () => {
  expect(inTurn("model.layers.{i}.mlp", 3)).toBe("model.layers.3.mlp");
  expect(inTurn("layers.{2i+1}", 3)).toBe("layers.7");
  expect(inTurn("layers.{i+28}", 0)).toBe("layers.28");
});

/** A gemma2 of some layers, compiled with a LoRA adapter. */
function gemma2(layers: number, options = "") {
  const config = JSON.parse(readFileSync(`${modelFolder("gemma2")}/base/config.json`, "utf8"));
  const text = `recipe turns {
    model "base" { init: random { seed: 1 } }
    adapter lora { rank: 4, alpha: 8, on: [all_linear] }
    precision f32
    data "rows.jsonl" { format: tokens, length: 24 }
    batch 2
    optimizer adamw { rate: 1e-3 }
    training 2 steps
    ${options}
  }`;
  const read = (path: string): string | undefined =>
    path.endsWith("config.json")
      ? JSON.stringify({ ...config, num_hidden_layers: layers, layer_types: undefined })
      : undefined;
  const { modules, plan, diagnostics } = compile(text, { path: "recipe.ftl", read, profile: desktop });
  expect(diagnostics.map(({ message }) => message)).toEqual([]);
  const module = modules.get("fuse");
  if (module === undefined || plan === undefined) throw new Error("no plan");
  return { module, plan };
}

test("what is of turns is named by the layers it is of", () => {
  const { module, plan } = gemma2(5);
  const named = (start: string): string[] =>
    module.variables
      .filter(({ name, kind }) => kind !== "gradients" && kind !== "optimizer" && name.startsWith(start))
      .map(({ name, shape }) => `${name} ${shape[0]}`);
  expect(named("model.layers").filter((name) => name.includes("q_proj"))).toEqual([
    "model.layers.{2i}.self_attn.q_proj.weight 2",
    "model.layers.{2i+1}.self_attn.q_proj.weight 2",
    "model.layers.4.self_attn.q_proj.weight 1",
  ]);
  expect(named("lora").filter((name) => name.includes("q_proj.lora_A"))).toEqual([
    "lora.model.layers.{2i}.self_attn.q_proj.lora_A.weight 2",
    "lora.model.layers.{2i+1}.self_attn.q_proj.lora_A.weight 2",
    "lora.model.layers.4.self_attn.q_proj.lora_A.weight 1",
  ]);
  const paths = plan.programs.flatMap(({ dispatches }) => dispatches.map(({ path }) => path));
  const attended = new Set(paths.filter((path) => path.endsWith("self_attn")));
  expect([...attended].toSorted()).toEqual([0, 1, 2, 3, 4].map((layer) => `model.layers.${layer}.self_attn`));
});

test("depth adds turns, and no kernels", () => {
  const [four, ten] = [gemma2(4), gemma2(10)];
  expect(ten.plan.kernels.length).toBe(four.plan.kernels.length);
  const turns = ten.module.programs
    .flatMap(({ region }) => topological(region.results))
    .filter(({ attributes }) => attributes["blocks"] === 2);
  expect(turns.map(({ attributes }) => attributes["count"])).toContain(5);
});
