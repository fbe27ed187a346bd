// What definitions may name without declaring it: functions and constants of the language, and names that a kind of definition
// is given. The checker reads the signatures, the elaborator gives each its meaning, documentation prints the descriptions.
import type { DefinitionKind } from "../../grammar/syntax.ts";

/** A parameter of a function that is not written in the language. */
export interface BuiltinParameter {
  readonly name: string;
  /** `rest`: any number of arguments, this one included. */
  readonly needed: "required" | "optional" | "rest";
}

export interface Builtin {
  readonly name: string;
  readonly parameters: readonly BuiltinParameter[];
  readonly description: string;
}

/** Written `x, shape` for required, `over?` for optional, `xs*` for any number. */
function builtin(name: string, parameters: string, description: string): Builtin {
  return {
    name,
    parameters: parameters
      .split(", ")
      .filter((text) => text !== "")
      .map((text) => ({
        name: text.replace(/[?*]$/, ""),
        needed: text.endsWith("?") ? "optional" : text.endsWith("*") ? "rest" : "required",
      })),
    description,
  };
}

/** The functions, by name. */
export const builtins: ReadonlyMap<string, Builtin> = new Map(
  [
    builtin("reshape", "x, shape", "the same elements in another shape"),
    builtin("permute", "x, order", "axes in another order"),
    builtin("broadcast", "x, shape", "repeated along axes of size one and new leading axes"),
    builtin("concat", "xs*, over", "tensors one after another along an axis"),
    builtin("slice", "x, first, last, over", "elements first to last (exclusive) along an axis"),
    builtin("iota", "n", "0, 1, … n − 1"),
    builtin("sum", "x, over?", "the sum over an axis, which stays with size one; over all without `over`"),
    builtin("mean", "x, over?", "the mean over an axis, which stays with size one; over all without `over`"),
    builtin("max", "xs*, over?", "the largest over an axis, or elementwise of two"),
    builtin("min", "xs*, over?", "the smallest over an axis, or elementwise of two"),
    builtin("exp", "x", "e to the power of x"),
    builtin("log", "x", "the natural logarithm"),
    builtin("sqrt", "x", "the square root"),
    builtin("rsqrt", "x", "one divided by the square root"),
    builtin("tanh", "x", "the hyperbolic tangent"),
    builtin("erf", "x", "the error function"),
    builtin("sin", "x", "the sine of radians"),
    builtin("cos", "x", "the cosine of radians"),
    builtin("abs", "x", "the absolute value"),
    builtin("sign", "x", "−1, 0 or 1"),
    builtin("floor", "x", "the largest whole number not above"),
    builtin("ceil", "x", "the smallest whole number not below"),
    builtin("round", "x", "the nearest whole number, of two the even one"),
    builtin("whole", "x", "x without its fraction, as a word of 32 bits"),
    builtin("float", "x", "x as a number with a fraction"),
    builtin("half", "x", "rounded to the nearest number of f16"),
    builtin("shift_left", "x, y", "the bits of x moved up by y places, in words of 32 bits"),
    builtin("shift_right", "x, y", "the bits of x moved down by y places"),
    builtin("bit_and", "x, y", "the bits that both have"),
    builtin("bit_or", "x, y", "the bits that one of both has"),
    builtin("bit_xor", "x, y", "the bits that exactly one of both has"),
    builtin("clamp", "x, low, high", "x held between two values"),
    builtin("select", "condition, then, otherwise", "elementwise choice"),
    builtin("stop_gradient", "x", "x, through which no gradient flows"),
    builtin("norm", "x, over?", "the square root of the sum of squares"),
    builtin("rms", "x, over?", "the square root of the mean of squares"),
    builtin("size", "x, axis", "the size of an axis"),
    builtin("dims", "x", "the number of axes"),
    builtin(
      "uniform",
      "low, high, like?, key?",
      "random values between two bounds, in the declared shape or that of `like`",
    ),
    builtin(
      "normal",
      "deviation?, like?, key?",
      "random values around zero, in the declared shape or that of `like`",
    ),
    builtin(
      "drop",
      "x, share",
      "zeroes a share of the elements at random while training and scales up the rest",
    ),
    builtin(
      "chunks",
      "f, xs*, each",
      "applies f to a few rows at a time, so that one part's results exist at once; `each` is the width of a row",
    ),
    builtin(
      "past",
      "",
      "how many positions of its rows earlier calls brought, where rows come in pieces; none where they come whole",
    ),
    builtin("continues", "", "whether this call goes on with rows that earlier calls began"),
    builtin("iterate", "f, x, times", "f applied to x, to what that gives, and so on: so many times"),
  ].map((entry) => [entry.name, entry]),
);

/** The constants, with a description. */
export const constants: ReadonlyMap<string, string> = new Map([["pi", "3.14159…"]]);

/** Names that a kind of definition is given, with a description. Adapters also get the dimensions of the module they are `on`. */
export const contextual: Readonly<Record<DefinitionKind, ReadonlyMap<string, string>>> = {
  function: new Map(),
  module: new Map([["length", "positions of a row, with those that adapters put in front"]]),
  architecture: new Map([
    ["length", "positions of a row"],
    ["task", "the task by its `name`, and its options by theirs; none where it has no such option"],
  ]),
  adapter: new Map([
    ["base", "the part that is adapted: its weights, and its result when called"],
    ["model", "what the model's architecture declares, such as model.hidden"],
    ["length", "positions of a row, with those that adapters put in front"],
    [
      "layer",
      "the number of the layer that the part stands in; a tensor indexed by it has an entry for each layer",
    ],
    ["layers", "the number of layers"],
    ["path", "the path of the part, such as model.layers.0.self_attn.q_proj"],
    ["name", "the last name of the part's path, such as q_proj"],
    ["selected", "whether the part answers to one of some roles and names, as in the recipe's `on`"],
    [
      "by_part",
      "in `peft`: the values of the modules that a `group` of the recipe gives options of their own, by name",
    ],
  ]),
  optimizer: new Map([
    ["w", "the parameter that is updated; `w.module` and `w.role` say where in the model it stands"],
  ]),
  schedule: new Map(),
  task: new Map([
    ["model", "the model: its hidden states when called, and what its architecture names"],
    ["length", "positions of a row"],
  ]),
  format: new Map([
    ["shape", "the sizes of the tensor that is held"],
    ["count", "how many numbers it has"],
    ["use", "what it is: weight, or state of an optimizer"],
    ["signed", "whether its numbers may be below zero"],
  ]),
  method: new Map([
    ["each", "gives every tensor that trains a new value: each(w => …)"],
    ["kept", "decides a condition for each element before the first step, and gives it again: kept(w => …)"],
    ["block", "the number of the block of layers that a tensor stands in"],
    ["blocks", "how many blocks there are; what stands outside of layers is one of them, the last"],
  ]),
};

/** The names of types that a parameter may have beside shapes. */
export const typeNames: ReadonlyMap<string, string> = new Map([
  ["number", "a number"],
  ["boolean", "true or false"],
  ["string", "a text or a word"],
  ["steps", "steps: `100 steps`, or a share of the run such as `3%`"],
  [
    "ranks",
    "a rank or a range of ranks: `8`, `1..64`; its `first`, its `last`, and the one that is `drawn(how, p)` each step",
  ],
  ["draws", "how a rank is drawn: `uniform`, `geometric`, or a list of ranks that are taken in turn"],
]);
