// Recipes: those that users will write check and become settings; wrong ones get the messages of golden/wrong-recipes.txt.
import { expect, test } from "vitest";
import type { HeldAs } from "../../../compiler/language/settings.ts";
import { announcedNames } from "../../../compiler/language/announced.ts";
import { libraryIndex } from "../../../compiler/language/resolve.ts";
import { check, fixture, render } from "./support.ts";
import { wrongRecipes } from "./wrong-recipes.ts";

const shared = ["falcon-40b-qdylora", "gpt2-full", "parity-full", "parity-lora", "qdylora"];

test.each(shared)("%s.ftl checks", (name) => {
  const { settings, diagnostics } = check(fixture(`recipes/${name}.ftl`));
  expect(render(diagnostics)).toBe("");
  expect(settings).toBeDefined();
});

test("the shared recipes ask for nothing that is not built yet", () => {
  for (const name of shared) expect(check(fixture(`recipes/${name}.ftl`), {}, name).planned).toEqual([]);
});

test("settings of parity-lora", () => {
  const { settings } = check(fixture("recipes/parity-lora.ftl"));
  expect(settings?.name).toBe("parity");
  expect(settings?.model.path.value).toBe("base");
  expect(settings?.model.train.value).toBe("none");
  const [adapter] = settings?.adapters ?? [];
  expect(adapter?.alias).toBe("lora");
  expect(adapter?.options.get("rank")?.value).toEqual({ kind: "number", value: 4 });
  expect(adapter?.on.map((said) => said.value)).toEqual(["all_linear"]);
  expect(adapter?.start?.value).toBe("adapter_init");
  expect(settings?.data).toMatchObject({ format: "tokens", shuffle: false, pack: false, learn: "all" });
  expect(settings?.data.length.value).toBe(48);
  expect(settings?.batch.value).toBe(2);
  expect(settings?.accumulation.value).toBe(1);
  expect(settings?.clip?.value).toBe(1);
  expect(settings?.optimizer.options.get("rate")?.value).toEqual({ kind: "number", value: 3e-3 });
  expect(settings?.schedule.options.get("warmup")?.value).toEqual({ kind: "steps", count: 4 });
  expect(settings?.training.value).toEqual({ kind: "steps", count: 20 });
});

/** The format's name and its options. */
function plain(held: HeldAs<string> | undefined): unknown {
  if (held?.kind !== "format") return held;
  const options = [...held.format.options].map(([name, { value }]) => [name, value] as const);
  return { name: held.format.name.value, options: Object.fromEntries(options) };
}

test("settings of qdylora: units, shares, blocks", () => {
  const { settings } = check(fixture("recipes/qdylora.ftl"));
  expect(settings?.documentation).toContain("One run serves");
  expect(plain(settings?.model.weights?.value)).toEqual({
    name: "nf4",
    options: { block: { kind: "number", value: 64 }, double: { kind: "boolean", value: true } },
  });
  expect(settings?.adapters[0]?.options.get("rank")?.value).toEqual({ kind: "range", first: 1, last: 64 });
  expect(settings?.precision.value).toEqual({ compute: "f16", store: "f16", lossScale: { doubling: 2000 } });
  expect(settings?.evaluation).toMatchObject({ every: 100, format: "chat", pack: true, learn: "replies" });
  expect(settings?.evaluation?.length.value).toBe(1024);
  expect(settings?.checkpoint.value).toBe("auto");
  expect(plain(settings?.state.value)).toEqual({ name: "int8", options: {} });
  expect(settings?.schedule.options.get("warmup")?.value).toEqual({ kind: "share", of: 0.03 });
  expect(settings?.training.value).toEqual({ kind: "epochs", count: 3 });
  expect(settings?.seed).toBe(7);
  expect(settings?.save).toEqual({ every: 200, keep: 3 });
  expect(settings?.memory?.value).toBe(8 * 2 ** 30);
});

test("defaults: constant schedule, f32, accumulation 1, no checkpoints, runs/NAME, rows of 1024", () => {
  const { settings, planned } = check(`recipe small {
    model "m" { train: all }
    data "d.txt"
    batch 4
    optimizer sgd { rate: 0.1 }
    training 1M tokens
  }`);
  expect(settings).toMatchObject({
    schedule: { name: { value: "constant" } },
    precision: { value: "f32" },
    accumulation: { value: 1 },
    checkpoint: { value: "none" },
    output: { value: "runs/small" },
    data: { format: "text", length: { value: 1024 }, shuffle: true },
    training: { value: { kind: "tokens", count: 1e6 } },
    seed: 0,
    memory: undefined,
    clip: undefined,
  });
  expect(planned).toEqual([]);
});

test("every clause at its fullest checks", async () => {
  const { settings, diagnostics, planned } = check(
    `recipe full {
    model "m" { weights: int8, init: random, train: ["lm_head*", "*norm*"] }
    adapter lora as style { rank: 8, on: [q_proj, "model.layers.*.mlp.up_proj"] }
    adapter lora as tone { rank: 4, alpha: 2 * 8, dropout: 5%, on: mlp }
    precision mixed { compute: bf16, store: bf16, loss_scale: dynamic, doubling: every 500 steps }
    data "d.parquet" { format: label, length: 2k, split: 5%, learn: all }
    evaluation { every: 50 steps }
    batch 32
    accumulation 8
    checkpoint sqrt { keep: [attention] }
    optimizer adamw {
      rate: 1e-4, betas: [0.9, 0.95], clip: none, state: bf16, offload: host
      group ["*.bias", "*norm*"] { weight_decay: 0 }
      group "*.embed*" { rate: 1e-5 }
    }
    schedule linear { warmup: 0, floor: 10% }
    training 2 epochs { seed: 1 }
    output "out" { save: every 10 steps, keep: 1 }
    memory 512MiB
    device "phone.json"
    devices 4 { data: 2, pipeline: 2 }
    sweep { optimizer.rate: [1e-4, 2e-4], adapter.style.rank: [1] }
    stage head { model.train: ["lm_head"], training: 100 steps }
  }`.replace(", adapter.style.rank: [1]", ", style.rank: [4, 8]"),
  );
  expect(render(diagnostics)).toBe("");
  expect(settings?.groups.map((group) => group.patterns.map((said) => said.value))).toEqual([
    ["*.bias", "*norm*"],
    ["*.embed*"],
  ]);
  expect(settings?.stages[0]?.settings.training.value).toEqual({ kind: "steps", count: 100 });
  expect(settings?.adapters[1]?.options.get("alpha")?.value).toEqual({ kind: "number", value: 16 });
  await expect(render(planned)).toMatchFileSnapshot("golden/planned-full.txt");
});

test("wrong recipes", async () => {
  const texts = wrongRecipes.map(([title, text, files]) => {
    const { diagnostics } = check(text, files);
    expect(diagnostics.length, title).toBeGreaterThan(0);
    return `=== ${title}\n${text}\n---\n${render(diagnostics)}\n`;
  });
  await expect(texts.join("\n")).toMatchFileSnapshot("golden/wrong-recipes.txt");
});

test("a local adapter with the library's functions at hand", () => {
  const local = `adapter shifted(by: number = 0) on linear {
    train b [out] = kaiming_uniform(in)
    forward(x, y) { y + b + by }
  }`;
  const text = `import "parts/shifted.ftl"
  recipe r {
    model "m", adapter shifted { by: 0.5 }, data "d.txt", batch 1, optimizer adamw { rate: 1 }, training 1 steps
  }`;
  const { settings, diagnostics } = check(text, { "work/parts/shifted.ftl": local }, "work/recipe.ftl");
  expect(render(diagnostics)).toBe("");
  expect(settings?.adapters[0]?.options.get("by")?.value).toEqual({ kind: "number", value: 0.5 });
});

test("no announced name is in the library already", () => {
  for (const [kind, names] of libraryIndex) {
    for (const name of announcedNames(kind)) expect(names.has(name), `${kind} ${name}`).toBe(false);
  }
});
