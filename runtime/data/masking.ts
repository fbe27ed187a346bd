// Goes in: the words of a row, and how many of them are to be guessed. Comes out: the row with most of those hidden, and a label where
// a word is to be guessed (Devlin et al., 2019, section 3.1).
// Always: a pure function of seed, epoch and row, whatever the batch; each position has numbers of its own, so what happens at one
// hangs on no other. Special tokens are never chosen.
import type { Masking } from "../../compiler/plan/plan.ts";
import { generator } from "./random.ts";
import { notLearned } from "./documents.ts";

export interface Hiding extends Masking {
  /** The token that stands where a word is hidden. */
  readonly mask: number;
  /** Words that are exchanged become any of 0 up to this, exclusive. */
  readonly vocabulary: number;
  readonly isSpecial: (id: number) => boolean;
}

export interface Hidden {
  readonly ids: Int32Array;
  readonly labels: Int32Array;
}

/** No seed has a second number like this one: what is drawn here is drawn for nothing else. */
const purpose = 2 ** 41;

export function hide(
  ids: Int32Array,
  { share, hidden, exchanged, mask, vocabulary, isSpecial }: Hiding,
  place: { readonly seed: number; readonly epoch: number; readonly row: number },
): Hidden {
  const next = generator([place.seed, purpose, place.epoch, place.row]);
  const unit = (): number => next() / 2 ** 32;
  const out = ids.slice();
  const labels = new Int32Array(ids.length).fill(notLearned);
  for (const [at, id] of ids.entries()) {
    const [chosen, fate, other] = [unit(), unit(), unit()];
    if (isSpecial(id) || chosen >= share) continue;
    labels[at] = id;
    if (fate < hidden) out[at] = mask;
    else if (fate < hidden + exchanged) out[at] = Math.floor(other * vocabulary);
  }
  return { ids: out, labels };
}
