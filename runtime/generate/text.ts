// Text from words as they come: each word adds what it makes readable. Comes in: words, one at a time. Goes out: pieces of text that are
// whole characters and that nothing later changes. Holds: the pieces together are the text; a word that ends inside a character, as
// bytes of UTF-8 do, waits for the next; what may be the beginning of the text to stop at waits until it is not.
import type { Tokenizer } from "../data/tokenizer.ts";

export interface TextStream {
  /** What can be shown now. */
  readonly add: (word: number) => string;
  /** What is left at the end. */
  readonly end: () => string;
  /** Whether the text to stop at has come; it and what follows are not shown. */
  readonly isStopped: () => boolean;
}

/** Words of the prompt that are decoded with what follows: how a word is spelt may hang on the ones before it. */
const before = 5;

export function textStream(
  tokenizer: Pick<Tokenizer, "decode">,
  prompt: Int32Array,
  stop: string | undefined,
): TextStream {
  const ids = [...prompt.subarray(-before)];
  let [from, read] = [0, ids.length];
  let held = "";
  let stopped = false;

  const decode = (start: number, end: number): string =>
    tokenizer.decode(ids.slice(start, end), { plain: true });
  /** The text of the words that have not been read yet; empty while it ends inside a character, unless it must be. */
  const readable = (atEnd: boolean): string => {
    const known = decode(from, read);
    const now = decode(from, ids.length);
    if (now.length <= known.length || (!atEnd && now.endsWith("\uFFFD"))) return "";
    [from, read] = [read, ids.length];
    return now.slice(known.length);
  };
  const released = (text: string, atEnd: boolean): string => {
    held += text;
    const at = stop === undefined ? -1 : held.indexOf(stop);
    if (at !== -1) {
      stopped = true;
      const shown = held.slice(0, at);
      held = "";
      return shown;
    }
    const waits = atEnd || stop === undefined ? 0 : beginningOf(stop, held);
    const shown = held.slice(0, held.length - waits);
    held = held.slice(held.length - waits);
    return shown;
  };
  return {
    add: (word) => {
      if (stopped) return "";
      ids.push(word);
      return released(readable(false), false);
    },
    end: () => (stopped ? "" : released(readable(true), true)),
    isStopped: () => stopped,
  };
}

/** How much of the end of a text is a beginning of `stop`. */
function beginningOf(stop: string, text: string): number {
  for (let length = Math.min(stop.length - 1, text.length); length > 0; length -= 1)
    if (text.endsWith(stop.slice(0, length))) return length;
  return 0;
}
