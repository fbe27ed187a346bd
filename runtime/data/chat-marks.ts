// How what people say is told apart from what a chat template writes around it. In: messages, and the spellings of special tokens. Out:
// the same messages with marks in them, to be rendered; and of the rendered text, its pieces.
// Always: a special token's spelling that a message brings, or begins, or ends, has a mark inside, so that a spelling without one
// is the template's own; marks are code points that are no characters (Unicode 16, section 23.7), which no message may hold; taken out
// again, they leave the text as the template would have rendered it.
import { breakUp } from "./tokenizer.ts";

export interface Message {
  readonly role: string;
  readonly content: string;
}

/** Stands inside of spellings; before and behind what the assistant says. */
const inside = "\ufdd2";
const before = "\ufdd3";
const behind = "\ufdd4";
const anyMark = /[\ufdd2-\ufdd4]/g;

export function holdsMarks(text: string): boolean {
  return text.search(anyMark) >= 0;
}

/** White space around a message stays outside of the marks: templates strip it. */
export function marked({ role, content }: Message, spellings: readonly string[]): Message {
  const core = content.trim();
  if (core === "") return { role, content };
  const start = content.indexOf(core);
  const broken = breakUp(content, spellings);
  // Lengths of the parts say where marks stand, counted in the message.
  const places = new Set<number>();
  let at = 0;
  for (const part of broken.slice(0, -1)) places.add((at += part.length));
  const isReply = role === "assistant";
  // What another text could complete to a spelling ends, or begins, with a mark; a reply does anyway.
  if (!isReply && spellings.some((spelling) => endsInside(core, spelling))) places.add(start + core.length);
  if (!isReply && spellings.some((spelling) => beginsInside(core, spelling))) places.add(start);
  let text = "";
  for (let from = 0; from <= content.length; from += 1) {
    if (isReply && from === start + core.length) text += behind;
    if (places.has(from)) text += inside;
    if (isReply && from === start) text += before;
    text += content.charAt(from);
  }
  return { role, content: text };
}

/** Whether a text could be continued to a spelling that began in it. */
function endsInside(text: string, spelling: string): boolean {
  for (let size = 1; size < spelling.length; size += 1) {
    if (text.endsWith(spelling.slice(0, size)) || spelling.slice(1, -1).includes(text)) return true;
  }
  return false;
}

function beginsInside(text: string, spelling: string): boolean {
  for (let size = 1; size < spelling.length; size += 1)
    if (text.startsWith(spelling.slice(size))) return true;
  return false;
}

export function unmarked(text: string): string {
  return text.replaceAll(anyMark, "");
}

export interface Stretch {
  readonly from: number;
  readonly to: number;
}

/** From where to where the replies stand in a rendered text, marks included; undefined where not each stands there once, in order. */
export function repliesIn(text: string, count: number, prompt: string): readonly Stretch[] | undefined {
  const found: Stretch[] = [];
  let done = 0;
  for (let to = text.indexOf(behind); to >= 0; to = text.indexOf(behind, to + 1)) {
    const opened = text.lastIndexOf(before, to);
    // Templates that leave out what an assistant thought leave out the beginning; then the reply begins where it is asked for.
    const asked = prompt === "" ? -1 : text.lastIndexOf(prompt, to - prompt.length);
    const from = opened >= done ? opened : asked >= done ? asked + prompt.length : -1;
    if (from < 0) return undefined;
    found.push({ from, to });
    done = to + 1;
  }
  return found.length === count ? found : undefined;
}

/** A stretch of text between special tokens, or the spelling of one; `from` is its place in the whole. */
export interface Piece {
  readonly kind: "text" | "special";
  readonly text: string;
  readonly from: number;
}

/** The rendered text cut at the special tokens that the template wrote; the longest spelling wins. */
export function piecesOf(text: string, spellings: readonly string[]): readonly Piece[] {
  if (spellings.length === 0) return [{ kind: "text", text, from: 0 }];
  const longest = spellings.toSorted((a, b) => b.length - a.length);
  const any = new RegExp(longest.map((spelling) => RegExp.escape(spelling)).join("|"), "gu");
  const pieces: Piece[] = [];
  let from = 0;
  for (const { 0: spelling, index } of text.matchAll(any)) {
    if (index > from) pieces.push({ kind: "text", text: text.slice(from, index), from });
    pieces.push({ kind: "special", text: spelling, from: index });
    from = index + spelling.length;
  }
  if (from < text.length) pieces.push({ kind: "text", text: text.slice(from), from });
  return pieces;
}

/** A reply with the special token that closes it, where one follows with nothing but white space between. */
export function withClosing(pieces: readonly Piece[], { from, to }: Stretch): Stretch {
  const at = pieces.findIndex((piece) => piece.from <= to && to < piece.from + piece.text.length);
  const [own, next] = [pieces[at], pieces[at + 1]];
  if (own === undefined || next?.kind !== "special") return { from, to };
  const rest = unmarked(own.text.slice(to - own.from));
  return rest.trim() === "" ? { from, to: next.from + next.text.length } : { from, to };
}
