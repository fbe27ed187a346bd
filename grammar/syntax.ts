// The typed syntax tree of a `.ftl` file. It says what was written, not what it means: clause nouns, option names and
// module kinds are plain names here and are given meaning by the checker. Every node carries its span; comments are kept
// beside the tree (`File.comments`) for the formatter, documentation comments stand on the item they document.
import type { Severity } from "./diagnostic.ts";
import type { Span } from "./source.ts";
import type { Expression, StringLiteral } from "./syntax-expressions.ts";

export type * from "./syntax-expressions.ts";

export interface Name {
  readonly text: string;
  readonly span: Span;
}

export interface Comment {
  readonly text: string;
  readonly span: Span;
}

export interface File {
  readonly kind: "file";
  readonly items: readonly Item[];
  readonly comments: readonly Comment[];
  readonly span: Span;
}

export type Item = Import | Recipe | Definition;

/** `import "path"`: brings every definition of the file into scope. */
export interface Import {
  readonly kind: "import";
  readonly path: StringLiteral;
  readonly span: Span;
}

/** `recipe NAME { clauses }`. */
export interface Recipe {
  readonly kind: "recipe";
  readonly documentation: string;
  readonly name: Name;
  readonly clauses: readonly Clause[];
  readonly span: Span;
}

/**
 * A noun, its arguments, an optional `as NAME`, an optional block: `batch 32`, `adapter lora as style { rank: 4 }`,
 * `checkpoint every 2`, `training 3 epochs { seed: 7 }`. Arguments are expressions set side by side without commas.
 */
export interface Clause {
  readonly kind: "clause";
  readonly noun: Name;
  readonly arguments: readonly Expression[];
  readonly alias: Name | undefined;
  readonly body: readonly (Option | Clause)[] | undefined;
  readonly span: Span;
}

/**
 * `name: value`, the name possibly a dotted path (`optimizer.rate: [1e-4, 2e-4]`). Values of options may be words set
 * side by side, as in `every: 100 steps` or `weights: nf4 { block: 64 }`: those are `words` and `configured` expressions.
 */
export interface Option {
  readonly kind: "option";
  readonly path: readonly Name[];
  readonly value: Expression;
  readonly span: Span;
}

/** What kinds of definition there are. */
export type DefinitionKind =
  | "function"
  | "module"
  | "architecture"
  | "adapter"
  | "optimizer"
  | "schedule"
  | "task"
  | "method"
  | "format";

/**
 * `function f(a: [.., d], b: number = 1) -> [.., d] { … }`, `module linear[in -> out](bias: boolean = false) { … }`,
 * `adapter lora(rank: ranks, alpha: number) on linear { … }`. `dimensions` are the names in brackets after a module's name.
 * `kernel` holds the name in `function attention(…) -> […] kernel flash_attention { … }`: the body stays the meaning.
 * `during` holds the word in `optimizer lomo(rate: number) during backward { … }`.
 */
export interface Definition {
  readonly kind: "definition";
  readonly documentation: string;
  readonly what: DefinitionKind;
  readonly name: Name;
  readonly dimensions: readonly Name[];
  /** True for `[in -> out]`. */
  readonly arrow: boolean;
  readonly parameters: readonly Parameter[];
  readonly on: readonly Name[];
  readonly result: Type | undefined;
  readonly kernel: Name | undefined;
  readonly during: Name | undefined;
  readonly body: Block;
  readonly span: Span;
}

/** `/// What it means, in which unit.` on the lines above, `rate: number = 1e-3`. */
export interface Parameter {
  readonly kind: "parameter";
  readonly documentation: string;
  readonly name: Name;
  readonly type: Type | undefined;
  readonly default: Expression | undefined;
  readonly span: Span;
}

/** `[rows, tokens, d]`, `[.., d]` (any leading dimensions), `number`, `ranks`, or a tuple `([n], [n])`. */
export type Type =
  | { readonly kind: "shape"; readonly dimensions: readonly Dimension[]; readonly span: Span }
  | { readonly kind: "named"; readonly name: Name; readonly span: Span }
  | { readonly kind: "tupleType"; readonly elements: readonly Type[]; readonly span: Span };

/** One dimension of a shape: an expression over names and sizes, or `..`. A bare name that is not in scope binds. */
export type Dimension =
  | { readonly kind: "any"; readonly span: Span }
  | { readonly kind: "size"; readonly value: Expression; readonly span: Span };

export interface Block {
  readonly kind: "block";
  readonly statements: readonly Statement[];
  readonly span: Span;
}

export type Statement = Let | Table | Declaration | Layer | Method | Assign | Require | Fields | If | Result;

/** `let a = e`, `let (a, b) = e`. */
export interface Let {
  readonly kind: "let";
  readonly names: readonly Name[];
  readonly value: Expression;
  readonly span: Span;
}

/** `table angles = e`: a tensor computed in float64 at compile time. */
export interface Table {
  readonly kind: "table";
  readonly name: Name;
  readonly value: Expression;
  readonly span: Span;
}

/**
 * A named part of a definition: `KIND NAME [shape] at "path" as ROLE = initial { options }`. KIND is `weight`, `train`,
 * `state`, `tensor`, or the name of a module such as `linear`. `arrow` is true for `[in -> out]`. Everything after NAME is optional.
 */
export interface Declaration {
  readonly kind: "declaration";
  readonly documentation: string;
  readonly what: Name;
  readonly name: Name;
  readonly shape: readonly Expression[] | undefined;
  readonly arrow: boolean;
  readonly at: StringLiteral | undefined;
  readonly role: Name | undefined;
  readonly initial: Expression | undefined;
  readonly options: readonly Option[];
  readonly span: Span;
}

/** `layer block[i in 0..<n] at "model.layers.{i}" { … }`. */
export interface Layer {
  readonly kind: "layer";
  readonly documentation: string;
  readonly name: Name;
  readonly index: Name;
  readonly range: Expression;
  readonly at: StringLiteral | undefined;
  readonly body: Block;
  readonly span: Span;
}

/** `forward(x: [.., in]) -> [.., out] { … }`, `update(w, g, s) { … }`, `logits(x) { … }`: a named body of a definition. */
export interface Method {
  readonly kind: "method";
  readonly documentation: string;
  readonly name: Name;
  readonly parameters: readonly Parameter[];
  readonly result: Type | undefined;
  readonly body: Block;
  readonly span: Span;
}

/** `m = e`: gives a state or the weight its new value; only in `update` and `step` bodies. */
export interface Assign {
  readonly kind: "assign";
  readonly target: Name;
  readonly value: Expression;
  readonly span: Span;
}

/**
 * `require condition, "message with {config.field}"`: refuses a configuration that would change the numbers. `expect condition, "message"`:
 * warns of one and goes on.
 */
export interface Require {
  readonly kind: "require";
  readonly severity: Severity;
  readonly condition: Expression;
  readonly message: StringLiteral;
  readonly span: Span;
}

/**
 * `peft { peft_type: "LORA", r: rank }`: the fields of `adapter_config.json`. `example { rank: 8 }`: options with which the
 * definition works as it stands; for an architecture, the fields of a small `config.json`. `bitsandbytes { blocksize: block }`: what that
 * library's files say of a tensor that they hold in the format. `gguf { type: "Q8_0" }`: the type of GGUF files whose blocks the
 * format's tensors are, in the order in which a block has them.
 */
export interface Fields {
  readonly kind: "peft" | "example" | "bitsandbytes" | "gguf";
  readonly options: readonly Option[];
  readonly span: Span;
}

/** `if c { … } else { … }` among statements; decided at compile time. */
export interface If {
  readonly kind: "if";
  readonly condition: Expression;
  readonly then: Block;
  readonly otherwise: Block | If | undefined;
  readonly span: Span;
}

/** An expression that stands alone; the last one of a block is its value. */
export interface Result {
  readonly kind: "result";
  readonly value: Expression;
  readonly span: Span;
}
