// PEFT's own files are read, and written again byte for byte.
import { cpSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";

import { CheckpointError } from "../../../runtime/checkpoint/error.ts";
import { adapterConfigText, float, openAdapter, writeAdapter } from "../../../runtime/checkpoint/peft.ts";
import { readTensor, type TensorToWrite } from "../../../runtime/checkpoint/safetensors.ts";
import { fixtures, put, temporaryFolder } from "./files.ts";

const init = join(fixtures, "reference/models/llama/adapter_init");

/** What an adapter's definition says of a LoRA of rank 4 on these modules; the fields PEFT 0.21 adds are all at their defaults. */
const lora = new Map(
  Object.entries({
    peft_type: "LORA",
    peft_version: "0.21.0",
    task_type: "CAUSAL_LM",
    r: 4,
    lora_alpha: 8,
    lora_dropout: float(0),
    target_modules: ["q_proj", "gate_proj", "down_proj", "k_proj", "v_proj", "up_proj", "o_proj"],
    base_model_name_or_path: null,
    inference_mode: true,
    bias: "none",
    fan_in_fan_out: false,
    init_lora_weights: true,
    use_dora: false,
    use_rslora: false,
    use_qalora: false,
    lora_bias: false,
    ensure_weight_tying: false,
    qalora_group_size: 16,
    megatron_core: "megatron.core",
    alpha_pattern: new Map(),
    rank_pattern: new Map(),
    loftq_config: new Map(),
    ...Object.fromEntries(
      [
        "alora_invocation_tokens arrow_config auto_mapping corda_config eva_config exclude_modules kasa_config",
        "layer_replication layers_pattern layers_to_transform lora_ga_config megatron_config modules_to_save",
        "monteclora_config revision target_parameters trainable_token_indices use_bdlora velora_config",
      ]
        .join(" ")
        .split(" ")
        .map((name) => [name, null]),
    ),
  }),
);

describe("reading", () => {
  test("keys, shapes and fields of a LoRA", async () => {
    const adapter = await openAdapter(init);
    expect(adapter.peftType).toBe("LORA");
    expect(adapter.values).toMatchObject({ r: 4, lora_alpha: 8, lora_dropout: 0, use_rslora: false });
    const at = (key: string) => adapter.weights.tensors.get(`base_model.model.model.layers.0.${key}.weight`);
    expect(at("mlp.down_proj.lora_A")).toMatchObject({ dtype: "F32", shape: [4, 160] });
    expect(at("mlp.down_proj.lora_B")).toMatchObject({ dtype: "F32", shape: [64, 4] });
    expect(adapter.weights.tensors.size).toBe(28);
  });

  test.for([
    [
      '{\n"peft_type": "LORA",\n"r": 0}',
      /adapter_config\.json: line 3: field "r" is 0; expected a whole number from 1/,
    ],
    ['{"peft_type": "LORA", "r": 4.0}', /field "r"/],
    ['{"peft_type": 1}', /field "peft_type" is 1; expected a string/],
    ['{"r": 4}', /field "peft_type" is missing; expected a string/],
    ['{"peft_type": "LORA", "lora_alpha": "8"}', /field "lora_alpha" is "8"; expected a number/],
    [
      '{"peft_type": "LORA", "lora_dropout": 1.5}',
      /field "lora_dropout" is 1.5; expected a number from 0 up to 1/,
    ],
    [
      '{"peft_type": "LORA", "target_modules": [1]}',
      /field "target_modules" is \[1\]; expected a list, each a string, or a string, or null/,
    ],
    ['{"peft_type": "LORA", "rank_pattern": {"a": 0}}', /field "rank_pattern"/],
    ['{"peft_type": "LORA", "peft_type": "IA3"}', /"peft_type" appears twice/],
    ["{", /line 1: a name in quotes/],
  ] as const)("%j is refused", async ([text, message]) => {
    const folder = temporaryFolder();
    cpSync(init, folder, { recursive: true });
    put(folder, "adapter_config.json", text);
    await expect(openAdapter(folder)).rejects.toThrow(message);
    await expect(openAdapter(folder)).rejects.toBeInstanceOf(CheckpointError);
  });

  test("what is missing is named", async () => {
    const folder = temporaryFolder();
    await expect(openAdapter(join(folder, "none"))).rejects.toThrow(
      /the adapter's folder could not be opened/,
    );
    await expect(openAdapter(folder)).rejects.toThrow(/adapter_config\.json: it could not be read/);
    cpSync(init, folder, { recursive: true });
    rmSync(join(folder, "adapter_model.safetensors"));
    await expect(openAdapter(folder)).rejects.toThrow(/adapter_model\.safetensors: it could not be opened/);
  });
});

describe("writing", () => {
  test("fields from a definition give the file that PEFT wrote", () => {
    expect(adapterConfigText(lora)).toBe(readFileSync(join(init, "adapter_config.json"), "utf8"));
  });

  test.for(["llama", "qwen2", "llama3-scaled-rope"])(
    "what was read of %s is written byte for byte",
    async (name) => {
      const from = join(fixtures, "reference/models", name, "adapter_final");
      const adapter = await openAdapter(from);
      const tensors: TensorToWrite[] = [];
      for (const [key, { dtype, shape }] of adapter.weights.tensors) {
        tensors.push({ name: key, dtype, shape, data: await readTensor(adapter.weights, key) });
      }
      const folder = join(temporaryFolder(), "adapter");
      await writeAdapter(folder, { tensors: tensors.toReversed(), fields: adapter.fields });
      expect(readdirSync(folder)).toEqual(["adapter_config.json", "adapter_model.safetensors"]);
      for (const file of readdirSync(folder)) {
        expect(readFileSync(join(folder, file)).equals(readFileSync(join(from, file))), file).toBe(true);
      }
    },
  );

  test("spells as Python does", () => {
    const floats = [
      1e-5, 0, 1e16, 123456789012345680, 0.1, 1e-4, -2.5, 3, 5e-324, 1.7976931348623157e308, -0,
    ];
    const fields = new Map(
      Object.entries({
        b: floats.map(float),
        a: 'é\u007f\u2028"\\',
        z: new Map(),
        y: [],
        n: null,
        k: new Map([["q", 1e21]]),
      }),
    );
    // The output of json.dumps(.., indent=2, sort_keys=True) of Python 3.
    expect(adapterConfigText(fields)).toBe(
      String.raw`{
  "a": "\u00e9\u007f\u2028\"\\",
  "b": [
    1e-05,
    0.0,
    1e+16,
    1.2345678901234568e+17,
    0.1,
    0.0001,
    -2.5,
    3.0,
    5e-324,
    1.7976931348623157e+308,
    -0.0
  ],
  "k": {
    "q": 1000000000000000000000
  },
  "n": null,
  "y": [],
  "z": {}
}`,
    );
  });

  test("a number without a JSON form is refused", () => {
    expect(() => adapterConfigText(new Map([["lora_alpha", NaN]]))).toThrow(RangeError);
  });
});
