// Stages: each the recipe with its settings changed, going on from the one before; and stages that cannot.
import { expect, test } from "vitest";
import { compile, compileStages } from "../../../compiler/compile.ts";
import { check, render } from "./support.ts";

const recipe = (stages: string, clauses = 'model "base"'): string => `recipe two {
  ${clauses}
  head classify { labels: 3 }
  data "rows.jsonl" { format: label, length: 8 }
  batch 2
  optimizer adamw { rate: 1e-3 }
  training 2 epochs
  ${stages}
}`;

const probing = `stage probe { model.train: ["score"], training: 100 steps }
  stage tune { model.train: all, optimizer.rate: 1e-5 }`;

test("a stage is the recipe with its settings, in a folder of its own", () => {
  const { settings, diagnostics, planned } = check(recipe(probing));
  expect([...diagnostics, ...planned]).toEqual([]);
  const [probe, tune] = settings?.stages ?? [];
  expect([probe?.name, tune?.name]).toEqual(["probe", "tune"]);
  expect(probe?.settings.model.train.value).toEqual(["score"]);
  expect(probe?.settings.training.value).toEqual({ kind: "steps", count: 100 });
  expect(tune?.settings.model.train.value).toBe("all");
  expect(tune?.settings.training.value).toEqual({ kind: "epochs", count: 2 });
  expect(tune?.settings.optimizer.options.get("rate")?.value).toEqual({ kind: "number", value: 1e-5 });
  expect([probe?.settings.output.value, tune?.settings.output.value]).toEqual([
    "runs/two/probe",
    "runs/two/tune",
  ]);
});

test("a later stage goes on from the adapter and the weights that the one before leaves", () => {
  const clauses = 'model "base" { init: random }, adapter lora { rank: 2, start: "first" }, output "out"';
  const { settings, diagnostics } = check(recipe("stage one { batch: 4 }, stage two { batch: 6 }", clauses));
  expect(diagnostics).toEqual([]);
  const [one, two] = settings?.stages ?? [];
  expect(one?.settings.adapters[0]?.start?.value).toBe("first");
  expect(one?.settings.model.init?.value).toBe(0);
  expect(two?.settings.adapters[0]?.start?.value).toBe("out/one/adapter");
  expect(two?.settings.model.init).toBeUndefined();
});

const wrong: Readonly<Record<string, string>> = {
  "the same name twice": recipe("stage one { model.train: all }, stage one { model.train: all }"),
  "a name that no folder can have": recipe('stage "../up" { model.train: all }'),
  "another model": recipe('stage one { model.train: all }, stage two { model: "other", model.train: all }'),
  "an adapter that is lost": recipe(
    "stage one { batch: 4 }, stage two { adapter: dora { rank: 2 } }",
    'model "base", adapter lora { rank: 2 }',
  ),
  "a stage that trains nothing": recipe("stage one { model.train: all }, stage two { batch: 4 }"),
  "not built yet, in a stage": recipe("stage one { model.train: all, devices: 4 }"),
};

test.each(Object.keys(wrong))("%s", (name) => {
  const { diagnostics, planned } = check(wrong[name] ?? "");
  const found = [...diagnostics, ...planned];
  expect(found.length).toBeGreaterThan(0);
  expect(render(found)).toMatchSnapshot();
});

const config = {
  model_type: "llama",
  vocab_size: 11,
  hidden_size: 8,
  num_attention_heads: 2,
  num_hidden_layers: 2,
  intermediate_size: 12,
  rms_norm_eps: 1e-5,
  hidden_act: "silu",
};
const options = {
  path: "recipe.ftl",
  read: (path: string) => (path.endsWith("config.json") ? JSON.stringify(config) : undefined),
};

test("every stage has a verified plan of its own, and what trains in it", { timeout: 120_000 }, () => {
  const [probe, tune, ...more] = compileStages(recipe(probing), options);
  expect(more).toEqual([]);
  expect([probe?.stage, tune?.stage]).toEqual(["probe", "tune"]);
  expect(probe?.plan?.parameters.trainable).toBe(3 * 8);
  expect(tune?.plan?.parameters.trainable).toBe(tune?.plan?.parameters.total);
  expect(probe?.plan?.peakBytes).toBeLessThan(tune?.plan?.peakBytes ?? 0);
  expect(compile(recipe(probing), options).plan?.hash).toBe(probe?.plan?.hash);
});

test("what is set from outside goes before what a stage says", () => {
  const compiled = compileStages(recipe(probing), { ...options, set: ["training=3 steps", "batch=3"] });
  expect(compiled.map(({ settings }) => settings?.training.value)).toEqual([
    { kind: "steps", count: 3 },
    { kind: "steps", count: 3 },
  ]);
  expect(compiled.map(({ settings }) => settings?.batch.value)).toEqual([3, 3]);
});
