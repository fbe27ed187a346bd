// `ftlc generate`: a trained model goes on with a text. Comes in: a recipe, a prompt, which adapter or model, and how words are chosen. Goes
// out: the text on standard output as it comes, whole characters only; with --json words and text at the end.
// Holds: the plan has a place for each word and no more; the same seed and scores give the same text; what is written ends with a new line.
import { dirname, resolve } from "node:path";
import { readRecipe } from "../../compiler/front.ts";
import { generator } from "../data/random.ts";
import { openTokenizer, TextError, type Tokenizer } from "../data/tokenizer.ts";
import { endsOf } from "../generate/ends.ts";
import { choose, type Sampling } from "../generate/sampling.ts";
import { textStream } from "../generate/text.ts";
import { words } from "../generate/words.ts";
import { exitCodes, Failure, type ExitCode } from "./exit.ts";
import { readOptional, readSource } from "./files.ts";
import type { Planned } from "./plan-recipe.ts";
import type { GenerateFlags } from "./program.ts";
import { runTuned, type Running } from "./run-tuned.ts";
import type { Terminal } from "./terminal.ts";
import { oneRank } from "./tuned-ranks.ts";
import { findTuned } from "./tuned.ts";

/** Words that are added without `--tokens`, at most. */
const usualCount = 128;

interface Prompt {
  readonly ids: Int32Array;
  readonly tokenizer: Tokenizer;
}

export async function generateCommand(
  path: string,
  flags: GenerateFlags,
  terminal: Terminal,
): Promise<ExitCode> {
  const json = flags.json === true;
  const count = flags.tokens ?? usualCount;
  const prompt = await readPrompt(path, flags);
  // The last word needs no place: nothing follows it.
  const places = prompt === undefined ? [] : [`data.length=${prompt.ids.length + count - 1}`];
  const before = async ({ settings }: Planned): Promise<ReadonlySet<number>> => {
    oneRank(settings, flags.rank);
    if (prompt === undefined) throw new RangeError("a recipe without settings was planned");
    return endsOf(resolve(dirname(path), settings.model.path.value), prompt.tokenizer);
  };
  const work = async (running: Running, ends: ReadonlySet<number>): Promise<void> => {
    if (prompt !== undefined) await write(running, prompt, ends, { flags, count, path }, terminal);
  };
  const set = [...(flags.set ?? []), ...places];
  const run = { path, purposes: ["generate"] as const, adapter: flags.adapter, set, json };
  return runTuned(run, terminal, before, work);
}

/** The prompt's words, as rows of text begin in training; undefined where the recipe has mistakes, which planning reports. */
async function readPrompt(path: string, flags: GenerateFlags): Promise<Prompt | undefined> {
  const { settings } = readRecipe(readSource(path), readOptional, flags.set);
  if (settings === undefined) return undefined;
  const folder = dirname(path);
  const { model = settings.model.path.value } = findTuned(settings, folder, flags.adapter);
  const tokenizer = await openTokenizer(resolve(folder, model));
  try {
    const start = tokenizer.start === undefined ? [] : [tokenizer.start];
    const ids = Int32Array.from([...start, ...tokenizer.encode(flags.prompt)]);
    if (ids.length > 0) return { ids, tokenizer };
  } catch (cause) {
    if (!(cause instanceof TextError)) throw cause;
    throw new Failure(`the prompt ${cause.message}`);
  }
  throw new Failure("the prompt has no tokens, and this model's texts begin with none", exitCodes.failed);
}

async function write(
  { session, planned, found, display, signal }: Running,
  { ids, tokenizer }: Prompt,
  ends: ReadonlySet<number>,
  { flags, count, path }: { readonly flags: GenerateFlags; readonly count: number; readonly path: string },
  terminal: Terminal,
): Promise<void> {
  const { generating } = planned.facts;
  if (generating === undefined) throw new RangeError("the plan generates no text");
  const json = flags.json === true;
  const text = textStream(tokenizer, ids, flags.stop);
  const made: number[] = [];
  let shown = "";
  let ended: "end" | "stop" | "length" = "length";
  const show = (piece: string): void => {
    shown += piece;
    if (!json) terminal.write(piece);
  };
  const sampling = samplingOf(flags);
  const seed = flags.seed ?? planned.settings.seed;
  const next = (scores: Float32Array, at: number): number | undefined => {
    if (text.isStopped()) return undefined;
    if (scores.some((score) => Number.isNaN(score)))
      throw new Failure(`the scores of word ${at} are no numbers: are the weights whole?`);
    const draw = generator([seed, at]);
    const word = choose(scores, sampling, () => draw() / 2 ** 32);
    if (!ends.has(word)) return word;
    ended = "end";
    return undefined;
  };
  display.end();
  const began = performance.now();
  try {
    for await (const word of words({ session, generating, prompt: ids, count, next, signal })) {
      made.push(word);
      show(text.add(word));
      if (text.isStopped()) {
        ended = "stop";
        break;
      }
    }
    show(text.end());
  } finally {
    if (!json && !shown.endsWith("\n")) terminal.write("\n");
  }
  const seconds = (performance.now() - began) / 1000;
  const speed = seconds > 0 ? `, ${(made.length / seconds).toPrecision(3)} a second` : "";
  display.note(`${made.length} tokens after ${ids.length}${speed}`);
  if (!json) return;
  const model = resolve(dirname(path), planned.settings.model.path.value);
  const about = { model, adapters: Object.fromEntries(found.adapters), prompt: [...ids] };
  terminal.out(JSON.stringify({ ...about, tokens: made, text: shown, ended }, undefined, 2));
}

/** A temperature alone samples; so does a limit on what may be drawn, at temperature 1. */
function samplingOf({ temperature, topK, topP }: GenerateFlags): Sampling {
  const samples = topK !== undefined || topP !== undefined;
  return { temperature: temperature ?? (samples ? 1 : 0), topK, topP: topP ?? 1 };
}
