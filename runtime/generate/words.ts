// A text word by word: the prompt in pieces, then each word from the scores after the one before it. Comes in: a loaded session of a plan that
// generates, the prompt's words, and how to choose. Goes out: words, as they come.
// Holds: the plan has a place for every word but the last, which nothing follows; a word is computed once.
import type { Generating } from "../../compiler/elaborate/generate-programs.ts";
import type { Session } from "../launch/session.ts";

export interface WordsInput {
  readonly session: Pick<Session, "find" | "write" | "run" | "read">;
  readonly generating: Pick<Generating, "piece" | "inFront">;
  /** At least one word. */
  readonly prompt: Int32Array;
  /** How many words to add, at most. */
  readonly count: number;
  /** The next word from the scores of all words; undefined ends the text. */
  readonly next: (scores: Float32Array, at: number) => number | undefined;
  /** Aborted: no further word is begun. */
  readonly signal?: AbortSignal | undefined;
}

export async function* words(input: WordsInput): AsyncGenerator<number> {
  const { session, generating, prompt, count, next, signal } = input;
  const { piece, inFront } = generating;
  const write = async (name: string, value: Int32Array): Promise<void> => {
    if (session.find(name) !== undefined) await session.write(name, value);
  };
  const first = prompt.length - 1;
  // The last word of the prompt is the first to be decoded. What stands in front comes with the first piece, be it empty.
  const pieces = Math.max(inFront > 0 ? 1 : 0, Math.ceil(first / piece));
  for (let at = 0; at < pieces * piece; at += piece) {
    signal?.throwIfAborted();
    const ids = new Int32Array(piece);
    ids.set(prompt.subarray(at, Math.min(at + piece, first)));
    await write("piece", ids);
    await write("begun", Int32Array.of(inFront + at));
    await session.run(at === 0 && inFront > 0 ? "begin" : "prefill");
  }
  let word = prompt[first];
  if (word === undefined) throw new RangeError("a text begins with a word");
  for (let at = first; at < first + count; at += 1) {
    signal?.throwIfAborted();
    await write("word", Int32Array.of(word));
    await write("begun", Int32Array.of(inFront + at));
    await session.run("decode");
    const chosen = next(await session.read("next"), at + 1);
    if (chosen === undefined) return;
    yield chosen;
    word = chosen;
  }
}
