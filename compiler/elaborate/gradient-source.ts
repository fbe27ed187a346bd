// Where the update takes gradients from: variables in which backpropagation added them up (`backpropagation.ts`), or a method that
// estimates them (`method.ts`).
import type { Span } from "../../grammar/source.ts";
import type { Value } from "../ir/graph.ts";
import { type Declared, type Meaning } from "./meaning.ts";
import type { Write } from "./programs.ts";
import { anonymous } from "./tensors.ts";
import { emit, type Frame, type Workspace } from "./workspace.ts";

/** What an update starts from. */
export interface Estimate {
  /** The parameter: as its variable holds it, unless a method has yet to put it back to where it was. */
  readonly w: Meaning;
  readonly gradient: Meaning;
  /** Where the parameter and its states change at all; everywhere if undefined. */
  readonly moves: Meaning | undefined;
}

export interface GradientSource {
  /** The region that the values below belong to; undefined: that of the program at hand. */
  readonly frame: Frame | undefined;
  /** The loss of the step, for the report. */
  loss(): Meaning;
  /** The norm of all gradients together. */
  norm(): Meaning;
  /** What its estimates of gradients are to be multiplied by, where that is not 1. */
  unit?(): Meaning;
  /** What a tensor's estimates are made from, in parts as it is. */
  beside(weight: Declared): readonly Declared[];
  /** In the region of the parameter, a tensor or a part of one: then `part` is its layer's number there. */
  estimate(parameter: Declared, part: Value | undefined): Estimate;
  /** What is to be cleared for the next step. */
  cleared(): readonly Write[];
}

/** The gradient that belongs to a trained tensor. */
export function gradientOf(weight: Declared): Declared {
  const name = `gradient of ${weight.name}`;
  const kept = {
    ...weight,
    trainable: false,
    initial: undefined,
    from: "state",
    kind: "gradients",
    type: "f32",
  } as const;
  return { ...kept, name, shown: name };
}

/** The parameter as an expression names it. */
export function parameterMeaning(parameter: Declared): Meaning {
  const dimensions = parameter.shape.map((size) => anonymous(size, parameter.span));
  return { kind: "variable", variable: parameter, dimensions };
}

/** Zeros in a variable. */
export function clearedTo(ws: Workspace, declared: Declared, span: Span): Write {
  const attributes = { value: 0, type: "f32", shape: declared.shape } as const;
  return { declared, value: emit(ws, span, "constant", [], attributes) };
}
