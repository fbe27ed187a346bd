// Which settings of a recipe say how much there is of something: the clauses that a reader would change. In: a kind of memory, a tensor's
// name or what was decided, and the settings. Out: spans of the recipe, the one that says most first; none where a default decides.
import type { Span } from "../grammar/source.ts";
import type { AdapterSettings, Settings } from "./language/settings.ts";
import type { MemoryKind } from "./plan/plan.ts";

/** The settings behind a tensor. What belongs to one of several adapters is named after it: "m of style.model.layers.0.…". */
export function causesOf(kind: MemoryKind, name: string, settings: Settings): readonly Span[] {
  const { model, adapters, optimizer, state, batch, accumulation, checkpoint, data } = settings;
  const words = ` ${name}`;
  const own = adapters.filter(({ alias }) => words.includes(` ${alias}.`));
  const adapted = (own.length === 0 ? adapters : own).flatMap(spansOfAdapter);
  const trained = adapted.length === 0 ? [model.train.span] : adapted;
  switch (kind) {
    case "weights":
      return [model.path.span, ...(model.weights === undefined ? [] : [model.weights.span])];
    case "adapter":
    case "gradients":
      return trained;
    case "optimizer":
      return [optimizer.name.span, state.span, ...trained];
    case "activations":
    case "workspace":
      return [batch.span, accumulation.span, checkpoint.span, data.length.span];
    case "constants":
      return [data.length.span];
    case "io":
      return [data.length.span, batch.span];
    default:
      return kind satisfies never;
  }
}

function spansOfAdapter({ name, options }: AdapterSettings): readonly Span[] {
  const rank = options.get("rank");
  return rank === undefined ? [name.span] : [name.span, rank.span];
}

/** The settings that a decision answers to: what it is named after, or the budget for how memory is laid out. */
export function causesOfDecision(what: string, settings: Settings): readonly Span[] {
  const { accumulation, checkpoint, precision, memory, model, adapters, optimizer } = settings;
  const budget = memory === undefined ? [] : [memory.span];
  const said: Readonly<Record<string, readonly Span[]>> = {
    accumulation: [accumulation.span],
    checkpoint: [checkpoint.span],
    precision: [precision.span],
    offload: [
      ...(model.offload ? [model.path.span] : []),
      ...adapters.filter(({ offload }) => offload).map(({ name }) => name.span),
      ...(settings.offload ? [optimizer.name.span] : []),
    ],
    order: budget,
    memory: budget,
  };
  const [word = ""] = what.split(" ");
  return said[word] ?? [];
}
