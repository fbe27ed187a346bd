// Goes in: a model's folder with tokenizer.json and, where there is one, tokenizer_config.json. Comes out: text to ids and back.
// Always: `encode` gives no special token, whatever the text says: "<|end|>" in a row is seven ordinary characters. The start and
// end of a sequence are ids that the caller puts where they belong.

import { stat } from "node:fs/promises";
import { join } from "node:path";

import { Tokenizer as Library } from "@huggingface/tokenizers";

import { CheckpointError } from "../checkpoint/error.ts";
import { isIndex, isObject, readObject, tokenContent, type Json } from "./tokenizer-files.ts";

export interface Tokenizer {
  readonly path: string;
  /** The tokens before and after a sequence; undefined where the tokenizer defines none. */
  readonly start: number | undefined;
  readonly end: number | undefined;
  /** The token that stands where a word is hidden; undefined where the tokenizer defines none. */
  readonly mask: number | undefined;
  readonly isSpecial: (id: number) => boolean;
  /** The special tokens by their spelling. */
  readonly specials: ReadonlyMap<string, SpecialToken>;
  /** `behind`: as what follows a special token, where some tokenizers put no space in front. Throws `TextError` for text that has no tokens. */
  readonly encode: (text: string, options?: { readonly behind?: boolean }) => Int32Array;
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

export interface SpecialToken {
  readonly id: number;
  /** White space that stands before it, or behind it, is a part of it. */
  readonly lstrip: boolean;
  readonly rstrip: boolean;
}

interface AddedToken extends SpecialToken {
  readonly content: string;
  readonly special: boolean;
}

/** Stands for a special token in front of a text, to the tokenizer that knows none. */
const anchor = "\ufdd0ftl\ufdd1";

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
  const specials = added.filter((token) => special.has(token.id));
  const names = [...specials.map((token) => token.content), anchor];
  // The second tokenizer does not know the special tokens, so the text is never cut at their spelling.
  const anchorId = unusedId(whole, added);
  const ordinary = build(
    path,
    {
      ...tokenizer,
      added_tokens: [...added.filter((t) => !special.has(t.id)), { id: anchorId, content: anchor }],
    },
    config,
  );
  // A character that the vocabulary lacks is honestly unknown, unless "unknown" is also the end.
  const unknown = unknownId(tokenizer, whole);
  const forbidden = new Set([...special].filter((id) => id !== unknown || id === start || id === end));
  forbidden.add(anchorId);

  function ids(text: string): number[] {
    return ordinary.encode(text, { add_special_tokens: false }).ids;
  }
  function idsBehind(text: string): number[] {
    const [first, ...rest] = ids(`${anchor}${text}`);
    return first === anchorId ? rest : ids(text);
  }
  return {
    path,
    start,
    end,
    mask,
    isSpecial: (id) => special.has(id),
    specials: new Map(specials.map((token) => [token.content, token])),
    encode: (text, { behind = false } = {}) => {
      // A lone surrogate is no character, and would be silently replaced.
      if (!text.isWellFormed()) throw new TextError("holds half of a surrogate pair, which is no character");
      let found = behind ? idsBehind(text) : ids(text);
      // Some vocabularies spell special tokens as ordinary entries, which the model then finds in the text.
      if (found.some((id) => forbidden.has(id))) {
        const parts = breakUp(text, names);
        found = parts.flatMap((part, at) => (behind || at > 0 ? idsBehind(part) : ids(part)));
      }
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
    const { lstrip, rstrip } = item;
    const strips = { lstrip: lstrip === true, rstrip: rstrip === true };
    return { ...item, id, content, special: special === true, ...strips };
  });
}

function unknownId(tokenizer: Json, whole: Library): number | undefined {
  const model = tokenizer["model"];
  if (!isObject(model)) return undefined;
  if (isIndex(model["unk_id"])) return model["unk_id"];
  return typeof model["unk_token"] === "string" ? whole.token_to_id(model["unk_token"]) : undefined;
}

/** Above all that the vocabulary uses. */
function unusedId(library: Library, added: readonly AddedToken[]): number {
  let most = added.reduce((greatest, { id }) => Math.max(greatest, id), 0);
  for (const id of library.get_vocab(true).values()) most = Math.max(most, id);
  return most + 1;
}

function firstId(value: unknown): number | undefined {
  const first: unknown = Array.isArray(value) ? value[0] : value;
  return isIndex(first) ? first : undefined;
}
