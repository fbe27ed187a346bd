// Which of the model's own parameters train: `model.train` of the recipe. A pattern that no parameter of this job answers to is a
// mistake: what the recipe meant to train would stay as it is.
import { problem, type Diagnostic } from "../../grammar/diagnostic.ts";
import type { Settings } from "../language/settings.ts";
import type { Declared } from "./meaning.ts";
import { matcher } from "./patterns.ts";

type Train = Settings["model"]["train"];

export function trainsBy({ value }: Train): (name: string) => boolean {
  if (value === "none") return () => false;
  if (value === "all") return () => true;
  return matcher(value);
}

/** `weights` are what the loss reads, adapters apart. */
export function unmatchedTrain({ value, span }: Train, weights: readonly Declared[]): readonly Diagnostic[] {
  if (value === "none" || value === "all") return [];
  const names = weights
    .filter(({ kind }) => kind === "weights")
    .flatMap((weight) => (weight.parts ?? [weight]).map(({ name }) => name));
  return value
    .filter((pattern) => !names.some(matcher([pattern])))
    .map((pattern) => {
      const [first = ""] = names;
      const message = `no parameter that this model computes with has a name like '${pattern}'`;
      return problem("FTL0734", span, message, `trains nothing; a name is '${first}'`);
    });
}
