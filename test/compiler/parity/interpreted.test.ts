// The whole front and middle of the compiler against PyTorch, without a device: the module of a parity recipe is run by the float64
// interpreter. Losses, gradients, updates and the final adapter must be PyTorch's.
import { describe, expect, test } from "vitest";
import { evaluateProgram } from "../../../compiler/ir/interpret.ts";
import { batchOf, expectedOf, filled, modelFolder, tensorsIn } from "./reference.ts";
import { distances, moduleOf, parityRecipe as recipe, relative, run } from "./train.ts";

const lora = 'adapter lora { rank: 4, alpha: 8, on: [all_linear], start: "adapter_init" }';

/** The models, and for how many updates each is followed; those of the device tests go on to the last. */
const models: Readonly<Record<string, number>> = {
  llama: 20,
  qwen2: 20,
  "llama3-scaled-rope": 3,
  "llama-linear-rope": 3,
  "llama-dynamic-rope": 3,
  "llama-yarn": 3,
  qwen3: 3,
  mistral: 3,
  gemma: 3,
  gemma2: 20,
  phi3: 3,
  "phi3-longrope": 3,
  gpt2: 20,
  "gpt-neox": 3,
  "falcon-7b-style": 3,
  "falcon-40b-style": 3,
  opt: 3,
};

describe.each(Object.entries(models))("%s, interpreted", (model, updates) => {
  test("LoRA: losses, gradients and the final adapter are PyTorch's", async () => {
    const { module, gradients } = moduleOf(model, recipe(lora));
    const { losses, norms, first, last } = await run(model, module, updates, {
      adapter: `${modelFolder(model)}/adapter_init`,
    });
    const expected = expectedOf(model).lora;
    expect(relative(losses, expected.losses)).toBeLessThan(1e-5);
    expect(relative(norms, expected.total_grad_norms)).toBeLessThan(1e-4);
    const wanted = await tensorsIn(`${modelFolder(model)}/lora_grads.safetensors`);
    const final = await tensorsIn(`${modelFolder(model)}/adapter_final/adapter_model.safetensors`);
    for (const [weight, gradient] of gradients) {
      expect(Math.max(...distances(module, weight, first.get(gradient), wanted)), weight).toBeLessThan(1e-4);
      if (updates === 20)
        expect(Math.max(...distances(module, weight, last.get(weight), final)), weight).toBeLessThan(1e-3);
    }
  });

  test("the logits of the base model are PyTorch's", async () => {
    const { module } = moduleOf(model, recipe(""));
    const base = await tensorsIn(`${modelFolder(model)}/base/model.safetensors`);
    const given = new Map([...filled(module, base, new Map()), ...batchOf(model, 0, 2)]);
    const found = evaluateProgram(module, "logits", given).get("logits")?.data ?? new Float64Array();
    const wanted =
      (await tensorsIn(`${modelFolder(model)}/logits.safetensors`)).get("logits")?.data ?? new Float64Array();
    expect(found.length).toBe(wanted.length);
    const segments = given.get("segments")?.data ?? new Float64Array();
    const width = wanted.length / segments.length;
    const off = [...segments].flatMap((segment, at) =>
      segment === 0
        ? []
        : [...wanted.subarray(at * width, (at + 1) * width)].map((value, word) =>
            Math.abs(value - (found[at * width + word] ?? NaN)),
          ),
    );
    expect(Math.max(...off)).toBeLessThan(1e-4);
  });

  test("full training: the first losses and gradient norms are PyTorch's", async () => {
    const { module } = moduleOf(model, recipe(""));
    const { losses, norms } = await run(model, module, Math.min(updates, 4));
    const expected = expectedOf(model).full;
    expect(relative(losses, expected.losses)).toBeLessThan(3e-5);
    expect(relative(norms, expected.total_grad_norms)).toBeLessThan(1e-4);
  });
});

test("accumulation and checkpointing change nothing but rounding", async () => {
  const adapter = `${modelFolder("llama")}/adapter_init`;
  const whole = await run("llama", moduleOf("llama", recipe(lora)).module, 3, { adapter });
  for (const extra of ["accumulation 2", "checkpoint every 1", "checkpoint every 2"]) {
    const { losses, norms } = await run("llama", moduleOf("llama", recipe(lora, extra)).module, 3, {
      adapter,
    });
    expect(relative(losses, whole.losses), extra).toBeLessThan(1e-9);
    expect(relative(norms, whole.norms), extra).toBeLessThan(1e-9);
  }
});
