// Which tensors a recipe's format holds, what becomes of the module then, and what a config says of formats; with a format that only the
// recipe's own file knows, since the compiler knows none.
import { expect, test } from "vitest";
import { elaborate, type Elaborated } from "../../../compiler/elaborate/elaborate.ts";
import { readRecipe } from "../../../compiler/front.ts";
import { printModule } from "../../../compiler/ir/text.ts";
import { parseModule } from "../../../compiler/ir/text-read.ts";
import { validate } from "../../../compiler/ir/validate.ts";
import { elaborated, tiny } from "./small.ts";

const adapter = "adapter lora { rank: 2 }";

/** The files of a tiny model with weights as said. */
function files(
  weights: string,
  { more = "", config = {}, init = false, layers = 2 } = {},
): Map<string, string> {
  const made = tiny({ adapter, layers, files: !init });
  const text = (made.get("recipe.ftl") ?? "").replace(
    "{ train: none",
    `{ train: none${weights === "" ? "" : `, weights: ${weights}`}`,
  );
  const read = JSON.parse(made.get("model/config.json") ?? "{}") as object;
  return new Map([
    ["recipe.ftl", `${more}${text}`],
    ["model/config.json", JSON.stringify({ ...read, ...config })],
  ]);
}

function said(given: ReadonlyMap<string, string>): readonly string[] {
  const { input, diagnostics } = readRecipe(
    { path: "recipe.ftl", text: given.get("recipe.ftl") ?? "" },
    (path) => given.get(path),
  );
  const found = input === undefined ? [] : elaborate(input).diagnostics;
  return [...diagnostics, ...found].map(({ code, message }) => `${code} ${message}`);
}

const weightsOf = ({ module }: Elaborated): readonly string[] =>
  module.variables.filter(({ kind }) => kind === "weights").map(({ name }) => name);

const projections = [
  ...["q_proj", "k_proj", "v_proj", "o_proj"].map((name) => `model.layers.{i}.self_attn.${name}.weight`),
  ...["gate_proj", "up_proj", "down_proj"].map((name) => `model.layers.{i}.mlp.${name}.weight`),
];

test("the linear modules are held, and neither head, embedding nor norms", () => {
  const made = elaborated(files("nf4"));
  const own = ["codes", "scale_codes", "group_scales", "offset"];
  expect([...weightsOf(made)].toSorted()).toEqual(
    [
      ...projections.flatMap((name) => own.map((tensor) => `${name}.${tensor}`)),
      "model.embed_tokens.weight",
      "model.layers.{i}.input_layernorm.weight",
      "model.layers.{i}.post_attention_layernorm.weight",
      "model.norm.weight",
      "lm_head.weight",
    ].toSorted(),
  );
  const { held = [], programs } = made.module;
  expect(held.map(({ name }) => name).toSorted()).toEqual(projections.toSorted());
  expect(held.find(({ name }) => name.includes("q_proj"))).toMatchObject({
    names: [0, 1].map((layer) => `model.layers.${layer}.self_attn.q_proj.weight`),
    shape: [16, 16],
    format: "nf4",
  });
  // One program for all layers; tensors of one shape share what it does.
  const encoding = programs.filter(({ name }) => name.startsWith("encode "));
  expect(encoding.map(({ parts }) => parts)).toEqual(projections.map(() => 2));
  expect(new Set(encoding.map(({ region }) => region)).size).toBe(4);
});

test("parameters are counted as they are without a format", () => {
  expect(elaborated(files("nf4")).parameters).toEqual(elaborated(files("")).parameters);
});

test("the module is one that its text gives back", () => {
  for (const weights of ["nf4 { double: false }", "int8 { outliers: 10% }", "q6_k"]) {
    const { module } = elaborated(files(weights));
    expect(validate(module)).toEqual([]);
    const text = printModule(module);
    const { value, problem } = parseModule(text);
    expect(problem).toBeUndefined();
    expect(value === undefined ? "" : printModule(value)).toBe(text);
    expect(value?.held).toEqual(module.held);
  }
});

test("random weights are drawn and encoded layer by layer, the same as without a format", () => {
  const { module, model } = elaborated(files("nf4", { init: true }));
  expect(module.held).toBeUndefined();
  expect(module.programs.some(({ name }) => name.startsWith("encode "))).toBe(false);
  const initialize = module.programs.find(({ name }) => name === "initialize");
  expect(initialize?.writes).toEqual(expect.arrayContaining(projections.map((name) => `${name}.codes`)));
  const whole = initialize?.region.results.filter(({ node }) => node.operation !== "repeat") ?? [];
  expect(whole.every(({ shape }) => shape.length <= 2)).toBe(true);
  // They can be drawn again, and no file knows them.
  expect(model).toEqual([]);
});

const own = `
/// Halves of a number and the rest: exact.
format halved(share: number = 0.5) {
  tensor first [count] as f32
  tensor second [count] as f32
  encode(x) {
    first = share * reshape(x, [count])
    second = (1 - share) * reshape(x, [count])
  }
  decode() { reshape(first + second, shape) }
}
`;

test("a format of the recipe's own file is one like any other", () => {
  const made = elaborated(files("halved { share: 0.25 }", { more: own }));
  expect(weightsOf(made)).toContain("model.layers.{i}.mlp.up_proj.weight.second");
  expect(made.module.held?.[0]).toMatchObject({ format: "halved { share: 0.25 }", stored: undefined });
  const wrong = own.replace("reshape(first + second, shape)", "first + second");
  expect(said(files("halved", { more: wrong }))[0]).toBe("FTL0742 decode gives [256], not [16, 16]");
  const missing = own.replace("second = (1 - share) * reshape(x, [count])", "");
  expect(said(files("halved", { more: missing }))[0]).toBe("FTL0742 encode leaves 'second' as it was");
  expect(said(files("halved", { more: own.replace("as f32", "as f64") }))[0]).toBe(
    "FTL0741 a tensor holds u32, i32, f32, f16, bf16, not 'f64'",
  );
  const blocks = own.replace("encode(x)", 'gguf { kind: "Q8_0" }\n  encode(x)');
  expect(said(files("halved", { more: blocks }))[0]).toBe(
    'FTL0703 gguf says the type of a file\'s tensors: gguf { type: "Q8_0" }',
  );
  expect(elaborated(files("q8_0")).module.held?.[0]).toMatchObject({ format: "q8_0", blocks: "Q8_0" });
});

test("a format refuses options that it cannot have", () => {
  expect(said(files("nf4 { block: 65 }"))).toEqual([
    "FTL0721 'block' takes a multiple of 8 from 16 to 4096, not 65",
  ]);
  expect(said(files("int8 { outliers: 100% }"))).toEqual(["FTL0721 'outliers' takes a share below 100%"]);
});

const quantized = (fields: object): object => ({
  quantization_config: { quant_method: "bitsandbytes", ...fields },
});
const nf4 = { load_in_4bit: true, bnb_4bit_quant_type: "nf4", bnb_4bit_use_double_quant: true };

test("what a config says of its weights is the default", () => {
  const given = (config: object, weights = ""): string | undefined =>
    elaborated(files(weights, { config })).module.held?.[0]?.format;
  expect(given(quantized(nf4))).toBe("nf4 { double: true }");
  expect(given(quantized({ ...nf4, bnb_4bit_use_double_quant: false }))).toBe("nf4 { double: false }");
  expect(given(quantized(nf4), "int8")).toBe("int8");
  expect(given(quantized(nf4), "bf16")).toBeUndefined();
});

test("a config whose weights are in a format that is not read is refused", () => {
  const found = (config: object): string | undefined => said(files("", { config }))[0];
  expect(found(quantized({ load_in_8bit: true }))).toMatch(/^FTL0749 .* by bitsandbytes in 8 bits/);
  expect(found({ quantization_config: { quant_method: "gptq", bits: 4 } })).toMatch(/^FTL0749 .* by gptq/);
  expect(found(quantized({ load_in_4bit: true }))).toMatch(
    /^FTL0749 .* as 'fp4', and there is no such format/,
  );
});
