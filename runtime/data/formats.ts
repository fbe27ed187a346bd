// Goes in: one row of a data file as parsed JSON. Comes out: the document it stands for, or what is wrong with it.
// Always: every field is checked before it is used; ids and labels are as long as each other and below the vocabulary.
//
//   tokens  {"input_ids": [..], "labels"?: [..], "attention_mask"?: [..]}: labels are aligned with the input, -100 where nothing
//           is learned; without them everything is. A mask may only hide padding at the end, which is left off.
//   prompt  {"prompt": "..", "completion": ".."}: start, prompt, completion, end; learned are the completion and the end, or with
//           `learn: all` everything. Start and end are the tokenizer's, where it defines them.
//   text    {"text": ".."}: start, text, end; all of it is learned.
//   label   {"text": "..", "label": 2 or a name that the model's config has in label2id} or {"input_ids": [..], "label": 2, "attention_mask"?: [..]}: the class of the row, from 0;
//           "labels" is read where there is no "label".
//   chat    conversations: chat.ts.
// Other fields of a row are the user's own and are left alone.

import { notLearned, type Document } from "./documents.ts";
import { TextError, type Tokenizer } from "./tokenizer.ts";

export type Row = Readonly<Record<string, unknown>>;

/** `field` is where the row is wrong (none: all of it), `reason` what follows its name. */
export interface Refusal {
  readonly field?: string;
  readonly reason: string;
}

export type ReadRow = (row: Row) => Document | Refusal | Promise<Document | Refusal>;

type ReadRowAtOnce = (row: Row) => Document | Refusal;

export function tokensFormat(vocab: number): ReadRowAtOnce {
  return (row) => {
    const ids = numbers(row, "input_ids", (id) => refuseToken(id, vocab));
    if (isRefusal(ids)) return ids;
    if (ids.length === 0) return { field: "input_ids", reason: "is empty" };
    const labels =
      row["labels"] === undefined
        ? ids
        : numbers(row, "labels", (id) => (id === notLearned ? undefined : refuseToken(id, vocab)));
    if (isRefusal(labels)) return labels;
    if (labels.length !== ids.length) return unequal("labels", labels, ids);
    const real = row["attention_mask"] === undefined ? ids.length : maskedLength(row, ids);
    if (typeof real !== "number") return real;
    const given = row["labels"] !== undefined;
    return { ids: ids.subarray(0, real), labels: labels.subarray(0, real), given };
  };
}

export function promptFormat(vocab: number, tokenizer: Tokenizer, learn: "all" | "replies"): ReadRow {
  return (row) => {
    const prompt = encode(row, "prompt", vocab, tokenizer);
    if (isRefusal(prompt)) return prompt;
    const completion = encode(row, "completion", vocab, tokenizer);
    if (isRefusal(completion)) return completion;
    const before = [...some(tokenizer.start), ...prompt];
    const ids = Int32Array.from([...before, ...completion, ...some(tokenizer.end)]);
    const labels = ids.slice();
    if (learn === "replies") labels.fill(notLearned, 0, before.length);
    return { ids, labels };
  };
}

export function textFormat(vocab: number, tokenizer: Tokenizer): ReadRowAtOnce {
  return (row) => {
    const text = encode(row, "text", vocab, tokenizer);
    if (isRefusal(text)) return text;
    const ids = Int32Array.from([...some(tokenizer.start), ...text, ...some(tokenizer.end)]);
    return { ids, labels: ids };
  };
}

/** How many classes there are, and their numbers by the names that the model's config gives them. */
export interface Classes {
  readonly count: number;
  readonly names: ReadonlyMap<string, number>;
}

/** `tokenizer` may be missing where rows bring ids. */
export function labelFormat(
  vocab: number,
  tokenizer: Tokenizer | undefined,
  { count, names }: Classes,
): ReadRow {
  const known = names.size === 0 ? "" : `, or one of ${[...names.keys()].slice(0, 8).join(", ")}`;
  const ofIds = tokensFormat(vocab);
  return (row) => {
    const field = row["label"] === undefined && row["labels"] !== undefined ? "labels" : "label";
    const said = row[field];
    const label = typeof said === "string" ? (names.get(said) ?? said) : said;
    const expected = `a class, a whole number from 0 to ${count - 1}${known}`;
    if (typeof label !== "number") return { field, reason: `${shown(label)}; expected ${expected}` };
    if (!Number.isInteger(label) || label < 0 || label >= count)
      return { field, reason: `is ${label}; expected ${expected}` };
    if (row["text"] !== undefined && tokenizer === undefined)
      return { field: "text", reason: "needs a tokenizer.json in the model's folder" };
    const isText = row["text"] !== undefined || row["input_ids"] === undefined;
    const found =
      isText && tokenizer !== undefined
        ? textFormat(vocab, tokenizer)(row)
        : ofIds({ ...row, labels: undefined });
    if (isRefusal(found)) return found;
    return { ids: found.ids, labels: new Int32Array(found.ids.length).fill(notLearned), class: label };
  };
}

export function isRefusal(value: object): value is Refusal {
  return "reason" in value;
}

function encode(row: Row, field: string, vocab: number, tokenizer: Tokenizer): Int32Array | Refusal {
  const text = row[field];
  if (typeof text !== "string") return { field, reason: `${shown(text)}; expected a string` };
  return encodeText(text, field, { vocab, tokenizer });
}

/** The ids of a text of that field. */
export function encodeText(
  text: string,
  field: string,
  { vocab, tokenizer, behind = false }: { vocab: number; tokenizer: Tokenizer; behind?: boolean },
): Int32Array | Refusal {
  let ids: Int32Array;
  try {
    ids = tokenizer.encode(text, { behind });
  } catch (cause) {
    if (!(cause instanceof TextError)) throw cause;
    return { field, reason: cause.message };
  }
  for (const id of ids) {
    const refused = refuseToken(id, vocab);
    if (refused !== undefined)
      return { field, reason: `holds ${refused}; the tokenizer does not fit the model` };
  }
  return ids;
}

function numbers(
  row: Row,
  field: string,
  refuse: (value: number) => string | undefined,
): Int32Array | Refusal {
  const list = row[field];
  if (!Array.isArray(list)) return { field, reason: `${shown(list)}; expected a list of token ids` };
  const out = new Int32Array(list.length);
  for (const [i, value] of list.entries()) {
    if (typeof value !== "number") return { field, reason: `${shown(value)} at ${i}; expected a token id` };
    const refused = refuse(value);
    if (refused !== undefined) return { field, reason: `holds ${refused} at ${i}` };
    out[i] = value;
  }
  return out;
}

function refuseToken(id: number, vocab: number): string | undefined {
  if (!Number.isInteger(id) || id < 0) return `${id}, which is no token id`;
  return id < vocab ? undefined : `token ${id}, beyond the vocabulary of ${vocab}`;
}

/** How many positions a mask leaves; zeros may only stand at the end, and not everywhere. */
function maskedLength(row: Row, ids: Int32Array): number | Refusal {
  const field = "attention_mask";
  const mask = numbers(row, field, (value) =>
    value === 0 || value === 1 ? undefined : `${value}, neither 0 nor 1`,
  );
  if (isRefusal(mask)) return mask;
  if (mask.length !== ids.length) return unequal(field, mask, ids);
  const real = mask.lastIndexOf(1) + 1;
  if (real === 0) return { field, reason: "hides the whole row" };
  const gap = mask.indexOf(0);
  return gap >= 0 && gap < real ? { field, reason: `hides position ${gap}, which is not at the end` } : real;
}

function unequal(field: string, list: Int32Array, ids: Int32Array): Refusal {
  return { field, reason: `has ${list.length} entries, input_ids has ${ids.length}` };
}

function some(id: number | undefined): readonly number[] {
  return id === undefined ? [] : [id];
}

export function shown(value: unknown): string {
  return value === undefined ? "is missing" : `is ${JSON.stringify(value).slice(0, 60)}`;
}
