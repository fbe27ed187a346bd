// What an expression of the language means while a recipe is elaborated: numbers, text and lists are known at compile time,
// host scalars are expressions over the step that the host computes in float64, tensors are values of the graph being built.
// A poisoned meaning stands for one whose mistake has been reported; whatever is made of it is poisoned in silence.
import type { Span } from "../../grammar/source.ts";
import type { Expression } from "../../grammar/syntax.ts";
import type { ScalarExpression, TensorType, Value, Variable } from "../ir/graph.ts";
import type { Constant } from "../language/settings.ts";

/** A dimension: its size and where that size was said. Two axes are the same dimension when they are the same object. */
export interface Dimension {
  readonly size: number;
  /** As written: "hidden", "heads * width". */
  readonly label: string;
  readonly span: Span | undefined;
}

export type Meaning =
  | NumberMeaning
  | { readonly kind: "string"; readonly value: string; readonly said?: Span }
  | { readonly kind: "boolean"; readonly value: boolean; readonly said?: Span }
  | { readonly kind: "none" }
  | ListMeaning
  | { readonly kind: "tuple"; readonly elements: readonly Meaning[] }
  | RecordMeaning
  | RangeMeaning
  | TensorMeaning
  | VariableMeaning
  | ScalarMeaning
  | FunctionMeaning
  | InitialMeaning
  | { readonly kind: "poison" };

/**
 * `dimension` is set for numbers that are the size of an axis, so that `over: d` finds the axis again; `counter` for the number of
 * a layer, so that a tensor indexed by it is indexed by the loop's counter and layers stay alike. `said`, here and in texts and
 * truths: the place in a config or a recipe that says the value.
 */
export interface NumberMeaning {
  readonly kind: "number";
  readonly value: number;
  readonly dimension?: Dimension | undefined;
  readonly said?: Span;
  readonly counter?: Declared | undefined;
}

export interface ListMeaning {
  readonly kind: "list";
  readonly elements: readonly Meaning[];
  readonly said?: Span;
}

/** Named fields: a config, or a module's weights. `open`: a missing field means none; otherwise it is a mistake. */
export interface RecordMeaning {
  readonly kind: "record";
  /** What the reader calls it: "config", "linear". */
  readonly label: string;
  readonly fields: ReadonlyMap<string, Meaning>;
  readonly open: boolean;
  /** What calling the record does: a module's forward. */
  readonly call?: FunctionMeaning | undefined;
}

/** An end may be a scalar of the step, such as a drawn rank. */
export interface RangeMeaning {
  readonly kind: "range";
  readonly first: number | ScalarMeaning | undefined;
  readonly last: number | ScalarMeaning | undefined;
  readonly inclusive: boolean;
}

export interface TensorMeaning {
  readonly kind: "tensor";
  readonly value: Value;
  /** One for each axis of the value. */
  readonly dimensions: readonly Dimension[];
  /** In a method, a tensor that trains: which one. */
  readonly trained?: TrainedIdentity;
}

/** A tensor that trains, as a method sees it: random numbers are drawn for it, and it stands in a block of layers. */
export interface TrainedIdentity {
  /** The variable's name. */
  readonly variable: string;
  /** The same in all layers. */
  readonly name: string;
  /** The layer's number, a u32 scalar of the region at hand; undefined outside of layers. */
  readonly part: Value | undefined;
  /** The number of its block: that of the layer; what stands outside of layers is a block of its own after them. */
  readonly block: Meaning;
  readonly module: Declared["module"];
}

/** A weight, state or table: read into the region at hand when it is used. */
export interface VariableMeaning {
  readonly kind: "variable";
  readonly variable: Declared;
  readonly dimensions: readonly Dimension[];
  /** Where definitions see the axes in another order than the checkpoint stores them: the variable's axis of each axis seen. */
  readonly order?: readonly number[] | undefined;
}

/** A scalar that the host computes each step. */
export interface ScalarMeaning {
  readonly kind: "scalar";
  readonly expression: ScalarExpression;
}

/** An argument of a call: its meaning and where it stands. */
export interface Passed {
  readonly name: string | undefined;
  readonly meaning: Meaning;
  readonly span: Span;
}

export interface FunctionMeaning {
  readonly kind: "function";
  readonly label: string;
  /** How many parameters a method has, and their names. */
  readonly parameters?: number;
  readonly names?: readonly string[];
  /** `at` is the whole call. */
  readonly call: (passed: readonly Passed[], at: Expression) => Meaning;
}

/** How to fill a tensor before the first step: `draw` builds it in the program "initialize". */
export interface InitialMeaning {
  readonly kind: "initial";
  readonly draw: (type: TensorType, purpose: Purpose) => Value;
}

/** What random numbers are drawn for: a name, in a stack the number of the part, and the step's number, u32 scalars of the region at hand. */
export interface Purpose {
  readonly name: string;
  readonly part: Value | undefined;
  /** Undefined for what is drawn once a run. */
  readonly step?: Value | undefined;
}

/** A variable as it was declared inside a definition, before layers are gathered into stacks. */
export interface Declared extends TensorType {
  /** Full name with the layer's number, such as "model.layers.3.self_attn.q_proj.weight". */
  readonly name: string;
  /** The same without the layer's prefix, equal in all layers; the full name outside of layers. */
  readonly local: string;
  /** The full name with `{i}` where a layer's number stands. */
  readonly shown: string;
  /** Index of the layer, or undefined outside of layers. */
  readonly layer: { readonly template: string; readonly index: number } | undefined;
  readonly kind: Variable["kind"];
  /** The module that it is declared in, and the role that has in the model; none for what stands in no module. */
  readonly module?:
    { readonly name: string; readonly role: string | undefined; readonly isMap?: boolean } | undefined;
  /** For a stack of layers: one declaration a layer, in order. */
  readonly parts?: readonly Declared[] | undefined;
  readonly from: "checkpoint" | "optional" | "adapter" | "table" | "state" | "host" | "counter";
  /** Key in the files that hold it: the checkpoint's tensor or the adapter's. */
  readonly key: string;
  readonly initial: Meaning | undefined;
  /** The name of the adapter it belongs to. */
  readonly adapter?: string;
  readonly trainable: boolean;
  /** Its learning rate in units of the recipe's; 1 if unsaid. */
  readonly rate?: number;
  /** The elements that a step changes, as an index of the tensor says a part of it: a range for each axis, from the first; all if unsaid. */
  readonly moving?: readonly (RangeMeaning | undefined)[] | undefined;
  /** It trains, and a method estimates its gradient: nothing is propagated back to it. */
  readonly estimated?: boolean;
  /** What holds it where that is not a tensor of its own type. */
  readonly held?: Holding | undefined;
  /** For a tensor that a format holds another one in: that one. */
  readonly holds?: Declared | undefined;
  readonly span: Span;
}

/** A tensor in a format: the tensors that hold it, and the way there and back. */
export interface Holding {
  /** As a recipe writes it, such as "nf4 { block: 64 }". */
  readonly label: string;
  readonly tensors: readonly Declared[];
  /** The tensor, made of what the region at hand reads of the tensors that hold it. */
  readonly decode: () => Value;
  /** What the tensors hold for a value of the tensor, in their order. */
  readonly encode: (value: Value) => readonly Value[];
  /** For each of the tensors where it hangs on elements that moved, in bool; undefined where the format does not say. */
  readonly touched: ((moved: Value) => readonly Value[]) | undefined;
  /** How bitsandbytes' files hold it, where they can. */
  readonly stored: Stored | undefined;
  /** The type of GGUF files whose blocks the tensors are, where there is one. */
  readonly blocks: string | undefined;
}

/** What stands beside a tensor in files of bitsandbytes that hold it encoded. */
export interface Stored {
  /** The name, behind the tensor's, of the JSON that describes it. */
  readonly state: string;
  /** What fields of that JSON must be. */
  readonly fields: ReadonlyMap<string, StoredField>;
  /** Tensors beside that must be what a table is. */
  readonly tables: ReadonlyMap<string, Declared>;
  /**
   * For each tensor its name behind the held one's, "" for that one's own: a tensor of the file or a field of the JSON. Undefined:
   * files do not have it.
   */
  readonly names: readonly (string | undefined)[];
}

/** Undefined: the field must not be there. `option`: the recipe's option that says so, or "". */
export interface StoredField {
  readonly value: number | string | undefined;
  readonly option: string;
}

export const poison: Meaning = { kind: "poison" };
export const none: Meaning = { kind: "none" };

export function number(value: number, dimension?: Dimension): NumberMeaning {
  return { kind: "number", value, dimension };
}

export function boolean(value: boolean): Meaning {
  return { kind: "boolean", value };
}

/** An option of the recipe as the definitions see it; durations hang on the run's length, which the host knows. */
export function constantMeaning(constant: Constant): Meaning {
  switch (constant.kind) {
    case "number":
    case "string":
    case "boolean":
    case "none":
      return constant;
    case "list":
      return { kind: "list", elements: constant.elements.map(constantMeaning) };
    case "range":
      return { kind: "range", first: constant.first, last: constant.last, inclusive: true };
    case "steps":
      return { kind: "number", value: constant.count };
    case "share":
      return {
        kind: "scalar",
        expression: { apply: "ceil", to: [{ apply: "multiply", to: [constant.of, { name: "steps" }] }] },
      };
    default:
      return constant satisfies never;
  }
}

/** What a reader calls a meaning in a message: "a number", "a tensor [2, 64]". */
export function describe(meaning: Meaning): string {
  switch (meaning.kind) {
    case "number":
      return `the number ${meaning.value}`;
    case "string":
      return `the text "${meaning.value}"`;
    case "boolean":
      return meaning.value ? "true" : "false";
    case "none":
      return "none";
    case "list":
      return "a list";
    case "tuple":
      return `${meaning.elements.length} values`;
    case "record":
      return meaning.label;
    case "range":
      return "a range";
    case "tensor":
    case "variable":
      return `a tensor ${shapeText(meaning.dimensions)}`;
    case "scalar":
      return "a scalar of the step";
    case "function":
      return `the function ${meaning.label}`;
    case "initial":
      return "an initial value";
    case "poison":
      return "a mistake";
    default:
      return meaning satisfies never;
  }
}

/** "[rows 2, tokens 48, 64]". */
export function shapeText(dimensions: readonly Dimension[]): string {
  const texts = dimensions.map(({ size, label }) =>
    label === "" || label === String(size) ? `${size}` : `${label} ${size}`,
  );
  return `[${texts.join(", ")}]`;
}
