// A range of ranks against PyTorch's values, interpreted in float64: with the ranks that were drawn there, losses, gradient norms and the
// final adapter are the same. What a step does not change keeps its weight and its optimizer's states bit for bit, whatever else the
// recipe asks for.
import { expect, test } from "vitest";
import { methodExpected, methodFolder, tensorsIn } from "./reference.ts";
import { distances, moduleOf, parityRecipe as recipe, relative, run } from "./train.ts";

const { ranks } = methodExpected("dylora-all") as unknown as { readonly ranks: readonly number[] };

const clause = (update: string, more = ""): string =>
  `adapter dylora { rank: 1..4, alpha: 8, update: ${update}, draw: [${ranks.join(", ")}]${more} }`;
const start = (update: string): string => `, start: "${methodFolder(`dylora-${update}`)}/adapter_init"`;

test.each(["all", "last"])("dylora trains %s as PyTorch has it", async (update) => {
  const folder = methodFolder(`dylora-${update}`);
  const { module, elaborated, gradients } = moduleOf("llama", recipe(clause(update, start(update))));
  const trace = await run("llama", module, 20, {
    adapter: `${folder}/adapter_init`,
    ranks: elaborated.ranks,
  });
  const expected = methodExpected(`dylora-${update}`);
  expect(relative(trace.losses, expected.losses)).toBeLessThan(1e-5);
  expect(relative(trace.norms, expected.total_grad_norms)).toBeLessThan(1e-4);
  const final = await tensorsIn(`${folder}/final.safetensors`);
  for (const weight of gradients.keys())
    expect(Math.max(...distances(module, weight, trace.last.get(weight), final)), weight).toBeLessThan(5e-5);
});
