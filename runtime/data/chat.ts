// Goes in: one row of a data file, a conversation as parsed JSON. Comes out: its document, as the model's chat template writes it.
// Always: what people say never becomes a special token, whatever it spells; `replies` learns what assistants say and the special token
// that closes it; ids are those of the whole text, so no token is cut where a reply begins.
//
//   {"messages": [{"role": "user", "content": ".."}, ..]}: roles are system, developer, user, assistant and tool
//   {"conversations": [{"from": "human", "value": ".."}, ..]}: the same as ShareGPT has it, where there are no "messages"
import {
  holdsMarks,
  marked,
  piecesOf,
  repliesIn,
  unmarked,
  withClosing,
  type Message,
  type Piece,
  type Stretch,
} from "./chat-marks.ts";
import type { Renderer } from "./chat-template.ts";
import { notLearned, type Document } from "./documents.ts";
import { encodeText, isRefusal, shown, type Refusal, type Row } from "./formats.ts";
import type { Tokenizer } from "./tokenizer.ts";

const roles: ReadonlyMap<string, string> = new Map([
  ...["system", "developer", "user", "assistant", "tool"].map((role): [string, string] => [role, role]),
  ["human", "user"],
  ["gpt", "assistant"],
]);

/** What a message may hold that would be lost, being no text. */
const unread = ["tool_calls", "function_call", "reasoning_content"];

export function chatFormat(
  vocab: number,
  tokenizer: Tokenizer,
  renderer: Renderer,
  learn: "all" | "replies",
): (row: Row) => Promise<Document | Refusal> {
  // A spelling of one character could not be broken, so it stays text everywhere.
  const spellings = [...tokenizer.specials.keys()].filter((spelling) => Array.from(spelling).length > 1);
  const plain = plainWriting(renderer, spellings);
  return async (row) => {
    const read = readMessages(row);
    if (isRefusal(read)) return read;
    const { field, messages } = read;
    const given = messages.map((message) => marked(message, spellings));
    const rendered = await renderer.render(given, false);
    if (rendered.kind === "refused")
      return { field, reason: `is refused by the chat template: ${rendered.reason}` };
    const pieces = piecesOf(rendered.text, spellings);
    const expected = await plain.specials(messages);
    if (expected !== undefined && specialsOf(pieces) !== expected) {
      const reason =
        "makes the chat template write other special tokens than other texts do, as if it were a program";
      return { field, reason };
    }
    const count = messages.filter(
      ({ role, content }) => role === "assistant" && content.trim() !== "",
    ).length;
    if (learn === "all")
      return tokensOf(pieces, [{ from: 0, to: rendered.text.length }], { field, vocab, tokenizer });
    const replies = repliesIn(rendered.text, count, await plain.prompt());
    if (replies === undefined)
      return { field, reason: "holds replies that the chat template leaves out or repeats" };
    const closed = replies.map((reply) => withClosing(pieces, reply));
    return tokensOf(pieces, closed, { field, vocab, tokenizer });
  };
}

function readMessages(row: Row): { readonly field: string; readonly messages: readonly Message[] } | Refusal {
  const isShared = row["messages"] === undefined && row["conversations"] !== undefined;
  const field = isShared ? "conversations" : "messages";
  const [who, what] = isShared ? ["from", "value"] : ["role", "content"];
  const list = row[field];
  if (!Array.isArray(list)) return { field, reason: `${shown(list)}; expected a list of messages` };
  if (list.length === 0) return { field, reason: "is empty" };
  const messages: Message[] = [];
  for (const [at, entry] of list.entries()) {
    const place = `${field}[${at}]`;
    if (typeof entry !== "object" || entry === null || Array.isArray(entry))
      return { field: place, reason: `${shown(entry)}; expected {"${who}", "${what}"}` };
    const message = entry as Row;
    const [said, content] = [message[who], message[what]];
    const role = typeof said === "string" ? roles.get(said) : undefined;
    const known = [...roles.keys()].join(", ");
    if (role === undefined)
      return { field: `${place}.${who}`, reason: `${shown(said)}; expected one of ${known}` };
    const lost = unread.find((name) => message[name] !== undefined && message[name] !== null);
    if (lost !== undefined)
      return { field: `${place}.${lost}`, reason: `is not read yet; a message is its "${what}" alone` };
    if (typeof content !== "string")
      return { field: `${place}.${what}`, reason: `${shown(content)}; expected a string` };
    if (holdsMarks(content))
      return { field: `${place}.${what}`, reason: "holds a code point that is no character" };
    messages.push({ role, content });
  }
  return { field, messages };
}

/** What the template writes of its own accord: asked once for each order of roles. */
function plainWriting(renderer: Renderer, spellings: readonly string[]) {
  const found = new Map<string, string | undefined>();
  let asked: Promise<string> | undefined;
  const textOf = async (messages: readonly Message[], asking: boolean): Promise<string | undefined> => {
    const rendered = await renderer.render(messages, asking);
    return rendered.kind === "text" ? rendered.text : undefined;
  };
  return {
    /** The special tokens around messages like these, whatever they say. */
    specials: async (messages: readonly Message[]): Promise<string | undefined> => {
      const same = messages.map(({ role, content }) => ({
        role,
        content: content.trim() === "" ? content : "x",
      }));
      const key = JSON.stringify(same);
      if (!found.has(key)) {
        const text = await textOf(same, false);
        found.set(key, text === undefined ? undefined : specialsOf(piecesOf(text, spellings)));
      }
      return found.get(key);
    },
    /** What stands in front of a reply, as generation begins it; empty where the template has no word for it. */
    prompt: (): Promise<string> => {
      asked ??= (async () => {
        const messages = [{ role: "user", content: "x" }];
        const [without, withIt] = [await textOf(messages, false), await textOf(messages, true)];
        const continues = without !== undefined && withIt?.startsWith(without) === true;
        return continues ? (withIt?.slice(without.length) ?? "") : "";
      })();
      return asked;
    },
  };
}

function specialsOf(pieces: readonly Piece[]): string {
  return JSON.stringify(pieces.flatMap((piece) => (piece.kind === "special" ? [piece.text] : [])));
}

interface Encoding {
  readonly field: string;
  readonly vocab: number;
  readonly tokenizer: Tokenizer;
}

/** `learned`: stretches of the marked text. */
function tokensOf(
  pieces: readonly Piece[],
  learned: readonly Stretch[],
  { field, vocab, tokenizer }: Encoding,
): Document | Refusal {
  const ids: number[] = [];
  const labels: number[] = [];
  for (const [at, piece] of pieces.entries()) {
    if (piece.kind === "special") {
      const id = tokenizer.specials.get(piece.text)?.id ?? vocab;
      if (id >= vocab) return { field, reason: `needs token ${id}, beyond the vocabulary of ${vocab}` };
      ids.push(id);
      labels.push(learned.some(({ from, to }) => from <= piece.from && piece.from < to) ? id : notLearned);
      continue;
    }
    const { text, from } = stripped(pieces, at, tokenizer);
    const raw = unmarked(text);
    const encode = (to: number): Int32Array | Refusal =>
      encodeText(raw.slice(0, to), field, { vocab, tokenizer, behind: at > 0 });
    const found = encode(raw.length);
    if (isRefusal(found)) return found;
    const own = new Int32Array(found.length).fill(notLearned);
    for (const stretch of learned) {
      // Places in the text without its marks.
      const [begin = 0, end = 0] = [stretch.from, stretch.to].map(
        (place) => unmarked(text.slice(0, Math.max(0, place - from))).length,
      );
      if (begin >= end) continue;
      const [front, whole] = [encode(begin), encode(end)];
      if (isRefusal(front)) return front;
      if (isRefusal(whole)) return whole;
      // A token that lies across the beginning or the end of a reply is learned with it.
      const last = alike(whole, found);
      own.set(
        found.subarray(alike(front, found), whole.length > last ? last + 1 : last),
        alike(front, found),
      );
    }
    for (const id of found) ids.push(id);
    for (const label of own) labels.push(label);
  }
  if (ids.length === 0) return { field, reason: "is empty in the chat template" };
  return { ids: Int32Array.from(ids), labels: Int32Array.from(labels) };
}

/** How many tokens at the beginning are the same. */
function alike(a: Int32Array, b: Int32Array): number {
  const differs = a.findIndex((id, at) => id !== b[at]);
  return differs < 0 ? a.length : differs;
}

/** A text without the white space that is a part of the special tokens beside it. */
function stripped(pieces: readonly Piece[], at: number, { specials }: Tokenizer): Piece {
  const piece = pieces[at] ?? { kind: "text", text: "", from: 0 };
  const beside = (other: Piece | undefined) =>
    other?.kind === "special" ? specials.get(other.text) : undefined;
  const ended = beside(pieces[at + 1])?.lstrip === true ? piece.text.trimEnd() : piece.text;
  const text = beside(pieces[at - 1])?.rstrip === true ? ended.trimStart() : ended;
  return { ...piece, text, from: piece.from + ended.length - text.length };
}
