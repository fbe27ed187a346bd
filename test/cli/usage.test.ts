// Wrong usage and help: what a person or a script sees who does not know the command line.
import { expect, test } from "vitest";
import pc from "picocolors";
import { runProgram } from "../../runtime/cli/program.ts";
import { ftlc } from "./run.ts";

const commands = [
  "init",
  "docs",
  "check",
  "fmt",
  "compile",
  "train",
  "eval",
  "generate",
  "export",
  "devices",
  "explain",
  "lsp",
];

test("help lists every command, those to come as such, and the exit codes", async () => {
  const { code, out, err } = await ftlc(["--help"]);
  expect({ code, err }).toEqual({ code: 0, err: "" });
  for (const name of commands) {
    expect(out).toMatch(new RegExp(`^  ${name}\\b`, "m"));
  }
  expect(out).toContain("130 interrupted");
});
test.each(["", ...commands])("the help of '%s' fits 80 columns", async (name) => {
  let out = "";
  const write = (text: string): void => {
    out += text;
  };
  const colors = pc.createColors(false);
  const terminal = {
    out: write,
    err: write,
    draw: write,
    write,
    outColors: colors,
    errColors: colors,
    live: false,
    columns: 80,
  };
  await expect(runProgram([...(name === "" ? [] : [name]), "--help"], terminal)).rejects.toThrow(
    "outputHelp",
  );
  expect(out).toContain(`Usage: ftlc ${name}`);
  expect(out.split("\n").filter((line) => line.length > 80)).toEqual([]);
});

test("the version is the package's", async () => {
  expect(await ftlc(["--version"])).toEqual({ code: 0, out: "0.1.0\n", err: "" });
});

test.each([
  { args: [], says: "Usage: ftlc" },
  { args: ["chek", "good.ftl"], says: "Did you mean check?" },
  { args: ["check"], says: "missing required argument 'files'" },
  { args: ["compile", "good.ftl", "--emitt", "fuse"], says: "Did you mean --emit?" },
  { args: ["compile", "good.ftl", "other.ftl"], says: "one recipe is compiled at a time" },
  { args: ["compile", "good.ftl", "--plan=pdf"], says: "It is text, json or html." },
  { args: ["compile", "good.ftl", "--memory", "eight"], says: "such as 8GiB" },
  { args: ["compile", "good.ftl", "--emit", "nothing"], says: "there is no stage 'nothing'" },
  { args: ["compile", "good.ftl", "--device", "toaster"], says: "there is no device profile 'toaster'" },
  { args: ["train", "good.ftl", "--steps", "0"], says: "a whole number from 1" },
  { args: ["eval", "good.ftl", "--rank", "four"], says: "'four' is no rank" },
  { args: ["eval", "good.ftl", "--ranks", "1,0"], says: "such as 1,2,4" },
  { args: ["eval", "good.ftl", "--rank", "1", "--ranks", "2"], says: "cannot be used with option" },
  { args: ["generate", "good.ftl"], says: "--prompt <text>" },
  { args: ["generate", "good.ftl", "--prompt", "a", "--seed", "-1"], says: "a whole number from 0" },
  { args: ["export", "--to", "peft", "-o", "there"], says: "--recipe <file>" },
  { args: ["explain", "FTL9999"], says: "there is no diagnostic 'FTL9999'" },
])("$args is wrong usage", async ({ args, says }) => {
  const { code, out, err } = await ftlc(args);
  expect({ code, out }).toEqual({ code: 2, out: "" });
  expect(err).toContain(says);
});

test.each([[["lsp"]], [["train", "good.ftl", "--resume"]]])(
  "%j is not built yet and says so",
  async (args) => {
    const { code, out, err } = await ftlc(args);
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(err).toContain("not built yet");
    expect(err).not.toContain("bug of ftlc");
  },
);
