// The device that a recipe names: a built-in profile, or a file beside the recipe, for each stage its own.
import { expect, test } from "vitest";
import { compile, compileStages } from "../../../compiler/compile.ts";
import { desktop, software, webgpu } from "../../../compiler/profile/builtin.ts";

const config = { model_type: "gpt2", vocab_size: 11, n_positions: 16, n_embd: 8, n_layer: 1, n_head: 2 };

function options(files: Readonly<Record<string, string>> = {}) {
  const all: Readonly<Record<string, string>> = { "work/m/config.json": JSON.stringify(config), ...files };
  return { path: "work/r.ftl", read: (path: string) => all[path] };
}

const recipe = (more: string): string => `recipe r {
  model "m" { train: all }
  data "d.jsonl" { format: tokens, length: 8 }
  batch 1
  optimizer sgd { rate: 0.1 }
  training 1 steps
  ${more}
}`;

const mine = JSON.stringify({ ...webgpu, name: "laptop" });

test("a file is taken from the recipe's own place", () => {
  const files = { "work/profiles/laptop.json": mine };
  const { plan, diagnostics } = compile(recipe('device "profiles/laptop.json"'), options(files));
  expect(diagnostics).toEqual([]);
  expect(plan?.device).toEqual({ ...webgpu, name: "laptop" });
});

test("a name is a built-in profile; whoever calls goes before the recipe, or behind it", () => {
  const plans = [
    compile(recipe("device webgpu"), options()),
    compile(recipe("device webgpu"), { ...options(), profile: software }),
    compile(recipe("device webgpu"), { ...options(), otherwise: software }),
    compile(recipe(""), { ...options(), otherwise: software }),
    compile(recipe(""), options()),
  ];
  const names = plans.map(({ plan }) => plan?.device.name);
  expect(names).toEqual(["webgpu", "software", "webgpu", "software", desktop.name]);
});

test("each stage has the device that it names", () => {
  const files = { "work/laptop.json": mine };
  const stages = 'device webgpu\n  stage one { device: "laptop.json" }\n  stage two {}';
  const names = compileStages(recipe(stages), options(files)).map(({ plan }) => plan?.device.name);
  expect(names).toEqual(["laptop", "webgpu"]);
});

test.for([
  [{}, "work/p.json: there is no such file"],
  [{ "work/p.json": "{" }, "work/p.json: this is no good JSON: "],
  [{ "work/p.json": "{}" }, 'work/p.json: no device profile: "limits" must be an object'],
  [
    { "work/p.json": mine.replace('"memory":', '"memory":-') },
    "work/p.json: no device profile: memory must be a whole",
  ],
] as const)("what is no profile is a mistake of the recipe: %j", ([files, message]) => {
  const { plan, diagnostics } = compile(recipe('device "p.json"'), options(files));
  expect(plan).toBeUndefined();
  expect(diagnostics.map((found) => found.code)).toEqual(["FTL0320"]);
  expect(diagnostics[0]?.message).toContain(message);
});
