// What a model's `config.json` says of how its weights are stored encoded (`quantization_config`, as Transformers writes it): the default of
// the recipe's `weights:`. In: the config, and the formats there are. Out: a format with its options, or why such files are not read.
import { problem, type Diagnostic } from "../../grammar/diagnostic.ts";
import { closest } from "../../grammar/suggest.ts";
import type { Config, ConfigValue } from "./config.ts";
import type { Scope } from "./resolve.ts";
import type { Constant, Said, Weights } from "./settings.ts";

export interface Quantization {
  readonly weights: Said<Weights> | undefined;
  readonly diagnostics: readonly Diagnostic[];
}

export function quantizationOf({ fields }: Config, scope: Scope, from: string): Quantization {
  const given = fields.get("quantization_config");
  if (given?.kind !== "object") return { weights: undefined, diagnostics: [] };
  const { span } = given;
  const field = (name: string): ConfigValue | undefined => given.fields.get(name);
  const isTrue = (name: string): boolean => {
    const value = field(name);
    return value?.kind === "boolean" && value.value;
  };
  const text = (name: string): string | undefined => {
    const value = field(name);
    return value?.kind === "string" ? value.value : undefined;
  };
  const refuse = (what: string, label: string): Quantization => ({
    weights: undefined,
    diagnostics: [problem("FTL0749", field("quant_method")?.span ?? span, what, label)],
  });
  const method = text("quant_method") ?? "bitsandbytes";
  if (method !== "bitsandbytes" || !isTrue("load_in_4bit")) {
    const how = method === "bitsandbytes" ? "by bitsandbytes in 8 bits" : `by ${method}`;
    return refuse(
      `the config says that the weights are stored encoded ${how}, which is not read`,
      "name a folder with weights in f32, f16 or bf16",
    );
  }
  const name = text("bnb_4bit_quant_type") ?? "fp4";
  const definition = scope.lookup("format", name, from) ?? scope.inLibrary("format", name);
  if (definition === undefined) {
    const names = scope.names("format", from);
    const guess = closest(name, [...names]);
    const label = guess === undefined ? `known: ${names.join(", ")}` : `did you mean ${guess}?`;
    return refuse(
      `the config says that the weights are stored as '${name}', and there is no such format`,
      label,
    );
  }
  const said: Said<Constant> = {
    value: { kind: "boolean", value: isTrue("bnb_4bit_use_double_quant") },
    span: field("bnb_4bit_use_double_quant")?.span ?? span,
  };
  const options = definition.parameters.some((each) => each.name.text === "double")
    ? new Map([["double", said]])
    : new Map<string, Said<Constant>>();
  const format = { name: { value: name, span }, options, span };
  return { weights: { value: { kind: "format", format }, span }, diagnostics: [] };
}
