// Settings by path: what they change, and what is said of those that fit nowhere.
import { expect, test } from "vitest";
import { checkRecipe } from "../../../compiler/language/recipe.ts";
import { applySetting } from "../../../compiler/language/set.ts";
import type { Settings } from "../../../compiler/language/settings.ts";
import { check, fixture, render } from "./support.ts";

const text = fixture("recipes/qdylora.ftl");

function set(...settings: readonly string[]): { settings: Settings | undefined; rendered: string } {
  const checked = check(text);
  let { recipe } = checked;
  for (const setting of settings) {
    const changed = applySetting(recipe, setting);
    if (changed.diagnostics.length > 0) return { settings: undefined, rendered: render(changed.diagnostics) };
    recipe = changed.recipe;
  }
  const { settings: result, diagnostics } = checkRecipe(recipe, checked.scope);
  return { settings: result, rendered: render(diagnostics) };
}

test("a clause's argument", () => {
  expect(set("accumulation=4").settings?.accumulation.value).toBe(4);
  expect(set("training=100 steps").settings?.training.value).toEqual({ kind: "steps", count: 100 });
  expect(set("training=100 steps").settings?.seed).toBe(7);
  expect(set("checkpoint=every 2").settings?.checkpoint.value).toEqual({ every: 2 });
  expect(set("memory=1GiB").settings?.memory?.value).toBe(2 ** 30);
});

test("an option, there or not", () => {
  expect(set("optimizer.rate=1e-4").settings?.optimizer.options.get("rate")?.value).toEqual({
    kind: "number",
    value: 1e-4,
  });
  expect(set("data.shuffle=false").settings?.data.shuffle).toBe(false);
  expect(set("adapter.rank=8").settings?.adapters[0]?.options.get("rank")?.value).toEqual({
    kind: "number",
    value: 8,
  });
  expect(set("model.weights=f32").settings?.model.weights?.value).toEqual({ kind: "type", type: "f32" });
});

test("a path needs no quotes, and may have them", () => {
  for (const path of ["/tmp/a b", "./runs/a", "../runs/é"]) {
    expect(set(`output=${path}`).settings?.output.value).toBe(path);
    expect(set(`output="${path}"`).settings?.output.value).toBe(path);
  }
});

test("an option of an option", () => {
  const weights = set("model.weights.block=32").settings?.model.weights?.value;
  const options = weights?.kind === "format" ? weights.format.options : undefined;
  expect(options?.get("block")?.value).toEqual({ kind: "number", value: 32 });
  expect(options?.get("double")?.value).toEqual({ kind: "boolean", value: true });
});

test("a clause that was not there, and several settings", () => {
  const { settings } = set("device=webgpu", "precision=f32", "batch=8", "accumulation=8");
  expect(settings?.device?.value).toBe("webgpu");
  expect(settings?.precision.value).toBe("f32");
  expect(settings?.batch.value).toBe(8);
});

test("its span points into the setting", () => {
  const { settings } = set("memory=1GiB");
  expect(settings?.memory?.span).toMatchObject({
    source: { path: "--set", text: "memory=1GiB" },
    start: 7,
    end: 11,
  });
});

test("what fits nowhere", async () => {
  const wrong = [
    "accumulation",
    "acumulation=4",
    "accumulation=3",
    "optimizer.rat=1",
    "optimizer.rate=fast",
    "devices.data=2",
    "model.weights.block.size=2",
    "batch=1 } } recipe x {",
    "batch=(",
    "batch=",
    "=4",
    "sweep=1",
  ];
  const lines = wrong.map((setting) => {
    const { settings, rendered } = set(setting);
    expect(settings, setting).toBeUndefined();
    return `=== --set ${setting}\n${rendered}\n`;
  });
  await expect(lines.join("\n")).toMatchFileSnapshot("golden/set.txt");
});
