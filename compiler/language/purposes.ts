// What a plan is for, and what it begins with. A command asks for the programs that it needs, so that a plan for evaluation holds no
// gradients and no optimizer state; and what is run after training begins with what training left, not with what the recipe says.
import type { Settings } from "./settings.ts";

/**
 * `train`: the programs of a step. `evaluate`: the summed loss of rows, and predictions of a task that has them. `score`: the task's
 * scores of a micro-batch, for tools that want to see them. `generate`: a text, word by word, as long as a row is. `merge`: the adapters put into the weights, part by part; such a plan
 * computes with weights in f32, whatever they are stored in.
 */
export type Purpose = "train" | "evaluate" | "score" | "generate" | "merge";

/** Where no purpose is said. */
export const usual: readonly Purpose[] = ["train", "evaluate"];

/** What training left. Folders are paths as the recipe's own are, taken from its file. */
export interface Tuned {
  /** A model's folder, with its config, instead of the recipe's. */
  readonly model?: string | undefined;
  /** The folder of each adapter by its name; an adapter without one is left out. */
  readonly adapters: ReadonlyMap<string, string>;
}

/** The settings of a run that begins with what training left. */
export function tunedSettings(settings: Settings, { model, adapters }: Tuned): Settings {
  const { path } = settings.model;
  const { evaluation } = settings;
  return {
    ...settings,
    // The base alone has no ranks to be evaluated at.
    evaluation: evaluation === undefined || adapters.size > 0 ? evaluation : { ...evaluation, ranks: [] },
    model:
      model === undefined
        ? settings.model
        : { ...settings.model, path: { ...path, value: model }, init: undefined },
    adapters: settings.adapters.flatMap((adapter) => {
      const value = adapters.get(adapter.alias);
      return value === undefined ? [] : [{ ...adapter, start: { value, span: adapter.span } }];
    }),
  };
}
