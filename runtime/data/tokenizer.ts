// Goes in: a model's folder with tokenizer.json and, where there is one, tokenizer_config.json. Comes out: text to ids and back.
// Always: `encode` gives no special token, whatever the text says: "<|end|>" in a row is seven ordinary characters. The start and
// end of a sequence are ids that the caller puts where they belong.

import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";

import { Tokenizer as Library } from "@huggingface/tokenizers";

import { CheckpointError, systemReason } from "../checkpoint/error.ts";

export interface Tokenizer {
  readonly path: string;
  /** The tokens before and after a sequence; undefined where the tokenizer defines none. */
  readonly start: number | undefined;
  readonly end: number | undefined;
  /** The token that stands where a word is hidden; undefined where the tokenizer defines none. */
  readonly mask: number | undefined;
  readonly isSpecial: (id: number) => boolean;
  /** Throws `TextError` for text that has no tokens. */
  readonly encode: (text: string) => Int32Array;
  /** With special tokens spelt out, unless `plain`. */
  readonly decode: (ids: Iterable<number>, options?: { readonly plain?: boolean }) => string;
}

/** Text that cannot be encoded; the message follows the name of a field. */
export class TextError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "TextError";
  }
}

type Json = Readonly<Record<string, unknown>>;

interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly special: boolean;
}

const largestFile = 256 * 1024 * 1024;

const fileName = "tokenizer.json";

export async function hasTokenizer(folder: string): Promise<boolean> {
  return stat(join(folder, fileName)).then(
    () => true,
    () => false,
  );
}

export async function openTokenizer(folder: string): Promise<Tokenizer> {
  const path = join(folder, fileName);
  const tokenizer = await readObject(path);
  if (tokenizer === undefined)
    throw new CheckpointError(path, "there is no such file; rows of text need a tokenizer");
  const configPath = join(folder, "tokenizer_config.json");
  const config = (await readObject(configPath)) ?? {};
  const modelConfig = (await readObject(join(folder, "config.json"))) ?? {};
  return makeTokenizer({ path, tokenizer, configPath, config, modelConfig });
}

export interface TokenizerFiles {
  readonly path: string;
  readonly tokenizer: Json;
  readonly configPath: string;
  readonly config: Json;
  /** config.json, which names the start and end where the tokenizer's own config is silent. */
  readonly modelConfig: Json;
}

export function makeTokenizer(files: TokenizerFiles): Tokenizer {
  const { path, tokenizer, configPath, config, modelConfig } = files;
  const added = readAddedTokens(path, tokenizer);
  const whole = build(path, tokenizer, config);

  function idOf(field: string): number | undefined {
    const content = tokenContent(configPath, config, field);
    if (content === null) return undefined;
    if (content === undefined) return firstId(modelConfig[`${field}_id`]);
    const id = added.find((token) => token.content === content)?.id ?? whole.token_to_id(content);
    if (id === undefined) {
      throw new CheckpointError(
        configPath,
        `field "${field}" is ${JSON.stringify(content)}, which tokenizer.json lacks`,
      );
    }
    return id;
  }
  const start = idOf("bos_token");
  const end = idOf("eos_token");
  const mask = idOf("mask_token");

  const special = new Set(added.filter((token) => token.special).map((token) => token.id));
  for (const id of [start, end, mask, idOf("pad_token")]) if (id !== undefined) special.add(id);
  const names = added.filter((token) => special.has(token.id)).map((token) => token.content);
  // The second tokenizer does not know the special tokens, so the text is never cut at their spelling.
  const ordinary = build(
    path,
    { ...tokenizer, added_tokens: added.filter((t) => !special.has(t.id)) },
    config,
  );
  // A character that the vocabulary lacks is honestly unknown, unless "unknown" is also the end.
  const unknown = unknownId(tokenizer, whole);
  const forbidden = new Set([...special].filter((id) => id !== unknown || id === start || id === end));

  function ids(text: string): number[] {
    return ordinary.encode(text, { add_special_tokens: false }).ids;
  }
  return {
    path,
    start,
    end,
    mask,
    isSpecial: (id) => special.has(id),
    encode: (text) => {
      // A lone surrogate is no character, and would be silently replaced.
      if (!text.isWellFormed()) throw new TextError("holds half of a surrogate pair, which is no character");
      let found = ids(text);
      // Some vocabularies spell special tokens as ordinary entries, which the model then finds in the text.
      if (found.some((id) => forbidden.has(id))) found = breakUp(text, names).flatMap(ids);
      if (found.some((id) => forbidden.has(id))) throw new TextError("would become a special token");
      if (found.some((id) => !Number.isInteger(id)))
        throw new TextError("holds a character that the tokenizer lacks");
      return Int32Array.from(found);
    },
    decode: (list, options) => {
      const all = [...list];
      if (all.length === 0) return "";
      return whole.decode(all, {
        skip_special_tokens: options?.plain === true,
        clean_up_tokenization_spaces: false,
      });
    },
  };
}

/** The text in parts such that none holds one of the names: cut after the first character of each place where one stands. */
export function breakUp(text: string, names: readonly string[]): string[] {
  const long = names.filter((name) => name.length > firstCharacter(name, 0));
  if (long.length === 0) return [text];
  // Looking ahead finds overlapping places too.
  const place = new RegExp(`(?=${long.map((name) => RegExp.escape(name)).join("|")})`, "gu");
  const parts: string[] = [];
  let from = 0;
  for (const { index } of text.matchAll(place)) {
    const cut = index + firstCharacter(text, index);
    parts.push(text.slice(from, cut));
    from = cut;
  }
  parts.push(text.slice(from));
  return parts.filter((part) => part !== "");
}

/** UTF-16 units of the character that begins there. */
function firstCharacter(text: string, at: number): number {
  return (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
}

function build(path: string, tokenizer: Json, config: Json): Library {
  try {
    return new Library(tokenizer, config);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new CheckpointError(path, `no tokenizer can be made from it: ${reason}`, cause);
  }
}

function readAddedTokens(path: string, tokenizer: Json): AddedToken[] {
  function fail(reason: string): never {
    throw new CheckpointError(path, reason);
  }
  if (!isObject(tokenizer["model"])) return fail('field "model" is missing; expected an object');
  const list = tokenizer["added_tokens"] ?? [];
  if (!Array.isArray(list)) return fail('field "added_tokens" is not a list');
  return list.map((item: unknown, i) => {
    if (!isObject(item)) return fail(`field "added_tokens[${i}]" is not an object`);
    const { id, content, special } = item;
    if (!isIndex(id)) return fail(`field "added_tokens[${i}].id" is not a whole number from 0`);
    if (typeof content !== "string" || content === "") {
      return fail(`field "added_tokens[${i}].content" is not a string of at least one character`);
    }
    return { ...item, id, content, special: special === true };
  });
}

/** The spelling of a token in tokenizer_config.json; null: there is none; undefined: it does not say. */
function tokenContent(path: string, config: Json, field: string): string | null | undefined {
  const value = config[field];
  if (value === undefined || value === null || typeof value === "string") return value;
  if (isObject(value) && typeof value["content"] === "string") return value["content"];
  throw new CheckpointError(path, `field "${field}" is neither a string nor an object with "content"`);
}

function unknownId(tokenizer: Json, whole: Library): number | undefined {
  const model = tokenizer["model"];
  if (!isObject(model)) return undefined;
  if (isIndex(model["unk_id"])) return model["unk_id"];
  return typeof model["unk_token"] === "string" ? whole.token_to_id(model["unk_token"]) : undefined;
}

function firstId(value: unknown): number | undefined {
  const first: unknown = Array.isArray(value) ? value[0] : value;
  return isIndex(first) ? first : undefined;
}

/** Undefined where there is no such file. */
async function readObject(path: string): Promise<Json | undefined> {
  let text: string;
  try {
    const { size } = await stat(path);
    if (size > largestFile)
      throw new CheckpointError(path, `it has ${size} bytes, more than the ${largestFile} allowed`);
    text = new TextDecoder("utf-8", { fatal: true }).decode(await readFile(path));
  } catch (cause) {
    if (cause instanceof CheckpointError) throw cause;
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return undefined;
    if (cause instanceof TypeError) throw new CheckpointError(path, "it is not UTF-8", cause);
    throw new CheckpointError(path, `it could not be read: ${systemReason(cause)}`, cause);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new CheckpointError(
      path,
      `it is not good JSON: ${cause instanceof Error ? cause.message : ""}`,
      cause,
    );
  }
  if (!isObject(value)) throw new CheckpointError(path, "it holds no JSON object");
  return value;
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isIndex(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
