// Ways to adapt the reference model against PEFT's values, interpreted in float64: losses, gradients and the final adapter; and an
// adapter that is loaded where PEFT left it has the loss that training comes to.
import { expect, test } from "vitest";
import { methodExpected, methodFolder, tensorsIn } from "./reference.ts";
import { distances, moduleOf, parityRecipe as recipe, relative, run } from "./train.ts";

/** How a recipe says each folder of the reference's methods. */
const methods: Readonly<Record<string, string>> = {
  "lora-qv": "lora { rank: 8, alpha: 16, on: [q_proj, v_proj]",
  dora: "dora { rank: 4, alpha: 8",
  ia3: "ia3 { on: [k_proj, v_proj, down_proj]",
  "prompt-tuning": "prompt_tuning { tokens: 6",
  "prefix-tuning": "prefix_tuning { tokens: 6",
  "llama-adapter": "llama_adapter { tokens: 6",
};

const clause = (options: string, folder: string): string => `adapter ${options}, start: "${folder}" }`;

test.each(Object.entries(methods))(
  "%s trains as PEFT does and goes on from where it ends",
  async (method, options) => {
    const folder = methodFolder(method);
    const [begin, end] = [`${folder}/adapter_init`, `${folder}/adapter_final`];
    const { module, gradients } = moduleOf("llama", recipe(clause(options, begin)));
    const trace = await run("llama", module, 20, { adapter: begin });
    const expected = methodExpected(method);
    expect(relative(trace.losses, expected.losses)).toBeLessThan(1e-5);
    expect(relative(trace.norms, expected.total_grad_norms)).toBeLessThan(1e-4);
    // Gradients have the names of PyTorch's parameters, which differ from those in PEFT's files.
    const wanted = new Map(
      [...(await tensorsIn(`${folder}/grads.safetensors`))].map(([name, tensor]) => [
        name
          .replace("magnitude_vector.weight", "magnitude_vector")
          .replace("prompt_encoder.embedding.weight", "prompt_embeddings"),
        tensor,
      ]),
    );
    const final = await tensorsIn(`${end}/adapter_model.safetensors`);
    for (const [weight, gradient] of gradients) {
      const first = distances(module, weight, trace.first.get(gradient), wanted);
      expect(Math.max(...first), weight).toBeLessThan(1e-4);
      expect(Math.max(...distances(module, weight, trace.last.get(weight), final)), weight).toBeLessThan(
        1e-3,
      );
    }
    const [next] = (await run("llama", module, 1, { from: trace.last })).losses;
    const [loaded] = (await run("llama", module, 1, { adapter: end })).losses;
    expect(relative([loaded ?? NaN], [next ?? NaN])).toBeLessThan(1e-5);
  },
);

test("rslora: the first losses and gradient norms are PEFT's", async () => {
  const folder = `${methodFolder("rslora")}/adapter_init`;
  const { module } = moduleOf("llama", recipe(clause("lora { rank: 4, alpha: 8, rslora: true", folder)));
  const { losses, norms } = await run("llama", module, 4, { adapter: folder });
  expect(relative(losses, methodExpected("rslora").losses.slice(0, 4))).toBeLessThan(1e-5);
  expect(relative(norms, methodExpected("rslora").total_grad_norms.slice(0, 4))).toBeLessThan(1e-4);
});
