// The variables that every job has beside the model's: what the host writes before a program and reads after it.
import type { Span } from "../../grammar/source.ts";
import type { ElementType } from "../ir/graph.ts";
import type { Learned } from "../language/learning.ts";
import type { Declared } from "./meaning.ts";

/** A variable that the host writes. */
export function hostVariable(
  name: string,
  shape: readonly number[],
  type: ElementType,
  span: Span,
): Declared {
  const common = {
    name,
    local: name,
    shown: name,
    layer: undefined,
    shape,
    type,
    key: name,
    initial: undefined,
    trainable: false,
    span,
  };
  return { ...common, kind: "io", from: "host" };
}

/** Float scalars that the host computes each step: [slots]. */
export function scalarsVariable(slots: number, span: Span): Declared {
  return hostVariable("scalars", [slots], "f32", span);
}

export type BatchVariable = "ids" | "positions" | "segments" | Learned;

/**
 * What a micro-batch brings, in i32: numbers of words, positions, segments, and what is learned (negative: nothing), each
 * [rows, tokens]; classes are [rows]. A job has those that its task asks for.
 */
export function batchVariables(
  rows: number,
  tokens: number,
  span: Span,
): Readonly<Record<BatchVariable, Declared>> {
  const make = (name: string): Declared => hostVariable(name, [rows, tokens], "i32", span);
  return {
    ids: make("ids"),
    positions: make("positions"),
    segments: make("segments"),
    targets: make("targets"),
    labels: make("labels"),
    classes: hostVariable("classes", [rows], "i32", span),
  };
}

/** Keys of the run's random numbers: [seed], in u32. */
export function keysVariable(span: Span): Declared {
  return hostVariable("keys", [1], "u32", span);
}

/** The number of the micro-batch's first row among all rows of the run, which random masks hang on: [first], in u32. */
export function samplesVariable(span: Span): Declared {
  return hostVariable("samples", [1], "u32", span);
}

/** The number of a layer, an i32 scalar that the loop over the layers counts; `local` names it within its layer. */
export function layerCounter(name: string, local: string, layer: Declared["layer"], span: Span): Declared {
  const common = { name, local, shown: name, layer, shape: [], key: name, initial: undefined };
  return { ...common, type: "i32", kind: "io", from: "counter", trainable: false, span };
}

/** Where the host puts a tensor of the checkpoint that a program takes into a format: room for the largest. */
export function stagingVariable(count: number, type: ElementType, span: Span): Declared {
  return hostVariable("staging", [count], type, span);
}

/** A float scalar of the job itself, zero at first. */
export function stateVariable(name: string, kind: "io" | "optimizer", span: Span): Declared {
  return { ...hostVariable(name, [], "f32", span), kind, from: "state" };
}
