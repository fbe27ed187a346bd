// `ftlc generate` end to end on a model that knows a dictionary: the samples that PyTorch took, drawn texts that a seed repeats, and clear
// words about what is wrong.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ftlc, root, temporaryFolder, type Ran } from "../../cli/run.ts";
import { job } from "./tiny.ts";

const recipe = `
recipe words {
  model     "${join(root, "examples/lexicon-1m")}"
  adapter   lora { rank: 2 }
  data      "rows.jsonl" { format: prompt, length: 64 }
  batch     1
  optimizer sgd { rate: 0.1 }
  training  1 steps { seed: 4 }
}
`;

function folder(): string {
  const made = temporaryFolder();
  writeFileSync(join(made, "words.ftl"), recipe);
  return made;
}

const run = (cwd: string, ...args: readonly string[]): Promise<Ran> =>
  ftlc(["generate", "words.ftl", ...args], { cwd });

/** What PyTorch writes greedily after prompts. */
const samples = [
  ["computer (noun):", " a computer that is a computer program that is used to provide a computer"],
  ["to walk quickly (verb):", ' make a total manner; "The sunset these two patients"'],
  ["hacker (noun):", " a person who holds a hacker"],
] as const;

test.each(samples)("after '%s' comes what PyTorch writes", { timeout: 120_000 }, async (prompt, text) => {
  const { code, out, err } = await run(folder(), "--prompt", prompt, "--tokens", "24", "--adapter", "none");
  expect({ code, out }).toEqual({ code: 0, out: `${text}\n` });
  expect(err).toContain("running: the base model alone");
  expect(err).toMatch(/\d+ tokens after \d+, [\d.]+ a second/);
});

interface Written {
  readonly prompt: readonly number[];
  readonly tokens: readonly number[];
  readonly text: string;
  readonly ended: string;
}

test("a limit, a text to stop at, and figures as JSON", { timeout: 120_000 }, async () => {
  const cwd = folder();
  const [prompt, whole] = samples[0];
  const written = async (...more: readonly string[]): Promise<Written> => {
    const { code, out } = await run(cwd, "--prompt", prompt, "--adapter", "none", "--json", ...more);
    expect(code).toBe(0);
    return JSON.parse(out) as Written;
  };
  const five = await written("--tokens", "5");
  expect(five.tokens).toHaveLength(5);
  expect(five.ended).toBe("length");
  expect(whole.startsWith(five.text)).toBe(true);
  const stopped = await written("--tokens", "24", "--stop", " program");
  expect(stopped).toMatchObject({ text: " a computer that is a computer", ended: "stop" });
  const all = await written("--tokens", "24");
  expect(all).toMatchObject({ text: whole, ended: "end" });
  expect(all.tokens.slice(0, 5)).toEqual(five.tokens);
});

test("drawn texts hang on the seed alone", { timeout: 120_000 }, async () => {
  const cwd = folder();
  const drawn = async (...more: readonly string[]): Promise<string> => {
    const args = ["--prompt", "tree (noun):", "--adapter", "none", "--tokens", "12", ...more];
    const { code, out } = await run(cwd, ...args);
    expect(code).toBe(0);
    return out;
  };
  const [one, again, other] = [
    await drawn("--temperature", "1.2", "--top-k", "50"),
    await drawn("--temperature", "1.2", "--top-k", "50", "--seed", "4"),
    await drawn("--temperature", "1.2", "--top-k", "50", "--seed", "5"),
  ];
  expect(again).toBe(one);
  expect(other).not.toBe(one);
  expect(await drawn("--top-k", "1")).toBe(await drawn());
});

test("what is wrong is one clear message and its code", { timeout: 120_000 }, async () => {
  const cwd = folder();
  const fails = async (code: number, says: string, ...args: readonly string[]): Promise<void> => {
    const ran = await run(cwd, ...args);
    expect({ says, code: ran.code, out: ran.out }).toEqual({ says, code, out: "" });
    expect(ran.err).toContain(says);
    expect(ran.err).not.toContain("bug of ftlc");
  };
  await fails(2, "required option '--prompt <text>' not specified");
  await fails(2, "'0' is no number of tokens", "--prompt", "a", "--tokens", "0");
  await fails(2, "'warm' is no temperature", "--prompt", "a", "--temperature", "warm");
  await fails(2, "write a number above 0 up to 1", "--prompt", "a", "--top-p", "1.5");
  await fails(2, "at least one character", "--prompt", "a", "--stop", "");
  await fails(2, "there is no adapter: a rank is chosen", "--prompt", "a", "--rank", "2");
  await fails(1, "nowhere: there is no such folder", "--prompt", "a", "--adapter", "nowhere");
  await fails(1, "there is no clause 'batches'", "--prompt", "a", "--set", "batches=3");
  const none = await ftlc(["generate", "words.ftl", "--prompt", "a"], {
    cwd,
    env: { FTL_ADAPTER: "no such device" },
  });
  expect(none.code).toBe(4);
  const without = await ftlc(["generate", "tiny.ftl", "--prompt", "a"], { cwd: job() });
  expect(without.code).toBe(1);
  expect(without.err).toContain("base/tokenizer.json: ");
});

test("an interrupt stops it with 130, what was written ends its line", { timeout: 120_000 }, async () => {
  const cwd = folder();
  let sent = false;
  const args = [
    "generate",
    "words.ftl",
    "--prompt",
    "a",
    "--adapter",
    "none",
    "--tokens",
    "20000",
    "--temperature",
    "1",
  ];
  const { code, out } = await ftlc(args, {
    cwd,
    onOutput: (text, child) => {
      if (sent || text.length < 20) return;
      sent = true;
      child.kill("SIGINT");
    },
  });
  expect({ code, sent }).toEqual({ code: 130, sent: true });
  expect(out.endsWith("\n")).toBe(true);
});
