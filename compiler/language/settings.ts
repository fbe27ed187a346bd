// What a recipe says once it is checked: every clause in its own typed place, units converted, defaults filled, each with the
// span that the reader would point at. The elaborator and the runtime read this and never the syntax tree of a recipe.
import type { Span } from "../../grammar/source.ts";
import type { Expression } from "../../grammar/syntax.ts";

/** A value with the place where the recipe says it; the span of a default is that of the clause (or of the recipe). */
export interface Said<T> {
  readonly value: T;
  readonly span: Span;
}

/** A constant that a library definition is given as an option. Durations in steps may hang on the run's length. */
export type Constant =
  | { readonly kind: "number"; readonly value: number }
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "boolean"; readonly value: boolean }
  | { readonly kind: "none" }
  | { readonly kind: "list"; readonly elements: readonly Constant[] }
  /** A range of ranks, both ends included. */
  | { readonly kind: "range"; readonly first: number; readonly last: number }
  /** So many steps. */
  | { readonly kind: "steps"; readonly count: number }
  /** A share of the run's steps, rounded up: 0.03 for `3%`. */
  | { readonly kind: "share"; readonly of: number };

/** A definition of the library with the options the recipe gives it. */
export interface Chosen {
  readonly name: Said<string>;
  readonly options: ReadonlyMap<string, Said<Constant>>;
  readonly span: Span;
}

/**
 * Parameters that the optimizer treats apart, or modules that an adapter does: `group ["*.bias", "*norm*"] { weight_decay: 0 }`,
 * `group "q_proj" { rank: 16 }`.
 */
export interface GroupSettings {
  /** Patterns of names (`*` for any characters). */
  readonly patterns: readonly Said<string>[];
  /** Options of the definition that differ for them. */
  readonly options: ReadonlyMap<string, Said<Constant>>;
  readonly span: Span;
}

/** `devices 4 { data: 2, pipeline: 2 }`: how many devices, and what they split between them. */
export interface DevicesSettings {
  readonly count: number;
  readonly data: number;
  readonly pipeline: number;
}

/** One line of `sweep { … }`: the recipe is run once for each value. */
export interface SweepSettings {
  /** As in `--set`, such as "optimizer.rate". */
  readonly path: string;
  readonly values: readonly Expression[];
  readonly span: Span;
}

/** `stage NAME { … }`: the recipe with these changes, after the stages before. */
export interface StageSettings {
  readonly name: string;
  readonly settings: Settings;
  readonly span: Span;
}

export interface AdapterSettings extends Chosen {
  /** `as NAME`, else the definition's name. */
  readonly alias: string;
  /** Roles or module names to adapt; by default "all_" and the name of the module that the definition is on: "all_linear". */
  readonly on: readonly Said<string>[];
  /** A folder in PEFT layout to continue from, as written. */
  readonly start: Said<string> | undefined;
  /** True: its tensors live in the host's memory. */
  readonly offload: boolean;
  /** Modules with options of their own; of two that a module is in, the later one's go before. */
  readonly groups: readonly GroupSettings[];
}

export interface MethodSettings extends Chosen {
  /** Names of what has its gradient by backpropagation all the same. */
  readonly firstOrder: readonly Said<string>[];
}

/** How a tensor is held: in a type, or in a format of the library. */
export type HeldAs<Type extends string> =
  { readonly kind: "type"; readonly type: Type } | { readonly kind: "format"; readonly format: Chosen };

export type Weights = HeldAs<"f32" | "bf16" | "f16">;
export type State = HeldAs<"f32" | "bf16">;

export interface ModelSettings {
  /** The folder, as written. */
  readonly path: Said<string>;
  /** The architecture; `undefined`: the one that the config's `model_type` names. */
  readonly architecture: Said<string> | undefined;
  /** `undefined`: as stored. */
  readonly weights: Said<Weights> | undefined;
  /** Random weights from this seed instead of files. */
  readonly init: Said<number> | undefined;
  /** Which of the model's own parameters train: none, all, or those whose names match a pattern (`*` for any characters). */
  readonly train: Said<"none" | "all" | readonly string[]>;
  /** True: its weights live in the host's memory. */
  readonly offload: boolean;
}

export type DataFormat = "text" | "prompt" | "chat" | "tokens" | "label";

export interface DataSettings {
  readonly path: Said<string>;
  readonly format: DataFormat;
  /** Positions of a row. */
  readonly length: Said<number>;
  readonly pack: boolean;
  readonly learn: "all" | "replies";
  readonly shuffle: boolean;
  /** Share of the rows that evaluation takes, or 0. */
  readonly split: number;
  readonly span: Span;
}

export interface EvaluationSettings extends DataSettings {
  /** Steps between evaluations; `undefined`: only at the end. */
  readonly every: number | undefined;
  /** Ranks of an adapter with a range of them to evaluate at; at the largest if none is said. */
  readonly ranks: readonly Said<number>[];
}

export type Duration = { readonly kind: "steps" | "epochs" | "tokens"; readonly count: number };

export interface Settings {
  readonly name: string;
  readonly documentation: string;
  readonly span: Span;
  readonly model: ModelSettings;
  readonly adapters: readonly AdapterSettings[];
  /** The task, with its options: what is learned, and with which head. */
  readonly head: Chosen;
  readonly precision: Said<
    | "f32"
    | {
        readonly compute: "f16" | "bf16" | "f32";
        readonly store: "f16" | "bf16" | "f32";
        /** `doubling`: the steps in a row without overflow that double a dynamic scale. */
        readonly lossScale: { readonly doubling: number } | "none" | number;
      }
  >;
  readonly data: DataSettings;
  readonly evaluation: EvaluationSettings | undefined;
  /** Rows a step. */
  readonly batch: Said<number>;
  readonly accumulation: Said<number | "auto">;
  readonly checkpoint: Said<"none" | "sqrt" | "auto" | { readonly every: number }>;
  /** Roles and modules whose activations are kept whatever the policy says. */
  readonly keep: readonly Said<string>[];
  /** How gradients are had: by backpropagation if undefined. */
  readonly method: MethodSettings | undefined;
  readonly optimizer: Chosen;
  /** How the optimizer's state is stored. */
  readonly state: Said<State>;
  /** True: the optimizer's state lives in the host's memory. */
  readonly offload: boolean;
  readonly groups: readonly GroupSettings[];
  /** Largest norm of all gradients together, or none. */
  readonly clip: Said<number> | undefined;
  readonly schedule: Chosen;
  readonly training: Said<Duration>;
  readonly seed: number;
  readonly output: Said<string>;
  readonly save: { readonly every: number | undefined; readonly keep: number };
  /** Bytes of device memory allowed. */
  readonly memory: Said<number> | undefined;
  /** Name of a built-in profile, or a path to a file: then it holds a "/" or ends in ".json". */
  readonly device: Said<string> | undefined;
  readonly devices: Said<DevicesSettings> | undefined;
  readonly sweep: readonly SweepSettings[];
  readonly stages: readonly StageSettings[];
}
