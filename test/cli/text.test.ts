// The small parts of the command line: sizes, times, options that stand alone, progress on a terminal and elsewhere.
import fc from "fast-check";
import { expect, test } from "vitest";
import { fillAlone } from "../../runtime/cli/program.ts";
import { progress } from "../../runtime/cli/progress.ts";
import { readProfile } from "../../runtime/cli/profile.ts";
import { parseCount, parseSize, sizeText, timeText } from "../../runtime/cli/quantity.ts";
import type { Terminal } from "../../runtime/cli/terminal.ts";
import { evaluationText, stepText } from "../../runtime/cli/training-display.ts";
import pc from "picocolors";
import { builtinProfiles } from "../../compiler/profile/builtin.ts";

test.each([
  ["8GiB", 8 * 2 ** 30],
  ["1.5 MiB", 1.5 * 2 ** 20],
  ["512B", 512],
])("%s is a size", (text, bytes) => {
  expect(parseSize(text)).toBe(bytes);
});

test.each(["", "8", "8GB", "-1GiB", "0B", "1e3MiB", "9007199254740993B"])("%j is no size", (text) => {
  expect(() => parseSize(text)).toThrow("is no size");
});

test("a size that is printed can be typed again and means about the same", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2 ** 45 }), (bytes) => {
      expect(Math.abs(parseSize(sizeText(bytes)) - bytes)).toBeLessThanOrEqual(Math.max(1, bytes * 0.006));
    }),
  );
});

test.each(["0", "-1", "1.5", "ten", "", "99999999999999999999"])("%j is no number of steps", (text) => {
  expect(() => parseCount(text)).toThrow("is no number of steps");
});

test.each([
  [4.4, "4 s"],
  [59.6, "1:00"],
  [65, "1:05"],
  [7389, "2:03:09"],
  [-1, "0 s"],
])("%d seconds are %s", (seconds, text) => {
  expect(timeText(seconds)).toBe(text);
});

test("an option that stands alone never takes the next argument", () => {
  expect(fillAlone(["compile", "--plan", "a.ftl"])).toEqual(["compile", "--plan=text", "a.ftl"]);
  expect(fillAlone(["compile", "--plan=json", "a.ftl"])).toEqual(["compile", "--plan=json", "a.ftl"]);
  expect(fillAlone(["check", "--", "--plan"])).toEqual(["check", "--", "--plan"]);
});

function terminal(live: boolean): { readonly terminal: Terminal; readonly written: () => string } {
  let written = "";
  const colors = pc.createColors(false);
  const write = (text: string): void => {
    written += text;
  };
  return {
    written: () => written,
    terminal: {
      out: write,
      err: (text) => write(`${text}\n`),
      draw: write,
      write,
      outColors: colors,
      errColors: colors,
      live,
      columns: 20,
    },
  };
}

test("on a terminal progress is one line that is drawn again, cut to the window", () => {
  const { terminal: shown, written } = terminal(true);
  let now = 0;
  const drawn = progress(shown, () => now);
  drawn.show("one");
  drawn.show("too soon");
  now += 1000;
  drawn.show("a line that is longer than the window");
  drawn.note("stays");
  drawn.end();
  expect(written()).toBe("\r\x1b[2Kone\r\x1b[2Ka line that is lon…\r\x1b[2Kstays\n");
});

test("elsewhere progress is a line now and then, and the important ones", () => {
  const { terminal: shown, written } = terminal(false);
  let now = 0;
  const drawn = progress(shown, () => now);
  drawn.show("one");
  drawn.show("two");
  drawn.show("three", true);
  now += 60_000;
  drawn.show("four");
  drawn.show("four", true);
  drawn.end();
  expect(written()).toBe("one\nthree\nfour\n");
});

test("a step and an evaluation in words", () => {
  const line = {
    step: 7,
    epoch: 0.5,
    loss: 3.25,
    lr: 1e-3,
    grad_norm: 1,
    tokens: 700,
    trained_tokens: 600,
    tokens_per_second: 351.4,
    seconds: 2,
    skipped: false,
  };
  expect(stepText(line, 40, 66, 3 * 2 ** 20)).toBe(
    "step  7/40  loss 3.2500  351 tokens/s  1:06 left  3 MiB planned",
  );
  expect(stepText({ ...line, loss: null, skipped: true }, 40, 0, 512)).toContain("skipped");
  expect(evaluationText({ step: 0, eval_loss: 4.5, perplexity: 90.017, eval_tokens: 2000 })).toBe(
    "before training: held-out loss 4.5000, perplexity 90.02 over 2000 tokens",
  );
});

test("a profile survives JSON, and a wrong one is refused with its field", () => {
  for (const profile of builtinProfiles.values()) {
    expect(readProfile("p.json", JSON.parse(JSON.stringify(profile)))).toEqual(profile);
    expect(() => readProfile("p.json", { ...profile, memory: "8GiB" })).toThrow(
      "p.json: no device profile: memory must be",
    );
    expect(() =>
      readProfile("p.json", { ...profile, limits: { ...profile.limits, maxBufferSize: -4 } }),
    ).toThrow("maxBufferSize must be a whole number from 1");
    expect(() => readProfile("p.json", { ...profile, tiles: [{ kind: "round" }] })).toThrow("tiles[0].kind");
  }
  expect(() => readProfile("p.json", [])).toThrow("the profile must be an object");
});
