// Parameters that train by pattern have the gradients that they have when everything trains, in single layers too.
import { expect, test } from "vitest";
import { run, moduleOf, parityRecipe, type Made } from "./train.ts";

const recipe = (train: string): string => parityRecipe("").replace("train: all", `train: ${train}`);

/** The first gradient of each trained tensor, by its name in the checkpoint. */
async function gradientsOf({ module, gradients }: Made): Promise<ReadonlyMap<string, Float64Array>> {
  const { first } = await run("llama", module, 1);
  const named = module.variables.flatMap(({ name, initial }): [string, Float64Array][] => {
    const gradient = first.get(gradients.get(name) ?? "");
    if (gradient === undefined || !("names" in initial)) return [];
    const size = gradient.data.length / initial.names.length;
    return initial.names.map((key, part) => [key, gradient.data.slice(part * size, (part + 1) * size)]);
  });
  return new Map(named);
}

test("a part of the parameters", { timeout: 60_000 }, async () => {
  const all = await gradientsOf(moduleOf("llama", recipe("all")));
  const some = await gradientsOf(
    moduleOf("llama", recipe('["layers.1.mlp", "layers.0.self_attn.*_proj", "norm", "*layernorm.weight"]')),
  );
  const wanted = [...all.keys()].filter((key) =>
    /layers\.1\.mlp|layers\.0\.self_attn|model\.norm|layernorm/.test(key),
  );
  expect([...some.keys()].toSorted()).toEqual(wanted.toSorted());
  for (const [key, gradient] of some) {
    const full = all.get(key) ?? new Float64Array();
    const off = Math.hypot(...gradient.map((value, at) => value - (full[at] ?? NaN)));
    expect(off, key).toBeLessThan(1e-9 * Math.hypot(...full));
  }
});
