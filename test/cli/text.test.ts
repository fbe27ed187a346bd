// The small parts of the command line: sizes, times, options that stand alone, progress on a terminal and elsewhere.
import fc from "fast-check";
import { expect, test } from "vitest";
import { fillAlone } from "../../runtime/cli/program.ts";
import { progress } from "../../runtime/cli/progress.ts";
import { readProfile } from "../../compiler/profile/read.ts";
import { parseCount, parseSize, sizeText, timeText } from "../../runtime/cli/quantity.ts";
import type { Terminal } from "../../runtime/cli/terminal.ts";
import { evaluationText, memoryText, stepText } from "../../runtime/cli/training-display.ts";
import pc from "picocolors";
import { builtinProfiles } from "../../compiler/profile/named.ts";

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
  expect(stepText({ ...line, device_bytes: 9 * 2 ** 20 }, 40, 66, 3 * 2 ** 20)).toBe(
    "step  7/40  loss 3.2500  351 tokens/s  1:06 left  3 MiB planned, 9 MiB held",
  );
  expect(stepText({ ...line, loss: null, skipped: true }, 40, 0, 512)).toContain("skipped");
  expect(evaluationText({ step: 0, eval_loss: 4.5, perplexity: 90.017, eval_tokens: 2000 })).toBe(
    "before training: held-out loss 4.5000, perplexity 90.02 over 2000 tokens",
  );
});

test("what was allocated and what the device held, in words", () => {
  const allocated = {
    buffers: 2,
    bytes: 2 ** 30,
    stagingBuffers: 5,
    stagingBytes: 2 ** 20,
    shaderModules: 3,
    layouts: 4,
    pipelines: 3,
    bindGroups: 9,
  };
  const text = (after: Parameters<typeof memoryText>[2], isSoftware = false): string =>
    memoryText(2 ** 30, { allocated }, after, isSoftware);
  expect(text({ allocated, held: { bytes: 1.5 * 2 ** 30, by: "nvidia-smi" } })).toBe(
    "memory: nothing was allocated after the start; 1.5 GiB held on the device by nvidia-smi's count, the plan + 512 MiB of driver, context and transfers",
  );
  expect(text({ allocated, held: { bytes: 2 ** 31, by: "card" } })).toContain(
    "2 GiB more in use on the card than before, the plan + 1 GiB",
  );
  expect(text({ allocated, held: undefined })).toBe(
    "memory: nothing was allocated after the start; this system does not tell what a device holds",
  );
  expect(text({ allocated, held: undefined }, true)).toContain(
    "a software device's memory is the process's own",
  );
  const later = { ...allocated, buffers: 3, bytes: 2 ** 30 + 512 };
  expect(text({ allocated: later, held: undefined })).toContain("512 B were allocated after the start");
});

test("a profile survives JSON, and a wrong one is refused with its field", () => {
  const read = (value: unknown) => readProfile(JSON.stringify(value));
  const wrong = (reason: string) => ({ wrong: `no device profile: ${reason}` });
  for (const profile of builtinProfiles.values()) {
    expect(read(profile)).toEqual(profile);
    expect(read({ ...profile, memory: "8GiB" })).toEqual(wrong("memory must be a whole number from 1"));
    expect(read({ ...profile, limits: { ...profile.limits, maxBufferSize: -4 } })).toEqual(
      wrong("maxBufferSize must be a whole number from 1"),
    );
    expect(read({ ...profile, tiles: [{ kind: "round" }] })).toEqual(
      wrong('tiles[0].kind must be "shared" or "direct"'),
    );
  }
  expect(read([])).toEqual(wrong("the profile must be an object"));
  expect(readProfile("{")).toEqual({ wrong: expect.stringContaining("this is no good JSON") });
});
